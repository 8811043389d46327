//! What stands: the namespaces that are exported, as the kernel tells of them, and the one that ipvsh runs in.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use nix::errno::Errno;

use crate::dsl::{self, Session};

use crate::dsl::kinds::kind;
use crate::error::{Error, Kind, Result};
use crate::net::address::{self, Address};
use crate::net::bridge_vlan::{self, Membership};
use crate::net::link::Snapshot;
use crate::net::neighbour::{self, Neighbour};
use crate::net::netns::Netns;
use crate::net::nexthop::{self, Nexthop};
use crate::net::nft::{self, Table};
use crate::net::queue::{self, Tree};
use crate::net::route::{self, Route};
use crate::net::rtnl::Rtnl;
use crate::net::rule::{self, Rule};
use crate::net::sysctl::{self, Changed, Key, Usual};
use crate::net::wireguard::{self, Device};
use crate::net::{fdb, sysfs};
use crate::steps::Value;

/// A link by the number of its place, and its ifindex there.
pub(super) type LinkId = (usize, u32);

/// Kinds that share the traffic of their parent.
const SHARING: [&str; 4] = ["ipvlan", "ipvtap", "macvlan", "macvtap"];

/// How many of the places are kept in mind that links were found to hang on.
const LAST: usize = 4;

/// The place that ipvsh runs in.
pub(super) const HOST: usize = 0;

/// A namespace with all that is in it.
pub(super) struct Place {
    /// Its name; none for the one that ipvsh runs in.
    pub(super) name: Option<String>,
    pub(super) netns: Rc<Netns>,
    pub(super) links: Vec<Snapshot>,
    pub(super) addresses: Vec<Address>,
    pub(super) routes: Vec<Route>,
    pub(super) rules: Vec<Rule>,
    pub(super) neighbours: Vec<Neighbour>,
    /// What stands behind the links, by their ifindexes.
    pub(super) details: HashMap<u32, Details>,
    pub(super) nexthops: Vec<Nexthop>,
    /// The tables of nftables, or why they can't be told.
    pub(super) tables: std::result::Result<Vec<Table>, String>,
    /// Its settings that are not what a new namespace has.
    pub(super) settings: Changed,
    /// Whether it forwards IPv4 and IPv6; none where the kernel has no such setting.
    pub(super) forwards: [Option<bool>; 2],
    /// The names of links whose hardware address somebody has set; none where that can't be told.
    set_macs: Option<HashSet<String>>,
    /// Where the links are that it knows by the id of their namespace.
    known: HashMap<i32, Elsewhere>,
}

/// What has to be asked for each link by itself.
#[derive(Default)]
pub(super) struct Details {
    pub(super) vlans: Vec<(u16, Membership)>,
    pub(super) fdb: Vec<fdb::Entry>,
    pub(super) queue: Tree,
    pub(super) wireguard: Option<Device>,
}

/// Another namespace.
#[derive(Clone, Debug)]
enum Elsewhere {
    /// One of the places.
    Place(usize),
    /// One that is not exported.
    Other(Rc<Netns>),
}

/// Where the far end or the parent of a link is.
pub(super) enum Found {
    /// It is a link of one of the places.
    Link(LinkId),
    /// It is a link of another namespace that has a name: that name, and its own.
    Outside(String, String),
    /// It is where nothing can be found.
    Nowhere,
}

/// All places: first the one that ipvsh runs in, then those that are exported.
pub(super) struct World {
    pub(super) places: Vec<Place>,
    /// Whether secrets are to be told.
    pub(super) with_keys: bool,
}

