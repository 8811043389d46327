//! The way back: undoes what a run made and changed, newest first.

use std::collections::HashSet;
use std::fmt;

use nix::errno::Errno;

use crate::error::{Error, Result};
use crate::lab::{Lab, Undo};
use crate::net::namespace::Id;
use crate::net::netns::Netns;
use crate::net::{address, link, namespace, route};

/// What a rollback did.
#[derive(Clone, Debug, Default)]
pub struct Undone {
    /// Namespaces taken away.
    pub namespaces: usize,
    /// Links deleted, apart from those that went with their namespace.
    pub links: usize,
    /// Settings, addresses and routes put back.
    pub changes: usize,
    /// What could not be undone, and why.
    pub failures: Vec<Error>,
}

impl fmt::Display for Undone {
    /// One line that says what was taken down: `took down what this run made: 2 namespaces, 1 link`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = [
            (self.namespaces, "namespace", "namespaces"),
            (self.links, "link", "links"),
            (self.changes, "other change", "other changes"),
        ]
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }))
        .collect();
        match parts.as_slice() {
            [] => f.write_str("nothing of what this run made was left to take down"),
            parts => write!(f, "took down what this run made: {}", parts.join(", ")),
        }
    }
}

impl Lab {
    /// Undoes every step of the run, newest first. What is gone already is passed over.
    pub async fn roll_back(&self) -> Undone {
        let mut steps = self.before.take_all();
        steps.append(&mut self.steps.borrow_mut());
        let undone = undo_all(steps).await;
        self.made_netns.borrow_mut().clear();
        self.made_links.borrow_mut().clear();
        undone
    }
}

/// Undoes `steps`, newest first.
pub(super) async fn undo_all(steps: Vec<Undo>) -> Undone {
    let doomed: HashSet<Id> = steps
        .iter()
        .filter_map(|step| match step {
            Undo::DeleteNetns { netns, .. } => Some(netns.namespace().id()),
            _ => None,
        })
        .collect();
    let mut undone = Undone::default();
    for step in steps.into_iter().rev() {
        let goes_with_namespace = doomed.contains(&step.netns().namespace().id());
        match &step {
            // A link from outside must leave before its namespace goes, or the kernel deletes it.
            Undo::DeleteNetns { .. } | Undo::MoveBack { .. } => {}
            _ if goes_with_namespace => continue,
            _ => {}
        }
        let counter = match &step {
            Undo::DeleteNetns { .. } => &mut undone.namespaces,
            Undo::DeleteLink { .. } => &mut undone.links,
            _ => &mut undone.changes,
        };
        match undo(step).await {
            Ok(true) => *counter += 1,
            Ok(false) => {}
            Err(error) => undone.failures.push(error),
        }
    }
    undone
}

/// Undoes one step; `false` where there was nothing left to undo.
async fn undo(step: Undo) -> Result<bool> {
    let netns = step.netns().clone();
    if netns.check().is_err() {
        return Ok(false);
    }
    match step {
        Undo::DeleteNetns { netns, name } => namespace::delete(&name)
            .and_then(|()| netns.release())
            .map(|()| true)
            .map_err(|error| error.doing("delete namespace", netns.label())),
        Undo::DeleteLink { index, name, .. } => delete_link(&netns, index, &name).await,
        Undo::MoveBack {
            index, home, name, ..
        } => {
            let moved = link::move_to(&netns.rtnl()?, index, home.namespace(), Some(&name)).await;
            done(moved, "move back", &name, &netns)
        }
        Undo::Restore { message, what, .. } => done(
            link::change(&netns.rtnl()?, message).await,
            "restore",
            &what,
            &netns,
        ),
        Undo::DeleteAddress { link, prefix, .. } => {
            let deleted = address::delete(&netns.rtnl()?, link, prefix).await;
            done(deleted, "delete address", &prefix.to_string(), &netns)
        }
        Undo::AddAddress { link, prefix, .. } => {
            let new = address::NewAddress {
                link,
                prefix,
                nodad: true,
            };
            let added = address::add(&netns.rtnl()?, &new).await;
            done(added, "restore address", &prefix.to_string(), &netns)
        }
        Undo::DeleteRoute { route, .. } => {
            let deleted = route::delete(&netns.rtnl()?, &route).await;
            done(deleted, "delete route", &route.destination_text(), &netns)
        }
        Undo::AddRoute { route, .. } => {
            let added = route::add(&netns.rtnl()?, &route).await;
            done(added, "restore route", &route.destination_text(), &netns)
        }
    }
}

async fn delete_link(netns: &Netns, index: u32, name: &str) -> Result<bool> {
    let rtnl = &netns.rtnl()?;
    let index = match index {
        // The run was cut off between asking and learning the ifindex.
        0 => match link::get(rtnl, link::Which::Name(name)).await? {
            Some(found) => found.index,
            None => return Ok(false),
        },
        index => index,
    };
    link::delete(rtnl, index).await.map_err(|refusal| {
        Error::from(refusal)
            .doing("delete link", name)
            .within(netns.label())
    })
}

/// What is gone already needs no undoing.
fn done(
    result: std::result::Result<(), crate::net::rtnl::Refusal>,
    verb: &str,
    object: &str,
    netns: &Netns,
) -> Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(refusal)
            if matches!(
                refusal.errno,
                Errno::ENODEV | Errno::ESRCH | Errno::EADDRNOTAVAIL | Errno::EEXIST
            ) =>
        {
            Ok(false)
        }
        Err(refusal) => Err(Error::from(refusal)
            .doing(verb, object)
            .within(netns.label())),
    }
}
