//! Intermediate functional blocks: a link that the incoming traffic of others is sent through, to be queued there.

use rhai::Map;
use rhai::plugin::{NativeCallContext, export_module};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kinds::kind::{Change, Kind};
use crate::dsl::kinds::make::plain;
use crate::dsl::{Answer, answer};

const IFB: Kind = Kind {
    word: "ifb",
    name: "ifb",
    module: "ifb",
    config: "CONFIG_IFB",
    table: &[],
    is_pair: false,
    settings: &[("arp", "false"), ("multicast", "false"), ("txqlen", "32")],
    change: Change::Said(&[]),
};

/// What this topic makes.
pub const KINDS: &[Kind] = &[IFB];

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Makes the intermediate functional block `name`, and returns it.
    ///
    /// What `ip link add NAME type ifb` does.
    ///
    /// ```rhai
    /// netns("a").ifb("ifb0").kind    // => "ifb"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn ifb(context: NativeCallContext, net: &mut Netns, name: &str) -> Answer<Link> {
        ifb_with(context, net, name, Map::new())
    }

    /// Makes an intermediate functional block with the options that every link takes.
    ///
    /// ```rhai
    /// netns("a").ifb("ifb0", #{up: true}).is_up    // => true
    /// ```
    #[rhai_fn(name = "ifb", return_raw, volatile)]
    pub fn ifb_with(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| plain(session, &IFB, net, name, options))
    }
}
