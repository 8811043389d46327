//! A change that goes back unless somebody confirms it: what the journal tells of it.
//!
//! While a lab waits, no other run works on it: what its last run did is then all that goes back.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::lab::journal::{self, Journal, now};
use crate::lab::record::{Contents, Line};
use crate::lab::rollback::{Undone, take_down_lab};
use crate::lab::{Lab, kept};
use crate::value::shell;

/// That the changes of a lab's last run wait to be confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Until when, in seconds since 1970.
    pub until: u64,
}

impl Pending {
    /// Until when, in words: `until 2026-11-23 11:52:36 UTC`, or that this time has passed.
    pub fn describe(self) -> String {
        let time = journal::time(self.until);
        if self.until < now() {
            format!("waits to be confirmed; its time ended {time}, and nothing has taken it back")
        } else {
            format!("waits to be confirmed until {time}")
        }
    }
}

impl Contents {
    /// Fails with `busy` where the changes of the lab's last run wait to be confirmed.
    pub(super) fn check_confirmed(&self, lab: &str) -> Result<()> {
        let Some(pending) = self.pending else {
            return Ok(());
        };
        let word = shell::word(lab);
        Err(Error::new(
            Kind::Busy,
            format!("its last change {}", pending.describe()),
        )
        .doing("change lab", lab)
        .hint(format!(
            "`ipvsh confirm {word}` keeps that change, `ipvsh down {word}` takes the whole lab down"
        )))
    }
}

impl Lab {
    /// Writes that what this run has changed goes back unless it is confirmed until then, in seconds since 1970. `false` where the
    /// run has changed nothing.
    pub fn await_confirmation(&self, until: u64) -> Result<bool> {
        if self.is_empty() {
            return Ok(false);
        }
        match self.journal.borrow_mut().as_mut() {
            Some(journal) => journal.append(&Line::Pending(Pending { until }))?,
            None => return Ok(false),
        }
        self.awaits.set(true);
        Ok(true)
    }
}

/// Keeps what the last run of the lab has changed; `false` where nothing of it waits.
///
/// # Errors
///
/// `busy` where a run is at work on the lab, or the change goes back at this moment.
pub fn confirm(lab: &str) -> Result<bool> {
    let Some((mut journal, contents)) = Journal::open(lab, None, false)? else {
        return Ok(false);
    };
    if contents.pending.is_none() {
        return Ok(false);
    }
    journal.append(&Line::Confirmed)?;
    // What was held ready to come back is no longer asked for.
    kept::settle_told(&mut journal, &contents);
    journal.close();
    Ok(true)
}

/// Takes back what the last run of the lab has changed, where that run was of process `pid`; `None` where it was not.
///
/// # Errors
///
/// `busy` where somebody is at work on the lab.
pub async fn take_back(lab: &str, pid: u32) -> Result<Option<Undone>> {
    let Some((mut journal, mut contents)) = Journal::open(lab, None, false)? else {
        return Ok(None);
    };
    if !contents.is_last_of(pid) {
        return Ok(None);
    }
    let last = contents.runs.len();
    let was_pending = contents.pending.is_some();
    contents.steps.retain(|step| step.run == last);
    let undone = take_down_lab(&mut journal, contents, false).await;
    if was_pending {
        // What could not be undone stays in the journal, for `down`.
        journal.append(&Line::Confirmed)?;
    }
    journal.close();
    Ok(Some(undone))
}

/// The lab whose last run was of process `pid`, and whether it waits to be confirmed.
///
/// # Errors
///
/// Where the journals can't be listed. One that can't be read is passed over.
pub fn of_process(pid: u32) -> Result<Option<(String, bool)>> {
    for lab in journal::names()? {
        if let Ok(Some((contents, _))) = Journal::peek(&lab)
            && contents.is_last_of(pid)
        {
            return Ok(Some((lab, contents.pending.is_some())));
        }
    }
    Ok(None)
}

/// The labs that wait to be confirmed.
///
/// # Errors
///
/// Where the journals can't be listed.
pub fn waiting() -> Result<Vec<(String, Pending)>> {
    let labs = journal::names()?.into_iter().filter_map(|lab| {
        let (contents, _) = Journal::peek(&lab).ok()??;
        Some((lab, contents.pending?))
    });
    Ok(labs.collect())
}
