//! Reads a shell script as far as it is a list of commands: variables with a known value are put in, and loops over known
//! words are unrolled. What else a shell can do is left.

use std::collections::HashMap;

use super::lex::{Kind, Piece, Token, is_name, is_redirection, tokens};
use crate::steps::{Item, Left, Step};

/// How many commands the loops of one script may become.
const MOST: usize = 10_000;

/// Loops, conditions and functions: what begins them, and what ends them.
const COMPOUND: &[(&str, &str)] = &[
    ("if", "fi"),
    ("while", "done"),
    ("until", "done"),
    ("for", "done"),
    ("select", "done"),
    ("case", "esac"),
    ("{", "}"),
];

/// Turns the words of a command into steps, or says why it does not.
pub(crate) type Translate<'a> = &'a dyn Fn(&[String]) -> Result<Vec<Step>, String>;

struct Reader<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    /// None for a variable whose value only a run would know.
    variables: HashMap<String, Option<String>>,
    translate: Translate<'a>,
    items: Vec<Item>,
}

/// The items of a script whose first line has the number `line`.
pub(crate) fn read(text: &str, line: usize, translate: Translate) -> Vec<Item> {
    let mut reader = Reader {
        text,
        tokens: tokens(text, line),
        variables: HashMap::new(),
        translate,
        items: Vec::new(),
    };
    reader.list(0, reader.tokens.len());
    reader.items
}

