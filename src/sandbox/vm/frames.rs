//! What host and guest say to each other over their one pipe: typed frames, a kind, a length and a payload each.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// More than any frame of ours carries: a longer one is nonsense from the other side.
const LONGEST: usize = 1 << 20;

/// A kind and a length.
const HEAD: usize = 5;

/// The piece of a stream or a file that is sent in one frame.
pub(super) const PIECE: usize = 64 << 10;

/// One of the two streams that a program writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// Standard output, or the terminal.
    Out,
    /// Standard error.
    Err,
}

/// Rows and columns of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) rows: u16,
    pub(super) columns: u16,
}

/// How the program in the guest is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wiring {
    /// The size of its terminal, if it gets one instead of pipes.
    pub(super) terminal: Option<Size>,
    /// Whether standard error has a pipe of its own although there is a terminal.
    pub(super) stderr_apart: bool,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Guest: up and ready, with the release of its kernel.
    Hello(String),
    /// Guest: still alive.
    Beat,
    /// Guest: the program wrote this.
    Output(Stream, Vec<u8>),
    /// Guest: the program has taken so many bytes of its input.
    Took(u32),
    /// Guest: a file follows, with its mode and its path: relative to the work folder, or one that the host asked for.
    File { mode: u32, path: PathBuf },
    /// Guest: a piece of that file.
    FileData(Vec<u8>),
    /// Guest: that file is complete.
    FileEnd,
    /// Guest: the program could not be started, with the errno.
    Failed(i32),
    /// Guest: the program has ended, and all else has been said.
    Exit(u8),
    /// Host: start the program.
    Go(Wiring),
    /// Host: input for the program.
    Input(Vec<u8>),
    /// Host: the input is at its end.
    InputEnd,
    /// Host: the terminal has another size now.
    Resize(Size),
    /// Host: a signal for the program.
    Signal(i32),
    /// Host: nobody reads this stream any more.
    Closed(Stream),
}

