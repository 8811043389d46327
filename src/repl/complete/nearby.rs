//! Addresses: those that links have, those that are still free beside them, and the subnets that they are in.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

use ipnet::{IpNet, Ipv4Net};

use super::Candidate;
use crate::dsl::Session;
use crate::dsl::acts::graph::{self, Depth};
use crate::dsl::handle::Link;
use crate::net::netns::Netns;
use crate::view::graph::{End, Graph};

/// Of how many namespaces it is looked at: of more than that, only at where the call acts.
const NAMESPACES: usize = 100;

/// What stands, as far as addresses go.
fn look(session: &Rc<Session>, here: Option<&Rc<Netns>>) -> Graph {
    let mut places = graph::named(session).unwrap_or_default();
    if places.len() > NAMESPACES {
        places.clear();
    }
    for more in here.cloned().into_iter().chain(session.here()) {
        let is_known = |place: &Rc<Netns>| place.label() == more.label();
        if !places.iter().any(is_known) {
            places.push(more);
        }
    }
    graph::look_at(session, &places, Depth::Links).unwrap_or_default()
}

/// An address of a link, and where that is.
struct Held {
    end: End,
    address: IpNet,
}

fn held(graph: &Graph) -> Vec<Held> {
    let mut all = Vec::new();
    for (namespace, one) in graph.namespaces.iter().enumerate() {
        for (link, own) in one.links.iter().enumerate() {
            let addresses = own.addresses.iter();
            let addresses = addresses.filter_map(|text| text.parse().ok());
            let end = End { namespace, link };
            all.extend(
                addresses
                    .filter(is_of_use)
                    .map(|address| Held { end, address }),
            );
        }
    }
    all
}

/// Those of the loopback and of the link itself are the same everywhere.
fn is_of_use(address: &IpNet) -> bool {
    match address.addr() {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local(),
    }
}

/// `v0 in a`.
fn name(graph: &Graph, end: End) -> String {
    let namespace = &graph.namespaces[end.namespace];
    format!("{} in {}", graph.link(end).name, namespace.name)
}

/// The links that frames of the one at `start` reach without a router: over cables, bridges and shared parents.
fn segment(graph: &Graph, start: End) -> BTreeSet<End> {
    let mut next: BTreeMap<End, Vec<End>> = BTreeMap::new();
    let mut join = |a: End, b: End| {
        // Frames of a VLAN have a tag, and a VRF joins routes.
        let is_apart = |end: End| ["vlan", "vrf"].contains(&graph.link(end).kind.as_str());
        if !is_apart(a) && !is_apart(b) {
            next.entry(a).or_default().push(b);
            next.entry(b).or_default().push(a);
        }
    };
    for cable in &graph.cables {
        join(cable.from, cable.to);
    }
    for (namespace, one) in graph.namespaces.iter().enumerate() {
        for (link, own) in one.links.iter().enumerate() {
            let under = own.under.and_then(|index| {
                let mut links = one.links.iter();
                links.position(|other| other.index == index)
            });
            if let Some(under) = under {
                let end = |link| End { namespace, link };
                join(end(link), end(under));
            }
        }
    }
    let mut found = BTreeSet::from([start]);
    let mut left = VecDeque::from([start]);
    while let Some(end) = left.pop_front() {
        for far in next.get(&end).into_iter().flatten() {
            if found.insert(*far) {
                left.push_back(*far);
            }
        }
    }
    found
}

