//! Bonds: several links used as one.

use std::rc::Rc;

use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rhai::{Array, Map};
use rtnetlink::LinkBond;
use rtnetlink::packet_route::link::{
    BondAdSelect, BondArpAllTargets, BondArpValidate, BondFailOverMac, BondLacpRate, BondMode,
    BondPrimaryReselect, BondXmitHashPolicy, InfoBond, InfoData,
};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kind::Kind;
use crate::dsl::make::{Fact, Request, Wanted, creating, ensure, read};
use crate::dsl::{Answer, Session, answer, link};
use crate::error::{Error, Result};
use crate::lab::setting::Setting;
use crate::lab::setting::plain::on_off;
use crate::net::link::Snapshot;
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
    "ad_actor_sys_prio",
    "ad_select",
    "ad_user_port_key",
    "all_slaves_active",
    "arp_all_targets",
    "arp_interval",
    "arp_ip_target",
    "arp_validate",
    "downdelay",
    "fail_over_mac",
    "lacp_active",
    "lacp_rate",
    "lp_interval",
    "miimon",
    "min_links",
    "ns_ip6_target",
    "num_grat_arp",
    "packets_per_slave",
    "peer_notify_delay",
    "primary",
    "primary_reselect",
    "resend_igmp",
    "tlb_dynamic_lb",
    "updelay",
    "xmit_hash_policy",
];

/// What the kernel gives to a bond of which nothing is said.
const USUAL: &[(&str, &str)] = &[
    ("ad_actor_sys_prio", "65535"),
    ("ad_select", "stable"),
    ("ad_user_port_key", "0"),
    ("all_slaves_active", "off"),
    ("arp_all_targets", "any"),
    ("arp_interval", "0"),
    ("arp_ip_target", ""),
    ("arp_validate", "none"),
    ("downdelay", "0"),
    ("fail_over_mac", "none"),
    ("lacp_active", "on"),
    ("lacp_rate", "slow"),
    ("lp_interval", "1"),
    ("miimon", "0"),
    ("min_links", "0"),
    ("ns_ip6_target", ""),
    ("num_grat_arp", "1"),
    ("packets_per_slave", "1"),
    ("peer_notify_delay", "0"),
    ("primary_reselect", "always"),
    ("resend_igmp", "1"),
    ("tlb_dynamic_lb", "on"),
    ("updelay", "0"),
    ("xmit_hash_policy", "layer2"),
];

/// The largest number that the kernel takes for times and counts, `INT_MAX`.
const LARGEST: i64 = 2_147_483_647;

/// Flags that `ip` takes as 0 or 1.
const AS_NUMBERS: &[&str] = &["all_slaves_active", "tlb_dynamic_lb"];

/// A number that a bond can be given: its key, how it is sent, its least and largest value, and the modes that have it, all where
/// none is named.
type Number = (
    &'static str,
    fn(u32) -> InfoBond,
    i64,
    i64,
    &'static [&'static str],
);

const NUMBERS: &[Number] = &[
    (
        "ad_actor_sys_prio",
        |n| InfoBond::AdActorSysPrio(short(n)),
        1,
        65535,
        LACP,
    ),
    (
        "ad_user_port_key",
        |n| InfoBond::AdUserPortKey(short(n)),
        0,
        1023,
        LACP,
    ),
    ("lp_interval", InfoBond::LpInterval, 1, LARGEST, &[]),
    (
        "num_grat_arp",
        |n| InfoBond::NumPeerNotif(u8::try_from(n).unwrap_or(u8::MAX)),
        0,
        255,
        &[],
    ),
    (
        "packets_per_slave",
        InfoBond::PacketsPerPort,
        0,
        65535,
        &["balance-rr"],
    ),
    ("resend_igmp", InfoBond::ResendIgmp, 0, 255, &[]),
];

/// A flag in the same way.
type Flag = (&'static str, fn(bool) -> InfoBond, &'static [&'static str]);

const FLAGS: &[Flag] = &[
    (
        "all_slaves_active",
        |on| InfoBond::AllPortsActive(u8::from(on).into()),
        &[],
    ),
    ("lacp_active", InfoBond::AdLacpActive, LACP),
    (
        "tlb_dynamic_lb",
        InfoBond::TlbDynamicLb,
        &["balance-tlb", "balance-alb"],
    ),
];

const LACP: &[&str] = &["802.3ad"];

fn short(number: u32) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// Refuses an option that the mode does not have; no mode named is all of them.
fn check_mode(key: &str, mode: &str, modes: &[&str]) -> Result<()> {
    if modes.is_empty() || modes.contains(&mode) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "`{key}` is for mode {}, not {mode}",
        modes.join(" and ")
    )))
}

pub(crate) const VALIDATIONS: &[(&str, BondArpValidate)] = &[
    ("none", BondArpValidate::None),
    ("active", BondArpValidate::Active),
    ("backup", BondArpValidate::Backup),
    ("all", BondArpValidate::All),
    ("filter", BondArpValidate::Filter),
    ("filter_active", BondArpValidate::FilterActive),
    ("filter_backup", BondArpValidate::FilterBackup),
];

