//! `tc qdisc add dev X root netem …` and its like: queues of links.

use super::ip::{Outcome, Words, on_link};
use crate::steps::{Call, Place, Value};
use crate::value::size;

type Options = Vec<(String, Value)>;

/// How many packets a queue of netem takes where nothing is said.
const USUAL_LIMIT: i64 = 1000;

pub(crate) fn command(arguments: &[String], place: &Place) -> Outcome {
    let mut words = Words::new(arguments);
    let is_about_queues = words
        .next()
        .is_some_and(|word| !word.is_empty() && "qdisc".starts_with(word));
    if !is_about_queues {
        return Err("this form of tc is not known here".to_owned());
    }
    let verb = words.value("qdisc")?;
    let (mut dev, mut is_root, mut kind) = (None, false, None);
    while let Some(word) = words.next() {
        match word {
            "dev" => dev = Some(words.value(word)?),
            "root" => is_root = true,
            // The number by which its parts would name it; it has none.
            "handle" => {
                words.value(word)?;
            }
            "netem" | "tbf" => {
                kind = Some(word);
                break;
            }
            other => return Err(format!("`{other}` of tc is not known here")),
        }
    }
    let dev = dev
        .filter(|_| is_root)
        .ok_or("this form of tc is not known here")?;
    let (word, mut options) = match (verb, kind) {
        ("del" | "delete", None) => {
            return Ok(vec![on_link(place, dev, Call::new("clear_qdisc", []))]);
        }
        ("add" | "replace", Some("netem")) => ("netem", netem(&mut words)?),
        ("add" | "replace", Some("tbf")) => ("tbf", tbf(&mut words)?),
        _ => return Err("this form of tc is not known here".to_owned()),
    };
    if verb == "replace" {
        options.push(("replace".to_owned(), Value::Flag(true)));
    }
    let call = Call::new(word, [Value::Map(options)]);
    Ok(vec![on_link(place, dev, call)])
}

fn netem(words: &mut Words) -> Result<Options, String> {
    let mut options = Options::new();
    let mut values = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "delay" | "latency" => {
                values = vec!["delay", "jitter", "delay_correlation"];
            }
            "loss" | "drop" => values = vec!["loss", "loss_correlation"],
            "duplicate" => values = vec!["duplicate", "duplicate_correlation"],
            "corrupt" => values = vec!["corrupt", "corrupt_correlation"],
            "reorder" => values = vec!["reorder", "reorder_correlation"],
            "limit" | "gap" => {
                let number = words.number(word)?;
                if word == "gap" || number != USUAL_LIMIT {
                    options.push((word.to_owned(), Value::Number(number)));
                }
                values.clear();
            }
            "rate" => values = vec!["rate"],
            "random" if values.first() == Some(&"loss") => {}
            value
                if !values.is_empty()
                    && value.starts_with(|c: char| c.is_ascii_digit() || c == '.') =>
            {
                let key = values.remove(0);
                let unit = match key {
                    "delay" | "jitter" => unit_of_time(value),
                    _ => "",
                };
                options.push((key.to_owned(), Value::text(format!("{value}{unit}"))));
            }
            other => return Err(format!("`{other}` of netem is not known here")),
        }
    }
    Ok(options)
}

/// The unit that a time stands in where it names none.
fn unit_of_time(value: &str) -> &'static str {
    if value.ends_with(|c: char| c.is_ascii_digit()) {
        "us"
    } else {
        ""
    }
}

fn tbf(words: &mut Words) -> Result<Options, String> {
    let mut options = Options::new();
    while let Some(word) = words.next() {
        let key = match word {
            "burst" | "buffer" | "maxburst" => "burst",
            "minburst" | "mtu" => "minburst",
            "rate" | "peakrate" | "limit" | "latency" => word,
            other => return Err(format!("`{other}` of tbf is not known here")),
        };
        let value = words.value(word)?;
        let text = match key {
            "latency" => format!("{value}{}", unit_of_time(value)),
            "burst" | "minburst" | "limit" => {
                let bytes = size::parse(value)
                    .map_err(|_| format!("`{word} {value}` is no size that is known here"))?;
                size::print(bytes)
            }
            _ => value.to_owned(),
        };
        options.push((key.to_owned(), Value::text(text)));
    }
    Ok(options)
}
