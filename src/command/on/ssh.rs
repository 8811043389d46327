//! One host: ipvsh is brought there where it lacks, the run is sent, and its lines come back.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::FOLDER;
use super::bundle::Bundle;

/// What the shell there says before the kind of the machine, and ends with, where it finds no ipvsh that could take the run.
const MARK: &str = "no ipvsh here: ";
const LACKS: i32 = 97;
/// What ssh ends with where it has not reached the host, or lost it.
const NOT_REACHED: i32 = 255;
/// After how many days an ipvsh that was sent is taken away, when another one comes.
const OLD: u32 = 30;
/// How many of the last lines that ssh and the run have written are kept, to say why a host was not reached.
const KEPT: usize = 3;

/// This program, as it is known on other hosts.
pub(super) struct Own {
    /// Its name there: a version, and what tells one build from another.
    name: String,
    /// What `--version` says.
    version: String,
    length: u64,
}

impl Own {
    pub(super) fn look() -> std::io::Result<Self> {
        let meta = std::fs::metadata("/proc/self/exe")?;
        let version = env!("CARGO_PKG_VERSION");
        let made = std::os::unix::fs::MetadataExt::mtime(&meta);
        Ok(Self {
            name: format!("ipvsh-{version}-{}-{made}", meta.len()),
            version: format!("ipvsh {version}"),
            length: meta.len(),
        })
    }

    /// Has the shell of a host start ipvsh: the one that was sent, or an installed one of this version.
    fn start_there(&self) -> String {
        format!(
            "b=$HOME/{FOLDER}/bin/{}; if [ -x \"$b\" ]; then exec \"$b\" host; \
             elif [ \"$(ipvsh --version 2>/dev/null)\" = '{}' ]; then exec ipvsh host; \
             else echo \"{MARK}$(uname -m)\"; exit {LACKS}; fi",
            self.name, self.version
        )
    }

    /// Has it take ipvsh from standard input: it is there whole or not at all.
    fn take_there(&self) -> String {
        format!(
            "umask 077; d=$HOME/{FOLDER}/bin; n=$d/.new-$$; mkdir -p \"$d\" && cat > \"$n\" && \
             [ \"$(wc -c < \"$n\")\" -eq {} ] && chmod 700 \"$n\" && mv -f \"$n\" \"$d/{}\" || \
             {{ rm -f \"$n\"; exit 1; }}; find \"$d\" -name 'ipvsh-*' -mtime +{OLD} -exec rm -f {{}} + 2>/dev/null; :",
            self.length, self.name
        )
    }
}

/// How a run on a host ended.
pub(super) enum End {
    /// With an exit code.
    Ran(u8),
    /// It was never begun, or the connection was lost: why.
    Lost(String),
}

/// Where a line came from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Output,
    Error,
}

/// The connections that are open, to be ended from elsewhere.
#[derive(Default)]
pub(super) struct Open {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pipes: Vec<(usize, ChildStdin)>,
    processes: Vec<(usize, Pid)>,
    is_ended: bool,
}

impl Open {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all runs: each takes down what it made, and says so.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.is_ended = true;
        state.pipes.clear();
    }

    /// Ends the connections, whatever the runs do.
    pub(super) fn cut(&self) {
        for (_, process) in &self.state().processes {
            // It is still there: it is let go of before it is waited for.
            let _ = kill(*process, Signal::SIGKILL);
        }
    }

    fn begin(&self, index: usize, process: u32) {
        let process = Pid::from_raw(process.cast_signed());
        self.state().processes.push((index, process));
    }

    /// Keeps the pipe open until the run ends, or all do.
    fn hold(&self, index: usize, pipe: ChildStdin) {
        let mut state = self.state();
        if !state.is_ended {
            state.pipes.push((index, pipe));
        }
    }

    fn let_go(&self, index: usize) {
        let mut state = self.state();
        state.pipes.retain(|(of, _)| *of != index);
        state.processes.retain(|(of, _)| *of != index);
    }
}

/// What is sent to each host.
pub(super) struct Sent<'a> {
    pub(super) own: &'a Own,
    pub(super) bundle: &'a Bundle,
    pub(super) contents: &'a [Vec<u8>],
    pub(super) open: &'a Open,
}

/// Runs it on the host that stands at `index`, and hands each line that comes back to `take`.
pub(super) fn run(
    host: &str,
    index: usize,
    sent: &Sent,
    take: &(impl Fn(From, &str) + Sync),
) -> End {
    match attempt(host, index, sent, take) {
        Ok(Attempt::Ended(end)) => end,
        Ok(Attempt::Lacks(machine)) => match bring(host, &machine, sent.own) {
            Ok(()) => match attempt(host, index, sent, take) {
                Ok(Attempt::Ended(end)) => end,
                Ok(Attempt::Lacks(_)) => {
                    End::Lost("ipvsh was sent there and can't be started".to_owned())
                }
                Err(error) => End::Lost(cannot_start(&error)),
            },
            Err(why) => End::Lost(why),
        },
        Err(error) => End::Lost(cannot_start(&error)),
    }
}

