//! What can be chosen for an option or a parameter that is one of a few names, for completion.

use crate::dsl::objects::filter;
use crate::dsl::options;

use crate::dsl::acts::mesh;
use crate::net::listener::Protocol;
use crate::net::queue::Distribution;
use crate::net::{address, neighbour, route, rule};

/// The names that `key` of `word` can have, an option or a parameter; empty where it is no choice, or none is known.
pub fn of(word: &str, key: &str) -> Vec<&'static str> {
    match (word, key) {
        ("mesh" | "nexthop" | "rule", "family") => names(mesh::FAMILIES),
        ("route", "scope") => names(&route::SCOPES),
        ("route", "type") => names(&route::KINDS),
        ("route" | "nexthop", "proto") => names(&route::PROTOCOLS),
        ("addr", "scope") => names(&address::SCOPES),
        ("neighbor", "state") => names(&neighbour::STATES),
        ("rule", "action") => names(&rule::ACTIONS),
        ("rule", "ipproto") => names(&rule::PROTOCOLS),
        ("netem", "distribution") => names(&Distribution::ALL),
        ("wait_port", "protocol") => names(&Protocol::ALL),
        ("accept" | "drop" | "reject" | "nat", "proto") => names(filter::PROTOCOLS),
        ("accept" | "drop" | "reject", "hook") => names(&filter::HOOKS[..3]),
        ("route", "destination") => vec!["default"],
        ("mode", "mode") => of("ipvlan", "mode"),
        (word, key) => {
            let rows = options::of(word);
            let row = rows.into_iter().find(|row| row.key == key);
            row.map(|row| row.offers().collect()).unwrap_or_default()
        }
    }
}

fn names<T>(known: &[(&'static str, T)]) -> Vec<&'static str> {
    known.iter().map(|(name, _)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_one_of_its_kind() {
        assert_eq!(of("ipvlan", "mode"), ["l2", "l3", "l3s"]);
        assert_eq!(of("bond", "mode")[4], "802.3ad");
        assert_eq!(of("macvlan", "mode")[3], "passthru");
        assert_eq!(of("veth", "mode"), Vec::<&str>::new());
        assert_eq!(of("drop", "hook"), ["input", "forward", "output"]);
        assert_eq!(of("wait_port", "protocol"), ["tcp", "udp"]);
        assert!(of("route", "type").contains(&"blackhole"));
    }
}
