//! Which route the kernel would take, by what was planned: the rules say in which tables it looks, and in one the longest prefix
//! wins, and of those the lowest metric.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use nix::errno::Errno;
use rtnetlink::packet_route::RouteNetlinkMessage as Message;
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::packet_route::link::{LinkFlags, LinkMessage};
use rtnetlink::packet_route::route::{RouteAttribute, RouteMessage, RouteType};

use super::answer::{local, table_of};
use super::link::{master_of, vrf_table};
use super::place::Place;
use crate::net::nexthop::wire::{NexthopAttribute, NexthopMessage};
use crate::net::route::{TABLE_MAIN, gateway_of, ip_of, route_address as address};
use crate::net::rule::{self, Action, Rule};

/// `RT_TABLE_LOCAL` of `linux/rtnetlink.h`.
const TABLE_LOCAL: u32 = 255;
/// What a question of IPv4 is about where it does not say so: a packet of UDP, `inet_rtm_getroute` of net/ipv4/route.c.
const UDP: u8 = 17;
/// The loopback has the first ifindex in every namespace.
const LOOPBACK: u32 = 1;

/// What decides where a packet goes, as it was told.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) rules: Vec<Message>,
    pub(super) routes: Vec<Message>,
    pub(super) addresses: Vec<Message>,
}

/// The same with the links and the nexthops.
pub(super) struct Known<'a> {
    heard: &'a Heard,
    links: &'a [LinkMessage],
    nexthops: &'a [NexthopMessage],
}

impl Heard {
    /// With what the place has beside it.
    pub(super) fn beside<'a>(&'a self, place: &'a Place) -> Known<'a> {
        Known {
            heard: self,
            links: &place.links,
            nexthops: &place.nexthops,
        }
    }
}

/// A way that fits.
#[derive(Clone, Debug)]
pub(super) struct Way {
    table: u32,
    pub(super) prefix_len: u8,
    metric: u32,
    pub(super) kind: RouteType,
    pub(super) link: Option<u32>,
    pub(super) via: Option<IpAddr>,
    source: Option<IpAddr>,
}

/// An address that a link has, with its network.
struct Own {
    link: u32,
    ip: IpAddr,
    network: IpNet,
}

/// What the kernel would answer to `wanted`, a question for one route, where it has what is `known`.
pub(super) fn lookup(wanted: &RouteMessage, known: &Known) -> Result<RouteMessage, Errno> {
    let destination = destination_of(wanted).ok_or(Errno::EINVAL)?;
    let own = known.own();
    let ways = known.ways(&own, destination);
    let best = choose(known, wanted, destination, &ways)?;
    let towards = best.via.unwrap_or(destination);
    let near = |own: &&Own| own.network.contains(&towards);
    let of_link = |own: &&Own| best.link.is_none_or(|link| own.link == link);
    let leaves = own
        .iter()
        .filter(of_link)
        .find(near)
        .or_else(|| own.iter().find(of_link));
    // Of IPv4 the kernel names the main table, whichever it was.
    let table = if destination.is_ipv4() {
        TABLE_MAIN
    } else {
        best.table
    };
    let mut found = wanted.clone();
    found.header.kind = best.kind;
    found.header.table = u8::try_from(table).unwrap_or_default();
    found.attributes = vec![
        RouteAttribute::Destination(address(destination)),
        RouteAttribute::Table(table),
    ];
    let attributes = &mut found.attributes;
    attributes.extend(best.via.map(|via| RouteAttribute::Gateway(address(via))));
    let link = best.link.or(leaves.map(|own| own.link));
    attributes.extend(link.map(RouteAttribute::Oif));
    let source = best.source.or(leaves.map(|own| own.ip));
    // One that was asked for is not told again of IPv4.
    let source = source.filter(|source| source.is_ipv6() || source_of(wanted).is_none());
    attributes.extend(source.map(|source| RouteAttribute::PrefSource(address(source))));
    Ok(found)
}

