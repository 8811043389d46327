//! `pad` of texts: Rhai's own adds one piece after the other however many were asked for, and nobody can end it meanwhile.

use rhai::{Engine, ImmutableString};

/// No machine has as much.
const MOST: usize = 1 << 50;

/// How many pieces are added at once.
const CHUNK: usize = 4096;

/// Has `pad` ask for all that it needs before it begins.
pub(super) fn register(engine: &mut Engine) {
    engine.register_fn(
        "pad",
        |text: &mut ImmutableString, length: i64, with: char| pad(text, length, &with.to_string()),
    );
    engine.register_fn("pad", pad);
}

fn pad(text: &mut ImmutableString, length: i64, with: &str) {
    let missing = usize::try_from(length).unwrap_or(0);
    let missing = missing.saturating_sub(text.chars().count());
    let each = with.chars().count();
    if missing == 0 || each == 0 {
        return;
    }
    let (whole, rest) = (missing / each, missing % each);
    // More than there may be ends the run here.
    let needed = text
        .len()
        .saturating_add(with.len().saturating_mul(whole + 1));
    let mut padded = String::with_capacity(needed.min(MOST));
    padded.push_str(text);
    let chunk = with.repeat(whole.min(CHUNK));
    for _ in 0..whole / CHUNK {
        padded.push_str(&chunk);
    }
    padded.extend(chunk.get(..with.len() * (whole % CHUNK)));
    padded.extend(with.chars().take(rest));
    *text = padded.into();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn padded(length: i64, with: &str, expected: &str) {
        let mut text: ImmutableString = "aä".into();
        pad(&mut text, length, with);
        assert_eq!(text.as_str(), expected);
    }

    #[test]
    fn a_text_is_padded_as_rhai_does_it() {
        padded(-1, "x", "aä");
        padded(2, "x", "aä");
        padded(4, "ö", "aäöö");
        padded(7, "xyz", "aäxyzxy");
        padded(3, "xyz", "aäx");
        padded(9, "", "aä");
        padded(10_000, "ö", &format!("aä{}", "ö".repeat(9998)));
        padded(9000, "xy", &format!("aä{}", "xy".repeat(4499)));
    }
}
