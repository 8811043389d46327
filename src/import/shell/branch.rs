//! What is done only where something holds: conditions, chains of commands, cases. What hangs on the parameters of the script that is
//! made stays a branch of it.

use std::collections::HashSet;
use std::rc::Rc;

use super::expand::Held;
use super::parse::{Node, What};
use super::{Flow, Reader, Status, parse, pattern};
use crate::import::lex::{Kind, Piece};
use crate::import::parameters::has_sign;
use crate::steps::{Act, Call, Item, Step, Value, is_placeholder};
use crate::value::escape::literal;

impl Reader<'_> {
    pub(super) fn both(&mut self, left: &Node, right: &Node) -> Status {
        match self.tested(|reader| reader.ask(left)) {
            Status::Unknown if !self.is_asking => match self.hanging(left) {
                Some(holds) => self.branches(vec![(holds, std::slice::from_ref(right))], &[]),
                None => Status::Unknown,
            },
            Status::Success | Status::Assumed => self.last_side(right),
            Status::Failure => {
                self.not_run(right, "the condition before it does not hold");
                Status::Failure
            }
            Status::Present => self.where_there(std::slice::from_ref(right), &[]),
            Status::Absent => self.where_there(&[], std::slice::from_ref(right)),
            Status::Unknown => Status::Unknown,
        }
    }

    pub(super) fn either(&mut self, left: &Node, right: &Node) -> Status {
        if self.does_nothing(right) {
            self.is_tolerant = true;
            let status = self.side(left);
            return match status {
                Status::Unknown => status,
                _ => Status::Success,
            };
        }
        match self.tested(|reader| reader.ask(left)) {
            Status::Unknown if !self.is_asking => match self.hanging(left) {
                Some(holds) => {
                    let fails = denied(&holds);
                    self.branches(vec![(fails, std::slice::from_ref(right))], &[])
                }
                None => Status::Unknown,
            },
            Status::Failure => self.last_side(right),
            Status::Present => self.where_there(&[], std::slice::from_ref(right)),
            Status::Absent => self.where_there(std::slice::from_ref(right), &[]),
            Status::Unknown => Status::Unknown,
            status => {
                self.not_run(right, "only where the command before it fails");
                status
            }
        }
    }

    pub(super) fn condition(
        &mut self,
        arms: &[(Vec<Node>, Vec<Node>)],
        otherwise: &[Node],
    ) -> Status {
        let mut hanging: Vec<(String, &[Node])> = Vec::new();
        for (index, (test, body)) in arms.iter().enumerate() {
            let is_last = index + 1 == arms.len();
            let status = self.ask_all(test);
            if status == Status::Unknown
                && let [test] = test.as_slice()
                && let Some(holds) = self.hanging(test)
            {
                hanging.push((holds, body));
                continue;
            }
            match status {
                Status::Success | Status::Assumed if !hanging.is_empty() => {
                    return self.branches(hanging, body);
                }
                Status::Present | Status::Absent if !hanging.is_empty() => {
                    return self.unknown("what is done depends on what is there");
                }
                Status::Success | Status::Assumed => {
                    let status = self.list(body);
                    let others = arms[index + 1..].iter().flat_map(|(_, body)| body);
                    for node in others.chain(otherwise) {
                        self.not_run(node, "another branch is taken");
                    }
                    return status;
                }
                Status::Failure => {
                    for node in body {
                        self.not_run(node, "the condition does not hold");
                    }
                }
                Status::Present if is_last => return self.where_there(body, otherwise),
                Status::Absent if is_last => return self.where_there(otherwise, body),
                Status::Present | Status::Absent => {
                    return self.unknown("what is done depends on what is there");
                }
                Status::Unknown => return Status::Unknown,
            }
        }
        if hanging.is_empty() {
            self.list(otherwise)
        } else {
            self.branches(hanging, otherwise)
        }
    }

    /// What is done depends on whether something is there. Making is ensuring, and deleting what is gone no error: so the branch
    /// that only makes, or only deletes, is run in any case if there is nothing in the other one.
    pub(super) fn where_there(&mut self, present: &[Node], absent: &[Node]) -> Status {
        let when_present = self.tried(present);
        let when_absent = self.tried(absent);
        let (Some(when_present), Some(when_absent)) = (when_present, when_absent) else {
            return self.unknown("what is done depends on what is there");
        };
        let steps = |items: &[Item]| -> Vec<Act> {
            let steps = items.iter().filter_map(|item| match item {
                Item::Step(step) => Some(step.act.clone()),
                _ => None,
            });
            steps
                .filter(|act| !matches!(act, Act::Free(_) | Act::ShowFree(_) | Act::Show { .. }))
                .collect()
        };
        let has_left = |items: &[Item]| {
            let mut items = items.iter();
            items.any(|item| matches!(item, Item::Left(_) | Item::Block(_)))
        };
        if has_left(&when_present) || has_left(&when_absent) {
            return self.unknown("what is done depends on what is there");
        }
        let (when_present, when_absent) = (steps(&when_present), steps(&when_absent));
        match (when_present.is_empty(), when_absent.is_empty()) {
            (true, true) => {
                for node in present.iter().chain(absent) {
                    self.not_run(node, "it depends on what is there, and changes nothing");
                }
                Status::Success
            }
            (true, false) if !when_absent.iter().any(deletes) => self.list(absent),
            (false, true) if when_present.iter().all(deletes) => {
                self.is_tolerant = true;
                self.list(present)
            }
            _ => self.unknown("what is done depends on what is there"),
        }
    }

    /// What commands would do; nothing of it is kept. None where it is not known.
    fn tried(&mut self, nodes: &[Node]) -> Option<Vec<Item>> {
        let variables = self.variables.clone();
        let seen = self.seen.clone();
        let pending = self.pending.clone();
        let before = self.items.len();
        let status = self.list(nodes);
        self.pending = pending;
        let is_whole =
            self.flow == Flow::Next || matches!(self.flow, Flow::Exit(_) | Flow::Failed(_));
        let exits = self.flow != Flow::Next;
        self.flow = Flow::Next;
        self.variables = variables;
        self.seen = seen;
        let items = self.items.split_off(before);
        let acts = items.iter().any(|item| match item {
            Item::Step(step) => !matches!(step.act, Act::Free(_)),
            item => matches!(item, Item::Block(_)),
        });
        (is_whole && status != Status::Unknown && !(exits && acts)).then_some(items)
    }

    pub(super) fn choose(
        &mut self,
        word: &parse::Word,
        arms: &[(Vec<parse::Word>, Vec<Node>)],
    ) -> Status {
        let text = match self.one(word) {
            Ok(text) => text,
            Err(why) => return self.unknown(why),
        };
        if has_sign(&text) {
            return self.choose_later(&text, arms);
        }
        let mut taken = None;
        for (index, (patterns, _)) in arms.iter().enumerate() {
            for pattern in patterns {
                match self.pattern(pattern) {
                    Ok(pattern) if has_sign(&pattern) => {
                        return self.unknown("what is done depends on an argument");
                    }
                    Ok(pattern) if pattern::matches(&pattern, &text) => {
                        taken = taken.or(Some(index));
                    }
                    Err(why) if taken.is_none() => return self.unknown(why),
                    Ok(_) | Err(_) => {}
                }
            }
        }
        let mut status = Status::Success;
        for (index, (_, body)) in arms.iter().enumerate() {
            if taken == Some(index) {
                status = self.list(body);
            } else {
                for node in body {
                    self.not_run(node, "another case");
                }
            }
        }
        status
    }

    /// A choice by what only a run knows.
    fn choose_later(&mut self, text: &str, arms: &[(Vec<parse::Word>, Vec<Node>)]) -> Status {
        let mut hanging: Vec<(String, &[Node])> = Vec::new();
        for (patterns, body) in arms {
            let mut texts = Vec::new();
            for one in patterns {
                match self.pattern(one) {
                    Ok(one) => texts.push(one),
                    Err(why) => return self.unknown(why),
                }
            }
            if texts.iter().any(|one| one == "*") {
                return if hanging.is_empty() {
                    self.list(body)
                } else {
                    self.branches(hanging, body)
                };
            }
            let ways: Option<Vec<String>> = texts.iter().map(|one| matched(text, one)).collect();
            let Some(ways) = ways else {
                return self.unknown(WHY);
            };
            hanging.push((ways.join(" || "), body));
        }
        if hanging.is_empty() {
            return Status::Success;
        }
        self.branches(hanging, &[])
    }

    /// Calls the function that only a run knows: one of those that no other calls.
    pub(super) fn call_later(&mut self, name: &str, arguments: &[String]) -> Status {
        let mut called = self.called.clone();
        for function in self.functions.values().flatten() {
            calls(&function.body, &mut called);
        }
        let mut names: Vec<String> = self.functions.keys().cloned().collect();
        names.retain(|name| !called.contains(name));
        names.sort_by_key(|name| self.text.find(name.as_str()));
        if names.is_empty() {
            return self.unknown("the command is an argument");
        }
        let arms = names.iter().enumerate().map(|(index, one)| {
            let word = if index == 0 { "if" } else { "else if" };
            let run = move |reader: &mut Self| _ = reader.call(one, arguments);
            let head = format!("{word} {}", compared(name, "==", one));
            (head, Box::new(run) as Box<dyn Fn(&mut Self)>)
        });
        let none = |reader: &mut Self| {
            let text = format!("there is no command {name}");
            let act = Act::Free(Call::new("print", [Value::text(text)]));
            reader.items.push(Item::Step(Step { place: None, act }));
            reader.fails = true;
            reader.flow = Flow::Exit(reader.line);
        };
        let none = ("else".to_owned(), Box::new(none) as Box<dyn Fn(&mut Self)>);
        let arms = arms.chain([none]).collect();
        self.block(arms)
    }

    /// What the language says for a test that hangs on what signs stand for; none where it hangs on more, and why that is stays said.
    fn hanging(&mut self, test: &Node) -> Option<String> {
        if !self.has_signs() {
            return None;
        }
        let why = self.why.clone();
        let holds = self.in_words(test);
        self.why = why;
        holds
    }

    fn in_words(&mut self, test: &Node) -> Option<String> {
        match &test.what {
            What::Not(inner) => Some(denied(&self.in_words(inner)?)),
            What::And(left, right) => self.joined(left, right, true),
            What::Or(left, right) => self.joined(left, right, false),
            What::Simple(simple) if simple.redirections.is_empty() => {
                let words = self.expand(&simple.words).ok()?;
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                match words.as_slice() {
                    ["[", inner @ .., "]"] | ["test", inner @ ..] => condition(inner),
                    _ => None,
                }
            }
            What::Test(tokens) => {
                let mut words: Vec<String> = Vec::new();
                for (index, token) in tokens.iter().enumerate() {
                    let Kind::Word(pieces) = &token.kind else {
                        return None;
                    };
                    // Behind `==` it is a pattern.
                    let word = match words.last().map(String::as_str) {
                        Some("=" | "==" | "!=") if index > 1 => {
                            self.pattern(pieces).ok().filter(|one| !is_pattern(one))?
                        }
                        _ => self.one(pieces).ok()?,
                    };
                    words.push(word);
                }
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                condition(&words)
            }
            _ => None,
        }
    }

    /// The same of two tests of which at least one hangs on what signs stand for.
    fn joined(&mut self, left: &Node, right: &Node, is_and: bool) -> Option<String> {
        let (passes, sign) = if is_and {
            (Status::Success, "&&")
        } else {
            (Status::Failure, "||")
        };
        match (self.in_words(left), self.in_words(right)) {
            (Some(left), Some(right)) => Some(format!("({left}) {sign} ({right})")),
            (Some(hangs), None) => (self.tested(|one| one.ask(right)) == passes).then_some(hangs),
            (None, Some(hangs)) => (self.tested(|one| one.ask(left)) == passes).then_some(hangs),
            (None, None) => None,
        }
    }

    /// Runs each arm from here, and `otherwise`, and keeps them all as a block.
    fn branches(&mut self, arms: Vec<(String, &[Node])>, otherwise: &[Node]) -> Status {
        let heads = arms.into_iter().enumerate().map(|(index, (holds, body))| {
            let word = if index == 0 { "if" } else { "else if" };
            (format!("{word} {holds}"), body)
        });
        let heads = heads.chain([("else".to_owned(), otherwise)]);
        let arms = heads.map(|(head, body)| {
            let run = move |reader: &mut Self| _ = reader.list(body);
            (head, Box::new(run) as Box<dyn Fn(&mut Self)>)
        });
        let arms = arms.collect();
        self.block(arms)
    }

    /// Runs each arm from here, the last one where none of the others is, and keeps them all. What differs behind them is not known any
    /// more.
    fn block(&mut self, arms: Vec<Arm<'_, Self>>) -> Status {
        if self.printed.is_some() {
            return self.unknown(WHY);
        }
        let base = self.clone();
        let mut block = Vec::new();
        let mut goes_on: Vec<Self> = Vec::new();
        for (head, run) in arms {
            let Some((mut inner, mut items)) = self.apart(&base, &*run) else {
                return self.unknown(WHY);
            };
            match inner.flow {
                Flow::Next => goes_on.push(inner),
                Flow::Exit(_) if base.at_exit.is_none() && base.subshells == 0 => {
                    let code = i64::from(std::mem::take(&mut inner.fails));
                    let act = Act::Free(Call::new("exit", [Value::Number(code)]));
                    items.push(Item::Step(Step { place: None, act }));
                }
                _ => return self.unknown(WHY),
            }
            block.push((head, items));
        }
        // Nothing is to be done else.
        block.pop_if(|(_, items)| items.is_empty());
        let mut items = block.iter().flat_map(|(_, items)| items);
        if items.any(|item| !matches!(item, Item::Blank | Item::Comment(_))) {
            self.items.push(Item::Block(block));
        } else {
            let told = block.into_iter().flat_map(|(_, items)| items);
            self.items.extend(told);
        }
        if goes_on.is_empty() {
            self.flow = Flow::Exit(self.line);
            return Status::Assumed;
        }
        self.keep_common(&goes_on);
        Status::Assumed
    }

    /// Runs commands from `base` without a trace here but of what is seen, and returns what became of them; none where they change more
    /// than variables and functions.
    pub(super) fn apart(
        &mut self,
        base: &Self,
        run: &dyn Fn(&mut Self),
    ) -> Option<(Self, Vec<Item>)> {
        let mut inner = base.clone();
        inner.items = Vec::new();
        self.tell(&mut inner);
        run(&mut inner);
        inner.tell(self);
        let is_plain = inner.started == base.started
            && inner.processes.len() == base.processes.len()
            && inner.at_exit == base.at_exit
            && inner.ends_on_error == base.ends_on_error
            && inner.folder == base.folder
            && inner.arguments == base.arguments;
        let items = std::mem::take(&mut inner.items);
        is_plain.then_some((inner, items))
    }

    /// Has `other` know what has been seen and asked for here.
    fn tell(&self, other: &mut Self) {
        other.seen.clone_from(&self.seen);
        other.asked = self.asked.clone();
        other.called.clone_from(&self.called);
        other.count = self.count;
        other.asks_arguments |= self.asks_arguments;
    }

    /// Knows from here on what all of these know alike.
    pub(super) fn keep_common(&mut self, all: &[Self]) {
        let Some(first) = all.first() else { return };
        let names: HashSet<&String> = all.iter().flat_map(|one| one.variables.keys()).collect();
        for name in names {
            let held = first.variables.get(name);
            let is_same = all.iter().all(|one| one.variables.get(name) == held);
            let held = held.filter(|_| is_same).cloned();
            let held = held.unwrap_or(Held::Unknown);
            self.variables.insert(name.clone(), held);
        }
        let names: HashSet<&String> = all.iter().flat_map(|one| one.functions.keys()).collect();
        for name in names {
            let body = |one: &Self| match one.functions.get(name) {
                Some(Some(function)) => Some(Rc::as_ptr(&function.body)),
                _ => None,
            };
            let is_same = all.iter().all(|one| body(one) == body(first));
            let held = first.functions.get(name).cloned().flatten();
            self.functions
                .insert(name.clone(), held.filter(|_| is_same));
        }
    }
}

