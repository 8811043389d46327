//! Bonds: several links used as one.

use std::rc::Rc;

use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rhai::{Array, Map};
use rtnetlink::LinkBond;
use rtnetlink::packet_route::link::{
    BondFailOverMac, BondLacpRate, BondMode, BondPrimaryReselect, BondXmitHashPolicy, InfoBond,
    InfoData,
};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kind::Kind;
use crate::dsl::make::{Fact, Wanted, creating, ensure, read};
use crate::dsl::{Answer, Session, answer, link};
use crate::error::{Error, Result};
use crate::lab::setting::Setting;
use crate::value::choice::choose;
use crate::value::options::Options;

/// What this topic makes.
pub const KINDS: &[Kind] = &[Kind {
    word: "bond",
    name: "bond",
    module: "bonding",
    config: "CONFIG_BONDING",
    keys: KEYS,
    is_pair: false,
    argument: Some("mode"),
    facts_of,
    usual: USUAL,
}];

const KEYS: &[&str] = &[
    "arp_interval",
    "arp_ip_target",
    "downdelay",
    "fail_over_mac",
    "lacp_rate",
    "miimon",
    "min_links",
    "primary",
    "primary_reselect",
    "updelay",
    "xmit_hash_policy",
];

/// What the kernel gives to a bond of which nothing is said.
const USUAL: &[(&str, &str)] = &[
    ("arp_interval", "0"),
    ("arp_ip_target", ""),
    ("downdelay", "0"),
    ("fail_over_mac", "none"),
    ("lacp_rate", "slow"),
    ("miimon", "0"),
    ("min_links", "0"),
    ("primary_reselect", "always"),
    ("updelay", "0"),
    ("xmit_hash_policy", "layer2"),
];

/// The largest number that the kernel takes for times and counts, `INT_MAX`.
const LARGEST: i64 = 2_147_483_647;

pub(crate) const LACP_RATES: &[(&str, BondLacpRate)] =
    &[("slow", BondLacpRate::Slow), ("fast", BondLacpRate::Fast)];

pub(crate) const FAIL_OVER_MACS: &[(&str, BondFailOverMac)] = &[
    ("none", BondFailOverMac::None),
    ("active", BondFailOverMac::Active),
    ("follow", BondFailOverMac::Follow),
];

pub(crate) const RESELECTS: &[(&str, BondPrimaryReselect)] = &[
    ("always", BondPrimaryReselect::Always),
    ("better", BondPrimaryReselect::Better),
    ("failure", BondPrimaryReselect::Failure),
];

pub(crate) const POLICIES: &[(&str, BondXmitHashPolicy)] = &[
    ("layer2", BondXmitHashPolicy::Layer2),
    ("layer2+3", BondXmitHashPolicy::Layer23),
    ("layer3+4", BondXmitHashPolicy::Layer34),
    ("encap2+3", BondXmitHashPolicy::Encap23),
    ("encap3+4", BondXmitHashPolicy::Encap34),
    ("vlan+srcmac", BondXmitHashPolicy::VlanSrcMac),
];

/// The modes, by the names that `ip` gives them.
pub(crate) const MODES: &[(&str, BondMode)] = &[
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
    infos.iter().filter_map(fact).collect()
}

/// An option in words, which are those of `ip`.
fn fact(info: &InfoBond) -> Option<Fact> {
    Some(match info {
        InfoBond::Mode(mode) => ("mode", mode.to_string()),
        InfoBond::MiiMon(ms) => ("miimon", ms.to_string()),
        InfoBond::UpDelay(ms) => ("updelay", ms.to_string()),
        InfoBond::DownDelay(ms) => ("downdelay", ms.to_string()),
        InfoBond::ArpInterval(ms) => ("arp_interval", ms.to_string()),
        InfoBond::ArpIpTarget(targets) => {
            let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
            ("arp_ip_target", targets.join(","))
        }
        InfoBond::MinLinks(count) => ("min_links", count.to_string()),
        InfoBond::AdLacpRate(rate) => ("lacp_rate", named(LACP_RATES, *rate)?),
        InfoBond::FailOverMac(when) => ("fail_over_mac", named(FAIL_OVER_MACS, *when)?),
        InfoBond::PrimaryReselect(when) => ("primary_reselect", named(RESELECTS, *when)?),
        InfoBond::XmitHashPolicy(policy) => ("xmit_hash_policy", named(POLICIES, *policy)?),
        _ => return None,
    })
}

