//! The handles that scripts hold: they name the kernel's object, not just a string.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

use crate::lab::LinkRef;
use crate::net::netns;

/// A namespace, as scripts hold it. Copies share the open namespace and its socket.
#[derive(Clone, Debug)]
pub struct Netns(pub Rc<netns::Netns>);

impl std::ops::Deref for Netns {
    type Target = Rc<netns::Netns>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl fmt::Display for Netns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.label())
    }
}

/// A link, as scripts hold it: its namespace and ifindex. Copies share one state, so that all follow a move or a new name.
#[derive(Clone, Debug)]
pub struct Link(pub Rc<LinkState>);

/// What all copies of a handle share.
#[derive(Debug)]
pub struct LinkState {
    /// Where the link is now.
    pub netns: RefCell<Rc<netns::Netns>>,
    /// Its ifindex there.
    pub index: Cell<u32>,
    /// Its name there.
    pub name: RefCell<String>,
    /// Its kind, as `ip -d link` prints it; empty for hardware.
    pub kind: String,
}

impl Link {
    /// A handle for the link `index`, called `name`, in `netns`.
    pub fn new(netns: Rc<netns::Netns>, index: u32, name: &str, kind: &str) -> Self {
        Self(Rc::new(LinkState {
            netns: RefCell::new(netns),
            index: Cell::new(index),
            name: RefCell::new(name.to_owned()),
            kind: kind.to_owned(),
        }))
    }

    /// Where it is now.
    pub fn netns(&self) -> Rc<netns::Netns> {
        self.0.netns.borrow().clone()
    }

    /// Its ifindex.
    pub fn index(&self) -> u32 {
        self.0.index.get()
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.0.name.borrow().clone()
    }

    /// All that tells it from another link.
    pub fn reference(&self) -> LinkRef {
        LinkRef {
            index: self.index(),
            name: self.name(),
            kind: self.kind().to_owned(),
        }
    }

    /// Notes its present name.
    pub fn renamed(&self, name: &str) {
        name.clone_into(&mut self.0.name.borrow_mut());
    }

    /// Notes that it is in `netns` now, as `index`.
    pub fn moved(&self, netns: Rc<netns::Netns>, index: u32) {
        self.0.netns.replace(netns);
        self.0.index.set(index);
    }

    /// Its kind.
    pub fn kind(&self) -> &str {
        &self.0.kind
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.name.borrow())
    }
}
