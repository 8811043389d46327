//! Errors that a word or the script raised, and runs that were ended from outside.

use rhai::{Dynamic, Map};

use super::Context;
use crate::dsl::script::print;
use crate::engine::{Reason, Stop, memory};
use crate::error::Kind;
use crate::view::error::Report;

/// What the note begins with that says where an error came from that was caught and thrown again.
pub(super) const FIRST: &str = "first raised at line ";

/// Explains what was thrown.
pub(super) fn explain(context: &Context, value: &Dynamic) -> (Report, Reason) {
    if let Some(map) = value.read_lock::<Map>()
        && let Some(message) = text(&map, "message")
    {
        return of_map(context, &map, message);
    }
    let report = match value.as_immutable_string_ref() {
        Ok(text) if !text.is_empty() => Report::new(text.as_str()),
        _ if value.is_unit() => Report::new("the script failed without saying why"),
        _ => Report::new(format!(
            "the script failed with {}",
            print::value(Some(context.means.session), value).literal()
        )),
    };
    (report, Reason::Script)
}

fn text(map: &Map, key: &str) -> Option<String> {
    let value = map.get(key)?;
    Some(value.as_immutable_string_ref().ok()?.to_string())
}

/// The error of a word, or a map that a script made in its likeness.
fn of_map(context: &Context, map: &Map, message: String) -> (Report, Reason) {
    let mut report = Report::new(message);
    report.hint = text(map, "hint");
    if let Some(notes) = map.get("notes").and_then(|notes| notes.as_array_ref().ok()) {
        report.notes = notes.iter().map(ToString::to_string).collect();
    }
    match (text(map, "kernel"), text(map, "errno")) {
        (Some(kernel), Some(errno)) => report.notes.push(format!("kernel: {kernel} ({errno})")),
        (Some(kernel), None) => report.notes.push(format!("kernel: {kernel}")),
        (None, Some(errno)) => report.notes.push(format!("errno: {errno}")),
        (None, None) => {}
    }
    let raised_at = map.get("line").and_then(|line| line.as_int().ok());
    let thrown_at = context
        .position
        .line()
        .and_then(|line| i64::try_from(line).ok());
    if let (Some(raised), Some(thrown)) = (raised_at, thrown_at)
        && raised != thrown
    {
        report.notes.push(format!("{FIRST}{raised}"));
    }
    report.facts = ["kind", "errno", "kernel", "netns", "object"]
        .into_iter()
        .filter_map(|key| Some((key, text(map, key)?)))
        .collect();
    let kind = text(map, "kind").and_then(|kind| Kind::from_name(&kind));
    let session = context.means.session;
    let reason = match kind {
        _ if session.output_closed() => Reason::OutputClosed,
        Some(Kind::Interrupted) => {
            Reason::Interrupted(session.interrupted().unwrap_or(libc::SIGINT))
        }
        Some(Kind::Denied | Kind::Unsupported) => Reason::NotPossible,
        _ => Reason::Script,
    };
    (report, reason)
}

/// What is said of a script that has taken more memory than it may.
pub(crate) fn memory_used_up(limit: Option<u64>) -> Report {
    let limit = limit.map_or_else(String::new, |limit| format!(": {} MiB", limit >> 20));
    Report::new(format!(
        "the script used up the memory that it may have{limit}"
    ))
    .hint("keep less of what it makes or reads, or give it more: `ipvsh --memory 8GiB …`")
}

/// Explains a run that was ended between two of its steps.
pub(super) fn terminated(context: &Context, token: &Dynamic) -> (Report, Reason) {
    let session = context.means.session;
    match token.read_lock::<Stop>().map(|stop| *stop) {
        Some(Stop::OutputClosed) => (Report::new("nobody reads the output"), Reason::OutputClosed),
        Some(Stop::StackUsedUp) => (
            Report::new("recursion too deep")
                .hint("a function that calls itself needs a case in which it does not"),
            Reason::Script,
        ),
        Some(Stop::MemoryUsedUp) => (memory_used_up(memory::limit()), Reason::Script),
        Some(Stop::Interrupted) | None => (
            Report::new("interrupted"),
            Reason::Interrupted(session.interrupted().unwrap_or(libc::SIGINT)),
        ),
    }
}
