//! IP addresses of links.

mod assigned;
mod order;
mod same;

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use nix::time::{ClockId, clock_gettime};
use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use rtnetlink::packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage, AddressProtocol, CacheInfo,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::net::request::Request;
use crate::net::rtnl::{Refusal, Rtnl};

pub use assigned::{
    Assigned, FLAGS, FLAGS_OF_IPV6, FOREVER, Lifetimes, SCOPES, lifetime_text, scope_text,
};
pub use order::{restore_all, secondary_to, stand};

/// An address of a link, as the kernel tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "the kernel tells each by itself"
)]
pub struct Address {
    /// The ifindex of the link.
    pub link: u32,
    /// What it is; its lifetimes as they are now.
    pub assigned: Assigned,
    /// How many seconds of its lifetimes have run.
    pub age: u32,
    /// Whether duplicate address detection (IPv6) still runs, or was never begun.
    pub tentative: bool,
    /// Whether duplicate address detection (IPv6) has found that somebody else has it.
    pub dad_failed: bool,
    /// Whether another address of the same subnet on the link came first (IPv4).
    pub secondary: bool,
    /// Whether its preferred lifetime is over.
    pub deprecated: bool,
    /// Whether it was made by the kernel: that of the loopback, a link-local one, or one that a router announced.
    pub by_itself: bool,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.assigned.prefix)
    }
}

impl Address {
    /// The address alone.
    pub fn ip(&self) -> IpAddr {
        self.assigned.prefix.addr()
    }

    /// How far it is valid: `global`, `site`, `link`, `host`, or a number.
    pub fn scope(&self) -> String {
        let suits = || self.assigned.scope_to_send();
        scope_text(self.assigned.scope.unwrap_or_else(suits))
    }

    /// How long it is good for from now on.
    pub fn lifetimes(&self) -> Lifetimes {
        self.assigned.lifetimes.unwrap_or_default()
    }

    /// The lifetimes that it was given, whatever has run of them since.
    pub fn lifetimes_given(&self) -> Lifetimes {
        let whole = |left: u32| match left {
            FOREVER => FOREVER,
            left => left.saturating_add(self.age),
        };
        let Lifetimes { valid, preferred } = self.lifetimes();
        Lifetimes {
            valid: whole(valid),
            preferred: whole(preferred),
        }
    }

    /// Its flags as `ip address` prints them.
    pub fn flags(&self) -> Vec<&'static str> {
        let states = [
            (self.secondary, "secondary"),
            (self.tentative, "tentative"),
            (self.dad_failed, "dadfailed"),
            (self.deprecated, "deprecated"),
        ];
        let states = states.into_iter().filter(|(is, _)| *is);
        let given = FLAGS.iter().map(|(name, _)| *name);
        states
            .map(|(_, name)| name)
            .chain(given.filter(|name| self.assigned.has(name)))
            .collect()
    }
}

