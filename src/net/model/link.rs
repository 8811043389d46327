//! Links of the model: made, changed, moved and deleted as the kernel does it.

use std::mem::discriminant;

use nix::errno::Errno;
use rtnetlink::packet_core::{Emitable, Parseable};
use rtnetlink::packet_route::RouteNetlinkMessage as Message;
use rtnetlink::packet_route::link::{
    InfoData, InfoKind, InfoNetkit, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
    State,
};

use super::driver_rules;
use super::place::{Place, Places};
use super::port::has_altname;
use crate::net::attributes::{self, Attributes};
use crate::net::namespace::{Id, id_of_number};
use crate::net::rule::Rule;

/// `IFLA_VRF_TABLE` of `linux/if_link.h`.
const VRF_TABLE: u16 = 1;

/// The name of a link.
pub(super) fn name_of(link: &LinkMessage) -> Option<&str> {
    link.attributes
        .iter()
        .find_map(|attribute| match attribute {
            LinkAttribute::IfName(name) => Some(name.as_str()),
            _ => None,
        })
}

/// The ifindex of what the link is under.
pub(super) fn master_of(link: &LinkMessage) -> Option<u32> {
    link.attributes
        .iter()
        .find_map(|attribute| match attribute {
            LinkAttribute::Controller(index) => Some(*index),
            _ => None,
        })
}

/// The routing table of a VRF; none of any other link.
pub(super) fn vrf_table(link: &LinkMessage) -> Option<u32> {
    if kind_of(link) != Some(&InfoKind::Vrf) {
        return None;
    }
    let data = infos_of(link).iter().find_map(|info| match info {
        LinkInfo::Data(data) => Some(data),
        _ => None,
    })?;
    attributes::number(&attributes::attributes_of(data), VRF_TABLE)
}

/// The ifindex of what the link is stacked on, and the id of the namespace that it lives in.
pub(super) fn parent_of(link: &LinkMessage) -> Option<(u32, Option<i32>)> {
    let mut nsid = None;
    let mut parent = None;
    for attribute in &link.attributes {
        match attribute {
            LinkAttribute::Link(index) => parent = Some(*index),
            LinkAttribute::LinkNetNsId(id) => nsid = Some(*id),
            _ => {}
        }
    }
    Some((parent?, nsid))
}

/// The namespace that a message asks a link to be in.
pub(super) fn target_of(message: &LinkMessage) -> Result<Option<Id>, Errno> {
    let fd = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            LinkAttribute::NetNsFd(fd) => Some(*fd),
            _ => None,
        });
    fd.map(|fd| id_of_number(fd).ok_or(Errno::EBADF))
        .transpose()
}

pub(super) fn set(link: &mut LinkMessage, new: LinkAttribute) {
    let kind = discriminant(&new);
    link.attributes.retain(|old| discriminant(old) != kind);
    link.attributes.push(new);
}

fn set_flags(link: &mut LinkMessage, message: &LinkMessage) {
    let mask = message.header.change_mask;
    let flags = (link.header.flags - mask) | (message.header.flags & mask);
    link.header.flags = flags;
    let is_up = flags.contains(LinkFlags::Up);
    link.header.flags.set(LinkFlags::LowerUp, is_up);
    let state = if is_up { State::Up } else { State::Down };
    set(link, LinkAttribute::OperState(state));
}

impl Place {
    pub(super) fn link(&mut self, index: u32) -> Option<&mut LinkMessage> {
        self.links
            .iter_mut()
            .find(|link| link.header.index == index)
    }

    /// The link that a message points at, by ifindex or name.
    pub(super) fn find(&self, message: &LinkMessage) -> Option<&LinkMessage> {
        let index = message.header.index;
        let name = name_of(message);
        self.links.iter().find(|link| {
            if index > 0 {
                link.header.index == index
            } else {
                name.is_some_and(|name| name_of(link) == Some(name) || has_altname(link, name))
            }
        })
    }

    pub(super) fn has_name(&self, name: &str) -> bool {
        let has_it = |link: &LinkMessage| name_of(link) == Some(name) || has_altname(link, name);
        self.links.iter().any(has_it)
    }

