//! `ip rule`.

use super::{Family, Outcome, Words, in_netns, show, verb};
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
        let (key, value) = match word {
            "from" | "to" => {
                let prefix = words.value(word)?;
                if ["all", "any", "default"].contains(&prefix) {
                    continue;
                }
                has_address = true;
                (word, Value::text(prefix))
            }
            "iif" | "dev" => ("iif", Value::text(words.value(word)?)),
            "oif" => ("oif", Value::text(words.value(word)?)),
            "fwmark" => ("fwmark", Value::guess(words.value(word)?)),
            "table" | "lookup" => ("table", Value::guess(words.value(word)?)),
            "priority" | "pref" | "preference" | "order" => {
                ("priority", Value::Number(words.number(word)?))
            }
            "tos" | "dsfield" => ("tos", Value::guess(words.value(word)?)),
            "ipproto" | "sport" | "dport" | "uidrange" | "suppress_ifgroup" => {
                (word, Value::guess(words.value(word)?))
            }
            "suppress_prefixlength" => (word, Value::Number(words.number(word)?)),
            "protocol" | "proto" => ("proto", Value::guess(words.value(word)?)),
            "not" | "l3mdev" => (word, Value::Flag(true)),
            "goto" => {
                options.push(("action".to_owned(), Value::text(word)));
                ("target", Value::Number(words.number(word)?))
            }
            "blackhole" | "unreachable" | "prohibit" | "nop" => ("action", Value::text(word)),
            "type" => ("action", Value::text(words.value(word)?)),
            other => return Err(format!("`{other}` of a rule is not known here")),
        };
        options.push((key.to_owned(), value));
    }
    if family == Family::V6 && !has_address {
        options.push(("family".to_owned(), Value::text("inet6")));
    }
    let word = if verb == "add" { "rule" } else { "del_rule" };
    Ok(vec![in_netns(
        place,
        Call::new(word, [Value::Map(options)]),
    )])
}
