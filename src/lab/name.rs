//! What a lab is called: as its script's file, as the script says, or as the command line says, the last first.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::lab::{Lab, journal};

/// What a lab is called, and who says so.
#[derive(Clone, Debug, Default)]
pub(super) struct Name {
    /// None where no journal is kept.
    pub(super) lab: Option<String>,
    pub(super) script: Option<PathBuf>,
    /// Whether the command line gave it: what the script says is of no account then.
    is_given: bool,
    /// Whether many runs have the name at once, as lines on the command line do: one that finds it taken adds its process.
    pub(super) is_common: bool,
}

impl Lab {
    /// Says what the lab is called, before anything is done. Without a name no journal is kept.
    /// `is_given` is whether it stays whatever the script says.
    pub fn call(&self, lab: &str, script: Option<&Path>, is_given: bool) -> Result<()> {
        journal::check_name(lab)?;
        self.name.replace(Name {
            lab: Some(lab.to_owned()),
            script: script.map(Path::to_owned),
            is_given,
            is_common: false,
        });
        Ok(())
    }

    /// The same for a name that many short runs have at once.
    pub fn call_commonly(&self, lab: &str) {
        self.name.replace(Name {
            lab: Some(lab.to_owned()),
            is_common: true,
            ..Name::default()
        });
    }

    /// Gives the lab another name, as its script says.
    pub fn rename(&self, lab: &str) -> Result<()> {
        let context = |error: Error| error.doing("name lab", lab);
        journal::check_name(lab).map_err(context)?;
        if self.name.borrow().is_given {
            return Ok(());
        }
        if self.is_begun.get() && self.name.borrow().lab.as_deref() != Some(lab) {
            return Err(context(
                Error::invalid("the run has begun its lab already").hint(format!(
                    "write lab(\"{lab}\") before the first word that makes something"
                )),
            ));
        }
        let mut name = self.name.borrow_mut();
        name.lab = Some(lab.to_owned());
        name.is_common = false;
        Ok(())
    }

    /// The lab's name, where it has one.
    pub fn name(&self) -> Option<String> {
        self.name.borrow().lab.clone()
    }
}
