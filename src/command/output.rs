//! Where the program itself speaks: results to standard output, failures to standard error.

use std::io::{ErrorKind, stderr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::documents;
use super::line::Options;
use crate::engine::{Failure, Reason};
use crate::error::Error;
use crate::net::file;
use crate::view::error::{Report, Told};
use crate::view::paint::When;
use crate::view::screen::{self, Stream};

/// Shows a failure on standard error.
pub(super) fn fail(failure: &Failure, options: &Options) {
    if failure.reason == Reason::OutputClosed {
        return;
    }
    // Where even this can't be written there is nobody to tell; the exit code says it.
    let _ = if options.is_json() {
        screen::say_json(Stream::Err, &documents::value(&told(failure)).to_string())
    } else {
        let color = When::from(options.color).on(&stderr());
        screen::say(Stream::Err, &failure.report.draw(color))
    };
}

/// A failure for programs: what a script could catch of it, with a kind also for those that none can.
pub(super) fn told(failure: &Failure) -> Told {
    let mut told = failure.report.told();
    let kind = || match failure.reason {
        Reason::Usage => "usage",
        Reason::Interrupted(_) => "interrupted",
        Reason::Script | Reason::NotPossible | Reason::OutputClosed => "script",
    };
    told.kind.get_or_insert_with(|| kind().to_owned());
    told
}

/// Writes `text` and a line end to standard output. A reader that has gone is no failure.
pub(super) fn say(text: &str) -> u8 {
    code_of(screen::say(Stream::Out, text))
}

/// The same for a document of JSON.
pub(super) fn say_json(document: &serde_json::Value) -> u8 {
    say_json_text(&document.to_string())
}

/// The same for one that is a text already.
pub(super) fn say_json_text(text: &str) -> u8 {
    code_of(screen::say_json(Stream::Out, text))
}

/// The exit code after something was printed.
fn code_of(printed: std::io::Result<()>) -> u8 {
    match printed {
        Ok(()) => 0,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => 141,
        Err(_) => 1,
    }
}

/// Writes `text` to the file, or to standard output where none is given.
pub(super) fn write_to(file: Option<&Path>, text: &str) -> Result<u8, Failure> {
    write_by(file, text, |path| file::write(path, 0o666, text.as_bytes()))
}

/// The same for what nobody but the owner of the file is to read.
pub(super) fn write_secret_to(file: Option<&Path>, text: &str) -> Result<u8, Failure> {
    write_by(file, text, |path| {
        // One that is there may be open to all.
        let closed = std::fs::Permissions::from_mode(0o600);
        match std::fs::set_permissions(path, closed) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        file::write(path, 0o600, text.as_bytes())
    })
}

fn write_by(
    file: Option<&Path>,
    text: &str,
    write_file: impl FnOnce(&Path) -> std::io::Result<()>,
) -> Result<u8, Failure> {
    let Some(file) = file else {
        return Ok(code_of(screen::say_text(Stream::Out, text)));
    };
    write_file(file).map_err(|error| {
        let why = Error::io(&error);
        let file = file.display();
        Failure::script(Report::new(format!("cannot write `{file}`: {why}")))
    })?;
    Ok(0)
}

/// Says on standard error what the program did beside the script's own output.
pub(super) fn note(text: &str) {
    // A run goes on, or ends, the same where nobody reads it.
    let _ = screen::say(Stream::Err, text);
}
