//! What a bridge's port can be given, each a number: a flag is 0 or 1.

use rtnetlink::packet_route::link::{
    InfoBridgePort, InfoPortData, InfoPortKind, LinkAttribute, LinkInfo,
};
use serde::{Deserialize, Serialize};

use crate::net::link::Snapshot;
use crate::schema::{Form, Opt, Spelling, Wire};

/// An option of a bridge's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortOption {
    /// Whether a frame may leave by the port that it came in.
    Hairpin,
    /// Whether it talks to ports that are not isolated only.
    Isolated,
    /// Whether the addresses of senders are learnt.
    Learning,
    /// Whether frames to unknown addresses leave by it.
    Flood,
    /// Whether multicast frames to unknown groups leave by it.
    McastFlood,
    /// Whether broadcast frames leave by it.
    BcastFlood,
    /// Whether it is shut when a message of the spanning tree comes in.
    Guard,
    /// Whether it may never lead to the root of the spanning tree.
    RootBlock,
    /// Whether a group is left at the first word.
    Fastleave,
    /// Whether the bridge answers for neighbours that it knows.
    NeighSuppress,
    /// Whether the bridge answers ARP for what is behind it.
    ProxyArp,
    /// Whether only senders that are in the database of the bridge may send by it.
    Locked,
    /// Whether multicast frames are sent to each member of the group by itself.
    McastToUnicast,
    /// Whether VLANs are mapped to identifiers of tunnels.
    VlanTunnel,
    /// Its cost in the spanning tree.
    Cost,
    /// Its priority in the spanning tree.
    Priority,
}

const fn flag(key: &'static str, doc: &'static str) -> Opt {
    Opt::new(key, Form::Switch, doc).spelled(Spelling::OnOff)
}

impl PortOption {
    /// Every option.
    pub const ALL: &[Self] = &[
        Self::Hairpin,
        Self::Isolated,
        Self::Learning,
        Self::Flood,
        Self::McastFlood,
        Self::BcastFlood,
        Self::Guard,
        Self::RootBlock,
        Self::Fastleave,
        Self::NeighSuppress,
        Self::ProxyArp,
        Self::Locked,
        Self::McastToUnicast,
        Self::VlanTunnel,
        Self::Cost,
        Self::Priority,
    ];

    /// What a script can say of it.
    pub const fn row(self) -> Opt {
        match self {
            Self::Hairpin => flag(
                "hairpin",
                "whether a frame may leave by the port that it came in",
            )
            .default("false"),
            Self::Isolated => flag(
                "isolated",
                "whether it talks to ports that are not isolated only",
            )
            .default("false"),
            Self::Learning => {
                flag("learning", "whether the addresses of senders are learnt").default("true")
            }
            Self::Flood => {
                flag("flood", "whether frames to unknown addresses leave by it").default("true")
            }
            Self::McastFlood => flag(
                "mcast_flood",
                "whether multicast frames to unknown groups leave by it",
            )
            .default("true"),
            Self::BcastFlood => {
                flag("bcast_flood", "whether broadcast frames leave by it").default("true")
            }
            Self::Guard => flag(
                "guard",
                "whether it is shut when a message of the spanning tree comes in",
            )
            .default("false"),
            Self::RootBlock => flag(
                "root_block",
                "whether it may never lead to the root of the spanning tree",
            )
            .default("false"),
            Self::Fastleave => {
                flag("fastleave", "whether a group is left at the first word").default("false")
            }
            Self::NeighSuppress => flag(
                "neigh_suppress",
                "whether the bridge answers for neighbours that it knows",
            )
            .default("false"),
            Self::ProxyArp => flag(
                "proxy_arp",
                "whether the bridge answers ARP for what is behind it",
            )
            .default("false"),
            Self::Locked => flag(
                "locked",
                "whether only senders that are in the database of the bridge may send by it",
            )
            .default("false"),
            Self::McastToUnicast => flag(
                "mcast_to_unicast",
                "whether multicast frames are sent to each member of the group by itself",
            )
            .default("false"),
            Self::VlanTunnel => flag(
                "vlan_tunnel",
                "whether VLANs are mapped to identifiers of tunnels",
            )
            .default("false"),
            Self::Cost => Opt::number(
                "cost",
                Wire::None,
                (1, 65_535),
                "its cost in the spanning tree",
            ),
            Self::Priority => Opt::number(
                "priority",
                Wire::None,
                (0, 63),
                "its priority in the spanning tree",
            )
            .default("32"),
        }
    }

