//! Neighbours: which hardware address an IP address of a link has.

use std::net::IpAddr;

use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use rtnetlink::packet_route::route::RouteType;

use crate::net::address::family;
use crate::net::request::Request;
use crate::net::rtnl::{Refusal, Rtnl};

/// The states that can be asked for, by the names that `ip` has for them.
pub const STATES: &[(&str, i64)] = &[
    ("permanent", 0x80),
    ("noarp", 0x40),
    ("reachable", 0x02),
    ("stale", 0x04),
];

/// A neighbour: one to be added, or one that the kernel has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// The ifindex of the link.
    pub link: u32,
    /// Its address.
    pub ip: IpAddr,
    /// Its hardware address, where it is known.
    pub mac: Option<Vec<u8>>,
    /// What is known of it.
    pub state: NeighbourState,
    /// Whether it is a router (IPv6).
    pub router: bool,
    /// Whether this namespace answers for it.
    pub proxy: bool,
}

/// The state of that number among [`STATES`].
pub fn state(number: u16) -> NeighbourState {
    NeighbourState::from(number)
}

/// The name of a state that can be asked for.
pub fn state_name(state: NeighbourState) -> Option<&'static str> {
    let number = i64::from(u16::from(state));
    let known = STATES.iter().find(|(_, known)| *known == number);
    known.map(|(name, _)| *name)
}

impl Neighbour {
    fn message(&self) -> NeighbourMessage {
        let mut message = NeighbourMessage::default();
        let header = &mut message.header;
        header.family = family(self.ip);
        header.ifindex = self.link;
        header.kind = RouteType::Unicast;
        if self.proxy {
            header.flags |= NeighbourFlags::Proxy;
        } else {
            header.state = self.state;
        }
        if self.router {
            header.flags |= NeighbourFlags::Router;
        }
        let ip = match self.ip {
            IpAddr::V4(ip) => NeighbourAddress::Inet(ip),
            IpAddr::V6(ip) => NeighbourAddress::Inet6(ip),
        };
        message.attributes.push(NeighbourAttribute::Destination(ip));
        let mac = self.mac.clone();
        let mac = mac.map(NeighbourAttribute::LinkLayerAddress);
        message.attributes.extend(mac);
        message
    }

    /// The request that adds it, in place of one of that address.
    pub fn adding(&self) -> Request {
        let message = RouteNetlinkMessage::NewNeighbour(self.message());
        Request::new(&message, NLM_F_CREATE | NLM_F_REPLACE)
    }

    /// The request that deletes it.
    pub fn deleting(&self) -> Request {
        Request::new(&RouteNetlinkMessage::DelNeighbour(self.message()), 0)
    }

    /// Whether it is about the address of the other, on the same link.
    pub fn is_about_the_same(&self, other: &Self) -> bool {
        (self.link, self.ip, self.proxy) == (other.link, other.ip, other.proxy)
    }

    /// Whether all is known of it that `asked` says.
    pub fn is_as(&self, asked: &Self) -> bool {
        self.mac == asked.mac
            && self.router == asked.router
            && (asked.proxy || self.state == asked.state)
    }

    /// Whether it stays as it is until somebody takes it away.
    pub fn is_lasting(&self) -> bool {
        self.proxy
            || matches!(
                self.state,
                NeighbourState::Permanent | NeighbourState::Noarp
            )
    }
}

/// Has the kernel take a neighbour for one that has not answered: the next packet for it asks at once.
pub async fn give_up(rtnl: &Rtnl, neighbour: &Neighbour) -> Result<(), Refusal> {
    let failed = Neighbour {
        state: NeighbourState::Failed,
        ..neighbour.clone()
    };
    let message = RouteNetlinkMessage::NewNeighbour(failed.message());
    rtnl.tell(message, NLM_F_REPLACE).await
}

/// All neighbours of the namespace, also those that it answers for; those that need no address left out, as `ip neigh` does.
pub async fn list(rtnl: &Rtnl) -> Result<Vec<Neighbour>, Refusal> {
    let mut neighbours = Vec::new();
    for flags in [NeighbourFlags::empty(), NeighbourFlags::Proxy] {
        let mut message = NeighbourMessage::default();
        message.header.flags = flags;
        let answers = rtnl
            .dump(RouteNetlinkMessage::GetNeighbour(message))
            .await?;
        neighbours.extend(answers.iter().filter_map(|answer| match answer {
            RouteNetlinkMessage::NewNeighbour(message) => read(message),
            _ => None,
        }));
    }
    Ok(neighbours)
}

/// Whether the message is about a neighbour, and not about an entry of a forwarding database.
pub(super) fn is_of_ip(message: &NeighbourMessage) -> bool {
    [
        rtnetlink::packet_route::AddressFamily::Inet,
        rtnetlink::packet_route::AddressFamily::Inet6,
    ]
    .contains(&message.header.family)
}

pub(super) fn read(message: &NeighbourMessage) -> Option<Neighbour> {
    let header = &message.header;
    let (mut ip, mut mac) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(found)) => {
                ip = Some(IpAddr::V4(*found));
            }
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(found)) => {
                ip = Some(IpAddr::V6(*found));
            }
            NeighbourAttribute::LinkLayerAddress(bytes) => mac = Some(bytes.clone()),
            _ => {}
        }
    }
    Some(Neighbour {
        link: header.ifindex,
        ip: ip?,
        mac,
        state: header.state,
        router: header.flags.contains(NeighbourFlags::Router),
        proxy: header.flags.contains(NeighbourFlags::Proxy),
    })
}
