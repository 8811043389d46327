//! The way of the packets, asked of the kernel namespace by namespace.

use std::collections::HashMap;
use std::net::IpAddr;

use nix::errno::Errno;

use super::gather::Open;
use crate::net::icmp::Request;
use crate::net::neighbour;
use crate::net::nft::trace::Addresses;
use crate::net::route::{self, Question, Route};
use crate::net::rtnl::{Refusal, Rtnl};
use crate::net::sysctl::{self, Key};
use crate::why::judge;
use crate::why::scene::{End, Scene, Vrf};
use crate::why::walk::{Hop, Leg, Measured, Passed, Proposal, Translated};

/// More hops than a packet has lives by default.
const MOST_HOPS: usize = 64;

/// Where packets begin, and where they go.
pub(super) struct Trip<'a> {
    pub(super) place: usize,
    pub(super) from: Option<IpAddr>,
    pub(super) to: IpAddr,
    /// The mark that they have where they begin.
    pub(super) mark: Option<u32>,
    /// The marks that namespaces on the way give them.
    pub(super) marks: &'a HashMap<usize, u32>,
    /// The link that they are to leave by there.
    pub(super) by: Option<u32>,
    pub(super) is_back: bool,
    /// The namespace that is to get them, where another may have the same address.
    pub(super) meant: Option<usize>,
    /// What the packets' addresses become in namespaces on the way there.
    pub(super) passed: &'a HashMap<usize, Passed>,
    /// The way there, where this is the one back: what was translated there is translated back.
    pub(super) there: Option<&'a Leg>,
}

impl Trip<'_> {
    /// The address that packets of `flow` go to when they are routed in a namespace, and what they come from behind it.
    fn translated(&self, place: usize, flow: Addresses) -> Addresses {
        if let Some(there) = self.there {
            let mut own = there.translating().filter(|(hop, _)| hop.place == place);
            return match own.next() {
                Some((_, Translated { before, after })) => Addresses {
                    from: if flow.from == after.to {
                        before.to
                    } else {
                        flow.from
                    },
                    to: if flow.to == after.from {
                        before.from
                    } else {
                        flow.to
                    },
                },
                None => flow,
            };
        }
        match self.passed.get(&place) {
            Some(passed) => Addresses {
                from: passed.from.unwrap_or(flow.from),
                to: passed.to,
            },
            None => flow,
        }
    }
}

/// Asks in each namespace which way the kernel would send a packet, from where it is sent to where it stays.
pub(super) async fn leg(scene: &Scene, open: &[Open], trip: &Trip<'_>) -> Leg {
    let mut leg = Leg {
        from: trip.from.unwrap_or(trip.to),
        to: trip.to,
        hops: Vec::new(),
        is_back: trip.is_back,
        is_loop: false,
    };
    let (mut place, mut input) = (trip.place, None);
    let (mut source, mut to) = (trip.from, trip.to);
    while leg.hops.len() < MOST_HOPS {
        // Without a source the kernel chooses one for what the packets go to at first.
        if source.is_none() && trip.passed.contains_key(&place) {
            let own = answered(&open[place].rtnl, &Question::to(to)).await;
            source = own.ok().and_then(|route| route.source);
            leg.from = source.unwrap_or(leg.from);
        }
        let mut before = Addresses {
            from: source.unwrap_or(to),
            to,
        };
        let after = trip.translated(place, before);
        to = after.to;
        let mut question = Question {
            source,
            iif: input,
            mark: trip
                .mark
                .filter(|_| input.is_none())
                .or(trip.marks.get(&place).copied()),
            oif: trip.by.filter(|_| input.is_none()),
            ..Question::to(to)
        };
        let (answer, vrf) = through_vrf(scene, open, place, &mut question).await;
        let mut hop = Hop {
            place,
            input,
            flow: Addresses { to, ..before },
            translated: None,
            vrf,
            asked: asked(scene, place, &question),
            answer,
            chain: Vec::new(),
            proposal: None,
            crossings: Vec::new(),
        };
        if let Ok(found) = &hop.answer {
            if source.is_none() {
                source = found.source;
                leg.from = found.source.unwrap_or(leg.from);
                before.from = leg.from;
                hop.flow.from = leg.from;
            }
            if let Some(link) = found.link.filter(|_| !hop.is_arrival()) {
                let next = found.via.unwrap_or(to);
                let start = End { place, link };
                let is_direct = found.via.is_none();
                let chain = chain_to(scene, open, trip, start, next, is_direct).await;
                hop.chain = chain.unwrap_or_default();
                if hop.chain.is_empty() && found.via.is_some() {
                    hop.proposal = proposal(scene, open, place, input, to).await;
                }
            }
        } else {
            hop.proposal = proposal(scene, open, place, input, to).await;
        }
        let after = Addresses {
            from: if source.is_some() {
                trip.translated(place, before).from
            } else {
                before.from
            },
            to,
        };
        hop.translated = (after != before).then_some(Translated { before, after });
        source = source.map(|_| after.from);
        let owner = hop.chain.last().copied();
        leg.hops.push(hop);
        let Some(owner) = owner else { break };
        let been = |hop: &Hop| (hop.place, hop.input) == (owner.place, Some(owner.link));
        if leg.hops.iter().any(been) {
            leg.is_loop = true;
            let first = leg.hops.len() - leg.circle().len();
            for at in first..leg.hops.len() {
                let (place, input) = (leg.hops[at].place, leg.hops[at].input);
                leg.hops[at].proposal = proposal(scene, open, place, input, to).await;
            }
            break;
        }
        (place, input) = (owner.place, Some(owner.link));
    }
    leg
}

