//! The system calls on mounts that the crates have no functions for, and those that they have in our terms.

use std::ffi::{CString, c_char, c_int, c_long, c_uint};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::libc;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use rustix::fs::CWD;
use rustix::mount::{MoveMountFlags, OpenTreeFlags, move_mount, open_tree};

/// The number of `mount_setattr`, the same on all machines that we know.
const MOUNT_SETATTR: c_long = 442;

const READ_ONLY: u64 = 0x1;
const NO_SUID: u64 = 0x2;
const NO_DEVICES: u64 = 0x4;
const OTHER_OWNERS: u64 = 0x0010_0000;

/// The kernel's `struct mount_attr`.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

/// How a mount, and with `all` the mounts below, are to be.
fn set(at: BorrowedFd<'_>, path: &Path, all: bool, attributes: &Attributes) -> Result<(), Errno> {
    let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
    let mut flags = libc::AT_EMPTY_PATH;
    if all {
        flags |= libc::AT_RECURSIVE;
    }
    let path: *const c_char = path.as_ptr();
    let flags = c_uint::try_from(flags).unwrap_or_default();
    let number: c_int = at.as_raw_fd();
    // SAFETY: the path ends with a zero byte, and it and the attributes live until the call returns.
    let result = unsafe {
        libc::syscall(
            MOUNT_SETATTR,
            number,
            path,
            flags,
            std::ptr::from_ref(attributes),
            size_of::<Attributes>(),
        )
    };
    Errno::result(result).map(drop)
}

/// Has all that is mounted at `path` and below be only for reading.
pub(super) fn read_only(path: &Path, all: bool) -> Result<(), Errno> {
    let attributes = Attributes {
        set: READ_ONLY | NO_SUID | NO_DEVICES,
        ..Attributes::default()
    };
    set(CWD, path, all, &attributes)
}

/// Has what is mounted at `path` take what is written, as it did before [`read_only`].
pub(super) fn writable(path: &Path) -> Result<(), Errno> {
    let attributes = Attributes {
        clear: READ_ONLY,
        ..Attributes::default()
    };
    set(CWD, path, false, &attributes)
}

/// A mount that is nowhere yet.
pub(super) struct Loose(OwnedFd);

impl Loose {
    /// What is to be seen at `path`, with all that is mounted below.
    pub(super) fn of(path: &Path) -> Result<Self, Errno> {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_RECURSIVE;
        open_tree(CWD, path, flags)
            .map(Self)
            .map_err(|error| Errno::from_raw(error.raw_os_error()))
    }

    /// Has it ignore what would give power on the host.
    pub(super) fn harmless(&self, is_read_only: bool) -> Result<(), Errno> {
        let attributes = Attributes {
            set: NO_SUID | NO_DEVICES | if is_read_only { READ_ONLY } else { 0 },
            ..Attributes::default()
        };
        set(self.0.as_fd(), Path::new(""), true, &attributes)
    }

    /// Has the owners of its files be those that the user namespace takes for them.
    pub(super) fn owned_within(&self, user_namespace: &File) -> Result<(), Errno> {
        let number = u64::try_from(user_namespace.as_raw_fd()).map_err(|_| Errno::EBADF)?;
        let attributes = Attributes {
            set: OTHER_OWNERS,
            user_namespace: number,
            ..Attributes::default()
        };
        let here = Path::new("");
        // What is mounted below may be of a kind that can't.
        set(self.0.as_fd(), here, true, &attributes)
            .or_else(|_| set(self.0.as_fd(), here, false, &attributes))
    }

    /// Puts it at `path`.
    pub(super) fn put(&self, path: &Path) -> Result<(), Errno> {
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
        move_mount(&self.0, "", CWD, path, flags)
            .map_err(|error| Errno::from_raw(error.raw_os_error()))
    }
}

/// Mounts a new file system that has nothing behind it.
pub(super) fn fresh(kind: &str, path: &Path, options: &str) -> Result<(), Errno> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some(kind), path, Some(kind), flags, Some(options))
}

/// Mounts an empty file system in which devices work.
pub(super) fn of_devices(path: &Path) -> Result<(), Errno> {
    let kind = Some("tmpfs");
    mount(kind, path, kind, MsFlags::MS_NOSUID, Some("mode=755"))
}

/// Has such a file system be only for reading.
pub(super) fn read_only_with_devices(path: &Path) -> Result<(), Errno> {
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID;
    let nothing = None::<&str>;
    mount(nothing, path, nothing, flags, nothing)
}

/// Takes away what is mounted at `path`, if it can be.
pub(super) fn off(path: &Path) {
    let _ = umount2(path, MntFlags::MNT_DETACH);
}

/// Has what is mounted from now on show nowhere else, nor what is mounted elsewhere show here.
pub(super) fn private() -> Result<(), Errno> {
    let nothing = None::<&str>;
    mount(
        nothing,
        "/",
        nothing,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        nothing,
    )
}
