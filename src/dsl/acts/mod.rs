//! The words that do something in a lab and report: ping, mesh, commands, processes, waiting,
//! expectations.

pub mod capture;
pub mod check;
pub mod connect;
pub mod each;
pub mod events;
pub mod exec;
pub mod expect;
pub mod flap;
pub mod graph;
pub mod latency;
pub mod listen;
pub mod live;
pub mod mesh;
pub mod packets;
pub mod pair;
pub mod path;
pub mod ping;
pub mod place;
pub mod process;
pub mod reach;
pub mod throughput;
pub mod tree;
pub mod wait;
pub mod why;