/// The next free address of each subnet, those of the link's own segment first; and one of a subnet that nothing uses.
pub(super) fn free(session: &Rc<Session>, link: Option<&Link>) -> Vec<Candidate> {
    let graph = look(session, link.map(Link::netns).as_ref());
    let near = link.and_then(|link| end_of(&graph, link));
    let near = near.map_or_else(BTreeSet::new, |start| segment(&graph, start));
    let held = held(&graph);
    let mut subnets: BTreeMap<IpNet, Vec<&Held>> = BTreeMap::new();
    for one in &held {
        // An address by itself is no subnet.
        if one.address.prefix_len() < one.address.max_prefix_len() {
            let subnet = one.address.trunc();
            subnets.entry(subnet).or_default().push(one);
        }
    }
    let taken: BTreeSet<IpAddr> = held.iter().map(|one| one.address.addr()).collect();
    let offer = |subnet: &IpNet, own: &[&Held], group| {
        let mut hosts = subnet.hosts();
        // Of a large subnet that is full the first thousands are.
        let free = hosts
            .by_ref()
            .take(taken.len() + 2)
            .find(|ip| !taken.contains(ip) && *ip != subnet.network())?;
        let first = own.first()?;
        let more = match own.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let about = format!(
            "free beside {} ({}){more}",
            first.address.addr(),
            name(&graph, first.end)
        );
        let free = format!("{free}/{}", subnet.prefix_len());
        Some(Candidate::plain(&free).about(&about).group(group))
    };
    let is_near = |own: &[&Held]| own.iter().any(|one| near.contains(&one.end));
    let mut found = Vec::new();
    for (wanted, group) in [(true, "free on this segment"), (false, "free elsewhere")] {
        let subnets = subnets.iter();
        let subnets = subnets.filter(|(_, own)| is_near(own) == wanted);
        found.extend(subnets.filter_map(|(subnet, own)| offer(subnet, own, group)));
    }
    let new = new_subnet(&held);
    found.extend(new.map(|address| {
        let about = "the first address of a subnet that nothing uses here";
        Candidate::plain(&address)
            .about(about)
            .group("a new subnet")
    }));
    found
}

/// The first address of a private subnet that none of those is in.
fn new_subnet(held: &[Held]) -> Option<String> {
    (0..=255_u8).find_map(|third| {
        let subnet = Ipv4Net::new(Ipv4Addr::new(10, 0, third, 0), 24).ok()?;
        let subnet = IpNet::V4(subnet);
        let overlaps = |one: &Held| {
            let other = one.address.trunc();
            subnet.contains(&other) || other.contains(&subnet)
        };
        (!held.iter().any(overlaps)).then(|| format!("10.0.{third}.1/24"))
    })
}

fn end_of(graph: &Graph, link: &Link) -> Option<End> {
    let label = link.netns();
    let mut namespaces = graph.namespaces.iter();
    let namespace = namespaces.position(|one| one.name == label.label())?;
    let mut links = graph.namespaces[namespace].links.iter();
    let link = links.position(|own| own.index == link.index())?;
    Some(End { namespace, link })
}

/// The addresses that links have, those of other namespaces than `here` first.
pub(super) fn taken(session: &Rc<Session>, here: Option<&Rc<Netns>>) -> Vec<Candidate> {
    let graph = look(session, here);
    let is_here = |one: &&Held| {
        let name = &graph.namespaces[one.end.namespace].name;
        here.is_some_and(|here| here.label() == name)
    };
    let held = held(&graph);
    let (own, others): (Vec<_>, Vec<_>) = held.iter().partition(is_here);
    let all = others.into_iter().chain(own);
    all.map(|one| {
        let address = one.address.addr().to_string();
        Candidate::plain(&address)
            .about(&name(&graph, one.end))
            .group("addresses")
    })
    .collect()
}

/// The addresses of a link itself.
pub(super) fn of_link(session: &Rc<Session>, link: &Link) -> Vec<Candidate> {
    let graph = look(session, Some(&link.netns()));
    let own = end_of(&graph, link).map(|end| graph.link(end).addresses.clone());
    let own = own.unwrap_or_default();
    own.iter()
        .map(|address| Candidate::plain(address).group("addresses"))
        .collect()
}

/// Where a route can lead to: the subnets that others than `here` are in.
pub(super) fn subnets(session: &Rc<Session>, here: Option<&Rc<Netns>>) -> Vec<Candidate> {
    let graph = look(session, here);
    let held = held(&graph);
    let mut known = BTreeSet::new();
    let is_other = |one: &&Held| {
        let name = &graph.namespaces[one.end.namespace].name;
        here.is_none_or(|here| here.label() != name)
    };
    let new = held.iter().filter(is_other);
    new.filter(|one| known.insert(one.address.trunc()))
        .map(|one| {
            let subnet = one.address.trunc().to_string();
            Candidate::plain(&subnet)
                .about(&name(&graph, one.end))
                .group("subnets")
        })
        .collect()
}
