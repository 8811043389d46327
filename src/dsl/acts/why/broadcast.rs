//! Pings to a broadcast address, which hosts do not answer unless they are told to.

use std::net::IpAddr;

use super::gather::Open;
use crate::error::{Error, Kind};
use crate::net::route::{self, Question};
use crate::net::sysctl::{self, Key};
use crate::why::scene::Scene;

/// 1 unless somebody has changed it (the kernel's Documentation/networking/ip-sysctl.rst).
const IGNORES: [&str; 2] = ["ipv4", "icmp_echo_ignore_broadcasts"];

/// Why nobody answers what `from` sends to `to`, where that is the broadcast address of a subnet there.
pub(super) async fn unanswered(
    scene: &Scene,
    open: &[Open],
    from: usize,
    to: IpAddr,
) -> Option<Error> {
    let way = route::lookup(&open[from].rtnl, &Question::to(to)).await;
    way.ok()?.filter(|way| way.kind == "broadcast")?;
    let key = Key::new(IGNORES).ok()?;
    let all = scene.places.iter().zip(open).enumerate();
    let there = all.filter(|(at, (place, _))| {
        let mut addresses = place.addresses.iter();
        *at != from && addresses.any(|address| address.assigned.prefix.contains(&to))
    });
    let there: Vec<_> = there.map(|(_, one)| one).collect();
    let error = |text: String, hint: String| Error::new(Kind::NotFound, text).hint(hint);
    if there.is_empty() {
        let text = format!(
            "no namespace here has an address in the subnet of `{to}`, a broadcast address"
        );
        return Some(error(text, "list those that there are: tree()".to_owned()));
    }
    let mut silent = there
        .iter()
        .filter(|(_, open)| sysctl::read(&open.netns, &key).is_ok_and(|value| value.trim() == "1"));
    let (place, _) = silent.next()?;
    let setting = IGNORES.join(".");
    let text = format!(
        "`{to}` is a broadcast address, and `{}` answers none: its {setting} is 1",
        place.label
    );
    Some(error(
        text,
        format!("{}.sysctl(\"{setting}\", 0)", place.typed),
    ))
}
