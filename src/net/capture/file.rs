//! Where captures are written: a file, a ring of files, or a pipe.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::pcapng::write;
use super::tap::now;
use super::{Counts, Packet, Point, Sink};
use crate::error::{Error, Result};
use crate::net::file;

/// What stands in the head of each file.
#[derive(Clone, Debug)]
pub struct Head {
    /// The links.
    pub points: Vec<Point>,
    /// How many bytes of a packet are kept.
    pub snaplen: u32,
    /// The filter, as it was typed; empty where there is none.
    pub filter: String,
    /// Who captured.
    pub comment: Option<String>,
}

impl Head {
    fn bytes(&self) -> Vec<u8> {
        let links = self.points.iter().map(|point| {
            write::interface(&point.name, point.link_type, self.snaplen, &self.filter)
        });
        let mut bytes = write::section(self.comment.as_deref());
        bytes.extend(links.flatten());
        bytes
    }

    /// How many bytes the statistics at the end take.
    fn end(&self) -> usize {
        let one = write::statistics(0, 0, Counts::default()).len();
        one * self.points.len()
    }
}

/// A stream of pcapng to somewhere else.
pub struct Stream<W> {
    to: W,
    block: Vec<u8>,
}

impl<W: Write + Send> Stream<W> {
    /// Begins one.
    pub fn begin(mut to: W, head: &Head) -> Result<Self> {
        let begun = to.write_all(&head.bytes()).and_then(|()| to.flush());
        begun.map_err(|error| Error::io(&error))?;
        Ok(Self {
            to,
            block: Vec::new(),
        })
    }
}

impl<W: Write + Send> Sink for Stream<W> {
    fn packet(&mut self, packet: &Packet) -> Result<bool> {
        self.block.clear();
        write::packet(packet, &mut self.block);
        let written = self.to.write_all(&self.block);
        written.map_err(|error| Error::io(&error))?;
        Ok(true)
    }

    fn flush(&mut self) -> Result<()> {
        self.to.flush().map_err(|error| Error::io(&error))
    }

    fn end(&mut self, counts: &[Counts]) -> Result<()> {
        let time = now();
        for (link, counts) in counts.iter().enumerate() {
            let written = self.to.write_all(&write::statistics(link, time, *counts));
            written.map_err(|error| Error::io(&error))?;
        }
        self.flush()
    }
}

/// A file; or some in turn, of which the oldest is written anew when the last is full.
#[derive(Debug)]
pub struct Files {
    path: PathBuf,
    head: Head,
    /// How many bytes each may have.
    size: Option<u64>,
    /// How many there are, where it is a ring.
    ring: Option<usize>,
    to: BufWriter<File>,
    written: u64,
    /// The number of the one that is written, from 0.
    number: usize,
    /// Those that were written, oldest first.
    all: Vec<PathBuf>,
    /// What came by each link, in this file.
    counts: Vec<Counts>,
    block: Vec<u8>,
}

impl Files {
    /// Makes the file, or the first of them, and replaces one that is there.
    pub fn make(path: &Path, head: Head, size: Option<u64>, ring: Option<usize>) -> Result<Self> {
        let begin = head.bytes().len() + head.end();
        let begin = u64::try_from(begin).unwrap_or(u64::MAX);
        if let Some(size) = size.filter(|size| *size < begin) {
            return Err(Error::invalid(format!(
                "{size} bytes are too few for a file of these links, which begins with {begin}"
            ))
            .doing("write", &path.display().to_string()));
        }
        let first = name(path, ring.map(|_| 0));
        let to = open(&first)?;
        let mut files = Self {
            path: path.to_owned(),
            counts: vec![Counts::default(); head.points.len()],
            head,
            size,
            ring,
            to,
            written: 0,
            number: 0,
            all: vec![first],
            block: Vec::new(),
        };
        files.begin()?;
        Ok(files)
    }

    fn begin(&mut self) -> Result<()> {
        self.counts.fill(Counts::default());
        self.written = u64::try_from(self.head.end()).unwrap_or(u64::MAX);
        let bytes = self.head.bytes();
        self.write(&bytes)?;
        self.flush()
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.written += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.to
            .write_all(bytes)
            .map_err(|error| self.cannot(&error))
    }

    fn cannot(&self, error: &std::io::Error) -> Error {
        let file = self.all.last().unwrap_or(&self.path);
        Error::io(error).doing("write", &file.display().to_string())
    }

