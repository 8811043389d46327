//! The only code that touches the kernel's networking: namespaces, rtnetlink, ICMP. It knows no Rhai.

pub mod icmp;
pub mod namespace;
pub mod netns;
pub mod rtnl;
