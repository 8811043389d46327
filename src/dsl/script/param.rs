//! Parameters of a script: what can be set on its command line.
//!
//! The engine reads the declarations before the script runs (see `engine::params`); here they only return their values.

use rhai::Map;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Result};
use crate::schema::{Form, Opt};

pub(crate) const HELP: Opt = Opt::new("help", Form::Text, "what it is for, as `--help` shows it");
pub(crate) const ONE_OF: Opt = Opt::new(
    "one_of",
    Form::Special(&["list"], "a list"),
    "the values that it takes",
);
pub(crate) const LEAST: Opt = Opt::new("least", NUMBER, "the least number that it takes");
pub(crate) const MOST: Opt = Opt::new("most", NUMBER, "the largest number that it takes");
const NUMBER: Form = Form::Special(&["int", "float"], "a number");

/// What a declaration can be told of a parameter.
pub(crate) const ROWS: &[Opt] = &[HELP, ONE_OF, LEAST, MOST];

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
    /// `--name VALUE` is read: int, float, bool, string, list (`--name a,b` or given repeatedly, its items as those of the default), or
    /// map. A list and a map can be given as JSON. `help` is shown by `--help`.
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

    /// The same with what it takes: values outside are refused before the script runs.
    ///
    /// ```rhai
    /// let mode = param("mode", "l3", #{one_of: ["l2", "l3", "l3s"], help: "mode of the slaves"});
    /// param("count", 2, #{least: 1, most: 1000})    // => 2
    /// ```
    #[rhai_fn(name = "param", return_raw, volatile)]
    pub fn param_with(
        context: NativeCallContext,
        name: &str,
        default: Dynamic,
        options: Map,
    ) -> Answer<Dynamic> {
        let _ = options;
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
    /// `type` is `"int"`, `"float"`, `"bool"`, `"string"`, `"list"` or `"map"`.
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

    /// The same with what it takes.
    ///
    /// ```rhai
    /// required("count", "int", #{least: 1, most: 1000})    // !! has no value
    /// ```
    #[rhai_fn(name = "required", return_raw, volatile)]
    pub fn required_with(
        context: NativeCallContext,
        name: &str,
        r#type: &str,
        options: Map,
    ) -> Answer<Dynamic> {
        let _ = (r#type, options);
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
