//! The way back: undoes what a run or a lab made and changed, newest first.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use nix::errno::Errno;

use crate::error::{Error, Kind, Result};
use crate::lab::deleting::Renumbered;
use crate::lab::kept::{self, Return};
use crate::lab::leaving::Nameless;
use crate::lab::owners::{self, Kept, Owners};
use crate::lab::recognise::{self, Finder};
use crate::lab::record::{self, Contents, Found, Place};
use crate::lab::undo::{LinkRef, Undo, WayBack};
use crate::lab::{Lab, Step, journal::Journal};
use crate::net::making::Making;
use crate::net::namespace::Id;
use crate::net::netns::Netns;
use crate::net::nft::{Mark, Table};
use crate::net::queue::{self, Tree};
use crate::net::rtnl::Refusal;
use crate::net::seen::Seen;
use crate::net::standing::{self, Standing};
use crate::net::{address, link, namespace, nft, process, route, sysctl};
use crate::value::count::in_words;
use crate::value::name::NetnsName;

/// What a rollback did.
#[derive(Clone, Debug, Default)]
pub struct Undone {
    /// Namespaces taken away.
    pub namespaces: usize,
    /// Links deleted, apart from those that went with their namespace.
    pub links: usize,
    /// Processes ended, apart from those that they have started themselves.
    pub processes: usize,
    /// Settings, addresses and routes put back.
    pub changes: usize,
    /// What somebody else has changed since, and was left as it is.
    pub left: Vec<String>,
    /// What could not be undone, and why.
    pub failures: Vec<Error>,
}

impl Undone {
    /// What was taken down in two tries. What the first could not, as something held it, is told by the second.
    #[must_use]
    pub fn and_again(self, again: Self) -> Self {
        let told: HashSet<String> = again.failures.iter().map(ToString::to_string).collect();
        let mut failures = self.failures;
        failures.retain(|one| one.kind != Kind::Busy && !told.contains(&one.to_string()));
        failures.extend(again.failures);
        Self {
            namespaces: self.namespaces + again.namespaces,
            links: self.links + again.links,
            processes: self.processes + again.processes,
            changes: self.changes + again.changes,
            left: [self.left, again.left].concat(),
            failures,
        }
    }

    /// What was taken down: `2 namespaces, 1 link`. `None` where nothing was.
    pub fn counted(&self) -> Option<String> {
        in_words([
            (self.namespaces, "namespace", "namespaces"),
            (self.links, "link", "links"),
            (self.processes, "process", "processes"),
            (self.changes, "change", "changes"),
        ])
    }
}

impl fmt::Display for Undone {
    /// One line that says what was taken down: `took down what this run made: 2 namespaces, 1 link`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.counted() {
            None => f.write_str("nothing of what this run made was left to take down"),
            Some(parts) => write!(f, "took down what this run made: {parts}"),
        }
    }
}

/// What became of one step.
enum Way {
    Back,
    NothingLeft,
    /// Somebody else has changed it since; what is there, in words.
    NotOurs(String),
}

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

impl Undone {
    /// What counts the steps of this way.
    fn counter(&mut self, way: &WayBack) -> &mut usize {
        match way {
            WayBack::DeleteNetns { .. } => &mut self.namespaces,
            WayBack::DeleteLink => &mut self.links,
            _ => &mut self.changes,
        }
    }

    /// Notes what became of a step.
    fn note(&mut self, of: &WayBack, way: Way) {
        match way {
            Way::Back => *self.counter(of) += 1,
            Way::NothingLeft => {}
            // What was made and taken away again is told once.
            Way::NotOurs(text) if self.left.contains(&text) => {}
            Way::NotOurs(text) => self.left.push(text),
        }
    }

    /// Notes how namespaces ended: what failed, and what there is to say.
    fn note_end(&mut self, (gone, late): (Result<()>, Option<String>)) {
        self.failures.extend(gone.err());
        self.left.extend(late);
    }

