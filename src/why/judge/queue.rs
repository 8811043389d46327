//! Queues and filters of tc that drop packets or hold them back.

use super::Judge;
use crate::why::cause::Cause;
use crate::why::scene::End;

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
