//! What a lab has of earlier runs and its script no longer makes: told, or with `--prune` taken down.

use super::line::Options;
use super::output;
use crate::dsl::Session;
use crate::dsl::kinds::kind;
use crate::engine::Failure;
use crate::error::Error;
use crate::lab::Outcome;
use crate::lab::object::Thing;
use crate::lab::rollback::Undone;
use crate::lab::stale::Stale;
use crate::value::shell;
use crate::view::error::Report;

/// How many things a run names that are no longer in the script.
const NAMED: usize = 5;

/// Looks for what the script no longer makes, and has the plan tell it.
pub(super) fn plan(session: &Session, options: &Options) -> Result<(), Failure> {
    // A run would fail, and so take down nothing.
    if session.lab().counts().conflicts > 0 {
        return Ok(());
    }
    let outcome = if options.prune {
        Outcome::Deleted
    } else {
        Outcome::Stale
    };
    let stale = look(session).map_err(|error| Failure::script(Report::of(&error)))?;
    for thing in stale.things.iter().rev() {
        session.lab().report_stale(outcome, thing);
    }
    Ok(())
}

fn look(session: &Session) -> Result<Stale, Error> {
    session.wait(session.lab().stale(kind::table_of))?
}

/// Takes down what the script no longer makes, where `--prune` asks for that; else says that it is there, and how it goes.
pub(super) fn run(
    session: &Session,
    options: &Options,
    script: &str,
    typed: &[String],
) -> Result<(), Failure> {
    let stale = match look(session) {
        Ok(stale) => stale,
        // Who did not ask is told by the next run.
        Err(_) if !options.prune => return Ok(()),
        Err(error) => return Err(not_all(&[error])),
    };
    if !options.prune {
        for thing in stale.things.iter().rev() {
            session.lab().report_stale(Outcome::Stale, thing);
        }
        if !stale.is_empty() && !options.quiet && !options.is_json() {
            let command = command(options, script, typed);
            let one = stale.things.len() == 1;
            let (stands, takes) = if one {
                ("stands", "takes it down")
            } else {
                ("stand", "takes them down")
            };
            output::note(&format!(
                "note: no longer in the script, and still {stands}: {}; `{command}` {takes}",
                names(&stale.things)
            ));
        }
        return Ok(());
    }
    let things = stale.things.clone();
    let undone = session
        .wait(session.lab().prune(stale))
        .unwrap_or_else(|error| Undone {
            failures: vec![error],
            ..Undone::default()
        });
    if undone.failures.is_empty() {
        for thing in things.iter().rev() {
            session.lab().report_stale(Outcome::Deleted, thing);
        }
    }
    if !options.quiet && !options.is_json() {
        if let Some(counted) = undone.counted() {
            output::note(&format!(
                "took down what is no longer in the script: {counted}"
            ));
        }
        for left in &undone.left {
            output::note(left);
        }
    }
    if undone.failures.is_empty() {
        Ok(())
    } else {
        Err(not_all(&undone.failures))
    }
}

fn not_all(failures: &[Error]) -> Failure {
    let report = Report::new("not all could be taken down that is no longer in the script");
    let report = failures.iter().fold(report, |report, failure| {
        let report = report.note(failure.to_string());
        let notes = failure.notes.iter();
        notes.fold(report, |report, note| report.note(note.clone()))
    });
    Failure::script(report.hint("the next run with --prune tries again"))
}

/// The first of the things, in words.
fn names(things: &[Thing]) -> String {
    let named = things.iter().take(NAMED).map(|thing| {
        let place = thing.place.as_ref();
        let place = place.map_or_else(String::new, |place| format!(" in {place}"));
        format!("{} {}{place}", thing.object.kind, thing.object.line())
    });
    let mut named: Vec<String> = named.collect();
    if let Some(more @ 1..) = things.len().checked_sub(NAMED) {
        named.push(format!("{more} more"));
    }
    named.join(", ")
}

/// The command that takes it down: the same run with `--prune`.
fn command(options: &Options, script: &str, typed: &[String]) -> String {
    let lab = options.lab.iter().flat_map(|lab| ["--lab", lab]);
    let words = ["ipvsh", "--prune"].into_iter().chain(lab);
    let words = words.chain([script]);
    let words = words.chain(typed.iter().map(String::as_str));
    let words: Vec<String> = words.map(|word| shell::word(word).to_string()).collect();
    words.join(" ")
}
