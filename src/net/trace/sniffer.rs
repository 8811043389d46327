//! Where in a namespace certain echo requests, their answers, and the questions for a neighbour are seen.
//!
//! A packet socket sees what enters by a link before anything looks at it, and what leaves by one after its queue has let
//! it go. The kernel sorts out all that is not looked for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{SockaddrStorage, recvfrom};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use crate::error::Result;
use crate::net::namespace::{self, Namespace};

/// `ETH_P_ALL` of `linux/if_ether.h`, in the byte order of the network.
const ALL_PROTOCOLS: i32 = 3_u16.to_be() as i32;
/// `PACKET_OUTGOING` of `linux/if_packet.h`.
const OUTGOING: u8 = 4;
/// `PACKET_OTHERHOST`.
const FOR_OTHERS: u8 = 3;
/// How much of a packet is looked at.
const ROOM: usize = 256;
/// How many bytes of the cookie the kernel compares.
const WORD: usize = 4;

/// Where the payload of an echo message can begin: bare or quoted by an ICMP error, of either family, and in a tunnel of
/// GRE, IP in IP, VXLAN or Geneve over either.
const PLACES: [u32; 13] = [28, 48, 52, 56, 68, 72, 76, 78, 92, 96, 98, 106, 118];

/// The length of the header of Ethernet.
const ETHERNET: u32 = 14;
/// `ETH_P_TEB` of `linux/if_ether.h`, a frame in a tunnel, in the byte order of the network.
const TRANSPARENT_ETHERNET: [u8; 2] = [0x65, 0x58];

// `ld [k]`, `ldh [k]`, `ldb [k]`, `jmp`, `jeq`, `ret` of the kernel's documentation of classic BPF.
const LD: u16 = 0x20;
const LDH: u16 = 0x28;
const LDB: u16 = 0x30;
const JA: u16 = 0x05;
const JEQ: u16 = 0x15;
const RET: u16 = 0x06;

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sort {
    /// An echo request.
    Request,
    /// The reply to one.
    Reply,
    /// An ICMP error about one.
    Error,
    /// The question who has an address.
    Question(IpAddr),
    /// The answer of who has it.
    Answer(IpAddr),
}

/// A packet that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sighting {
    /// The ifindex of the link.
    pub link: u32,
    /// Whether it left by the link, or else came in.
    pub is_out: bool,
    /// Whether it has another hardware address than the link.
    pub is_for_others: bool,
    /// Whether it was in a tunnel.
    pub is_wrapped: bool,
    /// What it was.
    pub sort: Sort,
}

/// A packet socket in a namespace.
#[derive(Debug)]
pub struct Sniffer {
    socket: Socket,
    cookie: Vec<u8>,
}

impl Sniffer {
    /// Begins to look for echo messages whose payload begins with `cookie`.
    pub fn open(namespace: &Namespace, cookie: &[u8]) -> Result<Self> {
        let protocol = Some(Protocol::from(ALL_PROTOCOLS));
        let socket = namespace::within(namespace, || {
            Socket::new(Domain::PACKET, Type::DGRAM, protocol)
        })??;
        socket.attach_filter(&filter(cookie))?;
        socket.set_nonblocking(true)?;
        let sniffer = Self {
            socket,
            cookie: cookie.to_vec(),
        };
        // What came before the filter was there.
        sniffer.seen();
        Ok(sniffer)
    }

    /// What was seen since it was last asked.
    pub fn seen(&self) -> Vec<Sighting> {
        let mut seen = Vec::new();
        let mut buffer = [0; ROOM];
        loop {
            match recvfrom::<SockaddrStorage>(self.socket.as_raw_fd(), &mut buffer) {
                Ok((length, Some(from))) => {
                    let Some(from) = from.as_link_addr() else {
                        continue;
                    };
                    let bytes = &buffer[..length.min(ROOM)];
                    if let Some((sort, is_wrapped)) = found(bytes, &self.cookie)
                        && let Ok(link) = u32::try_from(from.ifindex())
                    {
                        seen.push(Sighting {
                            link,
                            is_out: from.pkttype() == OUTGOING,
                            is_for_others: from.pkttype() == FOR_OTHERS,
                            is_wrapped,
                            sort,
                        });
                    }
                }
                Ok((_, None)) | Err(Errno::EINTR) => {}
                // Also where a link that went has left its errno: what was seen is seen.
                Err(_) => return seen,
            }
        }
    }
}

