//! Explains what went wrong in a script: Rhai's terse errors become a message that names the mistake, the place, what is
//! accepted, and what to type.

mod calls;
mod caught;
mod habits;
mod parse;
mod properties;
mod raised;

use std::rc::Rc;

use rhai::{AST, Engine, EvalAltResult, Position};

use crate::dsl::Session;
use crate::engine::captured::{self, Captured};
use crate::engine::catalog::Catalog;
use crate::engine::script::Sources;
use crate::engine::{Failure, Reason, modules, names};
use crate::error::nearest;
use crate::view::error::Report;

pub(crate) use calls::UNKNOWN;
pub(crate) use caught::tell_caught;
pub(crate) use parse::is_incomplete;
pub(crate) use raised::memory_used_up;

/// How many calls of a trace are shown before it is cut.
const TRACE: usize = 8;

/// The engine and what it was made with.
#[derive(Clone, Copy)]
pub(crate) struct Means<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) session: &'a Rc<Session>,
    pub(crate) sources: &'a Sources,
}

/// What an explanation can draw upon.
pub(crate) struct Context<'a> {
    means: Means<'a>,
    /// The script that ran, where it could be parsed.
    ast: Option<&'a AST>,
    /// The script or module that the error is in.
    source: String,
    /// Where in it.
    position: Position,
}

impl Context<'_> {
    /// The words of ipvsh and of Rhai.
    fn catalog(&self) -> Catalog {
        Catalog::with_builtin(self.means.engine)
    }

    /// The text of the script that the error is in.
    fn text(&self) -> String {
        let text = self.means.sources.text(&self.source);
        text.map(|text| text.to_string()).unwrap_or_default()
    }

    /// What stands before the error on its line.
    fn before(&self) -> String {
        let (Some(line), Some(column)) = (self.position.line(), self.position.position()) else {
            return String::new();
        };
        let text = self.text();
        let line = text.lines().nth(line - 1).unwrap_or_default();
        line.chars().take(column.saturating_sub(1)).collect()
    }

    /// The variables and such that the script declares.
    fn declared(&self) -> Vec<String> {
        let mut declared: Vec<_> = names::declared(&self.text()).into_iter().collect();
        declared.push("args".to_owned());
        declared
    }
}

/// The failure that `error` ends a run of the script `source` with.
pub(crate) fn explain(
    means: Means<'_>,
    error: &EvalAltResult,
    ast: Option<&AST>,
    source: &str,
) -> Failure {
    let (inner, trail) = innermost(error, source);
    let source = trail.last().map_or(source, |call| &call.into).to_owned();
    let mut context = Context {
        means,
        ast,
        source,
        position: inner.position(),
    };
    if let Some(call) = trail.last()
        && (context.position.is_none() || call.is_eval)
    {
        // No place of its own, or one in a text that no file holds.
        context.position = call.position;
        call.from.clone_into(&mut context.source);
    }
    let (mut report, reason) = describe(&mut context, inner);
    // What the standard library does inside is its own matter: the user's line comes first.
    let entered = if modules::is_standard(&context.source) {
        trail
            .iter()
            .rposition(|call| !modules::is_standard(&call.from))
    } else {
        None
    };
    let mut notes = Vec::new();
    if let Some(entered) = entered {
        let call = &trail[entered];
        report.place = means.sources.place(&call.from, call.position);
        report.notes.retain(|note| !note.starts_with(raised::FIRST));
        if let Some(line) = context.position.line() {
            notes.push(format!("raised at {}:{line}", context.source));
        }
    } else if report.place.is_none() {
        report.place = means.sources.place(&context.source, context.position);
    }
    // The call whose line is drawn needs no note.
    let calls = trail.iter().enumerate().rev();
    let calls = calls.filter(|(index, _)| Some(*index) != entered);
    notes.extend(calls.map(|(_, call)| call.to_string()));
    let left_out = notes.len().saturating_sub(TRACE);
    report.notes.extend(notes.into_iter().take(TRACE));
    if left_out > 0 {
        report.notes.push(format!("… and {left_out} calls more"));
    }
    Failure { report, reason }
}

