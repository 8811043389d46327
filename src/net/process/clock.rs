//! Ends a process that takes too long.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Sends a signal to a process when a time is over, unless it is stopped before: as soon as the process has been waited for.
#[derive(Debug)]
pub struct Clock {
    stop: Sender<()>,
    thread: JoinHandle<bool>,
}

impl Clock {
    /// Begins to count: `signal` goes to `process` after `limit`.
    pub fn start(process: Pid, signal: Signal, limit: Duration) -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = thread::spawn(move || {
            let is_over = stopped.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
            // It may have ended by itself just now.
            is_over && kill(process, signal).is_ok()
        });
        Self { stop, thread }
    }

    /// Counts no more, and says whether the signal was sent.
    pub fn stop(self) -> bool {
        drop(self.stop);
        // It has nothing to panic of.
        self.thread.join().unwrap_or(false)
    }
}
