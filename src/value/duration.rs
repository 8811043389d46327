//! Durations, as scripts write them: `"200ms"`, `"1.5s"`, `"2m"`.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::value::unit;

/// The units, with their length in nanoseconds.
const UNITS: &[(&str, f64)] = &[
    ("ns", 1.0),
    ("us", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("min", 60e9),
    ("h", 3600e9),
];

/// Reads a number with its unit. A bare number is seconds.
pub fn parse(text: &str) -> Result<Duration> {
    let wrong = || {
        Error::invalid(format!("`{text}` is not a duration"))
            .hint("write a number and a unit, such as \"200ms\", \"1.5s\" or \"2m\"")
    };
    let (number, unit) = unit::split(text).ok_or_else(wrong)?;
    let nanoseconds = match unit {
        "" => 1e9,
        unit => UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .map(|(_, nanoseconds)| *nanoseconds)
            .ok_or_else(|| {
                Error::invalid(format!("`{text}` is in no unit of time that is known here"))
                    .hint("the units are ns, us, ms, s, m and h")
            })?,
    };
    Duration::try_from_secs_f64(number * nanoseconds / 1e9).map_err(|_| wrong())
}

/// The duration in the largest unit that leaves no rest of note: `10ms`, `1.5s`.
pub fn print(duration: Duration) -> String {
    if duration.is_zero() {
        return "0s".to_owned();
    }
    let nanoseconds = duration.as_secs_f64() * 1e9;
    let (length, unit) = [(1e9, "s"), (1e6, "ms"), (1e3, "us")]
        .into_iter()
        .find(|(length, _)| nanoseconds >= *length)
        .unwrap_or((1.0, "ns"));
    format!("{}{unit}", unit::number(nanoseconds / length, 6))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_with_a_unit_is_a_duration() {
        for (text, milliseconds) in [
            ("200ms", 200),
            ("1s", 1000),
            ("1.5s", 1500),
            ("2m", 120_000),
            ("1h", 3_600_000),
            (" 5 s ", 5000),
            ("3", 3000),
            ("0", 0),
        ] {
            assert_eq!(
                parse(text).unwrap(),
                Duration::from_millis(milliseconds),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for text in ["", "ms", "-1s", "1.2.3s", "soon", "."] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.to_string(), format!("`{text}` is not a duration"));
        }
        assert_eq!(
            parse("5 days").unwrap_err().hint.as_deref(),
            Some("the units are ns, us, ms, s, m and h")
        );
    }

    #[test]
    fn a_duration_is_printed_in_the_unit_that_suits() {
        for text in ["10ms", "1.5s", "250us", "64ns", "0s"] {
            assert_eq!(print(parse(text).unwrap()), text);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = parse(&text);
        }

        #[test]
        fn milliseconds_come_back_as_they_went(milliseconds in 0u64..1_000_000_000) {
            let parsed = parse(&format!("{milliseconds}ms")).unwrap();
            prop_assert_eq!(u64::try_from(parsed.as_millis()).unwrap(), milliseconds);
        }
    }
}
