//! `tree()`: what stands, as a tree.

use std::rc::Rc;

use rhai::plugin::{NativeCallContext, export_module};

use crate::dsl::acts::graph::{self, Depth};
use crate::dsl::handle::Netns;
use crate::dsl::{Answer, Session, answer};
use crate::error::Result;
use crate::net::netns;
use crate::view::tree::draw;

fn show(session: &Rc<Session>, places: &[Rc<netns::Netns>]) -> Result<()> {
    let graph = graph::look_at(session, places, Depth::Links)?;
    let drawn = draw(&graph, session.settings().color);
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
        answer(&context, |session| show(session, &graph::named(session)?))
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
