//! WireGuard: the keys and peers of a link, through generic netlink.

use std::net::SocketAddr;

use ipnet::IpNet;
use netlink_packet_wireguard::{
    WireguardAddressFamily, WireguardAllowedIp, WireguardAllowedIpAttr, WireguardAttribute,
    WireguardCmd, WireguardMessage, WireguardPeer, WireguardPeerAttribute, WireguardPeerFlags,
};
use nix::errno::Errno;
use rtnetlink::LinkUnspec;
use rtnetlink::packet_core::{Emitable, Nla, NlasIterator, Parseable};
use rtnetlink::packet_route::link::{InfoData, InfoKind, LinkAttribute, LinkInfo};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::net::generic::Generic;
use crate::net::link::{self, Which};
use crate::net::netns::Netns;
use crate::net::rtnl::{Refusal, Rtnl};
use crate::value::key::Key;

/// How a link is configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Its private key.
    pub private_key: Option<Key>,
    /// The port of UDP that it listens at; 0 until it is up, where none was asked for.
    pub listen_port: u16,
    /// The mark of the packets that it sends; 0 for none.
    pub fwmark: u32,
    /// Whom it talks to.
    pub peers: Vec<Peer>,
}

impl Device {
    /// What configures a new link, of that ifindex, so.
    pub fn as_change(&self, link: u32) -> Change {
        Change {
            link,
            private_key: self.private_key,
            listen_port: Some(self.listen_port).filter(|port| *port > 0),
            fwmark: Some(self.fwmark).filter(|mark| *mark > 0),
            removed: Vec::new(),
            peers: self.peers.clone(),
        }
    }
}

/// Whom a link talks to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its public key, by which it is known.
    pub public_key: Key,
    /// The key that both share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preshared_key: Option<Key>,
    /// Where it is; the kernel follows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<SocketAddr>,
    /// After how many seconds of silence a packet is sent; 0 for never.
    #[serde(default)]
    pub keepalive: u16,
    /// Which addresses are behind it, sorted.
    #[serde(default)]
    pub allowed_ips: Vec<IpNet>,
    /// What has passed.
    #[serde(skip)]
    pub traffic: Traffic,
}

/// What has passed between a link and a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// When both last agreed on keys, in seconds since 1970; 0 for never.
    pub last_handshake: i64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
}

impl Peer {
    /// One with nothing but its key.
    pub fn new(public_key: Key) -> Self {
        Self {
            public_key,
            preshared_key: None,
            endpoint: None,
            keepalive: 0,
            allowed_ips: Vec::new(),
            traffic: Traffic::default(),
        }
    }
}

/// A change of a link's configuration; what is not said stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The ifindex of the link.
    pub link: u32,
    /// The private key; [`Key::NONE`] takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key: Option<Key>,
    /// The port to listen at; 0 lets the kernel choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen_port: Option<u16>,
    /// The mark of packets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fwmark: Option<u32>,
    /// The peers to take away, before any is added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<Key>,
    /// The peers to add, or to have just as they are here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<Peer>,
}

