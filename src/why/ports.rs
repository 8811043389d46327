//! Settings of a bridge's ports that stop some frames and let others pass.

use rtnetlink::packet_route::link::{InfoBridgePort, InfoPortData};

use crate::why::cause::Cause;
use crate::why::scene::{End, Scene};

fn options(scene: &Scene, port: End) -> &[InfoBridgePort] {
    match scene.link(port).and_then(|link| link.port.as_ref()) {
        Some(InfoPortData::BridgePort(options)) => options,
        _ => &[],
    }
}

/// A port on the chain that gets no frames for everybody, and with them no questions for a neighbour.
pub(super) fn without_questions(scene: &Scene, chain: &[End], is_ipv6: bool) -> Option<Cause> {
    let (setting, option, frames, questions) = if is_ipv6 {
        let setting = InfoBridgePort::MulticastFlood(false);
        (
            setting,
            "mcast_flood",
            "multicasts",
            "neighbour solicitations",
        )
    } else {
        let setting = InfoBridgePort::BroadcastFlood(false);
        (setting, "bcast_flood", "broadcasts", "questions of ARP")
    };
    let is_bridge = |end: End| scene.link(end).is_some_and(|link| link.kind == "bridge");
    let mut pairs = chain.windows(2);
    let port = pairs.find_map(|pair| {
        let is_shut = is_bridge(pair[0]) && options(scene, pair[1]).contains(&setting);
        is_shut.then_some(pair[1])
    })?;
    let text = format!(
        "port {} gets no {frames}, and with them no {questions}",
        scene.name(port)
    );
    let mend = format!("{}.port(#{{{option}: true}})", scene.typed(port));
    let cause = Cause::at("flood_off", port, text);
    Some(cause.seen(format!("{option} off")).mend(mend))
}

/// A port on the chain that takes frames only from those that its bridge knows behind it.
pub(super) fn locked(scene: &Scene, chain: &[End]) -> Option<Cause> {
    let ends = [chain.first()?, chain.last()?];
    let port = chain.iter().find(|port| {
        let fdb = scene.places[port.place].detail.fdb.get(&port.link);
        let knows = |end: &&&End| {
            let mac = scene.link(***end).map(|link| &link.mac);
            fdb.is_some_and(|fdb| fdb.iter().any(|one| Some(&one.mac) == mac))
        };
        options(scene, **port).contains(&InfoBridgePort::Locked(true))
            && ends.iter().filter(knows).count() == 0
    })?;
    let text = format!(
        "port {} is locked, and its bridge has no entry for who is behind it",
        scene.name(*port)
    );
    let mend = format!("{}.port(#{{locked: false}})", scene.typed(*port));
    Some(
        Cause::at("locked", *port, text)
            .seen("locked on")
            .mend(mend),
    )
}
