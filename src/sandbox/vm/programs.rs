//! Programs of the host in the guest: each with its loader and the shared libraries that it needs.

use std::collections::HashSet;
use std::env;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use goblin::elf::Elf;

use super::initramfs::Archive;
use crate::error::{Error, Kind, Result};
use crate::sandbox::failed;

/// Packs a program at its own path. One that is a script comes with its interpreter, but not with what that reads.
pub(super) fn pack(archive: &mut Archive, program: &Path) -> Result<()> {
    archive.pack(program)?;
    let content = read(program)?;
    for interpreter in interpreters(&content) {
        archive.pack(&interpreter)?;
        pack_libraries(archive, &interpreter, &read(&interpreter)?)?;
    }
    pack_libraries(archive, program, &content)
}

/// What the first line of a script names: its interpreter, and the one that `env` is to find.
fn interpreters(content: &[u8]) -> Vec<PathBuf> {
    let line = content
        .strip_prefix(b"#!")
        .and_then(|rest| rest.split(|byte| *byte == b'\n').next());
    let line = String::from_utf8_lossy(line.unwrap_or_default()).into_owned();
    let mut words = line
        .split_whitespace()
        .filter(|word| !word.starts_with('-'));
    let first = words.next().map(Path::new);
    let is_env = first.is_some_and(|path| path.ends_with("env"));
    let named = first
        .into_iter()
        .chain(words.next().filter(|_| is_env).map(Path::new));
    named.filter_map(find).filter(|path| is_one(path)).collect()
}

/// Packs what the program `path` with this content needs besides itself.
pub(super) fn pack_libraries(archive: &mut Archive, path: &Path, content: &[u8]) -> Result<()> {
    for file in libraries(path, content)? {
        archive.pack(&file)?;
    }
    Ok(())
}

/// The loader and the shared libraries that the program `path` with this content needs.
fn libraries(path: &Path, content: &[u8]) -> Result<Vec<PathBuf>> {
    let folders = library_folders();
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut ahead = vec![(path.to_owned(), content.to_owned())];
    while let Some((path, content)) = ahead.pop() {
        let Some(linkage) = Linkage::of(&path, &content) else {
            continue;
        };
        found.extend(linkage.loader);
        for name in linkage.libraries {
            if !seen.insert(name.clone()) {
                continue;
            }
            let library = linkage
                .folders
                .iter()
                .chain(&folders)
                .map(|folder| folder.join(&name))
                .find(|candidate| candidate.is_file())
                .ok_or_else(|| {
                    Error::new(
                        Kind::NotFound,
                        format!("its shared library `{name}` is not found"),
                    )
                    .doing("pack", &path.display().to_string())
                })?;
            let content = read(&library)?;
            found.push(library.clone());
            ahead.push((library, content));
        }
    }
    Ok(found)
}

/// What an ELF file says about how it is to be put together.
#[derive(Debug)]
struct Linkage {
    loader: Option<PathBuf>,
    libraries: Vec<String>,
    /// Where it wants its libraries to be looked for first.
    folders: Vec<PathBuf>,
}

impl Linkage {
    fn of(path: &Path, content: &[u8]) -> Option<Self> {
        let elf = Elf::parse(content).ok()?;
        let origin = path.parent().unwrap_or(Path::new("/"));
        Some(Self {
            loader: elf.interpreter.map(PathBuf::from),
            libraries: elf.libraries.iter().map(ToString::to_string).collect(),
            folders: elf
                .rpaths
                .iter()
                .chain(&elf.runpaths)
                .flat_map(|paths| paths.split(':'))
                .map(|folder| match folder.strip_prefix("$ORIGIN") {
                    Some(rest) => origin.join(rest.trim_start_matches('/')),
                    None => PathBuf::from(folder),
                })
                .collect(),
        })
    }
}

/// Where the loader of the host looks, near enough: its cache is a format of its own, its configuration is text.
fn library_folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = [
        "/lib/x86_64-linux-gnu",
        "/usr/lib/x86_64-linux-gnu",
        "/lib64",
        "/usr/lib64",
        "/lib",
        "/usr/lib",
    ]
    .map(PathBuf::from)
    .into();
    let configured = fs::read_dir("/etc/ld.so.conf.d")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.path()).ok());
    for text in configured {
        folders.extend(
            text.lines()
                .map(str::trim)
                .filter(|line| line.starts_with('/'))
                .map(PathBuf::from),
        );
    }
    folders
}

/// The full path of a program, looked for as a shell would.
pub(super) fn find(name: &Path) -> Option<PathBuf> {
    if name.as_os_str().as_bytes().contains(&b'/') {
        return std::path::absolute(name).ok().filter(|path| path.is_file());
    }
    let path = env::var_os("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".into());
    env::split_paths(&path)
        // Not every user has the administrator's folders in the path, and `ip` is there.
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

/// Whether the file may be run, and all is there that it needs.
pub(super) fn is_one(path: &Path) -> bool {
    let may_run = |file: fs::Metadata| file.is_file() && file.permissions().mode() & 0o111 != 0;
    fs::metadata(path).is_ok_and(may_run)
        && read(path).is_ok_and(|content| libraries(path, &content).is_ok())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| failed(error).doing("read", &path.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_program_is_linked_with_the_c_library() {
        let content = fs::read("/proc/self/exe").unwrap();
        let linkage = Linkage::of(Path::new("/x/test"), &content).unwrap();
        assert!(
            linkage.loader.is_none()
                || linkage
                    .libraries
                    .iter()
                    .any(|name| name.starts_with("libc."))
        );
    }

    #[test]
    fn a_program_is_found_by_name_and_by_path() {
        assert!(find(Path::new("sh")).is_some_and(|path| path.is_absolute()));
        assert_eq!(find(Path::new("/bin/sh")), Some(PathBuf::from("/bin/sh")));
        assert_eq!(find(Path::new("no-such-program-anywhere")), None);
    }

    #[test]
    fn a_script_is_no_elf_file_and_needs_no_libraries() {
        assert!(Linkage::of(Path::new("/x"), b"#!/bin/sh\n").is_none());
    }
}
