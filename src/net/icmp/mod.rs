//! ICMP echo: what `ping` sends, and what comes back.
//!
//! A [`Request`] says what to send, a [`Pinger`] holds the sockets it is sent through, a [`Probe`] is what became of one
//! echo request, a [`Report`] what became of all of them.
//!
//! Sockets belong to the namespace they were born in: [`Pinger::open`] runs inside the namespace that is to
//! be pinged from, and [`Pinger::run`] anywhere.
//!
//! Opening, encoding, sending and decoding is surge-ping's work. Receiving is not, for the reasons given in `sockets`.

mod filter;
mod path;
mod pinger;
mod probe;
mod report;
mod request;
mod sockets;
mod wire;

pub use path::{Found, Path, SILENT, Step, Trace};
pub use pinger::Pinger;
pub use probe::{Outcome, Probe, Unreachable};
pub use report::Report;
pub use request::Request;
