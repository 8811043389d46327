//! What a run made and changed, how to undo each, and the way back.
//!
//! A word announces its change with [`Lab::step`] before it asks the kernel for it, and the lab's [`journal`] has it before it is
//! made. What was there before the run is never announced as made, so that taking a run down leaves it alone. Inside a
//! namespace or on a link that the run itself made, single changes need no undo: they go with it.

mod along;
mod asked;
pub mod confirm;
mod deleting;
pub mod entries;
mod fallen;
mod identity;
pub mod inventory;
pub mod journal;
mod kept;
mod leaving;
mod moves;
pub mod name;
pub mod object;
pub mod outcome;
mod owners;
mod processes;
pub mod recognise;
pub mod record;
pub mod rollback;
pub mod setting;
mod snapshot;
pub mod stale;
pub mod trace;
pub mod undo;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::process::Child;
use std::rc::Rc;

use crate::error::{Error, Kind, Result};
use crate::lab::journal::Journal;
use crate::lab::name::Name;
use crate::lab::outcome::Outcomes;
use crate::lab::record::{Found, Line, Move, Place};
use crate::lab::setting::Setting;
use crate::lab::snapshot::Snapshot;
use crate::lab::trace::Trace;
use crate::net::model;
use crate::net::namespace::Id;
use crate::net::netns::Netns;
use crate::value::name::NetnsName;
use crate::value::shell;

pub use deleting::Removed;
pub use object::Object;
pub use outcome::{Counts, Outcome};
use processes::Earlier;
pub use processes::Started;
pub use trace::Command;
pub use undo::{LinkRef, Undo, WayBack};

/// A change that the run made.
#[derive(Clone, Debug)]
struct Step {
    /// Its number in the journal; 0 where none is kept.
    number: u64,
    /// Between which marks of a session it was made.
    stretch: usize,
    undo: Undo,
}

/// What one run made and changed.
#[derive(Debug, Default)]
pub struct Lab {
    name: RefCell<Name>,
    journal: RefCell<Option<Journal>>,
    /// Whether the run is only planned.
    plans: Cell<bool>,
    /// Whether what it changed waits to be confirmed.
    awaits: Cell<bool>,
    /// Whether a journal of earlier runs was looked for.
    is_begun: Cell<bool>,
    steps: RefCell<Vec<Step>>,
    /// What came before the last mark: see [`Lab::mark`].
    before: entries::Before,
    outcomes: Outcomes,
    trace: Trace,
    /// A part whose link has no ifindex yet.
    unplaced: RefCell<Option<Undo>>,
    made_netns: RefCell<HashSet<Id>>,
    made_links: RefCell<HashSet<(Id, u32)>>,
    /// Links from elsewhere that the run has moved, where they are: they don't go with their namespace.
    guests: RefCell<HashSet<(Id, u32)>>,
    /// What the run gave to links of its own: the kernel takes an IPv4 address again with another prefix length.
    own_addresses: RefCell<HashSet<(Id, u32, IpAddr)>>,
    /// What earlier runs have started and this one has not taken over.
    earlier: RefCell<Vec<Earlier>>,
    /// Where earlier runs have moved links to.
    moves: OnceCell<Vec<Move>>,
    /// What other labs have, read when it is first asked for.
    owners: OnceCell<owners::Owners>,
    /// The same, also where the run is only planned.
    others: OnceCell<owners::Owners>,
    /// What this lab has noted, where another one has it, too.
    claimed: RefCell<HashSet<(Place, String)>>,
    /// What the run has said, for what of it has fallen since.
    said: fallen::Said,
    /// For what has gone along with what the run has deleted.
    along: along::Along,
    /// What was asked for and found so.
    noted: RefCell<asked::Noted>,
    /// The namespaces that earlier runs of the lab have made, with the numbers of those steps.
    made_earlier: RefCell<HashMap<Place, u64>>,
    /// What the run has asked for, where there were earlier ones.
    touched: stale::Touched,
    /// How many processes the run has started, for a file of its own for each.
    started: Cell<usize>,
    /// What records the output of those.
    recorders: RefCell<Vec<Child>>,
    /// What has to leave a namespace that goes: captures and servers of the run, which would keep it alive.
    leaving: Leavers,
}

