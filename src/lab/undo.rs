//! How to take one step back, and how to recognise what it is about.

use std::path::PathBuf;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::lab::setting::Setting;
use crate::net::address::Assigned;
use crate::net::netns::Netns;
use crate::net::nft::Table;
use crate::net::process::{Process, Program};
use crate::net::queue::Tree;
use crate::net::request::Request;
use crate::net::route::Route;
use crate::net::sysctl::Key;
use crate::value::name::NetnsName;

/// A link, with all that tells it from another one of its name or ifindex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRef {
    /// Its ifindex; 0 until the kernel has given it one.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its kind, as `ip -d link` prints it; empty for hardware.
    pub kind: String,
}

/// How to take one step back. `N` is how a namespace is told: open while the run goes on, by its numbers in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undo<N = Rc<Netns>> {
    /// Take the name, and with it the namespace, away.
    DeleteNetns {
        /// The namespace made; none until it is there.
        #[serde(default = "none", skip_serializing_if = "Option::is_none")]
        netns: Option<N>,
        /// Its name.
        name: NetnsName,
    },
    /// Delete a link.
    DeleteLink {
        /// Where it lives.
        netns: N,
        /// Which one it is.
        link: LinkRef,
    },
    /// Bring a link back to where it was.
    MoveBack {
        /// Where it is now.
        netns: N,
        /// Which one it is there.
        link: LinkRef,
        /// Where it was.
        home: N,
        /// What it was called there, where it got another name on the way.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Its ifindex there.
        was: u32,
        /// Whether it was up there: a move brings it down.
        up: bool,
        /// The addresses that it had there: a move takes them away.
        addresses: Vec<Assigned>,
        /// The routes that it had there, which go as well.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        routes: Vec<Route>,
    },
    /// Set a link's setting to what it was.
    Restore {
        /// Where it lives.
        netns: N,
        /// Which one it is.
        link: LinkRef,
        /// The setting as it was.
        old: Setting,
        /// What it was set to.
        new: Setting,
    },
    /// Delete an address.
    DeleteAddress {
        /// Where the link lives.
        netns: N,
        /// Which one it is.
        link: LinkRef,
        /// The address.
        address: Box<Assigned>,
    },
    /// Add an address again.
    AddAddress {
        /// Where the link lives.
        netns: N,
        /// Which one it is.
        link: LinkRef,
        /// The address.
        address: Box<Assigned>,
        /// The IPv4 addresses of the link in their order, with it, where it is one of several: others may have gone with it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        order: Vec<Assigned>,
    },
    /// Delete a route.
    DeleteRoute {
        /// Where it stands.
        netns: N,
        /// The route.
        route: Box<Route>,
    },
    /// Add a route again.
    AddRoute {
        /// Where it stood.
        netns: N,
        /// The route.
        route: Box<Route>,
    },
    /// Give tables of nftables what they had; those that were not there are taken away.
    RestoreTables {
        /// Where they stand.
        netns: N,
        /// The tables as they were.
        tables: Vec<Table>,
    },
    /// Give a link the queue that it had.
    RestoreQueue {
        /// Where it lives.
        netns: N,
        /// Which one it is.
        link: LinkRef,
        /// The queue as it was; empty where it was the kernel's default.
        old: Tree,
        /// What it was replaced by.
        new: Tree,
    },
    /// Send a request: for what is its own description, such as a rule or a neighbour. What is gone already, or there
    /// again, is no failure.
    Send {
        /// Where it is to be sent.
        netns: N,
        /// The link that it is about, where it is about one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        link: Option<LinkRef>,
        /// What was changed, in words: ``rule `from 10.0.0.0/8 lookup 100` ``, ``rule `…` taken away``.
        what: String,
        /// The request that undoes it.
        request: Request,
    },
    /// End a process.
    EndProcess {
        /// Where it was started; none where that is gone, which does not end it.
        #[serde(default = "none", skip_serializing_if = "Option::is_none")]
        netns: Option<N>,
        /// Which one it is; without a number until it runs.
        process: Process,
        /// What it runs.
        program: Box<Program>,
        /// The file that it writes to.
        output: PathBuf,
    },
    /// Set a setting below `/proc/sys/net` to what it was.
    Sysctl {
        /// Where it was set.
        netns: N,
        /// The link that it is of, where it is of one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        link: Option<LinkRef>,
        /// Its name.
        key: Key,
        /// Its value before.
        old: String,
        /// What it was set to.
        new: String,
    },
}

/// A namespace that is not told yet; serde asks for nothing of `N` this way.
fn none<N>() -> Option<N> {
    None
}

impl<N> Undo<N> {
    /// The namespace that it works in.
    pub fn netns(&self) -> Option<&N> {
        match self {
            Self::DeleteNetns { netns, .. } | Self::EndProcess { netns, .. } => netns.as_ref(),
            Self::DeleteLink { netns, .. }
            | Self::MoveBack { netns, .. }
            | Self::Restore { netns, .. }
            | Self::DeleteAddress { netns, .. }
            | Self::AddAddress { netns, .. }
            | Self::DeleteRoute { netns, .. }
            | Self::AddRoute { netns, .. }
            | Self::RestoreQueue { netns, .. }
            | Self::Send { netns, .. }
            | Self::RestoreTables { netns, .. }
            | Self::Sysctl { netns, .. } => Some(netns),
        }
    }

