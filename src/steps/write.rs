//! Writes the steps as a script.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::{Act, Call, Item, NewLink, Parameter, Place, Step, Value};
use crate::value::escape::{literal, on_one_line, visible};

/// Words of Rhai that can't name a variable, and `within` of our own.
pub(crate) const RESERVED: &[&str] = &[
    "as",
    "async",
    "await",
    "break",
    "call",
    "case",
    "catch",
    "const",
    "continue",
    "curry",
    "debug",
    "default",
    "do",
    "else",
    "eval",
    "exit",
    "export",
    "false",
    "fn",
    "for",
    "global",
    "go",
    "goto",
    "if",
    "import",
    "in",
    "is",
    "is_def_fn",
    "is_def_var",
    "is_shared",
    "let",
    "loop",
    "match",
    "module",
    "new",
    "nil",
    "null",
    "package",
    "print",
    "private",
    "protected",
    "public",
    "return",
    "shared",
    "spawn",
    "static",
    "super",
    "switch",
    "sync",
    "this",
    "thread",
    "throw",
    "true",
    "try",
    "type_of",
    "until",
    "use",
    "var",
    "void",
    "while",
    "with",
    "within",
    "yield",
    "Fn",
];

/// How many calls are chained at most: the language limits how deep an expression may be.
const LONGEST_CHAIN: usize = 16;

/// Longer lines than this are broken at the dots.
const WIDTH: usize = 100;

/// The script of the items.
pub(crate) fn script(items: &[Item]) -> String {
    let mut writer = Writer::default();
    for item in items {
        writer.item(item);
    }
    writer.finish()
}

/// A chain of calls that is being put together.
struct Chain {
    start: String,
    calls: Vec<String>,
    /// The link that it ends with.
    link: Option<(Place, String)>,
}

#[derive(Default)]
struct Writer {
    text: String,
    chain: Option<Chain>,
    /// The variable of each namespace.
    names: BTreeMap<String, String>,
    /// Variables that hold something else.
    taken: BTreeSet<String>,
    /// The variables of programs that were started.
    programs: BTreeMap<usize, String>,
    /// Those that stand, as far as the script went.
    standing: BTreeSet<String>,
}

impl Writer {
    fn item(&mut self, item: &Item) {
        match item {
            Item::Step(step) => self.step(step),
            Item::Blank => self.blank(),
            Item::Head(text) => self.comment("//!", text),
            Item::Comment(text) => {
                for line in text.lines() {
                    self.comment("//", line);
                }
            }
            Item::Block(arms) => self.block(arms),
            Item::Left(left) => {
                for (index, text) in left.text.lines().enumerate() {
                    // One that was seen where it ran may come from nowhere.
                    let line = match left.line {
                        0 => String::new(),
                        line => format!("line {}: ", line + index),
                    };
                    let why = match index {
                        0 => format!("    ({})", left.why),
                        _ => String::new(),
                    };
                    self.comment("//", &format!("not translated: {line}{text}{why}"));
                }
            }
        }
    }

    /// Writes each arm as a script of its own that knows the variables before it.
    fn block(&mut self, arms: &[(String, Vec<Item>)]) {
        self.flush();
        for (index, (head, items)) in arms.iter().enumerate() {
            let mut inner = Self {
                names: self.names.clone(),
                taken: self.taken.clone(),
                programs: self.programs.clone(),
                standing: self.standing.clone(),
                ..Self::default()
            };
            let counter = head
                .strip_prefix("for ")
                .and_then(|rest| rest.split(' ').next());
            inner.taken.extend(counter.map(str::to_owned));
            for item in items {
                inner.item(item);
            }
            inner.flush();
            self.standing.retain(|netns| inner.standing.contains(netns));
            self.line(&format!("{}{head} {{", if index > 0 { "} " } else { "" }));
            let mut is_raw = false;
            for line in inner.text.trim_end().lines() {
                // A text of several lines stays as it is.
                let indent = if is_raw || line.is_empty() {
                    ""
                } else {
                    "    "
                };
                self.line(&format!("{indent}{line}"));
                is_raw ^= line.matches('`').count() % 2 == 1;
            }
        }
        self.line("}");
    }

