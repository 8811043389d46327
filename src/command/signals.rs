//! Ctrl-C and its like: the first asks the run to end in good order, a second Ctrl-C ends it at once.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::dsl::Session;
use crate::error::Result;

/// The exit code of a program ended by Ctrl-C, as shells have it.
const INTERRUPTED: i32 = 128 + SIGINT;

/// Sets the session's flag when a signal comes.
pub(super) fn watch(session: &Session) -> Result<()> {
    let asked = Arc::new(AtomicBool::new(false));
    // In this order: the first Ctrl-C finds the flag down and raises it.
    flag::register_conditional_shutdown(SIGINT, INTERRUPTED, asked.clone())?;
    flag::register(SIGINT, asked)?;
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let number = usize::try_from(signal).unwrap_or_default();
        flag::register_usize(signal, session.interrupt().clone(), number)?;
    }
    Ok(())
}
