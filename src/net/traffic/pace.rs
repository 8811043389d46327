//! How much may be sent now, where there is a rate to keep.

use std::time::{Duration, Instant};

/// For how long what was not sent may be made up for: a sender that could not send is not to flood the way afterwards.
const MEMORY: Duration = Duration::from_millis(100);

/// A rate that is kept.
#[derive(Debug)]
pub(super) struct Pace {
    bytes_per_second: f64,
    looked: Instant,
    credit: f64,
}

impl Pace {
    /// One that begins now.
    pub(super) fn new(bytes_per_second: f64, now: Instant) -> Self {
        Self {
            bytes_per_second,
            looked: now,
            credit: 0.0,
        }
    }

    /// How many bytes may go now, if it is `least` of them; else, how long it takes until so many may.
    pub(super) fn due(&mut self, now: Instant, least: usize) -> Result<usize, Duration> {
        let passed = now.saturating_duration_since(self.looked);
        self.looked = now;
        #[expect(clippy::cast_precision_loss, reason = "a piece is small")]
        let least = least as f64;
        let most = least + self.bytes_per_second * MEMORY.as_secs_f64();
        self.credit = (self.credit + passed.as_secs_f64() * self.bytes_per_second).min(most);
        if self.credit < least {
            let wait = (least - self.credit) / self.bytes_per_second;
            return Err(Duration::try_from_secs_f64(wait).unwrap_or(MEMORY));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is at least that of a piece, and what is too large ends at the largest"
        )]
        Ok(self.credit as usize)
    }

    /// Notes what went.
    pub(super) fn sent(&mut self, bytes: usize) {
        #[expect(clippy::cast_precision_loss, reason = "a piece is small")]
        let bytes = bytes as f64;
        self.credit -= bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_a_second_is_the_rate() {
        let begin = Instant::now();
        let mut pace = Pace::new(1e6, begin);
        let (mut now, mut sent) = (begin, 0);
        while now < begin + Duration::from_secs(1) {
            match pace.due(now, 1500) {
                Ok(bytes) => {
                    assert!(bytes >= 1500);
                    pace.sent(1500);
                    sent += 1500;
                }
                // A sleep takes a little longer than it was asked for.
                Err(wait) => now += wait + Duration::from_micros(60),
            }
        }
        assert!((997_000..=1_002_000).contains(&sent), "{sent}");
    }

    #[test]
    fn what_could_not_go_for_long_is_not_made_up_for() {
        let begin = Instant::now();
        let mut pace = Pace::new(1e6, begin);
        let bytes = pace.due(begin + Duration::from_secs(10), 1000);
        assert_eq!(bytes, Ok(101_000));
    }
}