    /// Says with a failure that older steps of its link wait for it.
    fn note_earlier(&mut self, failure: usize) {
        if let Some(error) = self.failures.get_mut(failure)
            && error.notes.is_empty()
        {
            error.notes.push(EARLIER.to_owned());
        }
    }
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

/// Ends a process, and what it has started.
async fn end_process(undo: &Undo) -> Result<Way> {
    let WayBack::EndProcess {
        process, output, ..
    } = &undo.way
    else {
        return Ok(Way::NothingLeft);
    };
    let family = process::family(*process, output);
    process::end_tree(|| process::family(*process, output)).await?;
    // Where it stays it is in nobody's way.
    let _ = std::fs::remove_file(output);
    Ok(if family.is_empty() {
        Way::NothingLeft
    } else {
        Way::Back
    })
}

async fn delete_netns(
    netns: Option<Rc<Netns>>,
    name: &NetnsName,
    inside: &HashMap<Id, Vec<u32>>,
    how: How<'_>,
    nameless: &mut Nameless,
) -> Result<Way> {
    let context = |error: Error| error.doing("delete namespace", name.as_str());
    if let Some(netns) = &netns {
        if netns.check().is_err() {
            return Ok(Way::NothingLeft);
        }
        if inside.contains_key(&netns.namespace().id()) {
            end_inside(netns, how).await.map_err(context)?;
        }
    }
    if let Some(netns) = &netns {
        nameless.look_into(netns).await;
        (how.leaving.0)(netns.namespace().id());
        netns.namespace().pin().map_err(context)?;
    }
    namespace::delete(name).map_err(context)?;
    nameless.add(netns);
    if nameless.is_full() {
        nameless.let_go().await.map_err(context)?;
    }
    Ok(Way::Back)
}

/// How long it is waited for a process of which it can't be told whose it is.
const IN_BETWEEN: Duration = Duration::from_secs(2);

/// Ends the processes of the lab that are in the namespace, also those that these start meanwhile.
///
/// Fails with `busy` where there are others, which `force` leaves alone.
async fn end_inside(netns: &Netns, how: How<'_>) -> Result<()> {
    let own = std::process::id();
    let inside = || {
        let pids = netns.processes().into_iter().filter(|pid| *pid != own);
        pids.filter_map(process::Process::of)
            .partition::<Vec<_>, _>(|one| recognise::is_of_lab(one.pid, how.lab))
    };
    let latest = Instant::now() + IN_BETWEEN;
    let mut foreign = loop {
        process::end_tree(|| inside().0).await?;
        let (ours, others) = inside();
        let is_unsettled = |one: &process::Process| process::is_in_between(one.pid);
        let is_settled = ours.is_empty() && !others.iter().any(is_unsettled);
        if is_settled || Instant::now() > latest {
            break others;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    };
    foreign.retain(|one| one.runs());
    if how.force || foreign.is_empty() {
        return Ok(());
    }
    let names = foreign
        .iter()
        .map(|one| format!("{} ({})", one.pid, process::name_of(one.pid)));
    let names: Vec<String> = names.collect();
    Err(Error::new(Kind::Busy, "processes are inside")
        .note(format!("inside: {}", names.join(", ")))
        .hint("end them first, or take the lab down with `ipvsh down --force LAB`"))
}

/// Undoes one step.
async fn back(undo: Undo, how: How<'_>) -> Result<Way> {
    let Some(netns) = undo.netns.clone().filter(|netns| netns.check().is_ok()) else {
        return Ok(Way::NothingLeft);
    };
    let rtnl = &netns.rtnl()?;
    let seen = match undo.link {
        Some(_) => match recognise::link_of(&undo, &netns).await? {
            Some(seen) => Some(seen),
            None => return Ok(Way::NothingLeft),
        },
        None => None,
    };
    let index = seen.as_ref().map_or(0, |seen| seen.index);
    let link = undo.link.unwrap_or_default();
    match undo.way {
        WayBack::DeleteNetns { .. }
        | WayBack::NameNetns { .. }
        | WayBack::MakeLink { .. }
        | WayBack::EndProcess { .. }
        // What it is about is restored behind it.
        | WayBack::PutBack => Ok(Way::NothingLeft),
        WayBack::DeleteLink => match link::delete(rtnl, index).await {
            Ok(true) => Ok(Way::Back),
            Ok(false) => Ok(Way::NothingLeft),
            Err(refusal) => done(Err(refusal), "delete link", &link.name, &netns),
        },
        WayBack::MoveBack { name, .. } => {
            let Some(home) = undo.home else {
                return Ok(Way::NothingLeft);
            };
            let name = name.unwrap_or(link.name);
            let moved = link::move_to(rtnl, index, home.namespace(), Some(&name)).await;
            done(moved, "move back", &name, &netns)
        }
        WayBack::Restore { old, new } => {
            let present = match &seen {
                Some(seen) => old.now(rtnl, seen).await?,
                None => None,
            };
            if present.as_ref() == Some(&old) {
                return Ok(Way::NothingLeft);
            }
            if let Some(present) = present.filter(|present| how.is_later && *present != new) {
                return Ok(Way::NotOurs(format!(
                    "{} of link `{}` in namespace `{}` is {present}, not the {new} that the lab set: left as it is",
                    old.what(),
                    link.name,
                    netns.label()
                )));
            }
            let set = old.send(rtnl, index, &link.kind).await;
            let what = format!("{} {old} of {}", old.what(), link.name);
            done(set, "restore", &what, &netns)
        }
        WayBack::DeleteAddress { address } => {
            let deleted = address::delete(rtnl, index, &address).await;
            done(deleted, "delete address", &address.line(), &netns)
        }
        WayBack::AddAddress { address } => {
            let added = address::restore(rtnl, index, &address).await;
            done(added, "restore address", &address.line(), &netns)
        }
        WayBack::DeleteRoute { route } => {
            let deleted = route::delete(rtnl, &route).await;
            done(deleted, "delete route", &route.destination_text(), &netns)
        }
        WayBack::AddRoute { route } => {
            let added = route::add(rtnl, &route).await;
            done(added, "restore route", &route.destination_text(), &netns)
        }
        WayBack::DeleteRules { marks } => delete_rules(&netns, &marks),
        WayBack::RestoreTables { tables, left } => restore_tables(&netns, tables, &left, how),
        WayBack::RestoreQueue { old, new } => {
            restore_queue(&netns, index, &link, &old, &new, how).await
        }
        WayBack::Send {
            what,
            request,
            made,
        } => {
            if how.is_later
                && let Standing::Changed(changed) =
                    standing::of(&request, made.as_ref(), &Seen::of(netns.clone())).await?
            {
                let of_link = match link.name.as_str() {
                    "" => String::new(),
                    name => format!(" of link `{name}`"),
                };
                return Ok(Way::NotOurs(format!(
                    "{}{of_link} in namespace `{}` {changed}: left as it is",
                    what.trim_end_matches(" taken away"),
                    netns.label()
                )));
            }
            let sent = request.send(&netns, rtnl).await;
            done(sent, "undo the change", &what, &netns)
        }
        WayBack::Sysctl { key, old, new } => restore_sysctl(&netns, &key, &old, &new, how),
    }
}

fn delete_rules(netns: &Netns, marks: &[Mark]) -> Result<Way> {
    let deleted = nft::delete_marked(netns, marks).map_err(|error| {
        error
            .doing_plain("delete rules of nftables")
            .within(netns.label())
    })?;
    Ok(if deleted { Way::Back } else { Way::NothingLeft })
}

fn restore_tables(netns: &Netns, tables: Vec<Table>, left: &[Table], how: How<'_>) -> Result<Way> {
    let context = |error: Error| {
        error
            .doing_plain("restore the ruleset")
            .within(netns.label())
    };
    let (tables, changed) = if how.is_later {
        unchanged_tables(netns, tables, left).map_err(context)?
    } else {
        (tables, Vec::new())
    };
    nft::restore(netns, &tables).map_err(context)?;
    Ok(match changed.as_slice() {
        [] => Way::Back,
        names => Way::NotOurs(format!(
            "table {} in namespace `{}` is not as the lab left it: left as it is",
            names.join(", "),
            netns.label()
        )),
    })
}

/// The tables of `old` that are as the lab left them, and the names of those that somebody else has changed since.
fn unchanged_tables(
    netns: &Netns,
    old: Vec<Table>,
    left: &[Table],
) -> Result<(Vec<Table>, Vec<String>)> {
    let present = nft::tables(netns)?;
    let of = |tables: &[Table], one: &Table| {
        let found = tables.iter().find(|table| table.is(&one.family, &one.name));
        found.and_then(|table| table.text.clone())
    };
    let is_as_left = |one: &Table| left.is_empty() || of(&present, one) == of(left, one);
    let (same, changed): (Vec<Table>, Vec<Table>) = old.into_iter().partition(is_as_left);
    // What is there again as it was needs no word.
    let changed = changed.iter().filter(|one| of(&present, one) != one.text);
    let names = changed.map(|one| format!("`{} {}`", one.family, one.name));
    Ok((same, names.collect()))
}

/// Gives the link `index` the queue that it had.
async fn restore_queue(
    netns: &Netns,
    index: u32,
    link: &LinkRef,
    old: &Tree,
    new: &Tree,
    how: How<'_>,
) -> Result<Way> {
    let rtnl = &netns.rtnl()?;
    let context = |error: Error| {
        error
            .doing("restore queue of", &link.name)
            .within(netns.label())
    };
    let present = queue::read(rtnl, index).await.map_err(Error::from);
    let present = present.map_err(context)?.made();
    if present.is_like(old) {
        return Ok(Way::NothingLeft);
    }
    // What was cut off in the middle is a beginning of the new one, on the same root.
    let (there, set) = (present.lines(), new.lines());
    let is_ours = present.is_like(new) || there.iter().all(|line| set.contains(line));
    if how.is_later && !is_ours {
        return Ok(Way::NotOurs(format!(
            "the queue of link `{}` in namespace `{}` is {}, not what the lab set: left as it is",
            link.name,
            netns.label(),
            present.lines().join(", ")
        )));
    }
    let replaced = queue::replace(rtnl, index, &present, old).await;
    let replaced = replaced.map_err(|failed| failed.refusal);
    done(replaced, "restore queue of", &link.name, netns)
}

fn restore_sysctl(
    netns: &Netns,
    key: &sysctl::Key,
    old: &str,
    new: &str,
    how: How<'_>,
) -> Result<Way> {
    let context = |error: Error| {
        error
            .doing("restore sysctl", &key.to_string())
            .within(netns.label())
    };
    let present = match sysctl::read(netns, key) {
        Ok(present) => present,
        Err(error) if error.kind == Kind::NotFound => return Ok(Way::NothingLeft),
        Err(error) => return Err(context(error)),
    };
    if present == old {
        return Ok(Way::NothingLeft);
    }
    if how.is_later && present != new {
        return Ok(Way::NotOurs(format!(
            "sysctl `{key}` in namespace `{}` is {present}, not the {new} that the lab set: left as it is",
            netns.label()
        )));
    }
    sysctl::write(netns, key, old).map_err(context)?;
    Ok(Way::Back)
}

/// Gives a namespace its name back that the lab has deleted.
fn name_netns(netns: Option<&Netns>, name: &NetnsName) -> Result<Way> {
    let Some(netns) = netns else {
        return match namespace::id_of_path(&namespace::path_of(name)) {
            Some(_) => Ok(Way::NotOurs(given_up(name))),
            None => Err(kept::lost(name)),
        };
    };
    let given = kept::give_back(netns, name);
    let given = given.map_err(|error| error.doing("bring back namespace", name.as_str()))?;
    Ok(match given {
        Return::Back => Way::Back,
        Return::Never => Way::NothingLeft,
        Return::Taken => Way::NotOurs(given_up(name)),
    })
}

fn given_up(name: &NetnsName) -> String {
    format!(
        "the name of namespace `{name}` is taken by another one: that which the lab deleted is gone for good"
    )
}

/// Makes a link again that the lab has deleted.
async fn make_link(undo: &Undo, making: &Making, moved: &mut Renumbered) -> Result<Way> {
    let Some(netns) = undo.netns.as_ref().filter(|netns| netns.check().is_ok()) else {
        return Ok(Way::NothingLeft);
    };
    let link = undo.link.clone().unwrap_or_default();
    let there = link::get(&netns.rtnl()?, link::Which::Name(&link.name)).await?;
    match there {
        Some(there) if there.index == link.index && there.kind == link.kind => {
            return Ok(Way::NothingLeft);
        }
        Some(_) => {
            return Ok(Way::NotOurs(format!(
                "the name of link `{}` in namespace `{}` is taken by another one: that which the lab deleted is gone for good",
                link.name,
                netns.label()
            )));
        }
        None => {}
    }
    let made = making.send(netns, undo.home.as_deref()).await?;
    let context = |error: Error| {
        error
            .doing("make again link", &link.name)
            .within(netns.label())
    };
    let now = made.map_err(|refusal| context(refusal.into()))?;
    let of_place = moved.entry(netns.namespace().id()).or_default();
    of_place.insert(link.index, now);
    Ok(Way::Back)
}

/// Restores what the change took along, and returns what could not be.
async fn restore_kept(undo: &Undo, moved: &Renumbered) -> Vec<Error> {
    let Some(kept) = &undo.kept else {
        return Vec::new();
    };
    match (&undo.way, &undo.home, &undo.netns) {
        (WayBack::MoveBack { name, was }, Some(home), _) => {
            let link = undo.link.clone().unwrap_or_default();
            let name = name.as_ref().unwrap_or(&link.name);
            match find_home(home, name).await {
                Ok(Some(seen)) if seen.kind == link.kind => {
                    let moved = HashMap::from([(*was, seen.index)]);
                    kept.restore(home, &moved).await
                }
                Ok(_) => Vec::new(),
                Err(error) => vec![error],
            }
        }
        (_, _, Some(netns)) if netns.check().is_ok() => {
            let of_place = moved.get(&netns.namespace().id());
            let moved = of_place.cloned().unwrap_or_default();
            kept.restore(netns, &moved).await
        }
        _ => Vec::new(),
    }
}

/// Brings a link back to where it was, and notes the ifindex that it has there, where another one has taken its own.
async fn move_back(undo: &Undo, how: How<'_>, moved: &mut Renumbered) -> Result<Way> {
    let way = back(undo.clone(), how).await?;
    let link = undo.link.clone().unwrap_or_default();
    if let (Way::Back, WayBack::MoveBack { name, was }, Some(home)) = (&way, &undo.way, &undo.home)
        && let Ok(Some(seen)) = find_home(home, name.as_deref().unwrap_or(&link.name)).await
        && seen.index != *was
        && seen.kind == link.kind
    {
        let of_place = moved.entry(home.namespace().id()).or_default();
        of_place.insert(*was, seen.index);
    }
    Ok(way)
}

async fn find_home(home: &Netns, name: &str) -> Result<Option<link::Snapshot>> {
    Ok(link::get(&home.rtnl()?, link::Which::Name(name)).await?)
}

/// What is gone already, or there again, needs no undoing.
fn done(result: Result<(), Refusal>, verb: &str, object: &str, netns: &Netns) -> Result<Way> {
    match result {
        Ok(()) => Ok(Way::Back),
        Err(refusal)
            if matches!(
                refusal.errno,
                Errno::ENODEV | Errno::ENOENT | Errno::ESRCH | Errno::EADDRNOTAVAIL | Errno::EEXIST
            ) =>
        {
            Ok(Way::NothingLeft)
        }
        Err(refusal) => Err(Error::from(refusal)
            .doing(verb, object)
            .within(netns.label())),
    }
}
