//! The way back: undoes what a run or a lab made and changed, newest first.

mod back;
mod undone;

use std::collections::{HashMap, HashSet};

use futures::future::join_all;
use nix::errno::Errno;

use crate::error::{Error, Kind, Result};
use crate::lab::deleting::Renumbered;
use crate::lab::leaving::Nameless;
use crate::lab::owners::{self, Kept, Owners};
use crate::lab::recognise::{self, Finder};
use crate::lab::record::{self, Contents, Found, Place};
use crate::lab::undo::{Undo, WayBack};
use crate::lab::{Lab, Step, journal::Journal};
use crate::net::namespace::Id;

pub use undone::Undone;

use back::{back, delete_netns, end_process, make_link, move_back, name_netns, restore_kept};
use undone::Way;

/// What is said of a step that could not be undone, where the run changed its link before.
const EARLIER: &str = "earlier changes of that link stay with it; `ipvsh down` tries again";

/// What is said of a step that the kernel refuses to undo.
const GIVEN_UP: &str = "the lab no longer tries it: do it by hand, if it is still wanted";

/// Why a namespace is not deleted in which such a link is left.
const HOLDS: &str = "a link in it belongs elsewhere and could not be brought back";

/// Who is taken down, and how.
#[derive(Clone, Copy, Debug)]
struct How<'a> {
    /// The lab, by which its processes are recognised.
    lab: Option<&'a str>,
    /// Whether time has passed since: what somebody else has changed meanwhile is theirs.
    is_later: bool,
    /// Whether a namespace goes though processes are inside.
    force: bool,
    /// The steps that are undone whoever else wants what they are about.
    forced: Option<&'a HashSet<u64>>,
    /// Told of each namespace before it goes.
    leaving: Leaving<'a>,
}

/// Who is told that a namespace is to go: what keeps it open would keep it alive.
#[derive(Clone, Copy)]
struct Leaving<'a>(&'a dyn Fn(Id));

impl std::fmt::Debug for Leaving<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Leaving")
    }
}

impl Lab {
    /// Undoes every step of the run, newest first. What is gone already is passed over.
    pub async fn roll_back(&self) -> Undone {
        let undone = self.undo_steps(self.steps.take()).await;
        self.before.clear();
        self.made_netns.borrow_mut().clear();
        self.made_links.borrow_mut().clear();
        undone
    }

    /// Undoes `steps`, newest first, and strikes them out in the journal. What could not be undone stays there.
    pub(super) async fn undo_steps(&self, steps: Vec<Step>) -> Undone {
        for step in &steps {
            let Some(id) = step.undo.netns.as_ref().map(|netns| netns.namespace().id()) else {
                continue;
            };
            match &step.undo.way {
                WayBack::DeleteNetns { .. } => {
                    self.made_netns.borrow_mut().remove(&id);
                    self.made_links.borrow_mut().retain(|(of, _)| *of != id);
                }
                WayBack::DeleteLink => {
                    let index = step.undo.link_index().unwrap_or(0);
                    self.made_links.borrow_mut().remove(&(id, index));
                }
                _ => {}
            }
        }
        let lab = self.name();
        let leave = |id| self.leave(id);
        let how = How {
            lab: lab.as_deref(),
            is_later: false,
            force: false,
            forced: None,
            leaving: Leaving(&leave),
        };
        let (undone, moved) = take_down(steps, how, |number| self.undone(number)).await;
        self.renumber(&moved);
        undone
    }

    /// Has the steps that are left follow links that are there again and have another ifindex than before.
    fn renumber(&self, moved: &Renumbered) {
        for step in self.steps.borrow_mut().iter_mut() {
            let index = step.undo.link_index();
            step.undo = renumbered(step.undo.clone(), moved);
            if step.undo.link_index() != index
                && let Some(now) = step.undo.link_index()
                && matches!(step.undo.way, WayBack::DeleteLink)
            {
                self.complete(step.number, Found::Link(now));
            }
        }
    }
}

/// Fails with `busy` where other labs have links or processes in namespaces of `lab`, and names them.
pub fn check_others(lab: &str, told: &Contents) -> Result<()> {
    Owners::beside(Some(lab)).check_guests(lab, told)
}

/// Takes down what stands of the lab whose journal this is, and strikes it out there.
pub async fn take_down_lab(journal: &mut Journal, told: Contents, force: bool) -> Undone {
    let lab = journal.lab().to_owned();
    let owners = Owners::beside(Some(&lab));
    let told = owners.split(told, force);
    take_down_told(&lab, told, force, |number| journal.undone(number)).await
}

