//! Bridges: an Ethernet switch in the kernel; links become its ports by `link.master(bridge)`.

use rhai::Map;
use rhai::plugin::{NativeCallContext, export_module};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kinds::attributes::Asked;
use crate::dsl::kinds::kind::{Change, Kind};
use crate::dsl::kinds::make::{creating, ensure_asked, read};
use crate::dsl::kinds::vlan::PROTOCOLS;
use crate::dsl::{Answer, answer};
use crate::schema::{Opt, Spelling, Unit, Wire};

const BRIDGE: Kind = Kind {
    word: "bridge",
    name: "bridge",
    module: "bridge",
    config: "CONFIG_BRIDGE",
    table: TABLE,
    is_pair: false,
    settings: &[],
    change: Change::Said(&[]),
};

/// What this topic makes.
pub const KINDS: &[Kind] = &[BRIDGE];

const SHORT: (i64, i64) = (0, u16::MAX as i64);
const COUNT: (i64, i64) = (0, u32::MAX as i64);
const LONG: (i64, i64) = (0, i64::MAX);

/// A truth value, for which `ip` takes 1 or 0.
const fn flag(key: &'static str, number: u16, doc: &'static str) -> Opt {
    Opt::switch(key, number, doc).spelled(Spelling::OneZero)
}

/// `IFLA_BR_*` of `linux/if_link.h`. The ranges of times, in hundredths of a second, are those of IEEE 802.1D; a learned
/// address may be kept as long as one likes.
const TABLE: &[Opt] = &[
    Opt::time(
        "forward_delay",
        Wire::U32(1),
        Unit::Centis,
        (200, 3000),
        "how long a port listens, and then learns, before it forwards",
    )
    .default("15s"),
    Opt::time(
        "hello_time",
        Wire::U32(2),
        Unit::Centis,
        (100, 1000),
        "how often the root of the spanning tree says that it is there",
    )
    .default("2s"),
    Opt::time(
        "max_age",
        Wire::U32(3),
        Unit::Centis,
        (600, 4000),
        "how long what the root says is believed",
    )
    .default("20s"),
    Opt::time(
        "ageing_time",
        Wire::U32(4),
        Unit::Centis,
        (0, 1_000_000_000),
        "how long a learned address is kept",
    )
    .default("300s"),
    Opt::number(
        "priority",
        Wire::U16(6),
        SHORT,
        "its priority in the spanning tree: the lowest becomes the root",
    )
    .default("32768"),
    Opt::number(
        "vlan_default_pvid",
        Wire::U16(39),
        (0, 4094),
        "the VLAN that new ports are in; 0 for none",
    )
    .default("1"),
    Opt::number(
        "group_fwd_mask",
        Wire::U16(9),
        SHORT,
        "a bit for each reserved group address that is forwarded",
    )
    .default("0"),
    Opt::time(
        "mcast_last_member_interval",
        Wire::U64(30),
        Unit::Centis,
        LONG,
        "how long the last member of a group has to answer",
    )
    .default("1s"),
    Opt::time(
        "mcast_membership_interval",
        Wire::U64(31),
        Unit::Centis,
        LONG,
        "how long a membership lasts",
    )
    .default("260s"),
    Opt::time(
        "mcast_querier_interval",
        Wire::U64(32),
        Unit::Centis,
        LONG,
        "how long another querier is believed to be there",
    )
    .default("255s"),
    Opt::time(
        "mcast_query_interval",
        Wire::U64(33),
        Unit::Centis,
        LONG,
        "how often it asks for members",
    )
    .default("125s"),
    Opt::time(
        "mcast_query_response_interval",
        Wire::U64(34),
        Unit::Centis,
        LONG,
        "how long members may take to answer",
    )
    .default("10s"),
    Opt::time(
        "mcast_startup_query_interval",
        Wire::U64(35),
        Unit::Centis,
        LONG,
        "how often it asks in the beginning",
    )
    .default("31.25s"),
    Opt::number(
        "mcast_hash_max",
        Wire::U32(27),
        COUNT,
        "how many groups it keeps at most",
    )
    .default("4096"),
    Opt::number(
        "mcast_last_member_count",
        Wire::U32(28),
        COUNT,
        "how often the last member of a group is asked for",
    )
    .default("2"),
    Opt::number(
        "mcast_startup_query_count",
        Wire::U32(29),
        COUNT,
        "how often it asks in the beginning",
    )
    .default("2"),
    Opt::number(
        "mcast_igmp_version",
        Wire::U8(43),
        (2, 3),
        "the version of IGMP",
    )
    .default("2"),
    Opt::number(
        "mcast_mld_version",
        Wire::U8(44),
        (1, 2),
        "the version of MLD",
    )
    .default("1"),
    Opt::number(
        "mcast_router",
        Wire::U8(22),
        (0, 2),
        "whether it takes itself for a port to a router: never, where one is heard, always",
    )
    .default("1"),
    Opt::choice(
        "vlan_protocol",
        Wire::Be16(8),
        PROTOCOLS,
        "the protocol of the tags",
    )
    .default("802.1Q"),
    flag(
        "mcast_query_use_ifaddr",
        24,
        "whether it asks from its own address",
    )
    .default("false"),
    flag(
        "mcast_stats_enabled",
        42,
        "whether it counts messages of multicast",
    )
    .default("false"),
    flag(
        "nf_call_arptables",
        38,
        "whether its packets go through arptables",
    )
    .default("false"),
    flag(
        "nf_call_ip6tables",
        37,
        "whether its packets go through ip6tables",
    )
    .default("false"),
    flag(
        "nf_call_iptables",
        36,
        "whether its packets go through iptables",
    )
    .default("false"),
    flag(
        "vlan_stats_enabled",
        41,
        "whether it counts packets by VLAN",
    )
    .default("false"),
    flag(
        "vlan_stats_per_port",
        45,
        "whether it counts them for each port",
    )
    .default("false"),
    flag("vlan_filtering", 7, "whether its ports are in VLANs").default("false"),
    flag(
        "mcast_snooping",
        23,
        "whether multicast goes to members only",
    )
    .default("true"),
    flag("mcast_querier", 25, "whether it asks for members itself").default("false"),
    flag("stp", 5, "whether it takes part in the spanning tree")
        .at(Wire::U32(5))
        .words(&["stp_state"])
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

    /// Makes a bridge with options, its own and those that every link takes.
    ///
    /// Times are durations (`"15s"`, or a bare number of seconds), where `ip` counts hundredths.
    /// What `ip link add NAME type bridge stp_state 1 ageing_time 30000` does.
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
                let (name, mut options, common) = read(&BRIDGE, name, options)?;
                let asked = Asked::take(session, &net.0, &BRIDGE, &mut options)?;
                ensure_asked(session, net, name, common, &asked)
            };
            make().map_err(context)
        })
    }
}
