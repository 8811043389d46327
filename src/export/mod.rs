//! From what stands in namespaces to a script that makes it: [`export`].
//!
//! The kernel is asked once for all there is ([`world`]), the links are put in an order in which they can be made ([`order`]), and
//! what each has that it would not have by itself becomes a step: [`link`] makes it, [`setting`] and [`bridge`] say what it is
//! given, [`network`] what is in it, [`queue`], [`route`], [`nexthop`] and [`filter`] where packets go and which may, [`sysctl`] how
//! the kernel is set up, [`wireguard`] who talks to whom. What no word can say stays as a comment.

mod bridge;
mod draft;
mod filter;
mod link;
mod network;
mod nexthop;
mod order;
mod queue;
mod route;
mod setting;
mod sysctl;
mod wireguard;
mod world;

use std::rc::Rc;

use crate::dsl::Session;
use crate::dsl::objects::netns::find;
use crate::error::{Error, Result};
use crate::net::namespace;
use crate::steps::write;
use crate::value::name::NetnsName;

use draft::Draft;
use world::World;

/// A script, and what of its source is in it only as a comment.
#[derive(Debug, PartialEq, Eq)]
pub struct Exported {
    /// The script.
    pub script: String,
    /// What could not be said.
    pub left: Vec<String>,
}

/// Writes the script that makes what stands in the namespaces of these names; in all that have a name, where none is given.
///
/// The private keys of WireGuard are in it only `with_keys`.
///
/// Fails with `not_found` where there is no such namespace.
pub fn export(session: &Rc<Session>, names: &[String], with_keys: bool) -> Result<Exported> {
    let mut wanted: Vec<String> = Vec::new();
    for name in names {
        name.parse::<NetnsName>()
            .map_err(|error| error.doing("export namespace", name))?;
        if !wanted.contains(name) {
            wanted.push(name.clone());
        }
    }
    if names.is_empty() {
        let all = namespace::names()?;
        wanted.extend(all.iter().map(ToString::to_string));
    }
    if wanted.is_empty() {
        return Err(Error::new(
            crate::error::Kind::NotFound,
            "there is no namespace with a name, and so nothing to export",
        ));
    }
    let find = |name: &String| find(name).map_err(|error| error.doing("export namespace", name));
    let places = wanted.iter().map(find).collect::<Result<Vec<_>>>()?;
    let world = World::read(session, places, with_keys)?;
    let (items, left) = Draft::of(session, &world).finish();
    Ok(Exported {
        script: write::script(&items),
        left,
    })
}
