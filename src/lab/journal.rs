//! The journal of a lab: one file, only ever appended to, locked by the one run that may.
//!
//! It lies in the run-time folder, which is a tmpfs: what `write` has taken is there for every later process, and gone with
//! the machine's namespaces when it boots. So a record costs one `write`, in the order of the changes, and no `fsync`. What is
//! told only to be missed goes along with the next one.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::stat::{major, minor};
use nix::unistd::geteuid;

use crate::error::{Error, Kind, Result};
use crate::lab::identity;
use crate::lab::record::{self, Contents, FORMAT, Line, Run};
use crate::net::file;
use crate::value::shell;

/// The run-time folder of root.
const OF_ROOT: &str = "/run/ipvsh";

/// How the name of a journal's file ends.
const SUFFIX: &str = "jsonl";

/// How the name of a journal ends that was put aside, since a part of it could not be read.
const ASIDE: &str = "damaged";

/// How many bytes may wait to be written.
const WAITING: usize = 1 << 16;

/// The folder that the journals of this user lie in.
pub fn folder() -> PathBuf {
    let base = if geteuid().is_root() {
        PathBuf::from(OF_ROOT)
    } else if let Some(own) = std::env::var_os("XDG_RUNTIME_DIR").filter(|own| !own.is_empty()) {
        Path::new(&own).join("ipvsh")
    } else {
        std::env::temp_dir().join(format!("ipvsh-{}", geteuid()))
    };
    base.join("labs")
}

/// Whether somebody else may have labs here that this user has no right to look at.
pub fn has_hidden() -> bool {
    !geteuid().is_root()
        && fs::read_dir(Path::new(OF_ROOT).join("labs"))
            .is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

/// The folder that all of this user is in that goes with the machine.
pub fn run_folder() -> PathBuf {
    let mut folder = folder();
    folder.pop();
    folder
}

/// Checks that `name` can be a lab's.
pub fn check_name(name: &str) -> Result<()> {
    let cause = if name.is_empty() {
        "a lab's name can't be empty".to_owned()
    } else if name.len() > 200 {
        format!(
            "a lab's name has at most 200 bytes, this one has {}",
            name.len()
        )
    } else if name.starts_with('.') || name.contains(|c: char| c == '/' || c.is_control()) {
        format!(
            "a lab's name holds no slash and begins with no dot, `{}` does",
            name.escape_debug()
        )
    } else {
        return Ok(());
    };
    Err(Error::invalid(cause))
}

/// The names of the labs that have a journal, sorted.
pub fn names() -> Result<Vec<String>> {
    check_folder().map_err(|error| error.doing_plain("list labs"))?;
    let entries = match fs::read_dir(folder()) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io(&error).doing_plain("list labs")),
    };
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == SUFFIX))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

/// The file of the lab's journal.
pub fn path_of(lab: &str) -> PathBuf {
    folder().join(format!("{lab}.{SUFFIX}"))
}

/// Whether the lab has a journal.
pub fn is_there(lab: &str) -> bool {
    path_of(lab).exists()
}

/// An open journal, locked until it is dropped.
#[derive(Debug)]
pub struct Journal {
    lab: String,
    path: PathBuf,
    file: Flock<File>,
    /// How many bytes are whole lines.
    length: u64,
    next: u64,
    /// The changes that may stand.
    standing: BTreeSet<u64>,
    /// Whether the line that says who is at work was written.
    is_begun: bool,
    /// Lines that need not be there before what they tell of, and wait for one that must.
    waiting: Vec<u8>,
    run: Run,
}

impl Journal {
    /// Opens the journal of `lab` and what it says; `None` where there is none and `make` is not set.
    ///
    /// Fails with `busy` and the holder where another run has it.
    pub fn open(lab: &str, script: Option<&Path>, make: bool) -> Result<Option<(Self, Contents)>> {
        let context = |error: Error| error.doing("open the journal of lab", lab);
        let path = path_of(lab);
        if make {
            make_folder().map_err(context)?;
        }
        check_folder().map_err(context)?;
        let Some(mut file) = lock(lab, &path, make).map_err(context)? else {
            return Ok(None);
        };
        let bytes = file::read_from(&mut *file).map_err(context)?;
        let contents = record::read(&bytes)
            .map_err(|error| context(error).note(format!("its file is {}", path.display())))?;
        let journal = Self {
            lab: lab.to_owned(),
            path,
            file,
            length: contents.length,
            next: contents.next,
            standing: contents.steps.iter().map(|step| step.number).collect(),
            is_begun: false,
            waiting: Vec::new(),
            run: Run {
                pid: std::process::id(),
                since: now(),
                script: script.map(Path::to_owned),
                file: script.and_then(identity::number_of),
            },
        };
        Ok(Some((journal, contents)))
    }

