//! What a measurement found, in one direction.

use std::time::Duration;

use crate::net::listener::Protocol;

/// The counts since the beginning, at some moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// When it was taken, from the beginning.
    pub at: Duration,
    /// Bytes of data that came, without headers.
    pub bytes: u64,
    /// Datagrams that were sent.
    pub sent: u64,
    /// Datagrams that came, each counted once.
    pub received: u64,
    /// Datagrams that are missing among those that came, so far.
    pub missing: u64,
    /// Datagrams that came behind later ones.
    pub out_of_order: u64,
    /// Datagrams that came once more.
    pub duplicates: u64,
    /// The mean difference of the times that two datagrams took, one behind the other (RFC 3550).
    pub jitter: Duration,
    /// Segments that were sent once more.
    pub retransmits: u64,
    /// The smoothed round-trip time, the mean of all streams.
    pub rtt: Option<Duration>,
    /// How many bytes may be under way, in all streams.
    pub window: Option<u64>,
}

/// What came between two moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// When it began, from the beginning of all.
    pub begin: Duration,
    /// When it ended.
    pub end: Duration,
    /// Bytes of data that came.
    pub bytes: u64,
    /// Datagrams that were found missing.
    pub lost: u64,
    /// Datagrams that came behind later ones.
    pub out_of_order: u64,
    /// Segments that were sent once more.
    pub retransmits: u64,
    /// How it was at its end.
    pub last: Sample,
}

impl Interval {
    /// That between two samples.
    pub fn between(before: &Sample, last: &Sample) -> Self {
        Self {
            begin: before.at,
            end: last.at,
            bytes: last.bytes.saturating_sub(before.bytes),
            lost: last.missing.saturating_sub(before.missing),
            out_of_order: last.out_of_order.saturating_sub(before.out_of_order),
            retransmits: last.retransmits.saturating_sub(before.retransmits),
            last: *last,
        }
    }

    /// The bits that came in a second.
    pub fn bits_per_second(&self) -> f64 {
        bits_per_second(self.bytes, self.end.saturating_sub(self.begin))
    }
}

/// What was measured in one direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// By which protocol.
    pub protocol: Protocol,
    /// How long data was sent.
    pub duration: Duration,
    /// The counts at the end.
    pub last: Sample,
    /// The intervals, in their order.
    pub intervals: Vec<Interval>,
    /// The round-trip time: the mean of the intervals.
    pub rtt: Option<Duration>,
    /// The time of a processor that sending took.
    pub cpu_of_sender: Duration,
    /// The same for receiving.
    pub cpu_of_receiver: Duration,
    /// Whether it was ended before its time.
    pub interrupted: bool,
}

impl Report {
    /// The report of what came as it was wanted, for a plan.
    pub fn hoped_for(protocol: Protocol, duration: Duration, bytes_per_second: u64) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let last = Sample {
            at: duration,
            bytes: bytes_per_second.saturating_mul(millis) / 1000,
            ..Sample::default()
        };
        Self {
            protocol,
            duration,
            last,
            intervals: vec![Interval::between(&Sample::default(), &last)],
            rtt: None,
            cpu_of_sender: Duration::ZERO,
            cpu_of_receiver: Duration::ZERO,
            interrupted: false,
        }
    }

    /// The bits that came in a second, without headers.
    pub fn bits_per_second(&self) -> f64 {
        bits_per_second(self.last.bytes, self.duration)
    }

    /// How many datagrams that were sent did not come.
    pub fn lost(&self) -> u64 {
        self.last.sent.saturating_sub(self.last.received)
    }

    /// The share of them in a hundred.
    pub fn loss_percent(&self) -> f64 {
        share(self.lost(), self.last.sent)
    }

    /// How much of one processor it took, both ends together.
    pub fn cpu_percent(&self) -> f64 {
        let cpu = self.cpu_of_sender + self.cpu_of_receiver;
        if self.duration.is_zero() {
            return 0.0;
        }
        cpu.as_secs_f64() / self.duration.as_secs_f64() * 100.0
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 packets")]
    let share = part as f64 / whole as f64;
    share * 100.0
}

fn bits_per_second(bytes: u64, time: Duration) -> f64 {
    if time.is_zero() {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 bytes")]
    let bits = bytes as f64 * 8.0;
    bits / time.as_secs_f64()
}
