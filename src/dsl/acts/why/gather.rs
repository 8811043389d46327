//! What the kernel tells of the namespaces around two ends: who has which links and addresses, and who is joined with whom.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::dsl::kinds::kind;
use crate::dsl::objects::link;
use crate::error::Result;
use crate::net::netns::Netns;
use crate::net::rtnl::Rtnl;
use crate::net::sysctl::{self, Key};
use crate::net::{address, bridge_vlan, fdb, neighbour, nft, queue, route, rule};
use crate::why::scene::{Detail, End, Place, Scene};
use crate::why::tunnel::Tunnel;

/// Kinds that are stacked on a parent and share its link layer.
const STACKED: [&str; 5] = ["macvlan", "macvtap", "ipvlan", "ipvtap", "vlan"];

/// Settings of a namespace that stop packets.
const SETTINGS: [&str; 7] = [
    "ipv6.conf.all.proxy_ndp",
    "ipv4.ip_forward",
    "ipv6.conf.all.forwarding",
    "ipv4.conf.all.rp_filter",
    "ipv4.icmp_echo_ignore_all",
    "ipv6.icmp.echo_ignore_all",
    "bridge.bridge-nf-call-iptables",
];

/// The namespaces, open, with their sockets; in the order of the scene's places.
pub(in crate::dsl::acts) struct Open {
    pub(in crate::dsl::acts) netns: Rc<Netns>,
    pub(in crate::dsl::acts) rtnl: Rtnl,
}

/// Looks at every namespace there is. `home` is the one that ipvsh was started in.
pub(in crate::dsl::acts) async fn scene(
    all: Vec<Rc<Netns>>,
    home: &Netns,
) -> Result<(Scene, Vec<Open>)> {
    let mut scene = Scene::default();
    let mut open = Vec::new();
    for netns in all {
        // One may go while the others are looked through.
        let Ok(rtnl) = netns.rtnl() else { continue };
        let Ok(links) = crate::net::link::list(&rtnl).await else {
            continue;
        };
        let Ok(addresses) = address::list(&rtnl, None).await else {
            continue;
        };
        let label = netns.label().to_owned();
        let typed = if netns.namespace().id() == home.namespace().id() {
            "host()".to_owned()
        } else {
            format!("netns({label:?})")
        };
        scene.places.push(Place {
            label,
            typed,
            links,
            addresses,
            detail: Detail::default(),
        });
        open.push(Open { netns, rtnl });
    }
    join(&mut scene, &open).await;
    carriers(&mut scene, &open).await;
    Ok((scene, open))
}

/// Finds the far end of each pair, and the parent of each link that is stacked on one.
async fn join(scene: &mut Scene, open: &[Open]) {
    let mut by_index: HashMap<u32, Vec<usize>> = HashMap::new();
    for (place, one) in scene.places.iter().enumerate() {
        for link in &one.links {
            by_index.entry(link.index).or_default().push(place);
        }
    }
    let (mut peers, mut parents) = (HashMap::new(), HashMap::new());
    // Many links of a lab have their parent in one namespace: that is tried first.
    let mut latest = None;
    for (place, one) in scene.places.iter().enumerate() {
        for seen in &one.links {
            let Some(index) = seen.parent else { continue };
            let end = End {
                place,
                link: seen.index,
            };
            let is_pair = kind::is_pair(&seen.kind);
            if !is_pair && !STACKED.contains(&seen.kind.as_str()) {
                continue;
            }
            let candidates = by_index.get(&index).into_iter().flatten().copied();
            let found = match seen.parent_nsid {
                None if link::hides_parent(seen) => candidates.into_iter().find(|at| {
                    let links = &scene.places[*at].links;
                    links.iter().any(|other| link::may_be_parent(seen, other))
                }),
                None => Some(place),
                Some(nsid) => {
                    let is_mutual = |at: &usize| {
                        !is_pair
                            || scene.places[*at].links.iter().any(|other| {
                                other.index == index && other.parent == Some(seen.index)
                            })
                    };
                    let mut candidates: Vec<usize> = candidates.filter(is_mutual).collect();
                    if let Some(at) = candidates.iter().position(|at| Some(*at) == latest) {
                        candidates.swap(0, at);
                    }
                    let mut found = None;
                    for at in candidates {
                        let other = open[at].netns.namespace();
                        if open[place].rtnl.nsid_of(other).await.ok().flatten() == Some(nsid) {
                            found = Some(at);
                            break;
                        }
                    }
                    found
                }
            };
            let Some(at) = found else { continue };
            let other = End {
                place: at,
                link: index,
            };
            if is_pair {
                peers.insert(end, other);
            } else {
                latest = Some(at);
                parents.insert(end, other);
            }
        }
    }
    scene.peers = peers;
    scene.parents = parents;
}

