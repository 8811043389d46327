//! Whether a script leads where the commands led that it was made from: what iproute2 tells of two places, compared fact by fact.

mod facts;

use std::collections::{BTreeMap, BTreeSet};

use facts::{Facts, Thing};

/// What prints the state of the namespace that it is run in, part by part, for `sh -c`.
pub const GATHER: &str = include_str!("gather.sh");

/// What stands in front of the name of each namespace.
pub const NAMESPACE: &str = "@@@ ";

/// What came out of the comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// How many namespaces the commands have led to.
    pub namespaces: usize,
    /// How many facts are the same in both places.
    pub same: usize,
    /// In what the places differ.
    pub differences: Vec<Difference>,
}

/// One thing in which two places differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The namespace.
    pub namespace: String,
    /// What it is, in a sentence: what the script has led to, and what the commands.
    pub text: String,
    /// The number and the text of the line that it seems to come from.
    pub line: Option<(usize, String)>,
}

/// Compares what [`GATHER`] has printed behind the commands, and behind the script. `source` is the text that both come from: what is
/// named there is no chance.
pub fn compare(commands: &str, script: &str, source: &str) -> Proof {
    let (one, other) = (places(commands), places(script));
    let names: BTreeSet<&str> = one.keys().chain(other.keys()).copied().collect();
    let known = source.to_lowercase();
    let mut proof = Proof {
        namespaces: one.len(),
        ..Proof::default()
    };
    for name in names {
        let mut differ = |text: String, words: &str| {
            proof.differences.push(Difference {
                namespace: name.to_owned(),
                line: line_of(source, &format!("{name} {words}")),
                text,
            });
        };
        match (one.get(name), other.get(name)) {
            (Some(one), Some(other)) => {
                let (mut one, mut other) = (facts::read(one, &known), facts::read(other, &known));
                facts::keep_common(&mut one, &mut other);
                proof.same += differences(&one, &other, &mut differ);
            }
            (Some(_), None) => differ("the namespace is missing".to_owned(), ""),
            _ => differ("the namespace is there with the script only".to_owned(), ""),
        }
    }
    proof
}

/// What was printed of each namespace.
fn places(text: &str) -> BTreeMap<&str, &str> {
    let places = text.split(NAMESPACE).skip(1);
    places.filter_map(|place| place.split_once('\n')).collect()
}

/// Tells in what they differ, and returns how many facts are the same.
fn differences(one: &Facts, other: &Facts, differ: &mut impl FnMut(String, &str)) -> usize {
    let things: BTreeSet<&Thing> = one.keys().chain(other.keys()).collect();
    let mut same = 0;
    let mut told = BTreeSet::new();
    for thing in things {
        let (was, is) = (one.get(thing), other.get(thing));
        if was == is {
            same += 1;
            continue;
        }
        let Thing { what, property } = thing;
        let is_there = |facts: &Facts| facts.keys().any(|known| known.what == *what);
        let said = |values: Option<&Vec<String>>| {
            values.map_or("nothing".to_owned(), |values| values.join(", "))
        };
        let mut words = names_in(what);
        let text = match (is_there(one), is_there(other)) {
            (true, true) if property.is_empty() => {
                let count = |values: Option<&Vec<String>>| values.map_or(0, Vec::len);
                format!("{what} is there {} times, not {}", count(is), count(was))
            }
            (true, true) => {
                words = format!("{words} {property} {} {}", said(was), said(is));
                format!("{property} of {what} is {}, not {}", said(is), said(was))
            }
            // A thing that is not there is told once.
            _ if !told.insert(what) => continue,
            (true, false) => format!("{what} is missing"),
            _ => format!("{what} is there with the script only"),
        };
        differ(text, &words);
    }
    same
}

/// What stands in backticks, or all where nothing does: the other words are ours.
fn names_in(what: &str) -> String {
    let names: Vec<&str> = what.split('`').skip(1).step_by(2).collect();
    if names.is_empty() {
        what.to_owned()
    } else {
        names.join(" ")
    }
}

/// The line of `source` that has most of `words`, the first of those.
fn line_of(source: &str, words: &str) -> Option<(usize, String)> {
    let of = |text: &str| -> BTreeSet<String> {
        let is_between = |c: char| c.is_whitespace() || "`\"'=,;()".contains(c);
        let words = text.split(is_between).filter(|word| word.len() > 1);
        words.map(str::to_lowercase).collect()
    };
    let wanted = of(words);
    let count = |line: &str| of(line).intersection(&wanted).count();
    let lines = source
        .lines()
        .enumerate()
        .map(|(number, line)| (count(line), number, line));
    let best = lines.max_by_key(|(count, number, _)| (*count, std::cmp::Reverse(*number)));
    let (_, number, line) = best.filter(|(count, ..)| *count > 0)?;
    Some((number + 1, line.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> String {
        format!("{NAMESPACE}host\n{text}")
    }

    fn texts(one: &str, other: &str, source: &str) -> Vec<String> {
        let proof = compare(&host(one), &host(other), source);
        proof.differences.into_iter().map(|one| one.text).collect()
    }

    #[test]
    fn what_comes_by_chance_is_no_difference() {
        let link = |mac: &str, index: u8| {
            format!(
                "@@ links\n[{{\"ifindex\":{index},\"ifname\":\"v0\",\"mtu\":1500,\"address\":\"{mac}\"}}]\n"
            )
        };
        let (one, other) = (link("02:00:00:00:00:01", 3), link("02:00:00:00:00:02", 9));
        assert_eq!(texts(&one, &other, ""), Vec::<String>::new());
        assert_eq!(
            texts(&one, &other, "ip link set v0 address 02:00:00:00:00:01"),
            ["address of link `v0` is by chance, not 02:00:00:00:00:01"]
        );
    }

    #[test]
    fn each_difference_is_a_sentence_with_the_line_that_it_comes_from() {
        let one = host(
            "@@ links\n[{\"ifname\":\"v0\",\"mtu\":1500}]\n@@ routes\n[{\"type\":\"unicast\",\"dst\":\"default\",\"dev\":\"v0\"}]\n@@ settings\nipv4/ip_forward:1\n",
        );
        let other = host(
            "@@ links\n[{\"ifname\":\"v0\",\"mtu\":1400},{\"ifname\":\"v1\",\"mtu\":1}]\n@@ routes\n[]\n@@ settings\nipv4/ip_forward:0\nipv4/conf/v1/forwarding:0\n",
        );
        let source = "ip link set v0 mtu 1500\n\nip route add default dev v0\nsysctl -w net.ipv4.ip_forward=1\n";
        let proof = compare(&one, &other, source);
        let told: Vec<_> = proof
            .differences
            .iter()
            .map(|one| (one.text.as_str(), one.line.as_ref().map(|line| line.0)))
            .collect();
        assert_eq!(
            told,
            [
                ("mtu of link `v0` is 1400, not 1500", Some(1)),
                ("link `v1` is there with the script only", None),
                ("route default dev v0 is missing", Some(3)),
                (
                    "value of the setting `net.ipv4.ip_forward` is 0, not 1",
                    Some(4)
                ),
            ]
        );
        let missing = compare(&one, "", "");
        assert_eq!(missing.differences[0].text, "the namespace is missing");
    }
}
