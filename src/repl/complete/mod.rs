//! Tab: what fits where the cursor is, each with its signature.

mod live;
pub(crate) mod place;
pub(crate) mod value;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::lex::{Kind, Piece, pieces};
use super::state::{STATEMENTS, State, type_of};
use super::{commands, hint};
use crate::dsl::handle::Netns;
use crate::dsl::objects::netns;
use crate::dsl::options;
use crate::engine::catalog::Signature;
use crate::engine::modules;
use crate::net::container::Runtime;
use crate::value::escape::{inside_of_literal, on_one_line};

/// What can stand where the cursor is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// What is shown of it.
    shown: String,
    /// What is put into the line.
    replacement: String,
}

impl Candidate {
    fn new(replacement: &str, shown: &str) -> Self {
        Self {
            shown: on_one_line(shown).into_owned(),
            replacement: replacement.to_owned(),
        }
    }

    pub(super) fn plain(name: &str) -> Self {
        Self::new(name, name)
    }

    /// What is put into the line.
    pub(crate) fn put(&self) -> &str {
        &self.replacement
    }

    /// What is shown of it.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// Whether what is put into the line shows as it is.
    fn is_plain(&self) -> bool {
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

/// What fits at the end of `text`, and where what is already typed of it begins.
pub(super) fn complete(state: &State, text: &str) -> (usize, Vec<Candidate>) {
    if let Some(command) = text.trim_start().strip_prefix(':') {
        return of_command(state, text, command);
    }
    let (start, found) = in_code(state, text);
    (start, beside_each_other(found))
}

/// How many may be shown one below the other.
const FEW: usize = 20;

/// Cuts what is shown of many, so that two have room on a line.
fn beside_each_other(mut found: Vec<Candidate>) -> Vec<Candidate> {
    if found.len() > FEW {
        let width = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
        for one in &mut found {
            // Two blanks stand between them.
            one.shown = hint::cut(&one.shown, (width / 2).saturating_sub(2));
        }
    }
    found
}

/// What fits at the end of `text`, which is code and no command of the session, and where what is typed of it begins.
pub(crate) fn in_code(state: &State, text: &str) -> (usize, Vec<Candidate>) {
    let all = pieces(text);
    match all.last() {
        Some(piece) if matches!(piece.kind, Kind::Text { closed: false }) => {
            if let Some(start) = place::in_template(piece) {
                let (inner, found) = complete(state, &text[start..]);
                return (start + inner, found);
            }
            let start = piece.start + 1;
            let mut found = in_text(state, &all, piece.content());
            // A name that others gave stays within the quotes, whatever is in it.
            if piece.text.starts_with('`') {
                found.retain(|one| !one.replacement.contains(['`', '$']) && one.is_plain());
            } else {
                for one in &mut found {
                    one.replacement = inside_of_literal(&one.replacement);
                }
            }
            (start, matching(found, &text[start..]))
        }
        Some(piece) if matches!(piece.kind, Kind::Comment { .. }) => (text.len(), Vec::new()),
        Some(piece) if piece.kind == Kind::Name => {
            let before = &all[..all.len() - 1];
            (piece.start, matching(at_name(state, before), piece.text))
        }
        _ => (text.len(), each_once(at_name(state, &all))),
    }
}

/// Those that begin with what is typed; each once, in order.
fn matching(found: Vec<Candidate>, typed: &str) -> Vec<Candidate> {
    let fit = found
        .into_iter()
        .filter(|one| one.replacement.starts_with(typed));
    let once: BTreeMap<String, Candidate> = fit.map(|one| (one.replacement.clone(), one)).collect();
    once.into_values().collect()
}

/// Each once, in the order of the manual: a link's and a namespace's, where either can be meant, share some.
fn each_once(mut found: Vec<Candidate>) -> Vec<Candidate> {
    let mut seen = BTreeSet::new();
    found.retain(|one| seen.insert(one.replacement.clone()));
    found
}

fn of_command(state: &State, text: &str, command: &str) -> (usize, Vec<Candidate>) {
    let Some((name, typed)) = command.split_once(' ') else {
        let start = text.len() - command.len();
        let all = commands::ALL.iter();
        let all =
            all.map(|one| Candidate::new(one.name, &format!(":{}  {}", one.usage, one.summary)));
        return (start, matching(all.collect(), command));
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
        "clear" => vec![Candidate::plain("vars")],
        "help" => {
            let words = state.catalog().words.iter();
            words.map(|word| Candidate::plain(&word.name)).collect()
        }
        "time" => {
            let (inner, found) = complete(state, typed);
            return (start + inner, found);
        }
        _ => Vec::new(),
    };
    (start, matching(found, typed))
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
        let call = place::innermost_call(before);
        let keys = call
            .map(|call| options::keys(call.name))
            .unwrap_or_default();
        let given = place::keys_given(before);
        return keys
            .into_iter()
            .filter(|key| !given.contains(key))
            .map(|key| Candidate::new(&format!("{key}: "), key))
            .collect();
    }
    if ["let", "const", "fn", "as"].contains(&last.text) {
        return Vec::new();
    }
    if let Some(fitting) = arguments(state, before, last) {
        return fitting;
    }
    let is_within = matches!(last.kind, Kind::Open('(' | '[' | '#'));
    if is_within || (last.kind == Kind::Sign && !last.is(";")) {
        return values(state, &VALUES);
    }
    names(state)
}

/// What can be an argument where the cursor is, if only few things can: a namespace, or a link.
fn arguments(state: &State, before: &[Piece], last: &Piece) -> Option<Vec<Candidate>> {
    let call = place::innermost_call(before).filter(|call| !call.in_options)?;
    if !last.is("(") && !last.is(",") {
        return None;
    }
    let found = match wanted(state, before, &call).as_str() {
        "place" => live::namespaces(),
        "link" => links(state, before, &call),
        "parent" => live::links(state.session(), current(state, before)?),
        _ => return None,
    };
    let quoted = found.into_iter().map(|one| {
        let quoted = format!("\"{}\"", inside_of_literal(&one.replacement));
        let shown = one.shown.replacen(&one.replacement, &quoted, 1);
        Candidate::new(&quoted, &shown)
    });
    let mut fitting: Vec<Candidate> = quoted.collect();
    if fitting.is_empty() {
        return None;
    }
    let variables = state.variables().into_iter();
    let handles = variables.filter(|(_, value)| ["Netns", "Link"].contains(&&*type_of(value)));
    fitting.extend(
        handles.map(|(name, value)| Candidate::new(&name, &format!("{name}: {}", type_of(&value)))),
    );
    let declared = state.declared().into_iter();
    let declared = declared.filter(|(_, kind)| ["Netns", "Link"].contains(&kind.as_str()));
    fitting.extend(declared.map(|(name, kind)| Candidate::new(&name, &described(&name, &kind))));
    Some(fitting)
}

/// Where bare words act at the end of `before`; none inside of that is the current namespace. `None` where it can't be known.
#[allow(
    clippy::option_option,
    reason = "whether it is known, and which one it is"
)]
fn current(state: &State, before: &[Piece]) -> Option<Option<Netns>> {
    match place::enclosing(before) {
        None => Some(None),
        Some(place) => Some(Some(namespace(state, place)?)),
    }
}

