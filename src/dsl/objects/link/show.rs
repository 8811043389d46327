//! A link, drawn: as `ip -br link` prints it, and with all that there is to show of it.

use rtnetlink::packet_route::link::LinkFlags;

use crate::dsl::Session;
use crate::dsl::handle::Link;
use crate::dsl::handles::Showing;
use crate::dsl::kinds::ipvlan_port::Settings;
use crate::dsl::objects::link::snapshot;
use crate::error::Error;
use crate::net::address::{self, Address};
use crate::net::group;
use crate::net::link::Snapshot;
use crate::value::mac;
use crate::view::value::{Handle, Value};

/// The link on a line, as `ip -br address` prints it, with what else there is to tell: its kind, MTU and hardware address.
pub(crate) fn line(session: &Session, link: &Link, seen: &Snapshot) -> String {
    let mut words = vec![format!("{:<16} {:<14}", seen.name, seen.state)];
    words.extend(Some(seen.kind.clone()).filter(|kind| !kind.is_empty()));
    words.push(format!("mtu {}", seen.mtu));
    words.extend(Some(mac::print(&seen.mac)).filter(|mac| !mac.is_empty()));
    let netns = link.netns();
    let found = session.wait(async {
        let rtnl = netns.rtnl()?;
        Ok::<_, Error>(address::list(&rtnl, Some(link.index())).await?)
    });
    // It may go meanwhile.
    let addresses: Vec<Address> = found.and_then(|found| found).unwrap_or_default();
    words.extend(addresses.iter().map(Address::to_string));
    words.join(" ")
}

/// What there is to show of the link as it is now; outside of a run, or where it is gone, of its handle alone.
pub(crate) fn show(showing: Showing<'_>, link: &Link) -> Value {
    let session = showing.session;
    let name = link.name();
    let netns = link.netns().label().to_owned();
    let Some(seen) = session.and_then(|session| snapshot(session, link).ok()) else {
        return Value::Handle(Box::new(Handle {
            line: format!("{name} (gone)"),
            cells: cells(&name, link.kind(), "", ["gone", "", "", &netns]),
            fields: vec![
                ("name", Value::text(&name)),
                ("kind", Value::text(link.kind())),
                ("state", Value::text("gone")),
                ("netns", Value::text(&netns)),
            ],
            name,
        }));
    };
    let mac = mac::print(&seen.mac);
    let mtu = seen.mtu.to_string();
    let port = seen.data.as_ref().and_then(Settings::of);
    let mode = match port {
        Some(port) if port.flag == "bridge" => port.mode.to_owned(),
        Some(port) => format!("{} {}", port.mode, port.flag),
        None => String::new(),
    };
    let flags = link_flags(seen.flags).into_iter().map(Value::text);
    let altnames = seen.altnames.iter().map(Value::text);
    let port =
        |of: fn(Settings) -> &'static str| port.map_or(Value::Nothing, |p| Value::text(of(p)));
    Value::Handle(Box::new(Handle {
        name: seen.name.clone(),
        line: match session {
            Some(session) if showing.is_alone => line(session, link, &seen),
            _ => seen.name.clone(),
        },
        cells: cells(
            &seen.name,
            &seen.kind,
            &mode,
            [seen.state, &mtu, &mac, &netns],
        ),
        fields: vec![
            ("name", Value::text(&seen.name)),
            ("index", Value::word(seen.index)),
            ("kind", Value::text(&seen.kind)),
            ("mode", port(|port| port.mode)),
            ("flag", port(|port| port.flag)),
            ("state", Value::text(seen.state)),
            ("is_up", Value::word(seen.up)),
            ("carrier", Value::word(seen.carrier)),
            ("flags", Value::List(flags.collect())),
            ("mtu", Value::Word(mtu)),
            ("mac", Value::Text(mac)),
            (
                "alias",
                seen.alias.as_ref().map_or(Value::Nothing, Value::text),
            ),
            ("altnames", Value::List(altnames.collect())),
            ("group", Value::Text(group::name(seen.group))),
            ("txqlen", Value::word(seen.txqlen)),
            ("netns", Value::Text(netns)),
        ],
    }))
}

/// The row of a link in a table.
fn cells(name: &str, kind: &str, mode: &str, rest: [&str; 4]) -> Vec<(&'static str, String)> {
    let headings = ["name", "kind", "mode", "state", "mtu", "mac", "netns"];
    let texts = [name, kind, mode].into_iter().chain(rest);
    headings.into_iter().zip(texts.map(str::to_owned)).collect()
}

/// Flags with the names and in the order in which `ip link` prints them.
pub(super) fn link_flags(flags: LinkFlags) -> Vec<&'static str> {
    use LinkFlags as F;
    let mut names = Vec::new();
    if flags.contains(F::Up) && !flags.contains(F::Running) {
        names.push("NO-CARRIER");
    }
    let known = [
        (F::Loopback, "LOOPBACK"),
        (F::Broadcast, "BROADCAST"),
        (F::Pointopoint, "POINTOPOINT"),
        (F::Multicast, "MULTICAST"),
        (F::Noarp, "NOARP"),
        (F::Allmulti, "ALLMULTI"),
        (F::Promisc, "PROMISC"),
        (F::Controller, "MASTER"),
        (F::Port, "SLAVE"),
        (F::Debug, "DEBUG"),
        (F::Dynamic, "DYNAMIC"),
        (F::Automedia, "AUTOMEDIA"),
        (F::Portsel, "PORTSEL"),
        (F::Notrailers, "NOTRAILERS"),
        (F::Up, "UP"),
        (F::LowerUp, "LOWER_UP"),
        (F::Dormant, "DORMANT"),
        (F::Echo, "ECHO"),
    ];
    names.extend(
        known
            .iter()
            .filter(|(flag, _)| flags.contains(*flag))
            .map(|(_, name)| *name),
    );
    names
}
