//! What a packet is: its addresses, ports and protocol, and a summary in a few words.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::{
    ArpPacketSlice, EtherType, Icmpv4Slice, Icmpv6Slice, IpNumber, LaxLinkExtSlice, LaxNetSlice,
    LaxSlicedPacket, LinkSlice, TcpSlice, TransportSlice,
};

use super::LinkType;
use crate::value::mac;

/// What is known of a packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// The name of its protocol: `icmp`, `tcp`, `arp`; a number where it has none.
    pub protocol: String,
    /// Where it comes from, as IP or ARP have it.
    pub source: Option<IpAddr>,
    /// Where it goes.
    pub destination: Option<IpAddr>,
    /// The ports, of TCP and UDP.
    pub ports: Option<(u16, u16)>,
    /// How many hops are left to it.
    pub ttl: Option<u8>,
    /// The hardware addresses of Ethernet: source and destination.
    pub macs: Option<(String, String)>,
    /// The VLANs that it is tagged with, outermost first.
    pub vlans: Vec<u16>,
    /// What it says: `echo request id 1 seq 2`, `S seq 1000`, `who has 10.0.0.2`.
    pub info: String,
}

impl Decoded {
    /// All in a line: `icmp 10.0.0.1 > 10.0.0.2 echo request id 1 seq 2`.
    pub fn line(&self) -> String {
        let mut words: Vec<String> = self.vlans.iter().map(|id| format!("vlan {id}")).collect();
        words.push(self.protocol.clone());
        let end = |ip: IpAddr, port: Option<u16>| match (ip, port) {
            (ip, None) => ip.to_string(),
            (IpAddr::V4(ip), Some(port)) => format!("{ip}:{port}"),
            (IpAddr::V6(ip), Some(port)) => format!("[{ip}]:{port}"),
        };
        match (self.source, self.destination, &self.macs) {
            // What ARP says names both.
            _ if self.protocol == "arp" => {}
            (Some(source), Some(destination), _) => {
                let source = end(source, self.ports.map(|ports| ports.0));
                let destination = end(destination, self.ports.map(|ports| ports.1));
                words.push(format!("{source} > {destination}"));
            }
            (_, _, Some((source, destination))) => words.push(format!("{source} > {destination}")),
            _ => {}
        }
        words.extend((!self.info.is_empty()).then(|| self.info.clone()));
        words.join(" ")
    }
}

/// Decodes what is there of a packet.
pub fn decode(link: LinkType, data: &[u8]) -> Decoded {
    let sliced = match link {
        LinkType::Ethernet => LaxSlicedPacket::from_ethernet(data).ok(),
        LinkType::Raw => LaxSlicedPacket::from_ip(data).ok(),
    };
    let Some(packet) = sliced else {
        return Decoded {
            protocol: "unknown".to_owned(),
            info: "cut off".to_owned(),
            ..Decoded::default()
        };
    };
    let mut decoded = Decoded::default();
    let mut carried = EtherType::IPV4;
    if let Some(LinkSlice::Ethernet2(ethernet)) = &packet.link {
        carried = ethernet.ether_type();
        let (source, destination) = (ethernet.source(), ethernet.destination());
        decoded.macs = Some((mac::print(&source), mac::print(&destination)));
    }
    for tag in &packet.link_exts {
        if let LaxLinkExtSlice::Vlan(vlan) = tag {
            decoded.vlans.push(vlan.vlan_identifier().value());
            carried = vlan.ether_type();
        }
    }
    match &packet.net {
        Some(LaxNetSlice::Arp(arp)) => of_arp(arp, &mut decoded),
        Some(LaxNetSlice::Ipv4(ip)) => {
            let header = ip.header();
            decoded.source = Some(header.source_addr().into());
            decoded.destination = Some(header.destination_addr().into());
            decoded.ttl = Some(header.ttl());
            decoded.protocol = name(ip.payload_ip_number());
            let offset = header.fragments_offset().byte_offset();
            if header.more_fragments() || offset > 0 {
                decoded.info = format!("fragment at {offset}");
            }
        }
        Some(LaxNetSlice::Ipv6(ip)) => {
            let header = ip.header();
            decoded.source = Some(header.source_addr().into());
            decoded.destination = Some(header.destination_addr().into());
            decoded.ttl = Some(header.hop_limit());
            decoded.protocol = name(ip.payload().ip_number);
            if ip.is_payload_fragmented() {
                "fragment".clone_into(&mut decoded.info);
            }
        }
        None if matches!(carried.0, 0x8847 | 0x8848) && link == LinkType::Ethernet => {
            let head = 14 + 4 * decoded.vlans.len();
            return of_mpls(data.get(head..).unwrap_or_default(), decoded);
        }
        None => decoded.protocol = of_ethernet(carried),
    }
    match &packet.transport {
        Some(TransportSlice::Icmpv4(icmp)) => decoded.info = of_icmp(icmp),
        Some(TransportSlice::Icmpv6(icmp)) => decoded.info = of_icmp6(icmp),
        Some(TransportSlice::Tcp(tcp)) => {
            decoded.ports = Some((tcp.source_port(), tcp.destination_port()));
            let length = packet.ip_payload().map_or(0, |ip| ip.payload.len());
            decoded.info = of_tcp(tcp, length.saturating_sub(tcp.header_len()));
        }
        Some(TransportSlice::Udp(udp)) => {
            decoded.ports = Some((udp.source_port(), udp.destination_port()));
            decoded.info = format!("length {}", udp.length().saturating_sub(8));
        }
        Some(TransportSlice::Igmp(_)) | None => {}
    }
    decoded
}

