//! `ip tuntap`: devices whose far end is a program.

use super::{Outcome, Words, in_netns, verb};
use crate::dsl::kinds::kind;
use crate::schema;
use crate::steps::{Act, Call, NewLink, Place, Step, Value};

const OF_TUNTAP: &[&str] = &["add", "delete", "show", "list", "lst", "help"];

pub(super) fn command(mut words: Words, place: &Place) -> Outcome {
    let verb = verb(&mut words, OF_TUNTAP)?;
    if !["add", "delete"].contains(&verb) {
        return Err(format!("`ip tuntap {verb}` is not known here"));
    }
    let table = kind::of_word("tun").map_or(&[][..], |kind| kind.table);
    let (mut name, mut mode, mut options) = (None, None, Vec::new());
    while let Some(word) = words.next() {
        if ["dev", "name"].contains(&word) {
            name = Some(words.value(word)?);
            continue;
        }
        match schema::hear(table, word, &mut words)? {
            Some((row, value)) if row.is_option() => options.push((row.key.to_owned(), value)),
            Some((_, value)) => mode = Some(schema::text(&value)),
            None if name.is_none() => name = Some(word),
            None => {
                return Err(format!(
                    "the option `{word}` of ip tuntap is not known here"
                ));
            }
        }
    }
    let name = name.ok_or("no name is given: the kernel would choose one")?;
    if verb == "delete" {
        return Ok(vec![in_netns(
            place,
            Call::new("delete", [Value::text(name)]),
        )]);
    }
    let mode = mode.ok_or("no mode is named")?;
    let kind = kind::of_word(&mode).ok_or("no word makes links of that mode")?;
    Ok(vec![Step {
        place: place.clone(),
        act: Act::Make(NewLink {
            word: kind.word,
            name: name.to_owned(),
            parent: None,
            sender: place.clone(),
            peer: None,
            arguments: Vec::new(),
            options,
        }),
    }])
}