impl Reader<'_> {
    /// Reads the tokens from `at` to `end` as a list of commands.
    fn list(&mut self, mut at: usize, end: usize) {
        // The first thing on a line: a comment there is one of its own, and nothing there a blank line.
        let mut is_first = true;
        // Where the items of the line begin: a comment behind a command is written above it.
        let mut line = self.items.len();
        while at < end {
            let token = &self.tokens[at];
            match &token.kind {
                Kind::Newline => {
                    if is_first {
                        self.items.push(Item::Blank);
                    }
                    is_first = true;
                    at += 1;
                }
                Kind::Comment(text) => {
                    if !(token.line == 1 && text.starts_with('!')) {
                        let index = if is_first { self.items.len() } else { line };
                        self.items.insert(index, Item::Comment(text.clone()));
                    }
                    is_first = false;
                    at += 1;
                }
                Kind::Operator(";") => at += 1,
                _ => {
                    if std::mem::take(&mut is_first) {
                        line = self.items.len();
                    }
                    at = self.command(at, end);
                }
            }
        }
    }

    fn leave(&mut self, from: usize, to: usize, why: impl Into<String>) {
        let range = self.tokens[from].range.start..self.tokens[to.max(from + 1) - 1].range.end;
        self.items.push(Item::Left(Left {
            line: self.tokens[from].line,
            text: self.text[range].to_owned(),
            why: why.into(),
        }));
    }

    /// Reads what begins at `at`, and returns where it ends.
    fn command(&mut self, at: usize, end: usize) -> usize {
        let word = self.tokens[at].bare().unwrap_or_default().to_owned();
        if word == "for"
            && let Some(after) = self.unroll(at, end)
        {
            return after;
        }
        let is_function =
            word == "function" || self.tokens.get(at + 1).is_some_and(|token| token.is("("));
        if is_function
            || self.tokens[at].is("(")
            || COMPOUND.iter().any(|(begin, _)| *begin == word)
        {
            let after = self.end_of_compound(at, end);
            self.leave(at, after, "not a plain command");
            return after;
        }
        self.chain(at, end)
    }

    /// Where a compound command that begins at `at` ends, with all up to the end of that line.
    fn end_of_compound(&self, at: usize, end: usize) -> usize {
        let mut open: Vec<&str> = Vec::new();
        let mut is_start = true;
        for index in at..end {
            let token = &self.tokens[index];
            let bare = token.bare().filter(|_| is_start);
            if let Some((_, closes)) = COMPOUND.iter().find(|(begin, _)| bare == Some(begin)) {
                open.push(closes);
            } else if token.is("(") {
                open.push(")");
            } else if (token.is(")") && open.last() == Some(&")"))
                || (bare.is_some() && bare == open.last().copied())
            {
                open.pop();
            } else if token.kind == Kind::Newline && open.is_empty() && !self.goes_on(at, index) {
                return index;
            }
            is_start = token.ends_command()
                || bare.is_some_and(|word| ["do", "then", "else", "{"].contains(&word));
        }
        end
    }

    /// Whether the newline at `index` only stands before the body of a function.
    fn goes_on(&self, at: usize, index: usize) -> bool {
        let before = self.tokens.get(index.wrapping_sub(1));
        let after = self.tokens.get(index + 1);
        index > at
            && before.is_some_and(|token| token.is(")"))
            && after.is_some_and(|token| token.bare() == Some("{"))
    }

    /// Unrolls the loop at `at`, if it is one over known words; returns where it ends.
    fn unroll(&mut self, at: usize, end: usize) -> Option<usize> {
        let variable = self
            .tokens
            .get(at + 1)?
            .bare()
            .filter(|name| is_name(name))?
            .to_owned();
        if self.tokens.get(at + 2)?.bare() != Some("in") {
            return None;
        }
        let mut index = at + 3;
        let mut words = Vec::new();
        while !self.tokens.get(index)?.ends_command() {
            let Kind::Word(pieces) = &self.tokens[index].kind else {
                return None;
            };
            words.extend(self.expand(pieces).ok()?);
            index += 1;
        }
        while self.tokens[index].is(";")
            || matches!(self.tokens[index].kind, Kind::Newline | Kind::Comment(_))
        {
            index += 1;
            self.tokens.get(index)?;
        }
        if self.tokens[index].bare() != Some("do") {
            return None;
        }
        let after = self.end_of_compound(at, end);
        let done = (index..after)
            .rev()
            .find(|done| self.tokens[*done].bare() == Some("done"))?;
        if done + 1 < after && !self.tokens[done + 1..after].iter().all(Token::ends_command) {
            return None;
        }
        let body = index + 1..done;
        let is_plain = self.tokens[body.clone()]
            .iter()
            .all(|token| !matches!(token.bare(), Some("break" | "continue")));
        if !is_plain || words.len() * body.len() > MOST || self.items.len() > MOST {
            return None;
        }
        for word in words {
            self.variables.insert(variable.clone(), Some(word));
            let before = self.items.len();
            self.list(body.start, body.end);
            let made = self.items.split_off(before);
            let made = made.into_iter().skip_while(|item| *item == Item::Blank);
            self.items.extend(made);
        }
        Some(after)
    }

    /// Reads commands that are joined by `&&`, `||`, `|` and `&`; returns where they end.
    fn chain(&mut self, at: usize, end: usize) -> usize {
        let mut parts = Vec::new();
        let mut operators = Vec::new();
        let mut start = at;
        let mut index = at;
        let mut here_document = None;
        while index < end {
            let token = &self.tokens[index];
            match &token.kind {
                Kind::Operator(one @ ("&&" | "||" | "|" | "&")) => {
                    parts.push(start..index);
                    operators.push(*one);
                    start = index + 1;
                    // The command may go on in the next line.
                    while *one != "&"
                        && matches!(self.tokens.get(start), Some(token) if token.kind == Kind::Newline)
                        && start < end
                    {
                        start += 1;
                    }
                    index = start;
                    continue;
                }
                Kind::Operator("<<" | "<<-") => {
                    here_document = self.tokens.get(index + 1).map(word_text);
                }
                Kind::Operator("(" | ")") | Kind::Word(_) => {}
                Kind::Operator(one) if is_redirection(one) => {}
                Kind::Newline | Kind::Comment(_) | Kind::Operator(_) => break,
            }
            index += 1;
        }
        if start < index {
            parts.push(start..index);
        }
        if index == at {
            // Nothing begins with this.
            self.leave(at, at + 1, "not a plain command");
            return at + 1;
        }
        if let Some(mark) = here_document {
            let after = (index..end).find(|line| {
                word_text(&self.tokens[*line]) == mark
                    && matches!(
                        self.tokens.get(line + 1),
                        None | Some(Token {
                            kind: Kind::Newline,
                            ..
                        })
                    )
            });
            let after = after.map_or(end, |line| line + 1);
            self.leave(at, after, "a text in the script");
            return after;
        }
        self.joined(at, index, &parts, &operators);
        index
    }

    fn joined(
        &mut self,
        at: usize,
        end: usize,
        parts: &[std::ops::Range<usize>],
        operators: &[&str],
    ) {
        if parts.iter().any(std::ops::Range::is_empty) {
            return self.leave(at, end, "not a plain command");
        }
        let is_true = |part: &std::ops::Range<usize>| {
            part.len() == 1 && matches!(self.tokens[part.start].bare(), Some("true" | ":"))
        };
        let parts = match (parts, operators) {
            // Deleting what is gone is no error, and making ensures: failing does not matter here.
            ([first, second], ["||"]) if is_true(second) => std::slice::from_ref(first),
            (parts, operators)
                if operators.iter().all(|operator| *operator == "&&")
                    && parts.len() == operators.len() + 1 =>
            {
                parts
            }
            (_, operators) => {
                let why = match operators.iter().find(|operator| **operator != "&&") {
                    Some(&"|") => "a pipe",
                    Some(&"&") => "a command in the background",
                    _ => "what is done depends on how a command ends",
                };
                return self.leave(at, end, why);
            }
        };
        for part in parts {
            if let Err(why) = self.simple(part.clone()) {
                self.leave(part.start, part.end, why);
            }
        }
    }

    /// Reads one command.
    fn simple(&mut self, part: std::ops::Range<usize>) -> Result<(), String> {
        let mut index = part.start;
        let mut words = Vec::new();
        let mut is_assigning = true;
        let mut assigned = Vec::new();
        let mut written = None;
        while index < part.end {
            let token = &self.tokens[index];
            match &token.kind {
                Kind::Word(pieces) => {
                    let next = self.tokens.get(index + 1).filter(|_| index + 1 < part.end);
                    let is_descriptor = token
                        .bare()
                        .is_some_and(|word| ["0", "1", "2"].contains(&word))
                        && next.is_some_and(|next| {
                            next.range.start == token.range.end && is_output(next)
                        });
                    if is_descriptor {
                        // Of a redirection.
                    } else if is_assigning && let Some((name, value)) = assignment(pieces) {
                        assigned.push((name, self.one(&value)));
                    } else {
                        is_assigning = false;
                        words.extend(self.expand(pieces)?);
                    }
                    index += 1;
                }
                Kind::Operator(_) if is_output(token) => {
                    let target = self.tokens.get(index + 1);
                    let setting = target.and_then(|target| self.setting(target));
                    let target = target.and_then(Token::bare);
                    if setting.is_none() && !matches!(target, Some("/dev/null" | "1" | "2")) {
                        return Err("its output goes to a file".to_owned());
                    }
                    written = setting.or(written);
                    index += 2;
                }
                _ => return Err("a redirection".to_owned()),
            }
        }
        if let Some(key) = written {
            words = match words.as_slice() {
                [echo, value @ ..] if echo == "echo" && !value.is_empty() => {
                    let value = value.iter().filter(|word| *word != "-n");
                    let value: Vec<&str> = value.map(String::as_str).collect();
                    let assignment = format!("{key}={}", value.join(" "));
                    vec!["sysctl".to_owned(), "-w".to_owned(), assignment]
                }
                _ => return Err("its output goes to a file".to_owned()),
            };
        }
        match words.first().map(String::as_str) {
            None => {
                for (name, value) in assigned {
                    self.variables.insert(name.clone(), value.clone().ok());
                    value.map_err(|why| format!("the value of {name} is not known: {why}"))?;
                }
                Ok(())
            }
            Some("export" | "readonly" | "local" | "declare") => self.declare(&words[1..]),
            // How to go on after an error: a script ends there, as it does with `set -e`.
            Some("set") => {
                self.items.push(Item::Comment(words.join(" ")));
                Ok(())
            }
            Some("true" | ":") => Ok(()),
            Some(_) => {
                let steps = (self.translate)(&words)?;
                self.items.extend(steps.into_iter().map(Item::Step));
                Ok(())
            }
        }
    }

    /// The setting of the kernel that a file stands for.
    fn setting(&self, file: &Token) -> Option<String> {
        let Kind::Word(pieces) = &file.kind else {
            return None;
        };
        let path = self.one(pieces).ok()?;
        path.strip_prefix("/proc/sys/").map(str::to_owned)
    }

    fn declare(&mut self, words: &[String]) -> Result<(), String> {
        for word in words {
            let (name, value) = word.split_once('=').ok_or("not a plain assignment")?;
            if !is_name(name) {
                return Err("not a plain assignment".to_owned());
            }
            self.variables
                .insert(name.to_owned(), Some(value.to_owned()));
        }
        Ok(())
    }

    /// The value of pieces that are not split.
    fn one(&self, pieces: &[Piece]) -> Result<String, String> {
        let mut all = String::new();
        for piece in pieces {
            all.push_str(&self.value(piece)?.0);
        }
        Ok(all)
    }

    /// The words that a word becomes.
    fn expand(&self, pieces: &[Piece]) -> Result<Vec<String>, String> {
        if let [
            Piece::Text {
                text,
                quoted: false,
            },
        ] = pieces
            && let Some(numbers) = range_of_braces(text)
        {
            return Ok(numbers);
        }
        let mut words: Vec<String> = Vec::new();
        let mut current: Option<String> = None;
        for piece in pieces {
            let (text, is_split) = self.value(piece)?;
            if !is_split {
                current.get_or_insert_default().push_str(&text);
                continue;
            }
            let begins = text.starts_with(char::is_whitespace);
            let ends = text.ends_with(char::is_whitespace);
            if begins {
                words.extend(current.take());
            }
            let mut parts = text.split_whitespace().peekable();
            while let Some(part) = parts.next() {
                current.get_or_insert_default().push_str(part);
                if parts.peek().is_some() || ends {
                    words.extend(current.take());
                }
            }
        }
        words.extend(current);
        Ok(words)
    }

    /// The text of a piece, and whether it is split at white space.
    fn value(&self, piece: &Piece) -> Result<(String, bool), String> {
        match piece {
            Piece::Text { text, quoted } => {
                if !quoted
                    && (text.contains(['*', '?']) || (text.contains('{') && text.contains('}')))
                {
                    return Err(format!("the pattern {text}"));
                }
                Ok((text.clone(), false))
            }
            Piece::Variable { name, quoted } => match self.variables.get(name) {
                Some(Some(value)) => Ok((value.clone(), !quoted)),
                Some(None) => Err(format!("the value of ${name} is known only when it runs")),
                None => Err(format!("${name} is set nowhere in the script")),
            },
            Piece::Arithmetic(text) => {
                let number = self
                    .arithmetic(text)
                    .ok_or_else(|| format!("the expression {text}"))?;
                Ok((number.to_string(), false))
            }
            Piece::Command { text, quoted } => {
                let known = self
                    .sequence(text)
                    .ok_or_else(|| format!("what `{text}` prints is known only when it runs"))?;
                Ok((known, !quoted))
            }
            Piece::Unknown(text) => Err(format!("the expression {text}")),
        }
    }

    /// What `seq` prints.
    fn sequence(&self, command: &str) -> Option<String> {
        let mut words = Vec::new();
        for token in tokens(command, 1) {
            let Kind::Word(pieces) = &token.kind else {
                return None;
            };
            words.extend(self.expand(pieces).ok()?);
        }
        let (seq, bounds) = words.split_first()?;
        if seq != "seq" {
            return None;
        }
        let bounds: Vec<i64> = bounds
            .iter()
            .map(|bound| bound.parse().ok())
            .collect::<Option<_>>()?;
        let (first, last) = match bounds.as_slice() {
            [last] => (1, *last),
            [first, last] => (*first, *last),
            _ => return None,
        };
        numbers(first, last).map(|numbers| numbers.join("\n"))
    }

    /// A sum, difference, product, quotient or remainder of numbers and variables, calculated from left to right where that is
    /// right.
    fn arithmetic(&self, text: &str) -> Option<i64> {
        // Rhai calculates as the shell does: in 64 bits, with the same precedence of these operators.
        let mut plain = String::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let end = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            if end == 0 {
                if !"+-*/%() $".contains(c) {
                    return None;
                }
                if c != '$' {
                    plain.push(c);
                }
                rest = &rest[c.len_utf8()..];
                continue;
            }
            let word = &rest[..end];
            if is_name(word) {
                let value: i64 = self.variables.get(word)?.as_ref()?.parse().ok()?;
                plain.extend(["(", &value.to_string(), ")"]);
            } else {
                let value: i64 = word
                    .parse()
                    .ok()
                    .filter(|_| word == "0" || !word.starts_with('0'))?;
                plain.push_str(&value.to_string());
            }
            rest = &rest[end..];
        }
        rhai::Engine::new().eval_expression::<i64>(&plain).ok()
    }
}

