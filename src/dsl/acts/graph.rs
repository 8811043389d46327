//! `graph()`: what stands, as one model of namespaces, links and what joins them; trees and pictures are drawn of it.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use ipnet::IpNet;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::handle::Netns;
use crate::dsl::kinds::kind;
use crate::dsl::objects::{link, neighbor};
use crate::dsl::{Answer, Session, answer, json};
use crate::error::{Error, Kind, Result};
use crate::lab::Outcome;
use crate::lab::outcome::Entry;
use crate::net::link::Snapshot;
use crate::net::listener::{self, Protocol};
use crate::net::route::Route;
use crate::net::{address, namespace, neighbour, netns, route, rule};
use crate::value::mac;
use crate::view::graph::{Cable, Change, End, Graph, Link, Namespace};

/// How much is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Links, addresses, and what joins them.
    Links,
    /// Routes, rules, lasting neighbours and sockets as well.
    All,
}

/// A namespace with the links that it has.
struct Seen {
    place: Rc<netns::Netns>,
    links: Vec<Snapshot>,
}

/// The namespace that ipvsh started in, and all that have a name.
pub fn named(session: &Session) -> Result<Vec<Rc<netns::Netns>>> {
    // Those without a name are other people's: asked for one by one.
    let mut places = session.known_namespaces()?;
    let (start, names) = (Path::new(netns::Netns::START), namespace::NAMES);
    places.retain(|place| place.path() == start || place.path().starts_with(names));
    Ok(places)
}

/// What stands in `places`, and what joins it. One that goes meanwhile is left out, but where it is the only one.
pub fn look(session: &Rc<Session>, places: &[Rc<netns::Netns>]) -> Result<Graph> {
    look_at(session, places, Depth::All)
}

/// The same, as deep as `depth` says.
pub(crate) fn look_at(
    session: &Rc<Session>,
    places: &[Rc<netns::Netns>],
    depth: Depth,
) -> Result<Graph> {
    let mut seen = Vec::new();
    for place in places {
        match link::all(session, place) {
            Ok(links) => seen.push(Seen {
                place: place.clone(),
                links,
            }),
            Err(error) if places.len() == 1 => return Err(error),
            Err(_) => {}
        }
    }
    let mut graph = Graph::default();
    for one in &seen {
        match describe(session, one, depth) {
            Ok(namespace) => graph.namespaces.push(namespace),
            Err(error) if places.len() == 1 => return Err(error),
            Err(_) => graph.namespaces.push(Namespace {
                name: one.place.label().to_owned(),
                count: 1,
                ..Namespace::default()
            }),
        }
    }
    join(session, &seen, &mut graph)?;
    Ok(graph)
}

/// Whether it is the route that each link with a link-local address has.
fn is_link_local(route: &Route) -> bool {
    let is_own =
        matches!(route.destination, IpNet::V6(net) if net.network().is_unicast_link_local());
    is_own && route.protocol == "kernel"
}

