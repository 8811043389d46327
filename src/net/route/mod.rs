//! Routes: add, delete, list, and ask the kernel which one it would take.

mod encap;
mod metrics;
mod names;
mod question;

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteNextHop,
    RouteNextHopFlags, RouteProtocol, RouteScope, RouteType, RouteVia,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use serde::{Deserialize, Serialize};

use crate::net::address::family;
use crate::net::request;
use crate::net::rtnl::{Refusal, Rtnl};
use crate::net::table;

pub use encap::Encap;
pub use metrics::Metrics;
pub use names::{KINDS, PROTOCOLS, SCOPES};
pub(super) use names::{protocol_number, protocol_text};
pub use question::Question;

use names::{kind, kind_name, protocol};

/// The table that `ip route` shows when none is named.
pub const TABLE_MAIN: u32 = RouteHeader::RT_TABLE_MAIN as u32;

/// One of several next hops that share the packets of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// The gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<IpAddr>,
    /// The ifindex of the link it leaves by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<u32>,
    /// Its share, 1 to 256. The kernel counts from 0.
    pub weight: u16,
    /// Takes the gateway as directly connected.
    pub onlink: bool,
}

/// A route: one to be added, or one that the kernel has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Where it leads.
    pub destination: IpNet,
    /// The gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<IpAddr>,
    /// The ifindex of the link it leaves by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<u32>,
    /// The address that packets leave with, where the sender has chosen none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// Its priority; the lowest wins. None for the kernel's own choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<u32>,
    /// The routing table.
    pub table: u32,
    /// Takes the gateway as directly connected, whatever the addresses say.
    pub onlink: bool,
    /// What is said of the path: its MTU and the like.
    #[serde(default, skip_serializing_if = "Metrics::is_empty")]
    pub metrics: Metrics,
    /// The type of service of the packets that it is for (IPv4); 0 for any.
    #[serde(default)]
    pub tos: u8,
    /// The next hops that share the packets, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hops: Vec<Hop>,
    /// Who made it, as `ip route` prints it.
    #[serde(default = "boot")]
    pub protocol: String,
    /// How far the destination is: `global`, `link` or `host`; empty for what suits the rest.
    #[serde(default)]
    pub scope: String,
    /// The number of the nexthop object that says where it leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nexthop: Option<u32>,
    /// What it does with a packet: `unicast`, `local`, `broadcast`, `blackhole` …
    #[serde(default = "unicast")]
    pub kind: String,
    /// What its packets are wrapped in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encap: Option<Encap>,
}

fn boot() -> String {
    "boot".to_owned()
}

fn unicast() -> String {
    "unicast".to_owned()
}

impl Route {
    /// Follows links that have another ifindex now: by the old one, the new.
    pub fn renumber(&mut self, moved: &HashMap<u32, u32>) {
        let hops = self.hops.iter_mut().map(|hop| &mut hop.link);
        for link in hops.chain([&mut self.link]).flatten() {
            request::renumber(link, moved);
        }
    }

    /// A route as `ip route add` makes it, with nothing but its destination.
    pub fn to(destination: IpNet) -> Self {
        Self {
            destination,
            via: None,
            link: None,
            source: None,
            metric: None,
            table: TABLE_MAIN,
            onlink: false,
            metrics: Metrics::default(),
            tos: 0,
            hops: Vec::new(),
            protocol: "boot".to_owned(),
            scope: String::new(),
            nexthop: None,
            kind: "unicast".to_owned(),
            encap: None,
        }
    }

    /// The route as it is to be asked for: where a nexthop object says where it leads, no more is said of that.
    #[must_use]
    pub fn bare(&self) -> Self {
        if self.nexthop.is_none() {
            return self.clone();
        }
        let mut bare = Self {
            via: None,
            link: None,
            onlink: false,
            hops: Vec::new(),
            ..self.clone()
        };
        if bare.is_refusal() {
            bare.kind = unicast();
        }
        bare
    }

    /// The same by the link `new` where it was by `old`.
    #[must_use]
    pub fn by_other_link(&self, old: u32, new: u32) -> Self {
        let mut other = self.clone();
        let links = other.hops.iter_mut().map(|hop| &mut hop.link);
        for link in links.chain([&mut other.link]) {
            if *link == Some(old) {
                *link = Some(new);
            }
        }
        other
    }

