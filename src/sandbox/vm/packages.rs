//! The package tools of distributions, run without a shell in between.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::geteuid;

use super::programs;
use crate::error::{Error, Kind, Result};
use crate::sandbox::failed;

/// Distributions that name their packages alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Debian,
    Ubuntu,
    Fedora,
}

impl Family {
    pub(super) fn of_this_machine() -> Result<Self> {
        let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
        Self::of(&text).ok_or_else(|| {
            Error::new(Kind::Unsupported, "packages of this distribution are not known to ipvsh")
                .doing_plain("install the micro-VM")
                .hint("install QEMU for x86-64 by hand, and set IPVSH_KERNEL to a kernel image that has its modules beside it")
        })
    }

    /// The family that `/etc/os-release` tells of.
    fn of(text: &str) -> Option<Self> {
        let names: Vec<&str> = text
            .lines()
            .filter_map(|line| {
                line.strip_prefix("ID=")
                    .or_else(|| line.strip_prefix("ID_LIKE="))
            })
            .flat_map(|value| value.trim_matches(['"', '\'']).split_whitespace())
            .collect();
        // Ubuntu says that it is like Debian.
        [
            ("ubuntu", Self::Ubuntu),
            ("debian", Self::Debian),
            ("fedora", Self::Fedora),
        ]
        .into_iter()
        .find(|(name, _)| names.contains(name))
        .map(|(_, family)| family)
    }
}

/// The files of a folder whose names end so.
pub(super) fn files_ending(folder: &Path, ending: &str) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == ending)
        })
        .collect()
}

/// Removes a file that is of no more use.
pub(super) fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path)
        .map_err(|error| failed(error).doing("remove", &path.display().to_string()))
}

/// A program with its arguments.
#[derive(Clone, Debug)]
pub(super) struct Tool {
    program: PathBuf,
    arguments: Vec<OsString>,
    folder: Option<PathBuf>,
    input: Option<PathBuf>,
}

/// A tool of this machine, by its name.
pub(super) fn tool(name: &str) -> Result<Tool> {
    match programs::find(Path::new(name)) {
        Some(program) => Ok(Tool {
            program,
            arguments: Vec::new(),
            folder: None,
            input: None,
        }),
        None => Err(Error::new(
            Kind::Unsupported,
            format!("there is no `{name}` on this machine"),
        )
        .hint(format!(
            "install `{name}` first, or set IPVSH_KERNEL to a kernel image"
        ))),
    }
}

impl Tool {
    pub(super) fn args(mut self, arguments: &[impl AsRef<OsStr>]) -> Self {
        self.arguments.extend(
            arguments
                .iter()
                .map(|argument| argument.as_ref().to_owned()),
        );
        self
    }

    /// Runs it in another folder.
    pub(super) fn within(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Has it read a file instead of nothing.
    pub(super) fn input_from(mut self, path: &Path) -> Self {
        self.input = Some(path.to_owned());
        self
    }

    /// Runs it and gives what it says, which is an error where it fails.
    pub(super) fn output(self) -> Result<String> {
        self.run(Stdio::piped())
    }

    /// Runs it and writes what it says to a file.
    pub(super) fn output_to(self, path: &Path) -> Result<()> {
        let file = File::create(path)?;
        self.run(file.into()).map(|_| ())
    }

    /// Runs it as root: through `sudo`, which asks for the password where there is a terminal to ask at.
    pub(super) fn run_as_root(self) -> Result<()> {
        if geteuid().is_root() {
            return self.output().map(|_| ());
        }
        let line = format!("sudo {}", self.line());
        let Ok(mut sudo) = tool("sudo") else {
            return Err(Error::new(Kind::Denied, "that needs root")
                .hint(format!("run `{}` as root", self.line())));
        };
        if !io::stdin().is_terminal() {
            sudo = sudo.args(&["-n"]);
        }
        sudo.args(&[self.program.as_os_str()])
            .args(&self.arguments)
            .output()
            .map(|_| ())
            .map_err(|error| error.hint(format!("run `{line}`")))
    }

    fn run(self, output: Stdio) -> Result<String> {
        let line = self.line();
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("LC_ALL", "C.UTF-8")
            .stdin(match &self.input {
                Some(path) => File::open(path)?.into(),
                None => Stdio::null(),
            })
            .stdout(output)
            .stderr(Stdio::piped());
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        let done = command
            .spawn()
            .and_then(std::process::Child::wait_with_output)
            .map_err(|error| {
                let error = failed(error);
                let cause = format!("`{line}`: {}", error.cause);
                error.cause(cause)
            })?;
        if done.status.success() {
            return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
        }
        let complaint = String::from_utf8_lossy(&done.stderr).into_owned();
        let lines: Vec<&str> = complaint
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        let error = Error::new(Kind::Kernel, format!("`{line}` failed ({})", done.status));
        Err(lines
            .iter()
            .skip(lines.len().saturating_sub(8))
            .fold(error, |error, line| error.note(*line)))
    }

    /// The command as one would type it.
    fn line(&self) -> String {
        let name = self.program.file_name().unwrap_or(self.program.as_os_str());
        std::iter::once(name)
            .chain(self.arguments.iter().map(OsString::as_os_str))
            .map(OsStr::to_string_lossy)
            .collect::<Vec<_>>()
            .join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_is_known_by_itself_or_by_what_it_is_like() {
        assert_eq!(Family::of("ID=debian\n"), Some(Family::Debian));
        assert_eq!(
            Family::of("NAME=Mint\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"),
            Some(Family::Ubuntu)
        );
        assert_eq!(
            Family::of("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n"),
            Some(Family::Fedora)
        );
        assert_eq!(Family::of("ID=plan9\n"), None);
    }

    #[test]
    fn a_tool_that_fails_is_quoted_with_its_last_words() {
        let error = tool("sh")
            .unwrap()
            .args(&["-c", "echo no luck >&2; exit 3"])
            .output()
            .unwrap_err();
        assert_eq!(
            error.message(),
            "`sh -c echo no luck >&2; exit 3` failed (exit status: 3)"
        );
        assert_eq!(error.notes, ["no luck"]);
    }

    #[test]
    fn a_missing_tool_is_named() {
        let error = tool("no-such-tool").unwrap_err();
        assert_eq!(
            error.message(),
            "there is no `no-such-tool` on this machine"
        );
    }
}
