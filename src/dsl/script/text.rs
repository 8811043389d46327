//! Texts: values in a form of one's own, and what a pattern finds.

use regex::Regex;
use rhai::Array;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::script::print;
use crate::dsl::{Answer, answer};
use crate::error::{Error, Result};
use crate::value::options;

/// How wide a form may make a text.
const WIDEST: usize = 10_000;

/// A form as `%-8.2f`, with what stands around it.
struct Form<'a> {
    before: &'a str,
    is_left: bool,
    has_zeros: bool,
    has_sign: bool,
    width: usize,
    precision: Option<usize>,
    kind: char,
    after: &'a str,
}

/// Reads a number from the front of `text`.
fn number(text: &str) -> (Option<usize>, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    (text[..end].parse().ok(), &text[end..])
}

impl<'a> Form<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (before, mut rest) = text.split_once('%')?;
        let (mut is_left, mut has_zeros, mut has_sign) = (false, false, false);
        while let Some(flag) = rest.chars().next().filter(|flag| "-0+".contains(*flag)) {
            match flag {
                '-' => is_left = true,
                '0' => has_zeros = true,
                _ => has_sign = true,
            }
            rest = &rest[1..];
        }
        let (width, rest) = number(rest);
        let (precision, rest) = match rest.strip_prefix('.') {
            Some(rest) => {
                let (precision, rest) = number(rest);
                (Some(precision.unwrap_or(0)), rest)
            }
            None => (None, rest),
        };
        let kind = rest.chars().next()?;
        let width = width.unwrap_or(0);
        let is_known = "dxXobfes".contains(kind) && width.max(precision.unwrap_or(0)) <= WIDEST;
        is_known.then(|| Self {
            before,
            is_left,
            has_zeros,
            has_sign,
            width,
            precision,
            kind,
            after: &rest[kind.len_utf8()..],
        })
    }

    fn fill(&self, value: &Dynamic) -> Result<String> {
        let text = self.body(value)?;
        let missing = self.width.saturating_sub(text.chars().count());
        let (sign, digits) = match text.strip_prefix(['-', '+']) {
            Some(digits) if self.kind != 's' => text.split_at(text.len() - digits.len()),
            _ => ("", text.as_str()),
        };
        let filled = if self.is_left {
            format!("{text}{}", " ".repeat(missing))
        } else if self.has_zeros && self.kind != 's' {
            format!("{sign}{}{digits}", "0".repeat(missing))
        } else {
            format!("{}{text}", " ".repeat(missing))
        };
        Ok(format!("{}{filled}{}", self.before, self.after))
    }

    fn body(&self, value: &Dynamic) -> Result<String> {
        let wrong = |wanted: &str| {
            Error::invalid(format!(
                "`%{}` takes {wanted}, not {}",
                self.kind,
                options::type_in_words(value.type_name())
            ))
        };
        let plus = |is_negative: bool| {
            if self.has_sign && !is_negative {
                "+"
            } else {
                ""
            }
        };
        let precision = self.precision.unwrap_or(6);
        Ok(match self.kind {
            's' => {
                let text = match value.as_immutable_string_ref() {
                    Ok(text) => text.to_string(),
                    Err(_) => print::value(None, value).literal(),
                };
                let most = self.precision.unwrap_or(usize::MAX);
                text.chars().take(most).collect()
            }
            'f' | 'e' => {
                #[allow(
                    clippy::cast_precision_loss,
                    reason = "an int is written as the float that is next to it"
                )]
                let float = value
                    .as_float()
                    .or_else(|_| value.as_int().map(|int| int as f64));
                let float = float.map_err(|_| wrong("a number"))?;
                let plus = plus(float.is_sign_negative());
                match self.kind {
                    'f' => format!("{plus}{float:.precision$}"),
                    _ => format!("{plus}{float:.precision$e}"),
                }
            }
            kind => {
                let int = value.as_int().map_err(|_| wrong("an int"))?;
                let sign = if int < 0 { "-" } else { plus(false) };
                let size = int.unsigned_abs();
                match kind {
                    'x' => format!("{sign}{size:x}"),
                    'X' => format!("{sign}{size:X}"),
                    'o' => format!("{sign}{size:o}"),
                    'b' => format!("{sign}{size:b}"),
                    _ => format!("{sign}{size}"),
                }
            }
        })
    }
}

