//! Packets that are too long for a link on their way.

use nix::errno::Errno;

use crate::net::icmp::Outcome;
use crate::why::cause::Cause;
use crate::why::scene::{End, Scene};
use crate::why::walk::{Hop, Leg, Measured};

/// What a link takes that nobody has narrowed.
const USUAL_MTU: u32 = 1500;

/// The number of the hop before the link that is too narrow, as the sender was told, and the MTU that was named.
///
/// What the kernel has learned of the way it tells the sender itself, with the MTU of a link that may be far off.
pub(super) fn told(scene: &Scene, leg: &Leg, measured: &Measured) -> Option<(usize, Option<u32>)> {
    if leg.is_back {
        return None;
    }
    let has = |hop: &Hop, ip| {
        let mut own = scene.places[hop.place].addresses.iter();
        own.any(|one| one.ip() == ip)
    };
    let outcomes = || measured.outcomes.iter();
    let router = outcomes().find_map(|outcome| match outcome {
        Outcome::FragmentationNeeded { from, mtu } => {
            let at = leg.hops.iter().skip(1).position(|hop| has(hop, *from))?;
            Some((at + 1, *mtu))
        }
        _ => None,
    });
    if router.is_some() {
        return router;
    }
    let mtu = outcomes().find_map(|outcome| match outcome {
        Outcome::FragmentationNeeded { mtu, .. }
        | Outcome::SendFailed {
            errno: Errno::EMSGSIZE,
            mtu,
        } => Some(*mtu),
        _ => None,
    })?;
    let is_narrow = |hop: &Hop| {
        let link = hop.output().and_then(|end| scene.link(end));
        link.zip(mtu).is_some_and(|(link, mtu)| link.mtu <= mtu)
    };
    Some((leg.hops.iter().position(is_narrow).unwrap_or(0), mtu))
}

/// That they are too long for the link by which they leave a hop, and that the sender was told so.
pub(super) fn cause(
    scene: &Scene,
    leg: &Leg,
    hop: &Hop,
    output: End,
    told: Option<u32>,
    measured: &Measured,
) -> Cause {
    let own = scene.link(output).map_or(0, |link| link.mtu);
    let mtu = told.unwrap_or(own);
    let label = &scene.places[hop.place].label;
    if mtu < own {
        let text = format!(
            "{label} has it that the way to {} takes packets of {mtu} bytes only, which no link on it says",
            leg.to
        );
        return Cause::at("mtu", output, text)
            .seen(format!("MTU {mtu} of the way, {own} of the link"))
            .mend(forgetting(scene, leg));
    }
    let text = format!("packets are too long for link {}", scene.name(output));
    let mut ends = vec![output];
    ends.extend(hop.chain.iter().skip(1));
    let mut line = widened(scene, leg, &ends, measured);
    if hop.input.is_some() {
        line = format!("{line}; {}", forgetting(scene, leg));
    }
    Cause::at("mtu", output, text)
        .seen(format!("MTU {mtu}"))
        .mend(line)
}

/// What lets the sender forget what it was told of the MTU of its ways, for which the kernel takes ten minutes.
fn forgetting(scene: &Scene, leg: &Leg) -> String {
    let family = if leg.to.is_ipv4() { "" } else { "-6 " };
    let sender = leg.hops.first().map_or(0, |hop| hop.place);
    let typed = &scene.places[sender].typed;
    format!("{typed}.exec(\"ip {family}route flush cache\")")
}

/// That they are lost on the link layer, where nobody tells the sender that they are too long.
pub(super) fn lost(scene: &Scene, leg: &Leg, hop: &Hop, measured: &Measured) -> Option<Cause> {
    let (end, mtu) = narrowest(scene, hop)?;
    if measured.length <= mtu {
        return None;
    }
    let text = format!(
        "packets of {} bytes are too long for link {}, and nobody tells their sender",
        measured.length,
        scene.name(end)
    );
    let cause = Cause::at("mtu", end, text).seen(format!("MTU {mtu}"));
    Some(cause.mend(widened(scene, leg, &hop.chain, measured)))
}

/// The link behind that by which they leave that takes only shorter packets: on the link layer nobody tells the sender.
pub(super) fn narrowest(scene: &Scene, hop: &Hop) -> Option<(End, u32)> {
    let (first, behind) = hop.chain.split_first()?;
    let mtu = scene.link(*first)?.mtu;
    let links = behind.iter().filter_map(|end| {
        let link = scene.link(*end)?;
        (link.mtu < mtu && link.kind != "bridge").then_some((*end, link.mtu))
    });
    links.min_by_key(|(_, mtu)| *mtu)
}

/// What lets the links take what the sender sends; what is stacked on another comes after it.
fn widened(scene: &Scene, leg: &Leg, ends: &[End], measured: &Measured) -> String {
    let first = leg.hops.first().and_then(Hop::output);
    let at_start = first.filter(|end| !ends.starts_with(&[*end]));
    let at_start = at_start.and_then(|end| scene.link(end));
    let usual = at_start.map_or(USUAL_MTU, |link| link.mtu);
    let wanted = usual.max(measured.length);
    let is_narrow = |end: &&End| {
        let is_between = ends.first() != Some(*end);
        let link = scene.link(**end);
        link.is_some_and(|link| link.mtu < wanted && !(is_between && link.kind == "bridge"))
    };
    let mut narrow: Vec<End> = ends.iter().filter(is_narrow).copied().collect();
    narrow.sort_by_key(|end| scene.parents.contains_key(end));
    let lines = narrow.iter();
    let lines: Vec<_> = lines
        .map(|end| format!("{}.mtu({wanted})", scene.typed(*end)))
        .collect();
    lines.join("; ")
}
