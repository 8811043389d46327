//! Runs the program in a folder of its own.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A folder to run the program in.
pub(crate) struct Place(TempDir);

/// What a run printed, and how it ended.
pub(crate) struct Run {
    pub(crate) output: String,
    pub(crate) errors: String,
    pub(crate) code: Option<i32>,
}

/// The program under test.
pub(crate) fn program() -> &'static str {
    env!("CARGO_BIN_EXE_ipvsh")
}

impl Place {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// A folder with the script `lab.rhai`.
    pub(crate) fn with(script: &str) -> Self {
        let place = Self::new();
        place.write("lab.rhai", script);
        place
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path().join(name), content).unwrap();
    }

    /// The program, about to run in this folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args(arguments)
            .current_dir(self.path())
            .env("XDG_STATE_HOME", self.path())
            .env_remove("NO_COLOR");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.command(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap()
            .into()
    }

    /// The same with a text on standard input.
    pub(crate) fn feed(&self, arguments: &[&str], input: &str) -> Run {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The program may end before it has read everything.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap().into()
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            output: String::from_utf8(output.stdout).unwrap(),
            errors: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code(),
        }
    }
}

/// The value that a line prints.
pub(crate) fn value(line: &str) -> String {
    let run = Place::new().run(&["-e", line]);
    assert_eq!(run.code, Some(0), "{line}: {}", run.errors);
    run.output.trim_end().to_owned()
}

/// The error that a line fails with.
pub(crate) fn failure(line: &str) -> String {
    let run = Place::new().run(&["-e", line]);
    assert_eq!(run.code, Some(1), "{line}: {}", run.errors);
    assert_eq!(run.output, "", "{line}");
    run.errors
}

/// The error that a script fails with.
pub(crate) fn script_failure(script: &str) -> String {
    let run = Place::with(script).run(&["lab.rhai"]);
    assert_eq!(run.code, Some(1), "{}", run.errors);
    run.errors
}
