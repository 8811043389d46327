//! Processes: those in namespaces, those that a lab started, and their end.

mod child;
pub mod clock;
mod end;
mod growth;
pub mod observe;
mod output;
mod pipe;
mod recorder;
mod ring;
pub mod terminal;

use std::collections::HashMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::error::{Error, Result};
use crate::net::namespace::{self, Id};

pub use child::{Program, Tie};
pub use end::{Ended, end_tree, has_ended};
pub use growth::Growth;
pub use output::{Found, Output};
pub use pipe::{Pipe, Written};
pub use recorder::Recording;

/// The variable that each process started by a lab has in its environment, and those that it starts itself: the lab's name.
pub const LAB: &str = "IPVSH_LAB";

/// The variable with the file that a spawned process writes to. No two have the same.
pub const OUTPUT: &str = "IPVSH_OUTPUT";

/// Does what this process was started for, where that is to record or to observe another one, and returns how it ended.
pub fn take_over_if_helper() -> Option<ExitCode> {
    recorder::take_over_if_recorder().or_else(observe::take_over_if_observer)
}

/// A process, told from a later one of the same number by the time when it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Process {
    /// Its number; 0 until it is known.
    pub pid: u32,
    /// When it began, in clock ticks since the machine booted.
    pub began: u64,
}

/// What `/proc/PID/stat` says of a process.
struct Stat {
    state: String,
    session: u32,
    /// `PF_*` of the kernel's `linux/sched.h`.
    flags: u32,
    began: u64,
}

impl Stat {
    fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name stands in brackets and may hold blanks and brackets itself.
        let (_, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        Some(Self {
            state: (*fields.first()?).to_owned(),
            session: fields.get(3)?.parse().ok()?,
            flags: fields.get(6)?.parse().ok()?,
            began: fields.get(19)?.parse().ok()?,
        })
    }
}

impl Process {
    /// The process that has the number now.
    pub fn of(pid: u32) -> Option<Self> {
        Stat::of(pid).map(|stat| Self {
            pid,
            began: stat.began,
        })
    }

    /// Whether it still runs. One that has ended and is not asked for its exit code yet does not.
    pub fn runs(self) -> bool {
        Stat::of(self.pid)
            .is_some_and(|stat| stat.began == self.began && !["Z", "X"].contains(&&*stat.state))
    }
}

/// Of a process that is about to end.
const PF_EXITING: u32 = 4;

/// Whether `pid` is about to end or to become another program: it can't be told whose it is then.
pub fn is_in_between(pid: u32) -> bool {
    let is_ending = Stat::of(pid).is_none_or(|stat| stat.flags & PF_EXITING != 0);
    is_ending || fs::read(format!("/proc/{pid}/environ")).is_ok_and(|bytes| bytes.is_empty())
}

/// What runs as `pid`, as `ps -o comm` prints it.
pub fn name_of(pid: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    name.trim_end().to_owned()
}

/// The value of a variable that `pid` was started with; none where it may not be looked at.
pub fn variable_of(pid: u32, name: &str) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let found = environment.split(|byte| *byte == 0).find_map(|variable| {
        let value = variable.strip_prefix(name.as_bytes())?;
        value.strip_prefix(b"=")
    })?;
    Some(String::from_utf8_lossy(found).into_owned())
}

/// Lets the runtime wait until there is something to read.
fn readable(file: OwnedFd) -> Result<AsyncFd<OwnedFd>> {
    // SAFETY: it owns the descriptor, which is the same one and open for as long as it lives.
    let registered = unsafe { AsyncFd::register_with_interest(file, Interest::READABLE) };
    registered.map_err(|error| Error::io(&error.into()))
}

/// The numbers of all processes, lowest first.
pub fn all() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut all: Vec<u32> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    all.sort_unstable();
    all
}

/// What runs of a spawned process: itself, what it started in its session, and what has its mark, wherever it went.
pub fn family(process: Process, output: &Path) -> Vec<Process> {
    let runs = process.runs();
    let output = output.to_string_lossy();
    let is_of_it = |pid: &u32| {
        (runs && Stat::of(*pid).is_some_and(|stat| stat.session == process.pid))
            || variable_of(*pid, OUTPUT).is_some_and(|file| file == output)
    };
    let found = all().into_iter().filter(is_of_it);
    found
        .filter_map(Process::of)
        .filter(|process| process.runs())
        .collect()
}

/// The processes of each network namespace, lowest first; those of others that may not be looked at are left out.
pub fn by_namespace() -> HashMap<Id, Vec<u32>> {
    let mut inside: HashMap<Id, Vec<u32>> = HashMap::new();
    for pid in all() {
        if let Some(id) = namespace::id_of_path(&namespace_of(pid)) {
            inside.entry(id).or_default().push(pid);
        }
    }
    inside
}

/// The file of the network namespace that the process is in.
pub fn namespace_of(pid: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/ns/net"))
}

/// The first process of each network namespace other than this one's, with its command line.
pub fn owners() -> Vec<(u32, String)> {
    let own = namespace::id_of_path(Path::new("/proc/self/ns/net"));
    let others = by_namespace()
        .into_iter()
        .filter(|(id, _)| Some(*id) != own);
    let first = others.filter_map(|(_, inside)| inside.first().copied());
    let mut owners: Vec<_> = first.map(|pid| (pid, command(pid))).collect();
    owners.sort_unstable();
    owners
}

fn command(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    line.trim().chars().take(40).collect()
}
