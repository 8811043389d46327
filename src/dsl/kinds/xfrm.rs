//! XFRM interfaces: a link that stands for the IPsec policies and states of one number.

use std::rc::Rc;

use rhai::Map;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rtnetlink::packet_route::link::InfoData;

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kinds::attributes::{self, Asked};
use crate::dsl::kinds::kind::{Change, Kind};
use crate::dsl::kinds::make::{Fact, Wanted, creating, ensure, read};
use crate::dsl::objects::link;
use crate::dsl::{Answer, Session, answer};
use crate::error::{self, Error, Result};
use crate::net;
use crate::schema::{Opt, Wire};
use crate::steps::Value;

const XFRM: Kind = Kind {
    word: "xfrm",
    name: "xfrm",
    module: "xfrm_interface",
    config: "CONFIG_XFRM_INTERFACE",
    table: TABLE,
    is_pair: false,
    settings: &[("arp", "false"), ("multicast", "false")],
    change: Change::Said(&["dev", "if_id"]),
};

/// What this topic makes.
pub const KINDS: &[Kind] = &[XFRM];

/// `IFLA_XFRM_*` of `linux/if_link.h`.
const TABLE: &[Opt] = &[
    Opt::device("dev", 1, "the link that its packets leave by"),
    Opt::number(
        "if_id",
        Wire::U32(2),
        (1, u32::MAX as i64),
        "the number of the policies and states",
    )
    .argument(),
];

fn facts_of(data: &InfoData) -> Vec<Fact> {
    attributes::facts(data, TABLE)
}

/// The `if_id` among facts.
fn if_id(facts: &[Fact]) -> Option<i64> {
    facts.iter().find_map(|(key, value)| match value {
        Value::Number(number) if *key == "if_id" => Some(*number),
        _ => None,
    })
}

/// Refuses a number that another link of the namespace has: the kernel would say no more than that something exists.
fn check_free(session: &Rc<Session>, wanted: &Wanted) -> Result<()> {
    let links = session.wait(async {
        let links = net::link::list(&wanted.place.rtnl()?).await;
        links.map_err(Error::from)
    })??;
    let has_it = |data: &InfoData| if_id(&facts_of(data)) == if_id(&wanted.facts);
    let other = links.iter().find(|other| {
        other.kind == wanted.kind.name
            && other.name != wanted.name.as_str()
            && other.data.as_ref().is_some_and(has_it)
    });
    other.map_or(Ok(()), |other| {
        Err(Error::new(
            error::Kind::Exists,
            format!(
                "`{}` stands for the policies with if_id {} already",
                other.name,
                if_id(&wanted.facts).unwrap_or_default()
            ),
        )
        .hint("take another number: each has one link in a namespace"))
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
    /// Makes the XFRM interface `name` for the IPsec policies and states that have this `if_id`, and returns it.
    ///
    /// `if_id` is 1 to 4294967295. What `ip link add NAME type xfrm if_id ID` does.
    ///
    /// ```rhai
    /// netns("a").xfrm("ipsec0", 42).if_id    // => 42
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn xfrm(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        if_id: i64,
    ) -> Answer<Link> {
        xfrm_with(context, net, name, if_id, Map::new())
    }

    /// Makes an XFRM interface with options: `dev`, the link that its packets leave by, and those that every link takes.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let out = a.veth("v0", "v1");
    /// a.xfrm("ipsec0", 42, #{dev: out, addr: "10.9.0.1/24", up: true}).parent.name    // => "v0"
    /// ```
    #[rhai_fn(name = "xfrm", return_raw, volatile)]
    pub fn xfrm_with(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        if_id: i64,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            let context = creating("xfrm", name, net);
            let make = || {
                let (name, mut options, common) = read(&XFRM, name, options)?;
                let mut asked = Asked::take(session, &net.0, &XFRM, &mut options)?;
                asked.argument("if_id", if_id)?;
                let wanted = Wanted {
                    kind: &XFRM,
                    place: net.0.clone(),
                    name,
                    parent: None,
                    facts: asked.facts(),
                    common,
                };
                let request = |_: Option<&_>| {
                    check_free(session, &wanted)?;
                    Ok(asked.request())
                };
                ensure(session, &wanted, request, |_| Ok(()))
            };
            make().map_err(context)
        })
    }

    /// The number of the policies that an XFRM interface stands for; `()` for other kinds.
    ///
    /// ```rhai
    /// netns("a").veth("v0", "v1").if_id    // => ()
    /// ```
    #[rhai_fn(get = "if_id", return_raw, volatile)]
    pub fn get_if_id(context: NativeCallContext, link: &mut Link) -> Answer<Dynamic> {
        answer(&context, |session| {
            if link.kind() != "xfrm" {
                return Ok(Dynamic::UNIT);
            }
            let facts = link::snapshot(session, link)?
                .data
                .map(|data| facts_of(&data));
            let number = facts.and_then(|facts| super::if_id(&facts));
            Result::Ok(number.map_or(Dynamic::UNIT, Dynamic::from))
        })
    }
}
