//! netem: delay, loss, duplicates, disorder and a rate, as a long line has them.

use std::time::Duration;

use crate::net::attributes::bytes_of;
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
/// The models of loss inside of `LOSS_MODEL`.
const FOUR_STATES: u16 = 1;
const GILBERT_ELLIOTT: u16 = 2;
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

/// A model in which packets are lost in bursts: chances in the order in which `tc` takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossModel {
    /// Of Gilbert and Elliott: to the bad state, back to the good one, of loss in the bad one, of loss in the good one.
    Gemodel([Percent; 4]),
    /// Of four states: from 1 to 3, from 3 to 1, from 3 to 2, from 2 to 3, from 1 to 4.
    State([Percent; 5]),
}

impl LossModel {
    /// Its name in `tc`, and its chances.
    pub fn parts(&self) -> (&'static str, &[Percent]) {
        match self {
            Self::Gemodel(chances) => ("gemodel", chances),
            Self::State(chances) => ("state", chances),
        }
    }

    fn encode(self) -> Vec<u8> {
        let (kind, words) = match self {
            // The kernel takes the chance that a packet of the bad state is not lost.
            Self::Gemodel([p, r, lost, k]) => (
                GILBERT_ELLIOTT,
                wire::words(&[p.raw, r.raw, lost.other().raw, k.raw]),
            ),
            Self::State([p13, p31, p32, p23, p14]) => (
                FOUR_STATES,
                wire::words(&[p13.raw, p31.raw, p32.raw, p14.raw, p23.raw]),
            ),
        };
        bytes_of(&[(kind, words)])
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let percent = |bytes: &[u8], index: usize| Percent {
            raw: wire::word(bytes, 4 * index),
        };
        if let Some(model) = wire::attribute(bytes, GILBERT_ELLIOTT) {
            let [p, r, h, k] = [0, 1, 2, 3].map(|index| percent(&model, index));
            return Some(Self::Gemodel([p, r, h.other(), k]));
        }
        let model = wire::attribute(bytes, FOUR_STATES)?;
        let [p13, p31, p32, p14, p23] = [0, 1, 2, 3, 4].map(|index| percent(&model, index));
        Some(Self::State([p13, p31, p32, p23, p14]))
    }
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
    /// Packets lost in bursts, instead.
    pub loss_model: Option<LossModel>,
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
    /// What else it was told by another program: slots, a model of loss that is not known here.
    pub more: Vec<&'static str>,
}

/// The option that has delays spread so, as the kernel takes it.
pub(super) fn spread(distribution: Distribution) -> Vec<u8> {
    let table = distribution.table().into_iter().flat_map(i16::to_ne_bytes);
    bytes_of(&[(DELAY_DIST, table.collect())])
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
        list.extend(self.loss_model.map(|model| (LOSS_MODEL, model.encode())));
        bytes.extend(bytes_of(&list));
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
        let model = attribute(LOSS_MODEL);
        let loss_model = LossModel::decode(&model);
        if loss_model.is_none() && !model.is_empty() {
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
            loss_model,
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
        if let Some(model) = &self.loss_model {
            let (name, chances) = model.parts();
            words.extend(["loss".to_owned(), name.to_owned()]);
            words.extend(chances.iter().map(ToString::to_string));
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
            model in (0u8..3, prop::array::uniform5(any::<u32>())),
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
                loss_model: match (model.0, model.1.map(percent)) {
                    (0, _) => None,
                    (1, [p, r, h, k, _]) => Some(LossModel::Gemodel([p, r, h, k])),
                    (_, chances) => Some(LossModel::State(chances)),
                },
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
