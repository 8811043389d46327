//! Writes a script that makes what stands in namespaces.

use super::line::{Export, Options};
use super::{output, with_files};
use crate::dsl::Session;
use crate::dsl::session::Settings;
use crate::engine::Failure;
use crate::export::export;
use crate::view::error::Report;

/// Exports what the command line names, and returns the exit code.
pub(super) fn run(what: &Export, options: &Options) -> Result<u8, Failure> {
    with_files()?;
    let session = Session::new(Settings::default());
    let exported = export(&session, &what.namespaces, what.keys)
        .map_err(|error| Failure::script(Report::of(&error)))?;
    let file = what.output.as_deref();
    let code = if what.keys {
        output::write_secret_to(file, &exported.script)?
    } else {
        output::write_to(file, &exported.script)?
    };
    if !options.quiet && !exported.left.is_empty() {
        let count = exported.left.len();
        let things = if count == 1 { "thing" } else { "things" };
        output::note(&format!(
            "not exported: {count} {things}, told in the script's comments"
        ));
    }
    let is_short = what.strict && !exported.left.is_empty();
    Ok(if is_short { 1 } else { code })
}