impl World {
    pub(super) fn read(
        session: &Rc<Session>,
        exported: Vec<Rc<Netns>>,
        with_keys: bool,
    ) -> Result<Self> {
        let mut places = vec![Place::read(session, session.start()?, None)?];
        let usual = Usual::read().map_err(|error| error.doing_plain("export namespaces"))?;
        for netns in exported {
            places.push(Place::read(session, netns, Some(&usual))?);
        }
        let mut world = Self { places, with_keys };
        let mut others = None;
        let mut last = Vec::new();
        for number in 0..world.places.len() {
            let known = world.known_by(session, number, &mut last, &mut others)?;
            world.places[number].known = known;
        }
        Ok(world)
    }

    /// Which namespaces the place has ids for, as far as its links speak of them.
    ///
    /// Those are asked for first that are likely: those found `last`, then those near to it in the order of the names. `others` are
    /// those that are not exported, looked up when one is missed.
    fn known_by(
        &self,
        session: &Rc<Session>,
        number: usize,
        last: &mut Vec<usize>,
        others: &mut Option<Vec<Rc<Netns>>>,
    ) -> Result<HashMap<i32, Elsewhere>> {
        let place = &self.places[number];
        let mut wanted: HashSet<i32> = place.links.iter().filter_map(|l| l.parent_nsid).collect();
        let mut known = HashMap::new();
        session.wait(async {
            if wanted.is_empty() {
                return Ok(known);
            }
            let rtnl = &place.netns.rtnl()?;
            for other in self.likely(number, last.clone()) {
                if wanted.is_empty() {
                    break;
                }
                let there = self.places[other].netns.namespace();
                if let Some(id) = rtnl.nsid_of(there).await?.filter(|id| wanted.remove(id)) {
                    known.insert(id, Elsewhere::Place(other));
                    last.retain(|known| *known != other);
                    last.insert(0, other);
                    last.truncate(LAST);
                }
            }
            if wanted.is_empty() {
                return Ok(known);
            }
            let others = match others {
                Some(others) => others,
                None => others.insert(self.others(session)?),
            };
            for other in others.iter() {
                if let Some(id) = rtnl.nsid_of(other.namespace()).await?
                    && wanted.remove(&id)
                {
                    known.insert(id, Elsewhere::Other(other.clone()));
                }
            }
            Ok(known)
        })?
    }

    /// All places in the order in which one of them is looked for that a link of place `number` hangs on.
    fn likely(&self, number: usize, last: Vec<usize>) -> impl Iterator<Item = usize> {
        let count = self.places.len();
        let mut seen = HashSet::new();
        let by_distance = (0..count).flat_map(move |far| {
            let both = [number.checked_add(far), number.checked_sub(far)];
            both.into_iter().flatten()
        });
        let all = std::iter::once(HOST).chain(last).chain(by_distance);
        all.filter(move |place| *place < count && seen.insert(*place))
    }

    /// The namespaces that there are besides the places.
    fn others(&self, session: &Rc<Session>) -> Result<Vec<Rc<Netns>>> {
        let places: HashSet<_> = self
            .places
            .iter()
            .map(|p| p.netns.namespace().id())
            .collect();
        let mut others = session.known_namespaces()?;
        others.retain(|other| !places.contains(&other.namespace().id()));
        Ok(others)
    }

    pub(super) fn link(&self, (place, index): LinkId) -> Option<&Snapshot> {
        self.places[place]
            .links
            .iter()
            .find(|link| link.index == index)
    }

    /// What the link is stacked on, or joined with.
    pub(super) fn other_end(&self, session: &Rc<Session>, (place, index): LinkId) -> Found {
        let Some((seen, other)) = self
            .link((place, index))
            .and_then(|seen| Some((seen, seen.parent?)))
        else {
            return Found::Nowhere;
        };
        let at = match seen.parent_nsid {
            _ if dsl::objects::link::hides_parent(seen) => return self.parent_of_tap(place, seen),
            None => Some(&Elsewhere::Place(place)),
            Some(id) => self.places[place].known.get(&id),
        };
        match at {
            Some(Elsewhere::Place(place)) if self.link((*place, other)).is_some() => {
                Found::Link((*place, other))
            }
            Some(Elsewhere::Other(netns)) => {
                let name = dsl::objects::link::name_of(session, netns, other);
                match name.filter(|_| !netns.label().starts_with("pid:")) {
                    Some(name) => Found::Outside(netns.label().to_owned(), name),
                    None => Found::Nowhere,
                }
            }
            _ => Found::Nowhere,
        }
    }

