//! What a spawned process writes: a file, read line by line as it grows.

use std::collections::VecDeque;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
use tokio::io::unix::AsyncFd;

use crate::error::{Error, Result};
use crate::net::process::readable;

/// How many lines are kept: a process that never stops talking must not fill the memory.
const KEPT: usize = 100_000;

/// How much is read at once; the lines of it are fewer than are kept.
const AT_ONCE: u64 = 64 << 10;

/// How many times that much is read before somebody else has a turn.
const PARTS: usize = 16;

/// How much is read to see the last lines.
const MOST: u64 = 16 << 20;

/// How long a line can become, in bytes, before it is taken for several.
const LONGEST: usize = 1 << 20;

/// What became of a search for a line. A line is known by its number, from 0 on.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// This one.
    Line(usize, String),
    /// None of all that are there; the next will have that number.
    Nothing(usize),
    /// None before that number, and there are more.
    More(usize),
}

/// The lines of a process, as far as they were read.
#[derive(Debug)]
pub struct Output {
    file: File,
    /// How much of the file was read.
    position: u64,
    /// What stands behind the last line end.
    rest: Vec<u8>,
    /// The last lines.
    lines: VecDeque<String>,
    /// How many were before them.
    forgotten: usize,
}

impl Output {
    /// Makes the file, which is for its owner only, and what writes to its end.
    pub fn make(path: &Path) -> Result<File> {
        if let Some(folder) = path.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(path);
        file.map_err(|error| Error::io(&error))
    }

    /// Opens the file to read it from its beginning.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                Error::io(&error).cause(format!("its output, {}, is gone", path.display()))
            }
            _ => Error::io(&error),
        })?;
        Ok(Self {
            file,
            position: 0,
            rest: Vec::new(),
            lines: VecDeque::new(),
            forgotten: 0,
        })
    }

    /// Reads what is new. What has no line end yet is a line where nothing will follow.
    ///
    /// Of very much, the end is read and the rest passed over.
    pub fn read(&mut self, is_over: bool) -> Result<()> {
        let end = self.file.metadata()?.len();
        if end - self.position.min(end) > MOST {
            self.position = (&self.file).seek(SeekFrom::Start(end - MOST))?;
            self.rest.clear();
            self.lines.clear();
        }
        while !self.read_some(is_over, |_, _| false)? {}
        Ok(())
    }

    /// The first line from number `from` on that `is_wanted`, with its number, of those kept and of what is new.
    ///
    /// What is behind it is left for the next time. It looks at so much at once that nobody waits for long; `next` is then where it
    /// is to go on.
    pub fn find(
        &mut self,
        from: usize,
        is_over: bool,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<Found> {
        let mut next = from;
        let mut found = None;
        let is_all = self.read_some(is_over, |first, lines| {
            let seen = lines.iter().enumerate().skip(next.saturating_sub(first));
            let mut wanted = seen.filter(|(_, line)| is_wanted(line));
            found = wanted.next().map(|(at, line)| (first + at, line.clone()));
            next = next.max(first + lines.len());
            found.is_some()
        })?;
        Ok(match found {
            Some((number, line)) => Found::Line(number, line),
            None if is_all => Found::Nothing(next),
            None => Found::More(next),
        })
    }

    /// The lines that are kept, the oldest first.
    pub fn lines(&self) -> &VecDeque<String> {
        &self.lines
    }

    /// Reads on until `is_enough` of the lines that are kept and the number of the first of them, there is nothing new, or it
    /// was very much; tells whether there was nothing more to look for.
    fn read_some(
        &mut self,
        is_over: bool,
        mut is_enough: impl FnMut(usize, &VecDeque<String>) -> bool,
    ) -> Result<bool> {
        // What is written meanwhile is for the next time, or there would be no end.
        let end = self.file.metadata()?.len();
        for _ in 0..PARTS {
            if is_enough(self.forgotten, &self.lines) {
                return Ok(true);
            }
            let most = AT_ONCE.min(end.saturating_sub(self.position));
            let length = (&self.file).take(most).read_to_end(&mut self.rest)?;
            if length == 0 {
                if is_over && !self.rest.is_empty() {
                    let last = std::mem::take(&mut self.rest);
                    self.take(&last);
                    is_enough(self.forgotten, &self.lines);
                }
                return Ok(true);
            }
            self.position += u64::try_from(length).unwrap_or(most);
            let whole = match self.rest.iter().rposition(|byte| *byte == b'\n') {
                Some(at) => at + 1,
                None if self.rest.len() >= LONGEST => self.rest.len(),
                None => 0,
            };
            let whole: Vec<u8> = self.rest.drain(..whole).collect();
            self.take(&whole);
        }
        Ok(is_enough(self.forgotten, &self.lines))
    }

    fn take(&mut self, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        self.lines.extend(text.lines().map(str::to_owned));
        let surplus = self.lines.len().saturating_sub(KEPT);
        self.lines.drain(..surplus);
        self.forgotten += surplus;
    }

    /// What tells that the file has grown. To be made before the read whose news it is to tell.
    pub fn watch(&self) -> Result<Growth> {
        let io = |errno: rustix::io::Errno| Error::io(&errno.into());
        let watch = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).map_err(io)?;
        let path = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        add_watch(&watch, path, WatchFlags::MODIFY).map_err(io)?;
        readable(watch).map(Growth)
    }
}

