//! macvlan and macvtap slaves: links with MAC addresses of their own over one parent.

use std::rc::Rc;

use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rhai::{Array, Map};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kinds::attributes::{self, Asked};
use crate::dsl::kinds::kind::{Change, Kind};
use crate::dsl::kinds::make::{Parent, Wanted, creating, ensure, read};
use crate::dsl::objects::link;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Result};
use crate::net::link::Snapshot;
use crate::schema::{Form, Names, Opt, Spelling, Wire, text};
use crate::steps::Value;

const MACVLAN: Kind = Kind {
    word: "macvlan",
    name: "macvlan",
    module: "macvlan",
    config: "CONFIG_MACVLAN",
    table: TABLE,
    is_pair: false,
    settings: &[],
    change: Change::Said(&[]),
};

const MACVTAP: Kind = Kind {
    word: "macvtap",
    name: "macvtap",
    module: "macvtap",
    config: "CONFIG_MACVTAP",
    table: TABLE,
    is_pair: false,
    settings: &[("txqlen", "500")],
    change: Change::Said(&[]),
};

/// What this topic makes.
pub const KINDS: &[Kind] = &[MACVLAN, MACVTAP];

/// `MACVLAN_MODE_*` of `linux/if_link.h`.
const MODES: Names = &[
    ("bridge", 4),
    ("private", 1),
    ("vepa", 2),
    ("passthru", 8),
    ("source", 16),
];

/// `MACVLAN_FLAG_*` of `linux/if_link.h`; a slave has one at most.
const FLAGS: Names = &[("null", 0), ("nopromisc", 1), ("nodst", 2)];

/// `IFLA_MACVLAN_*` of `linux/if_link.h`. Where no mode is said, the word makes a bridge of it and the kernel a VEPA.
const TABLE: &[Opt] = &[
    Opt::choice("mode", Wire::U32(1), MODES, "which slaves may talk to each other")
        .default("bridge")
        .argument(),
    Opt::choice(
        "flag",
        Wire::U16(2),
        FLAGS,
        "`nodst`: in mode source, frames are not looked up by their destination as well; `nopromisc`: in mode passthru, the parent does not take every packet",
    )
    .default("null"),
    Opt::number("bcqueuelen", Wire::U32(7), (0, u32::MAX as i64), "how many broadcasts wait for it at most")
        .default("1000"),
    Opt::new("macs", Form::Macs, "the hardware addresses that a slave in mode source takes frames from; it takes none from others")
        .at(Wire::Macs)
        .spelled(Spelling::Macs)
        .words(&["macaddr"]),
];

/// Refuses what is for another mode.
fn check(asked: &Asked, mode: &str) -> Result<()> {
    if asked.value("macs").is_some() && mode != "source" {
        return Err(Error::invalid(format!(
            "`macs` are for mode source, and mode {mode} takes frames from everywhere"
        ))
        .hint("ask for mode \"source\""));
    }
    if asked.value("flag") == Some(&Value::text("nopromisc")) && mode != "passthru" {
        return Err(Error::invalid(format!(
            "the flag nopromisc is for mode passthru, not {mode}"
        )));
    }
    Ok(())
}

