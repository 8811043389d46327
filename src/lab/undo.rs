//! How to take one step back, and how to recognise what it is about.

use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::lab::setting::Setting;
use crate::lab::snapshot::Snapshot;
use crate::net::address::Assigned;
use crate::net::making::Making;
use crate::net::namespace::Id;
use crate::net::netns::Netns;
use crate::net::nft::{Mark, Table};
use crate::net::process::{Process, Program};
use crate::net::queue::Tree;
use crate::net::request::{Request, renumber};
use crate::net::route::Route;
use crate::net::sysctl::Key;
use crate::value::name::NetnsName;

/// A link, with all that tells it from another one of its name or ifindex.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRef {
    /// Its ifindex; 0 until the kernel has given it one.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its kind, as `ip -d link` prints it; empty for hardware.
    pub kind: String,
}

/// How to take one step back: where, of which link, and the way. `N` is how a namespace is told: open while the run goes on, by its
/// numbers in the journal.
///
/// In the journal it is `{WAY: {"netns": …, "link": …, …}}`: see [`Written`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    into = "Written",
    try_from = "Written",
    bound(
        serialize = "N: Serialize + Clone",
        deserialize = "N: DeserializeOwned"
    )
)]
pub struct Undo<N = Rc<Netns>> {
    /// The namespace that it works in. None for a namespace until it is made, and for a process whose namespace is gone, which
    /// does not end it.
    pub netns: Option<N>,
    /// The link that it is about, where it is about one.
    pub link: Option<LinkRef>,
    /// The namespace that the link was in before it was moved.
    pub home: Option<N>,
    /// What is to be done.
    pub way: WayBack,
    /// What is to be done instead once no other lab has what it is about: it restores what one has made.
    pub origin: Option<Box<WayBack>>,
    /// What the change takes along, to be restored behind it: all that it may take until it is made.
    pub kept: Option<Box<Snapshot>>,
}

/// What is to be done to take one step back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WayBack {
    /// Take the name of a namespace, and with it the namespace, away.
    DeleteNetns {
        /// Its name.
        name: NetnsName,
    },
    /// Give a namespace its name back, which is kept without it.
    NameNetns {
        /// Its name.
        name: NetnsName,
    },
    /// Delete the link.
    DeleteLink,
    /// Make the link again. Its home is where its parent is, or its other end, where that is elsewhere.
    MakeLink {
        /// How it is made.
        making: Box<Making>,
        /// Whether another lab had made it: it is to come back as long as that lab stands.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_of_other: bool,
    },
    /// Put back what went with links that were deleted, once they are there again.
    PutBack,
    /// Bring the link back to where it was.
    MoveBack {
        /// What it was called there, where it got another name on the way.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Its ifindex there.
        was: u32,
    },
    /// Set the link's setting to what it was.
    Restore {
        /// The setting as it was.
        old: Setting,
        /// What it was set to.
        new: Setting,
    },
    /// Delete an address of the link.
    DeleteAddress {
        /// The address.
        address: Box<Assigned>,
    },
    /// Add an address to the link again.
    AddAddress {
        /// The address.
        address: Box<Assigned>,
    },
    /// Delete a route.
    DeleteRoute {
        /// The route.
        route: Box<Route>,
    },
    /// Add a route again.
    AddRoute {
        /// The route.
        route: Box<Route>,
    },
    /// Give tables of nftables what they had; those that were not there are taken away.
    RestoreTables {
        /// The tables as they were.
        tables: Vec<Table>,
        /// The same as they were left, once that is known.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        left: Vec<Table>,
    },
    /// Delete rules of nftables that the words have made, and what is empty without them.
    DeleteRules {
        /// What tells them from all others.
        marks: Vec<Mark>,
    },
    /// Give the link the queue that it had.
    RestoreQueue {
        /// The queue as it was; empty where it was the kernel's default.
        old: Tree,
        /// What it was replaced by.
        new: Tree,
    },
    /// Send a request: for what is its own description, such as a rule or a neighbour. What is gone already, or there
    /// again, is no failure.
    Send {
        /// What was changed, in words: ``rule `from 10.0.0.0/8 lookup 100` ``, ``rule `…` taken away``.
        what: String,
        /// The request that undoes it.
        request: Request,
        /// The request that made it, where it was made: by that it is seen whether somebody has changed it since.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        made: Option<Request>,
    },
    /// End a process.
    EndProcess {
        /// Which one it is; without a number until it runs.
        process: Process,
        /// What it runs.
        program: Box<Program>,
        /// The file that it writes to.
        output: PathBuf,
    },
    /// Set a setting below `/proc/sys/net` to what it was.
    Sysctl {
        /// Its name.
        key: Key,
        /// Its value before.
        old: String,
        /// What it was set to.
        new: String,
    },
}

impl<N> Undo<N> {
    /// What works in a namespace, and is about no link of its own.
    pub fn within(netns: N, way: WayBack) -> Self {
        Self {
            netns: Some(netns),
            link: None,
            home: None,
            way,
            origin: None,
            kept: None,
        }
    }

