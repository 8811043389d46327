//! What a run asked for and had no need to change, or gave at the making of a link: noted, so that [`inventory`] tells where
//! somebody has changed it since.

use std::collections::HashMap;
use std::mem::discriminant;
use std::path::Path;
use std::rc::Rc;

use crate::lab::record::{Contents, Facts, Line, Place, Told};
use crate::lab::setting::Setting;
use crate::lab::undo::{LinkRef, Undo, WayBack};
use crate::lab::{Lab, inventory};
use crate::net::namespace;
use crate::net::netns::Netns;
use crate::steps::Value;

/// What was noted, so that it is noted once.
#[derive(Debug, Default)]
pub(super) struct Noted {
    /// By what it is about, the last that was noted.
    ways: HashMap<String, WayBack>,
    facts: HashMap<(Place, u32), Facts>,
    /// What waits for a journal.
    lines: Vec<Line>,
}

impl Noted {
    /// What earlier runs have noted.
    pub(super) fn of(contents: &Contents) -> Self {
        let steps = contents.steps.iter().map(|step| (step.line, &step.undo));
        let parts = contents.parts.iter().chain(&contents.asked);
        let mut all: Vec<_> = steps
            .chain(parts.map(|Told { line, undo }| (*line, undo)))
            .collect();
        all.sort_by_key(|(line, _)| *line);
        let ways = all.into_iter().map(|(_, undo)| {
            let (key, _) = inventory::describe(undo);
            (key, undo.way.clone())
        });
        Self {
            ways: ways.collect(),
            facts: contents.facts.clone(),
            lines: Vec::new(),
        }
    }

    /// The lines that wait.
    pub(super) fn lines(self) -> Vec<Line> {
        self.lines
    }

    /// The same with lines that wait.
    pub(super) fn with(self, lines: Vec<Line>) -> Self {
        Self { lines, ..self }
    }

    /// Notes that a step says something else by now.
    fn forget(&mut self, undo: &Undo<Place>) {
        if !self.ways.is_empty() {
            self.ways.remove(&inventory::describe(undo).0);
        }
    }
}

/// Whether both ask for the same.
fn asks_alike(one: &WayBack, other: &WayBack) -> bool {
    match (one, other) {
        (WayBack::Restore { new, .. }, WayBack::Restore { new: other, .. }) => new == other,
        (WayBack::Sysctl { new, .. }, WayBack::Sysctl { new: other, .. }) => new == other,
        (WayBack::RestoreQueue { new, .. }, WayBack::RestoreQueue { new: other, .. }) => {
            new == other
        }
        (WayBack::Send { made, .. }, WayBack::Send { made: other, .. }) => made == other,
        (one, other) if discriminant(one) == discriminant(other) => one == other,
        _ => false,
    }
}

impl Lab {
    /// Notes that something is as it was asked for. `undo` is what would undo it, had the run made it.
    pub fn asked(&self, undo: Undo) {
        self.touch(&undo);
        self.said.note(&undo);
        if self.plans() || self.name().is_none() {
            return;
        }
        let Some(undo) = undo.map(|netns| Some(Place::of(&netns))) else {
            return;
        };
        let (key, _) = inventory::describe(&undo);
        let mut noted = self.noted.borrow_mut();
        let known = noted.ways.get(&key);
        if known.is_some_and(|known| asks_alike(known, &undo.way)) {
            return;
        }
        noted.ways.insert(key, undo.way.clone());
        noted.lines.push(Line::Asked(undo));
        drop(noted);
        self.write_asked();
    }

    /// Notes that a namespace is there as asked, where it has a name.
    pub fn asked_netns(&self, netns: &Rc<Netns>) {
        let folder = netns.path().parent();
        if folder == Some(Path::new(namespace::NAMES))
            && let Ok(name) = netns.label().parse()
        {
            self.asked(Undo::within(netns.clone(), WayBack::DeleteNetns { name }));
        }
    }

    /// Notes that a link was given a setting at its making, or has it as asked.
    pub fn asked_setting(&self, netns: &Rc<Netns>, link: LinkRef, set: &Setting) {
        let way = WayBack::Restore {
            old: set.clone(),
            new: set.clone(),
        };
        self.asked(Undo::of_link(netns.clone(), link, way));
    }

    /// Notes what was asked of the kind of a link that is as it was asked for.
    pub fn asked_facts(&self, netns: &Netns, index: u32, facts: &[(&'static str, Value)]) {
        if self.plans() || self.name().is_none() || facts.is_empty() {
            return;
        }
        let at = (Place::of(netns), index);
        let mut noted = self.noted.borrow_mut();
        let known = noted.facts.get(&at).cloned().unwrap_or_default();
        let is_said = |known: &str| facts.iter().any(|(key, _)| *key == known);
        let mut all = known.clone();
        all.retain(|(key, _)| !is_said(key));
        let said = facts.iter();
        all.extend(said.map(|(key, value)| ((*key).to_owned(), value.clone())));
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        if known == all {
            return;
        }
        let facts: Facts = all;
        noted.facts.insert(at.clone(), facts.clone());
        noted.lines.push(Line::Facts(at.0, at.1, facts));
        drop(noted);
        self.write_asked();
    }

    /// Hands to the journal what waits for it, where there is one by now.
    pub(super) fn write_asked(&self) {
        if let Some(journal) = self.journal.borrow_mut().as_mut() {
            for line in self.noted.borrow_mut().lines.drain(..) {
                journal.note(&line);
            }
        }
    }

    /// Notes that a step was made: what was asked of the same before is no longer the last that was.
    pub(super) fn forget_asked(&self, undo: &Undo<Place>) {
        self.noted.borrow_mut().forget(undo);
    }
}
