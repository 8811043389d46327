//! macvlan and macvtap slaves: links with MAC addresses of their own over one parent.

use std::rc::Rc;

use rhai::Map;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rtnetlink::packet_route::link::{InfoData, InfoMacVlan, InfoMacVtap, MacVlanMode};
use rtnetlink::{LinkMacVlan, LinkMacVtap};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kind::Kind;
use crate::dsl::make::{Fact, Parent, Wanted, creating, ensure, read};
use crate::dsl::{Answer, Session, answer};
use crate::error::Result;
use crate::net::link::Snapshot;
use crate::value::choice::choose;

/// What this topic makes.
pub const KINDS: &[Kind] = &[
    Kind {
        word: "macvlan",
        name: "macvlan",
        module: "macvlan",
        config: "CONFIG_MACVLAN",
        keys: &[],
        is_pair: false,
        argument: Some("mode"),
        facts_of,
        usual: &[("mode", "bridge")],
    },
    Kind {
        word: "macvtap",
        name: "macvtap",
        module: "macvtap",
        config: "CONFIG_MACVTAP",
        keys: &[],
        is_pair: false,
        argument: Some("mode"),
        facts_of,
        usual: &[("mode", "bridge"), ("txqlen", "500")],
    },
];

/// The modes by the names that `ip` gives them.
const MODES: &[(&str, MacVlanMode)] = &[
    ("bridge", MacVlanMode::Bridge),
    ("private", MacVlanMode::Private),
    ("vepa", MacVlanMode::Vepa),
    ("passthru", MacVlanMode::Passthrough),
    ("source", MacVlanMode::Source),
];

fn facts_of(data: &InfoData) -> Vec<Fact> {
    let mode = match data {
        InfoData::MacVlan(infos) => infos.iter().find_map(|info| match info {
            InfoMacVlan::Mode(mode) => Some(mode),
            _ => None,
        }),
        InfoData::MacVtap(infos) => infos.iter().find_map(|info| match info {
            InfoMacVtap::Mode(mode) => Some(mode),
            _ => None,
        }),
        _ => None,
    };
    let name = mode.and_then(|mode| MODES.iter().find(|(_, known)| known == mode));
    name.map(|(name, _)| ("mode", (*name).to_owned()))
        .into_iter()
        .collect()
}

/// Makes a slave of the kind, `macvlan` or `macvtap`.
fn make(
    session: &Rc<Session>,
    kind: &'static str,
    net: &Netns,
    (parent, name, mode): (&Dynamic, &str, &str),
    options: Map,
) -> Result<Link> {
    let (name, _, common) = read(kind, name, options, &[])?;
    let number = choose(kind, "mode", mode, MODES)?;
    let parent = Parent::find(session, &net.0, parent)?;
    let wanted = Wanted {
        kind,
        place: net.0.clone(),
        name,
        parent: Some(&parent),
        facts: vec![("mode", mode.to_owned())],
        facts_of,
        common,
    };
    let message = |_: Option<&Snapshot>| {
        parent.check_can_carry(session, kind)?;
        let name = wanted.name.as_str();
        Ok(if kind == "macvtap" {
            LinkMacVtap::new(name, parent.seen.index, number).build()
        } else {
            LinkMacVlan::new(name, parent.seen.index, number).build()
        })
    };
    ensure(session, &wanted, message, |_| Ok(()))
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Makes a macvlan slave of `parent` in mode bridge, and returns it.
    ///
    /// What `ip link add link PARENT NAME type macvlan mode bridge` does.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1").up();
    /// a.macvlan(parent, "m0").parent.name    // => "v0"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn macvlan(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
    ) -> Answer<Link> {
        macvlan_all(context, net, parent, name, "bridge", Map::new())
    }

    /// Makes a macvlan slave in the given mode: `bridge`, `private`, `vepa`, `passthru` or `source`.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1").up();
    /// a.macvlan(parent, "m0", "private").kind    // => "macvlan"
    /// ```
    #[rhai_fn(name = "macvlan", return_raw, volatile)]
    pub fn macvlan_mode(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
        mode: &str,
    ) -> Answer<Link> {
        macvlan_all(context, net, parent, name, mode, Map::new())
    }

    /// Makes a macvlan slave in mode bridge with the options that every link takes.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1").up();
    /// a.macvlan(parent, "m0", #{up: true}).is_up    // => true
    /// ```
    #[rhai_fn(name = "macvlan", return_raw, volatile)]
    pub fn macvlan_with(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
        options: Map,
    ) -> Answer<Link> {
        macvlan_all(context, net, parent, name, "bridge", options)
    }

    /// Makes a macvlan slave in the given mode with the options that every link takes.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1").up();
    /// a.macvlan(parent, "m0", "bridge", #{mac: "02:00:00:00:00:07"}).mac    // => "02:00:00:00:00:07"
    /// ```
    #[rhai_fn(name = "macvlan", return_raw, volatile)]
    pub fn macvlan_all(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
        mode: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            make(session, "macvlan", net, (&parent, name, mode), options)
                .map_err(creating("macvlan", name, net))
        })
    }
}

/// The words of the topic of macvtap.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod tap_words {
    /// Makes a macvtap slave of `parent` in mode bridge: a macvlan slave with a character device for virtual machines.
    ///
    /// What `ip link add link PARENT NAME type macvtap mode bridge` does.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1").up();
    /// a.macvtap(parent, "t0").parent.name    // => "v0"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn macvtap(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
    ) -> Answer<Link> {
        macvtap_all(context, net, parent, name, "bridge", Map::new())
    }

    /// Makes a macvtap slave in the given mode: `bridge`, `private`, `vepa`, `passthru` or `source`.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1").up();
    /// a.macvtap(parent, "t0", "private").kind    // => "macvtap"
    /// ```
    #[rhai_fn(name = "macvtap", return_raw, volatile)]
    pub fn macvtap_mode(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
        mode: &str,
    ) -> Answer<Link> {
        macvtap_all(context, net, parent, name, mode, Map::new())
    }

    /// Makes a macvtap slave in mode bridge with the options that every link takes.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1").up();
    /// a.macvtap(parent, "t0", #{up: true}).is_up    // => true
    /// ```
    #[rhai_fn(name = "macvtap", return_raw, volatile)]
    pub fn macvtap_with(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
        options: Map,
    ) -> Answer<Link> {
        macvtap_all(context, net, parent, name, "bridge", options)
    }

    /// Makes a macvtap slave in the given mode with the options that every link takes.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1").up();
    /// a.macvtap(parent, "t0", "bridge", #{mac: "02:00:00:00:00:07"}).mac    // => "02:00:00:00:00:07"
    /// ```
    #[rhai_fn(name = "macvtap", return_raw, volatile)]
    pub fn macvtap_all(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
        mode: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            make(session, "macvtap", net, (&parent, name, mode), options)
                .map_err(creating("macvtap", name, net))
        })
    }
}
