//! `tree()`: what stands, as a tree.

use std::path::Path;
use std::rc::Rc;

use rhai::plugin::{NativeCallContext, export_module};

use crate::dsl::handle::Netns;
use crate::dsl::kinds::kind;
use crate::dsl::objects::link;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Result};
use crate::net::link::Snapshot;
use crate::net::{address, namespace, netns};
use crate::view::tree::{Branch, Place, draw};

/// Every namespace in `places` with all that is in it.
fn look(session: &Rc<Session>, places: &[Rc<netns::Netns>]) -> Result<Vec<Place>> {
    let mut seen = Vec::new();
    for place in places {
        match link::all(session, place) {
            Ok(links) => seen.push((place.clone(), links)),
            // It may go while we look around; only where it is the one asked for is that an error.
            Err(error) if places.len() == 1 => return Err(error),
            Err(_) => {}
        }
    }
    let drawn = seen.iter().map(|(place, links)| {
        let addresses = session.wait(async {
            let addresses = address::list(&place.rtnl()?, None).await;
            addresses.map_err(Error::from)
        })??;
        let branches = links.iter().map(|one| Branch {
            index: one.index,
            name: one.name.clone(),
            kind: one.kind.clone(),
            state: one.state.to_owned(),
            notes: far_end(session, place, one, &seen).into_iter().collect(),
            under: one.master.or(match one.parent_nsid {
                None if !kind::is_pair(&one.kind) => one.parent,
                _ => None,
            }),
            addresses: addresses
                .iter()
                .filter(|address| address.link == one.index)
                .map(ToString::to_string)
                .collect(),
        });
        Ok(Place {
            name: place.label().to_owned(),
            links: branches.collect(),
        })
    });
    drawn.collect()
}

/// Where the parent or the far end of a link is, if not beside it.
fn far_end(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    one: &Snapshot,
    seen: &[(Rc<netns::Netns>, Vec<Snapshot>)],
) -> Option<String> {
    let parent = one.parent?;
    let is_pair = kind::is_pair(&one.kind);
    let sign = if is_pair { "⇄" } else { "on" };
    let here = |links: &[Snapshot]| {
        let found = links.iter().find(|other| other.index == parent);
        found.map(|other| other.name.clone())
    };
    let Some(nsid) = one.parent_nsid else {
        let links = &seen.iter().find(|(other, _)| Rc::ptr_eq(other, place))?.1;
        return is_pair.then(|| here(links).map(|name| format!("{sign} {name}")))?;
    };
    let there = seen.iter().find(|(other, _)| {
        let found =
            session.wait(async { place.rtnl().ok()?.nsid_of(other.namespace()).await.ok()? });
        found.ok().flatten() == Some(nsid)
    })?;
    Some(format!("{sign} {} in {}", here(&there.1)?, there.0.label()))
}

fn show(session: &Rc<Session>, places: &[Rc<netns::Netns>]) -> Result<()> {
    let drawn = draw(&look(session, places)?, session.settings().color);
    session.print(&drawn)
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Prints the namespace that ipvsh started in and all named ones, with their links, parents and addresses, as a tree.
    ///
    /// ```rhai
    /// netns("a").veth("to-b", netns("b"), "to-a");
    /// tree();
    /// ```
    #[rhai_fn(name = "tree", return_raw, volatile)]
    pub fn tree_all(context: NativeCallContext) -> Answer<()> {
        answer(&context, |session| {
            // Those without a name are other people's: asked for one by one, with tree(net).
            let mut places = session.known_namespaces()?;
            let (start, names) = (Path::new(netns::Netns::START), namespace::NAMES);
            places.retain(|place| place.path() == start || place.path().starts_with(names));
            show(session, &places)
        })
    }

    /// Prints one namespace with its links, parents and addresses as a tree.
    ///
    /// ```rhai
    /// netns("a").tree();
    /// ```
    #[rhai_fn(name = "tree", return_raw, volatile)]
    pub fn tree_of(context: NativeCallContext, net: &mut Netns) -> Answer<()> {
        answer(&context, |session| {
            show(session, std::slice::from_ref(&net.0))
        })
    }
}
