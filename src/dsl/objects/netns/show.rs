//! How a namespace prints.

use std::cell::OnceCell;
use std::collections::HashMap;

use crate::dsl::handle::Netns;
use crate::net::namespace::Id;
use crate::net::process;
use crate::view::value::{Handle, Value};

/// How many processes of a namespace a table shows.
const SHOWN: usize = 3;

/// What there is to show of a namespace: with its processes where they are asked for.
pub(crate) fn show(netns: &Netns, processes: Option<&OnceCell<HashMap<Id, Vec<u32>>>>) -> Value {
    let name = netns.to_string();
    let id = netns.namespace().id();
    let line = match netns.0.check() {
        Ok(()) => name.clone(),
        Err(_) => format!("{name} (gone)"),
    };
    let mut handle = Handle {
        name: name.clone(),
        line,
        cells: vec![("name", name.clone()), ("inode", id.inode.to_string())],
        fields: vec![
            ("name", Value::Text(name)),
            ("path", Value::text(netns.path().display())),
            ("inode", Value::word(id.inode)),
        ],
    };
    if let Some(processes) = processes {
        let processes = processes.get_or_init(process::by_namespace);
        let inside = processes.get(&id).map(Vec::as_slice).unwrap_or_default();
        let named = |pid: &u32| format!("{pid} {}", process::name_of(*pid));
        let mut cell: Vec<String> = inside.iter().take(SHOWN).map(named).collect();
        if inside.len() > SHOWN {
            cell.push(format!("{} more", inside.len() - SHOWN));
        }
        handle.cells.push(("processes", cell.join(", ")));
        let all = inside.iter().map(Value::word).collect();
        handle.fields.push(("processes", Value::List(all)));
    }
    Value::Handle(Box::new(handle))
}
