//! Files that the guest has written below its work folder, put into ours, and those that it was asked to write.
//!
//! The guest is not trusted with names: only plain relative paths are taken, nothing hidden, and no symbolic link is
//! followed on the way. A path that the user named is taken as it is. A file appears whole or not at all.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2, renameat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use rustix::fs::{RenameFlags, renameat_with};

use super::KeptAside;
use crate::error::{Error, Kind, Result};
use crate::sandbox::failed;

/// More than a lab ever writes, less than would fill a disk.
const MOST: u64 = 1 << 30;

/// The same for how many files it writes.
const MOST_FILES: usize = 10_000;

/// What the name of a file gets behind it whose place another has.
const ASIDE: &str = ".from-vm";

/// The work folder and the file that is on its way.
pub(super) struct Returns {
    folder: PathBuf,
    asked: Vec<PathBuf>,
    replaced: Option<PathBuf>,
    kept_aside: Vec<KeptAside>,
    left: u64,
    files: usize,
    current: Option<Arriving>,
    failure: Option<Error>,
}

enum Arriving {
    Draft(Draft),
    /// One that the user named: kept until it is whole, then written as the program would have on the host.
    Asked {
        path: PathBuf,
        content: Vec<u8>,
    },
}

/// A file of another name that takes its own when it is whole.
struct Draft {
    path: PathBuf,
    folder: OwnedFd,
    file: File,
    as_yet: OsString,
    name: OsString,
}

impl Returns {
    /// Those below `replaced`, seen from `folder`, take the place of older ones.
    pub(super) fn into(folder: &Path, asked: &[PathBuf], replaced: Option<&Path>) -> Self {
        Self {
            folder: folder.to_owned(),
            asked: asked.to_owned(),
            replaced: replaced.map(Path::to_owned),
            kept_aside: Vec::new(),
            left: MOST,
            files: 0,
            current: None,
            failure: None,
        }
    }

    /// A file begins.
    pub(super) fn begin(&mut self, path: &Path, mode: u32) {
        self.drop_current();
        self.files += 1;
        if self.files > MOST_FILES {
            let cause = format!("the guest has written more than {MOST_FILES} files");
            return self.fail(Error::invalid(cause), path);
        }
        if self.asked.iter().any(|asked| asked == path) {
            self.current = Some(Arriving::Asked {
                path: path.to_owned(),
                content: Vec::new(),
            });
            return;
        }
        match create(&self.folder, path, mode) {
            Ok(draft) => self.current = Some(Arriving::Draft(draft)),
            Err(error) => self.fail(error, path),
        }
    }

    /// A piece of it.
    pub(super) fn data(&mut self, bytes: &[u8]) {
        let Some(current) = &mut self.current else {
            return;
        };
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let outcome = match self.left.checked_sub(size) {
            Some(left) => {
                self.left = left;
                current.write(bytes).map_err(failed)
            }
            None => Err(Error::invalid("the guest has written more than 1 GiB")),
        };
        if let Err(error) = outcome {
            let path = current.path().to_owned();
            self.drop_current();
            self.fail(error, &path);
        }
    }

    /// It is complete, and takes its place.
    pub(super) fn end(&mut self) {
        let Some(current) = self.current.take() else {
            return;
        };
        let may_replace = self
            .replaced
            .as_ref()
            .is_some_and(|folder| current.path().starts_with(folder));
        match current.finish(may_replace) {
            Ok(None) => {}
            Ok(Some(aside)) => self.kept_aside.push(KeptAside {
                path: current.path().to_owned(),
                aside,
            }),
            Err(error) => {
                current.discard();
                self.fail(error, current.path());
            }
        }
    }

    /// What went wrong first, if anything did, or what was kept aside.
    pub(super) fn finish(mut self) -> Result<Vec<KeptAside>> {
        self.drop_current();
        match self.failure.take() {
            Some(error) => Err(error),
            None => Ok(std::mem::take(&mut self.kept_aside)),
        }
    }

    fn fail(&mut self, error: Error, path: &Path) {
        let error =
            failed(error).doing("bring back from the micro-VM", &path.display().to_string());
        self.failure.get_or_insert(error);
    }

    fn drop_current(&mut self) {
        if let Some(current) = self.current.take() {
            current.discard();
        }
    }
}

impl Drop for Returns {
    fn drop(&mut self) {
        self.drop_current();
    }
}

