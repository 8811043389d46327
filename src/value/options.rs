//! Option maps: what is optional in a call, by key, each checked for its name, its type and its range.

use std::ops::RangeInclusive;
use std::time::Duration;

use rhai::{Dynamic, Map};

use crate::error::{Error, Result, nearest};
use crate::value::percent::Percent;
use crate::value::rate::Rate;
use crate::value::{duration, percent, rate, size};

/// The options of one call. Each is taken out once; an unknown key is refused at the start.
#[derive(Debug)]
pub struct Options {
    map: Map,
}

impl Options {
    /// Takes the map of a call to `word`, which accepts the keys in `accepted`.
    pub fn new(word: &str, map: Map, accepted: &[&[&str]]) -> Result<Self> {
        let accepted: Vec<&str> = accepted
            .iter()
            .flat_map(|keys| keys.iter().copied())
            .collect();
        let unknown = map.keys().find(|key| !accepted.contains(&key.as_str()));
        let Some(key) = unknown else {
            return Ok(Self { map });
        };
        let error = Error::invalid(format!("`{word}` has no option `{key}`"));
        let mut sorted = accepted.clone();
        sorted.sort_unstable();
        sorted.dedup();
        let error = error.note(format!("options: {}", sorted.join(", ")));
        Err(match nearest(key, accepted) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error,
        })
    }

    /// Takes the value of `key`, whatever its type.
    pub fn take(&mut self, key: &str) -> Option<Dynamic> {
        self.map.remove(key).filter(|value| !value.is_unit())
    }

    /// Takes a string.
    pub fn string(&mut self, key: &str) -> Result<Option<String>> {
        self.take(key)
            .map(|value| {
                let given = value.type_name();
                value
                    .into_string()
                    .map_err(|_| wrong_type(key, "a string", given))
            })
            .transpose()
    }

    /// Takes an integer within `range`.
    pub fn integer(&mut self, key: &str, range: RangeInclusive<i64>) -> Result<Option<i64>> {
        self.take(key)
            .map(|value| {
                let number = value
                    .as_int()
                    .map_err(|given| wrong_type(key, "an integer", given))?;
                in_range(key, number, range)
            })
            .transpose()
    }

    /// Takes a truth value.
    pub fn flag(&mut self, key: &str) -> Result<Option<bool>> {
        self.take(key)
            .map(|value| {
                value
                    .as_bool()
                    .map_err(|given| wrong_type(key, "true or false", given))
            })
            .transpose()
    }

    /// Takes a duration: text with a unit, or a number of seconds.
    pub fn duration(&mut self, key: &str) -> Result<Option<Duration>> {
        self.quantity(key, "a duration such as \"200ms\"", duration::parse)
    }

    /// Takes a percentage: text such as `"1%"`, or a number.
    pub fn percent(&mut self, key: &str) -> Result<Option<Percent>> {
        self.quantity(key, "a percentage such as \"1%\"", percent::parse)
    }

    /// Takes a rate: text with a unit, or a number of bits a second.
    pub fn rate(&mut self, key: &str) -> Result<Option<Rate>> {
        self.quantity(key, "a rate such as \"10mbit\"", rate::parse)
    }

    /// Takes a size: text with a unit, or a number of bytes.
    pub fn size(&mut self, key: &str) -> Result<Option<u32>> {
        self.quantity(key, "a size such as \"64KiB\"", size::parse)
    }

    /// Takes a number with a unit, or a bare one.
    fn quantity<T>(
        &mut self,
        key: &str,
        wanted: &str,
        parse: impl FnOnce(&str) -> Result<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        let given = value.type_name();
        let text = match (value.as_int(), value.as_float()) {
            (Ok(number), _) => number.to_string(),
            (_, Ok(number)) => number.to_string(),
            _ => value
                .into_string()
                .map_err(|_| wrong_type(key, wanted, given))?,
        };
        parse(&text).map(Some)
    }

    /// Takes a map.
    pub fn map(&mut self, key: &str) -> Result<Option<Map>> {
        self.take(key)
            .map(|value| {
                let given = value.type_name();
                value
                    .try_cast::<Map>()
                    .ok_or_else(|| wrong_type(key, "a map", given))
            })
            .transpose()
    }

    /// Takes a string or a list of strings, as a list.
    pub fn strings(&mut self, key: &str) -> Result<Vec<String>> {
        match self.take(key) {
            Some(value) => strings(key, value),
            None => Ok(Vec::new()),
        }
    }
}

