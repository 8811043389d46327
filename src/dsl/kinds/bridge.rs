//! Bridges: an Ethernet switch in the kernel; links become its ports by `link.master(bridge)`.

use rhai::Map;
use rhai::plugin::{NativeCallContext, export_module};
use rtnetlink::packet_route::link::{BridgeStpState, InfoBridge, InfoData, VlanProtocol};
use rtnetlink::{LinkBridge, LinkMessageBuilder};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kinds::kind::Kind;
use crate::dsl::kinds::make::{Fact, Request, Wanted, creating, ensure, read};
use crate::dsl::kinds::vlan::PROTOCOLS;
use crate::dsl::{Answer, answer};
use crate::error::{Error, Result};
use crate::net::link::Snapshot;
use crate::value::choice::choose;
use crate::value::duration;
use crate::value::options::Options;

/// What this topic makes.
pub const KINDS: &[Kind] = &[Kind {
    word: "bridge",
    name: "bridge",
    module: "bridge",
    config: "CONFIG_BRIDGE",
    keys: KEYS,
    is_pair: false,
    argument: None,
    facts_of,
    usual: USUAL,
}];

const KEYS: &[&str] = &[
    "ageing_time",
    "forward_delay",
    "group_fwd_mask",
    "hello_time",
    "max_age",
    "mcast_hash_max",
    "mcast_igmp_version",
    "mcast_last_member_count",
    "mcast_last_member_interval",
    "mcast_membership_interval",
    "mcast_mld_version",
    "mcast_querier",
    "mcast_querier_interval",
    "mcast_query_interval",
    "mcast_query_response_interval",
    "mcast_query_use_ifaddr",
    "mcast_router",
    "mcast_snooping",
    "mcast_startup_query_count",
    "mcast_startup_query_interval",
    "mcast_stats_enabled",
    "nf_call_arptables",
    "nf_call_ip6tables",
    "nf_call_iptables",
    "priority",
    "stp",
    "vlan_default_pvid",
    "vlan_filtering",
    "vlan_protocol",
    "vlan_stats_enabled",
    "vlan_stats_per_port",
];

/// What the kernel gives to a bridge of which nothing is said.
const USUAL: &[(&str, &str)] = &[
    ("ageing_time", "300s"),
    ("forward_delay", "15s"),
    ("group_fwd_mask", "0"),
    ("hello_time", "2s"),
    ("max_age", "20s"),
    ("mcast_hash_max", "4096"),
    ("mcast_igmp_version", "2"),
    ("mcast_last_member_count", "2"),
    ("mcast_last_member_interval", "1s"),
    ("mcast_membership_interval", "260s"),
    ("mcast_mld_version", "1"),
    ("mcast_querier", "false"),
    ("mcast_querier_interval", "255s"),
    ("mcast_query_interval", "125s"),
    ("mcast_query_response_interval", "10s"),
    ("mcast_query_use_ifaddr", "false"),
    ("mcast_router", "1"),
    ("mcast_snooping", "true"),
    ("mcast_startup_query_count", "2"),
    ("mcast_startup_query_interval", "31.25s"),
    ("mcast_stats_enabled", "false"),
    ("nf_call_arptables", "false"),
    ("nf_call_ip6tables", "false"),
    ("nf_call_iptables", "false"),
    ("priority", "32768"),
    ("stp", "false"),
    ("vlan_default_pvid", "1"),
    ("vlan_filtering", "false"),
    ("vlan_protocol", "802.1Q"),
    ("vlan_stats_enabled", "false"),
    ("vlan_stats_per_port", "false"),
];

/// How an option of a bridge is made of its value.
type Make<T> = fn(T) -> InfoBridge;

/// The options that are times, in hundredths of a second, with the seconds that IEEE 802.1D allows for each; a learnt
/// address may last as long as one likes.
const TIMES: &[(&str, Make<u32>, u32, u32)] = &[
    ("forward_delay", InfoBridge::ForwardDelay, 2, 30),
    ("hello_time", InfoBridge::HelloTime, 1, 10),
    ("max_age", InfoBridge::MaxAge, 6, 40),
    ("ageing_time", InfoBridge::AgeingTime, 0, 10_000_000),
];

