//! What iproute2 calls the kinds of route, how far they lead, and who has made them.

use rtnetlink::packet_route::route::{RouteProtocol, RouteScope, RouteType};

/// The kinds of route that can be asked for, by the names that `ip` has for them.
pub const KINDS: [(&str, RouteType); 7] = [
    ("unicast", RouteType::Unicast),
    ("local", RouteType::Local),
    ("broadcast", RouteType::Broadcast),
    ("blackhole", RouteType::BlackHole),
    ("unreachable", RouteType::Unreachable),
    ("prohibit", RouteType::Prohibit),
    ("throw", RouteType::Throw),
];

/// How far a destination can be, by the names that `ip` has for it.
pub const SCOPES: [(&str, RouteScope); 4] = [
    ("global", RouteScope::Universe),
    ("site", RouteScope::Site),
    ("link", RouteScope::Link),
    ("host", RouteScope::Host),
];

/// Who can have made a route, by the names that iproute2 has for them.
pub const PROTOCOLS: [(&str, u8); 16] = [
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
    let known = KINDS.iter().find(|(known, _)| *known == name);
    known.map_or(RouteType::Unicast, |(_, kind)| *kind)
}

pub(super) fn protocol(name: &str) -> RouteProtocol {
    match protocol_number(name) {
        0 => RouteProtocol::Boot,
        number => RouteProtocol::from(number),
    }
}

/// The number of who made a route; 0 for nobody.
pub(in crate::net) fn protocol_number(name: &str) -> u8 {
    let known = PROTOCOLS.iter().find(|(known, _)| *known == name);
    let number = known.map(|(_, number)| *number);
    number.or_else(|| name.parse().ok()).unwrap_or_default()
}

/// Who made a route, as `ip route` prints it.
pub(in crate::net) fn protocol_text(protocol: RouteProtocol) -> String {
    let number = u8::from(protocol);
    let known = PROTOCOLS.iter().find(|(_, known)| *known == number);
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
