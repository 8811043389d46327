//! The namespaces around two ends, as they stand: their links and who is joined with whom, their addresses and settings.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::net::IpAddr;

use ipnet::IpNet;
use rtnetlink::packet_route::link::{InfoBridge, InfoData, InfoVrf};

use crate::net::address::Address;
use crate::net::bridge_vlan::Membership;
use crate::net::fdb::Entry;
use crate::net::link::Snapshot;
use crate::net::neighbour::Neighbour;
use crate::net::nft::Dropping;
use crate::net::queue::Tree;
use crate::net::route::Route;
use crate::net::rule::Rule;
use crate::why::tunnel::{self, Tunnel};

/// A link in one of the namespaces of a scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct End {
    /// The number of the namespace in the scene.
    pub place: usize,
    /// The ifindex of the link there.
    pub link: u32,
}

/// A namespace.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// How the user calls it.
    pub label: String,
    /// What a script types for it: `netns("a")`, `host()`.
    pub typed: String,
    /// Its links.
    pub links: Vec<Snapshot>,
    /// Their addresses.
    pub addresses: Vec<Address>,
    /// What is asked only of the namespaces that the packets go through.
    pub detail: Detail,
}

/// What is asked of a namespace that the packets go through.
#[derive(Clone, Debug, Default)]
pub struct Detail {
    /// Its neighbours, after the probes.
    pub neighbours: Vec<Neighbour>,
    /// Its routes, of all tables.
    pub routes: Vec<Route>,
    /// Its rules.
    pub rules: Vec<Rule>,
    /// The queues of its links that are not the kernel's default.
    pub queues: BTreeMap<u32, Tree>,
    /// The VLANs of its bridges and their ports.
    pub vlans: BTreeMap<u32, Vec<(u16, Membership)>>,
    /// The forwarding databases of its VXLAN links and ports.
    pub fdb: BTreeMap<u32, Vec<Entry>>,
    /// Settings below `/proc/sys/net`, by their names without `net.`.
    pub settings: BTreeMap<String, String>,
    /// What lets packets not pass in it.
    pub filters: Vec<Dropping>,
    /// The rules that give packets other addresses.
    pub translating: Vec<Dropping>,
}

impl Detail {
    /// A setting that is a number; 0 where it is not known.
    pub fn number(&self, setting: &str) -> i64 {
        let text = self.settings.get(setting);
        text.and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

/// A VRF: links under it look up routes in its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vrf {
    /// Its link.
    pub end: End,
    /// The name of that.
    pub name: String,
    /// The number of its table.
    pub table: u32,
}

/// The namespaces around two ends.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    /// All that can be looked at.
    pub places: Vec<Place>,
    /// The far end of each end of a pair.
    pub peers: HashMap<End, End>,
    /// What each link is stacked on.
    pub parents: HashMap<End, End>,
    /// The namespace that carries the outer packets of a tunnel, where it is not the link's own.
    pub carriers: HashMap<End, usize>,
}

/// Kinds whose ports are joined with each other.
const SWITCHES: [&str; 3] = ["bridge", "bond", "team"];

impl Scene {
    /// The link.
    pub fn link(&self, end: End) -> Option<&Snapshot> {
        let links = &self.places.get(end.place)?.links;
        links.iter().find(|link| link.index == end.link)
    }

    /// The link's name, as `a:e0`.
    pub fn name(&self, end: End) -> String {
        let place = &self.places[end.place].label;
        match self.link(end) {
            Some(link) => format!("{place}:{}", link.name),
            None => place.clone(),
        }
    }

    /// What a script types for the link.
    pub fn typed(&self, end: End) -> String {
        let name = self.link(end).map_or("", |link| link.name.as_str());
        format!("{}.link(\"{name}\")", self.places[end.place].typed)
    }

    /// The VRF that the link is, or is under.
    pub fn vrf(&self, end: End) -> Option<Vrf> {
        let link = self.link(end)?;
        let master = || {
            let master = End {
                place: end.place,
                link: link.master?,
            };
            Some((master, self.link(master)?))
        };
        let (end, link) = if link.kind == "vrf" {
            (end, link)
        } else {
            master()?
        };
        let Some(InfoData::Vrf(infos)) = &link.data else {
            return None;
        };
        infos.iter().find_map(|info| match info {
            InfoVrf::TableId(table) => Some(Vrf {
                end,
                name: link.name.clone(),
                table: *table,
            }),
            _ => None,
        })
    }

    /// The namespace that carries the outer packets of a tunnel.
    pub fn carrier(&self, end: End) -> usize {
        self.carriers.get(&end).copied().unwrap_or(end.place)
    }

    /// The addresses of the link.
    pub fn addresses(&self, end: End) -> impl Iterator<Item = &Address> {
        let place = self.places.get(end.place);
        let all = place.into_iter().flat_map(|place| place.addresses.iter());
        all.filter(move |address| address.link == end.link)
    }

    /// The first address of the link that is of the family of `like`.
    pub fn address(&self, end: End, like: IpAddr) -> Option<IpAddr> {
        let mut own = self.addresses(end).map(Address::ip);
        own.find(|ip| ip.is_ipv4() == like.is_ipv4())
    }

    /// Whether it is known behind the link that the address has this hardware address.
    pub fn place_knows(&self, behind: End, ip: IpAddr, mac: &[u8]) -> bool {
        let mut known = self.places[behind.place].detail.neighbours.iter();
        known.any(|one| (one.link, one.ip) == (behind.link, ip) && one.mac.as_deref() == Some(mac))
    }