    /// An ifindex that no link has: `wanted` where that is free.
    pub(super) fn free_index(&self, wanted: u32) -> u32 {
        let is_free = |index: u32| self.links.iter().all(|link| link.header.index != index);
        if wanted > 0 && is_free(wanted) {
            return wanted;
        }
        let highest = self.links.iter().map(|link| link.header.index).max();
        highest.unwrap_or_default() + 1
    }
}

impl Places {
    /// Makes the link that the message, sent in `home`, asks for.
    pub(super) fn create_link(&mut self, home: Id, message: &LinkMessage) -> Result<(), Errno> {
        let target = target_of(message)?.unwrap_or(home);
        let peer = message.attributes.iter().find_map(peer_of);
        let peer = match peer {
            Some(peer) => Some((target_of(peer)?.unwrap_or(target), peer)),
            None => None,
        };
        for (place, asked) in [(target, message)].into_iter().chain(peer) {
            if name_of(asked).is_some_and(|name| self.place(place).has_name(name)) {
                return Err(Errno::EEXIST);
            }
        }
        let index = self.insert(target, message)?;
        if let Some((far, asked)) = peer {
            let end = self.insert(far, asked)?;
            self.point(target, index, far, end);
            self.point(far, end, target, index);
            if let (Some(kind), Some(link)) = (kind_of(message), self.place(far).link(end)) {
                let info = LinkInfo::Kind(kind.clone());
                set(link, LinkAttribute::LinkInfo(vec![info]));
            }
        } else if let Some((parent, _)) = parent_of(message) {
            let mtu = self.place(home).link(parent).and_then(|link| mtu_of(link));
            self.point(target, index, home, parent);
            if let (Some(mtu), Some(link)) = (mtu, self.place(target).link(index))
                && mtu_of(message).is_none()
            {
                set(link, LinkAttribute::Mtu(mtu));
            }
        }
        Ok(())
    }

    /// Lets the link `index` of `near` point at the link `other` of `far`.
    fn point(&mut self, near: Id, index: u32, far: Id, other: u32) {
        let nsid = (near != far).then(|| self.nsid(near, far));
        if let Some(link) = self.place(near).link(index) {
            set(link, LinkAttribute::Link(other));
            if let Some(nsid) = nsid {
                set(link, LinkAttribute::LinkNetNsId(nsid));
            }
        }
    }

