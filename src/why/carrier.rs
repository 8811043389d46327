//! Links that are up and have no carrier: what takes it from them depends on their kind.

use crate::why::cause::Cause;
use crate::why::free;
use crate::why::refusal::down_link;
use crate::why::scene::{End, Scene};

/// Whether the link is up without a carrier. What never says so has one.
pub(super) fn is_without(scene: &Scene, end: End) -> bool {
    let link = scene.link(end);
    link.is_some_and(|link| link.up && !link.carrier && link.state != "UNKNOWN")
}

/// Why the link has no carrier, and what gives it one.
pub(super) fn cause(scene: &Scene, end: End) -> Cause {
    let mut lowest = end;
    // A link has the carrier of what it is stacked on.
    while let Some(parent) = scene.parents.get(&lowest).copied() {
        if scene.link(parent).is_some_and(|link| !link.up) {
            return down_link(scene, parent);
        }
        // Its state follows a moment later.
        if is_switched_off(scene, lowest) || scene.link(parent).is_none_or(|link| link.carrier) {
            break;
        }
        lowest = parent;
    }
    // A pair has the carrier of its other end.
    let peer = scene.peers.get(&lowest).copied();
    if let Some(peer) = peer.filter(|peer| scene.link(*peer).is_some_and(|link| !link.up)) {
        return down_link(scene, peer);
    }
    let name = scene.name(lowest);
    let (why, mend) = reason(scene, lowest);
    let mut text = format!("link {name} has no carrier");
    if lowest != end {
        let with_it = format!(", and with it {}, which is on it", scene.name(end));
        text.push_str(&with_it);
    }
    text.push_str(&why);
    let state = scene.link(lowest).map_or("", |link| link.state);
    let mut cause =
        Cause::at("no_carrier", lowest, text).seen(format!("NO-CARRIER, state {state}"));
    cause.mend = mend;
    cause
}

/// Whether a protocol has switched off the carrier of the link itself.
fn is_switched_off(scene: &Scene, end: End) -> bool {
    scene.link(end).is_some_and(|link| link.protodown)
}

/// Why it is so, to be put behind it, and what mends it.
fn reason(scene: &Scene, end: End) -> (String, Option<String>) {
    let Some(link) = scene.link(end) else {
        return (String::new(), None);
    };
    let place = &scene.places[end.place].typed;
    if link.protodown {
        let mend = format!("{place}.exec(\"ip link set {} protodown off\")", link.name);
        return (": its protodown is on".to_owned(), Some(mend));
    }
    match link.kind.as_str() {
        "dummy" => {
            let mend = format!("{}.carrier(true)", scene.typed(end));
            (": it was switched off".to_owned(), Some(mend))
        }
        "bridge" | "bond" => without_port(scene, end),
        "tun" => (": no program has it open".to_owned(), None),
        _ if link.parent.is_some()
            && !scene.peers.contains_key(&end)
            && !scene.parents.contains_key(&end) =>
        {
            let why = ": its other end is in a namespace that can't be looked at";
            (why.to_owned(), None)
        }
        _ => (String::new(), None),
    }
}

/// A bridge or bond has the carrier of its ports.
fn without_port(scene: &Scene, end: End) -> (String, Option<String>) {
    let links = || scene.places[end.place].links.iter();
    let mut ports = links().filter(|port| port.master == Some(end.link));
    let port = |index| End {
        place: end.place,
        link: index,
    };
    let (name, place) = (
        scene.link(end).map_or("", |link| link.name.as_str()),
        &scene.places[end.place].typed,
    );
    if let Some(first) = ports.next() {
        let mut all = ports.chain([first]).map(|one| port(one.index));
        let down = |one: &End| scene.link(*one).is_some_and(|link| !link.up);
        let mend = all
            .find(down)
            .map(|one| format!("{}.up()", scene.typed(one)));
        return (": none of its ports has one".to_owned(), mend);
    }
    let [own, peer] = free::names(scene, "port");
    let mend = format!(
        "{place}.veth(\"{own}\", \"{peer}\"); {place}.link(\"{own}\").master(\"{name}\").up(); {place}.link(\"{peer}\").up()"
    );
    (": it has no port".to_owned(), Some(mend))
}
