//! VXLAN links: Ethernet frames of one network identifier over UDP.

use rhai::Map;
use rhai::plugin::{NativeCallContext, export_module};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kinds::attributes::Asked;
use crate::dsl::kinds::kind::{Change, Kind};
use crate::dsl::kinds::make::{creating, ensure_asked, read};
use crate::dsl::{Answer, answer};
use crate::error::{Error, Result};
use crate::schema::{Family, Form, Names, Opt, Spelling, Unit, Wire};

const VXLAN: Kind = Kind {
    word: "vxlan",
    name: "vxlan",
    module: "vxlan",
    config: "CONFIG_VXLAN",
    table: TABLE,
    is_pair: false,
    settings: &[],
    change: Change::Said(FIXED),
};

/// What this topic makes.
pub const KINDS: &[Kind] = &[VXLAN];

/// The largest identifier that the header carries.
pub(crate) const LARGEST_ID: i64 = 0xff_ffff;

/// What outer packets can say of being cut into fragments, `VXLAN_DF_*` and `GENEVE_DF_*` of `linux/if_link.h`.
pub(crate) const DF: Names = &[("unset", 0), ("set", 1), ("inherit", 2)];
/// What stands for a time to live: the kernel's choice, or that of the inner packet, which is an attribute of its own.
pub(crate) const TTL: Names = &[("auto", 0), ("inherit", 256)];
/// What stands for a type of service: that of the inner packet.
pub(crate) const TOS: Names = &[("inherit", 1)];

/// What `vxlan_nl2conf` of drivers/net/vxlan takes at the making only.
const FIXED: &[&str] = &[
    "id",
    "dstport",
    "maxaddress",
    "proxy",
    "rsc",
    "l2miss",
    "l3miss",
    "udpcsum",
    "udp6zerocsumtx",
    "udp6zerocsumrx",
];

const U32: (i64, i64) = (0, u32::MAX as i64);

/// `IFLA_VXLAN_*` of `linux/if_link.h`.
const TABLE: &[Opt] = &[
    Opt::host("remote", Family::Both, (2, 16), "the far end"),
    Opt::new(
        "group",
        Form::Group(Family::Both),
        "the multicast group of the far ends, joined on `dev`",
    )
    .at(Wire::Ip(2, 16))
    .spelled(Spelling::Pair),
    Opt::host("local", Family::Both, (4, 17), "the address to send from"),
    Opt::device("dev", 3, "the link that carries it"),
    Opt::number(
        "dstport",
        Wire::Be16(15),
        (1, 65535),
        "the port of UDP; that of the standard is 4789",
    )
    .default("8472"),
    Opt::number(
        "ttl",
        Wire::Ttl(5, 28, false),
        (0, 255),
        "time to live of the outer packets; 0 leaves it to the kernel",
    )
    .named(TTL)
    .words(&["ttl", "hoplimit"])
    .default("0"),
    Opt::number(
        "tos",
        Wire::U8(6),
        (0, 255),
        "type of service of the outer packets",
    )
    .named(TOS)
    .spelled(Spelling::Hex)
    .words(&["tos", "dsfield"])
    .default("0x00"),
    Opt::switch("learning", 7, "whether it learns addresses from traffic").default("true"),
    Opt::time(
        "ageing",
        Wire::U32(8),
        Unit::Seconds,
        U32,
        "how long a learned address is kept",
    )
    .default("300s"),
    Opt::number(
        "maxaddress",
        Wire::U32(9),
        U32,
        "how many addresses it learns at most; 0 for no limit",
    )
    .named(&[("unlimited", 0)])
    .default("0"),
    Opt::switch(
        "proxy",
        11,
        "whether it answers ARP for neighbours that it knows",
    )
    .default("false"),
    Opt::switch(
        "rsc",
        12,
        "whether it routes straight to neighbours that it knows",
    )
    .default("false"),
    Opt::switch(
        "l2miss",
        13,
        "whether listeners of netlink are told of unknown hardware addresses",
    )
    .default("false"),
    Opt::switch(
        "l3miss",
        14,
        "whether listeners of netlink are told of unknown IP addresses",
    )
    .default("false"),
    Opt::switch(
        "udpcsum",
        18,
        "whether outer packets of IPv4 have a checksum of UDP",
    )
    .default("true"),
    Opt::switch(
        "udp6zerocsumtx",
        19,
        "whether outer packets of IPv6 are sent without one",
    )
    .default("false"),
    Opt::switch(
        "udp6zerocsumrx",
        20,
        "whether outer packets of IPv6 are taken without one",
    )
    .default("false"),
    Opt::choice(
        "df",
        Wire::U8(29),
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
    .argument(),
];

/// Refuses what can't be together.
fn check(asked: &Asked) -> Result<()> {
    asked.check_ends("remote", "group", false)?;
    asked.check_ends("local", "remote", true)?;
    asked.check_ends("local", "group", true)?;
    if asked.value("group").is_some() && asked.value("dev").is_none() {
        return Err(
            Error::invalid("a multicast group is joined on a link, and `dev` is missing").hint(
                "name the link that leads to the others: #{group: \"239.1.1.1\", dev: \"eth0\"}",
            ),
        );
    }
    Ok(())
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Makes the VXLAN link `name` for the network `id`, and returns it.
    ///
    /// `id` is 0 to 16777215. It reaches nobody until it has a `remote`, a `group`, or entries of its forwarding database.
    /// What `ip link add NAME type vxlan id ID` does.
    ///
    /// ```rhai
    /// netns("a").vxlan("vx0", 42).kind    // => "vxlan"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn vxlan(context: NativeCallContext, net: &mut Netns, name: &str, id: i64) -> Answer<Link> {
        vxlan_with(context, net, name, id, Map::new())
    }

    /// Makes a VXLAN link with options, its own and those that every link takes.
    ///
    /// What `ip link add NAME type vxlan id ID remote ADDRESS dstport PORT …` does.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.vxlan("vx0", 42, #{remote: "10.0.0.2", local: "10.0.0.1", dstport: 4789, up: true}).is_up    // => true
    /// ```
    #[rhai_fn(name = "vxlan", return_raw, volatile)]
    pub fn vxlan_with(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        id: i64,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            let context = creating("vxlan", name, net);
            let make = || {
                let (name, mut options, common) = read(&VXLAN, name, options)?;
                let mut asked = Asked::take(session, &net.0, &VXLAN, &mut options)?;
                asked.argument("id", id)?;
                check(&asked)?;
                ensure_asked(session, net, name, common, &asked)
            };
            make().map_err(context)
        })
    }
}
