//! `ip address`.

use super::{Outcome, Words, on_link, show, shown, unknown, verb};
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
    let (mut prefix, mut peer, mut dev) = (None, None, None);
    let mut options: Vec<(String, Value)> = Vec::new();
    while let Some(word) = words.next() {
        let mut put = |key: &str, value| options.push((key.to_owned(), value));
        match word {
            "dev" => dev = Some(words.value(word)?),
            "local" => prefix = Some(words.value(word)?),
            "peer" | "remote" => peer = Some(words.value(word)?),
            "brd" | "broadcast" => put("broadcast", Value::text(words.value(word)?)),
            "label" => put("label", Value::text(words.value(word)?)),
            "scope" => match words.value(word)? {
                "global" | "0" => {}
                scope => put("scope", Value::guess(scope)),
            },
            "valid_lft" | "preferred_lft" => match words.value(word)? {
                "forever" => {}
                seconds => put(word, Value::text(format!("{seconds}s"))),
            },
            "metric" | "priority" | "preference" => {
                put("metric", Value::Number(words.number(word)?));
            }
            "nodad" | "noprefixroute" | "home" | "mngtmpaddr" | "autojoin" => {
                put(word, Value::Flag(true));
            }
            "anycast" | "optimistic" | "proto" => {
                return Err(format!(
                    "the option `{word}` of an address is not known here"
                ));
            }
            other
                if prefix.is_none()
                    && other.starts_with(|c: char| c.is_ascii_hexdigit() || c == ':') =>
            {
                prefix = Some(other);
            }
            other => return Err(unknown(other)),
        }
    }
    let prefix = prefix.ok_or("no address is named")?;
    let dev = dev.ok_or("no link is named")?;
    let whole = match (prefix.contains('/') || peer.is_some(), prefix.contains(':')) {
        (true, _) => prefix.to_owned(),
        (false, true) => format!("{prefix}/128"),
        (false, false) => format!("{prefix}/32"),
    };
    if verb == "delete" {
        let call = Call::new("del_addr", [Value::text(whole)]);
        return Ok(vec![on_link(place, dev, call)]);
    }
    if let Some(peer) = peer {
        options.insert(0, ("peer".to_owned(), Value::text(peer)));
    }
    if verb != "add" && !options.is_empty() {
        options.push(("replace".to_owned(), Value::Flag(true)));
    }
    let call = Call::new("addr", [Value::text(whole), Value::Map(options)]);
    Ok(vec![on_link(place, dev, call)])
}