    /// Every link that has the address.
    pub fn owners(&self, ip: IpAddr) -> Vec<End> {
        let places = self.places.iter().enumerate();
        let owners = places.flat_map(|(place, one)| {
            let own = one.addresses.iter().filter(move |one| one.ip() == ip);
            own.map(move |address| End {
                place,
                link: address.link,
            })
        });
        owners.collect()
    }

    /// Whether the link has the address.
    pub fn has(&self, end: End, ip: IpAddr) -> bool {
        self.addresses(end).any(|address| address.ip() == ip)
    }

    /// The links of the namespace but its loopback.
    pub fn ends_of(&self, place: usize) -> Vec<End> {
        let links = self.places[place].links.iter();
        links
            .filter(|link| !link.loopback)
            .map(|link| End {
                place,
                link: link.index,
            })
            .collect()
    }

    /// The links that frames come to straight from this one, whether it is up or not.
    pub fn joined(&self, end: End) -> Vec<End> {
        let mut joined = Vec::new();
        let Some(link) = self.link(end) else {
            return joined;
        };
        joined.extend(self.peers.get(&end));
        let here = |index| End {
            place: end.place,
            link: index,
        };
        let master = link.master.map(here);
        let is_switch = |end: &End| {
            self.link(*end)
                .is_some_and(|link| SWITCHES.contains(&link.kind.as_str()))
        };
        joined.extend(master.filter(is_switch));
        if is_switch(&end) {
            let links = self.places[end.place].links.iter();
            let ports = links.filter(|port| port.master == Some(end.link));
            joined.extend(ports.map(|port| here(port.index)));
        }
        joined.extend(self.parents.get(&end));
        let mut children: Vec<End> = self
            .parents
            .iter()
            .filter(|(_, parent)| **parent == end)
            .map(|(child, _)| *child)
            .collect();
        children.sort_unstable();
        joined.extend(children);
        joined.extend(self.far_ends(end));
        joined
    }

    /// The tunnels that frames of this one are to come out of: those of its network, or else the one that it sends to though it
    /// is in another.
    fn far_ends(&self, end: End) -> Vec<End> {
        let Some(own) = self.link(end).and_then(Tunnel::of) else {
            return Vec::new();
        };
        let places = self.places.iter().enumerate();
        let all = places.flat_map(|(place, one)| {
            one.links.iter().filter_map(move |link| {
                let tunnel = Tunnel::of(link)?;
                let end = End {
                    place,
                    link: link.index,
                };
                Some((end, tunnel))
            })
        });
        let all: Vec<(End, Tunnel)> = all
            .filter(|(other, tunnel)| *other != end && tunnel.word == own.word)
            .collect();
        let is_alone = |of: &Tunnel, with: End| {
            let mut others = all.iter();
            !others.any(|(other, tunnel)| other.place == with.place && tunnel.id == of.id)
        };
        let mut found: Vec<End> = Vec::new();
        let same = all.iter().filter(|(_, tunnel)| tunnel.id == own.id);
        found.extend(same.map(|(other, _)| *other));
        let strangers = all.iter().filter(|(other, tunnel)| {
            tunnel.id != own.id
                && is_alone(&own, *other)
                && is_alone(tunnel, end)
                && tunnel::is_towards(self, end, *other)
        });
        found.extend(strangers.map(|(other, _)| *other));
        // The one that it sends to first, where several are in its network.
        found.sort_by_key(|other| !tunnel::is_towards(self, end, *other));
        found
    }

    /// The shortest way on the link layer from `start` to a link that `is` what is looked for, both with it.
    pub fn chain(&self, start: End, is: impl Fn(End) -> bool) -> Option<Vec<End>> {
        let mut came_from: HashMap<End, End> = HashMap::new();
        let mut known = HashSet::from([start]);
        let mut left = VecDeque::from([start]);
        while let Some(end) = left.pop_front() {
            if end != start && is(end) {
                let mut chain = vec![end];
                let mut at = end;
                while let Some(before) = came_from.get(&at) {
                    chain.push(*before);
                    at = *before;
                }
                chain.reverse();
                return Some(chain);
            }
            for next in self.joined(end) {
                if known.insert(next) {
                    came_from.insert(next, end);
                    left.push_back(next);
                }
            }
        }
        None
    }

    /// All links that share the link layer with `start`, nearest first.
    pub fn segment(&self, start: End) -> Vec<End> {
        let mut known = vec![start];
        let mut is_known = HashSet::from([start]);
        let mut at = 0;
        while at < known.len() {
            for next in self.joined(known[at]) {
                if is_known.insert(next) {
                    known.push(next);
                }
            }
            at += 1;
        }
        known.remove(0);
        known
    }

    /// The network of the address as its owner has it.
    pub fn network_of(&self, ip: IpAddr) -> Option<IpNet> {
        let all = self.places.iter().flat_map(|place| place.addresses.iter());
        let mut own = all.filter(|address| address.ip() == ip);
        own.next().map(|address| address.assigned.prefix.trunc())
    }
}

/// Whether a bridge keeps VLANs apart.
pub(super) fn filters_vlans(link: &Snapshot) -> bool {
    match &link.data {
        Some(InfoData::Bridge(infos)) => infos.contains(&InfoBridge::VlanFiltering(true)),
        _ => false,
    }
}

/// Whether a bridge has the filters of IP see what it only passes on.
pub(super) fn filters_bridged(link: &Snapshot) -> bool {
    let is_on = |info: &InfoBridge| matches!(info, InfoBridge::NfCallIpTables(on) | InfoBridge::NfCallIp6Tables(on) if *on);
    match &link.data {
        Some(InfoData::Bridge(infos)) => infos.iter().any(is_on),
        _ => false,
    }
}
