//! Bonds: several links used as one.

use std::rc::Rc;

use rhai::plugin::{NativeCallContext, export_module};
use rhai::{Array, Map};
use rtnetlink::LinkBond;
use rtnetlink::packet_route::link::{BondMode, InfoBond, InfoData};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kind::Kind;
use crate::dsl::make::{Fact, Wanted, creating, ensure, read};
use crate::dsl::{Answer, Session, answer, link};
use crate::error::Result;
use crate::value::choice::choose;

/// What this topic makes.
pub const KINDS: &[Kind] = &[Kind {
    word: "bond",
    name: "bond",
    module: "bonding",
    config: "CONFIG_BONDING",
    keys: &["miimon"],
    is_pair: false,
}];

/// The modes, by the names that `ip` gives them.
const MODES: &[(&str, BondMode)] = &[
    ("balance-rr", BondMode::BalanceRr),
    ("active-backup", BondMode::ActiveBackup),
    ("balance-xor", BondMode::BalanceXor),
    ("broadcast", BondMode::Broadcast),
    ("802.3ad", BondMode::Ieee8023Ad),
    ("balance-tlb", BondMode::BalanceTlb),
    ("balance-alb", BondMode::BalanceAlb),
];

fn facts_of(data: &InfoData) -> Vec<Fact> {
    let InfoData::Bond(infos) = data else {
        return Vec::new();
    };
    infos
        .iter()
        .filter_map(|info| match info {
            InfoBond::Mode(mode) => Some(("mode", mode.to_string())),
            InfoBond::MiiMon(ms) => Some(("miimon", ms.to_string())),
            _ => None,
        })
        .collect()
}

/// Puts links under a bond. The kernel takes a link only while it is down, and brings it up with the bond.
fn take_ports(session: &Rc<Session>, bond: &Link, ports: &[Link]) -> Result<()> {
    for port in ports {
        if link::snapshot(session, port)?.master != Some(bond.index()) {
            link::set_up(session, port, false)?;
            link::set_master(session, port, Some(bond))?;
        }
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

    /// Makes a bond without ports, with options: `miimon` (milliseconds), and those that every link takes.
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

    /// Makes a bond of the given ports, with options: `miimon` (milliseconds), and those that every link takes.
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
                let (name, mut options, common) = read("bond", name, options, &["miimon"])?;
                let mut builder =
                    LinkBond::new(name.as_str()).mode(choose("bond", "mode", mode, MODES)?);
                let mut facts = vec![("mode", mode.to_owned())];
                if let Some(ms) = options.integer("miimon", 0..=i64::from(i32::MAX))? {
                    builder = builder.miimon(u32::try_from(ms).unwrap_or_default());
                    facts.push(("miimon", ms.to_string()));
                }
                let message = builder.build();
                let ports: Vec<Link> = ports
                    .iter()
                    .map(|port| link::link_argument(session, &net.0, port))
                    .collect::<Result<_>>()?;
                let wanted = Wanted {
                    kind: "bond",
                    place: net.0.clone(),
                    name,
                    parent: None,
                    facts,
                    facts_of,
                    common,
                };
                ensure(
                    session,
                    &wanted,
                    |_| Ok(message.clone()),
                    |bond| take_ports(session, &bond.link, &ports),
                )
            };
            make().map_err(context)
        })
    }
}
