//! What the shell itself does, and small programs whose answer is known.

use super::expand::{Held, numbers};
use super::parse::Assignment;
use super::{Flow, Reader, Status, ask};
use crate::import::lex::is_name;

type Known<T> = Result<T, String>;

impl Reader<'_> {
    /// Sets a variable.
    pub(super) fn assign(&mut self, assignment: &Assignment) -> Known<()> {
        let name = &assignment.name;
        let (plain, index) = name
            .split_once('[')
            .map_or((name.as_str(), None), |(plain, index)| {
                (plain, index.strip_suffix(']'))
            });
        let value = self.value_of(assignment, plain, index);
        let held = value.clone().unwrap_or(Held::Unknown);
        self.variables.insert(plain.to_owned(), held);
        value
            .map(|_| ())
            .map_err(|why| format!("the value of {plain} is not known: {why}"))
    }

    fn value_of(
        &mut self,
        assignment: &Assignment,
        name: &str,
        index: Option<&str>,
    ) -> Known<Held> {
        let present = self.variables.get(name).cloned();
        if assignment.is_list {
            let mut list = match present {
                Some(Held::List(list)) if assignment.is_added => list,
                Some(Held::Text(text)) if assignment.is_added => vec![text],
                Some(Held::Unknown) if assignment.is_added => return Err("what it held".into()),
                _ => Vec::new(),
            };
            let words = self.expand(&assignment.value)?;
            let has_index = |word: &String| word.starts_with('[') && word.contains("]=");
            if words.iter().any(has_index) {
                return Err("a list with names".to_owned());
            }
            list.extend(words);
            return Ok(Held::List(list));
        }
        let mut text = String::new();
        for word in &assignment.value {
            text.push_str(&self.one(word)?);
        }
        if let Some(index) = index {
            let at = usize::try_from(self.calculate(index)?)
                .ok()
                .filter(|at| *at < 1000)
                .ok_or("its index")?;
            let mut list = match present {
                Some(Held::List(list)) => list,
                Some(Held::Text(text)) => vec![text],
                Some(Held::Unknown) => return Err("what it held".to_owned()),
                None => Vec::new(),
            };
            if at > list.len() {
                return Err("a list with gaps".to_owned());
            }
            if at == list.len() {
                list.push(String::new());
            }
            if assignment.is_added {
                list[at].push_str(&text);
            } else {
                list[at] = text;
            }
            return Ok(Held::List(list));
        }
        if !assignment.is_added {
            return Ok(Held::Text(text));
        }
        match present {
            Some(Held::Text(before)) if before.len() + text.len() < 1 << 16 => {
                Ok(Held::Text(before + text.as_str()))
            }
            None => Ok(Held::Text(text)),
            _ => Err("what it held".to_owned()),
        }
    }

    /// Runs what the shell does itself; none where it is a program.
    pub(super) fn builtin(&mut self, line: usize, words: &[String]) -> Option<Status> {
        let (name, arguments) = words.split_first()?;
        let texts: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let status = match (name.as_str(), texts.as_slice()) {
            ("true" | ":" | "which" | "hash" | "type" | "wait", _)
            | ("command", ["-v" | "-V", _]) => Status::Success,
            ("false", _) => Status::Failure,
            ("exit", _) => {
                self.flow = Flow::Exit(line);
                Status::Success
            }
            ("return", _) if !self.arguments.is_empty() => {
                self.flow = Flow::Return;
                self.returned = ask::known(texts.first().is_none_or(|code| *code == "0"));
                self.returned
            }
            ("break" | "continue", _) => {
                let levels = texts.first().and_then(|text| text.parse().ok());
                let levels = levels.unwrap_or(1);
                self.flow = if name == "break" {
                    Flow::Break(levels)
                } else {
                    Flow::Continue(levels)
                };
                Status::Success
            }
            ("shift", _) => {
                let count = texts.first().and_then(|text| text.parse().ok());
                let count: usize = count.unwrap_or(1);
                match self.arguments.last_mut() {
                    Some(all) if count <= all.len() => {
                        all.drain(..count);
                        Status::Success
                    }
                    Some(_) => Status::Failure,
                    None => self.unknown("the arguments of the script"),
                }
            }
            ("let", _) => {
                let mut last = 0;
                for text in texts {
                    match self.calculate(text) {
                        Ok(value) => last = value,
                        Err(why) => return Some(self.unknown(why)),
                    }
                }
                ask::known(last != 0)
            }
            ("unset", names) => {
                for name in names.iter().filter(|name| is_name(name)) {
                    self.variables.remove(*name);
                }
                Status::Success
            }
            ("[", [inner @ .., "]"]) => {
                let inner: Vec<String> = inner.iter().map(|word| (*word).to_owned()).collect();
                self.answer(&inner)
            }
            ("test", _) => self.answer(arguments),
            ("eval", _) => {
                let text = arguments.join(" ");
                if self.depth > 5 {
                    return Some(self.unknown("commands made of text"));
                }
                self.depth += 1;
                let nodes = super::parse::parse(&crate::import::lex::tokens(&text, line));
                let source = std::mem::replace(&mut self.text, text.as_str().into());
                let status = self.list(&nodes);
                self.text = source;
                self.depth -= 1;
                status
            }
            ("printf", ["-v", name, format, rest @ ..]) if is_name(name) => {
                match formatted(format, rest) {
                    Ok(text) => {
                        self.variables.insert((*name).to_owned(), Held::Text(text));
                        Status::Success
                    }
                    Err(why) => self.unknown(why),
                }
            }
            _ if self.printed.is_some() => match answer_of(name, &texts) {
                Ok(text) => {
                    if let Some(printed) = &mut self.printed
                        && printed.len() < 1 << 16
                    {
                        printed.push_str(&text);
                    }
                    Status::Success
                }
                Err(why) => self.unknown(why),
            },
            _ => return None,
        };
        Some(status)
    }

    fn answer(&mut self, words: &[String]) -> Status {
        match Self::test(words) {
            Ok(status) => status,
            Err(why) => self.unknown(why),
        }
    }

    /// `local x`, `export A=b`, `declare -a list=(…)`: the names behind the word, and the values.
    pub(super) fn declare(&mut self, words: &[String], assignments: &[Assignment]) -> Known<()> {
        let (word, names) = words.split_first().ok_or("nothing is declared")?;
        let is_local = ["local", "declare", "typeset"].contains(&word.as_str());
        let is_odd = |option: &String| option.starts_with('-') && option.contains(['A', 'n', 'i']);
        let is_odd = names.iter().any(is_odd);
        let plain = names.iter().filter(|name| is_name(name)).cloned();
        let set = assignments.iter().map(|assignment| {
            let name = assignment.name.split('[').next().unwrap_or_default();
            name.to_owned()
        });
        let all: Vec<String> = plain.clone().chain(set).collect();
        if is_local && let Some(hidden) = self.hidden.last_mut() {
            for name in &all {
                let present = self.variables.get(name).cloned();
                hidden.entry(name.clone()).or_insert(present);
            }
        }
        if is_odd {
            for name in all {
                self.variables.insert(name, Held::Unknown);
            }
            return Err("a variable of its own kind".to_owned());
        }
        if is_local {
            for name in plain {
                self.variables.remove(&name);
            }
        }
        assignments
            .iter()
            .try_for_each(|assignment| self.assign(assignment))
    }

    /// `set -e`, `set -- a b`.
    pub(super) fn set_options(&mut self, arguments: &[String]) {
        let mut rest = arguments.iter();
        while let Some(word) = rest.next() {
            match word.as_str() {
                "--" => {
                    let all: Vec<String> = rest.cloned().collect();
                    self.arguments.pop();
                    self.arguments.push(all);
                    if self.hidden.is_empty() {
                        self.hidden.push(std::collections::HashMap::new());
                    }
                    return;
                }
                "-o" | "+o" => {
                    if rest.next().is_some_and(|option| option == "errexit") {
                        self.ends_on_error = word == "-o";
                    }
                }
                option => {
                    if option.contains('e') && !option.contains("err") {
                        self.ends_on_error = option.starts_with('-');
                    }
                    if option.ends_with('o')
                        && rest.next().is_some_and(|option| option == "errexit")
                    {
                        self.ends_on_error = true;
                    }
                }
            }
        }
    }
}

