//! The options of each word, as rows.

use crate::dsl::kinds::ipvlan_port::OF_MODE;
use crate::dsl::kinds::kind;
use crate::dsl::kinds::make::COMMON;
use crate::schema::Opt;

/// What `word` takes by itself, arguments included, in the order of its table.
pub fn own(word: &str) -> &'static [Opt] {
    match word {
        "mode" => OF_MODE,
        word => kind::of_word(word).map_or(&[], |kind| kind.table),
    }
}

/// What `word` takes beside that, as every word that makes a link does.
pub fn shared(word: &str) -> Vec<&'static Opt> {
    if kind::of_word(word).is_none() {
        return Vec::new();
    }
    let own = own(word);
    let is_free = |row: &&Opt| own.iter().all(|own| own.key != row.key);
    COMMON.iter().filter(is_free).collect()
}

/// All rows of `word`.
pub fn of(word: &str) -> Vec<&'static Opt> {
    own(word).iter().chain(shared(word)).collect()
}

/// The row of that key.
pub fn row(word: &str, key: &str) -> Option<&'static Opt> {
    of(word).into_iter().find(|row| row.key == key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsl::kinds::kind;
    use crate::schema::wire::{decode, encode};
    use crate::schema::{Family, Form, Spelling, Wire, Words, hear};
    use crate::steps::Value;

    /// Values of each sort that a row takes: the ends of its range, all of its names.
    fn samples(row: &Opt) -> Vec<Value> {
        let list = |texts: &[&str]| {
            vec![Value::List(
                texts.iter().copied().map(Value::text).collect(),
            )]
        };
        match row.form {
            Form::Number { least, most, names } => {
                let numbers = [least, most].map(Value::Number).into_iter();
                let out = names.iter().filter(|(_, number)| *number > most);
                let out = out.map(|(name, _)| Value::text(*name));
                numbers.chain(out).collect()
            }
            Form::Key | Form::Table | Form::Account => [1, 0x0102_0304].map(Value::Number).into(),
            Form::Switch => [true, false].map(Value::Flag).into(),
            Form::Choice(names) => names.iter().map(|(name, _)| Value::text(*name)).collect(),
            Form::Time { least, .. } => [row.form.of_number(least), row.usual()]
                .into_iter()
                .flatten()
                .collect(),
            Form::Host(Family::V6) => vec![Value::text("fd00::7")],
            Form::Host(_) => vec![Value::text("10.0.0.7")],
            Form::Group(_) => vec![Value::text("239.1.1.7")],
            Form::Hosts(Family::V6) => list(&["fd00::7", "fd00::8"]),
            Form::Hosts(_) => list(&["10.0.0.7", "10.0.0.8"]),
            Form::Macs => list(&["02:00:00:00:00:07", "02:00:00:00:00:08"]),
            Form::Device => vec![Value::Number(7)],
            Form::Text | Form::Special(..) => vec![Value::text("text")],
        }
    }

    fn rows() -> impl Iterator<Item = (&'static str, &'static [Opt], &'static Opt)> {
        let kinds = kind::all();
        kinds.flat_map(|kind| kind.table.iter().map(|row| (kind.word, kind.table, row)))
    }

    #[test]
    fn what_the_kernel_is_sent_is_read_back_as_it_was() {
        for (word, table, row) in rows().filter(|(.., row)| !matches!(row.wire, Wire::None)) {
            for value in samples(row) {
                let told = decode(table, &encode(&[(row, value.clone())]));
                let told = told.into_iter().find(|(told, _)| told.key == row.key);
                let told = told.map(|(_, told)| told);
                assert_eq!(told, Some(value), "{word} {}", row.key);
            }
        }
    }

    #[test]
    fn what_ip_is_told_is_read_back_as_it_was() {
        for (word, table, row) in rows().filter(|(.., row)| row.spelling != Spelling::Silent) {
            for value in samples(row) {
                let said = row.say(&value);
                let Some((first, rest)) = said.split_first() else {
                    assert_eq!((row.spelling, value), (Spelling::Mark, Value::Flag(false)));
                    continue;
                };
                let heard = hear(table, first, &mut Words(rest)).unwrap();
                let (heard, told) = heard.unwrap_or_else(|| panic!("{word}: {said:?}"));
                // A link is told by its name.
                let value = if matches!(row.form, Form::Device) {
                    Value::text("7")
                } else {
                    value
                };
                assert_eq!((heard.key, told), (row.key, value), "{word}: {said:?}");
            }
        }
    }

    #[test]
    fn what_a_script_gives_is_read_as_what_is_told() {
        for (word, _, row) in rows().filter(|(.., row)| row.form.types().len() == 1) {
            for value in samples(row) {
                let given: rhai::Dynamic = match &value {
                    Value::Number(number) => (*number).into(),
                    Value::Flag(on) => (*on).into(),
                    other => crate::schema::text(other).into(),
                };
                if !matches!(row.form, Form::Special(..)) {
                    assert_eq!(row.read(word, given).unwrap(), value, "{word} {}", row.key);
                }
            }
        }
    }

    #[test]
    fn a_default_is_a_value_that_can_be_given() {
        for (word, _, row) in rows().filter(|(.., row)| !row.default.is_empty()) {
            assert!(row.usual().is_some(), "{word} {}: {}", row.key, row.default);
        }
    }

    #[test]
    fn an_option_says_what_it_means_in_half_a_sentence() {
        for (word, _, row) in rows() {
            let is_short = !row.doc.is_empty() && !row.doc.ends_with('.');
            assert!(is_short, "{word} {}: {}", row.key, row.doc);
        }
    }
}
