//! Pure: values in, text out.
