//! What scripts pass about: names, prefixes, durations, sizes, option maps. Parsed and printed here, no I/O.

pub mod choice;
pub mod count;
pub mod duration;
pub mod escape;
pub mod fingerprint;
pub mod key;
pub mod mac;
pub mod name;
pub mod network;
pub mod options;
pub mod percent;
pub mod prefix;
pub mod rate;
pub mod release;
pub mod shell;
pub mod size;
pub mod spread;
pub mod unit;
