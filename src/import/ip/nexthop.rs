//! `ip nexthop`.

use super::{Family, Outcome, Words, in_netns, show, verb};
use crate::dsl::objects::nexthop::rows;
use crate::schema::{self, form::number};
use crate::steps::{Call, Place, Value};

const OF_NEXTHOP: &[&str] = &[
    "add", "list", "show", "lst", "replace", "delete", "get", "flush", "save", "help",
];

pub(super) fn command(mut words: Words, place: &Place, family: Family) -> Outcome {
    let verb = verb(&mut words, OF_NEXTHOP)?;
    if verb == "show" && words.peek().is_none() {
        return Ok(show(place, None, "nexthops"));
    }
    if !["add", "replace", "delete"].contains(&verb) {
        return Err(format!(
            "this form of `ip nexthop {verb}` is not known here"
        ));
    }
    let (mut id, mut options) = (None, Vec::new());
    let mut says_family = false;
    while let Some(word) = words.next() {
        if word == rows::ID.word() {
            id = Some(words.number(word)?);
            continue;
        }
        if word == rows::GROUP.word() {
            says_family = true;
            let members = members(words.value(word)?)?;
            options.push((rows::GROUP.key.to_owned(), members));
            continue;
        }
        let heard = schema::hear_begun(rows::ROWS, word, &mut words)?;
        let (row, value) =
            heard.ok_or_else(|| format!("`{word}` of a nexthop is not known here"))?;
        says_family |= row.key == rows::VIA.key;
        if !row.is_usual(&value) {
            options.push((row.key.to_owned(), value));
        }
    }
    let id = Value::Number(id.ok_or("no number is given: the kernel would choose one")?);
    if verb == "delete" {
        return Ok(vec![in_netns(place, Call::new("del_nexthop", [id]))]);
    }
    if family == Family::V6 && !says_family {
        options.push((rows::FAMILY.key.to_owned(), Value::text("inet6")));
    }
    if verb == "replace" {
        options.push((rows::REPLACE.key.to_owned(), Value::Flag(true)));
    }
    let call = Call::new("nexthop", [id, Value::Map(options)]);
    Ok(vec![in_netns(place, call)])
}

/// The members of a group: `1,2/3` are number 1 with weight 2, and number 3.
fn members(text: &str) -> Result<Value, String> {
    let member = |part: &str| {
        let (id, weight) = part.split_once(',').unwrap_or((part, "1"));
        Some(rows::member_value(number(id)?, number(weight)?))
    };
    let members: Option<Vec<Value>> = text.split('/').map(member).collect();
    members
        .map(Value::List)
        .ok_or_else(|| format!("`{text}` is no group of nexthops"))
}
