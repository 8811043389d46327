//! VLANs of the ports of bridges in the model, and other names of links: what is told by messages of their own.

use nix::errno::Errno;
use rtnetlink::packet_core::NLM_F_DUMP;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::RouteNetlinkMessage as Message;
use rtnetlink::packet_route::link::{
    AfSpecBridge, BridgeVlanInfo, BridgeVlanInfoFlags, InfoBridge, InfoData, InfoKind,
    LinkAttribute, LinkInfo, LinkMessage, Prop,
};

use super::answer::View;
use super::link::{infos_of, kind_of, master_of, name_of};
use super::place::{Asked, Place};
use crate::net::rtnl::Refusal;

/// Whether a message about a link is about its part in a bridge.
pub(super) fn is_of_bridge(message: &LinkMessage) -> bool {
    message.header.interface_family == AddressFamily::Bridge
}

impl View {
    /// Answers a request about the VLANs of ports, as the kernel would.
    pub(super) async fn exchange_vlans(
        &self,
        request: &Message,
        flags: u16,
    ) -> Result<Vec<Message>, Refusal> {
        let all = crate::net::bridge_vlan::asking();
        self.know(Asked::Vlans, all).await?;
        self.with_place(|place| match request {
            Message::GetLink(_) if flags & NLM_F_DUMP != 0 => {
                let ports: Vec<u32> = place.ports();
                let told = ports.into_iter().map(|port| place.vlans_of(port).clone());
                Ok(told.map(Message::NewLink).collect())
            }
            Message::SetLink(message) => place.set_vlans(message, true),
            Message::DelLink(message) => place.set_vlans(message, false),
            _ => Err(Errno::EOPNOTSUPP),
        })
        .map_err(Refusal::of)
    }
}

fn vlans(message: &LinkMessage) -> impl Iterator<Item = &BridgeVlanInfo> {
    let specs = message
        .attributes
        .iter()
        .filter_map(|attribute| match attribute {
            LinkAttribute::AfSpecBridge(specs) => Some(specs),
            _ => None,
        });
    specs.flatten().filter_map(|spec| match spec {
        AfSpecBridge::VlanInfo(info) => Some(info),
        _ => None,
    })
}

/// What is told of the VLANs of a link.
fn telling(index: u32, vlans: &[BridgeVlanInfo]) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.interface_family = AddressFamily::Bridge;
    message.header.index = index;
    let specs = vlans.iter().map(|info| {
        AfSpecBridge::VlanInfo(BridgeVlanInfo {
            flags: info.flags,
            vid: info.vid,
        })
    });
    message.attributes = vec![LinkAttribute::AfSpecBridge(specs.collect())];
    message
}

/// The options of a bridge.
fn bridge_of(link: &LinkMessage) -> Option<Vec<InfoBridge>> {
    let is_bridge = kind_of(link) == Some(&InfoKind::Bridge);
    let options = infos_of(link).iter().find_map(|info| match info {
        LinkInfo::Data(InfoData::Bridge(options)) => Some(options.clone()),
        _ => None,
    });
    is_bridge.then(|| options.unwrap_or_default())
}

impl Place {
    /// The bridge that a link is, or is a port of.
    fn bridge(&self, link: &LinkMessage) -> Option<Vec<InfoBridge>> {
        let master = master_of(link);
        let master = self
            .links
            .iter()
            .find(|one| Some(one.header.index) == master);
        bridge_of(link).or_else(|| bridge_of(master?))
    }

    /// The bridges and their ports.
    fn ports(&self) -> Vec<u32> {
        let links = self.links.iter();
        let ports = links.filter(|link| self.bridge(link).is_some());
        ports.map(|link| link.header.index).collect()
    }

