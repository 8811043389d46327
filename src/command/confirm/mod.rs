//! Keeps a change that goes back unless somebody confirms it.

mod keeper;

use super::documents;
use super::down::find;
use super::line::Options;
use super::output;
use super::source::Source;
use crate::dsl::Session;
use crate::engine::Failure;
use crate::error::{Error, Kind, nearest};
use crate::lab::confirm::{Pending, confirm, waiting};
use crate::lab::journal;
use crate::value::shell;
use crate::view::error::Report;

pub(super) use keeper::{Keeper, keep};

/// Confirms the change of the lab that `named` names, a lab or its script; lists those that wait where none is named.
pub(super) fn run(named: Option<&str>, options: &Options) -> Result<u8, Failure> {
    let failure = |error: Error| Failure::script(Report::of(&error));
    let waiting = waiting().map_err(failure)?;
    let Some(named) = named else {
        return list(&waiting, options);
    };
    let lab = find(named).map_err(failure)?;
    let is_confirmed = match &lab {
        Some(lab) => {
            confirm(lab).map_err(|error| failure(error.doing("confirm the change of lab", lab)))?
        }
        None => false,
    };
    let Some(lab) = lab.filter(|_| is_confirmed) else {
        return Err(failure(does_not_wait(named, &waiting)));
    };
    if options.is_json() {
        return Ok(output::say_json(&documents::value(&documents::Confirmed {
            lab,
            confirmed: true,
        })));
    }
    if options.quiet {
        return Ok(0);
    }
    Ok(output::say(&format!("lab `{lab}` stays as it is")))
}

fn does_not_wait(named: &str, waiting: &[(String, Pending)]) -> Error {
    let error = Error::new(Kind::NotFound, "no change of it waits for that")
        .doing("confirm the change of lab", named);
    match nearest(named, waiting.iter().map(|(lab, _)| lab.as_str())) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(
            "what is not confirmed in time has gone back; `ipvsh ls` tells what stands, and what waits",
        ),
    }
}

/// Lists the labs that wait.
fn list(waiting: &[(String, Pending)], options: &Options) -> Result<u8, Failure> {
    if options.is_json() {
        let labs = waiting.iter();
        let labs = labs.map(|(lab, pending)| documents::Waiting {
            lab: lab.clone(),
            until: pending.until,
        });
        let labs: Vec<documents::Waiting> = labs.collect();
        return Ok(output::say_json(&documents::value(&labs)));
    }
    let Some((first, _)) = waiting.first() else {
        return Ok(if options.quiet {
            0
        } else {
            output::say("no lab waits to be confirmed")
        });
    };
    let report = Report::new("`ipvsh confirm` keeps the change of the lab that is named");
    let report = waiting.iter().fold(report, |report, (lab, pending)| {
        report.note(format!("lab `{lab}` {}", pending.describe()))
    });
    Err(Failure::usage(report.hint(format!(
        "`ipvsh confirm {}` keeps it",
        shell::word(first)
    ))))
}

/// Refuses a session, which has its own way back.
pub(super) fn check(options: &Options, source: &Source) -> Result<(), Failure> {
    if options.confirm.is_none() || !matches!(source, Source::Session) {
        return Ok(());
    }
    let report = Report::new("`--confirm` is for a script or a line");
    Err(Failure::usage(
        report.hint("a session takes back what it did with `:undo`"),
    ))
}

/// Has what the run changed wait to be confirmed, and says so. Returns until when, in seconds since 1970; `None` where it changed
/// nothing.
pub(super) fn await_confirmation(
    session: &Session,
    options: &Options,
    keeper: &Keeper,
) -> Result<Option<u64>, Failure> {
    let (until, time) = keeper.until();
    let waits = session.lab().await_confirmation(until);
    if !waits.map_err(|error| Failure::script(Report::of(&error)))? {
        return Ok(None);
    }
    if !options.is_json()
        && let Some(lab) = session.lab().name()
    {
        output::note(&format!(
            "lab `{lab}`: the change goes back in {time}, at {}; `ipvsh confirm {}` keeps it",
            journal::time(until),
            shell::word(&lab)
        ));
    }
    Ok(Some(until))
}

/// Tells the keeper how the run ended: that its change waits, or that there is nothing to do. Where it can't be said, the keeper takes
/// back what the run did, and so is the failure.
pub(super) fn tell(
    keeper: Keeper,
    waits: Result<Option<u64>, Failure>,
) -> (Option<u64>, Option<Failure>) {
    let until = match waits {
        Ok(until) => until,
        Err(failure) => return (None, Some(failure)),
    };
    if until.is_none() {
        keeper.leave();
        return (None, None);
    }
    let told = keeper.wait().map_err(|error| {
        let report = Report::new(format!(
            "the process that would take the change back is gone: {error}"
        ));
        Failure::script(report.hint("`ipvsh confirm` keeps the change, `ipvsh down` takes it back"))
    });
    (until, told.err())
}
