//! TUN and TAP devices: links whose far end is a program that opens `/dev/net/tun`.

use std::rc::Rc;

use rhai::Map;
use rhai::plugin::{NativeCallContext, export_module};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kinds::attributes::Asked;
use crate::dsl::kinds::kind::{Change, Kind};
use crate::dsl::kinds::make::{Request, Wanted, creating, ensure, read};
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Result};
use crate::net::tun::Tun;
use crate::schema::{self, Form, Opt, Spelling, Wire};
use crate::steps::Value;
use crate::value::options::Options;

const TUN: Kind = Kind {
    word: "tun",
    name: "tun",
    module: "tun",
    config: "CONFIG_TUN",
    table: TABLE,
    is_pair: false,
    settings: &[("arp", "false"), ("txqlen", "500")],
    change: Change::Never("delete it, and make it anew"),
};

const TAP: Kind = Kind {
    word: "tap",
    name: "tun",
    module: "tun",
    config: "CONFIG_TUN",
    table: TABLE,
    is_pair: false,
    settings: &[],
    change: Change::Never("delete it, and make it anew"),
};

/// What this topic makes.
pub const KINDS: &[Kind] = &[TUN, TAP];

/// `IFLA_TUN_*` of `linux/if_link.h`, in the words of `ip tuntap`.
pub(crate) const TABLE: &[Opt] = &[
    Opt::choice(
        "mode",
        Wire::U8(3),
        &[("tun", 1), ("tap", 2)],
        "what it hands to the program",
    )
    .fixed(),
    Opt::new("user", Form::Account, "who may open it")
        .at(Wire::U32(1))
        .spelled(Spelling::Pair),
    Opt::new("group", Form::Account, "the group of users who may open it")
        .at(Wire::U32(2))
        .spelled(Spelling::Pair),
    Opt::switch("multi_queue", 7, "whether it can be opened more than once")
        .spelled(Spelling::Mark)
        .default("false"),
];

/// A user or group, given by its number or its name.
fn number(
    options: &mut Options,
    key: &str,
    by_name: fn(&str) -> nix::Result<Option<u32>>,
) -> Result<Option<u32>> {
    let Some(row) = schema::row(TABLE, key) else {
        return Ok(None);
    };
    let name = match row.take("tun", options)? {
        None => return Ok(None),
        Some(Value::Number(number)) => return Ok(u32::try_from(number).ok()),
        Some(name) => schema::text(&name),
    };
    match by_name(&name) {
        Ok(Some(number)) => Ok(Some(number)),
        _ => Err(Error::new(
            crate::error::Kind::NotFound,
            format!("there is no {key} `{name}`"),
        )),
    }
}

fn make(
    session: &Rc<Session>,
    kind: &'static Kind,
    net: &Netns,
    name: &str,
    options: Map,
) -> Result<Link> {
    let context = creating(kind.word, name, net);
    let make = || {
        if let Some(key) = ["numrxqueues", "numtxqueues"]
            .into_iter()
            .find(|key| options.contains_key(*key))
        {
            // It is made by opening it, and the kernel takes no number of queues there.
            return Err(Error::invalid(format!(
                "option `{key}` is not for {} devices, which get a queue for each program that opens them",
                kind.word
            ))
            .hint("let it be opened more than once with #{multi_queue: true}"));
        }
        let (name, mut options, common) = read(kind, name, options)?;
        let user =
            |name: &str| Ok(nix::unistd::User::from_name(name)?.map(|user| user.uid.as_raw()));
        let group =
            |name: &str| Ok(nix::unistd::Group::from_name(name)?.map(|group| group.gid.as_raw()));
        let (user, group) = (
            number(&mut options, "user", user)?,
            number(&mut options, "group", group)?,
        );
        let mut asked = Asked::take(session, &net.0, kind, &mut options)?;
        for (key, number) in [("user", user), ("group", group)] {
            if let Some(number) = number {
                asked.put(key, Value::Number(number.into()));
            }
        }
        let multi_queue = asked.value("multi_queue") == Some(&Value::Flag(true));
        asked.put("multi_queue", Value::Flag(multi_queue));
        asked.put("mode", Value::text(kind.word));
        let device = Tun {
            is_tap: kind.word == TAP.word,
            user,
            group,
            multi_queue,
        };
        let wanted = Wanted {
            kind,
            place: net.0.clone(),
            name,
            parent: None,
            facts: asked.facts(),
            common,
        };
        let request = |_: Option<&_>| {
            let message = asked.message();
            Ok(Request::device(device.clone(), message, asked.words()))
        };
        ensure(session, &wanted, request, |_| Ok(()))
    };
    make().map_err(context)
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Makes the TUN device `name`, which hands IP packets to a program, and returns it.
    ///
    /// It stays until it is deleted, and has a carrier while a program has it open.
    /// What `ip tuntap add dev NAME mode tun` does.
    ///
    /// ```rhai
    /// netns("a").tun("tun0").kind    // => "tun"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn tun(context: NativeCallContext, net: &mut Netns, name: &str) -> Answer<Link> {
        tun_with(context, net, name, Map::new())
    }

    /// Makes a TUN device with options, its own and those that every link takes.
    ///
    /// ```rhai
    /// netns("a").tun("tun0", #{user: "root", addr: "10.8.0.1/24", up: true}).is_up    // => true
    /// ```
    #[rhai_fn(name = "tun", return_raw, volatile)]
    pub fn tun_with(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| make(session, &TUN, net, name, options))
    }

    /// Makes the TAP device `name`, which hands Ethernet frames to a program, and returns it.
    ///
    /// What `ip tuntap add dev NAME mode tap` does.
    ///
    /// ```rhai
    /// netns("a").tap("tap0").kind    // => "tun"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn tap(context: NativeCallContext, net: &mut Netns, name: &str) -> Answer<Link> {
        tap_with(context, net, name, Map::new())
    }

    /// Makes a TAP device with options, its own and those that every link takes.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.tap("tap0", #{mtu: 1400, master: a.bridge("br0")}).mtu    // => 1400
    /// ```
    #[rhai_fn(name = "tap", return_raw, volatile)]
    pub fn tap_with(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| make(session, &TAP, net, name, options))
    }
}
