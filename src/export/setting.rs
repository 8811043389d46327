//! What a link is given beside its making, where it is not what it would have by itself.

use super::draft::Draft;
use super::world::{Found, LinkId, devices, fact, kind_of};
use crate::dsl::kinds::kind::{self, Kind};
use crate::lab::setting::Setting;
use crate::lab::setting::plain::{Flag, Number};
use crate::net::link::Snapshot;
use crate::schema::text;
use crate::steps::{Call, Value};

/// What most links have.
const USUAL_MTU: u32 = 1500;
const USUAL_QUEUE: u32 = 1000;
const LOOPBACK_MTU: u32 = 65_536;
/// What the headers of a VXLAN take of a packet, over IPv4 and over IPv6.
const VXLAN: u32 = 50;
const VXLAN6: u32 = 70;
/// The facts that are ends of a tunnel.
const ENDS: [&str; 3] = ["group", "local", "remote"];
/// `GSO_LEGACY_MAX_SIZE`, `GSO_MAX_SEGS` and `GRO_LEGACY_MAX_SIZE` of `linux/netdevice.h`.
const USUAL_LIMITS: [(Number, u32); 3] = [
    (Number::GsoMaxSize, 65_536),
    (Number::GsoMaxSegs, 65_535),
    (Number::GroMaxSize, 65_536),
];

/// What a link of its kind has where nothing is said.
fn usual<T: std::str::FromStr>(seen: &Snapshot, key: &str) -> Option<T> {
    let kind = kind_of(seen)?;
    let (_, value) = kind.settings.iter().find(|(known, _)| *known == key)?;
    value.parse().ok()
}

impl Draft<'_> {
    /// The parent, where it is a link that was read.
    fn parent_of(&self, id: LinkId, seen: &Snapshot) -> Option<&Snapshot> {
        if kind::is_pair(&seen.kind) {
            return None;
        }
        match self.world.other_end(self.session, id) {
            Found::Link(parent) => self.world.link(parent),
            _ => None,
        }
    }

    /// The master, and whether it is one whose ports were given to it at its making.
    pub(super) fn master_of(&self, id: LinkId, seen: &Snapshot) -> Option<&Snapshot> {
        self.world.link((id.0, seen.master?))
    }

    /// Whether the link is a port of a bond, which decides of its MTU and its hardware address, and brings it up.
    pub(super) fn is_bond_port(&self, id: LinkId, seen: &Snapshot) -> bool {
        self.master_of(id, seen)
            .is_some_and(|master| master.kind == "bond")
    }

    /// The MTU that the link would have by itself; none where nobody knows.
    pub(super) fn usual_mtu(&self, id: LinkId, seen: &Snapshot) -> Option<u32> {
        if seen.loopback {
            return Some(LOOPBACK_MTU);
        }
        if self.is_bond_port(id, seen) {
            return self.master_of(id, seen).map(|master| master.mtu);
        }
        if seen.kind == "bridge" {
            let least = self.world.ports(id).map(|port| port.mtu).min();
            return Some(least.unwrap_or(USUAL_MTU));
        }
        if !stands_alone(seen) {
            return self.parent_of(id, seen).map(|parent| parent.mtu);
        }
        if seen.kind == "vxlan"
            && let Some(device) = kind_of(seen).and_then(|kind| devices(kind, seen).next())
        {
            let ends = ENDS.into_iter().filter_map(|key| fact(seen, key));
            let is_v6 = ends.map(|end| text(&end)).any(|end| end.contains(':'));
            let device = self.world.link((id.0, device))?;
            return device.mtu.checked_sub(if is_v6 { VXLAN6 } else { VXLAN });
        }
        // Each of these takes four bytes of the header of GRE.
        let more = ["csum", "key", "seq"].into_iter().filter(|key| {
            let none = [Value::Flag(false), Value::Number(0)];
            fact(seen, key).is_some_and(|value| !none.contains(&value))
        });
        let more = more.map(|_| 4).sum::<u32>();
        Some(usual(seen, "mtu").unwrap_or(USUAL_MTU) - more)
    }

    /// Whether the link has a hardware address that somebody has chosen.
    pub(super) fn has_own_mac(&self, id: LinkId, seen: &Snapshot) -> bool {
        let shares = seen.kind.starts_with("ipv") || self.is_bond_port(id, seen) || seen.loopback;
        let is_of_parent = self
            .parent_of(id, seen)
            .is_some_and(|parent| parent.mac == seen.mac);
        !shares && !is_of_parent && self.world.places[id.0].has_set_mac(seen)
    }

    /// The name of the port that a bond prefers.
    pub(super) fn primary_port(&self, id: LinkId, seen: &Snapshot) -> Option<String> {
        match Setting::PrimaryPort(0).of(seen)? {
            Setting::PrimaryPort(index) if index > 0 => {
                self.world.places[id.0].name_of(index).map(str::to_owned)
            }
            _ => None,
        }
    }

    /// Says what the link is given that its kind does not decide.
    pub(super) fn settings(&mut self, id: LinkId, seen: &Snapshot) {
        let mut calls = Vec::new();
        if let Some(alias) = &seen.alias {
            calls.push(Call::new("alias", [Value::text(alias)]));
        }
        for name in &seen.altnames {
            calls.push(Call::new("altname", [Value::text(name)]));
        }
        if seen.group > 0 {
            calls.push(Call::new("group", [Value::Number(seen.group.into())]));
        }
        if seen.txqlen != usual(seen, "txqlen").unwrap_or(USUAL_QUEUE) {
            calls.push(Call::new("txqlen", [Value::Number(seen.txqlen.into())]));
        }
        let parent = self.parent_of(id, seen);
        for (number, usual) in USUAL_LIMITS {
            let found = number.of(seen);
            // By older kernels a link has those of the one that it is on. What it has already may be said again.
            let differs = [Some(seen), parent]
                .into_iter()
                .flatten()
                .any(|link| number.of(link) != usual);
            if differs && !seen.kind.is_empty() {
                calls.push(Call::new(number.name(), [Value::Number(found.into())]));
            }
        }
        let mut flag = |flag: Flag, usual: bool| {
            let found = flag.of(seen);
            if found != usual {
                calls.push(Call::new(flag.name(), [Value::Flag(found)]));
            }
        };
        flag(Flag::Promisc, false);
        flag(Flag::AllMulticast, false);
        if !seen.loopback {
            let like_parent = parent.filter(|_| seen.kind == "vlan");
            let usual = |key, of: Flag| {
                like_parent.map_or_else(|| usual(seen, key).unwrap_or(true), |parent| of.of(parent))
            };
            // A slave that routes turns it off as it comes up.
            if seen.up || !is_routed(seen) {
                flag(Flag::Arp, usual("arp", Flag::Arp) && !is_routed(seen));
            }
            flag(Flag::Multicast, usual("multicast", Flag::Multicast));
        }
        for call in calls {
            self.on_link(id, &seen.name, call);
        }
    }
}

/// Whether it is an ipvlan slave that routes, and so asks for no neighbours.
fn is_routed(seen: &Snapshot) -> bool {
    let mode = fact(seen, "mode");
    seen.kind.starts_with("ipv") && mode.is_some_and(|mode| mode != Value::text("l2"))
}

/// Whether it is no link on another one, from which it has its settings.
fn stands_alone(seen: &Snapshot) -> bool {
    let carried = kind_of(seen).is_some_and(Kind::has_devices);
    seen.parent.is_none() || carried || kind::is_pair(&seen.kind)
}
