//! The process that takes a change back: it outlives the run, the terminal and the connection that the run was typed on.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::unistd::{dup2_stderr, dup2_stdout, geteuid, setsid};

use crate::command::enable::has_systemd;
use crate::command::line::Options;
use crate::dsl::Session;
use crate::dsl::session::Settings;
use crate::engine::Failure;
use crate::error::{Error, Kind, Result};
use crate::lab::confirm::{of_process, take_back};
use crate::lab::journal::{self, now};
use crate::lab::rollback::Undone;
use crate::value::{duration, shell};
use crate::view::error::Report;

/// What the keeper says when it has taken its place.
const READY: &str = "ready";
/// What it is told: the run has ended well, and what it changed waits.
const WAIT: &[u8] = b"wait";
/// The run has ended otherwise, and there is nothing to do.
const LEAVE: &[u8] = b"leave";
/// How long somebody else may hold a journal before it is tried again.
const AGAIN: Duration = Duration::from_millis(50);

/// A keeper at work, as the run knows it. Where the run ends without a word to it, it takes back at once what the run did.
#[derive(Debug)]
pub(in crate::command) struct Keeper {
    pipe: ChildStdin,
    time: Duration,
}

impl Keeper {
    /// Starts one, where that is asked. To be done before anything is changed.
    pub(in crate::command) fn start(options: &Options) -> Result<Option<Self>, Failure> {
        let Some(time) = options.confirm else {
            return Ok(None);
        };
        let direct = || start(Command::new("/proc/self/exe"), time);
        // A login that ends may take its processes along; a scope of its own stays. It is for root alone: an own manager of a
        // user ends with the last login, too.
        let scoped = || {
            let mut command = Command::new("systemd-run");
            let program = std::env::current_exe()?;
            command
                .args(["--scope", "--quiet", "--collect"])
                .arg(program);
            start(command, time)
        };
        let started = if has_systemd() && geteuid().is_root() {
            scoped().or_else(|_| direct())
        } else {
            direct()
        };
        let pipe = started.map_err(|error| {
            let report = Report::new(format!(
                "cannot start what would take the change back: {error}"
            ));
            Failure::script(report.hint("nothing was changed"))
        })?;
        Ok(Some(Self { pipe, time }))
    }

    /// Until when it would wait from now on, in seconds since 1970, and how long that is.
    pub(in crate::command) fn until(&self) -> (u64, String) {
        let seconds = self.time.as_millis().div_ceil(1000);
        let until = now().saturating_add(u64::try_from(seconds).unwrap_or(u64::MAX));
        (until, duration::print(self.time))
    }

    /// Tells it that what the run changed waits.
    pub(in crate::command) fn wait(mut self) -> std::io::Result<()> {
        self.pipe.write_all(WAIT)
    }

    /// Tells it that there is nothing to do.
    pub(in crate::command) fn leave(mut self) {
        // One that is gone needs no telling.
        let _ = self.pipe.write_all(LEAVE);
    }
}

/// Starts the keeper and waits until it has taken its place.
fn start(mut command: Command, time: Duration) -> std::io::Result<ChildStdin> {
    let told = [
        "confirm".to_owned(),
        format!("--keeper-of={}", std::process::id()),
        format!("--time={}", time.as_millis()),
    ];
    let mut child: Child = command
        .args(told)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut line = String::new();
    if let Some(output) = child.stdout.take() {
        BufReader::new(output).read_line(&mut line)?;
    }
    match child.stdin.take() {
        Some(pipe) if line.trim_end() == READY => Ok(pipe),
        _ => Err(std::io::Error::other("it ended at once")),
    }
}

/// Is the keeper of the run of process `run`: waits for its end, then, where it ended well, for somebody to confirm, and takes back
/// what it did.
pub(in crate::command) fn keep(run: u32, time: Duration) -> Result<u8, Failure> {
    let failure = |error: Error| Failure::script(Report::of(&error));
    let terminal = leave_terminal().map_err(|error| failure(Error::io(&error)))?;
    let mut told = Vec::new();
    // Where it can't be read, nobody says that the run has ended well.
    let _ = std::io::stdin().read_to_end(&mut told);
    if told == LEAVE {
        return Ok(0);
    }
    if told == WAIT && is_confirmed(run, time).map_err(failure)? {
        return Ok(0);
    }
    if let Some((lab, undone)) = take_back_when_free(run).map_err(failure)? {
        tell(terminal, &describe(&lab, &undone, told == WAIT));
    }
    Ok(0)
}

