//! Takes labs down: what stands of them and is recognised, and nothing else.

use std::path::Path;

use serde_json::json;

use super::line::Options;
use super::{documents, output, with_files};
use crate::dsl::Session;
use crate::dsl::session::Settings;
use crate::engine::{Failure, memory_used_up};
use crate::error::{Error, Kind, Result, nearest};
use crate::lab::confirm::{of_process, take_back};
use crate::lab::journal::{self, Journal};
use crate::lab::name;
use crate::lab::rollback::{Undone, check_others, take_down_lab};
use crate::value::shell;
use crate::view::error::Report;

/// Takes down the lab that `named` names, a lab or its script; `all` of them where it is none.
pub(super) fn down(
    named: Option<&str>,
    all: bool,
    force: bool,
    options: &Options,
) -> Result<u8, Failure> {
    with_files()?;
    let failure = |error: Error| Failure::script(Report::of(&error));
    let labs = match named {
        Some(named) => find(named).map_err(failure)?.map(|lab| vec![lab]),
        None => Some(journal::names().map_err(failure)?),
    };
    if named.is_none() && !all {
        return ask_which(&labs.unwrap_or_default(), options);
    }
    let labs = match (labs, named) {
        (None, Some(named)) => return Ok(say_gone(named, options)),
        (labs, _) => labs.unwrap_or_default(),
    };
    let session = Session::new(Settings::default());
    let mut code = 0;
    let mut taken = Vec::new();
    let mut tried: Vec<(&String, Result<Undone>)> = Vec::new();
    for lab in &labs {
        tried.push((lab, take_down(&session, lab, all, force)));
    }
    for (lab, undone) in tried {
        // What others had in its namespaces is gone by now.
        let is_held = |undone: &Undone| undone.failures.iter().any(|one| one.kind == Kind::Busy);
        let undone = match undone {
            Ok(undone) if labs.len() > 1 && is_held(&undone) => {
                let again = take_down(&session, lab, all, force);
                again.map(|again| undone.and_again(again))
            }
            undone => undone,
        };
        match undone {
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
    if options.is_json() {
        output::say_json(&documents::value(&taken));
    } else if labs.is_empty() && !options.quiet {
        output::say(super::ls::none_stands());
    }
    if named.is_none() {
        super::ls::note_hidden(options);
    }
    Ok(code)
}

/// Lists the labs to one who names none.
fn ask_which(labs: &[String], options: &Options) -> Result<u8, Failure> {
    if labs.is_empty() {
        super::ls::note_hidden(options);
        if options.is_json() {
            return Ok(output::say_json(&json!([])));
        }
        return Ok(if options.quiet {
            0
        } else {
            output::say(super::ls::none_stands())
        });
    }
    let report =
        Report::new("`ipvsh down` takes down the lab that is named, or the lab of a script");
    let report = labs.iter().fold(report, |report, lab| {
        let told = Journal::peek(lab).ok().flatten();
        let maker = told.and_then(|(contents, _)| contents.maker()?.script.clone());
        report.note(match maker {
            Some(script) => format!("lab `{lab}`, made by {}", script.display()),
            None => format!("lab `{lab}`"),
        })
    });
    Err(Failure::usage(report.hint(format!(
        "`ipvsh down {}` takes one down, `ipvsh down --all` all of them",
        shell::word(&labs[0])
    ))))
}

/// Says that there is no such lab: what is gone needs no taking down.
fn say_gone(named: &str, options: &Options) -> u8 {
    if options.is_json() {
        return output::say_json(&json!([]));
    }
    if options.quiet {
        return 0;
    }
    let known = journal::names().unwrap_or_default();
    let code = output::say(&format!("no lab `{named}` stands"));
    if let Some(near) = nearest(named, known.iter().map(String::as_str)) {
        output::note(&format!("hint: did you mean `{near}`?"));
    } else if !known.is_empty() {
        output::note(&format!("labs: {}", known.join(", ")));
    }
    code
}

/// Ends a run that this process was, until there was no memory left for it: takes down what it made, unless it is to be kept.
///
/// Fails always, with what was the matter.
pub(super) fn cut_off(given: u64, is_kept: bool, options: &Options) -> Result<u8, Failure> {
    let mut failure = Failure::script(memory_used_up(Some(given).filter(|given| *given > 0)));
    if !is_kept {
        let undone = take_down_own().unwrap_or_else(|error| {
            Some(Undone {
                failures: vec![error],
                ..Undone::default()
            })
        });
        let undone = undone.unwrap_or_default();
        if undone.counted().is_some() && !options.quiet && !options.is_json() {
            output::note(&undone.to_string());
        }
        let left = undone.failures.iter().map(ToString::to_string);
        failure.report.notes.extend(left);
    }
    Err(failure)
}

/// Takes down what the run made that this process was; `None` where it made nothing.
fn take_down_own() -> Result<Option<Undone>> {
    let own = std::process::id();
    match of_process(own)? {
        None => Ok(None),
        Some((lab, _)) => Session::new(Settings::default()).wait(take_back(&lab, own))?,
    }
}

fn take_down(session: &Session, lab: &str, all: bool, force: bool) -> Result<Undone> {
    match Journal::open(lab, None, false)? {
        None => Ok(Undone::default()),
        Some((mut journal, contents)) => {
            let damage = contents.damage();
            // Where all go, those links go as well.
            if !force && !all {
                check_others(lab, &contents)?;
            }
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
fn report(lab: &str, undone: &Undone, options: &Options) -> documents::Down {
    for error in &undone.failures {
        output::fail(&Failure::script(Report::of(error)), options);
    }
    if !options.is_json() && !options.quiet {
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
    documents::Down {
        lab: lab.to_owned(),
        namespaces: undone.namespaces,
        links: undone.links,
        processes: undone.processes,
        changes: undone.changes,
        left: undone.left.clone(),
        failures,
    }
}

/// The lab of that name, or the one that the script of that path made; none where there is no such lab.
pub(super) fn find(named: &str) -> Result<Option<String>> {
    let known = journal::names()?;
    if known.iter().any(|lab| lab == named) {
        return Ok(Some(named.to_owned()));
    }
    let path = Path::new(named);
    let maker = |lab: &str| {
        let told = Journal::peek(lab).ok().flatten();
        told.and_then(|(contents, _)| contents.maker().cloned())
    };
    // A script may name its lab itself: the journal says which one it made.
    let made = known
        .iter()
        .find(|lab| maker(lab).is_some_and(|run| run.is_of(path)));
    if let Some(lab) = made {
        return Ok(Some(lab.clone()));
    }
    let is_script = named.contains('/') || path.extension().is_some_and(|end| end == "rhai");
    let of_name = name::of_script(path).filter(|lab| is_script && known.contains(lab));
    if let Some(lab) = of_name {
        return match maker(&lab).and_then(|run| run.script) {
            None => Ok(Some(lab)),
            Some(script) => Err(Error::new(
                Kind::Conflict,
                format!("lab `{lab}` was made by {}", script.display()),
            )
            .doing("take down the lab of", named)
            .hint(format!(
                "`ipvsh down {}` takes that one down",
                shell::word(&lab)
            ))),
        };
    }
    if journal::has_hidden() {
        return Err(Error::new(Kind::NotFound, "you have no lab of that name")
            .doing("take down lab", named)
            .hint(super::ls::HIDDEN));
    }
    Ok(None)
}
