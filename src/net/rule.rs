//! Rules that choose the routing table: add, delete and list them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use nix::errno::Errno;
use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use rtnetlink::packet_route::rule::{
    RuleAction, RuleAttribute, RuleFlags, RuleMessage, RulePortRange, RuleUidRange,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::net::request::Request;
use crate::net::route;
use crate::net::rtnl::{Refusal, Rtnl};
use crate::net::table;

/// What a rule does with a packet that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Looks it up in the table.
    Lookup(u32),
    /// Goes on with the rule of that priority.
    Goto(u32),
    /// Another action, by its name: `blackhole`, `unreachable`, `prohibit`, `nop`.
    Other(&'static str),
}

/// The actions that have no table.
pub const ACTIONS: &[(&str, i64)] = &[
    ("nop", 3),
    ("blackhole", 6),
    ("unreachable", 7),
    ("prohibit", 8),
];

/// The rules that each namespace has by itself: whether of IPv6, priority, table.
pub const USUAL: [(bool, u32, u32); 5] = [
    (false, 0, 255),
    (false, 32_766, 254),
    (false, 32_767, 253),
    (true, 0, 255),
    (true, 32_766, 254),
];

/// The priority of the rule that the driver of VRFs makes, `FIB_RULE_PREF` of drivers/net/vrf.c.
pub const OF_VRF: u32 = 1000;

/// What packets a rule is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// Whether it is for all other packets.
    pub is_not: bool,
    /// Their source.
    pub from: Option<IpNet>,
    /// Their destination.
    pub to: Option<IpNet>,
    /// The link that they came in by.
    pub iif: Option<String>,
    /// The link that their socket is bound to.
    pub oif: Option<String>,
    /// Their mark, and the bits of it that count.
    pub fwmark: Option<(u32, u32)>,
    /// Their type of service; 0 for any.
    pub tos: u8,
    /// The protocol that they carry.
    pub protocol: Option<u8>,
    /// The first and the last source port.
    pub sport: Option<(u16, u16)>,
    /// The first and the last destination port.
    pub dport: Option<(u16, u16)>,
    /// The first and the last of the users whose sockets they leave by.
    pub uids: Option<(u32, u32)>,
    /// Whether it is for links of a VRF.
    pub l3mdev: bool,
    /// What else it asks of them, in the words of `ip rule`: what no word here knows.
    pub more: Vec<String>,
}

/// A rule: one to be added, or one that the kernel has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Whether it is one of IPv6.
    pub is_ipv6: bool,
    /// Its place among the others; the lowest comes first.
    pub priority: u32,
    /// What packets it is for.
    pub selector: Selector,
    /// What it does with them.
    pub action: Action,
    /// Ignores routes with a prefix of this length or shorter.
    pub suppress: Option<u32>,
    /// Ignores routes by links of this group.
    pub suppress_group: Option<u32>,
    /// Who made it, as `ip rule` prints it; none where that is nobody in particular.
    pub protocol: Option<String>,
}

impl Rule {
    /// Whether it is for the packets of the other, which has the same priority where one is said.
    pub fn is_for_same(&self, other: &Self, priority: Option<u32>) -> bool {
        self.is_ipv6 == other.is_ipv6
            && self.selector == other.selector
            && priority.is_none_or(|priority| priority == self.priority)
    }

    /// Whether it does with packets what `asked` does. Which table an `l3mdev` rule looks up is the link's.
    pub fn does_as(&self, asked: &Self) -> bool {
        (asked.selector.l3mdev || self.action == asked.action)
            && self.suppress == asked.suppress
            && self.suppress_group == asked.suppress_group
            && (asked.protocol.is_none() || self.protocol == asked.protocol)
    }

    /// A rule for all packets.
    fn plain(is_ipv6: bool, priority: u32, action: Action) -> Self {
        Self {
            is_ipv6,
            priority,
            selector: Selector::default(),
            action,
            suppress: None,
            suppress_group: None,
            protocol: None,
        }
    }

