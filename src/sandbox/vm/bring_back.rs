//! Files that the guest has written below its work folder, put into ours, and those that it was asked to write.
//!
//! The guest is not trusted with names: only plain relative paths are taken, nothing hidden, and no symbolic link is
//! followed on the way. A path that the user named is taken as it is. A file appears whole or not at all.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2, renameat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::error::{Error, Kind, Result};
use crate::sandbox::failed;

/// More than a lab ever writes, less than would fill a disk.
const MOST: u64 = 1 << 30;

/// The work folder and the file that is on its way.
pub(super) struct Returns {
    folder: PathBuf,
    asked: Vec<PathBuf>,
    left: u64,
    current: Option<Arriving>,
    failure: Option<Error>,
}

enum Arriving {
    Draft(Draft),
    /// One that the user named: kept until it is whole, then written as the program would have on the host.
    Asked {
        path: PathBuf,
        content: Vec<u8>,
    },
}

/// A file of another name that takes its own when it is whole.
struct Draft {
    path: PathBuf,
    folder: OwnedFd,
    file: File,
    as_yet: OsString,
    name: OsString,
}

impl Returns {
    pub(super) fn into(folder: &Path, asked: &[PathBuf]) -> Self {
        Self {
            folder: folder.to_owned(),
            asked: asked.to_owned(),
            left: MOST,
            current: None,
            failure: None,
        }
    }

    /// A file begins.
    pub(super) fn begin(&mut self, path: &Path, mode: u32) {
        self.drop_current();
        if self.asked.iter().any(|asked| asked == path) {
            self.current = Some(Arriving::Asked {
                path: path.to_owned(),
                content: Vec::new(),
            });
            return;
        }
        match create(&self.folder, path, mode) {
            Ok(draft) => self.current = Some(Arriving::Draft(draft)),
            Err(error) => self.fail(error, path),
        }
    }

    /// A piece of it.
    pub(super) fn data(&mut self, bytes: &[u8]) {
        let Some(current) = &mut self.current else {
            return;
        };
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let outcome = match self.left.checked_sub(size) {
            Some(left) => {
                self.left = left;
                current.write(bytes).map_err(failed)
            }
            None => Err(Error::invalid("the guest has written more than 1 GiB")),
        };
        if let Err(error) = outcome {
            let path = current.path().to_owned();
            self.drop_current();
            self.fail(error, &path);
        }
    }

    /// It is complete, and takes its place.
    pub(super) fn end(&mut self) {
        let Some(current) = self.current.take() else {
            return;
        };
        if let Err(error) = current.finish() {
            current.discard();
            self.fail(error, current.path());
        }
    }

    /// What went wrong first, if anything did.
    pub(super) fn finish(mut self) -> Result<()> {
        self.drop_current();
        match self.failure.take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn fail(&mut self, error: Error, path: &Path) {
        let error =
            failed(error).doing("bring back from the micro-VM", &path.display().to_string());
        self.failure.get_or_insert(error);
    }

    fn drop_current(&mut self) {
        if let Some(current) = self.current.take() {
            current.discard();
        }
    }
}

impl Drop for Returns {
    fn drop(&mut self) {
        self.drop_current();
    }
}

impl Arriving {
    fn path(&self) -> &Path {
        match self {
            Self::Draft(draft) => &draft.path,
            Self::Asked { path, .. } => path,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Draft(draft) => draft.file.write_all(bytes),
            Self::Asked { content, .. } => content.write_all(bytes),
        }
    }

    fn finish(&self) -> Result<()> {
        match self {
            Self::Draft(draft) => renameat(
                &draft.folder,
                draft.as_yet.as_os_str(),
                &draft.folder,
                draft.name.as_os_str(),
            )
            .map_err(failed),
            Self::Asked { path, content } => std::fs::write(path, content).map_err(failed),
        }
    }

