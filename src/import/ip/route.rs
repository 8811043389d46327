//! `ip route`.

use super::{Family, Outcome, Words, in_netns, on_link, show, unknown, verb};
use crate::dsl::objects::route::rows;
use crate::net::route::Encap;
use crate::schema::{self, Opt};
use crate::steps::{Act, Call, Place, Step, Value};

const OF_ROUTE: &[&str] = &[
    "list", "show", "lst", "get", "add", "append", "change", "chg", "replace", "prepend", "delete",
    "test", "flush", "save", "restore", "showdump", "help",
];

/// The prefix with all of its numbers: `ip` takes `10.3/16` for 10.3.0.0/16 (`get_addr_ipv4` of `lib/utils.c`).
fn whole(prefix: &str) -> String {
    let (address, length) = prefix.split_once('/').unwrap_or((prefix, ""));
    let numbers: Vec<&str> = address.split('.').collect();
    let is_short = numbers.len() < 4 && numbers.iter().all(|number| number.parse::<u8>().is_ok());
    if !is_short {
        return prefix.to_owned();
    }
    let address = [&numbers[..], &["0"; 4][numbers.len()..]]
        .concat()
        .join(".");
    if length.is_empty() {
        address
    } else {
        format!("{address}/{length}")
    }
}

pub(super) fn command(mut words: Words, place: &Place, family: Family) -> Outcome {
    let verb = verb(&mut words, OF_ROUTE)?;
    match verb {
        "show" if words.peek().is_none() => return Ok(show(place, None, "routes")),
        "show" if words.peek() == Some(rows::TABLE.word()) => {
            let options = behind(rows::OF_LIST, &mut words)?;
            return Ok(ask(place, Call::new("routes", [Value::Map(options)])));
        }
        "get" => {
            let to = Value::text(words.value("get")?);
            let options = behind(rows::OF_LOOKUP, &mut words)?;
            return Ok(ask(place, Call::new("lookup", [to, Value::Map(options)])));
        }
        "add" | "replace" | "delete" => {}
        other => return Err(format!("this form of `ip route {other}` is not known here")),
    }
    let (mut to, mut dev, mut options) = (None, None, Options::new());
    let mut hops = Vec::new();
    while let Some(word) = words.next() {
        let is_destination = |word: &str| {
            ["default", "any", "all"].contains(&word) || word.contains(['.', ':', '/'])
        };
        match word {
            "to" => to = Some(words.value(word)?),
            "nexthop" => hops.push(hop(&mut words)?),
            "encap" => options.push((rows::ENCAP.key.to_owned(), encap(&mut words)?)),
            other if to.is_none() && is_destination(other) => to = Some(other),
            other => {
                skip_family(other, &mut words);
                let heard = schema::hear_begun(rows::ROWS, other, &mut words)?;
                let (row, value) =
                    heard.ok_or_else(|| format!("`{other}` of a route is not known here"))?;
                if row.key == rows::DEV.key {
                    dev = Some(schema::text(&value));
                } else if !row.is_usual(&value) {
                    options.push((row.key.to_owned(), value));
                }
            }
        }
    }
    let to = match to.ok_or("no destination is named")? {
        "default" | "any" | "all" if family == Family::V6 && !has(&options, &rows::VIA) => "::/0",
        // By its gateway alone it would be one of IPv6.
        "default" | "any" | "all" if family == Family::V4 && has_ipv6_gateway(&options) => {
            "0.0.0.0/0"
        }
        other => other,
    };
    let to = &whole(to);
    let is_own = [OWN, BROADCAST]
        .iter()
        .any(|kind| said(&options, &rows::TYPE, kind));
    if is_own && !has(&options, &rows::TABLE) {
        options.push((rows::TABLE.key.to_owned(), Value::text("local")));
    }
    // The scope that it has anyway.
    let usual = if has(&options, &rows::VIA) {
        "global"
    } else {
        "link"
    };
    options.retain(|(key, value)| key != rows::SCOPE.key || *value != Value::text(usual));
    if !hops.is_empty() {
        options.push((rows::NEXTHOPS.key.to_owned(), Value::List(hops)));
    }
    if verb == "replace" {
        options.push((rows::REPLACE.key.to_owned(), Value::Flag(true)));
    }
    let word = if verb == "delete" {
        "del_route"
    } else {
        "route"
    };
    if verb == "delete"
        && let Some((key, _)) = options
            .iter()
            .find(|(key, _)| rows::OF_DELETE.iter().all(|row| row.key != key))
    {
        return Err(format!(
            "`{key}` of a route to be deleted is not known here"
        ));
    }
    let step = match dev {
        Some(dev) if verb == "delete" && !options.is_empty() => {
            options.insert(0, (rows::DEV.key.to_owned(), Value::Text(dev)));
            in_netns(
                place,
                Call::new(word, [Value::text(to), Value::Map(options)]),
            )
        }
        Some(dev) => on_link(
            place,
            &dev,
            Call::new(word, [Value::text(to), Value::Map(options)]),
        ),
        None => in_netns(
            place,
            Call::new(word, [Value::text(to), Value::Map(options)]),
        ),
    };
    Ok(vec![step])
}

