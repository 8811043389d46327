//! How much passes links: rates, worked out of the counters that the kernel keeps.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::net::link::{self, Snapshot};
use crate::net::namespace::Id;
use crate::net::netns::Netns;

/// The links of a namespace, with their counters.
pub(super) type Counted = (Rc<Netns>, Vec<Snapshot>);

/// The links of all namespaces, with their counters. One that goes meanwhile is left out.
pub(super) async fn counted(places: &[Rc<Netns>]) -> Vec<Counted> {
    let mut all = Vec::new();
    for place in places {
        let Ok(rtnl) = place.rtnl() else { continue };
        if let Ok(links) = link::list_counted(&rtnl).await {
            all.push((place.clone(), links));
        }
    }
    all
}

/// What passes a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flow {
    /// The label of its namespace.
    pub(super) netns: String,
    /// Its name.
    pub(super) link: String,
    /// `UP`, `DOWN` and so on.
    pub(super) state: &'static str,
    /// Bits in a second.
    pub(super) received: u64,
    /// Bits in a second.
    pub(super) sent: u64,
    /// Packets that were dropped, of those received and those to be sent, since the link was made.
    pub(super) dropped: u64,
}

/// Bytes received and sent.
type Bytes = [u64; 2];

/// Works out rates since it was asked last.
#[derive(Debug, Default)]
pub(super) struct Meter {
    bytes: HashMap<(Id, u32), Bytes>,
    asked: Option<Instant>,
}

impl Meter {
    /// What has passed each link since the last time; nothing at the first.
    pub(super) fn count(&mut self, all: Vec<Counted>) -> Vec<Flow> {
        let now = Instant::now();
        let before = self.asked.replace(now);
        let time = before.map_or(Duration::ZERO, |before| now.duration_since(before));
        let mut flows = Vec::new();
        let mut bytes = HashMap::new();
        for (place, links) in all {
            for link in links {
                let stats = link.stats.unwrap_or_default();
                let now = [stats.rx_bytes, stats.tx_bytes];
                let key = (place.namespace().id(), link.index);
                let before = self.bytes.get(&key).copied().unwrap_or(now);
                let rate = |at: usize| bits_per_second(now[at].saturating_sub(before[at]), time);
                flows.push(Flow {
                    netns: place.label().to_owned(),
                    link: link.name,
                    state: link.state,
                    received: rate(0),
                    sent: rate(1),
                    dropped: stats.rx_dropped + stats.tx_dropped,
                });
                bytes.insert(key, now);
            }
        }
        self.bytes = bytes;
        flows
    }
}

/// Bytes in that time, as bits in a second.
fn bits_per_second(bytes: u64, time: Duration) -> u64 {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
    bytes.saturating_mul(8).saturating_mul(1000) / millis
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_in_bits_a_second() {
        let second = Duration::from_secs(1);
        assert_eq!(bits_per_second(125, second), 1000);
        assert_eq!(bits_per_second(12_500_000, second / 2), 200_000_000);
        assert_eq!(bits_per_second(u64::MAX, Duration::ZERO), u64::MAX);
    }
}
