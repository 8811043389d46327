//! VLAN links: the frames of one 802.1Q tag on a parent.

use rhai::Map;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kinds::attributes::Asked;
use crate::dsl::kinds::kind::{Change, Kind};
use crate::dsl::kinds::make::{Parent, Wanted, creating, ensure, read};
use crate::dsl::{Answer, answer};
use crate::net::link::Snapshot;
use crate::schema::{Names, Opt, Spelling, Wire};

const VLAN: Kind = Kind {
    word: "vlan",
    name: "vlan",
    module: "8021q",
    config: "CONFIG_VLAN_8021Q",
    table: TABLE,
    is_pair: false,
    settings: &[],
    change: Change::Said(&["id", "protocol"]),
};

/// What this topic makes.
pub const KINDS: &[Kind] = &[VLAN];

/// The largest id that a tag can carry for traffic; 4095 is reserved by IEEE 802.1Q.
const LARGEST_ID: i64 = 4094;

/// The protocols of the tag, by the names that `ip` gives them.
pub(crate) const PROTOCOLS: Names = &[("802.1Q", 0x8100), ("802.1ad", 0x88a8)];

/// A bit of `IFLA_VLAN_FLAGS`.
const fn flag(key: &'static str, bit: u32, doc: &'static str) -> Opt {
    Opt::switch(key, 0, doc)
        .at(Wire::Flag(2, bit))
        .spelled(Spelling::OnOff)
}

/// `IFLA_VLAN_*` and `VLAN_FLAG_*` of `linux/if_link.h` and `linux/if_vlan.h`.
const TABLE: &[Opt] = &[
    Opt::number("id", Wire::U16(1), (0, LARGEST_ID), "the VLAN").argument(),
    Opt::choice(
        "protocol",
        Wire::Be16(5),
        PROTOCOLS,
        "the protocol of the tag",
    )
    .words(&["protocol", "proto"])
    .default("802.1Q"),
    flag(
        "reorder_hdr",
        0x1,
        "whether frames are shown without their tag",
    )
    .default("true"),
    flag("gvrp", 0x2, "whether it is announced by GVRP").default("false"),
    flag("mvrp", 0x8, "whether it is announced by MVRP").default("false"),
    flag(
        "loose_binding",
        0x4,
        "whether its state is not that of its parent",
    )
    .default("false"),
    flag(
        "bridge_binding",
        0x10,
        "whether its carrier is that of the bridge's ports in the VLAN",
    )
    .default("false"),
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

    /// Makes a VLAN link with options, its own and those that every link takes.
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
                let (name, mut options, common) = read(&VLAN, name, options)?;
                let mut asked = Asked::take(session, &net.0, &VLAN, &mut options)?;
                asked.argument("id", id)?;
                // A link of that id and another protocol is another VLAN.
                asked.usual("protocol");
                let parent = Parent::find(session, &net.0, &parent)?;
                let wanted = Wanted {
                    kind: &VLAN,
                    place: net.0.clone(),
                    name,
                    parent: Some(&parent),
                    facts: asked.facts(),
                    common,
                };
                let request = |_: Option<&Snapshot>| Ok(asked.request().over(&parent));
                ensure(session, &wanted, request, |_| Ok(()))
            };
            make().map_err(context)
        })
    }
}
