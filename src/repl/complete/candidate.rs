//! What can be put into the line, and what there is to say about it.

use std::borrow::Cow;

use unicode_width::UnicodeWidthStr;

use crate::repl::hint;
use crate::value::escape::{inside_of_literal, on_one_line};

/// What can stand where the cursor is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// How it is used: a signature, or a name with its type.
    shown: String,
    /// What is put into the line.
    replacement: String,
    /// One line about it; empty where there is nothing to say.
    about: String,
    /// The heading that it stands under.
    group: &'static str,
}

impl Candidate {
    pub(super) fn new(replacement: &str, shown: &str) -> Self {
        Self {
            shown: on_one_line(shown).into_owned(),
            replacement: replacement.to_owned(),
            about: String::new(),
            group: "",
        }
    }

    pub(in crate::repl) fn plain(name: &str) -> Self {
        Self::new(name, name)
    }

    /// The same with one line about it.
    pub(in crate::repl) fn about(mut self, about: &str) -> Self {
        self.about = on_one_line(about).into_owned();
        self
    }

    /// The same under that heading.
    pub(in crate::repl) fn group(mut self, group: &'static str) -> Self {
        self.group = group;
        self
    }

    /// The same as it is written between double quotes.
    pub(super) fn escaped(mut self) -> Self {
        self.replacement = inside_of_literal(&self.replacement);
        self
    }

    /// The same with quotes around it.
    pub(super) fn quoted(mut self) -> Self {
        self.replacement = format!("\"{}\"", inside_of_literal(&self.replacement));
        self.shown = on_one_line(&self.replacement).into_owned();
        self
    }

    /// The same as a line of a list, with its number in front.
    pub(in crate::repl) fn numbered(&self, number: usize) -> Self {
        let mut shown = format!("{number} {}", self.name());
        for more in [&self.about, &self.shown] {
            if !more.is_empty() && *more != *self.name() && *more != self.replacement {
                shown = format!("{shown}: {more}");
                break;
            }
        }
        Self {
            shown,
            ..self.clone()
        }
    }

    /// Makes what is shown of it no wider than that.
    pub(in crate::repl) fn cut(&mut self, width: usize) {
        self.shown = hint::cut(&self.shown, width);
    }

    /// Makes what is shown of it at least so wide.
    pub(in crate::repl) fn widen(&mut self, width: usize) {
        let blanks = width.saturating_sub(self.shown.width());
        self.shown.push_str(&" ".repeat(blanks));
    }

    /// Has so many empty rows follow what is shown of it.
    pub(in crate::repl) fn leave_rows(&mut self, rows: usize) {
        self.shown.push_str(&"\n".repeat(rows));
    }

    /// What is put into the line.
    pub(crate) fn put(&self) -> &str {
        &self.replacement
    }

    /// How it is used.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// Its name alone, as a list shows it.
    pub(in crate::repl) fn name(&self) -> Cow<'_, str> {
        let name = self.replacement.trim_end_matches([' ', ':', '(']);
        on_one_line(match self.replacement.strip_suffix("()") {
            Some(name) => name,
            None if name.is_empty() || self.replacement.ends_with("::") => &self.replacement,
            None => name,
        })
    }

    /// One line about it.
    pub(in crate::repl) fn said(&self) -> &str {
        &self.about
    }

    /// The heading that it stands under.
    pub(in crate::repl) fn in_group(&self) -> &'static str {
        self.group
    }

    /// Whether what is put into the line shows as it is.
    pub(super) fn is_plain(&self) -> bool {
        matches!(on_one_line(&self.replacement), Cow::Borrowed(_))
    }
}

impl rustyline::completion::Candidate for Candidate {
    fn display(&self) -> &str {
        &self.shown
    }

    fn replacement(&self) -> &str {
        &self.replacement
    }
}
