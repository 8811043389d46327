//! What a lab has of earlier runs and its script no longer makes: found by what this run has asked for, and taken down.
//!
//! A thing is known by what it is, not by its name: the namespace by its numbers, the link by its ifindex there, and what hangs on them
//! by what the kernel tells it apart by. Whatever a run makes, changes or finds as it was asked for is noted here; what the journal has
//! beyond that is stale. What the lab has *taken away* of others is not: it comes back with `down`.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

use crate::error::Result;
use crate::lab::inventory::{Drift, State, Tables, describe};
use crate::lab::journal::{self, Journal};
use crate::lab::object::Thing;
use crate::lab::owners::Owners;
use crate::lab::recognise::Finder;
use crate::lab::record::{Contents, Line, Place, Step};
use crate::lab::rollback::{self, Undone};
use crate::lab::setting::Setting;
use crate::lab::undo::{Undo, WayBack};
use crate::lab::{Lab, deleting};
use crate::net::netns::Netns;

/// A namespace by its numbers.
type Numbers = (u64, u64);

/// Steps that no number of the journal stands for are numbered from the top: by the lines that tell of them.
const OF_LINES: u64 = u64::MAX / 2;

/// What this run has asked for.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Whether there are earlier runs, of which something may be stale; none until it was looked up.
    has_earlier: Cell<Option<bool>>,
    /// The number of the first step of this run, and how many lines were there before it.
    first: Cell<(u64, usize)>,
    keys: RefCell<HashSet<(Option<Numbers>, String)>>,
    places: RefCell<HashSet<Numbers>>,
    links: RefCell<HashSet<(Numbers, u32)>>,
    moved: RefCell<HashSet<(Numbers, u32)>>,
}

/// What the script no longer makes.
#[derive(Debug, Default)]
pub struct Stale {
    /// What is to be undone, oldest first.
    steps: Vec<Step>,
    /// What is told only so that it is missed, of things that go themselves.
    along: Contents,
    /// What is gone already, or was only found as it was asked for.
    forgotten: Vec<u64>,
    /// The things, oldest first.
    pub things: Vec<Thing>,
}

fn numbers(netns: &Netns) -> Numbers {
    let id = netns.namespace().id();
    (id.device, id.inode)
}

/// What a step is about, whatever its namespace is called.
fn keys<N: Clone>(undo: &Undo<N>, of: impl Fn(&N) -> Numbers) -> Vec<(Option<Numbers>, String)> {
    let place = undo.netns.as_ref().map(&of);
    let texts = match &undo.way {
        WayBack::RestoreTables { tables, .. } => tables
            .iter()
            .map(|table| format!("table {} {}", table.family, table.name))
            .collect(),
        WayBack::DeleteRules { marks } => marks
            .iter()
            .map(|mark| format!("mark {} {}", mark.chain, mark.comment))
            .collect(),
        WayBack::EndProcess { process, .. } => vec![format!("process {}", process.pid)],
        _ => {
            let told = undo.clone().map(|netns| Some(nameless(of(&netns))));
            told.map(|told| describe(&told).0).into_iter().collect()
        }
    };
    texts.into_iter().map(|text| (place, text)).collect()
}

/// A namespace of which only the numbers count.
fn nameless(id: Numbers) -> Place {
    Place {
        at: std::path::PathBuf::new(),
        id,
        mount: None,
        cookie: None,
        called: Some(String::new()),
    }
}

/// Whether a script can stop making what is undone so: it made it, and did not take it away.
fn is_made(way: &WayBack) -> bool {
    match way {
        WayBack::DeleteNetns { .. }
        | WayBack::DeleteLink
        | WayBack::MoveBack { .. }
        | WayBack::DeleteAddress { .. }
        | WayBack::DeleteRoute { .. }
        | WayBack::RestoreTables { .. }
        | WayBack::DeleteRules { .. }
        | WayBack::EndProcess { .. }
        | WayBack::Sysctl { .. } => true,
        WayBack::RestoreQueue { new, .. } => !new.is_empty(),
        WayBack::Send { made, .. } => made.is_some(),
        // How a port is goes with its last slave; what has a name no more, or is in a VLAN no more, was taken away.
        WayBack::Restore { new, .. } => !matches!(
            new,
            Setting::Port { .. }
                | Setting::AltName(_, false)
                | Setting::Master(0)
                | Setting::Vlan {
                    membership: None,
                    ..
                }
        ),
        WayBack::NameNetns { .. }
        | WayBack::MakeLink { .. }
        | WayBack::PutBack
        | WayBack::AddAddress { .. }
        | WayBack::AddRoute { .. } => false,
    }
}