    fn blank(&mut self) {
        self.flush();
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    /// Writes what others have said where nothing of it can be code: on one line, whatever is in it.
    fn comment(&mut self, sign: &str, text: &str) {
        self.flush();
        self.line(&format!("{sign} {}", on_one_line(text)));
    }

    fn flush(&mut self) {
        let Some(Chain { start, calls, .. }) = self.chain.take() else {
            return;
        };
        let in_one = format!("{start}{};", calls.join(""));
        if calls.len() < 3 && in_one.chars().count() <= WIDTH {
            return self.line(&in_one);
        }
        let mut text = start;
        for call in calls {
            let _ = write!(text, "\n    {call}");
        }
        self.line(&format!("{text};"));
    }

    fn finish(mut self) -> String {
        self.flush();
        format!("{}\n", self.text.trim_end())
    }

    /// The variable that holds the namespace; it is declared where it was not.
    fn handle(&mut self, netns: &str) -> String {
        self.handle_by("netns", netns)
    }

    /// The same where `word` makes or finds it.
    fn handle_by(&mut self, word: &str, netns: &str) -> String {
        if let Some(name) = self.names.get(netns) {
            return name.clone();
        }
        let mut name = String::new();
        for c in netns.chars() {
            match c {
                // It stands for what only a run knows.
                '\u{e000}'..='\u{f8ff}' => name.push_str("net"),
                c if c.is_ascii_alphanumeric() => name.push(c.to_ascii_lowercase()),
                _ => name.push('_'),
            }
        }
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || RESERVED.contains(&name.as_str())
        {
            name.insert_str(0, "ns_");
        }
        while self.taken.contains(&name) || self.names.values().any(|taken| *taken == name) {
            name.push('_');
        }
        self.flush();
        self.line(&format!("let {name} = {word}({});", literal(netns)));
        self.names.insert(netns.to_owned(), name.clone());
        self.standing.insert(netns.to_owned());
        name
    }

    /// `net.` for a namespace, nothing for the one that the script runs in.
    fn prefix(&mut self, place: &Place) -> String {
        place
            .as_ref()
            .map_or_else(String::new, |netns| format!("{}.", self.handle(netns)))
    }

    fn link(&mut self, place: &Place, name: &str) -> String {
        format!("{}link({})", self.prefix(place), literal(name))
    }

    fn statement(&mut self, text: String) {
        self.flush();
        self.line(&format!("{text};"));
    }

    fn step(&mut self, Step { place, act }: &Step) {
        match act {
            Act::MakeNetns => {
                let Some(netns) = place else { return };
                if !self.names.contains_key(netns) {
                    self.handle(netns);
                } else if self.standing.insert(netns.clone()) {
                    let name = self.handle(netns);
                    self.statement(format!("{name} = netns({})", literal(netns)));
                }
            }
            Act::FindNetns => {
                let Some(netns) = place else { return };
                if !self.names.contains_key(netns) {
                    self.handle_by("existing", netns);
                }
            }
            Act::DeleteNetns => {
                let Some(netns) = place else { return };
                self.standing.remove(netns);
                if self.names.contains_key(netns) {
                    let text = format!("{}.delete()", self.handle(netns));
                    self.statement(text);
                } else {
                    // Nothing has made it: it is not to be made for that.
                    self.flush();
                    let text = literal(netns);
                    self.line(&format!("try {{ existing({text}).delete(); }} catch {{}}"));
                }
            }
            Act::Make(new) => {
                let start = self.make(place, new);
                self.flush();
                self.chain = Some(Chain {
                    start,
                    calls: Vec::new(),
                    link: Some((place.clone(), new.name.clone())),
                });
            }
            Act::Move { link, to } => {
                let to = to
                    .as_ref()
                    .map_or_else(|| "host()".to_owned(), |netns| self.handle(netns));
                self.on_link(place, link, format!(".netns({to})"));
                self.flush();
            }
            Act::OnLink { link, call } => {
                self.on_link(place, link, format!(".{}", self::call(call)));
                // It has another name behind it, is gone, or it is not a link that is returned.
                match call.word {
                    "rename" | "delete" => self.flush(),
                    _ => {}
                }
            }
            Act::InNetns(call) => {
                let text = format!("{}{}", self.prefix(place), self::call(call));
                self.statement(text);
            }
            Act::Answered(call) => {
                let text = format!("{}{}", self.prefix(place), self::call(call));
                self.statement(format!("assert({text}.received > 0, \"no reply comes\")"));
            }
            Act::Show { link, call, field } => {
                let on = match link {
                    Some(link) => self.link(place, link) + ".",
                    None => self.prefix(place),
                };
                let field = field.map_or_else(String::new, |field| format!(".{field}"));
                self.statement(format!("print({on}{}{field})", self::call(call)));
            }
            Act::Declare(parameter) => {
                let Parameter {
                    name,
                    default,
                    is_number,
                    help,
                } = parameter;
                self.taken.insert(name.clone());
                let (word, second) = match (default, is_number) {
                    (Some(default), true) => ("param", default.clone()),
                    (Some(default), false) => ("param", literal(default)),
                    (None, true) => ("required", literal("int")),
                    (None, false) => ("required", literal("string")),
                };
                let parts = [literal(name), second, literal(help)];
                self.statement(format!("let {name} = {word}({})", parts.join(", ")));
            }
            Act::Free(call) => self.statement(self::call(call)),
            Act::ShowFree(call) => self.statement(format!("print({})", self::call(call))),
            Act::Start { program, call } => {
                let text = format!("{}{}", self.prefix(place), self::call(call));
                let name = self.program(*program, call);
                self.statement(format!("let {name} = {text}"));
            }
            Act::OnProgram { program, call } => {
                if let Some(name) = self.programs.get(program) {
                    let text = format!("{name}.{}", self::call(call));
                    self.statement(text);
                }
            }
            Act::Try(act) => self.tried(place, act),
        }
    }

    /// The variable of a program that is started.
    fn program(&mut self, program: usize, call: &Call) -> String {
        let words = match call.arguments.first() {
            Some(Value::List(words)) => words.as_slice(),
            _ => &[],
        };
        let path = match words.first() {
            Some(Value::Text(path)) => path.as_str(),
            _ => "",
        };
        let base = path.rsplit('/').next().unwrap_or_default();
        let is_name = |c: &char| c.is_ascii_alphanumeric();
        let mut name: String = base.chars().take_while(is_name).collect();
        name.make_ascii_lowercase();
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || RESERVED.contains(&name.as_str())
        {
            "program".clone_into(&mut name);
        }
        let plain = name.clone();
        let mut count = 1;
        while self.taken.contains(&name) || self.names.values().any(|taken| *taken == name) {
            count += 1;
            name = format!("{plain}_{count}");
        }
        self.taken.insert(name.clone());
        self.programs.insert(program, name.clone());
        name
    }

    fn tried(&mut self, place: &Place, act: &Act) {
        if *act == Act::DeleteNetns && !self.knows(place) {
            let (place, act) = (place.clone(), act.clone());
            return self.step(&Step { place, act });
        }
        // A variable that is declared in the braces is known only there.
        let mut places = vec![place];
        match act {
            Act::Make(new) => {
                places.push(&new.sender);
                places.extend(new.peer.iter().map(|(at, _)| at));
            }
            Act::Move { to, .. } => places.push(to),
            _ => {}
        }
        for place in places {
            self.prefix(place);
        }
        self.flush();
        if let Act::Start { program, call } = act {
            let text = format!("{}{}", self.prefix(place), self::call(call));
            let name = self.program(*program, call);
            self.line(&format!("let {name} = ();"));
            return self.line(&format!("try {{ {name} = {text}; }} catch {{}}"));
        }
        let begin = self.text.len();
        let step = Step {
            place: place.clone(),
            act: act.clone(),
        };
        self.step(&step);
        self.flush();
        let inner = self.text.split_off(begin);
        self.line(&format!("try {{ {} }} catch {{}}", inner.trim_end()));
    }

    /// Whether a variable holds the namespace.
    fn knows(&self, place: &Place) -> bool {
        place
            .as_ref()
            .is_some_and(|netns| self.names.contains_key(netns))
    }

    fn on_link(&mut self, place: &Place, link: &str, call: String) {
        let same = |chain: &Chain| {
            chain
                .link
                .as_ref()
                .is_some_and(|(at, name)| at == place && name == link)
        };
        let has_room = |chain: &Chain| chain.calls.len() < LONGEST_CHAIN;
        if let Some(chain) = self
            .chain
            .as_mut()
            .filter(|chain| same(chain) && has_room(chain))
        {
            chain.calls.push(call);
            return;
        }
        let start = self.link(place, link);
        self.flush();
        self.chain = Some(Chain {
            start,
            calls: vec![call],
            link: Some((place.clone(), link.to_owned())),
        });
    }

    fn make(&mut self, place: &Place, new: &NewLink) -> String {
        let prefix = self.prefix(place);
        let mut arguments = Vec::new();
        if let Some(parent) = &new.parent {
            arguments.push(match (&new.sender, parent) {
                (Some(_), Value::Text(name)) => self.link(&new.sender, name),
                (_, parent) => value(parent),
            });
        }
        arguments.push(literal(&new.name));
        if let Some((at, name)) = &new.peer {
            if at != place {
                arguments.push(
                    at.as_ref()
                        .map_or_else(|| "host()".to_owned(), |netns| self.handle(netns)),
                );
            }
            arguments.push(literal(name));
        }
        arguments.extend(new.arguments.iter().map(value));
        if !new.options.is_empty() {
            arguments.push(value(&Value::Map(new.options.clone())));
        }
        format!("{prefix}{}({})", new.word, arguments.join(", "))
    }
}

fn call(Call { word, arguments }: &Call) -> String {
    let arguments: Vec<String> = arguments.iter().map(value).collect();
    format!("{word}({})", arguments.join(", "))
}

fn value(given: &Value) -> String {
    match given {
        Value::Text(text) => literal(text),
        Value::Lines(text) => lines(text),
        Value::Number(number) => number.to_string(),
        Value::Flag(on) => on.to_string(),
        Value::Variable(name) => name.clone(),
        Value::List(values) => {
            let values: Vec<String> = values.iter().map(value).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Map(keys) => {
            let keys: Vec<String> = keys
                .iter()
                .map(|(key, one)| format!("{}: {}", key_text(key), value(one)))
                .collect();
            format!("#{{{}}}", keys.join(", "))
        }
    }
}

/// A key as a map takes it: some are words of the language itself, or no names.
fn key_text(key: &str) -> String {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if RESERVED.contains(&key) || !begins || !key.chars().all(is_name) {
        literal(key)
    } else {
        key.to_owned()
    }
}

/// A text of several lines as it is, where the language has nothing to find in it.
fn lines(text: &str) -> String {
    let is_plain = matches!(visible(text), std::borrow::Cow::Borrowed(_));
    if text.contains('`') || text.contains("${") || !is_plain {
        literal(text)
    } else {
        format!("`\n{text}`")
    }
}
