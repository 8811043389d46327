//! Kernels from the packages of Debian and Ubuntu: which there are, and how one is got, without root.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::offer::Offer;
use super::packages::{Tool, files_ending, remove, tool};
use super::{cache, modules};
use crate::error::{Error, Kind, Result};

/// How old the list of the backports may be.
const FRESH: Duration = Duration::from_secs(24 * 3600);
/// The keys of Debian's archive.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Lists of packages, as apt keeps them: the machine's own, or others, which are kept in the cache folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Archive {
    folder: Option<PathBuf>,
}

/// What apt's sources say of an archive.
#[derive(Debug, PartialEq, Eq)]
struct Source {
    uri: String,
    suite: String,
}

impl Archive {
    /// Debian's backports, where the machine's own lists do not have them: that takes a list of 300 kB, which is got anew after a day.
    /// The machine's own lists stay as they are.
    fn backports() -> Result<Option<Self>> {
        let targets = tool("apt-get")?
            .args(&[
                "indextargets",
                "--format",
                "$(REPO_URI) $(RELEASE) $(COMPONENT)",
                "Created-By: Packages",
            ])
            .output()?;
        let os = fs::read_to_string("/etc/os-release").unwrap_or_default();
        let Some(source) = backports_of(&targets, &os) else {
            return Ok(None);
        };
        let folder = cache::subfolder("apt")?.join(&source.suite);
        for part in ["state/lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(part))?;
        }
        let keys = if Path::new(KEYS).exists() {
            format!(" [signed-by={KEYS}]")
        } else {
            String::new()
        };
        let line = format!("deb{keys} {} {} main\n", source.uri, source.suite);
        cache::put(&folder.join("sources.list"), line.as_bytes())?;
        let archive = Self {
            folder: Some(folder),
        };
        if !archive.is_fresh() {
            archive.update()?;
        }
        Ok(Some(archive))
    }

    fn is_fresh(&self) -> bool {
        let Some(folder) = &self.folder else {
            return true;
        };
        let updated = fs::metadata(folder.join("updated")).and_then(|meta| meta.modified());
        updated.is_ok_and(|time| {
            SystemTime::now()
                .duration_since(time)
                .is_ok_and(|age| age < FRESH)
        })
    }

    /// Renews the lists: the machine's own as root.
    fn update(&self) -> Result<()> {
        let Some(folder) = &self.folder else {
            return tool("apt-get")?.args(&["update"]).run_as_root();
        };
        self.tool("apt-get")?
            .args(&["update", "-o", "Acquire::Languages=none"])
            .output()?;
        cache::put(&folder.join("updated"), b"")
    }

    fn tool(&self, name: &str) -> Result<Tool> {
        let tool = tool(name)?;
        let Some(folder) = &self.folder else {
            // Where apt keeps none of its own, as in containers, it would read all lists anew each time.
            let index = cache::subfolder("apt")?.join("own.bin");
            let mut option = OsString::from("Dir::Cache::pkgcache=");
            option.push(index);
            return Ok(tool.args(&["-o".into(), option]));
        };
        let mut arguments: Vec<OsString> = Vec::new();
        for (key, path) in [
            ("Dir::State", folder.join("state")),
            ("Dir::State::status", "/var/lib/dpkg/status".into()),
            ("Dir::Cache", folder.join("cache")),
            ("Dir::Etc::sourcelist", folder.join("sources.list")),
            ("Dir::Etc::sourceparts", "/dev/null".into()),
        ] {
            let mut value = OsString::from(format!("{key}="));
            value.push(path);
            arguments.extend(["-o".into(), value]);
        }
        // As root, apt would download as another user, who may not write here, and complain.
        arguments.extend(["-o".into(), "APT::Sandbox::User=".into()]);
        Ok(tool.args(&arguments))
    }

    fn show(&self, packages: &[&str]) -> Result<String> {
        self.tool("apt-cache")?
            .args(&["--no-all-versions", "show"])
            .args(packages)
            .output()
    }

