//! The process that stays outside: for the caller it is the run.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, pthread_sigmask, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, getpgrp};
use signal_hook::low_level::emulate_default_handler;

use super::PASSED_ON;
use super::first::{ENDED, KILLED, STOPPED};
use crate::net::process::terminal;

/// How the run has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Code(u8),
    Signal(i32),
}

/// Stays until the run has ended and returns its exit code; a run that a signal has ended has this process ended by it, too.
///
/// `first` is the first process inside, which takes `order`s and tells `news`. At `keeper` the run asks for the terminal.
pub(super) fn stay(first: Pid, order: &OwnedFd, news: OwnedFd, keeper: OwnedFd) -> u8 {
    let end = watch(order, news, keeper);
    // When this returns, all that was inside has ended.
    let status = loop {
        match waitpid(first, None) {
            Err(Errno::EINTR) => {}
            other => break other,
        }
    };
    match (end, status) {
        (Some(End::Code(code)), _) => code,
        (Some(End::Signal(signal)), _) => end_by(signal),
        // It has failed before there was a run, and has said why.
        (None, Ok(WaitStatus::Exited(_, code))) => u8::try_from(code).unwrap_or(u8::MAX),
        (None, Ok(WaitStatus::Signaled(_, signal, _))) => end_by(signal as i32),
        (None, _) => u8::MAX,
    }
}

/// Passes on what comes until the run has ended; none where there is nobody who could say how.
fn watch(order: &OwnedFd, news: OwnedFd, keeper: OwnedFd) -> Option<End> {
    let mut order = File::from(order.try_clone().ok()?);
    let (mut news, mut keeper) = (File::from(news), Some(File::from(keeper)));
    let passed_on: SigSet = PASSED_ON.into_iter().collect();
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let signals = SignalFd::with_flags(&passed_on, flags).ok()?;
    loop {
        let mut ready = vec![
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(news.as_fd(), PollFlags::POLLIN),
        ];
        ready.extend(
            keeper
                .as_ref()
                .map(|keeper| PollFd::new(keeper.as_fd(), PollFlags::POLLIN)),
        );
        match poll(&mut ready, PollTimeout::NONE) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(_) => return None,
        }
        let comes = |index: usize| {
            ready
                .get(index)
                .is_some_and(|one| one.any().unwrap_or(true))
        };
        let (is_signal, is_news, is_asked) = (comes(0), comes(1), comes(2));
        if is_signal {
            pass_on(&signals, &mut order);
        }
        if is_asked && let Some(asked) = &mut keeper {
            match asked.read(&mut [0]) {
                Ok(1) => {
                    take_terminal_back();
                    let _ = asked.write_all(&[1]);
                }
                _ => keeper = None,
            }
        }
        if is_news {
            let mut line = [0; 2];
            news.read_exact(&mut line).ok()?;
            match line {
                [ENDED, code] => return Some(End::Code(code)),
                [KILLED, signal] => return Some(End::Signal(signal.into())),
                [STOPPED, _] => stop(&mut order),
                _ => {}
            }
        }
    }
}

/// Passes on the signals that were sent to this process. Those of the terminal reach the run by themselves, as it is of the same job.
fn pass_on(signals: &SignalFd, order: &mut File) {
    while let Ok(Some(signal)) = signals.read_signal() {
        let is_from_terminal = signal.ssi_code == libc::SI_KERNEL;
        let number = u8::try_from(signal.ssi_signo).unwrap_or_default();
        if !is_from_terminal && i32::from(number) != libc::SIGTSTP {
            // The run may just have ended.
            let _ = order.write_all(&[number]);
        }
    }
}

/// Stops as the run has, so that the shell sees it; when it goes on, so does the run.
fn stop(order: &mut File) {
    let mut stop = SigSet::empty();
    stop.add(Signal::SIGTSTP);
    let _ = raise(Signal::SIGTSTP);
    let _ = pthread_sigmask(SigmaskHow::SIG_UNBLOCK, Some(&stop), None);
    let _ = pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&stop), None);
    let _ = order.write_all(&[u8::try_from(libc::SIGCONT).unwrap_or_default()]);
}

/// Gives the terminal to the job of this process. Inside, that job has no number by which it could be named.
fn take_terminal_back() {
    // Where it fails the terminal is gone, which the next read of the run will say.
    let _ = terminal::give(getpgrp());
}

/// Ends this process by the signal that has ended the run.
fn end_by(signal: i32) -> u8 {
    // The run has left what there is to be seen of it.
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    let _ = emulate_default_handler(signal);
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}
