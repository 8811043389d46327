//! How a thing of a lab is now: as it was left, changed, or gone.

use std::collections::{HashMap, HashSet};

use crate::error::{Kind, Result};
use crate::lab::inventory::{State, Tables};
use crate::lab::recognise;
use crate::lab::record::{Contents, Facts, Place};
use crate::lab::setting::Setting;
use crate::lab::undo::{LinkRef, Undo, WayBack};
use crate::net::address::Assigned;
use crate::net::link::Snapshot;
use crate::net::namespace::Id;
use crate::net::process;
use crate::net::queue::{self, Tree};
use crate::net::route::Route;
use crate::net::seen::Seen;
use crate::net::standing::{self, Standing};
use crate::net::sysctl;
use crate::schema::{self, Opt};
use crate::steps::Value;

/// Looks at namespaces, each asked once for all that is to be judged in it.
pub(in crate::lab) struct Drift<'a> {
    facts: &'a HashMap<(Place, u32), Facts>,
    /// The links of which a line tells what they are called: of what is on them it is not told again.
    links: HashSet<(&'a Place, u32)>,
    tables: Tables,
    seen: HashMap<Id, Seen>,
}

fn stands(is: bool) -> State {
    if is { State::Stands } else { State::Missing }
}

fn again(is: bool) -> State {
    if is {
        State::Changed("is there again".to_owned())
    } else {
        State::Stands
    }
}

impl<'a> Drift<'a> {
    pub(in crate::lab) fn new(contents: &'a Contents, tables: Tables) -> Self {
        let parts = contents.parts.iter().map(|part| &part.undo);
        let steps = contents.steps.iter().map(|step| &step.undo);
        let asked = contents.asked.iter().map(|one| &one.undo);
        let tells_name = |undo: &&Undo<Place>| {
            undo.way == WayBack::DeleteLink
                || matches!(
                    undo.way,
                    WayBack::Restore {
                        new: Setting::Name(_),
                        ..
                    }
                )
        };
        let links = parts
            .chain(steps)
            .chain(asked)
            .filter(tells_name)
            .filter_map(|undo| Some((undo.netns.as_ref()?, undo.link_index()?)));
        Self {
            facts: &contents.facts,
            links: links.collect(),
            tables,
            seen: HashMap::new(),
        }
    }

    /// How that is now which `told` is about; `undo` is the same with its namespaces open.
    pub(in crate::lab) async fn state(&mut self, told: &Undo<Place>, undo: &Undo) -> Result<State> {
        if let WayBack::EndProcess {
            process, output, ..
        } = &undo.way
        {
            return Ok(stands(!process::family(*process, output).is_empty()));
        }
        let Some(netns) = &undo.netns else {
            return Ok(State::Changed("was never finished".to_owned()));
        };
        match undo.way {
            WayBack::DeleteNetns { .. } => return Ok(State::Stands),
            WayBack::NameNetns { .. } => return Ok(again(netns.check().is_ok())),
            _ => {}
        }
        let seen = self.seen.entry(netns.namespace().id());
        let seen = &*seen.or_insert_with(|| Seen::of(netns.clone()));
        if let WayBack::MakeLink { .. } = undo.way {
            let name = undo.link.as_ref().map_or("", |link| link.name.as_str());
            let links = seen.links().await?;
            return Ok(again(links.values().any(|link| link.name == name)));
        }
        let place = told.netns.as_ref();
        let at = place.zip(told.link_index());
        let is_told =
            undo.way != WayBack::DeleteLink && at.is_some_and(|at| self.links.contains(&at));
        let link = match &undo.link {
            None => None,
            Some(wanted) => match of_link(wanted, is_told, seen).await {
                Ok(Some(found)) => Some(found),
                Ok(None) => return Ok(State::Missing),
                Err(error) if error.kind == Kind::Conflict => {
                    return Ok(State::Changed(error.cause.replacen("it ", "", 1)));
                }
                Err(error) => return Err(error),
            },
        };
        match (&undo.way, &link) {
            (WayBack::DeleteLink, Some(link)) => {
                let at = place.map(|place| (place.clone(), link.index));
                let facts = at.and_then(|at| self.facts.get(&at));
                let table = (self.tables)(&link.kind);
                of_facts(facts.map_or(&[][..], Vec::as_slice), table, link, seen).await
            }
            (WayBack::Restore { new, .. }, Some(link)) => of_setting(new, link, seen).await,
            (WayBack::DeleteAddress { address, .. }, Some(link)) => {
                of_address(address, link, seen).await
            }
            (WayBack::AddAddress { address, .. }, Some(link)) => {
                let all = seen.addresses(link.index).await?;
                Ok(again(all.iter().any(|one| one.has_ends_of(address))))
            }
            (WayBack::RestoreQueue { new, .. }, Some(link)) => of_queue(new, link, seen).await,
            _ => of_rest(undo, seen).await,
        }
    }
}

