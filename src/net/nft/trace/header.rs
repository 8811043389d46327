//! What a packet is that the kernel tells of, by the headers in its word.

use std::net::IpAddr;

/// A packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    /// Where it comes from; of ARP who asks.
    pub(super) from: IpAddr,
    /// Where it goes to.
    pub(super) to: IpAddr,
    /// What it is.
    pub(super) what: What,
}

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// An echo request.
    Request,
    /// The reply to one.
    Reply,
    /// The question for an address or the answer to it: the first 12 bytes of the address, and its last 3 where they are known.
    Neighbour([u8; 12], Option<[u8; 3]>),
    /// Something else.
    Other,
}

impl What {
    /// Whether it is a question for one of the addresses, or the answer.
    pub(super) fn is_about(self, addresses: &[IpAddr]) -> bool {
        let Self::Neighbour(first, last) = self else {
            return false;
        };
        addresses.iter().any(|ip| match ip {
            IpAddr::V4(ip) => first[..4] == ip.octets() && first[4..] == [0; 8],
            IpAddr::V6(ip) => {
                let bytes = ip.octets();
                first == bytes[..12] && last.is_none_or(|last| last == bytes[13..])
            }
        })
    }
}

impl Packet {
    /// Reads its headers: that of the network or of ARP, and that above it.
    pub(super) fn read(network: &[u8], above: &[u8]) -> Option<Self> {
        let v4 = |bytes: &[u8], at: usize| -> Option<IpAddr> {
            let bytes: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
            Some(IpAddr::from(bytes))
        };
        let v6 = |at: usize| -> Option<IpAddr> {
            let bytes: [u8; 16] = network.get(at..at + 16)?.try_into().ok()?;
            Some(IpAddr::from(bytes))
        };
        // The hardware type of Ethernet, which no packet of IP begins with.
        if network.get(..2)? == [0, 1] {
            let (from, to) = (v4(network, 14)?, v4(network, 24)?);
            let is_answer = network.get(7) == Some(&2);
            let IpAddr::V4(about) = (if is_answer { from } else { to }) else {
                return None;
            };
            let mut first = [0; 12];
            first[..4].copy_from_slice(&about.octets());
            let what = What::Neighbour(first, None);
            return Some(Self { from, to, what });
        }
        let (from, to, protocol) = match network.first()? >> 4 {
            4 => (v4(network, 12)?, v4(network, 16)?, *network.get(9)?),
            6 => (v6(8)?, v6(24)?, *network.get(6)?),
            _ => return None,
        };
        let what = match (protocol, above.first()) {
            (1, Some(8)) | (58, Some(128)) => What::Request,
            (1, Some(0)) | (58, Some(129)) => What::Reply,
            (58, Some(kind @ (135 | 136))) => {
                let first = above.get(8..20)?.try_into().ok()?;
                // A solicitation goes to the group that the last bytes name, or to the neighbour itself.
                let named = if *kind == 135 {
                    network.get(37..40)
                } else {
                    None
                };
                What::Neighbour(first, named.and_then(|last| last.try_into().ok()))
            }
            _ => What::Other,
        };
        Some(Self { from, to, what })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_of_both_families_name_the_address() {
        let arp = [
            0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2,
        ];
        let packet = Packet::read(&arp, &[]).unwrap();
        let two: IpAddr = "10.0.0.2".parse().unwrap();
        assert!(packet.what.is_about(&[two]) && !packet.what.is_about(&[packet.from]));
        let mut network = [0; 40];
        network[0] = 0x60;
        network[6] = 58;
        network[24..].copy_from_slice(
            &"ff02::1:ff00:2"
                .parse::<std::net::Ipv6Addr>()
                .unwrap()
                .octets(),
        );
        let mut above = vec![135, 0, 0, 0, 0, 0, 0, 0];
        above.extend(&"fd01::2".parse::<std::net::Ipv6Addr>().unwrap().octets()[..12]);
        let packet = Packet::read(&network, &above).unwrap();
        assert!(packet.what.is_about(&["fd01::2".parse().unwrap()]));
        assert!(!packet.what.is_about(&["fd01::3".parse().unwrap()]));
    }

    #[test]
    fn garbage_is_survived() {
        for length in 0..60 {
            for byte in [0, 1, 0x45, 0x60, 0xff] {
                let _ = Packet::read(&vec![byte; length], &vec![byte; length / 2]);
            }
        }
    }
}
