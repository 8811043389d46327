//! Links: what a namespace has, and the requests that make, change and delete one. Knows no kind in particular.

use std::collections::HashSet;

use nix::errno::Errno;
use rtnetlink::LinkUnspec;
use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{
    InfoData, InfoPortData, InfoVxlan, LinkAttribute, LinkExtentMask, LinkFlags, LinkInfo,
    LinkMessage, Prop, State, Stats64,
};

use crate::net::namespace::Namespace;
use crate::net::rtnl::{Refusal, Rtnl};

/// The least MTU of a link with IPv6 in bytes: `IPV6_MIN_MTU` of `linux/ipv6.h`. Below it the link has no IPv6 at all.
pub const LEAST_OF_IPV6: u32 = 1280;

/// A link as the kernel describes it at one moment.
#[derive(Clone, Debug, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "the kernel tells each by itself"
)]
pub struct Snapshot {
    /// Its ifindex.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its kind as `ip -d link` prints it (`ipvlan`, `veth`); empty for hardware and the loopback.
    pub kind: String,
    /// What is particular to the kind.
    pub data: Option<InfoData>,
    /// The ifindex of its parent or peer (`IFLA_LINK`), if it has one.
    pub parent: Option<u32>,
    /// The id, in this namespace, of the namespace that `parent` lives in, where that is another one.
    pub parent_nsid: Option<i32>,
    /// The ifindex of the bridge, bond or VRF that it is under.
    pub master: Option<u32>,
    /// Its MTU in bytes.
    pub mtu: u32,
    /// Its hardware address.
    pub mac: Vec<u8>,
    /// Its alias.
    pub alias: Option<String>,
    /// Its other names.
    pub altnames: Vec<String>,
    /// How many packets its queue takes.
    pub txqlen: u32,
    /// The number of the group that it is in.
    pub group: u32,
    /// The largest packet that it segments itself, in bytes.
    pub gso_max_size: u32,
    /// Into how many segments it cuts one at most.
    pub gso_max_segs: u32,
    /// The largest packet that is put together from what it receives, in bytes.
    pub gro_max_size: u32,
    /// How many queues it has to send.
    pub tx_queues: u32,
    /// How many queues it has to receive.
    pub rx_queues: u32,
    /// Whether its carrier is on, also while it is down.
    pub carrier_on: bool,
    /// Whether a protocol has switched its carrier off (`protodown`).
    pub protodown: bool,
    /// What it is given as a port of its master.
    pub port: Option<InfoPortData>,
    /// Its operational state as `ip -br link` prints it: `UP`, `DOWN`, `UNKNOWN`, `LOWERLAYERDOWN`.
    pub state: &'static str,
    /// Whether it has a carrier.
    pub carrier: bool,
    /// Whether it is administratively up.
    pub up: bool,
    /// Whether it is the loopback.
    pub loopback: bool,
    /// The number of its sort of hardware, `ARPHRD_` of `linux/if_arp.h`.
    pub hardware: u16,
    /// The flags, as the kernel gives them.
    pub flags: LinkFlags,
    /// Packet and byte counters.
    pub stats: Option<Stats64>,
}

impl Snapshot {
    /// The link of its namespace that carries its packets, without which it can't be, where it is on none.
    pub fn carried_by(&self) -> Option<u32> {
        let Some(InfoData::Vxlan(infos)) = &self.data else {
            return None;
        };
        infos.iter().find_map(|info| match info {
            InfoVxlan::Link(index) => Some(*index).filter(|index| *index > 0),
            _ => None,
        })
    }

    /// Whether it is a port of a bond.
    pub fn is_bond_port(&self) -> bool {
        matches!(self.port, Some(InfoPortData::BondPort(_)))
    }
}

