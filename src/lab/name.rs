//! What a lab is called: as its script's file, as the script says, or as the command line says, the last first.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::lab::{Lab, journal};
use crate::value::fingerprint;

/// What a lab is called, and who says so.
#[derive(Clone, Debug, Default)]
pub(super) struct Name {
    /// None where no journal is kept.
    pub(super) lab: Option<String>,
    pub(super) script: Option<PathBuf>,
    /// Whether the command line gave it: what the script says is of no account then.
    pub(super) is_given: bool,
    /// Whether many runs have the name at once, as lines on the command line do: one that finds it taken adds its process.
    pub(super) is_common: bool,
}

/// How many bytes of a file's name a lab takes over at most.
const LONGEST: usize = 150;

/// What the lab of the script at `path` is called, unless something else is said: as the file, without its ending. `None` where it
/// has no name.
///
/// A file whose name no lab can have (`.hidden.rhai`, one with a control character) gives it without what is in the way, and a
/// number for the whole, so that two such files have two labs.
pub fn of_script(path: &Path) -> Option<String> {
    let stem = path.file_stem()?;
    match stem.to_str() {
        Some(stem) if journal::check_name(stem).is_ok() => Some(stem.to_owned()),
        _ => Some(made_fit(stem)),
    }
}

fn made_fit(stem: &OsStr) -> String {
    let text = stem.to_string_lossy();
    let fit = |letter: char| {
        if letter.is_control() || letter == '/' {
            '_'
        } else {
            letter
        }
    };
    let mut name: String = text.trim_start_matches('.').chars().map(fit).collect();
    while name.len() > LONGEST {
        name.pop();
    }
    let number = fingerprint::of(stem.as_bytes()) & 0xff_ffff;
    if name.is_empty() {
        format!("lab-{number:06x}")
    } else {
        format!("{name}-{number:06x}")
    }
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
        self.touched.forget();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_its_lab_a_name_that_a_lab_can_have() {
        let of = |path: &str| of_script(Path::new(path)).unwrap();
        assert_eq!(of("labs/two hosts.rhai"), "two hosts");
        assert_eq!(of(".hid.rhai"), "hid-dae376");
        assert_ne!(of("a\nb.rhai"), of("a\tb.rhai"));
        assert!(of("a\nb.rhai").starts_with("a_b-"));
        assert!(of("..rhai").starts_with("lab-"));
        let long = of(&format!("{}.rhai", "ü".repeat(120)));
        assert!(journal::check_name(&long).is_ok(), "{long}");
    }
}
