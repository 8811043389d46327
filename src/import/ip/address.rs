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
    let (mut prefix, mut dev, mut options) = (None, None, Vec::new());
    while let Some(word) = words.next() {
        match word {
            "dev" => dev = Some(words.value(word)?),
            "local" => prefix = Some(words.value(word)?),
            "nodad" => options.push(("nodad".to_owned(), Value::Flag(true))),
            "scope" if words.peek() == Some("global") => {
                words.next();
            }
            "brd" | "broadcast" | "peer" | "label" | "scope" | "metric" | "valid_lft"
            | "preferred_lft" | "home" | "mngtmpaddr" | "noprefixroute" | "optimistic"
            | "anycast" | "autojoin" => {
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
    let whole = match (prefix.contains('/'), prefix.contains(':')) {
        (true, _) => prefix.to_owned(),
        (false, true) => format!("{prefix}/128"),
        (false, false) => format!("{prefix}/32"),
    };
    let call = match verb {
        "delete" => Call::new("del_addr", [Value::text(whole)]),
        _ => Call::new("addr", [Value::text(whole), Value::Map(options)]),
    };
    Ok(vec![on_link(place, dev, call)])
}
