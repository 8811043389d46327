//! Finds again what a journal tells of: never something else of the same name.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use nix::errno::Errno;

use crate::error::{Error, Kind, Result};
use crate::lab::journal::Journal;
use crate::lab::kept;
use crate::lab::record::{Contents, Found, Place};
use crate::lab::setting::Setting;
use crate::lab::undo::{LinkRef, Undo, WayBack};
use crate::net::link::{self, Snapshot, Which};
use crate::net::namespace::{self, Id, Namespace};
use crate::net::netns::Netns;
use crate::net::process;
use crate::value::name::NetnsName;
use crate::value::shell;

/// Opens the namespaces that a journal tells of, each once.
#[derive(Debug, Default)]
pub struct Finder {
    found: HashMap<Place, Option<Rc<Netns>>>,
    /// Every namespace there is, looked up when one is not where it was.
    all: Option<Vec<Rc<Netns>>>,
}

impl Finder {
    /// The namespace, where it still is.
    ///
    /// Fails where too many files are open to tell: what can't be opened then need not be gone.
    pub fn netns(&mut self, place: &Place) -> Result<Option<Rc<Netns>>> {
        if let Some(known) = self.found.get(place) {
            return Ok(known.clone());
        }
        let found = open(&place.at)?
            .map(Rc::new)
            .filter(|netns| place.is(netns))
            .or_else(|| kept::find(place).map(Rc::new))
            .or_else(|| self.elsewhere(place));
        self.found.insert(place.clone(), found.clone());
        Ok(found)
    }

    fn elsewhere(&mut self, place: &Place) -> Option<Rc<Netns>> {
        // A name that is gone has taken its namespace along, unless a process is inside: then it is nobody's lab any more.
        if place.at.starts_with(namespace::NAMES) {
            return None;
        }
        let look = || {
            let all = Netns::all().unwrap_or_default();
            all.into_iter().map(Rc::new).collect()
        };
        let all = self.all.get_or_insert_with(look);
        all.iter().find(|netns| place.is(netns)).cloned()
    }

    /// What a journal tells, with its namespaces open; `None` where they are gone.
    pub fn undo(&mut self, told: Undo<Place>) -> Result<Option<Undo>> {
        let name = match &told.way {
            WayBack::DeleteNetns { name } => Some(name.clone()),
            _ => None,
        };
        if let Some(name) = name.as_ref().filter(|_| told.netns.is_none()) {
            let netns = open(&namespace::path_of(name))?.map(Rc::new);
            let found = told.map(|_| None);
            let found = found.filter(|_| netns.is_some() || is_stray(name));
            return Ok(found.map(|undo| Undo { netns, ..undo }));
        }
        let mut failure = None;
        let found = told.map(|place| {
            let found = self.netns(&place);
            found.unwrap_or_else(|error| {
                failure = Some(error.doing("open namespace", &place.label()));
                None
            })
        });
        if let Some(error) = failure {
            return Err(error);
        }
        // Where deleting it was cut off, the file of its name is left.
        let is_gone = |undo: &Undo| {
            let name = name.as_ref().filter(|_| undo.netns.is_none());
            name.is_some_and(|name| !is_stray(name))
        };
        Ok(found.filter(|undo| !is_gone(undo)))
    }
}

/// Opens the namespace that is at a place of a journal; `None` where there is none, or none that this user may see.
fn open(at: &Path) -> Result<Option<Netns>> {
    let opened = if at == Path::new(Netns::START) {
        Netns::start()
    } else {
        match at.strip_prefix(namespace::NAMES).map(Path::to_str) {
            Ok(name) => Netns::named(&name.unwrap_or_default().parse()?),
            Err(_) => Netns::at(at),
        }
    };
    match opened {
        Ok(netns) => Ok(Some(netns)),
        Err(error)
            if matches!(
                error.errno,
                Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM)
            ) =>
        {
            Err(error)
        }
        Err(_) => Ok(None),
    }
}

/// Whether the name is an empty file only: that of a run which was killed between making the file and mounting the namespace.
fn is_stray(name: &NetnsName) -> bool {
    let path = namespace::path_of(name);
    let is_other = matches!(Namespace::open(&path), Err(error) if error.kind == Kind::Invalid);
    is_other && std::fs::metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() == 0)
}