/// The kernel's answer, and the VRF that it is of: a route can lead into one, where the kernel looks up once more.
async fn through_vrf(
    scene: &Scene,
    open: &[Open],
    place: usize,
    question: &mut Question,
) -> (Result<Route, Refusal>, Option<Vrf>) {
    let answer = answered(&open[place].rtnl, question).await;
    let vrf_of = |link: Option<u32>| scene.vrf(End { place, link: link? });
    let leads_to = |answer: &Result<Route, Refusal>| {
        let found = answer
            .as_ref()
            .ok()
            .filter(|found| found.kind == "unicast")?;
        vrf_of(found.link).filter(|vrf| found.link == Some(vrf.end.link))
    };
    let Some(into) = leads_to(&answer) else {
        let vrf = vrf_of(question.iif.or(question.oif));
        return (answer, vrf);
    };
    // Of what is forwarded the source is none of the namespace's own.
    question.source = question.source.filter(|_| question.iif.is_none());
    question.iif = None;
    question.oif = Some(into.end.link);
    let answer = answered(&open[place].rtnl, question).await;
    let answer = match leads_to(&answer) {
        Some(_) => Err(Refusal {
            errno: Errno::ENETUNREACH,
            text: None,
        }),
        None => answer,
    };
    (answer, Some(into))
}

/// The way on the link layer from `start` to who gets packets for the address `next`: the one that is meant, or known by its hardware
/// address, or answers in its place where no gateway is asked for.
async fn chain_to(
    scene: &Scene,
    open: &[Open],
    trip: &Trip<'_>,
    start: End,
    next: IpAddr,
    is_direct: bool,
) -> Option<Vec<End>> {
    let is_meant = |end: End| Some(end.place) == trip.meant && scene.has(end, next);
    if let Some(chain) = scene.chain(start, is_meant) {
        return Some(chain);
    }
    let known = known_as(&open[start.place].rtnl, start.link, next).await;
    let has_it = |end: End| {
        scene
            .link(end)
            .is_some_and(|link| known.as_ref() == Some(&link.mac))
    };
    let mut chain = None;
    if scene.owners(next).len() > 1 {
        chain = scene.chain(start, |end| scene.has(end, next) && has_it(end));
    }
    chain = chain.or_else(|| scene.chain(start, |end| scene.has(end, next)));
    // The address may be gone, and what was learned of it still leads somewhere.
    chain = chain.or_else(|| scene.chain(start, has_it));
    if chain.is_none() && is_direct {
        chain = proxied(scene, open, start, next).await;
    }
    chain
}

/// The namespaces that packets of the request come through, as the kernel would send them from `place` on.
pub(in crate::dsl::acts) async fn places(
    scene: &Scene,
    open: &[Open],
    place: usize,
    request: &Request,
) -> Vec<usize> {
    let trip = Trip {
        place,
        from: request.source,
        to: request.destination,
        mark: request.mark,
        marks: &HashMap::new(),
        by: None,
        is_back: false,
        meant: None,
        passed: &HashMap::new(),
        there: None,
    };
    let leg = leg(scene, open, &trip).await;
    leg.hops.iter().map(|hop| hop.place).collect()
}

/// The marks by which the kernel would send the packets of a leg as they were seen to go, where rules are for packets with one.
pub(super) async fn marks(
    scene: &Scene,
    open: &[Open],
    leg: &Leg,
    measured: &Measured,
) -> HashMap<usize, u32> {
    let mut found = HashMap::new();
    for hop in &leg.hops {
        let Some(other) = measured.left_by_another(scene, hop, judge::sort(leg)) else {
            continue;
        };
        let rules = scene.places[hop.place].detail.rules.iter();
        for (mark, _) in rules.filter_map(|rule| rule.selector.fwmark) {
            let question = Question {
                source: Some(hop.flow.from),
                iif: hop.input,
                mark: Some(mark),
                ..Question::to(hop.flow.to)
            };
            let answer = answered(&open[hop.place].rtnl, &question).await;
            if answer.is_ok_and(|route| route.link == Some(other.link)) {
                found.insert(hop.place, mark);
                break;
            }
        }
    }
    found
}

