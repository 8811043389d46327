//! A second try: cases that hold only then are told by name with what failed first, and few of them may.
//!
//! A loaded machine loses a packet now and then, which is no fault of ipvsh. What fails always fails twice. What fails at times
//! is a fault to be looked for, of the case or of ipvsh: so it is told at the end of the run. Only the first [`MOST`] failures of a
//! place get a second try.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::case::Case;

/// How many failures get a second try: on this machine, and in each micro-VM.
const MOST: usize = 2;

static TRIED: AtomicUsize = AtomicUsize::new(0);
static TOLD: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

/// How a case ended.
pub(crate) struct End {
    /// What did not hold at the first try, where there was a second.
    pub(crate) first: Option<String>,
    /// The error says what did not hold.
    pub(crate) result: Result<(), String>,
}

/// Runs `case`, and once more where it is one of the first to fail.
pub(crate) fn run(case: &Case) -> End {
    match case.run() {
        Err(failure) if TRIED.fetch_add(1, Ordering::Relaxed) < MOST => End {
            result: case.run(),
            first: Some(failure),
        },
        result => End {
            first: None,
            result,
        },
    }
}

/// Notes what is to be told of a case that held at the second try.
pub(crate) fn note(name: &str, end: &End) {
    if let (Some(first), Ok(())) = (&end.first, &end.result) {
        let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
        told.push((name.to_owned(), first.clone()));
    }
}

/// The cases that held at the second try only, each with what failed first.
pub(crate) fn told() -> String {
    let told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    let of_each = told.iter().map(|(name, first)| {
        format!("\nHELD AT THE SECOND TRY ONLY: {name}\nwhat failed first:\n{first}\n")
    });
    of_each.collect()
}