    fn insert(&mut self, target: Id, message: &LinkMessage) -> Result<u32, Errno> {
        let place = self.place(target);
        let index = place.free_index(message.header.index);
        let mut link = LinkMessage::default();
        link.header.index = index;
        let mac = hardware_address(kind_of(message), index);
        link.attributes = vec![LinkAttribute::Address(mac)];
        driver_rules::begin(&mut link, message);
        set_flags(&mut link, message);
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::NetNsFd(_) => {}
                LinkAttribute::LinkInfo(infos) => {
                    set(&mut link, LinkAttribute::LinkInfo(as_told(infos)));
                }
                other => set(&mut link, other.clone()),
            }
        }
        if name_of(&link).is_none() {
            return Err(Errno::EINVAL);
        }
        let is_vrf = kind_of(&link) == Some(&InfoKind::Vrf);
        place.links.push(link);
        if is_vrf {
            for is_ipv6 in [false, true] {
                place.ensure_rule(Rule::of_vrf(is_ipv6).message());
            }
        }
        Ok(index)
    }

    /// Changes a link as the message, sent in `home`, asks.
    pub(super) fn change_link(&mut self, home: Id, message: &LinkMessage) -> Result<(), Errno> {
        let target = target_of(message)?.filter(|target| *target != home);
        let place = self.place(home);
        let found = place.find(message).ok_or(Errno::ENODEV)?;
        let (index, old) = (found.header.index, name_of(found).map(str::to_owned));
        if message.header.index > 0
            && let Some(name) = name_of(message)
            && Some(name) != old.as_deref()
        {
            let taken = self.place(target.unwrap_or(home)).has_name(name);
            if taken {
                return Err(Errno::EEXIST);
            }
        }
        if master_of(message).is_some() {
            self.place(home).forget_vlans_of(index);
        }
        let link = self.place(home).link(index).ok_or(Errno::ENODEV)?;
        set_flags(link, message);
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::NetNsFd(_) | LinkAttribute::NewIfIndex(_) => {}
                LinkAttribute::Controller(0) => link
                    .attributes
                    .retain(|old| !matches!(old, LinkAttribute::Controller(_))),
                LinkAttribute::LinkInfo(infos) => merge_info(link, infos),
                other => set(link, other.clone()),
            }
        }
        let wanted = message.attributes.iter().find_map(|a| match a {
            LinkAttribute::NewIfIndex(wanted) => u32::try_from(*wanted).ok(),
            _ => None,
        });
        match target {
            Some(target) => self.move_link(home, index, target, wanted),
            None => Ok(()),
        }
    }

    fn move_link(
        &mut self,
        home: Id,
        index: u32,
        target: Id,
        wanted: Option<u32>,
    ) -> Result<(), Errno> {
        let links = &self.place(home).links;
        let position = links.iter().position(|link| link.header.index == index);
        let position = position.ok_or(Errno::ENODEV)?;
        let name = name_of(&links[position]).unwrap_or_default().to_owned();
        if self.place(target).has_name(&name) {
            return Err(Errno::EEXIST);
        }
        let place = self.place(home);
        let mut link = place.links.remove(position);
        place.forget_objects_of(index);
        // A move brings it down and takes its master away.
        link.header.flags -= LinkFlags::Up | LinkFlags::LowerUp;
        set(&mut link, LinkAttribute::OperState(State::Down));
        link.attributes
            .retain(|old| !matches!(old, LinkAttribute::Controller(_)));
        let other = parent_of(&link).map(|(other, nsid)| {
            let far = nsid.and_then(|nsid| self.of_nsid(home, nsid));
            (other, far.unwrap_or(home))
        });
        let new = self.place(target).free_index(wanted.unwrap_or(index));
        link.header.index = new;
        link.attributes
            .retain(|old| !matches!(old, LinkAttribute::LinkNetNsId(_)));
        self.place(target).links.push(link);
        if let Some((other, far)) = other {
            self.point(target, new, far, other);
            let points_back = |link: &&mut LinkMessage| {
                parent_of(link).is_some_and(|(back, _)| back == index) && is_pair(link)
            };
            if self
                .place(far)
                .link(other)
                .as_ref()
                .is_some_and(points_back)
            {
                self.point(far, other, target, new);
            }
        }
        Ok(())
    }

    /// Deletes a link, and what goes with it: its addresses and routes, its peer, what is stacked on it.
    pub(super) fn delete_link(&mut self, home: Id, index: u32) {
        let mut doomed = vec![(home, index)];
        while let Some((id, index)) = doomed.pop() {
            let place = self.place(id);
            let Some(position) = place.links.iter().position(|l| l.header.index == index) else {
                continue;
            };
            let gone = place.links.remove(position);
            place.forget_objects_of(index);
            for link in &mut place.links {
                link.attributes
                    .retain(|old| !matches!(old, LinkAttribute::Controller(of) if *of == index));
            }
            if is_pair(&gone)
                && let Some((peer, nsid)) = parent_of(&gone)
            {
                let far = nsid.map_or(Some(id), |nsid| self.of_nsid(id, nsid));
                doomed.extend(far.map(|far| (far, peer)));
            }
            for other in self.ids() {
                let known = self.known_nsid(other, id);
                let stacked = |link: &&LinkMessage| {
                    !is_pair(link)
                        && parent_of(link).is_some_and(|(parent, nsid)| {
                            parent == index && nsid.map_or(other == id, |nsid| known == Some(nsid))
                        })
                };
                let links = self.place(other).links.iter().filter(stacked);
                doomed.extend(links.map(|link| (other, link.header.index)));
            }
        }
    }
}

/// The far end that a message asks for.
pub(super) fn peer_of(attribute: &LinkAttribute) -> Option<&LinkMessage> {
    let LinkAttribute::LinkInfo(infos) = attribute else {
        return None;
    };
    infos.iter().find_map(|info| match info {
        LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))) => Some(peer),
        LinkInfo::Data(InfoData::Netkit(infos)) => infos.iter().find_map(|info| match info {
            InfoNetkit::Peer(peer) => Some(peer),
            _ => None,
        }),
        _ => None,
    })
}

