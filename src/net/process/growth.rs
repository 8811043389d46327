//! Tells that a file has grown, as the kernel tells of it.

use std::cell::RefCell;
use std::os::fd::{OwnedFd, RawFd};
use std::rc::Rc;

use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init, remove_watch};
use tokio::io::unix::AsyncFd;

use crate::error::{Error, Result};
use crate::net::process::readable;

thread_local! {
    /// What the kernel tells by. One for all: a user may have few, and to close one takes milliseconds.
    static TELLER: RefCell<Option<Rc<OwnedFd>>> = const { RefCell::new(None) };
}

/// Tells that a file has grown, or that nobody writes to it any more.
#[derive(Debug)]
pub struct Growth {
    teller: Rc<OwnedFd>,
    news: AsyncFd<OwnedFd>,
    watch: i32,
}

impl Growth {
    pub(super) fn of(file: RawFd) -> Result<Self> {
        let io = |errno: rustix::io::Errno| Error::io(&errno.into());
        let teller = TELLER.with_borrow_mut(|teller| {
            if let Some(teller) = teller {
                return Ok(teller.clone());
            }
            let flags = CreateFlags::CLOEXEC | CreateFlags::NONBLOCK;
            let new = Rc::new(init(flags).map_err(io)?);
            Ok::<_, Error>(teller.insert(new).clone())
        })?;
        let flags = WatchFlags::MODIFY | WatchFlags::CLOSE_WRITE;
        let watch = add_watch(&teller, format!("/proc/self/fd/{file}"), flags).map_err(io)?;
        let news = readable(teller.try_clone()?)?;
        Ok(Self {
            teller,
            news,
            watch,
        })
    }

    /// Waits until it has grown since the last time.
    pub async fn wait(&self) -> Result<()> {
        let mut ready = self.news.readable().await?;
        let mut events = [0; 4096];
        while rustix::io::read(&self.teller, &mut events).is_ok_and(|length| length > 0) {}
        ready.clear_ready();
        Ok(())
    }
}

impl Drop for Growth {
    fn drop(&mut self) {
        // Gone already where the file is.
        let _ = remove_watch(&self.teller, self.watch);
    }
}
