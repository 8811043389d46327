//! What the kernel tells of packets on their way through a namespace: its counters, and the packets themselves.

pub mod counters;
pub mod sniffer;
