//! Colours while typing; unknown words and unmatched brackets are marked.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::commands;
use super::complete::place::module_of;
use super::lex::{Kind, Piece, pieces, unbalanced};
use super::state::{STATEMENTS, State};
use crate::engine::declared_names;

const STATEMENT: &str = "\x1b[35m";
const WORD: &str = "\x1b[36m";
const TEXT: &str = "\x1b[32m";
const NUMBER: &str = "\x1b[33m";
const COMMENT: &str = "\x1b[2m";
const WRONG: &str = "\x1b[31m";
const OPEN: &str = "\x1b[1m";
const COMMAND: &str = "\x1b[34m";
const PLAIN: &str = "\x1b[0m";

/// `line` in colours.
pub(super) fn highlight<'l>(state: &State, line: &'l str) -> Cow<'l, str> {
    if let Some(command) = line.trim_start().strip_prefix(':') {
        let code = commands::code(line).unwrap_or_default();
        let (command_line, color) = (
            &line[..line.len() - code.len()],
            if commands::begins_a_command(command) {
                COMMAND
            } else {
                WRONG
            },
        );
        let code = code_in_colours(state, code);
        return Cow::Owned(format!("{color}{command_line}{PLAIN}{code}"));
    }
    if commands::is_farewell(line) || commands::asked_for_help(line).is_some() {
        return Cow::Owned(format!("{COMMAND}{line}{PLAIN}"));
    }
    Cow::Owned(code_in_colours(state, line))
}

fn code_in_colours(state: &State, line: &str) -> String {
    let all = pieces(line);
    let (wrong, open) = unbalanced(&all);
    let declared = declared_names(line);
    let mut drawn = String::with_capacity(line.len() * 2);
    for (index, piece) in all.iter().enumerate() {
        let color = match piece.kind {
            Kind::Number => NUMBER,
            Kind::Text { closed: false }
                if piece.text.starts_with('"') && !is_last(&all, index) =>
            {
                WRONG
            }
            Kind::Text { .. } => TEXT,
            Kind::Comment { .. } => COMMENT,
            Kind::Open(_) if open.contains(&piece.start) => OPEN,
            Kind::Close(_) if wrong.contains(&piece.start) => WRONG,
            Kind::Blank | Kind::Sign | Kind::Open(_) | Kind::Close(_) => "",
            Kind::Name => name(state, &all, index, &declared),
        };
        if color.is_empty() {
            drawn.push_str(piece.text);
        } else {
            drawn.extend([color, piece.text, PLAIN]);
        }
    }
    drawn
}

fn is_last(all: &[Piece], index: usize) -> bool {
    index + 1 == all.len()
}

/// The colour of a name.
fn name(state: &State, all: &[Piece], index: usize, declared: &BTreeSet<String>) -> &'static str {
    let name = all[index].text;
    let solid = |piece: &&Piece| piece.kind != Kind::Blank;
    let before = all[..index].iter().rev().find(solid);
    let after = all[index + 1..].iter().find(solid);
    let is_call = after.is_some_and(|next| next.is("("));
    let is_member = before.is_some_and(|last| last.is("."));
    let is_unfinished = is_last(all, index);
    if STATEMENTS.contains(&name) && !is_member {
        return STATEMENT;
    }
    if after.is_some_and(|next| next.is("::")) {
        let is_known = state.modules().contains_key(name) || imported(all, name);
        return if is_known { "" } else { WRONG };
    }
    let module = module_of(all, index).filter(|alias| !imported(all, alias));
    if let Some(word) = module.and_then(|alias| state.word_of_module(alias, name)) {
        let mut words = state.catalog().words.iter();
        let is_known = words.any(|known| {
            known.name == word || (is_unfinished && known.name.starts_with(word.as_str()))
        });
        return if is_known { WORD } else { WRONG };
    }
    // A key, a part of a module of the user's, a name that is just being declared: nothing to look up.
    if after.is_some_and(|next| next.is(":"))
        || before.is_some_and(|last| ["::", "let", "const", "fn", "as"].contains(&last.text))
    {
        return "";
    }
    if is_call {
        let is_known = state.is_callable(name) || declared_function(all, name);
        return if is_known { WORD } else { WRONG };
    }
    if is_member {
        let properties = &state.catalog().properties;
        let is_known = properties
            .iter()
            .any(|property| property.name.starts_with(name))
            || state.begins_a_name(name);
        // The keys of a map are the user's choice.
        return if is_known || is_unfinished || knows_maps(state) {
            ""
        } else {
            WRONG
        };
    }
    let is_known = state.variable(name).is_some() || declared.contains(name) || name == "_";
    if is_known {
        ""
    } else if state.is_callable(name) {
        WORD
    } else if is_unfinished && state.begins_a_name(name) {
        ""
    } else {
        WRONG
    }
}

fn declared_function(all: &[Piece], name: &str) -> bool {
    stands_behind(all, "fn", name)
}

/// Whether an import in the text itself brings the module.
fn imported(all: &[Piece], name: &str) -> bool {
    stands_behind(all, "as", name)
}

fn stands_behind(all: &[Piece], word: &str, name: &str) -> bool {
    let solid: Vec<_> = all
        .iter()
        .filter(|piece| piece.kind != Kind::Blank)
        .collect();
    solid
        .windows(2)
        .any(|pair| pair[0].is(word) && pair[1].is(name))
}

fn knows_maps(state: &State) -> bool {
    state.variables().iter().any(|(_, value)| value.is_map())
}
