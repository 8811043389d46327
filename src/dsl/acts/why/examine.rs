//! Packets sent to see where they get, and what the kernel tells of them judged.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use super::ends::Given;
use super::gather::Open;
use super::measure::{self, Probe, Traced};
use super::tunnels;
use super::way::{self, Trip};
use crate::error::Result;
use crate::net::icmp::Request;
use crate::why::judge::{self, Verdict};
use crate::why::scene::Scene;
use crate::why::walk::{Hop, Leg, Passed};

/// After this two have answered in place of others, one after the other: each waits for 0.8 s at most (`proxy_delay`).
const PROXIED: Duration = Duration::from_millis(1700);

/// How often a packet's addresses are followed into what gives them others.
const MOST_TRANSLATIONS: usize = 4;

/// What the kernel has told of the packets so far.
#[derive(Default)]
struct Known {
    /// The marks that namespaces give them, there and back.
    marks: [HashMap<usize, u32>; 2],
    /// What becomes of their addresses on the way there.
    passed: HashMap<usize, Passed>,
}

/// What is asked: the ends, what is sent, and the link that it is to leave by.
pub(super) struct Asked<'a> {
    pub(super) from: &'a Given,
    pub(super) to: &'a Given,
    pub(super) request: &'a Request,
    pub(super) by: Option<u32>,
}

/// Sends the probes and judges what the kernel tells of their way.
pub(super) async fn examine(
    scene: &mut Scene,
    open: &[Open],
    asked: &Asked<'_>,
) -> Result<(Vec<Leg>, Verdict)> {
    let mut known = Known::default();
    let mut legs = ways(scene, open, asked, &known).await;
    tunnels::cross(scene, open, &mut legs).await;
    let mut places = looked_at(scene, &legs, [asked.from.place, asked.to.place]);
    let probe = Probe {
        place: asked.from.place,
        request: asked.request.clone(),
        meant: Some(asked.to.place).filter(|_| !asked.to.is_address),
    };
    measure::ask_anew(scene, open, &legs).await;
    let mut measured = measure::measure(scene, open, &places, &probe).await?;
    if !measured.is_answered() && judge::is_late(scene, &legs, &measured) {
        let mut probe = probe.clone();
        probe.request.timeout = asked.request.timeout.max(PROXIED);
        measured = measure::measure(scene, open, &places, &probe).await?;
    }
    // What gets other addresses goes other ways than it would without; each may lead to the next one that gives it others.
    for _ in 0..MOST_TRANSLATIONS {
        if measured.passed == known.passed {
            break;
        }
        known.passed.clone_from(&measured.passed);
        legs = ways(scene, open, asked, &known).await;
        tunnels::cross(scene, open, &mut legs).await;
        let now = looked_at(scene, &legs, [asked.from.place, asked.to.place]);
        let is_anew = !measured.is_answered() && measure::ask_anew(scene, open, &legs).await;
        if !is_anew && now.iter().all(|place| places.contains(place)) {
            break;
        }
        places = now;
        measured = measure::measure(scene, open, &places, &probe).await?;
    }
    if !measured.is_answered() {
        // Packets with a mark go other ways than those without.
        for (leg, marks) in legs.iter().zip(&mut known.marks) {
            *marks = way::marks(scene, open, leg, &measured).await;
        }
        if known.marks.iter().any(|marks| !marks.is_empty()) {
            legs = ways(scene, open, asked, &known).await;
            tunnels::cross(scene, open, &mut legs).await;
            places = looked_at(scene, &legs, [asked.from.place, asked.to.place]);
            measured = measure::measure(scene, open, &places, &probe).await?;
        }
    }
    if !measured.is_answered() {
        // What was learned meanwhile says where frames go.
        tunnels::cross(scene, open, &mut legs).await;
    }
    // So does it of an address that several have.
    if !sharing(scene, &legs).is_empty() {
        legs = ways(scene, open, asked, &known).await;
        tunnels::cross(scene, open, &mut legs).await;
    }
    let mut verdict = judge::judge(scene, &legs, &measured);
    if let Some((place, outer)) = judge::to_be_traced(&verdict)
        && let Some(traced) = {
            measure::ask_anew(scene, open, &legs).await;
            let next = judge::next_addresses(&legs);
            measure::trace(scene, open, (place, outer), &probe, next).await
        }
    {
        match traced {
            Traced::Taken(taken) => drop(measured.taken.insert(place, taken)),
            Traced::Untaken => drop(measured.untaken.insert(place)),
        }
        verdict = judge::judge(scene, &legs, &measured);
    }
    Ok((legs, verdict))
}

