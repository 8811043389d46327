//! The lab of an interactive session, entry by entry: each can be taken back by itself, newest first.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use crate::lab::rollback::Undone;
use crate::lab::{Lab, WayBack};
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
    /// Begins a new stretch of steps, which [`Lab::roll_back_to_mark`] takes back by itself.
    ///
    /// A change within something made before the mark is noted from now on: it no longer goes with what it is part of.
    pub fn mark(&self) {
        self.before.stretch.update(|stretch| stretch + 1);
        self.before.netns.replace(self.made_netns.borrow().clone());
        self.before.links.replace(self.made_links.borrow().clone());
    }

    /// Whether nothing was done since the last mark.
    pub fn is_marked_empty(&self) -> bool {
        let stretch = self.before.stretch.get();
        self.steps.borrow().iter().all(|s| s.stretch != stretch)
    }

    /// Undoes what was done since the last mark, newest first, and goes on with the stretch before it.
    ///
    /// What was made in that one counts as made before: its changes were noted one by one.
    pub async fn roll_back_to_mark(&self) -> Undone {
        let stretch = self.before.stretch.get();
        let (steps, rest) = self
            .steps
            .take()
            .into_iter()
            .partition(|step| step.stretch == stretch);
        self.steps.replace(rest);
        self.before.stretch.set(stretch.saturating_sub(1));
        self.undo_steps(steps).await
    }

    /// Whether the run made this namespace since the last mark.
    pub(super) fn made_namespace_now(&self, netns: &Netns) -> bool {
        let id = netns.namespace().id();
        self.made_namespace(netns) && !self.before.netns.borrow().contains(&id)
    }

    /// Whether the run made this link since the last mark.
    pub(super) fn made_link_now(&self, netns: &Netns, index: u32) -> bool {
        let id = (netns.namespace().id(), index);
        self.made_link(netns, index) && !self.before.links.borrow().contains(&id)
    }

    /// The names of the namespaces that the run made, and how many links it made outside of them.
    pub fn standing(&self) -> (Vec<String>, usize) {
        let (mut names, mut links) = (Vec::new(), 0);
        for step in self.steps.borrow().iter() {
            match (&step.undo.way, &step.undo.netns) {
                (WayBack::DeleteNetns { name }, _) => names.push(name.to_string()),
                (WayBack::DeleteLink, Some(netns)) if !self.made_namespace(netns) => links += 1,
                _ => {}
            }
        }
        (names, links)
    }
}