/// One call on the way to the error.
struct Call {
    /// What was called or imported, ready to print.
    what: String,
    /// The script in which the call stands.
    from: String,
    /// Where in it.
    position: Position,
    /// The script that it led into.
    into: String,
    /// Whether it ran a text.
    is_eval: bool,
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.what)?;
        match self.position.line() {
            Some(line) => write!(f, " at {}:{line}", self.from),
            None => Ok(()),
        }
    }
}

/// The error that started it, and the calls that led there.
fn innermost<'e>(error: &'e EvalAltResult, source: &str) -> (&'e EvalAltResult, Vec<Call>) {
    let mut trail: Vec<Call> = Vec::new();
    let mut error = error;
    loop {
        let from = trail.last().map_or(source, |call| &call.into).to_owned();
        let (what, into, inner, position) = match error {
            EvalAltResult::ErrorInFunctionCall(name, into, inner, position) => {
                let what = if name.starts_with("anon$") {
                    "in call to a closure".to_owned()
                } else {
                    format!("in call to `{name}`")
                };
                (what, into, inner, *position)
            }
            EvalAltResult::ErrorInModule(name, inner, position) => (
                format!("in module `{name}`, imported"),
                name,
                inner,
                *position,
            ),
            _ => return (error, trail),
        };
        let into = if into.is_empty() {
            from.clone()
        } else {
            into.clone()
        };
        trail.push(Call {
            is_eval: what == "in call to `eval`",
            what,
            from,
            position,
            into,
        });
        error = inner;
    }
}

/// What the error is, and what it means for the exit code.
fn describe(context: &mut Context, error: &EvalAltResult) -> (Report, Reason) {
    let report = match error {
        EvalAltResult::ErrorRuntime(value, _) => return raised::explain(context, value),
        EvalAltResult::ErrorTerminated(token, _) => return raised::terminated(context, token),
        EvalAltResult::ErrorParsing(kind, _) => parse::explain(context, kind),
        EvalAltResult::ErrorFunctionNotFound(call, _) => calls::explain(context, call),
        EvalAltResult::ErrorDotExpr(text, _) => properties::explain(context, text),
        EvalAltResult::ErrorPropertyNotFound(name, _) => properties::missing_key(context, name),
        EvalAltResult::ErrorVariableNotFound(name, _) => unknown_variable(context, name),
        EvalAltResult::ErrorModuleNotFound(name, _) => module_not_found(context, name),
        EvalAltResult::ErrorStackOverflow(_) => Report::new(format!(
            "recursion deeper than {} calls",
            context.means.engine.max_call_levels()
        ))
        .hint("a function that calls itself needs a case in which it does not"),
        EvalAltResult::ErrorDataRace(..) => captured_twice(context),
        other => plain(other),
    };
    (report, Reason::Script)
}

/// Rhai's errors that need no more than other words.
fn plain(error: &EvalAltResult) -> Report {
    match error {
        EvalAltResult::ErrorArrayBounds(length, index, _) => Report::new(match length {
            0 => format!("index {index} of an empty list"),
            length => format!("index {index} of a list of {length}"),
        })
        .hint("the first item has index 0, the last one -1"),
        EvalAltResult::ErrorStringBounds(length, index, _) => {
            Report::new(format!("index {index} of a string of {length} characters"))
        }
        EvalAltResult::ErrorMismatchDataType(wanted, given, _) if wanted.contains("iterable") => {
            not_iterable(crate::engine::types::of_text(given))
        }
        EvalAltResult::ErrorFor(_) => not_iterable("value"),
        EvalAltResult::ErrorAssignmentToConstant(name, _) => {
            Report::new(format!("`{name}` is a constant and can't be assigned to"))
                .hint(format!("declare it with `let {name}`"))
        }
        EvalAltResult::ErrorMismatchDataType(wanted, given, _)
        | EvalAltResult::ErrorMismatchOutputType(wanted, given, _) => {
            let name = |text: &str| {
                crate::engine::types::with_article(crate::engine::types::of_text(text))
            };
            Report::new(match wanted.as_str() {
                "" => format!("{} can't stand here", name(given)),
                wanted => format!("{} is wanted here, not {}", name(wanted), name(given)),
            })
        }
        EvalAltResult::ErrorIndexingType(what, _) => {
            let kind = what.split(" [").next().unwrap_or(what);
            let kind = crate::engine::types::of_text(kind);
            Report::new(format!(
                "{} has no items to pick by `[…]`",
                crate::engine::types::with_article(kind)
            ))
        }
        EvalAltResult::ErrorNonPureMethodCallOnConstant(name, _) => {
            let name = name.rsplit('$').next().unwrap_or(name);
            Report::new(format!("`{name}` would change a constant")).hint("declare it with `let`")
        }
        EvalAltResult::ErrorUnboundThis(_) => Report::new("`this` stands for nothing here")
            .hint("it has a value in a function that is called as a method"),
        EvalAltResult::ErrorArithmetic(text, _) => Report::new(lower(text)),
        other => {
            // Its own text, less the place at the end, which is drawn anyway.
            let text = other.to_string();
            let text = text.rsplit_once(" (line ").map_or(&*text, |(text, _)| text);
            Report::new(lower(text))
        }
    }
}

