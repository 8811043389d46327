//! What messages about links say that matters to a shadow.

use rtnetlink::packet_route::RouteNetlinkMessage as Message;
use rtnetlink::packet_route::link::{
    InfoData, InfoKind, InfoNetkit, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use rtnetlink::packet_route::route::{RouteAttribute, RouteMessage, RouteMetric};
use rtnetlink::packet_route::tc::TcAttribute;

use crate::net::attributes;

use super::super::link::{infos_of, kind_of, parent_of, set};

/// The link that a route leads by.
pub(super) fn oif_of(route: &RouteMessage) -> Option<u32> {
    let mut attributes = route.attributes.iter();
    attributes.find_map(|attribute| match attribute {
        RouteAttribute::Oif(index) => Some(*index),
        _ => None,
    })
}

/// The links of the place of a message that the new one is stacked on, or sends by.
pub(super) fn carriers_of(link: &LinkMessage) -> Vec<u32> {
    let mut carriers: Vec<u32> = parent_of(link)
        .map(|(index, _)| index)
        .into_iter()
        .collect();
    // `IFLA_VXLAN_LINK`, `IFLA_GRE_LINK`, `IFLA_IPTUN_LINK` and `IFLA_XFRM_LINK` of `linux/if_link.h` and `linux/if_tunnel.h`.
    let number = match kind_of(link) {
        Some(InfoKind::Vxlan) => 3,
        Some(
            InfoKind::GreTun
            | InfoKind::GreTap
            | InfoKind::GreTun6
            | InfoKind::GreTap6
            | InfoKind::IpIp
            | InfoKind::SitTun
            | InfoKind::Ip6Tnl
            | InfoKind::Xfrm,
        ) => 1,
        _ => return carriers,
    };
    for info in infos_of(link) {
        if let LinkInfo::Data(data) = info {
            let index = attributes::number(&attributes::attributes_of(data), number);
            carriers.extend(index.filter(|index| *index > 0));
        }
    }
    carriers
}

/// The far end that a message asks for, to be changed.
pub(super) fn peer_mut(message: &mut LinkMessage) -> Option<&mut LinkMessage> {
    message.attributes.iter_mut().find_map(|attribute| {
        let LinkAttribute::LinkInfo(infos) = attribute else {
            return None;
        };
        infos.iter_mut().find_map(|info| match info {
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))) => Some(peer),
            LinkInfo::Data(InfoData::Netkit(infos)) => {
                infos.iter_mut().find_map(|info| match info {
                    InfoNetkit::Peer(peer) => Some(peer),
                    _ => None,
                })
            }
            _ => None,
        })
    })
}

/// What a planned link has of itself is what the one in the shadow has. Where it is, and what it points at, the model knows.
pub(super) fn take_over(link: &mut LinkMessage, seen: &LinkMessage) {
    let kept = LinkFlags::LowerUp | LinkFlags::Running;
    link.header.flags = (seen.header.flags - kept) | (link.header.flags & kept);
    link.header.flags.set(
        LinkFlags::LowerUp,
        seen.header.flags.contains(LinkFlags::Up) && link.header.flags.contains(LinkFlags::LowerUp),
    );
    // Some links have none.
    let is_address = |attribute: &LinkAttribute| matches!(attribute, LinkAttribute::Address(_));
    link.attributes.retain(|attribute| !is_address(attribute));
    let is_wireguard = kind_of(link) == Some(&InfoKind::Wireguard);
    for attribute in &seen.attributes {
        match attribute {
            LinkAttribute::Mtu(_)
            | LinkAttribute::Address(_)
            | LinkAttribute::TxQueueLen(_)
            | LinkAttribute::Group(_)
            | LinkAttribute::GsoMaxSize(_)
            | LinkAttribute::GsoMaxSegs(_)
            | LinkAttribute::GroMaxSize(_)
            | LinkAttribute::NumTxQueues(_)
            | LinkAttribute::NumRxQueues(_)
            | LinkAttribute::Carrier(_) => set(link, attribute.clone()),
            LinkAttribute::LinkInfo(_) if !is_wireguard => set(link, attribute.clone()),
            _ => {}
        }
    }
}

/// The modules that the kernel would load for the request, by their names, besides a driver of links.
pub(super) fn modules_of(message: &Message) -> Vec<String> {
    let kind = |prefix: &str, attributes: &[TcAttribute]| {
        let kinds = attributes.iter().filter_map(|attribute| match attribute {
            TcAttribute::Kind(kind) => Some(format!("{prefix}_{kind}")),
            _ => None,
        });
        kinds.collect()
    };
    match message {
        Message::NewQueueDiscipline(queue) => kind("sch", &queue.attributes),
        Message::NewTrafficClass(class) => kind("sch", &class.attributes),
        Message::NewTrafficFilter(filter) => kind("cls", &filter.attributes),
        Message::NewRoute(route) => {
            let metrics = route
                .attributes
                .iter()
                .filter_map(|attribute| match attribute {
                    RouteAttribute::Metrics(metrics) => Some(metrics),
                    _ => None,
                });
            let named = metrics.flatten().filter_map(|metric| match metric {
                RouteMetric::CcAlgo(name) => Some(format!("tcp_{name}")),
                _ => None,
            });
            named.collect()
        }
        _ => Vec::new(),
    }
}