/// What stands in front of an arm of a block, and what runs it.
type Arm<'a, R> = (String, Box<dyn Fn(&mut R) + 'a>);

/// The words that begin commands.
pub(super) fn calls(nodes: &[Node], all: &mut HashSet<String>) {
    for node in nodes {
        match &node.what {
            What::Simple(simple) => {
                if let Some([Piece::Text { text, .. }]) = simple.words.first().map(Vec::as_slice) {
                    all.insert(text.clone());
                }
            }
            What::Pipe(inner) | What::Group(inner) | What::Subshell(inner) => calls(inner, all),
            What::And(left, right) | What::Or(left, right) => {
                calls(std::slice::from_ref(&**left), all);
                calls(std::slice::from_ref(&**right), all);
            }
            What::Not(inner) | What::Background(inner) | What::Redirected(inner, _) => {
                calls(std::slice::from_ref(&**inner), all);
            }
            What::If(arms, otherwise) => {
                for (test, body) in arms {
                    calls(test, all);
                    calls(body, all);
                }
                calls(otherwise, all);
            }
            What::While(_, test, body) => {
                calls(test, all);
                calls(body, all);
            }
            What::For(_, _, body) | What::Count(_, body) => calls(body, all),
            What::Case(_, arms) => arms.iter().for_each(|(_, body)| calls(body, all)),
            What::Function(_, body) => calls(body, all),
            What::Blank
            | What::Comment(_)
            | What::Test(_)
            | What::Arithmetic(_)
            | What::Broken(_) => {}
        }
    }
}

