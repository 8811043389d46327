//! Geneve links: Ethernet frames of one network identifier over UDP, to one far end.

use rhai::Map;
use rhai::plugin::{NativeCallContext, export_module};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kinds::attributes::{self, Asked, Attribute, Family, Form};
use crate::dsl::kinds::kind::Kind;
use crate::dsl::kinds::make::{Wanted, creating, ensure, read};
use crate::dsl::{Answer, answer};
use crate::error::Error;
use crate::value::options::in_range;

/// What this topic makes.
pub const KINDS: &[Kind] = &[Kind {
    word: "geneve",
    name: "geneve",
    module: "geneve",
    config: "CONFIG_GENEVE",
    keys: KEYS,
    is_pair: false,
    argument: Some("id"),
    facts_of: |data| attributes::facts(data, TABLE),
    usual: USUAL,
}];

/// Keys beyond those that every link takes.
const KEYS: &[&str] = &[
    "df",
    "dstport",
    "remote",
    "tos",
    "ttl",
    "udp6zerocsumrx",
    "udp6zerocsumtx",
    "udpcsum",
];

/// What the kernel gives to a Geneve link of which nothing is said.
const USUAL: &[(&str, &str)] = &[
    ("df", "unset"),
    ("dstport", "6081"),
    ("tos", "0x00"),
    ("ttl", "0"),
    ("udp6zerocsumrx", "false"),
    ("udp6zerocsumtx", "false"),
    ("udpcsum", "true"),
];

/// The largest identifier that the header carries.
const LARGEST_ID: i64 = 0xff_ffff;

/// `IFLA_GENEVE_*` of `linux/if_link.h`.
const TABLE: &[Attribute] = &[
    Attribute {
        key: "id",
        number: 1,
        form: Form::Number(0, LARGEST_ID),
    },
    Attribute {
        key: "remote",
        number: 2,
        form: Form::Host(Family::Both(7)),
    },
    Attribute {
        key: "ttl",
        number: 3,
        form: Form::Byte,
    },
    Attribute {
        key: "tos",
        number: 4,
        form: Form::HexByte,
    },
    Attribute {
        key: "dstport",
        number: 5,
        form: Form::Port,
    },
    Attribute {
        key: "udpcsum",
        number: 8,
        form: Form::Switch,
    },
    Attribute {
        key: "udp6zerocsumtx",
        number: 9,
        form: Form::Switch,
    },
    Attribute {
        key: "udp6zerocsumrx",
        number: 10,
        form: Form::Switch,
    },
    Attribute {
        key: "df",
        number: 13,
        form: Form::Choice(attributes::DF),
    },
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
    /// `id` is 0 to 16777215, `remote` the far end, which must be given; `dstport` the port of UDP (6081), `ttl` 0 to 255 and
    /// `tos` of the outer packets; `df` is their bit that forbids fragments (`"unset"`, `"set"`, `"inherit"`), `udpcsum`,
    /// `udp6zerocsumtx` and `udp6zerocsumrx` are their checksums; and what every link takes. What `ip link add NAME type geneve id ID remote ADDRESS` does.
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
                let (name, mut options, common) = read("geneve", name, options, KEYS)?;
                let id = in_range("id", id, 0..=LARGEST_ID)?;
                let mut asked = Asked::take(session, &net.0, &mut options, TABLE)?;
                if asked.fact("remote").is_none() {
                    return Err(Error::invalid("the far end is missing")
                        .hint("give it as #{remote: \"10.0.0.2\"}"));
                }
                asked.number("id", 1, id);
                let wanted = Wanted {
                    kind: "geneve",
                    place: net.0.clone(),
                    name,
                    parent: None,
                    facts: asked.facts.clone(),
                    facts_of: |data| attributes::facts(data, TABLE),
                    common,
                };
                ensure(
                    session,
                    &wanted,
                    |_| Ok(asked.request("geneve")),
                    |_| Ok(()),
                )
            };
            make().map_err(context)
        })
    }
}
