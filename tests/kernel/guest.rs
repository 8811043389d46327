//! The micro-VM for the cases that this kernel can't run: one for each processor, booted once, with this program inside.
//!
//! Three processes of it take part. The one that the tests were started with starts a second with [`BOOT`], whose streams
//! it can read; that one boots the machine, in which a third runs with [`INSIDE`]. The names of the cases go in on
//! standard input, a line each, and a line of JSON comes out for each when it is done. A machine gets a name when it has
//! done another, so that all of them have work until there is none.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ipvsh::sandbox::vm::{self, Guest};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::again::{self, End};
use crate::case::{self, Case};
use crate::lab::in_repository;
use crate::seeds;
use crate::spare;

/// The argument of the process that boots the machine.
pub(crate) const BOOT: &str = "--boot-micro-vm";
/// The argument of the process in the machine.
pub(crate) const INSIDE: &str = "--inside-micro-vm";

/// How many cases run at a time in a machine: it has one processor, but most cases wait for something now and then. With more, what
/// is told of round trips is the load.
const AT_A_TIME: usize = 2;

/// How many machines run at a time, however many processors there are: each takes 256 MiB.
const MOST_MACHINES: usize = 4;

/// The line that a machine says in between, and how often.
const BEAT: &str = "+";
const BEATS_EVERY: Duration = Duration::from_secs(10);

/// How long a machine is silent at most: it has to boot, which takes more than a minute where much else runs.
const SILENCE: Duration = Duration::from_secs(300);

/// What the cases need in there besides ipvsh.
const PROGRAMS: &[&str] = &[
    "ip", "bridge", "tc", "ping", "cat", "echo", "sh", "sleep", "nft", "wg", "sysctl", "true",
    "unshare",
];

/// What came out, case by case.
#[derive(Default)]
pub(crate) struct Verdicts {
    known: Mutex<Known>,
    news: Condvar,
}

#[derive(Default)]
struct Known {
    /// The cases that no machine has been given yet.
    left: VecDeque<String>,
    /// Whether the next one is taken from their end.
    from_end: bool,
    of: HashMap<String, Result<(), String>>,
    /// Those that were in a machine which ended before they did, and how that ended: they get another one.
    cut_off: HashMap<String, String>,
    /// Why there will be no more.
    end: Option<String>,
}

impl Verdicts {
    /// Waits until the case `name` is done; the error says what did not hold.
    pub(crate) fn of(&self, name: &str) -> Result<(), String> {
        let known = self
            .news
            .wait_while(self.known(), |known| {
                !known.of.contains_key(name) && known.end.is_none()
            })
            .unwrap_or_else(PoisonError::into_inner);
        match (known.of.get(name), &known.end) {
            (Some(result), _) => result.clone(),
            (None, end) => Err(format!(
                "the micro-VM ended before this case did: {}",
                end.as_deref().unwrap_or_default()
            )),
        }
    }