/// Whom to tell that a namespace goes.
#[derive(Default)]
struct Leavers(OnceCell<Box<dyn Fn(Id)>>);

impl std::fmt::Debug for Leavers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Leavers")
    }
}

impl Lab {
    /// Only plans from now on: what this thread asks of the kernel is kept in a model and changes nothing.
    pub fn plan(&self) {
        model::begin();
        self.plans.set(true);
    }

    /// Has `leave` told of each namespace that is to go. Only the first time counts.
    pub(crate) fn when_leaving(&self, leave: impl Fn(Id) + 'static) {
        let _ = self.leaving.0.set(Box::new(leave));
    }

    /// Has what the run keeps open in that namespace leave it, which is to go.
    pub(crate) fn leave(&self, namespace: Id) {
        if let Some(leave) = self.leaving.0.get() {
            leave(namespace);
        }
    }

    /// Whether the run is only planned.
    pub fn plans(&self) -> bool {
        self.plans.get()
    }

    /// Opens the journal that earlier runs of the lab left, if there is one, and settles what a crash left unsettled.
    ///
    /// Fails with `busy` where another run is at work.
    pub fn begin(&self) -> Result<()> {
        if self.is_begun.replace(true) {
            return Ok(());
        }
        if self.plans() {
            return self.look_ahead();
        }
        self.open(false).inspect_err(|_| self.is_begun.set(false))
    }

    fn open(&self, make: bool) -> Result<()> {
        if self.journal.borrow().is_some() {
            return Ok(());
        }
        let name = self.name.borrow().clone();
        let Some(lab) = &name.lab else {
            return Ok(());
        };
        let script = name.script.as_deref();
        let open = |lab: &str| -> Result<_> {
            let opened = Journal::open(lab, script, make)?;
            if let Some((_, contents)) = &opened {
                contents.check_confirmed(lab)?;
            }
            Ok(opened)
        };
        let opened = match open(lab) {
            Err(error) if error.kind == Kind::Busy && name.is_common => {
                let own = format!("{lab}-{}", std::process::id());
                let opened = open(&own);
                self.name.borrow_mut().lab = Some(own);
                opened
            }
            opened => opened,
        };
        if let Some((mut journal, contents)) = opened? {
            if let Some(lines) = contents.damage() {
                let lab = journal.lab();
                return Err(Error::invalid(format!("it is damaged at {lines}"))
                    .doing("open the journal of lab", lab)
                    .hint(format!(
                        "`ipvsh down {}` undoes what can be read of it",
                        shell::word(lab)
                    )));
            }
            name.check_maker(&contents)?;
            self.touched.begin(&contents);
            recognise::settle(&mut journal, &contents);
            self.earlier.replace(Earlier::of(&contents));
            self.claimed.replace(owners::noted(&contents));
            let lines = self.noted.take().lines();
            self.noted.replace(asked::Noted::of(&contents).with(lines));
            self.made_earlier.replace(contents.made_netns());
            let _ = self.moves.set(contents.moves);
            self.journal.replace(Some(journal));
        }
        Ok(())
    }

    /// Writes to the journal what is about to be changed.
    fn announce(&self, undo: &Undo) -> Result<u64> {
        if self.plans() {
            return Ok(0);
        }
        self.begin()?;
        self.open(true)?;
        self.write_asked();
        match self.journal.borrow_mut().as_mut() {
            None => Ok(0),
            Some(journal) => match undo.clone().map(|netns| Some(Place::of(&netns))) {
                Some(undo) => {
                    self.forget_asked(&undo);
                    journal.announce(undo)
                }
                None => Ok(0),
            },
        }
    }