    /// Ends this file, and begins the next of the ring.
    fn turn(&mut self, ring: usize) -> Result<()> {
        let counts = self.counts.clone();
        self.end(&counts)?;
        self.number = (self.number + 1) % ring;
        let next = name(&self.path, Some(self.number));
        self.to = open(&next)?;
        self.all.retain(|file| *file != next);
        self.all.push(next);
        self.begin()
    }
}

impl Sink for Files {
    fn packet(&mut self, packet: &Packet) -> Result<bool> {
        let mut block = std::mem::take(&mut self.block);
        block.clear();
        write::packet(packet, &mut block);
        let length = u64::try_from(block.len()).unwrap_or(u64::MAX);
        if self.size.is_some_and(|size| self.written + length > size) {
            let Some(ring) = self.ring else {
                return Ok(false);
            };
            self.turn(ring)?;
        }
        if let Some(counts) = self.counts.get_mut(packet.link) {
            counts.received += 1;
        }
        self.write(&block)?;
        self.block = block;
        Ok(true)
    }

    fn flush(&mut self) -> Result<()> {
        self.to.flush().map_err(|error| self.cannot(&error))
    }

    fn end(&mut self, counts: &[Counts]) -> Result<()> {
        let time = now();
        for (link, counts) in counts.iter().enumerate() {
            self.write(&write::statistics(link, time, *counts))?;
        }
        self.flush()
    }

    fn files(&self) -> Vec<PathBuf> {
        self.all.clone()
    }
}

fn open(path: &Path) -> Result<BufWriter<File>> {
    let file = file::create(path);
    let file =
        file.map_err(|error| Error::io(&error).doing("write", &path.display().to_string()))?;
    Ok(BufWriter::with_capacity(1 << 16, file))
}

/// The name of a file of a ring: `x.pcapng` is `x.1.pcapng`, `x.2.pcapng` and so on.
fn name(path: &Path, number: Option<usize>) -> PathBuf {
    let Some(number) = number else {
        return path.to_owned();
    };
    let number = (number + 1).to_string();
    match path.extension() {
        Some(end) => path.with_extension(format!("{number}.{}", end.to_string_lossy())),
        None => path.with_extension(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::capture::pcapng::read;
    use crate::net::capture::{Direction, LinkType, Reception};

    fn head() -> Head {
        let point = Point {
            name: "a:v0".to_owned(),
            link_type: LinkType::Ethernet,
        };
        Head {
            points: vec![point],
            snaplen: 100,
            filter: String::new(),
            comment: None,
        }
    }

    fn packet(time: u64) -> Packet {
        Packet {
            link: 0,
            time,
            length: 60,
            direction: Direction::In,
            reception: Reception::Unicast,
            data: vec![0; 60],
        }
    }

    fn times(path: &Path) -> Vec<u64> {
        let mut file = read::File::open(File::open(path).unwrap()).unwrap();
        let mut times = Vec::new();
        while let Some(packet) = file.next_packet().unwrap() {
            times.push(packet.time);
        }
        times
    }

    #[test]
    fn a_file_ends_before_it_is_larger_than_it_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pcapng");
        let mut file = Files::make(&path, head(), Some(500), None).unwrap();
        let taken = (1..20).take_while(|time| file.packet(&packet(*time)).unwrap());
        assert_eq!(taken.count(), 3);
        file.end(&[Counts::default()]).unwrap();
        assert_eq!(times(&path), [1, 2, 3]);
        assert!(std::fs::metadata(&path).unwrap().len() <= 500);
    }

    #[test]
    fn a_ring_keeps_the_latest_packets() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pcapng");
        let mut file = Files::make(&path, head(), Some(500), Some(2)).unwrap();
        for time in 1..=10 {
            assert!(file.packet(&packet(time)).unwrap());
        }
        file.end(&[Counts::default()]).unwrap();
        let files = file.files();
        let all: Vec<_> = files.iter().map(|file| times(file)).collect();
        assert_eq!(all, [vec![7, 8, 9], vec![10]]);
        assert_eq!(
            files,
            ["x.1.pcapng", "x.2.pcapng"].map(|name| folder.path().join(name))
        );
    }

    #[test]
    fn a_file_that_has_no_room_for_its_head_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pcapng");
        let error = Files::make(&path, head(), Some(20), None).unwrap_err();
        assert!(error.cause.starts_with("20 bytes are too few"), "{error}");
        assert!(!path.exists());
    }
}
