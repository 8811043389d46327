//! From bytes to meaning: which echo request a message is about, and what it says of it.
//!
//! surge-ping decodes; here is what it leaves out: the next-hop MTU, the checksum, and whether the message is ours.

use std::net::{IpAddr, Ipv4Addr};

use socket2::Type;
use surge_ping::{Icmpv4Packet, Icmpv6Packet};

use super::probe::{Outcome, Unreachable};
use super::request::ECHO_HEADER;

/// What tells our messages from those of others.
#[derive(Clone, Debug)]
pub(super) struct Ours {
    pub(super) destination: IpAddr,
    pub(super) identifier: u16,
    /// What the payload begins with. The identifier alone has 16 bits, and other programs pick theirs, too.
    pub(super) cookie: Vec<u8>,
}

/// A message about one of our requests.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// The sequence number on the wire.
    pub(super) sequence: u16,
    pub(super) content: Content,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    Reply { from: IpAddr, bytes: usize },
    Error(Outcome),
}

/// Decodes what a socket of type `socket` received from `from`; none where it is not about us.
pub(super) fn decode(bytes: &[u8], socket: Type, from: IpAddr, ours: &Ours) -> Option<Message> {
    match from {
        IpAddr::V4(source) => decode_v4(bytes, socket, source, ours),
        IpAddr::V6(source) => {
            let packet = Icmpv6Packet::decode(bytes, source).ok()?;
            let (icmp_type, code) = (packet.get_icmpv6_type().0, packet.get_icmpv6_code().0);
            let content = match icmp_type {
                129 => reply(bytes, from, ours)?,
                1..=4 if IpAddr::V6(packet.get_real_dest()) == ours.destination => {
                    Content::Error(error(from, icmp_type, code, detail(bytes)?))
                }
                _ => return None,
            };
            (packet.get_identifier().into_u16() == ours.identifier).then(|| Message {
                sequence: packet.get_sequence().into_u16(),
                content,
            })
        }
    }
}

fn decode_v4(bytes: &[u8], socket: Type, source: Ipv4Addr, ours: &Ours) -> Option<Message> {
    let packet = Icmpv4Packet::decode(bytes, socket, source, Ipv4Addr::UNSPECIFIED).ok()?;
    let icmp = if socket == Type::RAW {
        bytes.get(usize::from(bytes.first()? & 0x0f) * 4..)?
    } else {
        bytes
    };
    // The kernel checks the sum after it has handed out the copies for RAW sockets.
    if !checksum_holds(icmp) {
        return None;
    }
    let from = IpAddr::V4(source);
    let (icmp_type, code) = (packet.get_icmp_type().0, packet.get_icmp_code().0);
    let content = match icmp_type {
        0 => reply(icmp, from, ours)?,
        3 | 11 | 12 if IpAddr::V4(packet.get_real_dest()) == ours.destination => {
            Content::Error(error(from, icmp_type, code, detail(icmp)?))
        }
        _ => return None,
    };
    (packet.get_identifier().into_u16() == ours.identifier).then(|| Message {
        sequence: packet.get_sequence().into_u16(),
        content,
    })
}

fn reply(icmp: &[u8], from: IpAddr, ours: &Ours) -> Option<Content> {
    icmp.get(ECHO_HEADER..)?
        .starts_with(&ours.cookie)
        .then_some(Content::Reply {
            from,
            bytes: icmp.len(),
        })
}

/// The second word of the ICMP header, which each type of error uses in its own way.
fn detail(icmp: &[u8]) -> Option<u32> {
    let word = icmp.get(4..8)?.try_into().ok()?;
    Some(u32::from_be_bytes(word))
}

/// What an ICMP error means; the family is that of the address it came from.
pub(super) fn error(from: IpAddr, icmp_type: u8, code: u8, detail: u32) -> Outcome {
    let mtu = |mtu: u32| (mtu != 0).then_some(mtu);
    match (from, icmp_type, code) {
        // RFC 1191 has the MTU in the lower half; routers older than it leave it 0.
        (IpAddr::V4(_), 3, 4) => Outcome::FragmentationNeeded {
            from,
            mtu: mtu(detail & 0xffff),
        },
        (IpAddr::V6(_), 2, _) => Outcome::FragmentationNeeded {
            from,
            mtu: mtu(detail),
        },
        (IpAddr::V4(_), 3, _) => Outcome::Unreachable {
            from,
            what: Unreachable::of_v4(code),
        },
        (IpAddr::V6(_), 1, _) => Outcome::Unreachable {
            from,
            what: Unreachable::of_v6(code),
        },
        (IpAddr::V4(_), 11, 0) | (IpAddr::V6(_), 3, 0) => Outcome::TtlExceeded { from },
        _ => Outcome::Problem {
            from,
            icmp_type,
            code,
            detail,
        },
    }
}

