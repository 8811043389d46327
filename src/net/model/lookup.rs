//! Which route the kernel would take, by what was planned: the longest prefix of the main table, and of those the lowest metric.

use std::net::IpAddr;

use ipnet::IpNet;
use nix::errno::Errno;
use rtnetlink::packet_route::RouteNetlinkMessage as Message;
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::route::{RouteAttribute, RouteHeader, RouteMessage, RouteType};

use super::answer::{local, table_of};
use crate::net::route::{TABLE_MAIN, gateway_of, ip_of, route_address as address};

/// The table that the kernel names in its answer.
const MAIN: u8 = RouteHeader::RT_TABLE_MAIN;

/// A way that fits.
struct Way {
    prefix_len: u8,
    metric: u32,
    kind: RouteType,
    link: Option<u32>,
    via: Option<IpAddr>,
    source: Option<IpAddr>,
}

/// An address that a link has, with its network.
struct Own {
    link: u32,
    ip: IpAddr,
    network: IpNet,
}

/// What the kernel would answer to `wanted`, a question for one route, where it has those routes and addresses.
pub(super) fn lookup(
    wanted: &RouteMessage,
    routes: &[Message],
    addresses: &[Message],
) -> Result<RouteMessage, Errno> {
    let destination = destination_of(wanted).ok_or(Errno::EINVAL)?;
    let own: Vec<Own> = addresses
        .iter()
        .filter_map(|message| match message {
            Message::NewAddress(address) => own(address),
            _ => None,
        })
        .collect();
    if let Some(own) = own.iter().find(|own| own.ip == destination) {
        return Ok(to_itself(wanted, own));
    }
    let connected = own
        .iter()
        .filter(|own| own.network.contains(&destination))
        .map(|own| Way {
            prefix_len: own.network.prefix_len(),
            metric: 0,
            kind: RouteType::Unicast,
            link: Some(own.link),
            via: None,
            source: Some(own.ip),
        });
    let planned = routes.iter().filter_map(|message| match message {
        Message::NewRoute(route) => way(route, destination),
        _ => None,
    });
    let best = connected
        .chain(planned)
        .min_by_key(|way| (u8::MAX - way.prefix_len, way.metric))
        .ok_or(Errno::ENETUNREACH)?;
    match best.kind {
        RouteType::BlackHole => return Err(Errno::EINVAL),
        RouteType::Unreachable => return Err(Errno::EHOSTUNREACH),
        RouteType::Prohibit => return Err(Errno::EACCES),
        _ => {}
    }
    let towards = best.via.unwrap_or(destination);
    let near = |own: &&Own| own.network.contains(&towards);
    let of_link = |own: &&Own| best.link.is_none_or(|link| own.link == link);
    let leaves = own
        .iter()
        .filter(of_link)
        .find(near)
        .or_else(|| own.iter().find(of_link));
    let mut found = wanted.clone();
    found.header.kind = RouteType::Unicast;
    found.header.table = MAIN;
    found.attributes = vec![RouteAttribute::Destination(address(destination))];
    let attributes = &mut found.attributes;
    attributes.extend(best.via.map(|via| RouteAttribute::Gateway(address(via))));
    let link = best.link.or(leaves.map(|own| own.link));
    attributes.extend(link.map(RouteAttribute::Oif));
    let source = best.source.or(leaves.map(|own| own.ip));
    attributes.extend(source.map(|source| RouteAttribute::PrefSource(address(source))));
    Ok(found)
}

/// The answer about an address of this namespace itself.
fn to_itself(wanted: &RouteMessage, own: &Own) -> RouteMessage {
    let mut found = wanted.clone();
    found.header.kind = RouteType::Local;
    found.header.table = MAIN;
    found.attributes = vec![
        RouteAttribute::Destination(address(own.ip)),
        // The loopback has the first ifindex in every namespace.
        RouteAttribute::Oif(1),
        RouteAttribute::PrefSource(address(own.ip)),
    ];
    found
}

fn own(message: &AddressMessage) -> Option<Own> {
    let ip = local(message)?;
    let network = IpNet::new(ip, message.header.prefix_len).ok()?;
    Some(Own {
        link: message.header.index,
        ip,
        network,
    })
}

/// What a route says of `destination`; none where it leads elsewhere, or no packet would look in its table.
fn way(route: &RouteMessage, destination: IpAddr) -> Option<Way> {
    let prefix_len = route.header.destination_prefix_length;
    let leads_there = match destination_of(route) {
        Some(start) => IpNet::new(start, prefix_len).ok()?.contains(&destination),
        None => prefix_len == 0,
    };
    if !leads_there || table_of(route) != TABLE_MAIN || route.header.kind == RouteType::Throw {
        return None;
    }
    let mut way = Way {
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
            RouteAttribute::Gateway(_) | RouteAttribute::Via(_) => way.via = gateway_of(attribute),
            RouteAttribute::PrefSource(source) => way.source = ip_of(source),
            // Which of several one packet takes, only the kernel knows.
            RouteAttribute::MultiPath(hops) => {
                let first = hops.first()?;
                way.link = Some(first.interface_index).filter(|index| *index > 0);
                way.via = first.attributes.iter().find_map(gateway_of);
            }
            _ => {}
        }
    }
    Some(way)
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
