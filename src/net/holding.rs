//! What hangs on the links of a namespace beside their addresses: nexthop objects, routes, lasting neighbours, entries of
//! forwarding databases. Each is kept as the request that makes it again, with all that the kernel tells of it, also what nobody
//! here has a word for.

use std::collections::{HashMap, HashSet};

use nix::errno::Errno;
use rtnetlink::packet_core::{NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, Nla};
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use rtnetlink::packet_route::route::{
    RouteAttribute, RouteFlags, RouteMessage, RouteNextHopFlags, RouteProtocol, RouteType,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use serde::{Deserialize, Serialize};

use crate::net::nexthop::wire::{NexthopAttribute, NexthopMessage, Verb};
use crate::net::nexthop::{ONLINK, group_text};
use crate::net::packet::Packet;
use crate::net::request::Message;
use crate::net::route::{self, Route};
use crate::net::rtnl::{Refusal, Rtnl};
use crate::value::mac;

/// `NDA_NH_ID` of the kernel's `linux/neighbour.h`: the nexthop group that an entry leads to.
const NDA_NH_ID: u16 = 13;

/// What sort of thing it is, in the order in which they depend on each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// A nexthop object.
    Nexthop,
    /// A group of nexthop objects.
    Group,
    /// A route.
    Route,
    /// A neighbour that stays until somebody takes it away, or one that is answered for.
    Neighbour,
    /// An entry of a forwarding database that stays.
    Fdb,
}

/// One thing that hangs on a link.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Holding {
    /// What sort of thing it is.
    pub sort: Sort,
    /// The request that makes it again.
    message: Message,
}

impl Holding {
    fn new(sort: Sort, message: &(impl Into<Packet> + Clone), flags: u16) -> Self {
        Self {
            sort,
            message: Message::new(message, flags),
        }
    }

    /// A route.
    pub fn of_route(route: &Route) -> Self {
        Self::route(route.message())
    }

    fn route(message: RouteMessage) -> Self {
        let message = RouteNetlinkMessage::NewRoute(message);
        Self::new(Sort::Route, &message, NLM_F_CREATE | NLM_F_EXCL)
    }

    /// The ifindex of the link that a nexthop object leads over.
    pub fn link_of_nexthop(&self) -> Option<u32> {
        let Ok(Packet::Nexthop(message)) = self.message.message() else {
            return None;
        };
        message
            .attributes
            .iter()
            .find_map(|attribute| match attribute {
                NexthopAttribute::Link(link) => Some(*link),
                _ => None,
            })
    }

    /// The hardware address that a link listens to beside its own, with the link's ifindex: the kernel notes there the addresses of
    /// the macvlans on it, also of those in other namespaces.
    pub fn listened_to(&self) -> Option<(u32, Vec<u8>)> {
        let Ok(Packet::Route(RouteNetlinkMessage::NewNeighbour(message))) = self.message.message()
        else {
            return None;
        };
        let header = &message.header;
        let is_own = header.flags.contains(NeighbourFlags::Own);
        if header.family != AddressFamily::Bridge
            || !is_own
            || message.attributes.iter().any(leads_on)
        {
            return None;
        }
        let mac = message
            .attributes
            .iter()
            .find_map(|attribute| match attribute {
                NeighbourAttribute::LinkLayerAddress(mac) => Some(mac.clone()),
                _ => None,
            })?;
        Some((header.ifindex, mac))
    }

    /// Makes it again.
    pub async fn send(&self, rtnl: &Rtnl) -> Result<(), Refusal> {
        self.message.send(rtnl).await
    }

    /// The same for links that have another ifindex now: by the old one, the new.
    #[must_use]
    pub fn on_other_links(&self, moved: &HashMap<u32, u32>) -> Self {
        Self {
            sort: self.sort,
            message: self.message.renumbered(moved),
        }
    }

    /// Whether it leads over one of `links`, or by one of the nexthop objects `ids`, or is of such a link.
    fn hangs_on(&self, links: &HashSet<u32>, ids: &HashSet<u32>) -> bool {
        let is_on = |link: &u32| links.contains(link);
        match self.message.message() {
            Ok(Packet::Nexthop(message)) => message.attributes.iter().any(|one| match one {
                NexthopAttribute::Link(link) => is_on(link),
                NexthopAttribute::Group(members) => {
                    members.iter().any(|member| ids.contains(&member.id))
                }
                _ => false,
            }),
            Ok(Packet::Route(RouteNetlinkMessage::NewRoute(message))) => {
                message.attributes.iter().any(|one| match one {
                    RouteAttribute::Oif(link) => is_on(link),
                    RouteAttribute::MultiPath(hops) => {
                        hops.iter().any(|hop| is_on(&hop.interface_index))
                    }
                    RouteAttribute::NhId(id) => ids.contains(id),
                    _ => false,
                })
            }
            Ok(Packet::Route(RouteNetlinkMessage::NewNeighbour(message))) => {
                is_on(&message.header.ifindex)
            }
            _ => false,
        }
    }