/// Tries the rules one by one.
fn choose(
    known: &Known,
    wanted: &RouteMessage,
    destination: IpAddr,
    ways: &[Way],
) -> Result<Way, Errno> {
    let source = source_of(wanted);
    let rules = known
        .heard
        .rules
        .iter()
        .filter_map(|message| match message {
            Message::NewRule(rule) => Some(rule::read(rule)),
            _ => None,
        });
    let mut from = 0;
    for rule in rules {
        if rule.priority < from || !is_for(&rule, source, destination) {
            continue;
        }
        match rule.action {
            Action::Lookup(table) => {
                let in_table = ways.iter().filter(|way| way.table == table);
                let best = in_table.min_by_key(|way| (u8::MAX - way.prefix_len, way.metric));
                let is_suppressed = |way: &&Way| {
                    let length = u32::from(way.prefix_len);
                    rule.suppress.is_some_and(|most| length <= most)
                };
                let Some(best) = best.filter(|way| !is_suppressed(way)) else {
                    continue;
                };
                match best.kind {
                    RouteType::Throw => {}
                    RouteType::BlackHole => return Err(Errno::EINVAL),
                    RouteType::Unreachable => return Err(Errno::EHOSTUNREACH),
                    RouteType::Prohibit => return Err(Errno::EACCES),
                    _ => return Ok(best.clone()),
                }
            }
            Action::Goto(target) => from = target,
            Action::Other("blackhole") => return Err(Errno::EINVAL),
            Action::Other("unreachable") => return Err(Errno::ENETUNREACH),
            Action::Other("prohibit") => return Err(Errno::EACCES),
            Action::Other(_) => {}
        }
    }
    Err(Errno::ENETUNREACH)
}

/// Whether the rule is for a packet that this namespace sends, of which no more is said than where it goes and comes from.
fn is_for(rule: &Rule, source: Option<IpAddr>, destination: IpAddr) -> bool {
    let selector = &rule.selector;
    let any: IpAddr = if rule.is_ipv6 {
        Ipv6Addr::UNSPECIFIED.into()
    } else {
        Ipv4Addr::UNSPECIFIED.into()
    };
    let source = source.unwrap_or(any);
    let is_of = |protocol| protocol == UDP && !rule.is_ipv6;
    let fits = selector.from.is_none_or(|from| from.contains(&source))
        && selector.to.is_none_or(|to| to.contains(&destination))
        // What the namespace sends itself comes in by the loopback.
        && selector.iif.as_deref().is_none_or(|iif| iif == "lo")
        && selector.oif.is_none()
        && selector.fwmark.is_none_or(|(mark, bits)| mark & bits == 0)
        && selector.tos == 0
        && selector.protocol.is_none_or(is_of)
        && selector.sport.is_none()
        && selector.dport.is_none()
        && selector.uids.is_none()
        && !selector.l3mdev
        && selector.more.is_empty();
    rule.is_ipv6 == destination.is_ipv6() && fits != selector.is_not
}

