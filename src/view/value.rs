//! A value as a user reads it: a string as it is, a handle on one line, a list of handles or of like maps as a table.

use crate::view::table;

/// What there is to show. Its strings are ready to print.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value.
    Nothing,
    /// A string: printed as it is, in quotes inside a list or map.
    Text(String),
    /// A number, a truth value: printed as it is everywhere.
    Word(String),
    /// A handle: one line by itself, and what a table shows of it, heading and cell.
    Handle {
        /// The line.
        line: String,
        /// The cells.
        cells: Vec<(String, String)>,
    },
    /// A list.
    List(Vec<Value>),
    /// A map, in the order of its keys.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// The value as it is printed; empty for [`Value::Nothing`].
    pub fn show(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Text(text) | Self::Word(text) | Self::Handle { line: text, .. } => text.clone(),
            Self::List(values) => as_table(values).unwrap_or_else(|| self.nested()),
            Self::Map(entries) if entries.is_empty() => "#{}".to_owned(),
            Self::Map(entries) => entries
                .iter()
                .map(|(key, value)| format!("{key}: {}", value.nested()))
                .collect::<Vec<_>>()
                .join("\n"),
        }
    }

    /// The value as JSON. A handle is an object of what a table shows of it.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Self::Nothing => Json::Null,
            Self::Text(text) => Json::String(text.clone()),
            Self::Word(text) => match serde_json::from_str(text) {
                Ok(number @ (Json::Number(_) | Json::Bool(_))) => number,
                _ => Json::String(text.clone()),
            },
            Self::Handle { line, cells } if cells.is_empty() => Json::String(line.clone()),
            Self::Handle { cells, .. } => cells
                .iter()
                .map(|(key, cell)| (key.clone(), Json::String(cell.clone())))
                .collect(),
            Self::List(values) => values.iter().map(Self::to_json).collect(),
            Self::Map(entries) => entries
                .iter()
                .map(|(key, value)| (key.clone(), value.to_json()))
                .collect(),
        }
    }

    /// The value on one line, as a script would write it.
    pub fn literal(&self) -> String {
        self.nested()
    }

    /// The value on one line inside of another.
    fn nested(&self) -> String {
        match self {
            Self::Nothing => "()".to_owned(),
            Self::Text(text) => format!("{text:?}"),
            Self::Word(text) | Self::Handle { line: text, .. } => text.clone(),
            Self::List(values) => {
                let values: Vec<_> = values.iter().map(Self::nested).collect();
                format!("[{}]", values.join(", "))
            }
            Self::Map(entries) => {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(key, value)| format!("{key}: {}", value.nested()))
                    .collect();
                format!("#{{{}}}", entries.join(", "))
            }
        }
    }

    /// The value in a cell of a table.
    fn cell(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Text(text) => text.clone(),
            Self::List(values) => {
                let values: Vec<_> = values.iter().map(Self::cell).collect();
                values.join(" ")
            }
            other => other.nested(),
        }
    }

    fn cells(&self) -> Option<Vec<(String, String)>> {
        match self {
            Self::Handle { cells, .. } if !cells.is_empty() => Some(cells.clone()),
            Self::Map(entries) if !entries.is_empty() => Some(
                entries
                    .iter()
                    .map(|(key, value)| (key.clone(), value.cell()))
                    .collect(),
            ),
            _ => None,
        }
    }
}

/// The table of a list whose items all have the same columns.
fn as_table(values: &[Value]) -> Option<String> {
    let rows: Vec<_> = values.iter().map(Value::cells).collect::<Option<_>>()?;
    let headings: Vec<String> = rows.first()?.iter().map(|(key, _)| key.clone()).collect();
    let alike = rows
        .iter()
        .all(|row| row.iter().map(|(key, _)| key).eq(headings.iter()));
    alike.then(|| {
        let rows: Vec<Vec<String>> = rows
            .into_iter()
            .map(|row| row.into_iter().map(|(_, cell)| cell).collect())
            .collect();
        table::draw(&headings, &rows)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn link(name: &str, state: &str) -> Value {
        Value::Handle {
            line: format!("{name}  {state}"),
            cells: vec![
                ("name".to_owned(), name.to_owned()),
                ("state".to_owned(), state.to_owned()),
            ],
        }
    }

    #[test]
    fn a_string_is_printed_as_it_is_and_quoted_inside_a_list() {
        assert_eq!(text("a b").show(), "a b");
        assert_eq!(
            Value::List(vec![text("a b"), Value::Word("1".to_owned())]).show(),
            r#"["a b", 1]"#
        );
    }

    #[test]
    fn a_list_of_handles_is_a_table() {
        insta::assert_snapshot!(Value::List(vec![link("eth0", "up"), link("lo", "down")]).show(), @r"
        NAME  STATE
        eth0  up
        lo    down
        ");
    }

    #[test]
    fn maps_with_other_keys_are_no_table() {
        let map = |key: &str| Value::Map(vec![(key.to_owned(), Value::Nothing)]);
        assert_eq!(
            Value::List(vec![map("a"), map("b")]).show(),
            "[#{a: ()}, #{b: ()}]"
        );
    }

    #[test]
    fn a_map_has_a_line_for_each_entry() {
        let map = Value::Map(vec![
            ("ok".to_owned(), Value::Word("true".to_owned())),
            ("errors".to_owned(), Value::List(Vec::new())),
        ]);
        assert_eq!(map.show(), "ok: true\nerrors: []");
        assert_eq!(Value::List(Vec::new()).show(), "[]");
    }
}
