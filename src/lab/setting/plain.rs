//! Settings that every link has, and that are one number or one flag each.

use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags};
use serde::{Deserialize, Serialize};

use crate::net::link::Snapshot;
use crate::schema::{Form, Opt, Spelling, Wire};

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

const GROUP: Form = Form::Special(&["int", "string"], "a number or a name");

const fn number(key: &'static str, most: i64, doc: &'static str) -> Opt {
    Opt::number(key, Wire::None, (0, most), doc)
}

const fn flag(key: &'static str, doc: &'static str) -> Opt {
    Opt::new(key, Form::Switch, doc).spelled(Spelling::OnOff)
}

impl Number {
    /// What a script can say of it. The largest values are those of `linux/netdevice.h` and of the netlink attribute.
    pub const fn row(self) -> Opt {
        match self {
            Self::TxQueueLen => number(
                "txqlen",
                u32::MAX as i64,
                "how many packets its queue takes",
            )
            .words(&["txqueuelen", "txqlen", "qlen"])
            .default("1000"),
            Self::Group => Opt::new("group", GROUP, "the group of links that it is in")
                .spelled(Spelling::Pair)
                .default("0"),
            Self::GsoMaxSize => number(
                "gso_max_size",
                524_280,
                "the largest packet that it segments itself, in bytes",
            )
            .default("65536"),
            Self::GsoMaxSegs => number(
                "gso_max_segs",
                65_535,
                "into how many segments it cuts one at most",
            )
            .default("65535"),
            Self::GroMaxSize => number(
                "gro_max_size",
                524_280,
                "the largest packet that is put together from what it receives, in bytes",
            )
            .default("65536"),
        }
    }

    /// What the script calls it.
    pub fn name(self) -> &'static str {
        self.row().key
    }

    /// What `ip` calls it.
    pub fn word(self) -> &'static str {
        self.row().word()
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
    /// What a script can say of it.
    pub const fn row(self) -> Opt {
        match self {
            Self::Promisc => {
                flag("promisc", "whether it takes every packet that it sees").default("false")
            }
            Self::Arp => flag("arp", "whether it asks for neighbours").default("true"),
            Self::Multicast => flag("multicast", "whether it does multicast").default("true"),
            Self::AllMulticast => {
                flag("allmulticast", "whether it takes every multicast packet").default("false")
            }
        }
    }

    /// What the script and `ip` call it.
    pub fn name(self) -> &'static str {
        self.row().key
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
