//! Small programs that change a text on its way through a pipe, where what they make of it can be known.

use regex::Regex;

use super::parse::{Node, What};
use super::{Reader, Status};
use crate::import::parameters::has_sign;

type Known<T> = Result<T, String>;

impl Reader<'_> {
    /// What a pipe prints, where that is what is asked for.
    pub(super) fn filtered(&mut self, parts: &[Node]) -> Status {
        let Some((first, filters)) = parts.split_first() else {
            return Status::Success;
        };
        let outer = self.printed.replace(String::new());
        let status = self.node(first);
        let text = std::mem::replace(&mut self.printed, outer).unwrap_or_default();
        if status == Status::Unknown {
            return status;
        }
        let mut text = text;
        for part in filters {
            let What::Simple(simple) = &part.what else {
                return self.unknown("a pipe");
            };
            let words = match self.expand(&simple.words) {
                Ok(words) => words,
                Err(why) => return self.unknown(why),
            };
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            text = match through(&words, &text) {
                Ok(text) => text,
                Err(why) => return self.unknown(why),
            };
        }
        self.print(&text);
        Status::Success
    }

    /// Adds to what is printed.
    pub(super) fn print(&mut self, text: &str) {
        if let Some(printed) = &mut self.printed
            && printed.len() < 1 << 16
        {
            printed.push_str(text);
        }
    }
}

/// What a program prints that reads `text`.
#[allow(clippy::too_many_lines, reason = "one arm a program")]
pub(super) fn through(words: &[&str], text: &str) -> Known<String> {
    let odd = || {
        format!(
            "what `{}` prints is known only when it runs",
            words.join(" ")
        )
    };
    let mut texts = words.iter().chain([&text]);
    if words != ["cat"] && texts.any(|text| has_sign(text)) {
        return Err(odd());
    }
    let all = |lines: Vec<String>| {
        let mut text = lines.join("\n");
        if !text.is_empty() {
            text.push('\n');
        }
        text
    };
    let lines = || text.lines();
    let number = |text: &str| text.parse::<usize>().map_err(|_| odd());
    Ok(match words {
        ["cat"] => text.to_owned(),
        ["cut", options @ ..] => {
            let (mut sign, mut list, mut is_chars) = ("\t", None, false);
            let mut rest = options.iter();
            while let Some(option) = rest.next() {
                let (option, attached) = option.split_at_checked(2).ok_or_else(odd)?;
                let mut value = || match attached {
                    "" => rest.next().copied().ok_or_else(odd),
                    attached => Ok(attached),
                };
                match option {
                    "-d" => sign = value()?,
                    "-f" => list = Some(value()?),
                    "-c" => (list, is_chars) = (Some(value()?), true),
                    _ => return Err(odd()),
                }
            }
            let ranges = spans(list.ok_or_else(odd)?).ok_or_else(odd)?;
            let is_taken = |at: usize| {
                ranges
                    .iter()
                    .any(|(first, last)| (*first..=*last).contains(&at))
            };
            let cut = |line: &str| {
                if is_chars {
                    let chars = line.chars().enumerate();
                    return chars
                        .filter(|(at, _)| is_taken(at + 1))
                        .map(|(_, c)| c)
                        .collect();
                }
                if !line.contains(sign) {
                    return line.to_owned();
                }
                let fields = line.split(sign).enumerate();
                let taken = fields
                    .filter(|(at, _)| is_taken(at + 1))
                    .map(|(_, field)| field);
                taken.collect::<Vec<_>>().join(sign)
            };
            all(lines().map(cut).collect())
        }
        ["tr", "-d", set] => {
            let set = set_of(set).ok_or_else(odd)?;
            text.chars().filter(|c| !set.contains(c)).collect()
        }
        ["tr", from, to] if !from.starts_with('-') => {
            let (from, to) = (set_of(from).ok_or_else(odd)?, set_of(to).ok_or_else(odd)?);
            let last = to.last().copied().ok_or_else(odd)?;
            let change = |c: char| match from.iter().position(|one| *one == c) {
                Some(at) => to.get(at).copied().unwrap_or(last),
                None => c,
            };
            text.chars().map(change).collect()
        }
        ["head" | "tail", options @ ..] => {
            let count = match options {
                [] => 10,
                ["-n", count] => number(count)?,
                [count] => number(count.trim_start_matches("-n").trim_start_matches('-'))?,
                _ => return Err(odd()),
            };
            let total = lines().count();
            let skipped = if words[0] == "tail" {
                total.saturating_sub(count)
            } else {
                0
            };
            all(lines()
                .skip(skipped)
                .take(count)
                .map(str::to_owned)
                .collect())
        }
        ["wc", "-l"] => format!("{}\n", lines().count()),
        ["wc", "-w"] => format!("{}\n", text.split_whitespace().count()),
        ["wc", "-c" | "-m"] => format!("{}\n", text.chars().count()),
        ["sort", options @ ..] => {
            let mut sorted: Vec<String> = lines().map(str::to_owned).collect();
            match options {
                [] | ["-u"] => sorted.sort(),
                ["-n"] => sorted.sort_by_key(|line| line.trim().parse::<i64>().unwrap_or_default()),
                _ => return Err(odd()),
            }
            if options == ["-u"] {
                sorted.dedup();
            }
            all(sorted)
        }
        ["uniq"] => {
            let mut kept: Vec<String> = lines().map(str::to_owned).collect();
            kept.dedup();
            all(kept)
        }
        ["rev"] => all(lines().map(|line| line.chars().rev().collect()).collect()),
        ["xargs"] => all(vec![text.split_whitespace().collect::<Vec<_>>().join(" ")]),
        ["sed", rest @ ..] => {
            let (program, is_extended) = match rest {
                [program] | ["-e", program] => (program, false),
                ["-E" | "-r", program] => (program, true),
                _ => return Err(odd()),
            };
            let change = substitution(program, is_extended).ok_or_else(odd)?;
            all(lines().map(change).collect())
        }
        ["awk", rest @ ..] => {
            let (sign, program) = match rest {
                [program] => (None, program),
                ["-F", sign, program] => (Some(*sign), program),
                [sign, program] => (Some(sign.strip_prefix("-F").ok_or_else(odd)?), program),
                _ => return Err(odd()),
            };
            let (fields, ends) = printing(program).ok_or_else(odd)?;
            let sign = sign.filter(|sign| *sign != " ");
            if sign.is_some_and(|sign| sign.chars().count() != 1 || sign == "|") {
                return Err(odd());
            }
            let print = |line: &str| {
                let parts: Vec<&str> = match sign {
                    Some(sign) => line.split(sign).collect(),
                    None => line.split_whitespace().collect(),
                };
                let text = |field: &Field| match field {
                    Field::Text(text) => text.clone(),
                    Field::Whole => line.to_owned(),
                    Field::Last => parts.last().copied().unwrap_or_default().to_owned(),
                    Field::Number(at) => parts.get(at - 1).copied().unwrap_or_default().to_owned(),
                };
                let printed: String = fields.iter().map(text).collect();
                printed + ends
            };
            lines().map(print).collect()
        }
        _ => return Err(odd()),
    })
}

