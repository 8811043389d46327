//! `ip rule`.

use super::{Family, Outcome, Words, in_netns, show, verb};
use crate::dsl::objects::rule::rows;
use crate::schema;
use crate::steps::{Call, Place, Value};

const OF_RULE: &[&str] = &[
    "list", "lst", "show", "save", "restore", "add", "delete", "flush", "help",
];

pub(super) fn command(mut words: Words, place: &Place, family: Family) -> Outcome {
    let verb = verb(&mut words, OF_RULE)?;
    if verb == "show" && words.peek().is_none() {
        return Ok(show(place, None, "rules"));
    }
    if !["add", "delete"].contains(&verb) {
        return Err(format!("this form of `ip rule {verb}` is not known here"));
    }
    let mut options: Vec<(String, Value)> = Vec::new();
    let mut has_address = false;
    while let Some(word) = words.next() {
        if [rows::FROM, rows::TO].iter().any(|row| row.word() == word) {
            match words.peek() {
                Some("all" | "any" | "default") => {
                    words.next();
                    continue;
                }
                _ => has_address = true,
            }
        }
        // As `ip rule` prints it.
        if rows::LOOKUP.words.contains(&word) && words.peek() == Some("[l3mdev-table]") {
            words.next();
            options.push((rows::L3MDEV.key.to_owned(), Value::Flag(true)));
            continue;
        }
        if word == "type" {
            let name = Value::text(words.value(word)?);
            options.push((rows::ACTION.key.to_owned(), name));
            continue;
        }
        let heard = schema::hear_begun(rows::OF_DELETE, word, &mut words)?;
        let (row, value) = heard.ok_or_else(|| format!("`{word}` of a rule is not known here"))?;
        if row.key == rows::TARGET.key {
            let action = Value::text(rows::TARGET.word());
            options.push((rows::ACTION.key.to_owned(), action));
        }
        if !row.is_usual(&value) {
            options.push((row.key.to_owned(), value));
        }
    }
    if family == Family::V6 && !has_address {
        options.push((rows::FAMILY.key.to_owned(), Value::text("inet6")));
    }
    let word = if verb == "add" { "rule" } else { "del_rule" };
    Ok(vec![in_netns(
        place,
        Call::new(word, [Value::Map(options)]),
    )])
}
