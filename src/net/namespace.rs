//! Network namespaces: open, make, name, list, and the one function that enters one.

use std::cell::{Cell, OnceCell, RefCell};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::CloneFlags;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::sys::stat::makedev;
use nix::sys::statfs::{NSFS_MAGIC, fstatfs};
use rustix::fs::{AtFlags, CWD, Statx, StatxAttributes, StatxFlags, statx};

use crate::error::{Error, Kind, Result};
use crate::net::reopen::{self, Slot};
use crate::net::{fault, seam};
use crate::value::name::NetnsName;

pub use crate::net::id::Id;

/// Where names of namespaces live, as iproute2 has it.
pub const NAMES: &str = "/run/netns";

/// What the namespace is called where it is shown that this process was started in. One with a name can be called so, too.
pub const LABEL_OF_START: &str = "host";

/// Where this thread's own namespace is opened.
const OWN: &str = "/proc/thread-self/ns/net";

/// `SO_NETNS_COOKIE` of `asm-generic/socket.h`, which the libc crate lacks on some targets.
const SO_NETNS_COOKIE: libc::c_int = 71;

/// A network namespace that was opened.
///
/// One without a name lives at least as long as this does. One with a name below `/run/netns` is held by its name, and its file
/// may be closed meanwhile and opened again.
#[derive(Debug)]
pub struct Namespace {
    file: Opened,
    id: Id,
    mount: OnceCell<Option<u64>>,
    cookie: OnceCell<Option<u64>>,
}

/// The file of a namespace.
#[derive(Debug)]
enum Opened {
    /// Open for good, or let go.
    Kept(RefCell<Option<Rc<OwnedFd>>>),
    /// Open while it is used.
    Named(Rc<Named>),
    /// There is none: only a plan has the namespace.
    Imagined,
}

/// The file of a namespace that has a name.
#[derive(Debug)]
struct Named {
    path: PathBuf,
    slot: Slot<Rc<OwnedFd>>,
    /// Its file, where it is to stay open though its name goes.
    pinned: RefCell<Option<Rc<OwnedFd>>>,
    is_released: Cell<bool>,
}

/// A namespace as a request to the kernel names it, which stays open for as long as this does.
#[derive(Debug)]
pub struct Reference {
    number: RawFd,
    _file: Option<Rc<OwnedFd>>,
}

impl Reference {
    /// The number of its descriptor; below nought where only a plan has it.
    pub fn number(&self) -> RawFd {
        self.number
    }
}

impl Namespace {
    /// The one that this thread is in.
    pub fn current() -> Result<Self> {
        Self::open(Path::new(OWN))
    }

    /// Opens the namespace that the file at `path` stands for.
    ///
    /// Fails with `invalid` where the file is none (a name left behind by a crash, say), `not_found` where it is not there.
    pub fn open(path: &Path) -> Result<Self> {
        if let Some(planned) = seam::plan().and_then(|plan| plan.open(path)) {
            return planned.map(Self::imagined).map_err(Error::from);
        }
        let (file, id, mount) = open(path)?;
        let file = Rc::new(file);
        if !path.starts_with(NAMES) {
            return Ok(Self {
                file: Opened::Kept(RefCell::new(Some(file))),
                id,
                mount: OnceCell::from(mount),
                cookie: OnceCell::new(),
            });
        }
        let opened = Self::named(path, file, id);
        let _ = opened.mount.set(mount);
        if mount.is_none() {
            // What it is recognised by, should it have to be opened again.
            opened.cookie();
        }
        Ok(opened)
    }

    fn named(path: &Path, file: Rc<OwnedFd>, id: Id) -> Self {
        let named = Named {
            path: path.to_owned(),
            slot: Slot::new(Some(file)),
            pinned: RefCell::new(None),
            is_released: Cell::new(false),
        };
        Self {
            file: Opened::Named(Rc::new(named)),
            id,
            mount: OnceCell::new(),
            cookie: OnceCell::new(),
        }
    }

    /// What tells it from all others.
    pub fn id(&self) -> Id {
        self.id
    }

    /// The number of the mount by which it was opened, where that is the namespace's own, as a name below `/run/netns` is, and the
    /// kernel is new enough to give it to no other until it boots again (Linux 6.8).
    ///
    /// Such a mount stands for one namespace and keeps it alive. In another mount namespace it has another number.
    pub fn mount(&self) -> Option<u64> {
        self.mount.get().copied().flatten()
    }

