//! The parameters of `--params FILE`: they stand behind the script as if they were typed there.

use std::ffi::OsString;

use super::line::{Cli, Command};
use super::source;
use crate::engine::{Failure, params};
use crate::view::error::Report;

/// Puts the parameters of the file that the command line names behind its script.
pub(super) fn take(cli: &mut Cli) -> Result<(), Failure> {
    let Some(file) = &cli.options.params else {
        return Ok(());
    };
    let is_line = cli.expression.is_some();
    let words = match &mut cli.command {
        Some(Command::Plan { script, .. } | Command::Enable { script, .. }) => script,
        Some(Command::Demo(what)) => &mut what.story,
        _ => &mut cli.behind,
    };
    // They follow the name of the script; of a line they are all there is.
    let start = usize::from(!is_line);
    let Some(typed) = words.get(start..) else {
        let report = Report::new("`--params` is for a script, and none is named");
        return Err(Failure::usage(report));
    };
    let typed = source::texts(typed.iter())?;
    let given = params::words_of_file(file, &typed).map_err(Failure::usage)?;
    words.splice(start..start, given.into_iter().map(OsString::from));
    Ok(())
}