impl Change {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        *self
            == Self {
                link: self.link,
                ..Self::default()
            }
    }

    /// The same as several changes, each about one setting or one peer.
    pub fn parts(&self) -> Vec<Self> {
        let none = || Self {
            link: self.link,
            ..Self::default()
        };
        let settings = [
            Self {
                private_key: self.private_key,
                ..none()
            },
            Self {
                listen_port: self.listen_port,
                ..none()
            },
            Self {
                fwmark: self.fwmark,
                ..none()
            },
        ];
        let removed = self.removed.iter().map(|key| Self {
            removed: vec![*key],
            ..none()
        });
        let peers = self.peers.iter().map(|peer| Self {
            peers: vec![peer.clone()],
            ..none()
        });
        let parts = settings.into_iter().chain(removed).chain(peers);
        parts.filter(|part| !part.is_empty()).collect()
    }

    /// What a change of one setting or one peer is about: two with the same are about one thing.
    pub fn subject(&self) -> Option<String> {
        let settings = [
            self.private_key.map(|_| "private_key".to_owned()),
            self.listen_port.map(|_| "listen_port".to_owned()),
            self.fwmark.map(|_| "fwmark".to_owned()),
        ];
        let peers = self.peers.iter().map(|peer| &peer.public_key);
        let peer = peers.chain(&self.removed).next();
        let peer = peer.map(|key| format!("peer {key}"));
        let mut about = settings.into_iter().flatten().chain(peer);
        let subject = about.next();
        subject.filter(|_| about.next().is_none())
    }

    /// The same, with no key in it that is a secret: by that it can be seen whether it stands.
    #[must_use]
    pub fn without_secrets(&self) -> Self {
        let mut open = self.clone();
        open.private_key = open.private_key.map(|_| Key::NONE);
        for peer in &mut open.peers {
            peer.preshared_key = None;
        }
        open
    }

    /// Whether it gives the link something, rather than taking a peer away.
    pub fn gives(&self) -> bool {
        self.removed.is_empty() || !self.peers.is_empty()
    }

    /// Makes the change in `netns`.
    pub async fn send(&self, netns: &Netns) -> Result<(), Refusal> {
        let rtnl = rtnl(netns)?;
        if rtnl.is_planned() {
            return self.plan(netns, &rtnl).await;
        }
        let socket = Generic::open::<WireguardMessage>(netns.namespace())?;
        for request in self.requests() {
            socket.tell(request)?;
        }
        Ok(())
    }

    /// The requests that make it: as many as fit what one can carry.
    fn requests(&self) -> Vec<WireguardMessage> {
        let mut first = vec![WireguardAttribute::IfIndex(self.link)];
        first.extend(
            self.private_key
                .map(|key| WireguardAttribute::PrivateKey(key.0)),
        );
        first.extend(self.listen_port.map(WireguardAttribute::ListenPort));
        first.extend(self.fwmark.map(WireguardAttribute::Fwmark));
        let removed = self.removed.iter().map(|key| (removal(key), 0));
        let set = self.peers.iter().flat_map(pieces);
        let mut requests = vec![Vec::new()];
        let mut size = 0;
        for (piece, addresses) in removed.chain(set) {
            size += 1 + addresses;
            if size > MOST && requests.last().is_some_and(|last| !last.is_empty()) {
                requests.push(Vec::new());
                size = 1 + addresses;
            }
            if let Some(last) = requests.last_mut() {
                last.push(piece);
            }
        }
        let mut attributes = first;
        let mut messages = Vec::new();
        for peers in requests {
            if !peers.is_empty() {
                attributes.push(WireguardAttribute::Peers(peers));
            }
            messages.push(WireguardMessage {
                cmd: WireguardCmd::SetDevice,
                attributes: std::mem::replace(
                    &mut attributes,
                    vec![WireguardAttribute::IfIndex(self.link)],
                ),
            });
        }
        messages
    }

    /// Makes the change in the model, which keeps it where links of other kinds have what is particular to them.
    async fn plan(&self, netns: &Netns, rtnl: &Rtnl) -> Result<(), Refusal> {
        let mut device = get(netns, self.link).await?;
        self.apply(&mut device);
        let mut bytes = vec![0; device.attributes().as_slice().buffer_len()];
        device.attributes().as_slice().emit(&mut bytes);
        let mut message = LinkUnspec::new_with_index(self.link).build();
        message.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Wireguard),
            LinkInfo::Data(InfoData::Other(bytes)),
        ]));
        link::change(rtnl, message).await
    }

    fn apply(&self, device: &mut Device) {
        if let Some(key) = self.private_key {
            device.private_key = Some(key).filter(Key::is_some);
        }
        device.listen_port = self.listen_port.unwrap_or(device.listen_port);
        device.fwmark = self.fwmark.unwrap_or(device.fwmark);
        for peer in &self.peers {
            for other in &mut device.peers {
                other
                    .allowed_ips
                    .retain(|ip| !peer.allowed_ips.contains(ip));
            }
        }
        let is_said = |key: &Key| {
            self.removed.contains(key) || self.peers.iter().any(|peer| peer.public_key == *key)
        };
        device.peers.retain(|peer| !is_said(&peer.public_key));
        device.peers.extend(self.peers.iter().cloned());
    }
}

/// How many peers and addresses go into one request, whose list has at most 64 KiB: a peer takes some 150 bytes.
const MOST: usize = 300;

fn removal(key: &Key) -> WireguardPeer {
    WireguardPeer(vec![
        WireguardPeerAttribute::PublicKey(key.0),
        WireguardPeerAttribute::Flags(WireguardPeerFlags::RemoveMe),
    ])
}

