//! What it means that the kernel has no route for a packet, or does not take it.

use nix::errno::Errno;

use crate::error::errno_name;
use crate::net::rtnl::Refusal;
use crate::why::cause::Cause;
use crate::why::duplicate;
use crate::why::free;
use crate::why::joining;
use crate::why::martian;
use crate::why::scene::{End, Scene};
use crate::why::vrf;
use crate::why::walk::{Hop, Leg, Measured, Proposal};

/// The cause behind the kernel's refusal at a hop.
pub(super) fn cause(
    scene: &Scene,
    leg: &Leg,
    hop: &Hop,
    refusal: &Refusal,
    measured: &Measured,
) -> Cause {
    let evidence = format!("{}: {}", hop.asked, errno_name(refusal.errno));
    if refusal.errno == Errno::EINVAL
        && let Some(cause) = duplicate::sender(scene, leg, hop)
    {
        return cause.seen(evidence);
    }
    if refusal.errno == Errno::EINVAL
        && let Some(cause) = martian::source(scene, leg, hop)
    {
        return cause.seen(evidence);
    }
    let found = match (refusal.errno, hop.input) {
        (Errno::EHOSTUNREACH, Some(_)) if !forwards(scene, hop.place, leg) => {
            not_forwarding(scene, leg, hop, measured)
        }
        (Errno::EXDEV | Errno::EINVAL, Some(input)) if filters_sources(scene, hop.place, input) => {
            reverse_path(scene, leg, hop, input)
                .seen_if(measured.grew(hop.place, &["TcpExt:IPReversePathFilter"]))
        }
        (Errno::EINVAL, _) => refusing_route(scene, leg, hop, "blackhole"),
        (Errno::EACCES, _) => refusing_route(scene, leg, hop, "prohibit"),
        (Errno::EHOSTUNREACH, _) => refusing_route(scene, leg, hop, "unreachable"),
        _ => no_route(scene, leg, hop),
    };
    found.seen(evidence)
}

/// Whether the namespace forwards packets of the leg's family.
pub(super) fn forwards(scene: &Scene, place: usize, leg: &Leg) -> bool {
    let setting = if leg.to.is_ipv4() {
        "ipv4.ip_forward"
    } else {
        "ipv6.conf.all.forwarding"
    };
    scene.places[place].detail.number(setting) != 0
}

/// That a namespace on the way is no router.
pub(super) fn not_forwarding(scene: &Scene, leg: &Leg, hop: &Hop, measured: &Measured) -> Cause {
    let place = &scene.places[hop.place];
    let family = if leg.to.is_ipv4() { "IPv4" } else { "IPv6" };
    let text = format!("{} does not forward {family}", place.label);
    let counters = ["Ip:InAddrErrors", "Ip6InAddrErrors", "Ip6InDiscards"];
    let cause = match hop.input {
        Some(link) => Cause::at(
            "forwarding_off",
            End {
                place: hop.place,
                link,
            },
            text,
        ),
        None => Cause::in_place("forwarding_off", hop.place, text),
    };
    cause
        .seen_if(measured.grew(hop.place, &leg.counters(&counters)))
        .mend(format!("{}.forward()", place.typed))
}

fn filters_sources(scene: &Scene, place: usize, input: u32) -> bool {
    let detail = &scene.places[place].detail;
    let end = End { place, link: input };
    let name = scene.link(end).map_or("", |link| link.name.as_str());
    let of_link = detail.number(&format!("ipv4.conf.{name}.rp_filter"));
    detail.number("ipv4.conf.all.rp_filter").max(of_link) > 0
}

/// That the reverse path filter drops packets which come in by `input`.
pub(super) fn reverse_path(scene: &Scene, leg: &Leg, hop: &Hop, input: u32) -> Cause {
    let place = &scene.places[hop.place];
    let end = End {
        place: hop.place,
        link: input,
    };
    let name = scene.link(end).map_or("", |link| link.name.as_str());
    let text = format!(
        "the reverse path filter of {} drops packets from {} that come in by {name}",
        place.label, leg.from
    );
    let mut mends = Vec::new();
    if place.detail.number("ipv4.conf.all.rp_filter") > 0 {
        mends.push(format!(
            "{}.sysctl(\"ipv4.conf.all.rp_filter\", 0)",
            place.typed
        ));
    }
    if place.detail.number(&format!("ipv4.conf.{name}.rp_filter")) > 0 {
        mends.push(format!("{}.sysctl(\"rp_filter\", 0)", scene.typed(end)));
    }
    Cause::at("rp_filter", end, text).mend(mends.join("; "))
}

