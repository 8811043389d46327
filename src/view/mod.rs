//! Pure: values in, text out.

pub mod changes;
pub mod error;
pub mod ladder;
pub mod mesh;
pub mod paint;
pub mod ping;
pub mod table;
pub mod tree;
pub mod value;
