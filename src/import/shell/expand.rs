//! What the words of a command stand for: variables, braces, calculations, and what commands print.

use super::arithmetic::{self, Numbers};
use super::parse::Word;
use super::pattern;
use super::{Reader, Status};
use crate::import::lex::{self, Piece, is_name};
use crate::import::parameters::{self, has_sign};

/// What a variable holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Held {
    Text(String),
    List(Vec<String>),
    /// Texts by names, in the order in which they were set.
    Map(Vec<(String, String)>),
    /// Only a run knows it, and the lines by which a shell finds it out.
    Later(String),
    /// Only a run knows it.
    Unknown,
}

/// How long a text may become.
const LONGEST: usize = 1 << 16;

/// How many words braces may become.
const MOST: usize = 10_000;

type Known<T> = Result<T, String>;

/// The variable that holds the name of the machine: one script may be for several.
pub(in crate::import) const HOSTNAME: &str = "HOSTNAME";

/// Whether a command prints the name of the machine.
pub(in crate::import) fn asks_hostname(command: &str) -> bool {
    let words: Vec<&str> = command.split_whitespace().collect();
    matches!(
        words.as_slice(),
        ["hostname"]
            | ["hostname", "-s" | "-f" | "--short" | "--fqdn"]
            | ["uname", "-n"]
            | ["cat", "/etc/hostname"]
    )
}

impl Numbers for Reader<'_> {
    fn number(&mut self, name: &str) -> Known<i64> {
        match self.variables.get(name) {
            None if self.own.contains(name) => Ok(0),
            None => Err(format!("${name} is set nowhere in the script")),
            Some(Held::Text(text)) if text.trim().is_empty() => Ok(0),
            Some(Held::Text(text)) => {
                let digits = text.trim().trim_start_matches('-');
                // A shell takes it as octal.
                let is_octal = digits.len() > 1 && digits.starts_with('0');
                let number = text.trim().parse().ok().filter(|_| !is_octal);
                number.ok_or_else(|| format!("${name} is no plain number"))
            }
            Some(_) => Err(format!("the value of ${name} is known only when it runs")),
        }
    }

    fn set_number(&mut self, name: &str, value: i64) {
        self.variables
            .insert(name.to_owned(), Held::Text(value.to_string()));
    }
}

