//! A namespace that is worked in: how the user calls it, and its rtnetlink socket, opened at first need.

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};

use rtnetlink::MulticastGroup;

use crate::error::{Error, Kind, Result};
use crate::net::namespace::{self, Id, Namespace};
use crate::net::reopen::Slot;
use crate::net::rtnl::Rtnl;
use crate::net::watch::Watch;
use crate::net::{ending, process};
use crate::value::name::NetnsName;
use crate::value::shell;

/// An open namespace with its name and its socket.
#[derive(Debug)]
pub struct Netns {
    label: String,
    path: PathBuf,
    held: Rc<Held>,
}

/// By what a namespace is held.
#[derive(Debug)]
struct Held {
    namespace: Namespace,
    rtnl: Slot<Rtnl>,
    /// The name that the user has for it, where it has none of its own.
    called: OnceCell<String>,
}

thread_local! {
    /// What is held of each namespace: whoever deletes it lets go of all.
    static HELD: RefCell<HashMap<Id, Vec<Weak<Held>>>> = RefCell::default();
}

impl Netns {
    /// The file of the namespace that this process was started in.
    pub const START: &str = "/proc/self/ns/net";
    /// What it is called where it is shown. A namespace with a name can be called so, too.
    pub const LABEL_OF_START: &str = namespace::LABEL_OF_START;

    /// The namespace that this process was started in.
    pub fn start() -> Result<Self> {
        Ok(Self::new(
            Self::LABEL_OF_START.to_owned(),
            PathBuf::from(Self::START),
            Namespace::current()?,
        ))
    }

    /// Opens the namespace of that name below `/run/netns`.
    pub fn named(name: &NetnsName) -> Result<Self> {
        let path = namespace::path_of(name);
        let open = Namespace::open(&path).map_err(|error| match error.kind {
            Kind::NotFound => error.cause(format!("there is no namespace `{name}`")),
            Kind::Invalid => error.hint(format!(
                "a crash may have left it behind; remove it with `rm {}`",
                shell::path(&path)
            )),
            _ => error,
        })?;
        Ok(Self::new(name.to_string(), path, open))
    }

    /// Opens the namespace that the file at `path` stands for, which had that name and is to have it again.
    pub fn nameless(path: &Path, name: &NetnsName) -> Result<Self> {
        let open = Namespace::open(path)?;
        Ok(Self::new(name.to_string(), namespace::path_of(name), open))
    }

    /// Opens the namespace that the process `pid` is in.
    pub fn of_process(pid: u32) -> Result<Self> {
        let path = process::namespace_of(pid);
        let open = Namespace::open(&path).map_err(|error| match error.kind {
            Kind::NotFound => Error::new(Kind::NotFound, format!("there is no process {pid}")),
            _ => error,
        })?;
        Ok(Self::new(format!("pid:{pid}"), path, open))
    }

    /// The same namespace under the name that the user has for it.
    #[must_use]
    pub fn called(self, label: &str) -> Self {
        self.held.called.get_or_init(|| label.to_owned());
        Self {
            label: label.to_owned(),
            ..self
        }
    }

    /// Opens the namespace that the file at `path` stands for.
    pub fn at(path: &Path) -> Result<Self> {
        let open = Namespace::open(path).map_err(|error| match error.kind {
            Kind::NotFound => Error::new(
                Kind::NotFound,
                format!("there is no file `{}`", path.display()),
            ),
            _ => error,
        })?;
        Ok(Self::new(path.display().to_string(), path.to_owned(), open))
    }

    /// Makes a namespace of that name, as `ip netns add` does.
    pub fn make(name: &NetnsName) -> Result<Self> {
        let made = namespace::make(name)?;
        Ok(Self::new(name.to_string(), namespace::path_of(name), made))
    }

    fn new(label: String, path: PathBuf, namespace: Namespace) -> Self {
        let id = namespace.id();
        let held = Rc::new(Held {
            namespace,
            rtnl: Slot::new(None),
            called: OnceCell::new(),
        });
        HELD.with_borrow_mut(|all| {
            let same = all.entry(id).or_default();
            same.retain(|held| held.strong_count() > 0);
            same.push(Rc::downgrade(&held));
        });
        Self { label, path, held }
    }

    /// How the user calls it: its name, `pid:1234`, `docker:web`, a path, or `host`.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The file that stands for it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open namespace itself.
    pub fn namespace(&self) -> &Namespace {
        &self.held.namespace
    }

    /// Does something in it: see [`namespace::within`].
    ///
    /// Fails with `not_found` where it had to be opened again and its name is gone or stands for another namespace by now.
    pub fn within<T>(&self, action: impl FnOnce() -> T) -> Result<T> {
        namespace::within(self.namespace(), action).map_err(|error| self.told_of(error))
    }

