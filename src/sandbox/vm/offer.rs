//! Kernels that can be had: what the packages of this distribution offer for a micro-VM.

use std::path::Path;

use super::packages::Family;
use super::{apt, dnf};
use crate::error::{Error, Kind, Result};
use crate::value::{release, shell};

/// A kernel that can be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// Its release, as `uname -r` would say.
    pub(super) release: String,
    /// The version of its package.
    pub(super) version: String,
    /// The part of the archive that has it.
    pub(super) from: String,
    /// The size of the download in bytes; 0 where the archive does not tell it.
    pub(super) size: u64,
    /// Whether it is what is got where no version is asked for.
    pub(super) is_default: bool,
    /// The archive, where it is one besides those that the machine itself uses.
    pub(super) backports: Option<apt::Archive>,
}

impl Offer {
    /// Whether it is of that version, or of one that begins so.
    pub(super) fn is_called(&self, wanted: &str) -> bool {
        [&self.release, &self.version]
            .into_iter()
            .any(|name| release::begins(name, wanted))
    }

    /// Downloads it into `folder` and unpacks it there.
    pub(super) fn get(&self, folder: &Path, progress: &mut dyn FnMut(&str)) -> Result<()> {
        match Family::of_this_machine()? {
            Family::Debian => {
                let archive = self.backports.clone().unwrap_or_default();
                apt::debian(&archive, &self.release, folder, progress)
            }
            Family::Ubuntu => apt::ubuntu(&self.release, folder, progress),
            Family::Fedora => dnf::get(Some(&self.release), folder, progress),
        }
    }
}

/// All kernels that the packages of this distribution offer, the newest first. What can't be looked at is told through `progress`.
pub(super) fn all(progress: &mut dyn FnMut(&str)) -> Result<Vec<Offer>> {
    let mut all = match Family::of_this_machine()? {
        Family::Debian => apt::debian_offers(progress)?,
        Family::Ubuntu => apt::ubuntu_offers()?,
        Family::Fedora => dnf::offers()?,
    };
    all.sort_by(|one, other| release::compare(&other.release, &one.release));
    all.dedup_by(|one, other| one.release == other.release);
    Ok(all)
}

/// The newest of those that `wanted`, a version or the beginning of one, means.
pub(super) fn newest<'a>(all: &'a [Offer], wanted: &str) -> Result<&'a Offer> {
    all.iter()
        .find(|offer| offer.is_called(wanted))
        .ok_or_else(|| {
            let newest = newest_of_each(all);
            let names: Vec<_> = newest
                .iter()
                .map(|one| format!("`{}` ({})", one.release, one.from))
                .collect();
            let there = match names.as_slice() {
                [] => "the packages of this distribution offer none".to_owned(),
                names => format!(
                    "the packages of this distribution offer {}",
                    names.join(", ")
                ),
            };
            let hint = match newest.first() {
                Some(first) => format!(
                    "`ipvsh vm install --kernel {}`; `ipvsh vm list --all` lists all of them",
                    shell::word(release::series(&first.release))
                ),
                None => "set IPVSH_KERNEL to a kernel image".to_owned(),
            };
            Error::new(Kind::NotFound, there)
                .doing("find kernel", wanted)
                .hint(hint)
        })
}

/// Of each series, as 6.1 and 6.12, the newest one.
pub(super) fn newest_of_each(all: &[Offer]) -> Vec<&Offer> {
    let mut newest: Vec<&Offer> = Vec::new();
    for offer in all {
        let series = release::series(&offer.release);
        if newest
            .iter()
            .all(|known| release::series(&known.release) != series)
        {
            newest.push(offer);
        }
    }
    newest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(releases: &[&str]) -> Vec<Offer> {
        let offer = |release: &&str| Offer {
            release: (*release).to_owned(),
            version: "1".to_owned(),
            from: "main".to_owned(),
            size: 0,
            is_default: false,
            backports: None,
        };
        releases.iter().map(offer).collect()
    }

    #[test]
    fn a_prefix_means_the_newest_that_begins_so() {
        let all = offers(&["6.12.95", "6.12.9", "6.1.0-48", "6.1.0-9"]);
        assert_eq!(newest(&all, "6.12").unwrap().release, "6.12.95");
        assert_eq!(newest(&all, "6.12.9").unwrap().release, "6.12.9");
        assert_eq!(newest(&all, "6.1").unwrap().release, "6.1.0-48");
    }

    #[test]
    fn a_version_that_is_nowhere_is_an_error_that_lists_what_there_is() {
        let error = newest(&offers(&["6.12.95", "6.12.9", "6.1.0-48"]), "5.4").unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot find kernel `5.4`: the packages of this distribution offer `6.12.95` (main), `6.1.0-48` (main)"
        );
    }
}
