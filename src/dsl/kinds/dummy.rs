//! Dummy links: an Ethernet link without a wire, the usual stand-in for a real interface.

use rhai::Map;
use rhai::plugin::{NativeCallContext, export_module};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kinds::kind::{Change, Kind};
use crate::dsl::kinds::make::plain;
use crate::dsl::{Answer, answer};

const DUMMY: Kind = Kind {
    word: "dummy",
    name: "dummy",
    module: "dummy",
    config: "CONFIG_DUMMY",
    table: &[],
    is_pair: false,
    settings: &[("arp", "false"), ("multicast", "false")],
    change: Change::Said(&[]),
};

/// What this topic makes.
pub const KINDS: &[Kind] = &[DUMMY];

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Makes the dummy link `name`, and returns it.
    ///
    /// What `ip link add NAME type dummy` does.
    ///
    /// ```rhai
    /// netns("a").dummy("d0").up().state    // => "UNKNOWN"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn dummy(context: NativeCallContext, net: &mut Netns, name: &str) -> Answer<Link> {
        dummy_with(context, net, name, Map::new())
    }

    /// Makes a dummy link with options: those that every link takes (`addr`, `mtu`, `mac`, `up`, `route` …).
    ///
    /// ```rhai
    /// netns("a").dummy("d0", #{mtu: 9000, up: true}).mtu    // => 9000
    /// ```
    #[rhai_fn(name = "dummy", return_raw, volatile)]
    pub fn dummy_with(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            plain(session, &DUMMY, net, name, options)
        })
    }
}
