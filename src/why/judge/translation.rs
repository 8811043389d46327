//! Addresses that a namespace on the way puts in the place of others: the replies have to come by it, too.

use super::Judge;
use crate::why::cause::Cause;
use crate::why::walk::{Hop, Leg};

impl Judge<'_> {
    /// Which namespaces have given the packets of a leg other addresses before they came to the hop numbered `at`, as evidence.
    pub(super) fn translations(&self, leg: &Leg, at: usize) -> Vec<String> {
        let way_there = self.legs.first().filter(|_| leg.is_back);
        let there = way_there.into_iter().flat_map(|there| &there.hops);
        let hops = there.chain(leg.hops.iter().take(at + 1));
        let translating = hops.filter_map(|hop| Some((hop, hop.translated?)));
        let mut seen = Vec::new();
        let translating = translating.filter(|(hop, _)| {
            let is_new = !seen.contains(&hop.place);
            seen.push(hop.place);
            is_new
        });
        translating
            .map(|(hop, translated)| translated.words(&self.scene.places[hop.place].label))
            .collect()
    }

    /// The replies come from another address than was asked, because they do not come by the namespace that has translated it.
    pub(super) fn untranslated(&self, leg: &Leg, hop: &Hop) -> Option<Cause> {
        let there = self.legs.first()?;
        if leg.from == there.to {
            return None;
        }
        let (first, translated) = there.translating().next()?;
        let scene = self.scene;
        let label = |place: usize| &scene.places[place].label;
        let answering = leg.hops.first()?;
        let text = format!(
            "the replies of {} come from {}, and not from {}, which was asked: they do not come by {}, which translates it",
            label(answering.place),
            leg.from,
            there.to,
            label(first.place),
        );
        let cause = Cause::in_place("untranslated", answering.place, text)
            .seen(translated.words(label(first.place)))
            .seen(format!(
                "route of {}: {}",
                label(answering.place),
                answering.asked
            ));
        let _ = hop;
        Some(cause)
    }
}