    /// The message that adds it, or deletes it.
    pub(super) fn message(&self) -> RouteMessage {
        let ip = self.destination.addr();
        let route = &self.bare();
        let mut message = RouteMessage::default();
        let header = &mut message.header;
        header.address_family = family(ip);
        header.destination_prefix_length = route.destination.prefix_len();
        header.protocol = protocol(&route.protocol);
        header.kind = kind(&route.kind);
        header.scope = route.scope_to_send();
        header.tos = route.tos;
        if route.onlink {
            header.flags |= RouteFlags::Onlink;
        }
        let attributes = &mut message.attributes;
        match u8::try_from(route.table) {
            Ok(table) => header.table = table,
            Err(_) => attributes.push(RouteAttribute::Table(route.table)),
        }
        if route.destination.prefix_len() > 0 {
            attributes.push(RouteAttribute::Destination(route_address(ip)));
        }
        let is_ipv6 = ip.is_ipv6();
        attributes.extend(route.via.map(|via| gateway(via, is_ipv6)));
        if let Some(link) = route.link {
            attributes.push(RouteAttribute::Oif(link));
        }
        if let Some(source) = route.source {
            attributes.push(RouteAttribute::PrefSource(route_address(source)));
        }
        if let Some(metric) = route.metric {
            attributes.push(RouteAttribute::Priority(metric));
        }
        let metrics = route.metrics.message();
        if !metrics.is_empty() {
            attributes.push(RouteAttribute::Metrics(metrics));
        }
        attributes.extend(route.nexthop.map(RouteAttribute::NhId));
        attributes.extend(route.encap.iter().flat_map(Encap::message));
        if !route.hops.is_empty() {
            let hops = route.hops.iter().map(|hop| hop.message(is_ipv6)).collect();
            attributes.push(RouteAttribute::MultiPath(hops));
        }
        message
    }

    /// The scope asked for, or the one that `ip route add` chooses.
    fn scope_to_send(&self) -> RouteScope {
        if let Some(scope) = names::scope(&self.scope) {
            return scope;
        }
        match self.kind.as_str() {
            "local" => RouteScope::Host,
            "broadcast" => RouteScope::Link,
            // A route without a gateway leads to what is on the link itself; the kernel wants IPv4 routes to say so.
            "unicast"
                if self.destination.addr().is_ipv4()
                    && self.via.is_none()
                    && self.nexthop.is_none()
                    && self.hops.iter().all(|hop| hop.via.is_none()) =>
            {
                RouteScope::Link
            }
            _ => RouteScope::Universe,
        }
    }

    /// The scope that `ip route add` gives to a route like this one, of which no scope is said.
    pub fn usual_scope(&self) -> String {
        let plain = Self {
            scope: String::new(),
            ..self.clone()
        };
        names::scope_name(plain.scope_to_send())
    }

    /// What tells it from the others of its namespace, as far as the kernel keeps them apart.
    pub fn identity(&self) -> String {
        let usual = if self.destination.addr().is_ipv4() {
            0
        } else {
            1024
        };
        let metric = self.metric.unwrap_or(usual);
        format!("route {} {} {metric}", self.destination, self.table)
    }

    /// Whether it refuses packets, and so leads nowhere.
    pub fn is_refusal(&self) -> bool {
        ["blackhole", "unreachable", "prohibit", "throw"].contains(&self.kind.as_str())
    }

