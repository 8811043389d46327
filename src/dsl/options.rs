//! The options of each word, as rows.

use crate::dsl::acts::{
    capture, connect, events, exec, flap, latency, listen, mesh, path, ping, process, reach,
    throughput, wait, why,
};
use crate::dsl::kinds::ipvlan_port::OF_MODE;
use crate::dsl::kinds::make::COMMON;
use crate::dsl::kinds::{kind, set, wireguard};
use crate::dsl::objects::{addr, fdb, filter, neighbor, nexthop, port, queue, route, rule};
use crate::dsl::script::{data, param};
use crate::schema::Opt;

/// The words that take options and make no link, and the tables of what they take.
const WORDS: &[(&str, &[&[Opt]])] = &[
    ("accept", &[filter::OF_FILTER]),
    ("addr", &[addr::ROWS]),
    ("capture", &[capture::ROWS]),
    ("del_fdb", &[fdb::OF_DELETE]),
    ("del_route", &[route::rows::OF_DELETE]),
    ("del_rule", &[rule::OF_DELETE]),
    ("drop", &[filter::OF_FILTER]),
    ("exec", &[exec::OF_COMMAND, exec::OF_PROGRAM]),
    ("expect_no_reach", &[reach::ROWS]),
    ("expect_reach", &[reach::ROWS]),
    ("fdb", &[fdb::ROWS]),
    ("htb", &[queue::rows::HTB, queue::rows::SHARED]),
    ("flap", &[flap::ROWS]),
    ("http", &[connect::OF_HTTP]),
    ("latency", &[latency::ROWS]),
    ("listen", &[listen::ROWS]),
    ("lookup", &[route::rows::OF_LOOKUP]),
    ("masquerade", &[filter::OF_MASQUERADE]),
    ("mesh", &[mesh::ROWS]),
    ("mode", &[OF_MODE]),
    ("nat", &[filter::OF_NAT]),
    ("neighbor", &[neighbor::ROWS]),
    (
        "netem",
        &[
            queue::rows::NETEM,
            queue::rows::OF_OWN_NETEM,
            queue::rows::SHARED,
        ],
    ),
    ("nexthop", &[nexthop::rows::ROWS]),
    ("nft", &[filter::OF_RULESET]),
    ("path", &[path::ROWS]),
    ("param", &[param::ROWS]),
    ("ping", &[ping::ROWS]),
    ("port", &[port::ROWS]),
    ("read_csv", &[data::OF_CSV]),
    ("reject", &[filter::OF_FILTER]),
    ("required", &[param::ROWS]),
    ("resolve", &[connect::OF_RESOLVE]),
    ("route", &[route::rows::ROWS]),
    ("routes", &[route::rows::OF_LIST]),
    ("rule", &[rule::OF_DELETE, rule::OF_ADD]),
    ("set", &[COMMON]),
    ("spawn", &[process::OF_SPAWN, exec::OF_PROGRAM]),
    ("tbf", &[queue::rows::TBF, queue::rows::SHARED]),
    ("tcp", &[connect::OF_TCP]),
    ("throughput", &[throughput::ROWS]),
    ("wait_event", &[events::ROWS]),
    ("wait_for", &[wait::CONDITION]),
    ("wait_port", &[wait::PORT]),
    ("wg_peer", &[wireguard::OF_PEER]),
    ("why", &[why::ROWS]),
];

/// The words that take options.
pub fn words() -> impl Iterator<Item = &'static str> {
    let others = WORDS.iter().map(|(word, _)| *word);
    kind::all().map(|kind| kind.word).chain(others)
}

/// The tables of what `word` takes by itself, arguments included.
pub fn tables(word: &str) -> Vec<&'static [Opt]> {
    if let Some((_, tables)) = WORDS.iter().find(|(known, _)| *known == word) {
        return tables.to_vec();
    }
    let kind = kind::of_word(word);
    kind.map(|kind| kind.table).into_iter().collect()
}

/// The rows of these tables, in their order.
pub fn own(word: &str) -> Vec<&'static Opt> {
    let tables = tables(word).into_iter();
    tables.flatten().collect()
}

/// Whether the row stands in the `#{…}` of `word`: there, what is an argument at the making is changed by its key.
pub fn is_key(word: &str, row: &Opt) -> bool {
    row.is_option() || (word == "set" && row.is_argument())
}

