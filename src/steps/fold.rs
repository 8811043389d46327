//! Folds the like steps of a script into loops: [`fold`].
//!
//! It works on the text that [`write`](super::write) makes: a statement stands on lines of its own, and has no arithmetic in it. What
//! repeats is a block of statements in which numbers grow by the same from one to the next, those within texts too. A variable of a
//! namespace is one of the loop then, and found again by `netns` where it is used behind.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// How often a block has to stand there.
const LEAST: usize = 3;

/// How many statements a block may have.
const LONGEST: usize = 24;

/// A part of a statement.
#[derive(Clone, Debug, PartialEq)]
enum Atom {
    Fixed(String),
    /// A number, which may be another one in the next block.
    Number(i64),
    /// The begin or the end of a text.
    Quote,
    /// A variable that holds a namespace.
    Variable(String),
}

/// A statement, or lines that are none.
struct Chunk {
    /// Whether an empty line stands in front of it.
    is_apart: bool,
    text: String,
    /// None where it can't be part of a loop.
    atoms: Option<Vec<Atom>>,
    /// The variable that it declares for a namespace.
    declares: Option<String>,
}

/// How the number at a place goes on from block to block.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Series {
    first: i64,
    step: i64,
}

/// A block that repeats.
struct Repeated {
    length: usize,
    times: usize,
}

/// The script with its like steps in loops.
pub(crate) fn fold(script: &str) -> String {
    let names = namespaces(script);
    let chunks = chunks(script, &names);
    let mut folder = Folder {
        taken: chunks.iter().flat_map(|chunk| words(&chunk.text)).collect(),
        text: String::new(),
        lost: BTreeSet::new(),
        names,
    };
    let mut at = 0;
    while let Some(chunk) = chunks.get(at) {
        if let Some(block) = repeated(&chunks[at..], &folder.names) {
            folder.write_loop(&chunks[at..], &block);
            at += block.length * block.times;
        } else {
            folder.write(chunk);
            at += 1;
        }
    }
    folder.text
}

/// The namespace of each variable, as `let NAME = netns("…");` has it, and the word that is used.
fn namespaces(script: &str) -> BTreeMap<String, (String, String)> {
    let declared = script.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("let ")?.split_once(" = ")?;
        let (word, rest) = rest.split_once("(\"")?;
        let netns = rest.strip_suffix("\");")?;
        let is_one =
            ["netns", "existing"].contains(&word) && !netns.contains(['"', '\\', '`', '$']);
        is_one.then(|| (name.to_owned(), (word.to_owned(), netns.to_owned())))
    });
    declared.collect()
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// All names in a statement that stand in none of its texts; none in a comment.
fn variables(statement: &str) -> Vec<String> {
    if statement.starts_with("//") {
        return Vec::new();
    }
    let mut plain = String::new();
    let mut quote = None;
    let mut chars = statement.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some('"'), '\\') => _ = chars.next(),
            (Some(open), c) if open == c => quote = None,
            (None, '"' | '`') => quote = Some(c),
            (None, c) => plain.push(c),
            _ => {}
        }
    }
    words(&plain)
}

/// All names in a text.
fn words(text: &str) -> Vec<String> {
    let words = text.split(|c| !is_word(c)).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

fn chunks(script: &str, names: &BTreeMap<String, (String, String)>) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut statement = String::new();
    let mut is_raw = false;
    let mut is_apart = false;
    for line in script.lines() {
        let is_whole = statement.is_empty() && !is_raw;
        if is_whole && line.is_empty() {
            is_apart = true;
            continue;
        }
        if is_whole && line.starts_with("//") {
            let text = format!("{line}\n");
            chunks.push(Chunk {
                is_apart: std::mem::take(&mut is_apart),
                text,
                atoms: None,
                declares: None,
            });
            continue;
        }
        is_raw ^= line.matches('`').count() % 2 == 1;
        statement += line;
        statement.push('\n');
        if !is_raw && (line.ends_with(';') || line.ends_with('}')) {
            let text = std::mem::take(&mut statement);
            let declares = text
                .strip_prefix("let ")
                .and_then(|rest| Some(rest.split_once(" = ")?.0.to_owned()));
            let declares = declares.filter(|name| names.contains_key(name));
            let is_other = text.starts_with("let ") && declares.is_none();
            let atoms = if is_other { None } else { atoms(&text, names) };
            chunks.push(Chunk {
                is_apart: std::mem::take(&mut is_apart),
                text,
                atoms,
                declares,
            });
        }
    }
    if !statement.is_empty() {
        chunks.push(Chunk {
            is_apart,
            text: statement,
            atoms: None,
            declares: None,
        });
    }
    chunks
}