    /// A rule that each namespace has by itself, one of [`USUAL`].
    pub fn usual((is_ipv6, priority, table): (bool, u32, u32)) -> Self {
        Self::plain(is_ipv6, priority, Action::Lookup(table))
    }

    /// The rule that there is as soon as there is a VRF.
    pub(super) fn of_vrf(is_ipv6: bool) -> Self {
        let mut rule = Self::plain(is_ipv6, OF_VRF, Action::Lookup(0));
        rule.selector.l3mdev = true;
        rule
    }

    pub(super) fn message(&self) -> RuleMessage {
        let selector = &self.selector;
        let mut message = RuleMessage::default();
        let header = &mut message.header;
        header.family = family(self.is_ipv6);
        header.tos = selector.tos;
        if selector.is_not {
            header.flags |= RuleFlags::Invert;
        }
        let attributes = &mut message.attributes;
        attributes.push(RuleAttribute::Priority(self.priority));
        if let Some(from) = selector.from {
            header.src_len = from.prefix_len();
            attributes.push(RuleAttribute::Source(from.addr()));
        }
        if let Some(to) = selector.to {
            header.dst_len = to.prefix_len();
            attributes.push(RuleAttribute::Destination(to.addr()));
        }
        let iif = selector.iif.clone().map(RuleAttribute::Iifname);
        let oif = selector.oif.clone().map(RuleAttribute::Oifname);
        attributes.extend(iif.into_iter().chain(oif));
        if let Some((mark, mask)) = selector.fwmark {
            attributes.extend([RuleAttribute::FwMark(mark), RuleAttribute::FwMask(mask)]);
        }
        if let Some(protocol) = selector.protocol {
            attributes.push(RuleAttribute::IpProtocol(i32::from(protocol).into()));
        }
        let range = |(start, end): (u16, u16)| RulePortRange { start, end };
        let sport = selector.sport.map(range);
        let dport = selector.dport.map(range);
        attributes.extend(sport.map(RuleAttribute::SourcePortRange));
        attributes.extend(dport.map(RuleAttribute::DestinationPortRange));
        let uids = selector
            .uids
            .map(|(start, end)| RuleUidRange { start, end });
        attributes.extend(uids.map(RuleAttribute::UidRange));
        if selector.l3mdev {
            attributes.push(RuleAttribute::L3MDev(true));
        }
        attributes.extend(self.suppress.map(RuleAttribute::SuppressPrefixLen));
        attributes.extend(self.suppress_group.map(RuleAttribute::SuppressIfGroup));
        let protocol = self.protocol.as_deref().map(route::protocol_number);
        attributes.extend(protocol.map(|number| RuleAttribute::Protocol(number.into())));
        match &self.action {
            Action::Lookup(table) => {
                header.action = RuleAction::ToTable;
                if !selector.l3mdev {
                    attributes.push(RuleAttribute::Table(*table));
                }
            }
            Action::Goto(target) => {
                header.action = RuleAction::Goto;
                attributes.push(RuleAttribute::Goto(*target));
            }
            Action::Other(name) => {
                let action = ACTIONS.iter().find(|(known, _)| known == name);
                let number = action.and_then(|(_, number)| u8::try_from(*number).ok());
                header.action = number.map_or(RuleAction::Nop, RuleAction::from);
            }
        }
        message
    }

    /// The request that adds it.
    pub fn adding(&self) -> Request {
        let message = RouteNetlinkMessage::NewRule(self.message());
        Request::new(&message, NLM_F_CREATE | NLM_F_EXCL)
    }

    /// The request that deletes it.
    pub fn deleting(&self) -> Request {
        Request::new(&RouteNetlinkMessage::DelRule(self.message()), 0)
    }

