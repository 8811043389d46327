//! VRFs: links under one look up routes in a table of its own.

use std::rc::Rc;

use rhai::Map;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kinds::attributes::{self, Asked};
use crate::dsl::kinds::kind::{Change, Kind};
use crate::dsl::kinds::make::{creating, ensure_asked, read};
use crate::dsl::objects::link;
use crate::dsl::{Answer, Session, answer};
use crate::error::Result;
use crate::schema::{Form, Opt, Spelling, Wire};
use crate::steps::Value;

const VRF: Kind = Kind {
    word: "vrf",
    name: "vrf",
    module: "vrf",
    config: "CONFIG_NET_VRF",
    table: TABLE,
    is_pair: false,
    settings: &[("arp", "false"), ("mtu", "65575"), ("multicast", "false")],
    change: Change::Said(&["table"]),
};

/// What this topic makes.
pub const KINDS: &[Kind] = &[VRF];

/// `IFLA_VRF_*` of `linux/if_link.h`.
const TABLE: &[Opt] = &[Opt::new(
    "table",
    Form::Table,
    "the routing table of the links under it",
)
.at(Wire::U32(1))
.spelled(Spelling::Pair)
.argument()];

/// The routing table of a VRF; none of another link.
pub(crate) fn table(session: &Rc<Session>, link: &Link) -> Result<Option<u32>> {
    if link.kind() != VRF.name {
        return Ok(None);
    }
    let seen = link::snapshot(session, link)?;
    let facts = seen.data.map(|data| attributes::facts(&data, TABLE));
    Ok(match facts.and_then(|mut facts| facts.pop()) {
        Some((_, Value::Number(table))) => u32::try_from(table).ok(),
        _ => None,
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
    /// Makes the VRF `name` over routing table `table`, brings it up, and returns it.
    ///
    /// Links placed under it with `link.master(vrf)` look up routes in that table only.
    /// What `ip link add NAME up type vrf table TABLE` does.
    ///
    /// ```rhai
    /// let red = netns("r1").vrf("red", 10);
    /// red.table    // => 10
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn vrf(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        table: i64,
    ) -> Answer<Link> {
        vrf_with(context, net, name, table, Map::new())
    }

    /// Makes a VRF with the options that every link takes; `up: false` leaves it down.
    ///
    /// ```rhai
    /// netns("r1").vrf("red", 10, #{up: false}).is_up    // => false
    /// ```
    #[rhai_fn(name = "vrf", return_raw, volatile)]
    pub fn vrf_with(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        table: i64,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            let context = creating("vrf", name, net);
            let make = || {
                let mut options = options;
                options.entry("up".into()).or_insert(true.into());
                let (name, _, common) = read(&VRF, name, options)?;
                let mut asked = Asked::of(&VRF);
                asked.argument("table", table)?;
                ensure_asked(session, net, name, common, &asked)
            };
            make().map_err(context)
        })
    }

    /// The routing table of a VRF; `()` for other kinds.
    #[rhai_fn(get = "table", return_raw, volatile)]
    pub fn get_table(context: NativeCallContext, link: &mut Link) -> Answer<Dynamic> {
        answer(&context, |session| {
            let table = super::table(session, link)?;
            Result::Ok(table.map_or(Dynamic::UNIT, |table| i64::from(table).into()))
        })
    }
}