/// A closure that uses what the call that runs it still holds. The interpreter says neither where nor what.
fn captured_twice(context: &mut Context) -> Report {
    let ast = context
        .ast
        .filter(|ast| ast.source() == Some(&context.source));
    let found = ast.map(captured::captured).unwrap_or_default();
    if let [one] = found.as_slice() {
        context.position = one.position;
        return captured_in(one, &context.text());
    }
    let report = Report::new("a closure uses what the call that runs it still holds").hint(
        "put the part that the closure is called for into a variable of its own first, and call it for that",
    );
    let lines = found.iter().filter_map(|one| one.position.line());
    lines.fold(report, |report, line| {
        report.note(format!("perhaps that at {}:{line}", context.source))
    })
}

/// What is wrong with such a closure in `text`.
pub(crate) fn captured_in(one: &Captured, text: &str) -> Report {
    let Captured { variable, call, .. } = one;
    let part = one.part(text);
    if part.as_ref() == Some(variable) {
        return Report::new(format!(
            "the closure can't use `{variable}`, which `{call}` is called for"
        ))
        .hint(
            "what it needs is kept in another variable, and changes are collected in another list",
        );
    }
    let report = Report::new(format!(
        "the closure can't use `{variable}`: `{call}` is called for a part of it"
    ));
    report.hint(match part {
        Some(part) => format!(
            "put that part into a variable of its own first: let part = {part}; part.{call}(…)"
        ),
        None => "put that part into a variable of its own first, and call it for that".to_owned(),
    })
}

/// A value of a type that `for` can't go through.
fn not_iterable(kind: &str) -> Report {
    let what = match kind {
        "value" => "this value".to_owned(),
        kind => crate::engine::types::with_article(kind),
    };
    Report::new(format!("`for` can't go through {what}")).hint(match kind {
        "int" => "it goes through the numbers below one as `for i in 0..3`",
        "map" => "it goes through its keys or its values: `for key in map.keys()`, `for value in map.values()`",
        _ => "it goes through lists, ranges such as 1..=3, strings and maps (`map.keys()`)",
    })
}

/// The text with a small first letter and back-ticks around what Rhai puts between quotes.
fn lower(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_lowercase().to_string());
    let text = format!("{}{}", first.unwrap_or_default(), chars.as_str());
    if text.matches('\'').count() == 2 {
        text.replace('\'', "`")
    } else {
        text
    }
}

