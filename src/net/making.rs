//! How a link is made again that was deleted: what the kernel told of it, as what the kernel takes.

use std::collections::HashMap;

use nix::errno::Errno;
use rtnetlink::packet_route::link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkMessage};
use rtnetlink::{LinkMessageBuilder, LinkUnspec};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::net::attributes::{attributes_of, bytes_of};
use crate::net::link::{self, Snapshot, Which};
use crate::net::namespace::Reference;
use crate::net::netns::Netns;
use crate::net::request;
use crate::net::rtnl::{Refusal, Rtnl};
use crate::net::tun::{self, Tun};

/// A link, or a pair of them, as it is to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Making {
    kind: String,
    end: End,
    /// The ifindex of what it is stacked on, in the namespace where it is made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<u32>,
    /// The other end of a pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    peer: Option<End>,
    /// What is particular to the kind, as the attributes that the kernel takes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    data: Vec<(u16, Vec<u8>)>,
}

/// What each end is given at its making, and not later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct End {
    index: u32,
    name: String,
    /// Empty where it has it from another link.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    mac: Vec<u8>,
    tx_queues: u32,
    rx_queues: u32,
}

impl End {
    fn of(seen: &Snapshot, has_own_mac: bool) -> Self {
        Self {
            index: seen.index,
            name: seen.name.clone(),
            mac: if has_own_mac {
                seen.mac.clone()
            } else {
                Vec::new()
            },
            tx_queues: seen.tx_queues,
            rx_queues: seen.rx_queues,
        }
    }

    fn attributes(&self) -> Vec<LinkAttribute> {
        let mut attributes = vec![
            LinkAttribute::IfName(self.name.clone()),
            LinkAttribute::NumTxQueues(self.tx_queues),
            LinkAttribute::NumRxQueues(self.rx_queues),
        ];
        if !self.mac.is_empty() {
            attributes.push(LinkAttribute::Address(self.mac.clone()));
        }
        attributes
    }
}

/// The kind of pairs whose message is known here.
const PAIR: &str = "veth";

/// How many bytes a hardware address of Ethernet has.
const ETHERNET: usize = 6;

impl Making {
    /// What makes a link again that is there. `peer` is the other end of a pair; `has_own_mac` whether its hardware address is not
    /// that of another link. `None` where no request makes one: hardware, and devices that end with a program.
    pub fn of(seen: &Snapshot, peer: Option<&Snapshot>, has_own_mac: bool) -> Option<Self> {
        let data = seen.data.as_ref().map(attributes_of).unwrap_or_default();
        let is_lasting = seen.kind != "tun" || byte_of(&data, TUN_PERSIST) == Some(1);
        let is_pair = link::is_pair(&seen.kind);
        if seen.kind.is_empty() || !is_lasting || is_pair && (seen.kind != PAIR || peer.is_none()) {
            return None;
        }
        let has_own_mac = has_own_mac && seen.mac.len() == ETHERNET && seen.kind != "tun";
        Some(Self {
            kind: seen.kind.clone(),
            end: End::of(seen, has_own_mac),
            parent: seen.parent.filter(|_| !link::is_pair(&seen.kind)),
            peer: peer.map(|peer| End::of(peer, true)),
            data: taken(&seen.kind, data),
        })
    }

    /// Follows the parent, where it has another ifindex now.
    pub fn renumber(&mut self, moved: &HashMap<u32, u32>) {
        if let Some(parent) = &mut self.parent {
            request::renumber(parent, moved);
        }
    }

    /// The ifindex that the other end of a pair had.
    pub fn peer_index(&self) -> Option<u32> {
        self.peer.as_ref().map(|peer| peer.index)
    }

    /// Makes it in `place` and returns the ifindex that it has now, which is the former one where that is free. `home` is where its
    /// parent is, or the other end of the pair, where that is elsewhere.
    pub async fn send(&self, place: &Netns, home: Option<&Netns>) -> Result<Result<u32, Refusal>> {
        let rtnl = &place.rtnl()?;
        let made = match self.device() {
            Some(device) => {
                tun::create(
                    place,
                    rtnl,
                    &device,
                    &self.end.name,
                    &LinkMessage::default(),
                )
                .await?
            }
            None => self.ask(place, home).await?,
        };
        if let Err(refusal) = made {
            return Ok(Err(refusal));
        }
        Ok(match link::get(rtnl, Which::Name(&self.end.name)).await? {
            Some(made) => Ok(made.index),
            None => Err(Refusal::of(Errno::ENODEV)),
        })
    }