    /// Starts the machines for `cases`, and threads that listen to them.
    pub(crate) fn collect(verdicts: &Arc<Self>, cases: Vec<String>) {
        let processors = thread::available_parallelism().map_or(1, Into::into);
        let machines = processors
            .min(MOST_MACHINES)
            .min(cases.len().div_ceil(AT_A_TIME));
        verdicts.known().left = cases.into();
        let machine = |verdicts: Arc<Self>| {
            move || {
                loop {
                    let mut running = Vec::new();
                    let end = verdicts.listen(&mut running);
                    let end = end.unwrap_or_else(|error| format!("it can't be started: {error}"));
                    if !verdicts.give_back(running, &end) {
                        return end;
                    }
                }
            }
        };
        let machines: Vec<JoinHandle<String>> = (0..machines)
            .map(|_| thread::spawn(machine(Arc::clone(verdicts))))
            .collect();
        let verdicts = Arc::clone(verdicts);
        thread::spawn(move || {
            let ends = machines.into_iter().map_while(|end| end.join().ok());
            let ends: Vec<String> = ends.collect();
            verdicts.known().end = Some(ends.join("\n"));
            verdicts.news.notify_all();
        });
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next case, in turn the first and the last of those that are left: the stories, which wait for replies, stand at the end,
    /// and what computes goes on meanwhile.
    fn next(&self) -> Option<String> {
        let mut known = self.known();
        known.from_end = !known.from_end;
        if known.from_end {
            known.left.pop_back()
        } else {
            known.left.pop_front()
        }
    }

    /// Tells a machine of another case, or, where none is left, that there are no more.
    fn give_next(&self, input: &mut Option<ChildStdin>, running: &mut Vec<String>) {
        match (self.next(), &mut *input) {
            (Some(case), Some(pipe)) => {
                // It is closed at once where the machine does not start: its own words tell why.
                let _ = writeln!(pipe, "{case}");
                running.push(case);
            }
            _ => *input = None,
        }
    }

    /// Takes back the cases that ran in a machine when it ended; whether another one is to run them.
    ///
    /// An emulated processor has faults of its own, which stop a kernel now and then.
    fn give_back(&self, running: Vec<String>, end: &str) -> bool {
        let mut known = self.known();
        let is_first = running.iter().all(|case| !known.cut_off.contains_key(case));
        if running.is_empty() || !is_first || known.cut_off.len() >= MOST_MACHINES * AT_A_TIME {
            return false;
        }
        for case in running {
            known.cut_off.insert(case.clone(), end.to_owned());
            known.left.push_front(case);
        }
        true
    }

    /// Starts a machine, gives it cases and listens to it; says how it ended, and leaves those that it did not end in `running`.
    fn listen(&self, running: &mut Vec<String>) -> std::io::Result<String> {
        let mut machine = Command::new(std::env::current_exe()?)
            .arg(BOOT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut input = machine.stdin.take();
        for _ in 0..AT_A_TIME {
            self.give_next(&mut input, running);
        }
        let complaints = machine.stderr.take().map(|mut pipe| {
            thread::spawn(move || {
                let mut text = String::new();
                let _ = pipe.read_to_string(&mut text);
                text
            })
        });
        let mut said = String::new();
        if let Some(output) = machine.stdout.take() {
            let watchdog = Watchdog::over(&machine);
            for line in BufReader::new(output).lines() {
                let line = line?;
                watchdog.hears();
                if line == BEAT {
                    continue;
                }
                let Some((name, mut end)) = read_verdict(&line) else {
                    said.push_str(&line);
                    said.push('\n');
                    continue;
                };
                running.retain(|case| *case != name);
                let mut known = self.known();
                end.first = end.first.or_else(|| known.cut_off.get(&name).cloned());
                again::note(&name, &end);
                known.of.insert(name, end.result);
                drop(known);
                self.news.notify_all();
                self.give_next(&mut input, running);
            }
        }
        let status = machine.wait()?;
        if let Some(Ok(text)) = complaints.map(JoinHandle::join) {
            said.push_str(&text);
        }
        Ok(format!("{status}\n{said}"))
    }
}

/// Ends a machine whose heart does not beat.
struct Watchdog(Sender<()>);

impl Watchdog {
    fn over(machine: &Child) -> Self {
        let pid = Pid::from_raw(i32::try_from(machine.id()).expect("a process id"));
        let (sender, lines) = channel();
        thread::spawn(move || {
            loop {
                match lines.recv_timeout(SILENCE) {
                    Ok(()) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                    Err(RecvTimeoutError::Timeout) => {
                        // It may just have ended by itself.
                        let _ = kill(pid, Signal::SIGKILL);
                        break;
                    }
                }
            }
        });
        Self(sender)
    }

    fn hears(&self) {
        // There is nobody to tell where it has ended the machine.
        let _ = self.0.send(());
    }
}

fn verdict(name: &str, end: End, seconds: f64) -> String {
    json!({"case": name, "first": end.first, "failure": end.result.err(), "seconds": seconds})
        .to_string()
}

fn read_verdict(line: &str) -> Option<(String, End)> {
    let value: Value = serde_json::from_str(line).ok()?;
    let text = |key| Some(value.get(key)?.as_str().map(str::to_owned));
    let name = text("case")??;
    let end = End {
        first: text("first")?,
        result: text("failure")?.map_or(Ok(()), Err),
    };
    case::note_time(&name, value.get("seconds")?.as_f64()?);
    Some((name, end))
}

/// The part of the process that boots the machine.
pub(crate) fn boot() -> ExitCode {
    let run = || {
        let words = [vec![INSIDE.to_owned()], seeds::words()].concat();
        let mut guest = Guest::new(words.into_iter().map(Into::into).collect())?;
        guest.init = env!("CARGO_BIN_EXE_ipvsh").into();
        guest.program = Some(std::env::current_exe()?);
        guest.programs = PROGRAMS.iter().map(Into::into).collect();
        guest.cwd = in_repository("");
        for folder in ["scripts", "scripts/tests"] {
            for entry in std::fs::read_dir(in_repository(folder))? {
                let path = entry?.path();
                guest.files.extend(path.is_file().then_some(path));
            }
        }
        guest.files.extend(crate::readme::file());
        vm::run(&guest)
    };
    match run() {
        Ok(ran) => ExitCode::from(ran.code),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}\n{}", error.notes.join("\n"));
            ExitCode::FAILURE
        }
    }
}

/// The part of the process in the machine: runs the cases that are named on standard input, as they come.
pub(crate) fn run_inside(cases: &[Case]) -> ExitCode {
    // A driver of tunnels would put a `tunl0` or `gre0` into each namespace that comes after it.
    let _ = std::fs::write("/proc/sys/net/core/fb_tunnels_only_for_init_net", "2");
    // Before there are threads, and behind what it is to inherit.
    spare::start();
    let cases: HashMap<&str, &Case> = cases.iter().map(|case| (&*case.name, case)).collect();
    thread::spawn(|| {
        // Where nobody listens any more there is nobody to tell.
        while writeln!(std::io::stdout().lock(), "{BEAT}").is_ok() {
            thread::sleep(BEATS_EVERY);
        }
    });
    thread::scope(|threads| {
        for _ in 0..AT_A_TIME {
            threads.spawn(|| {
                // A line goes to one of them. By a function, as `while let` would hold the lock while the case runs.
                let next = || std::io::stdin().lines().next();
                while let Some(Ok(name)) = next() {
                    if let Some(case) = cases.get(&*name) {
                        let start = Instant::now();
                        let end = again::run(case);
                        let line = verdict(&name, end, start.elapsed().as_secs_f64());
                        // Where nobody listens any more there is nobody to tell.
                        let _ = writeln!(std::io::stdout().lock(), "{line}");
                    }
                }
            });
        }
    });
    ExitCode::SUCCESS
}
