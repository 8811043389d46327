//! A ping on which only what is printed hangs: `ping … && echo yes || echo no`, `ping … | tail -2`.

use super::parse::{Node, Redirection, What, Word};
use super::{Reader, Status};
use crate::import::lex::Piece;
use crate::steps::{Act, Item, Step};

/// What prints, or ends the script where a reply is lost.
const PRINTING: [&str; 14] = [
    "echo", "printf", "exit", "return", "true", "false", ":", "tail", "head", "grep", "cat", "sed",
    "awk", "date",
];

/// How deep functions may call one another.
const DEEPEST: usize = 8;

impl Reader<'_> {
    /// Takes the only ping of a command of which nothing else changes the network, and says that the rest is left out. Whether it did.
    pub(super) fn takes_ping(&mut self, node: &Node) -> bool {
        if self.printed.is_some() || self.is_asking || matches!(node.what, What::Simple(_)) {
            return false;
        }
        let mut pings = Vec::new();
        if !self.only_prints(node, &mut pings, 0) {
            return false;
        }
        let [ping] = pings.as_slice() else {
            return false;
        };
        let before = self.items.len();
        let ends = self.ends_without_reply(node, ping);
        if self.tested(|reader| reader.node(ping)) == Status::Unknown {
            self.items.truncate(before);
            return false;
        }
        for item in &mut self.items[before..] {
            if let Item::Step(Step { act, .. }) = item
                && let Act::InNetns(call) = act
                && ends
            {
                *act = Act::Answered(call.clone());
            }
        }
        let text = self.text_of(node);
        for line in text.lines() {
            if self.seen.insert((node.line, line.to_owned())) {
                let why = if ends {
                    "its ping alone: one that is lost ends the script"
                } else {
                    "its ping alone: one that is lost is said, and ends nothing"
                };
                let text = format!("not run: line {}: {line}    ({why})", node.line);
                self.items.insert(before, Item::Comment(text));
                break;
            }
        }
        true
    }

    /// Whether a ping without a reply ends the script: `ping … || exit 1`.
    fn ends_without_reply(&self, node: &Node, ping: &Node) -> bool {
        let exits = |node: &Node| match &node.what {
            What::Simple(simple) => simple.words.first().and_then(word) == Some("exit"),
            _ => false,
        };
        let What::Or(left, right) = &node.what else {
            return false;
        };
        let last = match &right.what {
            What::Group(body) => body.iter().rfind(|node| !matches!(node.what, What::Blank)),
            _ => Some(&**right),
        };
        std::ptr::eq(&raw const **left, ping) && last.is_some_and(exits) && self.subshells == 0
    }

    /// Whether all but pings only prints.
    fn only_prints<'n>(&self, node: &'n Node, pings: &mut Vec<&'n Node>, depth: usize) -> bool {
        if depth > DEEPEST {
            return false;
        }
        let mut all = |nodes: &'n [Node]| {
            nodes
                .iter()
                .all(|node| self.only_prints(node, pings, depth))
        };
        match &node.what {
            What::Blank | What::Comment(_) | What::Arithmetic(_) | What::Test(_) => true,
            What::Pipe(parts) | What::Group(parts) | What::Subshell(parts) => all(parts),
            What::And(left, right) | What::Or(left, right) => {
                self.only_prints(left, pings, depth) && self.only_prints(right, pings, depth)
            }
            What::Not(inner) => self.only_prints(inner, pings, depth),
            What::Redirected(inner, to) => {
                writes_nothing(to) && self.only_prints(inner, pings, depth)
            }
            What::If(arms, otherwise) => {
                arms.iter().all(|(test, body)| all(test) && all(body)) && all(otherwise)
            }
            What::Simple(simple) => {
                let values = simple.assignments.iter().flat_map(|one| &one.value);
                let runs_others = simple
                    .words
                    .iter()
                    .chain(values)
                    .flatten()
                    .any(|piece| matches!(piece, Piece::Command { .. } | Piece::Process(_)));
                if runs_others || !writes_nothing(&simple.redirections) {
                    return false;
                }
                let Some(name) = simple.words.first().map(word) else {
                    return true;
                };
                let names = || simple.words.iter().map(word);
                if names().any(|word| matches!(word, Some("ping" | "ping4" | "ping6"))) {
                    pings.push(node);
                    return true;
                }
                let Some(name) = name else { return false };
                match self.functions.get(name) {
                    Some(Some(function)) => {
                        let mut within = Vec::new();
                        let body = function.body.iter();
                        let mut prints =
                            body.map(|node| self.only_prints(node, &mut within, depth + 1));
                        prints.all(|prints| prints) && within.is_empty()
                    }
                    Some(None) => false,
                    None => PRINTING.contains(&name) && !names().any(|word| word == Some("-i")),
                }
            }
            _ => false,
        }
    }
}

/// Whether what is redirected goes to no file.
fn writes_nothing(redirections: &[Redirection]) -> bool {
    redirections.iter().all(|one| {
        let target = word(&one.target);
        one.operator.starts_with('<') || one.operator.ends_with('&') || target == Some("/dev/null")
    })
}

/// A word that is written out.
fn word(word: &Word) -> Option<&str> {
    match word.as_slice() {
        [Piece::Text { text, .. }] => Some(text),
        _ => None,
    }
}
