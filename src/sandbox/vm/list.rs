//! The kernels for a micro-VM: those of this machine, and those that can be had.

use std::path::PathBuf;

use super::offer::{self, Offer};
use super::{kernel, packages};
use crate::error::{Kind, Result};
use crate::value::release;

/// A kernel for the micro-VM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its release, as `uname -r` says.
    pub release: String,
    /// The version of its package, where it is known.
    pub version: Option<String>,
    /// The part of the distribution's archive that has it; none where it is only on this machine.
    pub from: Option<String>,
    /// What it takes on disk where it is installed, else the size of the download, in bytes; none where it is not known.
    pub size: Option<u64>,
    /// Its image, where it is on this machine.
    pub image: Option<PathBuf>,
    /// Whether a micro-VM runs it where no version is asked for, or would run it once `ipvsh vm install` has got it.
    pub is_default: bool,
}

/// The releases of the kernels on this machine that a micro-VM can run, the default first.
pub fn installed() -> Vec<String> {
    let (all, _) = kernel::all();
    all.into_iter().map(|kernel| kernel.release).collect()
}

/// The kernels for a micro-VM, the newest first. Of those that can be had, the newest of each series, or all of them; the number is
/// how many were left out. What can't be looked at is told through `progress`.
pub fn list(all: bool, progress: &mut dyn FnMut(&str)) -> Result<(Vec<Listed>, usize)> {
    let (kernels, unfit) = kernel::all();
    for reason in unfit {
        progress(&format!("no kernel for a micro-VM: {reason}"));
    }
    let offers = match offer::all(progress) {
        Ok(offers) => offers,
        Err(error) if kernels.is_empty() => return Err(error),
        Err(error) => {
            let packages = match error.kind {
                Kind::Unsupported if packages::Family::of_this_machine().is_err() => error.cause,
                _ => format!("the packages can't be looked at: {}", error.cause),
            };
            progress(&packages);
            Vec::new()
        }
    };
    let default = kernel::find(None).ok().map(|kernel| kernel.release);
    let mut listed: Vec<Listed> = kernels
        .iter()
        .map(|kernel| {
            let offer = offers.iter().find(|one| one.release == kernel.release);
            Listed {
                release: kernel.release.clone(),
                version: offer
                    .map(|one| one.version.clone())
                    .or_else(|| kernel.version.clone()),
                from: offer.map(|one| one.from.clone()),
                size: Some(kernel.size()),
                image: Some(kernel.image.clone()),
                is_default: default.as_ref() == Some(&kernel.release),
            }
        })
        .collect();
    let shown: Vec<&Offer> = if all {
        offers.iter().collect()
    } else {
        offer::newest_of_each(&offers)
    };
    let is_new = |offer: &&&Offer| kernels.iter().all(|one| one.release != offer.release);
    let more = shown.iter().filter(is_new).map(|offer| Listed {
        release: offer.release.clone(),
        version: Some(offer.version.clone()),
        from: Some(offer.from.clone()),
        size: (offer.size > 0).then_some(offer.size),
        image: None,
        is_default: default.is_none() && offer.is_default,
    });
    listed.extend(more);
    let is_listed = |offer: &&Offer| listed.iter().any(|one| one.release == offer.release);
    let left_out = offers.len() - offers.iter().filter(is_listed).count();
    listed.sort_by(|one, other| release::compare(&other.release, &one.release));
    Ok((listed, left_out))
}
