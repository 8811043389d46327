//! The first process of the pid namespace: it buries who ends, and ends with the run or with the process outside.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// What the process outside is told: a letter, and a number.
pub(super) const ENDED: u8 = b'e';
/// The run was ended by a signal.
pub(super) const KILLED: u8 = b'k';
/// The run was stopped, as by Ctrl-Z.
pub(super) const STOPPED: u8 = b's';

/// Waits for the end of `run`, and returns its exit code. `orders` are signals for it, a byte each.
pub(super) fn serve(run: Pid, orders: &OwnedFd, tell: OwnedFd) -> u8 {
    let mut tell = File::from(tell);
    let mut orders_read = match orders.try_clone() {
        Ok(orders) => File::from(orders),
        Err(_) => return u8::MAX,
    };
    let mut ends = SigSet::empty();
    ends.add(Signal::SIGCHLD);
    let Ok(ends) = SignalFd::with_flags(&ends, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
    else {
        return u8::MAX;
    };
    // One that ended before there was anybody to wait is found first.
    loop {
        if let Some(code) = bury(run, &mut tell) {
            return code;
        }
        let mut ready = [
            PollFd::new(ends.as_fd(), PollFlags::POLLIN),
            PollFd::new(orders.as_fd(), PollFlags::POLLIN),
        ];
        if let Err(errno) = poll(&mut ready, PollTimeout::NONE)
            && errno != Errno::EINTR
        {
            return u8::MAX;
        }
        let is_ordered = ready[1].any().unwrap_or(true);
        while let Ok(Some(_)) = ends.read_signal() {}
        if is_ordered {
            let mut signals = [0; 16];
            match orders_read.read(&mut signals) {
                // The process outside is gone, and all that is inside goes with us.
                Ok(0) | Err(_) => return u8::MAX,
                Ok(count) => signals[..count].iter().for_each(|signal| {
                    if let Ok(signal) = Signal::try_from(i32::from(*signal)) {
                        // It may have ended meanwhile.
                        let _ = kill(run, signal);
                    }
                }),
            }
        }
    }
}

/// Buries all that have ended; returns the exit code when `run` is among them.
fn bury(run: Pid, tell: &mut File) -> Option<u8> {
    loop {
        let flags = WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED;
        let (what, number, over) = match waitpid(None, Some(flags)) {
            Ok(WaitStatus::Exited(who, code)) if who == run => {
                (ENDED, u8::try_from(code).unwrap_or(u8::MAX), true)
            }
            Ok(WaitStatus::Signaled(who, signal, _)) if who == run => {
                (KILLED, number(signal), true)
            }
            Ok(WaitStatus::Stopped(who, signal)) if who == run => (STOPPED, number(signal), false),
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return None,
            Ok(_) | Err(Errno::EINTR) => continue,
            Err(_) => return Some(u8::MAX),
        };
        // Where the process outside is gone there is nobody to tell, and the next look at its orders says so.
        let _ = tell.write_all(&[what, number]);
        if over {
            return Some(number);
        }
    }
}

fn number(signal: Signal) -> u8 {
    u8::try_from(signal as i32).unwrap_or_default()
}
