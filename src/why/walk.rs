//! The way that the kernel would send packets, hop by hop, and what two probes did on it.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use crate::net::icmp::Outcome;
use crate::net::neighbour_table::Family;
use crate::net::nft::Dropping;
use crate::net::nft::trace::Addresses;
use crate::net::route::Route;
use crate::net::rtnl::Refusal;
use crate::net::trace::counters::Counters;
use crate::net::trace::sniffer::Sort;
use crate::why::scene::{End, Scene, Vrf};
use crate::why::tunnel::Crossing;

/// A namespace on the way.
#[derive(Clone, Debug)]
pub struct Hop {
    /// Its number in the scene.
    pub place: usize,
    /// The ifindex of the link that the packets come in by; none where they begin.
    pub input: Option<u32>,
    /// The addresses of the packets when they are routed here.
    pub flow: Addresses,
    /// What becomes of their addresses here, where they get others.
    pub translated: Option<Translated>,
    /// The VRF whose table is asked first, where they come in or are sent by a link of one.
    pub vrf: Option<Vrf>,
    /// The question, in the words of `ip`: `route get 10.0.2.2 from 10.0.1.1 iif e1`.
    pub asked: String,
    /// The kernel's answer.
    pub answer: Result<Route, Refusal>,
    /// The link layer from the link by which they leave to the one that has the next address.
    pub chain: Vec<End>,
    /// What would lead on, where no route does.
    pub proposal: Option<Proposal>,
    /// The tunnels on the link layer, in both directions.
    pub crossings: Vec<Crossing>,
}

impl Hop {
    /// The link by which the packets leave.
    pub fn output(&self) -> Option<End> {
        let link = self.answer.as_ref().ok()?.link?;
        Some(End {
            place: self.place,
            link,
        })
    }

    /// The link that the packets come in by.
    pub fn came_by(&self) -> Option<End> {
        Some(End {
            place: self.place,
            link: self.input?,
        })
    }

    /// Whether the packets have arrived.
    pub fn is_arrival(&self) -> bool {
        self.answer
            .as_ref()
            .is_ok_and(|route| route.kind == "local")
    }
}

/// What a namespace makes of the addresses of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Translated {
    /// Those that they come with.
    pub before: Addresses,
    /// Those that they leave with, or arrive.
    pub after: Addresses,
}

impl Translated {
    /// It in words, of a namespace that is called `label`.
    pub fn words(&self, label: &str) -> String {
        let Self { before, after } = self;
        let mut parts = Vec::new();
        if before.to != after.to {
            parts.push(format!("destination {} to {}", before.to, after.to));
        }
        if before.from != after.from {
            parts.push(format!("source {} to {}", before.from, after.from));
        }
        format!("{label} translates {}", parts.join(", "))
    }
}

/// A route that would lead on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proposal {
    /// By a router next to it.
    By(IpAddr),
    /// The destination is on the same link layer.
    Link(End),
    /// By somebody on the link layer of a link that is down and has no address.
    Behind(End),
}

/// One direction.
#[derive(Clone, Debug)]
pub struct Leg {
    /// The address that the packets come from.
    pub from: IpAddr,
    /// The address that they go to.
    pub to: IpAddr,
    /// The namespaces on the way.
    pub hops: Vec<Hop>,
    /// Whether it is the way back.
    pub is_back: bool,
    /// Whether they would go round in a circle.
    pub is_loop: bool,
}

impl Leg {
    /// Those of the counters that count packets of its family.
    pub fn counters<'a>(&self, both: &[&'a str]) -> Vec<&'a str> {
        let is_of = |name: &&&str| {
            let is_ipv6 = name.starts_with("Ip6") || name.starts_with("Icmp6");
            is_ipv6 == self.to.is_ipv6()
        };
        both.iter().filter(is_of).copied().collect()
    }

    /// The leg as it is at one of its hops, where packets may have got other addresses.
    #[must_use]
    pub fn at(&self, hop: &Hop) -> Self {
        Self {
            from: hop.flow.from,
            to: hop.flow.to,
            ..self.clone()
        }
    }

    /// The hops at which the packets get other addresses.
    pub fn translating(&self) -> impl Iterator<Item = (&Hop, &Translated)> {
        let hops = self.hops.iter();
        hops.filter_map(|hop| Some((hop, hop.translated.as_ref()?)))
    }

    /// The hops between which they would go round.
    pub fn circle(&self) -> &[Hop] {
        let back = self.hops.last().and_then(|hop| hop.chain.last());
        let is_back = |hop: &Hop| {
            back.is_some_and(|end| (hop.place, hop.input) == (end.place, Some(end.link)))
        };
        let first = self.hops.iter().position(is_back);
        first.map_or(&[], |first| &self.hops[first..])
    }

    /// Every namespace that they come through, on the link layer as well.
    pub fn places(&self) -> Vec<usize> {
        let hops = self.hops.iter();
        let mut places: Vec<usize> = hops
            .flat_map(|hop| {
                let outer = hop.crossings.iter().filter_map(|one| one.leg.as_ref());
                let chain = hop.chain.iter().map(|end| end.place);
                std::iter::once(hop.place)
                    .chain(chain)
                    .chain(outer.flat_map(Self::places))
            })
            .collect();
        places.sort_unstable();
        places.dedup();
        places
    }
}