/// That a route or a rule of the namespace refuses the packets.
pub(super) fn refusing_route(scene: &Scene, leg: &Leg, hop: &Hop, kind: &str) -> Cause {
    let place = &scene.places[hop.place];
    let routes = place.detail.routes.iter();
    let table = hop.vrf.as_ref().map(|vrf| vrf.table);
    let route = routes
        .filter(|route| route.kind == kind && route.destination.contains(&leg.to))
        .max_by_key(|route| (Some(route.table) == table, route.destination.prefix_len()));
    // With such a route a VRF keeps its packets from the tables of others.
    if let Some(route) = route
        && kind == "unreachable"
        && Some(route.table) == table
        && route.destination.prefix_len() == 0
        && !hop.is_arrival()
    {
        return no_route(scene, leg, hop).seen(format!("route {}", route.line(|_| None)));
    }
    let sort = match kind {
        "blackhole" => "blackhole",
        "prohibit" => "prohibit",
        _ => "unreachable",
    };
    match route {
        Some(route) => {
            let destination = route.destination_text();
            let options = match route.table {
                crate::net::route::TABLE_MAIN => String::new(),
                table => format!(", #{{table: {table}}}"),
            };
            let of_vrf = hop.vrf.as_ref().filter(|vrf| vrf.table == route.table);
            let text = format!(
                "a route of type {kind} of {} refuses {}{}",
                place.label,
                leg.to,
                of_vrf.map_or_else(String::new, |vrf| format!(" in VRF {}", vrf.name))
            );
            Cause::in_place(sort, hop.place, text)
                .seen(format!("route {}", route.line(|_| None)))
                .mend(format!(
                    "{}.del_route(\"{destination}\"{options})",
                    place.typed
                ))
        }
        None => refusing_rule(scene, leg, hop, kind).unwrap_or_else(|| {
            let text = format!(
                "{} takes no packets from {} to {}; why is not known",
                place.label, leg.from, leg.to
            );
            Cause::in_place("unknown", hop.place, text)
        }),
    }
}

/// That a rule of the namespace refuses the packets.
fn refusing_rule(scene: &Scene, leg: &Leg, hop: &Hop, kind: &str) -> Option<Cause> {
    let place = &scene.places[hop.place];
    let rule = place.detail.rules.iter().find(|rule| {
        let is_for = |prefix: &Option<ipnet::IpNet>, ip| prefix.is_none_or(|net| net.contains(ip));
        matches!(rule.action, crate::net::rule::Action::Other(action) if action == kind)
            && rule.is_ipv6 == leg.to.is_ipv6()
            && is_for(&rule.selector.from, &leg.from)
            && is_for(&rule.selector.to, &leg.to)
    })?;
    let text = format!("a rule of {} refuses packets to {}", place.label, leg.to);
    let sort = match kind {
        "blackhole" => "blackhole",
        "prohibit" => "prohibit",
        _ => "unreachable",
    };
    Some(
        Cause::in_place(sort, hop.place, text)
            .seen(format!("rule {}: {}", rule.priority, rule.words()))
            .mend(format!(
                "{}.del_rule(#{{priority: {}, action: \"{kind}\"}})",
                place.typed, rule.priority
            )),
    )
}

