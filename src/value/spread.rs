//! How times spread: percentiles, and how many fall between which.

use std::time::Duration;

/// How many bins there are at most, beside the one for the longest.
const BINS: u128 = 12;

/// Times, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    times: Vec<Duration>,
}

/// How many times are between two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bin {
    /// From which on.
    pub from: Duration,
    /// Below which; no end of the last.
    pub below: Option<Duration>,
    /// How many they are.
    pub count: usize,
}

impl Spread {
    /// Of these times.
    pub fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self { times }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.times.len()
    }

    /// The shortest.
    pub fn min(&self) -> Option<Duration> {
        self.times.first().copied()
    }

    /// The longest.
    pub fn max(&self) -> Option<Duration> {
        self.times.last().copied()
    }

    /// The mean.
    pub fn mean(&self) -> Option<Duration> {
        let sum: u128 = self.times.iter().map(Duration::as_nanos).sum();
        let mean = sum.checked_div(self.times.len() as u128)?;
        u64::try_from(mean).ok().map(Duration::from_nanos)
    }

    /// The one that so many thousandths of all do not exceed.
    pub fn permille(&self, thousandths: usize) -> Option<Duration> {
        let rank = (self.times.len() * thousandths).div_ceil(1000).max(1);
        self.times.get(rank - 1).copied()
    }

    /// Bins of one width, the last of which has all that are longer than nearly all.
    pub fn bins(&self) -> Vec<Bin> {
        let (Some(min), Some(most)) = (self.min(), self.permille(990)) else {
            return Vec::new();
        };
        let (min, most) = (min.as_micros(), most.as_micros());
        let mut widths = (0..).flat_map(|power| [1, 2, 5].map(|one| one * 10_u128.pow(power)));
        let fits = |width: &u128| most / width - min / width < BINS;
        let width = widths.find(fits).unwrap_or(1);
        let micros = |edge: u128| {
            let micros = edge.saturating_mul(width);
            Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
        };
        let below = |edge| self.times.partition_point(|time| *time < micros(edge));
        let edges = min / width..=most / width;
        let mut bins: Vec<Bin> = edges
            .map(|edge| Bin {
                from: micros(edge),
                below: Some(micros(edge + 1)),
                count: below(edge + 1) - below(edge),
            })
            .collect();
        let end = most / width + 1;
        let rest = self.times.len() - below(end);
        if rest > 0 {
            bins.push(Bin {
                from: micros(end),
                below: None,
                count: rest,
            });
        }
        bins
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(micros: impl IntoIterator<Item = u64>) -> Spread {
        Spread::new(micros.into_iter().map(Duration::from_micros).collect())
    }

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let spread = of((1..=1000).rev());
        let micros = |time: Option<Duration>| time.map(|time| time.as_micros());
        assert_eq!(
            [0, 500, 900, 990, 999, 1000].map(|one| micros(spread.permille(one))),
            [1, 500, 900, 990, 999, 1000].map(Some)
        );
        assert_eq!(micros(spread.mean()), Some(500));
        assert_eq!(micros(of([7]).permille(999)), Some(7));
        let none = Spread::default();
        assert_eq!(
            (none.min(), none.mean(), none.permille(500)),
            (None, None, None)
        );
        assert_eq!(none.bins(), []);
    }

    #[test]
    fn bins_have_one_width_and_the_rest_is_in_the_last() {
        let times = (0..98).map(|number| 20 + number % 30).chain([44, 5000]);
        let bins: Vec<_> = of(times)
            .bins()
            .iter()
            .map(|bin| (bin.from.as_micros(), bin.count))
            .collect();
        assert_eq!(
            bins,
            [
                (20, 20),
                (25, 18),
                (30, 15),
                (35, 15),
                (40, 16),
                (45, 15),
                (50, 1)
            ]
        );
    }

    proptest! {
        #[test]
        fn every_time_is_in_a_bin(micros in prop::collection::vec(0..10_000_000u64, 1..200)) {
            let bins = of(micros.iter().copied()).bins();
            prop_assert_eq!(bins.iter().map(|bin| bin.count).sum::<usize>(), micros.len());
            prop_assert!(bins.len() <= 13, "{}", bins.len());
        }
    }
}