/// Takes down what steps of the lab's journal tell of, oldest first, and has each struck out that is done.
pub(super) async fn take_down_told(
    lab: &str,
    told: Vec<record::Step>,
    force: bool,
    mut strike: impl FnMut(u64),
) -> Undone {
    let owners = Owners::beside(Some(lab));
    let mut finder = Finder::default();
    let mut steps = Vec::new();
    let mut gone = Gone::default();
    let is_forced = |step: &&record::Step| force && owners::is_made_netns(&step.undo);
    let forced: HashSet<u64> = told
        .iter()
        .filter(is_forced)
        .map(|step| step.number)
        .collect();
    for step in told {
        // The namespace that the other end was in may have gone with that lab.
        gone.note(&owners, Some(&step.undo));
        match finder.undo(step.undo) {
            Ok(Some(undo)) => steps.push(Step {
                number: step.number,
                stretch: 0,
                undo,
            }),
            // Its namespace is gone, and all that was in it.
            Ok(None) => strike(step.number),
            Err(error) => {
                return Undone {
                    failures: vec![error],
                    ..Undone::default()
                };
            }
        }
    }
    let nobody = |_| {};
    let how = How {
        lab: Some(lab),
        is_later: true,
        force,
        forced: Some(&forced),
        leaving: Leaving(&nobody),
    };
    gone.leave_out(&mut steps);
    take_down(steps, how, strike).await.0
}

/// Undoes `steps`; returns what became of them, and the links that have another ifindex since.
async fn take_down(
    steps: Vec<Step>,
    how: How<'_>,
    mut undone: impl FnMut(u64),
) -> (Undone, Renumbered) {
    let mut sum = Undone::default();
    let steps = left_to_this(steps, how, &mut sum, &mut undone);
    // At once and first: they hold what the other steps are about.
    let steps = end_processes(steps, &mut sum, &mut undone).await;
    let is_netns = |way: &WayBack| matches!(way, WayBack::DeleteNetns { .. });
    let doomed: HashSet<Id> = namespaces(&steps, is_netns).map(|(id, _)| id).collect();
    // Links from elsewhere that are in them: what was set on one does not go with the namespace.
    let guests: HashSet<(Id, u32)> =
        namespaces(&steps, |way| matches!(way, WayBack::MoveBack { .. })).collect();
    let mut inside = None;
    let mut going_along: HashMap<Id, Vec<u64>> = HashMap::new();
    // Those that hold something from outside that could not be brought back.
    let mut holding: HashSet<Id> = HashSet::new();
    // Links of which a step could not be undone, with the failure. An older step undone without it would do harm: who loses the
    // last address that the run gave, before its own one is back, loses its routes.
    let mut stuck: HashMap<(Id, u32), usize> = HashMap::new();
    let mut again = Vec::new();
    let mut lacking: Vec<Lacking> = Vec::new();
    let mut done_since = Vec::new();
    let mut nameless = Nameless::default();
    let mut moved = Renumbered::default();
    for Step { number, undo, .. } in steps.into_iter().rev() {
        let undo = renumbered(undo, &moved);
        let id = undo.netns.as_ref().map(|netns| netns.namespace().id());
        // A link from outside must leave before its namespace goes, or the kernel deletes it.
        let is_from_outside = matches!(undo.way, WayBack::MoveBack { .. });
        let is_netns = matches!(undo.way, WayBack::DeleteNetns { .. });
        // One without its name is not found by who deletes it.
        let is_named_again = matches!(undo.way, WayBack::NameNetns { .. });
        let is_own = !is_netns && !is_from_outside && !is_named_again && !undo.reaches_out();
        let link = id.zip(undo.link_index());
        let is_guest = link.is_some_and(|link| guests.contains(&link));
        if let Some(id) = id.filter(|id| is_own && !is_guest && doomed.contains(id)) {
            going_along.entry(id).or_default().push(number);
            continue;
        }
        if let Some(failure) = link.and_then(|link| stuck.get(&link)) {
            // It stays where it is, and so must its namespace.
            holding.extend(id.filter(|_| is_from_outside));
            sum.note_earlier(*failure);
            continue;
        }
        // What deletes a link is in nobody's way.
        if !is_netns && !matches!(undo.way, WayBack::DeleteLink) {
            sum.failures.extend(nameless.let_go().await.err());
        }
        let result = match &undo.way {
            WayBack::DeleteNetns { name } if id.is_some_and(|id| holding.contains(&id)) => {
                Err(Error::new(Kind::Busy, HOLDS).doing("delete namespace", name.as_str()))
            }
            WayBack::DeleteNetns { name } => {
                let inside = inside.get_or_insert_with(recognise::processes);
                delete_netns(undo.netns.clone(), name, inside, how, &mut nameless).await
            }
            WayBack::NameNetns { name } => name_netns(undo.netns.as_deref(), name),
            WayBack::MakeLink { making, .. } => make_link(&undo, making, &mut moved).await,
            WayBack::MoveBack { .. } => move_back(&undo, how, &mut moved).await,
            _ => back(undo.clone(), how).await,
        };
        match result {
            Ok(way) => {
                let is_left = matches!(way, Way::NotOurs(_));
                sum.note(&undo.way, way);
                for number in id
                    .and_then(|id| going_along.remove(&id))
                    .unwrap_or_default()
                {
                    undone(number);
                }
                // Nor is what goes with a setting of somebody else.
                let failures = if is_left && matches!(undo.way, WayBack::Sysctl { .. }) {
                    Vec::new()
                } else {
                    restore_kept(&undo, &moved).await
                };
                if !lacking.is_empty() && is_of_object(&undo.way) {
                    done_since.push(undo.clone());
                }
                if failures.is_empty() {
                    undone(number);
                } else if let Some(link) = link.filter(|_| failures.iter().any(is_final)) {
                    // The next `down` finds the step by its namespace.
                    holding.extend(id.filter(|_| is_from_outside));
                    stuck.insert(link, sum.failures.len());
                    sum.failures.extend(failures);
                } else {
                    // What it took along may need what an older step brings back.
                    lacking.push(Lacking {
                        number,
                        undo,
                        done_before: done_since.len(),
                    });
                }
            }
            // It may need what an older step brings back.
            Err(error) if may_need_older(&undo.way, &error) => again.push((number, undo)),
            Err(error) => {
                holding.extend(id.filter(|_| is_from_outside));
                if let Some(link) = link {
                    stuck.insert(link, sum.failures.len());
                }
                sum.failures.push(error);
            }
        }
    }
    for step in try_again(again, (lacking, &done_since), &mut moved, how, &mut sum).await {
        undone(step);
    }
    sum.note_end(nameless.end().await);
    (sum, moved)
}

