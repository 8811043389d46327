//! What can stand in the `#{…}` of each word, for completion and the manual.

use crate::dsl::link::settings;
use crate::dsl::{exec, ipvlan, make, ping, route};

/// The keys of the options of `word`, sorted; empty where it takes none.
pub fn of(word: &str) -> Vec<&'static str> {
    let lists: &[&[&'static str]] = match word {
        "addr" => &[&["nodad"]],
        "bond" => &[&["miimon"], make::COMMON, settings::KEYS],
        "bridge" => &[&["stp", "vlan_filtering"], make::COMMON, settings::KEYS],
        "dummy" | "macvlan" | "veth" => &[make::COMMON, settings::KEYS],
        "exec" => &[exec::KEYS],
        "ipvlan" | "ipvtap" => &[ipvlan::KEYS, make::COMMON, settings::KEYS],
        "lookup" => &[&["source"]],
        "mode" => &[&["flag", "switch"]],
        "ping" => &[ping::KEYS],
        "route" => &[route::KEYS],
        "del_route" => &[route::KEYS_OF_DELETE],
        "routes" => &[&["table"]],
        "vlan" => &[&["protocol"], make::COMMON, settings::KEYS],
        _ => &[],
    };
    let mut keys: Vec<_> = lists.iter().flat_map(|keys| keys.iter().copied()).collect();
    keys.sort_unstable();
    keys
}
