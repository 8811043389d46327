//! An address that two namespaces have: one gets the packets that are for the other.

use std::net::IpAddr;

use crate::net::fdb::State;
use crate::net::trace::sniffer::Sort;
use crate::value::mac;
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

/// Another link on the same link layer that has the hardware address of one of the ends: what passes frames on takes one for the
/// other.
pub(super) fn hardware(scene: &Scene, chain: &[End]) -> Option<Cause> {
    let (first, last) = (*chain.first()?, *chain.last()?);
    let shares = |end: End| {
        let kind = scene.link(end).map_or("", |link| link.kind.as_str());
        // A slave has the address of its parent, a bridge that of a port.
        ["bridge", "vlan", "bond", "team"].contains(&kind) || kind.starts_with("ipv")
    };
    let segment = scene.segment(first);
    let all = || std::iter::once(first).chain(segment.iter().copied());
    [last, first].into_iter().find_map(|end| {
        let link = scene.link(end)?;
        let other = all().find(|other| {
            *other != end
                && other.place != end.place
                && scene.parents.get(other) != Some(&end)
                && scene.parents.get(&end) != Some(other)
                && !shares(*other)
                && scene
                    .link(*other)
                    .is_some_and(|one| one.up && one.mac == link.mac)
        })?;
        let known_as = mac::print(&link.mac);
        let text = format!(
            "{} and {} have the same hardware address, {known_as}",
            scene.name(end),
            scene.name(other)
        );
        let is_free = |mac: &[u8]| all().all(|one| scene.link(one).is_none_or(|it| it.mac != mac));
        let free = (1..=u8::MAX).find_map(|by| {
            let mut free = link.mac.clone();
            *free.first_mut()? = 2;
            *free.last_mut()? ^= by;
            is_free(&free).then_some(free)
        })?;
        let mut cause = Cause::at("duplicate_mac", other, text);
        let mut mends = vec![format!(
            "{}.mac(\"{}\")",
            scene.typed(other),
            mac::print(&free)
        )];
        for port in all() {
            let fdb = scene.places[port.place].detail.fdb.get(&port.link);
            let mut learned = fdb.into_iter().flatten().filter(|one| one.of_master);
            if learned.any(|one| one.mac == link.mac && one.state == State::Dynamic) {
                cause = cause.seen(format!("{known_as} is behind {}", scene.name(port)));
                mends.push(format!("{}.del_fdb(\"{known_as}\")", scene.typed(port)));
            }
        }
        // Who has learned the other's address asks anew.
        for ip in scene.addresses(other).map(crate::net::address::Address::ip) {
            if scene.place_knows(first, ip, &link.mac) {
                mends.push(format!("{}.del_neighbor(\"{ip}\")", scene.typed(first)));
            }
        }
        let cause = cause.seen(format!("{known_as} at both"));
        Some(cause.mend(mends.join("; ")))
    })
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
