//! A model of the kernel, for `ipvsh plan`: begins as what stands, takes every change, and makes none of them.
//!
//! While a thread plans, namespaces and rtnetlink sockets are those of the model: a request for what is there is answered from
//! what the kernel says and from what was planned before it, a changing one changes the model only. So a word is written once.
//! What the kernel would do by itself it is asked for, in nameless namespaces beside (see [`shadow`]); where it can't be, it is
//! followed as far as words look at it: names, places, indices, peers, what goes along when a link or a namespace goes. What only a real network can tell (a reply, a carrier, a process) is not modelled: a word that
//! asks for such a thing says that it would.

mod answer;
mod driver;
mod link;
mod lookup;
mod nexthop;
mod place;
mod port;
mod queue;
mod shadow;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::rc::Rc;

use nix::errno::Errno;
use rtnetlink::packet_route::link::InfoKind;

use crate::net::namespace::{Id, NAMES, Namespace};
use crate::net::nft::Table;
use crate::net::rtnl::Refusal;
use crate::net::sysctl::Key;
use crate::value::name::NetnsName;

pub(crate) use answer::View;
use place::Places;
use shadow::Shadows;

thread_local! {
    static MODEL: RefCell<Option<Rc<Model>>> = const { RefCell::new(None) };
}

/// Plans from now on: nothing that this thread asks of the kernel changes it any more.
pub fn begin() {
    MODEL.set(Some(Rc::default()));
}

/// Whether this thread plans.
pub fn is_on() -> bool {
    active().is_some()
}

/// The model, where this thread plans.
pub(crate) fn active() -> Option<Rc<Model>> {
    MODEL.with_borrow(Clone::clone)
}

/// The file of the namespace that a process is in which is only planned, and has no number yet. That it made one of its own is all
/// that a script can want to know.
const OF_PLANNED_PROCESS: &str = "/proc/0/ns/net";

/// What stands by the plan so far.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// What has become of names below `/run/netns`: the namespace that one stands for by the plan, or none.
    names: RefCell<BTreeMap<String, Option<Namespace>>>,
    places: RefCell<Places>,
    /// That of processes which are only planned.
    of_process: RefCell<Option<Namespace>>,
    /// What settings below `/proc/sys/net` were set to.
    settings: RefCell<HashMap<(Id, Key), String>>,
    /// The tables of nftables, where the plan has changed some.
    tables: RefCell<HashMap<Id, Vec<Table>>>,
    /// What the kernel says to links of a kind that it has no driver for; none for one that it may have.
    lacking: RefCell<HashMap<String, Option<Refusal>>>,
    shadows: Shadows,
}

impl Model {
    /// The namespace that the file at `path` stands for. `None` where the plan has nothing to say of it.
    pub(crate) fn open(&self, path: &Path) -> Option<Result<Namespace, Errno>> {
        if path == Path::new(OF_PLANNED_PROCESS) {
            return Some(Ok(self.of_planned_process()));
        }
        let name = path.strip_prefix(NAMES).ok()?.to_str()?;
        let names = self.names.borrow();
        Some(match names.get(name)? {
            Some(planned) => Ok(planned.again()),
            None => Err(Errno::ENOENT),
        })
    }

    fn of_planned_process(&self) -> Namespace {
        let mut known = self.of_process.borrow_mut();
        let known = known.get_or_insert_with(|| {
            let namespace = Namespace::imagined();
            self.places.borrow_mut().imagine(namespace.id());
            namespace
        });
        known.again()
    }

    /// Plans a namespace of that name.
    pub(crate) fn make(&self, path: &Path, name: &NetnsName) -> Result<Namespace, Errno> {
        let is_there = self
            .open(path)
            .map_or_else(|| path.exists(), |planned| planned.is_ok());
        if is_there {
            return Err(Errno::EEXIST);
        }
        let namespace = Namespace::imagined();
        self.places.borrow_mut().imagine(namespace.id());
        let (name, again) = (name.to_string(), namespace.again());
        self.names.borrow_mut().insert(name, Some(again));
        Ok(namespace)
    }

    /// Plans to take the name away, and with it the namespace and all that is in it.
    pub(crate) fn delete(&self, path: &Path, name: &NetnsName) -> Result<(), Errno> {
        let stands = Namespace::open(path).map_err(|_| Errno::ENOENT)?;
        self.places.borrow_mut().remove(stands.id());
        self.forget_shadow(stands.id());
        self.names.borrow_mut().insert(name.to_string(), None);
        Ok(())
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

    /// The value that the plan has given to a setting.
    pub(crate) fn setting(&self, id: Id, key: &Key) -> Option<String> {
        self.settings.borrow().get(&(id, key.clone())).cloned()
    }

    /// Plans to set a setting.
    pub(crate) fn set(&self, id: Id, key: &Key, value: &str) {
        let mut settings = self.settings.borrow_mut();
        settings.insert((id, key.clone()), value.to_owned());
    }

    /// The tables of nftables by the plan; none where it has changed nothing of them.
    pub(crate) fn tables(&self, id: Id) -> Option<Vec<Table>> {
        self.tables.borrow().get(&id).cloned()
    }

    /// Plans to have these tables.
    pub(crate) fn set_tables(&self, id: Id, tables: Vec<Table>) {
        self.tables.borrow_mut().insert(id, tables);
    }

    /// The names that there are by the plan, given those that the kernel has.
    pub(crate) fn names(&self, present: Vec<NetnsName>) -> Vec<NetnsName> {
        let planned = self.names.borrow();
        let mut names: Vec<NetnsName> = present
            .into_iter()
            .filter(|name| !planned.contains_key(name.as_str()))
            .collect();
        let added = planned.iter().filter(|(_, stands)| stands.is_some());
        names.extend(added.filter_map(|(name, _)| name.parse().ok()));
        names.sort();
        names
    }
}
