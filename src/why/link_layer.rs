//! What stops frames on the link layer, between the link by which they leave and the one that has the next address.

use rtnetlink::packet_route::link::{
    BridgePortState, BridgeStpState, InfoBridge, InfoBridgePort, InfoData, InfoIpVlan, InfoMacVlan,
    InfoPortData, InfoVlan, IpVlanFlags, IpVlanMode, LinkFlags, MacVlanMode,
};

use crate::net::address::Address;
use crate::value::mac;
use crate::why::carrier;
use crate::why::cause::Cause;
use crate::why::refusal::down_link;
use crate::why::scene::{End, Scene, filters_vlans};
use crate::why::walk::Leg;

/// The first thing on the chain that stops frames, by what is set there.
pub(super) fn between(scene: &Scene, leg: &Leg, chain: &[End]) -> Option<Cause> {
    let is_up = |end: &&End| scene.link(**end).is_none_or(|link| link.up);
    if let Some(end) = chain.iter().find(|end| !is_up(end)) {
        return Some(down_link(scene, *end));
    }
    // A bridge has no carrier before one of its ports forwards.
    if let Some(cause) = without_carrier(scene, chain, |kind| kind != "bridge") {
        return Some(cause);
    }
    for three in chain.windows(3) {
        let [one, middle, other] = [three[0], three[1], three[2]];
        if let Some(cause) =
            ports(scene, one, middle, other).or_else(|| siblings(scene, one, middle, other))
        {
            return Some(cause);
        }
    }
    if let Some(cause) = without_carrier(scene, chain, |kind| kind == "bridge") {
        return Some(cause);
    }
    if let Some(cause) = parent_and_slave(scene, leg, chain) {
        return Some(cause);
    }
    vlans(scene, chain)
}

/// The first link of such a kind that has no carrier.
fn without_carrier(scene: &Scene, chain: &[End], is: fn(&str) -> bool) -> Option<Cause> {
    let end = chain.iter().find(|end| {
        let link = scene.link(**end);
        carrier::is_without(scene, **end) && link.is_some_and(|link| is(&link.kind))
    })?;
    Some(carrier::cause(scene, *end))
}

/// A port that gets no frames for addresses that its bridge has not learned, and the bridge has not learned the one they go to.
pub(super) fn unknown_to_bridge(scene: &Scene, chain: &[End]) -> Option<Cause> {
    let mac = scene.link(*chain.last()?)?.mac.clone();
    let port = chain.windows(2).find_map(|pair| {
        let [bridge, port] = [pair[0], pair[1]];
        let is_bridge = scene.link(bridge)?.kind == "bridge";
        let Some(InfoPortData::BridgePort(options)) = &scene.link(port)?.port else {
            return None;
        };
        let floods = !options.contains(&InfoBridgePort::UnicastFlood(false));
        let fdb = scene.places[port.place].detail.fdb.get(&port.link);
        let is_known = fdb.is_some_and(|fdb| fdb.iter().any(|entry| entry.mac == mac));
        (is_bridge && !floods && !is_known).then_some(port)
    })?;
    let known_as = mac::print(&mac);
    let text = format!(
        "the bridge has no entry for {known_as}, and port {} gets no frames for addresses that it does not know",
        scene.name(port)
    );
    Some(
        Cause::at("no_fdb_entry", port, text)
            .seen("flood off")
            .mend(format!(
                "{}.port(#{{flood: true, learning: true}})",
                scene.typed(port)
            )),
    )
}

/// Two ports of one bridge that do not talk.
fn ports(scene: &Scene, one: End, bridge: End, other: End) -> Option<Cause> {
    if scene.link(bridge)?.kind != "bridge" {
        return None;
    }
    let options = |end: End| match &scene.link(end)?.port {
        Some(InfoPortData::BridgePort(options)) => Some(options.as_slice()),
        _ => None,
    };
    for end in [one, other] {
        let state = options(end)?.iter().find_map(|option| match option {
            InfoBridgePort::State(state) => Some(*state),
            _ => None,
        });
        if let Some(state) = state.filter(|state| *state != BridgePortState::Forwarding) {
            return Some(not_forwarding(scene, bridge, end, state));
        }
    }
    let isolated = InfoBridgePort::Isolated(true);
    if options(one)?.contains(&isolated) && options(other)?.contains(&isolated) {
        let text = format!(
            "ports {} and {} are isolated from each other",
            scene.name(one),
            scene.name(other)
        );
        return Some(
            Cause::at("isolated", other, text)
                .mend(format!("{}.port(#{{isolated: false}})", scene.typed(other))),
        );
    }
    None
}

