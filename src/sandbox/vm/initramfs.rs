//! The guest's root file system: a `newc` cpio archive, uncompressed, as that is what a kernel unpacks quickest.
//!
//! The format is described in the kernel's Documentation/driver-api/early-userspace/buffer-format.rst. Archives
//! can be written one behind the other.

use std::collections::{HashSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;

use crate::error::Result;
use crate::sandbox::failed;

/// As many symbolic links as the kernel follows on the way to a file.
const MOST_LINKS: usize = 40;

/// An archive in the making.
#[derive(Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    entries: u32,
    present: HashSet<PathBuf>,
    /// The folder in which everybody may make files, and in those below.
    open: Option<PathBuf>,
}

impl Archive {
    /// Lets everybody make files in `folder` and below, as root of a sandbox within is somebody else: this file system maps no owners.
    pub(super) fn open(&mut self, folder: &Path) {
        self.open = Some(folder.to_owned());
    }

    /// Adds a folder and those above it.
    pub(super) fn folder(&mut self, path: &Path) {
        self.parents(path);
        if path.file_name().is_some() && self.present.insert(path.to_owned()) {
            let is_open = self
                .open
                .as_ref()
                .is_some_and(|open| path.starts_with(open));
            let mode = if is_open { 0o041_777 } else { 0o040_755 };
            self.entry(path, mode, &[], (0, 0));
        }
    }

    /// Adds a file. What is at that path already stays.
    pub(super) fn file(&mut self, path: &Path, mode: u32, content: &[u8]) {
        self.parents(path);
        if self.present.insert(path.to_owned()) {
            self.entry(path, 0o100_000 | (mode & 0o777), content, (0, 0));
        }
    }

    /// Adds a symbolic link. What is at that path already stays.
    pub(super) fn link(&mut self, path: &Path, target: &Path) {
        self.parents(path);
        if self.present.insert(path.to_owned()) {
            self.entry(path, 0o120_777, target.as_os_str().as_bytes(), (0, 0));
        }
    }

    /// Adds a character device.
    pub(super) fn device(&mut self, path: &Path, major: u32, minor: u32) {
        self.parents(path);
        if self.present.insert(path.to_owned()) {
            self.entry(path, 0o020_600, &[], (major, minor));
        }
    }

    /// Adds a file or a folder of the host at its own path, with every symbolic link on the way to it.
    pub(super) fn pack(&mut self, path: &Path) -> Result<()> {
        self.pack_from(Path::new("/"), path)
            .map_err(|error| failed(error).doing("pack", &path.display().to_string()))
    }

    /// The same with another folder in the part of `/`.
    fn pack_from(&mut self, root: &Path, path: &Path) -> std::io::Result<()> {
        let mut at = PathBuf::from("/");
        let mut ahead = names(path);
        let mut links = 0;
        while let Some(name) = ahead.pop_front() {
            if name == ".." {
                at.pop();
                continue;
            }
            let here = at.join(&name);
            let on_host = root.join(here.strip_prefix("/").unwrap_or(&here));
            let meta = fs::symlink_metadata(&on_host)?;
            if meta.is_symlink() {
                links += 1;
                if links > MOST_LINKS {
                    return Err(Errno::ELOOP.into());
                }
                let target = fs::read_link(&on_host)?;
                self.link(&here, &target);
                if target.is_absolute() {
                    at = PathBuf::from("/");
                }
                for name in names(&target).into_iter().rev() {
                    ahead.push_front(name);
                }
                continue;
            }
            if meta.is_file() && ahead.is_empty() {
                self.file(&here, meta.permissions().mode(), &fs::read(&on_host)?);
            } else if meta.is_dir() {
                self.folder(&here);
            } else {
                return Err(if meta.is_file() {
                    Errno::ENOTDIR
                } else {
                    Errno::EINVAL
                }
                .into());
            }
            at = here;
        }
        Ok(())
    }

    /// The finished archive.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.entry(Path::new("/TRAILER!!!"), 0, &[], (0, 0));
        self.bytes
    }

    fn parents(&mut self, path: &Path) {
        if let Some(parent) = path.parent()
            && !self.present.contains(parent)
        {
            self.folder(parent);
        }
    }

    fn entry(&mut self, path: &Path, mode: u32, content: &[u8], device: (u32, u32)) {
        let name = path
            .strip_prefix("/")
            .unwrap_or(path)
            .as_os_str()
            .as_bytes();
        self.entries += 1;
        // A file of 4 GiB fits neither the format nor the guest.
        let size = u32::try_from(content.len()).unwrap_or(u32::MAX);
        let name_size = u32::try_from(name.len() + 1).unwrap_or(u32::MAX);
        let (uid, gid, links, time, check) = (0, 0, 1, 0, 0);
        let on = (0, 0);
        self.bytes.extend_from_slice(b"070701");
        for field in [
            self.entries,
            mode,
            uid,
            gid,
            links,
            time,
            size,
            on.0,
            on.1,
            device.0,
            device.1,
            name_size,
            check,
        ] {
            self.bytes
                .extend_from_slice(format!("{field:08X}").as_bytes());
        }
        self.bytes.extend_from_slice(name);
        self.bytes.push(0);
        self.align();
        self.bytes.extend_from_slice(content);
        self.align();
    }

    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

