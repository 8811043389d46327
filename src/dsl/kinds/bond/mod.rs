//! Bonds: several links used as one.

mod options;

use std::rc::Rc;

use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rhai::{Array, Map};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kinds::attributes::Asked;
use crate::dsl::kinds::kind::{Change, Kind};
use crate::dsl::kinds::make::{Wanted, creating, ensure, read};
use crate::dsl::objects::link;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Result};
use crate::lab::setting::Setting;
use crate::net::link::Snapshot;

use options::TABLE;

const BOND: Kind = Kind {
    word: "bond",
    name: "bond",
    module: "bonding",
    config: "CONFIG_BONDING",
    table: TABLE,
    is_pair: false,
    settings: &[],
    change: Change::Said(&[]),
};

/// The word that makes one.
pub(crate) const WORD: &str = BOND.word;
/// The option that is a port, chosen when that is there.
pub(crate) const PRIMARY: &str = "primary";

/// What this topic makes.
pub const KINDS: &[Kind] = &[BOND];

/// Chooses a port of a bond for what `role` makes of its ifindex.
fn choose_port(
    session: &Rc<Session>,
    bond: &Link,
    port: &Dynamic,
    verb: &str,
    role: fn(u32) -> Setting,
) -> Result<()> {
    let place = bond.netns();
    let context = |error: Error| {
        error.unless_said(|error| error.doing(verb, &bond.name()).in_place(place.label()))
    };
    if bond.kind() != "bond" {
        return Err(context(Error::invalid("it is no bond")));
    }
    let port = link::link_argument(session, &place, port).map_err(context)?;
    let seen = link::snapshot(session, &port)?;
    let is_here = port.netns().namespace().id() == place.namespace().id();
    if !is_here || seen.master != Some(bond.index()) {
        return Err(context(
            Error::invalid(format!("`{}` is no port of it", seen.name)).hint(format!(
                "make it one first: it is brought down, then {}.master(…)",
                link::call(session, &port.netns(), &seen.name)
            )),
        ));
    }
    link::set(session, bond, verb, role(seen.index))
}

/// Says which port is to have the bond's traffic wherever it can.
pub(crate) fn set_primary(session: &Rc<Session>, bond: &Link, port: &Dynamic) -> Result<()> {
    let verb = "set the primary port of bond";
    choose_port(session, bond, port, verb, Setting::PrimaryPort)
}

/// The port that a setting of a bond tells, or `()`.
fn chosen(session: &Rc<Session>, bond: &Link, role: &Setting) -> Result<Dynamic> {
    let seen = link::snapshot(session, bond)?;
    match role.of(&seen) {
        Some(Setting::ActivePort(index) | Setting::PrimaryPort(index)) if index > 0 => {
            let port = link::neighbour(session, bond, index, None)?;
            Ok(port.map_or(Dynamic::UNIT, Dynamic::from))
        }
        _ => Ok(Dynamic::UNIT),
    }
}