/// The namespace that an expression is, or names, where it is there.
fn namespace(state: &State, expression: &[Piece]) -> Option<Netns> {
    let found = value::of(state, expression);
    if let Some(netns) = found.namespace() {
        return Some(netns);
    }
    let (_, text) = place::last_solid(expression)?;
    let name = matches!(text.kind, Kind::Text { closed: true }).then(|| text.content())?;
    netns::existing(name).ok().flatten()
}

/// The links that an argument of a call can name: those of what stands before the dot, or of where bare words act.
fn links(state: &State, before: &[Piece], call: &place::Call) -> Vec<Candidate> {
    let place = match place::object_of(before, call) {
        Some(object) => value::of(state, object).namespace().map(Some),
        None => current(state, before),
    };
    // Of a namespace that is not there yet there are none.
    place.map_or_else(Vec::new, |place| live::links(state.session(), place))
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
        .map(|(name, value)| Candidate::new(&name, &format!("{name}: {}", type_of(&value))))
        .collect();
    let declared = state.declared().into_iter();
    found.extend(declared.map(|(name, kind)| Candidate::new(&name, &described(&name, &kind))));
    found.extend(statements.iter().map(|word| Candidate::plain(word)));
    let catalog = state.catalog();
    let words = catalog
        .words
        .iter()
        .map(|word| (&word.name, &word.signatures));
    let builtin = catalog.builtin.iter();
    for (name, signatures) in words.chain(builtin) {
        let bare = signatures
            .iter()
            .find(|form| !form.is_method && !is_of_value(form));
        if let Some(form) = bare {
            found.push(called(name, form, &form.show()));
        }
    }
    for function in state.functions().values() {
        found.push(called(&function.name, function, &function.show()));
    }
    for alias in state.modules().keys() {
        found.push(Candidate::plain(&format!("{alias}::")));
    }
    found
}

/// A variable with its type, where that is known.
fn described(name: &str, kind: &str) -> String {
    match kind {
        "" => name.to_owned(),
        kind => format!("{name}: {kind}"),
    }
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
    Candidate::new(&format!("{name}{bracket}"), shown)
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
            found.push(Candidate::new(key, &format!("{key}: {}", type_of(value))));
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
    }));
    // Words that take a string or a list could be called on one, but nobody writes them so.
    let is_plain = ["string", "list", "map", "int", "float", "bool"].contains(&&*object.kind);
    let words = catalog.words.iter().filter(|_| !is_plain);
    let words = words.map(|word| (&word.name, &word.signatures));
    for (name, signatures) in words.chain(catalog.builtin.iter()) {
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
            found.push(called(name, &form, shown));
        }
    }
    found
}

