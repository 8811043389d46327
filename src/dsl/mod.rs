//! The words of the language, one topic a file. The doc comments here are the manual: `help()`, the reference, completion.
//!
//! A topic is a Rhai module of plain functions. Whoever adds one writes it in a file of its own and adds its line to [`TOPICS`].
//! The first parameter decides where a word can be used: on [`handle::Netns`] it also becomes a bare word that acts in the
//! current namespace, on [`handle::Link`] also a word that takes the link by name (see `engine::words`).

pub mod addr;
pub mod bond;
pub mod bridge;
pub mod dummy;
pub mod handle;
pub mod ipvlan;
pub mod ipvlan_port;
pub mod link;
pub mod macvlan;
mod make;
pub mod netns;
pub mod route;
pub mod session;
pub mod veth;
pub mod vlan;

use rhai::{EvalAltResult, Module};

pub use session::{Session, answer};

/// What a word returns: its value, or the error that scripts catch.
pub type Answer<T> = Result<T, Box<EvalAltResult>>;

/// A topic of the manual, with the module that holds its words.
pub struct Topic {
    /// The heading.
    pub title: &'static str,
    /// The functions, with their documentation.
    pub module: fn() -> Module,
}

/// Every topic, in the order of the manual.
pub const TOPICS: &[Topic] = &[
    Topic {
        title: "Namespaces",
        module: netns::module,
    },
    Topic {
        title: "Links",
        module: link::module,
    },
    Topic {
        title: "ipvlan and ipvtap",
        module: ipvlan::module,
    },
    Topic {
        title: "macvlan",
        module: macvlan::module,
    },
    Topic {
        title: "veth",
        module: veth::module,
    },
    Topic {
        title: "Bridges",
        module: bridge::module,
    },
    Topic {
        title: "Bonds",
        module: bond::module,
    },
    Topic {
        title: "VLANs",
        module: vlan::module,
    },
    Topic {
        title: "Dummies",
        module: dummy::module,
    },
    Topic {
        title: "Addresses",
        module: addr::module,
    },
    Topic {
        title: "Routes",
        module: route::module,
    },
];
