//! The processes that come from one: found by their parents, and ended.

use std::collections::HashMap;
use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A process that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: i32,
    parent: i32,
}

impl Process {
    /// The command line, as one reads it.
    pub(super) fn line(&self) -> String {
        let words = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        let words = words.split(|byte| *byte == 0);
        let words = words.map(|word| String::from_utf8_lossy(word).into_owned());
        words.collect::<Vec<_>>().join(" ").trim().to_owned()
    }
}

/// What `/proc/PID/stat` tells; none of a process that has ended.
fn read(pid: i32, stat: &str) -> Option<Process> {
    // The name stands in brackets, and may have any character in it.
    let rest = &stat[stat.rfind(')')? + 1..];
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(Process { pid, parent })
}

/// All processes below `root`, the nearest first.
pub(super) fn below(root: i32) -> Vec<Process> {
    let mut children: HashMap<i32, Vec<Process>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if let Some(process) = read(pid, &stat) {
            children.entry(process.parent).or_default().push(process);
        }
    }
    let mut found = children.remove(&root).unwrap_or_default();
    let mut next = 0;
    while let Some(process) = found.get(next) {
        let more = children.remove(&process.pid).unwrap_or_default();
        found.extend(more);
        next += 1;
    }
    found
}

/// Ends all processes below `root`, and says which they were; those of `own` go without a word.
pub(super) fn end_below(root: i32, own: &[u32]) -> Vec<String> {
    let left = below(root);
    let others = left
        .iter()
        .filter(|one| u32::try_from(one.pid).is_ok_and(|pid| !own.contains(&pid)));
    // One without a line is about to end: it has no memory any more.
    let lines = others.map(Process::line);
    let lines = lines.filter(|line| !line.is_empty()).collect();
    for process in &left {
        // One that has ended meanwhile is what is wanted.
        let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_hides_no_parent_and_what_has_ended_is_left_out() {
        let process = read(7, "7 (a) b) S 3 7 7 0").unwrap();
        assert_eq!((process.pid, process.parent), (7, 3));
        assert_eq!(read(7, "7 (a) Z 3 7"), None);
        assert_eq!(read(7, ""), None);
    }

    #[test]
    fn what_was_started_is_found_and_ended() {
        let mut child = std::process::Command::new("sleep")
            .arg("1000")
            .spawn()
            .unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let me = i32::try_from(std::process::id()).unwrap();
        assert!(below(me).iter().any(|process| process.pid == pid));
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        child.wait().unwrap();
        assert!(!below(me).iter().any(|process| process.pid == pid));
    }
}
