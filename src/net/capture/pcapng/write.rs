//! Writes pcapng: one section, in little-endian byte order.

use super::{
    BYTE_ORDER, COMMENT, DROPPED, END_OF_OPTIONS, FILTER, FLAGS, INTERFACE, NAME, NANOSECONDS,
    PACKET, PROGRAM, RECEIVED, RESOLUTION, SECTION, STATISTICS,
};
use crate::net::capture::{Counts, Direction, LinkType, Packet, Reception};

/// The options of a block.
#[derive(Default)]
struct Options(Vec<u8>);

impl Options {
    fn add(mut self, code: u16, value: &[u8]) -> Self {
        // What is longer than the format has room for is cut.
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.0.extend(code.to_le_bytes());
        self.0.extend(length.to_le_bytes());
        self.0.extend(&value[..usize::from(length)]);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    fn end(self) -> Vec<u8> {
        if self.0.is_empty() {
            return self.0;
        }
        self.add(END_OF_OPTIONS, &[]).0
    }
}

/// A block, whose length stands at both of its ends.
fn block(kind: u32, parts: &[&[u8]]) -> Vec<u8> {
    let body: usize = parts
        .iter()
        .map(|part| part.len().next_multiple_of(4))
        .sum();
    let length = u32::try_from(body + 12).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = Vec::with_capacity(body + 12);
    bytes.extend(kind.to_le_bytes());
    bytes.extend(length);
    for part in parts {
        bytes.extend(*part);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes.extend(length);
    bytes
}

/// The beginning of a file.
pub fn section(comment: Option<&str>) -> Vec<u8> {
    let mut body = BYTE_ORDER.to_le_bytes().to_vec();
    // Version 1.0; how long the section is to be is not known.
    body.extend([1, 0, 0, 0]);
    body.extend((-1_i64).to_le_bytes());
    let mut options = Options::default();
    if let Some(comment) = comment {
        options = options.add(COMMENT, comment.as_bytes());
    }
    let program = concat!("ipvsh ", env!("CARGO_PKG_VERSION"));
    let options = options.add(PROGRAM, program.as_bytes()).end();
    block(SECTION, &[&body, &options])
}

/// A link: those of a file are numbered from 0 in the order in which they are written.
pub fn interface(name: &str, link: LinkType, snaplen: u32, filter: &str) -> Vec<u8> {
    let mut body = link.number().to_le_bytes().to_vec();
    body.extend([0, 0]);
    body.extend(snaplen.to_le_bytes());
    let mut options = Options::default().add(NAME, name.as_bytes());
    options = options.add(RESOLUTION, &[NANOSECONDS]);
    if !filter.is_empty() {
        // The 0 says that it is a text.
        options = options.add(FILTER, &[&[0], filter.as_bytes()].concat());
    }
    block(INTERFACE, &[&body, &options.end()])
}

/// Moments are two words, the higher first.
fn moment(time: u64) -> [u8; 8] {
    let mut bytes = [0; 8];
    let words = time.to_le_bytes();
    bytes[..4].copy_from_slice(&words[4..]);
    bytes[4..].copy_from_slice(&words[..4]);
    bytes
}

/// A packet of the link of that number, behind what `into` has: many come in a second.
pub fn packet(packet: &Packet, into: &mut Vec<u8>) {
    /// A block without the bytes of its packet: kind, length, head, flags, end of options, length.
    const AROUND: usize = 8 + 20 + 8 + 4 + 4;
    let word = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    let direction = match packet.direction {
        Direction::In => 1_u32,
        Direction::Out => 2,
    };
    let reception = match packet.reception {
        Reception::Unknown => 0,
        Reception::Unicast => 1,
        Reception::Multicast => 2,
        Reception::Broadcast => 3,
        Reception::Others => 4,
    };
    let flags = direction | reception << 2;
    let kept = packet.data.len();
    let filled = kept.next_multiple_of(4);
    let length = word(AROUND + filled);
    into.reserve(AROUND + filled);
    into.extend(PACKET.to_le_bytes());
    into.extend(length);
    into.extend(word(packet.link));
    into.extend(moment(packet.time));
    into.extend(word(kept));
    into.extend(packet.length.to_le_bytes());
    into.extend(&packet.data);
    into.extend(&[0; 3][..filled - kept]);
    into.extend(FLAGS.to_le_bytes());
    into.extend(4_u16.to_le_bytes());
    into.extend(flags.to_le_bytes());
    into.extend(END_OF_OPTIONS.to_le_bytes());
    into.extend(0_u16.to_le_bytes());
    into.extend(length);
}

/// What the kernel counted on a link: what was received, and how much of that was dropped for want of room.
pub fn statistics(link: usize, time: u64, counts: Counts) -> Vec<u8> {
    let mut body = u32::try_from(link)
        .unwrap_or(u32::MAX)
        .to_le_bytes()
        .to_vec();
    body.extend(moment(time));
    let options = Options::default()
        .add(RECEIVED, &counts.received.to_le_bytes())
        .add(DROPPED, &counts.dropped.to_le_bytes());
    block(STATISTICS, &[&body, &options.end()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(sent: &Packet) -> Vec<u8> {
        let mut block = Vec::new();
        packet(sent, &mut block);
        block
    }

    fn hex(bytes: &[u8]) -> String {
        let words = bytes.chunks(4);
        let words = words.map(|word| {
            word.iter()
                .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
        });
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn an_interface_has_its_name_its_resolution_and_its_filter() {
        assert_eq!(
            hex(&interface("a:v0", LinkType::Ethernet, 262_144, "icmp")),
            "01000000 34000000 01000000 00000400 02000400 613a7630 09000100 09000000 0b000500 0069636d 70000000 00000000 34000000"
        );
        let raw = interface("a:t0", LinkType::Raw, 96, "");
        assert_eq!(hex(&raw[8..16]), "65000000 60000000");
    }

    #[test]
    fn a_packet_is_padded_and_says_where_it_went() {
        let sent = Packet {
            link: 1,
            time: 0x0102_0304_0506_0708,
            length: 60,
            direction: Direction::Out,
            reception: Reception::Unknown,
            data: vec![0xaa; 5],
        };
        assert_eq!(
            hex(&one(&sent)),
            "06000000 34000000 01000000 04030201 08070605 05000000 3c000000 aaaaaaaa aa000000 02000400 02000000 00000000 34000000"
        );
        let received = Packet {
            direction: Direction::In,
            reception: Reception::Broadcast,
            ..sent
        };
        assert_eq!(hex(&one(&received)[36..40]), "02000400");
        assert_eq!(hex(&one(&received)[40..44]), "0d000000");
    }

    #[test]
    fn a_section_says_who_wrote_it_and_the_statistics_what_was_dropped() {
        let bytes = section(Some("lab.rhai:3"));
        assert_eq!(hex(&bytes[..4]), "0a0d0d0a");
        assert_eq!(
            bytes[4..8],
            u32::try_from(bytes.len()).unwrap().to_le_bytes()
        );
        assert_eq!(hex(&bytes[8..24]), "4d3c2b1a 01000000 ffffffff ffffffff");
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("lab.rhai:3") && text.contains("ipvsh "));
        let counts = Counts {
            received: 7,
            dropped: 2,
        };
        assert_eq!(
            hex(&statistics(1, 5, counts)),
            "05000000 34000000 01000000 00000000 05000000 04000800 07000000 00000000 05000800 02000000 00000000 00000000 34000000"
        );
    }
}
