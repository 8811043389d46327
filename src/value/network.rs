//! Arithmetic of networks: their subnets and addresses by number, for both families alike.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::error::{Error, Result};

fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

/// The address of those bits, of the family of `like`; the bits of an IPv4 address are within a network of one.
fn ip(like: IpAddr, bits: u128) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::from_bits(u32::try_from(bits).unwrap_or(u32::MAX)).into(),
        IpAddr::V6(_) => Ipv6Addr::from_bits(bits).into(),
    }
}

/// The number of things that `free` bits count, less one, which always fits.
fn last(free: u8) -> u128 {
    1_u128.checked_shl(free.into()).map_or(u128::MAX, |n| n - 1)
}

/// The item `index` of those up to `last`: from the front by 0, 1, …, from the end by -1, -2, …
fn pick(index: i64, last: u128) -> Option<u128> {
    let distance = u128::from(index.unsigned_abs());
    let item = if index >= 0 {
        Some(distance)
    } else {
        last.checked_sub(distance - 1)
    };
    item.filter(|item| *item <= last)
}

/// The subnet number `index` of those of the prefix length `length` that `network` has.
pub fn subnet(network: IpNet, length: i64, index: i64) -> Result<IpNet> {
    let network = network.trunc();
    let (shortest, longest) = (network.prefix_len(), network.max_prefix_len());
    let refused = || {
        Error::invalid(format!(
            "a subnet of `{network}` has a prefix length of {shortest} to {longest}, not {length}"
        ))
    };
    let length = u8::try_from(length).map_err(|_| refused())?;
    if !(shortest..=longest).contains(&length) {
        return Err(refused());
    }
    let free = length - shortest;
    let item = pick(index, last(free)).ok_or_else(|| {
        Error::invalid(format!("`{network}` has no /{length} number {index}"))
            .hint(format!("the first has number 0, the last {}", last(free)))
    })?;
    let step = longest - length;
    let offset = item.checked_shl(step.into()).unwrap_or(0);
    let start = ip(network.addr(), bits(network.addr()) | offset);
    Ok(IpNet::new_assert(start, length))
}

/// The address number `index` of `network`: 0 is the network's own, -1 the last.
pub fn address(network: IpNet, index: i64) -> Result<IpAddr> {
    let network = network.trunc();
    let free = network.max_prefix_len() - network.prefix_len();
    let item = pick(index, last(free)).ok_or_else(|| {
        Error::invalid(format!("`{network}` has no address number {index}"))
            .hint(format!("the first has number 0, the last {}", last(free)))
    })?;
    Ok(ip(network.addr(), bits(network.addr()) | item))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    #[test]
    fn subnets_and_addresses_count_from_both_ends() {
        assert_eq!(
            subnet(net("10.0.0.0/16"), 24, 3).unwrap(),
            net("10.0.3.0/24")
        );
        assert_eq!(
            subnet(net("10.0.7.9/16"), 24, -1).unwrap(),
            net("10.0.255.0/24")
        );
        assert_eq!(
            subnet(net("fd00::/8"), 64, 1).unwrap(),
            net("fd00:0:0:1::/64")
        );
        assert_eq!(
            subnet(net("::/0"), 128, -1).unwrap().to_string(),
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"
        );
        assert_eq!(subnet(net("0.0.0.0/0"), 0, 0).unwrap(), net("0.0.0.0/0"));
        assert_eq!(
            address(net("10.0.0.0/24"), 1).unwrap().to_string(),
            "10.0.0.1"
        );
        assert_eq!(
            address(net("10.0.0.0/24"), -2).unwrap().to_string(),
            "10.0.0.254"
        );
        assert_eq!(
            address(net("fd00::/64"), i64::MAX).unwrap().to_string(),
            "fd00::7fff:ffff:ffff:ffff"
        );
        assert_eq!(
            address(net("10.0.0.1/32"), 0).unwrap().to_string(),
            "10.0.0.1"
        );
    }

    #[test]
    fn what_lies_outside_is_refused() {
        let refusal = |result: Result<IpNet>| result.unwrap_err().to_string();
        assert_eq!(
            refusal(subnet(net("10.0.0.0/16"), 8, 0)),
            "a subnet of `10.0.0.0/16` has a prefix length of 16 to 32, not 8"
        );
        assert_eq!(
            refusal(subnet(net("10.0.0.0/16"), 33, 0)),
            "a subnet of `10.0.0.0/16` has a prefix length of 16 to 32, not 33"
        );
        assert_eq!(
            refusal(subnet(net("10.0.0.0/16"), 24, 256)),
            "`10.0.0.0/16` has no /24 number 256"
        );
        let error = address(net("10.0.0.0/30"), -5).unwrap_err();
        assert_eq!(error.to_string(), "`10.0.0.0/30` has no address number -5");
        assert_eq!(
            error.hint.as_deref(),
            Some("the first has number 0, the last 3")
        );
    }

    proptest! {
        #[test]
        fn every_subnet_lies_within(bits: u128, length in 0_u8..=128, more in 0_i64..=128, index: i64) {
            let network = IpNet::new_assert(Ipv6Addr::from_bits(bits).into(), length);
            if let Ok(subnet) = subnet(network, more, index) {
                prop_assert!(network.contains(&subnet));
            }
            if let Ok(address) = address(network, index) {
                prop_assert!(network.contains(&address));
            }
        }
    }
}