/// The parts of a statement; none where a loop could not say it.
fn atoms(text: &str, names: &BTreeMap<String, (String, String)>) -> Option<Vec<Atom>> {
    if text.contains(['`', '\\', '$']) {
        return None;
    }
    let mut atoms = Vec::new();
    let mut is_text = false;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = |is_in: fn(char) -> bool| rest.find(|c| !is_in(c)).unwrap_or(rest.len());
        let length = if first == '"' {
            is_text = !is_text;
            atoms.push(Atom::Quote);
            1
        } else if first.is_ascii_digit() {
            let length = end(|c| c.is_ascii_digit());
            atoms.push(number(&rest[..length]));
            length
        } else if !is_text && (first.is_ascii_alphabetic() || first == '_') {
            let length = end(is_word);
            let word = rest[..length].to_owned();
            let is_variable = names.contains_key(&word)
                && !matches!(atoms.last(), Some(Atom::Fixed(text)) if text.ends_with('.'));
            atoms.push(if is_variable {
                Atom::Variable(word)
            } else {
                Atom::Fixed(word)
            });
            length
        } else {
            let length = if is_text {
                end(|c| !c.is_ascii_digit() && c != '"')
            } else {
                end(|c| !is_word(c) && c != '"')
            };
            atoms.push(Atom::Fixed(rest[..length].to_owned()));
            length
        };
        rest = &rest[length..];
    }
    Some(atoms)
}

/// A number that can be counted with: one with zeros in front is a text.
fn number(digits: &str) -> Atom {
    let is_plain = digits == "0" || !digits.starts_with('0');
    match digits.parse() {
        Ok(number) if is_plain && digits.len() < 10 => Atom::Number(number),
        _ => Atom::Fixed(digits.to_owned()),
    }
}

/// What repeats from here on: the block that takes most statements, the shortest of those.
fn repeated(chunks: &[Chunk], names: &BTreeMap<String, (String, String)>) -> Option<Repeated> {
    let most = (chunks.len() / LEAST).min(LONGEST);
    let blocks = (1..=most).filter_map(|length| {
        let times = times(chunks, length, names);
        (times >= LEAST).then_some(Repeated { length, times })
    });
    let best =
        blocks.max_by_key(|block| (block.length * block.times, std::cmp::Reverse(block.length)))?;
    // Two of the lines that are saved go for the loop itself.
    (best.length * (best.times - 1) > 2).then_some(best)
}

/// How often the first `length` statements stand there, with numbers that go on.
fn times(chunks: &[Chunk], length: usize, names: &BTreeMap<String, (String, String)>) -> usize {
    let block = |number: usize| flat(chunks.get(number * length..(number + 1) * length)?, names);
    let (Some(first), Some(second)) = (block(0), block(1)) else {
        return 1;
    };
    let Some(series) = series(&first, &second) else {
        return 1;
    };
    // Without a number that goes on it is no loop over something.
    if series.iter().all(|series| series.step == 0) {
        return 1;
    }
    let mut times = 2;
    while block(times).is_some_and(|next| goes_on(&first, &next, &series, times)) {
        times += 1;
    }
    times
}

