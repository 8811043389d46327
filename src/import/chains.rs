//! Puts a queue into the one that it hangs on: `tc` makes them one after the other, the word for the outer one all at once.

use crate::steps::{Act, Item, Left, Place, Value};

/// Where a queue hangs, as `tc` says it; it goes once it is known what it means.
pub(crate) const PARENT: &str = "parent";
/// The number by which others hang on a queue.
pub(crate) const HANDLE: &str = "handle";

type Options = Vec<(String, Value)>;

/// Which queue is put into which one.
const INSIDE: [(&str, &str); 2] = [("netem", "tbf"), ("tbf", "netem")];

/// Puts each queue with a parent into that; `source` is what all of it was read from.
pub(crate) fn settle(items: &mut Vec<Item>, source: &str) {
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
        let options = std::mem::take(options);
        if let Some(outside) = outer {
            outside.push((word.to_owned(), Value::Map(options)));
            index -= 1;
            items.remove(index);
        } else {
            let text = format!("parent {parent}");
            let mut lines = source.lines().enumerate();
            let found = lines.find(|(_, content)| content.contains(&text));
            *item = Item::Left(Left {
                line: found.map_or(1, |(number, _)| number + 1),
                text: found.map_or(text, |(_, content)| content.trim().to_owned()),
                why: format!("a {word} queue inside another one that is not known here"),
            });
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
