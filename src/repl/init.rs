//! What a user wants to have at hand in each session: the script `init.rhai` of the folder of settings.

use std::env;
use std::path::PathBuf;

use super::Talk;
use crate::engine::script::Script;
use crate::engine::{Failure, Reason};

/// The script, where there is one.
fn file() -> Option<PathBuf> {
    let settings = env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute())
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".config")))?;
    Some(settings.join("ipvsh/init.rhai")).filter(|file| file.exists())
}

/// Runs the script, if there is one. Where it fails, that is told, and the session begins without it.
pub(super) fn run(talk: &mut Talk) -> Result<(), Failure> {
    let Some(file) = file() else { return Ok(()) };
    let typed = format!(":load {}", file.display());
    let result = Script::read(&file)
        .map_err(Failure::script)
        .and_then(|script| talk.run_script(&script, &typed));
    talk.signals.reset();
    match result {
        Err(failure) if failure.reason == Reason::OutputClosed => Err(failure),
        Err(failure) => {
            talk.note(&failure.report.draw(talk.manner.color));
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}
