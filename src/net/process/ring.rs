//! The file that keeps the end of what a spawned process has written: as much as it may hold, and how much there was in all.
//!
//! A [`Writer`] is in the process that records ([`super::recorder`]), a [`Ring`] in each that reads. They share nothing but the
//! file: a head of numbers, then the bytes, each at its number modulo the size.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use rustix::fs::{FlockOperation, flock};

use crate::error::{Error, Kind, Result};

/// What the file begins with.
const MAGIC: u64 = u64::from_be_bytes(*b"ipvsh-o1");

/// Where the bytes begin: behind a page for the head.
const DATA: u64 = 4096;

/// Where each number of the head is.
const START: u64 = 16;
const END: u64 = 24;
const OVER: u64 = 32;

/// How often the head is read again where its numbers do not fit together, as it is being written.
const TRIES: usize = 100;

/// How the name of such a file ends.
const SUFFIX: &str = "log";

/// The numbers at the beginning of the file.
#[derive(Clone, Copy, Debug)]
struct Head {
    /// How many bytes are kept.
    size: u64,
    /// The number of the first byte that is there.
    start: u64,
    /// The number of the next byte: so many were written in all.
    end: u64,
    /// Whether the process has ended, and all that it wrote is there.
    is_over: bool,
}

impl Head {
    fn read(file: &File) -> Result<Self> {
        for _ in 0..TRIES {
            let mut bytes = [0; 40];
            file.read_exact_at(&mut bytes, 0)
                .map_err(|error| match error.kind() {
                    ErrorKind::UnexpectedEof => unreadable(),
                    _ => Error::io(&error),
                })?;
            let (numbers, _) = bytes.as_chunks::<8>();
            let number = |at: usize| numbers.get(at).copied().map_or(0, u64::from_ne_bytes);
            let head = Self {
                size: number(1),
                start: number(2),
                end: number(3),
                is_over: number(4) != 0,
            };
            if number(0) != MAGIC || head.size == 0 {
                return Err(unreadable());
            }
            let kept = head.end.checked_sub(head.start);
            if kept.is_some_and(|kept| kept <= head.size) {
                return Ok(head);
            }
        }
        Err(unreadable())
    }
}

fn unreadable() -> Error {
    Error::invalid("its output is not as ipvsh has written it")
}

/// The pieces of the file that hold `length` bytes from number `from` on: where each is, and how long.
fn pieces(size: u64, from: u64, length: u64) -> [(u64, u64); 2] {
    let at = from % size;
    let first = length.min(size - at);
    [(DATA + at, first), (DATA, length - first)]
}

/// Makes the file in the first of `folders` that will do, for this user alone, and locks it: it is locked for as long as somebody
/// has what is returned, or a copy of it.
pub(super) fn make(folders: &[PathBuf], name: &str, size: u32) -> Result<(PathBuf, File)> {
    let mut refusal = None;
    for folder in folders {
        let path = folder.join(format!("{name}.{SUFFIX}"));
        match prepare(folder).and_then(|()| make_at(&path, size)) {
            Ok(file) => return Ok((path, file)),
            Err(error) => {
                let note = format!("its output would be in {}", folder.display());
                refusal = Some(error.note(note));
            }
        }
    }
    Err(refusal.unwrap_or_else(|| Error::invalid("there is no folder for its output")))
}

fn make_at(path: &Path, size: u32) -> Result<File> {
    loop {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(path);
        let file = file.map_err(|error| Error::io(&error))?;
        lock(&file, FlockOperation::LockExclusive)?;
        // Before it was locked, it looked like one that nobody needs any more.
        if file.metadata()?.nlink() == 0 {
            continue;
        }
        let mut head = [0; 40];
        head[..8].copy_from_slice(&MAGIC.to_ne_bytes());
        head[8..16].copy_from_slice(&u64::from(size.max(1)).to_ne_bytes());
        if let Err(error) = file.write_all_at(&head, 0) {
            let _ = fs::remove_file(path);
            return Err(Error::io(&error));
        }
        return Ok(file);
    }
}