impl From<LinkMessage> for Snapshot {
    fn from(message: LinkMessage) -> Self {
        let flags = message.header.flags;
        let mut link = Self {
            index: message.header.index,
            up: flags.contains(LinkFlags::Up),
            loopback: flags.contains(LinkFlags::Loopback),
            hardware: message.header.link_layer_type.into(),
            carrier: flags.contains(LinkFlags::LowerUp),
            flags,
            state: "UNKNOWN",
            ..Self::default()
        };
        for attribute in message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name = name,
                LinkAttribute::Link(index) => link.parent = Some(index),
                LinkAttribute::LinkNetNsId(id) => link.parent_nsid = Some(id),
                LinkAttribute::Controller(index) => link.master = Some(index),
                LinkAttribute::Mtu(mtu) => link.mtu = mtu,
                LinkAttribute::Address(mac) => link.mac = mac,
                LinkAttribute::IfAlias(alias) => link.alias = Some(alias),
                LinkAttribute::PropList(list) => link.altnames = altnames(list),
                LinkAttribute::TxQueueLen(length) => link.txqlen = length,
                LinkAttribute::Group(group) => link.group = group,
                LinkAttribute::GsoMaxSize(bytes) => link.gso_max_size = bytes,
                LinkAttribute::GsoMaxSegs(count) => link.gso_max_segs = count,
                LinkAttribute::GroMaxSize(bytes) => link.gro_max_size = bytes,
                LinkAttribute::NumTxQueues(count) => link.tx_queues = count,
                LinkAttribute::NumRxQueues(count) => link.rx_queues = count,
                LinkAttribute::Carrier(on) => link.carrier_on = on != 0,
                LinkAttribute::ProtoDown(on) => link.protodown = on != 0,
                LinkAttribute::OperState(state) => link.state = state_name(state),
                LinkAttribute::Stats64(stats) => link.stats = Some(stats),
                LinkAttribute::LinkInfo(infos) => {
                    for info in infos {
                        match info {
                            LinkInfo::Kind(kind) => link.kind = kind.to_string(),
                            LinkInfo::Data(data) => link.data = Some(data),
                            LinkInfo::PortData(data) => link.port = Some(data),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        link
    }
}

fn altnames(list: Vec<Prop>) -> Vec<String> {
    let names = list.into_iter().filter_map(|property| match property {
        Prop::AltIfName(name) => Some(name),
        _ => None,
    });
    names.collect()
}

fn state_name(state: State) -> &'static str {
    match state {
        State::NotPresent => "NOTPRESENT",
        State::Down => "DOWN",
        State::LowerLayerDown => "LOWERLAYERDOWN",
        State::Testing => "TESTING",
        State::Dormant => "DORMANT",
        State::Up => "UP",
        _ => "UNKNOWN",
    }
}

/// How to point at a link.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    /// By its name.
    Name(&'a str),
    /// By its ifindex.
    Index(u32),
}

/// Looks a link up. `None` where it is not there.
pub async fn get(rtnl: &Rtnl, which: Which<'_>) -> Result<Option<Snapshot>, Refusal> {
    let mut message = LinkMessage::default();
    match which {
        Which::Name(name) => message
            .attributes
            .push(LinkAttribute::IfName(name.to_owned())),
        Which::Index(index) => message.header.index = index,
    }
    match rtnl.ask(RouteNetlinkMessage::GetLink(message)).await {
        Ok(RouteNetlinkMessage::NewLink(found)) => Ok(Some(found.into())),
        Ok(_) => Ok(None),
        Err(refusal) if refusal.errno == Errno::ENODEV => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

/// All links of the namespace, by ifindex, without their counters.
pub async fn list(rtnl: &Rtnl) -> Result<Vec<Snapshot>, Refusal> {
    let mut message = LinkMessage::default();
    message
        .attributes
        .push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    dump(rtnl, message).await
}

/// The same with their counters.
pub async fn list_counted(rtnl: &Rtnl) -> Result<Vec<Snapshot>, Refusal> {
    dump(rtnl, LinkMessage::default()).await
}

async fn dump(rtnl: &Rtnl, message: LinkMessage) -> Result<Vec<Snapshot>, Refusal> {
    let answers = rtnl.dump(RouteNetlinkMessage::GetLink(message)).await?;
    Ok(answers
        .into_iter()
        .filter_map(|answer| match answer {
            RouteNetlinkMessage::NewLink(link) => Some(link.into()),
            _ => None,
        })
        .collect())
}

/// Makes the link that `message` describes, straight in the namespace `place` where one is given, by one message.
///
/// `rtnl` is a socket of the namespace that the parent lives in.
pub async fn create(
    rtnl: &Rtnl,
    place: Option<&Namespace>,
    mut message: LinkMessage,
) -> Result<(), Refusal> {
    // Open until it was answered.
    let place = place.map(Namespace::reference).transpose();
    let place = place.map_err(|error| Refusal::of_error(&error))?;
    if let Some(place) = &place {
        message
            .attributes
            .push(LinkAttribute::NetNsFd(place.number()));
    }
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    rtnl.tell(RouteNetlinkMessage::NewLink(message), flags)
        .await
}

/// Changes an existing link; `message` carries its ifindex and what is to change.
pub async fn change(rtnl: &Rtnl, message: LinkMessage) -> Result<(), Refusal> {
    rtnl.tell(RouteNetlinkMessage::NewLink(message), 0).await
}

/// Gives a link another name beside its own, or takes such a one away.
pub async fn set_altname(
    rtnl: &Rtnl,
    index: u32,
    name: &str,
    present: bool,
) -> Result<(), Refusal> {
    let mut message = LinkMessage::default();
    message.header.index = index;
    let names = vec![Prop::AltIfName(name.to_owned())];
    message.attributes.push(LinkAttribute::PropList(names));
    let request = if present {
        RouteNetlinkMessage::NewLinkProp(message)
    } else {
        RouteNetlinkMessage::DelLinkProp(message)
    };
    rtnl.tell(request, 0).await
}

/// Deletes a link. Gone already is no error: `false` then.
pub async fn delete(rtnl: &Rtnl, index: u32) -> Result<bool, Refusal> {
    let message = LinkUnspec::new_with_index(index).build();
    match rtnl.tell(RouteNetlinkMessage::DelLink(message), 0).await {
        Ok(()) => Ok(true),
        Err(refusal) if refusal.errno == Errno::ENODEV => Ok(false),
        Err(refusal) => Err(refusal),
    }
}

/// Whether links of the kind are made two at once, and end together.
pub fn is_pair(kind: &str) -> bool {
    ["veth", "netkit"].contains(&kind)
}

/// Deletes links at about the cost of one: as a group that no other link is in.
pub async fn delete_together(rtnl: &Rtnl, indexes: &[u32]) -> Result<(), Refusal> {
    if let [index] = indexes {
        return delete(rtnl, *index).await.map(drop);
    }
    let groups: HashSet<u32> = list(rtnl).await?.iter().map(|link| link.group).collect();
    let group = (0..u32::MAX).rev().find(|group| !groups.contains(group));
    let group = LinkAttribute::Group(group.ok_or(Refusal::of(Errno::EBUSY))?);
    let mut members = 0;
    for index in indexes {
        let mut message = LinkMessage::default();
        message.header.index = *index;
        message.attributes.push(group.clone());
        match change(rtnl, message).await {
            Ok(()) => members += 1,
            // It has gone meanwhile.
            Err(refusal) if refusal.errno == Errno::ENODEV => {}
            Err(refusal) => return Err(refusal),
        }
    }
    if members == 0 {
        return Ok(());
    }
    let mut message = LinkMessage::default();
    message.attributes.push(group);
    match rtnl.tell(RouteNetlinkMessage::DelLink(message), 0).await {
        Err(refusal) if refusal.errno != Errno::ENODEV => Err(refusal),
        _ => Ok(()),
    }
}

/// Moves a link to the namespace `place`, under a new name if one is given.
pub async fn move_to(
    rtnl: &Rtnl,
    index: u32,
    place: &Namespace,
    name: Option<&str>,
) -> Result<(), Refusal> {
    let place = place
        .reference()
        .map_err(|error| Refusal::of_error(&error))?;
    let mut builder = LinkUnspec::new_with_index(index).setns_by_fd(place.number());
    if let Some(name) = name {
        builder = builder.name(name);
    }
    change(rtnl, builder.build()).await
}

/// What a message of a watch says of links: one that was made or changed.
pub fn told(message: RouteNetlinkMessage) -> Option<Snapshot> {
    match message {
        RouteNetlinkMessage::NewLink(link) => Some(link.into()),
        _ => None,
    }
}
