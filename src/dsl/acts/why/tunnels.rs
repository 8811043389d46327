//! The ways of the outer packets of tunnels, asked of the kernel as those of the packets in them.

use std::collections::HashMap;
use std::net::IpAddr;

use super::gather::Open;
use super::way::{self, Trip};
use crate::net::route::{self, Question};
use crate::why::scene::{End, Scene};
use crate::why::tunnel::{self, Crossing, Destination, Tunnel};
use crate::why::walk::{Hop, Leg};

/// Finds the tunnels on the link layer of the legs, and where their outer packets go.
pub(super) async fn cross(scene: &Scene, open: &[Open], legs: &mut [Leg]) {
    for leg in legs {
        for hop in &mut leg.hops {
            hop.crossings = crossings(scene, open, hop).await;
        }
    }
}

async fn crossings(scene: &Scene, open: &[Open], hop: &Hop) -> Vec<Crossing> {
    let mut found = Vec::new();
    let is_tunnel = |end: End| scene.link(end).and_then(Tunnel::of).is_some();
    let mac_of = |end: Option<&End>| scene.link(*end?).map(|link| link.mac.clone());
    for pair in hop.chain.windows(2) {
        let [near, far] = [pair[0], pair[1]];
        if !is_tunnel(near) || !is_tunnel(far) {
            continue;
        }
        let onwards = (near, far, false, mac_of(hop.chain.last()));
        let backwards = (far, near, true, mac_of(hop.chain.first()));
        for (near, far, is_backwards, mac) in [onwards, backwards] {
            for mac in [None, mac] {
                let crossing = Crossing {
                    near,
                    far,
                    is_backwards,
                    mac,
                    destination: None,
                    proper: None,
                    leg: None,
                };
                found.push(followed(scene, open, crossing).await);
            }
        }
    }
    found
}

/// The crossing, with where its packets go and how.
async fn followed(scene: &Scene, open: &[Open], mut crossing: Crossing) -> Crossing {
    let (near, far) = (crossing.near, crossing.far);
    let (sender, receiver) = (scene.carrier(near), scene.carrier(far));
    let (Some(own), Some(other)) = (
        scene.link(near).and_then(Tunnel::of),
        scene.link(far).and_then(Tunnel::of),
    ) else {
        return crossing;
    };
    let is_right = |one: &Destination| {
        let owners = scene.owners(one.ip);
        one.ip.is_multicast() || owners.iter().any(|end| end.place == receiver)
    };
    let all = tunnel::destinations(scene, near, crossing.mac.as_deref());
    let right = all.iter().find(|one| is_right(one)).or(all.first());
    crossing.destination = right.cloned();
    let usual = own
        .local
        .or(crossing.destination.as_ref().map(|one| one.ip));
    crossing.proper = proper(scene, open, (near, sender), receiver, &other, usual).await;
    let to = crossing.destination.as_ref().map(|one| one.ip);
    if let Some(to) = to.filter(|to| !to.is_multicast()) {
        let has = |ip: &IpAddr| scene.owners(*ip).iter().any(|end| end.place == sender);
        let trip = Trip {
            place: sender,
            from: own.local.filter(has),
            to,
            mark: None,
            marks: &HashMap::new(),
            by: own.dev,
            is_back: false,
            meant: Some(receiver),
            passed: &HashMap::new(),
            there: None,
        };
        crossing.leg = Some(way::leg(scene, open, &trip).await);
    }
    crossing
}

/// An address of the receiver that the sender has a route to, of the family of `like`: its own choice before others.
async fn proper(
    scene: &Scene,
    open: &[Open],
    (near, sender): (End, usize),
    receiver: usize,
    other: &Tunnel,
    like: Option<IpAddr>,
) -> Option<IpAddr> {
    let own = scene.places[receiver].addresses.iter();
    let own = own
        .filter(|one| one.scope() == "global")
        .map(crate::net::address::Address::ip);
    let is_alike = |ip: &IpAddr| like.is_none_or(|like| like.is_ipv4() == ip.is_ipv4());
    let all: Vec<IpAddr> = other
        .local
        .into_iter()
        .chain(own)
        .filter(is_alike)
        .collect();
    // What the tunnel itself leads to is no way for its outer packets.
    let above = scene.link(near).and_then(|link| link.master);
    let is_below = |link| {
        let end = End {
            place: sender,
            link,
        };
        end != near && !(near.place == sender && above == Some(link))
    };
    for ip in all {
        let found = route::lookup(&open[sender].rtnl, &Question::to(ip)).await;
        if let Ok(Some(found)) = found
            && found.kind == "unicast"
            && found.link.is_some_and(is_below)
        {
            return Some(ip);
        }
    }
    None
}
