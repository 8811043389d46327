//! Tunnels over UDP: where the outer packets of a link go, and why the frames in them do not come out at the far end.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use rtnetlink::packet_route::link::{InfoData, InfoGeneve, InfoVxlan};

use crate::net::icmp::Outcome;
use crate::net::link::Snapshot;
use crate::net::trace::sniffer::Sort;
use crate::value::mac;
use crate::why::cause::{Cause, Outer};
use crate::why::judge::judge;
use crate::why::scene::{End, Scene};
use crate::why::walk::{Hop, Leg, Measured};

/// How many bytes the headers of the outer packet, of the tunnel and of Ethernet take, over IPv4.
const HEADERS: u32 = 50;

/// A link that sends frames in packets of UDP, by what says where they go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// The word that makes it: `vxlan`, `geneve`.
    pub word: &'static str,
    /// The identifier of its network.
    pub id: u32,
    /// The port that it sends to and listens on.
    pub port: u16,
    /// The far end, or the multicast group.
    pub remote: Option<IpAddr>,
    /// The address that it sends from.
    pub local: Option<IpAddr>,
    /// The ifindex of the link that it sends by.
    pub dev: Option<u32>,
    /// Whether it learns addresses from traffic.
    pub is_learning: bool,
}

impl Tunnel {
    /// What the link is as a tunnel. None where it is none, or where routes say where its frames go.
    pub fn of(link: &Snapshot) -> Option<Self> {
        let mut tunnel = Self {
            word: "vxlan",
            id: 0,
            port: 0,
            remote: None,
            local: None,
            dev: None,
            is_learning: false,
        };
        match link.data.as_ref()? {
            InfoData::Vxlan(infos) => {
                for info in infos {
                    match info {
                        InfoVxlan::Id(id) => tunnel.id = *id,
                        InfoVxlan::Port(port) => tunnel.port = *port,
                        InfoVxlan::Group(ip) => tunnel.remote = Some((*ip).into()),
                        InfoVxlan::Group6(ip) => tunnel.remote = Some((*ip).into()),
                        InfoVxlan::Local(ip) => tunnel.local = Some((*ip).into()),
                        InfoVxlan::Local6(ip) => tunnel.local = Some((*ip).into()),
                        InfoVxlan::Link(index) => tunnel.dev = Some(*index).filter(|it| *it > 0),
                        InfoVxlan::Learning(on) => tunnel.is_learning = *on,
                        InfoVxlan::CollectMetadata(true) => return None,
                        _ => {}
                    }
                }
            }
            InfoData::Geneve(infos) => {
                tunnel.word = "geneve";
                for info in infos {
                    match info {
                        InfoGeneve::Id(id) => tunnel.id = *id,
                        InfoGeneve::Port(port) => tunnel.port = *port,
                        InfoGeneve::Remote(ip) => tunnel.remote = Some((*ip).into()),
                        InfoGeneve::Remote6(ip) => tunnel.remote = Some((*ip).into()),
                        InfoGeneve::CollectMetadata => return None,
                        _ => {}
                    }
                }
            }
            _ => return None,
        }
        Some(tunnel)
    }

    /// The option for the far end, as a script gives it: a group is another one.
    fn far_end(ip: IpAddr) -> String {
        let key = if ip.is_multicast() { "group" } else { "remote" };
        format!("{key}: \"{ip}\"")
    }
}

/// Where the outer packets of a tunnel go, and by which entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The address.
    pub ip: IpAddr,
    /// The hardware address whose entry of the forwarding database says so; none where the link itself does.
    pub entry: Option<Vec<u8>>,
    /// The identifier of the network in the packets.
    pub id: u32,
}

/// The step of frames from one end of a tunnel to the other.
#[derive(Clone, Debug)]
pub struct Crossing {
    /// The end that they go in by.
    pub near: End,
    /// The end that they are to come out of.
    pub far: End,
    /// Whether they go against the leg, as the answers to questions do.
    pub is_backwards: bool,
    /// The hardware address that they are for; none of those for everybody.
    pub mac: Option<Vec<u8>>,
    /// Where they are sent to; none where nothing says so.
    pub destination: Option<Destination>,
    /// An address of the far end that the near one can send to.
    pub proper: Option<IpAddr>,
    /// The way of the outer packets.
    pub leg: Option<Leg>,
}