fn describe(session: &Rc<Session>, one: &Seen, depth: Depth) -> Result<Namespace> {
    let Seen { place, links } = one;
    let names: HashMap<u32, &String> = links.iter().map(|link| (link.index, &link.name)).collect();
    let name_of = |index: u32| names.get(&index).map(|name| (*name).clone());
    let mut namespace = Namespace {
        name: place.label().to_owned(),
        count: 1,
        ..Namespace::default()
    };
    let addresses = session.wait(async {
        let rtnl = &place.rtnl()?;
        if depth == Depth::All {
            let mut routes = route::list(rtnl, None).await?;
            // Those of the table `local` the kernel keeps by itself, and those of link-local addresses it adds when it comes to it.
            routes.retain(|route| route.table != LOCAL && !is_link_local(route));
            namespace.routes = routes.iter().map(|route| route.line(name_of)).collect();
            let rules = rule::list(rtnl).await?;
            namespace.rules = rules.iter().map(ToString::to_string).collect();
            let neighbours = neighbour::list(rtnl).await?;
            // What the kernel has for groups by itself says nothing.
            let is_told = |one: &&neighbour::Neighbour| one.is_lasting() && !one.ip.is_multicast();
            let lasting = neighbours.iter().filter(is_told);
            let lines = lasting.map(|one| neighbor::line(one, name_of(one.link).as_deref()));
            namespace.neighbors = lines.collect();
        }
        Ok::<_, Error>(address::list(rtnl, None).await?)
    })??;
    // A plan has no sockets in a namespace that it has planned.
    if depth == Depth::All && !place.namespace().is_imagined() {
        for (name, protocol) in Protocol::ALL {
            let listeners = listener::all(place, protocol).unwrap_or_default();
            let lines = listeners.iter().map(|one| {
                format!(
                    "{name} {}",
                    std::net::SocketAddr::new(one.address, one.port)
                )
            });
            namespace.sockets.extend(lines);
        }
    }
    let mut by_link: HashMap<u32, Vec<String>> = HashMap::new();
    for address in &addresses {
        let own = by_link.entry(address.link).or_default();
        own.push(address.to_string());
    }
    namespace.links = links
        .iter()
        .map(|link| Link {
            index: link.index,
            name: link.name.clone(),
            kind: link.kind.clone(),
            state: link.state.to_owned(),
            up: link.up,
            mtu: link.mtu,
            mac: mac::print(&link.mac),
            addresses: by_link.remove(&link.index).unwrap_or_default(),
            under: link.master.or(match link.parent_nsid {
                None if !kind::is_pair(&link.kind) => link.parent,
                _ => None,
            }),
            ..Link::default()
        })
        .collect();
    Ok(namespace)
}

/// The routing table `local`, `RT_TABLE_LOCAL` of `linux/rtnetlink.h`.
const LOCAL: u32 = 255;

/// What namespaces know each other as: an id is asked for where it is needed, and once.
struct Ids<'a> {
    seen: &'a [Seen],
    /// All that are known besides, once they were needed.
    others: Option<Vec<Rc<netns::Netns>>>,
    /// By the place of the namespace that asks and the id that it has: what was found.
    known: HashMap<(usize, i32), Option<Far>>,
    /// How many of the candidates each has asked about.
    asked: HashMap<usize, usize>,
    /// In which namespaces a link of that ifindex stands whose far end or parent has that one: most of them but one.
    likely: HashMap<(u32, u32), Vec<usize>>,
}

/// Where a far end is.
#[derive(Clone)]
enum Far {
    /// In a namespace of the picture.
    Seen(usize),
    /// In another.
    Other(Rc<netns::Netns>),
}

impl<'a> Ids<'a> {
    fn new(seen: &'a [Seen]) -> Self {
        let mut likely: HashMap<(u32, u32), Vec<usize>> = HashMap::new();
        for (number, one) in seen.iter().enumerate() {
            for link in &one.links {
                if let Some(parent) = link.parent {
                    likely.entry((link.index, parent)).or_default().push(number);
                }
            }
        }
        Self {
            seen,
            others: None,
            known: HashMap::new(),
            asked: HashMap::new(),
            likely,
        }
    }

    /// Notes what the namespace at `from` calls a candidate; whether that is `nsid`.
    async fn ask(&mut self, from: usize, far: Far, nsid: i32) -> Result<bool> {
        let place = match &far {
            Far::Seen(number) => self.seen[*number].place.clone(),
            Far::Other(place) => place.clone(),
        };
        let rtnl = self.seen[from].place.rtnl()?;
        // It may go while we look around.
        let Ok(Some(id)) = rtnl.nsid_of(place.namespace()).await else {
            return Ok(false);
        };
        self.known.entry((from, id)).or_insert(Some(far));
        Ok(id == nsid)
    }

