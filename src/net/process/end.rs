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
pub async fn end(processes: &[Process]) -> Result<()> {
    let ended = join_all(processes.iter().map(|process| end_one(*process))).await;
    ended.into_iter().collect()
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
    Err(context(Error::new(
        Kind::Busy,
        "it does not end: it waits in the kernel for something",
    )))
}
