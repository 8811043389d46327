//! The words of the script itself: parameters, data, chance, output, progress, time, arithmetic of addresses.

pub mod argument;
pub mod data;
pub mod lab;
pub mod list;
pub mod network;
pub mod param;
pub mod print;
pub mod progress;
pub mod random;
pub mod text;
pub mod time;
pub mod within;