    /// The number that the kernel gives to no other namespace until it boots again, where it is new enough for that (Linux 5.14).
    ///
    /// An inode is given anew as soon as its namespace is gone: a namespace made by somebody else may well have the same.
    pub fn cookie(&self) -> Option<u64> {
        *self
            .cookie
            .get_or_init(|| within(self, cookie_here).ok().flatten())
    }

    /// Its file, open.
    fn file(&self) -> Result<Rc<OwnedFd>> {
        match &self.file {
            Opened::Kept(file) => file.borrow().clone().ok_or(Errno::EINVAL.into()),
            Opened::Named(named) if named.is_released.get() => Err(Errno::EINVAL.into()),
            Opened::Named(named) => match &*named.pinned.borrow() {
                Some(file) => Ok(file.clone()),
                None => named.slot.get(|| self.open_again(&named.path)),
            },
            Opened::Imagined => Err(Errno::EINVAL.into()),
        }
    }

    /// Opens it once more by its name, which may stand for another by now.
    fn open_again(&self, path: &Path) -> Result<Rc<OwnedFd>> {
        let gone = || Error::new(Kind::NotFound, "the namespace is gone");
        let (file, id, mount) = open(path).map_err(|error| match error.kind {
            Kind::NotFound | Kind::Invalid => gone(),
            _ => error,
        })?;
        if id != self.id {
            return Err(gone());
        }
        let is_it = match (self.mount(), self.cookie.get()) {
            (Some(known), _) if mount == Some(known) => true,
            // The same namespace may have been mounted again.
            (_, Some(Some(cookie))) => enter(&file, cookie_here)? == Some(*cookie),
            (known, _) => known.is_none(),
        };
        is_it.then(|| Rc::new(file)).ok_or_else(gone)
    }

    /// The namespace for a request that names it.
    pub fn reference(&self) -> Result<Reference> {
        if let Opened::Imagined = self.file {
            return Ok(Reference {
                number: imagined_number(self.id),
                _file: None,
            });
        }
        let file = self.file()?;
        Ok(Reference {
            number: file.as_raw_fd(),
            _file: Some(file),
        })
    }

    /// Whether the file at `path` stands for it now.
    pub fn stands_at(&self, path: &Path) -> bool {
        if let Some(planned) = seam::plan().and_then(|plan| plan.open(path)) {
            return planned.is_ok_and(|id| id == self.id);
        }
        let Ok(seen) = statx(CWD, path, AtFlags::empty(), WITH_MOUNT) else {
            return false;
        };
        if id_of(&seen) != self.id {
            return false;
        }
        match &self.file {
            // While it was closed, it may have gone and another got its inode.
            Opened::Named(named) if !named.slot.is_open() => {
                mount_of(&seen).is_some_and(|mount| self.mount() == Some(mount))
                    || self.file().is_ok()
            }
            _ => true,
        }
    }

    /// Keeps it open until it is let go: its name is about to be taken away.
    pub fn pin(&self) -> Result<()> {
        if let Opened::Named(named) = &self.file {
            let file = self.file()?;
            named.pinned.replace(Some(file));
        }
        Ok(())
    }

    /// Lets go of the namespace, which may then cease to exist. Entering it from now on fails with `EINVAL`.
    pub fn release(&self) {
        match &self.file {
            Opened::Kept(file) => drop(file.take()),
            Opened::Named(named) => {
                named.is_released.set(true);
                named.pinned.take();
                named.slot.close();
            }
            Opened::Imagined => {}
        }
    }

    /// A namespace that only a plan has: it can be told from all others, and not be entered.
    fn imagined(id: Id) -> Self {
        Self {
            file: Opened::Imagined,
            id,
            mount: OnceCell::from(None),
            cookie: OnceCell::from(None),
        }
    }

    /// Whether only a plan has it.
    pub(crate) fn is_imagined(&self) -> bool {
        matches!(self.file, Opened::Imagined)
    }

