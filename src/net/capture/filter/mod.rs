//! Which packets are wanted: an expression in the language of `tcpdump`, as a program of classic BPF.
//!
//! The kernel runs the program on each packet of a link before anything is copied, and [`run`] does on those of a file: both judge
//! alike.

mod compile;
mod parse;
pub mod run;

use std::net::IpAddr;

use ipnet::IpNet;

use crate::error::Result;
use crate::net::capture::LinkType;

pub use run::Instruction;

/// An expression that was read.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    wanted: Option<Expression>,
}

impl Filter {
    /// Reads an expression; an empty one wants every packet.
    ///
    /// Fails with `invalid`, and says at which character and what is accepted.
    pub fn parse(text: &str) -> Result<Self> {
        let wanted = parse::parse(text)?;
        Ok(Self { wanted })
    }

    /// The program that lets through the first `snaplen` bytes of what is wanted.
    ///
    /// On a live link the kernel keeps the outermost VLAN tag beside the packet, in a file it stands within.
    pub fn program(&self, link: LinkType, is_live: bool, snaplen: u32) -> Result<Vec<Instruction>> {
        compile::compile(self.wanted.as_ref(), link, is_live, snaplen)
    }
}

/// What is wanted of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Expression {
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Is(Test),
}

/// One test of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    /// `ip`, `ip6`, `arp`
    Family(Family),
    /// `vlan`, `vlan 10`: what stands to the right of it by `and` is looked for within the tag.
    Vlan(Option<u16>),
    /// `tcp`, `ip proto 47`
    Protocol(Option<Family>, u8),
    /// `host`, `net`
    Net(Option<Family>, Side, IpNet),
    /// `port`, of some protocols.
    Port(&'static [u8], Side, u16),
}

/// What an Ethernet frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Ip,
    Ip6,
    Arp,
}

impl Family {
    /// Whether it has addresses such as that.
    fn has(self, ip: IpAddr) -> bool {
        (self == Self::Ip6) == ip.is_ipv6()
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
            Self::Arp => "arp",
        }
    }
}