fn lock(file: &File, operation: FlockOperation) -> Result<()> {
    flock(file, operation).map_err(|errno| Error::io(&errno.into()))
}

/// Makes the folder, where it is not there.
fn prepare(folder: &Path) -> Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(Error::io(&error)),
        _ => {}
    }
    check(folder)
}

/// Makes sure that the folder is this user's alone: it is in one that everybody writes to.
fn check(folder: &Path) -> Result<()> {
    let meta = fs::symlink_metadata(folder)?;
    let is_open = meta.mode() & 0o077 != 0;
    if meta.is_dir() && meta.uid() == geteuid().as_raw() && !is_open {
        return Ok(());
    }
    let cause = format!("{} is not a folder of this user alone", folder.display());
    Err(Error::new(Kind::Denied, cause))
}

/// Removes what nobody writes to any more: what is left where the machine has gone down.
pub(super) fn sweep(folders: &[PathBuf]) {
    for folder in folders.iter().filter(|folder| check(folder).is_ok()) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_none_or(|end| end != SUFFIX) {
                continue;
            }
            let file = OpenOptions::new()
                .read(true)
                .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
                .open(&path);
            let Ok(file) = file else {
                continue;
            };
            // It stays locked until its name is gone: who makes one looks then whether it still has one.
            if lock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
                let _ = fs::remove_file(&path);
            }
        }
    }
}

/// The file, for who writes it.
#[derive(Debug)]
pub(super) struct Writer {
    file: File,
    head: Head,
}

impl Writer {
    /// Goes on where the head of the file says.
    pub(super) fn new(file: File) -> Result<Self> {
        let head = Head::read(&file)?;
        Ok(Self { file, head })
    }

    /// Adds bytes at the end, in place of the oldest ones. What there is no room for on the disk counts as written and overwritten.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let most = usize::try_from(self.head.size).unwrap_or(usize::MAX);
        for part in bytes.chunks(most) {
            let length = part.len() as u64;
            let end = self.head.end + length;
            let start = end.saturating_sub(self.head.size);
            // First: what is about to be overwritten can't be read any more.
            if start > self.head.start {
                self.put(START, start)?;
                self.head.start = start;
            }
            let [(first, at), (second, _)] = pieces(self.head.size, self.head.end, length);
            let (one, other) = part.split_at(usize::try_from(at).unwrap_or(part.len()));
            let written = self.file.write_all_at(one, first);
            let written = written.and_then(|()| self.file.write_all_at(other, second));
            if written.is_err() {
                self.put(START, end)?;
                self.head.start = end;
            }
            self.put(END, end)?;
            self.head.end = end;
        }
        Ok(())
    }

    /// Notes that the process has ended, and all that it wrote is there.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.put(OVER, 1)
    }

    fn put(&self, at: u64, number: u64) -> io::Result<()> {
        self.file.write_all_at(&number.to_ne_bytes(), at)
    }
}

/// The file, for who reads it.
#[derive(Debug)]
pub(super) struct Ring(File);

