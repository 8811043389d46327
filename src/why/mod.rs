//! Why packets do not arrive: from what the kernel told to the first thing that stops them, its evidence and its mend.
//!
//! All here is pure. What the kernel was asked is in a [`scene::Scene`] (the namespaces as they stand), in [`walk::Leg`]s (the
//! routes that it would take, there and back) and in [`walk::Measured`] (what two probes did). [`judge::judge`] goes along the
//! legs and stops at the first place where they end.

mod carrier;
pub mod cause;
mod circle;
mod duplicate;
mod free;
mod joining;
pub mod judge;
mod length;
mod link_layer;
mod martian;
mod ports;
mod refusal;
pub mod scene;
pub mod tunnel;
mod vrf;
pub mod walk;
