//! veth pairs: a cable between two namespaces, or within one.

use std::rc::Rc;

use rhai::Map;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rtnetlink::packet_route::link::{InfoData, InfoVeth};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kinds::attributes::Asked;
use crate::dsl::kinds::kind::{self, Change};
use crate::dsl::kinds::make::{creating, read};
use crate::dsl::kinds::pair::{Pair, ensure_pair, peer};
use crate::dsl::objects::netns::namespace_argument;
use crate::dsl::{Answer, Session, answer};
use crate::error::Result;

const VETH: kind::Kind = kind::Kind {
    word: "veth",
    name: "veth",
    module: "veth",
    config: "CONFIG_VETH",
    table: &[],
    is_pair: true,
    settings: &[],
    change: Change::Said(&[]),
};

/// What this topic makes.
pub const KINDS: &[kind::Kind] = &[VETH];

fn make(
    session: &Rc<Session>,
    near: &Netns,
    name: &str,
    far: &Netns,
    far_name: &str,
    options: Map,
) -> Result<Link> {
    let (name, _, common) = read(&VETH, name, options)?;
    let pair = Pair {
        near,
        name,
        far,
        far_name,
        asked: Asked::of(&VETH),
        common,
    };
    ensure_pair(session, pair, |peer| InfoData::Veth(InfoVeth::Peer(peer)))
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Makes a pair of links within the namespace, and returns the first; the other is its `.peer`.
    ///
    /// ```rhai
    /// netns("a").veth("v0", "v1").peer.name    // => "v1"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn veth(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        peer_name: &str,
    ) -> Answer<Link> {
        veth_with(context, net, name, peer_name, Map::new())
    }

    /// Makes a pair within the namespace; the options are those that every link takes, for the first end.
    ///
    /// ```rhai
    /// netns("a").veth("v0", "v1", #{mtu: 1400, up: true}).mtu    // => 1400
    /// ```
    #[rhai_fn(name = "veth", return_raw, volatile)]
    pub fn veth_with(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        peer_name: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            make(session, net, name, net, peer_name, options).map_err(creating("veth", name, net))
        })
    }

    /// Makes a pair that ends in two namespaces, and returns the end in the first; the other is its `.peer`.
    ///
    /// `peer_ns` is a handle or a name. Both ends are made in place.
    ///
    /// ```rhai
    /// let b = netns("b");
    /// netns("a").veth("to-b", b, "to-a").peer.netns.name    // => "b"
    /// ```
    #[rhai_fn(name = "veth", return_raw, volatile)]
    pub fn veth_between(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        peer_ns: Dynamic,
        peer_name: &str,
    ) -> Answer<Link> {
        veth_between_with(context, net, name, peer_ns, peer_name, Map::new())
    }

    /// Makes a pair that ends in two namespaces; the options are those that every link takes, for the first end.
    ///
    /// ```rhai
    /// let b = netns("b");
    /// netns("a").veth("to-b", b, "to-a", #{up: true}).is_up    // => true
    /// ```
    #[rhai_fn(name = "veth", return_raw, volatile)]
    pub fn veth_between_with(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        peer_ns: Dynamic,
        peer_name: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            let make = || {
                let far = namespace_argument(&peer_ns)?;
                make(session, net, name, &far, peer_name, options)
            };
            make().map_err(creating("veth", name, net))
        })
    }

    /// The far end of a pair; `()` for other kinds, and where it is in a namespace that can't be found.
    #[rhai_fn(get = "peer", return_raw, volatile)]
    pub fn get_peer(context: NativeCallContext, link: &mut Link) -> Answer<Dynamic> {
        answer(&context, |session| {
            if !kind::is_pair(link.kind()) {
                return Ok(Dynamic::UNIT);
            }
            Ok(peer(session, link)?.map_or(Dynamic::UNIT, Dynamic::from))
        })
    }
}
