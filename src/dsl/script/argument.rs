//! Arguments of a script's own functions: a wrong one is told as those of the words are.

use std::ops::RangeInclusive;

use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::{Answer, answer};
use crate::error::{Error, Result, nearest};
use crate::value::options::type_in_words;
use crate::value::prefix;

/// What can be wanted, and how it is called.
const TYPES: &[(&str, &str)] = &[
    ("bool", "true or false"),
    ("float", "a float"),
    ("function", "a function"),
    ("int", "an integer"),
    ("link", "a link"),
    ("list", "a list"),
    ("map", "a map"),
    ("namespace", "a namespace"),
    ("network", "a network such as \"10.0.0.0/24\""),
    ("string", "a string"),
];

fn is_network(value: &Dynamic) -> bool {
    let Ok(text) = value.as_immutable_string_ref() else {
        return false;
    };
    if text.contains('/') {
        prefix::address(&text).is_ok()
    } else {
        prefix::ip(&text).is_ok()
    }
}

fn is(value: &Dynamic, wanted: &str) -> bool {
    match wanted {
        "bool" => value.is_bool(),
        "float" => value.is_float(),
        "function" => value.is_fnptr(),
        "int" => value.is_int(),
        "link" => value.is::<Link>(),
        "list" => value.is_array(),
        "map" => value.is_map(),
        "namespace" => value.is::<Netns>(),
        "network" => is_network(value),
        _ => value.is_string(),
    }
}

/// A value as an error shows it: what is wrong with it, where it can be written, is seen in it, else in its type.
fn shown(value: &Dynamic) -> String {
    if let Ok(text) = value.as_immutable_string_ref() {
        return format!("{:?}", text.as_str());
    }
    if value.is_int() || value.is_float() || value.is_bool() {
        return value.to_string();
    }
    type_in_words(value.type_name())
}

fn refused(function: &str, name: &str, wanted: &str, value: &Dynamic) -> Error {
    let given = shown(value);
    Error::invalid(format!(
        "argument `{name}` of `{function}` is {wanted}, not {given}"
    ))
}

fn is_of_type(function: &str, name: &str, value: &Dynamic, wanted: &str) -> Result<()> {
    let Some((_, words)) = TYPES.iter().find(|(known, _)| *known == wanted) else {
        let known = TYPES.iter().map(|(known, _)| *known);
        let error = Error::invalid(format!("no argument can be wanted to be `{wanted}`"));
        let types: Vec<&str> = known.clone().collect();
        let error = error.note(format!("types: {}", types.join(", ")));
        return Err(match nearest(wanted, known) {
            Some(near) => error.hint(format!("did you mean \"{near}\"?")),
            None => error,
        });
    };
    if is(value, wanted) {
        Ok(())
    } else {
        Err(refused(function, name, words, value))
    }
}

fn is_in_range(
    function: &str,
    name: &str,
    value: &Dynamic,
    range: &RangeInclusive<i64>,
) -> Result<()> {
    match value.as_int() {
        Ok(number) if range.contains(&number) => Ok(()),
        _ => {
            let wanted = format!("{} to {}", range.start(), range.end());
            Err(refused(function, name, &wanted, value))
        }
    }
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Fails unless `value`, which is the argument `name` of `function`, is of the type that is `wanted`.
    ///
    /// Types are "bool", "float", "function", "int", "link", "list", "map", "namespace", "network" (text such as "10.0.0.0/24", or an
    /// address) and "string". It is for functions of your own: at their beginning, before anything is changed.
    ///
    /// ```rhai
    /// fn double(count) { argument("double", "count", count, "int"); 2 * count }
    /// double(2.5)    // !! argument `count` of `double` is an integer, not 2.5
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn argument(
        context: NativeCallContext,
        function: &str,
        name: &str,
        value: Dynamic,
        wanted: &str,
    ) -> Answer<()> {
        answer(&context, |_| is_of_type(function, name, &value, wanted))
    }

    /// Fails unless the argument is an integer of the range.
    ///
    /// ```rhai
    /// argument("pair", "count", 0, 1..=8);    // !! argument `count` of `pair` is 1 to 8, not 0
    /// ```
    #[rhai_fn(name = "argument", return_raw, volatile)]
    pub fn argument_in_range(
        context: NativeCallContext,
        function: &str,
        name: &str,
        value: Dynamic,
        range: RangeInclusive<i64>,
    ) -> Answer<()> {
        answer(&context, |_| is_in_range(function, name, &value, &range))
    }
}