/// The parts of all statements of a block, where a namespace's name stands for its variable.
fn flat(block: &[Chunk], names: &BTreeMap<String, (String, String)>) -> Option<Vec<Atom>> {
    let mut all = Vec::new();
    for chunk in block {
        for atom in chunk.atoms.as_ref()? {
            match atom {
                Atom::Variable(name) => {
                    let (word, netns) = names.get(name)?;
                    all.push(Atom::Fixed(format!("={word} ")));
                    all.extend(parts(netns));
                }
                other => all.push(other.clone()),
            }
        }
    }
    Some(all)
}

/// A text in its numbers and what stands between them.
fn parts(text: &str) -> Vec<Atom> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_number = first.is_ascii_digit();
        let length = rest
            .find(|c: char| c.is_ascii_digit() != is_number)
            .unwrap_or(rest.len());
        let part = &rest[..length];
        parts.push(if is_number {
            number(part)
        } else {
            Atom::Fixed(part.to_owned())
        });
        rest = &rest[length..];
    }
    parts
}

/// How the numbers go on from one block to the next, where all else is the same.
fn series(first: &[Atom], second: &[Atom]) -> Option<Vec<Series>> {
    if first.len() != second.len() {
        return None;
    }
    let mut series = Vec::new();
    for (at, pair) in first.iter().zip(second).enumerate() {
        match pair {
            (Atom::Number(one), Atom::Number(other)) => {
                let step = other - one;
                let before = at.checked_sub(1).and_then(|at| first.get(at));
                let is_signed = matches!(before, Some(Atom::Fixed(text)) if text.ends_with('-'));
                if step != 0 && is_signed && !is_in_text(first, at) {
                    return None;
                }
                series.push(Series { first: *one, step });
            }
            (one, other) if one == other => {}
            _ => return None,
        }
    }
    Some(series)
}

fn is_in_text(atoms: &[Atom], at: usize) -> bool {
    atoms[..at]
        .iter()
        .filter(|atom| **atom == Atom::Quote)
        .count()
        % 2
        == 1
}

/// Whether the block is the next one of its kind.
fn goes_on(first: &[Atom], next: &[Atom], series: &[Series], number: usize) -> bool {
    let Some(found) = self::series(first, next) else {
        return false;
    };
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    found
        .iter()
        .zip(series)
        .all(|(found, series)| series.step.checked_mul(number) == Some(found.step))
}

struct Folder {
    text: String,
    /// Variables that were of a loop, and can't be used where the text ends.
    lost: BTreeSet<String>,
    /// All names in the script, none of which is free.
    taken: BTreeSet<String>,
    names: BTreeMap<String, (String, String)>,
}

impl Folder {
    fn stand_apart(&mut self, chunk: &Chunk) {
        if chunk.is_apart {
            self.text.push('\n');
        }
    }

    /// Writes it as it is, and in front of it what it needs that was of a loop.
    fn write(&mut self, chunk: &Chunk) {
        self.stand_apart(chunk);
        if let Some(name) = &chunk.declares {
            self.lost.remove(name);
        }
        for name in variables(&chunk.text) {
            self.declare(&name);
        }
        self.text += &chunk.text;
    }

    /// Finds the namespace of a variable again, where that is not at hand.
    fn declare(&mut self, name: &str) {
        if self.lost.remove(name)
            && let Some((word, netns)) = self.names.get(name)
        {
            let _ = writeln!(self.text, "let {name} = {word}(\"{netns}\");");
        }
    }

    fn free(&self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        while self.taken.contains(&name) || super::write::RESERVED.contains(&name.as_str()) {
            name.push('_');
        }
        name
    }

