//! Sizes in bytes, as scripts and `tc` write them: `"64KiB"`, `"1mb"`, `"1500"`.

use crate::error::{Error, Result};
use crate::value::unit;

/// The units, with their length in bytes. As with `tc`, all are powers of 1024.
const UNITS: &[(&str, f64)] = &[
    ("b", 1.0),
    ("k", 1024.0),
    ("kb", 1024.0),
    ("kib", 1024.0),
    ("m", 1_048_576.0),
    ("mb", 1_048_576.0),
    ("mib", 1_048_576.0),
    ("g", 1_073_741_824.0),
    ("gb", 1_073_741_824.0),
    ("gib", 1_073_741_824.0),
];

/// Reads a number with its unit, in bytes, as the kernel counts them. A bare number is bytes.
pub fn parse(text: &str) -> Result<u32> {
    u32::try_from(parse_large(text)?).map_err(|_| {
        Error::invalid(format!(
            "`{text}` is more than the kernel counts, which is below 4GiB"
        ))
    })
}

/// The same, however much it is.
pub fn parse_large(text: &str) -> Result<u64> {
    let wrong = || {
        Error::invalid(format!("`{text}` is not a size"))
            .hint("write a number and a unit, such as \"1500b\", \"64KiB\" or \"1MiB\"")
    };
    let (number, unit) = unit::split(text).ok_or_else(wrong)?;
    let lower = unit.to_ascii_lowercase();
    let length = match lower.as_str() {
        "" => 1.0,
        unit => UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .map(|(_, length)| *length)
            .ok_or_else(|| {
                Error::invalid(format!("`{text}` is in no unit of size that is known here"))
                    .hint("the units are b, KiB, MiB and GiB")
            })?,
    };
    let bytes = (number * length).round();
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is whole, and what is out of range becomes the nearest that is not"
    )]
    Ok(bytes as u64)
}

/// The size in the largest unit that leaves no rest.
pub fn print(bytes: u32) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units
        .iter()
        .find(|(length, _)| bytes > 0 && bytes.is_multiple_of(*length))
    {
        Some((length, unit)) => format!("{}{unit}", bytes / length),
        None => format!("{bytes}b"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_with_a_unit_is_a_size() {
        for (text, bytes) in [
            ("1500", 1500),
            ("1500b", 1500),
            ("64KiB", 65536),
            ("64kb", 65536),
            ("1.5 m", 1_572_864),
            ("0", 0),
        ] {
            assert_eq!(parse(text).unwrap(), bytes, "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused_with_an_example() {
        for text in ["", "big", "-1k", "KiB"] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.to_string(), format!("`{text}` is not a size"));
        }
        assert_eq!(
            parse("10mbit").unwrap_err().to_string(),
            "`10mbit` is in no unit of size that is known here"
        );
        assert_eq!(
            parse("4GiB").unwrap_err().to_string(),
            "`4GiB` is more than the kernel counts, which is below 4GiB"
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = parse(&text);
        }

        #[test]
        fn a_size_comes_back_as_it_is_printed(bytes: u32) {
            prop_assert_eq!(parse(&print(bytes)).unwrap(), bytes);
        }
    }
}
