//! Tab: what fits where the cursor is, each with its signature.

mod argument;
mod candidate;
mod live;
mod nearby;
pub(crate) mod place;
mod setting;
pub(crate) mod value;

use std::collections::BTreeSet;

pub(crate) use self::candidate::Candidate;
use super::lex::{Kind, Piece, pieces};
use super::state::{STATEMENTS, State, type_of};
use super::{commands, undo};
use crate::dsl::options;
use crate::engine::catalog::Signature;
use crate::engine::manual;

/// What can stand at a place, whatever is typed of it already.
pub(crate) struct Offer {
    /// Where what is typed of it begins.
    pub(crate) start: usize,
    /// All that there is.
    pub(crate) all: Vec<Candidate>,
}

impl Offer {
    fn new(start: usize, mut all: Vec<Candidate>) -> Self {
        // A link's words and a namespace's, where either can be meant, share some.
        let mut seen = BTreeSet::new();
        all.retain(|one| seen.insert(one.put().to_owned()));
        Self { start, all }
    }
}

/// What can stand at the end of `text`, in code or behind the colon of a command.
pub(super) fn offer(state: &State, text: &str) -> Offer {
    match text.trim_start().strip_prefix(':') {
        Some(command) => of_command(state, text, command),
        None => of_code(state, text),
    }
}

/// What fits at the end of `text`, which is code and no command of the session, and where what is typed of it begins.
pub(crate) fn in_code(state: &State, text: &str) -> (usize, Vec<Candidate>) {
    let Offer { start, mut all } = of_code(state, text);
    let typed = &text[start..];
    all.retain(|one| one.put().starts_with(typed));
    if !typed.is_empty() {
        all.sort_by(|a, b| a.put().cmp(b.put()));
    }
    (start, all)
}

/// Where what is typed at the end of `text` begins, as [`offer`] has it.
pub(super) fn start(text: &str) -> usize {
    if let Some(command) = text.trim_start().strip_prefix(':') {
        let Some((name, typed)) = command.split_once(' ') else {
            return text.len() - command.len();
        };
        let typed = typed.trim_start();
        let before = text.len() - typed.len();
        return before + if name == "time" { start_in(typed) } else { 0 };
    }
    start_in(text)
}

/// The same in code.
fn start_in(text: &str) -> usize {
    match pieces(text).last() {
        Some(piece) if matches!(piece.kind, Kind::Text { closed: false }) => {
            match place::in_template(piece) {
                Some(start) => start + start_in(&text[start..]),
                None => piece.start + 1,
            }
        }
        Some(piece) if piece.kind == Kind::Name => piece.start,
        _ => text.len(),
    }
}

fn of_code(state: &State, text: &str) -> Offer {
    let all = pieces(text);
    match all.last() {
        Some(piece) if matches!(piece.kind, Kind::Text { closed: false }) => {
            if let Some(start) = place::in_template(piece) {
                let inner = of_code(state, &text[start..]);
                return Offer::new(start + inner.start, inner.all);
            }
            let mut found = argument::in_text(state, &all, piece.content());
            // A name that others gave stays within the quotes, whatever is in it.
            if piece.text.starts_with('`') {
                found.retain(|one| !one.put().contains(['`', '$']) && one.is_plain());
            } else {
                found = found.into_iter().map(Candidate::escaped).collect();
            }
            Offer::new(piece.start + 1, found)
        }
        Some(piece) if matches!(piece.kind, Kind::Comment { .. }) => {
            Offer::new(text.len(), Vec::new())
        }
        Some(piece) if piece.kind == Kind::Name => {
            let before = &all[..all.len() - 1];
            Offer::new(piece.start, at_name(state, before))
        }
        _ => Offer::new(text.len(), at_name(state, &all)),
    }
}

fn of_command(state: &State, text: &str, command: &str) -> Offer {
    let Some((name, typed)) = command.split_once(' ') else {
        let start = text.len() - command.len();
        let all = commands::ALL.iter().map(|one| {
            let usage = format!(":{}", one.usage);
            Candidate::new(one.name, &usage).about(one.summary)
        });
        return Offer::new(start, all.collect());
    };
    let typed = typed.trim_start();
    let start = text.len() - typed.len();
    let found = match name {
        "load" | "save" => {
            let mut files = live::files(typed, true);
            files.retain(Candidate::is_plain);
            files
        }
        "trace" => vec![Candidate::plain("off"), Candidate::plain("on")],
        "test" => live::files(typed, true),
        "clear" => vec![Candidate::plain("vars")],
        "help" => pages(state),
        "time" => {
            let inner = of_code(state, typed);
            return Offer::new(start + inner.start, inner.all);
        }
        "show" | "why" => live::namespaces(),
        _ => Vec::new(),
    };
    Offer::new(start, found)
}

