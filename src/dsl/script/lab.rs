//! The lab itself: its name, under which `ipvsh ls` lists it and `ipvsh down` takes it down.

use rhai::plugin::{NativeCallContext, export_module};

use crate::dsl::{Answer, answer};

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Names the lab that this script makes; without it, the lab is called as the script's file is, less its ending.
    ///
    /// It stands before the first word that makes something. `ipvsh down NAME` takes the lab down; `--lab NAME` goes first.
    ///
    /// ```rhai
    /// lab("two-hosts");
    /// netns("a").veth("to-b", netns("b"), "to-a").name    // => "to-b"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn lab(context: NativeCallContext, name: &str) -> Answer<()> {
        answer(&context, |session| session.lab().rename(name))
    }
}