/// Whether it is only the mark of a ruleset that was given to nft, which goes with it.
fn is_mark(way: &WayBack) -> bool {
    let WayBack::DeleteRules { marks } = way else {
        return false;
    };
    marks.iter().all(|mark| mark.chain.starts_with("nft-"))
}

impl Touched {
    /// Notes where this run begins in the journal.
    pub(super) fn begin(&self, contents: &Contents) {
        self.first.set((contents.next, contents.lines));
    }

    /// Has the next question look for earlier runs again: the lab has another name.
    pub(super) fn forget(&self) {
        self.has_earlier.set(None);
    }

    fn note(&self, undo: &Undo) {
        let of = |netns: &std::rc::Rc<Netns>| numbers(netns);
        self.keys.borrow_mut().extend(keys(undo, of));
        for place in undo.netns.iter().chain(&undo.home) {
            self.places.borrow_mut().insert(numbers(place));
        }
        if let Some(netns) = &undo.netns {
            let master = match &undo.way {
                WayBack::Restore {
                    new: Setting::Master(index),
                    ..
                } => Some(*index),
                _ => None,
            };
            let links = undo.link_index().into_iter().chain(master);
            let links = links.map(|index| (numbers(netns), index));
            self.links.borrow_mut().extend(links);
        }
    }

    /// Whether this run has asked for what the step is about.
    fn has(&self, undo: &Undo<Place>) -> bool {
        let place = undo.netns.as_ref().map(|place| place.id);
        let link = place.zip(undo.link_index());
        match &undo.way {
            WayBack::DeleteNetns { .. } => {
                place.is_some_and(|place| self.places.borrow().contains(&place))
            }
            WayBack::DeleteLink => link.is_some_and(|link| self.links.borrow().contains(&link)),
            WayBack::MoveBack { .. } => {
                link.is_some_and(|link| self.moved.borrow().contains(&link))
            }
            _ => {
                let known = self.keys.borrow();
                keys(undo, |place| place.id)
                    .iter()
                    .any(|key| known.contains(key))
            }
        }
    }
}

impl Lab {
    /// Whether earlier runs of the lab may have left something.
    fn has_earlier(&self) -> bool {
        let name = self.name.borrow();
        if name.is_common {
            return false;
        }
        let Some(lab) = &name.lab else {
            return false;
        };
        let touched = &self.touched;
        touched.has_earlier.get().unwrap_or_else(|| {
            let is_there = journal::is_there(lab);
            touched.has_earlier.set(Some(is_there));
            is_there
        })
    }

    /// Notes that the script asks for what `undo` would undo.
    pub(super) fn touch(&self, undo: &Undo) {
        if self.has_earlier() {
            self.touched.note(undo);
        }
    }

    /// Notes that the script asks for the link, and so for its namespace.
    pub fn touch_link(&self, netns: &Netns, index: u32) {
        if self.has_earlier() {
            let id = numbers(netns);
            self.touched.places.borrow_mut().insert(id);
            self.touched.links.borrow_mut().insert((id, index));
        }
    }

    /// Notes that the script wants the link to be in that namespace.
    pub fn touch_moved(&self, netns: &Netns, index: u32) {
        if self.has_earlier() {
            self.touch_link(netns, index);
            let moved = &self.touched.moved;
            moved.borrow_mut().insert((numbers(netns), index));
        }
    }

    /// Notes that the script uses the namespace.
    pub fn touch_netns(&self, netns: &Netns) {
        if self.has_earlier() {
            self.touched.places.borrow_mut().insert(numbers(netns));
        }
    }