/// Makes a slave of the kind, `macvlan` or `macvtap`.
fn make(
    session: &Rc<Session>,
    kind: &'static Kind,
    net: &Netns,
    (parent, name, mode): (&Dynamic, &str, &str),
    options: Map,
) -> Result<Link> {
    let (name, mut options, common) = read(kind, name, options)?;
    let mut asked = Asked::take(session, &net.0, kind, &mut options)?;
    asked.argument("mode", mode)?;
    check(&asked, mode)?;
    let parent = Parent::find(session, &net.0, parent)?;
    let wanted = Wanted {
        kind,
        place: net.0.clone(),
        name,
        parent: Some(&parent),
        facts: asked.facts(),
        common,
    };
    let request = |_: Option<&Snapshot>| {
        parent.check_can_carry(session, kind.name)?;
        Ok(asked.request().over(&parent))
    };
    ensure(session, &wanted, request, |_| Ok(()))
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Makes a macvlan slave of `parent` in mode bridge, and returns it.
    ///
    /// What `ip link add link PARENT NAME type macvlan mode bridge` does.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1").up();
    /// a.macvlan(parent, "m0").parent.name    // => "v0"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn macvlan(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
    ) -> Answer<Link> {
        macvlan_all(context, net, parent, name, "bridge", Map::new())
    }

    /// Makes a macvlan slave in the given mode: `bridge`, `private`, `vepa`, `passthru` or `source`.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1").up();
    /// a.macvlan(parent, "m0", "private").kind    // => "macvlan"
    /// ```
    #[rhai_fn(name = "macvlan", return_raw, volatile)]
    pub fn macvlan_mode(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
        mode: &str,
    ) -> Answer<Link> {
        macvlan_all(context, net, parent, name, mode, Map::new())
    }

    /// Makes a macvlan slave in mode bridge with the options that every link takes.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1").up();
    /// a.macvlan(parent, "m0", #{up: true}).is_up    // => true
    /// ```
    #[rhai_fn(name = "macvlan", return_raw, volatile)]
    pub fn macvlan_with(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
        options: Map,
    ) -> Answer<Link> {
        macvlan_all(context, net, parent, name, "bridge", options)
    }

    /// Makes a macvlan slave in the given mode with options, its own and those that every link takes.
    ///
    /// What `ip link add link PARENT NAME type macvlan mode source macaddr set MACS` does.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1").up();
    /// a.macvlan(parent, "m0", "bridge", #{mac: "02:00:00:00:00:07"}).mac    // => "02:00:00:00:00:07"
    /// ```
    #[rhai_fn(name = "macvlan", return_raw, volatile)]
    pub fn macvlan_all(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
        mode: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            make(session, &MACVLAN, net, (&parent, name, mode), options)
                .map_err(creating("macvlan", name, net))
        })
    }
}

/// The words of the topic of macvtap.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod tap_words {
    /// Makes a macvtap slave of `parent` in mode bridge: a macvlan slave with a character device for virtual machines.
    ///
    /// What `ip link add link PARENT NAME type macvtap mode bridge` does.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1").up();
    /// a.macvtap(parent, "t0").parent.name    // => "v0"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn macvtap(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
    ) -> Answer<Link> {
        macvtap_all(context, net, parent, name, "bridge", Map::new())
    }

    /// Makes a macvtap slave in the given mode: `bridge`, `private`, `vepa`, `passthru` or `source`.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1").up();
    /// a.macvtap(parent, "t0", "private").kind    // => "macvtap"
    /// ```
    #[rhai_fn(name = "macvtap", return_raw, volatile)]
    pub fn macvtap_mode(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
        mode: &str,
    ) -> Answer<Link> {
        macvtap_all(context, net, parent, name, mode, Map::new())
    }

    /// Makes a macvtap slave in mode bridge with the options that every link takes.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1").up();
    /// a.macvtap(parent, "t0", #{up: true}).is_up    // => true
    /// ```
    #[rhai_fn(name = "macvtap", return_raw, volatile)]
    pub fn macvtap_with(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
        options: Map,
    ) -> Answer<Link> {
        macvtap_all(context, net, parent, name, "bridge", options)
    }

    /// Makes a macvtap slave in the given mode with options, its own and those that every link takes.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1").up();
    /// a.macvtap(parent, "t0", "bridge", #{mac: "02:00:00:00:00:07"}).mac    // => "02:00:00:00:00:07"
    /// ```
    #[rhai_fn(name = "macvtap", return_raw, volatile)]
    pub fn macvtap_all(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
        mode: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            make(session, &MACVTAP, net, (&parent, name, mode), options)
                .map_err(creating("macvtap", name, net))
        })
    }

    /// The hardware addresses that a macvlan or macvtap slave in mode source takes frames from, sorted; `()` for other links.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1").up();
    /// a.macvlan(parent, "m0", "source", #{macs: "02:00:00:00:00:07"}).macs    // => ["02:00:00:00:00:07"]
    /// ```
    #[rhai_fn(get = "macs", return_raw, volatile)]
    pub fn get_macs(context: NativeCallContext, link: &mut Link) -> Answer<Dynamic> {
        answer(&context, |session| {
            let data = link::snapshot(session, link)?.data;
            let facts = data.map(|data| attributes::facts(&data, TABLE));
            let facts = facts.unwrap_or_default();
            if !facts.contains(&("mode", Value::text("source"))) {
                return Ok(Dynamic::UNIT);
            }
            let macs = facts.into_iter().find_map(|(_, value)| match value {
                Value::List(macs) => Some(macs),
                _ => None,
            });
            let macs = macs.unwrap_or_default();
            let macs: Array = macs.iter().map(|mac| text(mac).into()).collect();
            Result::Ok(macs.into())
        })
    }
}