/// Whether the internet checksum (RFC 1071) over the whole message comes out.
fn checksum_holds(icmp: &[u8]) -> bool {
    let sum = icmp.chunks(2).fold(0_u32, |sum, pair| {
        let low = pair.get(1).copied().unwrap_or(0);
        let sum = sum + u32::from(u16::from_be_bytes([pair[0], low]));
        (sum & 0xffff) + (sum >> 16)
    });
    sum == 0xffff
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTER: [u8; 4] = [10, 0, 1, 1];
    const TARGET: [u8; 4] = [10, 0, 2, 2];

    fn ours() -> Ours {
        Ours {
            destination: TARGET.into(),
            identifier: 0x1234,
            cookie: b"cookie!!".to_vec(),
        }
    }

    fn ipv4(source: [u8; 4], destination: [u8; 4], payload: &[u8]) -> Vec<u8> {
        let total = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
        let mut packet = vec![0x45, 0, total[0], total[1], 0, 0, 0, 0, 64, 1, 0, 0];
        packet.extend(source);
        packet.extend(destination);
        packet.extend(payload);
        packet
    }

    fn icmp(icmp_type: u8, code: u8, word: [u8; 4], rest: &[u8]) -> Vec<u8> {
        let mut message = vec![icmp_type, code, 0, 0];
        message.extend(word);
        message.extend(rest);
        let sum = message.chunks(2).fold(0_u32, |sum, pair| {
            let sum = sum + u32::from(pair[0]) * 256 + u32::from(*pair.get(1).unwrap_or(&0));
            (sum & 0xffff) + (sum >> 16)
        });
        let sum = !u16::try_from(sum).unwrap();
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        message
    }

    fn decoded(packet: &[u8], from: [u8; 4]) -> Option<Message> {
        decode(packet, Type::RAW, from.into(), &ours())
    }

    fn quoting(target: [u8; 4], icmp_type: u8, code: u8, word: [u8; 4]) -> Vec<u8> {
        let request = icmp(8, 0, [0x12, 0x34, 0, 7], b"cookie!!");
        let quoted = ipv4([10, 0, 1, 2], target, &request);
        ipv4(ROUTER, [10, 0, 1, 2], &icmp(icmp_type, code, word, &quoted))
    }

    #[test]
    fn a_reply_with_our_identifier_and_cookie_is_ours() {
        let packet = ipv4(
            TARGET,
            [10, 0, 1, 2],
            &icmp(0, 0, [0x12, 0x34, 0, 7], b"cookie!!rest"),
        );
        assert_eq!(
            decoded(&packet, TARGET),
            Some(Message {
                sequence: 7,
                content: Content::Reply {
                    from: TARGET.into(),
                    bytes: 20,
                },
            })
        );
    }

    #[test]
    fn a_reply_to_another_program_is_not() {
        for (identifier, payload) in [([0x12, 0x34], b"crumbs!!"), ([0x12, 0x35], b"cookie!!")] {
            let word = [identifier[0], identifier[1], 0, 7];
            let packet = ipv4(TARGET, [10, 0, 1, 2], &icmp(0, 0, word, payload));
            assert_eq!(decoded(&packet, TARGET), None);
        }
    }

    #[test]
    fn a_damaged_reply_is_dropped() {
        let mut packet = ipv4(
            TARGET,
            [10, 0, 1, 2],
            &icmp(0, 0, [0x12, 0x34, 0, 7], b"cookie!!rest"),
        );
        *packet.last_mut().unwrap() ^= 1;
        assert_eq!(decoded(&packet, TARGET), None);
    }

    #[test]
    fn our_own_request_is_no_answer() {
        let packet = ipv4(TARGET, TARGET, &icmp(8, 0, [0x12, 0x34, 0, 7], b"cookie!!"));
        assert_eq!(decoded(&packet, TARGET), None);
    }

    #[test]
    fn an_error_names_the_request_it_quotes_and_the_router() {
        let from = IpAddr::from(ROUTER);
        for (packet, outcome) in [
            (
                quoting(TARGET, 11, 0, [0; 4]),
                Outcome::TtlExceeded { from },
            ),
            (
                quoting(TARGET, 3, 4, [0, 0, 5, 120]),
                Outcome::FragmentationNeeded {
                    from,
                    mtu: Some(1400),
                },
            ),
            (
                quoting(TARGET, 3, 4, [0; 4]),
                Outcome::FragmentationNeeded { from, mtu: None },
            ),
            (
                quoting(TARGET, 3, 13, [0; 4]),
                Outcome::Unreachable {
                    from,
                    what: Unreachable::Filtered,
                },
            ),
            (
                quoting(TARGET, 12, 0, [20, 0, 0, 0]),
                Outcome::Problem {
                    from,
                    icmp_type: 12,
                    code: 0,
                    detail: 20 << 24,
                },
            ),
        ] {
            assert_eq!(
                decoded(&packet, ROUTER),
                Some(Message {
                    sequence: 7,
                    content: Content::Error(outcome),
                })
            );
        }
    }

    #[test]
    fn an_error_about_another_destination_is_not_ours() {
        assert_eq!(
            decoded(&quoting([10, 0, 2, 3], 11, 0, [0; 4]), ROUTER),
            None
        );
    }

    #[test]
    fn packet_too_big_carries_its_mtu() {
        let router: IpAddr = "fd01::1".parse().unwrap();
        assert_eq!(
            error(router, 2, 0, 1400),
            Outcome::FragmentationNeeded {
                from: router,
                mtu: Some(1400),
            }
        );
    }

    #[test]
    fn garbage_is_survived() {
        for length in 0..80 {
            for byte in [0x00, 0x45, 0x4f, 0xff] {
                let bytes = vec![byte; length];
                assert_eq!(decoded(&bytes, TARGET), None);
                assert_eq!(
                    decode(&bytes, Type::RAW, "fd00::1".parse().unwrap(), &ours()),
                    None
                );
            }
        }
    }
}
