//! Packets that go round in a circle.

use crate::net::route::TABLE_MAIN;
use crate::why::cause::Cause;
use crate::why::free;
use crate::why::scene::Scene;
use crate::why::walk::{Hop, Leg, Proposal};

/// That the packets of a leg come back to where they have been, and the hop to which that is put down.
pub(super) fn cause<'a>(scene: &Scene, leg: &'a Leg) -> Option<(&'a Hop, Cause)> {
    let last = leg.hops.last()?;
    let circle = leg.circle();
    let mended = circle
        .iter()
        .find_map(|hop| Some((hop, mend(scene, leg, circle, hop)?)));
    let (hop, line) = match mended {
        Some((hop, line)) => (hop, Some(line)),
        None => (last, None),
    };
    let label = |hop: &Hop| scene.places[hop.place].label.clone();
    let mut labels: Vec<String> = circle.iter().map(label).collect();
    labels.extend(circle.first().map(label));
    let text = format!(
        "packets to {} go round in a circle: {}",
        leg.to,
        labels.join(" → ")
    );
    let mut cause = Cause::in_place("loop", hop.place, text);
    for hop in circle {
        let next = hop.answer.as_ref().ok().and_then(|route| route.via);
        cause = cause.seen(format!(
            "{} sends them to {}",
            label(hop),
            next.unwrap_or(leg.to)
        ));
    }
    cause.mend = line;
    Some((hop, cause))
}

/// What leads the packets out of the circle at one of its hops.
fn mend(scene: &Scene, leg: &Leg, circle: &[Hop], hop: &Hop) -> Option<String> {
    match hop.proposal.as_ref()? {
        Proposal::Link(end) => {
            let mut own = scene.addresses(*end);
            if own.any(|one| one.assigned.prefix.contains(&leg.to)) {
                return None;
            }
            let (end, address) = free::free_address(scene, *end, leg)?;
            Some(format!("{}.addr(\"{address}\")", scene.typed(end)))
        }
        Proposal::By(via) => {
            let owners = scene.owners(*via);
            let is_in_circle = |hop: &Hop| owners.iter().any(|end| end.place == hop.place);
            if circle.iter().any(is_in_circle) {
                return None;
            }
            by_another(scene, hop, leg.to, *via)
        }
        Proposal::Behind(_) => None,
    }
}

/// What leads the route of a hop by another router than now.
pub(super) fn by_another(
    scene: &Scene,
    hop: &Hop,
    to: std::net::IpAddr,
    via: std::net::IpAddr,
) -> Option<String> {
    let place = &scene.places[hop.place];
    let answer = hop.answer.as_ref().ok()?;
    let now = answer.via?;
    let routes = place.detail.routes.iter();
    let route = routes
        .filter(|route| route.via == Some(now) && route.destination.contains(&to))
        .max_by_key(|route| route.destination.prefix_len())?;
    let destination = route.destination_text();
    let table = match route.table {
        TABLE_MAIN => String::new(),
        table => format!(", table: {table}"),
    };
    let typed = &place.typed;
    (via != now).then(|| {
        format!(
            "{typed}.del_route(\"{destination}\", #{{via: \"{now}\"{table}}}); \
             {typed}.route(\"{destination}\", #{{via: \"{via}\"{table}}})"
        )
    })
}