impl Reader<'_> {
    /// The value of an arithmetic expression.
    pub(super) fn calculate(&mut self, text: &str) -> Known<i64> {
        // Quotes mean nothing in it.
        let text = &text.replace('"', "");
        let text = if text.contains("${") || text.contains("$(") || text.contains('`') {
            self.one(&lex::text(text))?
        } else {
            text.to_owned()
        };
        if text.contains("$#") || text.contains("$1") || text.contains('[') {
            let filled = self.one(&lex::text(&text))?;
            return arithmetic::calculate(&filled, self);
        }
        arithmetic::calculate(&text, self)
    }

    /// The value of pieces that are not split.
    pub(super) fn one(&mut self, pieces: &[Piece]) -> Known<String> {
        let mut all = String::new();
        for piece in pieces {
            all.push_str(&self.texts(piece)?.0.join(" "));
            if all.len() > LONGEST {
                return Err("a very long text".to_owned());
            }
        }
        Ok(all)
    }

    /// The words that words become.
    pub(super) fn expand(&mut self, words: &[Word]) -> Known<Vec<String>> {
        let mut all = Vec::new();
        for word in words {
            for word in braces(word)? {
                all.extend(self.split(&word)?);
            }
            if all.len() > MOST {
                return Err("very many words".to_owned());
            }
        }
        Ok(all)
    }

    fn split(&mut self, pieces: &[Piece]) -> Known<Vec<String>> {
        let mut words: Vec<String> = Vec::new();
        let mut current: Option<String> = None;
        // A quoted list without anything in it is no word, whatever stands around it in the quotes.
        let has_quoted_list = pieces.iter().any(|piece| match piece {
            Piece::Variable { name, quoted } => {
                *quoted && (name.starts_with('@') || name.contains("[@]"))
            }
            _ => false,
        });
        for piece in pieces {
            if has_quoted_list && matches!(piece, Piece::Text { text, .. } if text.is_empty()) {
                continue;
            }
            if let Piece::Text {
                text,
                quoted: false,
            } = piece
                && (text.contains(['*', '?']) || text.starts_with('~'))
            {
                return Err(format!("the pattern {text}"));
            }
            let (texts, is_split) = self.texts(piece)?;
            if !is_split {
                let mut texts = texts.into_iter();
                if let Some(first) = texts.next() {
                    current.get_or_insert_default().push_str(&first);
                }
                // `"${NAMES[@]}"`: each is a word.
                for text in texts {
                    words.extend(current.replace(text));
                }
                continue;
            }
            if self.variables.contains_key("IFS") {
                return Err("what words are cut at was changed with IFS".to_owned());
            }
            for (index, text) in texts.iter().enumerate() {
                if index > 0 || text.starts_with(char::is_whitespace) {
                    words.extend(current.take());
                }
                let ends = text.ends_with(char::is_whitespace);
                let mut parts = text.split_whitespace().peekable();
                while let Some(part) = parts.next() {
                    if part.contains(['*', '?']) {
                        return Err(format!("the pattern {part}"));
                    }
                    current.get_or_insert_default().push_str(part);
                    if parts.peek().is_some() || ends {
                        words.extend(current.take());
                    }
                }
            }
        }
        words.extend(current);
        Ok(words)
    }

    /// The texts of a piece (more than one for a list), and whether they are split at white space.
    fn texts(&mut self, piece: &Piece) -> Known<(Vec<String>, bool)> {
        match piece {
            Piece::Text { text, .. } => Ok((vec![text.clone()], false)),
            Piece::Variable { name, quoted } => self.variable(name, *quoted),
            Piece::Arithmetic(text) => Ok((vec![self.calculate(text)?.to_string()], false)),
            Piece::Command { text, quoted } => {
                if asks_hostname(text)
                    && let Some(sign) = self.given_by(HOSTNAME, "")
                {
                    return Ok((vec![sign], false));
                }
                let printed = self.printed(text)?;
                Ok((vec![printed], !quoted))
            }
            Piece::Process(_) => Err("what commands print, as a file".to_owned()),
        }
    }

    /// What `$TEXT` or `${TEXT}` stands for.
    #[allow(clippy::too_many_lines, reason = "one arm a form")]
    fn variable(&mut self, text: &str, quoted: bool) -> Known<(Vec<String>, bool)> {
        let odd = || Err(format!("the expression ${{{text}}}"));
        if text.len() > 1
            && let Some(name) = text.strip_prefix('!')
        {
            let plain = name
                .strip_suffix("[@]")
                .or_else(|| name.strip_suffix("[*]"));
            if let Some(name) = plain {
                let keys = match self.held(name) {
                    Some(Held::Map(all)) => all.into_iter().map(|(key, _)| key).collect(),
                    Some(Held::List(list)) => (0..list.len()).map(|at| at.to_string()).collect(),
                    Some(Held::Text(_)) => vec!["0".to_owned()],
                    None => Vec::new(),
                    Some(Held::Later(_) | Held::Unknown) => return self.not_known(name),
                };
                return Ok((keys, !quoted));
            }
            let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let (name, how) = name.split_at(end.unwrap_or(name.len()));
            return match self.held(name) {
                Some(Held::Text(other)) if is_name(&other) => {
                    self.variable(&format!("{other}{how}"), quoted)
                }
                _ => odd(),
            };
        }
        if text.len() > 1
            && let Some(name) = text.strip_prefix('#')
        {
            let (name, is_list) = name
                .strip_suffix("[@]")
                .or_else(|| name.strip_suffix("[*]"))
                .map_or((name, false), |name| (name, true));
            let length = match self.held(name) {
                Some(Held::Text(text)) if has_sign(&text) && !is_list && name != "#" => {
                    return odd();
                }
                Some(Held::List(list)) if is_list => list.len(),
                Some(Held::Text(_)) if is_list => 1,
                Some(Held::Text(text)) => text.chars().count(),
                Some(Held::List(list)) => list.first().map_or(0, |one| one.chars().count()),
                Some(Held::Map(all)) if is_list => all.len(),
                Some(Held::Map(_) | Held::Later(_) | Held::Unknown) | None => {
                    return self.not_known(name);
                }
            };
            return Ok((vec![length.to_string()], false));
        }
        let end = text
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(text.len());
        let end = if end == 0 {
            text.chars().next().map_or(0, char::len_utf8)
        } else {
            end
        };
        let (name, mut rest) = text.split_at(end);
        if !is_name(name) && name.parse::<usize>().is_err() && !"@*#?$!-".contains(name) {
            return odd();
        }
        let mut held = self.held(name);
        let mut is_all = matches!(name, "@" | "*");
        let mut is_joined = quoted && name == "*";
        if let Some(behind) = rest.strip_prefix('[') {
            let Some(end) = closing(behind) else {
                return odd();
            };
            let (index, behind) = (&behind[..end], &behind[end + 1..]);
            rest = behind;
            if matches!(index, "@" | "*") {
                is_all = true;
                is_joined = quoted && index == "*";
            } else if let Some(Held::Map(all)) = &held {
                let all = all.clone();
                let key = self.behind(index)?;
                if has_sign(&key) || all.iter().any(|(known, _)| has_sign(known)) {
                    return odd();
                }
                let found = all.into_iter().find(|(known, _)| *known == key);
                held = found.map(|(_, text)| Held::Text(text));
            } else {
                let index = self.calculate(index)?;
                held = match held {
                    Some(Held::List(list)) => {
                        let at = if index < 0 {
                            usize::try_from(index.unsigned_abs())
                                .ok()
                                .and_then(|back| list.len().checked_sub(back))
                        } else {
                            usize::try_from(index).ok()
                        };
                        at.and_then(|at| list.get(at)).cloned().map(Held::Text)
                    }
                    Some(Held::Text(text)) if index == 0 => Some(Held::Text(text)),
                    Some(Held::Text(_)) | None => None,
                    Some(other) => Some(other),
                };
            }
        }
        let list = match held {
            Some(Held::Unknown | Held::Later(_)) => return self.not_known(name),
            Some(Held::Map(all)) if is_all => Some(all.into_iter().map(|(_, text)| text).collect()),
            Some(Held::Map(_)) => return odd(),
            Some(Held::Text(text)) => Some(vec![text]),
            Some(Held::List(list)) if is_all => Some(list),
            Some(Held::List(list)) => list.into_iter().next().map(|first| vec![first]),
            None => None,
        };
        let list = match self.changed(name, list, rest)? {
            Some(list) => list,
            // An argument that is not given.
            None if name.parse::<usize>().is_ok_and(|at| at > 0) && self.positional().is_some() => {
                vec![String::new()]
            }
            // The script sets it elsewhere, and nobody else: it is empty here.
            None if self.own.contains(name) && !self.variables.contains_key(name) => {
                if is_all {
                    Vec::new()
                } else {
                    vec![String::new()]
                }
            }
            // Who runs it may set it.
            None => match self.given_by(name, "") {
                Some(sign) if rest.is_empty() => vec![sign],
                _ => return self.not_known(name),
            },
        };
        if !quoted && list.iter().any(|text| self.is_split(text)) {
            return odd();
        }
        if !quoted && rest.contains('"') && list.iter().any(|text| text.contains(' ')) {
            return Err(format!("quotes in ${{{name}{rest}}}"));
        }
        if is_joined {
            if self.variables.contains_key("IFS") {
                return Err("what words are joined with was changed with IFS".to_owned());
            }
            return Ok((vec![list.join(" ")], false));
        }
        Ok((list, !quoted))
    }

    fn not_known<T>(&self, name: &str) -> Known<T> {
        Err(match self.variables.get(name) {
            Some(_) => format!("the value of ${name} is known only when it runs"),
            None if name.parse::<usize>().is_ok() || matches!(name, "@" | "*" | "#") => {
                format!("${name} is an argument of the script")
            }
            None if "?$!-".contains(name) => format!("${name} is known only when it runs"),
            None => format!("${name} is set nowhere in the script"),
        })
    }

    /// What a variable or parameter holds; none where nobody has set it.
    fn held(&mut self, name: &str) -> Option<Held> {
        match name {
            "@" | "*" => self.all_positional().map(Held::List),
            "#" => self
                .all_positional()
                .map(|all| Held::Text(all.len().to_string())),
            "0" | "BASH_SOURCE" if !self.variables.contains_key(name) => {
                self.own_path().map(Held::Text)
            }
            // A name made of it is new, whichever it is.
            "$" => Some(Held::Text(crate::import::OWN_PROCESS.to_string())),
            "?" => match self.last {
                Status::Success | Status::Assumed => Some(Held::Text("0".to_owned())),
                Status::Failure => Some(Held::Text("1".to_owned())),
                _ => None,
            },
            "-" => None,
            // Only root makes links and namespaces.
            "EUID" | "UID" if !self.variables.contains_key(name) => Some(Held::Text("0".into())),
            "LINENO" => Some(Held::Text(self.line.to_string())),
            _ => {
                if let Ok(number) = name.parse::<usize>() {
                    // One that is not given is not set: `${1-x}` is x.
                    self.argument(number).map(Held::Text)
                } else {
                    self.variables.get(name).cloned()
                }
            }
        }
    }

    /// A text behind a name in `${…}`, in which quotes may stand.
    fn behind(&mut self, word: &str) -> Known<String> {
        if word.contains('"') {
            self.one(&lex::behind_name(word))
        } else {
            self.one(&lex::text(word))
        }
    }

    /// A value after what stands behind the name: `:-x`, `%.*`, `/a/b`, `:2:3`.
    #[allow(clippy::too_many_lines, reason = "one arm a form")]
    fn changed(
        &mut self,
        name: &str,
        list: Option<Vec<String>>,
        how: &str,
    ) -> Known<Option<Vec<String>>> {
        let odd = || Err(format!("the expression ${{{name}{how}}}"));
        if how.is_empty() {
            return Ok(list);
        }
        let is_argument = list.iter().flatten().any(|text| has_sign(text));
        if is_argument && name == "@" {
            return odd();
        }
        let is_colon = how.starts_with(':');
        let plain = how.strip_prefix(':').unwrap_or(how);
        let is_set = list
            .as_ref()
            .is_some_and(|list| !is_colon || list.iter().any(|text| !text.is_empty()));
        if let Some(word) = plain.strip_prefix(['-', '=']) {
            if let (true, Some([text])) = (is_argument, list.as_deref()) {
                let default = self.behind(word)?;
                return if !has_sign(&default) && self.keeps_default(text, &default) {
                    Ok(Some(vec![parameters::told(text, &default)]))
                } else {
                    odd()
                };
            }
            if is_set {
                return Ok(list);
            }
            let default = self.behind(word)?;
            let sign = list.is_none().then(|| self.given_by(name, &default));
            let value = sign.flatten().unwrap_or(default);
            if plain.starts_with('=') {
                self.variables
                    .insert(name.to_owned(), Held::Text(value.clone()));
            }
            return Ok(Some(vec![value]));
        }
        if let Some(word) = plain.strip_prefix('+') {
            if is_argument {
                return odd();
            }
            let value = if is_set {
                self.behind(word)?
            } else {
                String::new()
            };
            return Ok(Some(vec![value]));
        }
        if plain.starts_with('?') {
            return Ok(list.filter(|_| is_set));
        }
        let Some(list) = list else { return Ok(None) };
        if is_argument {
            return odd();
        }
        if is_colon {
            let (from, length) = plain.split_once(':').unwrap_or((plain, ""));
            let from = self.calculate(from)?;
            let length = if length.is_empty() {
                None
            } else {
                Some(self.calculate(length)?)
            };
            if from < 0 || length.is_some_and(|length| length < 0) || list.len() != 1 {
                return odd();
            }
            let from = usize::try_from(from).unwrap_or(usize::MAX);
            let length = length.map_or(usize::MAX, |length| {
                usize::try_from(length).unwrap_or(usize::MAX)
            });
            let cut = list[0].chars().skip(from).take(length).collect();
            return Ok(Some(vec![cut]));
        }
        let change: Box<dyn Fn(&str) -> String> = match how {
            "^^" => Box::new(str::to_uppercase),
            ",," => Box::new(str::to_lowercase),
            _ => {
                let sign = how.chars().next().unwrap_or_default();
                let is_twice = how[sign.len_utf8()..].starts_with(sign);
                let rest = how[sign.len_utf8()..].to_owned();
                let rest = if is_twice {
                    rest[sign.len_utf8()..].to_owned()
                } else {
                    rest
                };
                match sign {
                    '#' | '%' => {
                        let wanted = if rest.contains('"') {
                            self.pattern(&lex::behind_name(&rest))?
                        } else {
                            self.one(&lex::text(&rest))?
                        };
                        Box::new(move |text: &str| {
                            pattern::cut(text, &wanted, sign == '#', is_twice).to_owned()
                        })
                    }
                    '/' => {
                        let (from, to) = rest.split_once('/').unwrap_or((&rest, ""));
                        let from = self.behind(from)?;
                        let to = self.behind(to)?;
                        if from.contains(['*', '?', '[', '#', '%']) || from.is_empty() {
                            return odd();
                        }
                        Box::new(move |text: &str| {
                            if is_twice {
                                text.replace(&from, &to)
                            } else {
                                text.replacen(&from, &to, 1)
                            }
                        })
                    }
                    _ => return odd(),
                }
            }
        };
        Ok(Some(list.iter().map(|text| change(text)).collect()))
    }
}

