//! What became of all the echo requests of a run.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use nix::errno::Errno;

use super::probe::{Outcome, Probe};
use super::request::{ECHO_HEADER, Request};

/// How many outcomes a report keeps: an endless ping must not fill the memory.
const KEPT: usize = 10_000;

/// The outcome of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Where the requests went.
    pub destination: IpAddr,
    /// The destination as the user typed it.
    pub label: String,
    /// Payload bytes.
    pub size: u16,
    /// How many were sent, those that the kernel refused included, as `ping` counts.
    pub sent: u64,
    /// How many were answered.
    pub received: u64,
    /// How many further answers came to what had been answered already.
    pub duplicates: u64,
    /// How many ended in an ICMP error or were too long to send: what `ping` calls errors.
    pub errors: u64,
    /// How many the kernel refused to send for any other reason, such as "network is unreachable".
    pub refused: u64,
    /// The whole run, the wait for the last reply included.
    pub duration: Duration,
    /// From the first request sent to the last, which is what `ping` calls "time".
    pub sending: Duration,
    /// The most requests on their way at once, seen when one was answered.
    pub pipe: u64,
    /// Whether it ended before its time.
    pub interrupted: bool,
    /// The outcomes by sequence; the latest ones of a very long run.
    ///
    /// What was still on its way when the run was interrupted is not among them.
    pub probes: Vec<Probe>,
    round_trips: RoundTrips,
}

impl Report {
    /// The report of a request that was answered at once, for a plan.
    pub fn hoped_for(request: &Request) -> Self {
        let reply = Outcome::Reply {
            from: request.destination,
            bytes: usize::from(request.size) + ECHO_HEADER,
            ttl: None,
            rtt: Duration::ZERO,
        };
        let count = usize::try_from(request.count.unwrap_or(1)).unwrap_or(1);
        Self::of(request, Duration::ZERO, std::iter::repeat_n(reply, count))
    }

    /// The report of one request for each of `outcomes`, sent over the time `sending`.
    pub(crate) fn of(
        request: &Request,
        sending: Duration,
        outcomes: impl IntoIterator<Item = Outcome>,
    ) -> Self {
        let mut tally = Tally::new();
        for outcome in outcomes {
            let sequence = tally.send();
            tally.record(Probe { sequence, outcome });
        }
        tally.finish(request, sending, sending, false)
    }

    /// Whether all that was sent was answered.
    pub fn ok(&self) -> bool {
        self.sent > 0 && self.received == self.sent
    }

    /// The share of what was sent that was not answered; 0 where nothing was sent.
    pub fn loss_percent(&self) -> f64 {
        if self.sent == 0 {
            return 0.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 packets")]
        let share = self.sent.saturating_sub(self.received) as f64 / self.sent as f64;
        share * 100.0
    }

    /// The shortest round trip.
    pub fn rtt_min(&self) -> Option<Duration> {
        self.round_trips.known().map(|known| known.min)
    }

    /// The mean of the round trips.
    pub fn rtt_avg(&self) -> Option<Duration> {
        self.round_trips.known().map(RoundTrips::mean)
    }

    /// The longest round trip.
    pub fn rtt_max(&self) -> Option<Duration> {
        self.round_trips.known().map(|known| known.max)
    }

    /// The standard deviation of the round trips, which `ping` calls mdev.
    pub fn rtt_mdev(&self) -> Option<Duration> {
        self.round_trips.known().map(RoundTrips::deviation)
    }

    /// The round trips of the replies, by sequence.
    pub fn rtts(&self) -> impl Iterator<Item = Duration> {
        self.probes.iter().filter_map(|probe| match probe.outcome {
            Outcome::Reply { rtt, .. } => Some(rtt),
            _ => None,
        })
    }
}

/// A report in the making.
#[derive(Debug)]
pub(super) struct Tally {
    sent: u64,
    received: u64,
    duplicates: u64,
    errors: u64,
    refused: u64,
    pipe: u64,
    probes: VecDeque<Probe>,
    round_trips: RoundTrips,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            sent: 0,
            received: 0,
            duplicates: 0,
            errors: 0,
            refused: 0,
            pipe: 1,
            probes: VecDeque::new(),
            round_trips: RoundTrips::default(),
        }
    }

    /// How many have been sent.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Counts one more as sent; returns its sequence.
    pub(super) fn send(&mut self) -> u64 {
        self.sent += 1;
        self.sent
    }

    /// Takes the latest back: it was interrupted before it left.
    pub(super) fn unsend(&mut self) {
        self.sent -= 1;
    }

    /// Counts an outcome and keeps it.
    pub(super) fn record(&mut self, probe: Probe) {
        // iputils works out how many were on their way from replies, and from errors in IPv4 only.
        let tells_pipe = match &probe.outcome {
            Outcome::Reply { rtt, .. } => {
                self.received += 1;
                self.round_trips.add(*rtt);
                true
            }
            Outcome::Duplicate { rtt, .. } => {
                self.duplicates += 1;
                self.round_trips.add(*rtt);
                true
            }
            Outcome::Lost => false,
            Outcome::SendFailed { errno, .. } => {
                if *errno == Errno::EMSGSIZE {
                    self.errors += 1;
                } else {
                    self.refused += 1;
                }
                false
            }
            Outcome::Unreachable { from, .. }
            | Outcome::TtlExceeded { from }
            | Outcome::FragmentationNeeded { from, .. }
            | Outcome::Problem { from, .. } => {
                self.errors += 1;
                from.is_ipv4()
            }
        };
        if tells_pipe {
            self.pipe = self.pipe.max(self.sent - probe.sequence + 1);
        }
        if self.probes.len() == KEPT {
            self.probes.pop_front();
        }
        self.probes.push_back(probe);
    }

    /// The report of a run of `request` that took `duration`, of which `sending` from the first request to the last.
    pub(super) fn finish(
        self,
        request: &Request,
        duration: Duration,
        sending: Duration,
        interrupted: bool,
    ) -> Report {
        let mut probes = Vec::from(self.probes);
        // Stable, so that a duplicate stays behind the reply that it doubles.
        probes.sort_by_key(|probe| probe.sequence);
        Report {
            destination: request.destination,
            label: request.label.clone(),
            size: request.size,
            sent: self.sent,
            received: self.received,
            duplicates: self.duplicates,
            errors: self.errors,
            refused: self.refused,
            duration,
            sending,
            pipe: self.pipe,
            interrupted,
            probes,
            round_trips: self.round_trips,
        }
    }
}

