//! How a link that is there differs from the one that is wanted.

use std::rc::Rc;

use crate::dsl::Session;

use crate::dsl::objects::link;
use crate::error::{Error, Kind, Result};
use crate::net::link::Snapshot;
use crate::schema::{self, Form};
use crate::steps::Value;

use super::Wanted;
use super::parent::is_parent;

/// What is there and differs from what is wanted.
pub(crate) struct Difference {
    /// The conflict of the two.
    pub(crate) conflict: Error,
    /// The options of the kind that differ; none where more than those does.
    pub(crate) options: Option<Vec<&'static str>>,
}

/// How what is there differs from what is wanted, if it does.
pub(super) fn differences(
    session: &Rc<Session>,
    wanted: &Wanted,
    present: &Snapshot,
) -> Result<Option<Difference>> {
    let mut there = vec![if present.kind.is_empty() {
        "hardware".to_owned()
    } else {
        present.kind.clone()
    }];
    let mut asked = vec![wanted.kind.name.to_owned()];
    let mut options = Vec::new();
    let mut is_another = present.kind != wanted.kind.name;
    if !is_another {
        let facts = present
            .data
            .as_ref()
            .map(|data| wanted.kind.facts(data))
            .unwrap_or_default();
        for (key, value) in &wanted.facts {
            let found = facts.iter().find(|(known, _)| known == key);
            let found = found.map(|(_, found)| found);
            let is_same = match (wanted.kind.row(key), found) {
                (Some(row), Some(found)) => row.same(value, found),
                // A kernel that can't do something tells nothing of it: that is as off as can be.
                _ => [Value::List(Vec::new()), Value::Flag(false)].contains(value),
            };
            if !is_same {
                options.push(*key);
                let found = shown(session, wanted, key, found);
                let value = shown(session, wanted, key, Some(value));
                there.push(format!("{key} {found}"));
                asked.push(format!("{key} {value}"));
            }
        }
        let queues = [
            ("numtxqueues", wanted.common.tx_queues, present.tx_queues),
            ("numrxqueues", wanted.common.rx_queues, present.rx_queues),
        ];
        for (key, wanted, found) in queues {
            if let Some(wanted) = wanted.filter(|wanted| *wanted != found) {
                is_another = true;
                there.push(format!("{key} {found}"));
                asked.push(format!("{key} {wanted}"));
            }
        }
        if let Some(parent) = wanted.parent
            && !is_parent(session, wanted, parent, present)?
        {
            is_another = true;
            let handle = link::handle(&wanted.place, present);
            let other = link::parent_of(session, &handle, present)?;
            there.push(format!(
                "parent {}",
                other.map_or_else(|| "unknown".to_owned(), |l| l.name())
            ));
            asked.push(format!("parent {}", parent.seen.name));
        }
    }
    if options.is_empty() && !is_another {
        return Ok(None);
    }
    let conflict = Error::new(Kind::Conflict, "a link with that name exists and differs")
        .note(format!("there: {}", there.join(", ")))
        .note(format!("asked: {}", asked.join(", ")))
        .hint("take another name, ask for what is there, or replace it with #{replace: true}");
    Ok(Some(Difference {
        conflict,
        options: (!is_another).then_some(options),
    }))
}

/// The value of a fact as it is shown: a device is known by its ifindex, and called by its name.
fn shown(session: &Rc<Session>, wanted: &Wanted, key: &str, value: Option<&Value>) -> String {
    let is_device = wanted
        .kind
        .row(key)
        .is_some_and(|row| matches!(row.form, Form::Device));
    let name = match value {
        Some(Value::Number(index)) if is_device => u32::try_from(*index)
            .ok()
            .and_then(|index| link::name_of(session, &wanted.place, index)),
        _ => None,
    };
    name.or_else(|| value.map(schema::text).filter(|text| !text.is_empty()))
        .unwrap_or_else(|| "none".to_owned())
}