    /// The error of a visit, with the name of a namespace that is gone: it was there when the word began.
    fn told_of(&self, error: Error) -> Error {
        match self.check() {
            Err(gone) if error.kind == Kind::NotFound => gone,
            _ => error,
        }
    }

    /// Its socket. To be called within the tokio runtime that drives it.
    ///
    /// Fails with `not_found` where the name is gone or stands for another namespace by now.
    pub fn rtnl(&self) -> Result<Rtnl> {
        self.check()?;
        let held = &self.held;
        held.rtnl
            .get(|| Rtnl::open(&held.namespace))
            .map_err(|error| self.told_of(error))
    }

    /// Lets go of a namespace that was deleted, by whatever handle it is held: it would live on else, with its links and their
    /// addresses. The runtime closes the sockets when it has its turn.
    pub fn release(&self) {
        ending::begins();
        let id = self.namespace().id();
        let same = HELD
            .with_borrow_mut(|all| all.remove(&id))
            .unwrap_or_default();
        for held in same.iter().filter_map(Weak::upgrade) {
            held.rtnl.close();
            held.namespace.release();
        }
    }

    /// Listens to what happens to its links. To be called within the tokio runtime.
    pub fn watch_links(&self) -> Result<Watch> {
        self.check()?;
        Watch::open(self.namespace(), &[MulticastGroup::Link]).map_err(|error| self.told_of(error))
    }

    /// Listens to what happens to its addresses of IPv6. To be called within the tokio runtime.
    pub fn watch_addresses(&self) -> Result<Watch> {
        self.check()?;
        Watch::open(self.namespace(), &[MulticastGroup::Ipv6Ifaddr])
            .map_err(|error| self.told_of(error))
    }

    /// The ids of the processes that are in it, lowest first; those of others that may not be looked at are left out.
    pub fn processes(&self) -> Vec<u32> {
        let id = Some(self.namespace().id());
        let mut inside = process::all();
        inside.retain(|pid| namespace::id_of_path(&process::namespace_of(*pid)) == id);
        inside
    }

    /// Every namespace that has a name, a file elsewhere or a process in it, each once: the one this process was started in
    /// first, then by name, by file, by process.
    pub fn all() -> Result<Vec<Self>> {
        let mut found = vec![Self::start()?];
        let mut known: HashSet<_> = found.iter().map(|netns| netns.namespace().id()).collect();
        let mut add = |netns: Result<Self>| {
            // One may go while the others are looked through.
            found.extend(
                netns
                    .ok()
                    .filter(|netns| known.insert(netns.namespace().id())),
            );
        };
        namespace::names()?
            .iter()
            .map(Self::named)
            .for_each(&mut add);
        let mut files = namespace::mounted_elsewhere();
        files.sort();
        files.iter().map(|path| Self::at(path)).for_each(&mut add);
        let mut others: Vec<_> = process::by_namespace().into_iter().collect();
        others.retain(|(id, _)| !known.contains(id));
        let mut first: Vec<u32> = others
            .iter()
            .filter_map(|(_, pids)| pids.first().copied())
            .collect();
        first.sort_unstable();
        found.extend(
            first
                .into_iter()
                .filter_map(|pid| Self::of_process(pid).ok())
                .map(Self::under_its_name),
        );
        Ok(found)
    }

    /// The same under the name by which the user has opened it, such as that of a container.
    fn under_its_name(self) -> Self {
        let called = HELD.with_borrow(|all| {
            let same = all.get(&self.namespace().id())?;
            let mut same = same.iter().filter_map(Weak::upgrade);
            same.find_map(|held| held.called.get().cloned())
        });
        match called {
            Some(label) => self.called(&label),
            None => self,
        }
    }

    /// Makes sure that the name still stands for the namespace that was opened by it.
    pub fn check(&self) -> Result<()> {
        if self.namespace().stands_at(&self.path) {
            return Ok(());
        }
        match namespace::id_of_path(&self.path) {
            Some(_) => Err(Error::new(
                Kind::NotFound,
                format!(
                    "namespace `{}` was replaced by another of that name",
                    self.label
                ),
            )
            .hint("this handle means the one before; ask for the present one by its name")),
            None => Err(Error::new(
                Kind::NotFound,
                format!("namespace `{}` is gone", self.label),
            )
            .hint(if self.path.starts_with(namespace::NAMES) {
                "it was deleted after this handle was made; make it again by its name"
            } else {
                "the process that it was opened by has ended, or its file was taken away"
            })),
        }
    }
}
