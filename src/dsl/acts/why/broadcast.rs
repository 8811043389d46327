//! Pings to a broadcast address, which hosts do not answer unless they are told to.

use std::net::IpAddr;
use std::rc::Rc;

use super::gather;
use crate::dsl::Session;
use crate::dsl::handle::Netns;
use crate::error::Error;
use crate::net::route::{self, Question};
use crate::net::sysctl::{self, Key};

/// 1 unless somebody has changed it (the kernel's Documentation/networking/ip-sysctl.rst).
const IGNORES: [&str; 2] = ["ipv4", "icmp_echo_ignore_broadcasts"];

/// Why nobody answers a ping from `net` to `to`, where that is the broadcast address of a subnet there: a sentence, and what to type.
pub(super) fn unanswered(
    session: &Rc<Session>,
    net: &Netns,
    to: IpAddr,
) -> Option<(String, Option<String>)> {
    let way = session.wait(async {
        let found = route::lookup(&net.rtnl()?, &Question::to(to)).await;
        Ok::<_, Error>(found?)
    });
    way.ok()?.ok()?.filter(|way| way.kind == "broadcast")?;
    let all = session.known_namespaces().ok()?;
    let home = session.start().ok()?;
    let found = session.wait(gather::scene(all, &home));
    let (scene, open) = found.ok()?.ok()?;
    let key = Key::new(IGNORES).ok()?;
    let there = scene.places.iter().zip(&open).filter(|(place, open)| {
        let mut addresses = place.addresses.iter();
        let is_other = open.netns.namespace().id() != net.namespace().id();
        is_other && addresses.any(|address| address.assigned.prefix.contains(&to))
    });
    let there: Vec<_> = there.collect();
    if there.is_empty() {
        let text = format!(
            "no namespace here has an address in the subnet of `{to}`, a broadcast address"
        );
        return Some((text, Some("list those that there are: tree()".to_owned())));
    }
    let mut silent = there
        .iter()
        .filter(|(_, open)| sysctl::read(&open.netns, &key).is_ok_and(|value| value.trim() == "1"));
    let (place, _) = silent.next()?;
    let text = format!(
        "`{to}` is a broadcast address, and `{}` answers none: its {} is 1",
        place.label,
        IGNORES.join(".")
    );
    let mend = format!("{}.sysctl(\"{}\", 0)", place.typed, IGNORES.join("."));
    Some((text, Some(mend)))
}