/// That no route leads on: for want of a link, of an address, or of the route itself.
fn no_route(scene: &Scene, leg: &Leg, hop: &Hop) -> Cause {
    let place = &scene.places[hop.place];
    let ends = scene.ends_of(hop.place);
    let label = &place.label;
    if let Some(cause) = refusing_rule(scene, leg, hop, "unreachable") {
        return cause;
    }
    let mut links = place.links.iter();
    if leg.to.is_loopback()
        && let Some(lo) = links.find(|link| link.loopback && !link.up)
    {
        return loopback_down(scene, hop.place, lo.index);
    }
    if ends.is_empty() {
        let text = format!("{label} has no link but its loopback");
        let mut cause = Cause::in_place("no_link", hop.place, text);
        cause.mend = joining::first_link(scene, hop.place, leg);
        return cause;
    }
    let is_up = |end: &&End| scene.link(**end).is_some_and(|link| link.up);
    let covers = |end: &&End| {
        scene
            .addresses(**end)
            .any(|address| address.assigned.prefix.contains(&leg.to))
    };
    let down = ends.iter().filter(|end| !is_up(end));
    let none_up = !ends.iter().any(|end| is_up(&end));
    if let Some(end) = down
        .clone()
        .find(covers)
        .or(down.clone().next().filter(|_| none_up))
    {
        return down_link(scene, *end);
    }
    if let Some(cause) = behind_down(scene, leg, hop) {
        return cause;
    }
    let family = if leg.to.is_ipv4() { "IPv4" } else { "IPv6" };
    let has_address = ends.iter().any(|end| {
        let mut own = scene.addresses(*end);
        own.any(|address| address.ip().is_ipv4() == leg.to.is_ipv4() && address.scope() != "link")
    });
    if !has_address {
        let text = format!("{label} has no {family} address");
        let cause = Cause::in_place("no_address", hop.place, text);
        let free = ends
            .iter()
            .filter(is_up)
            .find_map(|end| free::free_address(scene, *end, leg));
        return match free {
            Some((end, address)) => cause.mend(format!("{}.addr(\"{address}\")", scene.typed(end))),
            None => cause,
        };
    }
    if let Some(cause) = vrf::other(scene, leg, hop) {
        return cause;
    }
    // A link that leads there, or the only thing that may, has no address of its own to be found by.
    let is_without = |end: &&End| {
        scene
            .addresses(**end)
            .all(|one| one.ip().is_ipv4() != leg.to.is_ipv4() || one.scope() == "link")
    };
    let without = match &hop.proposal {
        Some(Proposal::Link(end)) => Some(end).filter(is_without),
        Some(Proposal::By(_) | Proposal::Behind(_)) => None,
        None => ends
            .iter()
            .filter(|end| Some(end.link) != hop.input)
            .filter(is_up)
            .find(is_without),
    };
    if let Some((end, address)) = without.and_then(|end| free::free_address(scene, *end, leg)) {
        let text = format!("link {} has no {family} address", scene.name(end));
        let mend = format!("{}.addr(\"{address}\")", scene.typed(end));
        return Cause::at("no_address", end, text).mend(mend);
    }
    if hop.proposal.is_none()
        && let Some((end, address)) = free::bare_router(scene, leg, hop)
    {
        let text = format!("link {} has no {family} address", scene.name(end));
        let mend = format!("{}.addr(\"{address}\")", scene.typed(end));
        return Cause::at("no_address", end, text).mend(mend);
    }
    let vrf = hop.vrf.as_ref();
    let in_vrf = vrf.map_or_else(String::new, |vrf| format!(" in VRF {}", vrf.name));
    let (sort, text) = if leg.is_back {
        (
            "no_way_back",
            format!("{label} has no route back to {}{in_vrf}", leg.to),
        )
    } else {
        (
            "no_route",
            format!("{label} has no route to {}{in_vrf}", leg.to),
        )
    };
    let cause = Cause::in_place(sort, hop.place, text);
    let cause = cause.seen_if(vrf.map(|vrf| format!("VRF {}: table {}", vrf.name, vrf.table)));
    led_on(scene, leg, hop, cause)
}

/// A cause with the route that leads on, where one is known.
fn led_on(scene: &Scene, leg: &Leg, hop: &Hop, cause: Cause) -> Cause {
    let place = &scene.places[hop.place];
    let ends = scene.ends_of(hop.place);
    let is_up = |end: &&End| scene.link(**end).is_some_and(|link| link.up);
    let slave = ends.iter().filter(is_up).find(|end| {
        let link = scene.link(**end);
        link.is_some_and(|link| link.kind.starts_with("ipv"))
    });
    if let Some(slave) = slave {
        return cause.mend(format!("{}.route(\"default\")", scene.typed(*slave)));
    }
    let network = scene.network_of(leg.to).map(|network| network.to_string());
    let network = network.unwrap_or_else(|| leg.to.to_string());
    let table = hop.vrf.as_ref().map(|vrf| &vrf.name);
    match &hop.proposal {
        Some(Proposal::By(via)) => {
            let table = table.map_or_else(String::new, |table| format!(", vrf: \"{table}\""));
            cause.mend(format!(
                "{}.route(\"{network}\", #{{via: \"{via}\"{table}}})",
                place.typed
            ))
        }
        Some(Proposal::Link(end)) => {
            let table = table.map_or_else(String::new, |table| format!(", #{{vrf: \"{table}\"}}"));
            cause.mend(format!("{}.route(\"{network}\"{table})", scene.typed(*end)))
        }
        Some(Proposal::Behind(_)) | None => cause,
    }
}

