//! IP addresses of links.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use rtnetlink::packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage, AddressScope,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::net::rtnl::{Refusal, Rtnl};

/// An address of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The ifindex of the link.
    pub link: u32,
    /// The address with its prefix length.
    pub prefix: IpNet,
    /// `global`, `site`, `link` or `host`.
    pub scope: &'static str,
    /// Whether duplicate address detection (IPv6) still runs.
    pub tentative: bool,
    /// Whether another address of the same subnet on the link came first (IPv4).
    pub secondary: bool,
    /// The label (IPv4).
    pub label: Option<String>,
    /// The broadcast address (IPv4), if one is set.
    pub broadcast: Option<Ipv4Addr>,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.prefix)
    }
}

/// An address to be added.
#[derive(Clone, Debug)]
pub struct NewAddress {
    /// The ifindex of the link.
    pub link: u32,
    /// The address with its prefix length.
    pub prefix: IpNet,
    /// Skips duplicate address detection (IPv6).
    pub nodad: bool,
}

impl NewAddress {
    /// The message that adds it, or deletes it.
    ///
    /// As `ip address add` has it, a loopback address gets scope host.
    fn message(&self) -> AddressMessage {
        let ip = self.prefix.addr();
        let mut message = AddressMessage::default();
        message.header.family = family(ip);
        message.header.prefix_len = self.prefix.prefix_len();
        message.header.index = self.link;
        if ip.is_loopback() {
            message.header.scope = AddressScope::Host;
        }
        message.attributes.push(AddressAttribute::Local(ip));
        message.attributes.push(AddressAttribute::Address(ip));
        if self.nodad {
            message.header.flags |= AddressHeaderFlags::Nodad;
            message
                .attributes
                .push(AddressAttribute::Flags(AddressFlags::Nodad));
        }
        message
    }
}

/// The address family of an address.
pub(crate) fn family(ip: IpAddr) -> AddressFamily {
    match ip {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

/// Adds an address.
pub async fn add(rtnl: &Rtnl, address: &NewAddress) -> Result<(), Refusal> {
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    rtnl.tell(RouteNetlinkMessage::NewAddress(address.message()), flags)
        .await
}

/// Deletes an address.
pub async fn delete(rtnl: &Rtnl, link: u32, prefix: IpNet) -> Result<(), Refusal> {
    let address = NewAddress {
        link,
        prefix,
        nodad: false,
    };
    rtnl.tell(RouteNetlinkMessage::DelAddress(address.message()), 0)
        .await
}

/// All addresses of the namespace, of one link where one is given.
pub async fn list(rtnl: &Rtnl, link: Option<u32>) -> Result<Vec<Address>, Refusal> {
    let request = RouteNetlinkMessage::GetAddress(AddressMessage::default());
    let answers = rtnl.dump(request).await?;
    Ok(answers
        .into_iter()
        .filter_map(|answer| match answer {
            RouteNetlinkMessage::NewAddress(message) => read(message),
            _ => None,
        })
        .filter(|address| link.is_none_or(|link| link == address.link))
        .collect())
}

fn read(message: AddressMessage) -> Option<Address> {
    let mut local = None;
    let mut peer = None;
    let mut flags = AddressFlags::empty();
    let mut label = None;
    let mut broadcast = None;
    for attribute in message.attributes {
        match attribute {
            AddressAttribute::Local(ip) => local = Some(ip),
            AddressAttribute::Address(ip) => peer = Some(ip),
            AddressAttribute::Flags(all) => flags = all,
            AddressAttribute::Label(text) => label = Some(text),
            AddressAttribute::Broadcast(ip) => broadcast = Some(ip),
            _ => {}
        }
    }
    // IPv6 without a peer has only IFA_ADDRESS.
    let ip = local.or(peer)?;
    Some(Address {
        link: message.header.index,
        prefix: IpNet::new(ip, message.header.prefix_len).ok()?,
        scope: match message.header.scope {
            AddressScope::Site => "site",
            AddressScope::Link => "link",
            AddressScope::Host => "host",
            AddressScope::Nowhere => "nowhere",
            _ => "global",
        },
        tentative: flags.contains(AddressFlags::Tentative),
        secondary: ip.is_ipv4() && flags.contains(AddressFlags::Secondary),
        label,
        broadcast,
    })
}
