//! Percents, as scripts write them: `"1%"`, `"0.5%"`, or a bare number. The kernel counts them in 32 bits.

use std::fmt;

use crate::error::{Error, Result};
use crate::value::unit;

/// A probability.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent {
    /// As the kernel counts it: `u32::MAX` is 100 %.
    pub raw: u32,
}

impl Percent {
    /// The number in front of the percent sign.
    pub fn value(self) -> f64 {
        f64::from(self.raw) * 100.0 / f64::from(u32::MAX)
    }

    /// The chance that it does not happen.
    #[must_use]
    pub fn other(self) -> Self {
        Self {
            raw: u32::MAX - self.raw,
        }
    }
}

/// Reads a number from 0 to 100, with or without a percent sign.
pub fn parse(text: &str) -> Result<Percent> {
    let wrong = || {
        Error::invalid(format!("`{text}` is not a percentage"))
            .hint("write a number from 0 to 100, such as \"1%\" or \"0.5%\"")
    };
    let (number, unit) = unit::split(text).ok_or_else(wrong)?;
    if !matches!(unit, "" | "%") {
        return Err(wrong());
    }
    if number > 100.0 {
        return Err(Error::invalid(format!(
            "a percentage is 0 to 100, not `{text}`"
        )));
    }
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is whole and in range"
    )]
    Ok(Percent {
        raw: (number / 100.0 * f64::from(u32::MAX)).round() as u32,
    })
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", unit::number(self.value(), 7))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_with_or_without_its_sign_is_a_percentage() {
        assert_eq!(parse("100%").unwrap().raw, u32::MAX);
        assert_eq!(parse("0").unwrap().raw, 0);
        assert_eq!(parse("1 %").unwrap(), parse("1").unwrap());
        assert_eq!(parse("0.3%").unwrap().to_string(), "0.3%");
    }

    #[test]
    fn what_is_no_percentage_is_refused_with_an_example() {
        for text in ["", "%", "-1%", "1s", "few"] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.to_string(), format!("`{text}` is not a percentage"));
        }
        assert_eq!(
            parse("101%").unwrap_err().to_string(),
            "a percentage is 0 to 100, not `101%`"
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = parse(&text);
        }

        #[test]
        fn a_percentage_comes_back_as_it_is_printed(tenths in 0u32..=1000) {
            let text = format!("{}%", unit::number(f64::from(tenths) / 10.0, 1));
            prop_assert_eq!(parse(&text).unwrap().to_string(), text);
        }
    }
}
