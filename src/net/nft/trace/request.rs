//! The requests that mark packets, and that ask for the chains there are.

// `linux/netfilter/nfnetlink.h` and `nf_tables.h`.
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;
const NFTABLES: u16 = 10;
const NEW_TABLE: u16 = NFTABLES << 8;
const NEW_CHAIN: u16 = (NFTABLES << 8) + 3;
const GET_CHAIN: u16 = (NFTABLES << 8) + 4;
const NEW_RULE: u16 = (NFTABLES << 8) + 6;
pub(super) const TRACE: u16 = (NFTABLES << 8) + 17;
const OWNED: u32 = 2;
/// Before all that others do there, connection tracking (-200) and its defragmentation (-400) too.
const FIRST: i32 = -1000;
/// Behind all that others do there, the translation of addresses (100) too.
const LAST: i32 = 1000;

const REQUEST: u16 = 1;
const ACK: u16 = 4;
const DUMP: u16 = 0x300;
const EXCLUSIVE: u16 = 0x200;
const CREATE: u16 = 0x400;
const APPEND: u16 = 0x800;
pub(super) const NESTED: u16 = 0x8000;
pub(super) const ERROR: u16 = 2;

/// `ETH_P_ARP` of `linux/if_ether.h`.
const ARP: u16 = 0x0806;

/// The packets that are marked, besides the questions for neighbours and their answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marked {
    /// ICMP messages with the identifier, of both families.
    Echo(u16),
    /// The outer packets of a tunnel over UDP: the port that they go to, and the identifier of the network in them.
    Outer(u16, u32),
}

/// A family of tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Family {
    /// Of IPv4 and IPv6.
    Inet,
    /// Of ARP.
    Arp,
    /// Of what bridges pass on.
    Bridge,
    /// Of what comes in by these links.
    Netdev(Vec<String>),
}

/// A chain of our own: its name, the number of its hook, its priority, and the link that it is for.
type Chain = (String, u32, i32, Option<String>);

/// What a rule of our own asks of a packet.
enum Is {
    /// The protocol above that of the network.
    L4(u8),
    /// That of the network.
    Network(u16),
    /// What stands in the header above that of the network, and how many bytes behind its beginning.
    Field(u32, Vec<u8>),
}

impl Marked {
    /// For each rule what it asks of a packet, of the family of IP.
    fn rules(self) -> Vec<Vec<Is>> {
        let mut rules = match self {
            // Of both protocols the identifier of an echo message stands there.
            Self::Echo(id) => [1, 58]
                .map(|it| vec![Is::L4(it), Is::Field(4, id.to_be_bytes().into())])
                .into(),
            // VXLAN and Geneve have the identifier in the same place.
            Self::Outer(port, id) => {
                let id = id.to_be_bytes()[1..].into();
                let port = port.to_be_bytes().into();
                vec![vec![Is::L4(17), Is::Field(2, port), Is::Field(12, id)]]
            }
        };
        // The solicitation of a neighbour, and its advertisement.
        rules.extend([135, 136].map(|kind| vec![Is::L4(58), Is::Field(0, vec![kind])]));
        rules
    }
}

impl Family {
    /// The number that the kernel has for it.
    fn number(&self) -> u8 {
        match self {
            Self::Inet => 1,
            Self::Arp => 3,
            Self::Netdev(_) => 5,
            Self::Bridge => 7,
        }
    }

    /// The chains that mark packets, and those that tell what they are in the end.
    fn chains(&self) -> (Vec<Chain>, Vec<Chain>) {
        let all = |chains: &[(&str, u32)], priority| {
            let chains = chains.iter();
            chains
                .map(|(name, hook)| ((*name).to_owned(), *hook, priority, None))
                .collect()
        };
        match self {
            Self::Inet => (
                all(&[("prerouting", 0), ("output", 3)], FIRST),
                all(&[("routed", 0), ("sent", 3), ("leaving", 4)], LAST),
            ),
            Self::Arp => (all(&[("input", 0), ("output", 1)], FIRST), Vec::new()),
            Self::Bridge => (all(&[("prerouting", 0), ("output", 3)], FIRST), Vec::new()),
            Self::Netdev(links) => {
                let chain = |(at, link): (usize, &String)| {
                    (format!("ingress{at}"), 0, FIRST, Some(link.clone()))
                };
                (links.iter().enumerate().map(chain).collect(), Vec::new())
            }
        }
    }

    fn rules(&self, marked: Marked) -> Vec<Vec<Is>> {
        match self {
            Self::Inet => marked.rules(),
            Self::Arp => vec![Vec::new()],
            Self::Bridge | Self::Netdev(_) => {
                let mut rules = marked.rules();
                rules.push(vec![Is::Network(ARP)]);
                rules
            }
        }
    }
}