/// What the packets' addresses become in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Where they go to when they are routed.
    pub to: IpAddr,
    /// Where they come from when they leave.
    pub from: Option<IpAddr>,
}

/// One of the kernel's tables of neighbours, which had no room for one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FullTable {
    /// Which one.
    pub family: Family,
    /// The namespace in which it can be given more, and how many it takes.
    pub room: Option<(usize, u32)>,
}

/// What two probes did.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// How long the packets are, with the header of IP.
    pub length: u32,
    /// The namespace that is to answer, where one was asked for and not just an address.
    pub meant: Option<usize>,
    /// What became of them.
    pub outcomes: Vec<Outcome>,
    /// By how much the counters of each namespace have grown.
    pub grown: HashMap<usize, Counters>,
    /// How many packets the queue of each link has dropped.
    pub dropped: HashMap<End, u32>,
    /// The same of the filters at its `clsact` or `ingress`.
    pub hooked: HashMap<End, u32>,
    /// Where they were seen: the link, whether they left by it, and what they were.
    pub seen: HashSet<(End, bool, Sort)>,
    /// The same of outer packets of tunnels, and what was in them.
    pub wrapped: HashSet<(End, bool, Sort)>,
    /// The namespaces in which nothing could be looked at.
    pub blind: HashSet<usize>,
    /// What the kernel says has taken them in a namespace: a rule, or the policy of a chain.
    pub taken: HashMap<usize, Dropping>,
    /// What the packets' addresses become in a namespace, as the kernel says.
    pub passed: HashMap<usize, Passed>,
    /// The namespaces in which the kernel tells of no rule that takes the packets, though they came by.
    pub untaken: HashSet<usize>,
    /// The kernel's table of neighbours that was full, if one was.
    pub full_table: Option<FullTable>,
}

impl Measured {
    /// Whether a reply came.
    pub fn is_answered(&self) -> bool {
        let mut outcomes = self.outcomes.iter();
        outcomes.any(|outcome| outcome.rtt().is_some())
    }

    /// By how much a counter of the namespace has grown.
    pub fn growth(&self, place: usize, counter: &str) -> u64 {
        self.grown.get(&place).map_or(0, |grown| grown.get(counter))
    }

    /// The first of the counters that has grown, as evidence: `Ip:InAddrErrors +2`.
    pub fn grew(&self, place: usize, counters: &[&str]) -> Option<String> {
        counters.iter().find_map(|counter| {
            let by = self.growth(place, counter);
            (by > 0).then(|| format!("{counter} +{by}"))
        })
    }

    /// The link by which packets of a leg have left the namespace of a hop instead of the one that the kernel's answer names.
    pub fn left_by_another(&self, scene: &Scene, hop: &Hop, sort: Sort) -> Option<End> {
        let output = hop.output()?;
        if self.was_seen(output, true, sort) {
            return None;
        }
        let is_other = |end: &End| {
            let link = scene.link(*end);
            // What is joined with the output leaves by it, too, and a bridge sends on what is not for its namespace.
            link.is_some_and(|link| link.kind != "bridge" && link.master.is_none())
                && *end != output
                && Some(end.link) != hop.input
                && !scene.segment(output).contains(end)
        };
        let mut others = scene.ends_of(hop.place).into_iter().filter(is_other);
        others.find(|end| self.was_seen(*end, true, sort))
    }

    /// Whether packets of the sort were seen on the link, in no tunnel.
    pub fn was_seen(&self, end: End, is_out: bool, sort: Sort) -> bool {
        self.seen.contains(&(end, is_out, sort))
    }

    /// Whether the packet sockets of the namespace tell anything.
    pub fn can_see(&self, place: usize) -> bool {
        !self.blind.contains(&place)
    }
}
