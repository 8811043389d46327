//! Processes of ipvsh itself that answer a question, so that one which lasts keeps nothing else waiting.

use std::process::{Command, Stdio};

use crate::net::netns::Netns;
use crate::value::escape::literal;

/// A process of ipvsh with the arguments, which reads nothing, and whose output is read.
pub(super) fn asked(arguments: &[&str]) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What such a process prints of a line that it runs.
pub(super) fn saying(line: &str) -> Command {
    asked(&["--color", "never", "-e", line])
}

/// Whether the namespace is the one that ipvsh was started in, which has no name.
pub(super) fn is_home(place: &Netns, home: &Netns) -> bool {
    place.namespace().id() == home.namespace().id()
}

/// A namespace in such a line: by its name, or as the one that ipvsh was started in.
pub(super) fn expression(name: &str, is_home: bool) -> String {
    if is_home {
        "host()".to_owned()
    } else {
        format!("existing({})", literal(name))
    }
}