    /// The packages whose names match: kernels, with where they are from.
    fn offers(&self, pattern: &str, default: Option<&str>) -> Result<Vec<Offer>> {
        let found = self
            .tool("apt-cache")?
            .args(&["search", "--names-only", pattern])
            .output()?;
        let mut names: Vec<&str> = found
            .lines()
            .filter_map(|line| line.split(' ').next())
            .collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let shown = self.show(&names)?;
        let from = self
            .tool("apt-cache")?
            .args(&["madison"])
            .args(&names)
            .output()?;
        let mut offers = offers_in(&shown, &from);
        for offer in &mut offers {
            offer.is_default = Some(offer.release.as_str()) == default;
            offer.backports = self.folder.is_some().then(|| self.clone());
        }
        Ok(offers)
    }

    /// Downloads a package and unpacks it into `folder`.
    fn fetch(&self, package: &str, folder: &Path, progress: &mut dyn FnMut(&str)) -> Result<()> {
        let download = || {
            self.tool("apt-get")?
                .args(&["download", "-o", "APT::Sandbox::User=", package])
                .within(folder)
                .output()
        };
        let shown = self.show(&[package]).unwrap_or_default();
        let size = field(&shown, "Size")
            .and_then(|size| size.parse::<u64>().ok())
            .map(|size| format!(" ({} MB)", size.div_ceil(1_000_000)))
            .unwrap_or_default();
        progress(&format!("downloading {package}{size}"));
        // A version that the archive has replaced since the list was read is gone from it.
        if let Err(error) = download() {
            if shown.is_empty() {
                return Err(error);
            }
            self.update()?;
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
}

/// The release of the kernel that is got on Debian where no version is asked for: the cloud kernel, small, and with all kinds of links.
pub(super) fn debian_default() -> Result<String> {
    Ok(release_of(&depends_on(
        "linux-image-cloud-amd64",
        "linux-image-",
    )?))
}

/// The same on Ubuntu: the kernel as it is for virtual machines.
pub(super) fn ubuntu_default() -> Result<String> {
    let image = depends_on("linux-image-virtual", "linux-image-")
        .or_else(|_| depends_on("linux-image-generic", "linux-image-"))?;
    Ok(release_of(&image))
}

/// The kernels for machines in a cloud that Debian has: of the suites that the machine uses, and of their backports.
pub(super) fn debian_offers(progress: &mut dyn FnMut(&str)) -> Result<Vec<Offer>> {
    const NAMES: &str = "^linux-image-[0-9].*-cloud-amd64$";
    let default = debian_default()?;
    let mut offers = Archive::default().offers(NAMES, Some(&default))?;
    let backports = || match Archive::backports()? {
        Some(archive) => archive.offers(NAMES, None),
        None => Ok(Vec::new()),
    };
    match backports() {
        Ok(more) => offers.extend(more),
        Err(error) => progress(&format!(
            "the backports can't be looked at: {}",
            error.cause
        )),
    }
    Ok(offers)
}

/// The kernels that Ubuntu has in the suites that the machine uses.
pub(super) fn ubuntu_offers() -> Result<Vec<Offer>> {
    let default = ubuntu_default()?;
    Archive::default().offers("^linux-image-[0-9].*-generic$", Some(&default))
}

/// Gets a kernel of Debian.
pub(super) fn debian(
    archive: &Archive,
    release: &str,
    folder: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<()> {
    archive.fetch(&format!("linux-image-{release}"), folder, progress)
}

/// Gets a kernel of Ubuntu. Its image and its modules come in packages of their own.
pub(super) fn ubuntu(release: &str, folder: &Path, progress: &mut dyn FnMut(&str)) -> Result<()> {
    let archive = Archive::default();
    let unsigned = format!("linux-image-unsigned-{release}");
    if archive.fetch(&unsigned, folder, progress).is_err() {
        archive.fetch(&format!("linux-image-{release}"), folder, progress)?;
    }
    archive.fetch(&format!("linux-modules-{release}"), folder, progress)?;
    let lacking = ["lib/modules", "usr/lib/modules"]
        .iter()
        .all(|path| modules::lacking(&folder.join(path).join(release)).is_some());
    if lacking {
        archive.fetch(&format!("linux-modules-extra-{release}"), folder, progress)?;
    }
    Ok(())
}

/// The package that a package without content of its own stands for. An old list of packages is renewed for it.
fn depends_on(package: &str, prefix: &str) -> Result<String> {
    let archive = Archive::default();
    let ask = || -> Result<String> {
        let shown = archive.show(&[package])?;
        dependency(&shown, prefix).ok_or_else(|| {
            Error::new(
                Kind::NotFound,
                format!("package `{package}` names no kernel"),
            )
        })
    };
    ask().or_else(|_| {
        archive.update()?;
        ask()
    })
}

/// Where the backports of the suite lie that the machine is of; none where it has them, or is of one without such.
fn backports_of(targets: &str, os: &str) -> Option<Source> {
    let codename = os
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .map_or("", |name| name.trim_matches(['"', '\'']));
    let sources: Vec<Vec<&str>> = targets
        .lines()
        .map(|line| line.split(' ').collect())
        .collect();
    let is_backports = |suite: &&str| suite.ends_with("-backports");
    if sources
        .iter()
        .any(|source| source.get(1).is_some_and(is_backports))
    {
        return None;
    }
    sources.into_iter().find_map(|source| match source[..] {
        [uri, suite, "main"] if suite == codename || ["stable", "oldstable"].contains(&suite) => {
            Some(Source {
                uri: uri.to_owned(),
                suite: format!("{suite}-backports"),
            })
        }
        _ => None,
    })
}

/// The kernels among packages as `apt-cache show` shows them, with where `apt-cache madison` says that they are from.
fn offers_in(shown: &str, madison: &str) -> Vec<Offer> {
    let from = |package: &str, version: &str| {
        madison.lines().find_map(|line| {
            let mut cells = line.split('|').map(str::trim);
            let is_it = cells.next() == Some(package) && cells.next() == Some(version);
            // `http://deb.debian.org/debian bookworm/main amd64 Packages`
            let suite = cells.next()?.split(' ').nth(1)?;
            is_it.then(|| suite.split('/').next().unwrap_or(suite).to_owned())
        })
    };
    shown
        .split("\n\n")
        .filter_map(|stanza| {
            let (package, version) = (field(stanza, "Package")?, field(stanza, "Version")?);
            Some(Offer {
                release: release_of(package),
                version: version.to_owned(),
                from: from(package, version).unwrap_or_default(),
                size: field(stanza, "Size")?.parse().ok()?,
                is_default: false,
                backports: None,
            })
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
    fn a_kernel_has_its_suite_and_its_size() {
        let shown = "Package: linux-image-6.12.95+deb12-cloud-amd64\nVersion: 6.12.95-1~bpo12+1\nSize: 33925512\n\nPackage: linux-image-6.1.0-48-cloud-amd64\nVersion: 6.1.172-1\nSize: 26424228\n";
        let madison = "linux-image-6.12.95+deb12-cloud-amd64 | 6.12.95-1~bpo12+1 | http://deb.debian.org/debian bookworm-backports/main amd64 Packages\nlinux-image-6.1.0-48-cloud-amd64 |  6.1.172-1 | http://deb.debian.org/debian-security bookworm-security/main amd64 Packages\n";
        let offers = offers_in(shown, madison).into_iter();
        let told: Vec<_> = offers
            .map(|one| format!("{} {} {} {}", one.release, one.version, one.from, one.size))
            .collect();
        assert_eq!(
            told,
            [
                "6.12.95+deb12-cloud-amd64 6.12.95-1~bpo12+1 bookworm-backports 33925512",
                "6.1.0-48-cloud-amd64 6.1.172-1 bookworm-security 26424228",
            ]
        );
    }

    #[test]
    fn backports_are_those_of_the_machines_own_suite() {
        let os = "ID=debian\nVERSION_CODENAME=bookworm\n";
        let own = "http://deb.debian.org/debian-security/ bookworm-security main\nhttps://example.org/apt/ nodistro main\nhttp://deb.debian.org/debian/ bookworm main\n";
        assert_eq!(
            backports_of(own, os),
            Some(Source {
                uri: "http://deb.debian.org/debian/".to_owned(),
                suite: "bookworm-backports".to_owned(),
            })
        );
        let has = format!("{own}http://deb.debian.org/debian/ bookworm-backports main\n");
        assert_eq!(backports_of(&has, os), None);
        assert_eq!(
            backports_of("http://deb.debian.org/debian/ sid main\n", os),
            None
        );
    }
}
