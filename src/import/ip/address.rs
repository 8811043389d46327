//! `ip address`.

use super::{Outcome, Words, on_link, show, shown, verb};
use crate::dsl::objects::addr::rows;
use crate::import::parameters::{WITH_LENGTH, has_sign};
use crate::schema::{self, Form, Opt, Pair};
use crate::steps::{Call, Place, Value};

const OF_ADDRESS: &[&str] = &[
    "add", "change", "chg", "replace", "delete", "show", "lst", "list", "flush", "save",
    "showdump", "restore", "help",
];

pub(super) fn command(mut words: Words, place: &Place) -> Outcome {
    let verb = verb(&mut words, OF_ADDRESS)?;
    if verb == "show" {
        let link = shown(&mut words)?;
        return Ok(show(place, link, "addrs"));
    }
    if !["add", "replace", "change", "delete"].contains(&verb) {
        return Err(format!("`ip address {verb}` is not known here"));
    }
    let (mut prefix, mut dev) = (None, None);
    let mut options: Vec<Pair> = Vec::new();
    while let Some(word) = words.next() {
        // A parameter with a length behind it is one.
        let is_address = |word: &str| {
            word.contains(':')
                || word.starts_with(|c: char| c.is_ascii_digit())
                || has_sign(word) && has_length(word)
        };
        match word {
            "dev" => dev = Some(words.value(word)?),
            "local" => prefix = Some(words.value(word)?),
            other if prefix.is_none() && is_address(other) => prefix = Some(other),
            other => {
                let heard = schema::hear_begun(rows::ROWS, other, &mut words)?;
                let (row, value) = heard.ok_or_else(|| {
                    format!("the option `{other}` of an address is not known here")
                })?;
                let value = match value {
                    Value::Number(seconds) if matches!(row.form, Form::Special(..)) => {
                        rows::lifetime(seconds)
                    }
                    value => value,
                };
                if !row.is_usual(&value) {
                    options.push((row, value));
                }
            }
        }
    }
    let prefix = prefix.ok_or("no address is named")?;
    let dev = dev.ok_or("no link is named")?;
    let has_peer = options.iter().any(|(row, _)| row.key == rows::PEER.key);
    let whole = match (has_length(prefix) || has_peer, prefix.contains(':')) {
        (true, _) => prefix.to_owned(),
        (false, true) => format!("{prefix}/128"),
        (false, false) => format!("{prefix}/32"),
    };
    if verb == "delete" {
        let call = Call::new("del_addr", [Value::text(whole)]);
        return Ok(vec![on_link(place, dev, call)]);
    }
    let said = |row: &Opt| options.iter().find(|(said, _)| said.key == row.key);
    // Where the valid one alone is given, the preferred one is as long.
    let both =
        [&rows::VALID_LFT, &rows::PREFERRED_LFT].map(|row| said(row).map(|(_, value)| value));
    let is_said_once = both[0].is_some() && both[0] == both[1];
    // The peer stands first.
    options.sort_by_key(|(row, _)| row.key != rows::PEER.key);
    let options = options.into_iter();
    let options = options.filter(|(row, _)| !(is_said_once && row.key == rows::PREFERRED_LFT.key));
    let mut options: Vec<(String, Value)> = options
        .map(|(row, value)| (row.key.to_owned(), value))
        .collect();
    if verb != "add" && !options.is_empty() {
        options.push((rows::REPLACE.key.to_owned(), Value::Flag(true)));
    }
    let call = Call::new("addr", [Value::text(whole), Value::Map(options)]);
    Ok(vec![on_link(place, dev, call)])
}

/// Whether an address says its length.
fn has_length(prefix: &str) -> bool {
    prefix.contains(['/', WITH_LENGTH])
}
