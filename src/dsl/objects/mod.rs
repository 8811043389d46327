//! The words for what links and namespaces hold: addresses, routes, rules, neighbours, queues,
//! filters, settings.

pub mod addr;
pub(in crate::dsl) mod elsewhere;
pub mod fdb;
pub mod filter;
pub mod hook;
pub mod link;
pub mod neighbor;
pub mod netns;
pub mod nexthop;
pub mod port;
pub mod queue;
pub mod route;
pub mod rule;
pub mod sysctl;