    /// Whether the link has slaves that share its traffic, and can be made while it is up only.
    pub(super) fn carries(&self, session: &Rc<Session>, id: LinkId) -> bool {
        let all = self.places.iter().enumerate().flat_map(|(place, held)| {
            let links = held.links.iter();
            links.map(move |link| (place, link))
        });
        let mut slaves = all.filter(|(_, link)| SHARING.contains(&link.kind.as_str()));
        slaves.any(|(place, link)| {
            matches!(self.other_end(session, (place, link.index)), Found::Link(parent) if parent == id)
        })
    }

    fn parent_of_tap(&self, own: usize, seen: &Snapshot) -> Found {
        let places = std::iter::once(own).chain(0..self.places.len());
        let mut found = places.filter_map(|place| {
            let links = &self.places[place].links;
            let parent = links
                .iter()
                .find(|link| dsl::objects::link::may_be_parent(seen, link))?;
            Some((place, parent.index))
        });
        found.next().map_or(Found::Nowhere, Found::Link)
    }

    /// The ports of a bridge or bond, and the links under a VRF, by ifindex.
    pub(super) fn ports(&self, (place, index): LinkId) -> impl Iterator<Item = &Snapshot> {
        let links = self.places[place].links.iter();
        links.filter(move |link| link.master == Some(index))
    }
}

impl Place {
    /// Reads what is there; of one that is exported also what is not `usual`.
    fn read(session: &Rc<Session>, netns: Rc<Netns>, usual: Option<&Usual>) -> Result<Self> {
        let is_exported = usual.is_some();
        let context = |error: Error| {
            if error.doing.is_empty() {
                error.doing("export namespace", netns.label())
            } else {
                error
            }
        };
        let mut links = dsl::objects::link::all(session, &netns)?;
        for link in &mut links {
            // Of a parent with the same ifindex in another namespace the kernel tells nothing, where it hides the namespace.
            if link.parent.is_none() && dsl::objects::link::hides_parent(link) {
                link.parent = Some(link.index);
            }
        }
        let names = links.iter().map(|link| link.name.as_str());
        let set_macs = sysfs::links_with_set_mac(netns.namespace(), names);
        let read = session.wait(async {
            let rtnl = &netns.rtnl()?;
            let mut details = HashMap::new();
            let mut vlans = bridge_vlan::all(rtnl).await?;
            let mut entries: HashMap<u32, Vec<_>> = HashMap::new();
            for (index, entry) in fdb::all(rtnl).await? {
                entries.entry(index).or_default().push(entry);
            }
            let mut queues = HashMap::new();
            if is_exported {
                let indices: Vec<u32> = links.iter().map(|link| link.index).collect();
                queues = queue::all(rtnl, &indices).await?;
            }
            for link in &links {
                let is_port = link.master.is_some();
                let mut own = Details::default();
                if is_port || link.kind == "bridge" {
                    own.vlans = vlans.remove(&link.index).unwrap_or_default();
                }
                if is_port || ["bridge", "vxlan"].contains(&link.kind.as_str()) {
                    own.fdb = entries.remove(&link.index).unwrap_or_default();
                }
                if is_exported {
                    own.queue = queues.remove(&link.index).unwrap_or_default();
                    if link.kind == "wireguard" {
                        own.wireguard = wireguard::get(&netns, link.index).await.ok();
                    }
                }
                details.insert(link.index, own);
            }
            Ok::<_, Error>((
                address::list(rtnl, None).await?,
                route::list(rtnl, None).await?,
                rule::list(rtnl).await?,
                neighbour::list(rtnl).await?,
                nexthops(rtnl).await?,
                details,
            ))
        })?;
        let (addresses, routes, rules, neighbours, nexthops, details) = read.map_err(context)?;
        let forwards = [
            ["ipv4", "ip_forward"].as_slice(),
            &["ipv6", "conf", "all", "forwarding"],
        ];
        let forwards = forwards.map(|key| {
            let key = Key::new(key.iter().copied()).ok()?;
            Some(sysctl::read(&netns, &key).ok()? == "1")
        });
        let (tables, settings) = if let Some(usual) = usual {
            let names: Vec<&str> = links.iter().map(|link| link.name.as_str()).collect();
            let settings = sysctl::changed(usual, netns.namespace(), &names).map_err(context)?;
            (tables(&netns), settings)
        } else {
            (Ok(Vec::new()), Changed::default())
        };
        Ok(Self {
            name: is_exported.then(|| netns.label().to_owned()),
            netns,
            links,
            addresses,
            routes,
            rules,
            neighbours,
            nexthops,
            tables,
            settings,
            details,
            forwards,
            set_macs,
            known: HashMap::new(),
        })
    }

