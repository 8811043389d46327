//! macvlan slaves: links with MAC addresses of their own over one parent.

use rhai::Map;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rtnetlink::LinkMacVlan;
use rtnetlink::packet_route::link::{InfoData, InfoMacVlan, MacVlanMode};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kind::Kind;
use crate::dsl::make::{Fact, Parent, Wanted, creating, ensure, read};
use crate::dsl::{Answer, answer};
use crate::net::link::Snapshot;
use crate::value::choice::choose;

/// What this topic makes.
pub const KINDS: &[Kind] = &[Kind {
    word: "macvlan",
    name: "macvlan",
    module: "macvlan",
    config: "CONFIG_MACVLAN",
    keys: &[],
    is_pair: false,
}];

/// The modes by the names that `ip` gives them.
const MODES: &[(&str, MacVlanMode)] = &[
    ("bridge", MacVlanMode::Bridge),
    ("private", MacVlanMode::Private),
    ("vepa", MacVlanMode::Vepa),
    ("passthru", MacVlanMode::Passthrough),
    ("source", MacVlanMode::Source),
];

fn facts_of(data: &InfoData) -> Vec<Fact> {
    let InfoData::MacVlan(infos) = data else {
        return Vec::new();
    };
    infos
        .iter()
        .filter_map(|info| match info {
            InfoMacVlan::Mode(mode) => {
                let name = MODES.iter().find(|(_, known)| known == mode);
                name.map(|(name, _)| ("mode", (*name).to_owned()))
            }
            _ => None,
        })
        .collect()
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
            let context = creating("macvlan", name, net);
            let make = || {
                let (name, _, common) = read("macvlan", name, options, &[])?;
                let number = choose("macvlan", "mode", mode, MODES)?;
                let parent = Parent::find(session, &net.0, &parent)?;
                let wanted = Wanted {
                    kind: "macvlan",
                    place: net.0.clone(),
                    name,
                    parent: Some(&parent),
                    facts: vec![("mode", mode.to_owned())],
                    facts_of,
                    common,
                };
                let message = |_: Option<&Snapshot>| {
                    parent.check_can_carry(session, "macvlan")?;
                    let name = wanted.name.as_str();
                    Ok(LinkMacVlan::new(name, parent.seen.index, number).build())
                };
                ensure(session, &wanted, message, |_| Ok(()))
            };
            make().map_err(context)
        })
    }
}
