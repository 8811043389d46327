//! Pure: values in, text out.

pub mod error;
pub mod paint;
pub mod table;
pub mod value;
