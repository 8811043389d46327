//! Ctrl-C and its like: the first asks the run to end in good order, a second Ctrl-C ends it at once.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGQUIT};
use signal_hook::flag;

use crate::dsl::Session;
use crate::error::Result;
use crate::net::ending;

/// The exit code of a program ended by Ctrl-C, as shells have it.
const INTERRUPTED: i32 = 128 + SIGINT;

/// What has been asked by signals so far.
pub struct Signals {
    asked: Arc<AtomicBool>,
    session: Rc<Session>,
}

impl Signals {
    /// Sets the session's flag when Ctrl-C comes, or one of the signals in `others`.
    pub fn watch(session: &Rc<Session>, others: &[i32]) -> Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        // In this order: the first Ctrl-C finds the flag down and raises it.
        flag::register_conditional_shutdown(SIGINT, INTERRUPTED, asked.clone())?;
        flag::register(SIGINT, asked.clone())?;
        for signal in [SIGINT].iter().chain(others) {
            let number = usize::try_from(*signal).unwrap_or_default();
            flag::register_usize(*signal, session.interrupt().clone(), number)?;
        }
        ending::heed(session.interrupt());
        Ok(Self {
            asked,
            session: session.clone(),
        })
    }

    /// Sets the session's flag each time that Ctrl-C or Ctrl-\ comes, and never ends the process.
    pub fn watch_over_and_over(session: &Rc<Session>) -> Result<Self> {
        let number = usize::try_from(SIGINT).unwrap_or_default();
        for signal in [SIGINT, SIGQUIT] {
            flag::register_usize(signal, session.interrupt().clone(), number)?;
        }
        ending::heed(session.interrupt());
        Ok(Self {
            asked: Arc::new(AtomicBool::new(false)),
            session: session.clone(),
        })
    }

    /// Forgets what was asked: the next Ctrl-C is a first one again.
    pub fn reset(&self) {
        self.asked.store(false, Ordering::Relaxed);
        self.session.interrupt().store(0, Ordering::Relaxed);
    }
}