/// The steps that no other lab wants to stay. Of links that do not come back, as the lab that had made them is down, nothing does.
fn left_to_this(
    steps: Vec<Step>,
    how: How<'_>,
    sum: &mut Undone,
    undone: &mut impl FnMut(u64),
) -> Vec<Step> {
    let owners = Owners::beside(how.lab);
    let mut left = Vec::new();
    let mut gone = Gone::default();
    for step in steps {
        if let Some(kept) = owners.keep_tables(&step.undo) {
            undone(step.number);
            if let Kept::WithMore(told) = kept {
                sum.left.push(told);
            }
            continue;
        }
        let told = step.undo.clone().map(|netns| Some(Place::of(&netns)));
        gone.note(&owners, told.as_ref());
        if how
            .forced
            .is_some_and(|forced| forced.contains(&step.number))
        {
            left.push(step);
            continue;
        }
        match owners.left_to(step.undo) {
            Some(undo) => left.push(Step { undo, ..step }),
            None => undone(step.number),
        }
    }
    gone.leave_out(&mut left);
    left
}

/// Links that do not come back, since the lab that had made them is down, by the ifindices that they had.
#[derive(Default)]
struct Gone(HashMap<Place, HashSet<u32>>);

impl Gone {
    fn note(&mut self, owners: &Owners, undo: Option<&Undo<Place>>) {
        for (place, index) in undo
            .into_iter()
            .flat_map(|undo| owners.gone_with_other(undo))
        {
            self.0.entry(place).or_default().insert(index);
        }
    }

    /// Strikes out what was on them.
    fn leave_out(&self, steps: &mut [Step]) {
        if self.0.is_empty() {
            return;
        }
        for step in steps {
            let place = match step.undo.way {
                WayBack::MoveBack { .. } => &step.undo.home,
                _ => &step.undo.netns,
            };
            let links = place.as_ref().and_then(|at| self.0.get(&Place::of(at)));
            if let (Some(kept), Some(links)) = (&mut step.undo.kept, links) {
                kept.leave_out(links);
            }
        }
    }
}

/// Ends the processes, all at once, and returns the steps that are about something else.
async fn end_processes(
    steps: Vec<Step>,
    sum: &mut Undone,
    undone: &mut impl FnMut(u64),
) -> Vec<Step> {
    let (processes, steps): (Vec<Step>, Vec<Step>) = steps
        .into_iter()
        .partition(|step| matches!(step.undo.way, WayBack::EndProcess { .. }));
    let ends = processes.iter().rev().map(|step| end_process(&step.undo));
    let ends = join_all(ends).await;
    for (step, result) in processes.iter().rev().zip(ends) {
        match result {
            Ok(Way::Back) => {
                sum.processes += 1;
                undone(step.number);
            }
            Ok(_) => undone(step.number),
            Err(error) => sum.failures.push(error),
        }
    }
    steps
}

