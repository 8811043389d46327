//! A stream of TCP: pieces of 128 KiB as long as the kernel takes them, and the other end, which reads them.

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::{MsgFlags, recv, send};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create, sendfile};
use socket2::Socket;

use super::pace::Pace;
use super::work::{End, Ended, Tried, work};
use crate::error::{Error, Result};

/// How much is written at once.
const PIECE: usize = 128 << 10;

/// For how long a piece is at most, where there is a rate to keep.
const STEP: Duration = Duration::from_millis(2);

/// What is sent, over and over.
#[derive(Clone, Debug)]
pub(super) enum Data {
    /// Memory, which the kernel copies.
    Copied(Arc<[u8]>),
    /// Pages of a file in memory, which the kernel hands on as they are.
    Pages(Arc<OwnedFd>),
}

impl Data {
    /// Makes it ready.
    pub(super) fn new(zerocopy: bool) -> Result<Self> {
        if !zerocopy {
            return Ok(Self::Copied(vec![b'.'; PIECE].into()));
        }
        let cannot = |errno: rustix::io::Errno| {
            Error::sys(Errno::from_raw(errno.raw_os_error())).doing_plain("make a file in memory")
        };
        let file = memfd_create("throughput", MemfdFlags::CLOEXEC).map_err(cannot)?;
        ftruncate(&file, PIECE as u64).map_err(cannot)?;
        Ok(Self::Pages(Arc::new(file)))
    }

    fn send(&self, to: &Socket, bytes: usize) -> Result<usize, Errno> {
        match self {
            Self::Copied(data) => {
                let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
                send(to.as_raw_fd(), &data[..bytes], flags)
            }
            Self::Pages(file) => {
                let sent = sendfile(to, file, Some(&mut 0), bytes);
                sent.map_err(|errno| Errno::from_raw(errno.raw_os_error()))
            }
        }
    }
}

struct Lane {
    end: End,
    pace: Option<(Pace, usize)>,
}

/// Sends until `stop` is set. `rate` is that of each stream.
pub(super) fn sends(ends: Vec<End>, data: &Data, rate: Option<f64>, stop: &AtomicBool) -> Ended {
    let now = Instant::now();
    let lanes = ends.into_iter().map(|end| Lane {
        end,
        pace: rate.map(|rate| (Pace::new(rate, now), piece(rate))),
    });
    let attempt = |lane: &mut Lane| {
        let mut bytes = PIECE;
        if let Some((pace, least)) = &mut lane.pace {
            match pace.due(Instant::now(), *least) {
                Ok(due) => bytes = due.min(PIECE),
                Err(wait) => return Tried::Early(wait),
            }
        }
        match data.send(&lane.end.socket, bytes) {
            Ok(sent) => {
                if let Some((pace, _)) = &mut lane.pace {
                    pace.sent(sent);
                }
                Tried::Done
            }
            Err(Errno::EINTR) => Tried::Done,
            Err(Errno::EAGAIN) => Tried::NotReady,
            Err(errno) => Tried::Over(Some(errno)),
        }
    };
    let lanes = lanes.collect();
    work(
        lanes,
        PollFlags::POLLOUT,
        stop,
        |lane| &lane.end.socket,
        attempt,
    )
}

/// The pieces in which a rate goes.
fn piece(rate: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is positive, and what is too large ends at the largest"
    )]
    let bytes = (rate * STEP.as_secs_f64()) as usize;
    bytes.clamp(1, PIECE)
}

/// Reads until the other end closes or `stop` is set.
pub(super) fn receives(ends: Vec<End>, stop: &AtomicBool) -> Ended {
    let mut buffer = vec![0; PIECE];
    let attempt =
        |end: &mut End| match recv(end.socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
            Ok(0) => Tried::Over(None),
            Ok(bytes) => {
                end.tally.bytes.add(bytes);
                Tried::Done
            }
            Err(Errno::EINTR) => Tried::Done,
            Err(Errno::EAGAIN) => Tried::NotReady,
            Err(errno) => Tried::Over(Some(errno)),
        };
    work(ends, PollFlags::POLLIN, stop, |end| &end.socket, attempt)
}