pub(crate) const ALL_TARGETS: &[(&str, BondArpAllTargets)] = &[
    ("any", BondArpAllTargets::Any),
    ("all", BondArpAllTargets::All),
];

pub(crate) const AD_SELECTS: &[(&str, BondAdSelect)] = &[
    ("stable", BondAdSelect::Stable),
    ("bandwidth", BondAdSelect::Bandwidth),
    ("count", BondAdSelect::Count),
];

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
        InfoBond::AdActorSysPrio(number) => ("ad_actor_sys_prio", number.to_string()),
        InfoBond::AdUserPortKey(number) => ("ad_user_port_key", number.to_string()),
        InfoBond::LpInterval(seconds) => ("lp_interval", seconds.to_string()),
        InfoBond::NumPeerNotif(count) => ("num_grat_arp", count.to_string()),
        InfoBond::PacketsPerPort(count) => ("packets_per_slave", count.to_string()),
        InfoBond::PeerNotifDelay(ms) => ("peer_notify_delay", ms.to_string()),
        InfoBond::ResendIgmp(count) => ("resend_igmp", count.to_string()),
        InfoBond::AllPortsActive(on) => {
            ("all_slaves_active", on_off(u8::from(*on) != 0).to_owned())
        }
        InfoBond::AdLacpActive(on) => ("lacp_active", on_off(*on).to_owned()),
        InfoBond::TlbDynamicLb(on) => ("tlb_dynamic_lb", on_off(*on).to_owned()),
        InfoBond::ArpValidate(which) => ("arp_validate", named(VALIDATIONS, *which)?),
        InfoBond::ArpAllTargets(which) => ("arp_all_targets", named(ALL_TARGETS, *which)?),
        InfoBond::AdSelect(how) => ("ad_select", named(AD_SELECTS, *how)?),
        InfoBond::NsIp6Target(targets) => {
            let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
            ("ns_ip6_target", targets.join(","))
        }
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
        ("peer_notify_delay", InfoBond::PeerNotifDelay),
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
        check_mode("lacp_rate", mode, LACP)?;
        asked.push(InfoBond::AdLacpRate(rate));
    }
    for (key, make, least, most, modes) in NUMBERS {
        if let Some(number) = options.integer(key, *least..=*most)? {
            check_mode(key, mode, modes)?;
            asked.push(make(u32::try_from(number).unwrap_or_default()));
        }
    }
    for (key, make, modes) in FLAGS {
        if let Some(on) = options.flag(key)? {
            check_mode(key, mode, modes)?;
            asked.push(make(on));
        }
    }
    if let Some(how) = options.string("ad_select")? {
        let how = choose("bond", "ad_select", &how, AD_SELECTS)?;
        check_mode("ad_select", mode, LACP)?;
        asked.push(InfoBond::AdSelect(how));
    }
    if let Some(which) = options.string("arp_validate")? {
        let which = choose("bond", "arp_validate", &which, VALIDATIONS)?;
        asked.push(InfoBond::ArpValidate(which));
    }
    if let Some(which) = options.string("arp_all_targets")? {
        let which = choose("bond", "arp_all_targets", &which, ALL_TARGETS)?;
        asked.push(InfoBond::ArpAllTargets(which));
    }
    let targets = options.strings("ns_ip6_target")?;
    if !targets.is_empty() {
        let targets = targets.iter().map(|text| {
            text.parse()
                .map_err(|_| Error::invalid(format!("`{text}` is not an IPv6 address")))
        });
        asked.push(InfoBond::NsIp6Target(targets.collect::<Result<_>>()?));
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

/// A fact in the words of `ip`.
fn words_of((key, value): &Fact) -> [String; 2] {
    let value = match value.as_str() {
        "on" if AS_NUMBERS.contains(key) => "1",
        "off" if AS_NUMBERS.contains(key) => "0",
        value => value,
    };
    [(*key).to_owned(), value.to_owned()]
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
    /// (one of its ports), `primary_reselect`, `xmit_hash_policy`, `fail_over_mac`, `arp_validate`, `arp_all_targets`,
    /// `ns_ip6_target`, `num_grat_arp`, `peer_notify_delay` (milliseconds), `resend_igmp`, `lp_interval` (seconds),
    /// `all_slaves_active`; of mode `802.3ad` also `lacp_rate`, `lacp_active`, `ad_select`, `ad_actor_sys_prio`,
    /// `ad_user_port_key`; of `balance-rr` `packets_per_slave`, of `balance-tlb` and `balance-alb` `tlb_dynamic_lb`.
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
                let facts: Vec<Fact> = infos.iter().filter_map(fact).collect();
                let words: Vec<String> = facts.iter().flat_map(|fact| words_of(fact)).collect();
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
                    |_: Option<&Snapshot>| Ok(Request::new(message.clone(), &words)),
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