/// The namespaces of the steps whose way back is meant, with the links that they are about.
fn namespaces(
    steps: &[Step],
    is_meant: impl Fn(&WayBack) -> bool,
) -> impl Iterator<Item = (Id, u32)> {
    let meant = steps.iter().filter(move |step| is_meant(&step.undo.way));
    meant.filter_map(|step| {
        let netns = step.undo.netns.as_ref()?;
        Some((
            netns.namespace().id(),
            step.undo.link_index().unwrap_or_default(),
        ))
    })
}

/// A step that is undone, but for some of what it took along.
struct Lacking {
    number: u64,
    undo: Undo,
    /// How many of the older steps, of those that were undone since the first that lacks something, were undone before it.
    done_before: usize,
}

/// Whether a step is about what an object has, and not about the object.
fn is_of_object(way: &WayBack) -> bool {
    !matches!(
        way,
        WayBack::DeleteNetns { .. }
            | WayBack::DeleteLink
            | WayBack::MoveBack { .. }
            | WayBack::EndProcess { .. }
    )
}

/// Tries again what the kernel has refused, now that all else is back: the steps `again`, and what those of `lacking` have taken
/// along. What older steps have taken away since goes once more. Returns their numbers: whatever is still refused is told, and no
/// longer tried.
async fn try_again(
    again: Vec<(u64, Undo)>,
    (lacking, done_since): (Vec<Lacking>, &[Undo]),
    moved: &mut Renumbered,
    how: How<'_>,
    sum: &mut Undone,
) -> Vec<u64> {
    let mut tried = Vec::new();
    let give_up = |sum: &mut Undone, failures: Vec<Error>| {
        let failures = failures.into_iter().map(|error| error.note(GIVEN_UP));
        sum.failures.extend(failures);
    };
    // Links first: all else may be on them.
    let (links, again): (Vec<_>, Vec<_>) = again
        .into_iter()
        .partition(|(_, undo)| matches!(undo.way, WayBack::MakeLink { .. }));
    for (number, undo) in links {
        if let WayBack::MakeLink { making, .. } = &undo.way {
            match make_link(&undo, making, moved).await {
                Ok(way) => sum.note(&undo.way, way),
                Err(error) => give_up(sum, vec![error]),
            }
        }
        tried.push(number);
    }
    for Lacking {
        number,
        undo,
        done_before,
    } in lacking
    {
        give_up(sum, restore_kept(&undo, moved).await);
        for older in &done_since[done_before..] {
            give_up(
                sum,
                back(older.clone(), how).await.err().into_iter().collect(),
            );
        }
        tried.push(number);
    }
    for (number, undo) in again {
        match back(undo.clone(), how).await {
            Ok(way) => sum.note(&undo.way, way),
            Err(error) => give_up(sum, vec![error]),
        }
        give_up(sum, restore_kept(&undo, moved).await);
        tried.push(number);
    }
    tried
}

/// Whether a step may fail only for what an older one brings back.
fn may_need_older(way: &WayBack, error: &Error) -> bool {
    match way {
        WayBack::DeleteNetns { .. } | WayBack::MoveBack { .. } => false,
        WayBack::MakeLink { .. } => !is_of_means(error),
        _ => error.errno.is_some_and(is_of_state),
    }
}

/// The step with the links by the ifindices that they have now.
fn renumbered(mut undo: Undo, moved: &Renumbered) -> Undo {
    let place = undo.netns.as_ref().map(|netns| netns.namespace().id());
    if let Some(moved) = place.and_then(|place| moved.get(&place)) {
        undo.renumber(moved);
    }
    undo
}

/// Whether a failure tells nothing of what was asked for, but that this process could not ask.
fn is_of_means(error: &Error) -> bool {
    let means = [Errno::EPERM, Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM];
    error.errno.is_some_and(|errno| means.contains(&errno))
}

/// Whether a failure has another reason than the state that the kernel finds.
fn is_final(error: &Error) -> bool {
    !error.errno.is_some_and(is_of_state)
}

/// Whether the kernel refuses a request for the state that it finds, and will as long as nobody changes that.
fn is_of_state(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::ENETUNREACH
            | Errno::EHOSTUNREACH
            | Errno::ENETDOWN
            | Errno::EINVAL
            | Errno::ENXIO
            | Errno::ERANGE
            | Errno::EOPNOTSUPP
            | Errno::EADDRINUSE
    )
}
