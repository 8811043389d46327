//! The entries of earlier sessions, each once.

use std::collections::HashSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use rustyline::history::FileHistory;
use rustyline::{Editor, Helper};

/// The history file, its folder made; none where there is no place for it.
fn file() -> Option<PathBuf> {
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

/// Where the entries of a session are kept.
pub(super) struct History {
    file: Option<PathBuf>,
}

impl History {
    /// Reads the entries of earlier sessions into `editor`.
    pub(super) fn load<H: Helper>(editor: &mut Editor<H, FileHistory>) -> Self {
        // A pipe would be waited for.
        let is_history =
            |file: &PathBuf| std::fs::metadata(file).map_or(true, |meta| meta.is_file());
        let file = file().filter(is_history);
        if let Some(file) = &file {
            tidy(editor, file);
        }
        Self { file }
    }

    /// Adds an entry. One that begins with a blank is private, and kept nowhere.
    pub(super) fn add<H: Helper>(&self, editor: &mut Editor<H, FileHistory>, entry: &str) {
        let is_known = editor.history().iter().any(|known| known == entry);
        let is_added = editor.add_history_entry(entry).unwrap_or(false);
        if !is_added {
            return;
        }
        let Some(file) = &self.file else { return };
        // A history that can't be written is no reason to stop.
        let _ = editor.append_history(file);
        if is_known {
            tidy(editor, file);
        }
    }
}

/// Reads the file anew, with what other sessions have added, each entry once.
fn tidy<H: Helper>(editor: &mut Editor<H, FileHistory>, file: &Path) {
    // The first session finds no file.
    if editor.clear_history().is_err() || editor.load_history(file).is_err() {
        return;
    }
    let entries: Vec<String> = editor.history().iter().cloned().collect();
    if let Some(once) = each_once(&entries)
        && editor.clear_history().is_ok()
    {
        for entry in once {
            // It was accepted before and is accepted again.
            let _ = editor.add_history_entry(entry.as_str());
        }
        let _ = editor.save_history(file);
    }
}

/// The entries without earlier copies of later ones; none where there are no copies.
fn each_once(entries: &[String]) -> Option<Vec<String>> {
    let mut seen = HashSet::new();
    let newest_first = entries
        .iter()
        .rev()
        .filter(|entry| seen.insert(entry.as_str()));
    let mut once: Vec<String> = newest_first.cloned().collect();
    once.reverse();
    (once.len() < entries.len()).then_some(once)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_same_entries_the_newest_stays() {
        let list = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        assert_eq!(each_once(&list(&["a", "b", "a"])), Some(list(&["b", "a"])));
        assert_eq!(each_once(&list(&["a", "b"])), None);
    }
}
