//! Whether the kernel would take the next hops of a route, by what is planned: each needs a link that is up, and its gateway a
//! subnet of one (`fib_check_nh` of `net/ipv4/fib_semantics.c`, `fib6_nh_init` of `net/ipv6/route.c`). Only what is sure to be refused
//! is refused.

use std::net::{IpAddr, Ipv6Addr};

use nix::errno::Errno;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::link::{LinkFlags, LinkMessage};
use rtnetlink::packet_route::route::{
    RouteAttribute, RouteFlags, RouteMessage, RouteNextHopFlags, RouteScope, RouteType,
};

use super::lookup::{Known, Way};
use crate::net::nexthop::wire::{NexthopAttribute, NexthopMessage};
use crate::net::route::{gateway_of, ip_of};
use crate::net::rtnl::Refusal;

/// What a packet is sent by.
#[derive(Debug, Default)]
struct Hop {
    link: Option<u32>,
    via: Option<IpAddr>,
    is_onlink: bool,
}

fn refuse<T>(errno: Errno, text: &str) -> Result<T, Refusal> {
    let text = (!text.is_empty()).then(|| text.to_owned());
    Err(Refusal { errno, text })
}

/// The next hops of a route that are said in it; none where it needs none.
fn hops_of(route: &RouteMessage) -> Vec<Hop> {
    let mut one = Hop {
        is_onlink: route.header.flags.contains(RouteFlags::Onlink),
        ..Hop::default()
    };
    for attribute in &route.attributes {
        match attribute {
            RouteAttribute::Oif(index) => one.link = Some(*index),
            RouteAttribute::Gateway(_) | RouteAttribute::Via(_) => one.via = gateway_of(attribute),
            RouteAttribute::MultiPath(hops) => {
                let hop = |hop: &rtnetlink::packet_route::route::RouteNextHop| Hop {
                    link: Some(hop.interface_index).filter(|index| *index > 0),
                    via: hop.attributes.iter().find_map(gateway_of),
                    is_onlink: hop.flags.contains(RouteNextHopFlags::Onlink),
                };
                return hops.iter().map(hop).collect();
            }
            _ => {}
        }
    }
    if one.link.is_none() && one.via.is_none() {
        return Vec::new();
    }
    vec![one]
}

/// The family of an address.
fn family_of(ip: IpAddr) -> AddressFamily {
    match ip {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

/// The families of a route and of its gateways.
pub(super) fn families_of_route(route: &RouteMessage) -> Vec<AddressFamily> {
    let mut families = vec![route.header.address_family];
    let others = hops_of(route).into_iter().filter_map(|hop| hop.via);
    for family in others.map(family_of) {
        if !families.contains(&family) {
            families.push(family);
        }
    }
    families
}

/// The family of the gateway of a nexthop.
pub(super) fn families_of_nexthop(message: &NexthopMessage) -> Vec<AddressFamily> {
    let via = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            NexthopAttribute::Gateway(via) => Some(*via),
            _ => None,
        });
    via.map(family_of).into_iter().collect()
}

/// What the kernel says to a new route.
pub(super) fn check_route(route: &RouteMessage, known: &Known) -> Result<(), Refusal> {
    let header = &route.header;
    let hops = hops_of(route);
    let is_ipv6 = header.address_family == AddressFamily::Inet6;
    if header.kind != RouteType::Unicast || hops.is_empty() {
        return Ok(());
    }
    if !is_ipv6 && header.scope == RouteScope::Host {
        if hops.iter().any(|hop| hop.via.is_some()) {
            return refuse(
                Errno::EINVAL,
                "Route with host scope can not have a gateway",
            );
        }
    } else {
        for hop in &hops {
            known.check(hop, is_ipv6, header.scope)?;
        }
    }
    let source = route
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            RouteAttribute::PrefSource(source) => ip_of(source),
            _ => None,
        });
    match source {
        Some(source) if !known.has_address(source) && !source.is_loopback() => {
            let text = if is_ipv6 {
                "Invalid source address"
            } else {
                "Invalid prefsrc address"
            };
            refuse(Errno::EINVAL, text)
        }
        _ => Ok(()),
    }
}

