//! Addresses that no packet may come from, or that are no host's.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::why::cause::Cause;
use crate::why::scene::{End, Scene};
use crate::why::walk::{Hop, Leg};

/// That the packets come from an address from which no packet may come in by a link.
pub(super) fn source(scene: &Scene, leg: &Leg, hop: &Hop) -> Option<Cause> {
    let place = &scene.places[hop.place];
    let Some(end) = hop.came_by() else {
        let text = format!(
            "{} sends no packets from {} out of a link: it is an address of the loopback",
            place.label, leg.from
        );
        let own = hop_source(scene, hop, leg);
        let cause = || {
            let cause = Cause::in_place("martian", hop.place, text);
            match own {
                Some(own) => cause.mend(format!(
                    "{}.ping(\"{}\", #{{source: \"{own}\"}})",
                    place.typed, leg.to
                )),
                None => cause,
            }
        };
        return (leg.from.is_loopback() && !leg.to.is_loopback()).then(cause);
    };
    if leg.to.is_loopback() {
        let text = format!(
            "{} takes no packets to {} that come in by a link: it is an address of the loopback, a martian destination",
            place.label, leg.to
        );
        return Some(Cause::at("martian", end, text).mend(routed_loopback(scene, end)));
    }
    let broadcasts = |address: &&crate::net::address::Address| {
        let prefix = address.assigned.prefix;
        prefix.addr().is_ipv4() && prefix.prefix_len() < 31 && prefix.broadcast() == leg.from
    };
    let mut mend = None;
    let what = match leg.from {
        ip if ip.is_loopback() => {
            mend = Some(routed_loopback(scene, end));
            "an address of the loopback".to_owned()
        }
        ip if ip.is_multicast() => "a multicast address".to_owned(),
        ip if ip.is_unspecified() => "no address".to_owned(),
        IpAddr::V4(ip) if ip.is_broadcast() => "the broadcast address".to_owned(),
        IpAddr::V4(ip) if ip.octets()[0] == 0 => "an address of no network".to_owned(),
        _ => {
            let address = place.addresses.iter().find(broadcasts)?;
            let link = End {
                place: hop.place,
                link: address.link,
            };
            mend = of_broadcast(scene, link, address.assigned.prefix, leg.from);
            format!("the broadcast address of {}", scene.name(link))
        }
    };
    let text = format!(
        "{} takes no packets from {} that come in by a link: it is {what}, a martian source",
        place.label, leg.from
    );
    let mut cause = Cause::at("martian", end, text);
    cause.mend = mend.or_else(|| of_sender(scene, leg));
    // Who sends from another address is heard.
    let first = leg.hops.first()?;
    let own = first
        .output()
        .and_then(|end| Some((end, scene.address(end, leg.to)?)));
    Some(cause.seen_if(own.map(|(end, ip)| format!("{} has {ip}", scene.name(end)))))
}

/// An address of the namespace that packets of the leg can come from.
fn hop_source(scene: &Scene, hop: &Hop, leg: &Leg) -> Option<IpAddr> {
    let is_fit = |ip: &IpAddr| ip.is_ipv4() == leg.to.is_ipv4() && !ip.is_loopback();
    let network = scene.network_of(leg.to);
    let all = || {
        let own = scene.places[hop.place].addresses.iter();
        own.filter(|one| one.scope() == "global")
            .map(crate::net::address::Address::ip)
            .filter(is_fit)
    };
    let near = all().find(|ip| network.is_some_and(|network| network.contains(ip)));
    near.or_else(|| all().next())
}

/// What lets a link take packets of the loopback's network.
fn routed_loopback(scene: &Scene, end: End) -> String {
    format!("{}.sysctl(\"route_localnet\", 1)", scene.typed(end))
}

/// What gives a link the network that others have there, where `ip` is no broadcast address; or else takes the address from them.
fn of_broadcast(scene: &Scene, end: End, prefix: IpNet, ip: IpAddr) -> Option<String> {
    let segment = scene.segment(end);
    let others = segment.iter().flat_map(|other| scene.addresses(*other));
    let mut wider = others.map(|one| one.assigned.prefix).filter(|other| {
        other.contains(&prefix.addr()) && other.contains(&ip) && other.broadcast() != ip
    });
    let wider = wider.next()?;
    let typed = scene.typed(end);
    let own = IpNet::new(prefix.addr(), wider.prefix_len()).ok()?;
    Some(format!(
        "{typed}.del_addr(\"{prefix}\"); {typed}.addr(\"{own}\")"
    ))
}

/// What takes the address from who sends from it.
fn of_sender(scene: &Scene, leg: &Leg) -> Option<String> {
    let first = leg.hops.first()?.place;
    let mut owners = scene.owners(leg.from).into_iter();
    let own = owners.find(|end| end.place == first)?;
    let address = scene.addresses(own).find(|one| one.ip() == leg.from)?;
    let prefix = address.assigned.prefix;
    Some(format!("{}.del_addr(\"{prefix}\")", scene.typed(own)))
}

/// That the namespace takes the address that they go to for one of broadcasts.
pub(super) fn broadcast(scene: &Scene, leg: &Leg, hop: &Hop) -> Cause {
    let place = &scene.places[hop.place];
    let mut own = place.addresses.iter();
    let own = own.find(|address| address.assigned.prefix.broadcast() == leg.to);
    let text = format!("{} takes {} for a broadcast address", place.label, leg.to);
    let evidence = format!("{}: broadcast", hop.asked);
    match own {
        Some(address) => {
            let end = End {
                place: hop.place,
                link: address.link,
            };
            let text = format!("{text}, that of {}", scene.name(end));
            let mut cause = Cause::at("broadcast", end, text);
            cause.mend = of_broadcast(scene, end, address.assigned.prefix, leg.to);
            cause
                .seen(evidence)
                .seen(format!("address {}", address.assigned.prefix))
        }
        None => Cause::in_place("broadcast", hop.place, text).seen(evidence),
    }
}