impl Frame {
    /// Sends the frame in one write.
    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(HEAD + self.bulk().len());
        bytes.extend_from_slice(&[0; HEAD]);
        bytes[0] = self.encode(&mut bytes);
        let length = u32::try_from(bytes.len() - HEAD).map_err(|_| nonsense("a frame too long"))?;
        bytes[1..HEAD].copy_from_slice(&length.to_le_bytes());
        to.write_all(&bytes)?;
        to.flush()
    }

    /// Waits for the next frame. `None` where the other side has closed the pipe between two frames.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let mut kind = [0; 1];
        loop {
            match from.read(&mut kind) {
                Ok(0) => return Ok(None),
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let mut length = [0; 4];
        from.read_exact(&mut length)?;
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        if length > LONGEST {
            return Err(nonsense("a frame too long"));
        }
        let mut payload = vec![0; length];
        from.read_exact(&mut payload)?;
        Self::decode(kind[0], payload).map(Some)
    }

    /// What the frame carries of a stream or a file.
    fn bulk(&self) -> &[u8] {
        match self {
            Self::Output(_, bytes) | Self::FileData(bytes) | Self::Input(bytes) => bytes,
            _ => &[],
        }
    }

    /// Appends the payload and gives the kind.
    fn encode(&self, to: &mut Vec<u8>) -> u8 {
        match self {
            Self::Hello(release) => {
                to.extend_from_slice(release.as_bytes());
                b'h'
            }
            Self::Beat => b'b',
            Self::Took(count) => {
                to.extend_from_slice(&count.to_le_bytes());
                b't'
            }
            Self::File { mode, path } => {
                to.extend_from_slice(&mode.to_le_bytes());
                to.extend_from_slice(path.as_os_str().as_bytes());
                b'f'
            }
            Self::FileEnd => b'c',
            Self::Failed(errno) => {
                to.extend_from_slice(&errno.to_le_bytes());
                b'n'
            }
            Self::Exit(code) => {
                to.push(*code);
                b'x'
            }
            Self::Go(wiring) => {
                to.push(u8::from(wiring.stderr_apart));
                to.extend(wiring.terminal.iter().flat_map(|size| size.encode()));
                b'g'
            }
            Self::InputEnd => b'z',
            Self::Resize(size) => {
                to.extend_from_slice(&size.encode());
                b'w'
            }
            Self::Signal(number) => {
                to.extend_from_slice(&number.to_le_bytes());
                b's'
            }
            Self::Closed(stream) => {
                to.push(if *stream == Stream::Out { 1 } else { 2 });
                b'p'
            }
            Self::Output(stream, bytes) => {
                to.extend_from_slice(bytes);
                if *stream == Stream::Out { b'o' } else { b'e' }
            }
            Self::FileData(bytes) => {
                to.extend_from_slice(bytes);
                b'd'
            }
            Self::Input(bytes) => {
                to.extend_from_slice(bytes);
                b'i'
            }
        }
    }

    fn decode(kind: u8, payload: Vec<u8>) -> io::Result<Self> {
        Ok(match (kind, payload.as_slice()) {
            (b'h', text) => Self::Hello(String::from_utf8_lossy(text).into_owned()),
            (b'b', []) => Self::Beat,
            (b'o', _) => Self::Output(Stream::Out, payload),
            (b'e', _) => Self::Output(Stream::Err, payload),
            (b't', &[a, b, c, d]) => Self::Took(u32::from_le_bytes([a, b, c, d])),
            (b'f', &[a, b, c, d, ref path @ ..]) => Self::File {
                mode: u32::from_le_bytes([a, b, c, d]),
                path: OsString::from_vec(path.to_vec()).into(),
            },
            (b'd', _) => Self::FileData(payload),
            (b'c', []) => Self::FileEnd,
            (b'n', &[a, b, c, d]) => Self::Failed(i32::from_le_bytes([a, b, c, d])),
            (b'x', &[code]) => Self::Exit(code),
            (b'g', &[apart]) => Self::Go(Wiring {
                terminal: None,
                stderr_apart: apart != 0,
            }),
            (b'g', &[apart, a, b, c, d]) => Self::Go(Wiring {
                terminal: Some(Size::decode([a, b, c, d])),
                stderr_apart: apart != 0,
            }),
            (b'i', _) => Self::Input(payload),
            (b'z', []) => Self::InputEnd,
            (b'w', &[a, b, c, d]) => Self::Resize(Size::decode([a, b, c, d])),
            (b's', &[a, b, c, d]) => Self::Signal(i32::from_le_bytes([a, b, c, d])),
            (b'p', [1]) => Self::Closed(Stream::Out),
            (b'p', [2]) => Self::Closed(Stream::Err),
            _ => return Err(nonsense("a frame of no known kind")),
        })
    }
}

impl Size {
    fn encode(self) -> [u8; 4] {
        let ([a, b], [c, d]) = (self.rows.to_le_bytes(), self.columns.to_le_bytes());
        [a, b, c, d]
    }

    fn decode([a, b, c, d]: [u8; 4]) -> Self {
        Self {
            rows: u16::from_le_bytes([a, b]),
            columns: u16::from_le_bytes([c, d]),
        }
    }
}