    fn complete(&self, number: u64, found: Found) {
        if let Some(journal) = self.journal.borrow_mut().as_mut().filter(|_| number > 0) {
            journal.complete(number, found);
        }
    }

    fn undone(&self, number: u64) {
        if let Some(journal) = self.journal.borrow_mut().as_mut().filter(|_| number > 0) {
            journal.undone(number);
        }
    }

    /// Lets go of the journal, and removes it where nothing of the lab stands. To be called when the run has ended.
    pub fn close(&self) {
        if !self.awaits.get() {
            self.settle_kept();
        }
        if let Some(journal) = self.journal.borrow_mut().take() {
            journal.close();
        }
    }

    /// Notes how to undo a change, then makes it; forgets it again where the change fails.
    ///
    /// `command` is what does the same in a shell, for the [`trace`]. Where the change lies within something that the run itself
    /// made, there is nothing to note. The outer failure is that of the journal, which has to have the change before it is made.
    pub async fn step<T, E>(
        &self,
        undo: Undo,
        command: impl FnOnce() -> Command,
        change: impl Future<Output = Result<T, E>>,
    ) -> Result<Result<T, E>> {
        let said = self.trace.show(command);
        let done = self.step_unsaid(undo, change).await;
        if matches!(done, Ok(Ok(_))) {
            self.trace.note(said);
        }
        done
    }

    /// A step that is part of another, which has said what it does.
    pub async fn step_unsaid<T, E>(
        &self,
        undo: Undo,
        change: impl Future<Output = Result<T, E>>,
    ) -> Result<Result<T, E>> {
        let beyond = if self.plans() {
            Vec::new()
        } else {
            Box::pin(self.beyond(&undo)).await?
        };
        let along = self.announce_all(beyond.iter())?;
        let said = undo.clone();
        let result = Box::pin(self.step_itself(undo, change)).await;
        if matches!(result, Ok(Ok(_))) {
            self.said.note(&said);
        }
        let gone = match &result {
            Ok(Ok(_)) => Box::pin(deleting::gone_of(beyond)).await?,
            _ => Vec::new(),
        };
        self.settle(along, &gone);
        result
    }

    async fn step_itself<T, E>(
        &self,
        undo: Undo,
        change: impl Future<Output = Result<T, E>>,
    ) -> Result<Result<T, E>> {
        self.touch(&undo);
        if self.goes_by_itself(&undo) {
            let result = change.await;
            if result.is_ok() {
                self.note_part(undo);
            }
            return Ok(result);
        }
        if let Some(at) = self.making(&undo) {
            let result = change.await;
            if result.is_ok() {
                let made = self.steps.borrow_mut().remove(at);
                self.undone(made.number);
            }
            return Ok(result);
        }
        let mut undo = self.beside_others(undo)?;
        if !self.plans() {
            let of_others = undo.kept.take();
            undo.kept = snapshot::before(&undo).await?;
            if let (Some(kept), Some(of_others)) = (&mut undo.kept, of_others) {
                kept.add_older(&of_others);
            }
        }
        let number = self.announce(&undo)?;
        self.push(number, undo.clone());
        let result = change.await;
        if result.is_err() {
            self.forget(|step| step.number == number);
        } else if let Some(kept) = &undo.kept {
            // Where it can't be read, all that may be lost stays noted.
            if let Ok(lost) = snapshot::lost(&undo, kept).await {
                self.note_lost(number, lost);
            }
        }
        Ok(result)
    }

    /// Notes what the last change took along.
    fn note_lost(&self, number: u64, lost: Option<Box<Snapshot>>) {
        self.complete(number, Found::Lost(lost.clone()));
        if let Some(step) = self.steps.borrow_mut().last_mut() {
            step.undo.kept = lost;
        }
    }

