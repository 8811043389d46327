//! Lists: put together, summed up, sorted, each once.

use std::cmp::Ordering;

use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rhai::{Array, FnPtr, Map};

use crate::dsl::script::print;
use crate::dsl::{Answer, answer};
use crate::error::{Error, Result};
use crate::value::options;

/// The text of a value within a longer one.
fn text(value: &Dynamic) -> String {
    match value.as_immutable_string_ref() {
        Ok(text) => text.to_string(),
        Err(_) => print::value(None, value).literal(),
    }
}

fn sum(list: &Array) -> Result<Dynamic> {
    let mut whole = 0_i64;
    let mut float: Option<f64> = None;
    for (index, value) in list.iter().enumerate() {
        if let Ok(number) = value.as_int() {
            whole = whole
                .checked_add(number)
                .ok_or_else(|| Error::invalid("the sum is too large for an int"))?;
        } else if let Ok(number) = value.as_float() {
            float = Some(float.unwrap_or_default() + number);
        } else {
            return Err(Error::invalid(format!(
                "item {index} of the list is no number but {}",
                options::type_in_words(value.type_name())
            ))
            .hint("take the numbers out first: `list.map(|one| one.mtu).sum()`"));
        }
    }
    #[allow(
        clippy::cast_precision_loss,
        reason = "that is what adding an int to a float does"
    )]
    let with_float = |float: f64| Dynamic::from(float + whole as f64);
    Ok(float.map_or(Dynamic::from(whole), with_float))
}

/// How two keys are sorted: numbers by their value, all else by its text.
fn order(one: &Dynamic, other: &Dynamic) -> Ordering {
    #[allow(
        clippy::cast_precision_loss,
        reason = "an int beside a float is compared as one"
    )]
    let number = |value: &Dynamic| {
        let int = value.as_int().map(|number| number as f64);
        int.or_else(|_| value.as_float()).ok()
    };
    match (one.as_int(), other.as_int(), number(one), number(other)) {
        (Ok(one), Ok(other), ..) => one.cmp(&other),
        (.., Some(one), Some(other)) => one.total_cmp(&other),
        (.., Some(_), None) => Ordering::Less,
        (.., None, Some(_)) => Ordering::Greater,
        _ => text(one).cmp(&text(other)),
    }
}

fn sorted(list: Array, keys: Vec<Dynamic>) -> Array {
    let mut pairs: Vec<(Dynamic, Dynamic)> = keys.into_iter().zip(list).collect();
    pairs.sort_by(|(one, _), (other, _)| order(one, other));
    pairs.into_iter().map(|(_, item)| item).collect()
}

/// What an item has under `key`, where it is a map.
fn of_map(item: &Dynamic, key: &str) -> Result<Dynamic> {
    let map = item.read_lock::<Map>();
    let found = map.and_then(|map| map.get(key).cloned());
    found.ok_or_else(|| {
        Error::invalid(format!("an item of the list has no `{key}`")).hint(format!(
            "of handles, give a closure: `list.sort_by(|one| one.{key})`"
        ))
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
    /// Puts the items of a list into one text, with `separator` between them.
    ///
    /// ```rhai
    /// ["a", "b", 3].join(", ")    // => "a, b, 3"
    /// ```
    pub fn join(list: Array, separator: &str) -> String {
        let texts: Vec<String> = list.iter().map(text).collect();
        texts.join(separator)
    }

    /// Adds up the numbers of a list: an int, or a float where one of them is.
    ///
    /// ```rhai
    /// [1, 2, 3].sum()    // => 6
    /// ```
    #[rhai_fn(name = "sum", return_raw)]
    pub fn sum_of(context: NativeCallContext, list: Array) -> Answer<Dynamic> {
        answer(&context, |_| super::sum(&list))
    }

    /// Returns the list with each item once, in the order in which they come first.
    ///
    /// ```rhai
    /// [3, 1, 3].unique()    // => [3, 1]
    /// ```
    pub fn unique(list: Array) -> Array {
        let mut seen = std::collections::HashSet::new();
        let mut once = list;
        once.retain(|item| seen.insert((item.type_name(), text(item))));
        once
    }

    /// Returns the list sorted by what the closure says of each item: numbers by their value, all else by its text.
    ///
    /// The list itself stays as it is, unlike with `sort`.
    ///
    /// ```rhai
    /// ["ccc", "a", "bb"].sort_by(|one| one.len())    // => ["a", "bb", "ccc"]
    /// ```
    #[rhai_fn(return_raw)]
    pub fn sort_by(context: NativeCallContext, list: Array, key: FnPtr) -> Answer<Array> {
        let keys = list.iter();
        let keys = keys.map(|item| key.call_within_context::<Dynamic>(&context, (item.clone(),)));
        let keys = keys.collect::<std::result::Result<Vec<_>, _>>()?;
        Ok(sorted(list, keys))
    }

    /// Returns a list of maps sorted by what each has under `key`.
    ///
    /// ```rhai
    /// [#{id: 2}, #{id: 1}].sort_by("id")[0].id    // => 1
    /// ```
    #[rhai_fn(name = "sort_by", return_raw)]
    pub fn sort_by_key(context: NativeCallContext, list: Array, key: &str) -> Answer<Array> {
        answer(&context, |_| {
            let keys: Result<Vec<Dynamic>> = list.iter().map(|item| of_map(item, key)).collect();
            Ok(sorted(list, keys?))
        })
    }

    /// Pairs the items of two lists, as far as both go.
    ///
    /// ```rhai
    /// [1, 2].zip(["a", "b"])    // => [[1, "a"], [2, "b"]]
    /// ```
    pub fn zip(list: Array, other: Array) -> Array {
        let pairs = list.into_iter().zip(other);
        let pairs = pairs.map(|(one, other)| Dynamic::from_array(vec![one, other]));
        pairs.collect()
    }

    /// Makes a list of the numbers of a range that holds its last one.
    ///
    /// ```rhai
    /// (1..=3).to_list()    // => [1, 2, 3]
    /// ```
    pub fn to_list(range: std::ops::RangeInclusive<i64>) -> Array {
        range.map(Dynamic::from).collect()
    }

    /// Makes a list of the numbers of a range that leaves the last one out.
    ///
    /// ```rhai
    /// (1..3).to_list()    // => [1, 2]
    /// ```
    #[rhai_fn(name = "to_list")]
    pub fn to_list_without_end(range: std::ops::Range<i64>) -> Array {
        range.map(Dynamic::from).collect()
    }
}