/// A string or a list of strings, given for `key`, as a list.
pub fn strings(key: &str, value: Dynamic) -> Result<Vec<String>> {
    let values = if value.is_array() {
        value.into_array().unwrap_or_default()
    } else {
        vec![value]
    };
    let strings = values.into_iter().map(|value| {
        let given = value.type_name();
        value
            .into_string()
            .map_err(|_| wrong_type(key, "a string or a list of strings", given))
    });
    strings.collect()
}

/// Checks that `number`, given for `key`, lies within `range`.
pub fn in_range(key: &str, number: i64, range: RangeInclusive<i64>) -> Result<i64> {
    if range.contains(&number) {
        return Ok(number);
    }
    let (start, end) = range.into_inner();
    Err(Error::invalid(if end == i64::MAX {
        format!("`{key}` is {start} or more, not {number}")
    } else {
        format!("`{key}` is {start} to {end}, not {number}")
    }))
}

/// The error for an option of the wrong type.
pub fn wrong_type(key: &str, wanted: &str, given: &str) -> Error {
    Error::invalid(format!(
        "option `{key}` takes {wanted}, not {}",
        type_in_words(given)
    ))
}

/// A Rhai type's name as a user would call it, with its article.
pub fn type_in_words(type_name: &str) -> String {
    match type_name {
        "i64" | "i32" => "an integer",
        "f64" => "a float",
        "bool" => "a truth value",
        "map" => "a map",
        "array" => "a list",
        "()" => "nothing",
        "char" => "a character",
        "Fn" => "a function",
        name if name.ends_with("tring") => "a string",
        name => {
            return handle_in_words(name).unwrap_or_else(|| format!("a value of type `{name}`"));
        }
    }
    .to_owned()
}

/// A handle's type in words, with its article: the parts of its name, as `PingReport` is a ping report. `name` is what
/// scripts call it, or the path of the type in this crate; of other types there are no words.
pub fn handle_in_words(name: &str) -> Option<String> {
    let last = match name.rsplit_once("::") {
        Some((path, last)) if path.starts_with("ipvsh::") => last,
        Some(_) => return None,
        None => name,
    };
    let mut words = String::new();
    for c in last.chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    let is_name = last.starts_with(char::is_uppercase);
    is_name.then(|| match last {
        "Netns" => "a namespace".to_owned(),
        _ => with_indefinite(&words),
    })
}

/// A word with its indefinite article.
pub fn with_indefinite(word: &str) -> String {
    let article = if word.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {word}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(key: &str, value: impl Into<Dynamic>) -> Map {
        Map::from([(key.into(), value.into())])
    }

    #[test]
    fn an_unknown_key_is_named_with_the_nearest_and_all_accepted() {
        let error = Options::new(
            "ipvlan",
            map("flga", "private"),
            &[&["flag", "mtu"], &["up"]],
        )
        .unwrap_err();
        assert_eq!(error.to_string(), "`ipvlan` has no option `flga`");
        assert_eq!(error.notes, ["options: flag, mtu, up"]);
        assert_eq!(error.hint.as_deref(), Some("did you mean `flag`?"));
    }

    #[test]
    fn a_value_of_the_wrong_type_or_out_of_range_is_refused() {
        let mut options = Options::new("w", map("mtu", "big"), &[&["mtu"]]).unwrap();
        assert_eq!(
            options.integer("mtu", 68..=65535).unwrap_err().to_string(),
            "option `mtu` takes an integer, not a string"
        );
        let mut options = Options::new("w", map("mtu", 1_i64), &[&["mtu"]]).unwrap();
        assert_eq!(
            options.integer("mtu", 68..=65535).unwrap_err().to_string(),
            "`mtu` is 68 to 65535, not 1"
        );
    }

    #[test]
    fn one_string_is_a_list_of_one() {
        let mut options = Options::new("w", map("addr", "a"), &[&["addr"]]).unwrap();
        assert_eq!(options.strings("addr").unwrap(), ["a"]);
        assert_eq!(options.strings("addr").unwrap(), Vec::<String>::new());
    }
}