    /// The route as `ip route` prints it; `name_of` tells the name of the link of an ifindex.
    pub fn line(&self, name_of: impl Fn(u32) -> Option<String>) -> String {
        let link = self.link.and_then(&name_of);
        let mut words = Vec::new();
        if self.kind != "unicast" {
            words.push(self.kind.clone());
        }
        words.push(self.destination_text());
        words.extend((self.tos > 0).then(|| format!("tos {:#04x}", self.tos)));
        words.extend(self.nexthop.map(|id| format!("nhid {id}")));
        let is_ipv6 = self.destination.addr().is_ipv6();
        words.extend(self.via.map(|via| via_text(via, is_ipv6)));
        if let Some(link) = link {
            words.push(format!("dev {link}"));
        }
        if self.table != TABLE_MAIN {
            words.push(format!("table {}", table::text(self.table)));
        }
        // What `ip route` leaves out: its own, and that of an answer to a lookup, which has none.
        if !["boot", "unspec"].contains(&self.protocol.as_str()) {
            words.push(format!("proto {}", self.protocol));
        }
        if !["", "global"].contains(&self.scope.as_str()) {
            words.push(format!("scope {}", self.scope));
        }
        if let Some(source) = self.source {
            words.push(format!("src {source}"));
        }
        if let Some(metric) = self.metric {
            words.push(format!("metric {metric}"));
        }
        if self.onlink {
            words.push("onlink".to_owned());
        }
        words.extend(self.metrics.words());
        for hop in &self.hops {
            words.push("nexthop".to_owned());
            words.extend(hop.via.map(|via| via_text(via, is_ipv6)));
            words.extend(hop.link.and_then(&name_of).map(|dev| format!("dev {dev}")));
            words.push(format!("weight {}", hop.weight));
            words.extend(hop.onlink.then(|| "onlink".to_owned()));
        }
        // At the end: a `table` behind it would be one of its own.
        if let Some(encap) = &self.encap {
            let text = encap.text();
            words.push(format!("encap {}", text.as_deref().unwrap_or("unknown")));
        }
        words.join(" ")
    }

    /// The destination as `ip route` prints it: `default`, a prefix, or one address.
    pub fn destination_text(&self) -> String {
        let prefix = self.destination;
        if prefix.prefix_len() == 0 {
            "default".to_owned()
        } else if prefix.prefix_len() == prefix.max_prefix_len() {
            prefix.addr().to_string()
        } else {
            prefix.to_string()
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line(|_| None))
    }
}

impl Hop {
    fn message(&self, is_ipv6: bool) -> RouteNextHop {
        let mut hop = RouteNextHop::default();
        hop.hops = u8::try_from(self.weight.saturating_sub(1)).unwrap_or(u8::MAX);
        hop.interface_index = self.link.unwrap_or(0);
        if self.onlink {
            hop.flags |= RouteNextHopFlags::Onlink;
        }
        hop.attributes
            .extend(self.via.map(|via| gateway(via, is_ipv6)));
        hop
    }

    fn read(hop: &RouteNextHop) -> Self {
        let via = hop.attributes.iter().find_map(gateway_of);
        Self {
            via,
            link: (hop.interface_index > 0).then_some(hop.interface_index),
            weight: u16::from(hop.hops) + 1,
            onlink: hop.flags.contains(RouteNextHopFlags::Onlink),
        }
    }
}

/// The gateway `via` of a route of the family; that of an IPv4 route may be one of IPv6, and is told in another way then.
fn gateway(via: IpAddr, is_ipv6: bool) -> RouteAttribute {
    match via {
        IpAddr::V6(via) if !is_ipv6 => RouteAttribute::Via(RouteVia::Inet6(via)),
        via => RouteAttribute::Gateway(route_address(via)),
    }
}

/// The gateway that an attribute tells.
pub(super) fn gateway_of(attribute: &RouteAttribute) -> Option<IpAddr> {
    match attribute {
        RouteAttribute::Gateway(address) => ip_of(address),
        RouteAttribute::Via(RouteVia::Inet6(via)) => Some(IpAddr::V6(*via)),
        RouteAttribute::Via(RouteVia::Inet(via)) => Some(IpAddr::V4(*via)),
        _ => None,
    }
}

fn via_text(via: IpAddr, is_ipv6: bool) -> String {
    if via.is_ipv6() && !is_ipv6 {
        format!("via inet6 {via}")
    } else {
        format!("via {via}")
    }
}

pub(crate) fn route_address(ip: IpAddr) -> RouteAddress {
    match ip {
        IpAddr::V4(ip) => RouteAddress::Inet(ip),
        IpAddr::V6(ip) => RouteAddress::Inet6(ip),
    }
}

pub(crate) fn ip_of(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some(IpAddr::V4(*ip)),
        RouteAddress::Inet6(ip) => Some(IpAddr::V6(*ip)),
        _ => None,
    }
}

