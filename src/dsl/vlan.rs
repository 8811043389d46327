//! VLAN links: the frames of one 802.1Q tag on a parent.

use rhai::Map;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rtnetlink::LinkVlan;
use rtnetlink::packet_route::link::{InfoData, InfoVlan, VlanProtocol};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kind::Kind;
use crate::dsl::make::{Fact, Parent, Wanted, creating, ensure, read};
use crate::dsl::{Answer, answer};
use crate::error::Error;
use crate::value::choice::choose;

/// What this topic makes.
pub const KINDS: &[Kind] = &[Kind {
    word: "vlan",
    name: "vlan",
    module: "8021q",
    config: "CONFIG_VLAN_8021Q",
    keys: &["protocol"],
    is_pair: false,
}];

/// The largest id that a tag can carry for traffic; 4095 is reserved by IEEE 802.1Q.
const LARGEST_ID: i64 = 4094;

fn facts_of(data: &InfoData) -> Vec<Fact> {
    let InfoData::Vlan(infos) = data else {
        return Vec::new();
    };
    infos
        .iter()
        .filter_map(|info| match info {
            InfoVlan::Id(id) => Some(("id", id.to_string())),
            InfoVlan::Protocol(protocol) => Some(("protocol", protocol.to_string())),
            _ => None,
        })
        .collect()
}

/// The protocols of the tag, by the names that `ip` gives them.
pub(crate) const PROTOCOLS: &[(&str, VlanProtocol)] = &[
    ("802.1q", VlanProtocol::Ieee8021Q),
    ("802.1ad", VlanProtocol::Ieee8021Ad),
];

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Makes the link `name` for the frames tagged `id` on `parent`, and returns it.
    ///
    /// `id` is 0 to 4094. What `ip link add link PARENT NAME type vlan id ID` does.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1");
    /// a.vlan(parent, "v0.10", 10).parent.name    // => "v0"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn vlan(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
        id: i64,
    ) -> Answer<Link> {
        vlan_with(context, net, parent, name, id, Map::new())
    }

    /// Makes a VLAN link with options: `protocol` (`"802.1q"`, `"802.1ad"`), and those that every link takes.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1").up();
    /// a.vlan(parent, "v0.10", 10, #{protocol: "802.1ad", up: true}).is_up    // => true
    /// ```
    #[rhai_fn(name = "vlan", return_raw, volatile)]
    pub fn vlan_with(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
        id: i64,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            let context = creating("vlan", name, net);
            let make = || {
                let (name, mut options, common) = read("vlan", name, options, &["protocol"])?;
                let tag = u16::try_from(id)
                    .ok()
                    .filter(|_| (0..=LARGEST_ID).contains(&id))
                    .ok_or_else(|| {
                        Error::invalid(format!("a VLAN id is 0 to {LARGEST_ID}, not {id}"))
                    })?;
                let protocol = match options.string("protocol")? {
                    Some(text) => {
                        choose("vlan", "protocol", &text.to_ascii_lowercase(), PROTOCOLS)?
                    }
                    None => VlanProtocol::Ieee8021Q,
                };
                let parent = Parent::find(session, &net.0, &parent)?;
                let wanted = Wanted {
                    kind: "vlan",
                    place: net.0.clone(),
                    name,
                    parent: Some(&parent),
                    facts: vec![("id", tag.to_string()), ("protocol", protocol.to_string())],
                    facts_of,
                    common,
                };
                let message = LinkVlan::new(wanted.name.as_str(), parent.seen.index, tag)
                    .protocol(protocol)
                    .build();
                ensure(session, &wanted, |_| Ok(message.clone()), |_| Ok(()))
            };
            make().map_err(context)
        })
    }
}