/// The kernel's answer; no route is a refusal, too.
async fn answered(rtnl: &Rtnl, question: &Question) -> Result<Route, Refusal> {
    let found = route::lookup(rtnl, question).await?;
    found.ok_or(Refusal {
        errno: Errno::ENETUNREACH,
        text: None,
    })
}

fn asked(scene: &Scene, place: usize, question: &Question) -> String {
    let mut words = vec![format!("route get {}", question.destination)];
    words.extend(question.source.map(|source| format!("from {source}")));
    words.extend(question.iif.map(|link| {
        let link = scene.link(End { place, link });
        format!("iif {}", link.map_or("", |link| link.name.as_str()))
    }));
    words.extend(question.oif.map(|link| {
        let link = scene.link(End { place, link });
        format!("oif {}", link.map_or("", |link| link.name.as_str()))
    }));
    words.extend(question.mark.map(|mark| format!("mark {mark}")));
    words.join(" ")
}

/// The hardware address that a neighbour has as far as the kernel knows.
async fn known_as(rtnl: &Rtnl, link: u32, ip: IpAddr) -> Option<Vec<u8>> {
    let neighbours = neighbour::list(rtnl).await.ok()?;
    let known = neighbours
        .into_iter()
        .find(|one| (one.link, one.ip) == (link, ip))?;
    known.mac
}

/// The way to a link next to `start` that is set to answer for `next` in place of its owner.
async fn proxied(scene: &Scene, open: &[Open], start: End, next: IpAddr) -> Option<Vec<End>> {
    let mut proxies = Vec::new();
    for end in scene.segment(start) {
        if end.place == start.place || scene.address(end, next).is_none() {
            continue;
        }
        let place = &open[end.place];
        let name = scene.link(end).map_or("", |link| link.name.as_str());
        let (family, setting) = match next {
            IpAddr::V4(_) => ("ipv4", "proxy_arp"),
            IpAddr::V6(_) => ("ipv6", "proxy_ndp"),
        };
        let is_on = ["all", name].iter().any(|of| {
            let key = Key::new([family, "conf", of, setting]);
            let value = key.and_then(|key| sysctl::read(&place.netns, &key));
            value.is_ok_and(|value| value.trim() != "0")
        });
        let entries = neighbour::list(&place.rtnl).await.unwrap_or_default();
        let has_entry = entries
            .iter()
            .any(|one| one.proxy && (one.link, one.ip) == (end.link, next));
        // Of IPv6 it takes both.
        if has_entry || (is_on && next.is_ipv4()) {
            proxies.push(end);
        }
    }
    scene.chain(start, |end| proxies.contains(&end))
}

/// A route that would lead on: the destination is next to the namespace, or somebody next to it has a route there that does not lead
/// back. Where the packets came in by `input`, they are not sent out there again.
async fn proposal(
    scene: &Scene,
    open: &[Open],
    place: usize,
    input: Option<u32>,
    to: IpAddr,
) -> Option<Proposal> {
    let mut ends = scene.ends_of(place);
    ends.retain(|end| Some(end.link) != input);
    // What is up before what has to be set up first.
    let is_down = |end: &End| scene.link(*end).is_some_and(|link| !link.up);
    ends.sort_by_key(is_down);
    let is_next_to = |end: &End| {
        let segment = scene.segment(*end);
        segment.iter().any(|other| scene.has(*other, to))
    };
    if let Some(end) = ends.iter().find(|end| is_next_to(end)) {
        return Some(Proposal::Link(*end));
    }
    let own = scene.places[place].addresses.iter();
    let own: Vec<_> = own.map(crate::net::address::Address::ip).collect();
    let (mut perhaps, mut behind) = (None, None);
    for end in ends {
        let networks: Vec<_> = scene
            .addresses(end)
            .map(|address| address.assigned.prefix)
            .filter(|prefix| prefix.addr().is_ipv4() == to.is_ipv4())
            .collect();
        let segment = scene.segment(end);
        for other in segment.iter().filter(|other| other.place != place) {
            let near = scene
                .addresses(*other)
                .map(crate::net::address::Address::ip);
            let near = near
                .into_iter()
                .find(|ip| networks.iter().any(|net| net.contains(ip)));
            // The kernel takes the addresses of IPv6 from a link that is set down.
            let is_bare = networks.is_empty() && is_down(&end);
            if near.is_none() && !is_bare {
                continue;
            }
            let found = route::lookup(&open[other.place].rtnl, &Question::to(to)).await;
            let leads_on = found.is_ok_and(|found| {
                found.is_some_and(|route| route.via.is_none_or(|via| !own.contains(&via)))
            });
            let Some(via) = near else {
                if leads_on {
                    behind.get_or_insert(end);
                }
                continue;
            };
            if leads_on {
                return Some(Proposal::By(via));
            }
            // One that joins networks may lack a route itself, which is told next.
            if scene.ends_of(other.place).len() > 1 {
                perhaps.get_or_insert(via);
            }
        }
    }
    behind.map(Proposal::Behind).or(perhaps.map(Proposal::By))
}
