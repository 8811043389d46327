//! A case that does not end: it fails with what each of its processes waits for, and they are ended.
//!
//! A program that waits for ever would otherwise keep the whole run waiting, which says nothing of where it waits.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::seeds;

/// How long a try may take: several times as long as the longest one does in the emulated micro-VM of a loaded machine.
pub(crate) const LONGEST: Duration = Duration::from_secs(600);

/// How long a case may take: an attack tries for as long as it was asked to.
pub(crate) fn longest() -> Duration {
    if seeds::is_asked() {
        Duration::MAX
    } else {
        LONGEST
    }
}

/// How long a case has for its end when its processes have been ended.
const LAST: Duration = Duration::from_secs(10);

/// Ends the processes of the case of the thread `thread`, which takes longer than `longest`, and says what they waited for.
pub(crate) fn end(thread: Pid, longest: Duration, end: &Receiver<Result<(), String>>) -> String {
    let mut said = format!("it did not end in {} s", longest.as_secs());
    let own = PathBuf::from(format!("/proc/self/task/{thread}"));
    tell_thread(&mut said, &own);
    let processes = processes_below(&own);
    for process in &processes {
        tell_process(&mut said, *process);
    }
    for process in processes {
        // It may just have ended by itself.
        let _ = kill(process, Signal::SIGKILL);
    }
    if let Ok(Err(failure)) = end.recv_timeout(LAST) {
        let _ = write!(said, "\nwhen these were ended: {failure}");
    }
    said
}

/// The processes with the mounts of the thread at `own`, and what they have started.
fn processes_below(own: &Path) -> Vec<Pid> {
    let mounts_of = |process: &Path| fs::read_link(process.join("ns/mnt")).ok();
    let here = Pid::this();
    // Until the thread has mounts of its own it shares them with whoever has started the tests, which is nobody to be ended.
    let shared = mounts_of(Path::new("/proc/self"));
    let Some(mounts) = mounts_of(own).filter(|mounts| shared.as_ref() != Some(mounts)) else {
        return Vec::new();
    };
    let mut known: HashSet<i32> = HashSet::new();
    loop {
        let before = known.len();
        for process in numbers_in(Path::new("/proc")) {
            let path = PathBuf::from(format!("/proc/{process}"));
            let parent = status(&path, "PPid:").and_then(|parent| parent.parse().ok());
            let is_child = parent.is_some_and(|parent| known.contains(&parent));
            if process != here.as_raw() && (is_child || mounts_of(&path).as_ref() == Some(&mounts))
            {
                known.insert(process);
            }
        }
        if known.len() == before {
            break;
        }
    }
    let mut processes: Vec<i32> = known.into_iter().collect();
    processes.sort_unstable();
    processes.into_iter().map(Pid::from_raw).collect()
}

fn tell_process(said: &mut String, process: Pid) {
    let path = PathBuf::from(format!("/proc/{process}"));
    let words = fs::read_to_string(path.join("cmdline")).unwrap_or_default();
    let parent = status(&path, "PPid:").unwrap_or_default();
    let words = words.replace('\0', " ");
    let _ = write!(said, "\nprocess {process} of {parent}: {words}");
    for thread in numbers_in(&path.join("task")) {
        tell_thread(said, &path.join("task").join(thread.to_string()));
    }
}

/// What the thread at `path` waits for: its state, the system call that it is in, and where in the kernel it is.
fn tell_thread(said: &mut String, path: &Path) {
    let read = |what: &str| fs::read_to_string(path.join(what)).unwrap_or_default();
    let state = status(path, "State:").unwrap_or_default();
    let _ = write!(
        said,
        "\n  thread {} {state}, system call {}",
        read("comm").trim(),
        read("syscall").trim()
    );
    for line in read("stack").lines().take(8) {
        let _ = write!(said, "\n    {line}");
    }
}

fn numbers_in(folder: &Path) -> Vec<i32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.collect()
}

/// The word behind `key` in the status of a process.
fn status(process: &Path, key: &str) -> Option<String> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    Some(line.split_whitespace().next()?.to_owned())
}
