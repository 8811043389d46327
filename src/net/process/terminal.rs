//! Whose job has the terminal, after a program that had it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::OnceLock;

use nix::sys::signal::{SigSet, SigmaskHow, Signal, pthread_sigmask};
use nix::unistd::{Pid, getpgrp, setpgid, tcgetpgrp, tcsetpgrp};

/// Who gives the terminal to our job, where it has no number here by which we could name it: one byte asks, one answers.
static KEEPER: OnceLock<OwnedFd> = OnceLock::new();

/// Has the process at the other end of `keeper` give us the terminal back from now on.
pub fn ask_keeper(keeper: OwnedFd) {
    // There is one at most, from before the run began.
    let _ = KEEPER.set(keeper);
}

/// Whether our job has the terminal and no number by which a shell could give it back to it.
pub(super) fn is_of_nameless_job() -> bool {
    KEEPER.get().is_some() && tcgetpgrp(std::io::stdin()).is_ok_and(|group| group == getpgrp())
}

/// Makes this process, a child that is to become another program, a job of its own that has the terminal. System calls only.
pub(super) fn take() -> nix::Result<()> {
    let own = Pid::from_raw(0);
    setpgid(own, own)?;
    give(Pid::this())
}

/// Gives the terminal to the job `group`, also from one that does not have it, which would be stopped for that. System calls only.
pub fn give(group: Pid) -> nix::Result<()> {
    let mut stopping = SigSet::empty();
    stopping.add(Signal::SIGTTOU);
    let mut before = SigSet::empty();
    pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&stopping), Some(&mut before))?;
    let given = tcsetpgrp(std::io::stdin(), group);
    pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&before), None)?;
    given
}

/// Takes the terminal back. A shell that was killed leaves it with its own process group, and we would be stopped at the next read.
pub fn take_back() {
    let stdin = std::io::stdin();
    let own = getpgrp();
    if !tcgetpgrp(stdin.as_fd()).is_ok_and(|group| group != own) {
        return;
    }
    if let Some(keeper) = KEEPER.get() {
        // Where it is gone, we soon are as well.
        let _ = keeper.try_clone().map(File::from).and_then(|mut keeper| {
            keeper.write_all(&[1])?;
            keeper.read_exact(&mut [0])
        });
        return;
    }
    // Where it fails the terminal is gone, which the next read will say.
    let _ = give(own);
}
