//! The kernel that the guest runs: found on this machine, and made ready to boot.

use std::env;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{bzimage, cache, modules};
use crate::error::{Error, Kind, Result};
use crate::sandbox::failed;

/// How much of an image holds its header and its release.
const HEAD: u64 = 64 << 10;

/// A kernel with its modules, as they lie on this machine.
#[derive(Debug, Clone)]
pub(super) struct Kernel {
    pub(super) image: PathBuf,
    pub(super) release: String,
    pub(super) modules: PathBuf,
    meta: Metadata,
}

/// The same, ready to boot.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The plain kernel, or the image where QEMU cannot start the plain one.
    pub(super) boot: PathBuf,
    /// The archive of modules.
    pub(super) modules: PathBuf,
}

/// The kernel to use: `$IPVSH_KERNEL`, else the newest one in the cache folder, else one that is installed.
pub(super) fn find() -> Result<Kernel> {
    if let Some(path) = env::var_os("IPVSH_KERNEL").filter(|value| !value.is_empty()) {
        let path = PathBuf::from(path);
        return look_at(&path).map_err(|reason| {
            Error::new(Kind::Unsupported, reason)
                .doing(
                    "use the kernel of IPVSH_KERNEL",
                    &path.display().to_string(),
                )
                .hint("unset IPVSH_KERNEL and run `ipvsh vm install`")
        });
    }
    let mut notes = Vec::new();
    for path in candidates() {
        match look_at(&path) {
            Ok(kernel) => return Ok(kernel),
            Err(reason) => notes.push(format!("`{}`: {reason}", path.display())),
        }
    }
    let error = Error::new(
        Kind::Unsupported,
        "there is no kernel for it on this machine",
    )
    .doing_plain("start the micro-VM")
    .hint("run `ipvsh vm install`, or set IPVSH_KERNEL to a kernel image");
    Err(notes.into_iter().fold(error, Error::note))
}

/// Images that may do, the best first.
fn candidates() -> Vec<PathBuf> {
    let mut found = Vec::new();
    if let Ok(folder) = cache::folder() {
        for package in newest_first(&folder.join("kernels")) {
            found.extend(images(&package.join("boot")));
            found.extend(images_among_modules(&package.join("lib/modules")));
            found.extend(images_among_modules(&package.join("usr/lib/modules")));
        }
    }
    found.extend(images_among_modules(Path::new("/lib/modules")));
    found.extend(images(Path::new("/boot")));
    found.retain(|path| path.exists());
    found
}

fn images(folder: &Path) -> Vec<PathBuf> {
    let mut found = newest_first(folder);
    found.retain(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz-"))
    });
    found
}

/// Fedora's place for an image.
fn images_among_modules(folder: &Path) -> Vec<PathBuf> {
    newest_first(folder)
        .into_iter()
        .map(|release| release.join("vmlinuz"))
        .collect()
}

/// What is in a folder, hidden entries left out: they are downloads that have not ended.
fn newest_first(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    entries.sort();
    entries.into_iter().rev().map(|(_, path)| path).collect()
}

/// Takes the image at `path` for use, or says what it lacks.
fn look_at(path: &Path) -> Result<Kernel, String> {
    let path = fs::canonicalize(path).map_err(|error| failed(error).cause)?;
    let (meta, head) = read_head(&path).map_err(|error| failed(error).cause)?;
    let release = bzimage::release(&head).ok_or("it is no kernel image for this architecture")?;
    let modules = modules_of(&path, &release)
        .ok_or_else(|| format!("its modules (`lib/modules/{release}`) are not found"))?;
    let kernel = Kernel {
        image: path,
        release,
        modules,
        meta,
    };
    // What has been prepared once has been looked through then.
    if kernel.prepared().is_ok_and(|ready| ready.is_there()) {
        return Ok(kernel);
    }
    match modules::lacking(&kernel.modules) {
        Some(module) => Err(format!("it has no `{module}`")),
        None => Ok(kernel),
    }
}

fn read_head(path: &Path) -> io::Result<(Metadata, Vec<u8>)> {
    let file = File::open(path)?;
    let meta = file.metadata()?;
    let mut head = Vec::new();
    file.take(HEAD).read_to_end(&mut head)?;
    if head.starts_with(b"\x7fELF") {
        head = fs::read(path)?;
    }
    Ok((meta, head))
}

/// The modules of a kernel: in the same tree as its image (a package unpacked anywhere), else where they are installed.
fn modules_of(image: &Path, release: &str) -> Option<PathBuf> {
    let beside = image.parent()?;
    let tree = beside.parent()?;
    [
        beside.to_owned(),
        tree.join("lib/modules").join(release),
        tree.join("usr/lib/modules").join(release),
        Path::new("/lib/modules").join(release),
    ]
    .into_iter()
    .find(|folder| folder.join("kernel").is_dir())
}

impl Kernel {
    /// Makes the kernel ready to boot. What was done once is found in the cache.
    pub(super) fn prepare(&self) -> Result<Prepared> {
        let ready = self.prepared()?;
        if !ready.is_there() {
            cache::subfolder("ready")?;
            cache::put(&ready.modules, &modules::archive(&self.modules)?)?;
            let image = fs::read(&self.image).map_err(|error| {
                failed(error).doing("read the kernel", &self.image.display().to_string())
            })?;
            cache::put(&ready.boot, &bzimage::vmlinux(&image).unwrap_or(image))?;
        }
        Ok(ready)
    }

    fn prepared(&self) -> Result<Prepared> {
        let folder = cache::folder()?.join("ready");
        let key = cache::key(&self.release, &self.image, &self.meta);
        Ok(Prepared {
            boot: folder.join(format!("{key}.kernel")),
            modules: folder.join(format!("{key}-{:08x}.modules", modules::list_key())),
        })
    }
}

impl Prepared {
    fn is_there(&self) -> bool {
        self.boot.exists() && self.modules.exists()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_found_in_the_tree_of_a_package_unpacked_anywhere() {
        let tree = tempfile::tempdir().unwrap();
        let image = tree.path().join("boot/vmlinuz-6.1.0");
        assert_eq!(modules_of(&image, "6.1.0"), None);
        let modules = tree.path().join("usr/lib/modules/6.1.0");
        fs::create_dir_all(modules.join("kernel")).unwrap();
        assert_eq!(modules_of(&image, "6.1.0"), Some(modules));
    }

    #[test]
    fn a_download_that_has_not_ended_is_no_candidate() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(".new-1")).unwrap();
        fs::write(folder.path().join("vmlinuz-6.1.0"), "").unwrap();
        fs::write(folder.path().join("config-6.1.0"), "").unwrap();
        assert_eq!(newest_first(folder.path()).len(), 2);
        assert_eq!(images(folder.path()), [folder.path().join("vmlinuz-6.1.0")]);
    }

    #[test]
    fn what_is_no_kernel_says_so() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let reason = look_at(file.path()).unwrap_err();
        assert_eq!(reason, "it is no kernel image for this architecture");
    }
}
