//! What a program does to the network, with all the programs that it starts: seen by ptrace(2), whatever they are written in.
//!
//! It is this very program that looks on, told by its own name: [`take_over_if_observer`]. Each program that is started is noted, with its
//! words, its namespace, what it reads and how it ends; and so is each text that is written below `/proc/sys/net`, or to a file of a link
//! below `/sys`, by a program that is none for it.

mod tracee;

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::Duration;

use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::clock::Clock;
use crate::error::{Error, Result};
use tracee::{Call, Tracee};

/// The name that it is called by.
pub const NAME: &str = "ipvsh-observer";

/// What a shell writes to `/dev/null` in front of each command, with the number of its line and its file behind it.
pub const LINE: &str = "ipvsh-line ";

/// The file that a shell reads before it begins, which is no part of what is observed.
pub const PRELUDE: &str = ".ipvsh-prelude";

/// How much of what a program reads is kept.
const MOST_INPUT: usize = 1 << 20;

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The file and the line of the shell script that it comes from, where a shell has told.
    pub line: Option<(String, usize)>,
    /// Where it was done.
    pub netns: Where,
    /// What was done.
    pub what: What,
}

/// A namespace, as seen from the one that all began in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Where {
    /// The same.
    Here,
    /// One with a name.
    Named(String),
    /// One that has none then.
    Unnamed,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// A program was run.
    Ran {
        /// Its own name and its arguments.
        words: Vec<String>,
        /// What it read from standard input, or from the file that it was given instead of that.
        input: Option<String>,
        /// How it ended: the exit code, or 128 and the signal; none where it ran on.
        code: Option<i32>,
    },
    /// Text was written to a file of a link below `/sys`.
    WroteOfLink {
        /// Its path: `/sys/class/net/LINK/…`.
        path: String,
        /// The text.
        value: String,
    },
    /// Text was written to a file below `/proc/sys/net`.
    Wrote {
        /// The setting: what stands behind `/proc/sys/`.
        setting: String,
        /// Its new value.
        value: String,
    },
}

/// What is put into the file.
#[derive(Debug, Serialize, Deserialize)]
pub struct Told {
    /// What was seen, or why nothing was.
    pub seen: std::result::Result<Vec<Seen>, String>,
    /// Whether the program was ended, as its time was over.
    pub is_cut: bool,
}

/// Looks on and returns, where this process was started for that: `ipvsh-observer MILLISECONDS FILE PROGRAM [ARGUMENT]…`. It ends the
/// program after that time. What was seen is in FILE then: [`Told`], as JSON.
pub(super) fn take_over_if_observer() -> Option<ExitCode> {
    let mut words = std::env::args_os();
    if words.next()? != NAME {
        return None;
    }
    Some(observe_into(words).unwrap_or(ExitCode::from(125)))
}

fn observe_into(mut words: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let (limit, file, program) = (words.next()?, words.next()?, words.next()?);
    let limit = Duration::from_millis(limit.to_str()?.parse().ok()?);
    let mut command = Command::new(&program);
    command.args(words);
    let (told, code) = match follow(&mut command, limit) {
        Ok(followed) => followed,
        Err(error) => {
            let why = error.doing("run", &program.to_string_lossy());
            let told = Told {
                seen: Err(why.to_string()),
                is_cut: false,
            };
            (told, 125)
        }
    };
    std::fs::write(file, serde_json::to_string(&told).ok()?).ok()?;
    Some(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Runs `command` to its end, which comes after `limit` at the latest, and returns what was seen, in order, and how it ended. What it
/// has left behind is ended.
fn follow(command: &mut Command, limit: Duration) -> Result<(Told, i32)> {
    // SAFETY: between fork and exec it makes one system call, which takes no memory and no lock.
    unsafe { command.pre_exec(|| Ok(ptrace::traceme()?)) };
    // The thread that starts it is the one that it is traced by, as it has to be.
    let child = command.spawn()?;
    let first = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
    let mut observer = Observer::new(first)?;
    waitpid(first, None)?;
    let options = Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_EXITKILL;
    ptrace::setoptions(first, options)?;
    observer.began(first);
    observer.go_on(first, None);
    let clock = Clock::start(first, Signal::SIGKILL, limit);
    let code = loop {
        let status = waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD))?;
        if let Some(code) = observer.meet(status) {
            break code;
        }
    };
    let told = Told {
        seen: Ok(observer.told()),
        is_cut: clock.stop(),
    };
    Ok((told, code))
}