/// Puts links under a bond. The kernel takes a link only while it is down, and brings it up with the bond.
fn take_ports(session: &Rc<Session>, bond: &Link, ports: &[Link]) -> Result<()> {
    for port in ports {
        let seen = link::snapshot(session, port)?;
        // That it is down is what the kernel wants first, and not how it is to be.
        if seen.master != Some(bond.index()) && seen.up {
            link::set_up(session, port, false)?;
        }
        // Also where it is a port already: that it is asked for is noted.
        link::set_master(session, port, Some(bond))?;
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
    /// Makes a bond in the given mode without ports, and returns it.
    ///
    /// Modes: `balance-rr`, `active-backup`, `balance-xor`, `broadcast`, `802.3ad`, `balance-tlb`, `balance-alb`.
    /// What `ip link add NAME type bond mode MODE` does.
    ///
    /// ```rhai
    /// netns("a").bond("bond0", "active-backup").kind    // => "bond"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn bond(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        mode: &str,
    ) -> Answer<Link> {
        bond_all(context, net, name, mode, Array::new(), Map::new())
    }

    /// Makes a bond of the given ports, handles or names; they are brought down to join, and come up with the bond.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.veth("p0", "q0");
    /// a.bond("bond0", "active-backup", ["p0"]).up();
    /// a.link("p0").master.name    // => "bond0"
    /// ```
    #[rhai_fn(name = "bond", return_raw, volatile)]
    pub fn bond_ports(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        mode: &str,
        ports: Array,
    ) -> Answer<Link> {
        bond_all(context, net, name, mode, ports, Map::new())
    }

    /// Makes a bond without ports, with options, its own and those that every link takes.
    ///
    /// ```rhai
    /// netns("a").bond("bond0", "active-backup", #{miimon: 100, up: true}).is_up    // => true
    /// ```
    #[rhai_fn(name = "bond", return_raw, volatile)]
    pub fn bond_with(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        mode: &str,
        options: Map,
    ) -> Answer<Link> {
        bond_all(context, net, name, mode, Array::new(), options)
    }

    /// Makes a bond of the given ports, with options, its own and those that every link takes.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.veth("p0", "q0");
    /// a.bond("bond0", "active-backup", ["p0"], #{miimon: 100, up: true}).is_up    // => true
    /// ```
    #[rhai_fn(name = "bond", return_raw, volatile)]
    pub fn bond_all(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        mode: &str,
        ports: Array,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            let context = creating("bond", name, net);
            let make = || {
                let (name, mut options, common) = read(&BOND, name, options)?;
                let primary = link::take(&mut options, PRIMARY)?;
                let mut asked = Asked::take(session, &net.0, &BOND, &mut options)?;
                asked.argument("mode", mode)?;
                options::check(&asked, &options::mode(&asked))?;
                let ports: Vec<Link> = ports
                    .iter()
                    .map(|port| link::link_argument(session, &net.0, port))
                    .collect::<Result<_>>()?;
                let wanted = Wanted {
                    kind: &BOND,
                    place: net.0.clone(),
                    name,
                    parent: None,
                    facts: asked.facts(),
                    common,
                };
                ensure(
                    session,
                    &wanted,
                    |_: Option<&Snapshot>| Ok(asked.request()),
                    |bond| {
                        take_ports(session, &bond.link, &ports)?;
                        let mut primary = primary.iter();
                        primary.try_for_each(|port| set_primary(session, &bond.link, port))
                    },
                )
            };
            make().map_err(context)
        })
    }

    /// Gives the traffic of a bond in mode `active-backup`, `balance-tlb` or `balance-alb` to one of its ports, and returns the bond.
    ///
    /// The port is to be up. What `ip link set BOND type bond active_slave PORT` does.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.veth("p0", "q0").peer.up();
    /// a.veth("p1", "q1").peer.up();
    /// let b = a.bond("bond0", "active-backup", ["p0", "p1"], #{up: true});
    /// b.active("p1").active.name    // => "p1"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn active(context: NativeCallContext, link: &mut Link, port: Dynamic) -> Answer<Link> {
        answer(&context, |session| {
            let verb = "set the active port of bond";
            choose_port(session, link, &port, verb, Setting::ActivePort)?;
            Ok(link.clone())
        })
    }

    /// Says which port of a bond is to have its traffic wherever it can, and returns the bond.
    ///
    /// What `ip link set BOND type bond primary PORT` does.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.veth("p0", "q0");
    /// a.bond("bond0", "active-backup", ["p0"]).primary("p0").primary.name    // => "p0"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn primary(context: NativeCallContext, link: &mut Link, port: Dynamic) -> Answer<Link> {
        answer(&context, |session| {
            set_primary(session, link, &port)?;
            Ok(link.clone())
        })
    }

    /// The port of a bond that has its traffic, or `()`.
    #[rhai_fn(get = "active", return_raw, volatile)]
    pub fn get_active(context: NativeCallContext, link: &mut Link) -> Answer<Dynamic> {
        answer(&context, |session| {
            chosen(session, link, &Setting::ActivePort(0))
        })
    }

    /// The port of a bond that is to have its traffic wherever it can, or `()`.
    #[rhai_fn(get = "primary", return_raw, volatile)]
    pub fn get_primary(context: NativeCallContext, link: &mut Link) -> Answer<Dynamic> {
        answer(&context, |session| {
            chosen(session, link, &Setting::PrimaryPort(0))
        })
    }
}
