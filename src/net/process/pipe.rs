//! What a program writes into a pipe, for as long as the program lives.

use std::future::Future;
use std::os::fd::OwnedFd;
use std::pin::pin;

use tokio::io::unix::AsyncFd;

use crate::error::{Error, Result};
use crate::net::process::readable;

/// How much is read at once: as much as a pipe holds, unless somebody has made it larger.
const AT_ONCE: usize = 64 << 10;

/// The most that a pipe can be made to hold by those who are not root.
const LARGEST: usize = 1 << 20;

/// The end of a pipe that is read.
#[derive(Debug)]
pub struct Pipe(AsyncFd<OwnedFd>);

impl Pipe {
    /// Reads from `end`.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime that has I/O enabled.
    pub fn new(end: OwnedFd) -> Result<Self> {
        rustix::io::ioctl_fionbio(&end, true).map_err(|errno| Error::io(&errno.into()))?;
        readable(end).map(Self)
    }

    /// Reads what the program writes, until it has ended, and keeps the first `most` bytes.
    ///
    /// `seen` gets each part as it comes. The pipe itself may be open for longer: all that the program has started and left behind
    /// has it, too.
    pub async fn read_until(
        self,
        ended: impl Future<Output = ()>,
        most: usize,
        mut seen: impl FnMut(&[u8]),
    ) -> Result<Written> {
        let mut written = Written::default();
        let mut buffer = vec![0; AT_ONCE];
        let mut ended = pin!(ended);
        loop {
            let mut ready = tokio::select! {
                biased;
                () = &mut ended => break,
                ready = self.0.readable() => ready?,
            };
            match ready.try_io(|pipe| Ok(rustix::io::read(pipe.get_ref(), &mut buffer)?)) {
                Ok(Ok(0)) => return Ok(written),
                Ok(Ok(length)) => {
                    seen(&buffer[..length]);
                    written.take(&buffer[..length], most);
                }
                Ok(Err(error)) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Err(Error::io(&error)),
                // It was not ready after all.
                Err(_) => {}
            }
        }
        // What it wrote before its end is there by now; what comes later is of others.
        let mut left = LARGEST;
        while let Ok(length @ 1..) = rustix::io::read(self.0.get_ref(), &mut buffer) {
            seen(&buffer[..length]);
            written.take(&buffer[..length], most);
            left = left.saturating_sub(length);
            if left == 0 {
                break;
            }
        }
        Ok(written)
    }
}

/// What a program has written.
#[derive(Debug, Default)]
pub struct Written {
    /// The beginning, as much of it as is kept.
    pub kept: Vec<u8>,
    /// How many bytes came behind that.
    pub dropped: u64,
}

impl Written {
    fn take(&mut self, bytes: &[u8], most: usize) {
        let (kept, dropped) = bytes.split_at(bytes.len().min(most.saturating_sub(self.kept.len())));
        self.kept.extend_from_slice(kept);
        self.dropped += dropped.len() as u64;
    }
}
