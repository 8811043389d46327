//! Pure: values in, text out; [`screen`] prints it.

pub mod changes;
pub mod difference;
pub mod error;
pub mod graph;
pub mod ladder;
pub mod latency;
pub mod mesh;
pub mod paint;
pub mod path;
pub mod ping;
pub mod plain;
pub mod screen;
pub mod table;
pub mod throughput;
pub mod tree;
pub mod value;
