//! Forwarding databases: behind which port of a bridge, or which far end of a VXLAN, a hardware address is.

use std::net::IpAddr;

use rtnetlink::packet_core::{NLM_F_APPEND, NLM_F_CREATE, NLM_F_REPLACE};
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::net::request::Request;
use crate::net::rtnl::{Refusal, Rtnl};

/// An entry of a forwarding database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The hardware address.
    pub mac: Vec<u8>,
    /// The far end of the tunnel behind which it is.
    pub dst: Option<IpAddr>,
    /// The VLAN that it is in.
    pub vlan: Option<u16>,
    /// The network identifier towards the far end, where it is another one than the link's.
    pub vni: Option<u32>,
    /// How it came, and how long it stays.
    pub state: State,
    /// Whether it stands in the database of the bridge that the link is a port of, not in the link's own.
    pub of_master: bool,
}

/// How an entry came, and how long it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It stays; on a port of a bridge, frames for it go to the host.
    Permanent,
    /// It stays.
    Static,
    /// It was learned, or ages as if it were.
    Dynamic,
}

impl State {
    /// As `bridge fdb` writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Permanent => "permanent",
            Self::Static => "static",
            Self::Dynamic => "dynamic",
        }
    }
}

impl Entry {
    /// Whether both say of the same address in the same network where it is.
    pub fn is_about_the_same(&self, other: &Self) -> bool {
        (&self.mac, self.vlan, self.of_master) == (&other.mac, other.vlan, other.of_master)
    }

    /// Whether frames for it may go to several far ends: those for nobody in particular.
    pub fn is_for_several(&self) -> bool {
        !self.of_master && self.mac.iter().all(|byte| *byte == 0)
    }

    fn message(&self, link: u32) -> NeighbourMessage {
        let mut message = NeighbourMessage::default();
        message.header.family = AddressFamily::Bridge;
        message.header.ifindex = link;
        message.header.state = match self.state {
            State::Permanent => NeighbourState::Permanent,
            State::Static => NeighbourState::Noarp,
            State::Dynamic => NeighbourState::Reachable,
        };
        message.header.flags = if self.of_master {
            NeighbourFlags::Controller
        } else {
            NeighbourFlags::Own
        };
        let mac = NeighbourAttribute::LinkLayerAddress(self.mac.clone());
        message.attributes.push(mac);
        let dst = self.dst.map(NeighbourAddress::from);
        message
            .attributes
            .extend(dst.map(NeighbourAttribute::Destination));
        message
            .attributes
            .extend(self.vlan.map(NeighbourAttribute::Vlan));
        message
            .attributes
            .extend(self.vni.map(NeighbourAttribute::Vni));
        message
    }

    /// The request that adds it to `link`, in the place of another one or beside it.
    pub fn adding(&self, link: u32) -> Request {
        let beside = if self.is_for_several() {
            NLM_F_APPEND
        } else {
            NLM_F_REPLACE
        };
        let message = RouteNetlinkMessage::NewNeighbour(self.message(link));
        Request::new(&message, NLM_F_CREATE | beside)
    }

    /// The request that takes it away from `link`.
    pub fn deleting(&self, link: u32) -> Request {
        Request::new(&RouteNetlinkMessage::DelNeighbour(self.message(link)), 0)
    }
}

/// The entries of the link: its own, and those of its bridge that lead to it.
pub async fn list(rtnl: &Rtnl, link: u32) -> Result<Vec<Entry>, Refusal> {
    let all = all(rtnl).await?.into_iter();
    Ok(all
        .filter(|(of, _)| *of == link)
        .map(|(_, entry)| entry)
        .collect())
}

/// The entries of all links, each with the ifindex of its link.
pub async fn all(rtnl: &Rtnl) -> Result<Vec<(u32, Entry)>, Refusal> {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Bridge;
    let answers = rtnl
        .dump(RouteNetlinkMessage::GetNeighbour(message))
        .await?;
    Ok(answers
        .into_iter()
        .filter_map(|answer| match answer {
            RouteNetlinkMessage::NewNeighbour(found)
                if found.header.family == AddressFamily::Bridge =>
            {
                Some((found.header.ifindex, read(found)))
            }
            _ => None,
        })
        .collect())
}

/// The entry that a request is about; `None` for one about a neighbour.
pub(super) fn read_request(message: &NeighbourMessage) -> Option<Entry> {
    (message.header.family == AddressFamily::Bridge).then(|| read(message.clone()))
}

fn read(message: NeighbourMessage) -> Entry {
    let mut entry = Entry {
        mac: Vec::new(),
        dst: None,
        vlan: None,
        vni: None,
        state: state(message.header.state),
        of_master: !message.header.flags.contains(NeighbourFlags::Own),
    };
    for attribute in message.attributes {
        match attribute {
            NeighbourAttribute::LinkLayerAddress(mac) => entry.mac = mac,
            NeighbourAttribute::Destination(address) => entry.dst = ip(&address),
            NeighbourAttribute::Vlan(vlan) => entry.vlan = Some(vlan),
            NeighbourAttribute::Vni(vni) => entry.vni = Some(vni),
            _ => {}
        }
    }
    entry
}

/// The kernel tells bits, of which `bridge fdb` sets several at once.
fn state(state: NeighbourState) -> State {
    let bits = u16::from(state);
    let has = |state: NeighbourState| bits & u16::from(state) != 0;
    if has(NeighbourState::Permanent) {
        State::Permanent
    } else if has(NeighbourState::Noarp) {
        State::Static
    } else {
        State::Dynamic
    }
}

/// The family of the message is that of bridges: the address is told by its length.
fn ip(address: &NeighbourAddress) -> Option<IpAddr> {
    match address {
        NeighbourAddress::Inet(ip) => Some((*ip).into()),
        NeighbourAddress::Inet6(ip) => Some((*ip).into()),
        NeighbourAddress::Other(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(bytes.as_slice()).ok().map(Into::into),
            16 => <[u8; 16]>::try_from(bytes.as_slice()).ok().map(Into::into),
            _ => None,
        },
        _ => None,
    }
}
