//! What is done only where something holds: conditions, chains of commands, cases.

use super::parse::Node;
use super::{Flow, Reader, Status, parse, pattern};
use crate::import::parameters::has_sign;
use crate::steps::{Act, Item};

impl Reader<'_> {
    pub(super) fn both(&mut self, left: &Node, right: &Node) -> Status {
        match self.tested(|reader| reader.ask(left)) {
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
        for (index, (test, body)) in arms.iter().enumerate() {
            let is_last = index + 1 == arms.len();
            match self.ask_all(test) {
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
        self.list(otherwise)
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
        let has_left = |items: &[Item]| items.iter().any(|item| matches!(item, Item::Left(_)));
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
        let acts = items
            .iter()
            .any(|item| matches!(item, Item::Step(step) if !matches!(step.act, Act::Free(_))));
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
            return self.unknown("what is done depends on an argument");
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