/// The keys of the options of `word`, sorted; empty where it takes none.
pub fn keys(word: &str) -> Vec<&'static str> {
    let rows = of(word).into_iter().filter(|row| is_key(word, row));
    let mut keys: Vec<_> = rows.map(|row| row.key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The values that can be offered for an option or argument of `word`.
pub fn offers(word: &str, key: &str) -> Vec<&'static str> {
    match (word, key) {
        ("route", "destination") => vec!["default"],
        ("mode", "mode") => offers("ipvlan", key),
        ("set", key) => {
            let rows = of(word).into_iter().filter(|row| row.key == key);
            let mut offers: Vec<_> = rows.flat_map(Opt::offers).collect();
            offers.sort_unstable();
            offers.dedup();
            offers
        }
        _ => row(word, key)
            .map(|row| row.offers().collect())
            .unwrap_or_default(),
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
    let own = own(word).into_iter().chain(shared(word));
    // Those of a link that is there by its kind, which is not known before.
    let of_kinds = if word == "set" {
        set::rows()
    } else {
        Vec::new()
    };
    own.chain(of_kinds).collect()
}

/// The row of that key.
pub fn row(word: &str, key: &str) -> Option<&'static Opt> {
    of(word).into_iter().find(|row| row.key == key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::wire::{decode, encode};
    use crate::schema::{Family, Form, Quantity, Spelling, Wire, Words, hear};
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
            Form::Named { names, .. } => names
                .iter()
                .map(|(name, _)| Value::text(*name))
                .chain([Value::Number(77)])
                .collect(),
            Form::Range { least, .. } => {
                vec![Value::Number(least), Value::text(format!("{least}-99"))]
            }
            Form::Mark => vec![Value::Number(7), Value::text("0x1/0xff")],
            Form::Quantity(Quantity::Duration) => vec![Value::text("7ms")],
            Form::Quantity(Quantity::Rate) => vec![Value::text("7mbit")],
            Form::Quantity(Quantity::Size) => vec![Value::text("7KiB")],
            Form::Quantity(Quantity::Percent) => vec![Value::text("7%")],
            Form::Ip => ["10.0.0.7", "fd00::7"].map(Value::text).into(),
            Form::Prefix => ["10.0.0.0/8", "fd00::/64"].map(Value::text).into(),
            Form::Map(_) => vec![Value::Map(Vec::new())],
            Form::Maps(_) => vec![Value::List(Vec::new())],
            Form::TableName => vec![Value::Number(7), Value::text("main")],
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
        words().flat_map(|word| {
            let tables = tables(word).into_iter();
            tables.flat_map(move |table| table.iter().map(move |row| (word, table, row)))
        })
    }

    #[test]
    fn a_mode_is_one_of_its_kind() {
        assert_eq!(offers("ipvlan", "mode"), ["l2", "l3", "l3s"]);
        assert_eq!(offers("bond", "mode")[4], "802.3ad");
        assert_eq!(offers("macvlan", "mode")[3], "passthru");
        assert_eq!(offers("veth", "mode"), Vec::<&str>::new());
        assert_eq!(offers("drop", "hook"), ["input", "forward", "output"]);
        assert_eq!(offers("wait_port", "protocol"), ["tcp", "udp"]);
        assert!(offers("route", "type").contains(&"blackhole"));
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
        let is_heard = |row: &Opt| !matches!(row.spelling, Spelling::Silent | Spelling::Next);
        for (word, table, row) in rows().filter(|(.., row)| is_heard(row)) {
            for value in samples(row) {
                let said = row.say(&value);
                // It is told by the option that has this word.
                let is_of_another = table
                    .iter()
                    .any(|other| other.words.contains(&said.first().map_or("", |word| word)));
                if row.spelling == Spelling::Bare && is_of_another {
                    continue;
                }
                let Some((first, rest)) = said.split_first() else {
                    assert!(matches!(row.spelling, Spelling::Mark | Spelling::Is(_)));
                    assert_eq!(value, Value::Flag(false));
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
                if !matches!(row.form, Form::Special(..) | Form::Map(_) | Form::Maps(_)) {
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
