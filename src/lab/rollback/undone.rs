//! What was undone, counted and in words.

use std::collections::HashSet;
use std::fmt;

use crate::error::{Error, Kind, Result};
use crate::lab::undo::WayBack;
use crate::value::count::in_words;

use super::EARLIER;

/// What a rollback did.
#[derive(Clone, Debug, Default)]
pub struct Undone {
    /// Namespaces taken away.
    pub namespaces: usize,
    /// Links deleted, apart from those that went with their namespace.
    pub links: usize,
    /// Processes ended, apart from those that they have started themselves.
    pub processes: usize,
    /// Settings, addresses and routes put back.
    pub changes: usize,
    /// What somebody else has changed since, and was left as it is.
    pub left: Vec<String>,
    /// What could not be undone, and why.
    pub failures: Vec<Error>,
}

impl Undone {
    /// What was taken down in two tries. What the first could not, as something held it, is told by the second.
    #[must_use]
    pub fn and_again(self, again: Self) -> Self {
        let told: HashSet<String> = again.failures.iter().map(ToString::to_string).collect();
        let mut failures = self.failures;
        failures.retain(|one| one.kind != Kind::Busy && !told.contains(&one.to_string()));
        failures.extend(again.failures);
        Self {
            namespaces: self.namespaces + again.namespaces,
            links: self.links + again.links,
            processes: self.processes + again.processes,
            changes: self.changes + again.changes,
            left: [self.left, again.left].concat(),
            failures,
        }
    }

    /// What was taken down: `2 namespaces, 1 link`. `None` where nothing was.
    pub fn counted(&self) -> Option<String> {
        in_words([
            (self.namespaces, "namespace", "namespaces"),
            (self.links, "link", "links"),
            (self.processes, "process", "processes"),
            (self.changes, "change", "changes"),
        ])
    }

    /// What counts the steps of this way.
    fn counter(&mut self, way: &WayBack) -> &mut usize {
        match way {
            WayBack::DeleteNetns { .. } => &mut self.namespaces,
            WayBack::DeleteLink => &mut self.links,
            _ => &mut self.changes,
        }
    }

    /// Notes what became of a step.
    pub(super) fn note(&mut self, of: &WayBack, way: Way) {
        match way {
            Way::Back => *self.counter(of) += 1,
            Way::NothingLeft => {}
            // What was made and taken away again is told once.
            Way::NotOurs(text) if self.left.contains(&text) => {}
            Way::NotOurs(text) => self.left.push(text),
        }
    }

    /// Notes how namespaces ended: what failed, and what there is to say.
    pub(super) fn note_end(&mut self, (gone, late): (Result<()>, Option<String>)) {
        self.failures.extend(gone.err());
        self.left.extend(late);
    }

    /// Says with a failure that older steps of its link wait for it.
    pub(super) fn note_earlier(&mut self, failure: usize) {
        if let Some(error) = self.failures.get_mut(failure)
            && error.notes.is_empty()
        {
            error.notes.push(EARLIER.to_owned());
        }
    }
}

impl fmt::Display for Undone {
    /// One line that says what was taken down: `took down what this run made: 2 namespaces, 1 link`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.counted() {
            None => f.write_str("nothing of what this run made was left to take down"),
            Some(parts) => write!(f, "took down what this run made: {parts}"),
        }
    }
}

/// What became of one step.
pub(super) enum Way {
    Back,
    NothingLeft,
    /// Somebody else has changed it since; what is there, in words.
    NotOurs(String),
}
