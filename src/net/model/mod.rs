//! A model of the kernel, for `ipvsh plan`: begins as what stands, takes every change, and makes none of them.
//!
//! While a thread plans, namespaces and rtnetlink sockets are those of the model: a request for what is there is answered from
//! what the kernel says and from what was planned before it, a changing one changes the model only. So a word is written once.
//! What the kernel would do by itself it is asked for, in nameless namespaces beside (see [`shadow`]); where it can't be, it is
//! followed as far as words look at it: names, places, indices, peers, what goes along when a link or a namespace goes. What only a
//! real network can tell (a reply, a carrier, a process) is not modelled: a word that asks for such a thing says that it would.

mod answer;
mod driver_rules;
mod gateway;
mod kernel;
mod link;
mod lookup;
mod neighbour;
mod nexthop;
mod place;
mod port;
mod queue;
mod shadow;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use nix::errno::Errno;
use rtnetlink::packet_route::link::InfoKind;

use crate::net::driver;
use crate::net::namespace::{Id, NAMES, imagined_id};
use crate::net::nft::Table;
use crate::net::rtnl::Refusal;
use crate::net::seam::{self, Plan, Socket};
use crate::value::name::NetnsName;

use answer::View;
use place::Places;
use shadow::Shadows;

/// Plans from now on: nothing that this thread asks of the kernel changes it any more.
pub fn begin() {
    seam::install(Rc::<Model>::default());
}

/// The drivers and other modules that the plan could not try out, as the kernel has not loaded them yet.
pub fn untried() -> Vec<String> {
    seam::plan().map_or_else(Vec::new, |plan| plan.untried())
}

/// The file of the namespace that a process is in which is only planned, and has no number yet. That it made one of its own is all
/// that a script can want to know.
const OF_PLANNED_PROCESS: &str = "/proc/0/ns/net";

/// What stands by the plan so far.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// What has become of names below `/run/netns`: the namespace that one stands for by the plan, or none.
    names: RefCell<BTreeMap<String, Option<Id>>>,
    places: RefCell<Places>,
    /// That of processes which are only planned.
    of_process: Cell<Option<Id>>,
    /// What settings below `/proc/sys/net` were set to.
    settings: RefCell<HashMap<(Id, PathBuf), String>>,
    /// The tables of nftables, where the plan has changed some.
    tables: RefCell<HashMap<Id, Vec<Table>>>,
    /// What the kernel says to links of a kind that it has no driver for; none for one that it may have.
    lacking: RefCell<HashMap<String, Option<Refusal>>>,
    shadows: Shadows,
}

impl Model {
    fn imagine(&self) -> Id {
        let id = imagined_id();
        self.places.borrow_mut().imagine(id);
        id
    }

    /// Whether the kernel makes links of the kind, as far as it can be told.
    async fn makes(&self, kind: &InfoKind) -> Result<(), Refusal> {
        let name = kind.to_string();
        let known = self.lacking.borrow().get(&name).cloned();
        let refusal = if let Some(known) = known {
            known
        } else {
            let told = driver::refusal_of(kind).await;
            self.lacking.borrow_mut().insert(name, told.clone());
            told
        };
        refusal.map_or(Ok(()), Err)
    }
}

/// Whether the setting names an algorithm that the kernel may have to load.
fn names_algorithm(file: &Path) -> bool {
    file.file_name()
        .is_some_and(|name| name == "tcp_congestion_control")
}

impl Plan for Model {
    fn open(&self, path: &Path) -> Option<Result<Id, Errno>> {
        if path == Path::new(OF_PLANNED_PROCESS) {
            let id = self.of_process.get().unwrap_or_else(|| self.imagine());
            self.of_process.set(Some(id));
            return Some(Ok(id));
        }
        let name = path.strip_prefix(NAMES).ok()?.to_str()?;
        let names = self.names.borrow();
        Some(names.get(name)?.ok_or(Errno::ENOENT))
    }

    fn make(&self, path: &Path, name: &NetnsName) -> Result<Id, Errno> {
        let is_there = self
            .open(path)
            .map_or_else(|| path.exists(), |planned| planned.is_ok());
        if is_there {
            return Err(Errno::EEXIST);
        }
        let id = self.imagine();
        self.names.borrow_mut().insert(name.to_string(), Some(id));
        Ok(id)
    }

    fn delete(&self, name: &NetnsName, stands: Id) {
        self.places.borrow_mut().remove(stands);
        self.forget_shadow(stands);
        self.names.borrow_mut().insert(name.to_string(), None);
    }

    fn names(&self, present: Vec<NetnsName>) -> Vec<NetnsName> {
        let planned = self.names.borrow();
        let mut names: Vec<NetnsName> = present
            .into_iter()
            .filter(|name| !planned.contains_key(name.as_str()))
            .collect();
        let added = planned.iter().filter(|(_, stands)| stands.is_some());
        names.extend(added.filter_map(|(name, _)| name.parse().ok()));
        names
    }

    fn view(self: Rc<Self>, place: Id, kernel: Option<Rc<dyn Socket>>) -> Rc<dyn seam::View> {
        Rc::new(View::new(self, place, kernel))
    }

    fn setting(&self, place: Id, file: &Path) -> Option<Result<String, Errno>> {
        let key = (place, file.to_owned());
        if let Some(planned) = self.settings.borrow().get(&key) {
            return Some(Ok(planned.clone()));
        }
        self.shadow_for(place, file)
            .map(|shadow| shadow.setting(file))
    }

    fn set(&self, place: Id, file: &Path, value: &str) -> Result<(), Errno> {
        let module = names_algorithm(file).then(|| format!("tcp_{}", value.trim()));
        let is_ready = module.is_none_or(|module| self.is_ready(&module));
        if let Some(shadow) = self.shadow_for(place, file).filter(|_| is_ready) {
            return shadow.set(file, value);
        }
        let mut settings = self.settings.borrow_mut();
        settings.insert((place, file.to_owned()), value.to_owned());
        Ok(())
    }

    fn has_link(&self, place: Id, name: &str) -> bool {
        self.places.borrow_mut().place(place).has_name(name)
    }

    fn untried(&self) -> Vec<String> {
        self.shadows.untried()
    }

    fn tables(&self, place: Id) -> Option<Vec<Table>> {
        self.tables.borrow().get(&place).cloned()
    }

    fn set_tables(&self, place: Id, tables: Vec<Table>) {
        self.tables.borrow_mut().insert(place, tables);
    }
}
