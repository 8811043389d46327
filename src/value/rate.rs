//! Rates, as scripts and `tc` write them: `"10mbit"`, `"1gbit"`, `"64kbit"`, `"2mbps"` for bytes.

use std::fmt;

use crate::error::{Error, Result};
use crate::value::unit;

/// The units, with their length in bits per second. `bps` is bytes per second, as `tc` has it.
const UNITS: &[(&str, f64)] = &[
    ("bit", 1.0),
    ("kbit", 1e3),
    ("mbit", 1e6),
    ("gbit", 1e9),
    ("tbit", 1e12),
    ("kibit", 1024.0),
    ("mibit", 1_048_576.0),
    ("gibit", 1_073_741_824.0),
    ("tibit", 1_099_511_627_776.0),
    ("bps", 8.0),
    ("kbps", 8e3),
    ("mbps", 8e6),
    ("gbps", 8e9),
    ("tbps", 8e12),
    ("kibps", 8192.0),
    ("mibps", 8_388_608.0),
    ("gibps", 8_589_934_592.0),
    ("tibps", 8_796_093_022_208.0),
];

/// How much traffic there may be in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate {
    /// In bytes, as the kernel counts it.
    pub bytes_per_second: u64,
}

impl Rate {
    /// The same in bits.
    pub fn bits_per_second(self) -> u64 {
        self.bytes_per_second.saturating_mul(8)
    }
}

/// Reads a number with its unit. A bare number is bits per second.
///
/// Fails where it is less than one byte a second.
pub fn parse(text: &str) -> Result<Rate> {
    let wrong = || {
        Error::invalid(format!("`{text}` is not a rate"))
            .hint("write a number and a unit, such as \"10mbit\", \"1gbit\" or \"64kbit\"")
    };
    let (number, unit) = unit::split(text).ok_or_else(wrong)?;
    let lower = unit.to_ascii_lowercase();
    let bits = match lower.as_str() {
        "" => 1.0,
        unit => UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .map(|(_, bits)| *bits)
            .ok_or_else(|| {
                Error::invalid(format!("`{text}` is in no unit of rate that is known here"))
                    .hint("the units are bit, kbit, mbit, gbit and tbit; bps, kbps, mbps, gbps and tbps for bytes a second")
            })?,
    };
    let bytes = (number * bits / 8.0).round();
    if bytes < 1.0 {
        return Err(Error::invalid(format!(
            "a rate is 8 bits a second or more, not `{text}`"
        )));
    }
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is whole, and what is too large ends at the largest"
    )]
    Ok(Rate {
        bytes_per_second: bytes as u64,
    })
}

impl fmt::Display for Rate {
    /// In the largest unit of bits that leaves no rest, as `tc` reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.bits_per_second();
        let units = [
            (1_000_000_000_000, "tbit"),
            (1_000_000_000, "gbit"),
            (1_000_000, "mbit"),
            (1_000, "kbit"),
        ];
        match units
            .iter()
            .find(|(length, _)| bits > 0 && bits.is_multiple_of(*length))
        {
            Some((length, unit)) => write!(f, "{}{unit}", bits / length),
            None => write!(f, "{bits}bit"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_with_a_unit_is_a_rate() {
        for (text, bytes_per_second) in [
            ("10mbit", 1_250_000),
            ("1gbit", 125_000_000),
            ("1.5 Mbit", 187_500),
            ("64kbit", 8_000),
            ("1kibit", 128),
            ("2mbps", 2_000_000),
            ("1kibps", 1024),
            ("8000", 1000),
        ] {
            assert_eq!(
                parse(text).unwrap().bytes_per_second,
                bytes_per_second,
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_rate_is_refused_with_an_example() {
        for text in ["", "fast", "-1mbit", "mbit"] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.to_string(), format!("`{text}` is not a rate"));
        }
        assert_eq!(
            parse("10mb").unwrap_err().to_string(),
            "`10mb` is in no unit of rate that is known here"
        );
        assert_eq!(
            parse("0mbit").unwrap_err().to_string(),
            "a rate is 8 bits a second or more, not `0mbit`"
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = parse(&text);
        }

        #[test]
        fn a_rate_comes_back_as_it_is_printed(bytes_per_second in 1u64..1 << 50) {
            let rate = Rate { bytes_per_second };
            prop_assert_eq!(parse(&rate.to_string()).unwrap(), rate);
        }
    }
}