/// The times of multicast, in hundredths of a second.
const MULTICAST_TIMES: &[(&str, Make<u64>)] = &[
    (
        "mcast_last_member_interval",
        InfoBridge::MulticastLastMemberInterval,
    ),
    (
        "mcast_membership_interval",
        InfoBridge::MulticastMembershipInterval,
    ),
    (
        "mcast_querier_interval",
        InfoBridge::MulticastQuerierInterval,
    ),
    ("mcast_query_interval", InfoBridge::MulticastQueryInterval),
    (
        "mcast_query_response_interval",
        InfoBridge::MulticastQueryResponseInterval,
    ),
    (
        "mcast_startup_query_interval",
        InfoBridge::MulticastStartupQueryInterval,
    ),
];

/// The numbers of four bytes.
const COUNTS: &[(&str, Make<u32>)] = &[
    ("mcast_hash_max", InfoBridge::MulticastHashMax),
    (
        "mcast_last_member_count",
        InfoBridge::MulticastLastMemberCount,
    ),
    (
        "mcast_startup_query_count",
        InfoBridge::MulticastStartupQueryCount,
    ),
];

/// The numbers of one byte, with the least and the largest of each.
const BYTES: &[(&str, Make<u8>, u8, u8)] = &[
    ("mcast_igmp_version", InfoBridge::MulticastIgmpVersion, 2, 3),
    ("mcast_mld_version", InfoBridge::MulticastMldVersion, 1, 2),
    (
        "mcast_router",
        |value| InfoBridge::MulticastRouter(value.into()),
        0,
        2,
    ),
];

const FLAGS: &[(&str, Make<bool>)] = &[
    (
        "mcast_query_use_ifaddr",
        InfoBridge::MulticastQueryUseIfaddr,
    ),
    ("mcast_stats_enabled", InfoBridge::MulticastStatsEnabled),
    ("nf_call_arptables", InfoBridge::NfCallArpTables),
    ("nf_call_ip6tables", InfoBridge::NfCallIp6Tables),
    ("nf_call_iptables", InfoBridge::NfCallIpTables),
    ("vlan_stats_enabled", InfoBridge::VlanStatsEnabled),
    ("vlan_stats_per_port", InfoBridge::VlanStatsPerPort),
    ("vlan_filtering", InfoBridge::VlanFiltering),
    ("mcast_snooping", InfoBridge::MulticastSnooping),
    ("mcast_querier", InfoBridge::MulticastQuerier),
];

const NUMBERS: &[(&str, Make<u16>, u16)] = &[
    ("priority", InfoBridge::Priority, u16::MAX),
    ("vlan_default_pvid", InfoBridge::VlanDefaultPvid, 4094),
    ("group_fwd_mask", InfoBridge::GroupFwdMask, u16::MAX),
];

/// An option of a bridge in words: its key and its value, and what `ip` calls both.
struct Said {
    key: &'static str,
    value: String,
    word: &'static str,
    text: String,
}

