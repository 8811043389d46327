//! The end of processes: they are told, waited for, and ended.

use std::os::fd::OwnedFd;
use std::time::Duration;

use futures::future::join_all;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::error::{Error, Kind, Result};
use crate::net::fault;
use crate::net::process::{Process, name_of, readable};

/// How long a process that was told to end has for it.
const GRACE: Duration = Duration::from_secs(2);

/// How long one that was ended by force may take: it hangs in the kernel else.
const FORCED: Duration = Duration::from_secs(5);

/// Tells of the end of a process.
#[derive(Debug)]
pub struct Ended(OwnedFd);

impl Ended {
    /// Opens it. `None` where the process is gone.
    pub fn of(process: Process) -> Result<Option<Self>> {
        let Some(pid) = number(process) else {
            return Ok(None);
        };
        match pidfd_open(pid, PidfdFlags::empty()) {
            // Looked at once more: the number may have been given anew just before it was opened.
            Ok(file) => Ok(process.runs().then_some(Self(file))),
            Err(rustix::io::Errno::SRCH) => Ok(None),
            Err(errno) => Err(Error::io(&errno.into())),
        }
    }

    /// Waits for it. To be called within the tokio runtime.
    pub async fn wait(&self) -> Result<()> {
        let file = readable(self.0.try_clone()?)?;
        drop(file.readable().await?);
        Ok(())
    }

    /// Sends a signal; `false` where the process has ended.
    pub fn signal(&self, signal: i32) -> Result<bool> {
        let signal = Signal::from_named_raw(signal)
            .ok_or_else(|| Error::invalid(format!("there is no signal {signal}")))?;
        match fault::guard(|| {
            pidfd_send_signal(&self.0, signal)
                .map_err(|errno| nix::errno::Errno::from_raw(errno.raw_os_error()))
        }) {
            Ok(()) => Ok(true),
            Err(nix::errno::Errno::ESRCH) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Its number, as the kernel is asked with it.
pub(super) fn number(process: Process) -> Option<Pid> {
    i32::try_from(process.pid).ok().and_then(Pid::from_raw)
}

/// Waits for the end of a process, at once where it is gone.
pub async fn has_ended(process: Process) -> Result<()> {
    match Ended::of(process)? {
        Some(ended) => ended.wait().await,
        None => Ok(()),
    }
}

/// Tells the processes to end, waits for them all at once, and ends those by force that are left after a while.
async fn end(processes: &[Process]) -> Result<()> {
    let ended = join_all(processes.iter().map(|process| end_one(*process))).await;
    ended.into_iter().collect()
}

/// How often processes are stopped that were started while others ended.
const ROUNDS: usize = 100;

/// Ends all that `running` lists, and what these start meanwhile: they are told to, and what is left then is stopped first, so that
/// it can start nothing any more.
pub async fn end_tree(running: impl Fn() -> Vec<Process>) -> Result<()> {
    end(&running()).await?;
    for _ in 0..ROUNDS {
        let mut stopped: Vec<(Process, Ended)> = Vec::new();
        loop {
            let mut new = running();
            new.retain(|one| !stopped.iter().any(|(known, _)| known == one));
            if new.is_empty() {
                break;
            }
            for process in new {
                if let Some(ended) = Ended::of(process)? {
                    ended.signal(libc::SIGSTOP)?;
                    stopped.push((process, ended));
                }
            }
            tokio::task::yield_now().await;
        }
        if stopped.is_empty() {
            return Ok(());
        }
        for (_, ended) in &stopped {
            ended.signal(libc::SIGKILL)?;
        }
        for (process, ended) in &stopped {
            match tokio::time::timeout(FORCED, ended.wait()).await {
                Ok(waited) => waited?,
                Err(_) => return Err(hangs(*process)),
            }
        }
    }
    Ok(())
}

fn hangs(process: Process) -> Error {
    let what = format!("{} ({})", process.pid, name_of(process.pid));
    Error::new(
        Kind::Busy,
        "it does not end: it waits in the kernel for something",
    )
    .doing("end process", &what)
}

async fn end_one(process: Process) -> Result<()> {
    let context = |error: Error| {
        let what = format!("{} ({})", process.pid, name_of(process.pid));
        error.doing("end process", &what)
    };
    let Some(ended) = Ended::of(process).map_err(context)? else {
        return Ok(());
    };
    for (signal, patience) in [(libc::SIGTERM, GRACE), (libc::SIGKILL, FORCED)] {
        if !ended.signal(signal).map_err(context)? {
            return Ok(());
        }
        if let Ok(result) = tokio::time::timeout(patience, ended.wait()).await {
            return result.map_err(context);
        }
    }
    Err(hangs(process))
}
