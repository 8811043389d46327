//! Whose lab it is: a lab is its name and the file that made it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, absolute};

use crate::error::{Error, Kind, Result};
use crate::lab::journal::Journal;
use crate::lab::name::Name;
use crate::lab::record::{Contents, Run};
use crate::lab::{Lab, owners};
use crate::value::shell;

/// Device and inode of a script.
pub(super) fn number_of(script: &Path) -> Option<(u64, u64)> {
    let meta = fs::metadata(script).ok()?;
    Some((meta.dev(), meta.ino()))
}

impl Run {
    /// Whether the run was of the script at `path`, also where that was moved since.
    pub fn is_of(&self, path: &Path) -> bool {
        let Some(script) = &self.script else {
            return false;
        };
        let real = fs::canonicalize(path).or_else(|_| absolute(path));
        if real.is_ok_and(|real| real == *script) {
            return true;
        }
        // Its number may be given anew where it is gone: then what is there is of another time.
        let is_moved = !script.exists() && self.file.is_some();
        is_moved && self.file == number_of(path)
    }
}

impl Name {
    /// Fails with `conflict` where the lab of that name was made by another file.
    ///
    /// Where that file is gone, who says the name of the lab takes it over.
    pub(super) fn check_maker(&self, contents: &Contents) -> Result<()> {
        let (Some(lab), Some(script), Some(run)) = (&self.lab, &self.script, contents.maker())
        else {
            return Ok(());
        };
        let Some(maker) = &run.script else {
            return Ok(());
        };
        let is_gone = !maker.exists();
        if run.is_of(script) || is_gone && self.is_given {
            return Ok(());
        }
        let (own, other) = (shell::path(script), maker.display());
        let name = shell::word(lab);
        let error = Error::new(
            Kind::Conflict,
            format!("a lab of that name was made by {other}"),
        )
        .doing("make lab", lab)
        .note(format!("this one is of {}", script.display()));
        Err(if is_gone {
            error.note(format!("{other} is gone")).hint(format!(
                "if it was moved here, `ipvsh --lab {name} {own}` takes its lab over; \
                     `ipvsh down {name}` takes the lab down"
            ))
        } else {
            error.hint(format!(
                "give this one a name of its own, `ipvsh --lab NAME {own}`, or take the other one down: `ipvsh down {name}`"
            ))
        })
    }
}

impl Lab {
    /// Looks into the journal that a run would open.
    pub(super) fn look_ahead(&self) -> Result<()> {
        let name = self.name.borrow().clone();
        let told = name.lab.as_deref().map(Journal::peek);
        if let Some((contents, _)) = told.transpose()?.flatten() {
            name.check_maker(&contents)?;
            self.claimed.replace(owners::noted(&contents));
        }
        Ok(())
    }
}
