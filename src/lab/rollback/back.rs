//! How one step is undone, by its way back.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use crate::error::{Error, Kind, Result};
use crate::lab::deleting::Renumbered;
use crate::lab::kept::{self, Return};
use crate::lab::leaving::Nameless;
use crate::lab::recognise;
use crate::lab::undo::{LinkRef, Undo, WayBack};
use crate::net::making::Making;
use crate::net::namespace::Id;
use crate::net::netns::Netns;
use crate::net::nft::{Mark, Table};
use crate::net::queue::{self, Tree};
use crate::net::rtnl::Refusal;
use crate::net::seen::Seen;
use crate::net::standing::{self, Standing};
use crate::net::{address, link, namespace, nft, process, route, sysctl};
use crate::value::name::NetnsName;

use super::How;
use super::undone::Way;

/// Ends a process, and what it has started.
pub(super) async fn end_process(undo: &Undo) -> Result<Way> {
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

pub(super) async fn delete_netns(
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
pub(super) async fn back(undo: Undo, how: How<'_>) -> Result<Way> {
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
pub(super) fn name_netns(netns: Option<&Netns>, name: &NetnsName) -> Result<Way> {
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
pub(super) async fn make_link(undo: &Undo, making: &Making, moved: &mut Renumbered) -> Result<Way> {
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
pub(super) async fn restore_kept(undo: &Undo, moved: &Renumbered) -> Vec<Error> {
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
pub(super) async fn move_back(undo: &Undo, how: How<'_>, moved: &mut Renumbered) -> Result<Way> {
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
pub(super) fn done(
    result: Result<(), Refusal>,
    verb: &str,
    object: &str,
    netns: &Netns,
) -> Result<Way> {
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