/// What is about no link, or about one by its number only.
async fn of_rest(undo: &Undo, seen: &Seen) -> Result<State> {
    Ok(match &undo.way {
        WayBack::DeleteRoute { route } => of_route(route, seen).await?,
        WayBack::AddRoute { route } => {
            let mut all = seen.routes().await?.iter();
            again(all.any(|one| one.is_rival_of(route) && one.is_as(route)))
        }
        WayBack::Send { request, made, .. } => {
            match standing::of(request, made.as_ref(), seen).await? {
                Standing::AsMade => State::Stands,
                Standing::Changed(how) => State::Changed(how),
                Standing::Gone => State::Missing,
            }
        }
        WayBack::DeleteRules { marks } => {
            let all = seen.marks()?;
            let there = marks.iter().filter(|mark| all.contains(mark)).count();
            if there == marks.len() {
                State::Stands
            } else if there == 0 {
                State::Missing
            } else {
                State::Changed(format!("are {there} now"))
            }
        }
        WayBack::Sysctl { key, new, .. } => match sysctl::read(seen.netns(), key) {
            Ok(present) if present != *new => State::Changed(format!("is {present} now")),
            Ok(_) => State::Stands,
            Err(error) if error.kind == Kind::NotFound => State::Missing,
            Err(error) => return Err(error),
        },
        _ => State::Stands,
    })
}

/// The link, as it is now; `is_told` where another line tells what it is called.
async fn of_link(wanted: &LinkRef, is_told: bool, seen: &Seen) -> Result<Option<Snapshot>> {
    let links = seen.links().await?;
    let found = match wanted.index {
        // The run was cut off between asking and learning the ifindex.
        0 => links.values().find(|link| link.name == wanted.name),
        index => links.get(&index),
    };
    let found = found.cloned();
    if is_told {
        return Ok(found.filter(|found| found.kind == wanted.kind));
    }
    recognise::recognised(seen.netns(), wanted, found)
}

/// Whether a link has what was asked of its kind.
async fn of_facts(
    facts: &[(String, Value)],
    table: &'static [Opt],
    link: &Snapshot,
    seen: &Seen,
) -> Result<State> {
    let links = seen.links().await?;
    let text = |key: &str, value: &Option<Value>| {
        let is_device = schema::row(table, key).is_some_and(Opt::is_device);
        let name = match value {
            Some(Value::Number(index)) if is_device => {
                let index = u32::try_from(*index).ok();
                index
                    .and_then(|index| links.get(&index))
                    .map(|link| link.name.clone())
            }
            _ => None,
        };
        name.or_else(|| {
            value
                .as_ref()
                .map(schema::text)
                .filter(|text| !text.is_empty())
        })
        .unwrap_or_else(|| "none".to_owned())
    };
    let differing: Vec<String> = schema::differing(table, facts, link.data.as_ref())
        .iter()
        .map(|one| format!("{} {}", one.key, text(one.key, &one.there)))
        .collect();
    Ok(if differing.is_empty() {
        State::Stands
    } else {
        State::Changed(format!("has {} now", differing.join(", ")))
    })
}

async fn of_setting(new: &Setting, link: &Snapshot, seen: &Seen) -> Result<State> {
    // The kernel takes a link into a bond while it is down, and brings it up itself.
    if *new == Setting::Up(false) && link.is_bond_port() {
        return Ok(State::Stands);
    }
    let present = match new {
        Setting::Vlan { vid, own, .. } => {
            let vlans = seen.vlans().await?.get(&link.index);
            let found = vlans.and_then(|vlans| vlans.iter().find(|(other, _)| other == vid));
            Some(Setting::Vlan {
                vid: *vid,
                membership: found.map(|(_, membership)| *membership),
                own: *own,
            })
        }
        other => other.of(link),
    };
    Ok(match present {
        Some(present) if present != *new => {
            let links = seen.links().await?;
            let name = match present {
                Setting::Master(index)
                | Setting::ActivePort(index)
                | Setting::PrimaryPort(index) => links.get(&index).map(|link| link.name.clone()),
                _ => None,
            };
            let now = name.unwrap_or_else(|| present.to_string());
            State::Changed(format!("is {now} now"))
        }
        Some(_) => State::Stands,
        // A port option of a link that is no port any more.
        None => State::Missing,
    })
}

async fn of_address(asked: &Assigned, link: &Snapshot, seen: &Seen) -> Result<State> {
    let all = seen.addresses(link.index).await?;
    let Some(there) = all.iter().find(|one| one.has_ends_of(asked)) else {
        return Ok(State::Missing);
    };
    let differing = there.differences(asked, &asked.flags_named());
    Ok(if differing.is_empty() {
        State::Stands
    } else {
        State::Changed(format!("has another {} now", differing.join(", ")))
    })
}

async fn of_route(asked: &Route, seen: &Seen) -> Result<State> {
    let all = seen.routes().await?;
    let mut rivals = all.iter().filter(|one| one.is_rival_of(asked));
    let Some(first) = rivals.clone().next() else {
        return Ok(State::Missing);
    };
    if rivals.any(|one| one.is_as(asked)) {
        return Ok(State::Stands);
    }
    let links = seen.links().await?;
    let line = first
        .bare()
        .line(|index| links.get(&index).map(|link| link.name.clone()));
    Ok(State::Changed(format!("is `{line}` now")))
}

async fn of_queue(wanted: &Tree, link: &Snapshot, seen: &Seen) -> Result<State> {
    let present = queue::read(&seen.netns().rtnl()?, link.index).await?.made();
    Ok(if present.is_like(wanted) {
        State::Stands
    } else if present.is_empty() {
        State::Missing
    } else {
        State::Changed(format!("is {} now", present.lines().join(", ")))
    })
}
