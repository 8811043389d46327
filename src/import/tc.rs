//! `tc qdisc add dev X root netem …` and its like: queues of links.

use super::chains::{COMMAND, HANDLE, PARENT};
use super::ip::{Outcome, Words, by_itself, changes, on_link, unknown};
use crate::dsl::objects::queue::rows::{LOSS, NETEM, TBF, model_row};
use crate::dsl::objects::route::rows::REPLACE;
use crate::schema::{self, Opt, Spelling};
use crate::steps::{Call, Place, Value};

type Options = Vec<(String, Value)>;

/// What `tc` works on, in the order in which it looks a beginning up in them.
const OBJECTS: [&str; 6] = ["qdisc", "class", "filter", "chain", "action", "actions"];

/// What `tc` does with the words behind its name. What there is no word for is left to `tc` itself.
pub(crate) fn command(arguments: &[String], place: &Place) -> Outcome {
    let mut words = Words::new(arguments);
    let mut place = place.clone();
    while let Some(option) = words.peek().filter(|word| word.starts_with('-')) {
        words.next();
        match option {
            "-n" | "-net" | "-netns" => place = Some(words.value("-n")?.to_owned()),
            "-b" | "-batch" => return Err("commands that stand in a file".to_owned()),
            _ => {}
        }
    }
    let behind = words.0;
    let object = words.next().ok_or("no object is named")?;
    let object = OBJECTS.iter().find(|known| known.starts_with(object));
    let object = object.ok_or("this form of tc is not known here")?;
    let verb = words.value(object)?;
    let changes = changes(verb).ok_or_else(|| unknown(verb))?;
    if *object == "qdisc"
        && changes
        && let Ok(steps) = queue(words, verb, behind, &place)
    {
        return Ok(steps);
    }
    Ok(by_itself("tc", behind, &place, changes))
}

/// A queue of a link; `behind` is the whole command.
fn queue(mut words: Words, verb: &str, behind: &[String], place: &Place) -> Outcome {
    let (mut dev, mut is_root, mut kind) = (None, false, None);
    let (mut parent, mut handle) = (None, None);
    while let Some(word) = words.next() {
        match word {
            "dev" => dev = Some(words.value(word)?),
            "root" => is_root = true,
            "handle" => handle = words.value(word)?.split(':').next(),
            "parent" => parent = Some(words.value(word)?),
            "netem" | "tbf" => {
                kind = Some(word);
                break;
            }
            "clsact" | "ingress" => kind = Some(word),
            other => return Err(format!("`{other}` of tc is not known here")),
        }
    }
    let odd = "this form of tc is not known here";
    let dev = dev.ok_or(odd)?;
    if let Some(hook @ ("clsact" | "ingress")) = kind {
        let word = match (verb, hook) {
            ("add" | "replace", "clsact") => "clsact",
            ("add" | "replace", _) => "ingress",
            ("del" | "delete", _) => "clear_ingress",
            _ => return Err(odd.to_owned()),
        };
        return Ok(vec![on_link(place, dev, Call::new(word, []))]);
    }
    if is_root == parent.is_some() {
        return Err(odd.to_owned());
    }
    let (word, mut options) = match (verb, kind) {
        ("del" | "delete", None) if is_root => {
            return Ok(vec![on_link(place, dev, Call::new("clear_qdisc", []))]);
        }
        ("add" | "replace", Some("netem")) => ("netem", netem(&mut words)?),
        ("add" | "replace", Some("tbf")) => ("tbf", tbf(&mut words)?),
        // What it does not name stays, and so do the queues in it.
        ("change" | "chg", _) => return Err("a change of a queue keeps the rest of it".to_owned()),
        _ => return Err(odd.to_owned()),
    };
    let said = [(PARENT, parent), (HANDLE, handle)];
    let said = said
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), Value::text(value?))));
    options.extend(said);
    if parent.is_some() {
        let behind = behind.iter().map(Value::text).collect();
        options.push((COMMAND.to_owned(), Value::List(behind)));
    }
    if verb != "add" {
        options.push((REPLACE.key.to_owned(), Value::Flag(true)));
    }
    let call = Call::new(word, [Value::Map(options)]);
    Ok(vec![on_link(place, dev, call)])
}

/// What the options of netem say, each with those that stand behind its value.
fn netem(words: &mut Words) -> Result<Options, String> {
    let mut options = Options::new();
    while let Some(word) = words.next() {
        if LOSS.words.contains(&word) {
            match words.peek() {
                Some("random") => {
                    words.next();
                }
                other => {
                    if let Some(row) = other.and_then(model_row) {
                        words.next();
                        options.push((row.key.to_owned(), Value::List(chances(words))));
                        continue;
                    }
                }
            }
        }
        let heard = schema::hear(NETEM, word, words)?;
        let (row, value) = heard.ok_or_else(|| format!("`{word}` of netem is not known here"))?;
        put(&mut options, row, value);
        let behind = NETEM
            .iter()
            .skip_while(|known| known.key != row.key)
            .skip(1);
        for row in behind.take_while(|row| row.spelling == Spelling::Next) {
            let Some(word) = words.peek().filter(|word| begins_with_digit(word)) else {
                break;
            };
            words.next();
            let value = row.form.of_word(word);
            put(
                &mut options,
                row,
                value.map_err(|why| format!("`{word}`: {why}"))?,
            );
        }
    }
    Ok(options)
}

fn put(options: &mut Options, row: &Opt, value: Value) {
    if !row.is_usual(&value) {
        options.push((row.key.to_owned(), value));
    }
}

fn begins_with_digit(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit() || c == '.')
}

/// The chances of a model of loss.
fn chances(words: &mut Words) -> Vec<Value> {
    let mut chances = Vec::new();
    while let Some(chance) = words.peek().filter(|word| begins_with_digit(word)) {
        words.next();
        chances.push(Value::text(chance));
    }
    chances
}

fn tbf(words: &mut Words) -> Result<Options, String> {
    let mut options = Options::new();
    while let Some(word) = words.next() {
        let heard = schema::hear_begun(TBF, word, words)?;
        let (row, value) = heard.ok_or_else(|| format!("`{word}` of tbf is not known here"))?;
        put(&mut options, row, value);
    }
    Ok(options)
}
