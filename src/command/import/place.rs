//! Runs a script in a throw-away place and keeps what it prints.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::command::line::Import;
use crate::command::output;
use crate::engine::Failure;
use crate::error::Error;
use crate::import::StandIn;
use crate::import::other_interpreter;
use crate::net::process::clock::Clock;
use crate::net::process::observe::PRELUDE;
use crate::sandbox::Place;
use crate::value::duration;
use crate::value::escape::literal;
use crate::view::error::Report;

/// What is not there in a throw-away place, and needs not be: whoever runs the commands is root, and the drivers of a namespace are
/// this machine's. A micro-VM has its own.
const STAND_INS: &str = "sudo() { while [ \"${1#-}\" != \"$1\" ]; do shift; done; \"$@\"; }; \
     modprobe() { [ ! -e /ipvsh/modprobe ] || [ ! -e /sbin/modprobe ] || command modprobe \"$@\"; }";

/// Larger files beside the commands are not there when they run.
const LARGEST: u64 = 1 << 20;

/// How many files are there at most, those in the folder of the commands first, and how deep folders are looked into.
const MOST: usize = 500;
const DEEPEST: usize = 3;

/// Commands that are to be run in a place, as a file in its folder with those files that lie beside it.
pub(super) struct Commands<'a> {
    name: String,
    text: &'a str,
    arguments: &'a [String],
    files: Vec<String>,
}

impl<'a> Commands<'a> {
    /// Puts them into the folder. `prelude` is what shells do before, besides.
    pub(super) fn lay_out(
        folder: &Path,
        what: &'a Import,
        text: &'a str,
        prelude: &str,
    ) -> Result<Self, Error> {
        // Standard input has no name.
        let named = what.file.file_name().filter(|name| *name != "-");
        let name = named.unwrap_or("script.sh".as_ref());
        let name = name.to_string_lossy().into_owned();
        fs::write(folder.join(PRELUDE), format!("{STAND_INS}; {prelude}\n"))?;
        let mut files = vec![PRELUDE.to_owned(), name.clone()];
        for path in beside(&what.file) {
            let to = folder.join(&path.below);
            // One that may not be read is not there.
            if let Some(other) = path.below.to_str()
                && other != name
                && to
                    .parent()
                    .is_none_or(|parent| fs::create_dir_all(parent).is_ok())
                && fs::copy(&path.whole, &to).is_ok()
            {
                files.push(other.to_owned());
            }
        }
        let own = folder.join(&name);
        fs::write(&own, text)?;
        fs::set_permissions(&own, fs::Permissions::from_mode(0o755))?;
        Ok(Self {
            name,
            text,
            arguments: &what.arguments,
            files,
        })
    }

    /// The name of their file.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The words of ipvsh that run them, by the program that `by` has a shell start, and print what they print. They are ended after
    /// `limit`, where one is given.
    pub(super) fn call(&self, by: &str, place: Place, limit: Option<Duration>) -> String {
        // The text is there to be read: a micro-VM takes along the programs that a shell is told of.
        let start = format!("shift; export BASH_ENV=\"$PWD/{PRELUDE}\"; exec {by} \"$@\"");
        let own = format!("./{}", self.name);
        let mut words = vec!["bash", "-c", &start, "bash", self.text];
        if other_interpreter(self.text).is_none() {
            words.extend(bash(self.text));
        }
        words.push(&own);
        words.extend(self.arguments.iter().map(String::as_str));
        let words: Vec<String> = words.into_iter().map(literal).collect();
        let mut text = String::new();
        if place == Place::Vm {
            // So are files that are read.
            for file in &self.files {
                let _ = writeln!(text, "read({});", literal(file));
            }
        }
        let words = words.join(", ");
        let _ = match limit {
            None => writeln!(text, "let done = exec([{words}], #{{check: false}});"),
            Some(limit) => writeln!(
                text,
                "let done = #{{code: 0, stdout: \"\", stderr: \"\"}};\n\
                 try {{ done = exec([{words}], #{{check: false, timeout: \"{}ms\"}}); }} \
                 catch (e) {{ if e.kind != \"timeout\" {{ throw e; }} print({}); }}",
                limit.as_millis(),
                literal(&ended(limit))
            ),
        };
        text.push_str("if done.code != 0 { print(`exit code ${done.code}`); }\n");
        text
    }
}

/// How bash runs a shell script as the shell of its first line would: with the options there, and with aliases where that is no bash.
fn bash(text: &str) -> Vec<&str> {
    let first = text.lines().next().unwrap_or_default();
    let mut interpreter = first
        .strip_prefix("#!")
        .unwrap_or_default()
        .split_whitespace();
    let mut words = vec!["bash"];
    let name = interpreter.find(|word| !word.ends_with("/env") && !word.starts_with('-'));
    if name.is_some_and(|name| !name.ends_with("bash")) {
        words.extend(["-O", "expand_aliases"]);
    }
    words.extend(interpreter.filter(|word| word.starts_with('-')));
    words
}

/// What is said of commands that were ended at the limit.
pub(super) fn ended(limit: Duration) -> String {
    let limit = duration::print(limit);
    format!("they were ended after {limit}; `--timeout` gives them more time")
}

/// A file that lies beside the commands.
struct Beside {
    whole: PathBuf,
    /// Its path below the folder of the commands.
    below: PathBuf,
}