    async fn ask(&self, place: &Netns, home: Option<&Netns>) -> Result<Result<(), Refusal>> {
        let is_pair = self.peer.is_some();
        let sender = match home.filter(|_| !is_pair) {
            Some(home) => home.rtnl()?,
            None => place.rtnl()?,
        };
        let target = home.filter(|_| !is_pair).map(|_| place.namespace());
        let mut refused = Refusal::of(Errno::EEXIST);
        // Somebody else may have its ifindex by now. A driver may not take as its own answer what it tells of itself: each by itself
        // then, as far as it goes.
        let far = home
            .filter(|_| is_pair)
            .map(|home| home.namespace().reference());
        // Open until it was answered.
        let far = far.transpose()?;
        for (with_index, with_data) in [(true, true), (false, true), (true, false), (false, false)]
        {
            if !with_data && self.data.is_empty() {
                break;
            }
            let far = far.as_ref().map(Reference::number);
            let message = self.message(far, with_index, with_data);
            match link::create(&sender, target, message).await {
                Ok(()) if with_data => return Ok(Ok(())),
                Ok(()) => {
                    self.set_each(&place.rtnl()?).await?;
                    return Ok(Ok(()));
                }
                Err(refusal) if with_data && may_go_otherwise(refusal.errno) => refused = refusal,
                Err(refusal) if may_go_otherwise(refusal.errno) => {}
                Err(refusal) => return Ok(Err(refusal)),
            }
        }
        Ok(Err(refused))
    }

    /// The request; `far` is the descriptor of the namespace in which the other end of a pair is.
    fn message(&self, far: Option<i32>, with_index: bool, with_data: bool) -> LinkMessage {
        let index = |end: &End| if with_index { end.index } else { 0 };
        let kind = InfoKind::from(self.kind.as_str());
        let mut builder = LinkMessageBuilder::<LinkUnspec>::new_with_info_kind(kind);
        if let Some(peer) = &self.peer {
            let mut message = LinkMessage::default();
            message.header.index = index(peer);
            message.attributes = peer.attributes();
            message.attributes.extend(far.map(LinkAttribute::NetNsFd));
            builder = builder.set_info_data(InfoData::Veth(InfoVeth::Peer(message)));
        } else if with_data && !self.data.is_empty() {
            builder = builder.set_info_data(InfoData::Other(bytes_of(&self.data)));
        }
        let mut message = builder.build();
        message.header.index = index(&self.end);
        message.attributes.extend(self.end.attributes());
        message
            .attributes
            .extend(self.parent.map(LinkAttribute::Link));
        message
    }

    /// Sets what is particular to the kind, each by itself: what is refused has the value that it would have been given, or has none
    /// that can be set.
    async fn set_each(&self, rtnl: &Rtnl) -> Result<()> {
        let Some(made) = link::get(rtnl, Which::Name(&self.end.name)).await? else {
            return Ok(());
        };
        for one in &self.data {
            let kind = InfoKind::from(self.kind.as_str());
            let mut message = LinkMessageBuilder::<LinkUnspec>::new_with_info_kind(kind)
                .set_info_data(InfoData::Other(bytes_of(std::slice::from_ref(one))))
                .build();
            message.header.index = made.index;
            let _ = link::change(rtnl, message).await;
        }
        Ok(())
    }

    fn device(&self) -> Option<Tun> {
        if self.kind != "tun" {
            return None;
        }
        let number = |at| {
            let found = self.data.iter().find(|(known, _)| *known == at);
            found
                .and_then(|(_, bytes)| bytes.as_slice().try_into().ok())
                .map(u32::from_ne_bytes)
        };
        Some(Tun {
            is_tap: byte_of(&self.data, TUN_TYPE) == Some(TAP),
            user: number(TUN_OWNER),
            group: number(TUN_GROUP),
            multi_queue: byte_of(&self.data, TUN_MULTI_QUEUE) == Some(1),
        })
    }
}

/// Whether another form of the request may be taken.
fn may_go_otherwise(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::EEXIST
            | Errno::EINVAL
            | Errno::ERANGE
            | Errno::EACCES
            | Errno::EPERM
            | Errno::EOPNOTSUPP
    )
}

