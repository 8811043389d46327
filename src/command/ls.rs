//! Lists the labs: what stands of each, and what is missing or was changed by somebody else.

use super::documents::{self, Lab, Standing};
use super::line::Options;
use super::{output, with_files};
use crate::dsl::Session;
use crate::dsl::kinds::kind;
use crate::dsl::session::Settings;
use crate::engine::Failure;
use crate::error::Error;
use crate::lab::inventory::{Inventory, Item, State};
use crate::lab::journal;
use crate::value::count::in_words;
use crate::value::shell;
use crate::view::error::Report;

/// What is said to a user who may not look at the labs of root.
pub(super) const HIDDEN: &str =
    "you have no right to look at the labs of root: `sudo ipvsh ls` lists them";

/// What is said where this user has no lab.
pub(super) fn none_stands() -> &'static str {
    if journal::has_hidden() {
        "no lab of yours stands"
    } else {
        "no lab stands"
    }
}

/// Says that there may be labs which this user has no right to look at.
pub(super) fn note_hidden(options: &Options) {
    if journal::has_hidden() && !options.quiet {
        output::note(HIDDEN);
    }
}

/// Prints all labs.
pub(super) fn list(options: &Options) -> Result<u8, Failure> {
    let failure = |error: Error| Failure::script(Report::of(&error));
    with_files()?;
    let session = Session::new(Settings::default());
    let mut labs = Vec::new();
    let mut code = 0;
    for name in journal::names().map_err(failure)? {
        match session
            .wait(Inventory::take(&name, kind::table_of))
            .and_then(|taken| taken)
        {
            Ok(Some(lab)) => labs.push(lab),
            // A run has ended meanwhile, and with it the lab.
            Ok(None) => {}
            // One journal that can't be read is no reason to hide the others.
            Err(error) => {
                output::fail(&failure(error), options);
                code = 1;
            }
        }
    }
    note_hidden(options);
    if options.is_json() {
        let labs: Vec<Lab> = labs.iter().map(document).collect();
        return Ok(output::say_json(&documents::value(&labs)).max(code));
    }
    let text = match labs.as_slice() {
        [] if options.quiet || code > 0 => return Ok(code),
        [] => none_stands().to_owned(),
        labs => labs.iter().map(draw).collect::<Vec<_>>().join("\n"),
    };
    Ok(output::say(&text).max(code))
}

fn draw(lab: &Inventory) -> String {
    let mut lines = vec![format!("{}: {}", lab.lab, summary(lab))];
    if let Some(run) = &lab.run {
        let script = lab.script.as_ref().map_or_else(String::new, |script| {
            format!("made by {}, ", script.display())
        });
        let since = journal::time(run.since);
        lines.push(if lab.is_running {
            format!("  {script}at work since {since} as process {}", run.pid)
        } else {
            format!("  {script}last changed {since}")
        });
    }
    if let Some(pending) = lab.pending {
        lines.push(format!(
            "  {}: `ipvsh confirm {}` keeps its last change",
            pending.describe(),
            shell::word(&lab.lab)
        ));
    }
    if let Some(damaged) = &lab.damage {
        lines.push(format!(
            "  its journal is damaged at {damaged}: `ipvsh down {}` undoes what can be read of it",
            shell::word(&lab.lab)
        ));
    }
    lines.extend(lab.items.iter().filter_map(|item| match &item.state {
        State::Stands => None,
        State::Missing => Some(format!("  missing: {}", item.what)),
        State::Changed(how) => Some(format!("  changed: {} {how}", item.what)),
    }));
    let shared = lab
        .items
        .iter()
        .filter(|item| item.is_own && !item.also_of.is_empty() && item.state != State::Missing);
    lines.extend(shared.map(|item| {
        let labs = item.also_of.join(", ");
        format!("  shared: {} (of lab {labs}, too)", item.what)
    }));
    lines.join("\n")
}

/// What stands, counted: `2 namespaces, 1 link`.
fn summary(lab: &Inventory) -> String {
    let kinds = [
        ("namespace", "namespaces"),
        ("link", "links"),
        ("setting", "settings"),
        ("address", "addresses"),
        ("route", "routes"),
        ("process", "processes"),
        ("change", "changes"),
    ];
    let counts = kinds.map(|(kind, many)| {
        let standing =
            |item: &&Item| item.is_own && item.kind == kind && item.state != State::Missing;
        (lab.items.iter().filter(standing).count(), kind, many)
    });
    in_words(counts).unwrap_or_else(|| {
        let lab = shell::word(&lab.lab);
        format!("nothing of it stands; `ipvsh down {lab}` forgets it")
    })
}

fn document(lab: &Inventory) -> Lab {
    let items = lab.items.iter().map(|item| {
        let (state, how) = match &item.state {
            State::Stands => (Standing::Stands, None),
            State::Missing => (Standing::Missing, None),
            State::Changed(how) => (Standing::Changed, Some(how.clone())),
        };
        documents::Item {
            object: item.thing.as_ref().map(|thing| thing.object.clone()),
            namespace: item.thing.as_ref().and_then(|thing| thing.place.clone()),
            taken_away: item.thing.as_ref().is_some_and(|thing| thing.is_taken),
            state,
            how,
            also_of: item.also_of.clone(),
        }
    });
    let run = lab.run.as_ref();
    let script = lab.script.as_ref();
    Lab {
        lab: lab.lab.clone(),
        script: script.map(|script| script.display().to_string()),
        pid: run.filter(|_| lab.is_running).map(|run| run.pid),
        since: run.map(|run| run.since),
        confirm_until: lab.pending.map(|pending| pending.until),
        damaged: lab.damage.clone(),
        items: items.collect(),
    }
}