    /// The namespace that the one at `from` knows as `nsid`, where `link` of it has its far end or parent.
    async fn find(
        &mut self,
        session: &Session,
        from: usize,
        link: &Snapshot,
        nsid: i32,
    ) -> Result<Option<Far>> {
        if let Some(found) = self.known.get(&(from, nsid)) {
            return Ok(found.clone());
        }
        // The far end of a pair tells the same the other way round.
        let turned = link.parent.map(|parent| (parent, link.index));
        let likely = turned.and_then(|turned| self.likely.get(&turned));
        for candidate in likely.cloned().unwrap_or_default() {
            if self.ask(from, Far::Seen(candidate), nsid).await? {
                return Ok(Some(Far::Seen(candidate)));
            }
        }
        while let Some(far) = self.next_of(session, from)? {
            if self.ask(from, far, nsid).await? {
                break;
            }
        }
        Ok(self.known.entry((from, nsid)).or_insert(None).clone())
    }

    /// The next candidate that the namespace at `from` has not asked about.
    fn next_of(&mut self, session: &Session, from: usize) -> Result<Option<Far>> {
        let next = self.asked.entry(from).or_default();
        let number = *next;
        *next += 1;
        let Some(number) = number.checked_sub(self.seen.len()) else {
            return Ok(Some(Far::Seen(number)));
        };
        if self.others.is_none() {
            self.others = Some(session.known_namespaces()?);
        }
        let other = self.others.iter().flatten().nth(number);
        Ok(other.cloned().map(Far::Other))
    }
}

/// Joins what belongs together.
fn join(session: &Rc<Session>, seen: &[Seen], graph: &mut Graph) -> Result<()> {
    let mut ids = Ids::new(seen);
    let place_of: Vec<HashMap<u32, usize>> = seen
        .iter()
        .map(|one| {
            let links = one.links.iter().enumerate();
            links.map(|(at, link)| (link.index, at)).collect()
        })
        .collect();
    // The far end of a pair is told by both ends.
    let mut joined: HashMap<End, End> = HashMap::new();
    for (number, one) in seen.iter().enumerate() {
        for (at, link) in one.links.iter().enumerate() {
            let near = End {
                namespace: number,
                link: at,
            };
            let is_pair = kind::is_pair(&link.kind);
            let Some(parent) = link.parent.filter(|_| !joined.contains_key(&near)) else {
                continue;
            };
            let far = match link.parent_nsid {
                None if is_pair => Some(Far::Seen(number)),
                None => continue,
                Some(nsid) => session.wait(ids.find(session, number, link, nsid))??,
            };
            match far {
                Some(Far::Seen(there)) => {
                    let Some(link_there) = place_of[there].get(&parent) else {
                        continue;
                    };
                    let far = End {
                        namespace: there,
                        link: *link_there,
                    };
                    if is_pair {
                        joined.insert(far, near);
                        joined.insert(near, far);
                    }
                    // Of the ends of a pair in one namespace either could be told first.
                    let name = |end: End| &seen[end.namespace].links[end.link].name;
                    let is_turned = is_pair && near.namespace == there && name(far) < name(near);
                    let (from, to) = if is_turned { (far, near) } else { (near, far) };
                    graph.cables.push(Cable {
                        from,
                        to,
                        kind: link.kind.clone(),
                    });
                }
                Some(Far::Other(there)) => {
                    let name = link::name_of(session, &there, parent);
                    let name = name.unwrap_or_else(|| format!("link {parent}"));
                    graph.namespaces[number].links[at].elsewhere =
                        Some(format!("{name} in {}", there.label()));
                }
                None => {}
            }
        }
    }
    Ok(())
}

