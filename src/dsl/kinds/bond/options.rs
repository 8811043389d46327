//! What a bond can be given, and what one that is there says of it.

use rtnetlink::packet_route::link::{
    BondAdSelect, BondArpAllTargets, BondArpValidate, BondFailOverMac, BondLacpRate, BondMode,
    BondPrimaryReselect, BondXmitHashPolicy, InfoBond, InfoData,
};

use crate::dsl::kinds::make::Fact;
use crate::error::{Error, Result};
use crate::lab::setting::plain::on_off;
use crate::value::choice::choose;
use crate::value::options::Options;

/// Keys beyond those that every link takes.
pub(super) const KEYS: &[&str] = &[
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
pub(super) const USUAL: &[(&str, &str)] = &[
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

pub(super) fn facts_of(data: &InfoData) -> Vec<Fact> {
    let InfoData::Bond(infos) = data else {
        return Vec::new();
    };
    infos.iter().filter_map(fact).collect()
}

/// An option in words, which are those of `ip`.
pub(super) fn fact(info: &InfoBond) -> Option<Fact> {
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
pub(super) fn asked(options: &mut Options, mode: &str) -> Result<Vec<InfoBond>> {
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
pub(super) fn words_of((key, value): &Fact) -> [String; 2] {
    let value = match value.as_str() {
        "on" if AS_NUMBERS.contains(key) => "1",
        "off" if AS_NUMBERS.contains(key) => "0",
        value => value,
    };
    [(*key).to_owned(), value.to_owned()]
}
