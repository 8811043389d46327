//! `ip link add`.

use super::link::{setting, target};
use super::{Outcome, Words, on_link, unknown};
use crate::dsl::kinds::kind::{self, Kind};
use crate::import::arrange::stays;
use crate::schema::{self, Opt};
use crate::steps::{Act, NewLink, Place, Step, Value};

/// Settings that are written as options of the new link, not as calls behind it.
const AT_MAKING: [&str; 4] = ["mac", "mtu", "numrxqueues", "numtxqueues"];

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
            "type" => {
                kind = Some(words.value(word)?);
                break;
            }
            _ => match setting(word, &mut words)? {
                Some(mut call) if AT_MAKING.contains(&call.word) => {
                    let value = call.arguments.pop();
                    options.extend(value.map(|value| (call.word.to_owned(), value)));
                }
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
        far = peer(&mut words, place, known, &mut new)?;
    } else {
        kind_options(&mut words, known, &mut new)?;
    }
    // Made there, its outer packets would go there, too.
    let is_moved = at != *place && stays(known.word);
    let mut steps = vec![Step {
        place: if is_moved { place } else { &at }.clone(),
        act: Act::Make(new),
    }];
    if is_moved {
        steps.push(Step {
            place: place.clone(),
            act: Act::Move {
                link: name.to_owned(),
                to: at.clone(),
            },
        });
    }
    steps.extend(calls.into_iter().map(|call| on_link(&at, name, call)));
    steps.extend(far);
    Ok(steps)
}

/// Reads the far end of a pair, and returns what it is given.
fn peer(words: &mut Words, place: &Place, known: &'static Kind, new: &mut NewLink) -> Outcome {
    let (mut name, mut at) = (None, place.clone());
    let mut calls = Vec::new();
    loop {
        let Some(word) = words.next() else {
            return Err("the other end has no name: the kernel would choose one".to_owned());
        };
        if word == "peer" {
            break;
        }
        let (row, value) = option(known, word, words)?;
        new.options.push((row.key.to_owned(), value));
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

/// What `word` and those behind it say of a link of the kind.
fn option(
    known: &'static Kind,
    word: &str,
    words: &mut Words,
) -> Result<(&'static Opt, Value), String> {
    let heard = schema::hear_begun(known.table, word, words);
    let heard = heard.map_err(|why| format!("{why} of {}", known.name))?;
    heard.ok_or_else(|| format!("the option `{word}` of {} is not known here", known.name))
}

/// Reads what stands behind `type KIND`.
fn kind_options(words: &mut Words, known: &'static Kind, new: &mut NewLink) -> Result<(), String> {
    while let Some(word) = words.next() {
        let (row, value) = option(known, word, words)?;
        // A run says it always, to tell the VLAN from that of another protocol.
        let is_said_always = (known.name, row.key) == ("vlan", "protocol");
        if is_said_always && row.is_usual(&value) {
            continue;
        }
        if row.is_argument() {
            new.arguments = vec![value];
        } else {
            new.options.push((row.key.to_owned(), value));
        }
    }
    let argument = known.table.iter().find(|row| row.is_argument());
    if let Some(row) = argument.filter(|_| new.arguments.is_empty()) {
        let usual = match known.name {
            // The word has another mode for them than the kernel where none is said.
            "macvlan" | "macvtap" => Some(Value::text("vepa")),
            _ => row.usual(),
        };
        let usual = usual.ok_or_else(|| format!("{} without `{}`", known.name, row.key))?;
        new.arguments = vec![usual];
    }
    if known.name == "vrf" {
        // The word brings it up, the command does not.
        new.options.push(("up".to_owned(), Value::Flag(false)));
    }
    Ok(())
}
