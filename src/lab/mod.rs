//! What a run made and changed, how to undo each, and the way back.
//!
//! A word announces its change with [`Lab::step`] before it asks the kernel for it. What was there before the run is never
//! announced as made, so that taking a run down leaves it alone. Inside a namespace or on a link that the run itself made,
//! single changes need no undo: they go with it.

pub mod entries;
pub mod rollback;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::net::IpAddr;
use std::rc::Rc;

use ipnet::IpNet;
use rtnetlink::packet_route::link::LinkMessage;

use crate::error::Result;
use crate::net::namespace::Id;
use crate::net::netns::Netns;
use crate::net::route::Route;
use crate::value::name::NetnsName;

/// What happened to an object that the script asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was not there and was made.
    Created,
    /// It was there and was changed.
    Changed,
    /// It was there as asked.
    Unchanged,
    /// It was there and was taken away.
    Deleted,
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
}

/// How to take one step back.
#[derive(Clone, Debug)]
pub enum Undo {
    /// Take the name, and with it the namespace, away.
    DeleteNetns {
        /// The namespace made.
        netns: Rc<Netns>,
        /// Its name.
        name: NetnsName,
    },
    /// Delete a link.
    DeleteLink {
        /// Where it lives.
        netns: Rc<Netns>,
        /// Its ifindex; 0 until the kernel has given it one.
        index: u32,
        /// Its name.
        name: String,
    },
    /// Bring a link back to where it was.
    MoveBack {
        /// Where it is now.
        netns: Rc<Netns>,
        /// Its ifindex there.
        index: u32,
        /// Where it was.
        home: Rc<Netns>,
        /// Its name there.
        name: String,
    },
    /// Set a link's attributes to what they were.
    Restore {
        /// Where it lives.
        netns: Rc<Netns>,
        /// The former values; carries the ifindex.
        message: LinkMessage,
        /// What is restored, in words.
        what: String,
    },
    /// Delete an address.
    DeleteAddress {
        /// Where the link lives.
        netns: Rc<Netns>,
        /// Its ifindex.
        link: u32,
        /// The address.
        prefix: IpNet,
    },
    /// Add an address again.
    AddAddress {
        /// Where the link lives.
        netns: Rc<Netns>,
        /// Its ifindex.
        link: u32,
        /// The address.
        prefix: IpNet,
    },
    /// Delete a route.
    DeleteRoute {
        /// Where it stands.
        netns: Rc<Netns>,
        /// The route.
        route: Box<Route>,
    },
    /// Add a route again.
    AddRoute {
        /// Where it stood.
        netns: Rc<Netns>,
        /// The route.
        route: Box<Route>,
    },
}

impl Undo {
    /// The namespace that it works in.
    fn netns(&self) -> &Rc<Netns> {
        match self {
            Self::DeleteNetns { netns, .. }
            | Self::DeleteLink { netns, .. }
            | Self::MoveBack { netns, .. }
            | Self::Restore { netns, .. }
            | Self::DeleteAddress { netns, .. }
            | Self::AddAddress { netns, .. }
            | Self::DeleteRoute { netns, .. }
            | Self::AddRoute { netns, .. } => netns,
        }
    }

    /// The link that it is about, by ifindex.
    fn link(&self) -> Option<u32> {
        match self {
            Self::DeleteLink { index, .. } | Self::MoveBack { index, .. } => Some(*index),
            Self::Restore { message, .. } => Some(message.header.index),
            Self::DeleteAddress { link, .. } | Self::AddAddress { link, .. } => Some(*link),
            Self::DeleteRoute { route, .. } | Self::AddRoute { route, .. } => route.link,
            Self::DeleteNetns { .. } => None,
        }
    }
}

/// What one run made and changed.
#[derive(Debug, Default)]
pub struct Lab {
    steps: RefCell<Vec<Undo>>,
    /// What came before the last mark: see [`Lab::mark`].
    before: entries::Before,
    counts: Cell<Counts>,
    made_netns: RefCell<HashSet<Id>>,
    made_links: RefCell<HashSet<(Id, u32)>>,
    /// What the run gave to links of its own: the kernel takes an IPv4 address again with another prefix length.
    own_addresses: RefCell<HashSet<(Id, u32, IpAddr)>>,
}