/// Where frames for `mac`, or for everybody, are sent to from the tunnel `near`.
pub fn destinations(scene: &Scene, near: End, mac: Option<&[u8]>) -> Vec<Destination> {
    let Some(tunnel) = scene.link(near).and_then(Tunnel::of) else {
        return Vec::new();
    };
    let all = scene.places[near.place].detail.fdb.get(&near.link);
    let of = |wanted: &dyn Fn(&[u8]) -> bool| -> Vec<Destination> {
        let entries = all.into_iter().flatten();
        let own = entries.filter(|entry| !entry.of_master && wanted(&entry.mac));
        own.filter_map(|entry| {
            let ip = entry.dst?;
            let is_remote = entry.is_for_several() && tunnel.remote == Some(ip);
            Some(Destination {
                ip,
                entry: (!is_remote).then(|| entry.mac.clone()),
                id: entry.vni.unwrap_or(tunnel.id),
            })
        })
        .collect()
    };
    let mut found = mac.map_or_else(Vec::new, |mac| of(&|one| one == mac));
    if found.is_empty() {
        found = of(&|one| one.iter().all(|byte| *byte == 0));
    }
    if found.is_empty() && tunnel.word != "vxlan" {
        found.extend(tunnel.remote.map(|ip| Destination {
            ip,
            entry: None,
            id: tunnel.id,
        }));
    }
    found
}

/// Whether the tunnels send to each other's namespace, or at least one does to the other's.
pub(super) fn is_towards(scene: &Scene, near: End, far: End) -> bool {
    let towards = |near: End, far: End| {
        let mut all = destinations(scene, near, None).into_iter();
        let place = scene.carrier(far);
        all.any(|one| scene.owners(one.ip).iter().any(|end| end.place == place))
    };
    towards(near, far) || towards(far, near)
}

/// Why a frame does not come out at the far end of one of the crossings that it takes, where that is so.
pub(super) fn between(
    scene: &Scene,
    crossings: &[Crossing],
    frame: Sort,
    is_backwards: bool,
    measured: &Measured,
) -> Option<Cause> {
    let is_flooded = matches!(frame, Sort::Question(_));
    let mut all = crossings
        .iter()
        .filter(|one| one.is_backwards == is_backwards && one.mac.is_none() == is_flooded);
    all.find_map(|one| {
        let (near, far) = (one.near, one.far);
        let has_come = measured.was_seen(far, false, frame);
        let has_left = measured.was_seen(near, true, frame) || !measured.can_see(near.place);
        (has_left && !has_come)
            .then(|| one.cause(scene, frame, measured))
            .flatten()
    })
}

impl Crossing {
    fn cause(&self, scene: &Scene, frame: Sort, measured: &Measured) -> Option<Cause> {
        let (near, far) = (self.near, self.far);
        let ends = scene.link(near).and_then(Tunnel::of);
        let (own, other) = ends.zip(scene.link(far).and_then(Tunnel::of))?;
        let Some(destination) = &self.destination else {
            return Some(self.no_entry(scene));
        };
        if let Some(local) = own.local
            && !scene
                .owners(local)
                .iter()
                .any(|end| end.place == scene.carrier(near))
        {
            return Some(self.wrong_local(scene, local));
        }
        if destination.ip.is_multicast() {
            let theirs = other.remote.filter(|ip| *ip != destination.ip);
            return theirs.map(|theirs| self.other_group(scene, destination.ip, theirs));
        }
        let receiver = scene.carrier(far);
        if !scene
            .owners(destination.ip)
            .iter()
            .any(|end| end.place == receiver)
        {
            return Some(self.wrong_remote(scene, &own, destination));
        }
        let outer = Outer {
            port: own.port,
            id: destination.id,
        };
        let leg = self.leg.as_ref()?;
        let mut underlay = underlay(leg, frame, receiver, measured);
        let input = leg.hops.last().filter(|hop| hop.place == receiver);
        let input = input.and_then(Hop::came_by);
        let has_come = input.is_some_and(|end| underlay.was_seen(end, false, Sort::Request));
        let differing = || {
            self.other_port(scene, &own, &other, measured)
                .or_else(|| self.other_network(scene, destination.id, &own, &other))
        };
        if has_come && let Some(cause) = differing() {
            return Some(cause);
        }
        underlay.taken.clone_from(&measured.taken);
        let legs = std::slice::from_ref(leg);
        let found = judge(scene, legs, &underlay).cause;
        match found {
            Some(cause) if cause.sort != "unknown" => {
                Some(self.of_underlay(scene, leg, cause, outer))
            }
            found => differing().or_else(|| {
                let cause = found.or_else(|| self.lost_at_receiver(scene, input))?;
                Some(self.of_underlay(scene, leg, cause, outer))
            }),
        }
    }

