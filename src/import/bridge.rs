//! The commands of `bridge`: ports, their VLANs, and forwarding databases.

use super::ip::{Outcome, Words, by_itself, changes, on_link, port_options};
use crate::dsl::objects::fdb::{DST, OF_DELETE, PERMANENT};
use crate::dsl::objects::route::rows::REPLACE;
use crate::schema;
use crate::steps::{Call, Place, Value};

/// The objects, in the order in which `bridge` looks a prefix up in them.
const OBJECTS: [&str; 7] = ["link", "fdb", "mdb", "mst", "vlan", "vni", "monitor"];

type Options = Vec<(String, Value)>;

/// What `bridge` does with the words behind its name. What there is no word for is left to `bridge` itself.
pub(crate) fn command(arguments: &[String], place: &Place) -> Outcome {
    let mut words = Words::new(arguments);
    let mut place = place.clone();
    let mut behind = words.0;
    let object = loop {
        match words.next() {
            Some("-n" | "-net" | "-netns") => place = Some(words.value("-n")?.to_owned()),
            Some("-b" | "-batch") => return Err("commands that stand in a file".to_owned()),
            Some(option) if option.starts_with('-') => {}
            Some(object) => break object,
            None => return Err("no object is named".to_owned()),
        }
        behind = words.0;
    };
    let done = match OBJECTS.iter().find(|known| known.starts_with(object)) {
        Some(&"link") => link(words, &place),
        Some(&"fdb") => fdb(words, &place),
        Some(&"vlan") => vlan(words, &place),
        Some(&"mdb" | &"vni" | &"mst") => Err(format!("`bridge {object}` is not known here")),
        _ => return Err(format!("`bridge {object}` is not known here")),
    };
    let verb = behind.get(1).map_or("show", String::as_str);
    match changes(verb) {
        Some(changes) if done.is_err() => Ok(by_itself("bridge", behind, &place, changes)),
        _ => done,
    }
}

fn link(mut words: Words, place: &Place) -> Outcome {
    match words.next() {
        Some("set") => {}
        _ => return Err("this form of `bridge link` is not known here".to_owned()),
    }
    if words.value("set")? != "dev" {
        return Err("no link is named".to_owned());
    }
    let dev = words.value("dev")?;
    let options = port_options(&mut words)?;
    Ok(vec![on_link(place, dev, Call::new("port", [options]))])
}

fn fdb(mut words: Words, place: &Place) -> Outcome {
    let verb = words.next().unwrap_or("show");
    if !["add", "append", "replace", "del", "delete"].contains(&verb) {
        return Err(format!("`bridge fdb {verb}` is not known here"));
    }
    let is_deleted = verb.starts_with("del");
    let (mut mac, mut dev, mut options) = (None, None, Options::new());
    let (mut of_master, mut state, mut has_end) = (false, None, false);
    while let Some(word) = words.next() {
        match word {
            "dev" => dev = Some(words.value(word)?),
            "master" => of_master = true,
            "self" => {}
            "permanent" | "local" | "static" => state = Some(word),
            other if mac.is_none() && other.contains(':') => mac = Some(other),
            other => {
                let heard = schema::hear(OF_DELETE, other, &mut words)?;
                let (row, value) =
                    heard.ok_or_else(|| format!("`{other}` of an entry is not known here"))?;
                has_end |= row.key == DST.key;
                options.push((row.key.to_owned(), value));
            }
        }
    }
    let mac = Value::text(mac.ok_or("no hardware address is named")?);
    let dev = dev.ok_or("no link is named")?;
    if of_master == has_end {
        return Err("an entry that is neither of a bridge nor of a far end".to_owned());
    }
    let (word, is_usual) = if is_deleted {
        ("del_fdb", true)
    } else {
        // Without a word for it an entry stays for good.
        ("fdb", (state == Some("static")) == of_master)
    };
    if !is_usual {
        options.push((PERMANENT.key.to_owned(), Value::Flag(of_master)));
    }
    if verb == "replace" {
        options.push((REPLACE.key.to_owned(), Value::Flag(true)));
    }
    let call = Call::new(word, [mac, Value::Map(options)]);
    Ok(vec![on_link(place, dev, call)])
}

/// A change of the VLANs of a port. The word says all that a port is in: see `vlans`.
fn vlan(mut words: Words, place: &Place) -> Outcome {
    let verb = words.next().unwrap_or("show");
    if !["add", "del", "delete"].contains(&verb) {
        return Err(format!("`bridge vlan {verb}` is not known here"));
    }
    let (mut dev, mut vid, mut options) = (None, None, Options::new());
    while let Some(word) = words.next() {
        match word {
            "dev" => dev = Some(words.value(word)?),
            "vid" => vid = Some(words.value(word)?),
            "pvid" | "untagged" => options.push((word.to_owned(), Value::Flag(true))),
            // That it is tagged is the usual, for which `bridge` has no word: it passes over it.
            "self" | "master" | "tagged" => {}
            other => return Err(format!("`{other}` of a VLAN is not known here")),
        }
    }
    let vid = vid.ok_or("no VLAN is named")?;
    let dev = dev.ok_or("no link is named")?;
    let (first, last) = vid.split_once('-').unwrap_or((vid, vid));
    if first.parse::<u16>().is_err() || last.parse::<u16>().is_err() {
        return Err(format!("`vid {vid}` is no number"));
    }
    options.insert(0, ("vid".to_owned(), Value::text(vid)));
    if verb != "add" {
        options = vec![
            options.swap_remove(0),
            ("gone".to_owned(), Value::Flag(true)),
        ];
    }
    let call = Call::new("port", [Value::Map(options)]);
    Ok(vec![on_link(place, dev, call)])
}
