//! Kernels from the packages of Fedora: which there are, and how one is got, without root.

use std::fs;
use std::path::Path;

use super::offer::Offer;
use super::packages::{files_ending, remove, tool};
use crate::error::{Error, Kind, Result};
use crate::value::release;

/// What a kernel consists of.
const PACKAGES: [&str; 3] = ["kernel-core", "kernel-modules-core", "kernel-modules"];

/// The kernels of the repositories that the machine uses.
pub(super) fn offers() -> Result<Vec<Offer>> {
    let shown = tool("dnf")?
        .args(&[
            "repoquery",
            "--quiet",
            "--showduplicates",
            "--arch",
            "x86_64",
            "--queryformat",
            "%{version}-%{release} %{repoid} %{downloadsize}\\n",
            "kernel-core",
        ])
        .output()?;
    let mut offers = offers_in(&shown);
    // Where none is asked for, the newest is got.
    let newest = offers
        .iter_mut()
        .max_by(|one, other| release::compare(&one.release, &other.release));
    if let Some(newest) = newest {
        newest.is_default = true;
    }
    Ok(offers)
}

fn offers_in(shown: &str) -> Vec<Offer> {
    let offer = |line: &str| {
        let mut words = line.split_whitespace();
        let (version, from) = (words.next()?, words.next()?);
        Some(Offer {
            release: format!("{version}.x86_64"),
            version: version.to_owned(),
            from: from.to_owned(),
            size: words.next().and_then(|size| size.parse().ok()).unwrap_or(0),
            is_default: false,
            backports: None,
        })
    };
    shown.lines().filter_map(offer).collect()
}

/// Gets the kernel of that release, the newest where none is named.
pub(super) fn get(
    release: Option<&str>,
    folder: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<()> {
    // Looked for before anything is downloaded.
    let (dnf, to_cpio, cpio) = (tool("dnf")?, tool("rpm2cpio")?, tool("cpio")?);
    let version = release.map(|release| release.trim_end_matches(".x86_64"));
    let packages = PACKAGES.map(|name| match version {
        Some(version) => format!("{name}-{version}"),
        None => name.to_owned(),
    });
    progress(&format!("downloading {} and its modules", packages[0]));
    dnf.args(&["download", "--arch", "x86_64"])
        .args(&packages)
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
    Ok(())
}

/// The release of the kernel that lies unpacked in `folder`.
pub(super) fn release_in(folder: &Path) -> Result<String> {
    let release = fs::read_dir(folder.join("lib/modules"))
        .into_iter()
        .flatten()
        .flatten()
        .find_map(|entry| entry.file_name().into_string().ok());
    release.ok_or_else(|| Error::new(Kind::NotFound, "the packages hold no `lib/modules`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_has_its_repository_and_its_size() {
        let shown = "6.11.4-301.fc41 fedora 18213123\n\n6.12.8-200.fc41 updates 18512000\n";
        let told: Vec<_> = offers_in(shown)
            .into_iter()
            .map(|one| format!("{} {} {}", one.release, one.from, one.size))
            .collect();
        assert_eq!(
            told,
            [
                "6.11.4-301.fc41.x86_64 fedora 18213123",
                "6.12.8-200.fc41.x86_64 updates 18512000",
            ]
        );
    }
}
