//! netem: delay, loss, duplicates, disorder and a rate, as a long line has them.

use std::time::Duration;

use crate::net::queue::{Distribution, time, wire};
use crate::value::duration;
use crate::value::percent::Percent;
use crate::value::rate::Rate;

const CORRELATION: u16 = 1;
const DELAY_DIST: u16 = 2;
const REORDER: u16 = 3;
const CORRUPT: u16 = 4;
const LOSS_MODEL: u16 = 5;
const RATE: u16 = 6;
const RATE64: u16 = 8;
const LATENCY64: u16 = 10;
const JITTER64: u16 = 11;
const SLOT: u16 = 12;
/// Bytes of `struct tc_netem_qopt`, which stands in front of the attributes.
const HEAD: usize = 24;

/// A chance, and how much each draw depends on the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chance {
    /// How often.
    pub of: Percent,
    /// The dependence.
    pub correlation: Percent,
}

/// What a netem queue does to packets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Netem {
    /// How long each packet is held.
    pub delay: Duration,
    /// How much that varies.
    pub jitter: Duration,
    /// How the delays spread; the kernel does not tell it again.
    pub distribution: Distribution,
    /// How much a delay depends on the one before.
    pub delay_correlation: Percent,
    /// Packets lost.
    pub loss: Chance,
    /// Packets sent twice.
    pub duplicate: Chance,
    /// Packets with a bit turned over.
    pub corrupt: Chance,
    /// Packets sent at once, before those that wait.
    pub reorder: Chance,
    /// Every how many packets one may be sent at once.
    pub gap: u32,
    /// The rate; 0 for any.
    pub rate: Rate,
    /// How many packets it holds.
    pub limit: u32,
    /// What else it was told by another program: a model of loss, slots.
    pub more: Vec<&'static str>,
}

/// The option that has delays spread so, as the kernel takes it.
pub(super) fn spread(distribution: Distribution) -> Vec<u8> {
    let table = distribution.table().into_iter().flat_map(i16::to_ne_bytes);
    wire::attributes(vec![(DELAY_DIST, table.collect())])
}

impl Netem {
    /// The kind, as the kernel calls it.
    pub const KIND: &'static str = "netem";

    /// The options as the kernel takes them. All are said, since it keeps those that are not.
    pub(super) fn encode(&self) -> Vec<u8> {
        let nanoseconds =
            |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(i64::MAX.unsigned_abs());
        let (delay, jitter) = (nanoseconds(self.delay), nanoseconds(self.jitter));
        let mut bytes = wire::words(&[
            time::ticks(delay),
            self.limit,
            self.loss.of.raw,
            self.gap,
            self.duplicate.of.raw,
            time::ticks(jitter),
        ]);
        let chance = |chance: Chance| wire::words(&[chance.of.raw, chance.correlation.raw]);
        let correlations = [
            self.delay_correlation.raw,
            self.loss.correlation.raw,
            self.duplicate.correlation.raw,
        ];
        let mut list = vec![
            (CORRELATION, wire::words(&correlations)),
            (REORDER, chance(self.reorder)),
            (CORRUPT, chance(self.corrupt)),
            (RATE, wire::words(&[wire::low(self.rate), 0, 0, 0])),
            (LATENCY64, delay.to_ne_bytes().to_vec()),
            (JITTER64, jitter.to_ne_bytes().to_vec()),
        ];
        list.extend(wire::high(RATE64, self.rate));
        bytes.extend(wire::attributes(list));
        bytes
    }

    /// Reads the options as the kernel lists them.
    pub(super) fn decode(bytes: &[u8]) -> Self {
        let attributes = bytes.get(HEAD..).unwrap_or_default();
        let attribute = |kind| wire::attribute(attributes, kind).unwrap_or_default();
        let percent = |bytes: &[u8], at| Percent {
            raw: wire::word(bytes, at),
        };
        let correlations = attribute(CORRELATION);
        let chance = |of, at| Chance {
            of: percent(bytes, of),
            correlation: percent(&correlations, at),
        };
        let own_chance = |kind| {
            let bytes = attribute(kind);
            Chance {
                of: percent(&bytes, 0),
                correlation: percent(&bytes, 4),
            }
        };
        let time = |kind| Duration::from_nanos(wire::long(&attribute(kind)).unwrap_or_default());
        let rate = wire::long(&attribute(RATE64));
        let slot = attribute(SLOT);
        let mut more = Vec::new();
        if !attribute(LOSS_MODEL).is_empty() {
            more.push("a model of loss");
        }
        if slot.iter().any(|byte| *byte != 0) {
            more.push("slots");
        }
        Self {
            delay: time(LATENCY64),
            jitter: time(JITTER64),
            distribution: Distribution::default(),
            delay_correlation: percent(&correlations, 0),
            loss: chance(8, 4),
            duplicate: chance(16, 8),
            corrupt: own_chance(CORRUPT),
            reorder: own_chance(REORDER),
            gap: wire::word(bytes, 12),
            rate: Rate {
                bytes_per_second: rate.unwrap_or_else(|| wire::word(&attribute(RATE), 0).into()),
            },
            limit: wire::word(bytes, 4),
            more,
        }
    }

    /// The options in the words of `tc`.
    pub(super) fn words(&self) -> Vec<String> {
        let mut words = vec!["limit".to_owned(), self.limit.to_string()];
        if !self.delay.is_zero() || !self.jitter.is_zero() {
            words.extend(["delay".to_owned(), duration::print(self.delay)]);
            if !self.jitter.is_zero() {
                words.push(duration::print(self.jitter));
                if self.delay_correlation.raw > 0 {
                    words.push(self.delay_correlation.to_string());
                }
            }
        }
        for (key, chance) in [
            ("loss", self.loss),
            ("duplicate", self.duplicate),
            ("corrupt", self.corrupt),
            ("reorder", self.reorder),
        ] {
            if chance.of.raw > 0 {
                words.extend([key.to_owned(), chance.of.to_string()]);
                if chance.correlation.raw > 0 {
                    words.push(chance.correlation.to_string());
                }
            }
        }
        if self.gap > 0 {
            words.extend(["gap".to_owned(), self.gap.to_string()]);
        }
        if self.rate.bytes_per_second > 0 {
            words.extend(["rate".to_owned(), self.rate.to_string()]);
        }
        words.extend(self.more.iter().map(|more| (*more).to_owned()));
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_again(
            (delay, jitter) in (0u64..1 << 40, 0u64..1 << 40),
            raw in prop::array::uniform9(any::<u32>()),
            (gap, limit) in (0u32..100, 1u32..10_000),
            bytes_per_second in 0u64..1 << 40,
        ) {
            let percent = |raw| Percent { raw };
            let chance = |of, by| Chance { of: percent(of), correlation: percent(by) };
            let netem = Netem {
                delay: Duration::from_nanos(delay),
                jitter: Duration::from_nanos(jitter),
                distribution: Distribution::default(),
                delay_correlation: percent(raw[0]),
                loss: chance(raw[1], raw[2]),
                duplicate: chance(raw[3], raw[4]),
                corrupt: chance(raw[5], raw[6]),
                reorder: chance(raw[7], raw[8]),
                gap,
                rate: Rate { bytes_per_second },
                limit,
                more: Vec::new(),
            };
            prop_assert_eq!(Netem::decode(&netem.encode()), netem);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = Netem::decode(&bytes);
        }
    }
}