    /// Reads the journal of `lab` without locking it: what it says, and whether a run is at work. `None` where there is none.
    pub fn peek(lab: &str) -> Result<Option<(Contents, bool)>> {
        let context = |error: Error| error.doing("read the journal of lab", lab);
        check_folder().map_err(context)?;
        let path = path_of(lab);
        let bytes = match file::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.errno == Some(Errno::ENOENT) => return Ok(None),
            Err(error) => {
                return Err(context(
                    error.note(format!("its file is {}", path.display())),
                ));
            }
        };
        let contents = record::read(&bytes)
            .map_err(|error| context(error).note(format!("its file is {}", path.display())))?;
        Ok(Some((contents, is_locked(&path))))
    }

    /// The lab's name.
    pub fn lab(&self) -> &str {
        &self.lab
    }

    /// Writes that a change is about to be made, and returns its number.
    pub fn announce(&mut self, undo: crate::lab::undo::Undo<record::Place>) -> Result<u64> {
        let number = self.next;
        self.append(&Line::Do(number, undo))?;
        self.next += 1;
        self.standing.insert(number);
        Ok(number)
    }

    /// Writes that a link is about to be moved.
    pub fn moving(&mut self, way: record::Move) -> Result<()> {
        self.append(&Line::Moved(way))
    }

    /// Writes what a change turned out to be.
    pub fn complete(&mut self, number: u64, found: record::Found) {
        // Where this can't be written, the announcement says enough to find it.
        let _ = self.append(&Line::Is(number, found));
    }

    /// Writes that nothing is left of a change.
    pub fn undone(&mut self, number: u64) {
        self.standing.remove(&number);
        // Where this can't be written, whoever reads the announcement finds nothing to undo.
        let _ = self.append(&Line::Undone(number));
    }

    /// Writes, at some time before the journal is closed, what is not needed to undo anything.
    pub fn note(&mut self, line: &Line) {
        put(&mut self.waiting, line);
        if self.waiting.len() > WAITING {
            self.write_waiting();
        }
    }

    /// Writes what waits, so that a look at the file sees it.
    pub fn write_all_waiting(&mut self) {
        if !self.waiting.is_empty() && !self.standing.is_empty() {
            self.write_waiting();
        }
    }

    fn write_waiting(&mut self) {
        if !self.is_begun {
            // What a crash has torn off.
            let _ = self.file.set_len(self.length);
        }
        let text = std::mem::take(&mut self.waiting);
        if self.file.write_all(&text).is_ok() {
            self.length += text.len() as u64;
        } else {
            let _ = self.file.set_len(self.length);
        }
    }

    /// Puts the journal aside, of which nothing stands any more that it can tell, and returns the file.
    pub fn put_aside(self) -> Result<PathBuf> {
        let path = self.path.with_extension(ASIDE);
        fs::rename(&self.path, &path)?;
        Ok(path)
    }

    /// Whether a change may stand.
    pub fn has_steps(&self) -> bool {
        !self.standing.is_empty()
    }

    /// Lets go of the journal, and removes it where nothing of the lab stands.
    pub fn close(mut self) {
        if !self.standing.is_empty() && !self.waiting.is_empty() {
            self.write_waiting();
        }
        if self.standing.is_empty() {
            // Before the lock goes, so that nobody writes to a file without a name.
            let _ = fs::remove_file(&self.path);
        }
    }

    /// Appends a line by one `write`, behind the line that says who is at work where that is still to be said.
    pub(super) fn append(&mut self, line: &Line) -> Result<()> {
        let mut text = Vec::with_capacity(256);
        if self.length == 0 {
            put(&mut text, &Line::Journal { format: FORMAT });
        }
        if !self.is_begun {
            put(&mut text, &Line::Run(self.run.clone()));
        }
        text.append(&mut self.waiting);
        put(&mut text, line);
        if self.is_begun || self.file.metadata().is_ok_and(|m| m.len() == self.length) {
            // Nothing was torn off.
        } else {
            self.file.set_len(self.length)?;
        }
        if let Err(error) = self.file.write_all(&text) {
            // A part of a line would spoil all that are written behind it.
            let _ = self.file.set_len(self.length);
            return Err(Error::io(&error)
                .doing("write the journal of lab", &self.lab)
                .note(format!("its file is {}", self.path.display()))
                .hint("nothing is changed that could not be undone: make room there first"));
        }
        self.is_begun = true;
        self.length += text.len() as u64;
        Ok(())
    }
}

