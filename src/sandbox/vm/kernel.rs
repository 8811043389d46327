//! The kernel that the guest runs: found on this machine, and made ready to boot.

use std::env;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{bzimage, cache, modules};
use crate::error::{Error, Kind, Result};
use crate::sandbox::failed;
use crate::value::{release, shell};

/// How much of an image holds its header and its release.
const HEAD: u64 = 64 << 10;

/// A kernel with its modules, as they lie on this machine.
#[derive(Debug, Clone)]
pub(super) struct Kernel {
    pub(super) image: PathBuf,
    pub(super) release: String,
    /// The version of its package, where the image tells it.
    pub(super) version: Option<String>,
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

/// Where in the cache folder the default kernel lies.
pub(super) const DEFAULT: &str = "kernels";
/// Where those lie that were asked for by version. They do not take the place of the default.
pub(super) const ASKED_FOR: &str = "versions";

/// The kernel to use. Where no version is wanted: `$IPVSH_KERNEL`, else the newest one in the cache folder, else one that is installed.
/// `wanted` is a version or the beginning of one: the newest kernel of this machine that it means.
pub(super) fn find(wanted: Option<&str>) -> Result<Kernel> {
    match wanted {
        Some(wanted) => of_version(wanted),
        None => default(),
    }
}

fn default() -> Result<Kernel> {
    if let Some(path) = of_environment() {
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

fn of_version(wanted: &str) -> Result<Kernel> {
    let (all, unfit) = all();
    let found = all.iter().filter(|kernel| kernel.is_called(wanted));
    let newest = found.max_by(|one, other| release::compare(&one.release, &other.release));
    let exact = all.iter().find(|kernel| kernel.release == wanted);
    exact.or(newest).cloned().ok_or_else(|| {
        let unfit = unfit.into_iter().filter(|reason| reason.contains(wanted));
        let there: Vec<_> = all.iter().map(|one| format!("`{}`", one.release)).collect();
        let there = match there.as_slice() {
            [] => "there is none on this machine".to_owned(),
            there => format!("on this machine there is {}", there.join(", ")),
        };
        let error = Error::new(Kind::Unsupported, there)
            .doing("find kernel", wanted)
            .hint(format!(
                "run `ipvsh vm install --kernel {}`; `ipvsh vm list` lists what can be had",
                shell::word(wanted)
            ));
        unfit.fold(error, Error::note)
    })
}

/// The kernels of this machine that a micro-VM can run, each once, the default first; and of each image that is none of them, why.
pub(super) fn all() -> (Vec<Kernel>, Vec<String>) {
    let (mut all, mut unfit) = (Vec::<Kernel>::new(), Vec::new());
    for path in of_environment().into_iter().chain(candidates()) {
        match look_at(&path) {
            Ok(kernel) if all.iter().any(|known| known.release == kernel.release) => {}
            Ok(kernel) => all.push(kernel),
            Err(reason) => unfit.push(format!("`{}`: {reason}", path.display())),
        }
    }
    (all, unfit)
}

fn of_environment() -> Option<PathBuf> {
    let path = env::var_os("IPVSH_KERNEL")?;
    (!path.is_empty()).then(|| path.into())
}

/// Images that may do, the best first.
fn candidates() -> Vec<PathBuf> {
    let mut found = in_cache(DEFAULT);
    found.extend(images_among_modules(Path::new("/lib/modules")));
    found.extend(images(Path::new("/boot")));
    found.extend(in_cache(ASKED_FOR));
    found.retain(|path| path.exists());
    found
}

/// The images of the packages that lie unpacked below a folder of the cache.
fn in_cache(name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if let Ok(folder) = cache::folder() {
        for package in newest_first(&folder.join(name)) {
            found.extend(images(&package.join("boot")));
            found.extend(images_among_modules(&package.join("lib/modules")));
            found.extend(images_among_modules(&package.join("usr/lib/modules")));
        }
    }
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
    let banner = bzimage::banner(&head).ok_or("it is no kernel image for this architecture")?;
    let release = banner.release;
    let modules = modules_of(&path, &release)
        .ok_or_else(|| format!("its modules (`lib/modules/{release}`) are not found"))?;
    let kernel = Kernel {
        image: path,
        release,
        version: banner.version,
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

fn size_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => size_below(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
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
    /// Whether it is of that version, or of one that begins so.
    pub(super) fn is_called(&self, wanted: &str) -> bool {
        let mut names = std::iter::once(&self.release).chain(&self.version);
        names.any(|name| release::begins(name, wanted))
    }

    /// What it takes on disk, in bytes: its image and its modules.
    pub(super) fn size(&self) -> u64 {
        self.meta.len() + size_below(&self.modules)
    }

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