impl Said {
    fn of(option: &InfoBridge) -> Option<Self> {
        let time = |key, hundredths: u32| {
            let seconds = f64::from(hundredths) / 100.0;
            (key, format!("{seconds}s"), key, hundredths.to_string())
        };
        let flag = |key, word, on: bool| (key, on.to_string(), word, u8::from(on).to_string());
        let long = |key, hundredths: u64| {
            // Exact for all that can be asked for.
            let (whole, rest) = (hundredths / 100, hundredths % 100);
            let text = format!("{whole}.{rest:02}");
            let text = text.trim_end_matches('0').trim_end_matches('.');
            (key, format!("{text}s"), key, hundredths.to_string())
        };
        let count = |key, number: u32| (key, number.to_string(), key, number.to_string());
        let number = |key, number: u16| (key, number.to_string(), key, number.to_string());
        let (key, value, word, text) = match option {
            InfoBridge::ForwardDelay(time_) => time("forward_delay", *time_),
            InfoBridge::HelloTime(time_) => time("hello_time", *time_),
            InfoBridge::MaxAge(time_) => time("max_age", *time_),
            InfoBridge::AgeingTime(time_) => time("ageing_time", *time_),
            InfoBridge::StpState(state) => {
                flag("stp", "stp_state", *state != BridgeStpState::Disabled)
            }
            InfoBridge::VlanFiltering(on) => flag("vlan_filtering", "vlan_filtering", *on),
            InfoBridge::MulticastSnooping(on) => flag("mcast_snooping", "mcast_snooping", *on),
            InfoBridge::MulticastQuerier(on) => flag("mcast_querier", "mcast_querier", *on),
            InfoBridge::MulticastLastMemberInterval(time) => {
                long("mcast_last_member_interval", *time)
            }
            InfoBridge::MulticastMembershipInterval(time) => {
                long("mcast_membership_interval", *time)
            }
            InfoBridge::MulticastQuerierInterval(time) => long("mcast_querier_interval", *time),
            InfoBridge::MulticastQueryInterval(time) => long("mcast_query_interval", *time),
            InfoBridge::MulticastQueryResponseInterval(time) => {
                long("mcast_query_response_interval", *time)
            }
            InfoBridge::MulticastStartupQueryInterval(time) => {
                long("mcast_startup_query_interval", *time)
            }
            InfoBridge::MulticastHashMax(value) => count("mcast_hash_max", *value),
            InfoBridge::MulticastLastMemberCount(value) => count("mcast_last_member_count", *value),
            InfoBridge::MulticastStartupQueryCount(value) => {
                count("mcast_startup_query_count", *value)
            }
            InfoBridge::MulticastIgmpVersion(value) => count("mcast_igmp_version", (*value).into()),
            InfoBridge::MulticastMldVersion(value) => count("mcast_mld_version", (*value).into()),
            InfoBridge::MulticastRouter(value) => count("mcast_router", u8::from(*value).into()),
            InfoBridge::MulticastQueryUseIfaddr(on) => {
                flag("mcast_query_use_ifaddr", "mcast_query_use_ifaddr", *on)
            }
            InfoBridge::MulticastStatsEnabled(on) => {
                flag("mcast_stats_enabled", "mcast_stats_enabled", *on)
            }
            InfoBridge::NfCallArpTables(on) => flag("nf_call_arptables", "nf_call_arptables", *on),
            InfoBridge::NfCallIp6Tables(on) => flag("nf_call_ip6tables", "nf_call_ip6tables", *on),
            InfoBridge::NfCallIpTables(on) => flag("nf_call_iptables", "nf_call_iptables", *on),
            InfoBridge::VlanStatsEnabled(on) => {
                flag("vlan_stats_enabled", "vlan_stats_enabled", *on)
            }
            InfoBridge::VlanStatsPerPort(on) => {
                flag("vlan_stats_per_port", "vlan_stats_per_port", *on)
            }
            InfoBridge::Priority(value) => number("priority", *value),
            InfoBridge::VlanDefaultPvid(value) => number("vlan_default_pvid", *value),
            InfoBridge::GroupFwdMask(value) => number("group_fwd_mask", *value),
            InfoBridge::VlanProtocol(protocol) => {
                let name = protocol.to_string();
                ("vlan_protocol", name.clone(), "vlan_protocol", name)
            }
            _ => return None,
        };
        Some(Self {
            key,
            value,
            word,
            text,
        })
    }
}

fn facts_of(data: &InfoData) -> Vec<Fact> {
    let InfoData::Bridge(infos) = data else {
        return Vec::new();
    };
    let said = infos.iter().filter_map(Said::of);
    said.map(|said| (said.key, said.value)).collect()
}