    /// Has the journal know, for [`inventory`], what was done to something that the run made.
    fn note_part(&self, undo: Undo) {
        if undo.link.as_ref().is_some_and(|link| link.index == 0) {
            self.unplaced.replace(Some(undo));
            return;
        }
        self.along.note_part(&undo);
        if let Some(journal) = self.journal.borrow_mut().as_mut()
            && let Some(undo) = undo.map(|netns| Some(Place::of(&netns)))
        {
            self.forget_asked(&undo);
            journal.note(&Line::Part(undo));
        }
    }

    /// The same for a link that was to get its ifindex first.
    fn place_part(&self, netns: Id, index: u32) {
        let Some(mut undo) = self.unplaced.take() else {
            return;
        };
        if undo.is_in(netns) {
            undo.set_index(index);
            self.note_part(undo);
        }
    }

    /// Notes that a link was deleted on purpose, and with it, where it was the run's own, all that the run changed of it.
    fn link_deleted(&self, netns: &Netns, index: u32, is_own: bool) {
        let id = netns.namespace().id();
        self.made_links.borrow_mut().remove(&(id, index));
        self.said.deleted(id, Some(index));
        if is_own {
            self.along.note_deleted();
            self.forget(|step| {
                !step.undo.reaches_out()
                    && step.undo.link_index() == Some(index)
                    && step.undo.is_in(id)
            });
        }
        if let Some(journal) = self.journal.borrow_mut().as_mut() {
            journal.note(&Line::Gone(Place::of(netns), index));
        }
    }

    fn push(&self, number: u64, undo: Undo) {
        let stretch = self.before.stretch.get();
        self.steps.borrow_mut().push(Step {
            number,
            stretch,
            undo,
        });
    }

    /// Whether the change goes with a namespace or a link that the run made.
    fn goes_by_itself(&self, undo: &Undo) -> bool {
        let Some(netns) = &undo.netns else {
            return false;
        };
        match &undo.way {
            WayBack::DeleteNetns { .. } | WayBack::MoveBack { .. } | WayBack::EndProcess { .. } => {
                false
            }
            _ if undo.reaches_out() => false,
            WayBack::Restore { .. } if self.is_guest(undo) => false,
            // By its name a link is recognised: a new one has to be known.
            WayBack::DeleteLink
            | WayBack::Restore {
                old: Setting::Name(_),
                ..
            } => self.made_namespace_now(netns),
            _ => {
                let link = undo.link_index();
                self.made_namespace_now(netns)
                    || link.is_some_and(|index| self.made_link_now(netns, index))
            }
        }
    }

    /// Whether it is about a link that is only a guest in its namespace.
    fn is_guest(&self, undo: &Undo) -> bool {
        let at = undo.netns.as_ref().map(|netns| netns.namespace().id());
        let link = at.zip(undo.link_index());
        link.is_some_and(|link| self.guests.borrow().contains(&link))
    }

    /// Strikes out steps that are nothing to undo any more. Of those without a journal only the last can be meant.
    fn forget(&self, is_meant: impl Fn(&Step) -> bool) {
        let mut struck = Vec::new();
        let mut steps = self.steps.borrow_mut();
        if steps
            .last()
            .is_some_and(|step| step.number == 0 && is_meant(step))
        {
            steps.pop();
        } else {
            steps.retain(|step| {
                let keep = step.number == 0 || !is_meant(step);
                if !keep {
                    struck.push(step.number);
                }
                keep
            });
        }
        drop(steps);
        for number in struck {
            self.undone(number);
        }
    }

    /// Notes what happened to an object of a namespace: `(Outcome::Created, &netns, ("veth", "v0"))`.
    pub fn report(&self, outcome: Outcome, netns: &Netns, object: impl Into<Object>) {
        let notes = Vec::new();
        self.outcomes
            .note(outcome, Some(netns), object.into(), notes);
    }