fn named<T: PartialEq>(known: &[(&str, T)], value: T) -> Option<String> {
    let found = known.iter().find(|(_, known)| *known == value);
    found.map(|(name, _)| (*name).to_owned())
}

/// What is asked of a bond beside its mode.
fn asked(options: &mut Options, mode: &str) -> Result<Vec<InfoBond>> {
    let mut number = |key| -> Result<Option<u32>> {
        let number = options.integer(key, 0..=LARGEST)?;
        Ok(number.and_then(|number| u32::try_from(number).ok()))
    };
    let miimon = number("miimon")?;
    let mut asked: Vec<InfoBond> = miimon.into_iter().map(InfoBond::MiiMon).collect();
    for (key, make) in [
        ("updelay", InfoBond::UpDelay as fn(u32) -> InfoBond),
        ("downdelay", InfoBond::DownDelay),
    ] {
        let Some(delay) = number(key)? else {
            continue;
        };
        let interval = miimon.unwrap_or(0);
        if interval == 0 {
            return Err(Error::invalid(format!(
                "`{key}` counts in steps of `miimon`, which is not given"
            ))
            .hint("add miimon: 100"));
        }
        if delay % interval != 0 {
            return Err(Error::invalid(format!(
                "`{key}` is a multiple of `miimon`, {interval}, not {delay}"
            )));
        }
        asked.push(make(delay));
    }
    let interval = number("arp_interval")?;
    asked.extend(interval.map(InfoBond::ArpInterval));
    asked.extend(number("min_links")?.map(InfoBond::MinLinks));
    let targets = options.strings("arp_ip_target")?;
    if !targets.is_empty() {
        let targets = targets.iter().map(|text| {
            text.parse()
                .map_err(|_| Error::invalid(format!("`{text}` is not an IPv4 address")))
        });
        asked.push(InfoBond::ArpIpTarget(targets.collect::<Result<_>>()?));
    }
    if let Some(rate) = options.string("lacp_rate")? {
        let rate = choose("bond", "lacp_rate", &rate, LACP_RATES)?;
        if mode != "802.3ad" {
            return Err(Error::invalid(format!(
                "`lacp_rate` is for mode 802.3ad, not {mode}"
            )));
        }
        asked.push(InfoBond::AdLacpRate(rate));
    }
    if let Some(when) = options.string("fail_over_mac")? {
        let when = choose("bond", "fail_over_mac", &when, FAIL_OVER_MACS)?;
        asked.push(InfoBond::FailOverMac(when));
    }
    if let Some(when) = options.string("primary_reselect")? {
        let when = choose("bond", "primary_reselect", &when, RESELECTS)?;
        asked.push(InfoBond::PrimaryReselect(when));
    }
    if let Some(policy) = options.string("xmit_hash_policy")? {
        let policy = choose("bond", "xmit_hash_policy", &policy, POLICIES)?;
        asked.push(InfoBond::XmitHashPolicy(policy));
    }
    Ok(asked)
}

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
        if error.doing.is_empty() {
            error.doing(verb, &bond.name()).in_place(place.label())
        } else {
            error
        }
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

    /// Makes a bond without ports, with options, its own and those that every link takes.
    ///
    /// Its own: `miimon`, `updelay`, `downdelay` and `arp_interval` (milliseconds), `arp_ip_target`, `min_links`, `primary`
    /// (one of its ports), `primary_reselect`, `lacp_rate`, `xmit_hash_policy`, `fail_over_mac`.
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
                let (name, mut options, common) = read("bond", name, options, KEYS)?;
                let number = choose("bond", "mode", mode, MODES)?;
                let primary = options.take("primary");
                let mut infos = vec![InfoBond::Mode(number)];
                infos.extend(asked(&mut options, mode)?);
                let facts = infos.iter().filter_map(fact).collect();
                let message = LinkBond::new(name.as_str())
                    .set_info_data(InfoData::Bond(infos))
                    .build();
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
                    |bond| {
                        take_ports(session, &bond.link, &ports)?;
                        let verb = "set the primary port of bond";
                        primary.iter().try_for_each(|port| {
                            choose_port(session, &bond.link, port, verb, Setting::PrimaryPort)
                        })
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
            let verb = "set the primary port of bond";
            choose_port(session, link, &port, verb, Setting::PrimaryPort)?;
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