/// What the kernel says to a new nexthop object.
pub(super) fn check_nexthop(message: &NexthopMessage, known: &Known) -> Result<(), Refusal> {
    let mut hop = Hop::default();
    for attribute in &message.attributes {
        match attribute {
            NexthopAttribute::Link(index) => hop.link = Some(*index),
            NexthopAttribute::Gateway(via) => hop.via = Some(*via),
            _ => {}
        }
    }
    let Some(index) = hop.link else {
        return Ok(());
    };
    if known.is_down(index) {
        return refuse(Errno::ENETDOWN, "Nexthop device is not up");
    }
    if message.is_onlink() || hop.via.is_none() {
        return Ok(());
    }
    known.check(&hop, false, RouteScope::Universe)
}

impl Known<'_> {
    /// Whether the link is known, and known to be down.
    fn is_down(&self, index: u32) -> bool {
        let is_down = |link: &LinkMessage| !link.header.flags.contains(LinkFlags::Up);
        self.link(index).is_some_and(is_down)
    }

    /// Checks one hop of a route of that family and scope.
    fn check(&self, hop: &Hop, is_ipv6: bool, scope: RouteScope) -> Result<(), Refusal> {
        let down = |text| match hop.link {
            Some(index) if self.is_down(index) => refuse(Errno::ENETDOWN, text),
            _ => Ok(()),
        };
        match hop.via {
            None if is_ipv6 => down("Nexthop device is not up"),
            None => down("Device for nexthop is not up"),
            Some(_) if hop.is_onlink => down("Nexthop device is not up"),
            Some(IpAddr::V4(_)) => self.check_gateway(hop, u8::from(scope)),
            Some(IpAddr::V6(via)) => {
                self.check_gateway6(hop, via)?;
                down("Nexthop device is not up")
            }
        }
    }

    /// The ways to the gateway of `hop` that need no gateway themselves: by whichever table, and by its link where it names one.
    fn near(&self, hop: &Hop) -> Vec<Way> {
        let Some(via) = hop.via else {
            return Vec::new();
        };
        let mut ways = self.ways_to(via);
        ways.retain(|way| {
            let is_of_link = match (hop.link, way.link) {
                (Some(wanted), Some(link)) => wanted == link,
                _ => true,
            };
            way.via.is_none() && is_of_link
        });
        ways
    }

    fn check_gateway(&self, hop: &Hop, scope: u8) -> Result<(), Refusal> {
        let mut ways = self.near(hop);
        let is_local = |way: &Way| matches!(way.kind, RouteType::Local | RouteType::Broadcast);
        // A route that is on the link leads by what is the host's own only.
        if scope >= u8::from(RouteScope::Link) {
            ways.retain(is_local);
        }
        let invalid = "Nexthop has invalid gateway";
        let Some(best) = ways.into_iter().max_by_key(|way| way.prefix_len) else {
            return refuse(Errno::ENETUNREACH, invalid);
        };
        if best.kind == RouteType::Broadcast {
            return refuse(Errno::EINVAL, invalid);
        }
        match best.link {
            // The model does not say by which link what is the host's own is.
            Some(link) if best.kind != RouteType::Local && self.is_down(link) => {
                refuse(Errno::ENETDOWN, "")
            }
            _ => Ok(()),
        }
    }

    fn check_gateway6(&self, hop: &Hop, via: Ipv6Addr) -> Result<(), Refusal> {
        let is_of_all_links = !via.is_unicast_link_local();
        if is_of_all_links && self.has_address(via.into()) {
            return refuse(Errno::EINVAL, "Gateway can not be a local address");
        }
        if via.is_multicast() {
            return refuse(Errno::EINVAL, "Invalid gateway address");
        }
        if is_of_all_links && self.near(hop).is_empty() {
            return refuse(Errno::EHOSTUNREACH, "");
        }
        if hop.link.is_none() && !is_of_all_links {
            return refuse(Errno::EINVAL, "Egress device not specified");
        }
        Ok(())
    }
}
