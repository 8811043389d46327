//! Reads pcapng, in either byte order: what we wrote, and what others did.

use std::io::Read;

use super::{
    BYTE_ORDER, END_OF_OPTIONS, FLAGS, INTERFACE, NAME, PACKET, RESOLUTION, SECTION, SIMPLE_PACKET,
};
use crate::error::{Error, Result};

/// No block of a file is larger: one that says so is damaged.
const LARGEST: u32 = 64 << 20;

/// A link of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The number of its link type, `LINKTYPE_` of tcpdump.org.
    pub link_type: u16,
    /// Its name; empty where there is none.
    pub name: String,
    /// How many nanoseconds its unit of time has, by how many to divide it.
    unit: (u64, u64),
}

/// A packet of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The number of its link, in the order of [`File::interfaces`].
    pub interface: usize,
    /// When it passed, in nanoseconds since 1970; 0 where that was not written.
    pub time: u64,
    /// How many bytes it had, as far as they are known also those that were not kept.
    pub length: u32,
    /// Whether it left by the link, where that was written.
    pub is_out: Option<bool>,
    /// What was kept of it.
    pub data: Vec<u8>,
}

/// A file that is read packet by packet.
#[derive(Debug)]
pub struct File<R> {
    from: R,
    is_big: bool,
    /// Where those of the present section begin.
    first: usize,
    /// All links so far.
    pub interfaces: Vec<Interface>,
}

impl<R: Read> File<R> {
    /// Reads the beginning.
    ///
    /// Fails with `invalid` where it is no pcapng.
    pub fn open(from: R) -> Result<Self> {
        let mut file = Self {
            from,
            is_big: false,
            first: 0,
            interfaces: Vec::new(),
        };
        let mut head = [0; 8];
        let is_whole = file.fill(&mut head)?;
        if !is_whole || head[..4] != SECTION.to_le_bytes() {
            let classic = [0xa1b2_c3d4_u32, 0xa1b2_3c4d];
            let begins = |number: u32| {
                head[..4] == number.to_le_bytes() || head[..4] == number.to_be_bytes()
            };
            let error = Error::invalid("it is not a file of pcapng");
            return Err(if classic.into_iter().any(begins) {
                error.hint("it is one of the older form pcap: `editcap -F pcapng OLD NEW` turns it into pcapng")
            } else {
                error.hint("capture(links, file) and `ipvsh capture -w FILE` write such a file")
            });
        }
        file.section(&head)?;
        Ok(file)
    }

    /// The next packet; none at the end. What an interrupted writer has left half is no packet.
    pub fn next_packet(&mut self) -> Result<Option<Stored>> {
        loop {
            let mut head = [0; 8];
            if !self.fill(&mut head)? {
                return Ok(None);
            }
            if head[..4] == SECTION.to_le_bytes() {
                self.section(&head)?;
                continue;
            }
            let kind = self.word(&head, 0)?;
            let Some(body) = self.body(&head, &[])? else {
                return Ok(None);
            };
            match kind {
                INTERFACE => self.interface(&body)?,
                PACKET => return self.packet(&body).map(Some),
                SIMPLE_PACKET => {
                    let length = self.word(&body, 0)?;
                    let kept = usize::try_from(length).unwrap_or(usize::MAX);
                    let kept = kept.min(body.len() - 4);
                    return Ok(Some(Stored {
                        interface: self.first,
                        time: 0,
                        length,
                        is_out: None,
                        data: body[4..4 + kept].to_vec(),
                    }));
                }
                _ => {}
            }
        }
    }

