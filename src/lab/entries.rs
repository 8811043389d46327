//! The lab of an interactive session, entry by entry: each can be taken back by itself, newest first.

use std::cell::RefCell;
use std::collections::HashSet;

use crate::lab::rollback::{Undone, undo_all};
use crate::lab::{Lab, Undo};
use crate::net::namespace::Id;
use crate::net::netns::Netns;

/// What was done before the last mark.
#[derive(Debug, Default)]
pub(super) struct Before {
    /// The steps of each stretch between two marks, oldest first.
    stretches: RefCell<Vec<Vec<Undo>>>,
    netns: RefCell<HashSet<Id>>,
    links: RefCell<HashSet<(Id, u32)>>,
}

impl Before {
    pub(super) fn is_empty(&self) -> bool {
        self.stretches.borrow().iter().all(Vec::is_empty)
    }

    pub(super) fn take_all(&self) -> Vec<Undo> {
        self.netns.borrow_mut().clear();
        self.links.borrow_mut().clear();
        self.stretches.take().into_iter().flatten().collect()
    }

    pub(super) fn for_each(&self, mut action: impl FnMut(&mut Undo)) {
        for step in self.stretches.borrow_mut().iter_mut().flatten() {
            action(step);
        }
    }

    /// Forgets what a namespace that was deleted on purpose took with it.
    pub(super) fn namespace_deleted(&self, id: Id) {
        for stretch in self.stretches.borrow_mut().iter_mut() {
            stretch.retain(|step| step.netns().namespace().id() != id);
        }
    }
}

impl Lab {
    /// Begins a new stretch of steps, which [`Lab::roll_back_to_mark`] takes back by itself.
    ///
    /// A change within something made before the mark is noted from now on: it no longer goes with what it is part of.
    pub fn mark(&self) {
        let steps = std::mem::take(&mut *self.steps.borrow_mut());
        self.before.stretches.borrow_mut().push(steps);
        self.before.netns.replace(self.made_netns.borrow().clone());
        self.before.links.replace(self.made_links.borrow().clone());
    }

    /// Whether anything was done since the last mark.
    pub fn is_marked_empty(&self) -> bool {
        self.steps.borrow().is_empty()
    }

    /// Undoes what was done since the last mark, newest first, and goes on with the stretch before it.
    pub async fn roll_back_to_mark(&self) -> Undone {
        let steps = std::mem::take(&mut *self.steps.borrow_mut());
        for step in &steps {
            let id = step.netns().namespace().id();
            match step {
                Undo::DeleteNetns { .. } => {
                    self.made_netns.borrow_mut().remove(&id);
                    self.made_links.borrow_mut().retain(|(of, _)| *of != id);
                }
                Undo::DeleteLink { index, .. } => {
                    self.made_links.borrow_mut().remove(&(id, *index));
                }
                _ => {}
            }
        }
        let undone = undo_all(steps).await;
        if let Some(steps) = self.before.stretches.borrow_mut().pop() {
            self.steps.replace(steps);
        }
        // What was made in the stretch gone back to counts as made before: its changes were noted one by one.
        undone
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
        let mut look = |step: &mut Undo| match step {
            Undo::DeleteNetns { netns, .. } => names.push(netns.label().to_owned()),
            Undo::DeleteLink { netns, .. } if !self.made_namespace(netns) => links += 1,
            _ => {}
        };
        self.before.for_each(&mut look);
        self.steps.borrow_mut().iter_mut().for_each(&mut look);
        (names, links)
    }
}