fn is_output(token: &Token) -> bool {
    [">", ">>", ">&", "&>", "&>>"]
        .iter()
        .any(|operator| token.is(operator))
}

/// What a word says, whatever its quotes.
fn word_text(token: &Token) -> String {
    let Kind::Word(pieces) = &token.kind else {
        return String::new();
    };
    let texts = pieces.iter().map(|piece| match piece {
        Piece::Text { text, .. } => text.as_str(),
        _ => "",
    });
    texts.collect()
}

/// A word as `NAME=VALUE`.
fn assignment(pieces: &[Piece]) -> Option<(String, Vec<Piece>)> {
    let Some(Piece::Text {
        text,
        quoted: false,
    }) = pieces.first()
    else {
        return None;
    };
    let (name, begin) = text.split_once('=')?;
    if !is_name(name) {
        return None;
    }
    let mut value = pieces.to_vec();
    value[0] = Piece::Text {
        text: begin.to_owned(),
        quoted: false,
    };
    Some((name.to_owned(), value))
}

/// `{1..3}`
fn range_of_braces(text: &str) -> Option<Vec<String>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let (first, last) = inner.split_once("..")?;
    numbers(first.parse().ok()?, last.parse().ok()?)
}

fn numbers(first: i64, last: i64) -> Option<Vec<String>> {
    let count = last.checked_sub(first)?;
    let is_few = usize::try_from(count).is_ok_and(|count| count < MOST);
    (count < 0 || is_few).then(|| (first..=last).map(|number| number.to_string()).collect())
}
