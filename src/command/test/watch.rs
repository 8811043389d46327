//! Runs the tests again whenever a script beside them changes.

use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::tell::broken;
use crate::command::output;
use crate::engine::Failure;
use crate::view::screen;

/// What an editor may write before it is done with a file, in milliseconds.
const CALM: u16 = 50;
/// How often is looked whether the run was interrupted.
const LOOK: u16 = 200;

/// Runs the command with `arguments` now, and after each change of a script in the folders of `files`, until it is interrupted.
pub(super) fn run(
    arguments: &[std::ffi::OsString],
    files: &[PathBuf],
    interrupted: &AtomicBool,
) -> Result<u8, Failure> {
    let watch = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)
        .map_err(|errno| broken("watch for changes", &errno.into()))?;
    let folders: BTreeSet<_> = files.iter().filter_map(|file| file.parent()).collect();
    let changes =
        AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_DELETE;
    for folder in folders {
        watch
            .add_watch(folder, changes)
            .map_err(|errno| broken("watch for changes", &errno.into()))?;
    }
    loop {
        // Where it is no terminal, the rounds follow each other.
        if std::io::IsTerminal::is_terminal(&std::io::stdout()) {
            let _ = screen::clear();
        }
        Command::new("/proc/self/exe")
            .args(arguments)
            .status()
            .map_err(|error| broken("run the tests", &error))?;
        if interrupted.load(Ordering::Relaxed) {
            return Ok(130);
        }
        output::note("watching: Ctrl-C ends it");
        if !wait(&watch, interrupted)? {
            return Ok(130);
        }
    }
}

/// Waits until a script has changed and nothing more changes; `false` where the run was interrupted.
fn wait(watch: &Inotify, interrupted: &AtomicBool) -> Result<bool, Failure> {
    let mut has_changed = false;
    loop {
        let time = PollTimeout::from(if has_changed { CALM } else { LOOK });
        let ready = poll(&mut [PollFd::new(watch.as_fd(), PollFlags::POLLIN)], time);
        if interrupted.load(Ordering::Relaxed) {
            return Ok(false);
        }
        match ready {
            Ok(0) if has_changed => return Ok(true),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => has_changed |= script_changed(watch)?,
            Err(errno) => return Err(broken("watch for changes", &errno.into())),
        }
    }
}

fn script_changed(watch: &Inotify) -> Result<bool, Failure> {
    match watch.read_events() {
        Ok(events) => Ok(events.iter().any(|event| {
            let name = event.name.as_ref().map(|name| name.to_string_lossy());
            name.is_some_and(|name| name.ends_with(".rhai"))
        })),
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(false),
        Err(errno) => Err(broken("watch for changes", &errno.into())),
    }
}
