//! Bridges: an Ethernet switch in the kernel; links become its ports by `link.master(bridge)`.

use rhai::Map;
use rhai::plugin::{NativeCallContext, export_module};
use rtnetlink::packet_route::link::{BridgeStpState, InfoBridge, InfoData, VlanProtocol};
use rtnetlink::{LinkBridge, LinkMessageBuilder};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kind::Kind;
use crate::dsl::make::{Fact, Request, Wanted, creating, ensure, read};
use crate::dsl::vlan::PROTOCOLS;
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
    "mcast_querier",
    "mcast_snooping",
    "priority",
    "stp",
    "vlan_default_pvid",
    "vlan_filtering",
    "vlan_protocol",
];

/// What the kernel gives to a bridge of which nothing is said.
const USUAL: &[(&str, &str)] = &[
    ("ageing_time", "300s"),
    ("forward_delay", "15s"),
    ("group_fwd_mask", "0"),
    ("hello_time", "2s"),
    ("max_age", "20s"),
    ("mcast_querier", "false"),
    ("mcast_snooping", "true"),
    ("priority", "32768"),
    ("stp", "false"),
    ("vlan_default_pvid", "1"),
    ("vlan_filtering", "false"),
    ("vlan_protocol", "802.1Q"),
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

const FLAGS: &[(&str, Make<bool>)] = &[
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
    /// Its own: `stp`, `priority`, `forward_delay`, `hello_time`, `max_age` and `ageing_time` (durations: `"15s"`),
    /// `vlan_filtering`, `vlan_default_pvid`, `vlan_protocol` (`"802.1q"`, `"802.1ad"`), `mcast_snooping`, `mcast_querier`,
    /// `group_fwd_mask`. What `ip link add NAME type bridge stp_state 1 ageing_time 30000` does.
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