    /// Notes that what is there is in the way of what the script asks: the failure itself, except in a plan, which goes on.
    pub fn conflict(&self, error: Error, netns: &Netns, object: impl Into<Object>) -> Result<()> {
        if !self.plans() {
            return Err(error);
        }
        let mut notes = vec![error.to_string()];
        notes.extend(error.notes);
        self.outcomes
            .note(Outcome::Conflict, Some(netns), object.into(), notes);
        Ok(())
    }

    /// Whether the run is only planned, so that what only a real network can tell is not asked; notes that it would be.
    pub fn would_test(&self, netns: &Netns, object: impl Into<Object>) -> bool {
        if self.plans() {
            self.report(Outcome::WouldTest, netns, object);
        }
        self.plans()
    }

    /// The drivers that a plan could not try out, as the kernel has not loaded them yet.
    pub fn untried(&self) -> Vec<String> {
        if self.plans() {
            model::untried()
        } else {
            Vec::new()
        }
    }

    /// The same for a file that the script writes, which is no part of the lab.
    pub fn would_write(&self, file: &str) -> bool {
        if self.plans() {
            let file = Object::new("file", file);
            self.outcomes
                .note(Outcome::WouldTest, None, file, Vec::new());
        }
        self.plans()
    }

    /// Notes what happened to a namespace itself.
    pub fn report_namespace(&self, outcome: Outcome, name: &str) {
        let namespace = Object::new("namespace", name);
        self.outcomes.note(outcome, None, namespace, Vec::new());
    }

    /// Notes a thing of earlier runs that the script no longer makes: as taken away now, or as stale.
    pub fn report_stale(&self, outcome: Outcome, thing: &object::Thing) {
        self.outcomes.note_stale(outcome, thing);
    }

    /// What happened so far.
    pub fn outcomes(&self) -> &Outcomes {
        &self.outcomes
    }

    /// How many objects met each outcome so far.
    pub fn counts(&self) -> Counts {
        self.outcomes.counts()
    }

    /// The commands of iproute2 that do the same as the run.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Makes the namespace `name`.
    pub fn make_netns(&self, name: &NetnsName) -> Result<Rc<Netns>> {
        let mut undo = Undo {
            netns: None,
            link: None,
            home: None,
            way: WayBack::DeleteNetns { name: name.clone() },
            origin: None,
            kept: None,
        };
        self.trace
            .tell(|| Command::plain(["ip", "netns", "add", name.as_str()]));
        let number = self.announce(&undo)?;
        let made = match Netns::make(name) {
            Ok(made) => Rc::new(made),
            Err(error) => {
                self.undone(number);
                return Err(error);
            }
        };
        if number > 0 {
            self.complete(number, Found::Netns(Place::of_made(&made)));
        }
        self.made_netns.borrow_mut().insert(made.namespace().id());
        undo.netns = Some(made.clone());
        self.push(number, undo);
        self.report_namespace(Outcome::Created, name.as_str());
        Ok(made)
    }

    /// Notes that a namespace was deleted on purpose, and with it all that the run made in it.
    pub fn netns_deleted(&self, netns: &Netns) {
        self.trace
            .tell(|| Command::plain(["ip", "netns", "del", netns.label()]));
        let id = netns.namespace().id();
        self.said.deleted(id, None);
        self.made_netns.borrow_mut().remove(&id);
        self.along.note_deleted();
        let mut struck = Vec::new();
        self.steps.borrow_mut().retain(|step| {
            let keep = !step.undo.is_in(id);
            if !keep {
                struck.push(step.number);
            }
            keep
        });
        for number in struck {
            self.undone(number);
        }
        self.report_namespace(Outcome::Deleted, netns.label());
    }

    /// Notes that the run made this link, and which ifindex the kernel gave it.
    pub fn link_made(&self, netns: &Netns, index: u32, name: &str) {
        self.touch_link(netns, index);
        let id = netns.namespace().id();
        self.made_links.borrow_mut().insert((id, index));
        let announced = self.steps.borrow_mut().iter_mut().rev().find_map(|step| {
            step.undo.deletes_new(id, name).then(|| {
                step.undo.set_index(index);
                step.number
            })
        });
        match announced {
            Some(number) => self.complete(number, Found::Link(index)),
            None => self.place_part(id, index),
        }
    }

