//! VXLAN links: Ethernet frames of one network identifier over UDP.

use rhai::Map;
use rhai::plugin::{NativeCallContext, export_module};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kinds::attributes::{self, Asked, Attribute, Family, Form};
use crate::dsl::kinds::kind::Kind;
use crate::dsl::kinds::make::{Wanted, creating, ensure, read};
use crate::dsl::{Answer, answer};
use crate::error::{Error, Result};
use crate::value::options::in_range;

/// What this topic makes.
pub const KINDS: &[Kind] = &[Kind {
    word: "vxlan",
    name: "vxlan",
    module: "vxlan",
    config: "CONFIG_VXLAN",
    keys: KEYS,
    is_pair: false,
    argument: Some("id"),
    facts_of: |data| attributes::facts(data, TABLE),
    usual: USUAL,
}];

/// Keys beyond those that every link takes.
const KEYS: &[&str] = &[
    "ageing",
    "dev",
    "df",
    "dstport",
    "group",
    "l2miss",
    "l3miss",
    "learning",
    "local",
    "maxaddress",
    "proxy",
    "remote",
    "rsc",
    "tos",
    "ttl",
    "udp6zerocsumrx",
    "udp6zerocsumtx",
    "udpcsum",
];

/// What the kernel gives to a VXLAN link of which nothing is said.
const USUAL: &[(&str, &str)] = &[
    ("ageing", "300"),
    ("df", "unset"),
    ("dstport", "8472"),
    ("l2miss", "false"),
    ("l3miss", "false"),
    ("learning", "true"),
    ("maxaddress", "0"),
    ("proxy", "false"),
    ("rsc", "false"),
    ("tos", "0x00"),
    ("ttl", "0"),
    ("udp6zerocsumrx", "false"),
    ("udp6zerocsumtx", "false"),
    ("udpcsum", "true"),
];

/// The largest identifier that the header carries.
pub(crate) const LARGEST_ID: i64 = 0xff_ffff;

/// `IFLA_VXLAN_*` of `linux/if_link.h`.
const TABLE: &[Attribute] = &[
    Attribute {
        key: "id",
        number: 1,
        form: Form::Number(0, LARGEST_ID),
    },
    Attribute {
        key: "remote",
        number: 2,
        form: Form::Host(Family::Both(16)),
    },
    Attribute {
        key: "group",
        number: 2,
        form: Form::Group(Family::Both(16)),
    },
    Attribute {
        key: "local",
        number: 4,
        form: Form::Host(Family::Both(17)),
    },
    Attribute {
        key: "dev",
        number: 3,
        form: Form::Device,
    },
    Attribute {
        key: "dstport",
        number: 15,
        form: Form::Port,
    },
    Attribute {
        key: "ttl",
        number: 5,
        form: Form::Byte,
    },
    Attribute {
        key: "tos",
        number: 6,
        form: Form::HexByte,
    },
    Attribute {
        key: "learning",
        number: 7,
        form: Form::Switch,
    },
    Attribute {
        key: "ageing",
        number: 8,
        form: Form::Seconds,
    },
    Attribute {
        key: "maxaddress",
        number: 9,
        form: Form::Number(0, u32::MAX as i64),
    },
    Attribute {
        key: "proxy",
        number: 11,
        form: Form::Switch,
    },
    Attribute {
        key: "rsc",
        number: 12,
        form: Form::Switch,
    },
    Attribute {
        key: "l2miss",
        number: 13,
        form: Form::Switch,
    },
    Attribute {
        key: "l3miss",
        number: 14,
        form: Form::Switch,
    },
    Attribute {
        key: "udpcsum",
        number: 18,
        form: Form::Switch,
    },
    Attribute {
        key: "udp6zerocsumtx",
        number: 19,
        form: Form::Switch,
    },
    Attribute {
        key: "udp6zerocsumrx",
        number: 20,
        form: Form::Switch,
    },
    Attribute {
        key: "df",
        number: 29,
        form: Form::Choice(attributes::DF),
    },
];

/// Refuses what can't be together.
fn check(asked: &Asked) -> Result<()> {
    asked.check_ends("remote", "group", false)?;
    asked.check_ends("local", "remote", true)?;
    asked.check_ends("local", "group", true)?;
    if asked.fact("group").is_some() && asked.fact("dev").is_none() {
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

    /// Makes a VXLAN link with options, and those that every link takes.
    ///
    /// `remote` is the far end, or `group` a multicast group joined on `dev`; `local` the address to send from; `dstport`
    /// the port of UDP (the kernel's default is 8472, that of the standard 4789); `ttl` 0 to 255 and `tos` of the outer
    /// packets; `learning: false` learns no addresses from traffic; `ageing` is how long a learned one is kept (`"5m"`, or a number of seconds).
    /// `maxaddress` is how many it learns at most (0 for no limit). `proxy` answers ARP for neighbours that it knows, `rsc` routes
    /// straight to them, `l2miss` and `l3miss` tell listeners of netlink what it does not know. `df` is the outer packets' bit that
    /// forbids fragments: `"unset"`, `"set"`, `"inherit"`; `udpcsum`, `udp6zerocsumtx`, `udp6zerocsumrx` are their checksums.
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
                let (name, mut options, common) = read("vxlan", name, options, KEYS)?;
                let id = in_range("id", id, 0..=LARGEST_ID)?;
                let mut asked = Asked::take(session, &net.0, &mut options, TABLE)?;
                check(&asked)?;
                asked.number("id", 1, id);
                let wanted = Wanted {
                    kind: "vxlan",
                    place: net.0.clone(),
                    name,
                    parent: None,
                    facts: asked.facts.clone(),
                    facts_of: |data| attributes::facts(data, TABLE),
                    common,
                };
                ensure(session, &wanted, |_| Ok(asked.request("vxlan")), |_| Ok(()))
            };
            make().map_err(context)
        })
    }
}