    /// What is told of the VLANs of a port. A new one is in that which its bridge has for all.
    fn vlans_of(&mut self, index: u32) -> &mut LinkMessage {
        let known = self.vlans.iter().position(|one| one.header.index == index);
        let position = known.unwrap_or_else(|| {
            let link = self.links.iter().find(|link| link.header.index == index);
            let bridge = link.and_then(|link| self.bridge(link)).unwrap_or_default();
            let vid = bridge.iter().find_map(|option| match option {
                InfoBridge::VlanDefaultPvid(vid) => Some(*vid),
                _ => None,
            });
            let own = BridgeVlanInfo {
                flags: BridgeVlanInfoFlags::Pvid | BridgeVlanInfoFlags::Untagged,
                vid: vid.unwrap_or(1),
            };
            let vlans = if own.vid > 0 { vec![own] } else { Vec::new() };
            self.vlans.push(telling(index, &vlans));
            self.vlans.len() - 1
        });
        &mut self.vlans[position]
    }

    fn set_vlans(&mut self, message: &LinkMessage, into: bool) -> Result<Vec<Message>, Errno> {
        let index = message.header.index;
        if !self.ports().contains(&index) {
            return Err(Errno::EOPNOTSUPP);
        }
        let told = self.vlans_of(index);
        let mut present: Vec<(u16, BridgeVlanInfoFlags)> =
            vlans(told).map(|info| (info.vid, info.flags)).collect();
        for asked in vlans(message) {
            let count = present.len();
            present.retain(|(vid, _)| *vid != asked.vid);
            if into {
                if asked.flags.contains(BridgeVlanInfoFlags::Pvid) {
                    for (_, flags) in &mut present {
                        flags.remove(BridgeVlanInfoFlags::Pvid);
                    }
                }
                present.push((asked.vid, asked.flags));
            } else if present.len() == count {
                return Err(Errno::ENOENT);
            }
        }
        present.sort_by_key(|(vid, _)| *vid);
        let present: Vec<BridgeVlanInfo> = present
            .into_iter()
            .map(|(vid, flags)| BridgeVlanInfo { flags, vid })
            .collect();
        *told = telling(index, &present);
        Ok(Vec::new())
    }

    /// Forgets the VLANs of a link that is no port any more, or one of another bridge.
    pub(super) fn forget_vlans_of(&mut self, index: u32) {
        self.vlans.retain(|one| one.header.index != index);
    }

    /// Gives a link other names, or takes them away.
    pub(super) fn set_altnames(&mut self, message: &LinkMessage, add: bool) -> Result<(), Errno> {
        let asked: Vec<Prop> = message.attributes.iter().flat_map(props).cloned().collect();
        let index = message.header.index;
        let is_taken = |name: &str| {
            let own = |link: &LinkMessage| name_of(link) == Some(name) || has_altname(link, name);
            self.links.iter().any(own)
        };
        let names = |prop: &Prop| match prop {
            Prop::AltIfName(name) => Some(name.clone()),
            _ => None,
        };
        if add && asked.iter().filter_map(names).any(|name| is_taken(&name)) {
            return Err(Errno::EEXIST);
        }
        let link = self.link(index).ok_or(Errno::ENODEV)?;
        let mut all: Vec<Prop> = link.attributes.iter().flat_map(props).cloned().collect();
        for prop in asked {
            let is_there = all.contains(&prop);
            match (add, is_there) {
                (true, _) => all.push(prop),
                (false, true) => all.retain(|one| *one != prop),
                (false, false) => return Err(Errno::ENOENT),
            }
        }
        link.attributes
            .retain(|old| !matches!(old, LinkAttribute::PropList(_)));
        link.attributes.push(LinkAttribute::PropList(all));
        Ok(())
    }
}

fn props(attribute: &LinkAttribute) -> &[Prop] {
    match attribute {
        LinkAttribute::PropList(props) => props,
        _ => &[],
    }
}

/// Whether a link has that name beside its own.
pub(super) fn has_altname(link: &LinkMessage, name: &str) -> bool {
    let mut all = link.attributes.iter().flat_map(props);
    all.any(|prop| matches!(prop, Prop::AltIfName(known) if known == name))
}
