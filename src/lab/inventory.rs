//! What stands of a lab, and what of it is missing or was changed by somebody else.

use std::collections::{HashMap, HashSet};

use crate::error::{Kind, Result};
use crate::lab::journal::Journal;
use crate::lab::recognise::{self, Finder};
use crate::lab::record::{Contents, Place, Run};
use crate::lab::setting::Setting;
use crate::lab::undo::{LinkRef, Undo, WayBack};
use crate::net::link::{self, Snapshot, Which};
use crate::net::request::Request;
use crate::net::standing::{self, Standing};
use crate::net::{address, nft, process, queue, route, sysctl};

/// A lab, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// Its name.
    pub lab: String,
    /// The run that last worked on it.
    pub run: Option<Run>,
    /// Whether that run is still at work.
    pub is_running: bool,
    /// Which lines of its journal can't be read, where there are such.
    pub damage: Option<String>,
    /// What it is made of, oldest first.
    pub items: Vec<Item>,
}

/// One thing that a lab made or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What kind of thing: `namespace`, `link`, `setting`, `address`, `route`, `process`, `change`.
    pub kind: &'static str,
    /// What it is, in words.
    pub what: String,
    /// How it is now.
    pub state: State,
}

/// How a thing is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// As the lab left it.
    Stands,
    /// Gone.
    Missing,
    /// As somebody else left it, in words.
    Changed(String),
}

impl Inventory {
    /// Looks at what the journal of `lab` tells of. `None` where there is none.
    pub async fn take(lab: &str) -> Result<Option<Self>> {
        let Some((contents, is_running)) = Journal::peek(lab)? else {
            return Ok(None);
        };
        let mut finder = Finder::default();
        let mut judged = HashSet::new();
        let mut found = Vec::new();
        for undo in told(&contents).into_iter().rev() {
            let (key, mut item) = describe(&undo);
            // Of several changes of one thing the last is what should be seen.
            if !judged.insert(key) {
                continue;
            }
            let is_netns = matches!(undo.way, WayBack::DeleteNetns { .. });
            item.state = match finder.undo(undo.clone())? {
                None if is_netns || !goes_with_netns(&contents, &undo) => State::Missing,
                // That its namespace is missing says it.
                None => continue,
                Some(undo) => state(&undo).await?,
            };
            found.push((undo, item));
        }
        let missing: HashSet<_> = found
            .iter()
            .filter(|(undo, item)| undo.way == WayBack::DeleteLink && item.state == State::Missing)
            .filter_map(|(undo, _)| Some((undo.netns.clone()?, undo.link_index()?)))
            .collect();
        // That a link is missing says the same of all that was changed of it.
        let goes_with_link = |undo: &Undo<Place>| {
            let link = undo.netns.clone().zip(undo.link_index());
            undo.way != WayBack::DeleteLink && link.is_some_and(|at| missing.contains(&at))
        };
        found.retain(|(undo, _)| !goes_with_link(undo));
        let mut items: Vec<Item> = found.into_iter().map(|(_, item)| item).collect();
        items.reverse();
        Ok(Some(Self {
            lab: lab.to_owned(),
            run: contents.runs.last().cloned(),
            is_running,
            damage: contents.damage(),
            items,
        }))
    }
}

/// The names of the namespaces in which the lab made or changed something. `None` where there is no such lab.
pub fn namespaces(lab: &str) -> Result<Option<HashSet<String>>> {
    let Some((contents, _)) = Journal::peek(lab)? else {
        return Ok(None);
    };
    let names = told(&contents)
        .into_iter()
        .filter_map(|undo| match (&undo.netns, &undo.way) {
            (Some(place), _) => Some(place.label()),
            (None, WayBack::DeleteNetns { name }) => Some(name.to_string()),
            (None, _) => None,
        });
    Ok(Some(names.collect()))
}

