//! Output that is read aloud, or goes to a terminal that can't move its cursor: words in place of signs, nothing drawn over.

use std::borrow::Cow;
use std::env;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether `--plain` was given.
static IS_ON: AtomicBool = AtomicBool::new(false);

/// The signs that are drawn, and the words for them.
const WORDS: [(&str, &str); 14] = [
    ("✔", "ok"),
    ("✘", "failed"),
    ("├─ ", "  "),
    ("└─ ", "  "),
    ("│  ", "  "),
    (" → ", " to "),
    ("→", "to"),
    ("←", "from"),
    ("↔", "and"),
    ("⇄", "joined to"),
    ("…", "..."),
    ("•", "-"),
    ("─", "-"),
    ("│", " "),
];

/// Notes that all output is to be plain.
pub fn set() {
    IS_ON.store(true, Ordering::Relaxed);
}

/// Whether it is.
pub fn is_on() -> bool {
    IS_ON.load(Ordering::Relaxed)
}

/// Whether the terminal knows no more than letters.
pub(crate) fn is_dumb() -> bool {
    env::var_os("TERM").is_some_and(|name| name == "dumb")
}

/// Whether what goes to `stream` can be drawn over while it changes, and is to be.
pub fn is_live(stream: &impl IsTerminal) -> bool {
    !is_on() && !is_dumb() && stream.is_terminal()
}

/// The text with words in place of signs, where that is wanted.
pub(crate) fn words(text: &str) -> Cow<'_, str> {
    if is_on() {
        in_words(text)
    } else {
        Cow::Borrowed(text)
    }
}

fn in_words(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut text = text.to_owned();
    for (sign, word) in WORDS {
        if text.contains(sign) {
            text = text.replace(sign, word);
        }
    }
    // A bar says nothing that the number beside it does not.
    let is_bar = |c: char| ('▁'..='▏').contains(&c);
    if text.contains(is_bar) {
        let lines = text.lines().map(|line| {
            if line.contains(is_bar) {
                let kept: String = line.chars().filter(|c| !is_bar(*c)).collect();
                let words: Vec<&str> = kept.split_whitespace().collect();
                words.join(" ")
            } else {
                line.to_owned()
            }
        });
        text = lines.collect::<Vec<_>>().join("\n");
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_become_words() {
        for (drawn, said) in [
            ("✔ route via 10.0.1.254", "ok route via 10.0.1.254"),
            ("a\n├─ b\n│  └─ c\n└─ d", "a\n  b\n    c\n  d"),
            ("a → b: ✘ no", "a to b: failed no"),
            ("0.020 ms  ███▌  20", "0.020 ms 20"),
            ("plain", "plain"),
        ] {
            assert_eq!(in_words(drawn), said);
        }
    }
}
