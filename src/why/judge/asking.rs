//! Questions for neighbours that the packets need: which there are, and which wait for an answer.

use std::net::IpAddr;

use rtnetlink::packet_route::neighbour::NeighbourState;

use crate::net::neighbour::Neighbour;
use crate::net::trace::sniffer::Sort;
use crate::why::scene::Scene;
use crate::why::walk::{Leg, Measured};

/// Whether somebody who answers in place of another was asked and may still wait with that, as the kernel lets it.
pub fn is_late(scene: &Scene, legs: &[Leg], measured: &Measured) -> bool {
    let hops = legs.iter().flat_map(|leg| &leg.hops);
    let mut late = hops.filter(|hop| {
        let Some(proxy) = hop.chain.last() else {
            return false;
        };
        let next = hop.answer.as_ref().ok().and_then(|route| route.via);
        let next = next.unwrap_or(hop.flow.to);
        !scene.has(*proxy, next) && measured.was_seen(*proxy, false, Sort::Question(next))
    });
    late.next().is_some()
}

/// The addresses that are asked for on the link layer of the way.
pub fn next_addresses(legs: &[Leg]) -> Vec<IpAddr> {
    let hops = legs.iter().flat_map(|leg| &leg.hops);
    let next = hops.filter_map(|hop| {
        let route = hop.answer.as_ref().ok()?;
        Some(route.via.unwrap_or(hop.flow.to))
    });
    next.collect()
}

/// The neighbours that the packets need, those of outer packets of tunnels too, that the kernel has asked for in vain so far.
pub fn asked_in_vain(scene: &Scene, legs: &[Leg]) -> Vec<(usize, Neighbour)> {
    let outer = legs.iter().flat_map(|leg| &leg.hops);
    let outer = outer.flat_map(|hop| hop.crossings.iter().filter_map(|one| one.leg.as_ref()));
    let hops = legs.iter().chain(outer).flat_map(|leg| &leg.hops);
    let mut found = Vec::new();
    for hop in hops {
        let Ok(route) = &hop.answer else { continue };
        let next = route.via.unwrap_or(hop.flow.to);
        let neighbours = scene.places[hop.place].detail.neighbours.iter();
        let waiting = neighbours
            .filter(|one| (Some(one.link), one.ip) == (route.link, next))
            .filter(|one| one.state == NeighbourState::Incomplete && !one.proxy)
            .map(|one| (hop.place, one.clone()));
        found.extend(waiting);
    }
    found
}
