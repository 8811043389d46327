//! Where the entries of earlier sessions are kept.

use std::env;
use std::fs;
use std::path::PathBuf;

/// The history file, its folder made; none where there is no place for it.
pub(super) fn file() -> Option<PathBuf> {
    let state = env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute())
        .or_else(|| {
            let home = env::var_os("HOME").map(PathBuf::from)?;
            Some(home.join(".local/state"))
        })?;
    let folder = state.join("ipvsh");
    fs::create_dir_all(&folder).ok()?;
    Some(folder.join("history"))
}
