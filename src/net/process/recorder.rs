//! The process that stands between a spawned program and the file of its output: it goes on when ipvsh has ended, as the
//! program does, and keeps the file from growing.
//!
//! It is this very program, told by its own name: [`take_over_if_recorder`]. It reads standard input, which the program writes
//! to; standard output is the file; standard error tells of the end of the program.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::geteuid;
use rustix::process::{PidfdFlags, pidfd_open};

use crate::error::{Error, Result};
use crate::net::process::ring::{self, Writer};
use crate::net::process::{Process, end};

/// The name that it is called by.
const NAME: &str = "ipvsh-recorder";

/// How much is read at once: as much as a pipe holds.
const AT_ONCE: usize = 64 << 10;

/// The file for the output of a program, and the pipe that it writes to, before it is started.
#[derive(Debug)]
pub struct Recording {
    /// Where the file is.
    pub path: PathBuf,
    file: File,
    pipe: OwnedFd,
}

impl Recording {
    /// Makes the file, which keeps `size` bytes, and has `command` write to it. Where on a disk there is room for such files, or
    /// below `run` else, those are removed before, on the `first` time, that were left when the machine has gone down.
    pub fn of(
        command: &mut Command,
        run: &Path,
        name: &str,
        size: u32,
        first: bool,
    ) -> Result<Self> {
        let folders = folders(run);
        if first {
            ring::sweep(&folders);
        }
        let (path, file) = ring::make(&folders, name, size)?;
        let (pipe, end) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
        let other = end.try_clone()?;
        command.stdin(Stdio::null()).stdout(end).stderr(other);
        Ok(Self { path, file, pipe })
    }

    /// Starts what records: until nobody writes to the pipe any more.
    pub fn start(self, program: Process) -> Result<Child> {
        let pid = end::number(program).ok_or_else(|| Error::invalid("it is gone"))?;
        // It may have ended already, and is there until it is asked for its exit code.
        let ended =
            pidfd_open(pid, PidfdFlags::empty()).map_err(|errno| Error::io(&errno.into()))?;
        let started = Command::new("/proc/self/exe")
            .arg0(NAME)
            .arg(self.path)
            .env_clear()
            .current_dir("/")
            .stdin(self.pipe)
            .stdout(self.file)
            .stderr(ended)
            .spawn();
        started.map_err(|error| Error::io(&error).cause("what records its output did not start"))
    }
}

/// The folders that such a file can be in, the best first: not where room is memory, and where it lacks everybody.
fn folders(run: &Path) -> Vec<PathBuf> {
    let own = format!("ipvsh-output-{}", geteuid());
    let wanted = std::env::var_os("TMPDIR").filter(|folder| !folder.is_empty());
    let places = wanted.map(PathBuf::from).into_iter();
    let places = places.chain(["/var/tmp".into(), "/tmp".into()]);
    places
        .map(|place| place.join(&own))
        .chain([run.join("output")])
        .collect()
}

/// Records and returns, where this process was started for that.
pub(super) fn take_over_if_recorder() -> Option<ExitCode> {
    let mut words = std::env::args_os();
    if words.next()? != NAME {
        return None;
    }
    Some(match words.next().map(record) {
        Some(Ok(())) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn record(path: OsString) -> Result<()> {
    // Ctrl-C is for ipvsh, and the end of a terminal for those in it.
    rustix::process::setsid().map_err(|errno| Error::io(&errno.into()))?;
    let (pipe, file, ended) = (io::stdin(), io::stdout(), io::stderr());
    let mut ring = Writer::new(file.as_fd().try_clone_to_owned()?.into())?;
    let recorded = pass_on(pipe.as_fd(), ended.as_fd(), &mut ring);
    let over = ring.end();
    // Nobody finds it any more: who reads it has it open.
    let _ = fs::remove_file(path);
    Ok(recorded.and(over)?)
}

fn pass_on(pipe: impl AsFd, ended: impl AsFd, ring: &mut Writer) -> io::Result<()> {
    rustix::io::ioctl_fionbio(&pipe, true)?;
    let mut buffer = vec![0; AT_ONCE];
    let mut has_ended = false;
    loop {
        let mut ready = [
            PollFd::new(pipe.as_fd(), PollFlags::POLLIN),
            PollFd::new(ended.as_fd(), PollFlags::POLLIN),
        ];
        let watched = if has_ended { 1 } else { 2 };
        match poll(&mut ready[..watched], PollTimeout::NONE) {
            Err(nix::errno::Errno::EINTR) => continue,
            result => result?,
        };
        let is_end = !has_ended && ready[1].any().unwrap_or(false);
        // What the program wrote before its end is in the pipe by now. What comes then is of those that it has left behind.
        let mut left = if is_end { most_in(&pipe) } else { 1 };
        while left > 0 {
            match rustix::io::read(&pipe, &mut buffer) {
                Ok(0) => return Ok(()),
                Ok(length) => {
                    // Where the disk takes nothing, the program goes on all the same.
                    let _ = ring.write(&buffer[..length]);
                    left = left.saturating_sub(length);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => break,
                Err(errno) => return Err(errno.into()),
            }
        }
        if is_end {
            has_ended = true;
            let _ = ring.end();
        }
    }
}

/// How much is in the pipe.
fn most_in(pipe: impl AsFd) -> usize {
    let there = rustix::io::ioctl_fionread(pipe).unwrap_or(0);
    usize::try_from(there).unwrap_or(usize::MAX)
}