/// The way there, and the way back as far as the first leads.
async fn ways(scene: &Scene, open: &[Open], asked: &Asked<'_>, known: &Known) -> Vec<Leg> {
    let Asked {
        from,
        to,
        request,
        by,
    } = *asked;
    let destination = request.destination;
    let there = Trip {
        place: from.place,
        from: request.source,
        to: destination,
        mark: request.mark,
        marks: &known.marks[0],
        by,
        is_back: false,
        // An address that several have is that of whom the packets come to.
        meant: Some(to.place).filter(|_| !to.is_address || to.zone.is_some()),
        passed: &known.passed,
        there: None,
    };
    let there = way::leg(scene, open, &there).await;
    let mut legs = vec![there];
    let last = legs[0].hops.last();
    let (mut destination, mut source) = (destination, legs[0].from);
    if let Some(Hop { flow, .. }) = last {
        (destination, source) = (flow.to, flow.from);
    }
    let arrived = last.filter(|hop| hop.is_arrival());
    let is_strange = arrived.is_none() && scene.owners(destination).is_empty();
    if source != destination && !is_strange {
        let place = arrived.map_or(to.place, |hop| hop.place);
        // Which link a link-local address is reached by only the one says that the packets came by.
        let input = arrived.and_then(|hop| hop.input);
        let input = input.filter(|_| is_link_local(source));
        // What comes in by a link of a VRF is answered in it.
        let mut owners = scene.owners(destination).into_iter();
        let owner = owners.find(|end| end.place == place);
        let vrf = match arrived {
            Some(hop) => hop.vrf.clone(),
            None => owner.and_then(|end| scene.vrf(end)),
        };
        let by = input.or(vrf.map(|vrf| vrf.end.link));
        let back = Trip {
            place,
            from: Some(destination),
            to: source,
            mark: None,
            marks: &known.marks[1],
            by,
            is_back: true,
            meant: Some(from.place),
            passed: &HashMap::new(),
            there: Some(&legs[0]),
        };
        let back = way::leg(scene, open, &back).await;
        legs.push(back);
    }
    legs
}

/// The namespaces that are looked at: those of the ends, of the way, and of others who may get the packets.
fn looked_at(scene: &Scene, legs: &[Leg], ends: [usize; 2]) -> Vec<usize> {
    let mut places: Vec<usize> = legs.iter().flat_map(Leg::places).collect();
    places.extend(ends);
    places.extend(sharing(scene, legs));
    places.sort_unstable();
    places.dedup();
    places
}

/// The namespaces on the link layer of the way that share with another one an address which the packets go to.
fn sharing(scene: &Scene, legs: &[Leg]) -> Vec<usize> {
    let mut places = Vec::new();
    for hop in legs.iter().flat_map(|leg| &leg.hops) {
        let via = hop.answer.as_ref().ok().and_then(|route| route.via);
        let next = via.unwrap_or(hop.flow.to);
        let owners = scene.owners(next);
        if let Some(output) = hop.output()
            && owners.len() > 1
            && !next.is_loopback()
        {
            let near = scene.segment(output);
            let sharing = owners.iter().filter(|end| near.contains(end));
            places.extend(sharing.map(|end| end.place));
        }
    }
    places
}

fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}
