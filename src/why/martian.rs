//! Addresses that no packet may come from, or that are no host's.

use std::net::IpAddr;

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
        return (leg.from.is_loopback() && !leg.to.is_loopback())
            .then(|| Cause::in_place("martian", hop.place, text));
    };
    let broadcasts = |address: &&crate::net::address::Address| {
        let prefix = address.assigned.prefix;
        prefix.addr().is_ipv4() && prefix.prefix_len() < 31 && prefix.broadcast() == leg.from
    };
    let what = match leg.from {
        ip if ip.is_loopback() => "an address of the loopback".to_owned(),
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
            format!("the broadcast address of {}", scene.name(link))
        }
    };
    let text = format!(
        "{} takes no packets from {} that come in by a link: it is {what}, a martian source",
        place.label, leg.from
    );
    let cause = Cause::at("martian", end, text);
    // Who sends from another address is heard.
    let first = leg.hops.first()?;
    let own = first
        .output()
        .and_then(|end| Some((end, scene.address(end, leg.to)?)));
    Some(cause.seen_if(own.map(|(end, ip)| format!("{} has {ip}", scene.name(end)))))
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
            Cause::at("broadcast", end, text)
                .seen(evidence)
                .seen(format!("address {}", address.assigned.prefix))
        }
        None => Cause::in_place("broadcast", hop.place, text).seen(evidence),
    }
}