    /// What stops the outer packets, as a cause of the tunnel.
    fn of_underlay(&self, scene: &Scene, leg: &Leg, mut cause: Cause, outer: Outer) -> Cause {
        cause.text = format!(
            "outer packets of {} do not come to {}: {}",
            scene.name(self.near),
            leg.to,
            cause.text
        );
        cause.outer = Some(outer);
        cause
    }

    fn lost_at_receiver(&self, scene: &Scene, input: Option<End>) -> Option<Cause> {
        let text = format!(
            "they come in there, and not out of {}",
            scene.name(self.far)
        );
        Some(Cause::at("unknown", input?, text))
    }

    fn no_entry(&self, scene: &Scene) -> Cause {
        let near = scene.name(self.near);
        let text = match &self.mac {
            Some(mac) => format!(
                "{near} has no far end for {} and none for unknown addresses",
                mac::print(mac)
            ),
            None => format!("{near} has no far end for unknown addresses"),
        };
        let cause = Cause::at("no_fdb_entry", self.near, text)
            .seen("no entry of its forwarding database is for them");
        match self.proper {
            Some(ip) => cause.mend(self.entry(scene, ip)),
            None => cause,
        }
    }

    /// The line that adds an entry for frames to everybody.
    fn entry(&self, scene: &Scene, ip: IpAddr) -> String {
        format!(
            "{}.fdb(\"00:00:00:00:00:00\", #{{dst: \"{ip}\"}})",
            scene.typed(self.near)
        )
    }

    fn wrong_local(&self, scene: &Scene, local: IpAddr) -> Cause {
        let sender = scene.carrier(self.near);
        let text = format!(
            "{} sends from {local}, which {} does not have",
            scene.name(self.near),
            scene.places[sender].label
        );
        let cause = Cause::at("wrong_local", self.near, text).seen(format!("local {local}"));
        let first = self.leg.as_ref().and_then(|leg| leg.hops.first());
        let output = first.and_then(Hop::output);
        let own = output.and_then(|end| scene.address(end, local));
        match own {
            Some(ip) => cause.mend(format!(
                "{}.set(#{{local: \"{ip}\"}})",
                scene.typed(self.near)
            )),
            None => cause,
        }
    }

    fn other_group(&self, scene: &Scene, own: IpAddr, theirs: IpAddr) -> Cause {
        let (near, far) = (scene.name(self.near), scene.name(self.far));
        let text = format!("{near} sends to {own}, and {far} is not in that group");
        Cause::at("wrong_remote", self.far, text)
            .seen(format!("{near}: {own}, {far}: {theirs}"))
            .mend(format!(
                "{}.set(#{{{}}})",
                scene.typed(self.far),
                Tunnel::far_end(own)
            ))
    }

    fn wrong_remote(&self, scene: &Scene, own: &Tunnel, destination: &Destination) -> Cause {
        let (near, far) = (scene.name(self.near), scene.name(self.far));
        let ip = destination.ip;
        let receiver = &scene.places[scene.carrier(self.far)].label;
        let owner = scene.owners(ip).first().copied();
        // Where it is the right one for somebody else, an entry is missing.
        let is_of_another = owner.is_some_and(|owner| {
            let links = scene.places[owner.place].links.iter();
            let mut tunnels = links.filter_map(Tunnel::of);
            tunnels.any(|other| (other.id, other.port) == (own.id, own.port))
        });
        let is_flooded = destination
            .entry
            .as_ref()
            .is_none_or(|mac| mac.iter().all(|byte| *byte == 0));
        if is_of_another && is_flooded {
            let text = format!(
                "{near} sends frames for unknown addresses to {ip} and not to {receiver}, where {far} is"
            );
            let cause = Cause::at("no_fdb_entry", self.near, text)
                .seen(format!("far end {ip} of unknown addresses"));
            return match self.proper {
                Some(proper) => cause.mend(self.entry(scene, proper)),
                None => cause,
            };
        }
        let has = match owner {
            Some(owner) => format!("which is an address of {}", scene.name(owner)),
            None => "which nobody has".to_owned(),
        };
        let text = format!("{near} sends to {ip}, {has}, and not to {receiver}, where {far} is");
        let evidence = match &destination.entry {
            Some(mac) => format!("entry {} dst {ip}", mac::print(mac)),
            None => format!("remote {ip}"),
        };
        let cause = Cause::at("wrong_remote", self.near, text).seen(evidence);
        let Some(proper) = self.proper else {
            return cause;
        };
        let typed = scene.typed(self.near);
        cause.mend(match &destination.entry {
            None => format!("{typed}.set(#{{remote: \"{proper}\"}})"),
            Some(mac) => {
                let mac = mac::print(mac);
                format!(
                    "{typed}.del_fdb(\"{mac}\", #{{dst: \"{ip}\"}}).fdb(\"{mac}\", #{{dst: \"{proper}\"}})"
                )
            }
        })
    }

