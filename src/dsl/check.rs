//! Checks that fail the script.

use rhai::plugin::*;

use crate::dsl::{Answer, answer};
use crate::error::{Error, Kind, Result};

fn hold(condition: bool, text: &str) -> Result<()> {
    if condition {
        Ok(())
    } else {
        Err(Error::new(Kind::Assertion, text))
    }
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(missing_docs, reason = "the macro adds items of its own")]
pub mod words {
    /// Fails the script unless `condition` is true.
    ///
    /// ```rhai
    /// assert(1 + 1 == 2);
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn assert(context: NativeCallContext, condition: bool) -> Answer<()> {
        answer(&context, |_| hold(condition, "assertion failed"))
    }

    /// Fails the script with `text` unless `condition` is true.
    ///
    /// ```rhai
    /// assert(1 + 1 == 3, "sums are off");    // !! assertion failed: sums are off
    /// ```
    #[rhai_fn(name = "assert", return_raw, volatile)]
    pub fn assert_with_text(context: NativeCallContext, condition: bool, text: &str) -> Answer<()> {
        answer(&context, |_| {
            hold(condition, &format!("assertion failed: {text}"))
        })
    }
}