/// Settles the namespaces that an earlier run announced and was killed before it could say what became of them, or while it
/// deleted them.
///
/// The name was free when it was announced: what has it now is what that run made.
pub(super) fn settle(journal: &mut Journal, contents: &Contents) {
    for step in &contents.steps {
        let WayBack::DeleteNetns { name } = &step.undo.way else {
            continue;
        };
        match Netns::named(name) {
            Ok(_) if step.undo.netns.is_some() => {}
            Ok(made) => journal.complete(step.number, Found::Netns(Place::of_made(&made))),
            Err(_) if is_stray(name) => {
                if namespace::delete(name).is_ok() {
                    journal.undone(step.number);
                }
            }
            Err(error) if error.kind == Kind::NotFound => journal.undone(step.number),
            Err(_) => {}
        }
    }
}

/// The link that a step is about, as it is now.
pub(super) async fn link_of(undo: &Undo, netns: &Netns) -> Result<Option<Snapshot>> {
    let Some(link) = &undo.link else {
        return Ok(None);
    };
    // A link that was renamed, or was about to be, has either name.
    if let WayBack::Restore {
        new: Setting::Name(name),
        ..
    } = &undo.way
    {
        let renamed = LinkRef {
            name: name.clone(),
            ..link.clone()
        };
        if let Ok(found) = find_link(netns, &renamed).await {
            return Ok(found);
        }
    }
    find_link(netns, link).await
}

/// The link, as it is now; `None` where it is gone, though another may have its name or its ifindex.
///
/// Fails with `conflict` where it has another name than it should: whoever gave it that may want to keep it.
async fn find_link(netns: &Netns, link: &LinkRef) -> Result<Option<Snapshot>> {
    let rtnl = &netns.rtnl()?;
    let which = match link.index {
        // The run was cut off between asking and learning the ifindex. The name was free when it asked.
        0 => Which::Name(&link.name),
        index => Which::Index(index),
    };
    let found = link::get(rtnl, which).await.map_err(Error::from)?;
    recognised(netns, link, found)
}

/// The link, where it is what was `found` in its place: see [`find_link`].
pub(super) fn recognised(
    netns: &Netns,
    link: &LinkRef,
    found: Option<Snapshot>,
) -> Result<Option<Snapshot>> {
    let Some(found) = found.filter(|found| found.kind == link.kind) else {
        return Ok(None);
    };
    if found.name == link.name {
        return Ok(Some(found));
    }
    Err(
        Error::new(Kind::Conflict, format!("it is called `{}` now", found.name))
            .doing("recognise link", &link.name)
            .within(netns.label())
            .hint(format!(
                "give it its name back, `ip link set {} name {}`, or delete it yourself",
                shell::word(&found.name),
                shell::word(&link.name)
            )),
    )
}

/// The processes in each namespace, read at once.
pub(super) fn processes() -> HashMap<Id, Vec<u32>> {
    let mut inside: HashMap<Id, Vec<u32>> = HashMap::new();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    for entry in entries {
        let pid = entry.file_name().to_str().and_then(|pid| pid.parse().ok());
        let Some(pid) = pid else { continue };
        if let Some(id) = namespace::id_of_path(Path::new(&format!("/proc/{pid}/ns/net"))) {
            inside.entry(id).or_default().push(pid);
        }
    }
    inside
}

/// The process that started `pid`.
fn parent_of(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    line.trim().parse().ok()
}

/// Whether `pid` is of the lab: this process, or started by it or by a run of the lab, itself or by way of others.
///
/// Its mark is in the environment that it was started with. Where it was started with another, its ancestors tell.
pub(super) fn is_of_lab(pid: u32, lab: Option<&str>) -> bool {
    let own = std::process::id();
    let mut ancestors = std::iter::successors(Some(pid), |pid| parent_of(*pid));
    ancestors.any(|ancestor| {
        ancestor == own
            || lab.is_some_and(|lab| {
                process::variable_of(ancestor, process::LAB).is_some_and(|mark| mark == lab)
            })
    })
}
