//! ipvlan and ipvtap slaves: links that share the MAC address of one parent and are told apart by their IP addresses.

mod switch;

use std::cell::Cell;
use std::rc::Rc;

use rhai::Map;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kinds::attributes::Asked;
use crate::dsl::kinds::ipvlan_port::{self as port, Settings, Slave};
use crate::dsl::kinds::kind::{Change, Kind};
use crate::dsl::kinds::make::{Fact, Parent, Request, Wanted, creating, ensure, read};
use crate::dsl::objects::link;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Result};
use crate::net::link::Snapshot;
use crate::schema;
use crate::steps::Value;

use switch::{change_port, sibling_handle, switch_port};

const IPVLAN: Kind = Kind {
    word: "ipvlan",
    name: "ipvlan",
    module: "ipvlan",
    config: "CONFIG_IPVLAN",
    table: port::TABLE,
    is_pair: false,
    settings: &[],
    change: Change::Never(IN_PORT),
};

const IPVTAP: Kind = Kind {
    word: "ipvtap",
    name: "ipvtap",
    module: "ipvtap",
    config: "CONFIG_IPVTAP",
    table: port::TABLE,
    is_pair: false,
    settings: &[("txqlen", "500")],
    change: Change::Never(IN_PORT),
};

/// Why no slave by itself is changed.
const IN_PORT: &str =
    "they belong to the parent and count for all its slaves: change them with .mode(…)";

/// What this topic makes.
pub const KINDS: &[Kind] = &[IPVLAN, IPVTAP];

/// The message that makes a slave of the kind. Mode and flag are always said: the kernel resets what is left out.
fn message(kind: &'static Kind, parent: &Parent, settings: Settings) -> Request {
    let mut asked = Asked::of(kind);
    asked.put("mode", Value::text(settings.mode));
    asked.put("flag", Value::text(settings.flag));
    asked.request().over(parent)
}

fn make(
    session: &Rc<Session>,
    kind: &'static Kind,
    net: &Netns,
    parent: &Dynamic,
    name: &str,
    mode: Option<&str>,
    options: Map,
) -> Result<Link> {
    let (name, mut options, common) = read(kind, name, options)?;
    let mode = match (mode, options.string("mode")?) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid(
                "the mode is given twice, as argument and as option",
            ));
        }
        (Some(mode), None) => Some(port::mode(mode)?),
        (None, Some(mode)) => Some(port::mode(&mode)?),
        (None, None) => None,
    };
    let flag = options.string("flag")?;
    let flag = flag.map(|flag| port::flag(&flag)).transpose()?;
    let switch = options.flag("switch")?.unwrap_or(false);
    let parent = real_parent(session, Parent::find(session, &net.0, parent)?)?;
    let mut facts: Vec<Fact> = Vec::new();
    facts.extend(mode.map(|mode| ("mode", Value::text(mode))));
    facts.extend(flag.map(|flag| ("flag", Value::text(flag))));
    // With `switch`, a difference in mode or flag is not in the way: the port is switched below.
    if switch {
        facts.clear();
    }
    let wanted = Wanted {
        kind,
        place: net.0.clone(),
        name,
        parent: Some(&parent),
        facts,
        common,
    };
    let settings = Cell::new(None);
    let message = |replaced: Option<&Snapshot>| {
        parent.check_can_carry(session, kind.name)?;
        let mut port = session.ports().read(session, &parent)?;
        if let Some(replaced) = replaced {
            port.leave_out(&wanted.place, replaced.index);
            session.ports().forget();
        }
        let resolved = port.resolve(&parent.seen.name, mode, flag, switch)?;
        settings.set(Some(resolved));
        if let Some(present) = port.settings.filter(|present| *present != resolved)
            && let Some(sibling) = port.vehicle(session)
        {
            // The new slave would switch them, too, but nobody would know how to switch them back.
            change_port(
                session,
                &sibling_handle(session, sibling)?,
                present,
                resolved,
            )?;
        }
        Ok(message(kind, &parent, resolved))
    };
    ensure(session, &wanted, message, |slave| {
        match settings.get() {
            Some(settings) if slave.is_new => {
                let slave = Slave {
                    netns: slave.link.netns(),
                    index: slave.link.index(),
                    name: slave.link.name(),
                };
                session.ports().made(&parent, slave, settings);
            }
            _ if switch => switch_port(session, &slave.link, mode, flag, true)?,
            _ => {}
        }
        Ok(())
    })
}