    /// The link that it is about.
    pub fn link(&self) -> Option<&LinkRef> {
        match self {
            Self::DeleteLink { link, .. }
            | Self::MoveBack { link, .. }
            | Self::Restore { link, .. }
            | Self::DeleteAddress { link, .. }
            | Self::AddAddress { link, .. }
            | Self::RestoreQueue { link, .. } => Some(link),
            Self::Send { link, .. } | Self::Sysctl { link, .. } => link.as_ref(),
            Self::DeleteNetns { .. }
            | Self::DeleteRoute { .. }
            | Self::AddRoute { .. }
            | Self::EndProcess { .. }
            | Self::RestoreTables { .. } => None,
        }
    }

    /// The same, to be changed.
    pub(super) fn link_mut(&mut self) -> Option<&mut LinkRef> {
        match self {
            Self::DeleteLink { link, .. }
            | Self::MoveBack { link, .. }
            | Self::Restore { link, .. }
            | Self::DeleteAddress { link, .. }
            | Self::AddAddress { link, .. }
            | Self::RestoreQueue { link, .. } => Some(link),
            Self::Send { link, .. } | Self::Sysctl { link, .. } => link.as_mut(),
            Self::DeleteNetns { .. }
            | Self::DeleteRoute { .. }
            | Self::AddRoute { .. }
            | Self::EndProcess { .. }
            | Self::RestoreTables { .. } => None,
        }
    }

    /// Whether what was changed outlives the namespace and the link by which it was: the port that an ipvlan slave shares with
    /// others.
    pub(super) fn reaches_out(&self) -> bool {
        matches!(
            self,
            Self::Restore {
                new: Setting::Port { .. },
                ..
            }
        )
    }

    /// The ifindex of the link that it is about, also that which a route leads through.
    pub(super) fn link_index(&self) -> Option<u32> {
        match self {
            Self::DeleteRoute { route, .. } | Self::AddRoute { route, .. } => route.link,
            other => other
                .link()
                .map(|link| link.index)
                .filter(|index| *index > 0),
        }
    }

    /// Notes the ifindex that the kernel has given to the link.
    pub(super) fn set_index(&mut self, found: u32) {
        if let Self::DeleteLink { link, .. } | Self::MoveBack { link, .. } = self {
            link.index = found;
        }
    }

    /// The same with namespaces told in another way. `None` where one can't be; that of a namespace to be deleted, or of a process, is
    /// left out then.
    #[allow(clippy::too_many_lines, reason = "one arm for each way to undo")]
    pub fn map<M>(self, mut tell: impl FnMut(N) -> Option<M>) -> Option<Undo<M>> {
        Some(match self {
            Self::DeleteNetns { netns, name } => Undo::DeleteNetns {
                netns: netns.and_then(tell),
                name,
            },
            Self::DeleteLink { netns, link } => Undo::DeleteLink {
                netns: tell(netns)?,
                link,
            },
            Self::MoveBack {
                netns,
                link,
                home,
                name,
                was,
                up,
                addresses,
                routes,
            } => Undo::MoveBack {
                netns: tell(netns)?,
                link,
                home: tell(home)?,
                name,
                was,
                up,
                addresses,
                routes,
            },
            Self::Restore {
                netns,
                link,
                old,
                new,
            } => Undo::Restore {
                netns: tell(netns)?,
                link,
                old,
                new,
            },
            Self::DeleteAddress {
                netns,
                link,
                address,
            } => Undo::DeleteAddress {
                netns: tell(netns)?,
                link,
                address,
            },
            Self::AddAddress {
                netns,
                link,
                address,
                order,
            } => Undo::AddAddress {
                netns: tell(netns)?,
                link,
                address,
                order,
            },
            Self::DeleteRoute { netns, route } => Undo::DeleteRoute {
                netns: tell(netns)?,
                route,
            },
            Self::AddRoute { netns, route } => Undo::AddRoute {
                netns: tell(netns)?,
                route,
            },
            Self::RestoreTables { netns, tables } => Undo::RestoreTables {
                netns: tell(netns)?,
                tables,
            },
            Self::RestoreQueue {
                netns,
                link,
                old,
                new,
            } => Undo::RestoreQueue {
                netns: tell(netns)?,
                link,
                old,
                new,
            },
            Self::Send {
                netns,
                link,
                what,
                request,
            } => Undo::Send {
                netns: tell(netns)?,
                link,
                what,
                request,
            },
            Self::EndProcess {
                netns,
                process,
                program,
                output,
            } => Undo::EndProcess {
                netns: netns.and_then(tell),
                process,
                program,
                output,
            },
            Self::Sysctl {
                netns,
                link,
                key,
                old,
                new,
            } => Undo::Sysctl {
                netns: tell(netns)?,
                link,
                key,
                old,
                new,
            },
        })
    }
}
