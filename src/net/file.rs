//! Files that a user names: read whole, and never waited for.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use crate::error::{Error, Kind, Result};

/// The most that is read of one file.
const MOST: u64 = 256 << 20;

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
    fn what_has_no_end_is_given_up() {
        assert_eq!(
            read_from(&mut io::repeat(0)).unwrap_err().to_string(),
            "it is larger than 256 MiB"
        );
    }
}
