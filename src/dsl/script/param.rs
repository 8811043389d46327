//! Parameters of a script: what can be set on its command line.
//!
//! The engine reads the declarations before the script runs (see `engine::params`); here they only return their values.

use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Result};

fn demand(session: &Session, name: &str) -> Result<Dynamic> {
    session.parameter(name).ok_or_else(|| {
        Error::invalid(format!("parameter `{name}` has no value"))
            .hint(format!("a script gets it as `--{name} VALUE`"))
    })
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Declares the parameter `name` of the script and returns its value: the one given on the command line, or else `default`.
    ///
    /// It stands at the top level of the script, with a literal name and default; the type of the default decides how
    /// `--name VALUE` is read: int, float, bool, string, or list (`--name a,b` or given repeatedly). `help` is shown by `--help`.
    ///
    /// ```rhai
    /// let count = param("count", 2, "how many namespaces");
    /// count    // => 2
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn param(
        context: NativeCallContext,
        name: &str,
        default: Dynamic,
        help: &str,
    ) -> Answer<Dynamic> {
        let _ = help;
        answer(&context, |session| {
            Ok(session.parameter(name).unwrap_or(default))
        })
    }

    /// Declares the parameter `name`, which has no help text, and returns its value.
    ///
    /// ```rhai
    /// param("count", 2)    // => 2
    /// ```
    #[rhai_fn(name = "param", return_raw, volatile)]
    pub fn param_without_help(
        context: NativeCallContext,
        name: &str,
        default: Dynamic,
    ) -> Answer<Dynamic> {
        answer(&context, |session| {
            Ok(session.parameter(name).unwrap_or(default))
        })
    }

    /// Declares a parameter that has to be given on the command line, and returns its value.
    ///
    /// `type` is `"int"`, `"float"`, `"bool"`, `"string"` or `"list"`.
    ///
    /// ```rhai
    /// // ipvsh lab.rhai --uplink eth1
    /// let uplink = required("uplink", "string", "interface that the slaves share");    // !! has no value
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn required(
        context: NativeCallContext,
        name: &str,
        r#type: &str,
        help: &str,
    ) -> Answer<Dynamic> {
        let _ = (r#type, help);
        answer(&context, |session| demand(session, name))
    }

    /// Declares a parameter that has to be given, which has no help text, and returns its value.
    ///
    /// ```rhai
    /// required("uplink", "string")    // !! has no value
    /// ```
    #[rhai_fn(name = "required", return_raw, volatile)]
    pub fn required_without_help(
        context: NativeCallContext,
        name: &str,
        r#type: &str,
    ) -> Answer<Dynamic> {
        let _ = r#type;
        answer(&context, |session| demand(session, name))
    }
}
