//! Addresses that a namespace on the way puts in the place of others: the replies have to come by it, too.

use std::net::IpAddr;

use super::Judge;
use crate::net::icmp::Outcome;
use crate::net::nft::Dropping;
use crate::net::route::Route;
use crate::why::cause::Cause;
use crate::why::circle;
use crate::why::scene::End;
use crate::why::walk::{Leg, Translated};

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

    /// Whether replies come, and all from another address than the one that was asked, which somebody on the way translates.
    pub(super) fn is_answered_by_another(&self) -> bool {
        let Some(there) = self.legs.first() else {
            return false;
        };
        let replies = self.measured.outcomes.iter();
        let mut replies = replies.filter_map(|outcome| match outcome {
            Outcome::Reply { from, .. } => Some(*from),
            _ => None,
        });
        there.translating().next().is_some() && replies.all(|from| from != there.to)
    }

    /// Nobody has an address that a namespace on the way puts in the place of another one. `asking` is the link by which it is asked
    /// for.
    pub(super) fn nobody_translated(&self, asking: Option<End>, next: IpAddr) -> Option<Cause> {
        let scene = self.scene;
        let there = self.legs.first()?;
        there.translating().find_map(|(hop, translated)| {
            let Translated { before, after } = translated;
            let label = &scene.places[hop.place].label;
            if after.from == next && before.from != next {
                let output = hop.output()?;
                let text = format!(
                    "nobody has the address {next}, which {label} puts in the place of {}: replies do not find back",
                    before.from
                );
                let cause = Cause::at("no_such_address", output, text);
                let is_near = |end: End| scene.segment(end).contains(&output);
                if asking.is_some_and(is_near) {
                    let address = ipnet::IpNet::from(next);
                    let mend = format!("{}.addr(\"{address}\")", scene.typed(output));
                    return Some(cause.mend(mend));
                }
                return Some(self.by_rule(hop.place, next, cause));
            }
            if after.to != next || before.to == next {
                return None;
            }
            let text = format!(
                "nobody has the address {next}, to which {label} sends what is for {}",
                before.to
            );
            let cause = Cause::in_place("no_such_address", hop.place, text);
            Some(self.by_rule(hop.place, next, cause))
        })
    }

    /// The cause, with the rule of the namespace that gives packets the address.
    fn by_rule(&self, place: usize, ip: IpAddr, cause: Cause) -> Cause {
        let place = &self.scene.places[place];
        let is_it = |rule: &&Dropping| {
            // The address that they get stands behind the last word `to`.
            let given = rule.text.rsplit_once(" to ").map_or("", |(_, given)| given);
            let mut words = given.split([' ', ':', '[', ']']);
            given.starts_with(&ip.to_string()) || words.any(|word| word.parse() == Ok(ip))
        };
        let Some(Dropping {
            table,
            chain,
            handle: Some(handle),
            text,
            ..
        }) = place.detail.translating.iter().find(is_it)
        else {
            return cause;
        };
        let typed = &place.typed;
        cause.seen(format!("rule `{text}`")).mend(format!(
            "{typed}.nft(\"delete rule {table} {chain} handle {handle}\")"
        ))
    }

    /// The replies come from another address than was asked, because they do not come by the namespace that has translated it.
    pub(super) fn untranslated(&self, leg: &Leg) -> Option<Cause> {
        let there = self.legs.first()?;
        if leg.from == there.to {
            return None;
        }
        let (first, _) = there.translating().next()?;
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
        let mut cause = Cause::in_place("untranslated", answering.place, text);
        cause = match &answering.answer {
            Ok(Route { via: Some(via), .. }) => {
                cause.seen(format!("{}: via {via}", answering.asked))
            }
            _ => cause.seen(answering.asked.clone()),
        };
        // The router by which they came.
        let before = there.hops.iter().rev().nth(1)?;
        let near = before.output().and_then(|end| scene.address(end, leg.to));
        cause.mend = near.map(|via| {
            circle::by_another(scene, answering, leg.to, via).unwrap_or_else(|| {
                let typed = &scene.places[answering.place].typed;
                let to = ipnet::IpNet::from(leg.to);
                format!("{typed}.route(\"{to}\", #{{via: \"{via}\"}})")
            })
        });
        Some(cause)
    }
}