/// What small programs print.
fn answer_of(name: &str, arguments: &[&str]) -> Known<String> {
    let unknown = || format!("what `{name}` prints is known only when it runs");
    match (name, arguments) {
        ("echo", _) => Ok(echoed(arguments)),
        ("printf", [format, rest @ ..]) => formatted(format, rest),
        ("seq", bounds) => {
            let (width, bounds) = match bounds {
                ["-w", rest @ ..] => (true, rest),
                rest => (false, rest),
            };
            let bounds: Option<Vec<i64>> = bounds.iter().map(|bound| bound.parse().ok()).collect();
            let (first, step, last) = match bounds.as_deref() {
                Some([last]) => (1, 1, *last),
                Some([first, last]) => (*first, 1, *last),
                Some([first, step, last]) if *step != 0 => (*first, *step, *last),
                _ => return Err(unknown()),
            };
            if (step > 0) != (last >= first) && first != last {
                return Ok(String::new());
            }
            let all = numbers(first, last, step.checked_abs().ok_or_else(unknown)?);
            let all = all.ok_or_else(unknown)?;
            let longest = all.iter().map(|one| one.to_string().len()).max();
            let width = longest.filter(|_| width).unwrap_or(0);
            let lines: Vec<String> = all.iter().map(|one| format!("{one:0width$}")).collect();
            Ok(if lines.is_empty() {
                String::new()
            } else {
                lines.join("\n") + "\n"
            })
        }
        ("expr", [left, sign, right]) => {
            let number = |text: &str| text.parse::<i64>().map_err(|_| unknown());
            let (left, right) = (number(left)?, number(right)?);
            let value = match *sign {
                "+" => left.checked_add(right),
                "-" => left.checked_sub(right),
                "*" => left.checked_mul(right),
                "/" => left.checked_div(right),
                "%" => left.checked_rem(right),
                _ => None,
            };
            Ok(format!("{}\n", value.ok_or_else(unknown)?))
        }
        ("id", ["-u"]) => Ok("0\n".to_owned()),
        ("whoami", []) | ("id", ["-un"]) => Ok("root\n".to_owned()),
        ("uname", [] | ["-s"]) => Ok("Linux\n".to_owned()),
        ("basename", [path]) => {
            let path = path.trim_end_matches('/');
            Ok(format!("{}\n", path.rsplit('/').next().unwrap_or(path)))
        }
        _ => Err(unknown()),
    }
}