/// Of which end something is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Side {
    #[default]
    Either,
    Source,
    Destination,
    Both,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An Ethernet frame with that type, behind its VLAN tags.
    fn frame(tags: &[u16], kind: u16, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
        for id in tags {
            bytes.extend([0x81, 0]);
            bytes.extend((id | 0x2000).to_be_bytes());
        }
        bytes.extend(kind.to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    fn ipv4(protocol: u8, options: usize, fragment: u16, payload: &[u8]) -> Vec<u8> {
        let words = u8::try_from(5 + options).unwrap();
        let [high, low] = fragment.to_be_bytes();
        let mut bytes = vec![0x40 | words, 0, 0, 0, 0, 0, high, low, 64, protocol, 0, 0];
        bytes.extend([10, 0, 0, 1, 10, 0, 1, 2]);
        bytes.resize(bytes.len() + 4 * options, 0);
        bytes.extend(payload);
        bytes
    }

    /// From `fd00::1` to `fd00:1::2`.
    fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x60, 0, 0, 0, 0, 0, next, 64];
        let (mut source, mut destination) = ([0; 16], [0; 16]);
        (source[0], source[15]) = (0xfd, 1);
        (destination[0], destination[3], destination[15]) = (0xfd, 1, 2);
        bytes.extend(source);
        bytes.extend(destination);
        bytes.extend(payload);
        bytes
    }

    /// From port 1000 to port 80.
    const PORTS: [u8; 20] = [
        3, 232, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0,
    ];

    /// Packets of each sort, by a letter.
    fn packets() -> Vec<(char, Vec<u8>)> {
        let mut arp = vec![0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1];
        arp.extend([0, 0, 0, 0, 0, 0, 10, 0, 1, 2]);
        let fragment = [&[6, 0, 0, 0, 0, 0, 0, 0][..], &PORTS].concat();
        vec![
            (
                'i',
                frame(&[], 0x0800, &ipv4(1, 0, 0, &[8, 0, 0, 0, 0, 1, 0, 1])),
            ),
            ('t', frame(&[], 0x0800, &ipv4(6, 0, 0, &PORTS))),
            // With options, and a later fragment, which has no ports.
            ('o', frame(&[], 0x0800, &ipv4(17, 3, 0, &PORTS))),
            ('f', frame(&[], 0x0800, &ipv4(17, 0, 100, &PORTS))),
            ('a', frame(&[], 0x0806, &arp)),
            ('6', frame(&[], 0x86dd, &ipv6(58, &[135, 0, 0, 0]))),
            ('T', frame(&[], 0x86dd, &ipv6(6, &PORTS))),
            ('F', frame(&[], 0x86dd, &ipv6(44, &fragment))),
            ('v', frame(&[10], 0x0800, &ipv4(1, 0, 0, &[8, 0, 0, 0]))),
            ('V', frame(&[10, 20], 0x0806, &arp)),
            ('l', frame(&[], 0x88cc, &[0; 20])),
            ('c', frame(&[], 0x0800, &[0x45, 0, 0, 0])),
        ]
    }

    /// The letters of the packets that are wanted.
    fn verdict(filter: &str) -> String {
        let program = Filter::parse(filter).unwrap();
        let program = program.program(LinkType::Ethernet, false, 77).unwrap();
        let wanted = |packet: &[u8]| run::run(&program, packet) == 77;
        let packets = packets().into_iter().filter(|(_, packet)| wanted(packet));
        packets.map(|(letter, _)| letter).collect()
    }

    #[test]
    fn a_protocol_is_what_the_frame_carries() {
        assert_eq!(verdict(""), "itofa6TFvVlc");
        assert_eq!(verdict("ip"), "itofc");
        assert_eq!(verdict("ip6"), "6TF");
        assert_eq!(verdict("arp"), "a");
        assert_eq!(verdict("icmp"), "i");
        assert_eq!(verdict("icmp6"), "6");
        assert_eq!(verdict("tcp"), "tTF");
        assert_eq!(verdict("udp"), "of");
        assert_eq!(verdict("ip proto 17"), "of");
        assert_eq!(verdict("ip6 proto \\tcp"), "TF");
        assert_eq!(verdict("proto icmp6"), "6");
    }

    #[test]
    fn an_address_is_looked_for_at_either_end() {
        assert_eq!(verdict("host 10.0.0.1"), "itofa");
        assert_eq!(verdict("10.0.1.2"), "itofa");
        assert_eq!(verdict("src 10.0.0.1 and icmp"), "i");
        assert_eq!(verdict("dst host 10.0.0.1"), "");
        assert_eq!(verdict("src and dst net 10.0.0.0/16"), "itofa");
        assert_eq!(verdict("src and dst net 10.0.0.0/24"), "");
        assert_eq!(verdict("net 10.0.1.0/24"), "itofa");
        assert_eq!(verdict("arp host 10.0.1.2"), "a");
        assert_eq!(verdict("ip src net 10.0.0.0/8"), "itof");
        assert_eq!(verdict("net fd00::/32"), "6TF");
        assert_eq!(verdict("dst net fd00::/32"), "");
        assert_eq!(verdict("ip6 host fd00:1::2"), "6TF");
    }

    #[test]
    fn a_port_is_that_of_a_protocol_that_has_ports() {
        assert_eq!(verdict("port 80"), "toT");
        assert_eq!(verdict("udp port 80"), "o");
        assert_eq!(verdict("tcp src port 80"), "");
        assert_eq!(verdict("tcp src port 1000"), "tT");
        assert_eq!(verdict("port 22 or 80"), "toT");
        assert_eq!(verdict("dst port 80 and src 10.0.0.1"), "to");
    }

    #[test]
    fn and_and_or_bind_alike_and_not_binds_more() {
        assert_eq!(verdict("icmp or tcp and ip6"), "TF");
        assert_eq!(verdict("icmp or (tcp and ip6)"), "iTF");
        assert_eq!(verdict("not icmp and ip"), "tof");
        assert_eq!(verdict("!(ip || ip6)"), "avVl");
        assert_eq!(verdict("not not arp"), "a");
        // What is cut off before its end is wanted by nobody who looks there.
        assert_eq!(verdict("ip and not icmp or ip"), "itof");
    }

    #[test]
    fn what_a_vlan_carries_is_found_behind_its_word() {
        assert_eq!(verdict("vlan"), "vV");
        assert_eq!(verdict("vlan 10"), "vV");
        assert_eq!(verdict("vlan 20"), "");
        assert_eq!(verdict("vlan 10 and icmp"), "v");
        assert_eq!(verdict("vlan and vlan 20 and arp host 10.0.0.1"), "V");
        assert_eq!(verdict("vlan and (icmp or arp)"), "v");
        assert_eq!(verdict("not vlan and arp"), "a");
        assert_eq!(verdict("(vlan and icmp) or arp"), "av");
    }

    #[test]
    fn a_packet_without_ethernet_header_begins_with_its_address_family() {
        let program = |filter| {
            let filter = Filter::parse(filter).unwrap();
            filter.program(LinkType::Raw, true, 77).unwrap()
        };
        let wanted = |filter, packet: &[u8]| run::run(&program(filter), packet) == 77;
        let (four, six) = (ipv4(6, 0, 0, &PORTS), ipv6(6, &PORTS));
        assert!(wanted("tcp port 80 and src 10.0.0.1", &four));
        assert!(wanted("tcp port 80 and ip6", &six) && !wanted("ip", &six));
        assert!(!wanted("vlan", &four) && !wanted("arp", &four) && wanted("not arp", &four));
    }

    #[test]
    fn a_long_filter_has_jumps_that_lead_far() {
        let many: Vec<_> = (1..=60)
            .map(|number| format!("host 10.9.0.{number}"))
            .collect();
        let filter = format!("({}) or host 10.0.0.1", many.join(" or "));
        assert_eq!(verdict(&filter), "itofa");
        let many: Vec<_> = (0..400).map(|number| format!("port {number}")).collect();
        let told = Filter::parse(&many.join(" or ")).unwrap_err();
        assert!(
            told.cause
                .starts_with("it has more than 300 parts, at character "),
            "{told}"
        );
        let many: Vec<_> = (0..290)
            .map(|number| format!("net fd00:{number}::/64"))
            .collect();
        let filter = Filter::parse(&many.join(" or ")).unwrap();
        let told = filter.program(LinkType::Ethernet, true, 1).unwrap_err();
        assert_eq!(told.cause, "the filter is too long for the kernel");
    }

    /// The error of a filter, with its hint.
    fn refused(filter: &str) -> String {
        let error = Filter::parse(filter).unwrap_err();
        let hint = error.hint.unwrap_or_default();
        format!("{} | {hint}", error.cause)
    }

    #[test]
    fn what_is_not_known_is_refused_by_name_and_place() {
        assert_eq!(
            refused("icmp and hosts 10.0.0.1"),
            "there is no word `hosts`, at character 10 of the filter | did you mean `host`?"
        );
        assert_eq!(
            refused("ether host 02:00:00:00:00:01"),
            "there is no word `ether`, at character 1 of the filter | hardware addresses are not looked at: take `host` with an address"
        );
        assert_eq!(
            refused("tcp[13] & 2 != 0"),
            "`[` has no meaning here, at character 4 of the filter | bytes are not compared: a filter has host net port src dst proto ip ip6 arp tcp udp icmp icmp6 vlan and or not ( )"
        );
        assert_eq!(
            refused("port http"),
            "`http` is not a port, at character 6 of the filter | names are not looked up in a filter: give the address or number"
        );
        assert_eq!(
            refused("icmp host 10.0.0.1"),
            "`icmp` says nothing of `host`, at character 1 of the filter | write `icmp and host 10.0.0.1`"
        );
        assert_eq!(
            refused("net 10.0.0.1/8"),
            "`10.0.0.1/8` has bits behind its length, at character 5 of the filter | did you mean `10.0.0.0/8`?"
        );
        assert_eq!(
            refused("80"),
            "it is not said what `80` is, at character 1 of the filter | write `port 80` or `proto 80`"
        );
        assert_eq!(
            refused("tcp icmp"),
            "`icmp` is not joined to what is before it, at character 5 of the filter | write `and icmp` or `or icmp`"
        );
        for (filter, told) in [
            (
                "icmp and",
                "it ends where what to look for is wanted, at character 9 of the filter",
            ),
            (
                "src",
                "it ends where an address is wanted, at character 4 of the filter",
            ),
            ("(icmp", "`(` is not closed, at character 1 of the filter"),
            (
                "icmp)",
                "`)` closes no bracket, at character 5 of the filter",
            ),
            (
                "port 70000",
                "`70000` is no port, 0 to 65535, at character 6 of the filter",
            ),
            (
                "vlan 5000",
                "`5000` is no number of a VLAN, 0 to 4095, at character 6 of the filter",
            ),
            (
                "ip host fd00::1",
                "`fd00::1` is no address of `ip`, at character 9 of the filter",
            ),
            (
                "proto nothing",
                "there is no protocol `nothing`, at character 7 of the filter",
            ),
            (
                "and icmp",
                "`and` stands where what to look for is wanted, at character 1 of the filter",
            ),
        ] {
            assert_eq!(Filter::parse(filter).unwrap_err().cause, told, "{filter}");
        }
    }

    #[test]
    fn garbage_is_survived() {
        let words = [
            "(", ")", "not", "host", "10.0.0.1", "vlan", "port", "80", "and", "é", "src",
        ];
        for one in words {
            for two in words {
                for three in words {
                    let _ = Filter::parse(&format!("{one} {two} {three}"));
                }
            }
        }
        let deep = "(".repeat(10_000);
        assert!(Filter::parse(&deep).is_err());
        let program = Filter::parse("vlan and port 80 or net fd00::/16").unwrap();
        let program = program.program(LinkType::Ethernet, false, 1).unwrap();
        for (_, packet) in packets() {
            for end in 0..packet.len() {
                let _ = run::run(&program, &packet[..end]);
            }
        }
    }
}
