//! What is there right now: namespaces, their links, processes with a namespace of their own, files.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::Candidate;
use crate::dsl::Session;
use crate::dsl::handle::Netns;
use crate::dsl::objects::link;
use crate::net::container::Runtime;
use crate::net::{namespace, process};
use crate::repl::commands;

/// How long completion may take.
const PATIENCE: Duration = Duration::from_millis(500);

/// The namespaces that have a name.
pub(super) fn namespaces() -> Vec<Candidate> {
    let names = namespace::names().unwrap_or_default();
    names
        .iter()
        .map(|name| Candidate::plain(name.as_str()).group("namespaces"))
        .collect()
}

/// The processes that are the first of a namespace other than ours, as `pid:1234`.
pub(super) fn processes() -> Vec<Candidate> {
    process::owners()
        .into_iter()
        .map(|(pid, command)| {
            Candidate::plain(&format!("pid:{pid}"))
                .about(&command)
                .group("processes")
        })
        .collect()
}

/// The containers that a program says are running, as `docker:web`; none where it is not here or takes its time.
pub(super) fn containers(runtime: Runtime) -> Vec<Candidate> {
    let names = runtime.running_within(PATIENCE).into_iter();
    names
        .map(|name| Candidate::plain(&format!("{}:{name}", runtime.name())).group("containers"))
        .collect()
}

/// The links of a namespace; of the current one where none is named.
pub(super) fn links(session: &std::rc::Rc<Session>, place: Option<Netns>) -> Vec<Candidate> {
    let place = place.map_or_else(|| session.here().map(Netns), Ok);
    let links = place.and_then(|place| link::all(session, &place.0));
    let mut links = links.unwrap_or_default();
    alphanumeric_sort::sort_slice_by_str_key(&mut links, |link| link.name.as_str());
    links
        .into_iter()
        .map(|link| {
            Candidate::plain(&link.name)
                .about(&link.kind)
                .group("links")
        })
        .collect()
}

/// The scripts whose path begins with `typed`, with the end of their names or without, and folders.
pub(super) fn files(typed: &str, with_extension: bool) -> Vec<Candidate> {
    files_as(typed, |name| {
        let stem = name.strip_suffix(".rhai")?;
        Some(if with_extension { name } else { stem })
    })
}

/// All files whose path begins with `typed`, and folders.
pub(super) fn any_files(typed: &str) -> Vec<Candidate> {
    files_as(typed, |name| Some(name))
}

fn files_as(typed: &str, written: impl Fn(&str) -> Option<&str>) -> Vec<Candidate> {
    let folder = typed.rfind('/').map_or("", |end| &typed[..=end]);
    let place = if folder.is_empty() {
        PathBuf::from(".")
    } else {
        commands::path(folder)
    };
    let hidden = typed[folder.len()..].starts_with('.');
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let mut found: Vec<Candidate> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            if name.starts_with('.') && !hidden {
                return None;
            }
            if entry.path().is_dir() {
                let inside = Candidate::plain(&format!("{folder}{name}/"));
                return Some(inside.about("folder").group("files"));
            }
            let name = written(&name)?;
            Some(Candidate::plain(&format!("{folder}{name}")).group("files"))
        })
        .collect();
    found.sort_by(|a, b| a.put().cmp(b.put()));
    found
}