/// A port that its bridge does not let forward: not yet, or not at all.
fn not_forwarding(scene: &Scene, bridge: End, port: End, state: BridgePortState) -> Cause {
    let infos = match scene.link(bridge).and_then(|link| link.data.as_ref()) {
        Some(InfoData::Bridge(infos)) => infos.as_slice(),
        _ => &[],
    };
    let delay = infos.iter().find_map(|info| match info {
        InfoBridge::ForwardDelay(hundredths) => Some(hundredths.saturating_mul(10)),
        _ => None,
    });
    let has_stp = infos.iter().any(
        |info| matches!(info, InfoBridge::StpState(state) if *state != BridgeStpState::Disabled),
    );
    let delay = delay.unwrap_or(15_000);
    let (name, typed) = (scene.name(port), scene.typed(port));
    let waits = match state {
        BridgePortState::Listening => Some(delay.saturating_mul(2)),
        BridgePortState::Learning => Some(delay),
        _ => None,
    };
    let cause = |text: String| {
        let state = format!("state of the port: {state}");
        let delay = format!("forward_delay {}", seconds(delay));
        let cause = Cause::at("port_state", port, text).seen(state);
        cause.seen_if(has_stp.then_some(delay))
    };
    match waits {
        Some(left) => {
            let left = seconds(left);
            let text = format!(
                "the bridge does not let port {name} forward yet: wait for it, {left} at most"
            );
            cause(text).mend(format!("sleep(\"{left}\")"))
        }
        None if has_stp && state == BridgePortState::Blocking => cause(format!(
            "the spanning tree keeps port {name} from forwarding: another way is the better one"
        )),
        None => cause(format!("the bridge does not let port {name} forward"))
            .mend(format!("{typed}.down(); {typed}.up()")),
    }
}

/// Milliseconds, as a script writes a time.
fn seconds(milliseconds: u32) -> String {
    if milliseconds.is_multiple_of(1000) {
        format!("{}s", milliseconds / 1000)
    } else {
        format!("{milliseconds}ms")
    }
}

/// Two slaves of one parent that are not to talk.
fn siblings(scene: &Scene, one: End, parent: End, other: End) -> Option<Cause> {
    let is_slave = |end: End| scene.parents.get(&end) == Some(&parent);
    if !is_slave(one) || !is_slave(other) {
        return None;
    }
    let mode = mode_of(scene, one).into_iter().chain(mode_of(scene, other));
    let mode = mode
        .into_iter()
        .find(|mode| ["private", "vepa"].contains(mode))?;
    let link = scene.link(one)?;
    let text = format!(
        "the slaves of {} are {mode}: they do not talk to each other",
        scene.name(parent)
    );
    let cause = Cause::at("private", one, text).seen(format!("{} {mode}", link.kind));
    if !link.kind.starts_with("ipv") {
        let above = scene.link(parent).map_or("", |link| link.name.as_str());
        let above = format!("{}.link(\"{above}\")", scene.places[parent.place].typed);
        let mends: Vec<String> = [one, other]
            .into_iter()
            .filter(|end| mode_of(scene, *end) != Some("bridge"))
            .filter_map(|end| {
                let (place, link) = (&scene.places[end.place].typed, scene.link(end)?);
                let kind = &link.kind;
                let name = &link.name;
                // It is made anew, and its addresses go with the old one.
                let own: Vec<String> = scene
                    .addresses(end)
                    .filter(|address| !address.by_itself && address.scope() != "link")
                    .map(|address| format!("\"{}\"", address.assigned.prefix))
                    .collect();
                Some(format!(
                    "{place}.{kind}({above}, \"{name}\", \"bridge\", #{{replace: true, addr: [{}], up: true}})",
                    own.join(", ")
                ))
            })
            .collect();
        return Some(cause.mend(mends.join("; ")));
    }
    let number = match link.data.as_ref() {
        Some(InfoData::IpVlan(infos)) => infos.iter().find_map(|info| match info {
            InfoIpVlan::Mode(mode) => Some(*mode),
            _ => None,
        }),
        _ => None,
    };
    let mode = match number {
        Some(IpVlanMode::L2) => "l2",
        Some(IpVlanMode::L3S) => "l3s",
        _ => "l3",
    };
    Some(cause.mend(format!(
        "{}.mode(\"{mode}\", #{{flag: \"bridge\", switch: true}})",
        scene.typed(one)
    )))
}

