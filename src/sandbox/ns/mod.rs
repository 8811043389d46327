//! Private namespaces of this kernel: the throw-away place that is at once there and needs no root.
//!
//! Three processes make it. The one that was started stays outside: it has the caller's terminal and process id, and
//! passes on signals and the exit code ([`outside`]). Its child is the first process of a pid namespace, and
//! puts together what is to be seen of the file system ([`view`]). The child of that one enters a user namespace and goes
//! on with the run: what its parent has mounted it can neither change nor look beneath.

mod filter;
mod first;
mod mounts;
mod outside;
mod view;
mod who;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, pthread_sigmask};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::unistd::{ForkResult, Pid, close, fork, pipe2};

use super::loopback;
use crate::error::{Error, Kind, Result};
use crate::net::process::terminal;
use who::Who;

/// What a run has of the host's files besides reading them.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// The folder whose files it may change; the work folder where none is given.
    pub write: Option<PathBuf>,
    /// Files that it is to write, wherever they lie.
    pub results: Vec<PathBuf>,
    /// Files that it needs, as the script, wherever they lie.
    pub needed: Vec<PathBuf>,
}

/// Which of the processes this is.
#[derive(Debug)]
pub enum Entered {
    /// The one inside. With it goes what of the boundary can't be had here.
    Inside(Vec<String>),
    /// One that has watched over the run, which has ended with this exit code.
    Ended(u8),
}

/// The signals that the process outside passes on. That it is stopped it learns from within.
const PASSED_ON: [Signal; 5] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGTSTP,
];

/// Goes into namespaces of its own, as root there, and returns in the process that is inside.
///
/// Call it first thing in `main`: the kernel refuses a new user namespace to a process with more than one thread, and
/// a thread started earlier would stay outside. Inside, the file system can be read only, except for the folder that
/// `files` names; `/run` and `/tmp` are empty, so that neither named namespaces nor journals of the host are seen or
/// touched; `/proc` and `/sys` show this place, where the kernel permits mounting them; and `lo` is up.
/// Everything goes away with the process inside, or with the one outside.
pub fn enter(files: &Files) -> Result<Entered> {
    leave_the_host(files).map_err(|error| error.doing_plain("enter private namespaces"))
}

fn leave_the_host(files: &Files) -> Result<Entered> {
    wait_for_ended_threads();
    let who = Who::of_this_process();
    let shared = view::Shared::of(files)?;
    let drafts = shared.drafts();
    who.take_over_pipes(&drop_descriptors());
    if let Who::Same { .. } = who {
        split_off(CloneFlags::CLONE_NEWUSER).map_err(refused)?;
        who.map_own()?;
    }
    split_off(CloneFlags::CLONE_NEWPID).map_err(refused)?;
    let (orders, order) = pipe2(OFlag::O_CLOEXEC)?;
    let (news, tell) = pipe2(OFlag::O_CLOEXEC)?;
    let (keeper, asker) = socketpair(
        AddressFamily::Unix,
        SockType::Stream,
        None,
        SockFlag::SOCK_CLOEXEC,
    )?;
    let before = hold_signals()?;
    // SAFETY: there is one thread only, so that the child has all that it needs.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => {
            drop((orders, tell, asker));
            let code = outside::stay(child, &order, news, keeper);
            for draft in drafts {
                if fs::metadata(&draft).is_ok_and(|file| file.len() == 0) {
                    // Where it can't be removed it is empty.
                    let _ = fs::remove_file(&draft);
                }
            }
            Ok(Entered::Ended(code))
        }
        ForkResult::Child => {
            drop((order, news, keeper));
            be_first(who, shared, orders, tell, asker, &before)
        }
    }
}

/// The life of the first process in the pid namespace, and of its child.
fn be_first(
    who: Who,
    shared: view::Shared,
    orders: OwnedFd,
    tell: OwnedFd,
    asker: OwnedFd,
    before: &SigSet,
) -> Result<Entered> {
    split_off(CloneFlags::CLONE_NEWNS).map_err(refused)?;
    let mut lacks = who.lacks();
    view::own_processes(&mut lacks)?;
    let (ready, is_ready) = pipe2(OFlag::O_CLOEXEC)?;
    let (go, may_go) = pipe2(OFlag::O_CLOEXEC)?;
    // SAFETY: as above.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => {
            drop((is_ready, go, asker));
            // Where it has failed it has said so, and its exit code tells the rest.
            if File::from(ready).read(&mut [0])? == 1 {
                who.map(child)?;
                view::build(who, shared, child, &mut lacks)?;
                File::from(may_go).write_all(lacks.join("\n").as_bytes())?;
            }
            who.drop_power()?;
            Ok(Entered::Ended(first::serve(child, &orders, tell)))
        }
        ForkResult::Child => {
            drop((ready, may_go, orders, tell));
            be_inside(who, &shared.folder, is_ready, go, asker, before)
        }
    }
}

