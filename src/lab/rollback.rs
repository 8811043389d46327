//! The way back: undoes what a run or a lab made and changed, newest first.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use futures::future::join_all;
use nix::errno::Errno;

use crate::error::{Error, Kind, Result};
use crate::lab::leaving::Nameless;
use crate::lab::owners::Owners;
use crate::lab::recognise::{self, Finder};
use crate::lab::record::Contents;
use crate::lab::setting::Setting;
use crate::lab::undo::{LinkRef, Undo, WayBack};
use crate::lab::{Lab, Step, journal::Journal};
use crate::net::namespace::Id;
use crate::net::netns::Netns;
use crate::net::nft::{Mark, Table};
use crate::net::queue::{self, Tree};
use crate::net::rtnl::Refusal;
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

/// Who is taken down, and how.
#[derive(Clone, Copy, Debug)]
struct How<'a> {
    /// The lab, by which its processes are recognised.
    lab: Option<&'a str>,
    /// Whether time has passed since: what somebody else has changed meanwhile is theirs.
    is_later: bool,
    /// Whether a namespace goes though processes are inside.
    force: bool,
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
        let how = How {
            lab: lab.as_deref(),
            is_later: false,
            force: false,
        };
        take_down(steps, how, |number| self.undone(number)).await
    }
}

/// Takes down what stands of the lab whose journal this is, and strikes it out there.
pub async fn take_down_lab(journal: &mut Journal, told: Contents, force: bool) -> Undone {
    let lab = journal.lab().to_owned();
    let told = Owners::beside(Some(&lab)).split(told);
    let mut finder = Finder::default();
    let mut steps = Vec::new();
    for step in told {
        match finder.undo(step.undo) {
            Ok(Some(undo)) => steps.push(Step {
                number: step.number,
                stretch: 0,
                undo,
            }),
            // Its namespace is gone, and all that was in it.
            Ok(None) => journal.undone(step.number),
            Err(error) => {
                return Undone {
                    failures: vec![error],
                    ..Undone::default()
                };
            }
        }
    }
    let how = How {
        lab: Some(&lab),
        is_later: true,
        force,
    };
    take_down(steps, how, |number| journal.undone(number)).await
}

async fn take_down(steps: Vec<Step>, how: How<'_>, mut undone: impl FnMut(u64)) -> Undone {
    let mut sum = Undone::default();
    let owners = Owners::beside(how.lab);
    let mut left = Vec::new();
    for step in steps {
        match owners.left_to(step.undo) {
            Some(undo) => left.push(Step { undo, ..step }),
            // Another lab wants it.
            None => undone(step.number),
        }
    }
    let steps = left;
    // At once and first: they hold what the other steps are about.
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
    let doomed: HashSet<Id> = steps
        .iter()
        .filter(|step| matches!(step.undo.way, WayBack::DeleteNetns { .. }))
        .filter_map(|step| step.undo.netns.as_ref().map(|netns| netns.namespace().id()))
        .collect();
    let mut inside = None;
    let mut going_along: HashMap<Id, Vec<u64>> = HashMap::new();
    // Those that hold something from outside that could not be brought back.
    let mut holding: HashSet<Id> = HashSet::new();
    // Links of which a step could not be undone, with the failure. An older step undone without it would do harm: who loses the
    // last address that the run gave, before its own one is back, loses its routes.
    let mut stuck: HashMap<(Id, u32), usize> = HashMap::new();
    let mut nameless = Nameless::default();
    for Step { number, undo, .. } in steps.into_iter().rev() {
        let id = undo.netns.as_ref().map(|netns| netns.namespace().id());
        // A link from outside must leave before its namespace goes, or the kernel deletes it.
        let is_from_outside = matches!(undo.way, WayBack::MoveBack { .. });
        let is_netns = matches!(undo.way, WayBack::DeleteNetns { .. });
        let is_own = !is_netns && !is_from_outside && !undo.reaches_out();
        if let Some(id) = id.filter(|id| is_own && doomed.contains(id)) {
            going_along.entry(id).or_default().push(number);
            continue;
        }
        let link = id.zip(undo.link_index());
        if let Some(failure) = link.and_then(|link| stuck.get(&link)) {
            if let Some(error) = sum.failures.get_mut(*failure)
                && error.notes.is_empty()
            {
                error.notes.push(EARLIER.to_owned());
            }
            continue;
        }
        let counter = match &undo.way {
            WayBack::DeleteNetns { .. } => &mut sum.namespaces,
            WayBack::DeleteLink => &mut sum.links,
            _ => &mut sum.changes,
        };
        // What deletes a link is in nobody's way.
        if !is_netns && !matches!(undo.way, WayBack::DeleteLink) {
            sum.failures.extend(nameless.let_go().await.err());
        }
        let result = match &undo.way {
            WayBack::DeleteNetns { name } if id.is_some_and(|id| holding.contains(&id)) => {
                let busy = "a link in it belongs elsewhere and could not be brought back";
                Err(Error::new(Kind::Busy, busy).doing("delete namespace", name.as_str()))
            }
            WayBack::DeleteNetns { name } => {
                let inside = inside.get_or_insert_with(recognise::processes);
                delete_netns(undo.netns.clone(), name, inside, how, &mut nameless).await
            }
            _ => back(undo, how).await,
        };
        match result {
            Ok(way) => {
                match way {
                    Way::Back => *counter += 1,
                    Way::NothingLeft => {}
                    Way::NotOurs(text) => sum.left.push(text),
                }
                for number in id
                    .and_then(|id| going_along.remove(&id))
                    .unwrap_or_default()
                {
                    undone(number);
                }
                undone(number);
            }
            Err(error) => {
                holding.extend(id.filter(|_| is_from_outside));
                if let Some(link) = link {
                    stuck.insert(link, sum.failures.len());
                }
                sum.failures.push(error);
            }
        }
    }
    sum.failures.extend(nameless.let_go().await.err());
    sum
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
    let mut left = family.clone();
    for _ in 0..ROUNDS {
        process::end(&left).await?;
        // What was started meanwhile.
        left = process::family(*process, output);
        if left.is_empty() {
            break;
        }
    }
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
    namespace::delete(name).map_err(context)?;
    nameless.add(netns);
    Ok(Way::Back)
}