/// The mode or flag of a slave, as far as it says who talks to whom.
fn mode_of(scene: &Scene, end: End) -> Option<&'static str> {
    match scene.link(end)?.data.as_ref()? {
        InfoData::MacVlan(infos) => infos.iter().find_map(|info| match info {
            InfoMacVlan::Mode(MacVlanMode::Private) => Some("private"),
            InfoMacVlan::Mode(MacVlanMode::Vepa) => Some("vepa"),
            InfoMacVlan::Mode(_) => Some("bridge"),
            _ => None,
        }),
        InfoData::IpVlan(infos) => infos.iter().find_map(|info| match info {
            InfoIpVlan::Flags(flags) if flags.contains(IpVlanFlags::Private) => Some("private"),
            InfoIpVlan::Flags(flags) if flags.contains(IpVlanFlags::Vepa) => Some("vepa"),
            InfoIpVlan::Flags(_) => Some("bridge"),
            _ => None,
        }),
        _ => None,
    }
}

/// A slave and what it is stacked on, which never talk over it.
fn parent_and_slave(scene: &Scene, leg: &Leg, chain: &[End]) -> Option<Cause> {
    let (first, last) = (*chain.first()?, *chain.last()?);
    let pairs = [
        (first, chain.get(1).copied()?, chain.len() == 2),
        (last, chain.get(chain.len() - 2).copied()?, chain.len() == 2),
    ];
    for (slave, parent, is_whole) in pairs {
        let kind = scene.link(slave).map_or("", |link| link.kind.as_str());
        let is_slave = ["macvlan", "macvtap", "ipvlan", "ipvtap"].contains(&kind);
        if is_whole && is_slave && scene.parents.get(&slave) == Some(&parent) {
            let host = &scene.places[parent.place];
            let text = format!(
                "{} and its parent {} never talk to each other",
                scene.name(slave),
                scene.name(parent)
            );
            let cause = Cause::at("parent_and_slave", slave, text)
                .seen(format!("{kind} on {}", scene.name(parent)));
            let name = scene.link(parent).map_or("", |link| link.name.as_str());
            // The one that is asked for, or asks; else the one that is a router's.
            let is_alike = |one: &&Address| one.ip().is_ipv4() == leg.to.is_ipv4();
            let own = || scene.addresses(parent).filter(is_alike);
            let meant = own().find(|one| [leg.to, leg.from].contains(&one.ip()));
            let Some(address) = meant.or_else(|| own().find(|one| one.scope() == "global")) else {
                return Some(cause);
            };
            let address = address.assigned.prefix;
            let word = if kind.starts_with("mac") {
                "macvlan"
            } else {
                "ipvlan"
            };
            let typed = &host.typed;
            let nodad = if address.addr().is_ipv6() {
                ", nodad: true"
            } else {
                ""
            };
            return Some(cause.mend(format!(
                "{}.del_addr(\"{address}\"); {typed}.{word}({typed}.link(\"{name}\"), \"{word}-host\", #{{addr: \"{address}\"{nodad}, up: true}})",
                scene.typed(parent),
            )));
        }
    }
    None
}

/// Follows the tag of a frame along the chain, as what filters VLANs on it changes it.
fn vlans(scene: &Scene, chain: &[End]) -> Option<Cause> {
    let mut tag: Option<u16> = None;
    let id_of = |end: End| match scene.link(end)?.data.as_ref()? {
        InfoData::Vlan(infos) => infos.iter().find_map(|info| match info {
            InfoVlan::Id(id) => Some(*id),
            _ => None,
        }),
        _ => None,
    };
    for (at, pair) in chain.windows(2).enumerate() {
        let [from, to] = [pair[0], pair[1]];
        if scene.parents.get(&from) == Some(&to) {
            tag = id_of(from).or(tag);
        } else if scene.parents.get(&to) == Some(&from) {
            let Some(id) = id_of(to) else { continue };
            if tag != Some(id) {
                return Some(wrong_tag(scene, to, tag));
            }
            tag = None;
        } else if scene.link(to).is_some_and(filters_vlans) {
            let vlan = match tag {
                Some(tag) => tag,
                None => match pvid(scene, from) {
                    Some(pvid) => pvid,
                    None => return Some(no_pvid(scene, from)),
                },
            };
            let out = chain.get(at + 2).copied().unwrap_or(to);
            for end in [from, out] {
                if membership(scene, end, vlan).is_none() {
                    return Some(not_in_vlan(scene, end, vlan));
                }
            }
            let is_untagged = membership(scene, out, vlan).is_some_and(|untagged| untagged);
            tag = (!is_untagged).then_some(vlan);
        }
    }
    tag.map(|tag| wrong_tag(scene, chain[chain.len() - 1], Some(tag)))
}