    /// The rule as `ip rule add` takes it, without its priority.
    pub fn words(&self) -> String {
        let selector = &self.selector;
        let mut words = Vec::new();
        let mut add = |key: &str, value: Option<String>| {
            words.extend(value.map(|value| format!("{key} {value}")));
        };
        let all = || Some("all".to_owned());
        let from = if selector.is_not { "not from" } else { "from" };
        add(from, selector.from.map(prefix_text).or_else(all));
        add("to", selector.to.map(prefix_text));
        let tos = (selector.tos > 0).then(|| format!("{:#04x}", selector.tos));
        add("tos", tos);
        add("fwmark", selector.mark_text());
        add("iif", selector.iif.clone());
        add("oif", selector.oif.clone());
        add("ipproto", selector.protocol.map(protocol_text));
        add("sport", selector.sport.map(range_text));
        add("dport", selector.dport.map(range_text));
        let uids = selector.uids.map(|(start, end)| format!("{start}-{end}"));
        add("uidrange", uids);
        words.extend(selector.more.iter().cloned());
        let mut add = |key: &str, value: Option<String>| {
            words.extend(value.map(|value| format!("{key} {value}")));
        };
        match &self.action {
            Action::Lookup(_) if selector.l3mdev => add("lookup", Some("[l3mdev-table]".into())),
            Action::Lookup(number) => add("lookup", Some(table::text(*number))),
            Action::Goto(target) => add("goto", Some(target.to_string())),
            Action::Other(name) => words.push((*name).to_owned()),
        }
        let suppress = self
            .suppress
            .map(|length| format!("suppress_prefixlength {length}"));
        words.extend(suppress);
        let group = self.suppress_group;
        words.extend(group.map(|group| format!("suppress_ifgroup {group}")));
        let protocol = self.protocol.as_ref();
        // What `ip rule` leaves out.
        let protocol = protocol.filter(|name| !["boot", "kernel"].contains(&name.as_str()));
        words.extend(protocol.map(|protocol| format!("proto {protocol}")));
        words.join(" ")
    }
}

impl fmt::Display for Rule {
    /// As `ip rule` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.priority, self.words())
    }
}

impl Selector {
    /// The mark as `ip rule` prints it: `0x1`, `0x1/0xff`.
    pub fn mark_text(&self) -> Option<String> {
        self.fwmark.map(|(mark, mask)| match mask {
            u32::MAX => format!("{mark:#x}"),
            mask => format!("{mark:#x}/{mask:#x}"),
        })
    }
}

/// One address without its prefix length, as `ip` prints it.
pub fn prefix_text(prefix: IpNet) -> String {
    if prefix.prefix_len() == prefix.max_prefix_len() {
        prefix.addr().to_string()
    } else {
        prefix.to_string()
    }
}

/// A range of ports: `80`, `8000-8080`.
pub fn range_text((start, end): (u16, u16)) -> String {
    if start == end {
        start.to_string()
    } else {
        format!("{start}-{end}")
    }
}

/// The protocols that can be named.
pub const PROTOCOLS: &[(&str, i64)] = &[
    ("icmp", 1),
    ("ipip", 4),
    ("tcp", 6),
    ("udp", 17),
    ("gre", 47),
    ("esp", 50),
    ("ipv6-icmp", 58),
    ("sctp", 132),
];

/// The protocol by its name, where it has one here.
pub fn protocol_text(number: u8) -> String {
    let name = PROTOCOLS
        .iter()
        .find(|(_, known)| *known == i64::from(number));
    name.map_or_else(|| number.to_string(), |(name, _)| (*name).to_owned())
}

fn family(is_ipv6: bool) -> AddressFamily {
    if is_ipv6 {
        AddressFamily::Inet6
    } else {
        AddressFamily::Inet
    }
}

