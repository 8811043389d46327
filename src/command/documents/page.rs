//! The documents as the reference shows them: a table of keys for each.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::VERSION;

/// Where the schema keeps what several documents have.
const SHARED: &str = "#/$defs/";

/// The part of the reference on what `--json` prints.
pub(in crate::command) fn markdown() -> String {
    let schema = super::schema();
    let page = Page {
        shared: schema["$defs"].as_object().cloned().unwrap_or_default(),
    };
    let mut parts = vec![format!(
        "## What --json prints\n\n\
         Each document by the name of its command: `run` is that of a script, `line` is what `--json=lines` prints, `error` is what a \
         failure is on standard error where there is no document to have it. This is version {VERSION}: keys may come, but none goes \
         and none changes its meaning. `ipvsh doc --schema` has the same as JSON Schema."
    )];
    let mut named = BTreeSet::new();
    for (name, document) in schema["properties"].as_object().into_iter().flatten() {
        parts.push(format!("### `{name}`\n\n{}", page.document(document)));
        page.name_parts(document, true, &mut named);
    }
    for name in named {
        let Some(part) = page.shared.get(&name) else {
            continue;
        };
        parts.push(format!("### {name} in JSON\n\n{}", page.document(part)));
    }
    parts.join("\n\n")
}

struct Page {
    shared: Map<String, Value>,
}

impl Page {
    /// What a reference leads to; anything else as it is.
    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        name_of(schema)
            .and_then(|name| self.shared.get(name))
            .unwrap_or(schema)
    }

    fn document(&self, schema: &Value) -> String {
        let (items, is_list) = match schema.get("items") {
            Some(items) => (items, true),
            None => (schema, false),
        };
        let part = self.resolved(items);
        let mut said = description(part);
        if is_list {
            said = format!("A list. Of each: {}", lower_first(&said));
        }
        let mut texts = vec![said];
        match part["oneOf"].as_array() {
            Some(ways) => texts.extend(ways.iter().map(|way| {
                let keys = self.keys(way);
                format!("{}\n\n{}", description(way), table(&keys))
            })),
            None => texts.push(table(&self.keys(part))),
        }
        texts.join("\n\n")
    }

    /// The keys of an object, each with its type and what it means.
    fn keys(&self, schema: &Value) -> Vec<[String; 3]> {
        let required: Vec<&str> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let own = schema["properties"].as_object().into_iter().flatten();
        let own = own.map(|(key, value)| {
            let mut said = description(value);
            if !required.contains(&key.as_str()) {
                said.push_str(" May be left out.");
            }
            [format!("`{key}`"), self.type_of(value), said]
        });
        let mut keys: Vec<[String; 3]> = own.collect();
        // Also what it is beside that: another object, or one of several.
        if name_of(schema).is_some() {
            keys.extend(self.keys(self.resolved(schema)));
        }
        for way in schema["oneOf"].as_array().into_iter().flatten() {
            for key in self.keys(way) {
                if !keys.contains(&key) {
                    keys.push(key);
                }
            }
        }
        keys
    }

    /// The type of a value, in words.
    fn type_of(&self, schema: &Value) -> String {
        if let Some(ways) = schema["anyOf"].as_array() {
            let ways: Vec<String> = ways.iter().map(|way| self.type_of(way)).collect();
            return ways.join(" or ");
        }
        if let Some(name) = name_of(schema) {
            let words = Self::words(self.resolved(schema));
            return words.unwrap_or_else(|| format!("[{name}](#{}-in-json)", name.to_lowercase()));
        }
        if let Some(word) = schema["const"].as_str() {
            return format!("`\"{word}\"`");
        }
        match &schema["type"] {
            Value::String(kind) if kind == "array" => {
                format!("list of {}", self.type_of(&schema["items"]))
            }
            Value::String(kind) => called(kind).to_owned(),
            Value::Array(kinds) => {
                let kinds = kinds.iter().filter_map(Value::as_str).map(called);
                kinds.collect::<Vec<_>>().join(" or ")
            }
            _ => "any".to_owned(),
        }
    }

    /// The words that a value is one of, if it is.
    fn words(schema: &Value) -> Option<String> {
        let words = schema["oneOf"].as_array()?.iter();
        let words = words.map(|way| Some(format!("`\"{}\"`", way["const"].as_str()?)));
        words
            .collect::<Option<Vec<_>>>()
            .map(|words| words.join(", "))
    }

    /// The objects that the tables name; `is_shown` where the schema has a table of its own already.
    fn name_parts(&self, schema: &Value, is_shown: bool, named: &mut BTreeSet<String>) {
        if let Some(name) = name_of(schema) {
            let part = self.resolved(schema);
            if Self::words(part).is_some() {
                return;
            }
            if !is_shown && !named.insert(name.to_owned()) {
                return;
            }
            self.name_parts(part, true, named);
        }
        for key in ["anyOf", "oneOf"] {
            for way in schema[key].as_array().into_iter().flatten() {
                self.name_parts(way, is_shown && key == "oneOf", named);
            }
        }
        if let Some(items) = schema.get("items") {
            self.name_parts(items, is_shown, named);
        }
        for (_, value) in schema["properties"].as_object().into_iter().flatten() {
            self.name_parts(value, false, named);
        }
    }
}

/// The name of what a reference leads to.
fn name_of(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix(SHARED)
}

fn description(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_lowercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// How a type of JSON is called.
fn called(kind: &str) -> &str {
    match kind {
        "boolean" => "bool",
        "object" => "map",
        other => other,
    }
}

fn table(keys: &[[String; 3]]) -> String {
    let rows = keys.iter().map(|cells| {
        let cells = cells.each_ref().map(|cell| cell.replace('|', "\\|"));
        format!("| {} |", cells.join(" | "))
    });
    let head = ["| Key | Type | Meaning |", "|---|---|---|"].map(str::to_owned);
    head.into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}
