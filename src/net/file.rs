//! Files that a user names: read whole, written whole, and never waited for.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::error::{Error, Kind, Result};

/// The most that is read of one file.
const MOST: u64 = 256 << 20;

/// How long a pipe waits for somebody who reads it.
const READER: Duration = Duration::from_secs(2);

/// Reads the file at `path` whole.
///
/// What is no file fails with `invalid` at once: from a pipe nothing may ever come, and a device may have no end. A pipe that
/// the shell has opened for this process, as `<(command)` does, is read to its end.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let meta = fs::metadata(path).map_err(|error| Error::io(&error))?;
    if is_handed_over(path) && !meta.is_dir() {
        let mut file = File::open(path).map_err(|error| Error::io(&error))?;
        return read_from(&mut file);
    }
    check(&meta)?;
    // Between the two looks it may have become a pipe, which would be waited for.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path);
    let mut file = file.map_err(|error| Error::io(&error))?;
    check(&file.metadata()?)?;
    read_from(&mut file)
}

/// Writes the file at `path` anew; one that is not there is made with this `mode`.
///
/// A pipe that nobody reads is an error: it would be waited for without end.
pub fn write(path: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
    let mut file = open_to_write(path, mode)?;
    let mut left = bytes;
    while !left.is_empty() {
        match file.write(left) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => left = left.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => wait_for_reader(&file)?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Opens the file at `path` to be written anew, as [`write`] does.
pub fn create(path: &Path) -> io::Result<File> {
    let file = open_to_write(path, 0o666)?;
    let flags = OFlag::from_bits_retain(fcntl(&file, FcntlArg::F_GETFL)?);
    fcntl(&file, FcntlArg::F_SETFL(flags - OFlag::O_NONBLOCK))?;
    Ok(file)
}

fn open_to_write(path: &Path, mode: u32) -> io::Result<File> {
    let begin = Instant::now();
    loop {
        let opened = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
            .open(path);
        let is_unread = matches!(&opened, Err(error)
            if error.raw_os_error() == Some(libc::ENXIO))
            && fs::metadata(path).is_ok_and(|meta| meta.file_type().is_fifo());
        if !is_unread {
            return opened;
        }
        if begin.elapsed() > READER {
            return Err(io::Error::other("it is a pipe that nobody reads"));
        }
        // The kernel tells nobody when a reader comes.
        thread::sleep(Duration::from_millis(10));
    }
}

fn wait_for_reader(file: &File) -> io::Result<()> {
    let mut files = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
    let most = PollTimeout::try_from(READER).unwrap_or(PollTimeout::ZERO);
    match poll(&mut files, most) {
        Ok(0) => Err(io::Error::other("it is a pipe whose reader reads nothing")),
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Reads to the end, which has to come before it is very much.
pub fn read_from(source: &mut impl Read) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = source.take(MOST + 1).read_to_end(&mut bytes);
    read.map_err(|error: io::Error| Error::io(&error))?;
    if bytes.len() as u64 > MOST {
        return Err(Error::invalid(format!(
            "it is larger than {} MiB",
            MOST >> 20
        )));
    }
    Ok(bytes)
}

/// Makes sure that it is a file.
pub fn check(meta: &Metadata) -> Result<()> {
    let kind = meta.file_type();
    let what = if kind.is_file() {
        return Ok(());
    } else if kind.is_dir() {
        // The errno by which others know it.
        return Err(Error::sys(nix::errno::Errno::EISDIR)
            .kind(Kind::Invalid)
            .cause("it is a directory"));
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    Err(Error::invalid(format!("it is {what}, not a file")))
}

/// Whether the path is that of a descriptor which this process was started with.
fn is_handed_over(path: &Path) -> bool {
    path.starts_with("/dev/fd")
        || path.starts_with("/proc/self/fd")
        || path == Path::new("/dev/stdin")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &Path) -> String {
        read(path).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(refusal(&pipe), "it is a pipe, not a file");
        assert_eq!(
            refusal(Path::new("/dev/zero")),
            "it is a device, not a file"
        );
        assert_eq!(refusal(folder.path()), "it is a directory");
        let text = folder.path().join("text");
        fs::write(&text, "text").unwrap();
        assert_eq!(read(&text).unwrap(), b"text");
    }

    #[test]
    fn a_pipe_that_nobody_reads_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let unread = "it is a pipe that nobody reads";
        let refused = write(&pipe, 0o666, b"text").unwrap_err();
        assert_eq!(refused.to_string(), unread);
        assert_eq!(create(&pipe).unwrap_err().to_string(), unread);
        let reader = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(&pipe);
        let mut reader = reader.unwrap();
        let refused = write(&pipe, 0o666, &vec![0; 1 << 20]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "it is a pipe whose reader reads nothing"
        );
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).unwrap();
        write(&pipe, 0o666, b"text").unwrap();
        let mut text = Vec::new();
        reader.read_to_end(&mut text).unwrap();
        assert_eq!(text, b"text");
    }

    #[test]
    fn what_has_no_end_is_given_up() {
        assert_eq!(
            read_from(&mut io::repeat(0)).unwrap_err().to_string(),
            "it is larger than 256 MiB"
        );
    }
}