/// What says that a peer is just like this: the first piece all of it, others more addresses. With how many there are.
fn pieces(peer: &Peer) -> Vec<(WireguardPeer, usize)> {
    use WireguardPeerAttribute as Attribute;
    let preshared = peer.preshared_key.unwrap_or(Key::NONE);
    let mut attributes = vec![
        Attribute::PublicKey(peer.public_key.0),
        Attribute::Flags(WireguardPeerFlags::ReplaceAllowedIps),
        Attribute::PresharedKey(preshared.0),
        Attribute::PersistentKeepalive(peer.keepalive),
    ];
    attributes.extend(peer.endpoint.map(Attribute::Endpoint));
    let mut chunks = peer.allowed_ips.chunks(MOST / 2);
    let first = chunks.next().unwrap_or_default();
    let mut pieces = Vec::new();
    for chunk in std::iter::once(first).chain(chunks) {
        let addresses = chunk.iter().map(allowed).collect();
        attributes.push(Attribute::AllowedIps(addresses));
        pieces.push((WireguardPeer(attributes), chunk.len()));
        attributes = vec![Attribute::PublicKey(peer.public_key.0)];
    }
    pieces
}

fn allowed(prefix: &IpNet) -> WireguardAllowedIp {
    let family = match prefix {
        IpNet::V4(_) => WireguardAddressFamily::Ipv4,
        IpNet::V6(_) => WireguardAddressFamily::Ipv6,
    };
    WireguardAllowedIp(vec![
        WireguardAllowedIpAttr::Family(family),
        WireguardAllowedIpAttr::IpAddr(prefix.addr()),
        WireguardAllowedIpAttr::Cidr(prefix.prefix_len()),
    ])
}

/// How the link `index` of `netns` is configured. The error is `EOPNOTSUPP` where it is of another kind.
pub async fn get(netns: &Netns, index: u32) -> Result<Device, Refusal> {
    let rtnl = rtnl(netns)?;
    if rtnl.is_planned() {
        let seen = link::get(&rtnl, Which::Index(index)).await?;
        if let Some(data) = seen.and_then(|seen| seen.data) {
            let mut bytes = vec![0; data.value_len()];
            data.emit_value(&mut bytes);
            return read_planned(&bytes);
        }
        if netns.namespace().is_imagined() {
            return Ok(Device::default());
        }
    }
    let question = WireguardMessage {
        cmd: WireguardCmd::GetDevice,
        attributes: vec![WireguardAttribute::IfIndex(index)],
    };
    let dumped = Generic::open::<WireguardMessage>(netns.namespace())
        .and_then(|socket| socket.dump(question));
    let answers = match dumped {
        // A link that is only planned.
        Err(refusal)
            if rtnl.is_planned() && [Errno::ENODEV, Errno::ENOENT].contains(&refusal.errno) =>
        {
            return Ok(Device::default());
        }
        dumped => dumped?,
    };
    let attributes = answers.into_iter().flat_map(|answer| answer.attributes);
    Ok(Device::of(attributes))
}

fn rtnl(netns: &Netns) -> Result<Rtnl, Refusal> {
    netns.rtnl().map_err(|error| Refusal::of_error(&error))
}

fn read_planned(bytes: &[u8]) -> Result<Device, Refusal> {
    let attributes: Option<Vec<WireguardAttribute>> = NlasIterator::new(bytes)
        .map(|attribute| WireguardAttribute::parse(&attribute.ok()?).ok())
        .collect();
    let attributes = attributes.ok_or(Refusal::of(Errno::EBADMSG))?;
    Ok(Device::of(attributes))
}

impl Device {
    fn of(attributes: impl IntoIterator<Item = WireguardAttribute>) -> Self {
        let mut device = Self::default();
        for attribute in attributes {
            match attribute {
                WireguardAttribute::PrivateKey(key) => {
                    device.private_key = Some(Key(key)).filter(Key::is_some);
                }
                WireguardAttribute::ListenPort(port) => device.listen_port = port,
                WireguardAttribute::Fwmark(mark) => device.fwmark = mark,
                WireguardAttribute::Peers(peers) => {
                    for peer in peers {
                        device.add(peer);
                    }
                }
                _ => {}
            }
        }
        for peer in &mut device.peers {
            peer.allowed_ips.sort_unstable();
        }
        device
    }

