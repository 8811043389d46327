//! Runs in a throw-away place, and gets what that needs.

use super::run::Source;
use crate::cli::{Options, Place};
use crate::engine::{Failure, Interpreter, Reason, files};
use crate::view::error::Report;

/// What has to be there in the place where a script runs.
#[derive(Debug, Default)]
pub(crate) struct Luggage {
    /// The script and the modules that it imports, with their texts.
    pub(crate) files: Vec<(String, String)>,
    /// The name of the script among them; none for an interactive session.
    pub(crate) script: Option<String>,
    /// What stands behind it on the command line.
    pub(crate) arguments: Vec<String>,
}

/// Runs `source` in the place that `options` ask for.
pub(super) fn run(source: &Source, options: &Options) -> Result<u8, Failure> {
    let luggage = pack(source)?;
    let place = match options.sandbox {
        Some(Place::Ns) => "ns",
        Some(Place::Vm) => "vm",
        Some(Place::Auto) | None => "auto",
    };
    Err(Failure {
        report: Report::new(format!(
            "cannot run in a sandbox ({place}): this build has none"
        ))
        .note(format!("{} files would go there", luggage.files.len())),
        reason: Reason::NotPossible,
    })
}

/// Gets QEMU and a kernel.
pub(super) fn install() -> Result<u8, Failure> {
    Err(Failure {
        report: Report::new("cannot install the micro-VM: this build has none"),
        reason: Reason::NotPossible,
    })
}

/// Collects what a run of `source` needs.
fn pack(source: &Source) -> Result<Luggage, Failure> {
    let Source::Script {
        script, arguments, ..
    } = source
    else {
        return Ok(Luggage::default());
    };
    let interpreter = Interpreter::new(crate::dsl::Session::new(Default::default()));
    Ok(Luggage {
        files: files::needed(&interpreter, script)?,
        script: Some(script.name.clone()),
        arguments: arguments.clone(),
    })
}
