//! Values of JSON as scripts have them.

use rhai::{Array, Dynamic, Map};

/// A value of JSON as scripts have it.
pub(crate) fn value(json: serde_json::Value) -> Dynamic {
    use serde_json::Value;
    match json {
        Value::Null => Dynamic::UNIT,
        Value::Bool(is) => is.into(),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None => number.as_f64().unwrap_or_default().into(),
        },
        Value::String(text) => text.into(),
        Value::Array(list) => list.into_iter().map(value).collect::<Array>().into(),
        Value::Object(map) => {
            let entries = map.into_iter().map(|(key, item)| (key.into(), value(item)));
            entries.collect::<Map>().into()
        }
    }
}
