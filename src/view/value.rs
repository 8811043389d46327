//! A value as a user reads it: a string as it is, a handle on one line, a list of handles or of like maps as a table.

use crate::view::table;

/// A value to show. Its strings are ready to print.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value.
    Nothing,
    /// A string: printed as it is, in quotes inside a list or map.
    Text(String),
    /// A number, a truth value: printed as it is everywhere.
    Word(String),
    /// A handle.
    Handle(Box<Handle>),
    /// A list.
    List(Vec<Value>),
    /// A map, in the order of its keys.
    Map(Vec<(String, Value)>),
}

/// A kernel object or a result that has more fields than fit on one line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Handle {
    /// The text for it inside a list or map that is not drawn as a table.
    pub name: String,
    /// The one line that it prints as.
    pub line: String,
    /// What a table shows of it, heading and cell.
    pub cells: Vec<(&'static str, String)>,
    /// All fields, for JSON.
    pub fields: Vec<(&'static str, Value)>,
}

impl Value {
    /// A string.
    pub fn text(text: impl ToString) -> Self {
        Self::Text(text.to_string())
    }

    /// A number or a truth value.
    pub fn word(word: impl ToString) -> Self {
        Self::Word(word.to_string())
    }

    /// The value as it is printed; empty for [`Value::Nothing`].
    pub fn show(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Text(text) | Self::Word(text) => text.clone(),
            Self::Handle(handle) => handle.line.clone(),
            Self::List(values) => as_table(values).unwrap_or_else(|| self.nested()),
            Self::Map(entries) if entries.is_empty() => "#{}".to_owned(),
            Self::Map(entries) => entries
                .iter()
                .map(|(key, value)| format!("{key}: {}", value.nested()))
                .collect::<Vec<_>>()
                .join("\n"),
        }
    }

    /// The value as JSON. A handle is an object of all that is known of it.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Self::Nothing => Json::Null,
            Self::Text(text) => Json::String(text.clone()),
            Self::Word(text) => match serde_json::from_str(text) {
                Ok(number @ (Json::Number(_) | Json::Bool(_))) => number,
                _ => Json::String(text.clone()),
            },
            Self::Handle(handle) => handle
                .fields
                .iter()
                .map(|(key, value)| ((*key).to_owned(), value.to_json()))
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
            Self::Word(text) => text.clone(),
            Self::Handle(handle) => handle.name.clone(),
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

    /// What a map or handle has under `key`, for a cell of a table.
    pub fn cell_of(&self, key: &str) -> Option<String> {
        match self {
            Self::Handle(handle) => {
                let mut fields = handle.fields.iter();
                fields
                    .find(|(known, _)| *known == key)
                    .map(|(_, v)| v.cell())
            }
            Self::Map(entries) => {
                let mut entries = entries.iter();
                entries
                    .find(|(known, _)| known == key)
                    .map(|(_, v)| v.cell())
            }
            _ => None,
        }
    }

    fn cells(&self) -> Option<Vec<(String, String)>> {
        match self {
            Self::Handle(handle) => Some(
                handle
                    .cells
                    .iter()
                    .map(|(key, cell)| ((*key).to_owned(), cell.clone()))
                    .collect(),
            ),
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
    // A property that no handle has gets no column. The keys of maps are the script's choice and all get one.
    let are_handles = values.iter().all(|value| matches!(value, Value::Handle(_)));
    let is_shown = |column: &usize| {
        !are_handles || *column == 0 || rows.iter().any(|row| !row[*column].1.is_empty())
    };
    alike.then(|| {
        let shown: Vec<usize> = (0..headings.len()).filter(is_shown).collect();
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|row| shown.iter().map(|column| row[*column].1.clone()).collect())
            .collect();
        let headings: Vec<&String> = shown.iter().map(|column| &headings[*column]).collect();
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
        Value::Handle(Box::new(Handle {
            name: name.to_owned(),
            line: format!("{name}  {state}"),
            cells: vec![
                ("name", name.to_owned()),
                ("kind", String::new()),
                ("state", state.to_owned()),
            ],
            fields: vec![("name", Value::text(name)), ("mtu", Value::word(1500))],
        }))
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
    fn a_handle_is_a_line_by_itself_its_name_in_a_map_and_an_object_in_json() {
        let lo = link("lo", "up");
        assert_eq!(lo.show(), "lo  up");
        assert_eq!(
            Value::Map(vec![("a".to_owned(), lo.clone())]).show(),
            "a: lo"
        );
        assert_eq!(lo.to_json().to_string(), r#"{"name":"lo","mtu":1500}"#);
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