    /// The number of the nexthop object that it is.
    fn id(&self) -> Option<u32> {
        let Ok(Packet::Nexthop(message)) = self.message.message() else {
            return None;
        };
        message.attributes.iter().find_map(|one| match one {
            NexthopAttribute::Id(id) => Some(*id),
            _ => None,
        })
    }

    /// What it is, in words; `name_of` tells the name of the link of an ifindex.
    pub fn line(&self, name_of: impl Fn(u32) -> Option<String>) -> String {
        let link = |index| name_of(index).unwrap_or_else(|| format!("ifindex {index}"));
        match self.message.message() {
            Ok(Packet::Nexthop(message)) => format!("nexthop `{}`", nexthop_line(&message, link)),
            Ok(Packet::Route(RouteNetlinkMessage::NewRoute(message))) => {
                let route = route::read(&message);
                let text = route.map(|route| route.line(|index| Some(link(index))));
                format!("route `{}`", text.unwrap_or_default())
            }
            Ok(Packet::Route(RouteNetlinkMessage::NewNeighbour(message))) => {
                neighbour_line(&message, link)
            }
            _ => "something unknown".to_owned(),
        }
    }
}

fn nexthop_line(message: &NexthopMessage, link: impl Fn(u32) -> String) -> String {
    let words = message.attributes.iter().filter_map(|attribute| {
        Some(match attribute {
            NexthopAttribute::Id(id) => format!("id {id}"),
            NexthopAttribute::Group(members) => format!("group {}", group_text(members)),
            NexthopAttribute::Link(index) => format!("dev {}", link(*index)),
            NexthopAttribute::Gateway(via) => format!("via {via}"),
            NexthopAttribute::Blackhole => "blackhole".to_owned(),
            NexthopAttribute::Other(_) => return None,
        })
    });
    words.collect::<Vec<_>>().join(" ")
}

fn neighbour_line(message: &NeighbourMessage, link: impl Fn(u32) -> String) -> String {
    let name = link(message.header.ifindex);
    let is_of_bridge = message.header.family == AddressFamily::Bridge;
    let told = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            NeighbourAttribute::LinkLayerAddress(bytes) if is_of_bridge => Some(mac::print(bytes)),
            NeighbourAttribute::Destination(NeighbourAddress::Inet(ip)) if !is_of_bridge => {
                Some(ip.to_string())
            }
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(ip)) if !is_of_bridge => {
                Some(ip.to_string())
            }
            _ => None,
        });
    let what = if is_of_bridge {
        "fdb entry"
    } else if message.header.flags.contains(NeighbourFlags::Proxy) {
        "neighbor proxy"
    } else {
        "neighbor"
    };
    format!("{what} `{} dev {name}`", told.unwrap_or_default())
}

/// Leaves out what hangs on `links`, which do not come back.
pub(crate) fn leave_out(holdings: &mut Vec<Holding>, links: &HashSet<u32>) {
    let mut ids = HashSet::new();
    // A group hangs on its members, a route on either.
    for sort in [Sort::Nexthop, Sort::Group, Sort::Route] {
        holdings.retain(|one| {
            let stays = one.sort != sort || !one.hangs_on(links, &ids);
            stays || {
                ids.extend(one.id());
                false
            }
        });
    }
    holdings.retain(|one| !one.hangs_on(links, &ids));
}