/// Where an index ends, in which others may stand.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '[' => depth += 1,
            ']' if depth == 0 => return Some(at),
            ']' => depth -= 1,
            _ => {}
        }
        None
    })
}

/// How many braces a word may have.
const BRACES: usize = 30;

/// The words that the braces of one stand for.
fn braces(word: &[Piece]) -> Known<Vec<Word>> {
    let mut found = None;
    for (index, piece) in word.iter().enumerate() {
        if let Piece::Text {
            text,
            quoted: false,
        } = piece
            && let Some(open) = text.find('{')
        {
            found = Some((index, open, text));
            break;
        }
    }
    let Some((index, open, text)) = found else {
        return Ok(vec![word.to_vec()]);
    };
    let odd = || Err(format!("the pattern {text}"));
    if text.matches('{').nth(BRACES).is_some() {
        return odd();
    }
    let Some(close) = text[open..].find('}').map(|close| open + close) else {
        let is_end =
            |piece: &Piece| matches!(piece, Piece::Text { text, .. } if text.contains('}'));
        // One that nothing closes stands for itself.
        return if word[index + 1..].iter().any(is_end) {
            odd()
        } else {
            Ok(vec![word.to_vec()])
        };
    };
    let inner = &text[open + 1..close];
    if inner.contains('{') {
        return odd();
    }
    let choices: Vec<String> = if inner.is_empty() {
        // `{}` stands for itself.
        return Ok(vec![word.to_vec()]);
    } else if inner.contains(',') {
        inner.split(',').map(str::to_owned).collect()
    } else if let Some(choices) = range(inner) {
        choices
    } else if text[close..].contains('{') || inner.contains("..") {
        return odd();
    } else {
        // So does one without a choice.
        return Ok(vec![word.to_vec()]);
    };
    let mut all = Vec::new();
    for choice in choices {
        let mut next = word.to_vec();
        next[index] = Piece::Text {
            text: format!("{}{choice}{}", &text[..open], &text[close + 1..]),
            quoted: false,
        };
        all.extend(braces(&next)?);
        if all.len() > MOST {
            return odd();
        }
    }
    Ok(all)
}

