//! What a spawned process writes, read line by line as it comes.

use std::collections::VecDeque;
use std::path::Path;

use crate::error::Result;
use crate::net::process::growth::Growth;
use crate::net::process::ring::Ring;

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

/// What became of the beginning of a line that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Torn {
    /// There was very much to read, and only its end was.
    PassedOver,
    /// It was overwritten before it was read.
    Overwritten,
}

/// The lines of a process, as far as they were read.
#[derive(Debug, Default)]
pub struct Output {
    /// Where they are written; none in a plan, and where all that was written is gone.
    ring: Option<Ring>,
    /// How many bytes of it were read, or passed over.
    position: u64,
    /// What stands behind the last line end.
    rest: Vec<u8>,
    /// What became of the beginning of the line that comes next.
    torn: Option<Torn>,
    /// How many bytes were overwritten before they were read, with the lines that they were of.
    dropped: u64,
    /// The last lines.
    lines: VecDeque<String>,
    /// How many were before them.
    forgotten: usize,
}

impl Output {
    /// Opens the file to read it from its beginning. Where it is gone, there is nothing to read any more.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self {
            ring: Ring::open(path)?,
            ..Self::default()
        })
    }

    /// How many bytes were overwritten before they were read.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// How many bytes are kept for those who read later.
    pub fn size(&self) -> u64 {
        let size = self.ring.as_ref().and_then(|ring| ring.size().ok());
        size.unwrap_or(0)
    }

    /// Whether the process has ended, and all that it wrote can be read.
    pub fn is_over(&self) -> Result<bool> {
        self.ring.as_ref().map_or(Ok(true), Ring::is_over)
    }

    fn end(&self) -> Result<u64> {
        self.ring.as_ref().map_or(Ok(0), Ring::end)
    }

    /// Reads what is new. What has no line end yet is a line where nothing will follow.
    ///
    /// Of very much, the end is read and the rest passed over.
    pub fn read(&mut self, is_over: bool) -> Result<()> {
        let end = self.end()?;
        if end.saturating_sub(self.position) > MOST {
            self.position = end - MOST;
            self.rest.clear();
            self.torn = Some(Torn::PassedOver);
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
        let end = self.end()?;
        for _ in 0..PARTS {
            if is_enough(self.forgotten, &self.lines) {
                return Ok(true);
            }
            if !self.read_part(AT_ONCE.min(end.saturating_sub(self.position)))? {
                if is_over && !self.rest.is_empty() {
                    let last = std::mem::take(&mut self.rest);
                    self.take(&last);
                    is_enough(self.forgotten, &self.lines);
                }
                return Ok(true);
            }
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

    /// Reads at most `most` bytes more; `false` where there are none. Of a line whose beginning is gone, the rest goes, too.
    fn read_part(&mut self, most: u64) -> Result<bool> {
        let Some(ring) = self.ring.as_ref().filter(|_| most > 0) else {
            return Ok(false);
        };
        let before = self.rest.len();
        let first = ring.read(self.position, most, &mut self.rest)?;
        let skipped = first.saturating_sub(self.position);
        if skipped > 0 {
            self.dropped += skipped + before as u64;
            self.rest.drain(..before);
            self.torn = Some(Torn::Overwritten);
        }
        let read = self
            .rest
            .len()
            .saturating_sub(if skipped > 0 { 0 } else { before });
        self.position = first + read as u64;
        if let Some(torn) = self.torn {
            let end = self.rest.iter().position(|byte| *byte == b'\n');
            let length = end.map_or(self.rest.len(), |at| at + 1);
            if end.is_some() {
                self.torn = None;
            }
            if torn == Torn::Overwritten {
                self.dropped += length as u64;
            }
            self.rest.drain(..length);
        }
        Ok(true)
    }

    fn take(&mut self, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        self.lines.extend(text.lines().map(str::to_owned));
        let surplus = self.lines.len().saturating_sub(KEPT);
        self.lines.drain(..surplus);
        self.forgotten += surplus;
    }

    /// What tells that there is more to read, or that it is over. To be made before the read whose news it is to tell. `None` where
    /// there is nothing to wait for.
    pub fn watch(&self) -> Result<Option<Growth>> {
        let ring = self.ring.as_ref();
        ring.map(|ring| Growth::of(ring.descriptor())).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::process::ring::{self, Writer};

    /// What a process writes, and what is read of it.
    fn output(text: &[u8]) -> (tempfile::TempDir, Writer, Output) {
        output_in(64 << 20, text)
    }

    fn output_in(size: u32, text: &[u8]) -> (tempfile::TempDir, Writer, Output) {
        let folder = tempfile::tempdir().unwrap();
        let (path, file) = ring::make(&[folder.path().join("output")], "it", size).unwrap();
        let output = Output::open(&path).unwrap();
        let mut writer = Writer::new(file).unwrap();
        writer.write(text).unwrap();
        (folder, writer, output)
    }

    fn lines(output: &Output) -> Vec<&str> {
        output.lines().iter().map(String::as_str).collect()
    }

    #[test]
    fn a_line_is_one_when_it_has_ended_or_nothing_will_follow() {
        let (_folder, mut writer, mut output) = output(b"one\ntw");
        output.read(false).unwrap();
        assert_eq!(lines(&output), ["one"]);
        writer.write(b"o\nthree").unwrap();
        output.read(false).unwrap();
        assert_eq!(lines(&output), ["one", "two"]);
        output.read(true).unwrap();
        assert_eq!(lines(&output), ["one", "two", "three"]);
    }

    #[test]
    fn a_line_is_found_by_its_number_and_what_follows_is_left() {
        let (_folder, _writer, mut output) = output(b"a 1\nb\na 2\na 3");
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
        let (_folder, _writer, mut output) = output(text.as_bytes());
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
        let (_folder, _writer, mut output) = output(text.as_bytes());
        output.read(true).unwrap();
        assert_eq!(output.lines().len(), KEPT);
        assert_eq!(output.lines()[KEPT - 1], "last");
    }

    #[test]
    fn a_line_without_an_end_is_cut() {
        let (_folder, _writer, mut output) = output(&vec![b'x'; 3 * LONGEST / 2]);
        output.read(false).unwrap();
        assert_eq!(output.lines().len(), 1);
        output.read(true).unwrap();
        let lengths: Vec<usize> = output.lines().iter().map(String::len).collect();
        assert_eq!(lengths, [LONGEST, LONGEST / 2]);
    }

    #[test]
    fn what_is_overwritten_before_it_is_read_is_counted_with_the_line_it_was_of() {
        let (_folder, mut writer, mut output) = output_in(16, b"one\ntwo\n");
        output.read(false).unwrap();
        writer.write(b"three\nfour\nfive\nsix\n").unwrap();
        output.read(false).unwrap();
        assert_eq!(lines(&output), ["one", "two", "four", "five", "six"]);
        assert_eq!(output.dropped(), "three\n".len() as u64);
    }
}
