//! What a bond can be given, and what one that is there says of it.

use crate::dsl::kinds::attributes::Asked;
use crate::error::{Error, Result};
use crate::schema::{Family, Form, Names, Opt, Spelling, Wire, text};
use crate::steps::Value;

/// The largest number that the kernel takes for times and counts, `INT_MAX`.
const LARGEST: i64 = 2_147_483_647;
const COUNT: (i64, i64) = (0, LARGEST);

const fn hosts(key: &'static str, family: Family, number: u16, doc: &'static str) -> Opt {
    Opt::new(key, Form::Hosts(family), doc)
        .at(Wire::Ips(number))
        .spelled(Spelling::Pair)
}

/// The modes, by the names that `ip` gives them.
const MODES: Names = &[
    ("balance-rr", 0),
    ("active-backup", 1),
    ("balance-xor", 2),
    ("broadcast", 3),
    ("802.3ad", 4),
    ("balance-tlb", 5),
    ("balance-alb", 6),
];

const VALIDATIONS: Names = &[
    ("none", 0),
    ("active", 1),
    ("backup", 2),
    ("all", 3),
    ("filter", 4),
    ("filter_active", 5),
    ("filter_backup", 6),
];

const POLICIES: Names = &[
    ("layer2", 0),
    ("layer2+3", 2),
    ("layer3+4", 1),
    ("encap2+3", 3),
    ("encap3+4", 4),
    ("vlan+srcmac", 5),
];

/// `IFLA_BOND_*` of `linux/if_link.h`. The primary port is chosen when the ports are there.
pub(super) const TABLE: &[Opt] = &[
    Opt::choice(
        "mode",
        Wire::U8(1),
        MODES,
        "how its ports share the traffic",
    )
    .default("balance-rr")
    .argument(),
    Opt::number(
        "miimon",
        Wire::U32(3),
        COUNT,
        "how often the state of its ports is looked at, in milliseconds; 0 for never",
    )
    .default("0"),
    Opt::number(
        "updelay",
        Wire::U32(4),
        COUNT,
        "how long a port is up before it is used, in milliseconds",
    )
    .default("0"),
    Opt::number(
        "downdelay",
        Wire::U32(5),
        COUNT,
        "how long a port is down before it is not used any more, in milliseconds",
    )
    .default("0"),
    Opt::number(
        "peer_notify_delay",
        Wire::U32(28),
        COUNT,
        "how long it waits between messages to neighbours, in milliseconds",
    )
    .default("0"),
    Opt::number(
        "arp_interval",
        Wire::U32(7),
        COUNT,
        "how often its targets are asked by ARP, in milliseconds; 0 for never",
    )
    .default("0"),
    Opt::number(
        "min_links",
        Wire::U32(18),
        COUNT,
        "how many ports have to be up for it to have a carrier",
    )
    .default("0"),
    hosts(
        "arp_ip_target",
        Family::V4,
        8,
        "the addresses that are asked by ARP",
    ),
    Opt::choice(
        "lacp_rate",
        Wire::U8(21),
        &[("slow", 0), ("fast", 1)],
        "how often its partner sends messages of LACP",
    )
    .default("slow"),
    Opt::number(
        "ad_actor_sys_prio",
        Wire::U16(24),
        (1, 65535),
        "its priority as a system of LACP",
    )
    .default("65535"),
    Opt::number(
        "ad_user_port_key",
        Wire::U16(25),
        (0, 1023),
        "the upper bits of the key of its ports",
    )
    .default("0"),
    Opt::number(
        "lp_interval",
        Wire::U32(19),
        (1, LARGEST),
        "how often packets for learning are sent to switches, in seconds",
    )
    .default("1"),
    Opt::number(
        "num_grat_arp",
        Wire::U8(16),
        (0, 255),
        "how often neighbours are told of another active port",
    )
    .words(&["num_grat_arp", "num_unsol_na"])
    .default("1"),
    Opt::number(
        "packets_per_slave",
        Wire::U32(20),
        (0, 65535),
        "how many packets a port sends before the next one does",
    )
    .default("1"),
    Opt::number(
        "resend_igmp",
        Wire::U32(15),
        (0, 255),
        "how often memberships are told anew after another port became active",
    )
    .default("1"),
    Opt::switch(
        "all_slaves_active",
        17,
        "whether frames are taken that come in by ports that are not active",
    )
    .spelled(Spelling::OneZero)
    .default("false"),
    Opt::switch(
        "lacp_active",
        29,
        "whether it sends messages of LACP unasked",
    )
    .spelled(Spelling::OnOff)
    .default("true"),
    Opt::switch(
        "tlb_dynamic_lb",
        27,
        "whether the traffic is shared by the load of the ports",
    )
    .spelled(Spelling::OneZero)
    .default("true"),
    Opt::choice(
        "ad_select",
        Wire::U8(22),
        &[("stable", 0), ("bandwidth", 1), ("count", 2)],
        "by what an aggregator of LACP is chosen",
    )
    .default("stable"),
    Opt::choice(
        "arp_validate",
        Wire::U32(9),
        VALIDATIONS,
        "whose answers by ARP are looked at",
    )
    .default("none"),
    Opt::choice(
        "arp_all_targets",
        Wire::U32(10),
        &[("any", 0), ("all", 1)],
        "how many targets have to answer",
    )
    .default("any"),
    hosts(
        "ns_ip6_target",
        Family::V6,
        31,
        "the addresses that are asked by neighbour discovery",
    ),
    Opt::choice(
        "fail_over_mac",
        Wire::U8(13),
        &[("none", 0), ("active", 1), ("follow", 2)],
        "what becomes of hardware addresses as another port becomes active",
    )
    .default("none"),
    Opt::choice(
        "primary_reselect",
        Wire::U8(12),
        &[("always", 0), ("better", 1), ("failure", 2)],
        "when the primary port gets the traffic back",
    )
    .default("always"),
    Opt::choice(
        "xmit_hash_policy",
        Wire::U8(14),
        POLICIES,
        "by what of a packet its port is chosen",
    )
    .default("layer2"),
    Opt::new(
        "primary",
        Form::Device,
        "which of its ports is to have the traffic wherever it can",
    ),
];

/// The options that only some modes have.
const OF_MODES: &[(&str, &[&str])] = &[
    ("ad_actor_sys_prio", LACP),
    ("ad_select", LACP),
    ("ad_user_port_key", LACP),
    ("lacp_active", LACP),
    ("lacp_rate", LACP),
    ("packets_per_slave", &["balance-rr"]),
    ("tlb_dynamic_lb", &["balance-tlb", "balance-alb"]),
];

const LACP: &[&str] = &["802.3ad"];

/// Refuses what the mode does not have, and delays that are no multiple of the interval: the kernel would round them.
pub(super) fn check(asked: &Asked, mode: &str) -> Result<()> {
    for (key, modes) in OF_MODES {
        if asked.value(key).is_some() && !modes.contains(&mode) {
            return Err(Error::invalid(format!(
                "`{key}` is for mode {}, not {mode}",
                modes.join(" and ")
            )));
        }
    }
    let number = |key| match asked.value(key) {
        Some(Value::Number(number)) => Some(*number),
        _ => None,
    };
    let interval = number("miimon").unwrap_or(0);
    for key in ["updelay", "downdelay", "peer_notify_delay"] {
        let Some(delay) = number(key) else { continue };
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
    }
    Ok(())
}

/// The mode that was asked for, by its name.
pub(super) fn mode(asked: &Asked) -> String {
    asked.value("mode").map(text).unwrap_or_default()
}
