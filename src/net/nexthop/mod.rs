//! Nexthop objects: what routes can name by number in place of a gateway and a link.

pub mod wire;

use std::net::IpAddr;

use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use rtnetlink::packet_route::AddressFamily;

use crate::net::request::Request;
use crate::net::route::{protocol_number, protocol_text};
use crate::net::rtnl::{Refusal, Rtnl};

pub use wire::Member;
use wire::{NexthopAttribute, NexthopMessage, Verb};

/// `RTNH_F_ONLINK` of `linux/rtnetlink.h`.
pub(super) const ONLINK: u32 = 4;

/// A nexthop object: one to be made, or one that the kernel has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nexthop {
    /// Its number.
    pub id: u32,
    /// Whether it is one of IPv6; of no account for a group.
    pub is_ipv6: bool,
    /// Who made it, as `ip route` prints it; `unspec` where nobody says so.
    pub protocol: String,
    /// Where it leads.
    pub leads: Leads,
}

/// Where a nexthop leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leads {
    /// By a link, and a gateway where there is one.
    By {
        /// The gateway.
        via: Option<IpAddr>,
        /// The ifindex of the link.
        link: u32,
        /// Takes the gateway as directly connected, whatever the addresses say.
        onlink: bool,
    },
    /// To the members of a group, which share the packets.
    Group(Vec<Member>),
    /// Nowhere: it drops what goes there.
    Nowhere,
}

impl Nexthop {
    fn message(&self) -> NexthopMessage {
        let mut message = NexthopMessage::new(Verb::New);
        message.protocol = protocol_number(&self.protocol);
        let family = if self.is_ipv6 {
            AddressFamily::Inet6
        } else {
            AddressFamily::Inet
        };
        message.family = family.into();
        let attributes = &mut message.attributes;
        attributes.push(NexthopAttribute::Id(self.id));
        match &self.leads {
            Leads::By { via, link, onlink } => {
                attributes.extend(via.map(NexthopAttribute::Gateway));
                attributes.push(NexthopAttribute::Link(*link));
                message.flags = if *onlink { ONLINK } else { 0 };
            }
            Leads::Group(members) => {
                message.family = AddressFamily::Unspec.into();
                attributes.push(NexthopAttribute::Group(members.clone()));
            }
            Leads::Nowhere => attributes.push(NexthopAttribute::Blackhole),
        }
        message
    }

    /// The request that makes it.
    pub fn making(&self) -> Request {
        Request::new(&self.message(), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// The request that makes it, in place of one of that number.
    pub fn replacing(&self) -> Request {
        Request::new(&self.message(), NLM_F_CREATE | NLM_F_REPLACE)
    }

    /// The request that deletes it.
    pub fn deleting(&self) -> Request {
        let mut message = NexthopMessage::new(Verb::Del);
        message.attributes.push(NexthopAttribute::Id(self.id));
        Request::new(&message, 0)
    }

    /// The nexthop as `ip nexthop` writes it; `name_of` tells the name of the link of an ifindex.
    pub fn line(&self, name_of: impl Fn(u32) -> Option<String>) -> String {
        let mut words = vec![format!("id {}", self.id)];
        match &self.leads {
            Leads::By { via, link, onlink } => {
                words.extend(via.map(|via| format!("via {via}")));
                words.extend(name_of(*link).map(|name| format!("dev {name}")));
                words.extend(onlink.then(|| "onlink".to_owned()));
            }
            Leads::Group(members) => words.push(format!("group {}", group_text(members))),
            Leads::Nowhere => words.push("blackhole".to_owned()),
        }
        if self.protocol != "unspec" {
            words.push(format!("proto {}", self.protocol));
        }
        words.join(" ")
    }

    /// Whether it leads where `asked` leads; the members of a group stand in whatever order.
    pub fn is_as(&self, asked: &Self) -> bool {
        let sorted = |nexthop: &Self| {
            let mut members = nexthop.members().to_vec();
            members.sort_by_key(|member| member.id);
            members
        };
        let same_way = match (&asked.leads, &self.leads) {
            (Leads::Group(_), Leads::Group(_)) => sorted(self) == sorted(asked),
            (leads, there) => there == leads && self.is_ipv6 == asked.is_ipv6,
        };
        same_way && (asked.protocol == "unspec" || self.protocol == asked.protocol)
    }

    /// The ifindex of its link, where it has one.
    pub fn link(&self) -> Option<u32> {
        match self.leads {
            Leads::By { link, .. } => Some(link),
            _ => None,
        }
    }

    /// The members, where it is a group.
    pub fn members(&self) -> &[Member] {
        match &self.leads {
            Leads::Group(members) => members,
            _ => &[],
        }
    }
}

/// The members of a group as `ip nexthop` writes them: `1,2/3,5`, the second being number 3 with weight 5.
pub fn group_text(members: &[Member]) -> String {
    let member = |member: &Member| match member.weight {
        1 => member.id.to_string(),
        weight => format!("{},{weight}", member.id),
    };
    members.iter().map(member).collect::<Vec<_>>().join("/")
}

/// All nexthop objects of the namespace, in the order of their numbers.
pub async fn list(rtnl: &Rtnl) -> Result<Vec<Nexthop>, Refusal> {
    let answers = rtnl.dump_nexthops(NexthopMessage::new(Verb::Get)).await?;
    let mut nexthops: Vec<Nexthop> = answers.into_iter().filter_map(read).collect();
    nexthops.sort_by_key(|nexthop| nexthop.id);
    Ok(nexthops)
}

pub(super) fn read(message: NexthopMessage) -> Option<Nexthop> {
    let (mut id, mut link, mut via, mut group, mut blackhole) = (None, None, None, None, false);
    for attribute in message.attributes {
        match attribute {
            NexthopAttribute::Id(number) => id = Some(number),
            NexthopAttribute::Link(index) => link = Some(index),
            NexthopAttribute::Gateway(ip) => via = Some(ip),
            NexthopAttribute::Group(members) => group = Some(members),
            NexthopAttribute::Blackhole => blackhole = true,
            NexthopAttribute::Other(_) => {}
        }
    }
    let leads = match (group, link) {
        (Some(members), _) => Leads::Group(members),
        _ if blackhole => Leads::Nowhere,
        (None, Some(link)) => Leads::By {
            via,
            link,
            onlink: message.flags & ONLINK != 0,
        },
        // One of a forwarding database.
        (None, None) => return None,
    };
    Some(Nexthop {
        id: id?,
        is_ipv6: AddressFamily::from(message.family) == AddressFamily::Inet6,
        protocol: protocol_text(message.protocol.into()),
        leads,
    })
}