impl Arriving {
    fn path(&self) -> &Path {
        match self {
            Self::Draft(draft) => &draft.path,
            Self::Asked { path, .. } => path,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Draft(draft) => draft.file.write_all(bytes),
            Self::Asked { content, .. } => content.write_all(bytes),
        }
    }

    /// Puts it in its place; returns the path that it has got where another file has that place.
    fn finish(&self, may_replace: bool) -> Result<Option<PathBuf>> {
        match self {
            Self::Draft(draft) => draft.finish(may_replace).map_err(failed),
            Self::Asked { path, content } => {
                std::fs::write(path, content).map(|()| None).map_err(failed)
            }
        }
    }

    fn discard(&self) {
        if let Self::Draft(draft) = self {
            draft.discard();
        }
    }
}

impl Draft {
    fn finish(&self, may_replace: bool) -> nix::Result<Option<PathBuf>> {
        if may_replace {
            let (from, to) = (self.as_yet.as_os_str(), self.name.as_os_str());
            renameat(&self.folder, from, &self.folder, to)?;
            return Ok(None);
        }
        match self.take_name(&self.name) {
            Err(Errno::EEXIST) => {}
            other => return other.map(|()| None),
        }
        if self.is_already_there() {
            self.discard();
            return Ok(None);
        }
        for attempt in 1..1000 {
            let mut name = self.name.clone();
            name.push(ASIDE);
            if attempt > 1 {
                name.push(format!(".{attempt}"));
            }
            match self.take_name(&name) {
                Err(Errno::EEXIST) => {}
                other => return other.map(|()| Some(self.path.with_file_name(name))),
            }
        }
        Err(Errno::EEXIST)
    }

    /// Takes a name that no other file has.
    fn take_name(&self, name: &OsString) -> nix::Result<()> {
        let from = self.as_yet.as_os_str();
        renameat_with(
            &self.folder,
            from,
            &self.folder,
            name.as_os_str(),
            RenameFlags::NOREPLACE,
        )
        .map_err(|error| Errno::from_raw(error.raw_os_error()))
    }

    /// Whether the file of the name has the same content.
    fn is_already_there(&self) -> bool {
        let open = |name: &OsString| {
            // Whatever else it may be, as a pipe, it is not waited for.
            let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
            let file = File::from(open_within(&self.folder, name, flags, Mode::empty()).ok()?);
            file.metadata().ok()?.is_file().then_some(file)
        };
        let (Some(old), Some(new)) = (open(&self.name), open(&self.as_yet)) else {
            return false;
        };
        have_same_content(old, new).unwrap_or(false)
    }

    fn discard(&self) {
        let flags = UnlinkatFlags::NoRemoveDir;
        let _ = unlinkat(&self.folder, self.as_yet.as_os_str(), flags);
    }
}

fn have_same_content(one: File, other: File) -> std::io::Result<bool> {
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut one, mut other) = (BufReader::new(one), BufReader::new(other));
    loop {
        let (left, right) = (one.fill_buf()?, other.fill_buf()?);
        let count = left.len().min(right.len());
        if left[..count] != right[..count] {
            return Ok(false);
        }
        if count == 0 {
            return Ok(left.is_empty() && right.is_empty());
        }
        one.consume(count);
        other.consume(count);
    }
}