/// `IFLA_TUN_*` of `linux/if_link.h`, and the type of a TAP device.
const TUN_OWNER: u16 = 1;
const TUN_GROUP: u16 = 2;
const TUN_TYPE: u16 = 3;
const TUN_PERSIST: u16 = 6;
const TUN_MULTI_QUEUE: u16 = 7;
const TAP: u8 = 2;

/// What a bridge tells and takes from nobody: who is the root of the spanning tree, its timers, how many addresses it has learned.
/// And two that it takes: the group address, which would no longer be the usual one, and the order to forget what it has learned.
const OF_BRIDGE: [u16; 13] = [10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 47];

/// `IFLA_MACVLAN_*` of `linux/if_link.h`: how the list of addresses is to be changed, the list, how long it is, and how long the queue
/// really is; and the change that sets the list.
const MACADDR_MODE: u16 = 3;
const MACADDR_DATA: u16 = 5;
const MACADDR_COUNT: u16 = 6;
const BC_QUEUE_LEN_USED: u16 = 8;
const MACADDR_SET: u32 = 3;

/// `IFLA_VXLAN_TTL_INHERIT`, and `IFLA_VXLAN_REMCSUM_TX` and `…_RX`.
const TTL_INHERIT: u16 = 28;
const REMCSUM: [u16; 2] = [21, 22];

/// `IFLA_GENEVE_REMOTE`, `IFLA_GENEVE_TTL_INHERIT`, and what goes with a far end of IPv6 only.
const GENEVE_REMOTE: u16 = 2;
const GENEVE_TTL_INHERIT: u16 = 12;
const GENEVE_OVER_IPV6: [u16; 2] = [9, 10];

/// `IFLA_VLAN_FLAGS`: the flags, and which of them are meant (`vlan_dev_change_flags` in `net/8021q/vlan_dev.c`); and the one that a
/// new VLAN has.
const VLAN_FLAGS: u16 = 2;
const VLAN_REORDER_HDR: u32 = 1;

/// What of the attributes that a link of the kind tells the kernel takes.
fn taken(kind: &str, mut data: Vec<(u16, Vec<u8>)>) -> Vec<(u16, Vec<u8>)> {
    match kind {
        "bridge" => data.retain(|(at, _)| !OF_BRIDGE.contains(at)),
        "macvlan" | "macvtap" => {
            data.retain(|(at, bytes)| match *at {
                MACADDR_COUNT | BC_QUEUE_LEN_USED => false,
                MACADDR_DATA => !bytes.is_empty(),
                _ => true,
            });
            if data.iter().any(|(at, _)| *at == MACADDR_DATA) {
                data.push((MACADDR_MODE, MACADDR_SET.to_ne_bytes().to_vec()));
            }
        }
        "vxlan" => {
            // Of the first it tells a byte, and takes none. To say no of the others uses bits of the header.
            let is_said = |at| at == TTL_INHERIT || REMCSUM.contains(&at);
            data.retain(|(at, bytes)| !is_said(*at) || bytes.as_slice() == [1]);
            for (_, bytes) in data.iter_mut().filter(|(at, _)| *at == TTL_INHERIT) {
                bytes.clear();
            }
        }
        "vlan" => {
            // It tells that it means each flag there can be, and takes only those that it knows. But for one, a new link has none.
            for (_, bytes) in data.iter_mut().filter(|(at, _)| *at == VLAN_FLAGS) {
                if let Some(flags) = bytes.first_chunk().copied().map(u32::from_ne_bytes) {
                    let meant = flags | VLAN_REORDER_HDR;
                    *bytes = [flags, meant].map(u32::to_ne_bytes).concat();
                }
            }
        }
        "geneve" => {
            // Who says no to an inherited one says nothing of the TTL itself (`geneve_nl2info` in `drivers/net/geneve.c`).
            data.retain(|(at, bytes)| *at != GENEVE_TTL_INHERIT || bytes.as_slice() == [1]);
            if data.iter().any(|(at, _)| *at == GENEVE_REMOTE) {
                data.retain(|(at, _)| !GENEVE_OVER_IPV6.contains(at));
            }
        }
        _ => {}
    }
    data
}

fn byte_of(data: &[(u16, Vec<u8>)], at: u16) -> Option<u8> {
    let found = data.iter().find(|(known, _)| *known == at)?;
    found.1.first().copied()
}
