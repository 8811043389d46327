//! Ghost text behind the cursor: how an earlier entry went on, and the signature of what is being called.

use rustyline::Context;
use rustyline::hint::Hint;
use rustyline::history::SearchDirection;
use unicode_width::UnicodeWidthChar;

use super::complete::place::{innermost_call, module_of, object_of};
use super::complete::value::type_of_expression;
use super::lex::{Piece, pieces};
use super::state::State;
use crate::engine::catalog::Signature;

/// A hint: the right arrow takes over the part that comes from the history.
pub(super) struct Ghost {
    shown: String,
    taken: Option<String>,
}

impl Ghost {
    /// What stands below the line.
    pub(super) fn menu(shown: String) -> Self {
        Self { shown, taken: None }
    }
}

impl Hint for Ghost {
    fn display(&self) -> &str {
        &self.shown
    }

    fn completion(&self) -> Option<&str> {
        self.taken.as_deref()
    }
}

/// What to show behind `line`.
pub(super) fn hint(state: &State, line: &str, pos: usize, context: &Context) -> Option<Ghost> {
    if pos < line.len() || line.trim().is_empty() {
        return None;
    }
    let taken = from_history(line, context);
    let signature = signature(state, line);
    let mut shown = taken.clone().unwrap_or_default();
    if let Some(signature) = signature {
        shown.push_str("   ");
        shown.push_str(&signature);
    }
    if shown.is_empty() {
        return None;
    }
    let used = line.rsplit('\n').next().unwrap_or_default().chars().count();
    Some(Ghost {
        shown: cut(&shown, room(used)),
        taken,
    })
}

/// How the newest entry that begins like `line` goes on.
fn from_history(line: &str, context: &Context) -> Option<String> {
    let history = context.history();
    let newest = history.len().checked_sub(1)?;
    let found = history
        .starts_with(line, newest, SearchDirection::Reverse)
        .ok()??;
    let rest = found.entry.get(line.len()..)?;
    (!rest.is_empty()).then(|| rest.to_owned())
}

/// The signature of the call that the end of `line` is in.
fn signature(state: &State, line: &str) -> Option<String> {
    let (forms, best) = forms(state, &pieces(line))?;
    Some(forms[best].show())
}

/// The ways to make the call that the end of a text is in, and which of them fits best.
pub(crate) fn forms(state: &State, pieces: &[Piece]) -> Option<(Vec<Signature>, usize)> {
    let call = innermost_call(pieces)?;
    let name = module_of(pieces, call.index)
        .and_then(|alias| state.word_of_module(alias, call.name))
        .unwrap_or_else(|| call.name.to_owned());
    let forms = state.signatures(&name);
    let given = call.argument + usize::from(call.is_method);
    let object = object_of(pieces, &call);
    let object = object.map_or_else(String::new, |object| type_of_expression(state, object));
    // How well a form fits: as it is called, with room for the argument, on what it is called on, with a map where one is open.
    let fit = |form: &Signature| {
        let has_room = form.parameters.len() > given;
        let of = form.parameters.first().filter(|_| call.is_method);
        let takes_map = form
            .parameters
            .get(given)
            .is_some_and(|(_, kind)| kind == "map");
        (
            has_room,
            form.is_method == call.is_method,
            of.is_some_and(|(_, kind)| *kind == object),
            takes_map || !call.in_options,
        )
    };
    // Of equally good ones the first.
    let numbered = forms.iter().enumerate().rev();
    let (best, _) = numbered.max_by_key(|(_, form)| fit(form))?;
    Some((forms, best))
}

/// How many columns are left on the line: what is longer would wrap, and jump at each key.
fn room(used: usize) -> usize {
    let width = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
    width.saturating_sub(used + 16)
}

/// The first line of `text`, no wider than `width`.
pub(super) fn cut(text: &str, width: usize) -> String {
    let first = text.split('\n').next().unwrap_or_default();
    let mut cut = String::new();
    let mut left = width;
    for c in first.chars() {
        let wide = c.width().unwrap_or(0);
        if wide >= left {
            cut.push('…');
            return cut;
        }
        left -= wide;
        cut.push(c);
    }
    if first.len() < text.len() {
        cut.push('…');
    }
    cut
}
