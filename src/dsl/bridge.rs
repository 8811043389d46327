//! Bridges: an Ethernet switch in the kernel; links become its ports by `link.master(bridge)`.

use rhai::Map;
use rhai::plugin::{NativeCallContext, export_module};
use rtnetlink::packet_route::link::{BridgeStpState, InfoBridge, InfoData};
use rtnetlink::{LinkBridge, LinkMessageBuilder};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kind::Kind;
use crate::dsl::make::{Fact, Request, Wanted, creating, ensure, read};
use crate::dsl::{Answer, answer};
use crate::net::link::Snapshot;

/// What this topic makes.
pub const KINDS: &[Kind] = &[Kind {
    word: "bridge",
    name: "bridge",
    module: "bridge",
    config: "CONFIG_BRIDGE",
    keys: &["stp", "vlan_filtering"],
    is_pair: false,
}];

fn facts_of(data: &InfoData) -> Vec<Fact> {
    let InfoData::Bridge(infos) = data else {
        return Vec::new();
    };
    infos
        .iter()
        .filter_map(|info| match info {
            InfoBridge::StpState(state) => {
                Some(("stp", (*state != BridgeStpState::Disabled).to_string()))
            }
            InfoBridge::VlanFiltering(on) => Some(("vlan_filtering", on.to_string())),
            _ => None,
        })
        .collect()
}

/// The facts as `ip` takes them: `stp_state 1`.
fn words_of(facts: &[Fact]) -> Vec<String> {
    let words = facts.iter().flat_map(|(key, value)| {
        let key = if *key == "stp" { "stp_state" } else { key };
        let value = if value == "true" { "1" } else { "0" };
        [key.to_owned(), value.to_owned()]
    });
    words.collect()
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Makes the bridge `name`, and returns it.
    ///
    /// What `ip link add NAME type bridge` does.
    ///
    /// ```rhai
    /// netns("a").bridge("br0").kind    // => "bridge"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn bridge(context: NativeCallContext, net: &mut Netns, name: &str) -> Answer<Link> {
        bridge_with(context, net, name, Map::new())
    }

    /// Makes a bridge with options: `stp`, `vlan_filtering`, and those that every link takes.
    ///
    /// ```rhai
    /// netns("a").bridge("br0", #{stp: true, up: true}).is_up    // => true
    /// ```
    #[rhai_fn(name = "bridge", return_raw, volatile)]
    pub fn bridge_with(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            let context = creating("bridge", name, net);
            let make = || {
                let (name, mut options, common) =
                    read("bridge", name, options, &["stp", "vlan_filtering"])?;
                // `LinkBridge::new` brings it up, too.
                let mut builder = LinkMessageBuilder::<LinkBridge>::new(name.as_str());
                let mut facts: Vec<Fact> = Vec::new();
                if let Some(on) = options.flag("stp")? {
                    let state = if on {
                        BridgeStpState::KernelStp
                    } else {
                        BridgeStpState::Disabled
                    };
                    builder = builder.stp_state(state);
                    facts.push(("stp", on.to_string()));
                }
                if let Some(on) = options.flag("vlan_filtering")? {
                    builder = builder.vlan_filtering(on);
                    facts.push(("vlan_filtering", on.to_string()));
                }
                let message = builder.build();
                let wanted = Wanted {
                    kind: "bridge",
                    place: net.0.clone(),
                    name,
                    parent: None,
                    facts,
                    facts_of,
                    common,
                };
                let words = words_of(&wanted.facts);
                let request =
                    |_: Option<&Snapshot>| Ok(Request::new(message.clone(), words.clone()));
                ensure(session, &wanted, request, |_| Ok(()))
            };
            make().map_err(context)
        })
    }
}
