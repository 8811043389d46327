//! What became of numbered datagrams: how many are missing, came late or twice, and how unevenly they came.

/// For how many numbers behind the highest it is known which of them came.
const WINDOW: u64 = 1 << 16;
/// How many of them a word has.
const BITS: u64 = u64::BITS as u64;

/// The datagrams of one stream, by their numbers, which begin with 0.
#[derive(Debug)]
pub(super) struct Order {
    /// A bit for each number of the window, at its rest by the window's length.
    seen: Box<[u64]>,
    /// The one behind the highest that came.
    next: u64,
    received: u64,
    late: u64,
    twice: u64,
    transit: Option<i64>,
    /// In nanoseconds.
    jitter: f64,
}

impl Order {
    pub(super) fn new() -> Self {
        Self {
            seen: vec![0; usize::try_from(WINDOW / BITS).unwrap_or_default()].into(),
            next: 0,
            received: 0,
            late: 0,
            twice: 0,
            transit: None,
            jitter: 0.0,
        }
    }

    fn bit(&mut self, number: u64) -> (&mut u64, u64) {
        let at = number % WINDOW;
        let word = usize::try_from(at / BITS).unwrap_or_default();
        (&mut self.seen[word], 1 << (at % BITS))
    }

    /// Counts a datagram.
    pub(super) fn take(&mut self, number: u64) {
        if number >= self.next {
            if number - self.next >= WINDOW {
                self.seen.fill(0);
            } else {
                for between in self.next..number {
                    let (word, bit) = self.bit(between);
                    *word &= !bit;
                }
            }
            self.next = number.saturating_add(1);
        } else {
            let is_known = self.next - number <= WINDOW;
            let (word, bit) = self.bit(number);
            if is_known && *word & bit != 0 {
                self.twice += 1;
                return;
            }
            self.late += 1;
            if !is_known {
                self.received += 1;
                return;
            }
        }
        let (word, bit) = self.bit(number);
        *word |= bit;
        self.received += 1;
    }

    /// Notes how long one was under way, in nanoseconds by whatever two clocks: RFC 3550, section 6.4.1.
    pub(super) fn transit(&mut self, transit: i64) {
        if let Some(before) = self.transit.replace(transit) {
            #[expect(clippy::cast_precision_loss, reason = "exact up to a hundred days")]
            let difference = transit.abs_diff(before) as f64;
            self.jitter += (difference - self.jitter) / 16.0;
        }
    }

    /// How many came, each counted once.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// How many of those before the highest are missing.
    pub(super) fn missing(&self) -> u64 {
        self.next.saturating_sub(self.received)
    }

    /// How many came behind one of a higher number.
    pub(super) fn late(&self) -> u64 {
        self.late
    }

    /// How many came once more.
    pub(super) fn twice(&self) -> u64 {
        self.twice
    }

    /// The jitter in nanoseconds.
    pub(super) fn jitter(&self) -> f64 {
        self.jitter
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(numbers: impl IntoIterator<Item = u64>) -> [u64; 4] {
        let mut order = Order::new();
        numbers.into_iter().for_each(|number| order.take(number));
        [
            order.received(),
            order.missing(),
            order.late(),
            order.twice(),
        ]
    }

    #[test]
    fn what_is_missing_late_or_twice_is_counted() {
        assert_eq!(of([]), [0, 0, 0, 0]);
        assert_eq!(of(0..1000), [1000, 0, 0, 0]);
        assert_eq!(of([1, 2, 5]), [3, 3, 0, 0]);
        assert_eq!(of([0, 2, 1, 3]), [4, 0, 1, 0]);
        assert_eq!(of([0, 1, 1, 0, 2]), [3, 0, 0, 2]);
        assert_eq!(of([0, 2 * WINDOW, 2 * WINDOW]), [2, 2 * WINDOW - 1, 0, 1]);
        // Which of those so far back came is not known any more.
        assert_eq!(of([0, 2 * WINDOW, 1]), [3, 2 * WINDOW - 2, 1, 0]);
    }

    #[test]
    fn an_even_flow_has_no_jitter_and_an_uneven_one_comes_to_its_difference() {
        let mut order = Order::new();
        (0..10).for_each(|_| order.transit(5_000_000));
        assert!(order.jitter().abs() < f64::EPSILON);
        (0..1000).for_each(|number| order.transit(number % 2 * 1_000_000));
        assert!((order.jitter() - 1e6).abs() < 1.0, "{}", order.jitter());
    }

    proptest! {
        #[test]
        fn each_number_is_counted_once_in_whatever_order(numbers in prop::collection::vec(0..500u64, 0..600)) {
            let distinct: std::collections::BTreeSet<_> = numbers.iter().copied().collect();
            let most = numbers.iter().max().map_or(0, |most| most + 1);
            let [received, missing, _, twice] = of(numbers.iter().copied());
            prop_assert_eq!(received, distinct.len() as u64);
            prop_assert_eq!(missing, most - received);
            prop_assert_eq!(twice, numbers.len() as u64 - received);
        }
    }
}
