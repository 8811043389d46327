//! What a bridge's port can be given, each a number: a flag is 0 or 1.

use rtnetlink::packet_route::link::{
    InfoBridgePort, InfoPortData, InfoPortKind, LinkAttribute, LinkInfo,
};
use serde::{Deserialize, Serialize};

use crate::net::link::Snapshot;

macro_rules! options {
    ($($(#[$doc:meta])* $name:ident, $variant:ident, $key:literal, $word:literal, $largest:literal;)*) => {
        /// An option of a bridge's port.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum PortOption {
            $($(#[$doc])* $name,)*
        }

        impl PortOption {
            /// Every option.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// What the script calls it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $key,)* }
            }

            /// What `ip` calls it.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// Its largest value.
            pub fn largest(self) -> u32 {
                match self { $(Self::$name => $largest,)* }
            }

            /// As a port has it.
            pub fn of(self, port: &Snapshot) -> Option<u32> {
                let Some(InfoPortData::BridgePort(infos)) = &port.port else {
                    return None;
                };
                infos.iter().find_map(|info| match (self, info) {
                    $((Self::$name, InfoBridgePort::$variant(value)) => Some(u32::from(*value)),)*
                    _ => None,
                })
            }
        }
    };
}

options! {
    /// Whether a frame may leave by the port that it came in.
    Hairpin, HairpinMode, "hairpin", "hairpin", 1;
    /// Whether it talks to ports that are not isolated only.
    Isolated, Isolated, "isolated", "isolated", 1;
    /// Whether the addresses of senders are learnt.
    Learning, Learning, "learning", "learning", 1;
    /// Whether frames to unknown addresses leave by it.
    Flood, UnicastFlood, "flood", "flood", 1;
    /// Whether multicast frames to unknown groups leave by it.
    McastFlood, MulticastFlood, "mcast_flood", "mcast_flood", 1;
    /// Whether broadcast frames leave by it.
    BcastFlood, BroadcastFlood, "bcast_flood", "bcast_flood", 1;
    /// Whether it is shut when a message of the spanning tree comes in.
    Guard, Guard, "guard", "guard", 1;
    /// Whether it may never lead to the root of the spanning tree.
    RootBlock, Protect, "root_block", "root_block", 1;
    /// Whether a group is left at the first word.
    Fastleave, FastLeave, "fastleave", "fastleave", 1;
    /// Whether the bridge answers for neighbours that it knows.
    NeighSuppress, NeighSupress, "neigh_suppress", "neigh_suppress", 1;
    /// Whether the bridge answers ARP for what is behind it.
    ProxyArp, ProxyARP, "proxy_arp", "proxy_arp", 1;
    /// Whether only senders that are in the database of the bridge may send by it.
    Locked, Locked, "locked", "locked", 1;
    /// Whether multicast frames are sent to each member of the group by itself.
    McastToUnicast, MulticastToUnicast, "mcast_to_unicast", "mcast_to_unicast", 1;
    /// Whether VLANs are mapped to identifiers of tunnels.
    VlanTunnel, VlanTunnel, "vlan_tunnel", "vlan_tunnel", 1;
    /// Its cost in the spanning tree.
    Cost, Cost, "cost", "cost", 65_535;
    /// Its priority in the spanning tree.
    Priority, Priority, "priority", "priority", 63;
}

impl PortOption {
    /// Whether it is true or false.
    pub fn is_flag(self) -> bool {
        self.largest() == 1
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
