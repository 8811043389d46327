//! The IPv4 addresses of a link in their order: the first of a subnet is its primary one, the others are secondary and may go with
//! it, and the first of all is the one that packets leave with by default.

use ipnet::IpNet;
use nix::errno::Errno;

use super::{Address, Assigned, delete, list, restore};
use crate::net::holding;
use crate::net::rtnl::{Refusal, Rtnl};

/// Which addresses of `all` are secondary to `one`, which is one of them.
pub fn secondary_to(all: &[Address], one: &Assigned) -> Vec<Assigned> {
    let subnet: Vec<&Assigned> = all
        .iter()
        .map(|address| &address.assigned)
        .filter(|address| address.prefix.addr().is_ipv4())
        .filter(|other| subnet(other) == subnet(one))
        .collect();
    match subnet.split_first() {
        Some((first, others)) if *first == one => others.iter().copied().cloned().collect(),
        _ => Vec::new(),
    }
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

/// Whether both are the same in all but how long they are good for, which runs.
fn is_like(one: &Assigned, other: &Assigned) -> bool {
    let endless = |address: &Assigned| Assigned {
        lifetimes: None,
        ..address.clone()
    };
    endless(one) == endless(other)
}

/// Whether all of `wanted` are among `there`, in their order.
pub fn stand(wanted: &[Assigned], there: &[Assigned]) -> bool {
    [true, false].into_iter().all(|is_ipv6| {
        let there = of_family(there, is_ipv6).into_iter();
        let asked_for = there.filter(|one| wanted.iter().any(|other| is_same(one, other)));
        let asked_for: Vec<_> = asked_for.collect();
        let wanted = of_family(wanted, is_ipv6);
        let mut pairs = wanted.iter().zip(&asked_for);
        wanted.len() == asked_for.len() && pairs.all(|(one, other)| is_like(one, other))
    })
}

/// The addresses of one family in the order in which they were made: the kernel lists the newest of IPv6 first.
fn of_family(all: &[Assigned], is_ipv6: bool) -> Vec<&Assigned> {
    let is_it = |address: &&Assigned| address.prefix.addr().is_ipv6() == is_ipv6;
    let mut family: Vec<_> = all.iter().filter(is_it).collect();
    if is_ipv6 {
        family.reverse();
    }
    family
}

/// Gives a link addresses again, so that they stand as `wanted` lists them, and what hangs on the link and goes meanwhile. Where
/// somebody else has put one among them, they stand as they can. Returns those that the kernel does not take.
pub async fn restore_all(
    rtnl: &Rtnl,
    link: u32,
    wanted: &[Assigned],
) -> Result<Vec<(Assigned, Refusal)>, Refusal> {
    let mut refused = Vec::new();
    let there: Vec<Assigned> = present(rtnl, link).await?;
    if stand(wanted, &there) {
        return Ok(refused);
    }
    let held = holding::list(rtnl, Some(&[link])).await?;
    for is_ipv6 in [false, true] {
        let there = of_family(&there, is_ipv6);
        let wanted = of_family(wanted, is_ipv6);
        let is_asked_for = |one: &&&Assigned| wanted.iter().any(|other| is_same(one, other));
        let is_ours = there.iter().filter(is_asked_for).count() == there.len();
        let mut pairs = wanted.iter().zip(&there);
        let same = pairs.position(|(asked, there)| !is_like(asked, there));
        let at = same.unwrap_or(wanted.len().min(there.len()));
        // The last one first, and if it can be not the one that is to stand here: a link without any address loses its routes.
        for other in there[at..].iter().rev().filter(|_| is_ours) {
            if !wanted.get(at).is_some_and(|asked| is_like(asked, other)) {
                match delete(rtnl, link, other).await {
                    // It went with another one.
                    Err(refusal) if refusal.errno == Errno::EADDRNOTAVAIL => {}
                    other => other?,
                }
            }
        }
        for address in wanted {
            match add_missing(rtnl, link, address).await {
                Ok(()) => {}
                Err(refusal) if refusal.errno == Errno::EEXIST => {}
                Err(refusal) => refused.push((address.clone(), refusal)),
            }
        }
    }
    holding::restore(rtnl, &held).await?;
    Ok(refused)
}

async fn present(rtnl: &Rtnl, link: u32) -> Result<Vec<Assigned>, Refusal> {
    let there = list(rtnl, Some(link)).await?.into_iter();
    Ok(there.map(|address| address.assigned).collect())
}

async fn add_missing(rtnl: &Rtnl, link: u32, address: &Assigned) -> Result<(), Refusal> {
    let there = present(rtnl, link).await?;
    if there.iter().any(|one| is_same(one, address)) {
        return Ok(());
    }
    restore(rtnl, link, address).await
}