impl Known<'_> {
    fn own(&self) -> Vec<Own> {
        let own = |message: &Message| match message {
            Message::NewAddress(address) => own(address),
            _ => None,
        };
        self.heard.addresses.iter().filter_map(own).collect()
    }

    /// Whether a link here has the address.
    pub(super) fn has_address(&self, ip: IpAddr) -> bool {
        self.own().iter().any(|own| own.ip == ip)
    }

    /// All that leads to `destination`, in whichever table.
    pub(super) fn ways_to(&self, destination: IpAddr) -> Vec<Way> {
        self.ways(&self.own(), destination)
    }

    fn ways(&self, own: &[Own], destination: IpAddr) -> Vec<Way> {
        let mut ways = Vec::new();
        for one in own {
            let vrf = self.vrf_of(one.link);
            let way = Way {
                table: vrf.unwrap_or(TABLE_MAIN),
                prefix_len: one.network.prefix_len(),
                metric: 0,
                kind: RouteType::Unicast,
                link: Some(one.link),
                via: None,
                source: Some(one.ip),
            };
            if one.ip == destination {
                ways.push(Way {
                    table: vrf.unwrap_or(TABLE_LOCAL),
                    prefix_len: IpNet::from(one.ip).prefix_len(),
                    kind: RouteType::Local,
                    link: Some(LOOPBACK),
                    ..way
                });
            } else if one.network.contains(&destination) && self.is_up(one.link) {
                ways.push(way);
            }
        }
        ways.extend(
            self.heard
                .routes
                .iter()
                .filter_map(|message| match message {
                    Message::NewRoute(route) => self.way(route, destination),
                    _ => None,
                }),
        );
        ways
    }

    pub(super) fn link(&self, index: u32) -> Option<&LinkMessage> {
        self.links.iter().find(|link| link.header.index == index)
    }

    fn is_up(&self, index: u32) -> bool {
        self.link(index)
            .is_some_and(|link| link.header.flags.contains(LinkFlags::Up))
    }

    /// The table of the VRF that the link is under.
    fn vrf_of(&self, index: u32) -> Option<u32> {
        vrf_table(self.link(master_of(self.link(index)?)?)?)
    }

    /// What a route says of `destination`; none where it leads elsewhere.
    fn way(&self, route: &RouteMessage, destination: IpAddr) -> Option<Way> {
        let prefix_len = route.header.destination_prefix_length;
        let leads_there = match destination_of(route) {
            Some(start) => IpNet::new(start, prefix_len).ok()?.contains(&destination),
            None => prefix_len == 0,
        };
        if !leads_there {
            return None;
        }
        let mut way = Way {
            table: table_of(route),
            prefix_len,
            metric: 0,
            kind: route.header.kind,
            link: None,
            via: None,
            source: None,
        };
        for attribute in &route.attributes {
            match attribute {
                RouteAttribute::Priority(metric) => way.metric = *metric,
                RouteAttribute::Oif(index) => way.link = Some(*index),
                RouteAttribute::Gateway(_) | RouteAttribute::Via(_) => {
                    way.via = gateway_of(attribute);
                }
                RouteAttribute::PrefSource(source) => way.source = ip_of(source),
                RouteAttribute::NhId(id) => self.follow(*id, &mut way),
                // Which of several one packet takes, only the kernel knows.
                RouteAttribute::MultiPath(hops) => {
                    let first = hops.first()?;
                    way.link = Some(first.interface_index).filter(|index| *index > 0);
                    way.via = first.attributes.iter().find_map(gateway_of);
                }
                _ => {}
            }
        }
        if way.kind == RouteType::Local {
            way.link = Some(LOOPBACK);
        }
        Some(way)
    }

    /// Takes the way of a nexthop object; of a group that of its first member.
    fn follow(&self, id: u32, way: &mut Way) {
        let has_id = |one: &&NexthopMessage| one.attributes.contains(&NexthopAttribute::Id(id));
        let attributes = self.nexthops.iter().find(has_id).map(|one| &one.attributes);
        for attribute in attributes.into_iter().flatten() {
            match attribute {
                NexthopAttribute::Link(index) => way.link = Some(*index),
                NexthopAttribute::Gateway(via) => way.via = Some(*via),
                NexthopAttribute::Blackhole => way.kind = RouteType::BlackHole,
                NexthopAttribute::Group(members) => {
                    // The kernel takes no group into another.
                    if let Some(first) = members.first().filter(|member| member.id != id) {
                        self.follow(first.id, way);
                    }
                }
                _ => {}
            }
        }
    }
}

fn own(message: &AddressMessage) -> Option<Own> {
    let ip = local(message)?;
    let far = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            AddressAttribute::Address(far) => Some(*far),
            _ => None,
        });
    // A far end is what the link leads to.
    let network = IpNet::new(far.unwrap_or(ip), message.header.prefix_len).ok()?;
    Some(Own {
        link: message.header.index,
        ip,
        network,
    })
}

fn destination_of(route: &RouteMessage) -> Option<IpAddr> {
    route
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            RouteAttribute::Destination(address) => ip_of(address),
            _ => None,
        })
}

/// The address that packets are said to come from.
fn source_of(wanted: &RouteMessage) -> Option<IpAddr> {
    wanted
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            RouteAttribute::Source(address) => ip_of(address),
            _ => None,
        })
}
