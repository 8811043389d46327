//! Time: wait for a while.

use std::time::Duration;

use rhai::plugin::{NativeCallContext, export_module};

use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Result};
use crate::value::duration;

fn wait(session: &Session, time: Duration) -> Result<()> {
    // A timer has to be made within the runtime that drives it.
    session.wait_or_interrupt(async { tokio::time::sleep(time).await })
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Waits for `time`, such as `"200ms"`, `"1.5s"` or `"2m"`.
    ///
    /// Ctrl-C ends the wait and the script.
    ///
    /// ```rhai
    /// sleep("1ms");
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn sleep(context: NativeCallContext, time: &str) -> Answer<()> {
        answer(&context, |session| wait(session, duration::parse(time)?))
    }

    /// Waits for so many seconds.
    ///
    /// ```rhai
    /// sleep(0);
    /// ```
    #[rhai_fn(name = "sleep", return_raw, volatile)]
    pub fn sleep_seconds(context: NativeCallContext, seconds: i64) -> Answer<()> {
        answer(&context, |session| {
            let seconds = u64::try_from(seconds)
                .map_err(|_| Error::invalid(format!("can't wait for {seconds} seconds")))?;
            wait(session, Duration::from_secs(seconds))
        })
    }

    /// Waits for so many seconds, with their fraction.
    ///
    /// ```rhai
    /// sleep(0.001);
    /// ```
    #[rhai_fn(name = "sleep", return_raw, volatile)]
    pub fn sleep_fraction(context: NativeCallContext, seconds: f64) -> Answer<()> {
        answer(&context, |session| {
            let time = Duration::try_from_secs_f64(seconds)
                .map_err(|_| Error::invalid(format!("can't wait for {seconds} seconds")))?;
            wait(session, time)
        })
    }
}