/// What hangs on `links` of the namespace, on all of them where none are given. What the kernel makes along with an address is
/// left out.
pub async fn list(rtnl: &Rtnl, links: Option<&[u32]>) -> Result<Vec<Holding>, Refusal> {
    let is_on = |link: u32| links.is_none_or(|links| links.contains(&link));
    let (mut found, ids) = nexthops(rtnl, is_on).await?;
    let leads_there = |message: &RouteMessage| {
        links.is_none()
            || message.attributes.iter().any(|attribute| match attribute {
                RouteAttribute::Oif(link) => is_on(*link),
                RouteAttribute::MultiPath(hops) => {
                    hops.iter().any(|hop| is_on(hop.interface_index))
                }
                RouteAttribute::NhId(id) => ids.contains(id),
                _ => false,
            })
    };
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut message = RouteMessage::default();
        message.header.address_family = family;
        for answer in dump(rtnl, RouteNetlinkMessage::GetRoute(message)).await? {
            if let RouteNetlinkMessage::NewRoute(message) = answer
                && is_made(&message)
                && leads_there(&message)
            {
                found.push(Holding::route(asked_for(message)));
            }
        }
    }
    for (family, flags) in [
        (AddressFamily::Unspec, NeighbourFlags::empty()),
        (AddressFamily::Unspec, NeighbourFlags::Proxy),
        (AddressFamily::Bridge, NeighbourFlags::empty()),
    ] {
        let mut message = NeighbourMessage::default();
        message.header.family = family;
        message.header.flags = flags;
        for answer in dump(rtnl, RouteNetlinkMessage::GetNeighbour(message)).await? {
            if let RouteNetlinkMessage::NewNeighbour(message) = answer
                && is_on(message.header.ifindex)
            {
                found.extend(neighbour(message));
            }
        }
    }
    Ok(found)
}

/// Makes those of `wanted` again that are not there, and returns those that the kernel does not take.
pub async fn restore(rtnl: &Rtnl, wanted: &[Holding]) -> Result<Vec<(Holding, Refusal)>, Refusal> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let there: HashSet<Holding> = list(rtnl, None).await?.into_iter().collect();
    let mut missing: Vec<&Holding> = wanted.iter().filter(|one| !there.contains(one)).collect();
    missing.sort_by_key(|one| one.sort);
    // A route may need another one, to its gateway: as long as some are taken, the others may be in the next round.
    loop {
        let mut refused = Vec::new();
        let count = missing.len();
        for one in missing {
            match one.send(rtnl).await {
                Ok(()) => {}
                Err(refusal) if refusal.errno == Errno::EEXIST => {}
                Err(refusal) => refused.push((one, refusal)),
            }
        }
        if refused.is_empty() || refused.len() == count {
            let owned = |(one, refusal): (&Holding, Refusal)| (one.clone(), refusal);
            return Ok(refused.into_iter().map(owned).collect());
        }
        missing = refused.into_iter().map(|(one, _)| one).collect();
    }
}

/// The answers to a dump; none where the kernel was built without what is asked for.
async fn dump(
    rtnl: &Rtnl,
    message: RouteNetlinkMessage,
) -> Result<Vec<RouteNetlinkMessage>, Refusal> {
    match rtnl.dump(message).await {
        Err(refusal) if refusal.errno == Errno::EOPNOTSUPP => Ok(Vec::new()),
        answers => answers,
    }
}

/// The nexthop objects that lead over the links, the groups with such ones, and the numbers of all.
async fn nexthops(
    rtnl: &Rtnl,
    is_on: impl Fn(u32) -> bool,
) -> Result<(Vec<Holding>, HashSet<u32>), Refusal> {
    let answers = match rtnl.dump_nexthops(NexthopMessage::new(Verb::Get)).await {
        Err(refusal) if matches!(refusal.errno, Errno::EOPNOTSUPP | Errno::EINVAL) => Vec::new(),
        answers => answers?,
    };
    let mut found = Vec::new();
    let mut ids = HashSet::new();
    // The groups come behind their members.
    for is_group in [false, true] {
        for message in &answers {
            let mut attributes = message.attributes.iter();
            let group = attributes.clone().find_map(|attribute| match attribute {
                NexthopAttribute::Group(members) => Some(members),
                _ => None,
            });
            let link = attributes.clone().find_map(|attribute| match attribute {
                NexthopAttribute::Link(link) => Some(*link),
                _ => None,
            });
            let is_meant = match group {
                Some(members) => is_group && members.iter().any(|one| ids.contains(&one.id)),
                None => !is_group && link.is_none_or(&is_on),
            };
            let id = attributes.find_map(|attribute| match attribute {
                NexthopAttribute::Id(id) => Some(*id),
                _ => None,
            });
            if let Some(id) = id.filter(|_| is_meant) {
                ids.insert(id);
                // A group that has lost a member is there, and gets it again.
                let (sort, flag) = if is_group {
                    (Sort::Group, NLM_F_REPLACE)
                } else {
                    (Sort::Nexthop, NLM_F_EXCL)
                };
                let flags = NLM_F_CREATE | flag;
                found.push(Holding::new(sort, &making(message.clone()), flags));
            }
        }
    }
    Ok((found, ids))
}

