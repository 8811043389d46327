//! netkit pairs: a cable between two namespaces whose ends carry BPF programs of their own.

use std::rc::Rc;

use rhai::Map;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rtnetlink::packet_route::link::{InfoData, InfoNetkit};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kinds::attributes::Asked;
use crate::dsl::kinds::kind::{Change, Kind};
use crate::dsl::kinds::make::{creating, read};
use crate::dsl::kinds::pair::{Pair, ensure_pair};
use crate::dsl::objects::netns::namespace_argument;
use crate::dsl::{Answer, Session, answer};
use crate::error::Result;
use crate::schema::{Opt, Wire};

const NETKIT: Kind = Kind {
    word: "netkit",
    name: "netkit",
    module: "netkit",
    config: "CONFIG_NETKIT",
    table: TABLE,
    is_pair: true,
    settings: &[("arp", "false"), ("multicast", "false")],
    change: Change::Said(&["mode"]),
};

/// What this topic makes.
pub const KINDS: &[Kind] = &[NETKIT];

/// `IFLA_NETKIT_*` of `linux/if_link.h`.
const TABLE: &[Opt] = &[Opt::choice(
    "mode",
    Wire::U32(5),
    &[("l2", 0), ("l3", 1)],
    "whether it carries Ethernet frames or packets of IP",
)
.default("l3")];

fn make(
    session: &Rc<Session>,
    (near, name): (&Netns, &str),
    (far, far_name): (&Netns, &str),
    options: Map,
) -> Result<Link> {
    let (name, mut options, common) = read(&NETKIT, name, options)?;
    let asked = Asked::take(session, &near.0, &NETKIT, &mut options)?;
    let number = asked
        .value("mode")
        .and_then(|mode| TABLE[0].form.number(mode));
    let mode = number.and_then(|number| u32::try_from(number).ok());
    let pair = Pair {
        near,
        name,
        far,
        far_name,
        asked,
        common,
    };
    ensure_pair(session, pair, |peer| {
        let mode = mode.map(|mode| InfoNetkit::Mode(mode.into()));
        InfoData::Netkit(mode.into_iter().chain([InfoNetkit::Peer(peer)]).collect())
    })
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Makes a netkit pair that ends in two namespaces, and returns the end in the first; the other is its `.peer`.
    ///
    /// `peer_ns` is a handle or a name. It carries IP packets without Ethernet headers, as mode `l3` says. Linux has it
    /// since 6.7. What `ip link add NAME type netkit peer name PEER netns NS` does.
    ///
    /// ```rhai,no_run
    /// let b = netns("b");
    /// netns("a").netkit("to-b", b, "to-a", #{addr: "10.0.0.1/24", up: true}).peer.addr("10.0.0.2/24").up();
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn netkit(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        peer_ns: Dynamic,
        peer_name: &str,
    ) -> Answer<Link> {
        netkit_with(context, net, name, peer_ns, peer_name, Map::new())
    }

    /// Makes a netkit pair with options: `mode` (`l2`, `l3`), and for the first end those that every link takes.
    ///
    /// ```rhai,no_run
    /// netns("a").netkit("to-b", netns("b"), "to-a", #{mode: "l2", up: true});
    /// ```
    #[rhai_fn(name = "netkit", return_raw, volatile)]
    pub fn netkit_with(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        peer_ns: Dynamic,
        peer_name: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            let make = || {
                let far = namespace_argument(&peer_ns)?;
                make(session, (net, name), (&far, peer_name), options)
            };
            make().map_err(creating("netkit", name, net))
        })
    }
}
