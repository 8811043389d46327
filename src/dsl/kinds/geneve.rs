//! Geneve links: Ethernet frames of one network identifier over UDP, to one far end.

use rhai::Map;
use rhai::plugin::{NativeCallContext, export_module};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kinds::attributes::Asked;
use crate::dsl::kinds::kind::{Change, Kind};
use crate::dsl::kinds::make::{creating, ensure_asked, read};
use crate::dsl::kinds::vxlan::{DF, TOS, TTL};
use crate::dsl::{Answer, answer};
use crate::error::Error;
use crate::schema::{Family, Opt, Spelling, Wire};

const GENEVE: Kind = Kind {
    word: "geneve",
    name: "geneve",
    module: "geneve",
    config: "CONFIG_GENEVE",
    table: TABLE,
    is_pair: false,
    settings: &[],
    change: Change::Said(FIXED),
};

/// What `geneve_nl2info` of drivers/net/geneve.c takes at the making only.
const FIXED: &[&str] = &[
    "id",
    "dstport",
    "df",
    "udpcsum",
    "udp6zerocsumtx",
    "udp6zerocsumrx",
];

/// What this topic makes.
pub const KINDS: &[Kind] = &[GENEVE];

/// The largest identifier that the header carries.
const LARGEST_ID: i64 = 0xff_ffff;

/// `IFLA_GENEVE_*` of `linux/if_link.h`.
const TABLE: &[Opt] = &[
    Opt::host(
        "remote",
        Family::Both,
        (2, 7),
        "the far end, which has to be given",
    ),
    Opt::number(
        "ttl",
        Wire::Ttl(3, 12, true),
        (0, 255),
        "time to live of the outer packets; 0 leaves it to the kernel",
    )
    .named(TTL)
    .words(&["ttl", "hoplimit"])
    .default("0"),
    Opt::number(
        "tos",
        Wire::U8(4),
        (0, 255),
        "type of service of the outer packets",
    )
    .named(TOS)
    .spelled(Spelling::Hex)
    .words(&["tos", "dsfield"])
    .default("0x00"),
    Opt::number("dstport", Wire::Be16(5), (1, 65535), "the port of UDP").default("6081"),
    Opt::switch(
        "udpcsum",
        8,
        "whether outer packets of IPv4 have a checksum of UDP",
    )
    .default("false"),
    Opt::switch(
        "udp6zerocsumtx",
        9,
        "whether outer packets of IPv6 are sent without one",
    )
    .default("false"),
    Opt::switch(
        "udp6zerocsumrx",
        10,
        "whether outer packets of IPv6 are taken without one",
    )
    .default("false"),
    Opt::choice(
        "df",
        Wire::U8(13),
        DF,
        "the bit of outer packets that forbids fragments",
    )
    .default("unset"),
    Opt::number(
        "id",
        Wire::U32(1),
        (0, LARGEST_ID),
        "the identifier of the network",
    )
    .words(&["id", "vni"])
    .argument(),
];

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Makes the Geneve link `name` for the network `id` with options, and returns it.
    ///
    /// `id` is 0 to 16777215; `remote` has to be given. What `ip link add NAME type geneve id ID remote ADDRESS` does.
    ///
    /// ```rhai
    /// netns("a").geneve("gnv0", 42, #{remote: "10.0.0.2", up: true}).is_up    // => true
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn geneve(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        id: i64,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            let context = creating("geneve", name, net);
            let make = || {
                let (name, mut options, common) = read(&GENEVE, name, options)?;
                let mut asked = Asked::take(session, &net.0, &GENEVE, &mut options)?;
                asked.argument("id", id)?;
                if asked.value("remote").is_none() {
                    return Err(Error::invalid("the far end is missing")
                        .hint("give it as #{remote: \"10.0.0.2\"}"));
                }
                ensure_asked(session, net, name, common, &asked)
            };
            make().map_err(context)
        })
    }
}
