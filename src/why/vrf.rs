//! Links under VRFs: packets that come in by one look up routes in its table.

use crate::why::cause::Cause;
use crate::why::scene::Scene;
use crate::why::walk::{Hop, Leg, Proposal};

/// That the link which leads there is under another VRF than that of the packets, or under none, or the packets are in none.
pub(super) fn other(scene: &Scene, leg: &Leg, hop: &Hop) -> Option<Cause> {
    let end = match hop.proposal.as_ref()? {
        Proposal::Link(end) => *end,
        Proposal::By(via) => {
            let mut ends = scene.ends_of(hop.place).into_iter();
            ends.find(|end| {
                let mut own = scene.addresses(*end);
                own.any(|one| one.assigned.prefix.contains(via))
            })?
        }
        Proposal::Behind(_) => return None,
    };
    let (own, other) = (hop.vrf.as_ref(), scene.vrf(end));
    if own == other.as_ref() {
        return None;
    }
    let label = &scene.places[hop.place].label;
    let of_packets = own.map_or_else(
        || "outside of VRFs".to_owned(),
        |vrf| format!("in VRF {}", vrf.name),
    );
    let of_link = other.as_ref().map_or_else(
        || "under no VRF".to_owned(),
        |vrf| format!("under VRF {}", vrf.name),
    );
    let text = format!(
        "{label} has no route to {} {of_packets}, and {}, which leads there, is {of_link}",
        leg.to,
        scene.name(end)
    );
    let network = scene.network_of(leg.to).map(|network| network.to_string());
    let network = network.unwrap_or_else(|| leg.to.to_string());
    let tables = own.into_iter().chain(other.as_ref());
    let tables = tables.map(|vrf| format!("VRF {}: table {}", vrf.name, vrf.table));
    let mut cause = Cause::at("vrf", end, text);
    cause.evidence.extend(tables);
    Some(match (own, other) {
        (Some(own), None) => cause.mend(format!("{}.master(\"{}\")", scene.typed(end), own.name)),
        (None, Some(other)) => {
            cause.mend(format!("{}.route(\"{network}\")", scene.typed(other.end)))
        }
        (Some(own), Some(other)) => cause.mend(format!(
            "{}.route(\"{network}\", #{{vrf: \"{}\"}})",
            scene.typed(other.end),
            own.name
        )),
        (None, None) => cause,
    })
}
