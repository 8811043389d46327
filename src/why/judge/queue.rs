//! Queues and filters of tc that drop packets or hold them back.

use super::Judge;
use crate::why::cause::Cause;
use crate::why::scene::End;
use crate::why::walk::{Hop, Leg};

impl Judge<'_> {
    /// The queue of a link has dropped packets meanwhile.
    pub(super) fn queued(&self, end: End) -> Option<Cause> {
        if let Some(cause) = self.hooked(end) {
            return Some(cause);
        }
        let dropped = self
            .measured
            .dropped
            .get(&end)
            .filter(|count| **count > 0)?;
        let queue = self.scene.places[end.place].detail.queues.get(&end.link);
        let line = queue
            .map(|queue| queue.lines().join("; "))
            .unwrap_or_default();
        let text = format!("the queue of {} drops the packets", self.scene.name(end));
        Some(
            Cause::at("queue", end, text)
                .seen(format!("qdisc {line}: drops +{dropped}"))
                .mend(format!("{}.clear_qdisc()", self.scene.typed(end))),
        )
    }

    /// The queue of a link on the way changes what passes it, and who gets it drops it for its checksum.
    pub(super) fn corrupted(&self, leg: &Leg, hop: &Hop, place: usize) -> Option<Cause> {
        let counters = [
            "Icmp:InCsumErrors",
            "IpExt:InCsumErrors",
            "Ip:InHdrErrors",
            "Icmp6InCsumErrors",
            "Ip6InHdrErrors",
        ];
        let grown = self.measured.grew(place, &leg.counters(&counters));
        let came_by = leg.hops.iter().filter_map(Hop::output);
        let ends = hop.chain.iter().copied().chain(came_by);
        let corrupting = ends.into_iter().find_map(|end| {
            let queue = self.scene.places[end.place].detail.queues.get(&end.link)?;
            let line = queue.lines().join("; ");
            line.split(' ')
                .any(|word| word == "corrupt")
                .then_some((end, line))
        });
        let (end, line) = corrupting?;
        let text = format!("the queue of {} corrupts the packets", self.scene.name(end));
        Some(
            Cause::at("queue", end, text)
                .seen(format!("qdisc {line}"))
                .seen_if(grown)
                .mend(format!("{}.clear_qdisc()", self.scene.typed(end))),
        )
    }

    /// A filter at the `clsact` or `ingress` of a link has dropped packets meanwhile.
    pub(super) fn hooked(&self, end: End) -> Option<Cause> {
        let dropped = self.measured.hooked.get(&end);
        let dropped = dropped.filter(|count| **count > 0)?;
        let text = format!(
            "a filter of tc at {} drops the packets",
            self.scene.name(end)
        );
        Some(
            Cause::at("queue", end, text)
                .seen(format!("clsact or ingress: drops +{dropped}"))
                .mend(format!("{}.clear_ingress()", self.scene.typed(end))),
        )
    }

    /// The queue of a link that somebody has put there still has packets.
    pub(super) fn holding(&self, end: End) -> Option<Cause> {
        let queue = self.scene.places[end.place].detail.queues.get(&end.link)?;
        let waiting = queue.parts.iter().map(|part| part.stats.queued).max();
        let waiting = waiting.filter(|count| *count > 0)?;
        let line = queue.lines().join("; ");
        let text = format!(
            "the queue of {} holds the packets back",
            self.scene.name(end)
        );
        Some(
            Cause::at("queue", end, text)
                .seen(format!("qdisc {line}: backlog {waiting}p"))
                .mend(format!("{}.clear_qdisc()", self.scene.typed(end))),
        )
    }
}