    /// What is about a link of `netns`.
    pub fn of_link(netns: N, link: LinkRef, way: WayBack) -> Self {
        Self {
            link: Some(link),
            ..Self::within(netns, way)
        }
    }

    /// Whether what was changed outlives the namespace and the link by which it was: the port that an ipvlan slave shares with
    /// others.
    pub(super) fn reaches_out(&self) -> bool {
        matches!(
            self.way,
            WayBack::Restore {
                new: Setting::Port { .. },
                ..
            }
        )
    }

    /// Whether it is about what a link is called.
    pub(super) const fn is_name(&self) -> bool {
        matches!(
            self.way,
            WayBack::Restore {
                new: Setting::Name(_),
                ..
            }
        )
    }

    /// The ifindex of the link that it is about, also that which a route leads through.
    pub(super) fn link_index(&self) -> Option<u32> {
        match &self.way {
            WayBack::DeleteRoute { route } | WayBack::AddRoute { route } => route.link,
            _ => {
                let link = self.link.as_ref();
                link.map(|link| link.index).filter(|index| *index > 0)
            }
        }
    }

    /// Follows links that are there again and have another ifindex than before.
    pub(super) fn renumber(&mut self, moved: &HashMap<u32, u32>) {
        if let Some(link) = &mut self.link {
            renumber(&mut link.index, moved);
        }
        match &mut self.way {
            WayBack::DeleteRoute { route } | WayBack::AddRoute { route } => route.renumber(moved),
            WayBack::Send { request, made, .. } => {
                request.renumber(moved);
                if let Some(made) = made {
                    made.renumber(moved);
                }
            }
            // The parent of one that has another home is not here.
            WayBack::MakeLink { making, .. } if self.home.is_none() => making.renumber(moved),
            WayBack::Restore { old, new } => {
                old.renumber(moved);
                new.renumber(moved);
            }
            _ => {}
        }
    }

    /// Notes the ifindex that the kernel has given to the link.
    pub(super) fn set_index(&mut self, found: u32) {
        if let WayBack::DeleteLink | WayBack::MoveBack { .. } = self.way
            && let Some(link) = &mut self.link
        {
            link.index = found;
        }
    }

    /// The same with namespaces told in another way. `None` where one can't be; that of a namespace to be deleted, or of a process, is
    /// left out then.
    pub fn map<M>(self, mut tell: impl FnMut(N) -> Option<M>) -> Option<Undo<M>> {
        let netns = self.netns.and_then(&mut tell);
        if netns.is_none() && !self.way.needs_no_netns() {
            return None;
        }
        let home = match self.home {
            Some(home) => Some(tell(home)?),
            None => None,
        };
        Some(Undo {
            netns,
            link: self.link,
            home,
            way: self.way,
            origin: self.origin,
            kept: self.kept,
        })
    }
}

impl Undo {
    /// Whether it works in the namespace `at`.
    pub(super) fn is_in(&self, at: Id) -> bool {
        let netns = self.netns.as_ref();
        netns.is_some_and(|netns| netns.namespace().id() == at)
    }

    /// Whether it deletes the link that was announced by its name, and has no ifindex yet.
    pub(super) fn deletes_new(&self, at: Id, name: &str) -> bool {
        self.way == WayBack::DeleteLink
            && self.is_in(at)
            && (self.link.as_ref()).is_some_and(|link| link.index == 0 && link.name == name)
    }
}

impl WayBack {
    /// Whether it can do without a namespace.
    fn needs_no_netns(&self) -> bool {
        matches!(
            self,
            Self::DeleteNetns { .. } | Self::NameNetns { .. } | Self::EndProcess { .. }
        )
    }

    /// Whether it is about a link of a namespace.
    fn needs_link(&self) -> bool {
        matches!(
            self,
            Self::DeleteLink
                | Self::MakeLink { .. }
                | Self::MoveBack { .. }
                | Self::Restore { .. }
                | Self::DeleteAddress { .. }
                | Self::AddAddress { .. }
                | Self::RestoreQueue { .. }
        )
    }
}

/// A step as the journal has it: the way's name, and all else below it in one object. Older programs read and wrote it so.
#[derive(Serialize, Deserialize)]
struct Written(Map<String, Value>);

/// The fields beside those of the way.
const NETNS: &str = "netns";
const LINK: &str = "link";
const HOME: &str = "home";
const KEPT: &str = "kept";
const ORIGIN: &str = "origin";

/// What version 0.1.0 wrote of what a change takes along, beside the way.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Older {
    was: u32,
    up: bool,
    addresses: Vec<Assigned>,
    routes: Vec<Route>,
    order: Vec<Assigned>,
}

impl Older {
    fn kept(self, link: Option<&LinkRef>) -> Option<Box<Snapshot>> {
        let mut link = link?.clone();
        if self.was > 0 {
            link.index = self.was;
        }
        let addresses = [self.addresses, self.order].concat();
        let is_something = self.up || !addresses.is_empty() || !self.routes.is_empty();
        is_something.then(|| Box::new(Snapshot::of_older(link, self.up, addresses, &self.routes)))
    }
}

