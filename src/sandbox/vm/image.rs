//! What lies where in the guest.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use super::Guest;
use super::initramfs::{Archive, join};
use super::programs;
use crate::error::{Error, Kind, Result};
use crate::sandbox::failed;

/// The program and its arguments. Also the mark by which the guest is known.
pub(super) const MARKER: &str = "/ipvsh/guest";
/// Its environment, `NAME=VALUE`.
pub(super) const ENVIRONMENT: &str = "/ipvsh/environment";
/// Its work folder.
pub(super) const FOLDER: &str = "/ipvsh/folder";
/// The files that it is to write outside of its work folder.
pub(super) const RESULTS: &str = "/ipvsh/results";
/// The guest's `modprobe`.
pub(super) const MODPROBE: &str = "/ipvsh/modprobe";
/// The same as a script, or a shell that it starts, calls it.
const OWN_MODPROBE: &str = "/sbin/modprobe";
/// Where programs are looked for in the guest.
pub(super) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where ipvsh is found as a program in the guest.
const IPVSH: &str = "/usr/local/bin/ipvsh";
const INIT: &str = "/init";

/// The guest's root file system, without its kernel modules.
pub(super) fn build(guest: &Guest) -> Result<Vec<u8>> {
    let mut archive = Archive::default();
    // First, as they may be symbolic links on the host, and later files are to follow them.
    for folder in ["/bin", "/sbin", "/lib", "/lib64"].map(Path::new) {
        if folder.exists() {
            archive.pack(folder)?;
        }
    }
    for folder in [
        "/proc",
        "/sys",
        "/dev",
        "/run",
        "/tmp",
        "/root",
        "/etc",
        "/usr/bin",
        "/usr/sbin",
        "/var",
    ] {
        archive.folder(Path::new(folder));
    }
    archive.link(Path::new("/var/run"), Path::new("/run"));
    archive.device(Path::new("/dev/console"), 5, 1);
    archive.file(
        Path::new("/etc/hosts"),
        0o644,
        b"127.0.0.1 localhost\n::1 localhost\n",
    );
    archive.file(
        Path::new("/etc/passwd"),
        0o644,
        b"root:x:0:0:root:/root:/bin/sh\n",
    );
    archive.file(Path::new("/etc/group"), 0o644, b"root:x:0:\n");

    let init = fs::read(&guest.init)
        .map_err(|error| failed(error).doing("read", &guest.init.display().to_string()))?;
    let origin = fs::canonicalize(&guest.init).unwrap_or_else(|_| guest.init.clone());
    programs::pack_libraries(&mut archive, &origin, &init)?;
    archive.file(Path::new(INIT), 0o755, &init);
    archive.link(Path::new(IPVSH), Path::new(INIT));
    archive.link(Path::new(MODPROBE), Path::new(INIT));
    // As other programs, where this machine has one. Before those: the machine's own would look for modules that are not there.
    if programs::find(Path::new("modprobe")).is_some() {
        archive.link(Path::new(OWN_MODPROBE), Path::new(INIT));
    }

    let program = match &guest.program {
        Some(program) => pack_program(&mut archive, program)?,
        None => PathBuf::from(IPVSH),
    };
    for program in &guest.programs {
        pack_program(&mut archive, program)?;
    }
    if guest.cwd != Path::new("/") {
        archive.open(&guest.cwd);
    }
    for file in &guest.files {
        archive.pack(&absolute(file)?)?;
    }
    archive.pack(&guest.cwd)?;
    if let Some(folder) = &guest.replaced {
        archive.folder(&guest.cwd.join(folder));
    }

    let command = [program.as_os_str()]
        .into_iter()
        .chain(guest.args.iter().map(OsString::as_os_str));
    archive.file(Path::new(MARKER), 0o644, &join(command));
    let environment = guest.env.iter().map(|(name, value)| {
        let mut variable = name.clone();
        variable.push(OsStr::new("="));
        variable.push(value);
        variable
    });
    archive.file(Path::new(ENVIRONMENT), 0o644, &join(environment));
    archive.file(Path::new(FOLDER), 0o644, &join([&guest.cwd]));
    for result in &guest.results {
        // Where the host has no such folder, the program fails by itself, as it would there.
        if let Some(folder) = result.parent().filter(|folder| folder.is_dir()) {
            archive.folder(folder);
        }
    }
    archive.file(Path::new(RESULTS), 0o644, &join(&guest.results));
    Ok(archive.finish())
}

fn pack_program(archive: &mut Archive, program: &Path) -> Result<PathBuf> {
    let path = programs::find(program).ok_or_else(|| {
        Error::new(Kind::NotFound, "there is no such program on this machine")
            .doing("pack", &program.display().to_string())
    })?;
    programs::pack(archive, &path)?;
    Ok(path)
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path)
        .map_err(|error| failed(error).doing("pack", &path.display().to_string()))
}