/// Why a command is left that hangs on what only a run knows.
const WHY: &str = "what is done depends on an argument";

/// Whether a text that was read as a pattern stands for more than itself.
fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '\\'])
}

/// What the language says for a text that is as a pattern says; none for a pattern that it has no word for.
fn matched(text: &str, pattern: &str) -> Option<String> {
    if has_sign(pattern) {
        return None;
    }
    if !is_pattern(pattern) {
        return Some(compared(text, "==", pattern));
    }
    let (begins, ends) = (pattern.strip_suffix('*'), pattern.strip_prefix('*'));
    let (word, part) = match (begins, ends) {
        (Some(_), Some(_)) => ("contains", pattern.trim_matches('*')),
        (Some(part), None) => ("starts_with", part),
        (None, Some(part)) => ("ends_with", part),
        (None, None) => return None,
    };
    (!is_pattern(part)).then(|| format!("{}.{word}({})", literal(text), literal(part)))
}

/// What the language says for the opposite of a condition.
fn denied(holds: &str) -> String {
    let is_joined = [" && ", " || "].iter().any(|sign| holds.contains(sign));
    for (sign, other) in [(" == ", " != "), (" != ", " == ")] {
        let is_one = holds.matches(sign).count() == 1 && !holds.contains(other);
        if is_one && !is_joined {
            return holds.replace(sign, other);
        }
    }
    format!("!({holds})")
}