/// What the lab made and changed, oldest first, also of things of its own; each link by the name that the lab gave it last.
fn told(contents: &Contents) -> Vec<Undo<Place>> {
    let steps = contents.steps.iter().map(|step| &step.undo);
    let made_links: HashSet<_> = steps
        .clone()
        .filter(|undo| undo.way == WayBack::DeleteLink)
        .map(|undo| (undo.netns.as_ref(), undo.link_index()))
        .collect();
    let is_part = |undo: &&Undo<Place>| {
        goes_with_netns(contents, undo)
            || made_links.contains(&(undo.netns.as_ref(), undo.link_index()))
    };
    let parts = contents.parts.iter().filter(is_part);
    let steps = steps.filter(|undo| undo.way != WayBack::PutBack);
    let mut told: Vec<Undo<Place>> = parts.chain(steps).cloned().collect();
    let mut names = HashMap::new();
    for undo in &told {
        if let WayBack::Restore {
            new: Setting::Name(name),
            ..
        } = &undo.way
            && let Some(at) = undo.netns.clone().zip(undo.link_index())
        {
            names.insert(at, name.clone());
        }
    }
    for undo in &mut told {
        let at = undo.netns.clone().zip(undo.link_index());
        if let Some(name) = at.and_then(|at| names.get(&at))
            && let Some(link) = &mut undo.link
        {
            link.name.clone_from(name);
        }
    }
    told
}

/// Whether it is about something in a namespace that the lab made.
fn goes_with_netns(contents: &Contents, undo: &Undo<Place>) -> bool {
    let mut made = contents
        .steps
        .iter()
        .filter(|step| matches!(step.undo.way, WayBack::DeleteNetns { .. }));
    undo.netns.is_some() && made.any(|step| step.undo.netns == undo.netns)
}

/// What a step is about: a key that steps about the same thing share, and the words for it.
#[allow(clippy::too_many_lines, reason = "one arm a way back")]
pub(super) fn describe(undo: &Undo<Place>) -> (String, Item) {
    let place = undo.netns.as_ref().map(Place::label).unwrap_or_default();
    let link = undo.link.as_ref();
    let index = link.map_or(0, |link| link.index);
    let name = link.map_or("", |link| link.name.as_str());
    if let Some(told) = describe_taken(undo, &place) {
        return told;
    }
    let (kind, what) = match &undo.way {
        WayBack::DeleteNetns { name, .. } => ("namespace", format!("namespace `{name}`")),
        WayBack::DeleteLink => {
            let kind = link.map(|link| link.kind.as_str());
            let kind = kind.filter(|kind| !kind.is_empty()).unwrap_or("link");
            ("link", format!("{kind} `{name}` in namespace `{place}`"))
        }
        // It is no thing of its own.
        WayBack::PutBack
        | WayBack::NameNetns { .. }
        | WayBack::MakeLink { .. }
        | WayBack::MoveBack { .. } => ("", format!("what hung on deleted links of `{place}`")),
        WayBack::Restore { new, .. } => {
            let setting = new.what();
            let what = format!("{setting} {new} of link `{name}` in namespace `{place}`");
            let key = format!("{setting} {index} {place}");
            return (key, item("setting", what));
        }
        WayBack::DeleteAddress { address, .. } => {
            let prefix = address.prefix;
            let what = format!("address `{prefix}` of link `{name}` in `{place}`");
            let key = format!("address {prefix} {index} {place}");
            return (key, item("address", what));
        }
        WayBack::AddAddress { address, .. } => {
            let prefix = address.prefix;
            let what = format!("address `{prefix}` taken from link `{name}` in `{place}`");
            let key = format!("address {prefix} {index} {place}");
            return (key, item("address", what));
        }
        WayBack::DeleteRoute { route, .. } => {
            let what = format!("route `{route}` in `{place}`");
            return (format!("{} {place}", route.identity()), item("route", what));
        }
        WayBack::AddRoute { route, .. } => {
            let what = format!("route `{route}` taken from namespace `{place}`");
            return (format!("{} {place}", route.identity()), item("route", what));
        }
        WayBack::DeleteRules { marks } => {
            let (count, many) = (marks.len(), if marks.len() == 1 { "" } else { "s" });
            let chains: Vec<&str> = marks.iter().map(|mark| mark.chain.as_str()).collect();
            let what = format!(
                "{count} rule{many} of nftables ({}) in `{place}`",
                chains.join(", ")
            );
            let keys: Vec<&str> = marks.iter().map(|mark| mark.comment.as_str()).collect();
            return (
                format!("rules {} {place}", keys.join(" ")),
                item("change", what),
            );
        }
        WayBack::RestoreTables { tables, .. } => {
            let names: Vec<String> = tables
                .iter()
                .map(|table| format!("`{} {}`", table.family, table.name))
                .collect();
            (
                "ruleset",
                format!("ruleset of table {} in `{place}`", names.join(", ")),
            )
        }
        WayBack::RestoreQueue { new, .. } => {
            let lines = new.lines();
            let queue = lines.first().map_or("default", String::as_str);
            let what = format!("queue {queue} of link `{name}` in `{place}`");
            return (format!("queue {index} {place}"), item("queue", what));
        }
        WayBack::Send {
            what,
            request,
            made,
        } => return describe_request(what, made.as_ref().unwrap_or(request), link, &place),
        WayBack::EndProcess {
            process, program, ..
        } => {
            let program = program.line();
            let what = format!(
                "process {} (`{program}`) in namespace `{place}`",
                process.pid
            );
            return (what.clone(), item("process", what));
        }
        WayBack::Sysctl { key, new, .. } => {
            let what = format!("sysctl `{key}` {new} in namespace `{place}`");
            return (format!("{key} {place}"), item("setting", what));
        }
    };
    let key = match link {
        Some(link) => format!("{what} {}", link.index),
        None => what.clone(),
    };
    (key, item(kind, what))
}