/// The address family of an address.
pub(crate) fn family(ip: IpAddr) -> AddressFamily {
    match ip {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

/// Adds an address to the link.
pub async fn add(rtnl: &Rtnl, link: u32, address: &Assigned) -> Result<(), Refusal> {
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    let message = RouteNetlinkMessage::NewAddress(address.message(link));
    rtnl.tell(message, flags).await
}

/// The request that gives an address which the link has these lifetimes, this metric, and for IPv6 these flags: what the kernel
/// changes in place.
pub fn change(link: u32, address: &Assigned) -> Request {
    Request::new(&changing(link, address), NLM_F_REPLACE)
}

fn changing(link: u32, address: &Assigned) -> RouteNetlinkMessage {
    // The kernel takes what is not said for what it was, or for ever: so all is said.
    let whole = Assigned {
        lifetimes: Some(address.lifetimes.unwrap_or_default()),
        metric: Some(address.metric.unwrap_or_default()),
        ..address.clone()
    };
    RouteNetlinkMessage::NewAddress(whole.message(link))
}

/// Adds an address that was there before, without having it found out again whether somebody else has it.
pub async fn restore(rtnl: &Rtnl, link: u32, address: &Assigned) -> Result<(), Refusal> {
    let mut at_once = address.clone();
    at_once.set("nodad", true);
    add(rtnl, link, &at_once).await?;
    if address.prefix.addr().is_ipv6() && !address.has("nodad") {
        rtnl.tell(changing(link, address), NLM_F_REPLACE).await?;
    }
    Ok(())
}

/// Deletes an address.
pub async fn delete(rtnl: &Rtnl, link: u32, address: &Assigned) -> Result<(), Refusal> {
    let named = Assigned {
        peer: address.peer,
        ..Assigned::new(address.prefix)
    };
    rtnl.tell(RouteNetlinkMessage::DelAddress(named.message(link)), 0)
        .await
}

/// Deletes an address with which the kernel takes others along. A plan, which has no kernel for that, is told each.
pub async fn delete_all(
    rtnl: &Rtnl,
    link: u32,
    address: &Assigned,
    along: &[Assigned],
) -> Result<(), Refusal> {
    delete(rtnl, link, address).await?;
    for other in along.iter().filter(|_| rtnl.is_planned()) {
        delete(rtnl, link, other).await?;
    }
    Ok(())
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

/// Reads a message of the kernel's about an address that is there.
fn read(message: AddressMessage) -> Option<Address> {
    let mut local = None;
    let mut peer = None;
    let mut flags = AddressFlags::from_bits_retain(message.header.flags.bits().into());
    let (mut label, mut broadcast, mut metric, mut cache) = (None, None, None, None);
    let mut by_itself = false;
    for attribute in message.attributes {
        match attribute {
            AddressAttribute::Local(ip) => local = Some(ip),
            AddressAttribute::Address(ip) => peer = Some(ip),
            AddressAttribute::Flags(all) => flags = all,
            AddressAttribute::Label(text) => label = Some(text),
            AddressAttribute::Broadcast(ip) => broadcast = Some(ip),
            AddressAttribute::RoutePriority(number) => metric = Some(number),
            AddressAttribute::CacheInfo(info) => cache = Some(info),
            AddressAttribute::Protocol(protocol) => {
                by_itself = !matches!(protocol, AddressProtocol::Other(_));
            }
            _ => {}
        }
    }
    // IPv6 without a peer has only IFA_ADDRESS.
    let ip = local.or(peer)?;
    let settable = FLAGS.iter().fold(0, |all, (_, flag)| all | flag.bits());
    let lifetimes = cache.as_ref().map(|cache| Lifetimes {
        valid: cache.ifa_valid,
        preferred: cache.ifa_preferred,
    });
    let assigned = Assigned {
        prefix: IpNet::new(ip, message.header.prefix_len).ok()?,
        peer: peer.filter(|peer| *peer != ip),
        broadcast,
        scope: Some(message.header.scope.into()),
        label,
        lifetimes: lifetimes.filter(|lifetimes| *lifetimes != Lifetimes::default()),
        metric: metric.filter(|metric| *metric > 0),
        flags: flags.bits() & settable,
    };
    Some(Address {
        link: message.header.index,
        age: cache.map_or(0, |cache| age(&cache)),
        tentative: flags.contains(AddressFlags::Tentative),
        dad_failed: flags.contains(AddressFlags::Dadfailed),
        secondary: ip.is_ipv4() && flags.contains(AddressFlags::Secondary),
        deprecated: flags.contains(AddressFlags::Deprecated),
        // Of IPv6 the flag says that it is a temporary one.
        by_itself: by_itself || ip.is_ipv6() && flags.contains(AddressFlags::Secondary),
        assigned,
    })
}

/// How many seconds have gone by since the lifetimes were set.
fn age(cache: &CacheInfo) -> u32 {
    // In hundredths of a second since the kernel started, in 32 bits; a plan does not tell it.
    let set = cache.tstamp;
    let Ok(now) = clock_gettime(ClockId::CLOCK_MONOTONIC) else {
        return 0;
    };
    let now = i128::from(now.tv_sec()) * 100 + i128::from(now.tv_nsec()) / 10_000_000;
    let now = u32::try_from(now & i128::from(u32::MAX)).unwrap_or_default();
    let hundredths = now.wrapping_sub(set);
    // The two clocks may be apart by a little.
    if set == 0 || hundredths > u32::MAX / 2 {
        return 0;
    }
    hundredths / 100
}

/// What a message of a watch says of addresses: one that is there, as it is now, or one that is gone.
pub fn told(message: RouteNetlinkMessage) -> Option<(Address, bool)> {
    match message {
        RouteNetlinkMessage::NewAddress(message) => Some((read(message)?, true)),
        RouteNetlinkMessage::DelAddress(message) => Some((read(message)?, false)),
        _ => None,
    }
}
