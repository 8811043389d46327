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

    /// Reads all that the program writes, until it has ended.
    ///
    /// The pipe itself may be open for longer: all that the program has started and left behind has it, too.
    pub async fn read_until(self, ended: impl Future<Output = ()>) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        let mut buffer = vec![0; AT_ONCE];
        let mut ended = pin!(ended);
        loop {
            let mut ready = tokio::select! {
                biased;
                () = &mut ended => break,
                ready = self.0.readable() => ready?,
            };
            match ready.try_io(|pipe| Ok(rustix::io::read(pipe.get_ref(), &mut buffer)?)) {
                Ok(Ok(0)) => return Ok(all),
                Ok(Ok(length)) => all.extend_from_slice(&buffer[..length]),
                Ok(Err(error)) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Err(Error::io(&error)),
                // It was not ready after all.
                Err(_) => {}
            }
        }
        // What it wrote before its end is there by now; what comes later is of others.
        let most = all.len() + LARGEST;
        while let Ok(length @ 1..) = rustix::io::read(self.0.get_ref(), &mut buffer) {
            all.extend_from_slice(&buffer[..length]);
            if all.len() >= most {
                break;
            }
        }
        Ok(all)
    }
}
