//! Addresses that nobody has, and who can be given them.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::why::scene::{End, Scene};
use crate::why::walk::{Hop, Leg};

/// Two names for links that nobody has, beginning so.
pub(super) fn names(scene: &Scene, stem: &str) -> [String; 2] {
    let links = || scene.places.iter().flat_map(|place| &place.links);
    let names = (0..).map(|number: u32| format!("{stem}{number}"));
    let mut free = names.filter(|name| links().all(|link| link.name != *name));
    [(); 2].map(|()| free.next().unwrap_or_default())
}

/// An address that nobody has, in the network of a neighbour on the link layer.
pub(super) fn free_address(scene: &Scene, end: End, leg: &Leg) -> Option<(End, IpNet)> {
    let network = scene.segment(end).into_iter().find_map(|other| {
        let mut own = scene.addresses(other);
        let found = own.find(|address| {
            address.ip().is_ipv4() == leg.to.is_ipv4() && address.scope() == "global"
        });
        found.map(|address| address.assigned.prefix)
    });
    let network = network.or_else(|| lost_network(scene, leg))?;
    let is_free = |ip: &IpAddr| scene.owners(*ip).is_empty();
    // Others may have routes by one that was there.
    let routes = scene.places.iter().flat_map(|place| &place.detail.routes);
    let wanted = routes
        .filter_map(|route| route.via)
        .find(|via| network.contains(via) && is_free(via));
    let free = wanted.or_else(|| network.hosts().take(1000).find(is_free))?;
    Some((end, IpNet::new(free, network.prefix_len()).ok()?))
}

/// A network that others have routes to, and nobody an address in: that of a link which has lost its own.
fn lost_network(scene: &Scene, leg: &Leg) -> Option<IpNet> {
    let routes = scene.places.iter().flat_map(|place| &place.detail.routes);
    let mut networks = routes
        .filter(|route| route.via.is_some() && route.destination.prefix_len() > 0)
        .map(|route| route.destination)
        .filter(|network| network.addr().is_ipv4() == leg.to.is_ipv4());
    let is_lost = |network: &IpNet| {
        let mut all = scene.places.iter().flat_map(|place| &place.addresses);
        network.prefix_len() < network.max_prefix_len()
            && !all.any(|address| network.contains(&address.ip()))
    };
    networks.find(is_lost)
}

/// A router next to the namespace whose link there has no address by which it could be asked to send packets on.
pub(super) fn bare_router(scene: &Scene, leg: &Leg, hop: &Hop) -> Option<(End, IpNet)> {
    let is_bare = |end: End| {
        let link = scene.link(end);
        link.is_some_and(|link| link.up && link.master.is_none() && link.kind != "bridge")
            && scene
                .addresses(end)
                .all(|one| one.ip().is_ipv4() != leg.to.is_ipv4())
    };
    let own = scene.ends_of(hop.place).into_iter();
    own.filter(|end| Some(end.link) != hop.input)
        .find_map(|end| {
            let near = scene.segment(end).into_iter();
            let mut routers = near.filter(|other| {
                other.place != hop.place && scene.ends_of(other.place).len() > 1 && is_bare(*other)
            });
            free_address(scene, routers.next()?, leg)
        })
}

/// Who can be given an address that nobody has: a link on the same link layer, of another namespace, without one of that network.
pub(super) fn who_may_have(scene: &Scene, output: End, ip: IpAddr) -> Option<(End, IpNet)> {
    let mut own = scene
        .addresses(output)
        .map(|address| address.assigned.prefix);
    let network = own.find(|prefix| prefix.contains(&ip))?;
    let is_without = |end: &End| {
        let mut addresses = scene.addresses(*end);
        addresses.all(|one| !network.contains(&one.ip()))
    };
    let segment = scene.segment(output);
    let is_fit = |end: &&End| {
        let link = scene.link(**end);
        end.place != output.place
            && link.is_some_and(|link| link.master.is_none() && link.kind != "bridge")
            && is_without(end)
    };
    let end = segment.iter().find(is_fit)?;
    Some((*end, IpNet::new(ip, network.prefix_len()).ok()?))
}