fn put(text: &mut Vec<u8>, line: &Line) {
    // Writing to memory does not fail, and all keys are text.
    let _ = serde_json::to_writer(&mut *text, line);
    text.push(b'\n');
}

fn make_folder() -> Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700).create(folder())?;
    Ok(())
}

/// Makes sure that nobody else can have put a journal there: what one tells is undone, whoever wrote it.
fn check_folder() -> Result<()> {
    let folder = folder();
    for path in folder.ancestors().take(2) {
        let meta = match fs::symlink_metadata(path) {
            Ok(meta) => meta,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Error::io(&error)),
        };
        let cause = if meta.uid() != geteuid().as_raw() {
            "belongs to another user"
        } else if !meta.is_dir() {
            "is no folder"
        } else if meta.mode() & 0o022 != 0 {
            "can be written to by others"
        } else {
            continue;
        };
        let mut aside = path.as_os_str().to_owned();
        aside.push(".old");
        return Err(Error::new(
            Kind::Denied,
            format!("the folder {} {cause}", path.display()),
        )
        .hint(format!(
            "move it away, if you trust nothing that lies in it: `mv {} {}`",
            shell::path(path),
            shell::path(Path::new(&aside))
        )));
    }
    Ok(())
}

/// Opens the file at `path` and locks it. The one that is locked has the name: a run that ends may have removed it meanwhile.
fn lock(lab: &str, path: &Path, make: bool) -> Result<Option<Flock<File>>> {
    loop {
        let opened = OpenOptions::new()
            .read(true)
            .append(true)
            .create(make)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path);
        let file = match opened {
            Ok(file) => {
                file::check(&file.metadata()?)
                    .map_err(|error| error.note(format!("its file is {}", path.display())))?;
                file
            }
            Err(error) if error.kind() == ErrorKind::NotFound && !make => return Ok(None),
            Err(error) => return Err(Error::io(&error)),
        };
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => {
                let inode = file.metadata()?.ino();
                if fs::metadata(path).is_ok_and(|named| named.ino() == inode) {
                    return Ok(Some(file));
                }
            }
            Err((mut file, Errno::EWOULDBLOCK)) => return Err(held(lab, &mut file)),
            Err((_, errno)) => return Err(errno.into()),
        }
    }
}

/// Whether a run has the file locked. Looked up in the kernel's list: trying the lock would be in the way of a run that starts.
fn is_locked(path: &Path) -> bool {
    let Ok(meta) = fs::metadata(path) else {
        return false;
    };
    // The number of a file is its own only on its file system.
    let (major, minor) = (major(meta.dev()), minor(meta.dev()));
    let file = format!("{major:02x}:{minor:02x}:{}", meta.ino());
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    locks.lines().any(|lock| {
        let mut words = lock.split_whitespace();
        words.nth(1) == Some("FLOCK") && words.nth(3) == Some(&file)
    })
}

/// The error that names the run at work.
fn held(lab: &str, file: &mut File) -> Error {
    let run = match file::read_from(file) {
        Ok(bytes) => record::read(&bytes)
            .ok()
            .and_then(|contents| contents.runs.last().cloned()),
        Err(_) => None,
    };
    // Who has just begun may not have written its line yet: the last one is then that of a run which has ended.
    let is_there = |run: &Run| Path::new("/proc").join(run.pid.to_string()).exists();
    let by = run.filter(is_there).map_or_else(
        || "another run".to_owned(),
        |run| format!("process {} since {}", run.pid, time(run.since)),
    );
    Error::new(Kind::Busy, format!("it is in use by {by}")).hint(format!(
        "wait until that run has ended, or make a lab of another name: --lab {lab}-2"
    ))
}

/// The time, in seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// A time as people read it, in UTC: `2026-11-23 11:52:36 UTC`.
pub fn time(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // From days to a date of the Gregorian calendar, counted in years that begin in March (Howard Hinnant's civil_from_days).
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_as_a_date() {
        assert_eq!(time(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(time(951_827_696), "2000-02-29 12:34:56 UTC");
        assert_eq!(time(1_795_434_756), "2026-11-23 11:52:36 UTC");
    }

    #[test]
    fn a_name_that_is_no_file_name_is_refused() {
        for name in ["", "a/b", "..", ".hidden", "a\nb"] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        assert!(check_name("my lab-2").is_ok());
    }
}