    /// Writes the block once, with a counter in the place of the numbers that go on.
    fn write_loop(&mut self, chunks: &[Chunk], block: &Repeated) {
        let counter = self.free("i");
        let body = &chunks[..block.length];
        let second = &chunks[block.length..2 * block.length];
        let (Some(one), Some(other)) = (flat(body, &self.names), flat(second, &self.names)) else {
            return;
        };
        let series = series(&one, &other).unwrap_or_default();
        let one_by_one = series.iter().find(|series| series.step == 1);
        let from = one_by_one.map_or(1, |series| series.first);
        let to = from + i64::try_from(block.times).unwrap_or(i64::MAX) - 1;
        let terms = series
            .iter()
            .map(|series| (series.step != 0).then(|| term(*series, from, &counter)));
        let mut terms: Terms = terms.collect::<Vec<_>>().into_iter();

        let mut own = BTreeMap::new();
        let mut lines = String::new();
        for chunk in body {
            let text = self.in_loop(chunk, &mut terms, &mut own, &mut lines);
            lines.push_str(&text);
        }
        body.iter()
            .take(1)
            .for_each(|chunk| self.stand_apart(chunk));
        let _ = writeln!(self.text, "for {counter} in {from}..={to} {{");
        for line in lines.lines() {
            let _ = writeln!(self.text, "    {line}");
        }
        self.text.push_str("}\n");
        let all = &chunks[..block.length * block.times];
        self.lost
            .extend(all.iter().filter_map(|chunk| chunk.declares.clone()));
    }

    /// A statement as it stands in the loop. `own` are the variables of the loop, by those that they stand for; one that is not
    /// declared in it is found in `lines`, in front of the statement.
    fn in_loop(
        &mut self,
        chunk: &Chunk,
        terms: &mut Terms,
        own: &mut BTreeMap<String, String>,
        lines: &mut String,
    ) -> String {
        let mut text = String::new();
        let mut quoted: Option<Quoted> = None;
        for atom in chunk.atoms.iter().flatten() {
            match (atom, &mut quoted) {
                (Atom::Quote, inner) => match inner.take() {
                    None => quoted = Some(Quoted::default()),
                    Some(inner) => text.push_str(&inner.literal()),
                },
                (Atom::Variable(name), _) => {
                    let (word, netns) = self.names.get(name).cloned().unwrap_or_default();
                    let mut of_name = Quoted::default();
                    for part in parts(&netns) {
                        of_name.add(&part, terms);
                    }
                    let is_declared = chunk.declares.as_ref() == Some(name);
                    if !of_name.is_made {
                        if !is_declared {
                            self.declare(name);
                        }
                        text.push_str(name);
                        continue;
                    }
                    if !own.contains_key(name) {
                        let variable = self.of_loop(name, own);
                        if !is_declared {
                            let literal = of_name.literal();
                            let _ = writeln!(lines, "let {variable} = {word}({literal});");
                        }
                        own.insert(name.clone(), variable);
                    }
                    text.push_str(&own[name]);
                }
                (part, Some(inner)) => inner.add(part, terms),
                (Atom::Fixed(fixed), None) => text.push_str(fixed),
                (Atom::Number(number), None) => {
                    let term = terms.next().flatten();
                    text.push_str(&term.unwrap_or_else(|| number.to_string()));
                }
            }
        }
        text
    }

    /// A variable of the loop for the ones like `name`.
    fn of_loop(&self, name: &str, own: &BTreeMap<String, String>) -> String {
        let base = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
        let mut variable = self.free(if base.is_empty() { "net" } else { base });
        while own.values().any(|other| *other == variable) {
            variable.push('_');
        }
        variable
    }
}

/// What stands for each number of a block: a term of the counter, or none where it stays as it is.
type Terms = std::vec::IntoIter<Option<String>>;

/// A text that is put together.
#[derive(Default)]
struct Quoted {
    text: String,
    /// A term of the counter is in it.
    is_made: bool,
}

impl Quoted {
    fn add(&mut self, part: &Atom, terms: &mut Terms) {
        match part {
            Atom::Fixed(fixed) => self.text.push_str(fixed),
            Atom::Number(number) => match terms.next().flatten() {
                Some(term) => {
                    let _ = write!(self.text, "${{{term}}}");
                    self.is_made = true;
                }
                None => self.text.push_str(&number.to_string()),
            },
            Atom::Quote | Atom::Variable(_) => {}
        }
    }

    fn literal(&self) -> String {
        let Self { text, is_made } = self;
        if *is_made {
            format!("`{text}`")
        } else {
            format!("\"{text}\"")
        }
    }
}

