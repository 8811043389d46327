//! `ip link`: links that are there.

use super::{Outcome, Words, in_netns, new_link, on_link, show, shown, unknown, verb};
use crate::dsl::kinds::kind;
use crate::dsl::kinds::make::COMMON;
use crate::dsl::objects::port::ROWS;
use crate::schema;
use crate::steps::{Act, Call, Place, Step, Value};

const OF_LINK: &[&str] = &[
    "add", "set", "change", "replace", "delete", "afstats", "show", "lst", "list", "xstats",
    "property", "help",
];

pub(super) fn command(mut words: Words, place: &Place) -> Outcome {
    match verb(&mut words, OF_LINK)? {
        "add" => new_link::add(words, place),
        "set" | "change" => set_link(words, place),
        "delete" => {
            let mut name = None;
            while let Some(word) = words.next() {
                match word {
                    "dev" => name = Some(words.value(word)?),
                    // What stands behind the kind are its options: the kernel has no use for them.
                    "type" => break,
                    "group" => return Err("a group of links".to_owned()),
                    word => name = Some(word),
                }
            }
            let name = name.ok_or("no link is named")?;
            // The shell goes on where there is none.
            let name = Value::text(name);
            Ok(vec![in_netns(place, Call::new("delete", [name]))])
        }
        "property" => property(words, place),
        "show" => match shown(&mut words)? {
            None => Ok(show(place, None, "links")),
            Some(name) => Ok(vec![Step {
                place: place.clone(),
                act: match place {
                    None => Act::ShowFree(Call::new("link", [Value::text(name)])),
                    Some(_) => Act::Show {
                        link: None,
                        call: Call::new("link", [Value::text(name)]),
                        field: None,
                    },
                },
            }]),
        },
        other => Err(format!("`ip link {other}` is not known here")),
    }
}

/// A setting of a link that stands at `word`, if it is one.
pub(super) fn setting(word: &str, words: &mut Words) -> Result<Option<Call>, String> {
    match word {
        "up" | "down" | "nomaster" => {
            let known = ["up", "down", "nomaster"].into_iter();
            let known = known.filter(|known| *known == word);
            Ok(known.map(|word| Call::new(word, [])).next())
        }
        "addrgenmode" => {
            let number = match words.value(word)? {
                "eui64" => 0,
                "none" => 1,
                "stable_secret" => 2,
                "random" => 3,
                other => return Err(unknown(other)),
            };
            let key = Value::text("ipv6.addr_gen_mode");
            Ok(Some(Call::new("sysctl", [key, Value::Number(number)])))
        }
        _ => {
            let heard = schema::hear(COMMON, word, words)?;
            Ok(heard.map(|(row, value)| Call::new(row.key, [value])))
        }
    }
}

/// What stands behind `ip link set … type KIND`.
fn of_kind(kind: &str, words: &mut Words) -> Result<Vec<Call>, String> {
    if kind == "bridge_slave" {
        return Ok(vec![Call::new("port", [port_options(words)?])]);
    }
    let table = kind::named(kind).map_or(&[][..], |kind| kind.table);
    let (mut calls, mut options) = (Vec::new(), Vec::new());
    while let Some(word) = words.next() {
        match (kind, word) {
            ("bond", "primary") => {
                calls.push(Call::new("primary", [Value::text(words.value(word)?)]));
            }
            ("bond", "active_slave") => {
                calls.push(Call::new("active", [Value::text(words.value(word)?)]));
            }
            _ => {
                let heard = schema::hear_begun(table, word, words)?;
                let (row, value) = heard
                    .ok_or_else(|| format!("the option `{word}` of {kind} is not known here"))?;
                options.push((row.key.to_owned(), value));
            }
        }
    }
    if !options.is_empty() {
        calls.insert(0, Call::new("set", [Value::Map(options)]));
    }
    Ok(calls)
}

/// The options of a bridge's port, to the end of the command.
pub(crate) fn port_options(words: &mut Words) -> Result<Value, String> {
    let mut options = Vec::new();
    while let Some(word) = words.next() {
        let heard = schema::hear(ROWS, word, words)?;
        let (row, value) = heard.ok_or_else(|| format!("`{word}` of a port is not known here"))?;
        options.push((row.key.to_owned(), value));
    }
    Ok(Value::Map(options))
}

/// `ip link property add dev X altname NAME`.
fn property(mut words: Words, place: &Place) -> Outcome {
    let word = match words.next() {
        Some("add") => "altname",
        Some("del" | "delete") => "del_altname",
        _ => return Err("this form of `ip link property` is not known here".to_owned()),
    };
    let (mut dev, mut names) = (None, Vec::new());
    while let Some(next) = words.next() {
        match next {
            "dev" => dev = Some(words.value(next)?),
            "altname" => names.push(words.value(next)?),
            other if dev.is_none() => dev = Some(other),
            other => names.push(other),
        }
    }
    let dev = dev.ok_or("no link is named")?;
    let steps = names.into_iter();
    Ok(steps
        .map(|name| on_link(place, dev, Call::new(word, [Value::text(name)])))
        .collect())
}

/// A namespace as `ip link set … netns` takes it: a name, or the number of a process. 1 is the machine's own, and that which the script
/// runs in has that of the script.
pub(super) fn target(text: &str) -> Place {
    match text.parse::<u32>() {
        Ok(1 | crate::import::OWN_PROCESS) => None,
        Ok(number) => Some(format!("pid:{number}")),
        Err(_) => Some(text.to_owned()),
    }
}

fn set_link(mut words: Words, place: &Place) -> Outcome {
    let (mut name, mut new_name, mut to) = (None, None, None);
    let mut calls = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "dev" => name = Some(words.value(word)?),
            "name" => new_name = Some(words.value(word)?),
            "netns" => to = Some(target(words.value(word)?)),
            "type" => {
                let kind = words.value(word)?;
                calls.extend(of_kind(kind, &mut words)?);
            }
            _ => match setting(word, &mut words)? {
                Some(call) => calls.push(call),
                None if name.is_none() => name = Some(word),
                None => return Err(unknown(word)),
            },
        }
    }
    let name = name.ok_or("no link is named")?;
    let mut steps = Vec::new();
    let mut at = place.clone();
    if let Some(to) = to {
        // The kernel moves it first.
        steps.push(Step {
            place: at,
            act: Act::Move {
                link: name.to_owned(),
                to: to.clone(),
            },
        });
        at = to;
    }
    // It is renamed before it is brought up, whatever the order of the words.
    let mut now = name;
    if let Some(new_name) = new_name {
        steps.push(on_link(
            &at,
            name,
            Call::new("rename", [Value::text(new_name)]),
        ));
        now = new_name;
    }
    let (state, others): (Vec<Call>, Vec<Call>) = calls
        .into_iter()
        .partition(|call| ["up", "down"].contains(&call.word));
    steps.extend(
        others
            .into_iter()
            .chain(state)
            .map(|call| on_link(&at, now, call)),
    );
    Ok(steps)
}
