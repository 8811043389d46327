//! The types of the language, as a user calls them.

use std::any::TypeId;

use rhai::{Array, Dynamic, FnPtr, ImmutableString, Map};

use crate::dsl::handles;
use crate::value::options::{handle_in_words, with_indefinite};

/// The name of a parameter's type.
pub(crate) fn of_id(id: TypeId) -> Option<&'static str> {
    let known: [(TypeId, &'static str); 9] = [
        (TypeId::of::<ImmutableString>(), "string"),
        (TypeId::of::<i64>(), "int"),
        (TypeId::of::<f64>(), "float"),
        (TypeId::of::<bool>(), "bool"),
        (TypeId::of::<char>(), "char"),
        (TypeId::of::<Array>(), "list"),
        (TypeId::of::<Map>(), "map"),
        (TypeId::of::<FnPtr>(), "function"),
        (TypeId::of::<Dynamic>(), "any"),
    ];
    known
        .into_iter()
        .find(|(known, _)| *known == id)
        .map(|(_, name)| name)
        .or_else(|| handles::name_of(id))
}

/// The same for a type as Rhai or Rust writes it.
pub(crate) fn of_text(text: &str) -> &str {
    let text = text.trim().trim_start_matches("&mut ").trim();
    // What a word returns is wrapped, and written as the compiler spaces it: `Answer < Link >`.
    let text = ["Answer", "RhaiResultOf"]
        .iter()
        .find_map(|wrapper| text.strip_prefix(wrapper))
        .map_or(text, |text| text.trim_matches([' ', '<', '>']));
    if text.contains("ImmutableString") || text == "&str" || text == "String" {
        return "string";
    }
    if text.contains("RangeInclusive<") || text.contains("Range<") {
        return "range";
    }
    match text.rsplit("::").next().unwrap_or(text) {
        "i64" | "INT" => "int",
        "f64" | "FLOAT" => "float",
        "Array" | "array" => "list",
        "Map" => "map",
        "FnPtr" | "Fn" => "function",
        "Dynamic" | "RhaiResult" => "any",
        "ExclusiveRange" | "InclusiveRange" | "range=" => "range",
        "()" => "nothing",
        other => other,
    }
}

/// The type with its article: `an int`, `a string`, `a namespace`.
pub(crate) fn with_article(name: &str) -> String {
    match name {
        "int" => "an int".to_owned(),
        "nothing" => "no value, `()`".to_owned(),
        "any" => "any value".to_owned(),
        name => handle_in_words(name).unwrap_or_else(|| with_indefinite(name)),
    }
}