fn compared(left: &str, sign: &str, right: &str) -> String {
    format!("{} {sign} {}", literal(left), literal(right))
}

/// What the language says for a condition of words in which signs stand.
fn condition(words: &[&str]) -> Option<String> {
    if !words.iter().any(|word| has_sign(word)) {
        return None;
    }
    let number = |text: &str| {
        let is_one = is_placeholder(text) || text.parse::<i64>().is_ok();
        is_one.then(|| text.to_owned())
    };
    match words {
        ["!", rest @ ..] => Some(denied(&condition(rest)?)),
        [text] | ["-n", text] => Some(compared(text, "!=", "")),
        ["-z", text] => Some(compared(text, "==", "")),
        [left, "=" | "==", right] => Some(compared(left, "==", right)),
        [left, "!=", right] => Some(compared(left, "!=", right)),
        [left, sign, right] => {
            let sign = match *sign {
                "-eq" => "==",
                "-ne" => "!=",
                "-lt" => "<",
                "-le" => "<=",
                "-gt" => ">",
                "-ge" => ">=",
                _ => return None,
            };
            Some(format!("{} {sign} {}", number(left)?, number(right)?))
        }
        _ => None,
    }
}

/// Whether a step takes something away.
fn deletes(act: &Act) -> bool {
    match act {
        Act::DeleteNetns => true,
        Act::OnLink { call, .. } | Act::InNetns(call) => {
            call.word == "delete"
                || call.word == "nomaster"
                || call.word.starts_with("del_")
                || call.word.starts_with("clear")
        }
        Act::Try(act) => deletes(act),
        _ => false,
    }
}