    /// Fills the buffer; `false` where the file ends before.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<bool> {
        match self.from.read_exact(buffer) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(Error::io(&error)),
        }
    }

    /// The body of a block whose head was read, without the length at its end; none where the file ends before.
    fn body(&mut self, head: &[u8], begun: &[u8]) -> Result<Option<Vec<u8>>> {
        let length = self.word(head, 4)?;
        if length > LARGEST || length % 4 != 0 || length < 12 {
            return Err(damaged());
        }
        let length = usize::try_from(length - 8).unwrap_or(usize::MAX);
        if length < begun.len() + 4 {
            return Err(damaged());
        }
        let mut body = begun.to_vec();
        body.resize(length, 0);
        if !self.fill(&mut body[begun.len()..])? {
            return Ok(None);
        }
        if self.word(&body, length - 4)? != self.word(head, 4)? {
            return Err(damaged());
        }
        body.truncate(length - 4);
        Ok(Some(body))
    }

    fn section(&mut self, head: &[u8]) -> Result<()> {
        let mut order = [0; 4];
        if !self.fill(&mut order)? {
            return Err(damaged());
        }
        self.is_big = match u32::from_le_bytes(order) {
            BYTE_ORDER => false,
            other if other.swap_bytes() == BYTE_ORDER => true,
            _ => return Err(damaged()),
        };
        self.body(head, &order)?.ok_or_else(damaged)?;
        self.first = self.interfaces.len();
        Ok(())
    }

    fn interface(&mut self, body: &[u8]) -> Result<()> {
        let mut interface = Interface {
            link_type: self.half(body, 0)?,
            name: String::new(),
            // Microseconds, where nothing is said.
            unit: (1000, 1),
        };
        for (code, value) in self.options(body, 8)? {
            match (code, value) {
                (NAME, name) => interface.name = String::from_utf8_lossy(name).into_owned(),
                (RESOLUTION, [power, ..]) => interface.unit = unit(*power),
                _ => {}
            }
        }
        self.interfaces.push(interface);
        Ok(())
    }

    fn packet(&self, body: &[u8]) -> Result<Stored> {
        let number = usize::try_from(self.word(body, 0)?).unwrap_or(usize::MAX);
        let number = self.first.saturating_add(number);
        let interface = self.interfaces.get(number).ok_or_else(damaged)?;
        let (high, low) = (self.word(body, 4)?, self.word(body, 8)?);
        let ticks = u64::from(high) << 32 | u64::from(low);
        let (times, by) = interface.unit;
        let time = u128::from(ticks) * u128::from(times) / u128::from(by);
        let kept = usize::try_from(self.word(body, 12)?).unwrap_or(usize::MAX);
        let end = kept.checked_add(20).ok_or_else(damaged)?;
        let data = body.get(20..end).ok_or_else(damaged)?.to_vec();
        let options = self.options(body, end.next_multiple_of(4))?;
        let flags = options.into_iter().find(|(code, _)| *code == FLAGS);
        let flags = flags.and_then(|(_, value)| self.word(value, 0).ok());
        Ok(Stored {
            interface: number,
            time: u64::try_from(time).unwrap_or(u64::MAX),
            length: self.word(body, 16)?,
            is_out: flags.and_then(|flags| match flags & 3 {
                1 => Some(false),
                2 => Some(true),
                _ => None,
            }),
            data,
        })
    }

    fn options<'a>(&self, body: &'a [u8], at: usize) -> Result<Vec<(u16, &'a [u8])>> {
        let mut options = Vec::new();
        let mut rest = body.get(at..).unwrap_or_default();
        while rest.len() >= 4 {
            let (code, length) = (self.half(rest, 0)?, usize::from(self.half(rest, 2)?));
            if code == END_OF_OPTIONS {
                break;
            }
            options.push((code, rest.get(4..4 + length).ok_or_else(damaged)?));
            rest = rest
                .get(4 + length.next_multiple_of(4)..)
                .unwrap_or_default();
        }
        Ok(options)
    }

    fn half(&self, bytes: &[u8], at: usize) -> Result<u16> {
        let bytes = bytes
            .get(at..at + 2)
            .and_then(|bytes| bytes.try_into().ok());
        let bytes = bytes.ok_or_else(damaged)?;
        Ok(if self.is_big {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    fn word(&self, bytes: &[u8], at: usize) -> Result<u32> {
        let bytes = bytes
            .get(at..at + 4)
            .and_then(|bytes| bytes.try_into().ok());
        let bytes = bytes.ok_or_else(damaged)?;
        Ok(if self.is_big {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }
}

fn damaged() -> Error {
    Error::invalid("the file is damaged: a block of it is not as pcapng has it")
}

/// How many nanoseconds a unit of time has, by `if_tsresol`: a power of ten, or of two where the highest bit is set.
fn unit(power: u8) -> (u64, u64) {
    let exponent = u32::from(power & 0x7f);
    if power & 0x80 != 0 {
        return (
            1_000_000_000,
            1_u64.checked_shl(exponent).unwrap_or(u64::MAX),
        );
    }
    match exponent {
        0..=9 => (10_u64.pow(9 - exponent), 1),
        _ => (1, 10_u64.checked_pow(exponent - 9).unwrap_or(u64::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::capture::pcapng::write;
    use crate::net::capture::{Direction, LinkType, Packet, Reception};

    fn block(packet: &Packet) -> Vec<u8> {
        let mut block = Vec::new();
        write::packet(packet, &mut block);
        block
    }

    fn file() -> Vec<u8> {
        let packet = |link, direction, data: &[u8]| Packet {
            link,
            time: 1_700_000_000_123_456_789,
            length: 99,
            direction,
            reception: Reception::Unicast,
            data: data.to_vec(),
        };
        [
            write::section(None),
            write::interface("a:v0", LinkType::Ethernet, 96, "icmp"),
            write::interface("b:t0", LinkType::Raw, 96, ""),
            block(&packet(0, Direction::In, b"first")),
            block(&packet(1, Direction::Out, b"second")),
        ]
        .concat()
    }

    #[test]
    fn what_was_written_is_read_back() {
        let bytes = file();
        let mut file = File::open(bytes.as_slice()).unwrap();
        let first = file.next_packet().unwrap().unwrap();
        assert_eq!(
            first,
            Stored {
                interface: 0,
                time: 1_700_000_000_123_456_789,
                length: 99,
                is_out: Some(false),
                data: b"first".to_vec(),
            }
        );
        let second = file.next_packet().unwrap().unwrap();
        assert_eq!((second.interface, second.is_out), (1, Some(true)));
        assert_eq!(file.next_packet().unwrap(), None);
        let names: Vec<_> = file
            .interfaces
            .iter()
            .map(|one| (one.name.as_str(), one.link_type))
            .collect();
        assert_eq!(names, [("a:v0", 1), ("b:t0", 101)]);
    }

    #[test]
    fn a_file_that_was_cut_short_holds_what_is_whole() {
        let bytes = file();
        let mut file = File::open(&bytes[..bytes.len() - 3]).unwrap();
        assert!(file.next_packet().unwrap().is_some());
        assert_eq!(file.next_packet().unwrap(), None);
    }

    #[test]
    fn units_of_time_are_turned_into_nanoseconds() {
        assert_eq!([unit(6), unit(9), unit(12)], [(1000, 1), (1, 1), (1, 1000)]);
        assert_eq!(unit(0x8a), (1_000_000_000, 1024));
    }

    #[test]
    fn garbage_is_refused_and_survived() {
        let told = File::open(&b"#!/bin/sh\n"[..]).unwrap_err().to_string();
        assert_eq!(told, "it is not a file of pcapng");
        let bytes = file();
        for at in 0..bytes.len() {
            for value in [0, 0x7f, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] = value;
                if let Ok(mut file) = File::open(bytes.as_slice()) {
                    while let Ok(Some(_)) = file.next_packet() {}
                }
            }
        }
    }
}
