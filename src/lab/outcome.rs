//! What happened to each object that a script asked for: the counts, and the list.

use std::cell::{Cell, Ref, RefCell};
use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::lab::object::{Object, Thing};
use crate::net::netns::Netns;

/// Why something of an earlier run is listed.
pub const NO_LONGER: &str = "no longer in the script";

/// What happened to an object that the script asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was not there and was made.
    Created,
    /// It was there and was changed.
    Changed,
    /// It was there as asked.
    Unchanged,
    /// It was there and was taken away.
    Deleted,
    /// An earlier run made it, and the script no longer does: it stays until a run with `--prune`.
    Stale,
    /// Only in a plan: it is in the way of what the script asks.
    Conflict,
    /// Only in a plan: it would be tried when all is there.
    #[serde(rename = "would_test")]
    WouldTest,
}

/// How many objects met each outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Made by this run.
    pub created: usize,
    /// Changed by this run.
    pub changed: usize,
    /// Found as asked.
    pub unchanged: usize,
    /// Taken away by this run.
    pub deleted: usize,
    /// Made by earlier runs and no longer by the script.
    pub stale: usize,
    /// In the way of what a plan asks.
    pub conflicts: usize,
    /// To be tried when all that a plan asks is there.
    pub tests: usize,
}

impl Counts {
    /// Whether anything is made, changed or taken away.
    pub const fn would_change(self) -> bool {
        self.created + self.changed + self.deleted > 0
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "created {}, changed {}, unchanged {}, deleted {}",
            self.created, self.changed, self.unchanged, self.deleted
        )
    }
}

/// An object that the script asked for, and what happened to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Entry {
    /// What happened.
    pub outcome: Outcome,
    /// What it happened to.
    #[serde(flatten)]
    pub object: Object,
    /// The namespace where it lives; none for a namespace itself.
    pub namespace: Option<String>,
    /// Why, where that is not what the script says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
    /// Both sides of a conflict.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What happened so far in a run.
#[derive(Debug, Default)]
pub struct Outcomes {
    /// Whether programs are told of them, who want to know more of an object than its line.
    for_programs: Cell<bool>,
    counts: Cell<Counts>,
    entries: RefCell<Vec<Entry>>,
}

impl Outcomes {
    /// Whether programs are told of them.
    pub fn are_for_programs(&self) -> bool {
        self.for_programs.get()
    }

    /// Has programs told of them.
    pub fn tell_programs(&self) {
        self.for_programs.set(true);
    }

    /// Notes what happened to an object in `netns`.
    pub(super) fn note(
        &self,
        outcome: Outcome,
        netns: Option<&Netns>,
        mut object: Object,
        notes: Vec<String>,
    ) {
        self.count(outcome);
        if outcome == Outcome::Deleted {
            // What is gone has no more than its name.
            object.attributes.clear();
        }
        self.entries.borrow_mut().push(Entry {
            outcome,
            object,
            namespace: netns.map(|netns| netns.label().to_owned()),
            remark: None,
            notes,
        });
    }

    /// Notes a thing of earlier runs that the script no longer makes: as taken away now, or as stale.
    pub(super) fn note_stale(&self, outcome: Outcome, thing: &Thing) {
        self.count(outcome);
        self.entries.borrow_mut().push(Entry {
            outcome,
            object: thing.object.clone(),
            namespace: thing.place.clone(),
            remark: Some(NO_LONGER.to_owned()),
            notes: Vec::new(),
        });
    }

    /// Adds why to what was noted last.
    pub fn remark(&self, remark: String) {
        if let Some(entry) = self.entries.borrow_mut().last_mut() {
            entry.remark = Some(remark);
        }
    }

    fn count(&self, outcome: Outcome) {
        let mut counts = self.counts.get();
        match outcome {
            Outcome::Stale => counts.stale += 1,
            Outcome::Created => counts.created += 1,
            Outcome::Changed => counts.changed += 1,
            Outcome::Unchanged => counts.unchanged += 1,
            Outcome::Deleted => counts.deleted += 1,
            Outcome::Conflict => counts.conflicts += 1,
            Outcome::WouldTest => counts.tests += 1,
        }
        self.counts.set(counts);
    }

    /// How many objects met each outcome.
    pub fn counts(&self) -> Counts {
        self.counts.get()
    }

    /// The objects, in the order in which the script came to them.
    pub fn entries(&self) -> Ref<'_, Vec<Entry>> {
        self.entries.borrow()
    }
}