/// The words that have a page of the manual.
fn pages(state: &State) -> Vec<Candidate> {
    let words = state.catalog().words.iter();
    let words = words.map(|word| Candidate::plain(&word.name).about(word.summary()));
    let pages = manual::PAGES.iter();
    let pages = pages.map(|(name, text)| {
        let heading = text.lines().next().unwrap_or_default();
        Candidate::plain(name).about(heading.trim_start_matches(['#', ' ']))
    });
    words.chain(pages).collect()
}

/// What fits where a name can stand, behind `before`.
fn at_name(state: &State, before: &[Piece]) -> Vec<Candidate> {
    let Some((index, last)) = place::last_solid(before) else {
        return names(state);
    };
    if last.is(".") {
        let start = place::value_before(before, index);
        return members(state, &value::of(state, &before[start..index]));
    }
    if last.is("::") {
        let alias = place::last_solid(&before[..index]);
        return alias
            .map(|(_, alias)| of_module(state, alias.text))
            .unwrap_or_default();
    }
    if place::wants_key(before) {
        let Some(call) = place::innermost_call(before) else {
            return Vec::new();
        };
        let given = place::keys_given(before);
        return options::keys(call.name)
            .into_iter()
            .filter(|key| !given.contains(key))
            .map(|key| {
                let about = options::row(call.name, key).map_or("", |row| row.doc);
                Candidate::new(&format!("{key}: "), key)
                    .about(about)
                    .group("options")
            })
            .collect();
    }
    if ["let", "const", "fn", "as"].contains(&last.text) {
        return Vec::new();
    }
    if let Some(fitting) = argument::in_code(state, before, last) {
        return fitting;
    }
    let is_within = matches!(last.kind, Kind::Open('(' | '[' | '#'));
    if is_within || (last.kind == Kind::Sign && !last.is(";")) {
        return values(state, &VALUES);
    }
    names(state)
}

/// What a value can begin with, of the words of statements.
const VALUES: [&str; 6] = ["false", "if", "switch", "this", "true", "within"];

/// Statements, and what values are made of.
fn names(state: &State) -> Vec<Candidate> {
    values(state, &STATEMENTS)
}

/// Variables, words, modules, and `statements`.
fn values(state: &State, statements: &[&str]) -> Vec<Candidate> {
    let variables = state.variables().into_iter();
    let mut found: Vec<Candidate> = variables
        .map(|(name, value)| variable(&name, &value))
        .collect();
    let declared = state.declared().into_iter();
    found.extend(declared.map(|(name, kind)| described(&name, &kind)));
    for function in state.functions().values() {
        let own = called(&function.name, function, &function.show());
        found.push(own.group("your functions"));
    }
    for (alias, path) in state.modules().iter() {
        let module = Candidate::plain(&format!("{alias}::")).about(path);
        found.push(module.group("modules"));
    }
    let catalog = state.catalog();
    let words = catalog
        .words
        .iter()
        .map(|word| (&word.name, &word.signatures, "words"));
    let builtin = catalog.builtin.iter();
    let builtin = builtin.map(|(name, signatures)| (name, signatures, "functions"));
    let mut words: Vec<Candidate> = words
        .chain(builtin)
        .filter_map(|(name, signatures, group)| {
            let mut forms = signatures.iter();
            let form = forms.find(|form| !form.is_method && !is_of_value(form))?;
            Some(called(name, form, &form.show()).group(group))
        })
        .collect();
    words.sort_by(|a, b| (b.in_group(), a.put()).cmp(&(a.in_group(), b.put())));
    found.extend(words);
    found.extend(
        statements
            .iter()
            .map(|word| Candidate::plain(word).group("statements")),
    );
    found
}

/// A variable with what it holds.
fn variable(name: &str, value: &rhai::Dynamic) -> Candidate {
    let kind = type_of(value);
    // A list or a map may be long.
    let is_short = !value.is_array() && !value.is_map();
    let about = match undo::literal(value).filter(|_| is_short) {
        Some(text) => format!("{kind} {text}"),
        None => kind.clone(),
    };
    Candidate::new(name, &format!("{name}: {kind}"))
        .about(&about)
        .group("variables")
}

