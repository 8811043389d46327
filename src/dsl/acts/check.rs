//! Checks that fail the script, and its early end.

use rhai::plugin::{Dynamic, EvalAltResult, NativeCallContext, export_module};

use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result};
use crate::lab::Object;

/// Fails unless `condition` is true. A plan can't know it once something was to be tried that is not there.
fn hold(session: &Session, condition: bool, text: &str) -> Result<()> {
    let lab = session.lab();
    if condition {
        Ok(())
    } else if lab.counts().tests > 0 {
        let here = session.here()?;
        lab.would_test(&here, Object::test("assert", text));
        Ok(())
    } else {
        Err(Error::new(Kind::Assertion, text))
    }
}

/// Ends the script: Rhai hands this through all functions to the top.
fn end(context: &NativeCallContext, code: i64) -> Answer<()> {
    answer(context, |session| {
        let code = u8::try_from(code)
            .map_err(|_| Error::invalid(format!("an exit code is from 0 to 255, not {code}")))?;
        session.set_exit_code(code);
        Ok(())
    })?;
    let position = context.call_position();
    Err(EvalAltResult::Exit(Dynamic::UNIT, position).into())
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Fails the script unless `condition` is true.
    ///
    /// ```rhai
    /// assert(1 + 1 == 2);
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn assert(context: NativeCallContext, condition: bool) -> Answer<()> {
        answer(&context, |session| {
            hold(session, condition, "assertion failed")
        })
    }

    /// Fails the script with `text` unless `condition` is true.
    ///
    /// ```rhai
    /// assert(1 + 1 == 3, "sums are off");    // !! assertion failed: sums are off
    /// ```
    #[rhai_fn(name = "assert", return_raw, volatile)]
    pub fn assert_with_text(context: NativeCallContext, condition: bool, text: &str) -> Answer<()> {
        answer(&context, |session| {
            hold(session, condition, &format!("assertion failed: {text}"))
        })
    }

    /// Ends the script here and now, as done.
    ///
    /// ```rhai
    /// if links().len() == 0 { exit(); }
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn exit(context: NativeCallContext) -> Answer<()> {
        end(&context, 0)
    }

    /// Ends the script here and now, with that exit code.
    ///
    /// ```rhai
    /// if links().len() == 0 { exit(4); }
    /// ```
    #[rhai_fn(name = "exit", return_raw, volatile)]
    pub fn exit_with_code(context: NativeCallContext, code: i64) -> Answer<()> {
        end(&context, code)
    }
}