    /// Makes a namespace that has no name; it lives as long as somebody holds it open.
    ///
    /// Fails with `denied` without `CAP_SYS_ADMIN`; then nothing has changed.
    pub(super) fn make() -> Result<Self> {
        let (home, ..) = open(Path::new(OWN))?;
        may_come_back(&home)?;
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that makes a namespace"
        )]
        nix::sched::unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| match errno {
            Errno::ENOSPC => Error::sys(errno)
                .cause("the limit of network namespaces is reached")
                .hint("raise it with `sysctl user.max_net_namespaces=100000`, or take labs down with `ipvsh down`"),
            Errno::EINVAL | Errno::ENOSYS => Error::sys(errno)
                .kind(Kind::Unsupported)
                .cause("this kernel has no network namespaces"),
            errno => errno.into(),
        })?;
        // Not before: where it was refused, there is nowhere to come back from, and nothing that would permit it.
        let guard = Home(&home);
        let made = Self::current().inspect(|made| {
            // Asked while inside, it costs no further visit.
            let _ = made.cookie.set(cookie_here());
        });
        drop(guard);
        made
    }
}

/// Opens the file of a namespace: what it is, and the number of its mount.
fn open(path: &Path) -> Result<(OwnedFd, Id, Option<u64>)> {
    let file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound if path == Path::new(OWN) => Error::io(&error)
            .kind(Kind::Unsupported)
            .cause("`/proc` is not mounted here, and by it namespaces are opened")
            .hint("mount it with `mount -t proc proc /proc`"),
        _ => Error::io(&error),
    })?;
    if fstatfs(&file)?.filesystem_type() != NSFS_MAGIC {
        return Err(Error::invalid(format!(
            "`{}` is not a namespace, only an ordinary file",
            path.display()
        )));
    }
    let seen = statx(&file, "", AtFlags::EMPTY_PATH, WITH_MOUNT)
        .map_err(|errno| Error::io(&errno.into()))?;
    Ok((file.into(), id_of(&seen), mount_of(&seen)))
}

/// The number that stands in a request for a namespace which only a plan has.
fn imagined_number(id: Id) -> RawFd {
    i32::try_from(id.inode).map_or(RawFd::MIN, |number| -number)
}

/// What tells a namespace that only a plan has from all others.
pub(crate) fn imagined_id() -> Id {
    static COUNT: AtomicI32 = AtomicI32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    Id {
        // No file system has this number.
        device: 0,
        inode: u64::from(number.unsigned_abs()) + 2,
    }
}

/// The namespace that a request to the kernel, or to the model of it, names by the number of a descriptor.
pub(crate) fn id_of_number(number: RawFd) -> Option<Id> {
    match u64::try_from(-i64::from(number)) {
        Ok(inode @ 1..) => Some(Id { device: 0, inode }),
        _ => id_of_path(Path::new(&format!("/proc/self/fd/{number}"))),
    }
}

/// Makes sure that this thread can come back to `home` when it has left.
///
/// A process in a user namespace of its own whose network is the machine's may leave it and not come back.
fn may_come_back(home: &OwnedFd) -> Result<()> {
    static MAY: OnceLock<()> = OnceLock::new();
    if MAY.get().is_some() {
        return Ok(());
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "enters the namespace that it is in, which changes nothing"
    )]
    nix::sched::setns(home, CloneFlags::CLONE_NEWNET)?;
    MAY.get_or_init(|| ());
    Ok(())
}

/// What is asked of a file for the number of its mount. The crate knows the older number only, which the kernel gives anew.
const WITH_MOUNT: StatxFlags =
    StatxFlags::INO.union(StatxFlags::from_bits_retain(libc::STATX_MNT_ID_UNIQUE));

/// The number of the mount that a file was seen in, where the file is all that is mounted there.
fn mount_of(seen: &Statx) -> Option<u64> {
    let is_told = seen.stx_mask & libc::STATX_MNT_ID_UNIQUE != 0;
    let is_own = seen.stx_attributes.contains(StatxAttributes::MOUNT_ROOT);
    (is_told && is_own).then_some(seen.stx_mnt_id)
}

/// What tells the namespace whose file was seen.
fn id_of(seen: &Statx) -> Id {
    Id {
        device: makedev(seen.stx_dev_major.into(), seen.stx_dev_minor.into()),
        inode: seen.stx_ino,
    }
}

/// The cookie of the namespace that this thread is in: each of its sockets knows it.
fn cookie_here() -> Option<u64> {
    let socket = socket(
        AddressFamily::Unix,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
    .ok()?;
    let mut cookie = 0_u64;
    let mut length = libc::socklen_t::try_from(size_of::<u64>()).ok()?;
    // SAFETY: the kernel writes at most `length` bytes to `cookie`, which has as many.
    let answer = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_NETNS_COOKIE,
            std::ptr::from_mut(&mut cookie).cast(),
            &raw mut length,
        )
    };
    (answer == 0).then_some(cookie)
}