/// That the link is down by which a route would lead on: the kernel drops the routes of such a link.
fn behind_down(scene: &Scene, leg: &Leg, hop: &Hop) -> Option<Cause> {
    let place = &scene.places[hop.place];
    let is_down = |end: &End| scene.link(*end).is_some_and(|link| !link.up);
    let network = scene.network_of(leg.to).map(|network| network.to_string());
    let network = network.unwrap_or_else(|| leg.to.to_string());
    let (end, then) = match hop.proposal.as_ref()? {
        Proposal::By(via) => {
            let ends = scene.ends_of(hop.place).into_iter();
            let mut leading = ends.filter(|end| {
                let mut own = scene.addresses(*end);
                own.any(|one| one.assigned.prefix.contains(via))
            });
            let end = leading.next()?;
            let line = format!("{}.route(\"{network}\", #{{via: \"{via}\"}})", place.typed);
            (end, Some(line))
        }
        Proposal::Link(end) | Proposal::Behind(end) => {
            let free = free::free_address(scene, *end, leg);
            let line =
                free.map(|(end, address)| format!("{}.addr(\"{address}\")", scene.typed(end)));
            (*end, line)
        }
    };
    if !is_down(&end) {
        return None;
    }
    let mut cause = down_link(scene, end);
    if let (Some(up), Some(then)) = (&cause.mend, then) {
        cause.mend = Some(format!("{up}; {then}"));
    }
    Some(cause)
}

/// That the loopback is down, and with it all that a namespace sends to itself.
pub(super) fn loopback_down(scene: &Scene, place: usize, link: u32) -> Cause {
    let end = End { place, link };
    let text = format!("in {} the loopback `lo` is down", scene.places[place].label);
    Cause::at("lo_down", end, text).mend(format!("{}.up()", scene.typed(end)))
}

/// That a link is down, or what it is stacked on.
pub(super) fn down_link(scene: &Scene, end: End) -> Cause {
    let is_down = |end: &End| scene.link(*end).is_some_and(|link| !link.up);
    let up = |end: End| format!("{}.up()", scene.typed(end));
    let (mut lowest, mut mends) = (end, vec![up(end)]);
    // The kernel takes down what is stacked on a link with it, and refuses to set it up without.
    while let Some(parent) = scene.parents.get(&lowest).copied().filter(is_down) {
        lowest = parent;
        mends.insert(0, up(parent));
    }
    let mut text = format!("link {} is down", scene.name(lowest));
    if lowest != end {
        let with_it = format!(", and with it {}, which is on it", scene.name(end));
        text.push_str(&with_it);
    }
    Cause::at("link_down", lowest, text).mend(mends.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::link::Snapshot;
    use crate::why::scene::Place;

    #[test]
    fn a_link_whose_parent_is_down_is_set_up_after_it() {
        let link = |index, name: &str| Snapshot {
            index,
            name: name.to_owned(),
            ..Snapshot::default()
        };
        let place = Place {
            label: "a".to_owned(),
            typed: "netns(\"a\")".to_owned(),
            links: vec![link(1, "e0"), link(2, "x")],
            ..Place::default()
        };
        let mut scene = Scene {
            places: vec![place],
            ..Scene::default()
        };
        let (parent, child) = (End { place: 0, link: 1 }, End { place: 0, link: 2 });
        scene.parents.insert(child, parent);
        let cause = down_link(&scene, child);
        assert_eq!(cause.spot(&scene), "a:e0");
        assert_eq!(
            (cause.text.as_str(), cause.mend.as_deref()),
            (
                "link a:e0 is down, and with it a:x, which is on it",
                Some("netns(\"a\").link(\"e0\").up(); netns(\"a\").link(\"x\").up()")
            )
        );
    }
}