/// What is asked of a bridge.
fn asked(options: &mut Options) -> Result<Vec<InfoBridge>> {
    let mut asked = Vec::new();
    for (key, make, least, most) in TIMES {
        if let Some(time) = options.duration(key)? {
            let hundredths = u32::try_from(time.as_millis() / 10).unwrap_or(u32::MAX);
            if !(least * 100..=most * 100).contains(&hundredths) {
                return Err(Error::invalid(format!(
                    "`{key}` is {least}s to {most}s, not {}",
                    duration::print(time)
                )));
            }
            asked.push(make(hundredths));
        }
    }
    for (key, make, most) in NUMBERS {
        if let Some(number) = options.integer(key, 0..=i64::from(*most))? {
            asked.push(make(u16::try_from(number).unwrap_or(*most)));
        }
    }
    for (key, make) in MULTICAST_TIMES {
        if let Some(time) = options.duration(key)? {
            asked.push(make(
                u64::try_from(time.as_millis() / 10).unwrap_or(u64::MAX),
            ));
        }
    }
    for (key, make) in COUNTS {
        if let Some(count) = options.integer(key, 0..=i64::from(u32::MAX))? {
            asked.push(make(u32::try_from(count).unwrap_or(u32::MAX)));
        }
    }
    for (key, make, least, most) in BYTES {
        if let Some(number) = options.integer(key, i64::from(*least)..=i64::from(*most))? {
            asked.push(make(u8::try_from(number).unwrap_or(*most)));
        }
    }
    if let Some(text) = options.string("vlan_protocol")? {
        let text = text.to_ascii_lowercase();
        let protocol: VlanProtocol = choose("bridge", "vlan_protocol", &text, PROTOCOLS)?;
        asked.push(InfoBridge::VlanProtocol(protocol));
    }
    for (key, make) in FLAGS {
        if let Some(on) = options.flag(key)? {
            asked.push(make(on));
        }
    }
    // Times are checked against the protocol only while it runs: it comes last.
    if let Some(on) = options.flag("stp")? {
        asked.push(InfoBridge::StpState(if on {
            BridgeStpState::KernelStp
        } else {
            BridgeStpState::Disabled
        }));
    }
    Ok(asked)
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Makes the bridge `name`, and returns it.
    ///
    /// What `ip link add NAME type bridge` does.
    ///
    /// ```rhai
    /// netns("a").bridge("br0").kind    // => "bridge"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn bridge(context: NativeCallContext, net: &mut Netns, name: &str) -> Answer<Link> {
        bridge_with(context, net, name, Map::new())
    }

    /// Makes a bridge with options, its own and those that every link takes.
    ///
    /// Its own: `stp`, `priority`, `forward_delay`, `hello_time`, `max_age` and `ageing_time` (durations: `"15s"`, or a
    /// bare number of seconds, where `ip` counts hundredths),
    /// `vlan_filtering`, `vlan_default_pvid`, `vlan_protocol` (`"802.1q"`, `"802.1ad"`), `mcast_snooping`, `mcast_querier`,
    /// `group_fwd_mask`; of multicast also `mcast_igmp_version` (2, 3), `mcast_mld_version` (1, 2), `mcast_router` (0 to 2: never,
    /// where one is heard, always), `mcast_query_use_ifaddr`, `mcast_hash_max`, the counts `mcast_last_member_count` and
    /// `mcast_startup_query_count`, the durations `mcast_query_interval`, `mcast_query_response_interval`, `mcast_querier_interval`,
    /// `mcast_membership_interval`, `mcast_last_member_interval` and `mcast_startup_query_interval`; `nf_call_iptables`,
    /// `nf_call_ip6tables`, `nf_call_arptables` for filters of routed packets; and the counters `mcast_stats_enabled`,
    /// `vlan_stats_enabled`, `vlan_stats_per_port`. What `ip link add NAME type bridge stp_state 1 ageing_time 30000` does.
    ///
    /// ```rhai
    /// netns("a").bridge("br0", #{stp: true, up: true}).is_up    // => true
    /// ```
    #[rhai_fn(name = "bridge", return_raw, volatile)]
    pub fn bridge_with(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            let context = creating("bridge", name, net);
            let make = || {
                let (name, mut options, common) = read("bridge", name, options, KEYS)?;
                let asked = asked(&mut options)?;
                let said: Vec<Said> = asked.iter().filter_map(Said::of).collect();
                let facts = said.iter().map(|said| (said.key, said.value.clone()));
                let facts: Vec<Fact> = facts.collect();
                // `LinkBridge::new` brings it up, too.
                let mut builder = LinkMessageBuilder::<LinkBridge>::new(name.as_str());
                if !asked.is_empty() {
                    builder = builder.set_info_data(InfoData::Bridge(asked));
                }
                let message = builder.build();
                let wanted = Wanted {
                    kind: "bridge",
                    place: net.0.clone(),
                    name,
                    parent: None,
                    facts,
                    facts_of,
                    common,
                };
                let request = |_: Option<&Snapshot>| {
                    let words = said.iter().flat_map(|said| [said.word, &said.text]);
                    Ok(Request::new(message.clone(), words))
                };
                ensure(session, &wanted, request, |_| Ok(()))
            };
            make().map_err(context)
        })
    }
}