/// The steps of a path, without the root and without those that stay in place.
fn names(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|step| match step {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some(OsString::from("..")),
            _ => None,
        })
        .collect()
}

/// Strings that hold no zero byte themselves, written to one file.
pub(super) fn join<T: AsRef<OsStr>>(strings: impl IntoIterator<Item = T>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for string in strings {
        bytes.extend_from_slice(string.as_ref().as_bytes());
        bytes.push(0);
    }
    bytes
}

/// The strings that [`join`] wrote.
pub(super) fn split(bytes: &[u8]) -> Vec<OsString> {
    bytes
        .split_inclusive(|byte| *byte == 0)
        .map(|string| OsString::from_vec(string.strip_suffix(&[0]).unwrap_or(string).to_vec()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Reads an archive back: path, mode in octal, content.
    fn read(mut bytes: &[u8]) -> Vec<(String, String, String)> {
        let mut entries = Vec::new();
        loop {
            let field = |n: usize| {
                let text = std::str::from_utf8(&bytes[6 + 8 * n..14 + 8 * n]).unwrap();
                usize::from_str_radix(text, 16).unwrap()
            };
            assert_eq!(&bytes[..6], b"070701");
            let (mode, size, name_size) = (field(1), field(6), field(11));
            let name = String::from_utf8(bytes[110..110 + name_size - 1].to_vec()).unwrap();
            let start = (110 + name_size).next_multiple_of(4);
            let content = String::from_utf8_lossy(&bytes[start..start + size]).into_owned();
            if name == "TRAILER!!!" {
                return entries;
            }
            entries.push((name, format!("{mode:o}"), content));
            bytes = &bytes[(start + size).next_multiple_of(4)..];
        }
    }

    fn entry(path: &str, mode: &str, content: &str) -> (String, String, String) {
        (path.to_owned(), mode.to_owned(), content.to_owned())
    }

    #[test]
    fn folders_come_before_what_lies_in_them_and_only_once() {
        let mut archive = Archive::default();
        archive.file(Path::new("/a/b/one"), 0o755, b"1");
        archive.file(Path::new("/a/b/two"), 0o100_644, b"22222");
        archive.file(Path::new("/a/b/one"), 0o600, b"other");
        assert_eq!(
            read(&archive.finish()),
            [
                entry("a", "40755", ""),
                entry("a/b", "40755", ""),
                entry("a/b/one", "100755", "1"),
                entry("a/b/two", "100644", "22222"),
            ]
        );
    }

    #[test]
    fn everybody_may_write_to_the_work_folder_and_below() {
        let mut archive = Archive::default();
        archive.open(Path::new("/a/b"));
        archive.file(Path::new("/a/b/c/one"), 0o644, b"1");
        let folders = read(&archive.finish());
        let modes: Vec<&str> = folders.iter().map(|(_, mode, _)| mode.as_str()).collect();
        assert_eq!(modes, ["40755", "41777", "41777", "100644"]);
    }

    #[test]
    fn a_packed_file_brings_the_links_on_its_way() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("usr/lib/x")).unwrap();
        fs::write(root.path().join("usr/lib/x/lib.so.1.2"), "elf").unwrap();
        symlink("usr/lib", root.path().join("lib")).unwrap();
        symlink("../x/lib.so.1.2", root.path().join("usr/lib/x/lib.so.1")).unwrap();
        let mut archive = Archive::default();
        archive
            .pack_from(root.path(), Path::new("/lib/x/lib.so.1"))
            .unwrap();
        assert_eq!(
            read(&archive.finish()),
            [
                entry("lib", "120777", "usr/lib"),
                entry("usr", "40755", ""),
                entry("usr/lib", "40755", ""),
                entry("usr/lib/x", "40755", ""),
                entry("usr/lib/x/lib.so.1", "120777", "../x/lib.so.1.2"),
                entry("usr/lib/x/lib.so.1.2", "100644", "elf"),
            ]
        );
    }

    #[test]
    fn links_in_a_circle_are_an_error() {
        let root = tempfile::tempdir().unwrap();
        symlink("b", root.path().join("a")).unwrap();
        symlink("a", root.path().join("b")).unwrap();
        let error = Archive::default()
            .pack_from(root.path(), Path::new("/a"))
            .unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::ELOOP as i32));
    }

    #[test]
    fn strings_survive_also_when_they_are_empty_or_not_utf8() {
        let strings = [
            OsString::from("a b"),
            OsString::new(),
            OsString::from_vec(vec![0xff]),
        ];
        assert_eq!(split(&join(&strings)), strings);
        assert_eq!(split(&[]), Vec::<OsString>::new());
    }
}
