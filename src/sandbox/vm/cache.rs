//! The folder for what is costly to get or to make: downloaded kernels, and kernels made ready to boot.

use std::collections::hash_map::DefaultHasher;
use std::env;
use std::fs::{self, Metadata};
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tempfile::{Builder, TempDir};

use crate::error::{Error, Kind, Result};

/// Changes with the layout of what is kept, so that a newer ipvsh makes its own.
const FORMAT: u32 = 1;

/// The cache folder: `$IPVSH_CACHE`, `$XDG_CACHE_HOME/ipvsh` or `~/.cache/ipvsh`. It need not exist.
pub(super) fn folder() -> Result<PathBuf> {
    choose(|name| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    })
    .ok_or_else(|| {
        Error::new(
            Kind::NotFound,
            "no cache folder: neither IPVSH_CACHE nor HOME is set",
        )
        .hint("set IPVSH_CACHE to a folder that may be written to")
    })
}

fn choose(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    variable("IPVSH_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|folder| folder.join("ipvsh")))
        .or_else(|| variable("HOME").map(|home| home.join(".cache/ipvsh")))
}

/// A folder inside the cache, made if need be.
pub(super) fn subfolder(name: &str) -> Result<PathBuf> {
    let folder = folder()?.join(name);
    fs::create_dir_all(&folder).map_err(|error| unwritable(&error, &folder))?;
    Ok(folder)
}

/// A name for what was made from the file `path`, another one for each version of it.
pub(super) fn key(release: &str, path: &Path, meta: &Metadata) -> String {
    let mut hasher = DefaultHasher::new();
    (FORMAT, path, meta.len(), meta.mtime(), meta.mtime_nsec()).hash(&mut hasher);
    format!("{release}-{:016x}", hasher.finish())
}

/// Writes a file that is there whole or not at all.
pub(super) fn put(path: &Path, content: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let write = || {
        let mut file = Builder::new().prefix(".new-").tempfile_in(folder)?;
        file.write_all(content)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|error: std::io::Error| unwritable(&error, path))
}

/// A folder to fill, which [`keep`] puts in its place, and which vanishes if it never gets there.
pub(super) fn workshop(folder: &Path) -> Result<TempDir> {
    Builder::new()
        .prefix(".new-")
        .tempdir_in(folder)
        .map_err(|error| unwritable(&error, folder))
}

/// Puts the filled folder in its place, in one step.
pub(super) fn keep(filled: TempDir, path: &Path) -> Result<()> {
    // What lies there already was given up as unusable, else nobody would have filled another one.
    if let Err(error) = fs::remove_dir_all(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(unwritable(&error, path));
    }
    fs::rename(filled.path(), path).map_err(|error| unwritable(&error, path))?;
    // The folder has moved away from under its guard.
    let _ = filled.keep();
    Ok(())
}

fn unwritable(error: &std::io::Error, path: &Path) -> Error {
    Error::io(error)
        .doing("write to the cache", &path.display().to_string())
        .hint("set IPVSH_CACHE to a folder that may be written to")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(variables: &[(&str, &str)]) -> Option<String> {
        choose(|name| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| PathBuf::from(value))
        })
        .map(|path| path.display().to_string())
    }

    #[test]
    fn our_own_variable_goes_before_the_users_cache_and_the_home() {
        let all = [
            ("HOME", "/h"),
            ("XDG_CACHE_HOME", "/x"),
            ("IPVSH_CACHE", "/own"),
        ];
        assert_eq!(chosen(&all).as_deref(), Some("/own"));
        assert_eq!(chosen(&all[..2]).as_deref(), Some("/x/ipvsh"));
        assert_eq!(chosen(&all[..1]).as_deref(), Some("/h/.cache/ipvsh"));
        assert_eq!(chosen(&[]), None);
    }

    #[test]
    fn a_changed_file_gets_another_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vmlinuz");
        fs::write(&path, "one").unwrap();
        let before = key("6.1", &path, &fs::metadata(&path).unwrap());
        fs::write(&path, "three").unwrap();
        let after = key("6.1", &path, &fs::metadata(&path).unwrap());
        assert_ne!(before, after);
        assert!(before.starts_with("6.1-"));
    }

    #[test]
    fn a_folder_is_kept_whole_in_place_of_an_older_one() {
        let cache = tempfile::tempdir().unwrap();
        let place = cache.path().join("kernel");
        fs::create_dir(&place).unwrap();
        fs::write(place.join("old"), "").unwrap();
        let filled = workshop(cache.path()).unwrap();
        fs::write(filled.path().join("new"), "").unwrap();
        keep(filled, &place).unwrap();
        let names: Vec<_> = fs::read_dir(cache.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["kernel"]);
        assert!(place.join("new").exists() && !place.join("old").exists());
    }
}