type Options = Vec<(String, Value)>;

/// The kinds of route that are in the table `local` where no table is named.
const OWN: &str = "local";
const BROADCAST: &str = "broadcast";

/// Whether the option is there.
fn has(options: &[(String, Value)], row: &Opt) -> bool {
    options.iter().any(|(key, _)| key == row.key)
}

/// Whether the option is there with that value.
fn said(options: &[(String, Value)], row: &Opt, value: &str) -> bool {
    options.contains(&(row.key.to_owned(), Value::text(value)))
}

fn has_ipv6_gateway(options: &[(String, Value)]) -> bool {
    let is_it = |(key, value): &(String, Value)| {
        key == rows::VIA.key && matches!(value, Value::Text(ip) if ip.contains(':'))
    };
    options.iter().any(is_it)
}

/// The family that may stand in front of a gateway.
fn skip_family(word: &str, words: &mut Words) {
    let is_family = |word: &str| rows::FAMILIES.iter().any(|(known, _)| *known == word);
    if word == rows::VIA.word() && words.peek().is_some_and(is_family) {
        words.next();
    }
}

/// What packets are wrapped in, behind its word.
fn encap(words: &mut Words) -> Result<Value, String> {
    let rest: Vec<&str> = words.0.iter().map(String::as_str).collect();
    let (encap, count) = Encap::hear(&rest)?;
    for _ in 0..count {
        words.next();
    }
    let text = encap.text().ok_or("this `encap` is not known here")?;
    Ok(Value::Text(text))
}

/// One of several next hops, behind its word.
fn hop(words: &mut Words) -> Result<Value, String> {
    let mut keys = Options::new();
    while let Some(word) = words.peek() {
        let mut rest = *words;
        rest.next();
        skip_family(word, &mut rest);
        let Some((row, value)) = schema::hear(rows::HOP, word, &mut rest)? else {
            break;
        };
        *words = rest;
        if !row.is_usual(&value) {
            keys.push((row.key.to_owned(), value));
        }
    }
    Ok(Value::Map(keys))
}

/// What stands behind a question, to the end of the command.
fn behind(table: &'static [Opt], words: &mut Words) -> Result<Options, String> {
    let mut options = Options::new();
    while let Some(word) = words.next() {
        let (row, value) = schema::hear(table, word, words)?.ok_or_else(|| unknown(word))?;
        options.push((row.key.to_owned(), value));
    }
    Ok(options)
}

fn ask(place: &Place, call: Call) -> Vec<Step> {
    vec![Step {
        place: place.clone(),
        act: Act::Show {
            link: None,
            call,
            field: None,
        },
    }]
}