/// `1`, `1-3`, `2-`, `-4` and several of them.
fn spans(list: &str) -> Option<Vec<(usize, usize)>> {
    let range = |part: &str| {
        let end = |text: &str, usual| {
            if text.is_empty() {
                Some(usual)
            } else {
                text.parse().ok()
            }
        };
        match part.split_once('-') {
            Some((begin, until)) => Some((end(begin, 1)?, end(until, usize::MAX)?)),
            None => part.parse().ok().map(|at| (at, at)),
        }
    };
    list.split(',').map(range).collect()
}

/// The characters of a set of `tr`.
fn set_of(text: &str) -> Option<Vec<char>> {
    match text {
        "[:upper:]" => return Some(('A'..='Z').collect()),
        "[:lower:]" => return Some(('a'..='z').collect()),
        "[:digit:]" => return Some(('0'..='9').collect()),
        "[:space:]" => return Some(" \t\n\r".chars().collect()),
        _ if text.contains(['[', ']']) => return None,
        _ => {}
    }
    let text = text.replace("\\n", "\n").replace("\\t", "\t");
    let chars: Vec<char> = text.chars().filter(|c| *c != '\\').collect();
    let mut all = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        if let Some('-') = chars.get(at + 1)
            && let Some(last) = chars.get(at + 2)
        {
            all.extend(chars[at]..=*last);
            at += 3;
        } else {
            all.push(chars[at]);
            at += 1;
        }
    }
    Some(all)
}

/// What becomes of each line.
type Change = Box<dyn Fn(&str) -> String>;

/// `s/FROM/TO/`, with or without a `g` behind it.
fn substitution(program: &str, is_extended: bool) -> Option<Change> {
    let rest = program.strip_prefix('s')?;
    let sign = rest
        .chars()
        .next()
        .filter(|c| !c.is_alphanumeric() && *c != '\\')?;
    let mut parts = rest[sign.len_utf8()..].split(sign);
    let (from, to, flags) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || !["", "g"].contains(&flags) || to.contains(['&', '\\', '$']) {
        return None;
    }
    let from = if is_extended {
        from.to_owned()
    } else {
        if ["\\(", "\\{", "\\+", "\\?", "\\|"]
            .iter()
            .any(|odd| from.contains(odd))
        {
            return None;
        }
        from.chars().fold(String::new(), |mut all, c| {
            if "+?(){}|".contains(c) {
                all.push('\\');
            }
            all.push(c);
            all
        })
    };
    let from = Regex::new(&from).ok()?;
    let (to, is_global) = (to.to_owned(), flags == "g");
    Some(Box::new(move |line| {
        let to = regex::NoExpand(&to);
        if is_global {
            from.replace_all(line, to).into_owned()
        } else {
            from.replace(line, to).into_owned()
        }
    }))
}

