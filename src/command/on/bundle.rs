//! What a host is sent to run: a line of JSON that says what, then the bytes of the files.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, Error, ErrorKind, Read, Result, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The version of this form. Another one is refused.
pub(super) const FORM: u32 = 1;

/// The longest line that says what is to be run, in bytes.
const LONGEST: u64 = 1 << 24;

/// A run for another host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bundle {
    /// The version of the form.
    pub(super) form: u32,
    /// The name of the host that sends it.
    pub(super) origin: String,
    /// The folder that it is run in there.
    pub(super) folder: PathBuf,
    /// What stands behind `ipvsh`.
    pub(super) arguments: Vec<String>,
    /// Which of the arguments is the path of a file of those.
    pub(super) script: Option<usize>,
    /// The files that it needs, by their absolute paths, with their lengths.
    pub(super) files: Vec<(PathBuf, u64)>,
}

impl Bundle {
    /// The line that says what is to be run, and the files as they are now.
    pub(super) fn write(&self, contents: &[Vec<u8>], to: &mut impl Write) -> Result<()> {
        serde_json::to_writer(&mut *to, self)?;
        to.write_all(b"\n")?;
        for content in contents {
            to.write_all(content)?;
        }
        to.flush()
    }

    /// Reads that line.
    pub(super) fn read(from: &mut impl BufRead) -> Result<Self> {
        let mut line = String::new();
        from.take(LONGEST).read_line(&mut line)?;
        let form = serde_json::from_str::<serde_json::Value>(&line)
            .ok()
            .and_then(|told| told["form"].as_u64());
        if form != Some(u64::from(FORM)) {
            let why = "what came is not in the form of this version of ipvsh";
            return Err(Error::new(ErrorKind::InvalidData, why));
        }
        Ok(serde_json::from_str(&line)?)
    }

    /// Writes the files that follow below `root`. Each is there whole or as before.
    pub(super) fn unpack(&self, root: &Path, from: &mut impl Read) -> Result<()> {
        make_folder(&below(root, &self.folder)?)?;
        for (path, length) in &self.files {
            let path = below(root, path)?;
            if let Some(folder) = path.parent() {
                make_folder(folder)?;
            }
            let mut new = path.clone().into_os_string();
            new.push(format!(".new-{}", std::process::id()));
            let new = PathBuf::from(new);
            let written = write_file(&new, *length, from).and_then(|()| fs::rename(&new, &path));
            if let Err(error) = written {
                let _ = fs::remove_file(&new);
                let why = format!("{}: {error}", path.display());
                return Err(Error::new(error.kind(), why));
            }
        }
        Ok(())
    }
}

fn make_folder(folder: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(folder)
}

fn write_file(path: &Path, length: u64, from: &mut impl Read) -> Result<()> {
    let mut file: File = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)?;
    let copied = std::io::copy(&mut from.take(length), &mut file)?;
    if copied < length {
        return Err(Error::new(ErrorKind::UnexpectedEof, "not all of it came"));
    }
    Ok(())
}

/// The absolute path of the host that sends, as it is below `root` here.
pub(super) fn below(root: &Path, path: &Path) -> Result<PathBuf> {
    let mut found = root.to_owned();
    for part in path.components() {
        match part {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => found.push(name),
            Component::ParentDir | Component::Prefix(_) => {
                let why = format!("`{}` leads elsewhere", path.display());
                return Err(Error::new(ErrorKind::InvalidData, why));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(files: Vec<(PathBuf, u64)>) -> Bundle {
        Bundle {
            form: FORM,
            origin: "desk".to_owned(),
            folder: "/srv/labs".into(),
            arguments: vec!["lab.rhai".to_owned()],
            script: Some(0),
            files,
        }
    }

    #[test]
    fn what_is_sent_comes_out_as_it_was() {
        let sent = bundle(vec![
            ("/srv/labs/lab.rhai".into(), 4),
            ("/srv/lib/net.rhai".into(), 0),
        ]);
        let mut bytes = Vec::new();
        sent.write(&[b"a\nb\n".to_vec(), Vec::new()], &mut bytes)
            .unwrap();
        let mut from = bytes.as_slice();
        let came = Bundle::read(&mut from).unwrap();
        assert_eq!(came, sent);
        let root = tempfile::tempdir().unwrap();
        came.unpack(root.path(), &mut from).unwrap();
        let text = |path: &str| fs::read_to_string(root.path().join(path)).unwrap();
        assert_eq!(text("srv/labs/lab.rhai"), "a\nb\n");
        assert_eq!(text("srv/lib/net.rhai"), "");
    }

    #[test]
    fn what_is_cut_off_or_leads_elsewhere_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let cut = bundle(vec![("/srv/labs/lab.rhai".into(), 4)]);
        let error = cut.unpack(root.path(), &mut b"ab".as_slice()).unwrap_err();
        assert!(error.to_string().ends_with("not all of it came"), "{error}");
        let left = fs::read_dir(root.path().join("srv/labs")).unwrap().count();
        assert_eq!(left, 0);
        let outside = bundle(vec![("/srv/../../etc/passwd".into(), 0)]);
        assert!(outside.unpack(root.path(), &mut b"".as_slice()).is_err());
        assert!(Bundle::read(&mut b"{\"form\":2}\n".as_slice()).is_err());
        assert!(Bundle::read(&mut b"".as_slice()).is_err());
    }
}