    /// What earlier runs of the lab have made that still stands and the script no longer makes. To be asked when it has ended well.
    pub async fn stale(&self, tables: Tables) -> Result<Stale> {
        let name = self.name().filter(|_| self.has_earlier());
        let Some(lab) = name else {
            return Ok(Stale::default());
        };
        self.begin()?;
        let (first, lines) = if self.plans() {
            (u64::MAX, usize::MAX)
        } else {
            self.touched.first.get()
        };
        if let Some(journal) = self.journal.borrow_mut().as_mut() {
            journal.write_all_waiting();
        }
        let Some((contents, _)) = Journal::peek(&lab)? else {
            return Ok(Stale::default());
        };
        let mut look = Look::new(self, &contents, tables);
        let mut stale = Stale::default();
        for step in contents.steps.iter().filter(|step| step.number < first) {
            look.take(step.clone(), &mut stale).await?;
        }
        let parts = contents.parts.iter().filter(|part| part.line <= lines);
        for part in parts {
            if !look.is_part(&part.undo) {
                continue;
            }
            let step = Step {
                line: part.line,
                number: OF_LINES + part.line as u64,
                run: 0,
                undo: part.undo.clone(),
            };
            look.take(step, &mut stale).await?;
        }
        let asked = contents.asked.iter().filter(|one| one.line <= lines);
        let asked = asked.filter(|one| is_made(&one.undo.way) && !self.touched.has(&one.undo));
        let asked = asked.map(|one| OF_LINES + one.line as u64);
        stale.forgotten.extend(asked);
        stale.settle();
        Ok(stale)
    }

    /// Takes down what the script no longer makes, newest first, and strikes it out in the journal.
    pub async fn prune(&self, stale: Stale) -> Undone {
        let (Some(lab), Some(journal)) = (self.name(), self.journal.take()) else {
            return Undone::default();
        };
        let journal = RefCell::new(journal);
        // With a link in a namespace of the lab goes what is told of it.
        let links: HashMap<u64, (Place, u32)> = stale
            .steps
            .iter()
            .filter(|step| step.undo.way == WayBack::DeleteLink)
            .filter_map(|Step { number, undo, .. }| {
                Some((*number, undo.netns.clone().zip(undo.link_index())?))
            })
            .collect();
        let strike = |number: u64| {
            let mut journal = journal.borrow_mut();
            match number.checked_sub(OF_LINES) {
                Some(line) => {
                    let line = usize::try_from(line).unwrap_or_default();
                    journal.note(&Line::Dropped(line));
                    if let Some((place, index)) = links.get(&number) {
                        journal.note(&Line::Gone(place.clone(), *index));
                    }
                }
                None if number > 0 => journal.undone(number),
                None => {}
            }
        };
        let mut told = Owners::beside(Some(&lab)).split(stale.along, false);
        told.extend(stale.steps);
        told.sort_by_key(|step| step.line);
        for number in stale.forgotten {
            strike(number);
        }
        let undone = rollback::take_down_told(&lab, told, false, strike).await;
        self.journal.replace(Some(journal.into_inner()));
        undone
    }
}

/// A look at what a journal tells.
struct Look<'a> {
    lab: &'a Lab,
    drift: Drift<'a>,
    finder: Finder,
    /// What a later step is about that took it away; no longer the lab's to take down.
    taken: HashSet<(Option<Numbers>, String)>,
    taken_places: HashSet<Numbers>,
    taken_links: HashSet<(Numbers, u32)>,
    made_places: HashSet<Numbers>,
    made_links: HashSet<(Numbers, u32)>,
}

impl<'a> Look<'a> {
    fn new(lab: &'a Lab, contents: &'a Contents, tables: Tables) -> Self {
        let mut look = Self {
            lab,
            drift: Drift::new(contents, tables),
            finder: Finder::default(),
            taken: HashSet::new(),
            taken_places: HashSet::new(),
            taken_links: HashSet::new(),
            made_places: HashSet::new(),
            made_links: HashSet::new(),
        };
        for Step { undo, .. } in &contents.steps {
            let place = undo.netns.as_ref().map(|place| place.id);
            let link = place.zip(undo.link_index());
            match &undo.way {
                WayBack::NameNetns { .. } => look.taken_places.extend(place),
                WayBack::MakeLink { .. } => look.taken_links.extend(link),
                WayBack::DeleteNetns { .. } => look.made_places.extend(place),
                WayBack::DeleteLink => look.made_links.extend(link),
                way if !is_made(way) => look.taken.extend(keys(undo, |place| place.id)),
                _ => {}
            }
        }
        look
    }

