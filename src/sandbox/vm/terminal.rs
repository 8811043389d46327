//! The host's terminal while the guest has it.

use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};

use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, tcgetpgrp};

use super::frames::{Size, Wiring};

/// What the terminal was set to. Beyond the guard, as a deadly signal does not unwind.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// How to connect the guest's program: to a terminal if we have one for both directions.
pub(super) fn wiring() -> Wiring {
    let whole = io::stdin().is_terminal() && io::stdout().is_terminal();
    Wiring {
        terminal: whole.then(size),
        stderr_apart: !io::stderr().is_terminal(),
    }
}

/// The size of the terminal.
pub(super) fn size() -> Size {
    match terminal_size::terminal_size() {
        Some((width, height)) => Size {
            rows: height.0,
            columns: width.0,
        },
        None => Size {
            rows: 24,
            columns: 80,
        },
    }
}

/// Hands each key through as it is, until the guard is dropped.
pub(super) fn raw() -> nix::Result<Raw> {
    let before = tcgetattr(io::stdin())?;
    let mut raw = before.clone();
    cfmakeraw(&mut raw);
    *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
    tcsetattr(io::stdin(), SetArg::TCSADRAIN, &raw)?;
    Ok(Raw)
}

/// Gives the terminal back as it was, if it was taken.
pub(super) fn restore() {
    if let Some(before) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // A terminal that has gone away needs nothing any more.
        let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &before);
    }
}

/// While it lives, the terminal is raw.
pub(super) struct Raw;

impl Drop for Raw {
    fn drop(&mut self) {
        restore();
    }
}

/// Whether reading standard input would stop us: it is a terminal that another job has.
pub(super) fn belongs_to_another_job() -> bool {
    tcgetpgrp(io::stdin()).is_ok_and(|group| group != getpgrp())
}
