//! The micro-VM for the cases that this kernel can't run: booted once, with this program inside.
//!
//! Three processes of it take part. The one that the tests were started with starts a second with [`BOOT`], whose streams
//! it can read; that one boots the machine, in which a third runs with [`INSIDE`]. The names of the cases go in on
//! standard input, a line each, and a line of JSON comes out for each when it is done.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use ipvsh::sandbox::vm::{self, Guest};
use serde_json::{Value, json};

use crate::case::Case;
use crate::lab::in_repository;

/// The argument of the process that boots the machine.
pub(crate) const BOOT: &str = "--boot-micro-vm";
/// The argument of the process in the machine.
pub(crate) const INSIDE: &str = "--inside-micro-vm";

/// How many cases run at a time: there is one processor, but most cases wait for something now and then.
const AT_A_TIME: usize = 4;

/// What the cases need in there besides ipvsh.
const PROGRAMS: &[&str] = &[
    "ip", "bridge", "tc", "ping", "cat", "echo", "sh", "sleep", "nft", "wg", "sysctl", "unshare",
];

/// What came out, case by case.
#[derive(Default)]
pub(crate) struct Verdicts {
    known: Mutex<Known>,
    news: Condvar,
}

#[derive(Default)]
struct Known {
    of: HashMap<String, Option<String>>,
    /// Why there will be no more.
    end: Option<String>,
}

impl Verdicts {
    /// Waits until the case `name` is done; the error says what did not hold.
    pub(crate) fn of(&self, name: &str) -> Result<(), String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self
            .news
            .wait_while(known, |known| {
                !known.of.contains_key(name) && known.end.is_none()
            })
            .unwrap_or_else(PoisonError::into_inner);
        match (known.of.get(name), &known.end) {
            (Some(None), _) => Ok(()),
            (Some(Some(failure)), _) => Err(failure.clone()),
            (None, end) => Err(format!(
                "the micro-VM ended before this case did: {}",
                end.as_deref().unwrap_or_default()
            )),
        }
    }

    /// Starts the machine for `cases` and a thread that listens to it.
    pub(crate) fn collect(verdicts: &Arc<Self>, cases: Vec<String>) {
        let verdicts = Arc::clone(verdicts);
        std::thread::spawn(move || {
            let end = verdicts
                .listen(&cases)
                .unwrap_or_else(|error| format!("it can't be started: {error}"));
            let mut known = verdicts
                .known
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            known.end = Some(end);
            verdicts.news.notify_all();
        });
    }

    fn listen(&self, cases: &[String]) -> std::io::Result<String> {
        let mut machine = Command::new(std::env::current_exe()?)
            .arg(BOOT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut input) = machine.stdin.take() {
            // It is closed at once where the machine does not start: its own words tell why.
            let _ = writeln!(input, "{}", cases.join("\n"));
        }
        let complaints = machine.stderr.take().map(|mut pipe| {
            std::thread::spawn(move || {
                let mut text = String::new();
                let _ = pipe.read_to_string(&mut text);
                text
            })
        });
        let mut said = String::new();
        if let Some(output) = machine.stdout.take() {
            for line in BufReader::new(output).lines() {
                let line = line?;
                let Some((name, failure)) = read_verdict(&line) else {
                    said.push_str(&line);
                    said.push('\n');
                    continue;
                };
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                known.of.insert(name, failure);
                self.news.notify_all();
            }
        }
        let status = machine.wait()?;
        if let Some(Ok(text)) = complaints.map(std::thread::JoinHandle::join) {
            said.push_str(&text);
        }
        Ok(format!("{status}\n{said}"))
    }
}

fn verdict(name: &str, result: Result<(), String>) -> String {
    json!({"case": name, "failure": result.err()}).to_string()
}

fn read_verdict(line: &str) -> Option<(String, Option<String>)> {
    let value: Value = serde_json::from_str(line).ok()?;
    let name = value.get("case")?.as_str()?.to_owned();
    let failure = value.get("failure")?.as_str().map(str::to_owned);
    Some((name, failure))
}

/// The part of the process that boots the machine.
pub(crate) fn boot() -> ExitCode {
    let run = || {
        let mut guest = Guest::new(vec![INSIDE.into()])?;
        guest.init = env!("CARGO_BIN_EXE_ipvsh").into();
        guest.program = Some(std::env::current_exe()?);
        guest.programs = PROGRAMS.iter().map(Into::into).collect();
        guest.cwd = in_repository("");
        for entry in std::fs::read_dir(in_repository("scripts"))? {
            guest.files.push(entry?.path());
        }
        guest.files.extend(crate::readme::file());
        vm::run(&guest)
    };
    match run() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}\n{}", error.notes.join("\n"));
            ExitCode::FAILURE
        }
    }
}

/// The part of the process in the machine: runs the cases that are named on standard input.
pub(crate) fn run_inside(cases: Vec<Case>) -> ExitCode {
    let names: Vec<String> = std::io::stdin().lines().map_while(Result::ok).collect();
    // A driver of tunnels would put a `tunl0` or `gre0` into each namespace that comes after it.
    let _ = std::fs::write("/proc/sys/net/core/fb_tunnels_only_for_init_net", "2");
    let mut cases = cases;
    cases.retain(|case| names.contains(&case.name));
    let left = Mutex::new(cases.into_iter());
    std::thread::scope(|threads| {
        for _ in 0..AT_A_TIME {
            threads.spawn(|| {
                loop {
                    let next = left.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(case) = next else { return };
                    let line = verdict(&case.name, case.run());
                    // Where nobody listens any more there is nobody to tell.
                    let _ = writeln!(std::io::stdout().lock(), "{line}");
                }
            });
        }
    });
    ExitCode::SUCCESS
}
