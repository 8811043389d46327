//! The VLANs of a bridge's port, and of the bridge itself.

use std::collections::HashMap;

use rtnetlink::packet_route::link::{
    AfSpecBridge, BridgeFlag, BridgeVlanInfo, BridgeVlanInfoFlags, LinkAttribute, LinkExtentMask,
    LinkMessage,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use serde::{Deserialize, Serialize};

use crate::net::rtnl::{Refusal, Rtnl};

/// How a link is in a VLAN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// Whether frames that come in without a tag are of this VLAN.
    pub pvid: bool,
    /// Whether frames of it leave without a tag.
    pub untagged: bool,
}

/// The request for the VLANs of all bridges and ports.
pub(super) fn asking() -> RouteNetlinkMessage {
    let mut message = LinkMessage::default();
    message.header.interface_family = AddressFamily::Bridge;
    let mask = LinkAttribute::ExtMask(vec![LinkExtentMask::Brvlan]);
    message.attributes.push(mask);
    RouteNetlinkMessage::GetLink(message)
}

/// The VLANs that the link is in, by their ids.
pub async fn list(rtnl: &Rtnl, index: u32) -> Result<Vec<(u16, Membership)>, Refusal> {
    Ok(all(rtnl).await?.remove(&index).unwrap_or_default())
}

/// The VLANs that each link is in, by its ifindex; bridges and their ports are told.
pub async fn all(rtnl: &Rtnl) -> Result<HashMap<u32, Vec<(u16, Membership)>>, Refusal> {
    let mut vlans: HashMap<u32, Vec<_>> = HashMap::new();
    for answer in rtnl.dump(asking()).await? {
        let RouteNetlinkMessage::NewLink(link) = answer else {
            continue;
        };
        let of_link = vlans.entry(link.header.index).or_default();
        for attribute in link.attributes {
            if let LinkAttribute::AfSpecBridge(specs) = attribute {
                of_link.extend(specs.iter().filter_map(membership));
            }
        }
    }
    Ok(vlans)
}

fn membership(spec: &AfSpecBridge) -> Option<(u16, Membership)> {
    let AfSpecBridge::VlanInfo(info) = spec else {
        return None;
    };
    let membership = Membership {
        pvid: info.flags.contains(BridgeVlanInfoFlags::Pvid),
        untagged: info.flags.contains(BridgeVlanInfoFlags::Untagged),
    };
    Some((info.vid, membership))
}

/// Puts the link into the VLAN `vid`, or takes it out where there is no membership. `own` is said of a bridge itself.
pub async fn set(
    rtnl: &Rtnl,
    index: u32,
    vid: u16,
    membership: Option<Membership>,
    own: bool,
) -> Result<(), Refusal> {
    let mut message = LinkMessage::default();
    message.header.interface_family = AddressFamily::Bridge;
    message.header.index = index;
    let mut flags = BridgeVlanInfoFlags::empty();
    if membership.is_some_and(|membership| membership.pvid) {
        flags |= BridgeVlanInfoFlags::Pvid;
    }
    if membership.is_some_and(|membership| membership.untagged) {
        flags |= BridgeVlanInfoFlags::Untagged;
    }
    let mut specs = Vec::new();
    if own {
        specs.push(AfSpecBridge::Flags(BridgeFlag::LowerDev));
    }
    specs.push(AfSpecBridge::VlanInfo(BridgeVlanInfo { flags, vid }));
    message.attributes.push(LinkAttribute::AfSpecBridge(specs));
    let request = if membership.is_some() {
        RouteNetlinkMessage::SetLink(message)
    } else {
        RouteNetlinkMessage::DelLink(message)
    };
    rtnl.tell(request, 0).await
}