/// What is known of all that run.
struct Observer {
    first: Pid,
    /// The number of the network namespace that all began in.
    here: u64,
    tracees: HashMap<Pid, Tracee>,
    /// What was written to pipes, by their numbers.
    pipes: HashMap<u64, Vec<u8>>,
    seen: Vec<Entry>,
}

/// Something seen, and what is known of it only later.
struct Entry {
    seen: Seen,
    /// The pipe that it reads.
    pipe: Option<u64>,
    /// The process has become another program since.
    is_replaced: bool,
}

impl Observer {
    fn new(first: Pid) -> Result<Self> {
        let here = tracee::netns("self").ok_or_else(|| Error::invalid("there is no /proc"))?;
        Ok(Self {
            first,
            here,
            tracees: HashMap::new(),
            pipes: HashMap::new(),
            seen: Vec::new(),
        })
    }

    /// What was seen in the end: without programs that have become others, as `ip netns exec` does.
    fn told(self) -> Vec<Seen> {
        let Self { seen, pipes, .. } = self;
        let kept = seen.into_iter().filter(|entry| !entry.is_replaced);
        let whole = kept.map(|Entry { mut seen, pipe, .. }| {
            if let What::Ran { input, .. } = &mut seen.what
                && let Some(bytes) = pipe.and_then(|pipe| pipes.get(&pipe))
            {
                *input = Some(String::from_utf8_lossy(bytes).into_owned());
            }
            seen
        });
        whole.collect()
    }

    /// Lets it run to the next thing of interest.
    fn go_on(&self, pid: Pid, signal: Option<Signal>) {
        let heeds_calls = self.tracees.get(&pid).is_none_or(|tracee| !tracee.is_tool);
        // It may be gone, by a signal that comes at any time: then there is news of that.
        let _ = if heeds_calls {
            ptrace::syscall(pid, signal)
        } else {
            ptrace::cont(pid, signal)
        };
    }

    /// Takes a piece of news; returns the exit code when the first process has ended.
    fn meet(&mut self, status: WaitStatus) -> Option<i32> {
        match status {
            WaitStatus::PtraceSyscall(pid) => {
                self.called(pid);
                self.go_on(pid, None);
            }
            WaitStatus::PtraceEvent(pid, _, event) => {
                if event == nix::libc::PTRACE_EVENT_EXEC {
                    self.began(pid);
                }
                self.go_on(pid, None);
            }
            WaitStatus::Stopped(pid, signal) => {
                // A new one is stopped once, before anything else.
                let is_first = signal == Signal::SIGSTOP && !self.tracees.contains_key(&pid);
                if is_first {
                    self.forked(pid);
                }
                self.go_on(pid, (!is_first).then_some(signal));
            }
            WaitStatus::Exited(pid, code) => return self.ended(pid, code),
            WaitStatus::Signaled(pid, signal, _) => return self.ended(pid, 128 + signal as i32),
            _ => {}
        }
        None
    }

    fn ended(&mut self, pid: Pid, code: i32) -> Option<i32> {
        if let Some(at) = self.tracees.remove(&pid).and_then(|tracee| tracee.program)
            && let Some(entry) = self.seen.get_mut(at)
            && let What::Ran { code: told, .. } = &mut entry.seen.what
        {
            *told = Some(code);
        }
        (pid == self.first).then_some(code)
    }

