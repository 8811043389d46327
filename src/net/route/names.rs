//! What iproute2 calls the kinds of route, how far they lead, and who has made them.

use rtnetlink::packet_route::route::{RouteProtocol, RouteScope, RouteType};

use crate::net::address::scope_text;

/// The kinds of route that can be asked for, by the names that `ip` has for them.
pub const KINDS: &[(&str, i64)] = &[
    ("unicast", 1),
    ("local", 2),
    ("broadcast", 3),
    ("blackhole", 6),
    ("unreachable", 7),
    ("prohibit", 8),
    ("throw", 9),
];

/// How far a destination can be, by the names that `ip` has for it.
pub const SCOPES: &[(&str, i64)] = &[("global", 0), ("site", 200), ("link", 253), ("host", 254)];

/// Who can have made a route, by the names that iproute2 has for them.
pub const PROTOCOLS: &[(&str, i64)] = &[
    ("redirect", 1),
    ("kernel", 2),
    ("boot", 3),
    ("static", 4),
    ("ra", 9),
    ("mrt", 10),
    ("zebra", 11),
    ("bird", 12),
    ("dhcp", 16),
    ("keepalived", 18),
    ("babel", 42),
    ("bgp", 186),
    ("isis", 187),
    ("ospf", 188),
    ("rip", 189),
    ("eigrp", 192),
];

pub(super) fn kind(name: &str) -> RouteType {
    numbered(KINDS, name).map_or(RouteType::Unicast, RouteType::from)
}

/// The number that a name of the table stands for.
fn numbered(names: &[(&str, i64)], name: &str) -> Option<u8> {
    let known = names.iter().find(|(known, _)| *known == name);
    known.and_then(|(_, number)| u8::try_from(*number).ok())
}

/// The scope by its name, or its number.
pub(super) fn scope(name: &str) -> Option<RouteScope> {
    let number = numbered(SCOPES, name).or_else(|| name.parse().ok());
    number.map(RouteScope::from)
}

/// The name of a scope, or its number where it has none.
pub(super) fn scope_name(scope: RouteScope) -> String {
    match scope {
        RouteScope::NoWhere => "nowhere".to_owned(),
        scope => scope_text(scope.into()),
    }
}

pub(super) fn protocol(name: &str) -> RouteProtocol {
    match protocol_number(name) {
        0 => RouteProtocol::Boot,
        number => RouteProtocol::from(number),
    }
}

/// The number of who made a route; 0 for nobody.
pub(in crate::net) fn protocol_number(name: &str) -> u8 {
    let number = numbered(PROTOCOLS, name);
    number.or_else(|| name.parse().ok()).unwrap_or_default()
}

/// Who made a route, as `ip route` prints it.
pub(in crate::net) fn protocol_text(protocol: RouteProtocol) -> String {
    let number = u8::from(protocol);
    let known = PROTOCOLS
        .iter()
        .find(|(_, known)| *known == i64::from(number));
    match known {
        Some((name, _)) => (*name).to_owned(),
        None if number == 0 => "unspec".to_owned(),
        None => number.to_string(),
    }
}

pub(super) fn kind_name(kind: RouteType) -> &'static str {
    match kind {
        RouteType::Local => "local",
        RouteType::Broadcast => "broadcast",
        RouteType::Anycast => "anycast",
        RouteType::Multicast => "multicast",
        RouteType::BlackHole => "blackhole",
        RouteType::Unreachable => "unreachable",
        RouteType::Prohibit => "prohibit",
        RouteType::Throw => "throw",
        RouteType::Nat => "nat",
        _ => "unicast",
    }
}