impl Ring {
    /// Opens the file; `None` where it is gone.
    pub(super) fn open(path: &Path) -> Result<Option<Self>> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path);
        let file = match file {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io(&error)),
        };
        Head::read(&file)?;
        Ok(Some(Self(file)))
    }

    /// How many bytes are kept.
    pub(super) fn size(&self) -> Result<u64> {
        Ok(Head::read(&self.0)?.size)
    }

    /// How many bytes were written so far.
    pub(super) fn end(&self) -> Result<u64> {
        Ok(Head::read(&self.0)?.end)
    }

    /// Whether the process has ended, and all that it wrote is there, or nobody records it any more.
    pub(super) fn is_over(&self) -> Result<bool> {
        if Head::read(&self.0)?.is_over {
            return Ok(true);
        }
        // Who records has it locked.
        Ok(
            match flock(&self.0, FlockOperation::NonBlockingLockShared) {
                Ok(()) => {
                    lock(&self.0, FlockOperation::Unlock)?;
                    true
                }
                Err(_) => false,
            },
        )
    }

    /// Reads at most `most` bytes from number `from` on onto the end of `bytes`, or from a later one on, where those before it are
    /// gone already; returns the number of the first.
    pub(super) fn read(&self, from: u64, most: u64, bytes: &mut Vec<u8>) -> Result<u64> {
        let head = Head::read(&self.0)?;
        let from = from.max(head.start);
        let length = most.min(head.end.saturating_sub(from));
        let before = bytes.len();
        for (at, length) in pieces(head.size, from, length) {
            let old = bytes.len();
            bytes.resize(old + usize::try_from(length).unwrap_or(0), 0);
            self.0.read_exact_at(&mut bytes[old..], at)?;
        }
        // Some of it may have been overwritten meanwhile.
        let start = Head::read(&self.0)?.start;
        let gone = start.saturating_sub(from).min(length);
        let gone = usize::try_from(gone).unwrap_or(usize::MAX);
        bytes.drain(before..before + gone);
        Ok(from + gone as u64)
    }

    /// The descriptor by which its growth can be watched.
    pub(super) fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(folder: &Path, size: u32) -> (Writer, Ring) {
        let (path, file) = make(&[folder.join("output")], "it", size).unwrap();
        (
            Writer::new(file).unwrap(),
            Ring::open(&path).unwrap().unwrap(),
        )
    }

    fn text(ring: &Ring, from: u64) -> (u64, String) {
        let mut bytes = Vec::new();
        let first = ring.read(from, 100, &mut bytes).unwrap();
        (first, String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn the_last_bytes_are_kept_and_each_has_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, ring) = ring(folder.path(), 8);
        writer.write(b"0123").unwrap();
        assert_eq!(text(&ring, 0), (0, "0123".to_owned()));
        writer.write(b"456789").unwrap();
        assert_eq!(text(&ring, 0), (2, "23456789".to_owned()));
        assert_eq!(text(&ring, 7), (7, "789".to_owned()));
        writer.write(b"abcdefghijklmnopqrst").unwrap();
        assert_eq!(text(&ring, 0), (22, "mnopqrst".to_owned()));
        assert_eq!(text(&ring, 30), (30, String::new()));
        assert_eq!(ring.end().unwrap(), 30);
    }

    #[test]
    fn it_is_over_when_that_is_noted_or_nobody_writes_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, one) = ring(folder.path(), 8);
        assert!(!one.is_over().unwrap());
        writer.end().unwrap();
        assert!(one.is_over().unwrap());
        let other = tempfile::tempdir().unwrap();
        let (writer, one) = ring(other.path(), 8);
        assert!(!one.is_over().unwrap());
        drop(writer);
        assert!(one.is_over().unwrap());
    }

    #[test]
    fn what_nobody_writes_to_is_swept_away() {
        let folder = tempfile::tempdir().unwrap();
        let folders = [folder.path().join("output")];
        let (kept, _file) = make(&folders, "kept", 8).unwrap();
        let (left, file) = make(&folders, "left", 8).unwrap();
        drop(file);
        sweep(&folders);
        assert!(kept.exists() && !left.exists());
    }

    #[test]
    fn a_folder_that_others_can_enter_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let open = folder.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        let own = folder.path().join("own");
        let (path, _file) = make(&[open.clone(), own.clone()], "it", 8).unwrap();
        assert_eq!(path, own.join("it.log"));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let error = make(std::slice::from_ref(&open), "it", 8).unwrap_err();
        let expected = format!("{} is not a folder of this user alone", open.display());
        assert_eq!(error.to_string(), expected);
    }
}