    fn discard(&self) {
        if let Self::Draft(draft) = self {
            let _ = unlinkat(
                &draft.folder,
                draft.as_yet.as_os_str(),
                UnlinkatFlags::NoRemoveDir,
            );
        }
    }
}

fn create(root: &Path, path: &Path, mode: u32) -> Result<Draft> {
    let mut names = plain_names(path).ok_or_else(|| {
        Error::new(
            Kind::Denied,
            "the guest may write plain visible files of its work folder only",
        )
    })?;
    let name = names
        .pop()
        .ok_or_else(|| Error::invalid("the file has no name"))?;
    let directory = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let mut folder = open(root, directory, Mode::empty())?;
    for name in names {
        match mkdirat(&folder, name.as_os_str(), Mode::from_bits_truncate(0o777)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
        folder = open_within(&folder, &name, directory, Mode::empty())?;
    }
    let mode = Mode::from_bits_truncate(if mode & 0o111 == 0 { 0o666 } else { 0o777 });
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
    for attempt in 0..100 {
        let draft = OsString::from(format!(".ipvsh-{}-{attempt}", std::process::id()));
        match open_within(&folder, &draft, flags, mode) {
            Ok(file) => {
                return Ok(Draft {
                    path: path.to_owned(),
                    folder,
                    file: file.into(),
                    as_yet: draft,
                    name,
                });
            }
            Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Err(Errno::EEXIST.into())
}

fn open_within(
    folder: impl AsFd,
    name: &OsString,
    flags: OFlag,
    mode: Mode,
) -> nix::Result<OwnedFd> {
    let how = OpenHow::new()
        .flags(flags)
        .mode(mode)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    openat2(folder, name.as_os_str(), how)
}

/// The steps of a path that goes only downwards and by visible names: a guest that could write `.git/hooks` or `.profile`
/// would soon run on the host.
fn plain_names(path: &Path) -> Option<Vec<OsString>> {
    path.components()
        .map(|step| match step {
            Component::Normal(name) if !name.as_bytes().starts_with(b".") => Some(name.to_owned()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn send(folder: &Path, path: &str, content: &[u8]) -> Result<()> {
        let mut returns = Returns::into(folder, &[]);
        returns.begin(Path::new(path), 0o755);
        returns.data(content);
        returns.end();
        returns.finish()
    }

    #[test]
    fn a_file_replaces_an_older_one_and_keeps_its_executable_bit() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("out"), "old and longer").unwrap();
        send(folder.path(), "out", b"new").unwrap();
        let path = folder.path().join("out");
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_ne!(fs::metadata(&path).unwrap().permissions().mode() & 0o100, 0);
    }

    #[test]
    fn folders_are_made_on_the_way() {
        let folder = tempfile::tempdir().unwrap();
        send(folder.path(), "a/b/c", b"deep").unwrap();
        assert_eq!(
            fs::read_to_string(folder.path().join("a/b/c")).unwrap(),
            "deep"
        );
    }

    #[test]
    fn names_that_lead_out_or_hide_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        for path in [
            "/etc/x",
            "../x",
            "a/../../x",
            ".profile",
            "a/.git/hooks/x",
            "",
        ] {
            assert!(send(folder.path(), path, b"").is_err(), "{path}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_the_user_named_is_written_wherever_it_lies_and_keeps_its_mode() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = elsewhere.path().join(".lab.sh");
        fs::write(&path, "older and longer").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let mut returns = Returns::into(folder.path(), std::slice::from_ref(&path));
        returns.begin(&path, 0o644);
        returns.data(b"ip link");
        returns.end();
        returns.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "ip link");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_link_on_the_way_is_not_followed_and_one_at_the_end_is_replaced() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        symlink(outside.path(), folder.path().join("out")).unwrap();
        assert!(send(folder.path(), "out/x", b"").is_err());
        symlink(outside.path().join("target"), folder.path().join("file")).unwrap();
        send(folder.path(), "file", b"mine").unwrap();
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
        assert!(
            folder
                .path()
                .join("file")
                .symlink_metadata()
                .unwrap()
                .is_file()
        );
    }

    #[test]
    fn a_transfer_that_breaks_off_leaves_the_old_file_and_no_rest() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("out"), "old").unwrap();
        let mut returns = Returns::into(folder.path(), &[]);
        returns.begin(Path::new("out"), 0o644);
        returns.data(b"half");
        drop(returns);
        assert_eq!(
            fs::read_to_string(folder.path().join("out")).unwrap(),
            "old"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