/// The name of a protocol over IP.
fn name(number: IpNumber) -> String {
    let name = match number {
        IpNumber::ICMP => "icmp",
        IpNumber::IGMP => "igmp",
        IpNumber::TCP => "tcp",
        IpNumber::UDP => "udp",
        IpNumber::GRE => "gre",
        IpNumber::IPV4 => "ipip",
        IpNumber::IPV6 => "ipv6",
        IpNumber::ENCAPSULATING_SECURITY_PAYLOAD => "esp",
        IpNumber::AUTHENTICATION_HEADER => "ah",
        IpNumber::IPV6_ICMP => "icmp6",
        IpNumber::SCTP => "sctp",
        number => return format!("ip-proto-{}", number.0),
    };
    name.to_owned()
}

/// What an Ethernet frame carries that is neither IP nor ARP.
fn of_ethernet(number: EtherType) -> String {
    match number.0 {
        // Below, it is a length: of IEEE 802.3, as spanning trees have it.
        0..0x600 => "802.3".to_owned(),
        0x0800 => "ip".to_owned(),
        0x0806 => "arp".to_owned(),
        0x86dd => "ip6".to_owned(),
        0x8809 => "lacp".to_owned(),
        0x8847 | 0x8848 => "mpls".to_owned(),
        0x88cc => "lldp".to_owned(),
        number => format!("ethertype-{number:#06x}"),
    }
}

/// Labels in front of a packet: `mpls` and what they say, then what the packet is that they carry.
fn of_mpls(data: &[u8], outer: Decoded) -> Decoded {
    let mut labels = Vec::new();
    let mut rest = data;
    let mut is_last = false;
    while let (false, Some((word, behind))) = (is_last, rest.split_first_chunk::<4>()) {
        let word = u32::from_be_bytes(*word);
        labels.push(format!("label {} ttl {}", word >> 12, word & 0xff));
        is_last = word & 0x100 != 0;
        rest = behind;
    }
    let mut info = labels.join(", ");
    // What is behind them is told by its first bits alone: IP, or something else.
    let is_ip = rest
        .first()
        .is_some_and(|byte| [4, 6].contains(&(byte >> 4)));
    let inner = (is_last && is_ip).then(|| decode(LinkType::Raw, rest));
    if !is_last {
        info.push_str(if info.is_empty() {
            "cut off"
        } else {
            ", cut off"
        });
    }
    match inner {
        Some(inner) => Decoded {
            protocol: "mpls".to_owned(),
            info: format!("{info}: {} {}", inner.protocol, inner.info)
                .trim_end()
                .to_owned(),
            macs: outer.macs,
            vlans: outer.vlans,
            ..inner
        },
        None => Decoded {
            protocol: "mpls".to_owned(),
            info,
            ..outer
        },
    }
}

fn of_arp(arp: &ArpPacketSlice<'_>, decoded: &mut Decoded) {
    "arp".clone_into(&mut decoded.protocol);
    let ip = |bytes: &[u8]| Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?));
    let (Some(sender), Some(target)) = (
        ip(arp.sender_protocol_addr()),
        ip(arp.target_protocol_addr()),
    ) else {
        return;
    };
    decoded.source = Some(sender.into());
    decoded.destination = Some(target.into());
    decoded.info = match arp.operation().0 {
        1 => format!("who has {target} tell {sender}"),
        2 => format!("{sender} is at {}", mac::print(arp.sender_hw_addr())),
        other => format!("operation {other}"),
    };
}