/// Attributes that the kernel takes in a request for a nexthop, beside those that have a name here: type of the group,
/// encapsulation, and whether it is one of a forwarding database.
const OF_NEXTHOP: [u16; 4] = [3, 7, 8, 11];

fn making(mut message: NexthopMessage) -> NexthopMessage {
    message.verb = Verb::New;
    message.scope = 0;
    message.flags &= ONLINK;
    message.attributes.retain(|attribute| match attribute {
        NexthopAttribute::Other(other) => OF_NEXTHOP.contains(&other.kind()),
        _ => true,
    });
    message
}

/// Whether somebody has made the route: not the kernel, along with an address.
fn is_made(message: &RouteMessage) -> bool {
    message.header.protocol != RouteProtocol::Kernel
        && !message.header.flags.contains(RouteFlags::Cloned)
}

/// The route as it is asked for: without what is only told.
fn asked_for(mut message: RouteMessage) -> RouteMessage {
    message.header.flags &= RouteFlags::Onlink | RouteFlags::Pervasive;
    let attributes = &mut message.attributes;
    let has_object = attributes
        .iter()
        .any(|one| matches!(one, RouteAttribute::NhId(_)));
    attributes.retain(|attribute| match attribute {
        RouteAttribute::CacheInfo(_) => false,
        // The object says it, and the kernel takes only one of both.
        RouteAttribute::Oif(_)
        | RouteAttribute::Gateway(_)
        | RouteAttribute::Via(_)
        | RouteAttribute::MultiPath(_)
        | RouteAttribute::EncapType(_)
        | RouteAttribute::Encap(_) => !has_object,
        _ => true,
    });
    for attribute in attributes {
        if let RouteAttribute::MultiPath(hops) = attribute {
            for hop in hops {
                hop.flags &= RouteNextHopFlags::Onlink;
            }
        }
    }
    if has_object && message.header.kind == RouteType::BlackHole {
        message.header.kind = RouteType::Unicast;
    }
    message
}

/// Whether an entry of a forwarding database says where it leads, as those of tunnels do: `NDA_DST`, `NDA_NH_ID`.
fn leads_on(attribute: &NeighbourAttribute) -> bool {
    matches!(attribute, NeighbourAttribute::Destination(_)) || attribute.kind() == NDA_NH_ID
}

fn neighbour(mut message: NeighbourMessage) -> Option<Holding> {
    let header = &mut message.header;
    let is_proxy = header.flags.contains(NeighbourFlags::Proxy);
    let is_of_bridge = header.family == AddressFamily::Bridge;
    let bits = u16::from(header.state);
    let has = |state: NeighbourState| bits & u16::from(state) != 0;
    // With a hardware address of its own: the kernel has made the others, where no address is needed.
    let is_given = message.attributes.iter().any(|attribute| {
        matches!(attribute, NeighbourAttribute::LinkLayerAddress(mac)
            if is_of_bridge || mac.first().is_some_and(|byte| byte & 1 == 0) && mac.iter().any(|byte| *byte != 0))
    });
    // What a link listens to, the kernel keeps in step with its addresses.
    let is_heard = is_of_bridge
        && header.flags.contains(NeighbourFlags::Own)
        && message.attributes.iter().any(|attribute| {
            matches!(attribute, NeighbourAttribute::LinkLayerAddress(mac)
                if mac.first().is_some_and(|byte| byte & 1 == 1))
        });
    if is_heard {
        return None;
    }
    let stays = has(NeighbourState::Permanent) || has(NeighbourState::Noarp) && is_given;
    if !stays && !is_proxy {
        return None;
    }
    message.attributes.retain(|attribute| {
        !matches!(
            attribute,
            NeighbourAttribute::CacheInfo(_)
                | NeighbourAttribute::Probes(_)
                | NeighbourAttribute::Controller(_)
                | NeighbourAttribute::LinkNetNsId(_)
        )
    });
    let mut flags = NLM_F_CREATE | NLM_F_REPLACE;
    if is_of_bridge {
        if !header.flags.contains(NeighbourFlags::Own) {
            header.flags |= NeighbourFlags::Controller;
        }
        let is_for_several = message.attributes.iter().any(|attribute| {
            matches!(attribute, NeighbourAttribute::LinkLayerAddress(mac)
                if mac.iter().all(|byte| *byte == 0))
        });
        if is_for_several {
            flags = NLM_F_CREATE | NLM_F_APPEND;
        }
    }
    let sort = if is_of_bridge {
        Sort::Fdb
    } else {
        Sort::Neighbour
    };
    let message = RouteNetlinkMessage::NewNeighbour(message);
    Some(Holding::new(sort, &message, flags))
}
