//! Addresses with a prefix length, and destinations of routes, read from text with errors that teach.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

use crate::error::{Error, Result};

/// Reads the address of a link: `10.0.0.1/24` or `fd00::1/64`. The prefix length must be there.
pub fn address(text: &str) -> Result<IpNet> {
    let text = text.trim();
    match text.split_once('/') {
        Some((ip, length)) => {
            let ip = self::ip(ip)?;
            Ok(IpNet::new_assert(ip, prefix_length(text, ip, length)?))
        }
        None => match self::ip(text)? {
            ip @ IpAddr::V4(_) => Err(no_prefix(ip, 24)),
            ip @ IpAddr::V6(_) => Err(no_prefix(ip, 64)),
        },
    }
}

fn no_prefix(ip: IpAddr, usual: u8) -> Error {
    Error::invalid(format!("address `{ip}` has no prefix length")).hint(format!(
        "write \"{ip}/{usual}\", with the length that your subnet has"
    ))
}

fn prefix_length(text: &str, ip: IpAddr, length: &str) -> Result<u8> {
    let (family, most) = family(ip);
    match length.parse::<u8>() {
        Ok(length) if length <= most => Ok(length),
        _ => Err(Error::invalid(format!(
            "`{text}`: the prefix length of an {family} address is 0 to {most}, not `{length}`"
        ))),
    }
}

fn family(ip: IpAddr) -> (&'static str, u8) {
    match ip {
        IpAddr::V4(_) => ("IPv4", 32),
        IpAddr::V6(_) => ("IPv6", 128),
    }
}

/// An IPv6 address with its zone, as `fe80::1%e0` has it.
pub fn zoned(text: &str) -> Option<(IpAddr, &str)> {
    let (ip, zone) = text.split_once('%')?;
    let ip: Ipv6Addr = ip.parse().ok()?;
    (!zone.is_empty()).then_some((ip.into(), zone))
}

/// Whether a text is meant to be an address or a network, mistyped perhaps, and no name.
pub fn is_meant(text: &str) -> bool {
    let mut all = text.chars();
    all.all(|c| c.is_ascii_digit() || ".:/".contains(c))
}

/// Reads an address without a prefix length.
pub fn ip(text: &str) -> Result<IpAddr> {
    let text = text.trim();
    text.parse().map_err(|_| {
        if text.contains('/') {
            return Error::invalid(format!(
                "`{text}` has a prefix length, where a plain address is wanted"
            ));
        }
        let error = Error::invalid(format!("`{text}` is not an IP address"));
        let parts: Vec<&str> = text.split('.').collect();
        match parts
            .iter()
            .find(|part| part.parse::<u32>().is_ok_and(|n| n > 255))
        {
            Some(part) if parts.len() == 4 => error.hint(format!(
                "each part of an IPv4 address is 0 to 255, `{part}` is not"
            )),
            _ => error.hint("write it as \"10.0.0.1\" or \"fd00::1\""),
        }
    })
}

/// Reads the destination of a route: `default`, a prefix, or a single address. Host bits must be zero.
///
/// `family_of` decides what `default` means: `0.0.0.0/0`, or `::/0` where it is an IPv6 address.
pub fn destination(text: &str, family_of: Option<IpAddr>) -> Result<IpNet> {
    let text = text.trim();
    if text == "default" {
        return Ok(match family_of {
            Some(IpAddr::V6(_)) => IpNet::V6(ipnet::Ipv6Net::default()),
            _ => IpNet::V4(ipnet::Ipv4Net::default()),
        });
    }
    let Some((ip, length)) = text.split_once('/') else {
        return self::ip(text).map(IpNet::from).map_err(|error| {
            error.hint(
                "a destination is \"default\", a prefix such as \"10.1.0.0/16\", or one address",
            )
        });
    };
    let ip = self::ip(ip)?;
    let prefix = IpNet::new_assert(ip, prefix_length(text, ip, length)?);
    if prefix.addr() != prefix.network() {
        return Err(
            Error::invalid(format!("`{text}` has bits set beyond its prefix length"))
                .hint(format!("the network is \"{}\"", prefix.trunc())),
        );
    }
    Ok(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(result: Result<IpNet>) -> String {
        match result {
            Ok(prefix) => prefix.to_string(),
            Err(error) => match error.hint {
                Some(ref hint) => format!("{error}; {hint}"),
                None => error.to_string(),
            },
        }
    }

    #[test]
    fn an_address_needs_its_prefix_length() {
        assert_eq!(text(address("100.0.2.18/24")), "100.0.2.18/24");
        assert_eq!(text(address("fd00::1/64")), "fd00::1/64");
        assert_eq!(
            text(address("100.0.2.18")),
            "address `100.0.2.18` has no prefix length; write \"100.0.2.18/24\", with the length that your subnet has"
        );
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        assert_eq!(
            text(address("10.0.0.1/33")),
            "`10.0.0.1/33`: the prefix length of an IPv4 address is 0 to 32, not `33`"
        );
        assert_eq!(
            text(address("10.0.0.300/24")),
            "`10.0.0.300` is not an IP address; each part of an IPv4 address is 0 to 255, `300` is not"
        );
    }

    #[test]
    fn a_destination_has_no_host_bits() {
        assert_eq!(text(destination("default", None)), "0.0.0.0/0");
        assert_eq!(
            text(destination("default", Some("::1".parse().unwrap()))),
            "::/0"
        );
        assert_eq!(text(destination("10.1.2.3", None)), "10.1.2.3/32");
        assert_eq!(
            text(destination("10.1.2.3/16", None)),
            "`10.1.2.3/16` has bits set beyond its prefix length; the network is \"10.1.0.0/16\""
        );
    }
}