/// The requests for a table of the family, its chains and the rules in them, all or none; and how many of them are acknowledged.
pub(super) fn batch(table: &str, family: &Family, marked: Marked) -> (Vec<u8>, usize) {
    let name = zero_ended(table);
    let mut batch = message(BATCH_BEGIN, 0, 0, &[]);
    // The subsystem stands in the header of these two.
    batch[18..20].copy_from_slice(&NFTABLES.to_be_bytes());
    let mut asked = 0;
    let mut add = |kind: u16, flags: u16, attributes: &[u8]| {
        let flags = REQUEST | ACK | CREATE | flags;
        batch.extend(message(kind, flags, family.number(), attributes));
        asked += 1;
    };
    let owned = [attribute(1, &name), number(2, OWNED)].concat();
    add(NEW_TABLE, EXCLUSIVE, &owned);
    let (marking, telling) = family.chains();
    for (chain, hook, priority, link) in marking.iter().chain(&telling) {
        let mut hook = [number(1, *hook), number(2, priority.cast_unsigned())].concat();
        if let Some(link) = link {
            hook.extend(attribute(3, &zero_ended(link)));
        }
        let parts = [
            attribute(1, &name),
            attribute(3, &zero_ended(chain)),
            nest(4, &hook),
            attribute(7, &zero_ended("filter")),
        ];
        add(NEW_CHAIN, EXCLUSIVE, &parts.concat());
    }
    for (chain, ..) in &marking {
        for rule in family.rules(marked) {
            let parts = [
                attribute(1, &name),
                attribute(2, &zero_ended(chain)),
                nest(4, &marking_rule(&rule)),
            ];
            add(NEW_RULE, APPEND, &parts.concat());
        }
    }
    let mut end = message(BATCH_END, 0, 0, &[]);
    end[18..20].copy_from_slice(&NFTABLES.to_be_bytes());
    batch.extend(end);
    (batch, asked)
}

/// The question for all chains of all families.
pub(super) fn all_chains() -> Vec<u8> {
    message(GET_CHAIN, REQUEST | DUMP, 0, &[])
}

/// As `meta l4proto PROTOCOL @th,32,16 ID meta nftrace set 1`.
fn marking_rule(asked: &[Is]) -> Vec<u8> {
    const REGISTER: u32 = 1;
    const PROTOCOL: u32 = 1;
    const NFTRACE: u32 = 12;
    const L4PROTO: u32 = 16;
    const TRANSPORT: u32 = 2;
    let value = |kind: u16, bytes: &[u8]| nest(kind, &attribute(1, bytes));
    let is = |bytes: &[u8]| [number(1, REGISTER), number(2, 0), value(3, bytes)].concat();
    let meta = |key| [number(1, REGISTER), number(2, key)].concat();
    let mut expressions: Vec<(&str, Vec<u8>)> = Vec::new();
    for one in asked {
        let (read, wanted) = match one {
            Is::L4(protocol) => (("meta", meta(L4PROTO)), vec![*protocol]),
            Is::Network(protocol) => (("meta", meta(PROTOCOL)), protocol.to_be_bytes().into()),
            Is::Field(at, bytes) => {
                let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                let payload = [
                    number(1, REGISTER),
                    number(2, TRANSPORT),
                    number(3, *at),
                    number(4, length),
                ];
                (("payload", payload.concat()), bytes.clone())
            }
        };
        expressions.extend([read, ("cmp", is(&wanted))]);
    }
    expressions.extend([
        ("immediate", [number(1, REGISTER), value(2, &[1])].concat()),
        ("meta", [number(3, REGISTER), number(2, NFTRACE)].concat()),
    ]);
    let expression = |(name, parts): &(&str, Vec<u8>)| {
        let parts = [attribute(1, &zero_ended(name)), nest(2, parts)].concat();
        nest(1, &parts)
    };
    expressions.iter().flat_map(expression).collect()
}

fn zero_ended(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

pub(super) fn message(kind: u16, flags: u16, family: u8, attributes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(20 + attributes.len()).unwrap_or(u32::MAX);
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend((flags | REQUEST).to_ne_bytes());
    // Sequence number, port, then the family, the version and the resource.
    bytes.extend([0; 8]);
    bytes.extend([family, 0, 0, 0]);
    bytes.extend(attributes);
    bytes
}

pub(super) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

pub(super) fn nest(kind: u16, parts: &[u8]) -> Vec<u8> {
    attribute(kind | NESTED, parts)
}

pub(super) fn number(kind: u16, value: u32) -> Vec<u8> {
    attribute(kind, &value.to_be_bytes())
}
