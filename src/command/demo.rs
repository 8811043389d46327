//! Tells a story: one of the scripts that are part of the program, run in a throw-away place.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;

use super::documents;
use super::line::{Cli, Command, Demo};
use super::{output, sandbox};
use super::{run, source};
use crate::engine::script::Script;
use crate::engine::{Failure, stack, stories};
use crate::error::{Error, nearest};
use crate::sandbox::vm;
use crate::view::error::Report;

/// The story that is told where none is named.
const FIRST: &str = "l3";

/// Does what `ipvsh demo` asks for.
pub(super) fn demo(cli: &Cli, what: &Demo) -> Result<u8, Failure> {
    if what.list {
        return Ok(list(cli.options.is_json()));
    }
    if let Some(folder) = &what.copies {
        return write(folder, &source::texts(what.story.iter())?);
    }
    // In the micro-VM that a story is told in, this is the place.
    if vm::is_guest() {
        return stack::with_room(|| run::run(cli)).map_err(|error| super::cannot_start(&error))?;
    }
    sandbox::run(cli)
}

/// What `ipvsh demo` runs, and its parameters, where that is what the command line asks for.
pub(super) fn told(cli: &Cli) -> Option<Result<(Script, &[OsString]), Failure>> {
    let Some(Command::Demo(what)) = &cli.command else {
        return None;
    };
    let (name, parameters) = match what.story.split_first() {
        Some((name, parameters)) => (name.to_string_lossy().into_owned(), parameters),
        None => (FIRST.to_owned(), &[][..]),
    };
    Some(story(&name).map(|script| (script, parameters)))
}

/// The words that tell the same story in a micro-VM.
pub(super) fn words(cli: &Cli) -> Option<Vec<OsString>> {
    let Some(Command::Demo(what)) = &cli.command else {
        return None;
    };
    let name = OsString::from(FIRST);
    let story = if what.story.is_empty() {
        std::slice::from_ref(&name)
    } else {
        &what.story
    };
    let words = std::iter::once("demo".into()).chain(story.iter().cloned());
    Some(words.collect())
}

/// The story of that name.
fn story(name: &str) -> Result<Script, Failure> {
    let asked = name.strip_suffix(".rhai").unwrap_or(name);
    if let Some(story) = stories::named(asked) {
        return Ok(story);
    }
    let report = Report::new(format!("there is no story `{asked}`"));
    let names = stories::ALL.iter().map(|(known, _)| *known);
    Err(Failure::usage(match nearest(asked, names) {
        Some(near) => report.hint(format!("did you mean `ipvsh demo {near}`?")),
        None => report.hint("`ipvsh demo --list` lists them"),
    }))
}

fn list(json: bool) -> u8 {
    if json {
        let rows = stories::ALL.iter();
        let rows = rows.map(|(name, text)| documents::Titled {
            name: (*name).to_owned(),
            title: stories::title(text).to_string(),
        });
        return output::say_json(&documents::value(&rows.collect::<Vec<_>>()));
    }
    let width = stories::ALL.iter().map(|(name, _)| name.len()).max();
    let width = width.unwrap_or_default();
    let lines = stories::ALL.iter();
    let lines = lines.map(|(name, text)| format!("{name:width$}  {}", stories::title(text)));
    output::say(&lines.collect::<Vec<_>>().join("\n"))
}

/// Writes the stories that are named, or all, as scripts into the folder. None that is there is replaced.
fn write(folder: &Path, names: &[String]) -> Result<u8, Failure> {
    let all = stories::ALL.iter().map(|(name, _)| *name);
    let wanted = if names.is_empty() {
        all.map(story).collect::<Result<Vec<_>, _>>()?
    } else {
        let some = names.iter().map(String::as_str);
        some.map(story).collect::<Result<_, _>>()?
    };
    let failed = |path: &Path, error: &io::Error| {
        let cause = Error::io(error).cause;
        Failure::usage(Report::new(format!(
            "cannot write {}: {cause}",
            path.display()
        )))
    };
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    let mut taken = wanted.iter().map(|script| folder.join(&script.name));
    if let Some(taken) = taken.find(|file| file.exists()) {
        let report = Report::new(format!("{} is there already", taken.display()));
        return Err(Failure::usage(report.hint("name another folder")));
    }
    for script in wanted {
        let file = folder.join(&script.name);
        fs::write(&file, script.text.as_bytes()).map_err(|error| failed(&file, &error))?;
        output::say(&file.display().to_string());
    }
    Ok(0)
}
