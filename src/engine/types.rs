//! The types of the language, as a user calls them.

use std::any::TypeId;

use rhai::{Array, Dynamic, FnPtr, ImmutableString, Map};

use crate::dsl::handle::{Link, Netns};

/// The name of a parameter's type.
pub(crate) fn of_id(id: TypeId) -> Option<&'static str> {
    let known: [(TypeId, &'static str); 11] = [
        (TypeId::of::<ImmutableString>(), "string"),
        (TypeId::of::<i64>(), "int"),
        (TypeId::of::<f64>(), "float"),
        (TypeId::of::<bool>(), "bool"),
        (TypeId::of::<char>(), "char"),
        (TypeId::of::<Array>(), "list"),
        (TypeId::of::<Map>(), "map"),
        (TypeId::of::<FnPtr>(), "function"),
        (TypeId::of::<Dynamic>(), "any"),
        (TypeId::of::<Netns>(), "Netns"),
        (TypeId::of::<Link>(), "Link"),
    ];
    known
        .into_iter()
        .find(|(known, _)| *known == id)
        .map(|(_, name)| name)
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
    match text.rsplit("::").next().unwrap_or(text) {
        "i64" | "INT" => "int",
        "f64" | "FLOAT" => "float",
        "Array" | "array" => "list",
        "Map" => "map",
        "FnPtr" | "Fn" => "function",
        "Dynamic" | "RhaiResult" => "any",
        "ExclusiveRange" | "InclusiveRange" => "range",
        "()" => "nothing",
        other => other,
    }
}

/// The type with its article: `an int`, `a string`, `a namespace`.
pub(crate) fn with_article(name: &str) -> String {
    match name {
        "Netns" => "a namespace".to_owned(),
        "Link" => "a link".to_owned(),
        "Process" => "a process".to_owned(),
        "Mesh" => "a mesh".to_owned(),
        "PingReport" => "a ping report".to_owned(),
        "Address" => "an address".to_owned(),
        "Route" => "a route".to_owned(),
        "Nexthop" => "a nexthop".to_owned(),
        "Rule" => "a rule".to_owned(),
        "Neighbor" => "a neighbor".to_owned(),
        "int" => "an int".to_owned(),
        "nothing" => "no value, `()`".to_owned(),
        "any" => "any value".to_owned(),
        name if name.starts_with(['a', 'e', 'i', 'o', 'u']) => format!("an {name}"),
        name => format!("a {name}"),
    }
}
