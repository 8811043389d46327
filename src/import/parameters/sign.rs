//! The signs that stand for what only a run knows: of arguments, of variables from outside, of the counters of loops.

use crate::steps::PLACEHOLDERS;

/// How many arguments become parameters at most.
pub(super) const MOST: usize = 9;

/// The highest number of a variable from outside; those of counters are above it.
pub(super) const MOST_VARIABLES: usize = 29;

/// Stands in front of the sign of the first argument, behind those of all arguments come those of variables.
pub(super) const BEFORE_FIRST: u32 = *PLACEHOLDERS.start() as u32 - 1;

/// The sign of an argument.
pub(crate) fn sign(number: usize) -> Option<char> {
    let number = u32::try_from(number.min(MOST)).ok()?;
    char::from_u32(BEFORE_FIRST + number)
}

/// The number of the argument that a sign stands for.
pub(crate) fn number(c: char) -> Option<usize> {
    let number = u32::from(c).checked_sub(BEFORE_FIRST)?;
    let number = usize::try_from(number).ok()?;
    PLACEHOLDERS.contains(&c).then_some(number)
}

/// The number and the sign of a variable that is given from outside: the first has 0.
pub(crate) fn of_variable(at: usize) -> Option<(usize, String)> {
    let number = MOST + 1 + at;
    let sign = char::from_u32(BEFORE_FIRST + u32::try_from(number).ok()?)?;
    (number <= MOST_VARIABLES).then(|| (number, sign.to_string()))
}

/// The number and the sign of the counter of a loop that has so many before it.
pub(crate) fn of_counter(at: usize) -> Option<(usize, String)> {
    let sign = u32::from(*PLACEHOLDERS.end()).checked_sub(u32::try_from(at).ok()?)?;
    let sign = char::from_u32(sign)?;
    let number = number(sign).filter(|number| *number > MOST_VARIABLES)?;
    Some((number, sign.to_string()))
}

/// Stands behind the sign of what is an address with its length, where nothing else is.
pub(crate) const WITH_LENGTH: char = '\u{e029}';

/// The number of the argument whose sign is all of a text.
pub(crate) fn whole(text: &str) -> Option<usize> {
    let mut chars = text.trim_end_matches(WITH_LENGTH).chars();
    let number = number(chars.next()?)?;
    chars.next().is_none().then_some(number)
}

/// A sign with what its default says of it.
pub(crate) fn told(sign: &str, default: &str) -> String {
    let sign = sign.trim_end_matches(WITH_LENGTH);
    if default.parse::<ipnet::IpNet>().is_ok() && default.contains('/') {
        format!("{sign}{WITH_LENGTH}")
    } else {
        sign.to_owned()
    }
}

/// Whether what a text is hangs on arguments.
pub(crate) fn has_sign(text: &str) -> bool {
    text.chars().any(|c| number(c).is_some())
}