/// Brings the thread back to the namespace that it came from, also on an early return and on a panic.
struct Home<'a>(&'a OwnedFd);

impl Drop for Home<'_> {
    fn drop(&mut self) {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that enters a namespace"
        )]
        let back = nix::sched::setns(self.0, CloneFlags::CLONE_NEWNET);
        if back.is_err() {
            // In the wrong namespace every further step would change the wrong machine's network.
            std::process::abort();
        }
    }
}

/// Runs `f` in `namespace` on this thread and comes back.
///
/// What `f` opens (a netlink or ICMP socket, a file below `/proc/sys/net`, a child process) belongs to that namespace for good.
pub fn within<T>(namespace: &Namespace, f: impl FnOnce() -> T) -> Result<T> {
    let (home, id, _) = open(Path::new(OWN))?;
    // To enter takes privileges even where one is there already; to stay takes none.
    if id == namespace.id() {
        return Ok(f());
    }
    visit(&home, &*namespace.file()?, f)
}

/// The same for a namespace of which the file is at hand.
fn enter<T>(file: &OwnedFd, f: impl FnOnce() -> T) -> Result<T> {
    let (home, ..) = open(Path::new(OWN))?;
    visit(&home, file, f)
}

fn visit<T>(home: &OwnedFd, there: &OwnedFd, f: impl FnOnce() -> T) -> Result<T> {
    may_come_back(home)?;
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that enters a namespace"
    )]
    nix::sched::setns(there, CloneFlags::CLONE_NEWNET)?;
    let guard = Home(home);
    let result = f();
    drop(guard);
    Ok(result)
}

/// How many files this process could have open when it was started.
static FILES: OnceLock<(u64, u64)> = OnceLock::new();

/// How many files the runtime of a run has open, and a word that waits for something.
const LEAST_FILES: usize = 20;

/// Lets this process hold as many files open as it may, for the sockets of a mesh, say. To be called before anything is made.
///
/// Where the limit can't be raised it stays as it is: of namespaces only a few are open at once. Fails with `EMFILE` where it is so
/// low that no run could come to its end, nor be taken down.
pub fn allow_many() -> Result<()> {
    if let Ok((now, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = FILES.set((now, most));
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
    check_room(LEAST_FILES)
}

/// Has this process, a child that is to become another program, open as many files as ipvsh was allowed to when it was started.
/// There are programs that go through all that may be open.
pub(super) fn allow_as_before() {
    if let Some((now, most)) = FILES.get() {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, *now, *most);
    }
}

/// Makes sure that so many more files can be open.
fn check_room(files: usize) -> Result<()> {
    let opened: std::io::Result<Vec<File>> = (0..files).map(|_| File::open("/dev/null")).collect();
    let Err(error) = opened else {
        return Ok(());
    };
    let error = Error::io(&error);
    if error.errno != Some(Errno::EMFILE) {
        // Whatever it is, others say it better.
        return Ok(());
    }
    let (now, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or_default();
    Err(error.cause(format!(
        "this process may have only {now} files open at once"
    )))
}

/// How many namespaces may be held open at once for a while.
pub fn most_open() -> usize {
    reopen::most()
}

/// The file that holds the name.
pub fn path_of(name: &NetnsName) -> PathBuf {
    Path::new(NAMES).join(name.as_str())
}

/// Makes a namespace and gives it a name, as `ip netns add` does: a bind mount of its file below `/run/netns`.
///
/// Fails with `exists` where the name is taken, `denied` without `CAP_SYS_ADMIN`; then nothing has changed.
pub fn make(name: &NetnsName) -> Result<Namespace> {
    let path = path_of(name);
    if let Some(plan) = seam::plan() {
        return Ok(Namespace::imagined(plan.make(&path, name)?));
    }
    // First, and of no consequence: it goes by itself where what follows is refused.
    let made = Namespace::make()?;
    let is_new_folder = share_names()?;
    let named = name_it(&made, &path);
    if named.is_err() && is_new_folder {
        // The empty folder is ours, made just above; a failure to remove it can't be mended here.
        let _ = umount2(NAMES, MntFlags::MNT_DETACH);
        let _ = fs::remove_dir(NAMES);
    }
    named
}

/// Mounts a namespace on a new file at `path`.
fn name_it(made: &Namespace, path: &Path) -> Result<Namespace> {
    let file = made.file()?;
    let source = format!("/proc/self/fd/{}", file.as_raw_fd());
    bind(Path::new(&source), path)?;
    let named = Namespace::named(path, file, made.id);
    let seen = statx(CWD, path, AtFlags::empty(), WITH_MOUNT).ok();
    // Somebody else may have mounted another one over it by now.
    let seen = seen.filter(|seen| id_of(seen) == made.id);
    let _ = named.mount.set(seen.as_ref().and_then(mount_of));
    let _ = named.cookie.set(made.cookie.get().copied().flatten());
    Ok(named)
}

/// Makes `/run/netns` a shared mount, so that names made here show in other mount namespaces (iproute2 does the same). Tells
/// whether there was no such folder before.
fn share_names() -> Result<bool> {
    thread_local! {
        static SHARED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    }
    if SHARED.get() {
        return Ok(false);
    }
    let share = || {
        mount(
            None::<&str>,
            NAMES,
            None::<&str>,
            MsFlags::MS_SHARED | MsFlags::MS_REC,
            None::<&str>,
        )
    };
    let is_new = match fs::create_dir(NAMES) {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Error::io(&error)
                .cause("there is no folder `/run`")
                .hint("make it with `mkdir /run`, and mount a tmpfs on it"));
        }
        Err(error) => {
            let error = Error::io(&error);
            let cause = format!("`{NAMES}` can't be made: {}", error.cause);
            return Err(error.cause(cause));
        }
    };
    let shared = share().or_else(|errno| {
        if errno != Errno::EINVAL {
            return Err(errno);
        }
        // Not a mount point yet: make it one.
        let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
        mount(Some(NAMES), NAMES, None::<&str>, flags, None::<&str>)?;
        share()
    });
    if let Err(errno) = shared {
        if is_new {
            let _ = fs::remove_dir(NAMES);
        }
        let error = Error::from(errno);
        let cause = format!("`{NAMES}` can't be mounted: {}", error.cause);
        return Err(error.cause(cause));
    }
    SHARED.set(true);
    Ok(is_new)
}