    /// What a new port has; 0 where that depends on the port.
    pub fn usual(self) -> u32 {
        let row = self.row();
        let usual = row.usual().and_then(|usual| row.form.number(&usual));
        usual
            .and_then(|usual| u32::try_from(usual).ok())
            .unwrap_or(0)
    }

    /// What the script calls it.
    pub fn name(self) -> &'static str {
        self.row().key
    }

    /// What `ip` calls it.
    pub fn word(self) -> &'static str {
        self.row().word()
    }

    /// As a port has it.
    pub fn of(self, port: &Snapshot) -> Option<u32> {
        let Some(InfoPortData::BridgePort(infos)) = &port.port else {
            return None;
        };
        infos.iter().find_map(|info| match (self, info) {
            (Self::Hairpin, InfoBridgePort::HairpinMode(on))
            | (Self::Isolated, InfoBridgePort::Isolated(on))
            | (Self::Learning, InfoBridgePort::Learning(on))
            | (Self::Flood, InfoBridgePort::UnicastFlood(on))
            | (Self::McastFlood, InfoBridgePort::MulticastFlood(on))
            | (Self::BcastFlood, InfoBridgePort::BroadcastFlood(on))
            | (Self::Guard, InfoBridgePort::Guard(on))
            | (Self::RootBlock, InfoBridgePort::Protect(on))
            | (Self::Fastleave, InfoBridgePort::FastLeave(on))
            | (Self::NeighSuppress, InfoBridgePort::NeighSupress(on))
            | (Self::ProxyArp, InfoBridgePort::ProxyARP(on))
            | (Self::Locked, InfoBridgePort::Locked(on))
            | (Self::McastToUnicast, InfoBridgePort::MulticastToUnicast(on))
            | (Self::VlanTunnel, InfoBridgePort::VlanTunnel(on)) => Some(u32::from(*on)),
            (Self::Cost, InfoBridgePort::Cost(cost)) => Some(*cost),
            (Self::Priority, InfoBridgePort::Priority(priority)) => Some(u32::from(*priority)),
            _ => None,
        })
    }
}

impl PortOption {
    /// Whether it is true or false.
    pub fn is_flag(self) -> bool {
        matches!(self.row().form, Form::Switch)
    }

    /// The attribute that sets it.
    pub fn attribute(self, value: u32) -> LinkAttribute {
        let on = value != 0;
        let info = match self {
            Self::Hairpin => InfoBridgePort::HairpinMode(on),
            Self::Isolated => InfoBridgePort::Isolated(on),
            Self::Learning => InfoBridgePort::Learning(on),
            Self::Flood => InfoBridgePort::UnicastFlood(on),
            Self::McastFlood => InfoBridgePort::MulticastFlood(on),
            Self::BcastFlood => InfoBridgePort::BroadcastFlood(on),
            Self::Guard => InfoBridgePort::Guard(on),
            Self::RootBlock => InfoBridgePort::Protect(on),
            Self::Fastleave => InfoBridgePort::FastLeave(on),
            Self::NeighSuppress => InfoBridgePort::NeighSupress(on),
            Self::ProxyArp => InfoBridgePort::ProxyARP(on),
            Self::Locked => InfoBridgePort::Locked(on),
            Self::McastToUnicast => InfoBridgePort::MulticastToUnicast(on),
            Self::VlanTunnel => InfoBridgePort::VlanTunnel(on),
            Self::Cost => InfoBridgePort::Cost(value),
            Self::Priority => InfoBridgePort::Priority(u16::try_from(value).unwrap_or(u16::MAX)),
        };
        LinkAttribute::LinkInfo(vec![
            LinkInfo::PortKind(InfoPortKind::Bridge),
            LinkInfo::PortData(InfoPortData::BridgePort(vec![info])),
        ])
    }
}
