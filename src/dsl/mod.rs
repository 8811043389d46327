//! The words of the language, one topic a file, in four rooms: the [`kinds`] of links, the [`objects`] that links and
//! namespaces hold, the [`acts`] of a lab, and the words of the [`script`] itself. The doc comments here are the manual:
//! `help()`, the reference, completion.
//!
//! A topic is a Rhai module of plain functions, marked `#[export_module(manifest)]` so that it costs nothing until it is used.
//! Whoever adds one writes it in a file of its own and adds its line to [`TOPICS`]; one that makes links says there which kinds.
//! The first parameter decides where a word can be used: on [`handle::Netns`] it also becomes a bare word that acts in the
//! current namespace, on [`handle::Link`] also a word that takes the link by name (see `engine::words`).

pub mod acts;
pub mod handle;
pub mod handles;
pub mod kinds;
pub mod objects;
pub mod option_keys;
pub mod option_values;
pub mod script;
pub mod session;

use rhai::EvalAltResult;
use rhai::plugin::ModuleManifest;

use acts::{check, exec, mesh, ping, place, process, reach, tree, wait};
use kinds::{
    bond, bridge, dummy, geneve, ifb, ip_tunnel, ipvlan, kind, macvlan, netkit, tun, veth, vlan,
    vrf, vxlan, wireguard, xfrm,
};
use objects::{
    addr, fdb, filter, link, neighbor, netns, nexthop, port, queue, route, rule, sysctl,
};
use script::{argument, lab, network, param, print, progress, time};

pub use session::{Session, answer};

/// What a word returns: its value, or the error that scripts catch.
pub type Answer<T> = Result<T, Box<EvalAltResult>>;

/// A topic of the manual, with its words.
pub struct Topic {
    /// The heading.
    pub title: &'static str,
    /// The functions, with their documentation.
    pub words: &'static ModuleManifest,
    /// The kinds of link that they make.
    pub kinds: &'static [kind::Kind],
}

impl Topic {
    const fn of(title: &'static str, words: &'static ModuleManifest) -> Self {
        Self {
            title,
            words,
            kinds: &[],
        }
    }

    const fn making(self, kinds: &'static [kind::Kind]) -> Self {
        Self { kinds, ..self }
    }
}

/// Every topic, in the order of the manual.
pub const TOPICS: &[Topic] = &[
    Topic::of("Namespaces", &netns::words::RHAI_MANIFEST),
    Topic::of("Places", &place::words::RHAI_MANIFEST),
    Topic::of("Links", &link::verbs::words::RHAI_MANIFEST),
    Topic::of("Links' properties", &link::properties::words::RHAI_MANIFEST),
    Topic::of("Links' settings", &link::settings::words::RHAI_MANIFEST),
    Topic::of("ipvlan", &ipvlan::words::RHAI_MANIFEST).making(ipvlan::KINDS),
    Topic::of("ipvtap", &ipvlan::tap_words::RHAI_MANIFEST),
    Topic::of("macvlan", &macvlan::words::RHAI_MANIFEST).making(macvlan::KINDS),
    Topic::of("macvtap", &macvlan::tap_words::RHAI_MANIFEST),
    Topic::of("veth", &veth::words::RHAI_MANIFEST).making(veth::KINDS),
    Topic::of("netkit", &netkit::words::RHAI_MANIFEST).making(netkit::KINDS),
    Topic::of("Bridges", &bridge::words::RHAI_MANIFEST).making(bridge::KINDS),
    Topic::of("Ports", &port::words::RHAI_MANIFEST),
    Topic::of("Bonds", &bond::words::RHAI_MANIFEST).making(bond::KINDS),
    Topic::of("VLANs", &vlan::words::RHAI_MANIFEST).making(vlan::KINDS),
    Topic::of("VXLAN", &vxlan::words::RHAI_MANIFEST).making(vxlan::KINDS),
    Topic::of("Forwarding databases", &fdb::words::RHAI_MANIFEST),
    Topic::of("Geneve", &geneve::words::RHAI_MANIFEST).making(geneve::KINDS),
    Topic::of("IP tunnels", &ip_tunnel::words::RHAI_MANIFEST).making(ip_tunnel::KINDS),
    Topic::of("XFRM", &xfrm::words::RHAI_MANIFEST).making(xfrm::KINDS),
    Topic::of("WireGuard", &wireguard::words::RHAI_MANIFEST).making(wireguard::KINDS),
    Topic::of("VRFs", &vrf::words::RHAI_MANIFEST).making(vrf::KINDS),
    Topic::of("Dummies", &dummy::words::RHAI_MANIFEST).making(dummy::KINDS),
    Topic::of("Intermediate functional blocks", &ifb::words::RHAI_MANIFEST).making(ifb::KINDS),
    Topic::of("TUN and TAP", &tun::words::RHAI_MANIFEST).making(tun::KINDS),
    Topic::of("Addresses", &addr::words::RHAI_MANIFEST),
    Topic::of("Arithmetic of addresses", &network::words::RHAI_MANIFEST),
    Topic::of("Routes", &route::words::RHAI_MANIFEST),
    Topic::of("Nexthops", &nexthop::words::RHAI_MANIFEST),
    Topic::of("Rules", &rule::words::RHAI_MANIFEST),
    Topic::of("Neighbours", &neighbor::words::RHAI_MANIFEST),
    Topic::of("Sysctl", &sysctl::words::RHAI_MANIFEST),
    Topic::of("Queues", &queue::words::RHAI_MANIFEST),
    Topic::of("Filters", &filter::words::RHAI_MANIFEST),
    Topic::of("Ping", &ping::words::RHAI_MANIFEST),
    Topic::of("Meshes", &mesh::words::RHAI_MANIFEST),
    Topic::of("Expectations", &reach::words::RHAI_MANIFEST),
    Topic::of("Commands", &exec::words::RHAI_MANIFEST),
    Topic::of("Processes", &process::words::RHAI_MANIFEST),
    Topic::of("Labs", &lab::words::RHAI_MANIFEST),
    Topic::of("Parameters", &param::words::RHAI_MANIFEST),
    Topic::of("Arguments", &argument::words::RHAI_MANIFEST),
    Topic::of("Checks", &check::words::RHAI_MANIFEST),
    Topic::of("Output", &print::words::RHAI_MANIFEST),
    Topic::of("Progress", &progress::words::RHAI_MANIFEST),
    Topic::of("Trees", &tree::words::RHAI_MANIFEST),
    Topic::of("Time", &time::words::RHAI_MANIFEST),
    Topic::of("Waiting", &wait::words::RHAI_MANIFEST),
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
