//! A value as a user reads it: a string as it is, a handle on one line, a list of handles or of like maps as a table.

use crate::value::escape::{on_one_line, visible};
use crate::view::table;

/// How wide a value inside of another may be on one line.
const WIDTH: usize = 100;
/// How far its parts are set in where it is wider.
const INDENT: usize = 2;

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
    /// A map, in the order in which its keys were written.
    Map(Vec<(String, Value)>),
    /// A list or map that is read as a text where it stands by itself.
    Told(Box<Told>),
}

/// A value, and the text that it is printed as.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// What it is for a script, and as JSON.
    pub value: Value,
    /// What a person reads.
    pub text: String,
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
        self.show_in(None)
    }

    /// The same on a terminal of so many columns: tables are no wider than that.
    pub fn show_in(&self, width: Option<usize>) -> String {
        let most = width.map_or(WIDTH, |width| width.min(WIDTH));
        match self {
            Self::Told(told) => visible(told.text.trim_end_matches('\n')).into_owned(),
            Self::Nothing => String::new(),
            Self::Text(text) | Self::Word(text) => text.clone(),
            Self::Handle(handle) => visible(&handle.line).into_owned(),
            Self::List(values) => as_table(values, width).unwrap_or_else(|| self.laid(0, 0, most)),
            Self::Map(entries) if entries.is_empty() => "#{}".to_owned(),
            Self::Map(entries) => entries
                .iter()
                .map(|(key, value)| value.entry(key, width))
                .collect::<Vec<_>>()
                .join("\n"),
        }
    }

    /// The value as JSON. A handle is an object of all that is known of it.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Self::Told(told) => told.value.to_json(),
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
            Self::Told(told) => told.value.nested(),
            Self::Nothing => "()".to_owned(),
            Self::Text(text) => format!("{text:?}"),
            Self::Word(text) => text.clone(),
            Self::Handle(handle) => on_one_line(&handle.name).into_owned(),
            Self::List(values) => {
                let values: Vec<_> = values.iter().map(Self::nested).collect();
                format!("[{}]", values.join(", "))
            }
            Self::Map(entries) => {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(key, value)| format!("{}: {}", on_one_line(key), value.nested()))
                    .collect();
                format!("#{{{}}}", entries.join(", "))
            }
        }
    }

    /// An entry of a map: a table of maps below its key, anything else behind it.
    fn entry(&self, key: &str, width: Option<usize>) -> String {
        let key = on_one_line(key);
        let most = width.map_or(WIDTH, |width| width.min(WIDTH));
        let table = match self {
            Self::List(values) if matches!(values.first(), Some(Self::Map(_))) => {
                as_table(values, width.map(|width| width.saturating_sub(INDENT)))
            }
            Self::Told(_) => Some(self.show()),
            _ => None,
        };
        match table {
            Some(table) => {
                let lines = table
                    .lines()
                    .map(|line| format!("{}{line}\n", " ".repeat(INDENT)));
                format!("{key}:\n{}", lines.collect::<String>().trim_end())
            }
            None => format!("{key}: {}", self.laid(0, key.chars().count() + 2, most)),
        }
    }

    /// The value as a script would write it, over several lines where it is too long for one of `most` columns. The first has room for what stands
    /// in `front` characters before it, those below are set in by `indent` and more.
    fn laid(&self, indent: usize, front: usize, most: usize) -> String {
        let line = self.nested();
        if indent + front + line.chars().count() <= most {
            return line;
        }
        let inner = indent + INDENT;
        let margin = " ".repeat(inner);
        let end = " ".repeat(indent);
        match self {
            Self::Told(told) => told.value.laid(indent, front, most),
            Self::List(values) if values.iter().all(Self::is_scalar) => {
                let mut text = String::from("[");
                let mut used = most;
                for value in values {
                    let word = value.nested();
                    let length = word.chars().count() + 2;
                    if used + length > most {
                        text.truncate(text.trim_end().len());
                        text.push('\n');
                        text.push_str(&margin);
                        used = inner;
                    }
                    used += length;
                    text.push_str(&word);
                    text.push_str(", ");
                }
                format!("{},\n{end}]", text.trim_end_matches(", "))
            }
            Self::List(values) => {
                let items = values
                    .iter()
                    .map(|value| format!("{margin}{},\n", value.laid(inner, 0, most)));
                format!("[\n{}{end}]", items.collect::<String>())
            }
            Self::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| {
                    let key = on_one_line(key);
                    let value = value.laid(inner, key.chars().count() + 2, most);
                    format!("{margin}{key}: {value},\n")
                });
                format!("#{{\n{}{end}}}", entries.collect::<String>())
            }
            _ => line,
        }
    }

    /// Whether it is a map with maps in it, also in lists.
    fn holds_maps(&self) -> bool {
        fn is_map(value: &Value) -> bool {
            match value {
                Value::Map(_) => true,
                Value::List(values) => values.iter().any(is_map),
                Value::Told(told) => is_map(&told.value),
                _ => false,
            }
        }
        matches!(self, Self::Map(entries) if entries.iter().any(|(_, value)| is_map(value)))
    }

    fn is_scalar(&self) -> bool {
        !matches!(self, Self::List(_) | Self::Map(_) | Self::Told(_))
    }

    /// The value in a cell of a table.
    pub fn cell(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Told(told) => told.value.cell(),
            Self::Text(text) => on_one_line(text).into_owned(),
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
            Self::Told(told) => told.value.cell_of(key),
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
            Self::Told(told) => told.value.cells(),
            Self::Handle(handle) => Some(
                handle
                    .cells
                    .iter()
                    .map(|(key, cell)| ((*key).to_owned(), on_one_line(cell).into_owned()))
                    .collect(),
            ),
            Self::Map(entries) if !entries.is_empty() => Some(
                entries
                    .iter()
                    .map(|(key, value)| (on_one_line(key).into_owned(), value.cell()))
                    .collect(),
            ),
            _ => None,
        }
    }
}