/// The two halves of the second word of an ICMP header.
fn halves([a, b, c, d]: [u8; 4]) -> (u16, u16) {
    (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
}

fn of_icmp(icmp: &Icmpv4Slice<'_>) -> String {
    let (id, sequence) = halves(icmp.bytes5to8());
    match (icmp.type_u8(), icmp.code_u8()) {
        (0, _) => format!("echo reply id {id} seq {sequence}"),
        (8, _) => format!("echo request id {id} seq {sequence}"),
        (3, 0) => "network unreachable".to_owned(),
        (3, 1) => "host unreachable".to_owned(),
        (3, 2) => "protocol unreachable".to_owned(),
        (3, 3) => "port unreachable".to_owned(),
        (3, 4) => format!("fragmentation needed mtu {sequence}"),
        (3, 9 | 10 | 13) => "administratively prohibited".to_owned(),
        (5, _) => {
            let gateway = Ipv4Addr::from(icmp.bytes5to8());
            format!("redirect to {gateway}")
        }
        (11, 0) => "time exceeded".to_owned(),
        (11, _) => "time exceeded reassembling".to_owned(),
        (kind, code) => format!("type {kind} code {code}"),
    }
}

fn of_icmp6(icmp: &Icmpv6Slice<'_>) -> String {
    let (id, sequence) = halves(icmp.bytes5to8());
    // Neighbour solicitation and advertisement have an address first.
    let target = icmp
        .payload()
        .get(..16)
        .and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
    let target = target
        .map(|bytes| Ipv6Addr::from(bytes).to_string())
        .unwrap_or_default();
    match (icmp.type_u8(), icmp.code_u8()) {
        (128, _) => format!("echo request id {id} seq {sequence}"),
        (129, _) => format!("echo reply id {id} seq {sequence}"),
        (1, 0) => "no route".to_owned(),
        (1, 1) => "administratively prohibited".to_owned(),
        (1, 3) => "address unreachable".to_owned(),
        (1, 4) => "port unreachable".to_owned(),
        (2, _) => format!(
            "packet too big mtu {}",
            u32::from_be_bytes(icmp.bytes5to8())
        ),
        (3, _) => "time exceeded".to_owned(),
        (130, _) => "multicast listener query".to_owned(),
        (131 | 143, _) => "multicast listener report".to_owned(),
        (132, _) => "multicast listener done".to_owned(),
        (133, _) => "router solicitation".to_owned(),
        (134, _) => "router advertisement".to_owned(),
        (135, _) => format!("neighbor solicitation who has {target}"),
        (136, _) => format!("neighbor advertisement {target} is here"),
        (137, _) => "redirect".to_owned(),
        (kind, code) => format!("type {kind} code {code}"),
    }
}

/// The flags of TCP as tcpdump writes them, then what they are about.
fn of_tcp(tcp: &TcpSlice<'_>, length: usize) -> String {
    let flags = [
        (tcp.syn(), 'S'),
        (tcp.fin(), 'F'),
        (tcp.rst(), 'R'),
        (tcp.psh(), 'P'),
        (tcp.urg(), 'U'),
        (tcp.ece(), 'E'),
        (tcp.cwr(), 'W'),
        (tcp.ack(), '.'),
    ];
    let flags: String = flags
        .iter()
        .filter(|(on, _)| *on)
        .map(|(_, flag)| flag)
        .collect();
    let flags = if flags.is_empty() {
        "none".to_owned()
    } else {
        flags
    };
    let mut text = format!("{flags} seq {}", tcp.sequence_number());
    if tcp.ack() {
        let _ = write!(text, " ack {}", tcp.acknowledgment_number());
    }
    if length > 0 {
        let _ = write!(text, " length {length}");
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::*;

    fn bytes(parts: &[&str]) -> Vec<u8> {
        let digits: Vec<char> = parts.concat().chars().filter(|c| *c != ' ').collect();
        let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16);
        digits.chunks(2).map(|pair| byte(pair).unwrap()).collect()
    }

    const MACS: &str = "020000000002 020000000001";
    /// From 10.0.0.1 to 10.0.0.2, with 20 bytes of what the number stands for.
    const TCP: &str = "4500002800000000 40060000 0a000001 0a000002";
    const ICMP: &str = "4500001c00000000 40010000 0a000001 0a000002";
    const ICMP6: &str =
        "6000000000183aff fd000000000000000000000000000001 fd000000000000000000000000000002";

    fn line(parts: &[&str]) -> String {
        decode(LinkType::Ethernet, &bytes(parts)).line()
    }

    #[test]
    fn a_packet_is_said_in_a_line() {
        for (parts, wanted) in [
            (
                &[
                    MACS,
                    "0806 0001080006040001 020000000001 0a000001 000000000000 0a000002",
                ][..],
                "arp who has 10.0.0.2 tell 10.0.0.1",
            ),
            (
                &[
                    MACS,
                    "0806 0001080006040002 020000000002 0a000002 020000000001 0a000001",
                ],
                "arp 10.0.0.2 is at 02:00:00:00:00:02",
            ),
            (
                &[MACS, "0800", ICMP, "0800000000070001"],
                "icmp 10.0.0.1 > 10.0.0.2 echo request id 7 seq 1",
            ),
            (
                &[MACS, "0800", ICMP, "0303000000000000"],
                "icmp 10.0.0.1 > 10.0.0.2 port unreachable",
            ),
            (
                &[MACS, "0800", ICMP, "03040000000004b0"],
                "icmp 10.0.0.1 > 10.0.0.2 fragmentation needed mtu 1200",
            ),
            (
                &[
                    MACS,
                    "8100000a 0800",
                    TCP,
                    "03e80050000003e80000000050020000 00000000",
                ],
                "vlan 10 tcp 10.0.0.1:1000 > 10.0.0.2:80 S seq 1000",
            ),
            (
                &[
                    MACS,
                    "0800",
                    TCP,
                    "03e80050000003e80000000250120000 00000000",
                ],
                "tcp 10.0.0.1:1000 > 10.0.0.2:80 S. seq 1000 ack 2",
            ),
            (
                &[
                    MACS,
                    "86dd",
                    ICMP6,
                    "8700000000000000 fd000000000000000000000000000002",
                ],
                "icmp6 fd00::1 > fd00::2 neighbor solicitation who has fd00::2",
            ),
            (
                &[MACS, "88cc 0207"],
                "lldp 02:00:00:00:00:01 > 02:00:00:00:00:02",
            ),
            (
                &[MACS, "0026 4242"],
                "802.3 02:00:00:00:00:01 > 02:00:00:00:00:02",
            ),
            (
                &[MACS, "8847 0006403f 000c813e", ICMP, "0800000000070001"],
                "mpls 10.0.0.1 > 10.0.0.2 label 100 ttl 63, label 200 ttl 62: icmp echo request id 7 seq 1",
            ),
            (
                &[
                    MACS,
                    "8100000a 8847 000c8140",
                    TCP,
                    "03e80050000003e80000000050020000 00000000",
                ],
                "vlan 10 mpls 10.0.0.1:1000 > 10.0.0.2:80 label 200 ttl 64: tcp S seq 1000",
            ),
            (
                &[MACS, "8847 00064040"],
                "mpls 02:00:00:00:00:01 > 02:00:00:00:00:02 label 100 ttl 64, cut off",
            ),
            (&[MACS], "unknown cut off"),
        ] {
            assert_eq!(line(parts), wanted);
        }
        let fragment = [
            MACS,
            "0800 4500001c00002001 40110000 0a000001 0a000002 0000000000000000",
        ];
        assert_eq!(line(&fragment), "udp 10.0.0.1 > 10.0.0.2 fragment at 8");
        let raw = decode(LinkType::Raw, &bytes(&[ICMP, "0000000000070001"]));
        assert_eq!(raw.line(), "icmp 10.0.0.1 > 10.0.0.2 echo reply id 7 seq 1");
        assert_eq!((raw.ttl, raw.macs), (Some(64), None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(
            at in 0_usize..60,
            noise in prop::collection::vec(any::<u8>(), 0..80),
            kind in prop::sample::select(vec!["0800", "86dd", "0806", "8100", "8847", "88e5"]),
        ) {
            let mut packet = bytes(&[MACS, kind, TCP, "03e80050000003e80000000050020000 00000000"]);
            packet.splice(at.min(packet.len()).., noise.iter().copied());
            let _ = decode(LinkType::Ethernet, &packet).line();
            let _ = decode(LinkType::Raw, &noise).line();
        }
    }
}
