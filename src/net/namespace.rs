//! Network namespaces: open, make, name, list, and the one function that enters one.

use std::cell::OnceCell;
use std::ffi::{CStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::CloneFlags;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::sys::stat::fstat;
use nix::sys::statfs::fstatfs;
use rustix::fs::{AtFlags, CWD, Statx, StatxAttributes, StatxFlags, statx};

use crate::error::{Error, Result};
use crate::net::netns::Netns;
use crate::net::{fault, model};
use crate::value::name::NetnsName;

/// Where names of namespaces live, as iproute2 has it.
pub const NAMES: &str = "/run/netns";

/// `f_type` of the kernel's namespace file system (`NSFS_MAGIC` in `linux/magic.h`).
const NSFS_MAGIC: i64 = 0x6e73_6673;

/// What stands in `/proc/PID/fd` for a namespace that only a plan has.
const IMAGINED: &CStr = c"ipvsh-plan";

/// `SO_NETNS_COOKIE` of `asm-generic/socket.h`, which the libc crate lacks on some targets.
const SO_NETNS_COOKIE: libc::c_int = 71;

/// What tells one namespace from all others while it lives: the inode of its nsfs file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id {
    /// Device of the nsfs file system.
    pub device: u64,
    /// Inode of the namespace.
    pub inode: u64,
}

/// An open network namespace. It lives at least as long as this does.
#[derive(Debug)]
pub struct Namespace {
    file: OwnedFd,
    id: Id,
    mount: OnceCell<Option<u64>>,
    cookie: OnceCell<Option<u64>>,
}

impl Namespace {
    /// The one that this thread is in.
    pub fn current() -> Result<Self> {
        Self::open(Path::new("/proc/thread-self/ns/net"))
    }

    /// Opens the namespace that the file at `path` stands for.
    ///
    /// Fails with `invalid` where the file is none (a name left behind by a crash, say), `not_found` where it is not there.
    pub fn open(path: &Path) -> Result<Self> {
        if let Some(planned) = model::active().and_then(|model| model.open(path)) {
            return planned.map_err(Error::from);
        }
        let file = File::open(path).map_err(|error| Error::io(&error))?;
        let status = fstatfs(&file)?;
        if status.filesystem_type().0 != NSFS_MAGIC {
            return Err(Error::invalid(format!(
                "`{}` is not a namespace, only an ordinary file",
                path.display()
            )));
        }
        let meta = file.metadata()?;
        Ok(Self {
            file: file.into(),
            id: Id {
                device: meta.dev(),
                inode: meta.ino(),
            },
            mount: OnceCell::new(),
            cookie: OnceCell::new(),
        })
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
        let look = || {
            let flags = AtFlags::EMPTY_PATH;
            mount_of(&statx(&self.file, "", flags, WITH_MOUNT).ok()?)
        };
        *self.mount.get_or_init(look)
    }

    /// The number that the kernel gives to no other namespace until it boots again, where it is new enough for that (Linux 5.14).
    ///
    /// An inode is given anew as soon as its namespace is gone: a namespace made by somebody else may well have the same.
    pub fn cookie(&self) -> Option<u64> {
        *self
            .cookie
            .get_or_init(|| within(self, cookie_here).ok().flatten())
    }

    /// Lets go of the namespace, which may then cease to exist. Entering it from now on fails with `EINVAL`.
    pub fn release(&self) -> Result<()> {
        // SAFETY: the descriptor is `self.file`'s own and stays open; what it refers to is no longer the namespace.
        let kept = unsafe { nix::unistd::dup2_raw(nothing()?, self.file.as_raw_fd()) }?;
        // It belongs to `self.file`, which closes it.
        let _ = kept.into_raw_fd();
        Ok(())
    }

    /// A namespace that only a plan has: it can be told from all others, and not be entered.
    pub(crate) fn imagined() -> nix::Result<Self> {
        let file = memfd_create(IMAGINED, MFdFlags::MFD_CLOEXEC)?;
        let id = fstat(&file)?;
        Ok(Self {
            file,
            id: Id {
                device: id.st_dev,
                inode: id.st_ino,
            },
            mount: OnceCell::from(None),
            cookie: OnceCell::from(None),
        })
    }

    /// Whether only a plan has it.
    pub(crate) fn is_imagined(&self) -> bool {
        let is_none = fstatfs(&self.file).is_ok_and(|s| s.filesystem_type().0 != NSFS_MAGIC);
        // One that was let go is no namespace any more either, but has the id that it had.
        is_none
            && fstat(&self.file)
                .is_ok_and(|file| (file.st_dev, file.st_ino) == (self.id.device, self.id.inode))
    }

    /// The same namespace, open once more. `None` where no more files can be open.
    pub(crate) fn again(&self) -> Option<Self> {
        Some(Self {
            file: self.file.try_clone().ok()?,
            id: self.id,
            mount: self.mount.clone(),
            cookie: self.cookie.clone(),
        })
    }

