//! What drivers that are not loaded yet are known to do: how a new link of theirs begins, and what they refuse. A plan loads
//! none, and so can't try it out.
//!
//! Seen on Linux 6.1 and 6.12; `tests/kernel/untried.rs` holds each kind against what a run does.

use nix::errno::Errno;
use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkFlags, LinkMessage};

use super::link::{kind_of, name_of};
use crate::net::rtnl::Refusal;

/// The rules of one kind.
#[expect(clippy::struct_excessive_bools, reason = "each is a rule of its own")]
struct Rules {
    /// How a new link differs from an Ethernet one.
    flags: LinkFlags,
    mtu: u32,
    txqlen: u32,
    /// The least MTU and the greatest; none where the driver takes any.
    mtus: Option<(u32, u32)>,
    has_mac: bool,
    is_port: bool,
    moves: bool,
    /// Whether its MTU is at most that of the link it is stacked on.
    below_parent: bool,
    /// Whether its carrier can be switched.
    has_switch: bool,
}

const ETHERNET: Rules = Rules {
    flags: LinkFlags::Broadcast.union(LinkFlags::Multicast),
    mtu: 1500,
    txqlen: 1000,
    mtus: Some((68, 65535)),
    has_mac: true,
    is_port: true,
    moves: true,
    below_parent: false,
    has_switch: false,
};

/// A tunnel between two addresses, which carries packets of IP alone.
const TUNNEL: Rules = Rules {
    flags: LinkFlags::Noarp,
    has_mac: false,
    is_port: false,
    ..ETHERNET
};

fn rules_of(kind: &str) -> Rules {
    match kind {
        "dummy" => Rules {
            flags: LinkFlags::Broadcast.union(LinkFlags::Noarp),
            mtus: None,
            has_switch: true,
            ..ETHERNET
        },
        "ifb" => Rules {
            flags: LinkFlags::Broadcast.union(LinkFlags::Noarp),
            txqlen: 32,
            mtus: None,
            has_mac: false,
            ..ETHERNET
        },
        // In mode l3 it does without ARP from when it is up.
        "ipvlan" => Rules {
            is_port: false,
            ..ETHERNET
        },
        "ipvtap" => Rules {
            txqlen: 500,
            is_port: false,
            ..ETHERNET
        },
        "macvlan" | "macvtap" => Rules {
            txqlen: if kind == "macvtap" { 500 } else { 1000 },
            is_port: kind == "macvlan",
            below_parent: true,
            ..ETHERNET
        },
        "vlan" => Rules {
            below_parent: true,
            ..ETHERNET
        },
        "tap" => Rules {
            txqlen: 500,
            has_switch: true,
            ..ETHERNET
        },
        "bond" | "bridge" => Rules {
            moves: false,
            ..ETHERNET
        },
        "vrf" => Rules {
            flags: LinkFlags::Noarp,
            mtu: 65575,
            mtus: Some((1280, 65575)),
            is_port: false,
            moves: false,
            ..ETHERNET
        },
        "gre" => Rules {
            mtu: 1476,
            ..TUNNEL
        },
        "ip6gre" => Rules {
            mtu: 1448,
            ..TUNNEL
        },
        "ipip" | "sit" => Rules {
            mtu: 1480,
            ..TUNNEL
        },
        "ip6tnl" => Rules {
            mtu: 1452,
            ..TUNNEL
        },
        "wireguard" => Rules {
            mtu: 1420,
            mtus: None,
            ..TUNNEL
        },
        "xfrm" => TUNNEL,
        "tun" => Rules {
            flags: LinkFlags::Pointopoint
                .union(LinkFlags::Noarp)
                .union(LinkFlags::Multicast),
            txqlen: 500,
            has_switch: true,
            ..TUNNEL
        },
        _ => ETHERNET,
    }
}

fn rules(link: &LinkMessage) -> Rules {
    rules_of(
        kind_of(link)
            .map(ToString::to_string)
            .as_deref()
            .unwrap_or_default(),
    )
}

/// Has a new link begin as its driver has it, where nothing was asked.
pub(super) fn begin(link: &mut LinkMessage, asked: &LinkMessage) {
    let rules = rules(asked);
    link.header.flags |= rules.flags;
    link.attributes.extend([
        LinkAttribute::Mtu(rules.mtu),
        LinkAttribute::TxQueueLen(rules.txqlen),
        // A bond without ports has none.
        LinkAttribute::Carrier(u8::from(kind_of(asked) != Some(&InfoKind::Bond))),
        LinkAttribute::GsoMaxSize(65536),
        LinkAttribute::GsoMaxSegs(65535),
    ]);
}

/// What a refusal depends on besides the link.
#[derive(Default)]
pub(super) struct Around {
    /// The kind of the link under which it is to be.
    pub(super) master: Option<InfoKind>,
    /// The MTU of the link that it is stacked on.
    pub(super) parent_mtu: Option<u32>,
    /// Whether this kernel renames a link that is up.
    pub(super) renames_up: bool,
}

/// Refuses what the driver of `link`, or the kernel for it, is known to refuse of `asked`.
pub(super) fn refuse(
    link: &LinkMessage,
    asked: &LinkMessage,
    around: &Around,
) -> Result<(), Refusal> {
    let rules = rules(link);
    let kind = kind_of(link).map(ToString::to_string).unwrap_or_default();
    let is_up = link.header.flags.contains(LinkFlags::Up);
    // One that looks at the MTU itself says nothing of it.
    let refused = |text: &str| {
        Err(Refusal {
            errno: Errno::EINVAL,
            text: rules.has_mac.then(|| text.to_owned()),
        })
    };
    if !rules.is_port && around.master == Some(InfoKind::Bridge) {
        // Who reads its character device has its packets.
        let is_read = kind == "macvtap";
        return Err(Refusal::of(if is_read {
            Errno::EBUSY
        } else {
            Errno::EINVAL
        }));
    }
    for attribute in &asked.attributes {
        match (attribute, rules.mtus) {
            (LinkAttribute::Address(_), _) if !rules.has_mac => {
                return Err(Refusal::of(Errno::EOPNOTSUPP));
            }
            (LinkAttribute::Mtu(mtu), Some((least, _))) if *mtu < least => {
                return refused("mtu less than device minimum");
            }
            (LinkAttribute::Mtu(mtu), Some((_, most))) if *mtu > most => {
                return refused("mtu greater than device maximum");
            }
            (LinkAttribute::Mtu(mtu), _)
                if rules.below_parent && around.parent_mtu.is_some_and(|most| *mtu > most) =>
            {
                return Err(Refusal::of(if kind == "vlan" {
                    Errno::ERANGE
                } else {
                    Errno::EINVAL
                }));
            }
            (LinkAttribute::Carrier(_), _) if !rules.has_switch => {
                return Err(Refusal::of(Errno::EOPNOTSUPP));
            }
            (LinkAttribute::IfName(name), _)
                if is_up && !around.renames_up && name_of(link) != Some(name) =>
            {
                return Err(Refusal::of(Errno::EBUSY));
            }
            (LinkAttribute::NetNsFd(_), _) if !rules.moves => {
                return Err(Refusal::of(Errno::EINVAL));
            }
            _ => {}
        }
    }
    Ok(())
}