/// The way of the process that is to be inside.
fn be_inside(
    who: Who,
    folder: &Path,
    is_ready: OwnedFd,
    go: OwnedFd,
    asker: OwnedFd,
    before: &SigSet,
) -> Result<Entered> {
    let own = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWUTS;
    split_off(CloneFlags::CLONE_NEWUSER | own).map_err(refused)?;
    if let Who::Same { .. } = who {
        who::map_root()?;
    }
    File::from(is_ready).write_all(&[1])?;
    let mut lacks = Vec::new();
    File::from(go).read_to_end(&mut lacks)?;
    who.become_root()?;
    // The same path leads to what was mounted there meanwhile.
    nix::unistd::chdir(folder).map_err(|errno| on(folder, errno))?;
    split_off(CloneFlags::CLONE_NEWNS).map_err(refused)?;
    loopback::up()?;
    prctl::set_no_new_privs()?;
    let mut lacks: Vec<String> = String::from_utf8_lossy(&lacks)
        .lines()
        .map(str::to_owned)
        .collect();
    lacks.extend(filter::install()?);
    // Another user's process is closed to itself, until it says that it is a plain one.
    prctl::set_dumpable(true)?;
    terminal::ask_keeper(asker);
    pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(before), None)?;
    Ok(Entered::Inside(lacks))
}

/// Waits until threads that were joined are gone. A join returns as soon as the thread has let go of its memory; the kernel counts it
/// for a moment longer (`exit_mm` comes before `release_task` in `kernel/exit.c`). No event
/// tells of that, so it is asked for, a second at most.
fn wait_for_ended_threads() {
    let until = Instant::now() + Duration::from_secs(1);
    let is_alone = || fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() <= 1);
    while !is_alone() && Instant::now() < until {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Keeps what is to be passed on until it is read, and the ends of children.
fn hold_signals() -> Result<SigSet> {
    let mut held: SigSet = PASSED_ON.into_iter().collect();
    held.add(Signal::SIGCHLD);
    let mut before = SigSet::empty();
    pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&held), Some(&mut before))?;
    Ok(before)
}

/// Closes what the caller has left open besides the three streams, as a folder would be a way out. A pipe may be the script:
/// returns the pipes that are there.
fn drop_descriptors() -> Vec<i32> {
    let open: Vec<i32> = fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    let (pipes, others): (Vec<i32>, Vec<i32>) = open.into_iter().partition(|number| {
        fs::metadata(format!("/proc/self/fd/{number}")).is_ok_and(|file| file.file_type().is_fifo())
    });
    for number in others.into_iter().filter(|number| *number > 2) {
        // The one of the listing itself is closed already.
        let _ = close(number);
    }
    pipes
}

#[allow(
    clippy::disallowed_methods,
    reason = "the process leaves its namespaces for good, before there is anything to come back to"
)]
fn split_off(flags: CloneFlags) -> Result<(), Errno> {
    unshare(flags)
}

/// Goes into the network namespace of `process`.
#[allow(
    clippy::disallowed_methods,
    reason = "the process leaves its namespaces for good, before there is anything to come back to"
)]
fn follow(process: Pid) -> Result<(), Errno> {
    let process = rustix::process::Pid::from_raw(process.as_raw()).ok_or(Errno::ESRCH)?;
    let process = rustix::process::pidfd_open(process, rustix::process::PidfdFlags::empty())
        .map_err(|error| Errno::from_raw(error.raw_os_error()))?;
    nix::sched::setns(process, CloneFlags::CLONE_NEWNET)
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
            .kind(Kind::Unsupported)
            .cause("the limit of user namespaces is reached, or is nought")
            .hint(format!(
                "raise it with `sysctl user.max_user_namespaces=10000`, or {vm}"
            )),
        Errno::EPERM | Errno::EACCES => Error::sys(errno)
            .kind(Kind::Denied)
            .cause("unprivileged user namespaces are forbidden here")
            .hint(format!("{}, run as root, or {vm}", permission())),
        other => Error::sys(other).kind(Kind::Unsupported).hint(vm),
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
        Err(error) => Err(on(Path::new(path), error)),
        Ok(()) => Ok(()),
    }
}

/// The failure of what was done to `path`.
fn on(path: &Path, error: impl Into<Error>) -> Error {
    let error: Error = error.into();
    let cause = format!("`{}`: {}", path.display(), error.cause);
    error.cause(cause)
}