/// Takes the name away; the namespace itself goes when nobody is in it or holds it open any more.
pub fn delete(name: &NetnsName) -> Result<()> {
    let path = path_of(name);
    if let Some(plan) = seam::plan() {
        let stands = Namespace::open(&path).map_err(|_| Errno::ENOENT)?;
        plan.delete(name, stands.id());
        return Ok(());
    }
    match fault::guard(|| umount2(&path, MntFlags::MNT_DETACH)) {
        // EINVAL: not a mount point, the stray file of a crash. It goes below.
        Ok(()) | Err(Errno::EINVAL) => {}
        Err(errno) => return Err(errno.into()),
    }
    fault::before()?;
    let removed = fs::remove_file(&path).map_err(|error| Error::io(&error));
    fault::after();
    removed
}

/// Takes the name away as [`delete`] does, and keeps the namespace: the new file at `kept` stands for it.
pub fn put_aside(name: &NetnsName, kept: &Path) -> Result<()> {
    bind(&path_of(name), kept)?;
    delete(name).inspect_err(|_| unmount(kept))
}

/// Gives the namespace that the file at `kept` stands for a name.
pub fn bring_back(kept: &Path, name: &NetnsName) -> Result<()> {
    share_names()?;
    bind(kept, &path_of(name))
}

/// Mounts the namespace that the file at `from` stands for on a new file at `to`.
fn bind(from: &Path, to: &Path) -> Result<()> {
    fault::before()?;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o444)
        .open(to)
        .map_err(|error| Error::io(&error))?;
    fault::after();
    let nothing = None::<&str>;
    let mounted = fault::guard(|| mount(Some(from), to, nothing, MsFlags::MS_BIND, nothing));
    mounted.map_err(|errno| {
        // The empty file is ours, made just above; a failure to remove it can't be mended here.
        let _ = fs::remove_file(to);
        errno.into()
    })
}

/// Takes away a file that stands for a namespace.
pub fn unmount(path: &Path) {
    // Whoever finds it later does the same.
    let _ = umount2(path, MntFlags::MNT_DETACH);
    let _ = fs::remove_file(path);
}

/// What a name stands for now; `None` where there is no such name or it is a stray file.
pub fn id_of_path(path: &Path) -> Option<Id> {
    if let Some(planned) = seam::plan().and_then(|plan| plan.open(path)) {
        return planned.ok();
    }
    let meta = fs::metadata(path).ok()?;
    let is_stray = nsfs_device().is_some_and(|device| device != meta.dev());
    (!is_stray).then(|| Id {
        device: meta.dev(),
        inode: meta.ino(),
    })
}

