//! Rules and policies of nftables that drop packets.

use nix::errno::Errno;

use super::Judge;
use crate::net::icmp::Outcome;
use crate::net::nft::Dropping;
use crate::why::cause::Cause;
use crate::why::scene::Place;
use crate::why::walk::{Hop, Leg};

impl Judge<'_> {
    /// A filter of the namespace drops them.
    pub(super) fn filtered(&self, leg: &Leg, hop: &Hop) -> Option<Cause> {
        let hooks: &[&str] = match (hop.input, hop.is_arrival()) {
            (None, _) => &["output", "postrouting", "egress"],
            (Some(_), true) => &["ingress", "prerouting", "input"],
            (Some(_), false) => &["ingress", "prerouting", "forward", "postrouting", "egress"],
        };
        let counters = [
            "Ip:ForwDatagrams",
            "Ip:OutForwDatagrams",
            "Ip:InReceives",
            "Ip6OutForwDatagrams",
            "Ip6InReceives",
            "Ip:OutRequests",
            "Ip6OutRequests",
        ];
        let refused = self
            .measured
            .outcomes
            .iter()
            .find_map(|outcome| match outcome {
                Outcome::SendFailed {
                    errno: Errno::EPERM,
                    ..
                } => Some("send: EPERM".to_owned()),
                other => {
                    let (icmp_type, code, from) = other.icmp()?;
                    Some(format!("ICMP type {icmp_type} code {code} from {from}"))
                }
            });
        let grown = self.measured.grew(hop.place, &leg.counters(&counters));
        Some(
            self.filter_of(leg, hop.place, hooks)?
                .seen_if(grown)
                .seen_if(refused),
        )
    }

    /// What of the namespace lets packets not pass at one of the hooks, where there is something.
    ///
    /// The rule is named where the kernel has told it, or where it is the only one that can be meant.
    pub(super) fn filter_of(&self, leg: &Leg, place: usize, hooks: &[&str]) -> Option<Cause> {
        let Place {
            label,
            typed,
            detail,
            ..
        } = &self.scene.places[place];
        let can_be = |one: &&Dropping| one.hook.is_empty() || hooks.contains(&one.hook.as_str());
        let mut all = detail.filters.iter().filter(can_be);
        let traced = self.measured.taken.get(&place);
        let (first, others) = match traced {
            Some(taken) => (taken, 0),
            None => (all.next()?, all.count()),
        };
        let cause = |text: String| {
            let told = traced.map(|_| "meta nftrace: verdict drop".to_owned());
            Cause::in_place("filter", place, text).seen_if(told)
        };
        if others > 0 {
            let text = format!("a filter of {label} drops packets to {}", leg.to);
            let cause = cause(text).seen(format!("{} rules of it drop or reject", others + 1));
            return Some(cause);
        }
        let Dropping {
            table, chain, text, ..
        } = first;
        Some(match first.handle {
            Some(handle) => cause(format!(
                "rule `{text}` of chain {chain} in table {table} of {label} stops packets to {}",
                leg.to
            ))
            .seen(format!("handle {handle}"))
            .mend(format!(
                "{typed}.nft(\"delete rule {table} {chain} handle {handle}\")"
            )),
            None => cause(format!(
                "the policy of chain {chain} in table {table} of {label} drops packets to {}",
                leg.to
            ))
            .mend(format!(
                "{typed}.nft(\"chain {table} {chain} {{ policy accept; }}\")"
            )),
        })
    }
}
