//! Namespaces that a script deletes and that the run did not make: they lose their names and what reaches out of them, and are kept
//! with all else, so that they can come back.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::rc::Rc;

use crate::error::{Error, Kind, Result};
use crate::lab::journal::Journal;
use crate::lab::record::{Contents, Place};
use crate::lab::undo::{Undo, WayBack};
use crate::lab::{Lab, Outcome, Step, journal};
use crate::net::link::Snapshot as Seen;
use crate::net::namespace::{self, Id};
use crate::net::netns::Netns;
use crate::value::name::NetnsName;

/// The file that stands for a namespace without a name.
pub(super) fn path_of(id: Id) -> PathBuf {
    folder().join(id.inode.to_string())
}

fn folder() -> PathBuf {
    journal::folder().with_file_name(namespace::KEPT)
}

/// The namespace that had the name, where it is kept.
pub(super) fn find(place: &Place) -> Option<Netns> {
    let name = place.at.strip_prefix(namespace::NAMES).ok()?.to_str()?;
    let (device, inode) = place.id;
    let found = Netns::nameless(&path_of(Id { device, inode }), &name.parse().ok()?).ok()?;
    place.is(&found).then_some(found)
}

/// What became of a namespace that was kept.
pub(super) enum Return {
    /// It has its name again.
    Back,
    /// It has never lost it.
    Never,
    /// Its name stands for another one.
    Taken,
}

/// Gives a namespace its name back.
pub(super) fn give_back(netns: &Netns, name: &NetnsName) -> Result<Return> {
    let id = netns.namespace().id();
    let kept = path_of(id);
    let there = namespace::id_of_path(&namespace::path_of(name));
    let what = match there {
        Some(there) if there == id => Return::Never,
        Some(_) => Return::Taken,
        None => {
            namespace::bring_back(&kept, name)?;
            Return::Back
        }
    };
    let_go(id);
    Ok(what)
}

/// Keeps a namespace no longer.
fn let_go(id: Id) {
    namespace::unmount(&path_of(id));
    // The others are still in it, as a rule.
    let _ = fs::remove_dir(folder());
}

/// Whether a link reaches out of the namespace that it is in, and would go with it.
fn reaches_out(seen: &Seen) -> bool {
    seen.parent.is_some() && seen.parent_nsid.is_some()
}

impl Lab {
    /// The links that reach out of the namespace, or into it from elsewhere, each where it is: they go when it is deleted.
    pub async fn reaching(&self, netns: &Rc<Netns>) -> Result<Vec<(Rc<Netns>, Seen)>> {
        let mut found = Vec::new();
        let all = super::deleting::everywhere(netns).await?;
        for (at, links) in &all {
            let is_it = at.namespace().id() == netns.namespace().id();
            for seen in links.iter().filter(|seen| reaches_out(seen)) {
                if is_it {
                    found.push((at.clone(), seen.clone()));
                } else if let Some(other) = super::deleting::place_of_other(&all, at, seen).await?
                    && other.namespace().id() == netns.namespace().id()
                    && !crate::net::link::is_pair(&seen.kind)
                {
                    found.push((at.clone(), seen.clone()));
                }
            }
        }
        Ok(found)
    }

    /// Takes the name of a namespace away that the run did not make, and keeps the namespace.
    pub fn keep_netns(&self, netns: &Rc<Netns>, name: &NetnsName) -> Result<()> {
        let way = WayBack::NameNetns { name: name.clone() };
        let undo = Undo::within(netns.clone(), way);
        let number = self.announce(&undo)?;
        let mut builder = DirBuilder::new();
        let kept = builder
            .recursive(true)
            .mode(0o700)
            .create(folder())
            .map_err(|error| Error::io(&error))
            .and_then(|()| namespace::put_aside(name, &path_of(netns.namespace().id())));
        if let Err(error) = kept {
            self.undone(number);
            return Err(error);
        }
        self.push(number, undo);
        self.report_namespace(Outcome::Deleted, name.as_str());
        Ok(())
    }

    /// The step by which this run made the namespace, in an earlier entry of a session. None where it holds a link from elsewhere,
    /// which is still to come back.
    fn maker_of(&self, id: Id) -> Option<u64> {
        let steps = self.steps.borrow();
        let within = || steps.iter().filter(|step| step.undo.is_in(id));
        let is_guest = |step: &Step| matches!(step.undo.way, WayBack::MoveBack { .. });
        let is_maker = |step: &&Step| matches!(step.undo.way, WayBack::DeleteNetns { .. });
        let maker = within().find(is_maker)?;
        (!within().any(is_guest)).then_some(maker.number)
    }

    /// Keeps those namespaces no longer that nobody will ask for: the lab itself had made them, or there is no journal.
    pub(super) fn settle_kept(&self) {
        let has_journal = self.journal.borrow().is_some();
        let mut ended = Vec::new();
        for step in self.steps.borrow().iter() {
            if let (WayBack::NameNetns { .. }, Some(netns)) = (&step.undo.way, &step.undo.netns) {
                let id = netns.namespace().id();
                let maker = self.made_earlier.borrow().get(&Place::of(netns)).copied();
                let maker = maker.or_else(|| self.maker_of(id));
                if maker.is_some() || !has_journal {
                    ended.push((id, maker));
                }
            }
        }
        for (id, maker) in ended {
            let_go(id);
            let steps = self.steps.borrow();
            let is_in = |netns: &Option<Rc<Netns>>| {
                netns.as_ref().is_some_and(|at| at.namespace().id() == id)
            };
            let within = steps
                .iter()
                .filter(|step| is_in(&step.undo.netns) || is_in(&step.undo.home));
            let numbers: Vec<u64> = within.map(|step| step.number).chain(maker).collect();
            drop(steps);
            for number in numbers {
                self.undone(number);
            }
        }
    }
}

/// The same as the journal tells of it, where what the lab had deleted was kept until somebody would confirm that.
pub(super) fn settle_told(journal: &mut Journal, told: &Contents) {
    let made = told.made_netns();
    for step in &told.steps {
        let (WayBack::NameNetns { .. }, Some(place)) = (&step.undo.way, &step.undo.netns) else {
            continue;
        };
        let Some(maker) = made.get(place) else {
            continue;
        };
        let (device, inode) = place.id;
        let_go(Id { device, inode });
        let is_in = |undo: &Undo<Place>| {
            undo.netns.as_ref() == Some(place) || undo.home.as_ref() == Some(place)
        };
        let within = told.steps.iter().filter(|step| is_in(&step.undo));
        let numbers: Vec<u64> = within.map(|step| step.number).chain([*maker]).collect();
        for number in numbers {
            journal.undone(number);
        }
    }
}

/// The failure for a namespace that is nowhere to be found.
pub(super) fn lost(name: &NetnsName) -> Error {
    Error::new(Kind::NotFound, "it is kept no longer").doing("bring back namespace", name.as_str())
}
