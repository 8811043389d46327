//! The IPv4 addresses of a link in their order: the first of a subnet is its primary one, the others are secondary and may go with
//! it, and the first of all is the one that packets leave with by default.

use std::net::IpAddr;

use ipnet::IpNet;
use nix::errno::Errno;

use super::{Address, Assigned, delete, list, restore};
use crate::net::route;
use crate::net::rtnl::{Refusal, Rtnl};

/// The IPv4 addresses of `all` in their order, and which of them are secondary to `one`, which is one of them.
pub fn in_order(all: &[Address], one: &Assigned) -> (Vec<Assigned>, Vec<Assigned>) {
    let all: Vec<&Assigned> = all
        .iter()
        .map(|address| &address.assigned)
        .filter(|address| address.prefix.addr().is_ipv4())
        .collect();
    let subnet: Vec<&Assigned> = all
        .iter()
        .copied()
        .filter(|other| subnet(other) == subnet(one))
        .collect();
    let secondary = match subnet.split_first() {
        Some((first, others)) if *first == one => others,
        _ => &[],
    };
    let owned = |addresses: &[&Assigned]| addresses.iter().copied().cloned().collect();
    (owned(&all), owned(secondary))
}

/// The subnet of an address, as `__inet_insert_ifa` of net/ipv4/devinet.c finds it: by the other end, where there is one.
fn subnet(address: &Assigned) -> Option<IpNet> {
    let ip = address.peer.unwrap_or(address.prefix.addr());
    let subnet = IpNet::new(ip, address.prefix.prefix_len()).ok()?;
    Some(subnet.trunc())
}

fn is_same(one: &Assigned, other: &Assigned) -> bool {
    one.prefix == other.prefix && one.peer == other.peer
}

/// Adds the IPv4 addresses of a link again, so that they stand in this order, and the routes that it costs. Where somebody else has
/// put one among them, they stand as they can.
pub async fn restore_order(rtnl: &Rtnl, link: u32, order: &[Assigned]) -> Result<(), Refusal> {
    add_missing(rtnl, link, order).await?;
    let there = list(rtnl, Some(link)).await?;
    let there: Vec<_> = there.into_iter().map(|address| address.assigned).collect();
    let there: Vec<_> = there
        .into_iter()
        .filter(|address| address.prefix.addr().is_ipv4())
        .collect();
    let is_ours = |one: &Assigned| order.iter().any(|other| is_same(one, other));
    let mut pairs = order.iter().zip(&there);
    let Some(at) = pairs.position(|(asked, there)| !is_same(asked, there)) else {
        return Ok(());
    };
    if !there.iter().all(is_ours) {
        return Ok(());
    }
    let routes = route::list(rtnl, None).await?;
    // The last one first, and never the one that is to stand here: a link without any address loses its routes.
    for other in there[at..].iter().rev() {
        if !is_same(other, &order[at]) {
            match delete(rtnl, link, other).await {
                // It went with another one.
                Err(refusal) if refusal.errno == Errno::EADDRNOTAVAIL => {}
                other => other?,
            }
        }
    }
    add_missing(rtnl, link, order).await?;
    let lost = routes
        .iter()
        .filter(|route| is_lost_with(route, &there[at..]));
    for route in lost {
        match route::add(rtnl, route).await {
            Err(refusal) if refusal.errno == Errno::EEXIST => {}
            other => other?,
        }
    }
    Ok(())
}

/// Whether a route that somebody has made goes with one of these addresses.
fn is_lost_with(route: &route::Route, addresses: &[Assigned]) -> bool {
    let ips = || addresses.iter().map(|address| address.prefix.addr());
    let leaves_with = |source: IpAddr| ips().any(|ip| ip == source);
    route.protocol != "kernel" && route.source.is_some_and(leaves_with)
}

async fn add_missing(rtnl: &Rtnl, link: u32, order: &[Assigned]) -> Result<(), Refusal> {
    let there = list(rtnl, Some(link)).await?;
    for address in order {
        let is_there = there.iter().any(|one| is_same(&one.assigned, address));
        if !is_there {
            match restore(rtnl, link, address).await {
                Err(refusal) if refusal.errno == Errno::EEXIST => {}
                other => other?,
            }
        }
    }
    Ok(())
}
