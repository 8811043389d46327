//! Private namespaces of this kernel: the throw-away place that is at once there and needs no root.

use std::fs;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

use super::loopback;
use crate::error::{Error, Kind, Result};

/// Moves this process into network and mount namespaces of its own, as root there.
///
/// Call it first thing in `main`: the kernel refuses a new user namespace to a process with more than one thread, and
/// a thread started earlier would stay outside. Afterwards `/run` is empty, so that neither named namespaces nor
/// journals of the host are seen or touched; `/sys` shows this place, where the kernel permits mounting it; and `lo` is up.
/// Everything goes away with the last process inside.
pub fn enter() -> Result<()> {
    leave_the_host().map_err(|error| error.doing_plain("enter private namespaces"))
}

fn leave_the_host() -> Result<()> {
    let (uid, gid) = (geteuid(), getegid());
    let apart = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET;
    // Root needs no user namespace of its own, unless it is the powerless root of a container.
    let with_user = match split_off(apart) {
        Ok(()) => false,
        Err(Errno::EPERM) => {
            split_off(apart | CloneFlags::CLONE_NEWUSER).map_err(refused)?;
            true
        }
        Err(errno) => return Err(refused(errno)),
    };
    if with_user {
        // Without this the kernel takes no group map from an unprivileged process.
        write("/proc/self/setgroups", "deny")?;
        write("/proc/self/uid_map", &format!("0 {uid} 1"))?;
        write("/proc/self/gid_map", &format!("0 {gid} 1"))?;
    }
    let nothing = None::<&str>;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    on("/", mount(nothing, "/", nothing, private, nothing))?;
    let plain = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    on(
        "/run",
        mount(nothing, "/run", Some("tmpfs"), plain, Some("mode=755")),
    )?;
    on("/run/netns", fs::create_dir("/run/netns"))?;
    // Refused in containers that hide parts of their own /sys. Only the listing under /sys/class/net is lost then.
    let _ = mount(nothing, "/sys", Some("sysfs"), plain, nothing);
    loopback::up()
}

#[allow(
    clippy::disallowed_methods,
    reason = "the process leaves its namespaces for good, before there is anything to come back to"
)]
fn split_off(flags: CloneFlags) -> Result<(), Errno> {
    unshare(flags)
}

fn refused(errno: Errno) -> Error {
    let vm = "run it with --sandbox=vm";
    match errno {
        Errno::EINVAL => Error::new(
            Kind::Unsupported,
            "this kernel has no user namespaces, or the process has threads already",
        )
        .hint(vm),
        Errno::ENOSPC => Error::sys(errno)
            .cause("the limit of user namespaces is reached, or is nought")
            .hint(format!(
                "raise it with `sysctl user.max_user_namespaces=10000`, or {vm}"
            )),
        Errno::EPERM | Errno::EACCES => Error::sys(errno)
            .cause("unprivileged user namespaces are forbidden here")
            .hint(format!("{}, run as root, or {vm}", permission())),
        other => Error::sys(other).hint(vm),
    }
}

/// How to permit what was refused. Three distributions, three switches.
fn permission() -> &'static str {
    let is =
        |path: &str, value: &str| fs::read_to_string(path).is_ok_and(|text| text.trim() == value);
    if is(
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
    ) {
        "permit them with `sysctl kernel.apparmor_restrict_unprivileged_userns=0`"
    } else if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        "permit them with `sysctl kernel.unprivileged_userns_clone=1`"
    } else {
        "permit them in the container's or the system's settings"
    }
}

fn write(path: &str, text: &str) -> Result<()> {
    match fs::write(path, text) {
        // AppArmor (Ubuntu 24.04) lets the namespace be made and takes its powers away: the first use of them fails.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Err(refused(Errno::EPERM))
        }
        other => on(path, other),
    }
}

fn on<E: Into<Error>>(path: &str, result: Result<(), E>) -> Result<()> {
    result.map_err(|error| {
        let error: Error = error.into();
        let cause = format!("`{path}`: {}", error.cause);
        error.cause(cause)
    })
}
