//! What a run sees of the file system: all of it to read, one folder to write, and what belongs to it alone.

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::Pid;

use super::mounts::{self, Loose};
use super::who::Who;
use super::{Files, follow, on};
use crate::error::Result;
use crate::sandbox::failed;

/// Devices that programs need and that give no power.
const DEVICES: [&str; 7] = ["null", "zero", "full", "random", "urandom", "tty", TUN];

/// The device by which programs are the far end of a link.
const TUN: &str = "net/tun";

/// Folders of the kernel's own, of which nothing is shared.
const SYSTEM: [&str; 2] = ["/proc", "/sys"];

/// Files of the host that are put in place once more: to be written, or to be seen at all.
pub(super) struct Shared {
    /// The work folder.
    pub(super) folder: PathBuf,
    parts: Vec<Part>,
    /// What was made here for the run to write, and is nothing yet.
    made: Vec<PathBuf>,
    /// A folder that can't be written although that was asked.
    unshared: Option<PathBuf>,
}

struct Part {
    path: PathBuf,
    is_folder: bool,
    is_read_only: bool,
}

impl Part {
    fn of(path: PathBuf, is_read_only: bool) -> Self {
        Self {
            is_folder: path.is_dir(),
            path,
            is_read_only,
        }
    }
}

impl Shared {
    /// What the run is to have; the files that it is to write are there from now on.
    pub(super) fn of(files: &Files) -> Result<Self> {
        let here = std::env::current_dir()
            .map_err(|error| failed(error).doing_plain("find the work folder"))?;
        let folder = match &files.write {
            Some(folder) => fs::canonicalize(folder).map_err(|error| on(folder, error))?,
            None => here.clone(),
        };
        let is_shared = |path: &Path| {
            path.parent().is_some() && !SYSTEM.iter().any(|system| path.starts_with(system))
        };
        let (mut parts, mut made) = (Vec::new(), Vec::new());
        let unshared = (!is_shared(&folder)).then(|| folder.clone());
        if unshared.is_none() {
            parts.push(Part::of(folder, false));
        }
        for file in &files.results {
            let path = real(file)?;
            let is_device = fs::metadata(&path).is_ok_and(|file| !file.is_file());
            if is_device || parts.iter().any(|part| path.starts_with(&part.path)) {
                continue;
            }
            if !path.exists() {
                made.push(path.clone());
            }
            OpenOptions::new()
                .append(true)
                .create(true)
                .open(&path)
                .map_err(|error| on(file, error))?;
            parts.push(Part::of(path, false));
        }
        let mut needed = vec![here.clone()];
        for file in &files.needed {
            needed.push(real(file)?);
        }
        for path in needed {
            if is_shared(&path) && !parts.iter().any(|part| path.starts_with(&part.path)) {
                parts.push(Part::of(path, true));
            }
        }
        // One that lies in another comes behind it, and so on top.
        parts.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(Self {
            folder: here,
            parts,
            made,
            unshared,
        })
    }

    /// Files that are to be there only if the run writes them.
    pub(super) fn drafts(&self) -> Vec<PathBuf> {
        self.made.clone()
    }
}

/// The path without links to folders. The file itself need not be there.
fn real(file: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(file)?;
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => {
            let folder = fs::canonicalize(folder).map_err(|error| on(file, error))?;
            Ok(folder.join(name))
        }
        _ => Ok(path),
    }
}

/// Mounts a `/proc` that shows the processes of this pid namespace only.
pub(super) fn own_processes(lacks: &mut Vec<String>) -> Result<()> {
    mounts::private().map_err(|errno| on(Path::new("/"), errno))?;
    if let Err(errno) = mounts::fresh("proc", Path::new("/proc"), "") {
        lacks.push(format!(
            "it sees the processes outside, as a /proc of its own is refused here ({errno})"
        ));
    }
    Ok(())
}

/// Puts it all together for `process`, whose network namespace `/sys` is to show.
pub(super) fn build(who: Who, shared: Shared, process: Pid, lacks: &mut Vec<String>) -> Result<()> {
    // Taken as they are, before all is made read-only and some of it is covered.
    let parts = take(shared, lacks);
    let devices: Vec<(&str, Loose)> = DEVICES
        .into_iter()
        .filter_map(|name| Some((name, Loose::of(&Path::new("/dev").join(name)).ok()?)))
        .collect();
    match mounts::read_only(Path::new("/"), true) {
        Ok(()) => {}
        Err(Errno::ENOSYS) => lacks.push(
            "the file system is not read-only, as this kernel is older than Linux 5.12".to_owned(),
        ),
        Err(errno) => return Err(on(Path::new("/"), errno)),
    }
    // Settings are written there. Where it can't be, it was not to begin with.
    let _ = mounts::writable(Path::new("/proc"));
    let own_sys = follow(process).and_then(|()| mounts::fresh("sysfs", Path::new("/sys"), ""));
    if let Err(errno) = own_sys {
        lacks.push(format!(
            "/sys shows the interfaces outside, as one of its own is refused here ({errno})"
        ));
    }
    for (path, mode) in [("/run", "mode=755"), ("/tmp", "mode=1777")] {
        let path = Path::new(path);
        mounts::fresh("tmpfs", path, &who.as_owner(mode)).map_err(|errno| on(path, errno))?;
    }
    let names = Path::new("/run/netns");
    fs::create_dir(names).map_err(|error| on(names, error))?;
    belongs_inside(who, names)?;
    own_devices(who, devices)?;
    let owners = match who {
        Who::Nobody(_) => Some(File::open(format!("/proc/{process}/ns/user"))?),
        Who::Same { .. } => None,
    };
    let mut covers = Vec::new();
    for (part, loose) in parts {
        if let Some(owners) = &owners
            && let Err(errno) = loose.owned_within(owners)
            && !part.is_read_only
        {
            lacks.push(format!(
                "it can't write what is root's in `{}`, as the file system there takes no other owners ({errno})",
                part.path.display()
            ));
        }
        loose
            .harmless(part.is_read_only)
            .map_err(|errno| on(&part.path, errno))?;
        if owners.is_some() {
            covers.extend(open_the_way(&part.path)?);
        }
        make_target(&part).map_err(|error| on(&part.path, error))?;
        loose
            .put(&part.path)
            .map_err(|errno| on(&part.path, errno))?;
    }
    for cover in covers {
        mounts::read_only(&cover, false).map_err(|errno| on(&cover, errno))?;
    }
    Ok(())
}