/// Marks what a plan would make, change and take away.
pub fn mark(graph: &mut Graph, entries: &[Entry]) {
    let all = graph.namespaces.iter().enumerate();
    let places: HashMap<String, usize> = all.map(|(at, one)| (one.name.clone(), at)).collect();
    for entry in entries {
        let change = match entry.outcome {
            Outcome::Created => Change::Created,
            Outcome::Changed => Change::Changed,
            Outcome::Deleted => Change::Deleted,
            Outcome::Unchanged | Outcome::Stale | Outcome::Conflict | Outcome::WouldTest => {
                continue;
            }
        };
        let Some(netns) = &entry.namespace else {
            mark_namespace(
                graph,
                &entry.object.name,
                places.get(&entry.object.name).copied(),
                change,
            );
            continue;
        };
        let Some(place) = places.get(netns) else {
            continue;
        };
        let links = &mut graph.namespaces[*place].links;
        let is_link =
            |link: &&mut Link| link.name == entry.object.name && link.kind == entry.object.kind;
        if let Some(link) = links.iter_mut().find(is_link) {
            link.change = Some(change);
        } else if change == Change::Deleted && kind::named(&entry.object.kind).is_some() {
            links.push(Link {
                name: entry.object.name.clone(),
                kind: entry.object.kind.clone(),
                change: Some(change),
                ..Link::default()
            });
        } else {
            // What is done on a link, or set on it, changes the link.
            let on = entry.object.link.as_ref().unwrap_or(&entry.object.name);
            let link = links.iter_mut().find(|link| link.name == *on);
            if let Some(link) = link.filter(|link| link.change.is_none()) {
                link.change = Some(Change::Changed);
            }
        }
    }
    mark_far_ends(graph);
    let links = graph.namespaces.iter_mut().flat_map(|one| &mut one.links);
    for link in links.filter(|link| link.change == Some(Change::Created)) {
        // What the kernel chooses is known only when it is made.
        link.mac.clear();
        link.addresses
            .retain(|address| !address.starts_with("fe80:"));
        let state = if link.up { "UP" } else { "DOWN" };
        state.clone_into(&mut link.state);
    }
}

/// With one end of a pair the other comes.
fn mark_far_ends(graph: &mut Graph) {
    for number in 0..graph.cables.len() {
        let Cable { from, to, kind } = &graph.cables[number];
        let (from, to) = (*from, *to);
        let is_made = |end: End| graph.link(end).change == Some(Change::Created);
        if !kind::is_pair(kind) || is_made(from) == is_made(to) {
            continue;
        }
        for end in [from, to] {
            graph.namespaces[end.namespace].links[end.link].change = Some(Change::Created);
        }
    }
}

fn mark_namespace(graph: &mut Graph, name: &str, place: Option<usize>, change: Change) {
    match place {
        Some(place) => graph.namespaces[place].change = Some(change),
        None if change == Change::Deleted => graph.namespaces.push(Namespace {
            name: name.to_owned(),
            change: Some(change),
            count: 1,
            ..Namespace::default()
        }),
        None => {}
    }
}

fn value(graph: &Graph) -> Result<Dynamic> {
    let value =
        serde_json::to_value(graph).map_err(|error| Error::new(Kind::Kernel, error.to_string()))?;
    Ok(json::value(value))
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Returns what stands, as a picture would show it: the namespace that ipvsh started in and all named ones.
    ///
    /// A map of `namespaces`, each with `links`, `routes`, `rules`, `neighbors` and `sockets`, and of `cables`, each with two
    /// ends that say the place of a namespace in that list and of a link in its `links`. `ipvsh graph` draws it.
    ///
    /// ```rhai
    /// netns("a").veth("to-b", netns("b"), "to-a");
    /// graph().cables[0].kind    // => "veth"
    /// ```
    #[rhai_fn(name = "graph", return_raw, volatile)]
    pub fn graph_all(context: NativeCallContext) -> Answer<Dynamic> {
        answer(&context, |session| value(&look(session, &named(session)?)?))
    }

    /// Returns what stands in one namespace, as a picture would show it.
    ///
    /// ```rhai
    /// netns("a").veth("v0", "v1");
    /// netns("a").graph().namespaces[0].links.len()    // => 3
    /// ```
    #[rhai_fn(name = "graph", return_raw, volatile)]
    pub fn graph_of(context: NativeCallContext, net: &mut Netns) -> Answer<Dynamic> {
        answer(&context, |session| {
            value(&look(session, std::slice::from_ref(&net.0))?)
        })
    }
}