/// The table of a list whose items all have the same columns.
fn as_table(values: &[Value], width: Option<usize>) -> Option<String> {
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
    let (whole, folded) = alike.then(|| {
        let shown: Vec<usize> = (0..headings.len()).filter(is_shown).collect();
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|row| shown.iter().map(|column| row[*column].1.clone()).collect())
            .collect();
        let headings: Vec<&String> = shown.iter().map(|column| &headings[*column]).collect();
        let whole = table::draw(&headings, &rows);
        let folded = width.map(|width| table::draw_in(&headings, &rows, width));
        (whole, folded)
    })?;
    // Maps in cells are read in a table as long as it is not wider than they are by themselves.
    let has_maps = || values.iter().any(Value::holds_maps);
    let is_wide = |line: &str| line.chars().count() > WIDTH;
    (!(whole.lines().any(is_wide) && has_maps())).then(|| folded.unwrap_or(whole))
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
    fn what_is_too_long_for_a_line_is_set_in() {
        let numbers = Value::List((0..60).map(Value::word).collect());
        let row = |name: &str| Value::Map(vec![("name".to_owned(), text(name))]);
        let map = Value::Map(vec![
            ("numbers".to_owned(), numbers.clone()),
            ("rows".to_owned(), Value::List(vec![row("a"), row("b")])),
            (
                "deep".to_owned(),
                Value::Map(vec![
                    (
                        "list".to_owned(),
                        Value::List(vec![text(&"x".repeat(80)), row("c")]),
                    ),
                    ("short".to_owned(), Value::List(vec![row("d")])),
                ]),
            ),
        ]);
        insta::assert_snapshot!(map.show(), @r#"
        numbers: [
          0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
          27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50,
          51, 52, 53, 54, 55, 56, 57, 58, 59,
        ]
        rows:
          NAME
          a
          b
        deep: #{
          list: [
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            #{name: "c"},
          ],
          short: [#{name: "d"}],
        }
        "#);
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