    /// Notes that no link has the name any more under which one was announced.
    pub fn link_renamed(&self, netns: &Netns, name: &str) {
        let id = netns.namespace().id();
        self.forget(|step| step.undo.deletes_new(id, name));
    }

    /// Follows a link to its new place, so that it is still found when the run is taken down.
    pub fn link_moved(&self, from: (&Netns, u32), to: (&Rc<Netns>, u32)) {
        self.touch_moved(to.0, to.1);
        let target = to.0.namespace().id();
        let announced = self.steps.borrow_mut().last_mut().and_then(|step| {
            let link = step.undo.link.as_ref();
            let is_new = link.is_some_and(|link| link.index == 0) && step.undo.is_in(target);
            is_new.then(|| {
                step.undo.set_index(to.1);
                step.number
            })
        });
        match announced {
            Some(number) => self.complete(number, Found::Link(to.1)),
            None => self.place_part(target, to.1),
        }
        let old = (from.0.namespace().id(), from.1);
        self.said.moved(old, (target, to.1));
        let is_new = self.made_link_now(from.0, from.1);
        let mut guests = self.guests.borrow_mut();
        let was_guest = guests.remove(&old);
        if was_guest || !is_new {
            guests.insert((target, to.1));
        }
        drop(guests);
        if let Some(journal) = self.journal.borrow_mut().as_mut() {
            let (from, to) = ((Place::of(from.0), from.1), (Place::of(to.0), to.1));
            journal.note(&Line::Went(from.0, from.1, to.0, to.1));
        }
        // One of an earlier entry comes back when this one is taken back, as one of somebody else does.
        self.made_links.borrow_mut().remove(&old);
        if !is_new {
            return;
        }
        self.made_links.borrow_mut().insert((target, to.1));
        // Where it was, there is none to delete any more.
        self.forget(|step| {
            step.undo.way == WayBack::DeleteLink
                && step.undo.is_in(old.0)
                && step.undo.link_index() == Some(old.1)
        });
    }

    /// Whether the run made this namespace.
    pub fn made_namespace(&self, netns: &Netns) -> bool {
        self.made_netns.borrow().contains(&netns.namespace().id())
    }

    /// Whether the run made this link.
    pub fn made_link(&self, netns: &Netns, index: u32) -> bool {
        self.made_links
            .borrow()
            .contains(&(netns.namespace().id(), index))
    }

    /// Notes that the run gave this address to the link.
    pub fn address_added(&self, netns: &Netns, link: u32, ip: IpAddr) {
        self.own_addresses
            .borrow_mut()
            .insert((netns.namespace().id(), link, ip));
    }

    /// Whether the run gave this address to the link, at whatever time.
    pub fn added_address(&self, netns: &Netns, link: u32, ip: IpAddr) -> bool {
        self.own_addresses
            .borrow()
            .contains(&(netns.namespace().id(), link, ip))
    }

    /// Which step made the route that is taken away again: nothing is to be undone then.
    fn making(&self, undo: &Undo) -> Option<usize> {
        let WayBack::AddRoute { route } = &undo.way else {
            return None;
        };
        let at = undo.netns.as_ref()?.namespace().id();
        let steps = self.steps.borrow();
        let last = steps.iter().rposition(|step| match &step.undo.way {
            WayBack::AddRoute { route: other } | WayBack::DeleteRoute { route: other } => {
                step.undo.is_in(at) && other.identity() == route.identity()
            }
            _ => false,
        })?;
        let is_new = matches!(steps[last].undo.way, WayBack::DeleteRoute { .. });
        (is_new && steps[last].stretch == self.before.stretch.get()).then_some(last)
    }

    /// Whether there is anything to take down.
    pub fn is_empty(&self) -> bool {
        self.steps.borrow().is_empty()
    }
}
