//! Puts a queue into the one that it hangs on: `tc` makes them one after the other, the word for the outer one all at once.

use crate::steps::{Act, Call, Item, Place, Value};

/// Where a queue hangs, as `tc` says it; it goes once it is known what it means.
pub(crate) const PARENT: &str = "parent";
/// The number by which others hang on a queue.
pub(crate) const HANDLE: &str = "handle";
/// The whole command of one that hangs on another.
pub(crate) const COMMAND: &str = "command";

type Options = Vec<(String, Value)>;

/// Which queue is put into which one.
const INSIDE: [(&str, &str); 2] = [("netem", "tbf"), ("tbf", "netem")];

/// Puts each queue with a parent into that. One that hangs on what there is no word for is left to `tc`.
pub(crate) fn settle(items: &mut Vec<Item>) {
    let mut index = 0;
    while index < items.len() {
        let (before, rest) = items.split_at_mut(index);
        let item = &mut rest[0];
        index += 1;
        let Some((place, link, word, options)) = queue(item) else {
            continue;
        };
        let Some(parent) = take(options, PARENT) else {
            continue;
        };
        take(options, HANDLE);
        let major = parent.split(':').next().unwrap_or_default();
        let outer = before.iter_mut().rev().find_map(|item| {
            let (at, on, outer, outside) = queue(item)?;
            let is_it = (&at, on) == (&place, link)
                && INSIDE.contains(&(outer, word))
                && outside.iter().any(|(key, value)| {
                    key == HANDLE && matches!(value, Value::Text(handle) if handle == major)
                });
            is_it.then_some(outside)
        });
        let mut options = std::mem::take(options);
        let at = options.iter().position(|(key, _)| key == COMMAND);
        let command = at.map(|at| options.remove(at).1);
        if let Some(outside) = outer {
            outside.push((word.to_owned(), Value::Map(options)));
            index -= 1;
            items.remove(index);
        } else if let (Some(Value::List(words)), Item::Step(step)) = (command, item) {
            let words = [vec![Value::text("tc")], words].concat();
            let act = Act::InNetns(Call::new("exec", [Value::List(words)]));
            // As a program of its own it may end as it likes.
            step.act = match &step.act {
                Act::Try(_) => Act::Try(Box::new(act)),
                _ => act,
            };
        }
    }
    for item in items {
        if let Some((.., options)) = queue(item) {
            take(options, HANDLE);
        }
    }
}

/// The queue that a step sets, with its options.
fn queue(item: &mut Item) -> Option<(Place, &str, &'static str, &mut Options)> {
    let Item::Step(step) = item else { return None };
    let place = step.place.clone();
    let act = match &mut step.act {
        Act::Try(tried) => &mut **tried,
        act => act,
    };
    match act {
        Act::OnLink { link, call } if ["netem", "tbf"].contains(&call.word) => {
            match call.arguments.as_mut_slice() {
                [Value::Map(options)] => Some((place, link, call.word, options)),
                _ => None,
            }
        }
        _ => None,
    }
}

fn take(options: &mut Options, key: &str) -> Option<String> {
    let at = options.iter().position(|(known, _)| known == key)?;
    match options.remove(at).1 {
        Value::Text(text) => Some(text),
        other => Some(crate::schema::text(&other)),
    }
}
