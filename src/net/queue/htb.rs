//! htb, the hierarchical token bucket: classes of traffic, each with a rate of its own, that borrow what others leave.

use crate::net::attributes::bytes_of;
use crate::net::queue::{time, wire};
use crate::value::rate::Rate;

const PARAMETERS: u16 = 1;
const INIT: u16 = 2;
const DIRECT_LENGTH: u16 = 5;
const RATE64: u16 = 6;
const CEIL64: u16 = 7;
/// The version of the interface: major part of htb's own.
const VERSION: u32 = 3;
/// By what a class's rate is divided for how much it sends in its turn.
const RATE_TO_QUANTUM: u32 = 10;

/// The queue itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Htb {
    /// The minor number of the class for what no filter steers; 0 for none.
    pub default: u32,
}

impl Htb {
    /// The kind, as the kernel calls it.
    pub const KIND: &'static str = "htb";

    /// The options as the kernel takes them.
    pub(super) fn encode(&self) -> Vec<u8> {
        let words = wire::words(&[VERSION, RATE_TO_QUANTUM, self.default, 0, 0]);
        bytes_of(&[(INIT, words)])
    }

    /// Reads the options as the kernel lists them.
    pub(super) fn decode(bytes: &[u8]) -> Self {
        let init = wire::attribute(bytes, INIT).unwrap_or_default();
        Self {
            default: wire::word(&init, 8),
        }
    }

    /// The options in the words of `tc`.
    pub(super) fn words(&self) -> Vec<String> {
        vec!["default".to_owned(), format!("{:x}", self.default)]
    }
}

/// The options of a listed htb queue as they are taken: listed with the whole version, which is taken as its major part only.
pub(super) fn to_set(listed: &[u8]) -> Vec<u8> {
    let mut init = wire::attribute(listed, INIT).unwrap_or_default();
    if let Some(version) = init.get_mut(..4) {
        version.copy_from_slice(&VERSION.to_ne_bytes());
    }
    let mut list = vec![(INIT, init)];
    let length = wire::attribute(listed, DIRECT_LENGTH);
    list.extend(length.map(|length| (DIRECT_LENGTH, length)));
    bytes_of(&list)
}

/// A class of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Class {
    /// What it gets in any case.
    pub rate: Rate,
    /// What it gets at most.
    pub ceil: Rate,
    /// Bytes that may go at once, beyond the rate.
    pub burst: u32,
    /// Bytes that may go at once, beyond the most.
    pub cburst: u32,
    /// Who borrows first: 0 before 7.
    pub prio: u32,
}

impl Class {
    /// The options as the kernel takes them; `packet` is the size of the largest packet.
    pub(super) fn encode(&self, packet: u32) -> Vec<u8> {
        // Left to the kernel it may come out too small or too large, which the kernel then complains of.
        let share = wire::low(self.rate) / RATE_TO_QUANTUM;
        let quantum = share.clamp(packet.min(200_000), 200_000);
        let mut parameters = wire::rate_spec(self.rate);
        parameters.extend(wire::rate_spec(self.ceil));
        parameters.extend(wire::words(&[
            time::ticks_of(self.burst, self.rate),
            time::ticks_of(self.cburst, self.ceil),
            quantum,
            0,
            self.prio,
        ]));
        let mut list = vec![(PARAMETERS, parameters)];
        list.extend(wire::high(RATE64, self.rate));
        list.extend(wire::high(CEIL64, self.ceil));
        bytes_of(&list)
    }

    /// Reads the options as the kernel lists them.
    pub(super) fn decode(bytes: &[u8]) -> Self {
        let parameters = wire::attribute(bytes, PARAMETERS).unwrap_or_default();
        let rate = |at, kind| {
            let long = wire::attribute(bytes, kind);
            wire::rate(&parameters, at, long.as_deref())
        };
        let (rate, ceil) = (rate(0, RATE64), rate(12, CEIL64));
        Self {
            rate,
            ceil,
            burst: time::bytes_in(wire::word(&parameters, 24), rate),
            cburst: time::bytes_in(wire::word(&parameters, 28), ceil),
            prio: wire::word(&parameters, 40),
        }
    }

    /// The options in the words of `tc`.
    pub(super) fn words(&self) -> Vec<String> {
        let pairs = [
            ("rate", self.rate.to_string()),
            ("ceil", self.ceil.to_string()),
            ("burst", format!("{}b", self.burst)),
            ("cburst", format!("{}b", self.cburst)),
            ("prio", self.prio.to_string()),
        ];
        let words = pairs.into_iter();
        words
            .flat_map(|(key, value)| [key.to_owned(), value])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_again(
            (rate, ceil) in (1_000u64..1 << 40, 1_000u64..1 << 40),
            prio in 0u32..8,
            default: u32,
        ) {
            let class = Class {
                rate: Rate { bytes_per_second: rate },
                ceil: Rate { bytes_per_second: ceil },
                burst: 1_600,
                cburst: 1_600,
                prio,
            };
            let back = Class::decode(&class.encode(1_514));
            prop_assert_eq!((back.rate, back.ceil, back.prio), (class.rate, class.ceil, prio));
            prop_assert_eq!(Htb::decode(&Htb { default }.encode()).default, default);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = (Class::decode(&bytes), Htb::decode(&bytes));
        }
    }
}