/// The small files that lie in the folder of a file, and in those that lie there, unless they are hidden; nothing where that is no file.
fn beside(file: &Path) -> Vec<Beside> {
    let folder = file.parent().filter(|_| file.is_file());
    let Some(folder) = folder else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut folders = VecDeque::from([(PathBuf::new(), 0)]);
    while let Some((below, depth)) = folders.pop_front() {
        // A folder without a name is the work folder.
        let path = Path::new(".").join(folder).join(&below);
        let Ok(entries) = fs::read_dir(path) else {
            continue;
        };
        let mut entries: Vec<_> = entries.flatten().collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let below = below.join(entry.file_name());
            let whole = entry.path();
            let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
            match fs::metadata(&whole) {
                // No link to a folder, which may lead anywhere.
                Ok(meta) if meta.is_dir() => {
                    let is_own = entry.file_type().is_ok_and(|kind| kind.is_dir());
                    if is_own && !is_hidden && depth < DEEPEST {
                        folders.push_back((below, depth + 1));
                    }
                }
                Ok(meta) if meta.is_file() && meta.len() <= LARGEST => {
                    found.push(Beside { whole, below });
                }
                _ => {}
            }
            if found.len() >= MOST {
                return found;
            }
        }
    }
    found
}

/// What makes links of these names in a place, on one line: pairs of virtual links, as they have a carrier.
pub(super) fn make_stand_ins(all: &[StandIn]) -> String {
    let mut text = String::new();
    for one in all {
        let name = literal(one.name());
        let made = match one {
            StandIn::Link(plain) => {
                // No name has more than 15 bytes.
                let far: String = format!("to-{plain}").chars().take(15).collect();
                let far = literal(&far);
                format!("veth({name}, {far}).up(); link({far}).up();")
            }
            StandIn::Bridge(_) => format!("bridge({name}).up();"),
            StandIn::Netns(_) => format!("netns({name});"),
        };
        let _ = write!(text, "try {{ {made} }} catch {{}} ");
    }
    text
}

/// Says what in a place is only stood in for.
pub(super) fn tell_stand_ins(all: &[StandIn]) {
    let of_machine = |one: &&StandIn| matches!(one, StandIn::Link(_));
    let told = |names: Vec<String>| names.join(", ");
    let links: Vec<String> = all
        .iter()
        .filter(of_machine)
        .map(ToString::to_string)
        .collect();
    let others = all.iter().filter(|one| !of_machine(one));
    let others: Vec<String> = others.map(ToString::to_string).collect();
    if !links.is_empty() {
        output::note(&format!(
            "no link of this machine is in the throw-away place: a virtual one without an address stands in for {}",
            told(links)
        ));
    }
    if !others.is_empty() {
        output::note(&format!(
            "what the commands use and do not make is made empty before: {}",
            told(others)
        ));
    }
}

/// What a run printed.
pub(super) struct Printed {
    /// On standard output.
    pub(super) output: String,
    /// What ipvsh and all others said on standard error.
    pub(super) said: String,
}

/// Runs `text` in a place of its own, as `file` of `folder`. After `limit` it is ended, as by Ctrl-C.
pub(super) fn run(
    text: &str,
    place: Place,
    folder: &Path,
    file: &str,
    limit: Duration,
) -> Result<Printed, Error> {
    fs::write(folder.join(file), text)?;
    let place = match place {
        Place::Ns => "--sandbox=ns",
        Place::Vm => "--sandbox=vm",
    };
    let running = Command::new("/proc/self/exe")
        // By this name its own processes are known there.
        .arg0("ipvsh")
        .args([
            OsStr::new(place),
            OsStr::new("--quiet"),
            OsStr::new("--color=never"),
            OsStr::new(file),
        ])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let id = Pid::from_raw(i32::try_from(running.id()).unwrap_or(i32::MAX));
    let clock = Clock::start(id, Signal::SIGTERM, limit);
    let ran = running.wait_with_output();
    clock.stop();
    let ran = ran?;
    Ok(Printed {
        output: String::from_utf8_lossy(&ran.stdout).into_owned(),
        said: String::from_utf8_lossy(&ran.stderr).into_owned(),
    })
}

/// A failure to do `what`, which took a place.
pub(super) fn broken(what: &str, error: Error) -> Failure {
    Failure::script(Report::of(&error.doing_plain(what)))
}

/// How long a script may take beside what its commands may: a micro-VM boots, and what comes late is waited for.
const BESIDE: Duration = Duration::from_secs(60);

/// The limit of a script whose commands have one.
pub(super) fn of_script(limit: Duration) -> Duration {
    limit.saturating_mul(2).saturating_add(BESIDE)
}

/// A run that did not come to its end, with what was said.
pub(super) fn cut_off(what: &str, said: &str) -> Failure {
    let report = Report::new(format!("cannot {what}: the run came to no end"));
    Failure::script(report.note(said.trim_end().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{bash, beside};

    #[test]
    fn what_lies_beside_is_found_in_folders_too_and_not_where_those_are_hidden() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("setup.sh");
        for path in [
            "setup.sh",
            "conf",
            "lib/net.sh",
            "lib/more/x.sh",
            ".git/HEAD",
            ".env",
        ] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let found = beside(&own).into_iter();
        let found: Vec<String> = found
            .map(|one| one.below.to_string_lossy().into_owned())
            .collect();
        let wanted = [".env", "conf", "setup.sh", "lib/net.sh", "lib/more/x.sh"];
        assert_eq!(found, wanted);
        assert!(beside(&folder.path().join("gone.sh")).is_empty());
    }

    #[test]
    fn a_script_is_run_with_the_options_of_its_first_line() {
        let run = |text| bash(text).join(" ");
        assert_eq!(run("ip netns add a\n"), "bash");
        assert_eq!(run("#!/bin/bash -eu\n"), "bash -eu");
        assert_eq!(run("#! /bin/sh -e -x"), "bash -O expand_aliases -e -x");
        assert_eq!(run("#!/usr/bin/env bash"), "bash");
        assert_eq!(
            run("#!/usr/bin/env -S dash -e"),
            "bash -O expand_aliases -e"
        );
    }
}