/// A part of what a program of awk prints of each line.
enum Field {
    Text(String),
    Number(usize),
    Whole,
    Last,
}

/// `{print $1 "." $2}` and `{printf("%s.%s", $1, $2)}`, and what ends each line that it prints.
fn printing(program: &str) -> Option<(Vec<Field>, &'static str)> {
    let inner = program.trim().strip_prefix('{')?.strip_suffix('}')?;
    let inner = inner.trim().trim_end_matches(';').trim();
    let rest = inner.strip_prefix("print")?;
    match rest.strip_prefix('f') {
        Some(rest) => Some((formatting(rest.trim())?, "")),
        None => Some((fields_of(rest.trim())?, "\n")),
    }
}

/// `"%s.%s", $1, $2`, perhaps in brackets.
fn formatting(text: &str) -> Option<Vec<Field>> {
    let text = text
        .strip_prefix('(')
        .map_or(Some(text), |text| text.strip_suffix(')'))?;
    let (format, rest) = text.trim().strip_prefix('"')?.split_once('"')?;
    let mut arguments = rest.split(',').skip(1);
    let mut fields = Vec::new();
    let mut parts = format.split('%');
    let plain = |text: &str| {
        let text = text.replace("\\n", "\n").replace("\\t", "\t");
        (!text.contains('\\')).then_some(Field::Text(text))
    };
    fields.push(plain(parts.next()?)?);
    for part in parts {
        let text = part.strip_prefix(['s', 'd'])?;
        let [argument] = <[Field; 1]>::try_from(fields_of(arguments.next()?.trim())?).ok()?;
        fields.push(argument);
        fields.push(plain(text)?);
    }
    Some(fields)
}

fn fields_of(mut rest: &str) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !rest.is_empty() {
        if let Some(text) = rest.strip_prefix('"') {
            let (text, behind) = text.split_once('"')?;
            if text.contains('\\') {
                return None;
            }
            fields.push(Field::Text(text.to_owned()));
            rest = behind;
        } else if let Some(behind) = rest.strip_prefix("$NF") {
            fields.push(Field::Last);
            rest = behind;
        } else if let Some(behind) = rest.strip_prefix('$') {
            let end = behind
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(behind.len());
            fields.push(match behind[..end].parse().ok()? {
                0 => Field::Whole,
                at => Field::Number(at),
            });
            rest = &behind[end..];
        } else if let Some(behind) = rest.strip_prefix(',') {
            fields.push(Field::Text(" ".to_owned()));
            rest = behind;
        } else {
            return None;
        }
        rest = rest.trim_start();
    }
    if fields.is_empty() {
        fields.push(Field::Whole);
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_through_as_the_programs_make_them() {
        for (words, text, made) in [
            (&["cut", "-d/", "-f1"][..], "10.0.0.1/24\n", "10.0.0.1\n"),
            (&["cut", "-d", ".", "-f", "1-3"], "10.1.2.3", "10.1.2\n"),
            (&["cut", "-c1-4"], "veth0\n", "veth\n"),
            (&["tr", "-d", ":"], "02:ab\n", "02ab\n"),
            (&["tr", "a-z", "A-Z"], "veth\n", "VETH\n"),
            (&["tr", ",", " "], "a,b\n", "a b\n"),
            (&["head", "-n", "1"], "a\nb\n", "a\n"),
            (&["tail", "-1"], "a\nb\n", "b\n"),
            (&["wc", "-l"], "a\nb\n", "2\n"),
            (&["sed", "s/\\./-/g"], "10.0.0.1\n", "10-0-0-1\n"),
            (&["sed", "s|/.*||"], "10.0.0.1/24\n", "10.0.0.1\n"),
            (&["awk", "-F.", "{print $1\".\"$2}"], "10.1.2.3\n", "10.1\n"),
            (&["awk", "{ print $NF }"], "a b c\n", "c\n"),
            (
                &["awk", "-F.", "{printf(\"%s.%s.0/24\",$1,$2)}"],
                "10.1.2.3\n",
                "10.1.0/24",
            ),
            (&["awk", "{printf \"%s\\n\", $2}"], "a b\nc d\n", "b\nd\n"),
        ] {
            assert_eq!(through(words, text).as_deref(), Ok(made), "{words:?}");
        }
        for words in [
            &["awk", "{x=1}"][..],
            &["awk", "{printf \"%5s\", $1}"],
            &["awk", "{printf \"%s\"}"],
            &["sed", "s/a/&b/"],
            &["cut"],
            &["jq", "."],
        ] {
            assert!(through(words, "a\n").is_err(), "{words:?}");
        }
    }
}
