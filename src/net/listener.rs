//! What listens on a port of a namespace, as `/proc/net` lists it there.

use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::{Error, Result};
use crate::net::netns::Netns;

/// A protocol with ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// A socket of it listens, or is connected.
    Tcp,
    /// A socket of it that is bound takes what comes from anywhere, until it is connected.
    Udp,
}

impl Protocol {
    /// All of them, by name.
    pub const ALL: [(&str, Self); 2] = [("tcp", Self::Tcp), ("udp", Self::Udp)];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }

    /// The files that list its sockets, and the state of those that take what comes: `TCP_LISTEN` and `TCP_CLOSE`
    /// of the kernel's `net/tcp_states.h`.
    fn listed(self) -> ([&'static str; 2], &'static str) {
        match self {
            Self::Tcp => (["tcp", "tcp6"], "0A"),
            Self::Udp => (["udp", "udp6"], "07"),
        }
    }
}

/// A socket that waits for somebody to talk to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Listener {
    /// Its protocol.
    pub protocol: Protocol,
    /// The address that it is bound to; the unspecified one for all.
    pub address: IpAddr,
    /// The port that it is bound to.
    pub port: u16,
}

impl Listener {
    /// Whether it takes what is sent to `address`. One for all IPv6 addresses takes IPv4, too, as the kernel has it where
    /// nothing else is asked.
    pub fn takes(&self, address: IpAddr) -> bool {
        match self.address {
            IpAddr::V4(own) if own.is_unspecified() => address.is_ipv4(),
            IpAddr::V6(own) if own.is_unspecified() => true,
            own => own.to_canonical() == address,
        }
    }
}

/// Every socket of the protocol in `netns` that waits for somebody, by port.
pub fn all(netns: &Netns, protocol: Protocol) -> Result<Vec<Listener>> {
    let (files, state) = protocol.listed();
    let read = |file: &&str| match fs::read_to_string(format!("/proc/thread-self/net/{file}")) {
        // A kernel without IPv6 has no such file.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        read => read.map_err(|error| Error::io(&error)),
    };
    let read_all = || files.iter().map(read).collect::<Result<Vec<String>>>();
    let texts = netns.within(read_all)??;
    let lines = texts.iter().flat_map(|text| text.lines());
    let sockets = lines.filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let (local, mut rest) = (fields.next()?, fields.skip(1));
        let (address, port) = end(local)?;
        (rest.next()? == state).then_some(Listener {
            protocol,
            address,
            port,
        })
    });
    let mut sockets: Vec<Listener> = sockets.collect();
    sockets.sort_by_key(|socket| (socket.port, socket.address));
    sockets.dedup();
    Ok(sockets)
}

/// Reads `0100007F:1F90`, or the same with four words for IPv6: the words are as they lie in memory.
fn end(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let word = u32::from_str_radix(address.get(at..at + 8)?, 16);
        word.ok().map(u32::to_ne_bytes)
    };
    let address = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let bytes: [u8; 16] = words.concat().try_into().ok()?;
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some((address, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(address: &str) -> Listener {
        Listener {
            protocol: Protocol::Tcp,
            address: address.parse().unwrap(),
            port: 80,
        }
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn an_end_is_read_in_both_families() {
        let end_of = |text| end(text).map(|(address, port)| format!("{address} {port}"));
        assert_eq!(end_of("0100007F:1F90").as_deref(), Some("127.0.0.1 8080"));
        assert_eq!(
            end_of("B80D0120000000000000000001000000:0050").as_deref(),
            Some("2001:db8::1 80")
        );
        for text in ["", "local_address", "01:0050", "0100007F:", "é100007:0050"] {
            assert_eq!(end_of(text), None, "{text}");
        }
    }

    #[test]
    fn a_socket_for_all_addresses_takes_each_of_its_family() {
        let takes = |own: &str, address: &str| socket(own).takes(address.parse().unwrap());
        assert!(takes("0.0.0.0", "10.0.0.1") && !takes("0.0.0.0", "fd00::1"));
        assert!(takes("::", "10.0.0.1") && takes("::", "fd00::1"));
        assert!(takes("10.0.0.1", "10.0.0.1") && !takes("10.0.0.1", "10.0.0.2"));
        assert!(takes("::ffff:10.0.0.1", "10.0.0.1"));
    }
}
