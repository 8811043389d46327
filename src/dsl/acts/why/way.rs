//! The way of the packets, asked of the kernel namespace by namespace.

use std::net::IpAddr;

use nix::errno::Errno;

use super::gather::Open;
use crate::net::route::{self, Question};
use crate::why::scene::{End, Scene};
use crate::why::walk::{Hop, Leg, Proposal};

/// More hops than a packet has lives by default.
const MOST_HOPS: usize = 64;

/// Where packets begin, and where they go.
pub(super) struct Trip {
    pub(super) place: usize,
    pub(super) from: Option<IpAddr>,
    pub(super) to: IpAddr,
    pub(super) is_back: bool,
}

/// Asks in each namespace which way the kernel would send a packet, from where it is sent to where it stays.
pub(super) async fn leg(scene: &Scene, open: &[Open], trip: &Trip) -> Leg {
    let mut leg = Leg {
        from: trip.from.unwrap_or(trip.to),
        to: trip.to,
        hops: Vec::new(),
        is_back: trip.is_back,
        is_loop: false,
    };
    let (mut place, mut input) = (trip.place, None);
    let mut source = trip.from;
    while leg.hops.len() < MOST_HOPS {
        let question = Question {
            source,
            iif: input,
            ..Question::to(trip.to)
        };
        let answer = route::lookup(&open[place].rtnl, &question).await;
        let answer = answer.and_then(|found| {
            found.ok_or(crate::net::rtnl::Refusal {
                errno: Errno::ENETUNREACH,
                text: None,
            })
        });
        let mut hop = Hop {
            place,
            input,
            asked: asked(scene, place, &question),
            answer,
            chain: Vec::new(),
            proposal: None,
        };
        if let Ok(found) = &hop.answer {
            if source.is_none() {
                source = found.source;
                leg.from = found.source.unwrap_or(leg.from);
            }
            if let Some(link) = found.link.filter(|_| !hop.is_arrival()) {
                let next = found.via.unwrap_or(trip.to);
                let start = End { place, link };
                let chain = scene.chain(start, |end| scene.has(end, next));
                hop.chain = chain.unwrap_or_default();
            }
        } else {
            hop.proposal = proposal(scene, open, place, trip.to).await;
        }
        let owner = hop.chain.last().copied();
        leg.hops.push(hop);
        let Some(owner) = owner else { break };
        let been = |hop: &Hop| (hop.place, hop.input) == (owner.place, Some(owner.link));
        if leg.hops.iter().any(been) {
            leg.is_loop = true;
            break;
        }
        (place, input) = (owner.place, Some(owner.link));
    }
    leg
}

fn asked(scene: &Scene, place: usize, question: &Question) -> String {
    let mut words = vec![format!("route get {}", question.destination)];
    words.extend(question.source.map(|source| format!("from {source}")));
    words.extend(question.iif.map(|link| {
        let link = scene.link(End { place, link });
        format!("iif {}", link.map_or("", |link| link.name.as_str()))
    }));
    words.join(" ")
}

/// A route that would lead on: the destination is next to the namespace, or somebody next to it has a route there.
async fn proposal(scene: &Scene, open: &[Open], place: usize, to: IpAddr) -> Option<Proposal> {
    for end in scene.ends_of(place) {
        let networks: Vec<_> = scene
            .addresses(end)
            .map(|address| address.assigned.prefix)
            .filter(|prefix| prefix.addr().is_ipv4() == to.is_ipv4())
            .collect();
        let segment = scene.segment(end);
        if let Some(_owner) = segment.iter().find(|other| scene.has(**other, to)) {
            return Some(Proposal::Link(end));
        }
        for other in segment.iter().filter(|other| other.place != place) {
            let near = scene
                .addresses(*other)
                .map(crate::net::address::Address::ip);
            let near = near
                .into_iter()
                .find(|ip| networks.iter().any(|net| net.contains(ip)));
            let Some(via) = near else { continue };
            let question = Question::to(to);
            if route::lookup(&open[other.place].rtnl, &question)
                .await
                .is_ok_and(|found| found.is_some())
            {
                return Some(Proposal::By(via));
            }
        }
    }
    None
}