/// Whether a port is in the VLAN, and if so whether frames of it leave without a tag.
fn membership(scene: &Scene, end: End, vlan: u16) -> Option<bool> {
    let vlans = scene.places[end.place].detail.vlans.get(&end.link)?;
    let found = vlans.iter().find(|(id, _)| *id == vlan)?;
    Some(found.1.untagged)
}

fn pvid(scene: &Scene, end: End) -> Option<u16> {
    let vlans = scene.places[end.place].detail.vlans.get(&end.link)?;
    let found = vlans.iter().find(|(_, membership)| membership.pvid)?;
    Some(found.0)
}

fn not_in_vlan(scene: &Scene, end: End, vlan: u16) -> Cause {
    let text = format!("port {} is not in VLAN {vlan}", scene.name(end));
    Cause::at("vlan", end, text).mend(format!("{}.port(#{{pvid: {vlan}}})", scene.typed(end)))
}

fn no_pvid(scene: &Scene, end: End) -> Cause {
    let text = format!(
        "port {} takes no frames without a tag: it has no PVID",
        scene.name(end)
    );
    Cause::at("vlan", end, text).mend(format!("{}.port(#{{pvid: 1}})", scene.typed(end)))
}

fn wrong_tag(scene: &Scene, end: End, tag: Option<u16>) -> Cause {
    let text = match tag {
        Some(tag) => format!(
            "frames come to {} with the tag of VLAN {tag}",
            scene.name(end)
        ),
        None => format!("frames come to {} without its tag", scene.name(end)),
    };
    Cause::at("vlan", end, text)
}

/// That the link by which packets leave has an address that is not known to be its own yet.
pub(super) fn own_tentative(scene: &Scene, leg: &Leg, output: End) -> Option<Cause> {
    let mut own = scene.addresses(output);
    let waiting = |one: &&Address| leg.to.is_ipv6() && one.tentative && !one.dad_failed;
    let address = own.find(waiting)?;
    let name = scene.name(output);
    let text = format!("address {} of {name} is still tentative", address.ip());
    let mend = format!("{}.wait_dad()", scene.typed(output));
    Some(Cause::at("tentative", output, text).mend(mend))
}

/// What is wrong with the one that has the next address, or with what is known of it.
pub(super) fn at_owner(scene: &Scene, leg: &Leg, output: End, owner: End) -> Option<Cause> {
    let next = scene.addresses(owner);
    let bad = next
        .filter(|address| address.ip() == leg.to)
        .find(|address| address.tentative || address.dad_failed);
    if let Some(address) = bad {
        let (sort, what) = if address.dad_failed {
            ("duplicate_address", "is a duplicate: somebody else has it")
        } else {
            ("tentative", "is still tentative")
        };
        let text = format!("address {} of {} {what}", address.ip(), scene.name(owner));
        let prefix = address.assigned.prefix;
        let typed = scene.typed(owner);
        return Some(Cause::at(sort, owner, text).mend(format!(
            "{typed}.del_addr(\"{prefix}\"); {typed}.addr(\"{prefix}\", #{{nodad: true}})"
        )));
    }
    // Without an address of its own the kernel asks for no neighbour.
    if let Some(cause) = own_tentative(scene, leg, output) {
        return Some(cause);
    }
    for end in [output, owner] {
        let link = scene.link(end)?;
        if link.flags.contains(LinkFlags::Noarp)
            && ["veth", "bridge", "macvlan", "vxlan", "dummy", ""].contains(&link.kind.as_str())
        {
            let text = format!("link {} does not speak ARP", scene.name(end));
            return Some(
                Cause::at("noarp", end, text)
                    .seen("flag NOARP")
                    .mend(format!("{}.arp(true)", scene.typed(end))),
            );
        }
    }
    let neighbours = scene.places[output.place].detail.neighbours.iter();
    let known = neighbours
        .filter(|one| one.link == output.link && scene.has(owner, one.ip))
        .find(|one| one.mac.is_some());
    let own = &scene.link(owner)?.mac;
    if let Some(wrong) = known.filter(|one| one.mac.as_ref() != Some(own)) {
        let is = wrong.mac.as_deref().map(mac::print).unwrap_or_default();
        let text = format!(
            "{} takes {is} for the hardware address of {}, which has {}",
            scene.name(output),
            wrong.ip,
            mac::print(own)
        );
        return Some(
            Cause::at("wrong_neighbour", output, text)
                .seen(format!("{} neighbour {} {is}", wrong.state, wrong.ip))
                .mend(format!(
                    "{}.del_neighbor(\"{}\")",
                    scene.typed(output),
                    wrong.ip
                )),
        );
    }
    None
}