/// Tells that a file has grown.
#[derive(Debug)]
pub struct Growth(AsyncFd<OwnedFd>);

impl Growth {
    /// Waits until it has grown since the last time.
    pub async fn wait(&self) -> Result<()> {
        let mut ready = self.0.readable().await?;
        let mut events = [0; 4096];
        while rustix::io::read(&self.0, &mut events).is_ok_and(|length| length > 0) {}
        ready.clear_ready();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// What a process writes, and what is read of it.
    fn output(text: &[u8]) -> (tempfile::NamedTempFile, Output) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text).unwrap();
        let output = Output::open(file.path()).unwrap();
        (file, output)
    }

    fn lines(output: &Output) -> Vec<&str> {
        output.lines().iter().map(String::as_str).collect()
    }

    #[test]
    fn a_line_is_one_when_it_has_ended_or_nothing_will_follow() {
        let (mut file, mut output) = output(b"one\ntw");
        output.read(false).unwrap();
        assert_eq!(lines(&output), ["one"]);
        file.write_all(b"o\nthree").unwrap();
        output.read(false).unwrap();
        assert_eq!(lines(&output), ["one", "two"]);
        output.read(true).unwrap();
        assert_eq!(lines(&output), ["one", "two", "three"]);
    }

    #[test]
    fn a_line_is_found_by_its_number_and_what_follows_is_left() {
        let (_file, mut output) = output(b"a 1\nb\na 2\na 3");
        let mut find = |from, is_over| {
            let found = output.find(from, is_over, |line| line.starts_with('a'));
            found.unwrap()
        };
        assert_eq!(find(0, false), Found::Line(0, "a 1".to_owned()));
        assert_eq!(find(1, false), Found::Line(2, "a 2".to_owned()));
        assert_eq!(find(3, false), Found::Nothing(3));
        assert_eq!(find(3, true), Found::Line(3, "a 3".to_owned()));
        assert_eq!(find(4, true), Found::Nothing(4));
    }

    #[test]
    fn of_very_many_lines_the_last_are_kept_and_each_is_looked_at() {
        let mut text = "early\n".to_owned();
        text.extend((0..3 * KEPT).map(|number| format!("{number}\n")));
        let (_file, mut output) = output(text.as_bytes());
        let mut find = |mut from, wanted: &str| loop {
            match output.find(from, true, |line| line == wanted).unwrap() {
                Found::More(next) => from = next,
                found => return found,
            }
        };
        assert_eq!(find(0, "early"), Found::Line(0, "early".to_owned()));
        assert_eq!(find(1, "123456"), Found::Line(123_457, "123456".to_owned()));
        output.read(true).unwrap();
        assert_eq!(output.lines().len(), KEPT);
        assert_eq!(output.lines()[KEPT - 1], (3 * KEPT - 1).to_string());
        let found = output.find(0, true, |line| line == "early").unwrap();
        assert_eq!(found, Found::Nothing(3 * KEPT + 1));
    }

    #[test]
    fn of_very_much_the_end_is_read() {
        let text = "0123456789abcde\n".repeat(3 << 20) + "last";
        let (_file, mut output) = output(text.as_bytes());
        output.read(true).unwrap();
        assert_eq!(output.lines().len(), KEPT);
        assert_eq!(output.lines()[KEPT - 1], "last");
    }

    #[test]
    fn a_line_without_an_end_is_cut() {
        let (_file, mut output) = output(&vec![b'x'; 3 * LONGEST / 2]);
        output.read(false).unwrap();
        assert_eq!(output.lines().len(), 1);
        output.read(true).unwrap();
        let lengths: Vec<usize> = output.lines().iter().map(String::len).collect();
        assert_eq!(lengths, [LONGEST, LONGEST / 2]);
    }
}