/// Asks where the tunnels send their frames, and which namespaces carry their outer packets.
async fn carriers(scene: &mut Scene, open: &[Open]) {
    for place in 0..scene.places.len() {
        let links = scene.places[place].links.iter();
        let tunnels = links.filter(|link| Tunnel::of(link).is_some());
        let tunnels: Vec<(u32, Option<i32>)> =
            tunnels.map(|link| (link.index, link.parent_nsid)).collect();
        if !tunnels.is_empty()
            && let Ok(all) = fdb::all(&open[place].rtnl).await
        {
            let known = &mut scene.places[place].detail.fdb;
            for (link, entry) in all {
                known.entry(link).or_default().push(entry);
            }
        }
        for (link, nsid) in tunnels {
            let Some(nsid) = nsid else { continue };
            for (at, other) in open.iter().enumerate() {
                let namespace = other.netns.namespace();
                if open[place].rtnl.nsid_of(namespace).await.ok().flatten() == Some(nsid) {
                    scene.carriers.insert(End { place, link }, at);
                    break;
                }
            }
        }
    }
}

/// Asks a namespace for all that can stop packets in it.
pub(super) async fn detail(place: &Place, open: &Open) -> Result<Detail> {
    let rtnl = &open.rtnl;
    let mut detail = Detail {
        neighbours: neighbour::list(rtnl).await?,
        routes: route::list(rtnl, None).await?,
        rules: rule::list(rtnl).await?,
        ..Detail::default()
    };
    let indices: Vec<u32> = place.links.iter().map(|link| link.index).collect();
    let queues = queue::all(rtnl, &indices).await?.into_iter();
    detail.queues = queues.filter(|(_, tree)| !tree.made().is_empty()).collect();
    let bridges = place.links.iter().filter(|link| link.kind == "bridge");
    let bridges: HashSet<u32> = bridges.map(|link| link.index).collect();
    let (mut vlans, mut entries) = (HashMap::new(), HashMap::<u32, Vec<_>>::new());
    if !bridges.is_empty() {
        vlans = bridge_vlan::all(rtnl).await?;
    }
    if !bridges.is_empty() || place.links.iter().any(|link| Tunnel::of(link).is_some()) {
        for (link, entry) in fdb::all(rtnl).await? {
            entries.entry(link).or_default().push(entry);
        }
    }
    for link in &place.links {
        let is_port = link.master.is_some_and(|master| bridges.contains(&master));
        if link.kind == "bridge" || is_port {
            let own = vlans.remove(&link.index).unwrap_or_default();
            detail.vlans.insert(link.index, own);
        }
        if Tunnel::of(link).is_some() || is_port {
            let own = entries.remove(&link.index).unwrap_or_default();
            detail.fdb.insert(link.index, own);
        }
        let of_link = [
            ("ipv4", "rp_filter"),
            ("ipv4", "proxy_arp"),
            ("ipv6", "proxy_ndp"),
        ];
        for (family, setting) in of_link {
            let key = format!("{family}.conf.{}.{setting}", link.name);
            let parts = [family, "conf", link.name.as_str(), setting];
            if let Ok(value) = Key::new(parts).and_then(|key| sysctl::read(&open.netns, &key)) {
                detail.settings.insert(key, value);
            }
        }
    }
    for name in SETTINGS {
        if let Ok(key) = name.parse::<Key>()
            && let Ok(value) = sysctl::read(&open.netns, &key)
        {
            detail.settings.insert(name.to_owned(), value);
        }
    }
    // Where there is no `nft` there are no rules that it has made.
    let (filters, translating) = nft::dropping(&open.netns).unwrap_or_default();
    detail.filters = filters;
    detail.translating = translating;
    Ok(detail)
}
