//! Printing values as a user reads them.

use std::cell::OnceCell;
use std::rc::Rc;

use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rhai::{Array, FnPtr, Map};

use crate::dsl::acts::exec;
use crate::dsl::acts::latency::Latency;
use crate::dsl::acts::path::PathReport;
use crate::dsl::acts::ping::PingReport;
use crate::dsl::acts::throughput::Throughput;
use crate::dsl::acts::why::Explanation;
use crate::dsl::handle::{Link, Netns};
use crate::dsl::handles::{self, Showing};
use crate::dsl::objects::filter;
use crate::dsl::{Answer, Session, answer};
use crate::view::table;
use crate::view::value::{Told, Value};

/// What there is to show of a script's value. `session` is asked how the links are now.
pub(crate) fn value(session: Option<&Rc<Session>>, value: &Dynamic) -> Value {
    let processes = OnceCell::new();
    let showing = Showing {
        session,
        // One namespace by itself shows without them: a line has no room for a list.
        processes: (!value.is::<Netns>()).then_some(&processes),
        is_alone: value.is::<Link>(),
    };
    of(showing, value)
}

fn of(showing: Showing<'_>, value: &Dynamic) -> Value {
    let shown = |value: &Dynamic| of(showing, value);
    if value.is_unit() {
        Value::Nothing
    } else if let Ok(text) = value.as_immutable_string_ref() {
        Value::Text(text.to_string())
    } else if let Ok(values) = value.as_array_ref() {
        let list = Value::List(values.iter().map(shown).collect());
        let ruleset = |session: &Rc<Session>| filter::told(session, &values);
        match showing.session.and_then(ruleset) {
            Some(text) => Value::Told(Box::new(Told { value: list, text })),
            None => list,
        }
    } else if let Some(answer) = value
        .as_map_ref()
        .ok()
        .and_then(|map| exec::answer_of(&map))
    {
        answer
    } else if let Ok(entries) = value.as_map_ref() {
        let entries = entries.iter();
        let mut entries: Vec<(String, Value)> = entries
            .map(|(key, value)| (key.to_string(), shown(value)))
            .collect();
        if let Some(session) = showing.session {
            session.orders().sort(&mut entries);
        }
        Value::Map(entries)
    } else if let Some(handle) = handles::show(showing, value) {
        handle
    } else if value.is::<FnPtr>() {
        Value::Word("a function".to_owned())
    } else {
        Value::Word(value.to_string())
    }
}

/// What an entry or a line shows of its value. What it has printed already as it came is not printed again.
pub(crate) fn result(session: &Rc<Session>, value: &Dynamic) -> String {
    let is_printed = value
        .read_lock::<PingReport>()
        .is_some_and(|report| report.1 == Some(session.entry()))
        || value
            .read_lock::<Explanation>()
            .is_some_and(|found| found.1 == Some(session.entry()))
        || value
            .read_lock::<Throughput>()
            .is_some_and(|found| found.1 == Some(session.entry()))
        || value
            .read_lock::<Latency>()
            .is_some_and(|found| found.1 == Some(session.entry()))
        || value
            .read_lock::<PathReport>()
            .is_some_and(|found| found.1 == Some(session.entry()))
        || session.live().is_shown()
            && value
                .as_map_ref()
                .is_ok_and(|map| exec::answer_of(&map).is_some());
    if session.settings().json {
        self::value(Some(session), value).to_json().to_string()
    } else if is_printed {
        String::new()
    } else {
        self::value(Some(session), value).show_in(session.width())
    }
}

/// The maps and handles of a list as a table; a cell is empty where one has no such key.
fn table_of(session: &Rc<Session>, list: &Array, columns: &[String]) -> String {
    let row = |item: &Dynamic| {
        let item = value(Some(session), item);
        let cell = |column: &String| item.cell_of(column).unwrap_or_default();
        columns.iter().map(cell).collect()
    };
    let rows: Vec<Vec<String>> = list.iter().map(row).collect();
    match session.width() {
        Some(width) => table::draw_in(columns, &rows, width),
        None => table::draw(columns, &rows),
    }
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
    /// On a terminal, characters that act on it show as they are written in a script, as `\x1b`: also in a text of others no
    /// escape sequence moves the cursor or hides anything. Into a file or a pipe a string goes as it is.
    ///
    /// ```rhai
    /// print("two slaves of bond0");
    /// print(netns("net-1"));
    /// ```
    #[rhai_fn(name = "print", return_raw, volatile)]
    pub fn print_any(context: NativeCallContext, item: Dynamic) -> Answer<String> {
        answer(&context, |session| {
            Ok(value(Some(session), &item).show_in(session.width()))
        })
    }

    /// Prints a list: a table where its items are handles or maps with the same keys.
    ///
    /// ```rhai
    /// print([1, 2]);
    /// ```
    #[rhai_fn(name = "print", return_raw, volatile)]
    pub fn print_list(context: NativeCallContext, list: Array) -> Answer<String> {
        print_any(context, list.into())
    }

    /// Prints a list of maps, links, addresses or routes as a table of the given columns, in that order.
    ///
    /// ```rhai
    /// print([#{mode: "l2", sibling: "yes"}], ["mode", "sibling"]);
    /// ```
    #[rhai_fn(name = "print", return_raw, volatile)]
    pub fn print_columns(
        context: NativeCallContext,
        list: Array,
        columns: Array,
    ) -> Answer<String> {
        let columns: Vec<String> = columns.iter().map(ToString::to_string).collect();
        answer(&context, |session| Ok(table_of(session, &list, &columns)))
    }

    /// Prints a map, each entry on a line.
    ///
    /// ```rhai
    /// print(#{ mtu: 1500 });
    /// ```
    #[rhai_fn(name = "print", return_raw, volatile)]
    pub fn print_map(context: NativeCallContext, map: Map) -> Answer<String> {
        print_any(context, map.into())
    }
}