/// Takes hold of what is shared.
fn take(shared: Shared, lacks: &mut Vec<String>) -> Vec<(Part, Loose)> {
    if let Some(folder) = &shared.unshared {
        lacks.push(format!("nothing of `{}` can be written", folder.display()));
    }
    let mut taken = Vec::new();
    for part in shared.parts {
        let path = &part.path;
        match Loose::of(path) {
            Ok(loose) => taken.push((part, loose)),
            // Older than the system calls by which a mount is copied, or none of our files.
            Err(errno) if !part.is_read_only => {
                lacks.push(format!("`{}` can't be written ({errno})", path.display()));
            }
            Err(_) => {}
        }
    }
    taken
}

/// Where somebody else may not go through a folder on the way to `path`, an empty one covers it, as it can't be read anyway.
/// Returns the one that was put there.
fn open_the_way(path: &Path) -> Result<Option<PathBuf>> {
    let folders: Vec<&Path> = path.ancestors().skip(1).collect();
    for folder in folders.into_iter().rev() {
        let is_closed = fs::metadata(folder).is_ok_and(|meta| meta.mode() & 0o001 == 0);
        if is_closed {
            mounts::fresh("tmpfs", folder, "mode=755").map_err(|errno| on(folder, errno))?;
            return Ok(Some(folder.to_owned()));
        }
    }
    Ok(None)
}

/// Makes what a mount is put on, where that was covered.
fn make_target(part: &Part) -> std::io::Result<()> {
    let path = &part.path;
    if path.symlink_metadata().is_ok() {
        return Ok(());
    }
    if part.is_folder {
        return fs::create_dir_all(path);
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    File::create(path).map(drop)
}

/// A `/dev` with harmless devices, and terminals and shared memory of its own.
fn own_devices(who: Who, devices: Vec<(&str, Loose)>) -> Result<()> {
    let folder = Path::new("/dev");
    let fresh = |kind: &str, path: &Path, options: &str| {
        mounts::fresh(kind, path, options).map_err(|errno| on(path, errno))
    };
    fresh("tmpfs", folder, &who.as_owner("mode=755"))?;
    for (name, device) in devices {
        let path = folder.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| on(folder, error))?;
        }
        if name == TUN && matches!(who, Who::Nobody(_)) && own_tun(&path).is_ok() {
            continue;
        }
        File::create(&path).map_err(|error| on(&path, error))?;
        device.put(&path).map_err(|errno| on(&path, errno))?;
    }
    for (name, kind, options) in [
        (
            "pts",
            "devpts",
            "newinstance,ptmxmode=0666,mode=620".to_owned(),
        ),
        ("shm", "tmpfs", who.as_owner("mode=1777")),
    ] {
        let path = folder.join(name);
        fs::create_dir(&path).map_err(|error| on(&path, error))?;
        fresh(kind, &path, &options)?;
    }
    for (link, target) in [
        ("ptmx", "pts/ptmx"),
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        let path = folder.join(link);
        symlink(target, &path).map_err(|error| on(&path, error))?;
    }
    Ok(())
}

/// Makes the device of TUN and TAP anew, for everybody to open: on the host it may be root's alone, and who makes a link by it
/// needs the rights for that in the namespace anyway.
fn own_tun(path: &Path) -> std::result::Result<(), Errno> {
    let folder = path.parent().ok_or(Errno::ENOENT)?;
    mounts::of_devices(folder)?;
    let mode = Mode::from_bits_truncate(0o666);
    let done = mknod(path, SFlag::S_IFCHR, mode, makedev(10, 200)).and_then(|()| {
        // The mask of this process has taken some of it away.
        fs::set_permissions(path, Permissions::from_mode(mode.bits()))
            .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or_default()))?;
        mounts::read_only_with_devices(folder)
    });
    if done.is_err() {
        mounts::off(folder);
    }
    done
}

/// Gives what was made here to the root inside.
fn belongs_inside(who: Who, path: &Path) -> Result<()> {
    match who {
        Who::Nobody(first) => {
            chown(path, Some(first), Some(first)).map_err(|error| on(path, error))
        }
        Who::Same { .. } => Ok(()),
    }
}
