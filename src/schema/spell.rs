//! How `ip`, `tc` and `bridge` spell an option: written from the row, and read back by it.

use super::form::{Form, number};
use super::{Opt, text};
use crate::steps::Value;

/// How a word and its value stand in a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// There is no word for it.
    Silent,
    /// The word, and behind it the value.
    Pair,
    /// The same with a number in hexadecimal, which is read as such without `0x`, too.
    Hex,
    /// The word, and behind it `on` or `off`.
    OnOff,
    /// The word, and behind it `1` or `0`.
    OneZero,
    /// The word alone, with `no` in front of it for false.
    Alone,
    /// The word alone for true, and nothing for false.
    Mark,
    /// The value alone.
    Bare,
    /// The value alone, behind that of the row before.
    Next,
    /// The word, and behind it this one for true, and nothing for false.
    Is(&'static str),
    /// `macaddr set`, and behind it all hardware addresses.
    Macs,
}

/// The words that are left of a command.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a>(pub &'a [String]);

impl<'a> Words<'a> {
    /// All words of a command.
    pub fn new(words: &'a [String]) -> Self {
        Self(words)
    }

    /// Takes the next word.
    #[expect(
        clippy::should_implement_trait,
        reason = "it is looked at and read from by turns, and is no iterator to be consumed"
    )]
    pub fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    /// The next word.
    pub fn peek(&self) -> Option<&'a str> {
        self.0.first().map(String::as_str)
    }

    /// Takes the value that has to stand behind `key`.
    pub fn value(&mut self, key: &str) -> Result<&'a str, String> {
        self.next().ok_or_else(|| format!("nothing behind `{key}`"))
    }

    /// Takes the number that has to stand behind `key`.
    pub fn number(&mut self, key: &str) -> Result<i64, String> {
        let text = self.value(key)?;
        number(text).ok_or_else(|| format!("`{key} {text}` is no number"))
    }
}

impl Opt {
    /// The word that is written.
    pub fn word(&self) -> &'static str {
        self.words.first().unwrap_or(&self.key)
    }

    fn is_called(&self, word: &str) -> bool {
        self.words.contains(&word) || (self.words.is_empty() && self.key == word)
    }

    /// The words that say `value`.
    pub fn say(&self, value: &Value) -> Vec<String> {
        let word = self.word();
        let is_on = matches!(value, Value::Flag(true));
        let one = match (self.spelling, self.form.number(value)) {
            (Spelling::Silent, _) => return Vec::new(),
            (Spelling::Bare | Spelling::Next, _) => return vec![text(value)],
            (Spelling::Is(what), _) => {
                let words = [word, what].map(str::to_owned).into_iter();
                return words.filter(|_| is_on).collect();
            }
            (Spelling::Alone, _) => {
                let no = if is_on { "" } else { "no" };
                return vec![format!("{no}{word}")];
            }
            (Spelling::Mark, _) => return is_on.then(|| word.to_owned()).into_iter().collect(),
            (Spelling::Macs, _) => {
                let macs = match value {
                    Value::List(macs) => macs.iter().map(text).collect(),
                    other => vec![text(other)],
                };
                let head = [word, "set"].map(str::to_owned);
                return head.into_iter().chain(macs).collect();
            }
            (Spelling::Hex, Some(number)) => format!("{number:#04x}"),
            (Spelling::OnOff, _) => if is_on { "on" } else { "off" }.to_owned(),
            (Spelling::OneZero, _) => if is_on { "1" } else { "0" }.to_owned(),
            (_, Some(count)) if matches!(self.form, Form::Time { .. }) => count.to_string(),
            _ => text(value),
        };
        vec![word.to_owned(), one]
    }
}

/// What `word` and those behind it say, if it is an option of the table.
pub fn hear(
    table: &'static [Opt],
    word: &str,
    words: &mut Words,
) -> Result<Option<(&'static Opt, Value)>, String> {
    let mut spoken = spoken(table);
    if let Some(row) = spoken.clone().find(|row| row.is_called(word)) {
        return Ok(Some((row, behind(row, word, words)?)));
    }
    let positive = word.strip_prefix("no");
    let is_denied = |row: &&Opt| {
        row.spelling == Spelling::Alone && positive.is_some_and(|word| row.is_called(word))
    };
    if let Some(row) = spoken.find(is_denied) {
        return Ok(Some((row, Value::Flag(false))));
    }
    let mut bare = table.iter().filter(|row| row.spelling == Spelling::Bare);
    let bare = bare.find(|row| row.form.choices().any(|name| name == word));
    Ok(bare.map(|row| (row, Value::text(word))))
}

/// The same, where `word` may also be the beginning of a word that no other option has.
pub fn hear_begun(
    table: &'static [Opt],
    word: &str,
    words: &mut Words,
) -> Result<Option<(&'static Opt, Value)>, String> {
    if let Some(heard) = hear(table, word, words)? {
        return Ok(Some(heard));
    }
    let mut begun = spoken(table).filter(|row| {
        let mut names = row.words.iter().chain([&row.key]);
        names.any(|name| name.starts_with(word))
    });
    match (begun.next(), begun.next()) {
        (Some(row), None) if word.len() > 1 => Ok(Some((row, behind(row, word, words)?))),
        _ => Ok(None),
    }
}

/// The rows that a word stands for.
fn spoken(table: &'static [Opt]) -> impl Iterator<Item = &'static Opt> + Clone {
    let rows = table.iter();
    rows.filter(|row| {
        !matches!(
            row.spelling,
            Spelling::Silent | Spelling::Bare | Spelling::Next
        )
    })
}

/// The value that stands behind the word of a row.
fn behind(row: &Opt, word: &str, words: &mut Words) -> Result<Value, String> {
    match row.spelling {
        Spelling::Alone | Spelling::Mark => Ok(Value::Flag(true)),
        Spelling::Is(what) => match words.value(word)? {
            given if given == what => Ok(Value::Flag(true)),
            given => Err(format!("`{word} {given}` is not known here")),
        },
        Spelling::Macs => {
            if words.next() != Some("set") {
                return Err(format!("only `{word} set` is known here"));
            }
            let is_mac = |word: &str| word.contains(':');
            let mut macs = Vec::new();
            while let Some(mac) = words.peek().filter(|word| is_mac(word)) {
                words.next();
                macs.push(Value::text(mac));
            }
            Ok(Value::List(macs))
        }
        Spelling::Hex => {
            let text = words.value(word)?;
            let digits = text.trim_start_matches("0x");
            let number = i64::from_str_radix(digits, 16).ok();
            let value = number.and_then(|number| row.form.of_number(number));
            let value = value.map_or_else(|| row.form.of_word(text), Ok);
            value.map_err(|why| format!("`{word}`: {why}"))
        }
        _ => {
            let value = row.form.of_word(words.value(word)?);
            value.map_err(|why| format!("`{word}`: {why}"))
        }
    }
}