    /// Whether it is about something that the lab made.
    fn is_part(&self, undo: &Undo<Place>) -> bool {
        let place = undo.netns.as_ref().map(|place| place.id);
        let link = place.zip(undo.link_index());
        place.is_some_and(|place| self.made_places.contains(&place))
            || link.is_some_and(|link| self.made_links.contains(&link))
    }

    fn is_taken(&self, undo: &Undo<Place>) -> bool {
        let place = undo.netns.as_ref().map(|place| place.id);
        let link = place.zip(undo.link_index());
        place.is_some_and(|place| self.taken_places.contains(&place))
            || link.is_some_and(|link| self.taken_links.contains(&link))
            || !self.taken.is_empty()
                && keys(undo, |place| place.id)
                    .iter()
                    .any(|key| self.taken.contains(key))
    }

    /// Takes a step up, where it is stale.
    async fn take(&mut self, step: Step, stale: &mut Stale) -> Result<()> {
        let undo = &step.undo;
        if !is_made(&undo.way) || self.lab.touched.has(undo) || self.is_taken(undo) {
            return Ok(());
        }
        let Some(open) = self.finder.undo(undo.clone())? else {
            stale.forgotten.push(step.number);
            return Ok(());
        };
        if self.drift.state(undo, &open).await? == State::Missing {
            stale.forgotten.push(step.number);
            return Ok(());
        }
        if undo.way == WayBack::DeleteLink && self.carries(&open).await? {
            return Ok(());
        }
        stale.steps.push(step);
        Ok(())
    }

    /// Whether something goes with the link that the script asks for.
    async fn carries(&self, undo: &Undo) -> Result<bool> {
        let (Some(netns), Some(link)) = (&undo.netns, &undo.link) else {
            return Ok(false);
        };
        let going = deleting::going_with(netns, link).await?;
        let links = self.lab.touched.links.borrow();
        Ok(going
            .iter()
            .any(|(netns, index)| links.contains(&(numbers(netns), *index))))
    }
}

impl Stale {
    /// Whether there is nothing to be said and nothing to be done.
    pub fn is_empty(&self) -> bool {
        self.things.is_empty()
    }

    /// Sorts out what goes with other things, and lists the rest.
    fn settle(&mut self) {
        let mut places = HashMap::new();
        let mut links = HashSet::new();
        for Step { undo, line, .. } in &self.steps {
            let place = undo.netns.as_ref().map(|place| place.id);
            match undo.way {
                WayBack::DeleteNetns { .. } => places.extend(place.map(|place| (place, *line))),
                WayBack::DeleteLink => links.extend(place.zip(undo.link_index())),
                _ => {}
            }
        }
        let goes_along = |undo: &Undo<Place>| {
            let place = undo.netns.as_ref().map(|place| place.id);
            let is_inside = place.is_some_and(|place| places.contains_key(&place));
            match undo.way {
                WayBack::DeleteNetns { .. } | WayBack::MoveBack { .. } => false,
                WayBack::EndProcess { .. } | WayBack::DeleteLink => is_inside,
                _ => {
                    let link = place.zip(undo.link_index());
                    is_inside || link.is_some_and(|link| links.contains(&link))
                }
            }
        };
        self.steps.sort_by_key(|step| step.line);
        let mut seen = HashSet::new();
        let newest = self.steps.iter().rev().filter(|step| {
            let key = keys(&step.undo, |place| place.id);
            !goes_along(&step.undo) && !is_mark(&step.undo.way) && seen.insert(key)
        });
        self.things = newest.map(|step| Thing::of(&step.undo)).collect();
        self.things.reverse();
        for step in std::mem::take(&mut self.steps) {
            // What is told only to be missed needs no undoing where it goes with something.
            if step.number >= OF_LINES && goes_along(&step.undo) {
                self.along.parts.push(crate::lab::record::Told {
                    line: step.line,
                    undo: step.undo,
                });
            } else if step.number >= OF_LINES {
                self.steps.push(step);
            } else {
                self.along.steps.push(step);
            }
        }
    }
}
