//! A process for a test: started, waited for, and ended with all that comes from it.

use std::io::{ErrorKind, PipeReader, Read};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::processes;
use crate::value::duration;
use crate::view::error::Report;

/// How often is looked whether the whole run was interrupted.
const LOOK: Duration = Duration::from_millis(100);
/// How long a process may take to end when it has told all, and its output to come.
const GRACE: Duration = Duration::from_secs(2);
/// How much of its output is kept: the end of it.
const KEPT: usize = 256 << 10;

/// How a process ended.
pub(super) enum End {
    /// It told this.
    Told(Value),
    /// It ended, or was ended, without a word.
    Failed(Report),
    /// The whole run is interrupted.
    Interrupted,
}

/// Runs this program with `arguments`; what it prints is the second of what is returned.
pub(super) fn run(
    arguments: &[String],
    limit: Duration,
    interrupted: &AtomicBool,
) -> (End, String) {
    match start(arguments) {
        Ok(started) => started.wait(limit, interrupted),
        Err(error) => {
            let error = crate::error::Error::io(&error);
            let report = Report::new(format!("cannot start a process for the test: {error}"));
            (End::Failed(report), String::new())
        }
    }
}

struct Started {
    child: Child,
    channel: UnixStream,
    output: Arc<Mutex<Kept>>,
    reader: thread::JoinHandle<()>,
    told: Vec<u8>,
}

/// The end of what a process prints.
#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    dropped: usize,
}

impl Kept {
    fn push(&mut self, more: &[u8]) {
        self.bytes.extend_from_slice(more);
        if self.bytes.len() > 2 * KEPT {
            let over = self.bytes.len() - KEPT;
            self.bytes.drain(..over);
            self.dropped += over;
        }
    }

    fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        match self.dropped {
            0 => text.into_owned(),
            dropped => format!("… {dropped} bytes are left out\n{text}"),
        }
    }
}

fn start(arguments: &[String]) -> std::io::Result<Started> {
    let (channel, theirs) = UnixStream::pair()?;
    let (reader, writer) = std::io::pipe()?;
    let mut command = Command::new("/proc/self/exe");
    command
        .args(arguments)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(writer.try_clone()?)
        .stderr(writer)
        // Ctrl-C is for this process, which ends the others itself.
        .process_group(0);
    let child = command.spawn()?;
    // Its ends of the pipes: as long as they are open here they do not end.
    drop(command);
    let output = Arc::default();
    let kept = Arc::clone(&output);
    let reader = thread::spawn(move || keep(reader, &kept));
    Ok(Started {
        child,
        channel,
        output,
        reader,
        told: Vec::new(),
    })
}

fn keep(mut reader: PipeReader, kept: &Mutex<Kept>) {
    let mut part = [0; 8192];
    while let Ok(length @ 1..) = reader.read(&mut part) {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(&part[..length]);
    }
}

impl Started {
    fn wait(mut self, limit: Duration, interrupted: &AtomicBool) -> (End, String) {
        let end = self.listen(Instant::now() + limit, limit, interrupted);
        let _ = self.channel.shutdown(Shutdown::Both);
        if matches!(end, Ok(())) {
            self.give_time(|started| !matches!(started.child.try_wait(), Ok(None)));
        }
        let pid = i32::try_from(self.child.id()).unwrap_or_default();
        // Those below first: without their parent they are found no more.
        processes::end_below(pid, &[]);
        let _ = self.child.kill();
        let status = self.child.wait();
        self.give_time(|started| started.reader.is_finished());
        let output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        let output = output.text();
        let end = match end {
            Ok(()) => {
                let told = serde_json::from_slice(&self.told);
                told.map_or_else(|_| End::Failed(ended(status.ok())), End::Told)
            }
            Err(end) => end,
        };
        (end, output)
    }
}

impl Started {
    /// Listens until the process has told all.
    fn listen(
        &mut self,
        end: Instant,
        limit: Duration,
        interrupted: &AtomicBool,
    ) -> Result<(), End> {
        let lost = |error: std::io::Error| {
            let error = crate::error::Error::io(&error);
            End::Failed(Report::new(format!("cannot listen to the test: {error}")))
        };
        self.channel.set_read_timeout(Some(LOOK)).map_err(lost)?;
        let mut part = [0; 8192];
        loop {
            if interrupted.load(Ordering::Relaxed) {
                return Err(End::Interrupted);
            }
            if Instant::now() >= end {
                let limit = duration::print(limit);
                let report = Report::new(format!("the test did not end within {limit}"))
                    .hint("where it needs longer, give it more: `ipvsh test --timeout 5m`");
                return Err(End::Failed(report));
            }
            match self.channel.read(&mut part) {
                Ok(0) => return Ok(()),
                Ok(length) => self.told.extend_from_slice(&part[..length]),
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) => {}
                // A process that ends with something unread resets the line.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(()),
                Err(error) => return Err(lost(error)),
            }
        }
    }

    /// Waits for what is about to happen, though not for long.
    fn give_time(&mut self, mut has_come: impl FnMut(&mut Self) -> bool) {
        let end = Instant::now() + GRACE;
        while !has_come(self) && Instant::now() < end {
            thread::sleep(Duration::from_millis(2));
        }
    }
}

/// What is said of a process that ended without a word.
fn ended(status: Option<ExitStatus>) -> Report {
    let how = match status {
        Some(status) => match (status.signal(), status.code()) {
            (Some(signal), _) => {
                let name = Signal::try_from(signal).map(Signal::as_str);
                format!("was ended by {}", name.unwrap_or("a signal"))
            }
            (None, Some(code)) => format!("ended with exit code {code}"),
            (None, None) => "ended".to_owned(),
        },
        None => "ended".to_owned(),
    };
    Report::new(format!("the process of the test {how}, and told nothing"))
}
