//! Colour, where it is wanted.

use std::io::IsTerminal;

use colored::{ColoredString, Colorize, control};

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
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                !unwanted && stream.is_terminal()
            }
        }
    }
}

/// Applies `style` to `text`, if `on`.
pub(crate) fn paint(on: bool, text: &str, style: fn(ColoredString) -> ColoredString) -> String {
    if on && !text.is_empty() {
        // The decision is made here and not by the crate, which would look at standard output also for standard error.
        control::set_override(true);
        style(text.normal()).to_string()
    } else {
        text.to_owned()
    }
}
