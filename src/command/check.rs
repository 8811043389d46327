//! Looks for mistakes in a script without running it.

use std::path::Path;

use super::line::Options;
use super::output;
use crate::dsl::Session;
use crate::dsl::session::Settings;
use crate::engine::script::Script;
use crate::engine::{Failure, Interpreter, Reason, check as calls, files, stack};
use crate::view::error::Report;

/// Checks the script in `file` and the modules that it imports.
pub(super) fn check(file: &Path, options: &Options) -> Result<u8, Failure> {
    let checked = stack::with_room(|| look(file)).unwrap_or_else(|error| {
        Err(Failure::script(Report::new(format!(
            "cannot start the interpreter: {error}"
        ))))
    });
    let mistakes = match checked {
        // What keeps the others from being looked for is a mistake like them.
        Err(failure) if failure.reason == Reason::Script && options.json => vec![failure],
        checked => checked?,
    };
    if options.json {
        let found: serde_json::Value = mistakes.iter().map(output::to_json).collect();
        output::say(&found.to_string());
        return Ok(u8::from(!mistakes.is_empty()));
    }
    for mistake in &mistakes {
        output::fail(mistake, options);
    }
    if mistakes.is_empty() {
        if options.quiet {
            return Ok(0);
        }
        return Ok(output::say(&format!(
            "{}: no mistakes found",
            file.display()
        )));
    }
    Ok(1)
}

fn look(file: &Path) -> Result<Vec<Failure>, Failure> {
    let script = Script::read(file).map_err(Failure::usage)?;
    let interpreter = Interpreter::new(Session::new(Settings::default()));
    let ast = interpreter.compile(&script, &Interpreter::scope_of_names())?;
    interpreter.parameters(&ast)?;
    files::needed(&interpreter, &script)?;
    Ok(calls::calls(&interpreter, &ast))
}