/// A slave as parent stands for its own parent: the kernel makes the new one its sibling.
fn real_parent(session: &Rc<Session>, parent: Parent) -> Result<Parent> {
    if !parent.seen.kind.starts_with("ipv") {
        return Ok(parent);
    }
    let slave = link::handle(&parent.netns, &parent.seen);
    let above = link::parent_of(session, &slave, &parent.seen)?;
    match above {
        Some(above) => Ok(Parent {
            seen: link::snapshot(session, &above)?,
            netns: above.netns(),
        }),
        None => Ok(parent),
    }
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Makes an ipvlan slave of `parent` straight in the namespace, and returns it.
    ///
    /// `parent` is a handle, or a name in the current namespace (the host's, as a rule). Mode and flag belong to the parent:
    /// the slave takes those that the parent's port has, or `l3` and `bridge` where it is the first. Fails with `invalid`
    /// where the parent is a loopback, `busy` where it is a port of a bridge or bond, or carries macvlan. A parent that is down is
    /// taken, with a note.
    /// What `ip link add link PARENT NAME netns NS type ipvlan` does, which flips all siblings to l3 and bridge.
    ///
    /// ```rhai
    /// let parent = dummy("uplink").up();
    /// netns("net-1").ipvlan(parent, "v1").mode    // => "l3"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn ipvlan(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
    ) -> Answer<Link> {
        answer(&context, |session| {
            make(session, &IPVLAN, net, &parent, name, None, Map::new())
                .map_err(creating("ipvlan", name, net))
        })
    }

    /// Makes an ipvlan slave in mode `l2`, `l3` or `l3s`.
    ///
    /// Where the parent runs in another mode it is a `conflict` that lists the siblings it would flip.
    ///
    /// ```rhai
    /// let parent = dummy("uplink").up();
    /// netns("net-1").ipvlan(parent, "v1", "l2").mode    // => "l2"
    /// ```
    #[rhai_fn(name = "ipvlan", return_raw, volatile)]
    pub fn ipvlan_mode(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
        mode: &str,
    ) -> Answer<Link> {
        answer(&context, |session| {
            make(session, &IPVLAN, net, &parent, name, Some(mode), Map::new())
                .map_err(creating("ipvlan", name, net))
        })
    }

    /// Makes an ipvlan slave with options, its own and those that every link takes.
    ///
    /// ```rhai
    /// let parent = dummy("uplink").up();
    /// netns("net-1").ipvlan(parent, "v1", #{flag: "private"}).flag    // => "private"
    /// ```
    #[rhai_fn(name = "ipvlan", return_raw, volatile)]
    pub fn ipvlan_with(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            make(session, &IPVLAN, net, &parent, name, None, options)
                .map_err(creating("ipvlan", name, net))
        })
    }

    /// Makes an ipvlan slave in the given mode with options.
    ///
    /// ```rhai
    /// let parent = dummy("uplink").up();
    /// let slave = netns("net-1").ipvlan(parent, "v1", "l3", #{addr: "10.0.0.1/24", up: true, route: "default"});
    /// slave.netns.routes[0].line    // => "default dev v1 scope link"
    /// ```
    #[rhai_fn(name = "ipvlan", return_raw, volatile)]
    pub fn ipvlan_all(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
        mode: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            make(session, &IPVLAN, net, &parent, name, Some(mode), options)
                .map_err(creating("ipvlan", name, net))
        })
    }

    /// Sets the mode of the slave's port, and returns the slave.
    ///
    /// Siblings would be switched with it: a `conflict` that lists them, unless `mode(m, #{switch: true})`.
    ///
    /// ```rhai
    /// let slave = netns("net-1").ipvlan(dummy("uplink").up(), "v1", "l2");
    /// slave.mode("l3s").mode    // => "l3s"
    /// ```
    #[rhai_fn(name = "mode", return_raw, volatile)]
    pub fn set_mode(context: NativeCallContext, link: &mut Link, mode: &str) -> Answer<Link> {
        set_mode_with(context, link, mode, Map::new())
    }

    /// Sets the mode of the slave's port; with `#{switch: true}` also where that switches siblings.
    ///
    /// ```rhai
    /// let parent = dummy("uplink").up();
    /// let a = netns("a").ipvlan(parent, "v1", "l2");
    /// let b = netns("b").ipvlan(parent, "v2", "l2");
    /// a.mode("l3", #{switch: true});
    /// b.mode    // => "l3"
    /// ```
    #[rhai_fn(name = "mode", return_raw, volatile)]
    pub fn set_mode_with(
        context: NativeCallContext,
        link: &mut Link,
        mode: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            let context = |error: Error| {
                error
                    .doing("set the mode of link", &link.name())
                    .within(link.netns().label())
            };
            let read = || {
                let mut options = schema::options("mode", options, &[port::OF_MODE])?;
                let flag = options.string("flag")?;
                let flag = flag.map(|flag| port::flag(&flag)).transpose()?;
                let switch = options.flag("switch")?.unwrap_or(false);
                Ok((port::mode(mode)?, flag, switch))
            };
            let (mode, flag, switch) = read().map_err(context)?;
            switch_port(session, link, Some(mode), flag, switch)?;
            Ok(link.clone())
        })
    }

    /// The mode of an ipvlan slave's port: `l2`, `l3` or `l3s`; `()` for other kinds.
    #[rhai_fn(get = "mode", return_raw, volatile)]
    pub fn get_mode(context: NativeCallContext, link: &mut Link) -> Answer<Dynamic> {
        answer(&context, |session| {
            let seen = link::snapshot(session, link)?;
            let port = seen.data.as_ref().and_then(Settings::of);
            Ok(port.map_or(Dynamic::UNIT, |port| port.mode.into()))
        })
    }

    /// The flag of an ipvlan slave's port: `bridge`, `private` or `vepa`; `()` for other kinds.
    #[rhai_fn(get = "flag", return_raw, volatile)]
    pub fn get_flag(context: NativeCallContext, link: &mut Link) -> Answer<Dynamic> {
        answer(&context, |session| {
            let seen = link::snapshot(session, link)?;
            let port = seen.data.as_ref().and_then(Settings::of);
            Ok(port.map_or(Dynamic::UNIT, |port| port.flag.into()))
        })
    }
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod tap_words {
    /// Makes an ipvtap slave of `parent`: an ipvlan slave with a character device for virtual machines.
    ///
    /// Mode, flag, conflicts and options are those of `ipvlan`. What `ip link add link PARENT NAME type ipvtap` does.
    ///
    /// ```rhai
    /// let parent = dummy("uplink").up();
    /// netns("net-1").ipvtap(parent, "t1").kind    // => "ipvtap"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn ipvtap(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
    ) -> Answer<Link> {
        answer(&context, |session| {
            make(session, &IPVTAP, net, &parent, name, None, Map::new())
                .map_err(creating("ipvtap", name, net))
        })
    }

    /// Makes an ipvtap slave in mode `l2`, `l3` or `l3s`.
    ///
    /// ```rhai
    /// let parent = dummy("uplink").up();
    /// netns("net-1").ipvtap(parent, "t1", "l2").mode    // => "l2"
    /// ```
    #[rhai_fn(name = "ipvtap", return_raw, volatile)]
    pub fn ipvtap_mode(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
        mode: &str,
    ) -> Answer<Link> {
        answer(&context, |session| {
            make(session, &IPVTAP, net, &parent, name, Some(mode), Map::new())
                .map_err(creating("ipvtap", name, net))
        })
    }

    /// Makes an ipvtap slave with options, those of `ipvlan`.
    ///
    /// ```rhai
    /// let parent = dummy("uplink").up();
    /// netns("net-1").ipvtap(parent, "t1", #{flag: "vepa"}).flag    // => "vepa"
    /// ```
    #[rhai_fn(name = "ipvtap", return_raw, volatile)]
    pub fn ipvtap_with(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            make(session, &IPVTAP, net, &parent, name, None, options)
                .map_err(creating("ipvtap", name, net))
        })
    }

    /// Makes an ipvtap slave in the given mode with options, those of `ipvlan`.
    ///
    /// ```rhai
    /// let parent = dummy("uplink").up();
    /// netns("net-1").ipvtap(parent, "t1", "l2", #{up: true}).is_up    // => true
    /// ```
    #[rhai_fn(name = "ipvtap", return_raw, volatile)]
    pub fn ipvtap_all(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
        mode: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            make(session, &IPVTAP, net, &parent, name, Some(mode), options)
                .map_err(creating("ipvtap", name, net))
        })
    }
}