/// The device of the file system that namespaces are files of; `None` where `/proc` is not mounted.
fn nsfs_device() -> Option<u64> {
    static DEVICE: OnceLock<Option<u64>> = OnceLock::new();
    *DEVICE.get_or_init(|| fs::metadata(OWN).ok().map(|meta| meta.dev()))
}

/// The names below `/run/netns`, sorted with numbers by their size; stray files that stand for no namespace are left out.
pub fn names() -> Result<Vec<NetnsName>> {
    names_where(|_| true)
}

/// Those of them whose files are wanted; the others are not opened.
pub fn names_where(is_wanted: impl Fn(&Path) -> bool) -> Result<Vec<NetnsName>> {
    let entries = match fs::read_dir(NAMES) {
        Ok(entries) => Some(entries),
        // Where nobody has made one yet, a plan may still have names.
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(Error::io(&error)),
    };
    let mut names: Vec<NetnsName> = entries
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|name| is_wanted(&path_of(name)))
        .filter(|name| Namespace::open(&path_of(name)).is_ok())
        .collect();
    if let Some(plan) = seam::plan() {
        names = plan.names(names);
        names.retain(|name| is_wanted(&path_of(name)));
    }
    // `net-10` behind `net-9`, as people count.
    names.sort_by(|one, other| {
        let by_number = alphanumeric_sort::compare_str(one.as_str(), other.as_str());
        by_number.then_with(|| one.cmp(other))
    });
    Ok(names)
}

/// The files outside of `/run/netns` that stand for a network namespace, as container programs make them.
pub fn mounted_elsewhere() -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/thread-self/mountinfo").unwrap_or_default();
    let paths = mounts.lines().filter_map(mounted);
    paths
        .filter(|path| !path.starts_with(NAMES) && !is_kept(path))
        .collect()
}

/// The folder for namespaces that a lab has deleted and keeps.
pub const KEPT: &str = "kept";

/// Whether a lab keeps the namespace at `path`: to all others it is deleted.
fn is_kept(path: &Path) -> bool {
    let mut folders = path.ancestors().skip(1).filter_map(Path::file_name);
    folders.next().is_some_and(|name| name == KEPT)
        && folders
            .next()
            .is_some_and(|name| name.to_string_lossy().starts_with("ipvsh"))
}

/// Where a line of `mountinfo` says that a network namespace is mounted.
fn mounted(line: &str) -> Option<PathBuf> {
    let mut fields = line.split(' ').skip(3);
    let (root, path) = (fields.next()?, fields.next()?);
    root.starts_with("net:[")
        .then(|| PathBuf::from(OsString::from_vec(unescaped(path.as_bytes()))))
}

/// A path of `mountinfo`, in which a blank is written `\040`.
fn unescaped(mut text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    while let Some((first, rest)) = text.split_first() {
        let digits = rest.get(..3).and_then(|digits| str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let Some(byte) = byte.filter(|_| *first == b'\\') {
            bytes.push(byte);
            text = &rest[3..];
        } else {
            bytes.push(*first);
            text = rest;
        }
    }
    bytes
}

/// Says what to type where there is no namespace `name`: the nearest name that there is, or how to make it.
pub fn hint_for_missing(name: &str) -> String {
    if name == LABEL_OF_START {
        return "`host()` is the namespace that ipvsh was started in".to_owned();
    }
    let names = names().unwrap_or_default();
    match crate::error::nearest(name, names.iter().map(NetnsName::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("make it with netns(\"{name}\")"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mounted_namespace_is_found_in_the_list_of_mounts() {
        let path = |line| mounted(line).map(|path| path.display().to_string());
        assert_eq!(
            path("101 27 0:4 net:[4026532345] /run/docker/netns/a\\040b\\134 rw shared:9 - nsfs nsfs rw").as_deref(),
            Some("/run/docker/netns/a b\\")
        );
        for other in [
            "101 27 0:4 mnt:[4026532345] /run/snapd/ns/x.mnt rw - nsfs nsfs rw",
            "22 27 0:20 / /proc rw,nosuid - proc proc rw",
            "22",
            "",
        ] {
            assert_eq!(path(other), None, "{other}");
        }
        assert_eq!(unescaped(br"\04\8\"), br"\04\8\");
    }
}
