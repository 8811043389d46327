//! Colour, where it is wanted.

use std::hash::{BuildHasher, RandomState};
use std::io::IsTerminal;
use std::sync::OnceLock;

use colored::{ColoredString, Colorize, control};

use crate::value::escape::visible;
use crate::view::plain;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Also into a file or a pipe.
    Always,
    /// Not at all.
    Never,
}

impl When {
    /// Whether to colour what goes to `stream`.
    pub fn on(self, stream: &impl IsTerminal) -> bool {
        match self {
            _ if plain::is_on() => false,
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                !unwanted && !plain::is_dumb() && stream.is_terminal()
            }
        }
    }
}

/// Stands before each colour of [`paint`], and tells it from what a text of others holds: nobody can guess it.
fn mark() -> &'static str {
    static MARK: OnceLock<String> = OnceLock::new();
    MARK.get_or_init(|| {
        let number = RandomState::new().hash_one(std::process::id());
        format!("\u{1b}[{number:x};")
    })
}

/// Applies `style` to `text`, if `on`. The colours show when [`ready`] has been over the text.
pub(crate) fn paint(on: bool, text: &str, style: fn(ColoredString) -> ColoredString) -> String {
    if on && !text.is_empty() {
        // The decision is made here and not by the crate, which would look at standard output also for standard error.
        control::set_override(true);
        let painted = style(" ".normal()).to_string();
        let (before, after) = painted.split_once(' ').unwrap_or_default();
        let marked = |code: &str| code.replace("\u{1b}[", mark());
        format!("{}{text}{}", marked(before), marked(after))
    } else {
        text.to_owned()
    }
}

/// The text ready to be printed: its colours are those of [`paint`] alone, all else that acts on a terminal is shown escaped.
pub fn ready(text: &str) -> String {
    let mut parts = text.split(mark());
    let mut ready = visible(parts.next().unwrap_or_default()).into_owned();
    for part in parts {
        ready.push_str("\u{1b}[");
        ready.push_str(&visible(part));
    }
    ready
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_colours_are_our_own_and_what_others_wrote_is_shown_escaped() {
        let painted = paint(true, "a\u{1b}[31mb", Colorize::green);
        assert_eq!(ready(&painted), "\u{1b}[32ma\\x1b[31mb\u{1b}[0m");
        assert_eq!(ready("x\u{1b}]0;title\u{7}\ny"), "x\\x1b]0;title\\x07\ny");
    }
}
