//! tbf, the token bucket filter: a rate, and a burst that may go beyond it.

use crate::net::attributes::bytes_of;
use crate::net::queue::{time, wire};
use crate::value::rate::Rate;

const PARAMETERS: u16 = 1;
const RATE64: u16 = 4;
const PEAKRATE64: u16 = 5;

/// What a tbf queue lets through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tbf {
    /// The rate in the long run.
    pub rate: Rate,
    /// Bytes that may go at once, beyond the rate.
    pub burst: u32,
    /// How many bytes it holds.
    pub limit: u32,
    /// The rate within a burst; 0 for any.
    pub peakrate: Rate,
    /// Bytes that may go beyond that: a packet.
    pub minburst: u32,
}

impl Tbf {
    /// The kind, as the kernel calls it.
    pub const KIND: &'static str = "tbf";

    /// The options as the kernel takes them.
    pub(super) fn encode(&self) -> Vec<u8> {
        let has_peak = self.peakrate.bytes_per_second > 0;
        let mut parameters = wire::rate_spec(self.rate);
        parameters.extend(wire::rate_spec(self.peakrate));
        parameters.extend(wire::words(&[
            self.limit,
            time::ticks_of(self.burst, self.rate),
            if has_peak {
                time::ticks_of(self.minburst, self.peakrate)
            } else {
                0
            },
        ]));
        let mut list = vec![(PARAMETERS, parameters)];
        list.extend(wire::high(RATE64, self.rate));
        list.extend(wire::high(PEAKRATE64, self.peakrate));
        bytes_of(&list)
    }

    /// Reads the options as the kernel lists them.
    pub(super) fn decode(bytes: &[u8]) -> Self {
        let parameters = wire::attribute(bytes, PARAMETERS).unwrap_or_default();
        let rate = |at, kind| {
            let long = wire::attribute(bytes, kind);
            wire::rate(&parameters, at, long.as_deref())
        };
        let (rate, peakrate) = (rate(0, RATE64), rate(12, PEAKRATE64));
        Self {
            rate,
            burst: time::bytes_in(wire::word(&parameters, 28), rate),
            limit: wire::word(&parameters, 24),
            peakrate,
            minburst: time::bytes_in(wire::word(&parameters, 32), peakrate),
        }
    }

    /// The options in the words of `tc`.
    pub(super) fn words(&self) -> Vec<String> {
        let mut words = vec![
            "rate".to_owned(),
            self.rate.to_string(),
            "burst".to_owned(),
            format!("{}b", self.burst),
            "limit".to_owned(),
            format!("{}b", self.limit),
        ];
        if self.peakrate.bytes_per_second > 0 {
            words.extend(["peakrate".to_owned(), self.peakrate.to_string()]);
            words.extend(["minburst".to_owned(), format!("{}b", self.minburst)]);
        }
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
            bytes_per_second in 1_000u64..1 << 40,
            (burst, limit) in (1_600u32..1 << 24, 0u32..1 << 30),
        ) {
            let tbf = Tbf {
                rate: Rate { bytes_per_second },
                burst,
                limit,
                ..Tbf::default()
            };
            let back = Tbf::decode(&tbf.encode());
            // A tick is the time of some bytes.
            let tick = u32::try_from(bytes_per_second * 64 / 1_000_000_000).unwrap() + 1;
            prop_assert!((burst..=burst + tick).contains(&back.burst), "{}", back.burst);
            prop_assert_eq!((back.rate, back.limit), (tbf.rate, limit));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = Tbf::decode(&bytes);
        }
    }
}
