//! The words that make links, one kind a file, and what kinds share: how a link is made, its
//! parent, its attributes.

pub(in crate::dsl) mod attributes;
pub mod bond;
pub mod bridge;
pub mod dummy;
pub mod geneve;
pub mod ifb;
pub mod ip_tunnel;
pub mod ipvlan;
pub mod ipvlan_port;
pub mod kind;
pub mod macvlan;
pub(crate) mod make;
pub mod netkit;
pub(in crate::dsl) mod pair;
pub mod set;
pub mod tun;
pub mod veth;
pub mod vlan;
pub mod vrf;
pub mod vxlan;
pub mod wireguard;
pub mod xfrm;

use kind::Kind;

/// Every kind of link that there is a word for, topic by topic.
pub(in crate::dsl) const ALL: &[&[Kind]] = &[
    ipvlan::KINDS,
    macvlan::KINDS,
    veth::KINDS,
    netkit::KINDS,
    bridge::KINDS,
    bond::KINDS,
    vlan::KINDS,
    vxlan::KINDS,
    geneve::KINDS,
    ip_tunnel::KINDS,
    xfrm::KINDS,
    wireguard::KINDS,
    vrf::KINDS,
    dummy::KINDS,
    ifb::KINDS,
    tun::KINDS,
];
