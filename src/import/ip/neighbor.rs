//! `ip neighbor`.

use super::{Outcome, Words, on_link, show, shown, verb};
use crate::dsl::objects::neighbor::ROWS;
use crate::dsl::objects::route::rows::REPLACE;
use crate::schema;
use crate::steps::{Call, Place, Value};

const OF_NEIGHBOR: &[&str] = &[
    "add", "change", "chg", "replace", "delete", "get", "show", "lst", "list", "flush", "help",
];

pub(super) fn command(mut words: Words, place: &Place) -> Outcome {
    let verb = verb(&mut words, OF_NEIGHBOR)?;
    if verb == "show" {
        return Ok(show(place, shown(&mut words)?, "neighbors"));
    }
    if !["add", "replace", "delete"].contains(&verb) {
        return Err(format!("`ip neighbor {verb}` is not known here"));
    }
    let (mut ip, mut mac, mut dev) = (None, None, None);
    let mut options = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "dev" => dev = Some(words.value(word)?),
            "lladdr" => mac = Some(words.value(word)?),
            "to" => ip = Some(words.value(word)?),
            other => match schema::hear(ROWS, other, &mut words)? {
                Some((row, value)) if row.is_usual(&value) => {}
                Some((row, value)) => options.push((row.key.to_owned(), value)),
                None if ip.is_none() => ip = Some(other),
                None => return Err(format!("`{other}` of a neighbour is not known here")),
            },
        }
    }
    let ip = Value::text(ip.ok_or("no address is named")?);
    let dev = dev.ok_or("no link is named")?;
    if verb == "delete" {
        return Ok(vec![on_link(place, dev, Call::new("del_neighbor", [ip]))]);
    }
    if verb == "replace" {
        options.push((REPLACE.key.to_owned(), Value::Flag(true)));
    }
    let mut arguments = vec![ip];
    arguments.extend(mac.map(Value::text));
    arguments.push(Value::Map(options));
    Ok(vec![on_link(place, dev, Call::new("neighbor", arguments))])
}