fn nonsense(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    #[test]
    fn every_frame_arrives_as_it_was_sent() {
        let size = Size {
            rows: 24,
            columns: 300,
        };
        let frames = [
            Frame::Hello("6.12.0".to_owned()),
            Frame::Beat,
            Frame::Output(Stream::Out, b"out".to_vec()),
            Frame::Output(Stream::Err, Vec::new()),
            Frame::Took(70_000),
            Frame::File {
                mode: 0o755,
                path: PathBuf::from("a/b"),
            },
            Frame::FileData(vec![0; PIECE]),
            Frame::FileEnd,
            Frame::Failed(2),
            Frame::Exit(130),
            Frame::Go(Wiring {
                terminal: None,
                stderr_apart: true,
            }),
            Frame::Go(Wiring {
                terminal: Some(size),
                stderr_apart: false,
            }),
            Frame::Input(b"in".to_vec()),
            Frame::InputEnd,
            Frame::Resize(size),
            Frame::Signal(15),
            Frame::Closed(Stream::Out),
            Frame::Closed(Stream::Err),
        ];
        let mut pipe = Vec::new();
        for frame in &frames {
            frame.write(&mut pipe).unwrap();
        }
        let mut pipe = pipe.as_slice();
        for frame in frames {
            assert_eq!(Frame::read(&mut pipe).unwrap(), Some(frame));
        }
        assert_eq!(Frame::read(&mut pipe).unwrap(), None);
    }

    /// Hands out what there is in pieces of one to seven bytes, and counts what it is asked for at once.
    struct Drip<'a> {
        bytes: &'a [u8],
        most_asked: usize,
    }

    impl Read for Drip<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            self.most_asked = self.most_asked.max(to.len());
            let count = to.len().min(self.bytes.len()).min(1 + self.bytes.len() % 7);
            let (now, later) = self.bytes.split_at(count);
            to[..count].copy_from_slice(now);
            self.bytes = later;
            Ok(count)
        }
    }

    /// What a hostile guest may say: frames of known and unknown kinds with the length that they have, another one, or cut short.
    fn nonsense_frame() -> impl Strategy<Value = Vec<u8>> {
        let kind = prop_oneof![select(b"hboetfdcnxgizwsp".to_vec()), any::<u8>(),];
        let length = prop_oneof![
            4 => Just(None),
            1 => any::<u32>().prop_map(Some),
            1 => (0_u32..64).prop_map(Some),
        ];
        (kind, length, vec(any::<u8>(), 0..40), any::<bool>()).prop_map(
            |(kind, length, payload, is_cut)| {
                let length = length.unwrap_or(u32::try_from(payload.len()).unwrap());
                let mut bytes = [&[kind], &length.to_le_bytes()[..], &payload].concat();
                if is_cut {
                    bytes.truncate(bytes.len() / 2);
                }
                bytes
            },
        )
    }

    proptest! {
        #[test]
        fn whatever_the_other_side_says_is_a_frame_or_an_error(
            said in vec(nonsense_frame(), 0..20).prop_map(|frames| frames.concat()),
        ) {
            let mut from = Drip { bytes: &said, most_asked: 0 };
            let mut frames = Vec::new();
            let end = loop {
                match Frame::read(&mut from) {
                    Ok(Some(frame)) => frames.push(frame),
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
            };
            prop_assert!(from.most_asked <= LONGEST);
            match end {
                None => prop_assert_eq!(from.bytes.len(), 0),
                Some(error) => {
                    let known = [
                        "a frame too long",
                        "a frame of no known kind",
                        "failed to fill whole buffer",
                    ];
                    let text = error.to_string();
                    prop_assert!(known.contains(&text.as_str()), "{}", text);
                }
            }
            // Of the bytes that each frame takes, none is read twice.
            prop_assert!(frames.len() * HEAD <= said.len());
        }
    }

    #[test]
    fn a_frame_cut_short_is_an_error_and_not_an_end() {
        let error = Frame::read(&mut [b'o', 4, 0, 0, 0, b'x'].as_slice()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_length_beyond_all_measure_is_refused_before_memory_is_taken() {
        let error = Frame::read(&mut [b'o', 255, 255, 255, 255].as_slice()).unwrap_err();
        assert_eq!(error.to_string(), "a frame too long");
    }

    #[test]
    fn a_kind_unheard_of_is_refused() {
        let error = Frame::read(&mut [b'?', 0, 0, 0, 0].as_slice()).unwrap_err();
        assert_eq!(error.to_string(), "a frame of no known kind");
    }
}
