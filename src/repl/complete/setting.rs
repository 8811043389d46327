//! Settings below `/proc/sys/net`, as the namespace has them now.

use std::rc::Rc;

use super::Candidate;
use crate::dsl::handle::Link;
use crate::net::netns::Netns;
use crate::net::sysctl;

/// Of how many links the settings of each are told one by one.
const LINKS: usize = 10;

/// Those of a namespace. `typed` may name a link, whose own are told then, however many links there are.
pub(super) fn of_namespace(place: &Rc<Netns>, typed: &str) -> Vec<Candidate> {
    let all = sysctl::all(place, |link| typed.contains(link), LINKS);
    let mut all = all.unwrap_or_default();
    // Those of the namespace as a whole first, then those that all links have in common.
    all.sort_by_key(|(key, _)| match key.parts() {
        [_, _, of, _] if ["all", "default"].contains(&of.as_str()) => 1,
        [_, _, _, _] => 2,
        _ => 0,
    });
    all.iter()
        .map(|(key, value)| named(&key.to_string(), value))
        .collect()
}

/// Those of a link: `rp_filter`, `ipv6.accept_ra`.
pub(super) fn of_link(link: &Link) -> Vec<Candidate> {
    let (place, name) = (link.netns(), link.name());
    let all = sysctl::all(&place, |other| other == name, 0).unwrap_or_default();
    let own = all.iter().filter_map(|(key, value)| {
        let [family, folder, of, setting] = key.parts() else {
            return None;
        };
        let name = match (family.as_str(), folder.as_str()) {
            _ if *of != name => return None,
            ("ipv4", "conf") => setting.clone(),
            (family, "conf") => format!("{family}.{setting}"),
            (family, folder) => format!("{family}.{folder}.{setting}"),
        };
        Some(named(&name, value))
    });
    own.collect()
}

fn named(name: &str, value: &str) -> Candidate {
    Candidate::plain(name)
        .about(&format!("now {value}"))
        .group("settings")
}