impl<N: Serialize> From<Undo<N>> for Written {
    fn from(undo: Undo<N>) -> Self {
        let mut body = Map::new();
        // None of these types refuses to be written.
        let told = |value: serde_json::Result<Value>| value.unwrap_or_default();
        if let Some(netns) = &undo.netns {
            body.insert(NETNS.to_owned(), told(serde_json::to_value(netns)));
        }
        if let Some(link) = &undo.link {
            body.insert(LINK.to_owned(), told(serde_json::to_value(link)));
        }
        if let Some(home) = &undo.home {
            body.insert(HOME.to_owned(), told(serde_json::to_value(home)));
        }
        if let Some(kept) = &undo.kept {
            body.insert(KEPT.to_owned(), told(serde_json::to_value(kept)));
        }
        if let Some(origin) = &undo.origin {
            body.insert(ORIGIN.to_owned(), told(serde_json::to_value(origin)));
        }
        let mut written = Map::new();
        match told(serde_json::to_value(&undo.way)) {
            Value::Object(way) => {
                for (name, fields) in way {
                    if let Value::Object(fields) = fields {
                        body.extend(fields);
                    }
                    written.insert(name, Value::Object(std::mem::take(&mut body)));
                }
            }
            Value::String(name) => {
                written.insert(name, Value::Object(body));
            }
            _ => {}
        }
        Self(written)
    }
}

impl<N: DeserializeOwned> TryFrom<Written> for Undo<N> {
    type Error = serde_json::Error;

    fn try_from(Written(written): Written) -> Result<Self, Self::Error> {
        let wrong = |text: &str| Err(serde::de::Error::custom(text));
        let mut written = written.into_iter();
        let (Some((name, Value::Object(mut body))), None) = (written.next(), written.next()) else {
            return wrong("a step is one way back");
        };
        let netns = body.remove(NETNS).map(serde_json::from_value).transpose()?;
        let link: Option<LinkRef> = body.remove(LINK).map(serde_json::from_value).transpose()?;
        let home = body.remove(HOME).map(serde_json::from_value).transpose()?;
        let origin = body
            .remove(ORIGIN)
            .map(serde_json::from_value)
            .transpose()?;
        let kept = body.remove(KEPT).map(serde_json::from_value).transpose()?;
        let kept = match (kept, name.as_str()) {
            (None, "move_back" | "add_address") => {
                let older: Older = serde_json::from_value(Value::Object(body.clone()))?;
                older.kept(link.as_ref())
            }
            (kept, _) => kept,
        };
        let way = if body.is_empty() {
            Value::String(name)
        } else {
            Value::Object(Map::from_iter([(name, Value::Object(body))]))
        };
        let way: WayBack = serde_json::from_value(way)?;
        if netns.is_none() && !way.needs_no_netns()
            || link.is_none() && way.needs_link()
            || home.is_none() && matches!(way, WayBack::MoveBack { .. })
        {
            return wrong("a step says where");
        }
        Ok(Self {
            netns,
            link,
            home,
            way,
            origin,
            kept,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::record::Place;

    /// As version 0.1.0 wrote them.
    const STEPS: [&str; 7] = [
        r#"{"delete_netns":{"name":"b"}}"#,
        r#"{"delete_netns":{"netns":{"at":"/run/netns/a","id":[4,99],"cookie":3},"name":"a"}}"#,
        r#"{"delete_link":{"netns":{"at":"/run/netns/a","id":[4,99]},"link":{"index":2,"name":"d","kind":"dummy"}}}"#,
        r#"{"move_back":{"netns":{"at":"/run/netns/a","id":[4,99]},"link":{"index":2,"name":"d","kind":"dummy"},"home":{"at":"/proc/self/ns/net","id":[4,1]},"was":7}}"#,
        r#"{"restore":{"netns":{"at":"/run/netns/a","id":[4,99]},"link":{"index":2,"name":"d","kind":"dummy"},"old":{"mtu":1500},"new":{"mtu":1400}}}"#,
        r#"{"restore_tables":{"netns":{"at":"/run/netns/a","id":[4,99]},"tables":[]}}"#,
        r#"{"sysctl":{"netns":{"at":"/run/netns/a","id":[4,99]},"key":"ipv4.ip_forward","old":"0","new":"1"}}"#,
    ];

    #[test]
    fn a_step_is_written_as_older_programs_read_it() {
        for step in STEPS {
            let undo: Undo<Place> = serde_json::from_str(step).unwrap();
            assert_eq!(serde_json::to_string(&undo).unwrap(), step);
        }
    }

    #[test]
    fn a_step_that_does_not_say_where_is_damaged() {
        for step in [
            r#"{"delete_link":{"netns":{"at":"/run/netns/a","id":[4,99]}}}"#,
            r#"{"delete_link":{"link":{"index":2,"name":"d","kind":"dummy"}}}"#,
            r#"{"restore_tables":{"tables":[]}}"#,
            r#"{"restore_tables":{"tables":[]},"more":{}}"#,
            r"{}",
        ] {
            assert!(serde_json::from_str::<Undo<Place>>(step).is_err(), "{step}");
        }
    }
}