/// A variable that isn't there.
fn unknown_variable(context: &Context, name: &str) -> Report {
    let report = Report::new(format!("there is no variable `{name}`"));
    let declared = context.declared();
    if declared.iter().any(|known| known == name) {
        return report.hint(format!(
            "a function sees its parameters only: hand `{name}` over as one, or declare it before its use"
        ));
    }
    let behind = context.behind();
    let behind = behind.strip_prefix(name).unwrap_or_default();
    if behind.starts_with("++") || behind.starts_with("--") {
        let sign = &behind[..1];
        return report.hint(format!("a number is counted on by `{name} {sign}= 1`"));
    }
    if context.before().trim_end().ends_with("import") {
        return report.hint(format!(
            "a module is named by a text: `import \"std/{name}\" as {name};`"
        ));
    }
    if let Some(here) = habits::word(name) {
        return report.hint(here);
    }
    let catalog = context.catalog();
    if let Some(word) = catalog.word(name) {
        let call = word
            .signatures
            .first()
            .map(catalog_call)
            .unwrap_or_default();
        return report.hint(format!("`{name}` is a word: call it as `{call}`"));
    }
    if let Some(near) = nearest(name, declared.iter().map(String::as_str)) {
        return report.hint(format!("did you mean `{near}`?"));
    }
    let words = catalog.words.iter().map(|word| word.name.as_str());
    if behind.starts_with('.') {
        return report.hint(format!("declare it first: `let {name} = …`"));
    }
    // Any short word is near any other.
    let near = nearest(name, words).filter(|_| name.chars().count() > 2);
    if let Some(near) = near {
        return report.hint(format!(
            "did you mean the word `{near}`, or the text \"{name}\"?"
        ));
    }
    report.hint(format!(
        "declare it with `let {name} = …`, or put it in quotes if a text is meant"
    ))
}

fn catalog_call(signature: &crate::engine::catalog::Signature) -> String {
    signature.call()
}

/// A module that isn't there, or a name before `::` that stands for none.
fn module_not_found(context: &Context, name: &str) -> Report {
    let before = context.before();
    let importing = before.trim_end().ends_with("import") || context.is_import();
    if !importing {
        return unknown_alias(context, name);
    }
    let report = Report::new(format!("there is no module `{name}`"));
    let standard = modules::STANDARD.iter().map(|(name, _)| *name);
    if modules::is_standard(name) {
        let known: Vec<_> = standard.clone().map(|name| format!("`{name}`")).collect();
        let report = if known.is_empty() {
            report
        } else {
            report.note(format!("the standard library has {}", known.join(", ")))
        };
        return match nearest(name, standard) {
            Some(near) => report.hint(format!("did you mean `{near}`?")),
            None => report,
        };
    }
    let file = modules::file_of(Some(&context.source), name);
    let report = report.note(format!("looked for it in `{}`", file.display()));
    let beside = modules::beside(&file);
    if let Some(near) = standard
        .clone()
        .find(|standard| standard.rsplit('/').next() == Some(name))
    {
        return report.hint(format!("the standard library has `{near}`"));
    }
    match nearest(name, beside.iter().map(String::as_str)) {
        Some(near) => report.hint(format!("did you mean `{near}`?")),
        None => report,
    }
}

/// A name before `::` that stands for no module.
fn unknown_alias(context: &Context, name: &str) -> Report {
    let report = Report::new(format!("there is no module `{name}` here"));
    let standard = modules::STANDARD.iter().map(|(name, _)| *name);
    if let Some(module) = standard
        .clone()
        .find(|module| module.rsplit('/').next() == Some(name))
    {
        return report.hint(format!("import it first: `import \"{module}\" as {name};`"));
    }
    let declared = context.declared();
    match nearest(name, declared.iter().map(String::as_str)) {
        Some(near) => report.hint(format!("did you mean `{near}`?")),
        None => report.hint(format!("import it first: `import \"…\" as {name};`")),
    }
}

impl Context<'_> {
    /// Whether the line of the error imports a module.
    fn is_import(&self) -> bool {
        let Some(line) = self.position.line() else {
            return false;
        };
        let text = self.text();
        let line = text.lines().nth(line - 1).unwrap_or_default();
        line.contains("import ")
    }
}

/// The failure for a call of `name` that nothing takes with arguments of the types `given`, found without running the script.
pub(crate) fn misfit(
    means: Means<'_>,
    ast: &AST,
    source: &str,
    name: &str,
    given: &[String],
    position: Position,
) -> Failure {
    let context = Context {
        means,
        ast: Some(ast),
        source: source.to_owned(),
        position,
    };
    let given = given.iter().map(String::as_str).collect();
    let mut report = calls::explain_given(&context, name, given);
    report.place = means.sources.place(source, position);
    Failure::script(report)
}