/// Closes them at once, each in a thread: the kernel lets each closing wait until no processor looks at it any more.
pub fn close(sniffers: Vec<Sniffer>) {
    std::thread::scope(|threads| {
        for sniffer in sniffers {
            threads.spawn(move || drop(sniffer));
        }
    });
}

/// Lets through questions and answers about neighbours, and what has the beginning of the cookie in one of [`PLACES`].
fn filter(cookie: &[u8]) -> Vec<SockFilter> {
    let word = cookie.get(..WORD).and_then(|word| word.try_into().ok());
    let word = word.map_or(0, u32::from_be_bytes);
    let op = |code, k| SockFilter::new(code, 0, 0, k);
    let room = u32::try_from(ROOM).unwrap_or(u32::MAX);
    let mut program = vec![
        // An ARP packet begins with the hardware type 1, which no IP packet does.
        op(LDH, 0),
        SockFilter::new(JEQ, 0, 1, 1),
        op(RET, room),
        // Of IPv6: ICMPv6 of type 135 and 136, neighbour solicitation and advertisement.
        op(LDB, 6),
        SockFilter::new(JEQ, 0, 4, 58),
        op(LDB, 40),
        SockFilter::new(JEQ, 1, 0, 135),
        SockFilter::new(JEQ, 0, 1, 136),
        op(RET, room),
    ];
    program.extend(wrapped_questions(room));
    // To load what lies behind the end of a packet lets it not through: the places are in order.
    for place in PLACES {
        program.push(op(LD, place));
        program.push(SockFilter::new(JEQ, 0, 1, word));
        program.push(op(RET, room));
    }
    program.push(op(RET, 0));
    program
}

/// Of UDP: questions and answers about neighbours in a frame behind the header of a tunnel, over either family.
fn wrapped_questions(room: u32) -> Vec<SockFilter> {
    let load = |code, at| SockFilter::new(code, 0, 0, at);
    let mut program = Vec::new();
    // Where the number of the protocol stands, and where the frame begins.
    for (protocol, frame) in [(9, 36), (6, 56)] {
        let network = frame + ETHERNET;
        program.extend([
            load(LDB, protocol),
            SockFilter::new(JEQ, 0, 10, 17),
            load(LDH, network - 2),
            SockFilter::new(JEQ, 7, 0, 0x0806),
            SockFilter::new(JEQ, 0, 7, 0x86dd),
            load(LDB, network + 6),
            SockFilter::new(JEQ, 0, 5, 58),
            load(LDB, network + 40),
            SockFilter::new(JEQ, 2, 0, 135),
            SockFilter::new(JEQ, 1, 0, 136),
            SockFilter::new(JA, 0, 0, 1),
            load(RET, room),
        ]);
    }
    program
}

/// What a packet is, from its network header on, and whether it is that in a tunnel.
fn found(bytes: &[u8], cookie: &[u8]) -> Option<(Sort, bool)> {
    if let Some(sort) = sort_of(bytes, cookie) {
        return Some((sort, false));
    }
    Some((sort_of(wrapped(bytes)?, cookie)?, true))
}

/// The packet of IP or ARP in that of a tunnel: IP in IP, GRE, or a frame behind a header of VXLAN or Geneve.
fn wrapped(bytes: &[u8]) -> Option<&[u8]> {
    let (protocol, length) = match bytes.first()? >> 4 {
        4 => (*bytes.get(9)?, usize::from(bytes[0] & 0x0f) * 4),
        6 => (*bytes.get(6)?, 40),
        _ => return None,
    };
    let inner = bytes.get(length..)?;
    match protocol {
        4 | 41 => Some(inner),
        17 => {
            let header = inner.get(8..16)?;
            // That of Geneve names the protocol of what it carries, and how many words of options it has.
            let options = if header[2..4] == TRANSPARENT_ETHERNET {
                usize::from(header[0] & 0x3f) * 4
            } else {
                0
            };
            inner.get(16 + options + ETHERNET as usize..)
        }
        47 => {
            // A checksum, a key and a sequence number, each where its bit is set.
            let flags = *inner.first()?;
            let fields = [0x80, 0x20, 0x10].iter().filter(|bit| flags & **bit != 0);
            let is_frame = inner.get(2..4)? == TRANSPARENT_ETHERNET;
            let frame = if is_frame { ETHERNET as usize } else { 0 };
            inner.get(4 + fields.count() * 4 + frame..)
        }
        _ => None,
    }
}