fn create(root: &Path, path: &Path, mode: u32) -> Result<Draft> {
    let mut names = plain_names(path).ok_or_else(|| {
        Error::new(
            Kind::Denied,
            "the guest may write plain visible files of its work folder only",
        )
    })?;
    let name = names
        .pop()
        .ok_or_else(|| Error::invalid("the file has no name"))?;
    let directory = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let mut folder = open(root, directory, Mode::empty())?;
    for name in names {
        match mkdirat(&folder, name.as_os_str(), Mode::from_bits_truncate(0o777)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
        folder = open_within(&folder, &name, directory, Mode::empty())?;
    }
    // What only its owner may read stays so.
    let group_and_others = Mode::S_IRWXG | Mode::S_IRWXO;
    let is_private = !Mode::from_bits_truncate(mode).intersects(group_and_others);
    let open_to = if is_private { 0o700 } else { 0o777 };
    let bits = if mode & 0o111 == 0 { 0o666 } else { 0o777 };
    let mode = Mode::from_bits_truncate(bits & open_to);
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
    for attempt in 0..100 {
        let draft = OsString::from(format!(".ipvsh-{}-{attempt}", std::process::id()));
        match open_within(&folder, &draft, flags, mode) {
            Ok(file) => {
                return Ok(Draft {
                    path: path.to_owned(),
                    folder,
                    file: file.into(),
                    as_yet: draft,
                    name,
                });
            }
            Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Err(Errno::EEXIST.into())
}

fn open_within(
    folder: impl AsFd,
    name: &OsString,
    flags: OFlag,
    mode: Mode,
) -> nix::Result<OwnedFd> {
    let how = OpenHow::new()
        .flags(flags)
        .mode(mode)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    openat2(folder, name.as_os_str(), how)
}

/// The steps of a path that goes only downwards and by visible names: a guest that could write `.git/hooks` or `.profile`
/// would soon run on the host.
fn plain_names(path: &Path) -> Option<Vec<OsString>> {
    path.components()
        .map(|step| match step {
            Component::Normal(name) if !name.as_bytes().starts_with(b".") => Some(name.to_owned()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn send_to(mut returns: Returns, path: &str, content: &[u8]) -> Result<Vec<KeptAside>> {
        returns.begin(Path::new(path), 0o755);
        returns.data(content);
        returns.end();
        returns.finish()
    }

    fn send(folder: &Path, path: &str, content: &[u8]) -> Result<Vec<KeptAside>> {
        send_to(
            Returns::into(folder, &[], Some(Path::new(""))),
            path,
            content,
        )
    }

    #[test]
    fn a_file_replaces_an_older_one_and_keeps_its_executable_bit() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("out"), "old and longer").unwrap();
        send(folder.path(), "out", b"new").unwrap();
        let path = folder.path().join("out");
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_ne!(fs::metadata(&path).unwrap().permissions().mode() & 0o100, 0);
    }

    #[test]
    fn without_leave_a_changed_file_is_kept_aside_and_the_old_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("out")).unwrap();
        for name in ["lab.rhai", "out/log"] {
            fs::write(at(name), "old").unwrap();
        }
        let send = |path: &str, content: &[u8]| {
            let replaced = Some(Path::new("out"));
            send_to(Returns::into(folder.path(), &[], replaced), path, content).unwrap()
        };
        assert_eq!(send("lab.rhai", b"old"), []);
        for aside in ["lab.rhai.from-vm", "lab.rhai.from-vm.2"] {
            let kept = KeptAside {
                path: "lab.rhai".into(),
                aside: aside.into(),
            };
            assert_eq!(send("lab.rhai", b"new"), [kept]);
        }
        assert_eq!(send("out/log", b"new"), []);
        assert_eq!(send("fresh", b"new"), []);
        let mut all: Vec<(String, String)> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .chain([at("out/log")])
            .map(|path| {
                let name = path.strip_prefix(folder.path()).unwrap();
                let text = fs::read_to_string(&path).unwrap();
                (name.display().to_string(), text)
            })
            .collect();
        all.sort();
        let all: Vec<(&str, &str)> = all.iter().map(|(name, text)| (&**name, &**text)).collect();
        assert_eq!(
            all,
            [
                ("fresh", "new"),
                ("lab.rhai", "old"),
                ("lab.rhai.from-vm", "new"),
                ("lab.rhai.from-vm.2", "new"),
                ("out/log", "new"),
            ]
        );
    }

    #[test]
    fn folders_are_made_on_the_way() {
        let folder = tempfile::tempdir().unwrap();
        send(folder.path(), "a/b/c", b"deep").unwrap();
        assert_eq!(
            fs::read_to_string(folder.path().join("a/b/c")).unwrap(),
            "deep"
        );
    }

    #[test]
    fn names_that_lead_out_or_hide_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        for path in [
            "/etc/x",
            "../x",
            "a/../../x",
            ".profile",
            "a/.git/hooks/x",
            "",
        ] {
            assert!(send(folder.path(), path, b"").is_err(), "{path}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    /// What a hostile guest may do to a host that takes files.
    #[derive(Clone, Debug)]
    enum Said {
        Begin(PathBuf),
        Data(Vec<u8>),
        End,
    }

    fn said() -> impl Strategy<Value = Said> {
        let step = prop_oneof![
            6 => select(vec!["a", "b", "out", "file", "lab.rhai", "pipe"]).prop_map(str::to_owned),
            3 => select(vec!["..", ".", "", "/", ".git", "~", "\n", "a\0b", "-", "outside"])
                .prop_map(str::to_owned),
            1 => any::<String>(),
            1 => Just("x".repeat(300)),
        ];
        let path = (any::<bool>(), vec(step, 0..5)).prop_map(|(is_absolute, steps)| {
            let path = steps.join("/");
            PathBuf::from(if is_absolute {
                format!("/{path}")
            } else {
                path
            })
        });
        prop_oneof![
            3 => path.prop_map(Said::Begin),
            2 => vec(any::<u8>(), 0..20).prop_map(Said::Data),
            3 => Just(Said::End),
        ]
    }

    /// All that lies below, with its content; of links where they lead to.
    fn all_below(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut all = BTreeMap::new();
        let mut left = vec![folder.to_owned()];
        while let Some(folder) = left.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let kind = path.symlink_metadata().unwrap().file_type();
                if kind.is_dir() {
                    left.push(path);
                } else if kind.is_file() {
                    let content = fs::read(&path).unwrap();
                    all.insert(path, content);
                } else if kind.is_symlink() {
                    let target = fs::read_link(&path).unwrap();
                    all.insert(path, target.into_os_string().into_encoded_bytes());
                }
            }
        }
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn whatever_a_guest_sends_nothing_outside_and_nothing_older_is_touched(
            said in vec(said(), 0..20),
            may_replace in any::<bool>(),
        ) {
            let place = tempfile::tempdir().unwrap();
            let at = |name: &str| place.path().join(name);
            let work = at("work");
            for folder in ["outside", "work/b/.git", "work/new"] {
                fs::create_dir_all(at(folder)).unwrap();
            }
            for file in ["outside/a", "work/lab.rhai", "work/.profile", "work/b/.git/a"] {
                fs::write(at(file), file).unwrap();
            }
            symlink(at("outside"), at("work/out")).unwrap();
            symlink(at("outside/a"), at("work/file")).unwrap();
            nix::unistd::mkfifo(&at("work/pipe"), Mode::S_IRWXU).unwrap();
            let before = all_below(place.path());
            let replaced = may_replace.then_some(Path::new("new"));
            let mut returns = Returns::into(&work, &[], replaced);
            for one in &said {
                match one {
                    Said::Begin(path) => returns.begin(path, 0o4777),
                    Said::Data(bytes) => returns.data(bytes),
                    Said::End => returns.end(),
                }
            }
            // An error or none: it says so, and never panics.
            let _ = returns.finish();
            let after = all_below(place.path());
            for (path, content) in &before {
                prop_assert_eq!(after.get(path), Some(content), "{}", path.display());
            }
            for path in after.keys().filter(|path| !before.contains_key(*path)) {
                let below = path.strip_prefix(&work);
                prop_assert!(below.is_ok_and(|below| plain_names(below).is_some()), "{}", path.display());
                let mode = path.symlink_metadata().unwrap().permissions().mode();
                prop_assert_eq!(mode & 0o7000, 0);
            }
        }
    }

    #[test]
    fn a_guest_that_sends_files_without_end_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let mut returns = Returns::into(folder.path(), &[], None);
        returns.files = MOST_FILES;
        returns.begin(Path::new("one"), 0o644);
        let error = returns.finish().unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot bring back from the micro-VM `one`: the guest has written more than 10000 files"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_the_user_named_is_written_wherever_it_lies_and_keeps_its_mode() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = elsewhere.path().join(".lab.sh");
        fs::write(&path, "older and longer").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let mut returns = Returns::into(folder.path(), std::slice::from_ref(&path), None);
        returns.begin(&path, 0o644);
        returns.data(b"ip link");
        returns.end();
        returns.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "ip link");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_link_on_the_way_is_not_followed_and_one_at_the_end_is_replaced() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        symlink(outside.path(), folder.path().join("out")).unwrap();
        assert!(send(folder.path(), "out/x", b"").is_err());
        symlink(outside.path().join("target"), folder.path().join("file")).unwrap();
        send(folder.path(), "file", b"mine").unwrap();
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
        assert!(
            folder
                .path()
                .join("file")
                .symlink_metadata()
                .unwrap()
                .is_file()
        );
    }

    #[test]
    fn a_transfer_that_breaks_off_leaves_the_old_file_and_no_rest() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("out"), "old").unwrap();
        let mut returns = Returns::into(folder.path(), &[], Some(Path::new("")));
        returns.begin(Path::new("out"), 0o644);
        returns.data(b"half");
        drop(returns);
        assert_eq!(
            fs::read_to_string(folder.path().join("out")).unwrap(),
            "old"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