/// The same of what a request has made or taken away, which are about one thing.
fn describe_request(
    what: &str,
    request: &Request,
    link: Option<&LinkRef>,
    place: &str,
) -> (String, Item) {
    let index = link.map_or(0, |link| link.index);
    let on = link.map_or_else(String::new, |link| format!(" on link `{}`", link.name));
    let key = standing::identity(request).unwrap_or_else(|| format!("{what} {index}"));
    let told = item("change", format!("{what}{on} in `{place}`"));
    (format!("{key} {place}"), told)
}

/// The same of what the lab has deleted or moved.
fn describe_taken(undo: &Undo<Place>, place: &str) -> Option<(String, Item)> {
    let link = undo.link.as_ref();
    match &undo.way {
        WayBack::NameNetns { name } => {
            let key = format!("namespace `{name}`");
            let what = format!("namespace `{name}` taken away");
            Some((key, item("namespace", what)))
        }
        WayBack::MakeLink { .. } => {
            let kind = link.map(|link| link.kind.as_str());
            let kind = kind.filter(|kind| !kind.is_empty()).unwrap_or("link");
            let name = link.map_or("", |link| link.name.as_str());
            let index = link.map_or(0, |link| link.index);
            let what = format!("{kind} `{name}` taken from namespace `{place}`");
            let key = format!("{kind} `{name}` in namespace `{place}` {index}");
            Some((key, item("link", what)))
        }
        WayBack::MoveBack { .. } => {
            let home = undo.home.as_ref().map(Place::label).unwrap_or_default();
            let name = link.map_or("", |link| link.name.as_str());
            let index = link.map_or(0, |link| link.index);
            let what = format!("link `{name}` of namespace `{home}` in namespace `{place}`");
            Some((format!("{what} {index}"), item("link", what)))
        }
        _ => None,
    }
}

fn item(kind: &'static str, what: String) -> Item {
    Item {
        kind,
        what,
        state: State::Stands,
    }
}

