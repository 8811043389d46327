//! The only code that touches the kernel's networking: namespaces, rtnetlink, ICMP.

pub mod icmp;
