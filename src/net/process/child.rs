//! A program started in a namespace, as `ip netns exec` starts one: with a `/sys` that shows the namespace, and the files of
//! `/etc/netns/NAME` in place of those of `/etc`.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::CloneFlags;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::{
    Gid, Pid, Uid, User, geteuid, getgrouplist, getppid, setgid, setgroups, setpgid, setsid, setuid,
};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::net::namespace::{self, NAMES, Namespace};
use crate::net::netns::Netns;
use crate::net::process::{LAB, terminal};

/// Where `ip netns exec` looks for files of a namespace's own.
const FILES: &str = "/etc/netns";

/// A program to run, and all that is said of how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Its name or path, and its arguments.
    pub argv: Vec<String>,
    /// Variables of its environment besides those of ipvsh itself; none to take one away.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Option<String>>,
    /// The folder that it runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<PathBuf>,
    /// The user whose rights it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// What binds a program to ipvsh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tie {
    /// It ends with ipvsh, however that ends, and Ctrl-C is ipvsh's alone.
    Bound,
    /// It has the terminal, and is told when ipvsh is gone.
    Terminal,
    /// It goes on by itself, in a session of its own.
    Free,
}

impl Program {
    /// The program as a user would type it.
    pub fn line(&self) -> String {
        let words = self.argv.iter().map(String::as_str);
        shlex::try_join(words).unwrap_or_else(|_| self.argv.join(" "))
    }

    /// What there is to start it in `netns` by [`start`](Self::start), with what it is told checked.
    pub fn command(&self, netns: &Netns, lab: Option<&str>, tie: Tie) -> Result<Command> {
        let (program, arguments) = self
            .argv
            .split_first()
            .ok_or_else(|| Error::invalid("the list names no program"))?;
        let mut command = Command::new(program);
        command.args(arguments);
        if let Some(cwd) = &self.cwd {
            if !cwd.is_dir() {
                let cause = format!("there is no folder `{}`", cwd.display());
                return Err(Error::new(Kind::NotFound, cause));
            }
            command.current_dir(cwd);
        }
        let rights = self.user.as_deref().map(Rights::of).transpose()?;
        if let Some(rights) = &rights {
            let user = &rights.user;
            command.env("HOME", &user.dir);
            command.env("USER", &user.name).env("LOGNAME", &user.name);
        }
        for (name, value) in &self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.env("IPVSH_NETNS", netns.label());
        if let Some(lab) = lab {
            command.env(LAB, lab);
        }
        let is_elsewhere = Namespace::current()?.id() != netns.namespace().id();
        let view = is_elsewhere.then(|| View::of(netns));
        let rights = rights.filter(|rights| rights.user.uid != geteuid());
        let is_nameless = terminal::is_of_nameless_job();
        let own = Pid::this();
        let prepare = move || {
            namespace::allow_as_before();
            if let Some(view) = &view {
                view.enter()?;
            }
            match tie {
                Tie::Bound => setpgid(Pid::from_raw(0), Pid::from_raw(0))?,
                Tie::Terminal if is_nameless => terminal::take()?,
                Tie::Terminal => {}
                Tie::Free => drop(setsid()?),
            }
            if let Some(rights) = &rights {
                rights.take()?;
            }
            // Last: to change the user takes it back.
            let told = match tie {
                Tie::Bound => Signal::SIGKILL,
                Tie::Terminal => Signal::SIGHUP,
                Tie::Free => return Ok(()),
            };
            set_pdeathsig(told)?;
            if getppid() == own {
                Ok(())
            } else {
                Err(Errno::ESRCH.into())
            }
        };
        before_exec(&mut command, prepare);
        Ok(command)
    }

    /// Runs `spawn`, which starts the command, where it is to be born.
    pub fn start<T>(netns: &Netns, spawn: impl FnOnce() -> io::Result<T>) -> Result<T> {
        let started = netns.within(spawn)?;
        started.map_err(|error| match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOENT) => Error::io(&error).cause("there is no such program"),
            Some(Errno::EACCES) => Error::io(&error)
                .cause("it may not be run: it is no program, or a folder is in the way")
                .hint(
                    "name a file that `ls -l` shows with an x, or the program that reads this one",
                ),
            Some(Errno::ENOEXEC) => Error::io(&error)
                .kind(Kind::Invalid)
                .cause("it is no program that this machine can run"),
            _ => Error::io(&error),
        })
    }
}

/// Has `prepare` run in the child, when it is there and is not the program yet. It may make system calls only, with what was got
/// ready before.
fn before_exec(
    command: &mut Command,
    prepare: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
) {
    // SAFETY: what is given here takes no memory and no lock, which another thread may have held at the fork.
    unsafe { command.pre_exec(prepare) };
}

/// What the program sees of the file system in its namespace.
struct View {
    /// Files of the namespace's own, and what each stands in for.
    files: Vec<(CString, CString)>,
}

impl View {
    fn of(netns: &Netns) -> Self {
        let name = netns.path().strip_prefix(NAMES).ok();
        let folder = name.map(|name| Path::new(FILES).join(name));
        let entries = folder.and_then(|folder| fs::read_dir(folder).ok());
        let files = entries.into_iter().flatten().flatten().filter_map(|entry| {
            let covered = Path::new("/etc").join(entry.file_name());
            if !covered.exists() {
                return None;
            }
            let text = |path: &Path| CString::new(path.as_os_str().as_bytes()).ok();
            Some((text(&entry.path())?, text(&covered)?))
        });
        Self {
            files: files.collect(),
        }
    }

    /// Gives this process mounts of its own, with the files in place.
    fn enter(&self) -> Result<(), Errno> {
        let none = None::<&str>;
        #[expect(
            clippy::disallowed_methods,
            reason = "in the child, whose mounts these are and nobody else's"
        )]
        nix::sched::unshare(CloneFlags::CLONE_NEWNS)?;
        // What is mounted later outside shows here, and what is mounted here shows nowhere else.
        let slave = MsFlags::MS_REC | MsFlags::MS_SLAVE;
        mount(none, c"/", none, slave, none)?;
        // Refused in some containers: then it has the outer one.
        let _ = mount(
            Some(c"sysfs"),
            c"/sys",
            Some(c"sysfs"),
            MsFlags::empty(),
            none,
        );
        for (file, covered) in &self.files {
            let (file, covered) = (file.as_c_str(), covered.as_c_str());
            mount(Some(file), covered, none, MsFlags::MS_BIND, none)?;
        }
        Ok(())
    }
}

/// The rights of a user.
struct Rights {
    user: User,
    groups: Vec<Gid>,
}

impl Rights {
    fn of(name: &str) -> Result<Self> {
        let found = match name.parse() {
            Ok(number) => User::from_uid(Uid::from_raw(number)),
            Err(_) => User::from_name(name),
        };
        let user = found?.ok_or_else(|| {
            Error::new(Kind::NotFound, format!("there is no user `{name}`"))
                .hint("`getent passwd` lists those that there are")
        })?;
        let text = CString::new(user.name.as_str())
            .map_err(|_| Error::invalid("a user's name holds no zero byte"))?;
        let groups = getgrouplist(&text, user.gid)?;
        Ok(Self { user, groups })
    }

    fn take(&self) -> Result<(), Errno> {
        setgroups(&self.groups)?;
        setgid(self.user.gid)?;
        setuid(self.user.uid)
    }
}
