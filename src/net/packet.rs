//! What goes over a socket of rtnetlink: the messages that the packet crate knows, and those of nexthop objects, which it does not.

use rtnetlink::packet_core::{
    DecodeError, NetlinkDeserializable, NetlinkHeader, NetlinkSerializable,
};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::route::RouteAttribute;

use crate::net::nexthop::wire::{NexthopAttribute, NexthopMessage};

/// A message to or from rtnetlink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// One that the packet crate has.
    Route(RouteNetlinkMessage),
    /// One about nexthop objects.
    Nexthop(NexthopMessage),
}

impl Packet {
    /// Does `change` to the ifindex of each link that it is about, or leads over.
    pub fn each_link(&mut self, mut change: impl FnMut(&mut u32)) {
        use RouteNetlinkMessage as Of;
        match self {
            Self::Nexthop(message) => {
                for attribute in &mut message.attributes {
                    if let NexthopAttribute::Link(link) = attribute {
                        change(link);
                    }
                }
            }
            Self::Route(Of::NewRoute(message) | Of::DelRoute(message)) => {
                for attribute in &mut message.attributes {
                    match attribute {
                        RouteAttribute::Oif(link) => change(link),
                        RouteAttribute::MultiPath(hops) => {
                            for hop in hops {
                                change(&mut hop.interface_index);
                            }
                        }
                        _ => {}
                    }
                }
            }
            Self::Route(Of::NewNeighbour(message) | Of::DelNeighbour(message)) => {
                change(&mut message.header.ifindex);
            }
            Self::Route(Of::NewLink(message) | Of::SetLink(message) | Of::DelLink(message)) => {
                change(&mut message.header.index);
            }
            Self::Route(Of::NewAddress(message) | Of::DelAddress(message)) => {
                change(&mut message.header.index);
            }
            Self::Route(_) => {}
        }
    }
}

impl From<RouteNetlinkMessage> for Packet {
    fn from(message: RouteNetlinkMessage) -> Self {
        Self::Route(message)
    }
}

impl From<NexthopMessage> for Packet {
    fn from(message: NexthopMessage) -> Self {
        Self::Nexthop(message)
    }
}

impl NetlinkSerializable for Packet {
    fn message_type(&self) -> u16 {
        match self {
            Self::Route(message) => message.message_type(),
            Self::Nexthop(message) => message.message_type(),
        }
    }

    fn buffer_len(&self) -> usize {
        match self {
            Self::Route(message) => message.buffer_len(),
            Self::Nexthop(message) => message.buffer_len(),
        }
    }

    fn serialize(&self, buffer: &mut [u8]) {
        match self {
            Self::Route(message) => message.serialize(buffer),
            Self::Nexthop(message) => message.serialize(buffer),
        }
    }
}

impl NetlinkDeserializable for Packet {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        match NexthopMessage::read(header.message_type, payload) {
            Some(message) => message.map(Self::Nexthop),
            None => RouteNetlinkMessage::deserialize(header, payload).map(Self::Route),
        }
    }
}
