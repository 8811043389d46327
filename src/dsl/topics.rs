//! The index of topics: every file with words, in the order of the manual. It stands on top of the rooms; none of them asks it.

use rhai::plugin::ModuleManifest;

use super::acts::{
    capture, check, connect, each, events, exec, expect, flap, graph, latency, listen, mesh,
    packets, path, ping, place, process, reach, throughput, tree, wait, why,
};
use super::kinds::{
    bond, bridge, dummy, geneve, ifb, ip_tunnel, ipvlan, macvlan, netkit, set, tun, veth, vlan,
    vrf, vxlan, wireguard, xfrm,
};
use super::objects::{
    addr, fdb, filter, hook, link, neighbor, netns, nexthop, port, queue, route, rule, sysctl,
};
use super::script::{
    argument, data, lab, list, network, param, print, progress, random, text, time,
};

/// A topic of the manual, with its words.
pub struct Topic {
    /// The heading.
    pub title: &'static str,
    /// The functions, with their documentation.
    pub words: &'static ModuleManifest,
}

impl Topic {
    const fn of(title: &'static str, words: &'static ModuleManifest) -> Self {
        Self { title, words }
    }
}

/// Every topic, in the order of the manual.
pub const TOPICS: &[Topic] = &[
    Topic::of("Namespaces", &netns::words::RHAI_MANIFEST),
    Topic::of("Places", &place::words::RHAI_MANIFEST),
    Topic::of("Links", &link::verbs::words::RHAI_MANIFEST),
    Topic::of("Links' properties", &link::properties::words::RHAI_MANIFEST),
    Topic::of("Links' settings", &link::settings::words::RHAI_MANIFEST),
    Topic::of("Links' options", &set::words::RHAI_MANIFEST),
    Topic::of("ipvlan", &ipvlan::words::RHAI_MANIFEST),
    Topic::of("ipvtap", &ipvlan::tap_words::RHAI_MANIFEST),
    Topic::of("macvlan", &macvlan::words::RHAI_MANIFEST),
    Topic::of("macvtap", &macvlan::tap_words::RHAI_MANIFEST),
    Topic::of("veth", &veth::words::RHAI_MANIFEST),
    Topic::of("netkit", &netkit::words::RHAI_MANIFEST),
    Topic::of("Bridges", &bridge::words::RHAI_MANIFEST),
    Topic::of("Ports", &port::words::RHAI_MANIFEST),
    Topic::of("Bonds", &bond::words::RHAI_MANIFEST),
    Topic::of("VLANs", &vlan::words::RHAI_MANIFEST),
    Topic::of("VXLAN", &vxlan::words::RHAI_MANIFEST),
    Topic::of("Forwarding databases", &fdb::words::RHAI_MANIFEST),
    Topic::of("Geneve", &geneve::words::RHAI_MANIFEST),
    Topic::of("IP tunnels", &ip_tunnel::words::RHAI_MANIFEST),
    Topic::of("XFRM", &xfrm::words::RHAI_MANIFEST),
    Topic::of("WireGuard", &wireguard::words::RHAI_MANIFEST),
    Topic::of("VRFs", &vrf::words::RHAI_MANIFEST),
    Topic::of("Dummies", &dummy::words::RHAI_MANIFEST),
    Topic::of("Intermediate functional blocks", &ifb::words::RHAI_MANIFEST),
    Topic::of("TUN and TAP", &tun::words::RHAI_MANIFEST),
    Topic::of("Addresses", &addr::words::RHAI_MANIFEST),
    Topic::of("Arithmetic of addresses", &network::words::RHAI_MANIFEST),
    Topic::of("Routes", &route::words::RHAI_MANIFEST),
    Topic::of("Nexthops", &nexthop::words::RHAI_MANIFEST),
    Topic::of("Rules", &rule::words::RHAI_MANIFEST),
    Topic::of("Neighbours", &neighbor::words::RHAI_MANIFEST),
    Topic::of("Sysctl", &sysctl::words::RHAI_MANIFEST),
    Topic::of("Queues", &queue::words::RHAI_MANIFEST),
    Topic::of("Hooks for filters", &hook::words::RHAI_MANIFEST),
    Topic::of("Filters", &filter::words::RHAI_MANIFEST),
    Topic::of("Ping", &ping::words::RHAI_MANIFEST),
    Topic::of("Meshes", &mesh::words::RHAI_MANIFEST),
    Topic::of("Paths", &path::words::RHAI_MANIFEST),
    Topic::of("Throughput", &throughput::words::RHAI_MANIFEST),
    Topic::of("Latency", &latency::words::RHAI_MANIFEST),
    Topic::of("Servers", &listen::words::RHAI_MANIFEST),
    Topic::of("Connections", &connect::words::RHAI_MANIFEST),
    Topic::of("Flapping", &flap::words::RHAI_MANIFEST),
    Topic::of("Explanations", &why::words::RHAI_MANIFEST),
    Topic::of("Expectations", &reach::words::RHAI_MANIFEST),
    Topic::of("Commands", &exec::words::RHAI_MANIFEST),
    Topic::of("Processes", &process::words::RHAI_MANIFEST),
    Topic::of("Lists", &list::words::RHAI_MANIFEST),
    Topic::of("Side by side", &each::words::RHAI_MANIFEST),
    Topic::of("Texts", &text::words::RHAI_MANIFEST),
    Topic::of("Labs", &lab::words::RHAI_MANIFEST),
    Topic::of("Parameters", &param::words::RHAI_MANIFEST),
    Topic::of("Arguments", &argument::words::RHAI_MANIFEST),
    Topic::of("Checks", &check::words::RHAI_MANIFEST),
    Topic::of("Tests", &expect::words::RHAI_MANIFEST),
    Topic::of("Output", &print::words::RHAI_MANIFEST),
    Topic::of("Data", &data::words::RHAI_MANIFEST),
    Topic::of("Chance", &random::words::RHAI_MANIFEST),
    Topic::of("Progress", &progress::words::RHAI_MANIFEST),
    Topic::of("Trees", &tree::words::RHAI_MANIFEST),
    Topic::of("Pictures", &graph::words::RHAI_MANIFEST),
    Topic::of("Time", &time::words::RHAI_MANIFEST),
    Topic::of("Waiting", &wait::words::RHAI_MANIFEST),
    Topic::of("Events", &events::words::RHAI_MANIFEST),
    Topic::of("Captures", &capture::words::RHAI_MANIFEST),
    Topic::of("Packets", &packets::words::RHAI_MANIFEST),
];

/// Words that get no other form than the one they are written in, by the type of their first parameter: without the
/// object in front they would read as something else.
pub const METHOD_ONLY: &[(&str, &str)] = &[
    ("Netns", "delete"),
    ("Link", "del_route"),
    ("Link", "netns"),
    ("Link", "route"),
    ("Link", "sysctl"),
];