/// What a packet is that is in no tunnel.
fn sort_of(bytes: &[u8], cookie: &[u8]) -> Option<Sort> {
    if bytes.get(..2)? == [0, 1] {
        return of_arp(bytes);
    }
    let version = bytes[0] >> 4;
    let icmp_type = match version {
        4 if bytes.get(9) == Some(&1) => bytes.get(usize::from(bytes[0] & 0x0f) * 4),
        6 if bytes.get(6) == Some(&58) => bytes.get(40),
        _ => None,
    };
    if version == 6 && matches!(icmp_type, Some(135 | 136)) {
        let target: [u8; 16] = bytes.get(48..64)?.try_into().ok()?;
        let target = IpAddr::V6(Ipv6Addr::from(target));
        return Some(if icmp_type == Some(&135) {
            Sort::Question(target)
        } else {
            Sort::Answer(target)
        });
    }
    // A short payload has a short cookie, or none.
    if cookie.is_empty() || !bytes.windows(cookie.len()).any(|part| part == cookie) {
        return None;
    }
    match (version, icmp_type?) {
        (4, 8) | (6, 128) => Some(Sort::Request),
        (4, 0) | (6, 129) => Some(Sort::Reply),
        _ => Some(Sort::Error),
    }
}

fn of_arp(bytes: &[u8]) -> Option<Sort> {
    let ip = |at: usize| -> Option<IpAddr> {
        let bytes: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(Ipv4Addr::from(bytes).into())
    };
    // With hardware addresses of six bytes and protocol addresses of four.
    if bytes.get(2..6)? != [8, 0, 6, 4] {
        return None;
    }
    match bytes.get(6..8)? {
        [0, 1] => Some(Sort::Question(ip(24)?)),
        [0, 2] => Some(Sort::Answer(ip(14)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOKIE: &[u8] = b"cookie!!";

    fn ipv4(icmp: &[u8]) -> Vec<u8> {
        let mut packet = vec![
            0x45, 0, 0, 0, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
        ];
        packet.extend(icmp);
        packet
    }

    fn echo(icmp_type: u8) -> Vec<u8> {
        let mut message = vec![icmp_type, 0, 0, 0, 0x12, 0x34, 0, 1];
        message.extend(COOKIE);
        message
    }

    #[test]
    fn an_echo_message_is_known_by_its_cookie_and_its_type() {
        let sort = |packet: &[u8]| sort_of(packet, COOKIE);
        assert_eq!(sort(&ipv4(&echo(8))), Some(Sort::Request));
        assert_eq!(sort(&ipv4(&echo(0))), Some(Sort::Reply));
        let mut error = vec![3, 1, 0, 0, 0, 0, 0, 0];
        error.extend(ipv4(&echo(8)));
        assert_eq!(sort(&ipv4(&error)), Some(Sort::Error));
        let mut tunnel = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0];
        tunnel.extend([0; 38]);
        tunnel.extend(ipv4(&echo(8)));
        assert_eq!(found(&tunnel, COOKIE), Some((Sort::Request, true)));
        assert_eq!(sort_of(&ipv4(&echo(8)), b"another!"), None);
    }

    #[test]
    fn questions_and_answers_of_arp_name_the_address() {
        let mut packet = vec![0, 1, 8, 0, 6, 4, 0, 1];
        packet.extend([2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2]);
        let (one, two) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        assert_eq!(sort_of(&packet, COOKIE), Some(Sort::Question(two)));
        packet[7] = 2;
        assert_eq!(sort_of(&packet, COOKIE), Some(Sort::Answer(one)));
    }

    #[test]
    fn garbage_is_survived() {
        for length in 0..100 {
            for byte in [0x00, 0x01, 0x45, 0x60, 0xff] {
                let _ = sort_of(&vec![byte; length], COOKIE);
            }
        }
        let _ = sort_of(&[0, 1, 8, 0, 6, 4, 0, 1], b"");
    }
}
