//! What is asked of the kernel about one packet: which route it would take.

use std::net::IpAddr;

use ipnet::IpNet;
use rtnetlink::packet_route::route::{RouteAttribute, RouteMessage};

use super::route_address;
use crate::net::address::family;

/// A packet of which the kernel is asked where it would send it, as `ip route get` does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Where it goes to.
    pub destination: IpAddr,
    /// The address that it comes from.
    pub source: Option<IpAddr>,
    /// The ifindex of the link that it came in by: asked so, the kernel answers as for a packet to be forwarded.
    pub iif: Option<u32>,
    /// The ifindex of the link that the sender has bound itself to.
    pub oif: Option<u32>,
    /// Its mark.
    pub mark: Option<u32>,
    /// The user who sends it.
    pub uid: Option<u32>,
    /// The number of its protocol.
    pub protocol: Option<u8>,
    /// The port that it comes from.
    pub sport: Option<u16>,
    /// The port that it goes to.
    pub dport: Option<u16>,
}

impl Question {
    /// Of a packet to `destination` of which nothing more is known.
    pub fn to(destination: IpAddr) -> Self {
        Self {
            destination,
            source: None,
            iif: None,
            oif: None,
            mark: None,
            uid: None,
            protocol: None,
            sport: None,
            dport: None,
        }
    }

    pub(super) fn message(&self) -> RouteMessage {
        let mut message = RouteMessage::default();
        let header = &mut message.header;
        header.address_family = family(self.destination);
        header.destination_prefix_length = IpNet::from(self.destination).prefix_len();
        if let Some(source) = self.source {
            header.source_prefix_length = IpNet::from(source).prefix_len();
        }
        let attributes = [
            Some(RouteAttribute::Destination(route_address(self.destination))),
            self.source
                .map(|source| RouteAttribute::Source(route_address(source))),
            self.iif.map(RouteAttribute::Iif),
            self.oif.map(RouteAttribute::Oif),
            self.mark.map(RouteAttribute::Mark),
            self.uid.map(RouteAttribute::Uid),
            self.protocol.map(RouteAttribute::IpProto),
            self.sport.map(RouteAttribute::Sport),
            self.dport.map(RouteAttribute::Dport),
        ];
        message.attributes = attributes.into_iter().flatten().collect();
        message
    }
}
