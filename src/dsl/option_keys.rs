//! What can stand in the `#{…}` of each word, for completion and the manual.

use crate::dsl::objects::{addr, fdb, filter, neighbor, nexthop, port, queue, route, rule};

use crate::dsl::acts::{exec, mesh, ping, reach, wait};

use crate::dsl::kinds::{kind, make, wireguard};

/// The keys of the options of `word`, sorted; empty where it takes none.
pub fn of(word: &str) -> Vec<&'static str> {
    let lists: &[&[&'static str]] = match word {
        "addr" => &[addr::KEYS],
        "exec" => &[exec::KEYS, exec::PROGRAM_KEYS],
        "spawn" => &[exec::PROGRAM_KEYS],
        "fdb" => &[fdb::KEYS],
        "del_fdb" => &[fdb::KEYS_OF_DELETE],
        "lookup" => &[route::KEYS_OF_LOOKUP],
        "mode" => &[&["flag", "switch"]],
        "accept" | "drop" | "reject" => &[filter::MATCH, &["hook"]],
        "masquerade" => &[&["dport", "from", "proto", "sport", "to"]],
        "nat" => &[filter::MATCH, &["dnat", "snat"]],
        "nft" => &[&["replace"]],
        "htb" => &[queue::HTB, &["replace"]],
        "netem" => &[queue::NETEM, &["replace"]],
        "expect_no_reach" | "expect_reach" => &[reach::KEYS],
        "mesh" => &[mesh::KEYS],
        "ping" => &[ping::KEYS],
        "port" => &[port::KEYS],
        "route" => &[route::KEYS],
        "del_route" => &[route::KEYS_OF_DELETE],
        "nexthop" => &[nexthop::KEYS],
        "neighbor" => &[neighbor::KEYS],
        "rule" => &[rule::KEYS, &["replace"]],
        "del_rule" => &[rule::KEYS],
        "routes" => &[&["table"]],
        "tbf" => &[queue::TBF, &["replace"]],
        "wait_for" => &[wait::CONDITION],
        "wait_port" => &[wait::PORT],
        "wg_peer" => &[wireguard::PEER_KEYS, &["replace"]],
        word => match kind::of_word(word) {
            Some(kind) => &[kind.keys, make::COMMON],
            None => &[],
        },
    };
    let mut keys: Vec<_> = lists.iter().flat_map(|keys| keys.iter().copied()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}
