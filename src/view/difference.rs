//! Where two values differ, a line each.

use serde_json::Value;

/// Where `got` differs from `wanted`: `.links[0].mtu: 1400, not 1500`. Numbers are compared by what they stand for.
pub fn between(got: &Value, wanted: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", got, wanted, &mut found);
    found
}

fn compare(path: &str, got: &Value, wanted: &Value, found: &mut Vec<String>) {
    match (got, wanted) {
        (Value::Object(got), Value::Object(wanted)) => {
            let mut keys: Vec<&String> = got.keys().chain(wanted.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                one(
                    &format!("{path}.{key}"),
                    got.get(key),
                    wanted.get(key),
                    found,
                );
            }
        }
        (Value::Array(got), Value::Array(wanted))
            if got.len() != wanted.len() && got.iter().chain(wanted).all(Value::is_string) =>
        {
            lines(path, got, wanted, found);
        }
        (Value::Array(got), Value::Array(wanted)) => {
            for index in 0..got.len().max(wanted.len()) {
                one(
                    &format!("{path}[{index}]"),
                    got.get(index),
                    wanted.get(index),
                    found,
                );
            }
        }
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => {}
        _ if got == wanted => {}
        _ => found.push(match path {
            "" => format!("{got}, not {wanted}"),
            path => format!("{path}: {got}, not {wanted}"),
        }),
    }
}

/// Lists of texts of which one has more: what is too much, and what is missing, not all that has another place for it.
fn lines(path: &str, got: &[Value], wanted: &[Value], found: &mut Vec<String>) {
    let mut missing: Vec<&Value> = wanted.iter().collect();
    for (index, line) in got.iter().enumerate() {
        match missing.iter().position(|wanted| *wanted == line) {
            Some(at) => {
                missing.remove(at);
            }
            None => one(&format!("{path}[{index}]"), Some(line), None, found),
        }
    }
    for line in missing {
        one(path, None, Some(line), found);
    }
}

fn one(path: &str, got: Option<&Value>, wanted: Option<&Value>, found: &mut Vec<String>) {
    match (got, wanted) {
        (Some(got), Some(wanted)) => compare(path, got, wanted, found),
        (Some(got), None) => found.push(format!("{path}: {got}, which is not expected")),
        (None, Some(wanted)) => found.push(format!("{path}: missing, {wanted} is expected")),
        (None, None) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_the_same_differs_nowhere() {
        let value = json!({"a": [1, "x", null], "b": {"c": true}});
        assert_eq!(between(&value, &value), [""; 0]);
        assert_eq!(between(&json!(1), &json!(1.0)), [""; 0]);
    }

    #[test]
    fn of_lists_of_texts_only_what_one_has_more_is_told() {
        let got = json!({"rules": ["0: a", "5: x", "9: z"]});
        let wanted = json!({"rules": ["0: a", "9: z"]});
        assert_eq!(
            between(&got, &wanted),
            [".rules[1]: \"5: x\", which is not expected"]
        );
        assert_eq!(
            between(&wanted, &got),
            [".rules: missing, \"5: x\" is expected"]
        );
    }

    #[test]
    fn each_difference_is_told_by_its_path() {
        let got = json!({"a": [1, 2], "b": {"mtu": 1400}, "c": 1});
        let wanted = json!({"a": [1], "b": {"mtu": 1500}, "d": "x"});
        assert_eq!(
            between(&got, &wanted),
            [
                ".a[1]: 2, which is not expected",
                ".b.mtu: 1400, not 1500",
                ".c: 1, which is not expected",
                ".d: missing, \"x\" is expected",
            ]
        );
        assert_eq!(between(&json!("1"), &json!(1)), ["\"1\", not 1"]);
    }
}