/// The sums that mean and deviation come from, so that they cover more than the outcomes kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct RoundTrips {
    count: u64,
    min: Duration,
    max: Duration,
    /// In microseconds.
    sum: u128,
    sum_of_squares: u128,
}

impl RoundTrips {
    /// Counts whole microseconds in all of them, as iputils does: else the mean could be below the shortest.
    fn add(&mut self, rtt: Duration) {
        let rtt = micros(rtt.as_micros());
        self.min = if self.count == 0 {
            rtt
        } else {
            self.min.min(rtt)
        };
        self.max = self.max.max(rtt);
        self.count += 1;
        self.sum += rtt.as_micros();
        self.sum_of_squares += rtt.as_micros().pow(2);
    }

    fn known(&self) -> Option<&Self> {
        (self.count > 0).then_some(self)
    }

    fn mean(&self) -> Duration {
        micros(self.sum / u128::from(self.count))
    }

    /// In whole microseconds, with the divisions in the order in which iputils makes them.
    fn deviation(&self) -> Duration {
        let count = u128::from(self.count);
        let spread = self.sum_of_squares.saturating_sub(self.sum.pow(2) / count);
        micros((spread / count).isqrt())
    }
}

fn micros(value: u128) -> Duration {
    Duration::from_micros(u64::try_from(value).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn reply(sequence: u64, rtt_us: u64) -> Probe {
        Probe {
            sequence,
            outcome: Outcome::Reply {
                from: FROM,
                bytes: 64,
                ttl: Some(64),
                rtt: Duration::from_micros(rtt_us),
            },
        }
    }

    fn report(tally: Tally) -> Report {
        tally.finish(&Request::new(FROM), Duration::ZERO, Duration::ZERO, false)
    }

    #[test]
    fn statistics_are_those_of_iputils() {
        // Seen: "rtt min/avg/max/mdev = 0.028/0.129/0.314/0.130 ms" for these three.
        let mut tally = Tally::new();
        for rtt in [314, 46, 28] {
            let sequence = tally.send();
            tally.record(reply(sequence, rtt));
        }
        let report = report(tally);
        assert_eq!(report.rtt_min(), Some(Duration::from_micros(28)));
        assert_eq!(report.rtt_avg(), Some(Duration::from_micros(129)));
        assert_eq!(report.rtt_max(), Some(Duration::from_micros(314)));
        assert_eq!(report.rtt_mdev(), Some(Duration::from_micros(130)));
        assert!(report.ok());
    }

    #[test]
    fn the_mean_is_not_below_the_shortest() {
        let mut round_trips = RoundTrips::default();
        round_trips.add(Duration::from_nanos(12_800));
        assert_eq!(round_trips.mean(), round_trips.min);
    }

    #[test]
    fn without_a_reply_there_are_no_round_trips() {
        let mut tally = Tally::new();
        let sequence = tally.send();
        tally.record(Probe {
            sequence,
            outcome: Outcome::Lost,
        });
        let report = report(tally);
        assert_eq!(report.rtt_avg(), None);
        assert!(!report.ok());
        assert!((report.loss_percent() - 100.0).abs() < f64::EPSILON);
    }

    #[test]
    fn nothing_sent_is_neither_lost_nor_fine() {
        let report = report(Tally::new());
        assert!(!report.ok());
        assert!(report.loss_percent().abs() < f64::EPSILON);
    }

    #[test]
    fn a_long_run_keeps_its_latest_outcomes_and_counts_all() {
        let mut tally = Tally::new();
        for _ in 0..KEPT + 5 {
            let sequence = tally.send();
            tally.record(reply(sequence, 100));
        }
        let report = report(tally);
        assert_eq!(report.received, KEPT as u64 + 5);
        assert_eq!(report.probes.len(), KEPT);
        assert_eq!(report.probes[0].sequence, 6);
    }

    #[test]
    fn what_the_kernel_refused_is_counted_apart_as_ping_does() {
        let mut tally = Tally::new();
        for errno in [Errno::EMSGSIZE, Errno::ENETUNREACH] {
            let sequence = tally.send();
            tally.record(Probe {
                sequence,
                outcome: Outcome::SendFailed { errno, mtu: None },
            });
        }
        let report = report(tally);
        assert_eq!((report.sent, report.errors, report.refused), (2, 1, 1));
    }

    #[test]
    fn late_outcomes_are_put_in_their_place() {
        let mut tally = Tally::new();
        tally.send();
        tally.send();
        tally.record(reply(2, 10));
        tally.record(reply(1, 20));
        let report = report(tally);
        assert_eq!(report.pipe, 2);
        assert_eq!(
            report.rtts().collect::<Vec<_>>(),
            [Duration::from_micros(20), Duration::from_micros(10)]
        );
    }
}