    /// Makes a namespace that has no name; it lives as long as somebody holds it open.
    pub(super) fn make() -> Result<Self> {
        let home = Self::current()?;
        let guard = Home(&home);
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that makes a namespace"
        )]
        nix::sched::unshare(CloneFlags::CLONE_NEWNET)?;
        let made = Self::current().inspect(|made| {
            // Asked while inside, it costs no further visit.
            let _ = made.cookie.set(cookie_here());
        });
        drop(guard);
        made
    }
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

/// What a namespace is exchanged for by letting go of it, opened once.
fn nothing() -> Result<&'static File> {
    static NOTHING: OnceLock<File> = OnceLock::new();
    if let Some(file) = NOTHING.get() {
        return Ok(file);
    }
    let file = File::open("/dev/null").map_err(|error| Error::io(&error))?;
    Ok(NOTHING.get_or_init(|| file))
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

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Brings the thread back to the namespace that it came from, also on an early return and on a panic.
struct Home<'a>(&'a Namespace);

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
    let home = Namespace::current()?;
    // To enter takes privileges even where one is there already; to stay takes none.
    if home.id() == namespace.id() {
        return Ok(f());
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that enters a namespace"
    )]
    nix::sched::setns(namespace, CloneFlags::CLONE_NEWNET)?;
    let guard = Home(&home);
    let result = f();
    drop(guard);
    Ok(result)
}

/// Lets this process hold as many files open as it may: each namespace that is worked in takes two, its file and its socket.
///
/// Where the limit can't be raised it stays as it is, and too many namespaces fail with `EMFILE`.
pub fn allow_many() {
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
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
    if let Some(model) = model::active() {
        return Ok(model.make(&path, name)?);
    }
    share_names()?;
    fault::before()?;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o444)
        .open(&path)
        .map_err(|error| Error::io(&error))?;
    fault::after();
    let made = Namespace::make().and_then(|namespace| {
        let source = format!("/proc/self/fd/{}", namespace.file.as_raw_fd());
        let (name, nothing) = (Some(source.as_str()), None::<&str>);
        fault::guard(|| mount(name, &path, nothing, MsFlags::MS_BIND, nothing))?;
        let seen = statx(CWD, &path, AtFlags::empty(), WITH_MOUNT).ok();
        // Somebody else may have mounted another one over it by now.
        let seen = seen.filter(|seen| seen.stx_ino == namespace.id.inode);
        let _ = namespace.mount.set(seen.as_ref().and_then(mount_of));
        Ok(namespace)
    });
    if made.is_err() {
        // The empty file is ours, made just above; a failure to remove it can't be mended here.
        let _ = fs::remove_file(&path);
    }
    made
}

/// Makes `/run/netns` a shared mount, so that names made here show in other mount namespaces (iproute2 does the same).
fn share_names() -> Result<()> {
    thread_local! {
        static SHARED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    }
    if SHARED.get() {
        return Ok(());
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
    if let Err(error) = fs::create_dir(NAMES)
        && error.kind() != ErrorKind::AlreadyExists
    {
        return Err(Error::io(&error));
    }
    if share() == Err(Errno::EINVAL) {
        // Not a mount point yet: make it one.
        let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
        mount(Some(NAMES), NAMES, None::<&str>, flags, None::<&str>)?;
        share()?;
    }
    SHARED.set(true);
    Ok(())
}

/// Takes the name away; the namespace itself goes when nobody is in it or holds it open any more.
pub fn delete(name: &NetnsName) -> Result<()> {
    let path = path_of(name);
    if let Some(model) = model::active() {
        return Ok(model.delete(&path, name)?);
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

/// What a name stands for now; `None` where there is no such name or it is a stray file.
pub fn id_of_path(path: &Path) -> Option<Id> {
    if let Some(planned) = model::active().and_then(|model| model.open(path)) {
        return planned.ok().map(|namespace| namespace.id());
    }
    let meta = fs::metadata(path).ok()?;
    Some(Id {
        device: meta.dev(),
        inode: meta.ino(),
    })
}

/// The names below `/run/netns`, sorted; stray files that stand for no namespace are left out.
pub fn names() -> Result<Vec<NetnsName>> {
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
        .filter(|name| Namespace::open(&path_of(name)).is_ok())
        .collect();
    names.sort();
    Ok(match model::active() {
        Some(model) => model.names(names),
        None => names,
    })
}

/// The files outside of `/run/netns` that stand for a network namespace, as container programs make them.
pub fn mounted_elsewhere() -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/thread-self/mountinfo").unwrap_or_default();
    let paths = mounts.lines().filter_map(mounted);
    paths.filter(|path| !path.starts_with(NAMES)).collect()
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
    if name == Netns::LABEL_OF_START {
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
