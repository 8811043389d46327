//! What scripts pass about: names, prefixes, durations, sizes, option maps. Parsed and printed here, no I/O.

pub mod duration;
pub mod name;