fn cannot_start(error: &std::io::Error) -> String {
    format!("cannot start `ssh`: {error}")
}

enum Attempt {
    Ended(End),
    /// No ipvsh is there that could take the run; what machine it is.
    Lacks(String),
}

fn ssh(host: &str, command: &str) -> Command {
    let mut ssh = Command::new("ssh");
    // Many ask at once: a question could not be answered. A host that hangs is given up.
    for option in [
        "BatchMode=yes",
        "ConnectTimeout=10",
        "ServerAliveInterval=5",
        "ServerAliveCountMax=3",
    ] {
        ssh.args(["-o", option]);
    }
    ssh.args(["-T", "--", host, command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C is told to the runs, which take down what they made, and not to ssh.
        .process_group(0);
    ssh
}

fn attempt(
    host: &str,
    index: usize,
    sent: &Sent,
    take: &(impl Fn(From, &str) + Sync),
) -> std::io::Result<Attempt> {
    let mut child: Child = ssh(host, &sent.own.start_there()).spawn()?;
    sent.open.begin(index, child.id());
    let (output, error) = (child.stdout.take(), child.stderr.take());
    let pipe = child.stdin.take();
    // The first line, where the shell there may have said it.
    let mut machine = None;
    let last = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for line in lines(error) {
                take(From::Error, &line);
                let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
                last.push(line);
                if last.len() > KEPT {
                    last.remove(0);
                }
            }
        });
        if let Some(mut pipe) = pipe {
            scope.spawn(move || {
                // Where it can't be sent, the end of ssh says why.
                if sent.bundle.write(sent.contents, &mut pipe).is_ok() {
                    sent.open.hold(index, pipe);
                }
            });
        }
        for line in lines(output) {
            match line.strip_prefix(MARK) {
                Some(told) if machine.is_none() => machine = Some(told.to_owned()),
                _ => take(From::Output, &line),
            }
        }
    });
    sent.open.let_go(index);
    let status = child.wait();
    let last = last.into_inner().unwrap_or_else(PoisonError::into_inner);
    let code = exit_code(status?);
    if code == LACKS {
        return Ok(Attempt::Lacks(machine.unwrap_or_default()));
    }
    // Then it was a line of the run.
    if let Some(rest) = machine {
        take(From::Output, &format!("{MARK}{rest}"));
    }
    Ok(match code {
        NOT_REACHED => Attempt::Ended(End::Lost(
            last.last()
                .cloned()
                .unwrap_or_else(|| "ssh ended".to_owned()),
        )),
        code => Attempt::Ended(End::Ran(u8::try_from(code).unwrap_or(1))),
    })
}

/// The exit code, as a shell tells it.
fn exit_code(status: ExitStatus) -> i32 {
    let by_signal = || 128 + status.signal().unwrap_or(0);
    status.code().unwrap_or_else(by_signal)
}

/// The lines that come, without their ends; what is no UTF-8 is shown as such.
fn lines(from: Option<impl Read>) -> impl Iterator<Item = String> {
    let mut from = from.map(BufReader::new);
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        match from.as_mut()?.read_until(b'\n', &mut line) {
            Ok(1..) => {
                let text = String::from_utf8_lossy(&line);
                Some(text.trim_end_matches(['\n', '\r']).to_owned())
            }
            _ => None,
        }
    })
}

/// Brings this program to a host that lacks it; else says why it can't.
fn bring(host: &str, machine: &str, own: &Own) -> Result<(), String> {
    let here = std::env::consts::ARCH;
    if machine != here {
        let machine = machine.escape_debug();
        return Err(format!(
            "it is a machine of another kind ({machine}, this ipvsh is for {here}): install {} there",
            own.version
        ));
    }
    let doing = |error: std::io::Error| format!("ipvsh could not be sent there: {error}");
    let mut program = File::open("/proc/self/exe").map_err(doing)?;
    let mut child = ssh(host, &own.take_there()).spawn().map_err(doing)?;
    let copied = child
        .stdin
        .take()
        .map(|mut pipe| std::io::copy(&mut program, &mut pipe).and_then(|_| pipe.flush()));
    let ended = child.wait_with_output().map_err(doing)?;
    if ended.status.success() {
        copied.transpose().map_err(doing)?;
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ended.stderr);
    let said = said.lines().last().unwrap_or("its shell refused it");
    Err(format!("ipvsh could not be sent there: {}", said.trim()))
}
