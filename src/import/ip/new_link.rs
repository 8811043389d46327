//! `ip link add`.

use super::link::{setting, target};
use super::{Outcome, Words, on_link, unknown};
use crate::dsl::kind;
use crate::import::step::{Act, NewLink, Place, Step, Value};

/// What a kind of link can't do without: its word in `ip`, and what the kernel takes where it is not given.
const ARGUMENTS: &[(&str, &str, Option<&str>)] = &[
    ("ipvlan", "mode", Some("l3")),
    ("ipvtap", "mode", Some("l3")),
    ("macvlan", "mode", Some("vepa")),
    ("macvtap", "mode", Some("vepa")),
    ("bond", "mode", Some("balance-rr")),
    ("vlan", "id", None),
    ("vxlan", "id", None),
    ("geneve", "id", None),
    ("vrf", "table", None),
];

/// Options that are flags, given to `ip` as 0 or 1, or as `on` or `off`.
const FLAGS: &[&str] = &["stp", "vlan_filtering", "mcast_snooping", "learning"];

pub(super) fn add(mut words: Words, place: &Place) -> Outcome {
    let (mut name, mut parent, mut at) = (None, None, place.clone());
    let mut calls = Vec::new();
    let mut options = Vec::new();
    let mut kind = None;
    while let Some(word) = words.next() {
        match word {
            "link" => parent = Some(words.value(word)?.to_owned()),
            "name" | "dev" => name = Some(words.value(word)?),
            "netns" => at = target(words.value(word)?),
            "mtu" => options.push(("mtu".to_owned(), Value::Number(words.number(word)?))),
            "address" => options.push(("mac".to_owned(), Value::text(words.value(word)?))),
            "type" => {
                kind = Some(words.value(word)?);
                break;
            }
            _ => match setting(word, &mut words)? {
                Some(call) => calls.push(call),
                None if name.is_none() => name = Some(word),
                None => return Err(unknown(word)),
            },
        }
    }
    let kind = kind.ok_or("no type is named")?;
    let name = name.ok_or("no name is given: the kernel would choose one")?;
    let known = kind::named(kind).ok_or_else(|| format!("no word makes links of type {kind}"))?;
    let mut new = NewLink {
        word: known.word,
        name: name.to_owned(),
        parent,
        sender: place.clone(),
        peer: None,
        argument: None,
        options,
    };
    let mut far = Vec::new();
    if known.is_pair {
        far = peer(&mut words, place, &mut new)?;
    } else {
        kind_options(&mut words, known, &mut new)?;
    }
    let mut steps = vec![Step {
        place: at.clone(),
        act: Act::Make(new),
    }];
    steps.extend(calls.into_iter().map(|call| on_link(&at, name, call)));
    steps.extend(far);
    Ok(steps)
}

/// Reads the far end of a pair, and returns what it is given.
fn peer(words: &mut Words, place: &Place, new: &mut NewLink) -> Outcome {
    let (mut name, mut at) = (None, place.clone());
    let mut calls = Vec::new();
    match words.next() {
        Some("peer") => {}
        Some(other) => return Err(unknown(other)),
        None => return Err("the other end has no name: the kernel would choose one".to_owned()),
    }
    while let Some(word) = words.next() {
        match word {
            "name" | "dev" => name = Some(words.value(word)?),
            "netns" => at = target(words.value(word)?),
            _ => match setting(word, words)? {
                Some(call) => calls.push(call),
                None if name.is_none() => name = Some(word),
                None => return Err(unknown(word)),
            },
        }
    }
    let name = name.ok_or("the other end has no name: the kernel would choose one")?;
    new.peer = Some((at.clone(), name.to_owned()));
    Ok(calls
        .into_iter()
        .map(|call| on_link(&at, name, call))
        .collect())
}

/// Reads what stands behind `type KIND`.
fn kind_options(words: &mut Words, known: &kind::Kind, new: &mut NewLink) -> Result<(), String> {
    let argument = ARGUMENTS.iter().find(|(kind, ..)| *kind == known.name);
    while let Some(word) = words.next() {
        if argument.is_some_and(|(_, key, _)| *key == word) {
            new.argument = Some(Value::guess(words.value(word)?));
            continue;
        }
        let (key, value) = match word {
            // The flags of ipvlan stand alone.
            "bridge" | "private" | "vepa" if known.keys.contains(&"flag") => {
                ("flag", Value::text(word))
            }
            "learning" => ("learning", Value::Flag(true)),
            "nolearning" => ("learning", Value::Flag(false)),
            "stp_state" => ("stp", Value::guess(words.value(word)?)),
            "proto" => ("protocol", Value::text(words.value(word)?)),
            other => (other, Value::guess(words.value(other)?)),
        };
        if !known.keys.contains(&key) {
            return Err(format!(
                "the option `{word}` of {} is not known here",
                known.name
            ));
        }
        let value = match (&value, FLAGS.contains(&key)) {
            (Value::Number(number), true) => Value::Flag(*number != 0),
            (Value::Text(text), true) if text == "on" => Value::Flag(true),
            (Value::Text(text), true) if text == "off" => Value::Flag(false),
            _ => value,
        };
        let value = match value {
            Value::Text(text) if key == "protocol" => Value::Text(text.to_ascii_lowercase()),
            other => other,
        };
        new.options.push((key.to_owned(), value));
    }
    if new.argument.is_none()
        && let Some((kind, key, default)) = argument
    {
        let default = default.ok_or_else(|| format!("{kind} without `{key}`"))?;
        new.argument = Some(Value::text(default));
    }
    if known.name == "vrf" {
        // The word brings it up, the command does not.
        new.options.push(("up".to_owned(), Value::Flag(false)));
    }
    Ok(())
}
