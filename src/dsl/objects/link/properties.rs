//! The properties of a link, as the kernel has them when they are read.

use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kinds::kind;
use crate::dsl::objects::link::show::{line, link_flags};
use crate::dsl::objects::link::{neighbour, parent_of, snapshot};
use crate::dsl::{Answer, Session, answer};
use crate::value::count;

fn or_unit(link: Option<Link>) -> Dynamic {
    link.map_or(Dynamic::UNIT, Dynamic::from)
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// The link's name.
    #[rhai_fn(get = "name", return_raw, volatile)]
    pub fn get_name(context: NativeCallContext, link: &mut Link) -> Answer<String> {
        answer(&context, |session| Ok(snapshot(session, link)?.name))
    }

    /// The link's ifindex.
    #[rhai_fn(get = "index", volatile)]
    pub fn get_index(link: &mut Link) -> i64 {
        link.index().into()
    }

    /// The link's kind (`ipvlan`, `veth` …), or `""` for hardware.
    #[rhai_fn(get = "kind")]
    pub fn get_kind(link: &mut Link) -> String {
        link.kind().to_owned()
    }

    /// The link's MTU in bytes.
    #[rhai_fn(get = "mtu", return_raw, volatile)]
    pub fn get_mtu(context: NativeCallContext, link: &mut Link) -> Answer<i64> {
        answer(&context, |session| Ok(snapshot(session, link)?.mtu.into()))
    }

    /// The link's hardware address.
    #[rhai_fn(get = "mac", return_raw, volatile)]
    pub fn get_mac(context: NativeCallContext, link: &mut Link) -> Answer<String> {
        answer(&context, |session| {
            Ok(crate::value::mac::print(&snapshot(session, link)?.mac))
        })
    }

    /// The link's alias, or `()`.
    #[rhai_fn(get = "alias", return_raw, volatile)]
    pub fn get_alias(context: NativeCallContext, link: &mut Link) -> Answer<Dynamic> {
        answer(&context, |session| {
            let alias = snapshot(session, link)?.alias;
            Ok(alias.map_or(Dynamic::UNIT, Dynamic::from))
        })
    }

    /// The link's operational state, as `ip -br link` prints it.
    #[rhai_fn(get = "state", return_raw, volatile)]
    pub fn get_state(context: NativeCallContext, link: &mut Link) -> Answer<String> {
        answer(&context, |session| {
            Ok(snapshot(session, link)?.state.to_owned())
        })
    }

    /// Whether the link is administratively up.
    #[rhai_fn(get = "is_up", return_raw, volatile)]
    pub fn get_is_up(context: NativeCallContext, link: &mut Link) -> Answer<bool> {
        answer(&context, |session| Ok(snapshot(session, link)?.up))
    }

    /// Whether the link has a carrier.
    #[rhai_fn(get = "carrier", return_raw, volatile)]
    pub fn get_carrier(context: NativeCallContext, link: &mut Link) -> Answer<bool> {
        answer(&context, |session| Ok(snapshot(session, link)?.carrier))
    }

    /// The link's flags, as `ip link` prints them between angle brackets.
    #[rhai_fn(get = "flags", return_raw, volatile)]
    pub fn get_flags(context: NativeCallContext, link: &mut Link) -> Answer<rhai::Array> {
        answer(&context, |session| {
            let flags = snapshot(session, link)?.flags;
            Ok(link_flags(flags).into_iter().map(Dynamic::from).collect())
        })
    }

    /// The link's counters: packets, bytes, errors and drops, each way.
    #[rhai_fn(get = "stats", return_raw, volatile)]
    pub fn get_stats(context: NativeCallContext, link: &mut Link) -> Answer<rhai::Map> {
        answer(&context, |session| {
            let stats = snapshot(session, link)?.stats.unwrap_or_default();
            let counters = [
                ("rx_packets", stats.rx_packets),
                ("rx_bytes", stats.rx_bytes),
                ("rx_errors", stats.rx_errors),
                ("rx_dropped", stats.rx_dropped),
                ("tx_packets", stats.tx_packets),
                ("tx_bytes", stats.tx_bytes),
                ("tx_errors", stats.tx_errors),
                ("tx_dropped", stats.tx_dropped),
            ];
            Ok(counters
                .into_iter()
                .map(|(name, count)| (name.into(), count::int(count).into()))
                .collect())
        })
    }

    /// The namespace that the link is in.
    #[rhai_fn(get = "netns")]
    pub fn get_netns(link: &mut Link) -> Netns {
        Netns(link.netns())
    }

    /// The bridge, bond or VRF that the link is under, or `()`.
    #[rhai_fn(get = "master", return_raw, volatile)]
    pub fn get_master(context: NativeCallContext, link: &mut Link) -> Answer<Dynamic> {
        answer(&context, |session| match snapshot(session, link)?.master {
            Some(index) => Ok(or_unit(neighbour(session, link, index, None)?)),
            None => Ok(Dynamic::UNIT),
        })
    }

    /// The link that this one is stacked on, or `()`.
    #[rhai_fn(get = "parent", return_raw, volatile)]
    pub fn get_parent(context: NativeCallContext, link: &mut Link) -> Answer<Dynamic> {
        answer(&context, |session| {
            let seen = snapshot(session, link)?;
            if kind::is_pair(&seen.kind) {
                return Ok(Dynamic::UNIT);
            }
            Ok(or_unit(parent_of(session, link, &seen)?))
        })
    }

    /// The link in one line: name and state as `ip -br address` prints them, kind, MTU, hardware address, addresses.
    #[rhai_fn(global, name = "to_string", volatile)]
    pub fn to_text(context: NativeCallContext, link: &mut Link) -> String {
        Session::of(&context)
            .and_then(|session| snapshot(&session, link).map(|seen| line(&session, link, &seen)))
            .unwrap_or_else(|_| format!("{} (gone)", link.name()))
    }

    /// The link inside a list or map: its name.
    #[rhai_fn(global, name = "to_debug")]
    pub fn to_debug(link: &mut Link) -> String {
        link.name()
    }
}
