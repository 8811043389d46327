//! What a spawned process writes: a file, read line by line as it grows.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
use tokio::io::unix::AsyncFd;

use crate::error::{Error, Result};
use crate::net::process::readable;

/// The lines of a process, as far as they were read.
#[derive(Debug)]
pub struct Output {
    file: File,
    /// What stands behind the last line end.
    rest: Vec<u8>,
    lines: Vec<String>,
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
            rest: Vec::new(),
            lines: Vec::new(),
        })
    }

    /// Reads what is new. What has no line end yet is a line where nothing will follow.
    pub fn read(&mut self, is_over: bool) -> Result<&[String]> {
        self.file.read_to_end(&mut self.rest)?;
        let whole = self.rest.iter().rposition(|byte| *byte == b'\n');
        let whole: Vec<u8> = self.rest.drain(..whole.map_or(0, |end| end + 1)).collect();
        let text = String::from_utf8_lossy(&whole);
        self.lines.extend(text.lines().map(str::to_owned));
        if is_over && !self.rest.is_empty() {
            let last = std::mem::take(&mut self.rest);
            self.lines.push(String::from_utf8_lossy(&last).into_owned());
        }
        Ok(&self.lines)
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
