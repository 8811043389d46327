//! Packets to an address that no namespace here has: who refuses them.

use super::ends;
use crate::error::Error;
use crate::why::judge::Verdict;
use crate::why::scene::Scene;
use crate::why::walk::Leg;

/// Sorts of causes that say no more than that nobody has the address.
const SILENT: [&str; 2] = ["no_such_address", "unknown"];

/// That nobody has the address, and who refuses what goes there. None where somebody answers for it, or where it is translated.
pub(super) fn refused(scene: &Scene, legs: &[Leg], verdict: &Verdict) -> Option<Error> {
    let there = legs.first()?;
    let cause = verdict.cause.as_ref()?;
    let mut translating = there.translating();
    if translating.any(|(_, translated)| translated.before.to != translated.after.to) {
        return None;
    }
    let mut error = ends::nobody_has(there.to);
    if !SILENT.contains(&cause.sort) {
        error.cause = format!("{}; {}", error.cause, cause.text);
    }
    Some(match &verdict.refused {
        Some((text, from)) => {
            let owner = scene.owners(*from).into_iter().next();
            let who = owner.map_or_else(
                || from.to_string(),
                |end| format!("{from} ({})", scene.places[end.place].label),
            );
            error.note(format!("refused by {who}: {text}"))
        }
        None => error,
    })
}
