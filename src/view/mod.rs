//! Pure: values in, text out.

pub mod ping;
