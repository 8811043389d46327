//! A changing request as bytes, so that a journal can keep it and send it later.

use std::collections::HashMap;

use nix::errno::Errno;
use rtnetlink::packet_core::{NetlinkDeserializable, NetlinkHeader, NetlinkSerializable};
use rtnetlink::packet_route::RouteNetlinkMessage as Routed;
use serde::{Deserialize, Serialize};

use crate::net::netns::Netns;
use crate::net::nexthop::wire::Verb;
use crate::net::packet::Packet;
use crate::net::rtnl::{Refusal, Rtnl};
use crate::net::wireguard::Change;

/// A request that changes something, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Request {
    /// To rtnetlink.
    Route(Message),
    /// To WireGuard.
    Wireguard(Box<Change>),
}

/// A message of rtnetlink.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message {
    /// The type of the message: `RTM_DELRULE` and so on.
    kind: u16,
    /// Its flags on top of `REQUEST | ACK`.
    flags: u16,
    /// What follows its header.
    body: Vec<u8>,
}

impl Request {
    /// The request that [`Rtnl::tell`] would send.
    pub fn new(message: &(impl Into<Packet> + Clone), flags: u16) -> Self {
        Self::Route(Message::new(message, flags))
    }

    /// Whether it makes something, rather than taking it away.
    pub fn makes(&self) -> bool {
        use rtnetlink::packet_route::RouteNetlinkMessage as Route;
        if let Self::Wireguard(change) = self {
            return change.gives();
        }
        match self.packet() {
            Some(Packet::Nexthop(message)) => message.verb == Verb::New,
            Some(Packet::Route(message)) => matches!(
                message,
                Route::NewNeighbour(_)
                    | Route::NewRule(_)
                    | Route::NewAddress(_)
                    | Route::NewLink(_)
            ),
            None => false,
        }
    }

    /// Whether it sets what belongs to the link itself and goes where that goes: its options, the configuration of WireGuard.
    pub fn is_of_the_link(&self) -> bool {
        match self {
            Self::Route(message) => matches!(
                message.message(),
                Ok(Packet::Route(Routed::NewLink(_) | Routed::SetLink(_)))
            ),
            Self::Wireguard(_) => true,
        }
    }

    /// Whether it deletes a nexthop object, or makes it anew: routes may go along.
    pub fn is_about_nexthop(&self) -> bool {
        matches!(self, Self::Route(message) if matches!(message.message(), Ok(Packet::Nexthop(_))))
    }

    /// The message of rtnetlink that it is; `None` where it is none.
    pub(super) fn packet(&self) -> Option<Packet> {
        match self {
            Self::Route(message) => message.message().ok(),
            Self::Wireguard(_) => None,
        }
    }

    /// Follows links that have another ifindex now: by the old one, the new.
    pub fn renumber(&mut self, moved: &HashMap<u32, u32>) {
        match self {
            Self::Route(message) => *message = message.renumbered(moved),
            Self::Wireguard(change) => renumber(&mut change.link, moved),
        }
    }

    /// Sends it in `netns`, whose socket for rtnetlink is `rtnl`.
    pub async fn send(&self, netns: &Netns, rtnl: &Rtnl) -> Result<(), Refusal> {
        match self {
            Self::Route(message) => message.send(rtnl).await,
            Self::Wireguard(change) => change.send(netns).await,
        }
    }
}

impl Message {
    /// The message, to be sent with these flags.
    pub(super) fn new(message: &(impl Into<Packet> + Clone), flags: u16) -> Self {
        let message: Packet = message.clone().into();
        let mut body = vec![0; message.buffer_len()];
        message.serialize(&mut body);
        Self {
            kind: message.message_type(),
            flags,
            body,
        }
    }

    /// The same for links that have another ifindex now.
    pub(super) fn renumbered(&self, moved: &HashMap<u32, u32>) -> Self {
        let Ok(mut packet) = self.message() else {
            return self.clone();
        };
        let before = packet.clone();
        packet.each_link(|link| renumber(link, moved));
        if packet == before {
            return self.clone();
        }
        Self::new(&packet, self.flags)
    }

    pub(super) async fn send(&self, rtnl: &Rtnl) -> Result<(), Refusal> {
        rtnl.tell(self.message()?, self.flags).await
    }

    pub(super) fn message(&self) -> Result<Packet, Refusal> {
        let mut header = NetlinkHeader::default();
        header.message_type = self.kind;
        // Only a damaged journal has one that can't be read.
        Packet::deserialize(&header, &self.body).map_err(|_| Refusal::of(Errno::EBADMSG))
    }
}

/// Gives the ifindex that a link has now, where it has another one than it had.
pub(crate) fn renumber(link: &mut u32, moved: &HashMap<u32, u32>) {
    if let Some(now) = moved.get(link) {
        *link = *now;
    }
}

#[cfg(test)]
mod tests {
    use rtnetlink::packet_core::NLM_F_EXCL;
    use rtnetlink::packet_route::RouteNetlinkMessage;
    use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};

    use super::*;

    #[test]
    fn a_request_is_read_from_a_journal_as_it_was_written() {
        let mut message = RuleMessage::default();
        message.header.action = RuleAction::ToTable;
        message.attributes.push(RuleAttribute::Table(1000));
        let message = RouteNetlinkMessage::NewRule(message);
        let request = Request::new(&message, NLM_F_EXCL);
        let text = serde_json::to_string(&request).unwrap();
        let kept: Request = serde_json::from_str(&text).unwrap();
        assert_eq!(kept, request);
        let Request::Route(kept) = kept else {
            panic!("{kept:?} is no message of rtnetlink");
        };
        assert_eq!(kept.message().unwrap(), message.into());
    }

    #[test]
    fn a_change_of_wireguard_is_read_as_it_was_written() {
        let change = Change {
            link: 7,
            listen_port: Some(0),
            removed: vec![
                "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="
                    .parse()
                    .unwrap(),
            ],
            ..Change::default()
        };
        let request = Request::Wireguard(Box::new(change));
        let text = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<Request>(&text).unwrap(), request);
    }
}
