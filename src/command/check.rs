//! Looks for mistakes in scripts without running them.

use std::path::Path;

use super::line::Options;
use super::{documents, output};
use crate::dsl::Session;
use crate::dsl::session::Settings;
use crate::engine::script::Script;
use crate::engine::{Failure, Interpreter, check, stack};
use crate::view::error::Report;

/// Checks scripts and the modules that they import; what begins with a dash, and what follows, are parameters of a script.
pub(super) fn check(words: &[String], options: &Options) -> Result<u8, Failure> {
    let files = words.iter().take_while(|word| !word.starts_with("--"));
    let (files, parameters) = words.split_at(files.count());
    let mistakes = match files {
        [] => {
            let report = Report::new("the script to check is missing");
            return Err(Failure::usage(
                report.hint("write `ipvsh check SCRIPT --PARAMETER VALUE`"),
            ));
        }
        [_, _, ..] if !parameters.is_empty() => {
            let report = Report::new("parameters are of one script, and there are several here");
            return Err(Failure::usage(report.hint("check the scripts one by one")));
        }
        files => stack::with_room(|| look(files, parameters)).unwrap_or_else(|error| {
            Err(Failure::script(Report::new(format!(
                "cannot start the interpreter: {error}"
            ))))
        })?,
    };
    // A file that can't be read is a wrong command line.
    let code = mistakes.iter().map(Failure::exit_code).max().unwrap_or(0);
    if options.is_json() {
        let found: Vec<_> = mistakes.iter().map(output::told).collect();
        output::say_json(&documents::value(&found));
        return Ok(code);
    }
    for mistake in &mistakes {
        output::fail(mistake, options);
    }
    if mistakes.is_empty() && !options.quiet {
        return Ok(output::say(&format!(
            "{}: no mistakes found",
            files.join(", ")
        )));
    }
    Ok(code)
}

fn look(files: &[String], parameters: &[String]) -> Result<Vec<Failure>, Failure> {
    let mut mistakes: Vec<Failure> = Vec::new();
    for file in files {
        let script = match Script::read(Path::new(file)) {
            Ok(script) => script,
            Err(report) if files.len() == 1 => return Err(Failure::usage(report)),
            Err(report) => {
                mistakes.push(Failure::usage(report));
                continue;
            }
        };
        // Each has words of its own: the functions of one are not those of the next.
        let interpreter = Interpreter::new(Session::new(Settings::default()));
        for mistake in check::script(&interpreter, &script, parameters) {
            // Scripts that share a module share its mistakes.
            if !mistakes.contains(&mistake) {
                mistakes.push(mistake);
            }
        }
    }
    Ok(mistakes)
}
