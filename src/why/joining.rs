//! Pairs that join what nothing joins.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::why::free;
use crate::why::scene::{End, Scene};
use crate::why::walk::Leg;

/// What joins two bridges by a pair of ports.
pub(super) fn bridges(scene: &Scene, one: End, other: End) -> Option<String> {
    let (near, far) = (&scene.link(one)?.name, &scene.link(other)?.name);
    let [name, peer] = free::names(scene, "join");
    let [place, beyond] = [one, other].map(|end| &scene.places[end.place].typed);
    Some(format!(
        "{place}.veth(\"{name}\", {beyond}, \"{peer}\", #{{master: \"{near}\", up: true}}).peer.master(\"{far}\").up()"
    ))
}

/// What joins a namespace that has no link with the one that the packets go to: by a port of its bridge, else straight.
pub(super) fn first_link(scene: &Scene, place: usize, leg: &Leg) -> Option<String> {
    let owner = *scene.owners(leg.to).first()?;
    let network = scene.network_of(leg.to)?;
    let mut near = scene.segment(owner);
    near.push(owner);
    let bridge = near.iter().find_map(|end| {
        let link = scene.link(*end).filter(|link| link.kind == "bridge")?;
        Some((end.place, &link.name))
    });
    let [name, peer] = free::names(scene, "join");
    let from = &scene.places[place].typed;
    let is_free = |ip: &IpAddr| scene.owners(*ip).is_empty();
    if let Some((at, bridge)) = bridge
        && let Some(free) = network.hosts().take(1000).find(is_free)
    {
        let (at, length) = (&scene.places[at].typed, network.prefix_len());
        return Some(format!(
            "{from}.veth(\"{name}\", {at}, \"{peer}\", #{{addr: \"{free}/{length}\", nodad: true, up: true}}).peer.master(\"{bridge}\").up()"
        ));
    }
    let [own, far] = transfer(scene, leg.to.is_ipv4())?;
    let (to, length) = (&scene.places[owner.place].typed, own.prefix_len());
    let next = far.addr();
    Some(format!(
        "{from}.veth(\"{name}\", {to}, \"{peer}\", #{{addr: \"{own}\", nodad: true, up: true}}).peer.addr(\"{next}/{length}\", #{{nodad: true}}).up(); {from}.route(\"{network}\", #{{via: \"{next}\"}})"
    ))
}

/// Both addresses of a network for a pair, which no namespace here has a part of.
fn transfer(scene: &Scene, is_ipv4: bool) -> Option<[IpNet; 2]> {
    let networks = (0..=255).map(|number: u8| {
        if is_ipv4 {
            IpNet::new(Ipv4Addr::new(10, 255, number, 0).into(), 30)
        } else {
            IpNet::new(
                Ipv6Addr::new(0xfdff, 0, 0, number.into(), 0, 0, 0, 0).into(),
                64,
            )
        }
    });
    let places = || scene.places.iter();
    let is_taken = |network: &IpNet| {
        let mut addresses = places().flat_map(|place| &place.addresses);
        let mut routes = places().flat_map(|place| &place.detail.routes);
        let is_within = |other: IpNet| {
            other.prefix_len() > 0 && (network.contains(&other) || other.contains(network))
        };
        addresses.any(|one| is_within(one.assigned.prefix.trunc()))
            || routes.any(|route| is_within(route.destination))
    };
    let network = networks.flatten().find(|network| !is_taken(network))?;
    let mut hosts = network.hosts().filter(|ip| *ip != network.addr());
    let mut next = || IpNet::new(hosts.next()?, network.prefix_len()).ok();
    Some([next()?, next()?])
}