    /// Takes over what is told of a peer, which may be the rest of what does not fit one answer.
    fn add(&mut self, told: WireguardPeer) {
        let key = told.0.iter().find_map(|attribute| match attribute {
            WireguardPeerAttribute::PublicKey(key) => Some(Key(*key)),
            _ => None,
        });
        let Some(key) = key else { return };
        if self.peers.last().is_none_or(|last| last.public_key != key) {
            self.peers.push(Peer::new(key));
        }
        let Some(peer) = self.peers.last_mut() else {
            return;
        };
        for attribute in told.0 {
            match attribute {
                WireguardPeerAttribute::PresharedKey(key) => {
                    peer.preshared_key = Some(Key(key)).filter(Key::is_some);
                }
                WireguardPeerAttribute::Endpoint(endpoint) => peer.endpoint = Some(endpoint),
                WireguardPeerAttribute::PersistentKeepalive(seconds) => peer.keepalive = seconds,
                WireguardPeerAttribute::LastHandshake(time) => {
                    peer.traffic.last_handshake = time.seconds;
                }
                WireguardPeerAttribute::RxBytes(bytes) => peer.traffic.rx_bytes = bytes,
                WireguardPeerAttribute::TxBytes(bytes) => peer.traffic.tx_bytes = bytes,
                WireguardPeerAttribute::AllowedIps(ips) => {
                    peer.allowed_ips.extend(ips.iter().filter_map(prefix));
                }
                _ => {}
            }
        }
    }

    fn attributes(&self) -> Vec<WireguardAttribute> {
        let change = Change {
            private_key: self.private_key,
            listen_port: Some(self.listen_port),
            fwmark: Some(self.fwmark),
            peers: self.peers.clone(),
            ..Change::default()
        };
        let requests = change.requests().into_iter();
        requests.flat_map(|request| request.attributes).collect()
    }

    /// The peer that is known by `key`.
    pub fn peer(&self, key: &Key) -> Option<&Peer> {
        self.peers.iter().find(|peer| peer.public_key == *key)
    }
}

fn prefix(allowed: &WireguardAllowedIp) -> Option<IpNet> {
    let ip = allowed.0.iter().find_map(|attribute| match attribute {
        WireguardAllowedIpAttr::IpAddr(ip) => Some(*ip),
        _ => None,
    })?;
    let length = allowed.0.iter().find_map(|attribute| match attribute {
        WireguardAllowedIpAttr::Cidr(length) => Some(*length),
        _ => None,
    })?;
    IpNet::new(ip, length).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u8, addresses: usize) -> Peer {
        let ip = |host| format!("10.{number}.{}.{}/32", host / 256, host % 256);
        Peer {
            allowed_ips: (0..addresses)
                .map(|host| ip(host).parse().unwrap())
                .collect(),
            keepalive: number.into(),
            endpoint: Some("[fd00::1]:51820".parse().unwrap()),
            ..Peer::new(Key([number; 32]))
        }
    }

    #[test]
    fn what_is_asked_for_is_read_back_also_where_it_takes_several_requests() {
        let peers: Vec<Peer> = (1..=200).map(|number| peer(number, 3)).collect();
        let many = Device {
            peers,
            fwmark: 7,
            ..Device::default()
        };
        let one = Device {
            private_key: Some(Key::generate()),
            listen_port: 51820,
            peers: vec![peer(1, 2000)],
            ..Device::default()
        };
        for device in [many, one] {
            assert_eq!(Device::of(device.attributes()), device);
        }
    }

    #[test]
    fn no_request_is_larger_than_a_list_may_be() {
        let change = Change {
            peers: (1..=200).map(|number| peer(number, 40)).collect(),
            ..Change::default()
        };
        let requests = change.requests();
        assert!(requests.len() > 1);
        for request in requests {
            assert!(request.buffer_len() < usize::from(u16::MAX));
        }
    }

    #[test]
    fn a_planned_change_leaves_what_it_does_not_say() {
        let mut device = Device {
            listen_port: 1,
            peers: vec![peer(1, 1), peer(2, 1)],
            ..Device::default()
        };
        let change = Change {
            fwmark: Some(9),
            removed: vec![Key([1; 32])],
            peers: vec![peer(3, 1)],
            ..Change::default()
        };
        change.apply(&mut device);
        assert_eq!((device.listen_port, device.fwmark), (1, 9));
        assert_eq!(device.peers, [peer(2, 1), peer(3, 1)]);
        assert!(device.peer(&Key([1; 32])).is_none());
    }
}
