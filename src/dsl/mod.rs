//! The words of the language, one topic a file. The doc comments here are the manual: `help()`, the reference, completion.
//!
//! A topic is a Rhai module of plain functions, marked `#[export_module(manifest)]` so that it costs nothing until it is used.
//! Whoever adds one writes it in a file of its own and adds its line to [`TOPICS`]; one that makes links also has a line in [`KINDS`].
//! The first parameter decides where a word can be used: on [`handle::Netns`] it also becomes a bare word that acts in the
//! current namespace, on [`handle::Link`] also a word that takes the link by name (see `engine::words`).

pub mod addr;
mod attributes;
pub mod bond;
pub mod bridge;
pub mod check;
pub mod dummy;
pub mod exec;
pub mod fdb;
pub mod filter;
pub mod geneve;
pub mod handle;
pub mod ifb;
pub mod ip_tunnel;
pub mod ipvlan;
pub mod ipvlan_port;
pub mod kind;
pub mod lab;
pub mod link;
pub mod macvlan;
mod make;
pub mod neighbor;
pub mod netns;
pub mod network;
pub mod nexthop;
pub mod option_keys;
pub mod param;
pub mod ping;
pub mod place;
pub mod port;
pub mod print;
pub mod process;
pub mod progress;
pub mod queue;
pub mod reach;
pub mod route;
pub mod rule;
pub mod session;
pub mod sysctl;
mod table;
pub mod time;
pub mod tree;
pub mod tun;
pub mod veth;
pub mod vlan;
pub mod vrf;
pub mod vxlan;
pub mod wait;
pub mod within;

use rhai::EvalAltResult;
use rhai::plugin::ModuleManifest;

pub use session::{Session, answer};

/// What a word returns: its value, or the error that scripts catch.
pub type Answer<T> = Result<T, Box<EvalAltResult>>;

/// A topic of the manual, with its words.
pub struct Topic {
    /// The heading.
    pub title: &'static str,
    /// The functions, with their documentation.
    pub words: &'static ModuleManifest,
}

/// Every topic, in the order of the manual.
pub const TOPICS: &[Topic] = &[
    Topic {
        title: "Namespaces",
        words: &netns::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Places",
        words: &place::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Links",
        words: &link::verbs::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Links' properties",
        words: &link::properties::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Links' settings",
        words: &link::settings::words::RHAI_MANIFEST,
    },
    Topic {
        title: "ipvlan",
        words: &ipvlan::words::RHAI_MANIFEST,
    },
    Topic {
        title: "ipvtap",
        words: &ipvlan::tap_words::RHAI_MANIFEST,
    },
    Topic {
        title: "macvlan",
        words: &macvlan::words::RHAI_MANIFEST,
    },
    Topic {
        title: "macvtap",
        words: &macvlan::tap_words::RHAI_MANIFEST,
    },
    Topic {
        title: "veth",
        words: &veth::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Bridges",
        words: &bridge::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Ports",
        words: &port::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Bonds",
        words: &bond::words::RHAI_MANIFEST,
    },
    Topic {
        title: "VLANs",
        words: &vlan::words::RHAI_MANIFEST,
    },
    Topic {
        title: "VXLAN",
        words: &vxlan::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Forwarding databases",
        words: &fdb::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Geneve",
        words: &geneve::words::RHAI_MANIFEST,
    },
    Topic {
        title: "IP tunnels",
        words: &ip_tunnel::words::RHAI_MANIFEST,
    },
    Topic {
        title: "VRFs",
        words: &vrf::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Dummies",
        words: &dummy::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Intermediate functional blocks",
        words: &ifb::words::RHAI_MANIFEST,
    },
    Topic {
        title: "TUN and TAP",
        words: &tun::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Addresses",
        words: &addr::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Arithmetic of addresses",
        words: &network::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Routes",
        words: &route::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Nexthops",
        words: &nexthop::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Rules",
        words: &rule::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Neighbours",
        words: &neighbor::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Sysctl",
        words: &sysctl::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Queues",
        words: &queue::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Filters",
        words: &filter::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Ping",
        words: &ping::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Expectations",
        words: &reach::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Commands",
        words: &exec::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Processes",
        words: &process::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Labs",
        words: &lab::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Parameters",
        words: &param::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Checks",
        words: &check::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Output",
        words: &print::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Progress",
        words: &progress::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Trees",
        words: &tree::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Time",
        words: &time::words::RHAI_MANIFEST,
    },
    Topic {
        title: "Waiting",
        words: &wait::words::RHAI_MANIFEST,
    },
];

/// Every kind of link that a word makes, one topic a line.
pub const KINDS: &[&[kind::Kind]] = &[
    ipvlan::KINDS,
    macvlan::KINDS,
    veth::KINDS,
    bridge::KINDS,
    bond::KINDS,
    vlan::KINDS,
    vxlan::KINDS,
    geneve::KINDS,
    ip_tunnel::KINDS,
    vrf::KINDS,
    dummy::KINDS,
    ifb::KINDS,
    tun::KINDS,
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