/// `1..3`, `03..01`, `1..9..2`, `a..c`
fn range(text: &str) -> Option<Vec<String>> {
    let parts: Vec<&str> = text.split("..").collect();
    let (first, last, step) = match parts.as_slice() {
        [first, last] => (*first, *last, 1),
        [first, last, step] => (
            *first,
            *last,
            step.parse::<i64>().ok()?.checked_abs()?.max(1),
        ),
        _ => return None,
    };
    let letter = |text: &str| {
        let mut chars = text.chars();
        let c = chars.next().filter(char::is_ascii_alphabetic)?;
        chars.next().is_none().then(|| i64::from(u32::from(c)))
    };
    if let (Some(first), Some(last)) = (letter(first), letter(last)) {
        let all = numbers(first, last, step)?.into_iter();
        let letters = all.filter_map(|number| u32::try_from(number).ok().and_then(char::from_u32));
        return Some(letters.map(String::from).collect());
    }
    let is_padded = |text: &str| {
        let digits = text.trim_start_matches('-');
        digits.len() > 1 && digits.starts_with('0')
    };
    let width = if is_padded(first) || is_padded(last) {
        first.len().max(last.len())
    } else {
        0
    };
    let all = numbers(first.parse().ok()?, last.parse().ok()?, step)?;
    Some(
        all.iter()
            .map(|number| format!("{number:0width$}"))
            .collect(),
    )
}

/// The numbers from the first to the last, up or down.
pub(super) fn numbers(first: i64, last: i64, step: i64) -> Option<Vec<i64>> {
    let count = last.abs_diff(first) / step.unsigned_abs().max(1);
    let count = i64::try_from(count).ok()?;
    if count >= i64::try_from(MOST).ok()? {
        return None;
    }
    let step = if last < first { -step } else { step };
    Some((0..=count).map(|index| first + index * step).collect())
}