/// What `echo` prints.
pub(super) fn echoed(arguments: &[&str]) -> String {
    let mut rest = arguments;
    let (mut is_ended, mut is_escaped) = (true, false);
    while let [option, more @ ..] = rest {
        match *option {
            "-n" => is_ended = false,
            "-e" => is_escaped = true,
            "-ne" | "-en" => (is_ended, is_escaped) = (false, true),
            "-E" => {}
            _ => break,
        }
        rest = more;
    }
    let mut text = rest.join(" ");
    if is_escaped {
        text = unescaped(&text);
    }
    if is_ended {
        text.push('\n');
    }
    text
}

fn unescaped(text: &str) -> String {
    let mut all = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            all.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => all.push('\n'),
            Some('t') => all.push('\t'),
            Some('r') => all.push('\r'),
            Some('\\') | None => all.push('\\'),
            Some(other) => all.extend(['\\', other]),
        }
    }
    all
}

/// What `printf` prints.
pub(super) fn formatted(format: &str, arguments: &[&str]) -> Known<String> {
    let odd = || format!("the format {format}");
    let format_text = unescaped(format);
    let mut all = String::new();
    let mut given = arguments.iter();
    loop {
        let before = given.len();
        let mut chars = format_text.chars().peekable();
        while let Some(c) = chars.next() {
            if c != '%' {
                all.push(c);
                continue;
            }
            if chars.peek() == Some(&'%') {
                chars.next();
                all.push('%');
                continue;
            }
            let is_left = chars.next_if_eq(&'-').is_some();
            let is_zero = chars.next_if_eq(&'0').is_some();
            let mut width = 0_usize;
            while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                width = width * 10 + digit as usize;
                chars.next();
                if width > 200 {
                    return Err(odd());
                }
            }
            let value = given.next().copied();
            let number = || {
                let text = value.unwrap_or("0");
                let text = if text.is_empty() { "0" } else { text };
                text.strip_prefix("0x").map_or_else(
                    || text.parse::<i64>().map_err(|_| odd()),
                    |digits| i64::from_str_radix(digits, 16).map_err(|_| odd()),
                )
            };
            let text = match chars.next() {
                Some('s') => value.unwrap_or_default().to_owned(),
                Some('b') => unescaped(value.unwrap_or_default()),
                Some('d' | 'i' | 'u') => number()?.to_string(),
                Some('x') => format!("{:x}", number()?),
                Some('X') => format!("{:X}", number()?),
                Some('c') => value.unwrap_or_default().chars().take(1).collect(),
                _ => return Err(odd()),
            };
            let missing = width.saturating_sub(text.chars().count());
            if is_left {
                all.push_str(&text);
                all.extend(std::iter::repeat_n(' ', missing));
            } else if is_zero && !text.starts_with('-') {
                all.extend(std::iter::repeat_n('0', missing));
                all.push_str(&text);
            } else {
                all.extend(std::iter::repeat_n(' ', missing));
                all.push_str(&text);
            }
        }
        if given.len() == 0 || given.len() == before || all.len() > 1 << 16 {
            return Ok(all);
        }
    }
}
