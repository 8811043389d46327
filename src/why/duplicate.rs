//! An address that two namespaces have: one gets the packets that are for the other.

use std::net::IpAddr;

use crate::net::trace::sniffer::Sort;
use crate::why::cause::Cause;
use crate::why::scene::{End, Scene};
use crate::why::walk::{Hop, Leg, Measured};

/// Another namespace that has answered in place of the one that was asked.
pub(super) fn answering(scene: &Scene, legs: &[Leg], measured: &Measured) -> Option<Cause> {
    let (meant, leg) = (measured.meant?, legs.first()?);
    let echoes = leg.counters(&["Icmp:InEchos", "Icmp6InEchos"]);
    if !measured.is_answered() || measured.grew(meant, &echoes).is_some() {
        return None;
    }
    let others = scene.owners(leg.to).into_iter();
    let mut others = others.filter(|end| end.place != meant);
    others.find_map(|end| {
        let came = measured.grew(end.place, &echoes)?;
        let label = &scene.places[end.place].label;
        let not = &scene.places[meant].label;
        let cause = has_it_too(scene, end, leg.to, meant);
        let cause = forgotten(scene, leg, end, leg.to, cause);
        Some(cause.seen(format!("{came} in {label}, +0 in {not}")))
    })
}

/// Another link that has the next address, and got the packets that did not come to `owner`.
pub(super) fn taking(
    scene: &Scene,
    leg: &Leg,
    next: IpAddr,
    owner: End,
    sort: Sort,
    measured: &Measured,
) -> Option<Cause> {
    let others = scene.owners(next).into_iter();
    let mut others = others.filter(|end| end.place != owner.place);
    let other = others.find(|end| measured.was_seen(*end, false, sort))?;
    let seen = format!("seen coming in at {}", scene.name(other));
    let cause = has_it_too(scene, other, next, owner.place);
    Some(forgotten(scene, leg, other, next, cause).seen(seen))
}

/// A namespace that keeps packets for itself that are for another one.
pub(super) fn keeping(scene: &Scene, hop: &Hop, leg: &Leg, meant: usize) -> Option<Cause> {
    let owners = scene.owners(leg.to);
    let is_meant = owners.iter().any(|end| end.place == meant);
    let own = owners.iter().find(|end| end.place == hop.place)?;
    (is_meant && hop.place != meant)
        .then(|| has_it_too(scene, *own, leg.to, meant).seen(format!("{}: local", hop.asked)))
}

/// A namespace that takes no packets from an address of another one, because it has that itself.
pub(super) fn sender(scene: &Scene, leg: &Leg, hop: &Hop) -> Option<Cause> {
    let first = leg.hops.first()?.place;
    let owners = scene.owners(leg.from);
    let own = owners.iter().find(|end| end.place == hop.place)?;
    (hop.place != first).then(|| has_it_too(scene, *own, leg.from, first))
}

/// With what lets those who have learned the hardware address of `other` forget it.
fn forgotten(scene: &Scene, leg: &Leg, other: End, ip: IpAddr, mut cause: Cause) -> Cause {
    let wrong = scene.link(other).map(|link| link.mac.as_slice());
    for output in leg.hops.iter().filter_map(Hop::output) {
        let mut known = scene.places[output.place].detail.neighbours.iter();
        let is_wrong =
            known.any(|one| (one.link, one.ip) == (output.link, ip) && one.mac.as_deref() == wrong);
        if is_wrong && let Some(mend) = &mut cause.mend {
            let line = format!("; {}.del_neighbor(\"{ip}\")", scene.typed(output));
            mend.push_str(&line);
        }
    }
    cause
}

/// That a link has the address of another namespace.
fn has_it_too(scene: &Scene, other: End, ip: IpAddr, meant: usize) -> Cause {
    let owners = scene.owners(ip);
    let proper = owners.iter().find(|end| end.place == meant);
    let proper = proper.map_or_else(|| scene.places[meant].label.clone(), |end| scene.name(*end));
    let text = format!(
        "{} has {ip}, too, the address of {proper}",
        scene.name(other)
    );
    let cause = Cause::at("duplicate_address", other, text);
    let assigned = scene.addresses(other).find(|one| one.ip() == ip);
    match assigned {
        Some(address) => cause.mend(format!(
            "{}.del_addr(\"{}\")",
            scene.typed(other),
            address.assigned.prefix
        )),
        None => cause,
    }
}
