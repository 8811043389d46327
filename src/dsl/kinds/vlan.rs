//! VLAN links: the frames of one 802.1Q tag on a parent.

use rhai::Map;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rtnetlink::LinkVlan;
use rtnetlink::packet_route::link::{InfoData, InfoVlan, VlanFlags, VlanProtocol};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kinds::kind::Kind;
use crate::dsl::kinds::make::{Fact, Parent, Wanted, creating, ensure, read};
use crate::dsl::{Answer, answer};
use crate::error::Error;
use crate::lab::setting::plain::on_off;
use crate::value::choice::choose;

/// What this topic makes.
pub const KINDS: &[Kind] = &[Kind {
    word: "vlan",
    name: "vlan",
    module: "8021q",
    config: "CONFIG_VLAN_8021Q",
    keys: KEYS,
    is_pair: false,
    argument: Some("id"),
    facts_of,
    usual: USUAL,
}];

/// The largest id that a tag can carry for traffic; 4095 is reserved by IEEE 802.1Q.
const LARGEST_ID: i64 = 4094;

const KEYS: &[&str] = &[
    "bridge_binding",
    "gvrp",
    "loose_binding",
    "mvrp",
    "protocol",
    "reorder_hdr",
];

/// What the kernel gives to a VLAN link of which nothing is said.
const USUAL: &[(&str, &str)] = &[
    ("bridge_binding", "off"),
    ("gvrp", "off"),
    ("loose_binding", "off"),
    ("mvrp", "off"),
    ("protocol", "802.1Q"),
    ("reorder_hdr", "on"),
];

/// The flags, by the names that `ip` gives them.
const FLAGS: &[(&str, VlanFlags)] = &[
    ("reorder_hdr", VlanFlags::ReorderHdr),
    ("gvrp", VlanFlags::Gvrp),
    ("mvrp", VlanFlags::Mvrp),
    ("loose_binding", VlanFlags::LooseBinding),
    ("bridge_binding", VlanFlags::BridgeBinding),
];

fn facts_of(data: &InfoData) -> Vec<Fact> {
    let InfoData::Vlan(infos) = data else {
        return Vec::new();
    };
    let mut facts = Vec::new();
    // The kernel tells no flags where none is set.
    let mut set = VlanFlags::empty();
    for info in infos {
        match info {
            InfoVlan::Id(id) => facts.push(("id", id.to_string())),
            InfoVlan::Protocol(protocol) => facts.push(("protocol", protocol.to_string())),
            InfoVlan::Flags((flags, _)) => set = *flags,
            _ => {}
        }
    }
    let flags = FLAGS.iter();
    facts.extend(flags.map(|(name, flag)| (*name, on_off(set.contains(*flag)).to_owned())));
    facts
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

    /// Makes a VLAN link with options: `protocol` (`"802.1q"`, `"802.1ad"`), flags, and those that every link takes.
    ///
    /// Flags, true or false: `reorder_hdr`, `gvrp`, `mvrp`, `loose_binding`, `bridge_binding`.
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
                let (name, mut options, common) = read("vlan", name, options, KEYS)?;
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
                let mut facts = vec![("id", tag.to_string()), ("protocol", protocol.to_string())];
                let (mut flags, mut mask) = (VlanFlags::empty(), VlanFlags::empty());
                for (key, flag) in FLAGS {
                    if let Some(on) = options.flag(key)? {
                        flags.set(*flag, on);
                        mask |= *flag;
                        facts.push((key, on_off(on).to_owned()));
                    }
                }
                let parent = Parent::find(session, &net.0, &parent)?;
                let wanted = Wanted {
                    kind: "vlan",
                    place: net.0.clone(),
                    name,
                    parent: Some(&parent),
                    facts,
                    facts_of,
                    common,
                };
                let mut builder =
                    LinkVlan::new(wanted.name.as_str(), parent.seen.index, tag).protocol(protocol);
                if !mask.is_empty() {
                    builder = builder.append_info_data(InfoVlan::Flags((flags, mask)));
                }
                let message = builder.build();
                ensure(session, &wanted, |_| Ok(message.clone()), |_| Ok(()))
            };
            make().map_err(context)
        })
    }
}