async fn state(undo: &Undo) -> Result<State> {
    let stands = |is: bool| if is { State::Stands } else { State::Missing };
    if let WayBack::EndProcess {
        process, output, ..
    } = &undo.way
    {
        return Ok(stands(!process::family(*process, output).is_empty()));
    }
    let Some(netns) = &undo.netns else {
        return Ok(State::Changed("was never finished".to_owned()));
    };
    let rtnl = match undo.way {
        WayBack::DeleteNetns { .. } => return Ok(State::Stands),
        WayBack::NameNetns { .. } => {
            return Ok(match netns.check() {
                Ok(()) => State::Changed("is there again".to_owned()),
                Err(_) => State::Stands,
            });
        }
        _ => &netns.rtnl()?,
    };
    if let WayBack::MakeLink { .. } = undo.way {
        let name = undo.link.as_ref().map_or("", |link| link.name.as_str());
        let there = link::get(rtnl, Which::Name(name)).await?;
        return Ok(match there {
            Some(_) => State::Changed("is there again".to_owned()),
            None => State::Stands,
        });
    }
    let seen = match recognise::link_of(undo, netns).await {
        Ok(seen) => seen,
        Err(error) if error.kind == Kind::Conflict => {
            return Ok(State::Changed(error.cause.replacen("it ", "", 1)));
        }
        Err(error) => return Err(error),
    };
    let index = seen.as_ref().map(|seen| seen.index);
    if undo.link.is_some() && index.is_none() {
        return Ok(State::Missing);
    }
    Ok(match &undo.way {
        // The kernel takes a link into a bond while it is down, and brings it up itself.
        WayBack::Restore {
            new: Setting::Up(false),
            ..
        } if seen.as_ref().is_some_and(Snapshot::is_bond_port) => State::Stands,
        WayBack::Restore { new, .. } => match seen.as_ref().and_then(|seen| new.of(seen)) {
            Some(present) if present != *new => State::Changed(format!("is {present} now")),
            _ => State::Stands,
        },
        WayBack::DeleteAddress { address, .. } => stands(has_address(rtnl, index, address).await?),
        WayBack::AddAddress { address, .. } => {
            if has_address(rtnl, index, address).await? {
                State::Changed("is there again".to_owned())
            } else {
                State::Stands
            }
        }
        WayBack::DeleteRoute { route, .. } => stands(has_route(rtnl, route).await?),
        WayBack::AddRoute { route, .. } if has_route(rtnl, route).await? => {
            State::Changed("is there again".to_owned())
        }
        WayBack::RestoreQueue { new, .. } => {
            let present = queue::read(rtnl, index.unwrap_or_default()).await?.made();
            if present.is_like(new) {
                State::Stands
            } else if present.is_empty() {
                State::Missing
            } else {
                State::Changed(format!("is {} now", present.lines().join(", ")))
            }
        }
        WayBack::Send { request, made, .. } => {
            match standing::of(request, made.as_ref(), netns, rtnl).await? {
                Standing::AsMade => State::Stands,
                Standing::Changed(how) => State::Changed(how),
                Standing::Gone => State::Missing,
            }
        }
        WayBack::DeleteRules { marks } => {
            let there = nft::marked(netns, marks)?;
            if there.len() == marks.len() {
                State::Stands
            } else if there.is_empty() {
                State::Missing
            } else {
                State::Changed(format!("are {} now", there.len()))
            }
        }
        WayBack::Sysctl { key, new, .. } => match sysctl::read(netns, key) {
            Ok(present) if present != *new => State::Changed(format!("is {present} now")),
            Ok(_) => State::Stands,
            Err(error) if error.kind == Kind::NotFound => State::Missing,
            Err(error) => return Err(error),
        },
        _ => State::Stands,
    })
}

async fn has_address(
    rtnl: &crate::net::rtnl::Rtnl,
    link: Option<u32>,
    wanted: &address::Assigned,
) -> Result<bool> {
    let addresses = address::list(rtnl, link).await?;
    let mut assigned = addresses.iter().map(|address| &address.assigned);
    Ok(assigned.any(|there| (there.prefix, there.peer) == (wanted.prefix, wanted.peer)))
}

async fn has_route(rtnl: &crate::net::rtnl::Rtnl, wanted: &route::Route) -> Result<bool> {
    let routes = route::list(rtnl, Some(wanted.table)).await?;
    Ok(routes.iter().any(|route| {
        let leads_there = match wanted.nexthop {
            Some(_) => route.nexthop == wanted.nexthop,
            None => route.via == wanted.via && (wanted.link.is_none() || route.link == wanted.link),
        };
        route.destination == wanted.destination
            && leads_there
            && (wanted.metric.is_none() || route.metric == wanted.metric)
    }))
}
