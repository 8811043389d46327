//! `ipvsh vm install`: gets what the micro-VM needs and this machine lacks.
//!
//! QEMU is a program to be installed, by the package manager and as root. The kernel is only a file to be read: its
//! package is downloaded and unpacked into the cache folder, without root, and `/boot` and `/lib/modules` stay as they are.

//! Kernels that are asked for by version are kept apart from the default, which stays the default.

use super::offer::{self, Offer};
use super::packages::{Family, tool};
use super::{apt, cache, dnf, kernel, machine};
use crate::error::{Error, Result};
use crate::value::shell;

/// Gets QEMU and a kernel where they are missing, and makes the kernel ready, so that the first start is quick, too.
///
/// `wanted` are versions of kernels or beginnings of them; where none is given, it is the default.
/// What it finds and what it does is said line by line through `progress`. A second run changes nothing.
pub fn install(wanted: &[String], progress: &mut dyn FnMut(&str)) -> Result<()> {
    // An unknown version is told before anything is installed.
    let missing = missing(wanted, progress)?;
    match machine::find_qemu() {
        Ok(path) => progress(&format!("QEMU is there: {}", path.display())),
        Err(_) if cfg!(target_arch = "x86_64") => {
            install_qemu(progress)?;
            let path = machine::find_qemu()?;
            progress(&format!("QEMU is installed: {}", path.display()));
        }
        Err(error) => return Err(error),
    }
    for offer in &missing {
        download(offer, progress)?;
    }
    if wanted.is_empty() {
        let found = match kernel::find(None) {
            Ok(found) => found,
            // A kernel that was asked for by name is not replaced by another one.
            Err(error)
                if std::env::var_os("IPVSH_KERNEL").is_some_and(|value| !value.is_empty()) =>
            {
                return Err(error);
            }
            Err(_) => {
                download_default(progress)?;
                kernel::find(None)?
            }
        };
        ready(&found, progress)?;
        progress("the micro-VM is ready: run scripts with --sandbox=vm");
        return Ok(());
    }
    for wanted in wanted {
        let found = kernel::find(Some(wanted))?;
        ready(&found, progress)?;
        progress(&format!(
            "the micro-VM is ready: run scripts with --sandbox=vm --kernel {}",
            shell::word(wanted)
        ));
    }
    Ok(())
}

fn ready(found: &kernel::Kernel, progress: &mut dyn FnMut(&str)) -> Result<()> {
    progress(&format!(
        "kernel {} is there: {}",
        found.release,
        found.image.display()
    ));
    found.prepare().map(drop)
}

/// The offers for those versions that no kernel of this machine is of.
fn missing(wanted: &[String], progress: &mut dyn FnMut(&str)) -> Result<Vec<Offer>> {
    let is_missing = |wanted: &&String| kernel::find(Some(wanted)).is_err();
    let missing: Vec<&String> = wanted.iter().filter(is_missing).collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let offers = offer::all(progress)?;
    let newest = |wanted: &String| offer::newest(&offers, wanted).cloned();
    missing.into_iter().map(newest).collect()
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

fn download(offer: &Offer, progress: &mut dyn FnMut(&str)) -> Result<()> {
    let place = cache::subfolder(kernel::ASKED_FOR)?;
    let workshop = cache::workshop(&place)?;
    offer
        .get(workshop.path(), progress)
        .map_err(|error| error.doing("download kernel", &offer.release))?;
    cache::keep(workshop, &place.join(&offer.release))
}

fn download_default(progress: &mut dyn FnMut(&str)) -> Result<()> {
    let family = Family::of_this_machine()?;
    let place = cache::subfolder(kernel::DEFAULT)?;
    let workshop = cache::workshop(&place)?;
    let mut get = || -> Result<String> {
        let folder = workshop.path();
        match family {
            Family::Debian => {
                let release = apt::debian_default()?;
                apt::debian(&apt::Archive::default(), &release, folder, progress)?;
                Ok(release)
            }
            Family::Ubuntu => {
                let release = apt::ubuntu_default()?;
                apt::ubuntu(&release, folder, progress)?;
                Ok(release)
            }
            Family::Fedora => {
                dnf::get(None, folder, progress)?;
                dnf::release_in(folder)
            }
        }
    };
    let release = get().map_err(|error| error.doing_plain("download a kernel for the micro-VM"))?;
    cache::keep(workshop, &place.join(release))
}
