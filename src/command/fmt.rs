//! Writes scripts in one style.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::documents;
use super::line::{Fmt, Options};
use super::output;
use crate::dsl::Session;
use crate::dsl::session::Settings;
use crate::engine::script::Script;
use crate::engine::{Failure, Interpreter, format, stack};
use crate::error::Error;
use crate::view::error::Report;
use crate::view::screen::{self, Stream};

/// What came of a script.
struct Done {
    name: String,
    is_changed: bool,
}

/// Does what `ipvsh fmt` asks for.
pub(super) fn run(what: &Fmt, options: &Options) -> Result<u8, Failure> {
    stack::with_room(|| all(what, options)).map_err(|error| super::cannot_start(&error))?
}

fn all(what: &Fmt, options: &Options) -> Result<u8, Failure> {
    if what.paths == [PathBuf::from("-")] {
        let script = Script::read_input("<stdin>").map_err(Failure::usage)?;
        let text = formatted(&script)?;
        if what.check {
            return Ok(u8::from(text != *script.text));
        }
        // A reader that has gone is no failure.
        let _ = screen::say_text(Stream::Out, &text);
        return Ok(0);
    }
    let mut code = 0;
    let mut done = Vec::new();
    for file in files(&what.paths)? {
        match one(&file, what.check) {
            Ok(one) => done.push(one),
            Err(failure) => {
                output::fail(&failure, options);
                code = code.max(failure.exit_code());
            }
        }
    }
    let changed = done.iter().filter(|one| one.is_changed);
    if what.check && changed.clone().next().is_some() {
        code = code.max(1);
    }
    if options.is_json() {
        let rows = done.iter().map(|one| documents::Formatted {
            file: one.name.clone(),
            changed: one.is_changed,
        });
        let rows: Vec<documents::Formatted> = rows.collect();
        return Ok(code.max(output::say_json(&documents::value(&rows))));
    }
    if !options.quiet {
        for one in changed {
            let what = if what.check {
                "not in style"
            } else {
                "formatted"
            };
            code = code.max(output::say(&format!("{}: {what}", one.name)));
        }
    }
    Ok(code)
}

/// The scripts that the paths name: files, and all `*.rhai` in folders.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            found.push(path.clone());
            continue;
        }
        let before = found.len();
        let mut folders = vec![path.clone()];
        while let Some(folder) = folders.pop() {
            let entries =
                fs::read_dir(&folder).map_err(|error| unusable("read", &folder, &error))?;
            for entry in entries.flatten() {
                let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
                let path = entry.path();
                // A link to a folder may lead back here.
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if is_hidden {
                    continue;
                }
                if is_folder {
                    folders.push(path);
                } else if path.extension().is_some_and(|ending| ending == "rhai") {
                    found.push(path);
                }
            }
        }
        if found.len() == before {
            let report = Report::new(format!("there are no scripts in `{}`", path.display()));
            return Err(Failure::usage(report.hint("their names end in .rhai")));
        }
        found[before..].sort();
    }
    Ok(found)
}

fn one(file: &Path, check: bool) -> Result<Done, Failure> {
    let script = Script::read(file).map_err(Failure::usage)?;
    let text = formatted(&script)?;
    let is_changed = text != *script.text;
    if is_changed && !check {
        replace(file, &text).map_err(|error| unusable("write", file, &error))?;
    }
    Ok(Done {
        name: script.name,
        is_changed,
    })
}

/// The script in one style. One with a mistake in it stays as it is.
fn formatted(script: &Script) -> Result<String, Failure> {
    let interpreter = Interpreter::new(Session::new(Settings::default()));
    interpreter.compile(script, &Interpreter::scope_of_names())?;
    format::script(&script.text).ok_or_else(|| {
        let report = Report::new(format!("cannot format `{}`: it would change", script.name));
        Failure::script(report.hint("this is a mistake of ipvsh; the file is as it was"))
    })
}

/// Puts `text` in the place of the file at once, so that none is ever half written.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let file = fs::canonicalize(file)?;
    let folder = file.parent().unwrap_or(Path::new("/"));
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(text.as_bytes())?;
    new.as_file()
        .set_permissions(fs::metadata(&file)?.permissions())?;
    new.persist(&file)?;
    Ok(())
}

fn unusable(doing: &str, path: &Path, error: &io::Error) -> Failure {
    let why = Error::io(error);
    Failure::usage(Report::new(format!(
        "cannot {doing} `{}`: {why}",
        path.display()
    )))
}