/// All rules of the namespace, first those of IPv4, in the order in which they are tried.
pub async fn list(rtnl: &Rtnl) -> Result<Vec<Rule>, Refusal> {
    let mut rules = Vec::new();
    for is_ipv6 in [false, true] {
        let mut message = RuleMessage::default();
        message.header.family = family(is_ipv6);
        let answers = match rtnl.dump(RouteNetlinkMessage::GetRule(message)).await {
            Ok(answers) => answers,
            // A kernel without IPv6, or without rules.
            Err(refusal) if [Errno::EOPNOTSUPP, Errno::EAFNOSUPPORT].contains(&refusal.errno) => {
                continue;
            }
            Err(refusal) => return Err(refusal),
        };
        rules.extend(answers.iter().filter_map(|answer| match answer {
            // A family without rules of its own is answered with those of all.
            RouteNetlinkMessage::NewRule(message) if message.header.family == family(is_ipv6) => {
                Some(read(message))
            }
            _ => None,
        }));
    }
    Ok(rules)
}

pub(super) fn read(message: &RuleMessage) -> Rule {
    let header = &message.header;
    let is_ipv6 = header.family == AddressFamily::Inet6;
    let mut selector = Selector {
        is_not: header.flags.contains(RuleFlags::Invert),
        tos: header.tos,
        ..Selector::default()
    };
    let mut rule_table = u32::from(header.table);
    let (mut priority, mut suppress, mut target) = (0, None, 0);
    let (mut suppress_group, mut protocol) = (None, None);
    let (mut mark, mut bits) = (None, u32::MAX);
    let any: IpAddr = if is_ipv6 {
        Ipv6Addr::UNSPECIFIED.into()
    } else {
        Ipv4Addr::UNSPECIFIED.into()
    };
    let (mut from, mut to) = (any, any);
    for attribute in &message.attributes {
        match attribute {
            RuleAttribute::Priority(found) => priority = *found,
            RuleAttribute::Source(ip) => from = *ip,
            RuleAttribute::Destination(ip) => to = *ip,
            RuleAttribute::Iifname(name) => selector.iif = Some(name.clone()),
            RuleAttribute::Oifname(name) => selector.oif = Some(name.clone()),
            RuleAttribute::FwMark(found) => mark = Some(*found),
            RuleAttribute::FwMask(found) => bits = *found,
            RuleAttribute::Table(found) => rule_table = *found,
            RuleAttribute::IpProtocol(found) => {
                selector.protocol = u8::try_from(i32::from(*found)).ok();
            }
            RuleAttribute::SourcePortRange(range) => {
                selector.sport = Some((range.start, range.end));
            }
            RuleAttribute::DestinationPortRange(range) => {
                selector.dport = Some((range.start, range.end));
            }
            RuleAttribute::L3MDev(is) => selector.l3mdev = *is,
            // The kernel says -1 where there is none.
            RuleAttribute::SuppressPrefixLen(u32::MAX)
            | RuleAttribute::SuppressIfGroup(u32::MAX) => {}
            RuleAttribute::SuppressPrefixLen(length) => suppress = Some(*length),
            RuleAttribute::SuppressIfGroup(found) => suppress_group = Some(*found),
            RuleAttribute::Goto(priority) => target = *priority,
            RuleAttribute::UidRange(range) => selector.uids = Some((range.start, range.end)),
            RuleAttribute::Protocol(found) => {
                protocol = Some(route::protocol_text(*found)).filter(|name| name != "unspec");
            }
            RuleAttribute::TunId(id) if *id > 0 => selector.more.push(format!("tun_id {id}")),
            _ => {}
        }
    }
    let prefix = |ip, length| (length > 0).then(|| IpNet::new(ip, length).ok()).flatten();
    selector.from = prefix(from, header.src_len);
    selector.to = prefix(to, header.dst_len);
    selector.fwmark = mark.map(|mark| (mark, bits));
    let action = match header.action {
        RuleAction::ToTable => Action::Lookup(rule_table),
        RuleAction::Goto => Action::Goto(target),
        other => {
            let number = i64::from(u8::from(other));
            let known = ACTIONS.iter().find(|(_, action)| *action == number);
            Action::Other(known.map_or("nop", |(name, _)| name))
        }
    };
    Rule {
        is_ipv6,
        priority,
        selector,
        action,
        suppress,
        suppress_group,
        protocol,
    }
}
