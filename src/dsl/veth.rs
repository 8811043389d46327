//! veth pairs: a cable between two namespaces, or within one.

use std::os::fd::{AsFd, AsRawFd};
use std::rc::Rc;

use rhai::Map;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rtnetlink::LinkUnspec;
use rtnetlink::packet_route::link::{InfoData, InfoKind, InfoVeth};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::make::{Request, Wanted, creating, ensure, read};
use crate::dsl::netns::namespace_argument;
use crate::dsl::{Answer, Session, answer, kind, link};
use crate::error::{Error, Kind, Result};
use crate::lab::trace;
use crate::net::link::Snapshot;
use crate::value::name::LinkName;

/// What this topic makes.
pub const KINDS: &[kind::Kind] = &[kind::Kind {
    word: "veth",
    name: "veth",
    module: "veth",
    config: "CONFIG_VETH",
    keys: &[],
    is_pair: true,
    argument: None,
    facts_of: kind::without_facts,
    usual: &[],
}];

/// The far end of a pair.
fn peer(session: &Rc<Session>, end: &Link) -> Result<Option<Link>> {
    let seen = link::snapshot(session, end)?;
    match seen.parent {
        Some(index) => link::neighbour(session, end, index, seen.parent_nsid),
        None => Ok(None),
    }
}

/// Refuses a pair that is there with another far end, and a peer's name that something else has.
fn check_peer(session: &Rc<Session>, end: &Link, far: &Netns, far_name: &LinkName) -> Result<()> {
    let found = peer(session, end)?;
    let same = found.as_ref().is_some_and(|peer| {
        peer.name() == far_name.as_str() && peer.netns().namespace().id() == far.namespace().id()
    });
    if same {
        return Ok(());
    }
    let there = found.map_or_else(
        || "nowhere that can be seen".to_owned(),
        |peer| format!("`{}` in namespace `{}`", peer.name(), peer.netns().label()),
    );
    Err(Error::new(
        Kind::Conflict,
        "a pair of that name is there and ends elsewhere",
    )
    .note(format!("there: {there}"))
    .note(format!(
        "asked: `{far_name}` in namespace `{}`",
        far.label()
    ))
    .hint("take another name, ask for what is there, or replace it with #{replace: true}"))
}

fn make(
    session: &Rc<Session>,
    near: &Netns,
    name: &str,
    far: &Netns,
    far_name: &str,
    options: Map,
) -> Result<Link> {
    let (name, _, common) = read("veth", name, options, &[])?;
    let far_name: LinkName = far_name.parse()?;
    if near.namespace().id() == far.namespace().id() && name == far_name {
        return Err(Error::invalid(
            "the two ends can't have one name in one namespace",
        ));
    }
    let is_far = near.namespace().id() != far.namespace().id();
    let mut end = LinkUnspec::new_with_name(far_name.as_str());
    if is_far {
        end = end.setns_by_fd(far.namespace().as_fd().as_raw_fd());
    }
    let message = rtnetlink::LinkMessageBuilder::<LinkUnspec>::new_with_info_kind(InfoKind::Veth)
        .set_info_data(InfoData::Veth(InfoVeth::Peer(end.build())))
        .build();
    let wanted = Wanted {
        kind: "veth",
        place: near.0.clone(),
        name,
        parent: None,
        facts: Vec::new(),
        facts_of: |_| Vec::new(),
        common,
    };
    // A pair that ends elsewhere makes room for the one that is wanted.
    if wanted.common.replace()
        && let Some(there) = link::find(session, &near.0, wanted.name.as_str())?
        && there.kind == "veth"
    {
        let there = link::handle(&near.0, &there);
        if check_peer(session, &there, far, &far_name).is_err() {
            link::delete(session, &there)?;
        }
    }
    let message = |_: Option<&Snapshot>| match link::find(session, &far.0, far_name.as_str())? {
        None => {
            let place = trace::place_of_link(far);
            let words = ["peer", "name", far_name.as_str(), "netns", &place];
            let words = &words[..if is_far { 5 } else { 3 }];
            Ok(Request::new(message.clone(), words.iter().copied()))
        }
        Some(there) => Err(Error::new(
            Kind::Exists,
            format!(
                "the peer's name `{far_name}` is taken in namespace `{}`",
                far.label()
            ),
        )
        .note(format!("there: {}", link::described(&there)))
        .hint("take another name for the peer")),
    };
    ensure(session, &wanted, message, |made| {
        if !made.is_new {
            return check_peer(session, &made.link, far, &far_name);
        }
        if let Some(peer) = peer(session, &made.link)? {
            session
                .lab()
                .link_made(&peer.netns(), peer.index(), &peer.name());
        }
        Ok(())
    })
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

    /// The far end of a veth pair; `()` for other kinds, and where it is in a namespace that can't be found.
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