/// Adds a route; refused with `EEXIST` where one to the same destination with the same metric is in the table.
pub async fn add(rtnl: &Rtnl, route: &Route) -> Result<(), Refusal> {
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    rtnl.tell(RouteNetlinkMessage::NewRoute(route.message()), flags)
        .await
}

/// Deletes the first route that matches what is set in `route`.
pub async fn delete(rtnl: &Rtnl, route: &Route) -> Result<(), Refusal> {
    let mut message = route.message();
    // Any scope, any protocol, any type: what a user names is the destination and the next hop.
    message.header.scope = RouteScope::NoWhere;
    message.header.protocol = RouteProtocol::Unspec;
    message.header.kind = RouteType::Unspec;
    rtnl.tell(RouteNetlinkMessage::DelRoute(message), 0).await
}

/// All unicast routes and special ones of the namespace, both families; of one table where one is given.
pub async fn list(rtnl: &Rtnl, table: Option<u32>) -> Result<Vec<Route>, Refusal> {
    let mut routes = Vec::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut message = RouteMessage::default();
        message.header.address_family = family;
        let answers = match rtnl.dump(RouteNetlinkMessage::GetRoute(message)).await {
            Ok(answers) => answers,
            // A kernel without IPv6.
            Err(refusal) if refusal.errno == nix::errno::Errno::EOPNOTSUPP => continue,
            Err(refusal) => return Err(refusal),
        };
        routes.extend(answers.into_iter().filter_map(|answer| match answer {
            RouteNetlinkMessage::NewRoute(message) => read(&message),
            _ => None,
        }));
    }
    routes.retain(|route| table.is_none_or(|table| table == route.table));
    Ok(routes)
}

/// Asks the kernel which route it would take.
pub async fn lookup(rtnl: &Rtnl, question: &Question) -> Result<Option<Route>, Refusal> {
    answer(rtnl, question.message()).await
}

/// Asks the kernel for that route as it is in the table: with all next hops that it chooses from.
pub async fn matching(rtnl: &Rtnl, question: &Question) -> Result<Option<Route>, Refusal> {
    let mut message = question.message();
    message.header.flags |= RouteFlags::FibMatch;
    answer(rtnl, message).await
}

async fn answer(rtnl: &Rtnl, message: RouteMessage) -> Result<Option<Route>, Refusal> {
    match rtnl.ask(RouteNetlinkMessage::GetRoute(message)).await? {
        RouteNetlinkMessage::NewRoute(message) => Ok(read(&message)),
        _ => Ok(None),
    }
}

/// Reads what the kernel tells of a route.
pub(super) fn read(message: &RouteMessage) -> Option<Route> {
    let header = &message.header;
    let any: IpAddr = match header.address_family {
        AddressFamily::Inet => Ipv4Addr::UNSPECIFIED.into(),
        AddressFamily::Inet6 => Ipv6Addr::UNSPECIFIED.into(),
        _ => return None,
    };
    let mut destination = any;
    let mut route = Route::to(IpNet::new(any, 0).ok()?);
    route.table = u32::from(header.table);
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(address) => destination = ip_of(address)?,
            RouteAttribute::Gateway(_) | RouteAttribute::Via(_) => {
                route.via = gateway_of(attribute);
            }
            RouteAttribute::Oif(index) => route.link = Some(*index),
            RouteAttribute::PrefSource(address) => route.source = ip_of(address),
            RouteAttribute::Priority(metric) => route.metric = Some(*metric),
            RouteAttribute::Table(table) => route.table = *table,
            RouteAttribute::Metrics(metrics) => route.metrics = Metrics::read(metrics),
            RouteAttribute::NhId(id) => route.nexthop = Some(*id),
            RouteAttribute::MultiPath(hops) => route.hops = hops.iter().map(Hop::read).collect(),
            _ => {}
        }
    }
    route.destination = IpNet::new(destination, header.destination_prefix_length).ok()?;
    // IPv6 tells what it does not go by.
    route.tos = if any.is_ipv4() { header.tos } else { 0 };
    route.onlink = header.flags.contains(RouteFlags::Onlink);
    route.protocol = protocol_text(header.protocol);
    kind_name(header.kind).clone_into(&mut route.kind);
    route.scope = names::scope_name(header.scope);
    route.encap = Encap::read(&message.attributes);
    Some(route)
}
