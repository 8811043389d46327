//! Settings that every link has, and that are one number or one flag each.

use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags};
use serde::{Deserialize, Serialize};

use crate::net::link::Snapshot;

/// A setting that is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Number {
    /// How many packets the queue takes.
    TxQueueLen,
    /// The number of the group of links.
    Group,
    /// The largest packet that the link segments itself, in bytes.
    GsoMaxSize,
    /// Into how many segments it cuts one at most.
    GsoMaxSegs,
    /// The largest packet that is put together from what it receives, in bytes.
    GroMaxSize,
}

impl Number {
    /// What the script calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::TxQueueLen => "txqlen",
            Self::Group => "group",
            Self::GsoMaxSize => "gso_max_size",
            Self::GsoMaxSegs => "gso_max_segs",
            Self::GroMaxSize => "gro_max_size",
        }
    }

    /// What `ip` calls it.
    pub fn word(self) -> &'static str {
        match self {
            Self::TxQueueLen => "txqueuelen",
            other => other.name(),
        }
    }

    /// As the link has it now.
    pub fn of(self, link: &Snapshot) -> u32 {
        match self {
            Self::TxQueueLen => link.txqlen,
            Self::Group => link.group,
            Self::GsoMaxSize => link.gso_max_size,
            Self::GsoMaxSegs => link.gso_max_segs,
            Self::GroMaxSize => link.gro_max_size,
        }
    }

    /// The attribute that sets it.
    pub fn attribute(self, value: u32) -> LinkAttribute {
        match self {
            Self::TxQueueLen => LinkAttribute::TxQueueLen(value),
            Self::Group => LinkAttribute::Group(value),
            Self::GsoMaxSize => LinkAttribute::GsoMaxSize(value),
            Self::GsoMaxSegs => LinkAttribute::GsoMaxSegs(value),
            Self::GroMaxSize => LinkAttribute::GroMaxSize(value),
        }
    }
}

/// A setting that is on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// Whether it takes every packet that it sees.
    Promisc,
    /// Whether it asks for neighbours by ARP.
    Arp,
    /// Whether it does multicast.
    Multicast,
    /// Whether it takes every multicast packet.
    AllMulticast,
}

impl Flag {
    /// What the script and `ip` call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Promisc => "promisc",
            Self::Arp => "arp",
            Self::Multicast => "multicast",
            Self::AllMulticast => "allmulticast",
        }
    }

    /// As the link has it now.
    pub fn of(self, link: &Snapshot) -> bool {
        let (flag, is_inverse) = self.bit();
        link.flags.contains(flag) != is_inverse
    }

    /// The flags of the message that sets it, and which of them count.
    pub fn bits(self, on: bool) -> (LinkFlags, LinkFlags) {
        let (flag, is_inverse) = self.bit();
        let flags = if on == is_inverse {
            LinkFlags::empty()
        } else {
            flag
        };
        (flags, flag)
    }

    /// The kernel's flag, and whether it says the opposite.
    fn bit(self) -> (LinkFlags, bool) {
        match self {
            Self::Promisc => (LinkFlags::Promisc, false),
            Self::Arp => (LinkFlags::Noarp, true),
            Self::Multicast => (LinkFlags::Multicast, false),
            Self::AllMulticast => (LinkFlags::Allmulti, false),
        }
    }
}

/// A flag as `ip` writes it.
pub fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}
