//! `ip link add`.

use super::link::{setting, target};
use super::{Outcome, Words, on_link, unknown};
use crate::dsl::kinds::kind;
use crate::steps::{Act, NewLink, Place, Step, Value};

/// What the kernel takes where a link's mode is not given.
const MODES: &[(&str, &str)] = &[
    ("ipvlan", "l3"),
    ("ipvtap", "l3"),
    ("macvlan", "vepa"),
    ("macvtap", "vepa"),
    ("bond", "balance-rr"),
];

/// Options that stand alone, or with `no` in front of them.
const ALONE: &[&str] = &[
    "csum",
    "l2miss",
    "l3miss",
    "learning",
    "pmtudisc",
    "proxy",
    "rsc",
    "seq",
    "udp6zerocsumrx",
    "udp6zerocsumtx",
    "udpcsum",
];

/// Whether an option is given to `ip` as 0 or 1, or as `on` or `off`.
fn is_flag(known: &kind::Kind, key: &str) -> bool {
    usual(known, key).is_some_and(|value| ["true", "false", "on", "off"].contains(&value))
}

/// Whether an option is a time, which `ip` takes in hundredths of a second.
fn is_time(known: &kind::Kind, key: &str) -> bool {
    usual(known, key).is_some_and(|value| {
        value
            .strip_suffix('s')
            .is_some_and(|number| number.parse::<f64>().is_ok())
    })
}

fn usual(known: &kind::Kind, key: &str) -> Option<&'static str> {
    let found = known.usual.iter().find(|(usual, _)| *usual == key);
    found.map(|(_, value)| *value)
}

pub(super) fn add(mut words: Words, place: &Place) -> Outcome {
    let (mut name, mut parent, mut at) = (None, None, place.clone());
    let mut calls = Vec::new();
    let mut options = Vec::new();
    let mut kind = None;
    while let Some(word) = words.next() {
        match word {
            "link" => parent = Some(Value::text(words.value(word)?)),
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
        arguments: Vec::new(),
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
    while let Some(word) = words.next() {
        if known.argument == Some(word) {
            new.arguments = vec![Value::guess(words.value(word)?)];
            continue;
        }
        let (key, value) = match word {
            // The flags of ipvlan stand alone.
            "bridge" | "private" | "vepa" if known.keys.contains(&"flag") => {
                ("flag", Value::text(word))
            }
            word if ALONE.contains(&word) => (word, Value::Flag(true)),
            word if word
                .strip_prefix("no")
                .is_some_and(|word| ALONE.contains(&word)) =>
            {
                (word.trim_start_matches("no"), Value::Flag(false))
            }
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
        let value = match value {
            Value::Number(hundredths) if is_time(known, key) => {
                Value::Text(format!("{}ms", hundredths.saturating_mul(10)))
            }
            value => value,
        };
        let value = match (&value, is_flag(known, key)) {
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
    if new.arguments.is_empty()
        && let Some(key) = known.argument
    {
        let mode = MODES.iter().find(|(kind, _)| *kind == known.name);
        let (_, mode) = mode.ok_or_else(|| format!("{} without `{key}`", known.name))?;
        new.arguments = vec![Value::text(*mode)];
    }
    if known.name == "vrf" {
        // The word brings it up, the command does not.
        new.options.push(("up".to_owned(), Value::Flag(false)));
    }
    Ok(())
}
