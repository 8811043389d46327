//! Printing values as a user reads them.

use rhai::plugin::{Dynamic, export_module};
use rhai::{Array, FnPtr, Map};

use crate::dsl::handle::{Link, Netns};
use crate::view::value::Value;

/// What there is to show of a script's value.
pub(crate) fn value(value: &Dynamic) -> Value {
    if value.is_unit() {
        Value::Nothing
    } else if let Ok(text) = value.as_immutable_string_ref() {
        Value::Text(text.to_string())
    } else if let Ok(values) = value.as_array_ref() {
        Value::List(values.iter().map(self::value).collect())
    } else if let Ok(entries) = value.as_map_ref() {
        let entries = entries.iter();
        Value::Map(
            entries
                .map(|(key, value)| (key.to_string(), self::value(value)))
                .collect(),
        )
    } else if let Some(netns) = value.read_lock::<Netns>() {
        handle(&netns.to_string(), &[("name", &netns.to_string())])
    } else if let Some(link) = value.read_lock::<Link>() {
        let kind = link.kind();
        let netns = Netns(link.netns()).to_string();
        handle(
            &format!("{} ({kind}, in {netns})", link.name()),
            &[("name", &link.name()), ("kind", kind), ("netns", &netns)],
        )
    } else if value.is::<FnPtr>() {
        Value::Word("a function".to_owned())
    } else {
        Value::Word(value.to_string())
    }
}

fn handle(line: &str, cells: &[(&str, &str)]) -> Value {
    Value::Handle {
        line: line.to_owned(),
        cells: cells
            .iter()
            .map(|(heading, cell)| ((*heading).to_owned(), (*cell).to_owned()))
            .collect(),
    }
}

/// The maps of a list as a table; a cell is empty where a map has no such key.
fn table(list: &Array, columns: &[String]) -> String {
    let row = |item: &Dynamic| {
        let map = item.as_map_ref().ok();
        columns
            .iter()
            .map(|column| {
                let cell = map.as_ref().and_then(|map| map.get(column.as_str()));
                cell.map(|cell| value(cell).show()).unwrap_or_default()
            })
            .collect()
    };
    let rows: Vec<Vec<String>> = list.iter().map(row).collect();
    crate::view::table::draw(columns, &rows)
}

// Rhai prints what a function called `print` returns: to its output goes the text of these.
/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Prints a value on a line of its own: a string as it is, a handle on one line, a list of handles as a table.
    ///
    /// ```rhai
    /// print("two slaves of bond0");
    /// print(netns("net-1"));
    /// ```
    #[rhai_fn(name = "print", volatile)]
    pub fn print_any(item: Dynamic) -> String {
        value(&item).show()
    }

    /// Prints a list: a table where its items are handles or maps with the same keys.
    ///
    /// ```rhai
    /// print([1, 2]);
    /// ```
    #[rhai_fn(name = "print", volatile)]
    pub fn print_list(list: Array) -> String {
        value(&list.into()).show()
    }

    /// Prints a list of maps as a table of the given columns, in that order.
    ///
    /// ```rhai
    /// print([#{mode: "l2", sibling: "yes"}], ["mode", "sibling"]);
    /// ```
    #[rhai_fn(name = "print", volatile)]
    pub fn print_columns(list: Array, columns: Array) -> String {
        let columns: Vec<String> = columns.iter().map(ToString::to_string).collect();
        table(&list, &columns)
    }

    /// Prints a map, each entry on a line.
    ///
    /// ```rhai
    /// print(#{ mtu: 1500 });
    /// ```
    #[rhai_fn(name = "print", volatile)]
    pub fn print_map(map: Map) -> String {
        value(&map.into()).show()
    }
}