fn formatted(value: &Dynamic, form: &str) -> Result<String> {
    let read = Form::read(form).ok_or_else(|| {
        Error::invalid(format!("`{form}` is no form of a value"))
            .hint("write `%.2f`, `%5d`, `%-10s`, `%x`: a sign, a width, and one of d x X o b f e s")
    })?;
    read.fill(value)
}

fn pattern(text: &str) -> Result<Regex> {
    Regex::new(text).map_err(|error| {
        let error = error.to_string();
        let why = error.lines().last().unwrap_or_default();
        let why = why.trim_start_matches("error: ");
        Error::invalid(format!("`{text}` is no regular expression: {why}"))
            .hint("a `\\` is written twice between quotes: \"\\\\d+\"")
    })
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Returns a value as a text of that form, as `printf` has them: `%5d`, `%08x`, `%.2f`, `%-10s`.
    ///
    /// `-` in front of the width puts blanks behind, `0` fills with zeros, `+` writes the sign of every number.
    ///
    /// ```rhai
    /// format(3.14159, "%.2f")    // => "3.14"
    /// ```
    ///
    /// ```rhai
    /// format("eth0", "%-6s|")    // => "eth0  |"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn format(context: NativeCallContext, value: Dynamic, form: &str) -> Answer<String> {
        answer(&context, |_| super::formatted(&value, form))
    }

    /// Says whether a regular expression finds anything in a text.
    ///
    /// ```rhai
    /// "eth12".matches("^eth\\d+$")    // => true
    /// ```
    #[rhai_fn(return_raw)]
    pub fn matches(context: NativeCallContext, text: &str, pattern: &str) -> Answer<bool> {
        answer(&context, |_| Ok(super::pattern(pattern)?.is_match(text)))
    }

    /// Returns what a regular expression finds first in a text: the whole, then each group; an empty list where it finds nothing.
    ///
    /// ```rhai
    /// "eth12.7".captures("eth(\\d+)\\.(\\d+)")    // => ["eth12.7", "12", "7"]
    /// ```
    #[rhai_fn(return_raw)]
    pub fn captures(context: NativeCallContext, text: &str, pattern: &str) -> Answer<Array> {
        answer(&context, |_| {
            let found = super::pattern(pattern)?.captures(text).map(|found| {
                let groups = found.iter();
                let groups = groups.map(|group| match group {
                    Some(group) => Dynamic::from(group.as_str().to_owned()),
                    None => Dynamic::UNIT,
                });
                groups.collect()
            });
            Ok(found.unwrap_or_default())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_in_the_form_that_is_asked_for() {
        let of = |value: Dynamic, form: &str| formatted(&value, form).map_err(|e| e.cause);
        for (value, form, text) in [
            (Dynamic::from(42_i64), "%5d|", "   42|"),
            (Dynamic::from(42_i64), "%-5d|", "42   |"),
            (Dynamic::from(-42_i64), "%05d", "-0042"),
            (Dynamic::from(42_i64), "%+d", "+42"),
            (Dynamic::from(255_i64), "0x%04X", "0x00FF"),
            (Dynamic::from(2_i64), "%.1f ms", "2.0 ms"),
            (Dynamic::from(1234.5_f64), "%.1e", "1.2e3"),
            (Dynamic::from("abc"), "%.2s", "ab"),
            (Dynamic::from(true), "%6s", "  true"),
        ] {
            assert_eq!(of(value, form), Ok(text.to_owned()), "{form}");
        }
        assert_eq!(
            of(Dynamic::from("a"), "%d"),
            Err("`%d` takes an int, not a string".to_owned())
        );
        for form in ["", "%", "%5", "%q", "%99999d", "no form", "%.f%"] {
            let is_taken = of(Dynamic::from(1_i64), form).is_ok();
            assert_eq!(is_taken, form == "%.f%", "{form}");
        }
    }
}
