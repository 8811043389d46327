//! `ipvsh vm install`: gets what the micro-VM needs and this machine lacks.
//!
//! QEMU is a program to be installed, by the package manager and as root. The kernel is only a file to be read: its
//! package is downloaded and unpacked into the cache folder, without root, and `/boot` and `/lib/modules` stay as they are.

use std::fs;
use std::path::{Path, PathBuf};

use super::packages::{Family, tool};
use super::{cache, kernel, machine, modules};
use crate::error::{Error, Kind, Result};
use crate::sandbox::failed;

/// Gets QEMU and a kernel where they are missing, and makes the kernel ready, so that the first start is quick, too.
///
/// What it finds and what it does is said line by line through `progress`. A second run changes nothing.
pub fn install(progress: &mut dyn FnMut(&str)) -> Result<()> {
    match machine::find_qemu() {
        Ok(path) => progress(&format!("QEMU is there: {}", path.display())),
        Err(_) if cfg!(target_arch = "x86_64") => {
            install_qemu(progress)?;
            let path = machine::find_qemu()?;
            progress(&format!("QEMU is installed: {}", path.display()));
        }
        Err(error) => return Err(error),
    }
    let found = match kernel::find() {
        Ok(found) => found,
        // A kernel that was asked for by name is not replaced by another one.
        Err(error) if std::env::var_os("IPVSH_KERNEL").is_some_and(|value| !value.is_empty()) => {
            return Err(error);
        }
        Err(_) => {
            download_kernel(progress)?;
            kernel::find()?
        }
    };
    progress(&format!(
        "kernel {} is there: {}",
        found.release,
        found.image.display()
    ));
    found.prepare()?;
    progress("the micro-VM is ready: run scripts with --sandbox=vm");
    Ok(())
}

fn install_qemu(progress: &mut dyn FnMut(&str)) -> Result<()> {
    let family = Family::of_this_machine()?;
    let (manager, arguments): (_, &[&str]) = match family {
        Family::Debian | Family::Ubuntu => (
            "apt-get",
            &[
                "install",
                "-y",
                "--no-install-recommends",
                "qemu-system-x86",
            ],
        ),
        Family::Fedora => ("dnf", &["install", "-y", "qemu-system-x86-core"]),
    };
    let doing = |error: Error| error.doing_plain("install QEMU");
    progress("installing QEMU");
    let install = tool(manager).map_err(doing)?.args(arguments);
    if family == Family::Fedora {
        return install.run_as_root().map_err(doing);
    }
    // Asked without root first: a list of packages that is old or not there at all.
    let known = tool("apt-cache")
        .map_err(doing)?
        .args(&["show", "qemu-system-x86"])
        .output();
    if known.is_err() {
        tool("apt-get")
            .map_err(doing)?
            .args(&["update"])
            .run_as_root()
            .map_err(doing)?;
    }
    install.run_as_root().map_err(doing)
}

fn download_kernel(progress: &mut dyn FnMut(&str)) -> Result<()> {
    let family = Family::of_this_machine()?;
    let place = cache::subfolder("kernels")?;
    let workshop = cache::workshop(&place)?;
    let doing = |error: Error| error.doing_plain("download a kernel for the micro-VM");
    let release = match family {
        Family::Debian => debian(workshop.path(), progress),
        Family::Ubuntu => ubuntu(workshop.path(), progress),
        Family::Fedora => fedora(workshop.path(), progress),
    }
    .map_err(doing)?;
    cache::keep(workshop, &place.join(release))
}

/// The cloud kernel: small, and with all kinds of links.
fn debian(folder: &Path, progress: &mut dyn FnMut(&str)) -> Result<String> {
    let image = depends_on("linux-image-cloud-amd64", "linux-image-")?;
    fetch(&image, folder, progress)?;
    Ok(release_of(&image))
}

/// The kernel as it is for virtual machines. Its image and its modules come in packages of their own.
fn ubuntu(folder: &Path, progress: &mut dyn FnMut(&str)) -> Result<String> {
    let image = depends_on("linux-image-virtual", "linux-image-")
        .or_else(|_| depends_on("linux-image-generic", "linux-image-"))?;
    let release = release_of(&image);
    let unsigned = format!("linux-image-unsigned-{release}");
    if fetch(&unsigned, folder, progress).is_err() {
        fetch(&image, folder, progress)?;
    }
    fetch(&format!("linux-modules-{release}"), folder, progress)?;
    let lacking = ["lib/modules", "usr/lib/modules"]
        .iter()
        .all(|path| modules::lacking(&folder.join(path).join(&release)).is_some());
    if lacking {
        fetch(&format!("linux-modules-extra-{release}"), folder, progress)?;
    }
    Ok(release)
}