/// A variable with its type, where that is known.
fn described(name: &str, kind: &str) -> Candidate {
    let shown = match kind {
        "" => name.to_owned(),
        kind => format!("{name}: {kind}"),
    };
    Candidate::new(name, &shown).about(kind).group("variables")
}

/// Whether it is one of Rhai's own functions that read as a method: `len(list)`.
fn is_of_value(form: &Signature) -> bool {
    let first = form.parameters.first();
    form.doc.starts_with("Return")
        && first.is_some_and(|(_, kind)| ["list", "map", "string"].contains(&kind.as_str()))
}

/// A candidate with its bracket, and the closing one where nothing goes in between.
fn called(name: &str, form: &Signature, shown: &str) -> Candidate {
    let given = usize::from(form.is_method);
    let bracket = if name == "within" {
        " "
    } else if form.parameters.len() <= given {
        "()"
    } else {
        "("
    };
    Candidate::new(&format!("{name}{bracket}"), shown).about(first_line(&form.doc))
}

/// The first line of a documentation that says anything.
fn first_line(doc: &str) -> &str {
    let mut lines = doc.lines().map(str::trim);
    lines.find(|line| !line.is_empty()).unwrap_or_default()
}

/// Internal functions of Rhai that could be called on a value.
const UNMEANT: [&str; 3] = ["get_fn_metadata_list", "to_debug", "to_string"];

/// What can stand behind the dot of a value.
fn members(state: &State, object: &value::Known) -> Vec<Candidate> {
    let mut found = Vec::new();
    if let Some(Ok(map)) = object.value.as_ref().map(rhai::Dynamic::as_map_ref) {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        // Another key can't stand behind a dot.
        for (key, value) in map.iter().filter(|(key, _)| key.chars().all(is_name)) {
            found.push(variable(key, value).group("keys"));
        }
    }
    let catalog = state.catalog();
    let is_handle = |kind: &str| ["Netns", "Link"].contains(&kind);
    let fits = |kind: &str| match object.kind.as_str() {
        "" | "any" => is_handle(kind),
        known => known == kind,
    };
    let properties = catalog.properties.iter().filter(|one| fits(&one.of));
    found.extend(properties.map(|property| {
        let shown = format!("{}: {}", property.name, property.returns);
        Candidate::new(&property.name, &shown)
            .about(first_line(&property.doc))
            .group("properties")
    }));
    // Words that take a string or a list could be called on one, but nobody writes them so.
    let is_plain = ["string", "list", "map", "int", "float", "bool"].contains(&&*object.kind);
    let words = catalog.words.iter().filter(|_| !is_plain);
    let words = words.map(|word| (&word.name, &word.signatures, "words"));
    let builtin = catalog.builtin.iter();
    let builtin = builtin.map(|(name, signatures)| (name, signatures, "functions"));
    let mut words: Vec<_> = words.chain(builtin).collect();
    words.sort_by_key(|(name, ..)| *name);
    for (name, signatures, group) in words {
        let mut forms = signatures
            .iter()
            .filter(|_| !UNMEANT.contains(&name.as_str()))
            .filter(|form| form.parameters.iter().all(|(_, kind)| kind != "f32"));
        let form = forms.find(|form| form.parameters.first().is_some_and(|(_, kind)| fits(kind)));
        if let Some(form) = form {
            let mut form = form.clone();
            form.is_method = true;
            let shown = form.show();
            // The object is already on the line.
            let shown = shown
                .split_once('.')
                .map_or(shown.as_str(), |(_, rest)| rest);
            found.push(called(name, &form, shown).group(group));
        }
    }
    found
}

fn of_module(state: &State, alias: &str) -> Vec<Candidate> {
    let Some(prefix) = state.word_of_module(alias, "") else {
        let own = state.functions_of_module(alias).into_iter();
        return own
            .map(|form| called(&form.name, &form, &form.show()))
            .collect();
    };
    let words = state.catalog().words.iter();
    words
        .filter_map(|word| {
            let name = word.name.strip_prefix(prefix.as_str())?;
            let form = word.signatures.first()?;
            Some(called(name, form, &form.show()))
        })
        .collect()
}