/// A number of a block by the counter, which begins with `from`.
fn term(Series { first, step }: Series, from: i64, counter: &str) -> String {
    let rest = first - step * from;
    let product = match step {
        1 => counter.to_owned(),
        -1 => return format!("{rest} - {counter}"),
        step => format!("{step} * {counter}"),
    };
    match rest {
        0 => product,
        rest if rest < 0 => format!("{product} - {}", -rest),
        rest => format!("{product} + {rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_steps_are_a_loop_and_what_is_used_behind_is_found_again() {
        let script = "\
// What a run did.

bridge(\"br0\");
let h1 = netns(\"h1\");
h1.link(\"lo\").up();
veth(\"v1\", h1, \"eth0\", #{mtu: 1410})
    .master(\"br0\")
    .up();

let h2 = netns(\"h2\");
h2.link(\"lo\").up();
veth(\"v2\", h2, \"eth0\", #{mtu: 1420})
    .master(\"br0\")
    .up();

let h3 = netns(\"h3\");
h3.link(\"lo\").up();
veth(\"v3\", h3, \"eth0\", #{mtu: 1430})
    .master(\"br0\")
    .up();
h2.route(\"default\", #{via: \"10.0.0.254\"});
h1.link(\"eth0\").addr(\"10.0.1.1/24\");
h1.link(\"eth0\").mtu(1400);
h2.link(\"eth0\").addr(\"10.0.2.1/24\");
h2.link(\"eth0\").mtu(1400);
h3.link(\"eth0\").addr(\"10.0.3.1/24\");
h3.link(\"eth0\").mtu(1400);
h1.link(\"eth0\").addr(\"10.0.1.2/24\");
";
        let wanted = "\
// What a run did.

bridge(\"br0\");
for i in 1..=3 {
    let h = netns(`h${i}`);
    h.link(\"lo\").up();
    veth(`v${i}`, h, \"eth0\", #{mtu: 10 * i + 1400})
        .master(\"br0\")
        .up();
}
let h2 = netns(\"h2\");
h2.route(\"default\", #{via: \"10.0.0.254\"});
for i in 1..=3 {
    let h = netns(`h${i}`);
    h.link(\"eth0\").addr(`10.0.${i}.1/24`);
    h.link(\"eth0\").mtu(1400);
}
let h1 = netns(\"h1\");
h1.link(\"eth0\").addr(\"10.0.1.2/24\");
";
        assert_eq!(fold(script), wanted);
    }

    #[test]
    fn what_does_not_go_on_evenly_is_left_as_it_is() {
        for script in [
            "link(\"a1\").up();\nlink(\"a2\").up();\nlink(\"a4\").up();\nlink(\"a5\").up();\n",
            "sleep(1);\nsleep(1);\nsleep(1);\nsleep(1);\n",
            "netns(\"n00\");\nnetns(\"n01\");\nnetns(\"n02\");\nnetns(\"n03\");\n",
            "exec([\"sh\", \"-c\", \"echo \\\"1\"]);\nexec([\"sh\", \"-c\", \"echo \\\"2\"]);\nexec([\"sh\", \"-c\", \"echo \\\"3\"]);\n",
            "exec(\"a\", #{input: `\n1`});\nexec(\"a\", #{input: `\n2`});\nexec(\"a\", #{input: `\n3`});\nexec(\"a\", #{input: `\n4`});\n",
            "link(\"a1\").set(#{x: -1});\nlink(\"a1\").set(#{x: -2});\nlink(\"a1\").set(#{x: -3});\nlink(\"a1\").set(#{x: -4});\n",
        ] {
            assert_eq!(fold(script), script);
        }
    }

    #[test]
    fn numbers_count_from_where_they_begin() {
        let script = "link(\"a9\").mtu(100);\nlink(\"a8\").mtu(110);\nlink(\"a7\").mtu(120);\nlink(\"a6\").mtu(130);\n";
        assert_eq!(
            fold(script),
            "for i in 1..=4 {\n    link(`a${10 - i}`).mtu(10 * i + 90);\n}\n"
        );
    }
}