    fn other_port(
        &self,
        scene: &Scene,
        own: &Tunnel,
        other: &Tunnel,
        measured: &Measured,
    ) -> Option<Cause> {
        let (near, far) = (scene.name(self.near), scene.name(self.far));
        (own.port != other.port).then(|| {
            let text = format!(
                "{near} sends to port {}, and {far} listens on port {}",
                own.port, other.port
            );
            let counted = measured.grew(scene.carrier(self.far), &["Udp:NoPorts", "Udp6NoPorts"]);
            Cause::at("dstport", self.far, text)
                .seen(format!(
                    "{near}: dstport {}, {far}: dstport {}",
                    own.port, other.port
                ))
                .seen_if(counted)
                .mend(self.anew(scene, other, other.id, own.port))
        })
    }

    fn other_network(&self, scene: &Scene, id: u32, own: &Tunnel, other: &Tunnel) -> Option<Cause> {
        let (near, far) = (scene.name(self.near), scene.name(self.far));
        (id != other.id).then(|| {
            let text = format!(
                "{near} and {far} are not in one network: {id} and {}",
                other.id
            );
            Cause::at("vni", self.far, text)
                .seen(format!("{near}: id {id}, {far}: id {}", other.id))
                .mend(self.anew(scene, other, id, own.port))
        })
    }

    /// The line that makes the far end anew: neither its port nor its network can be changed.
    fn anew(&self, scene: &Scene, other: &Tunnel, id: u32, port: u16) -> String {
        let far = self.far;
        let name = scene.link(far).map_or("", |link| link.name.as_str());
        let mut options: Vec<String> = other.remote.map(Tunnel::far_end).into_iter().collect();
        options.extend(other.local.map(|ip| format!("local: \"{ip}\"")));
        let dev = other.dev.and_then(|link| {
            scene.link(End {
                place: far.place,
                link,
            })
        });
        options.extend(dev.map(|link| format!("dev: \"{}\"", link.name)));
        options.push(format!("dstport: {port}"));
        if other.word == "vxlan" && !other.is_learning {
            options.push("learning: false".to_owned());
        }
        options.push("replace: true".to_owned());
        format!(
            "{}.{}(\"{name}\", {id}, #{{{}}})",
            scene.places[far.place].typed,
            other.word,
            options.join(", ")
        )
    }
}

/// What was measured of the outer packets that carry such frames, as if they were the probes.
fn underlay(leg: &Leg, frame: Sort, receiver: usize, measured: &Measured) -> Measured {
    let carrying = measured
        .wrapped
        .iter()
        .filter(|(_, _, sort)| *sort == frame);
    // Where nothing was looked at, nothing was not seen.
    let places = leg.places().into_iter();
    let unseen = places.filter(|place| !measured.grown.contains_key(place));
    let blind = measured.blind.iter().copied().chain(unseen);
    Measured {
        length: measured.length + HEADERS,
        meant: Some(receiver),
        outcomes: vec![Outcome::Lost],
        grown: measured.grown.clone(),
        dropped: measured.dropped.clone(),
        hooked: measured.hooked.clone(),
        seen: carrying
            .map(|(end, is_out, _)| (*end, *is_out, Sort::Request))
            .collect(),
        wrapped: HashSet::new(),
        blind: blind.collect(),
        taken: HashMap::new(),
        passed: HashMap::new(),
        untaken: HashSet::new(),
        full_table: measured.full_table,
    }
}