/// Lets go of the terminal and of what the run was given to write to: who waits for the end of that need not wait for the keeper.
/// Returns the terminal, where there is one, for what there is to say at last.
fn leave_terminal() -> std::io::Result<Option<File>> {
    let terminal = OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_NOCTTY | libc::O_NONBLOCK)
        .open("/dev/tty")
        .ok();
    // Fails where it leads a session already, which is as well.
    let _ = setsid();
    std::env::set_current_dir("/")?;
    say_ready()?;
    let nothing = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    dup2_stdout(&nothing)?;
    dup2_stderr(&nothing)?;
    Ok(terminal)
}

fn say_ready() -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{READY}")?;
    output.flush()
}

/// Waits until what the run changed waits no longer, and at most for `time`. Returns whether it was confirmed, or is gone.
fn is_confirmed(run: u32, time: Duration) -> Result<bool> {
    let end = Instant::now() + time;
    let Some((lab, true)) = of_process(run)? else {
        return Ok(true);
    };
    // Where there are no watches left, the end of the time still comes.
    let watch = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok();
    let changes =
        AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_ATTRIB | AddWatchFlags::IN_DELETE_SELF;
    let watch = watch.filter(|watch| watch.add_watch(&journal::path_of(&lab), changes).is_ok());
    loop {
        if !matches!(of_process(run)?, Some((_, true))) {
            return Ok(true);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        wait(watch.as_ref(), left);
    }
}

/// Waits for a change of what is watched, for so long at most.
fn wait(watch: Option<&Inotify>, left: Duration) {
    let Some(watch) = watch else {
        std::thread::sleep(left);
        return;
    };
    // Rounded up, so that the last wait does not end before the time.
    let left = PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
    let _ = poll(&mut [PollFd::new(watch.as_fd(), PollFlags::POLLIN)], left);
    while let Ok(events) = watch.read_events() {
        if events.is_empty() {
            break;
        }
    }
}

/// Takes back what the run did, as soon as nobody else is at work on its lab. `None` where there was nothing.
fn take_back_when_free(run: u32) -> Result<Option<(String, Undone)>> {
    let session = Session::new(Settings::default());
    while let Some((lab, _)) = of_process(run)? {
        match session.wait(take_back(&lab, run)).and_then(|taken| taken) {
            Ok(None) => return Ok(None),
            Ok(Some(undone)) => return Ok(Some((lab, undone))),
            Err(error) if error.kind == Kind::Busy => std::thread::sleep(AGAIN),
            Err(error) => {
                let failures = vec![error];
                return Ok(Some((
                    lab,
                    Undone {
                        failures,
                        ..Undone::default()
                    },
                )));
            }
        }
    }
    Ok(None)
}

/// What was done, in lines.
fn describe(lab: &str, undone: &Undone, was_ended: bool) -> Vec<String> {
    let why = if was_ended {
        "was not confirmed in time"
    } else {
        "was not ended: its process died"
    };
    let what = undone.counted();
    let what = what.unwrap_or_else(|| "nothing of it was left".to_owned());
    let mut lines = vec![format!(
        "the last run of lab `{lab}` {why}; took back: {what}"
    )];
    lines.extend(undone.left.iter().cloned());
    lines.extend(
        undone
            .failures
            .iter()
            .map(|error| format!("error: {error}")),
    );
    if !undone.failures.is_empty() {
        let lab = shell::word(lab);
        lines.push(format!(
            "hint: `ipvsh down {lab}` tries again, and takes down the whole lab"
        ));
    }
    lines
}

/// Tells the log of the system, and the terminal if it is still there.
fn tell(terminal: Option<File>, lines: &[String]) {
    let log = UnixDatagram::unbound()
        .and_then(|log| log.connect(Path::new("/dev/log")).map(|()| log))
        .ok();
    for line in lines {
        if let Some(log) = &log {
            // 28 is a warning of a daemon: see syslog(3).
            let _ = log.send(format!("<28>ipvsh: {line}").as_bytes());
        }
        if let Some(mut terminal) = terminal.as_ref() {
            let _ = terminal.write_all(format!("\r\nipvsh: {line}\r\n").as_bytes());
        }
    }
}
