//! What a step of a journal is about: a key that steps about the same thing share, and the words for it.

use crate::lab::inventory::{Item, State};
use crate::lab::record::Place;
use crate::lab::setting::Setting;
use crate::lab::undo::{LinkRef, Undo, WayBack};
use crate::net::request::Request;
use crate::net::standing;

/// What a step is about: a key that steps about the same thing share, and the words for it.
#[allow(clippy::too_many_lines, reason = "one arm a way back")]
pub(in crate::lab) fn describe(undo: &Undo<Place>) -> (String, Item) {
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
            // A link is in many VLANs, and has many names beside its own.
            let one = match new {
                Setting::Vlan { vid, .. } => format!(" {vid}"),
                Setting::AltName(name, _) => format!(" {name}"),
                _ => String::new(),
            };
            let key = format!("{setting}{one} {index} {place}");
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
        thing: None,
        state: State::Stands,
        is_own: true,
        also_of: Vec::new(),
    }
}