/// A hardware address that no other link has, as long as those of its kind are: a tunnel has the address that it sends from.
fn hardware_address(kind: Option<&InfoKind>, index: u32) -> Vec<u8> {
    let number = index.to_be_bytes();
    match kind.map(ToString::to_string).as_deref() {
        Some("sit" | "ipip" | "gre" | "vti") => number.into(),
        Some("wireguard" | "tun") => Vec::new(),
        Some("ip6tnl" | "ip6gre" | "vti6") => [&[0; 12], &number[..]].concat(),
        _ => [&[2, 0], &number[..]].concat(),
    }
}

/// The kind that a message asks for.
pub(super) fn kind_of(message: &LinkMessage) -> Option<&InfoKind> {
    infos_of(message).iter().find_map(|info| match info {
        LinkInfo::Kind(kind) => Some(kind),
        _ => None,
    })
}

/// What a link says of its kind.
pub(super) fn infos_of(link: &LinkMessage) -> &[LinkInfo] {
    let mut attributes = link.attributes.iter();
    let infos = attributes.find_map(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => Some(infos.as_slice()),
        _ => None,
    });
    infos.unwrap_or_default()
}

fn is_pair(link: &LinkMessage) -> bool {
    matches!(kind_of(link), Some(InfoKind::Veth | InfoKind::Netkit))
}

pub(super) fn mtu_of(link: &LinkMessage) -> Option<u32> {
    link.attributes
        .iter()
        .find_map(|attribute| match attribute {
            LinkAttribute::Mtu(mtu) => Some(*mtu),
            _ => None,
        })
}

/// Takes over what is said of the kind; what is not said stays.
fn merge_info(link: &mut LinkMessage, new: &[LinkInfo]) {
    // What is planned of WireGuard is all that there is: see `net::wireguard`.
    let is_whole = kind_of(link) == Some(&InfoKind::Wireguard);
    let mut infos = infos_of(link).to_vec();
    for info in new {
        let kind = discriminant(info);
        let old = infos.iter().position(|old| discriminant(old) == kind);
        let old = old.map(|position| infos.remove(position));
        infos.push(match (old, info) {
            (Some(LinkInfo::Data(old)), LinkInfo::Data(new)) if !is_whole => {
                LinkInfo::Data(merged(&old, new))
            }
            (_, info) => info.clone(),
        });
    }
    set(link, LinkAttribute::LinkInfo(as_told(&infos)));
}

/// The attributes of both, the new ones where both have one.
fn merged(old: &InfoData, new: &InfoData) -> InfoData {
    let [old, new] = [old, new].map(attributes::attributes_of);
    let is_kept = |(at, _): &(u16, Vec<u8>)| new.iter().all(|(known, _)| known != at);
    let mut all: Attributes = old.into_iter().filter(is_kept).collect();
    all.extend(new);
    InfoData::Other(attributes::bytes_of(&all))
}

/// What the kernel tells of a link that was asked for in bytes.
fn as_told(infos: &[LinkInfo]) -> Vec<LinkInfo> {
    let mut message = LinkMessage::default();
    message
        .attributes
        .push(LinkAttribute::LinkInfo(infos.to_vec()));
    let mut bytes = vec![0; message.buffer_len()];
    message.emit(&mut bytes);
    match LinkMessage::parse(&bytes[..]) {
        Ok(told) => infos_of(&told).to_vec(),
        Err(_) => infos.to_vec(),
    }
}

impl Place {
    /// Forgets addresses, routes and the like of a link that is gone.
    fn forget_objects_of(&mut self, index: u32) {
        use rtnetlink::packet_route::route::RouteAttribute;
        self.forget_nexthops_of(index);
        self.forget_vlans_of(index);
        self.objects.retain(|object| match object {
            Message::NewAddress(address) => address.header.index != index,
            Message::NewNeighbour(neighbour) => neighbour.header.ifindex != index,
            Message::NewQueueDiscipline(tc) | Message::NewTrafficClass(tc) => {
                u32::try_from(tc.header.index) != Ok(index)
            }
            Message::NewRoute(route) => !route
                .attributes
                .iter()
                .any(|attribute| matches!(attribute, RouteAttribute::Oif(oif) if *oif == index)),
            _ => true,
        });
    }
}