fn fedora(folder: &Path, progress: &mut dyn FnMut(&str)) -> Result<String> {
    // Looked for before anything is downloaded.
    let (dnf, to_cpio, cpio) = (tool("dnf")?, tool("rpm2cpio")?, tool("cpio")?);
    progress("downloading kernel-core and its modules");
    dnf.args(&[
        "download",
        "--arch",
        "x86_64",
        "kernel-core",
        "kernel-modules-core",
        "kernel-modules",
    ])
    .within(folder)
    .output()?;
    for package in files_ending(folder, "rpm") {
        let archive = folder.join("archive");
        to_cpio
            .clone()
            .args(&[package.as_os_str()])
            .output_to(&archive)?;
        cpio.clone()
            .args(&["-idm", "--quiet", "--no-absolute-filenames"])
            .within(folder)
            .input_from(&archive)
            .output()?;
        remove(&archive)?;
        remove(&package)?;
    }
    let release = fs::read_dir(folder.join("lib/modules"))
        .into_iter()
        .flatten()
        .flatten()
        .find_map(|entry| entry.file_name().into_string().ok());
    release.ok_or_else(|| Error::new(Kind::NotFound, "the packages hold no `lib/modules`"))
}

/// The package that a package without content of its own stands for. An old list of packages is renewed for it.
fn depends_on(package: &str, prefix: &str) -> Result<String> {
    let ask = || -> Result<String> {
        let shown = tool("apt-cache")?
            .args(&["--no-all-versions", "show", package])
            .output()?;
        dependency(&shown, prefix).ok_or_else(|| {
            Error::new(
                Kind::NotFound,
                format!("package `{package}` names no kernel"),
            )
        })
    };
    ask().or_else(|_| {
        tool("apt-get")?.args(&["update"]).run_as_root()?;
        ask()
    })
}

fn fetch(package: &str, folder: &Path, progress: &mut dyn FnMut(&str)) -> Result<()> {
    // As root, apt would download as another user, who may not write here, and complain.
    let download = || {
        tool("apt-get")?
            .args(&["download", "-o", "APT::Sandbox::User=", package])
            .within(folder)
            .output()
    };
    let shown = tool("apt-cache")?
        .args(&["--no-all-versions", "show", package])
        .output()
        .unwrap_or_default();
    let size = size(&shown)
        .map(|megabytes| format!(" ({megabytes} MB)"))
        .unwrap_or_default();
    progress(&format!("downloading {package}{size}"));
    // A version that the archive has replaced since the list was read is gone from it.
    if let Err(error) = download() {
        if shown.is_empty() {
            return Err(error);
        }
        tool("apt-get")?.args(&["update"]).run_as_root()?;
        download()?;
    }
    for file in files_ending(folder, "deb") {
        tool("dpkg")?
            .args(&["-x".as_ref(), file.as_os_str(), folder.as_os_str()])
            .output()?;
        remove(&file)?;
    }
    Ok(())
}

fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path)
        .map_err(|error| failed(error).doing("remove", &path.display().to_string()))
}

fn files_ending(folder: &Path, ending: &str) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == ending)
        })
        .collect()
}

/// The first dependency that starts so, of a package as apt-cache shows it.
fn dependency(shown: &str, prefix: &str) -> Option<String> {
    field(shown, "Depends")?
        .split([',', '|'])
        .filter_map(|one| one.split_whitespace().next())
        .find(|name| {
            name.strip_prefix(prefix)
                .is_some_and(|rest| rest.starts_with(|char: char| char.is_ascii_digit()))
        })
        .map(ToOwned::to_owned)
}

/// The size of a download in MB.
fn size(shown: &str) -> Option<u64> {
    Some(
        field(shown, "Size")?
            .parse::<u64>()
            .ok()?
            .div_ceil(1_000_000),
    )
}

fn field<'a>(shown: &'a str, name: &str) -> Option<&'a str> {
    shown
        .lines()
        .find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
}

/// `6.1.0-56-cloud-amd64` of `linux-image-6.1.0-56-cloud-amd64`.
fn release_of(image: &str) -> String {
    image
        .trim_start_matches("linux-image-")
        .trim_start_matches("unsigned-")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBIAN: &str = "Package: linux-image-cloud-amd64\nVersion: 6.1.192-2\nDepends: linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2)\nSize: 1484\n";
    const UBUNTU: &str = "Package: linux-image-virtual\nDepends: linux-base, linux-image-6.8.0-50-generic | linux-image-unsigned-6.8.0-50-generic, linux-modules-6.8.0-50-generic\nSize: 27900001\n";

    #[test]
    fn the_real_kernel_is_found_behind_a_package_that_only_depends_on_it() {
        let image = dependency(DEBIAN, "linux-image-").unwrap();
        assert_eq!(image, "linux-image-6.1.0-56-cloud-amd64");
        assert_eq!(release_of(&image), "6.1.0-56-cloud-amd64");
        assert_eq!(
            dependency(UBUNTU, "linux-image-").as_deref(),
            Some("linux-image-6.8.0-50-generic")
        );
        assert_eq!(dependency("Package: x\n", "linux-image-"), None);
    }

    #[test]
    fn the_size_of_a_download_is_rounded_up() {
        assert_eq!(size(UBUNTU), Some(28));
        assert_eq!(size(""), None);
    }
}