    /// A process is new: where its parent is, there it comes from.
    fn forked(&mut self, pid: Pid) {
        let parent = tracee::parent(pid).and_then(|parent| self.tracees.get(&parent));
        let line = parent.and_then(|parent| parent.line.clone());
        self.tracees.insert(
            pid,
            Tracee {
                line,
                ..Tracee::default()
            },
        );
    }

    /// The process has become a program.
    fn began(&mut self, pid: Pid) {
        let netns = self.netns(pid);
        let tracee = self.tracees.entry(pid).or_default();
        // The call of execve(2) is under way, and has its end yet to come.
        tracee.is_in_call = pid != self.first || tracee.program.is_some();
        let at = self.seen.len();
        let before = tracee.program.replace(at);
        let words = tracee::words(pid);
        tracee.is_tool = words.first().is_some_and(|word| tracee::is_tool(word));
        let line = tracee.line.clone();
        let stdin = tracee::input(pid, &words, MOST_INPUT);
        let (words, input, pipe) = match stdin {
            Some(stdin) => (stdin.words, stdin.text, stdin.pipe),
            None => (words, None, None),
        };
        if let Some(entry) = before.and_then(|before| self.seen.get_mut(before)) {
            entry.is_replaced = true;
        }
        self.seen.push(Entry {
            seen: Seen {
                line,
                netns,
                what: What::Ran {
                    words,
                    input,
                    code: None,
                },
            },
            pipe,
            is_replaced: false,
        });
    }

    /// The process is at the begin or the end of a system call.
    fn called(&mut self, pid: Pid) {
        let tracee = self.tracees.entry(pid).or_default();
        tracee.is_in_call = !tracee.is_in_call;
        if !tracee.is_in_call {
            return;
        }
        let Some(Call { file, bytes }) = tracee::write_of(pid, MOST_INPUT) else {
            return;
        };
        if let Some(told) = bytes.strip_prefix(LINE.as_bytes()) {
            let line = tracee::line(&String::from_utf8_lossy(told));
            if let Some(line) = line.filter(|(file, _)| !file.ends_with(PRELUDE)) {
                tracee.line = Some(line);
            }
        } else if let Some(pipe) = file
            .strip_prefix("pipe:[")
            .and_then(|rest| rest.strip_suffix(']'))
        {
            if let Ok(pipe) = pipe.parse() {
                let kept: &mut Vec<u8> = self.pipes.entry(pipe).or_default();
                kept.extend(
                    bytes
                        .into_iter()
                        .take(MOST_INPUT.saturating_sub(kept.len())),
                );
            }
        } else if let Some(what) = wrote(&file, &bytes) {
            let line = tracee.line.clone();
            let seen = Seen {
                line,
                netns: self.netns(pid),
                what,
            };
            self.seen.push(Entry {
                seen,
                pipe: None,
                is_replaced: false,
            });
        }
    }

    fn netns(&self, pid: Pid) -> Where {
        match tracee::netns(&pid.to_string()) {
            Some(number) if number != self.here => {
                tracee::name(number).map_or(Where::Unnamed, Where::Named)
            }
            _ => Where::Here,
        }
    }
}

/// What was written to a file; none where that is no setting of the network.
fn wrote(file: &str, bytes: &[u8]) -> Option<What> {
    let value = String::from_utf8_lossy(bytes).trim().to_owned();
    if let Some(setting) = file.strip_prefix("/proc/sys/") {
        let setting = setting.to_owned();
        return setting
            .starts_with("net/")
            .then_some(What::Wrote { setting, value });
    }
    // A link is there by the path of its device.
    let of_link = file.strip_prefix("/sys/class/net/").or_else(|| {
        let (_, of_link) = file.strip_prefix("/sys/devices/")?.split_once("/net/")?;
        Some(of_link)
    })?;
    let path = format!("/sys/class/net/{of_link}");
    of_link
        .contains('/')
        .then_some(What::WroteOfLink { path, value })
}

#[cfg(test)]
mod tests;
