//! What the shell itself does, and small programs whose answer is known.

use super::expand::{Held, numbers};
use super::parse::Assignment;
use super::{Flow, Reader, Status, ask, background};
use crate::import::lex::is_name;
use crate::import::parameters;
use crate::import::signs::unescaped;

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
        let mut held = value.clone().unwrap_or(Held::Unknown);
        if let Held::Text(text) = &held
            && let Some(sign) = self.set_by_option(plain, text)
        {
            held = Held::Text(sign);
        }
        if let Held::Text(text) = &held
            && let Some(number) = parameters::whole(text)
        {
            let names = &mut self.asked.names;
            names.entry(number).or_insert_with(|| plain.to_owned());
        }
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
                Some(Held::Unknown | Held::Later(_)) if assignment.is_added => {
                    return Err("what it held".into());
                }
                Some(Held::Map(all)) => {
                    let mut all = if assignment.is_added { all } else { Vec::new() };
                    for word in self.expand(&assignment.value)? {
                        let named = word
                            .strip_prefix('[')
                            .and_then(|word| word.split_once("]="));
                        let (key, text) = named.ok_or("a list with names")?;
                        put(&mut all, key, text, false);
                    }
                    return Ok(Held::Map(all));
                }
                _ => Vec::new(),
            };
            let words = self.expand(&assignment.value)?;
            for word in words {
                let numbered = word
                    .strip_prefix('[')
                    .and_then(|word| word.split_once("]="));
                match numbered {
                    Some((at, text)) if at.parse() == Ok(list.len()) => list.push(text.to_owned()),
                    Some(_) => return Err("a list with names".to_owned()),
                    None => list.push(word),
                }
            }
            return Ok(Held::List(list));
        }
        let mut text = String::new();
        for word in &assignment.value {
            text.push_str(&self.one(word)?);
        }
        if let Some(index) = index {
            if let Some(Held::Map(mut all)) = present {
                let key = self.one(&crate::import::lex::behind_name(index))?;
                if parameters::has_sign(&key) {
                    return Err("its key is an argument".to_owned());
                }
                put(&mut all, &key, &text, assignment.is_added);
                return Ok(Held::Map(all));
            }
            let at = usize::try_from(self.calculate(index)?)
                .ok()
                .filter(|at| *at < 1000)
                .ok_or("its index")?;
            let mut list = match present {
                Some(Held::List(list)) => list,
                Some(Held::Text(text)) => vec![text],
                Some(_) => return Err("what it held".to_owned()),
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
    #[allow(clippy::too_many_lines, reason = "one arm a word")]
    pub(super) fn builtin(&mut self, line: usize, words: &[String]) -> Option<Status> {
        let (name, arguments) = words.split_first()?;
        let texts: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let status = match (name.as_str(), texts.as_slice()) {
            ("wait", _) => self.wait(line, &texts),
            ("kill", [.., last]) if last.contains(background::MARK) || last.starts_with('%') => {
                self.kill(&texts)
            }
            (tool @ ("pkill" | "killall"), _) => self.kill_by_name(tool, &texts),
            ("true" | ":" | "which" | "hash" | "type", _) | ("command", ["-v" | "-V", _]) => {
                Status::Success
            }
            ("false", _) => Status::Failure,
            ("exit", _) => {
                self.flow = Flow::Exit(line);
                self.fails = texts.first().is_some_and(|code| *code != "0");
                Status::Success
            }
            ("alias", all) if self.printed.is_none() => {
                for (name, text) in all.iter().filter_map(|one| one.split_once('=')) {
                    if let Some(aliases) = &mut self.aliases {
                        aliases.insert(name.to_owned(), text.to_owned());
                    }
                }
                Status::Success
            }
            ("unalias", all) if self.printed.is_none() => {
                if let Some(aliases) = &mut self.aliases {
                    aliases.retain(|name, _| !all.contains(&name.as_str()) && !all.contains(&"-a"));
                }
                Status::Success
            }
            ("shopt", ["-s", all @ ..]) if all.contains(&"expand_aliases") => {
                self.aliases.get_or_insert_default();
                Status::Success
            }
            ("shopt" | "umask" | "ulimit" | "stty" | "clear" | "tput", _)
                if self.printed.is_none() =>
            {
                Status::Success
            }
            ("trap", _) => self.trap(line, arguments),
            ("getopts", [letters, name]) if is_name(name) => self.options(letters, name),
            ("source" | ".", [path, given @ ..]) => {
                // With arguments of its own it knows those alone.
                let own = given.iter().map(|word| (*word).to_owned()).collect();
                if given.is_empty() {
                    return Some(self.source(path));
                }
                self.arguments.push(own);
                let status = self.source(path);
                self.arguments.pop();
                status
            }
            ("read", _) => self.read_line(arguments)?,
            ("cd", [path]) if self.printed.is_some() => {
                self.folder = Some((*path).to_owned());
                Status::Success
            }
            ("pwd", []) if self.printed.is_some() && self.folder.is_some() => {
                let folder = self.folder.clone().unwrap_or_default();
                self.print(&(folder + "\n"));
                Status::Success
            }
            ("return", _) if self.may_return() => {
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
                self.positional();
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
                    self.print(&text);
                    Status::Success
                }
                Err(why) => self.unknown(why),
            },
            _ => return None,
        };
        Some(status)
    }

    /// `getopts LETTERS NAME`
    fn options(&mut self, letters: &str, name: &str) -> Status {
        if self.given.signs.is_some() {
            return self.unknown("the arguments of the script");
        }
        let at = match self.variables.get("OPTIND") {
            Some(Held::Text(text)) => text.parse().unwrap_or(1_usize),
            _ => 1,
        };
        let given = match self.positional() {
            Some(all) => all.get(at - 1).cloned().unwrap_or_default(),
            None => return self.unknown("the arguments of the script"),
        };
        let letter = given
            .strip_prefix('-')
            .and_then(|rest| rest.chars().nth(self.letters));
        let mut next = at;
        let (found, value) = match letter {
            None | Some('-') => {
                self.letters = 0;
                next += usize::from(given == "--");
                ("?".to_owned(), None)
            }
            Some(letter) => {
                let place = letters.find(letter).filter(|_| letter != ':');
                let has_value = place.is_some_and(|at| letters[at + 1..].starts_with(':'));
                let rest: String = given.chars().skip(self.letters + 2).collect();
                self.letters += 1;
                let value = if has_value {
                    next += 1;
                    self.letters = 0;
                    if rest.is_empty() {
                        next += 1;
                        let behind = self.positional().and_then(|all| all.get(at).cloned());
                        Some(behind.unwrap_or_default())
                    } else {
                        Some(rest)
                    }
                } else {
                    if rest.is_empty() {
                        next += 1;
                        self.letters = 0;
                    }
                    None
                };
                let found = place.map_or("?".to_owned(), |_| letter.to_string());
                (found, value)
            }
        };
        let is_over = letter.is_none_or(|letter| letter == '-');
        let mut set = |name: &str, text: String| {
            self.variables.insert(name.to_owned(), Held::Text(text));
        };
        set("OPTIND", next.to_string());
        set(name, found);
        if let Some(value) = value {
            set("OPTARG", value);
        }
        ask::known(!is_over)
    }

    /// Whether a file that lies beside the script is there.
    fn is_beside(&self, words: &[String]) -> Option<bool> {
        let [sign, path] = words else { return None };
        let is_asked = ["-e", "-f", "-r", "-s"].contains(&sign.as_str());
        let own = self.given.path.as_ref()?.parent()?;
        let path = std::path::Path::new(path);
        let is_near = path.is_relative() || (own.is_absolute() && path.starts_with(own));
        (is_asked && is_near).then(|| path.is_file() || own.join(path).is_file())
    }

    fn answer(&mut self, words: &[String]) -> Status {
        let texts: Vec<&str> = words.iter().map(String::as_str).collect();
        if let Err(why) = self.heeds_arguments(&texts) {
            return self.unknown(why);
        }
        if let Some(is_there) = self.is_beside(words) {
            return ask::known(is_there);
        }
        match Self::test(words) {
            Ok(status) => status,
            Err(why) => self.unknown(why),
        }
    }

    /// `local x`, `export A=b`, `declare -a list=(…)`: the names behind the word, and the values.
    pub(super) fn declare(&mut self, words: &[String], assignments: &[Assignment]) -> Known<()> {
        let (word, names) = words.split_first().ok_or("nothing is declared")?;
        let is_local = ["local", "declare", "typeset"].contains(&word.as_str());
        let has = |letter: char| {
            let mut options = names.iter().take_while(|option| option.starts_with('-'));
            options.any(|option| option.contains(letter))
        };
        let (is_odd, is_map, is_list) = (has('n') || has('i'), has('A'), has('a'));
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
        for name in plain {
            if is_map {
                self.variables.insert(name, Held::Map(Vec::new()));
            } else if is_list {
                self.variables.insert(name, Held::List(Vec::new()));
            } else if word == "local" {
                // Not set, and as good as empty.
                self.variables.insert(name, Held::Text(String::new()));
            } else if is_local {
                self.variables.remove(&name);
            }
        }
        if is_map {
            for assignment in assignments.iter().filter(|one| one.is_list) {
                let name = assignment.name.clone();
                self.variables.insert(name, Held::Map(Vec::new()));
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

/// Sets a text by its name, or adds to it.
fn put(all: &mut Vec<(String, String)>, key: &str, text: &str, is_added: bool) {
    match all.iter_mut().find(|(known, _)| known == key) {
        Some((_, held)) if is_added => held.push_str(text),
        Some((_, held)) => text.clone_into(held),
        None => all.push((key.to_owned(), text.to_owned())),
    }
}

/// What small programs print.
fn answer_of(name: &str, arguments: &[&str]) -> Known<String> {
    let unknown = || format!("what `{name}` prints is known only when it runs");
    if !["echo", "printf"].contains(&name) && arguments.iter().any(|one| parameters::has_sign(one))
    {
        return Err(unknown());
    }
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
        ("basename", [path, rest @ ..]) if rest.len() < 2 && !path.starts_with('-') => {
            let path = path.trim_end_matches('/');
            let name = path.rsplit('/').next().unwrap_or(path);
            let without = rest.first().and_then(|suffix| name.strip_suffix(suffix));
            Ok(format!("{}\n", without.unwrap_or(name)))
        }
        ("dirname", [path] | ["--", path]) => {
            let folder = path.trim_end_matches('/').rsplit_once('/');
            let folder = folder.map_or(
                ".",
                |(folder, _)| if folder.is_empty() { "/" } else { folder },
            );
            Ok(format!("{folder}\n"))
        }
        // Where it lies counts only for the files beside it.
        ("realpath" | "readlink", [.., path]) if path.contains('/') => Ok(format!("{path}\n")),
        // Nobody else has the name.
        ("mktemp", ["-u", name]) => {
            let count = name.chars().rev().take_while(|c| *c == 'X').count();
            let begin = &name[..name.len() - count];
            Ok(format!(
                "{begin}{}\n",
                &"abcdefghijklmnopqrstuvwxyz"[..count.min(26)]
            ))
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