impl Lab {
    /// Notes how to undo a change, then makes it; forgets it again where the change fails.
    ///
    /// Where the change lies within something that the run itself made, there is nothing to note.
    pub async fn step<T, E>(
        &self,
        undo: Undo,
        change: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let within_own = match &undo {
            Undo::DeleteNetns { .. } | Undo::MoveBack { .. } => false,
            Undo::DeleteLink { netns, .. } => self.made_namespace_now(netns),
            other => {
                self.made_namespace_now(other.netns())
                    || other
                        .link()
                        .is_some_and(|index| self.made_link_now(other.netns(), index))
            }
        };
        if within_own {
            return change.await;
        }
        self.steps.borrow_mut().push(undo);
        let result = change.await;
        if result.is_err() {
            self.steps.borrow_mut().pop();
        }
        result
    }

    /// Counts what happened to an object.
    pub fn count(&self, outcome: Outcome) {
        let mut counts = self.counts.get();
        match outcome {
            Outcome::Created => counts.created += 1,
            Outcome::Changed => counts.changed += 1,
            Outcome::Unchanged => counts.unchanged += 1,
            Outcome::Deleted => counts.deleted += 1,
        }
        self.counts.set(counts);
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        self.counts.get()
    }

    /// Notes that the run made this namespace.
    pub fn netns_made(&self, netns: &Rc<Netns>, name: NetnsName) {
        self.made_netns.borrow_mut().insert(netns.namespace().id());
        self.steps.borrow_mut().push(Undo::DeleteNetns {
            netns: netns.clone(),
            name,
        });
        self.count(Outcome::Created);
    }

    /// Notes that a namespace was deleted on purpose, and with it all that the run made in it.
    pub fn netns_deleted(&self, netns: &Netns) {
        let id = netns.namespace().id();
        self.made_netns.borrow_mut().remove(&id);
        self.steps
            .borrow_mut()
            .retain(|step| step.netns().namespace().id() != id);
        self.before.namespace_deleted(id);
        self.count(Outcome::Deleted);
    }

    /// Notes that the run made this link, and which ifindex the kernel gave it.
    pub fn link_made(&self, netns: &Netns, index: u32, name: &str) {
        let id = netns.namespace().id();
        self.made_links.borrow_mut().insert((id, index));
        let mut steps = self.steps.borrow_mut();
        let announced = steps.iter_mut().rev().find_map(|step| match step {
            Undo::DeleteLink {
                netns,
                index,
                name: announced,
            } if *index == 0 && announced == name && netns.namespace().id() == id => Some(index),
            _ => None,
        });
        if let Some(announced) = announced {
            *announced = index;
        }
    }

    /// Follows a link to its new place, so that it is still found when the run is taken down.
    pub fn link_moved(&self, from: (&Netns, u32), to: (&Rc<Netns>, u32), name: &str) {
        if let Some(Undo::MoveBack {
            netns,
            index: index @ 0,
            ..
        }) = self.steps.borrow_mut().last_mut()
            && netns.namespace().id() == to.0.namespace().id()
        {
            *index = to.1;
        }
        let old = (from.0.namespace().id(), from.1);
        let mut made = self.made_links.borrow_mut();
        if !made.remove(&old) {
            return;
        }
        made.insert((to.0.namespace().id(), to.1));
        let follow = |step: &mut Undo| {
            if let Undo::DeleteLink {
                netns,
                index,
                name: known,
            } = step
                && (netns.namespace().id(), *index) == old
            {
                *netns = to.0.clone();
                *index = to.1;
                name.clone_into(known);
            }
        };
        self.steps.borrow_mut().iter_mut().for_each(follow);
        self.before.for_each(follow);
    }

    /// Whether the run made this namespace.
    pub fn made_namespace(&self, netns: &Netns) -> bool {
        self.made_netns.borrow().contains(&netns.namespace().id())
    }

    /// Whether the run made this link.
    pub fn made_link(&self, netns: &Netns, index: u32) -> bool {
        self.made_links
            .borrow()
            .contains(&(netns.namespace().id(), index))
    }

    /// Notes that the run gave this address to the link.
    pub fn address_added(&self, netns: &Netns, link: u32, ip: IpAddr) {
        self.own_addresses
            .borrow_mut()
            .insert((netns.namespace().id(), link, ip));
    }

    /// Whether the run gave this address to the link, at whatever time.
    pub fn added_address(&self, netns: &Netns, link: u32, ip: IpAddr) -> bool {
        self.own_addresses
            .borrow()
            .contains(&(netns.namespace().id(), link, ip))
    }

    /// Whether there is anything to take down.
    pub fn is_empty(&self) -> bool {
        self.steps.borrow().is_empty() && self.before.is_empty()
    }
}
