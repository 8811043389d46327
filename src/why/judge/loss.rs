//! Packets that a namespace does not send on, or that are lost between two links.

use nix::errno::Errno;

use super::Judge;
use super::filter::{families, packets};
use crate::net::icmp::Outcome;
use crate::net::trace::sniffer::Sort;
use crate::why::cause::Cause;
use crate::why::length;
use crate::why::link_layer;
use crate::why::refusal;
use crate::why::scene::{End, filters_bridged};
use crate::why::walk::{Hop, Leg};

impl Judge<'_> {
    /// A router does not send them on for what they are, whether its word of it comes back or not.
    pub(super) fn dropped_by_router(&self, leg: &Leg, hop: &Hop, output: End) -> Option<Cause> {
        let came_by = hop.came_by()?;
        let scene = self.scene;
        let place = &scene.places[hop.place];
        let mtu = scene.link(output)?.mtu;
        let failures = ["Ip:FragFails", "Ip6InTooBigErrors"];
        if self.measured.length > mtu
            && let Some(grown) = self.measured.grew(hop.place, &leg.counters(&failures))
        {
            let cause = length::cause(scene, leg, hop, output, None, self.measured);
            return Some(cause.seen(grown));
        }
        let mut outcomes = self.measured.outcomes.iter();
        let from = outcomes.find_map(|outcome| match outcome {
            Outcome::TtlExceeded { from } => Some(*from),
            _ => None,
        })?;
        let is_own = place.addresses.iter().any(|one| one.ip() == from);
        (is_own && !leg.is_back && !leg.is_loop).then(|| {
            let text = format!(
                "the time to live of the packets runs out at {}",
                place.label
            );
            Cause::at("ttl", came_by, text).seen(format!("time exceeded, from {from}"))
        })
    }

    /// They are lost between two links, and nothing that is set there says why.
    pub(super) fn lost_between(&self, leg: &Leg, hop: &Hop, sort: Sort) -> Cause {
        let scene = self.scene;
        let was_seen = |end: &&End| {
            [true, false]
                .iter()
                .any(|is_out| self.measured.was_seen(**end, *is_out, sort))
        };
        let last = hop.chain.iter().rev().find(was_seen);
        let last = last.copied().or(hop.output());
        let bridged = hop.chain.iter().find_map(|end| {
            let place = &scene.places[end.place];
            let link = scene.link(*end).filter(|link| link.kind == "bridge")?;
            if filters_bridged(link) {
                Some((end.place, "nf_call_iptables of the bridge is on"))
            } else if place.detail.number("bridge.bridge-nf-call-iptables") != 0 {
                Some((end.place, "bridge-nf-call-iptables = 1"))
            } else {
                None
            }
        });
        let filter = bridged.and_then(|(place, why)| {
            let cause = self.filter_of(&packets(leg), place, &["forward"], families(leg))?;
            Some((cause, why))
        });
        match (last, filter) {
            (Some(last), Some((cause, why))) => {
                cause.seen(format!("{why}, last seen at {}", scene.name(last)))
            }
            (Some(_), None) if let Some(cause) = self.bridge_filtered(hop, &packets(leg)) => cause,
            (Some(last), None) => {
                let text = format!(
                    "packets to {} are last seen at {}; why is not known",
                    leg.to,
                    scene.name(last)
                );
                Cause::at("unknown", last, text)
            }
            _ => Cause::in_place("unknown", hop.place, "why is not known"),
        }
    }

    /// They do not leave the namespace by the link that the route names.
    pub(super) fn held(&self, leg: &Leg, hop: &Hop, output: End) -> Cause {
        let scene = self.scene;
        let place = &scene.places[hop.place];
        if let Some(cause) = self.full_table(hop) {
            return cause;
        }
        let is_unsent = |one: &Outcome| matches!(one, Outcome::SendFailed { errno, .. } if *errno == Errno::EADDRNOTAVAIL);
        if hop.input.is_none()
            && self.measured.outcomes.iter().any(is_unsent)
            && let Some(cause) = link_layer::own_tentative(scene, leg, output)
        {
            return cause.seen("send: EADDRNOTAVAIL");
        }
        if let Some(cause) = self.queued(output) {
            return cause;
        }
        if let Some(cause) = hop.came_by().and_then(|end| self.hooked(end)) {
            return cause;
        }
        if let (Some(input), Some(grown)) = (
            hop.input,
            self.measured
                .grew(hop.place, &["TcpExt:IPReversePathFilter"]),
        ) {
            return refusal::reverse_path(scene, leg, hop, input).seen(grown);
        }
        let sort = super::sort(leg);
        if let Some(other) = self.measured.left_by_another(scene, hop, sort) {
            let text = format!(
                "{} sends packets to {} on by {}, and not by {} as its routes say; why is not known",
                place.label,
                leg.to,
                scene.name(other),
                scene.name(output)
            );
            let seen = format!("seen leaving {}", scene.name(other));
            return Cause::at("unknown", other, text)
                .seen(seen)
                .seen(hop.asked.clone());
        }
        let cause = self.filtered(leg, hop).or_else(|| self.holding(output));
        cause.unwrap_or_else(|| {
            let text = format!(
                "{} does not send packets to {} on by {}; why is not known",
                place.label,
                leg.to,
                scene.name(output)
            );
            Cause::at("unknown", output, text)
        })
    }
}
