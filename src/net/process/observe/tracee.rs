//! What `/proc` tells of a process that is stopped.

use std::fs::{self, File};
use std::io::{IoSliceMut, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::libc;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;

/// A process that is looked at.
#[derive(Debug, Default)]
pub(super) struct Tracee {
    /// Which of the things seen is its program.
    pub(super) program: Option<usize>,
    /// It is a program for the network: what it does follows from its words.
    pub(super) is_tool: bool,
    /// It is within a system call.
    pub(super) is_in_call: bool,
    /// Where its shell is.
    pub(super) line: Option<(String, usize)>,
}

/// A write(2) that begins.
pub(super) struct Call {
    /// What is written to, as `/proc/PID/fd` names it.
    pub(super) file: String,
    pub(super) bytes: Vec<u8>,
}

/// Programs whose words say what they do.
const TOOLS: [&str; 12] = [
    "arp",
    "bridge",
    "brctl",
    "ethtool",
    "ifconfig",
    "ip",
    "iptables",
    "ip6tables",
    "nft",
    "route",
    "sysctl",
    "tc",
];

/// Whether the words of the program say all that it does.
pub(super) fn is_tool(program: &str) -> bool {
    TOOLS.contains(&base(program))
}

fn base(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// Its own name and its arguments.
pub(super) fn words(pid: Pid) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let words = text.strip_suffix('\0').unwrap_or(&text).split('\0');
    words.map(str::to_owned).collect()
}

/// What a shell says of where it is: `12 ./setup.sh`.
pub(super) fn line(text: &str) -> Option<(String, usize)> {
    let (number, file) = text.trim().split_once(' ')?;
    Some((file.to_owned(), number.parse().ok()?))
}

/// The process that has started it.
pub(super) fn parent(pid: Pid) -> Option<Pid> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    Some(Pid::from_raw(parent.trim().parse().ok()?))
}

/// The number of the network namespace of a process.
pub(super) fn netns(pid: &str) -> Option<u64> {
    fs::metadata(format!("/proc/{pid}/ns/net"))
        .ok()
        .map(|meta| meta.ino())
}

/// The name that a network namespace has now.
pub(super) fn name(number: u64) -> Option<String> {
    let names = fs::read_dir("/run/netns").ok()?.flatten();
    let mut found =
        names.filter(|entry| fs::metadata(entry.path()).is_ok_and(|meta| meta.ino() == number));
    Some(found.next()?.file_name().to_string_lossy().into_owned())
}

/// What a program reads that takes commands.
pub(super) struct Input {
    /// Its words, with `-` for the file.
    pub(super) words: Vec<String>,
    pub(super) text: Option<String>,
    /// The pipe that it comes by, where it is still to come.
    pub(super) pipe: Option<u64>,
}

/// What the program reads that has these words; none where it is none that reads commands.
pub(super) fn input(pid: Pid, words: &[String], most: usize) -> Option<Input> {
    let at = file_of(words)?;
    let mut words = words.to_vec();
    let file = words.get_mut(at)?;
    let is_stdin = ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"].contains(&file.as_str());
    let path = if is_stdin {
        format!("/proc/{pid}/fd/0")
    } else if file.starts_with('/') {
        format!("/proc/{pid}/root{file}")
    } else {
        format!("/proc/{pid}/cwd/{file}")
    };
    "-".clone_into(file);
    let link = fs::read_link(&path).map(|link| link.to_string_lossy().into_owned());
    let pipe = link.ok().and_then(|link| {
        let number = link.strip_prefix("pipe:[")?.strip_suffix(']')?;
        number.parse().ok()
    });
    let text = match pipe {
        Some(_) => None,
        None => read(Path::new(&path), most),
    };
    Some(Input { words, text, pipe })
}

/// Where in the words of a program the file stands that it reads commands from.
fn file_of(words: &[String]) -> Option<usize> {
    let options: &[&str] = match base(words.first()?) {
        "ip" | "tc" | "bridge" => &["-b", "-batch", "--batch"],
        "nft" => &["-f", "--file"],
        "sysctl" => &["-p", "--load"],
        _ => return None,
    };
    let option = words
        .iter()
        .position(|word| options.contains(&word.as_str()))?;
    words.get(option + 1)?;
    Some(option + 1)
}

/// The text of a plain file.
fn read(path: &Path, most: usize) -> Option<String> {
    // Opening a FIFO would wait.
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    File::open(path)
        .ok()?
        .take(limit)
        .read_to_end(&mut bytes)
        .ok()?;
    String::from_utf8(bytes).ok()
}

/// The write(2) that a process begins, which is stopped there: to a pipe, to `/proc/sys` or `/sys`, or with what a shell says of itself.
///
/// `/proc/PID/syscall` has the number of the call and its arguments, the same on all processors (fs/proc/base.c).
pub(super) fn write_of(pid: Pid, most: usize) -> Option<Call> {
    let text = fs::read_to_string(format!("/proc/{pid}/syscall")).ok()?;
    let mut fields = text.split_whitespace();
    if fields.next()?.parse() != Ok(libc::SYS_write) {
        return None;
    }
    let mut number = || usize::from_str_radix(fields.next()?.strip_prefix("0x")?, 16).ok();
    let (fd, base, len) = (number()?, number()?, number()?);
    let file = fs::read_link(format!("/proc/{pid}/fd/{fd}")).ok()?;
    let file = file.to_string_lossy().into_owned();
    if !["pipe:", "/proc/sys/net/", "/sys/", "/dev/null"]
        .iter()
        .any(|begin| file.starts_with(begin))
    {
        return None;
    }
    let mut bytes = vec![0; len.min(most)];
    let remote = [RemoteIoVec {
        base,
        len: bytes.len(),
    }];
    let count = process_vm_readv(pid, &mut [IoSliceMut::new(&mut bytes)], &remote).ok()?;
    bytes.truncate(count);
    Some(Call { file, bytes })
}
