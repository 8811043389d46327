//! TUN and TAP devices: links whose far end is a program that opens `/dev/net/tun`.

use std::rc::Rc;

use rhai::Map;
use rhai::plugin::{NativeCallContext, export_module};
use rtnetlink::packet_route::link::InfoData;

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kinds::attributes::{self, Asked, Attribute, Form};
use crate::dsl::kinds::kind::Kind;
use crate::dsl::kinds::make::{Fact, Request, Wanted, creating, ensure, read};
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Result};
use crate::net::tun::Tun;
use crate::value::options::{Options, in_range, wrong_type};

/// What this topic makes.
pub const KINDS: &[Kind] = &[
    Kind {
        word: "tun",
        name: "tun",
        module: "tun",
        config: "CONFIG_TUN",
        keys: KEYS,
        is_pair: false,
        argument: None,
        facts_of,
        usual: &[
            ("arp", "false"),
            ("mode", "tun"),
            ("multi_queue", "false"),
            ("txqlen", "500"),
        ],
    },
    Kind {
        word: "tap",
        name: "tun",
        module: "tun",
        config: "CONFIG_TUN",
        keys: KEYS,
        is_pair: false,
        argument: None,
        facts_of,
        usual: &[("mode", "tap"), ("multi_queue", "false")],
    },
];

/// Keys beyond those that every link takes.
const KEYS: &[&str] = &["group", "multi_queue", "user"];

const ANY: Form = Form::Number(0, u32::MAX as i64);

/// `IFLA_TUN_*` of `linux/if_link.h`.
const TABLE: &[Attribute] = &[
    Attribute {
        key: "user",
        number: 1,
        form: ANY,
    },
    Attribute {
        key: "group",
        number: 2,
        form: ANY,
    },
    Attribute {
        key: "mode",
        number: 3,
        form: Form::Byte,
    },
    Attribute {
        key: "multi_queue",
        number: 7,
        form: Form::Switch,
    },
];

/// `IFF_TAP` as a fact has it; the other mode is `IFF_TUN`.
const TAP: &str = "2";

fn facts_of(data: &InfoData) -> Vec<Fact> {
    let mut facts = attributes::facts(data, TABLE);
    for (key, value) in &mut facts {
        if *key == "mode" {
            let word = if value == TAP { "tap" } else { "tun" };
            word.clone_into(value);
        }
    }
    facts
}

/// A user or group, given by its number or its name.
fn number(
    options: &mut Options,
    key: &str,
    by_name: fn(&str) -> nix::Result<Option<u32>>,
) -> Result<Option<u32>> {
    let Some(given) = options.take(key) else {
        return Ok(None);
    };
    if let Ok(number) = given.as_int() {
        // The last one means nobody in particular.
        let number = in_range(key, number, 0..=i64::from(u32::MAX) - 1)?;
        return Ok(u32::try_from(number).ok());
    }
    let type_name = given.type_name();
    let name = given
        .into_string()
        .map_err(|_| wrong_type(key, "a name or a number", type_name))?;
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
    word: &'static str,
    net: &Netns,
    name: &str,
    options: Map,
) -> Result<Link> {
    let context = creating(word, name, net);
    let make = || {
        if let Some(key) = ["numrxqueues", "numtxqueues"]
            .into_iter()
            .find(|key| options.contains_key(*key))
        {
            // It is made by opening it, and the kernel takes no number of queues there.
            return Err(Error::invalid(format!(
                "option `{key}` is not for {word} devices, which get a queue for each program that opens them"
            ))
            .hint("let it be opened more than once with #{multi_queue: true}"));
        }
        let (name, mut options, common) = read(word, name, options, KEYS)?;
        let user =
            |name: &str| Ok(nix::unistd::User::from_name(name)?.map(|user| user.uid.as_raw()));
        let group =
            |name: &str| Ok(nix::unistd::Group::from_name(name)?.map(|group| group.gid.as_raw()));
        let device = Tun {
            is_tap: word == "tap",
            user: number(&mut options, "user", user)?,
            group: number(&mut options, "group", group)?,
            multi_queue: options.flag("multi_queue")?.unwrap_or(false),
        };
        let mut asked = Asked::default();
        let mut words = vec!["mode".to_owned(), word.to_owned()];
        let mut facts = vec![("mode", word.to_owned())];
        asked.send(3, [if device.is_tap { 2 } else { 1 }]);
        for (key, attribute, number) in [("user", 1, device.user), ("group", 2, device.group)] {
            if let Some(number) = number {
                asked.send(attribute, number.to_ne_bytes());
                facts.push((key, number.to_string()));
                words.extend([key.to_owned(), number.to_string()]);
            }
        }
        asked.send(7, [u8::from(device.multi_queue)]);
        if device.multi_queue {
            words.push("multi_queue".to_owned());
        }
        facts.push(("multi_queue", device.multi_queue.to_string()));
        let wanted = Wanted {
            kind: "tun",
            place: net.0.clone(),
            name,
            parent: None,
            facts,
            facts_of,
            common,
        };
        let request = |_: Option<&_>| {
            Ok(Request::device(
                device.clone(),
                asked.message("tun"),
                words.clone(),
            ))
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

    /// Makes a TUN device with options: `user`, `group`, `multi_queue`, and those that every link takes.
    ///
    /// `user` and `group` are who may open it, by name or number; with `multi_queue` it can be opened more than once.
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
        answer(&context, |session| make(session, "tun", net, name, options))
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

    /// Makes a TAP device with options: `user`, `group`, `multi_queue`, and those that every link takes.
    ///
    /// `user` and `group` are who may open it, by name or number; with `multi_queue` it can be opened more than once.
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
        answer(&context, |session| make(session, "tap", net, name, options))
    }
}
