//! The only code that touches the kernel's networking: namespaces, rtnetlink, ICMP. It knows no Rhai.

pub mod address;
pub mod bridge_vlan;
pub mod container;
mod fault;
pub mod fdb;
mod generic;
pub mod group;
pub mod icmp;
pub mod link;
pub mod listener;
pub mod model;
pub mod namespace;
pub mod neighbour;
pub mod netns;
pub mod nft;
pub mod process;
pub mod queue;
pub mod request;
pub mod route;
pub mod rtnl;
pub mod rule;
pub mod sysctl;
pub mod sysfs;
pub mod table;
pub mod tun;
pub mod watch;
pub mod wireguard;