/// How often a namespace is looked through for processes that were started while others were ended.
const ROUNDS: usize = 50;

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
    let mut foreign = Vec::new();
    for _ in 0..ROUNDS {
        let (ours, others) = inside();
        // A program that is just about to be another can't be told yet; nor can one that is about to end.
        let unsettled = !others.is_empty() && others != foreign;
        foreign = others;
        if ours.is_empty() && !unsettled {
            break;
        }
        process::end(&ours).await?;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
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
            None => return settle_if_back(&undo).await,
        },
        None => None,
    };
    let index = seen.as_ref().map_or(0, |seen| seen.index);
    let link = undo.link.unwrap_or_default();
    match undo.way {
        WayBack::DeleteNetns { .. } | WayBack::EndProcess { .. } => Ok(Way::NothingLeft),
        WayBack::DeleteLink => match link::delete(rtnl, index).await {
            Ok(true) => Ok(Way::Back),
            Ok(false) => Ok(Way::NothingLeft),
            Err(refusal) => done(Err(refusal), "delete link", &link.name, &netns),
        },
        WayBack::MoveBack {
            name,
            was,
            up,
            addresses,
            routes,
        } => {
            let Some(home) = undo.home else {
                return Ok(Way::NothingLeft);
            };
            let link = named(link, name);
            let moved = link::move_to(rtnl, index, home.namespace(), Some(&link.name)).await;
            let way = done(moved, "move back", &link.name, &netns)?;
            let had = Had {
                up,
                was,
                addresses: &addresses,
                routes: &routes,
            };
            settle_at_home(&home, false, &link, had).await?;
            Ok(way)
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
        WayBack::AddAddress { address, order } => {
            restore_address(&netns, index, &address, &order).await
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
        WayBack::Send { what, request } => {
            let sent = request.send(&netns, rtnl).await;
            done(sent, "undo the change", &what, &netns)
        }
        WayBack::Sysctl { key, old, new } => restore_sysctl(&netns, &key, &old, &new, how),
    }
}

/// Gives the link `index` an address again, and those of `order` that went with it.
async fn restore_address(
    netns: &Netns,
    index: u32,
    address: &address::Assigned,
    order: &[address::Assigned],
) -> Result<Way> {
    let rtnl = &netns.rtnl()?;
    let added = address::restore(rtnl, index, address).await;
    let way = done(added, "restore address", &address.line(), netns)?;
    let others = address::restore_order(rtnl, index, order).await;
    done(
        others,
        "restore the addresses beside",
        &address.line(),
        netns,
    )?;
    Ok(way)
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

/// Ends what an earlier way back was cut off in: the link is at home, and has not got all that it had there.
async fn settle_if_back(undo: &Undo) -> Result<Way> {
    if let WayBack::MoveBack {
        name,
        was,
        up,
        addresses,
        routes,
    } = &undo.way
        && let Some((link, home)) = undo.link.as_ref().zip(undo.home.as_ref())
    {
        let link = named(link.clone(), name.clone());
        let had = Had {
            up: *up,
            was: *was,
            addresses,
            routes,
        };
        settle_at_home(home, true, &link, had).await?;
    }
    Ok(Way::NothingLeft)
}

/// The link under the name that it has at home.
fn named(link: LinkRef, name: Option<String>) -> LinkRef {
    LinkRef {
        name: name.unwrap_or(link.name),
        ..link
    }
}

/// What a link had at home, before it was moved.
struct Had<'a> {
    up: bool,
    /// Its ifindex.
    was: u32,
    addresses: &'a [address::Assigned],
    routes: &'a [route::Route],
}

/// Gives a link that came back what its move took from it; `is_same` where it has to have its old ifindex.
async fn settle_at_home(home: &Netns, is_same: bool, link: &LinkRef, had: Had<'_>) -> Result<()> {
    let rtnl = &home.rtnl()?;
    let seen = link::get(rtnl, link::Which::Name(&link.name)).await?;
    let is_it =
        |seen: &link::Snapshot| seen.kind == link.kind && (!is_same || had.was == seen.index);
    let Some(seen) = seen.filter(is_it) else {
        return Ok(());
    };
    // The kernel lists the newest of IPv6 first.
    let is_ipv4 = |address: &&address::Assigned| address.prefix.addr().is_ipv4();
    let ipv4 = had.addresses.iter().filter(is_ipv4);
    let ipv6 = had.addresses.iter().rev().filter(|one| !is_ipv4(one));
    for address in ipv4.chain(ipv6) {
        let added = address::restore(rtnl, seen.index, address).await;
        done(added, "restore address", &address.line(), home)?;
    }
    if had.up && !seen.up {
        let set = Setting::Up(true).send(rtnl, seen.index, &link.kind).await;
        done(set, "bring up", &link.name, home)?;
    }
    for route in had.routes {
        let route = route.by_other_link(had.was, seen.index);
        let added = route::add(rtnl, &route).await;
        done(added, "restore route", &route.destination_text(), home)?;
    }
    Ok(())
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
