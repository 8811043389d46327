//! Takes labs down: what stands of them and is recognised, and nothing else.

use std::path::Path;

use serde_json::json;

use super::line::Options;
use super::output;
use crate::dsl::Session;
use crate::dsl::session::Settings;
use crate::engine::Failure;
use crate::error::{Error, Kind, Result, nearest};
use crate::lab::journal::{self, Journal};
use crate::lab::name;
use crate::lab::rollback::{Undone, take_down_lab};
use crate::view::error::Report;

/// Takes down the lab that `named` names, a lab or its script; all of them where it is none.
pub(super) fn down(named: Option<&str>, force: bool, options: &Options) -> Result<u8, Failure> {
    crate::net::namespace::allow_many();
    let labs = match named {
        Some(named) => find(named).map(|lab| vec![lab]),
        None => journal::names(),
    };
    let labs = labs.map_err(|error| Failure::script(Report::of(&error)))?;
    let session = Session::new(Settings::default());
    let mut code = 0;
    let mut taken = Vec::new();
    for lab in &labs {
        match take_down(&session, lab, force) {
            Ok(undone) => {
                if !undone.failures.is_empty() {
                    code = 1;
                }
                taken.push(report(lab, &undone, options));
            }
            Err(error) => {
                output::fail(&Failure::script(Report::of(&error)), options);
                code = 1;
            }
        }
    }
    if options.json {
        output::say(&serde_json::Value::Array(taken).to_string());
    } else if labs.is_empty() && !options.quiet {
        output::say(super::ls::none_stands());
    }
    if named.is_none() {
        super::ls::note_hidden(options);
    }
    Ok(code)
}

fn take_down(session: &Session, lab: &str, force: bool) -> Result<Undone> {
    match Journal::open(lab, None, false)? {
        None => Ok(Undone::default()),
        Some((mut journal, contents)) => {
            let damage = contents.damage();
            let work = take_down_lab(&mut journal, contents, force);
            let mut undone = session.wait(work)?;
            if let Some(lines) = damage {
                undone.failures.push(passed_over(journal, &lines));
            } else {
                journal.close();
            }
            Ok(undone)
        }
    }
}

/// What there is to say of lines that can't be read. Where nothing else is left, the journal is put aside.
fn passed_over(journal: Journal, lines: &str) -> Error {
    let lab = journal.lab().to_owned();
    let error = Error::invalid(format!("its journal is damaged at {lines}"))
        .doing("undo all of lab", &lab)
        .hint("see with `ip` whether something of it still stands");
    if journal.has_steps() {
        journal.close();
        return error;
    }
    match journal.put_aside() {
        Ok(path) => error.note(format!("what it told was put aside: {}", path.display())),
        Err(cause) => error.note(format!("it could not be put aside: {cause}")),
    }
}

/// Says what was taken down, what was left, and what could not be undone.
fn report(lab: &str, undone: &Undone, options: &Options) -> serde_json::Value {
    for error in &undone.failures {
        output::fail(&Failure::script(Report::of(error)), options);
    }
    if !options.json && !options.quiet {
        let line = match undone.counted() {
            Some(counted) => format!("took down lab `{lab}`: {counted}"),
            None if undone.failures.is_empty() => {
                format!("nothing of lab `{lab}` was left to take down")
            }
            None => format!("lab `{lab}` stands"),
        };
        output::say(&line);
        for left in &undone.left {
            output::note(left);
        }
    }
    let failures: Vec<String> = undone.failures.iter().map(ToString::to_string).collect();
    json!({
        "lab": lab,
        "namespaces": undone.namespaces,
        "links": undone.links,
        "processes": undone.processes,
        "changes": undone.changes,
        "left": undone.left,
        "failures": failures,
    })
}

/// The lab of that name, or the one that the script of that path made.
fn find(named: &str) -> Result<String> {
    let known = journal::names()?;
    if known.iter().any(|lab| lab == named) {
        return Ok(named.to_owned());
    }
    let path = Path::new(named);
    // A script may name its lab itself: the journal says which one it made.
    if let Ok(script) = std::fs::canonicalize(path) {
        for lab in &known {
            let made_by = Journal::peek(lab).ok().flatten();
            let mut runs = made_by.iter().flat_map(|(contents, _)| &contents.runs);
            if runs.any(|run| run.script.as_ref() == Some(&script)) {
                return Ok(lab.clone());
            }
        }
    }
    let is_script = named.contains('/') || path.extension().is_some_and(|end| end == "rhai");
    match name::of_script(path) {
        Some(lab) if is_script && (path.is_file() || known.contains(&lab)) => Ok(lab),
        _ => Err(unknown(named, &known)),
    }
}

fn unknown(named: &str, known: &[String]) -> Error {
    let error =
        Error::new(Kind::NotFound, "there is no lab of that name").doing("take down lab", named);
    if journal::has_hidden() {
        return error.hint(super::ls::HIDDEN);
    }
    if known.is_empty() {
        return error.note("no lab stands");
    }
    let error = error.note(format!("labs: {}", known.join(", ")));
    match nearest(named, known.iter().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("`ipvsh ls` lists them"),
    }
}
