//! The lab of an interactive session, entry by entry: each can be taken back by itself, newest first.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use crate::lab::rollback::Undone;
use crate::lab::{Lab, Undo, WayBack};
use crate::net::namespace::Id;
use crate::net::netns::Netns;

/// What was made before the last mark.
#[derive(Debug, Default)]
pub(super) struct Before {
    /// The number of the stretch of steps since the last mark.
    pub(super) stretch: Cell<usize>,
    netns: RefCell<HashSet<Id>>,
    links: RefCell<HashSet<(Id, u32)>>,
}

impl Before {
    pub(super) fn clear(&self) {
        self.stretch.set(0);
        self.netns.borrow_mut().clear();
        self.links.borrow_mut().clear();
    }
}

impl Lab {
    /// Begins a new stretch of steps, which [`Lab::roll_back_stretch`] takes back by itself, and returns its number.
    ///
    /// A change within something made before the mark is noted from now on: it no longer goes with what it is part of. What was made
    /// before and is deleted is kept as if somebody else had made it.
    pub fn mark(&self) -> usize {
        self.along.clear();
        self.before.stretch.update(|stretch| stretch + 1);
        self.before.netns.replace(self.made_netns.borrow().clone());
        self.before.links.replace(self.made_links.borrow().clone());
        self.before.stretch.get()
    }

    /// The newest stretch of which anything is to be undone.
    pub fn newest_stretch(&self) -> Option<usize> {
        self.steps.borrow().iter().map(|step| step.stretch).max()
    }

    /// Undoes what was done in a stretch, newest first.
    pub async fn roll_back_stretch(&self, stretch: usize) -> Undone {
        let (steps, rest) = self
            .steps
            .take()
            .into_iter()
            .partition(|step| step.stretch == stretch);
        self.steps.replace(rest);
        self.undo_steps(steps).await
    }

    /// Whether the run made this namespace since the last mark.
    pub fn made_namespace_now(&self, netns: &Netns) -> bool {
        let id = netns.namespace().id();
        self.made_namespace(netns) && !self.before.netns.borrow().contains(&id)
    }

    /// Whether the run made this link since the last mark.
    pub fn made_link_now(&self, netns: &Netns, index: u32) -> bool {
        let id = (netns.namespace().id(), index);
        self.made_link(netns, index) && !self.before.links.borrow().contains(&id)
    }

    /// The names of the namespaces that the run made, and how many links it made outside of them.
    pub fn standing(&self) -> (Vec<String>, usize) {
        let (mut names, mut links) = (Vec::new(), 0);
        let steps = self.steps.borrow();
        // Deleted since by a later entry, which may be taken back.
        let place = |undo: &Undo| undo.netns.as_ref().map(|at| at.namespace().id());
        let is_taken = |undo: &Undo| {
            steps.iter().any(|step| {
                let way = &step.undo.way;
                let is_taking = matches!(way, WayBack::NameNetns { .. } | WayBack::MakeLink { .. });
                is_taking && place(&step.undo) == place(undo) && step.undo.link == undo.link
            })
        };
        for step in steps.iter().filter(|step| !is_taken(&step.undo)) {
            match (&step.undo.way, &step.undo.netns) {
                (WayBack::DeleteNetns { name }, _) => names.push(name.to_string()),
                (WayBack::DeleteLink, Some(netns)) if !self.made_namespace(netns) => links += 1,
                _ => {}
            }
        }
        (names, links)
    }
}