fn of_module(state: &State, alias: &str) -> Vec<Candidate> {
    let Some(prefix) = state.word_of_module(alias, "") else {
        let own = state.functions_of_module(alias).into_iter();
        return own
            .map(|(form, about)| {
                let shown = format!("{}  {about}", form.show());
                called(&form.name, &form, shown.trim_end())
            })
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

/// What can stand in the text that is open at the end of `all`, of which `typed` is there.
fn in_text(state: &State, all: &[Piece], typed: &str) -> Vec<Candidate> {
    let before = &all[..all.len() - 1];
    let last = place::last_solid(before).map(|(_, last)| last.text);
    match last {
        Some("import") => {
            let standard = modules::STANDARD
                .iter()
                .map(|(name, _)| Candidate::plain(name));
            return standard.chain(live::files(typed, false)).collect();
        }
        Some("within") => return places(typed),
        _ => {}
    }
    let Some(call) = place::innermost_call(before) else {
        return Vec::new();
    };
    if call.in_options {
        let key = place::last_solid(before)
            .filter(|(_, colon)| colon.is(":"))
            .and_then(|(colon, _)| place::last_solid(&before[..colon]));
        return key
            .map(|(_, key)| of_key(state, call.name, key.text))
            .unwrap_or_default();
    }
    let wanted = wanted(state, before, &call);
    match wanted.as_str() {
        "help" => state
            .catalog()
            .words
            .iter()
            .map(|word| Candidate::plain(&word.name))
            .collect(),
        "place" => places(typed),
        "link" => links(state, before, &call),
        // A parent lives in the current namespace, as a rule.
        "parent" => match current(state, before) {
            Some(place) => live::links(state.session(), place),
            None => Vec::new(),
        },
        other => of_key(state, call.name, other),
    }
}

/// What the argument of a call is for.
fn wanted(state: &State, before: &[Piece], call: &place::Call) -> String {
    let by_word = match (call.name, call.argument) {
        ("netns" | "enter" | "shell" | "within", 0) => Some("place"),
        ("link", 0) => Some("link"),
        ("help", 0) => Some("help"),
        _ => None,
    };
    if let Some(known) = by_word {
        return known.to_owned();
    }
    let mut forms = state.signatures(call.name);
    let object = place::object_of(before, call);
    let object = object.map_or_else(String::new, |object| value::of(state, object).kind);
    let is_of_object = |form: &Signature| {
        let first = form.parameters.first();
        form.is_method && first.is_some_and(|(_, kind)| *kind == object)
    };
    // What the word is of other things is beside the point.
    if forms.iter().any(is_of_object) {
        forms.retain(is_of_object);
    }
    // A bare word is meant as such; what stands before the dot is no argument.
    let (same, other): (Vec<_>, Vec<_>) =
        (forms.iter()).partition(|form| form.is_method == call.is_method);
    let fitting = same
        .into_iter()
        .chain(other.into_iter().filter(|_| !call.is_method));
    let mut names = fitting.filter_map(|form| {
        let offset = usize::from(call.is_method);
        let (name, _) = form.parameters.get(call.argument + offset)?;
        Some(match name.as_str() {
            "peer_net" | "peer_ns" | "net" | "netns" | "namespace" | "place" | "home" => "place",
            "link" | "dev" | "port" => "link",
            "parent" | "master" => "parent",
            "mode" => "mode",
            "protocol" => "protocol",
            "destination" => "destination",
            _ => return None,
        })
    });
    names.next().unwrap_or_default().to_owned()
}

/// The values that an option or parameter of `word` can have.
fn of_key(state: &State, word: &str, key: &str) -> Vec<Candidate> {
    match key {
        "master" | "dev" => live::links(state.session(), None),
        key => {
            let values = options::offers(word, key).into_iter();
            values.map(Candidate::plain).collect()
        }
    }
}

/// The namespaces; processes or containers where one of those is asked for.
fn places(typed: &str) -> Vec<Candidate> {
    let Some((means, _)) = typed.split_once(':') else {
        let mut found = live::namespaces();
        if !typed.is_empty() {
            let here = Runtime::ALL.into_iter().filter(|runtime| runtime.is_here());
            let means = here.map(Runtime::name).chain(["pid"]);
            found.extend(means.map(|means| Candidate::plain(&format!("{means}:"))));
        }
        return found;
    };
    if means == "pid" {
        return live::processes();
    }
    let mut runtimes = Runtime::ALL.into_iter();
    runtimes
        .find(|runtime| runtime.name() == means)
        .map_or_else(live::namespaces, live::containers)
}