    /// Whether somebody has chosen the link's hardware address; also where that can't be told, to be on the safe side.
    pub(super) fn has_set_mac(&self, link: &Snapshot) -> bool {
        let set = self.set_macs.as_ref();
        set.is_none_or(|set| set.contains(&link.name)) && link.mac.len() == 6
    }

    pub(super) fn name_of(&self, index: u32) -> Option<&str> {
        let link = self.links.iter().find(|link| link.index == index)?;
        Some(&link.name)
    }
}

/// The nexthop objects; none where the kernel has no such thing.
async fn nexthops(rtnl: &Rtnl) -> Result<Vec<Nexthop>> {
    match nexthop::list(rtnl).await {
        Err(refusal) if refusal.errno == Errno::EOPNOTSUPP => Ok(Vec::new()),
        listed => Ok(listed?),
    }
}

/// The tables of nftables; none where there is no program to list them, or no such thing in the kernel.
fn tables(netns: &Netns) -> std::result::Result<Vec<Table>, String> {
    match nft::tables(netns) {
        Err(error) if error.kind == Kind::Unsupported => Ok(Vec::new()),
        listed => listed.map_err(|error| error.to_string()),
    }
}

/// The kind of a link as the words here know it; the two kinds of tun are told apart by their mode.
pub(super) fn kind_of(link: &Snapshot) -> Option<&'static kind::Kind> {
    let kinds = || kind::all().filter(|kind| kind.name == link.kind);
    let facts = kinds().next().map(|kind| facts(kind, link));
    let mode = facts.and_then(|facts| facts.into_iter().find(|(key, _)| *key == "mode"));
    let by_mode = mode.and_then(|(_, mode)| kinds().find(|kind| mode == Value::text(kind.word)));
    by_mode.or_else(|| kinds().next())
}

/// What the link is like.
pub(super) fn facts(kind: &kind::Kind, link: &Snapshot) -> Vec<(&'static str, Value)> {
    let data = link.data.as_ref();
    data.map(|data| kind.facts(data)).unwrap_or_default()
}

/// What the link is like in the one thing, where it tells it.
pub(super) fn fact(link: &Snapshot, key: &str) -> Option<Value> {
    let mut facts = facts(kind_of(link)?, link).into_iter();
    facts
        .find(|(known, _)| *known == key)
        .map(|(_, value)| value)
}

/// The ifindexes of the links that an option of it names.
pub(super) fn devices(kind: &kind::Kind, link: &Snapshot) -> impl Iterator<Item = u32> {
    let facts = facts(kind, link).into_iter();
    facts.filter_map(|(key, value)| match value {
        Value::Number(index) if kind.names_device(key) => u32::try_from(index).ok(),
        _ => None,
    })
}
