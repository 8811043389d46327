//! Rules and policies of nftables that drop packets.

use std::net::IpAddr;

use nix::errno::Errno;

use super::Judge;
use crate::net::icmp::Outcome;
use crate::net::nft::Dropping;
use crate::net::trace::sniffer::Sort;
use crate::why::cause::Cause;
use crate::why::scene::{End, Place};
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
            self.filter_of(&packets(leg), hop.place, hooks, families(leg))?
                .seen_if(grown)
                .seen_if(refused),
        )
    }

    /// What of the namespace lets packets not pass at one of the hooks, where there is something.
    ///
    /// The rule is named where the kernel has told it, or where it is the only one that can be meant.
    pub(super) fn filter_of(
        &self,
        what: &str,
        place: usize,
        hooks: &[&str],
        families: &[&str],
    ) -> Option<Cause> {
        let Place {
            label,
            typed,
            detail,
            ..
        } = &self.scene.places[place];
        let is_of_family = |one: &&Dropping| {
            let family = one.table.split(' ').next().unwrap_or_default();
            families.contains(&family)
        };
        let can_be = |one: &&Dropping| {
            is_of_family(one) && (one.hook.is_empty() || hooks.contains(&one.hook.as_str()))
        };
        let mut all = detail.filters.iter().filter(can_be);
        if self.measured.untaken.contains(&place) {
            return None;
        }
        // What the kernel says is not to be guessed.
        let traced = self.measured.taken.get(&place);
        if traced.is_some_and(|taken| !is_of_family(&taken)) {
            return None;
        }
        let (first, others) = match traced {
            Some(taken) => (taken, 0),
            None => (all.next()?, all.count()),
        };
        let cause = |text: String| {
            let told = traced.map(|_| "meta nftrace: verdict drop".to_owned());
            Cause::in_place("filter", place, text).seen_if(told)
        };
        if others > 0 {
            let text = format!("a filter of {label} drops {what}");
            let cause = cause(text).seen(format!("{} rules of it drop or reject", others + 1));
            return Some(cause);
        }
        let Dropping {
            table, chain, text, ..
        } = first;
        Some(match first.handle {
            Some(handle) => cause(format!(
                "rule `{text}` of chain {chain} in table {table} of {label} stops {what}"
            ))
            .seen(format!("handle {handle}"))
            .mend(format!(
                "{typed}.nft(\"delete rule {table} {chain} handle {handle}\")"
            )),
            None => cause(format!(
                "the policy of chain {chain} in table {table} of {label} drops {what}"
            ))
            .mend(format!(
                "{typed}.nft(\"chain {table} {chain} {{ policy accept; }}\")"
            )),
        })
    }

    /// A filter drops the question for the next address, or the answer to it.
    pub(super) fn question_filtered(&self, hop: &Hop, next: IpAddr) -> Option<Cause> {
        let (output, owner) = (hop.output()?, *hop.chain.last()?);
        let (out, into) = (true, false);
        let seen = |end, is_out, sort| self.measured.was_seen(end, is_out, sort);
        let (question, answer) = (Sort::Question(next), Sort::Answer(next));
        let families: &[&str] = if next.is_ipv4() {
            &["arp", "netdev"]
        } else {
            &["ip6", "inet", "netdev"]
        };
        let (what, place, hooks): (_, _, &[&str]) = if !seen(output, out, question) {
            let hooks = &["output", "postrouting", "egress"];
            ("questions", hop.place, hooks)
        } else if !seen(owner, into, question) {
            return self.bridge_filtered(hop, &format!("questions for {next}"));
        } else if !seen(owner, out, answer) {
            let hooks = &[
                "ingress",
                "prerouting",
                "input",
                "output",
                "postrouting",
                "egress",
            ];
            ("questions", owner.place, hooks)
        } else if !seen(output, into, answer) {
            return self.bridge_filtered(hop, &format!("answers for {next}"));
        } else {
            ("answers", hop.place, &["ingress", "prerouting", "input"])
        };
        if !self.measured.can_see(place) {
            return None;
        }
        self.filter_of(&format!("{what} for {next}"), place, hooks, families)
    }

    /// A filter of the family of bridges drops what passes one on the way.
    pub(super) fn bridge_filtered(&self, hop: &Hop, what: &str) -> Option<Cause> {
        let hooks = ["ingress", "prerouting", "forward", "postrouting", "egress"];
        let is_bridge = |end: &&End| {
            let link = self.scene.link(**end);
            link.is_some_and(|link| link.kind == "bridge")
        };
        let mut bridges = hop.chain.iter().filter(is_bridge);
        bridges.find_map(|end| self.filter_of(what, end.place, &hooks, &["bridge", "netdev"]))
    }
}

/// The packets of a leg, in words.
pub(super) fn packets(leg: &Leg) -> String {
    format!("packets to {}", leg.to)
}

/// The families of tables that see the packets of a leg.
pub(super) fn families(leg: &Leg) -> &'static [&'static str] {
    if leg.to.is_ipv4() {
        &["ip", "inet", "netdev"]
    } else {
        &["ip6", "inet", "netdev"]
    }
}
