//! Lets the lab of a script stand again after a reboot: a unit of systemd, or a line of cron where there is no systemd.

mod boot;

use std::ffi::OsString;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::line::Options;
use super::{output, source};
use crate::dsl::Session;
use crate::dsl::session::Settings;
use crate::engine::script::Script;
use crate::engine::{Failure, Interpreter, Reason};
use crate::error::{Error, Kind, Result};
use crate::lab::{journal, name};
use crate::value::shell;
use crate::view::error::Report;
use boot::{Boot, Manager};

/// Whether systemd starts things on this machine.
pub(super) fn has_systemd() -> bool {
    Manager::here() == Manager::Systemd
}

/// Has the script that `words` name, with the parameters behind it, run at each boot.
pub(super) fn enable(
    words: &[OsString],
    only_print: bool,
    options: &Options,
) -> std::result::Result<u8, Failure> {
    let words = source::texts(words.iter())?;
    let Some((file, arguments)) = words.split_first() else {
        return Err(Failure::usage(Report::new("no script is given")));
    };
    if file == "-" {
        let report = Report::new("a script from standard input is not there at the next boot");
        return Err(Failure::usage(report.hint("write it to a file")));
    }
    let script = Script::read(Path::new(file)).map_err(Failure::usage)?;
    let interpreter = Interpreter::new(Session::new(Settings::default()));
    if let ControlFlow::Break(code) = source::ready(&interpreter, &script, arguments)? {
        return Ok(code);
    }
    let boot = of(Path::new(file), arguments, options).map_err(|error| failure(&error))?;
    let manager = Manager::here();
    let text = boot.text(manager).map_err(|error| failure(&error))?;
    if only_print {
        return Ok(output::say(text.trim_end()));
    }
    let path = boot.path(manager);
    let doing = |error: Error| failure(&error.doing("enable", file));
    write(&boot, manager, &path, &text).map_err(doing)?;
    if !options.quiet {
        let lab = shell::word(&boot.lab).to_string();
        output::note(&format!(
            "lab `{}` is made at each boot: {}; `ipvsh disable {lab}` ends that",
            boot.lab,
            path.display()
        ));
    }
    Ok(0)
}

/// What is to be done at boot.
fn of(file: &Path, arguments: &[String], options: &Options) -> Result<Boot> {
    let script = fs::canonicalize(file)?;
    // What came through `/dev/stdin` may be none.
    if !script.is_file() {
        return Err(
            Error::invalid("it is no file that is there at the next boot")
                .doing("enable", &file.display().to_string())
                .hint("write the script to a file, and name that"),
        );
    }
    let lab = match &options.lab {
        Some(lab) => Some(lab.clone()),
        None => name::of_script(&script),
    };
    let lab = lab.ok_or_else(|| Error::invalid("the script has no name to call the lab by"))?;
    journal::check_name(&lab).map_err(|error| error.doing("name lab", &lab))?;
    Ok(Boot {
        lab,
        is_named: options.lab.is_some(),
        script,
        arguments: arguments.to_vec(),
        program: std::env::current_exe()?,
        folder: std::env::current_dir()?,
    })
}

fn failure(error: &Error) -> Failure {
    Failure {
        report: Report::of(error),
        reason: match error.kind {
            Kind::Denied | Kind::Unsupported => Reason::NotPossible,
            _ => Reason::Script,
        },
    }
}

/// Writes the file, once it is known to be good, and has it heeded.
fn write(boot: &Boot, manager: Manager, path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    if !folder.is_dir() {
        return Err(Error::new(
            Kind::Unsupported,
            format!("there is neither systemd nor a folder {}", folder.display()),
        )
        .hint("`ipvsh enable --print SCRIPT` shows the line, to be given to whatever starts things here"));
    }
    if let Some(there) = read(path)? {
        check_ours(boot, path, &there)?;
    }
    // Beside it and not under its name, so that it is there whole or not at all.
    let aside = folder.join(format!(".{}.new", boot.file_name(manager)));
    verify(manager, boot, text)?;
    fs::write(&aside, text).map_err(|error| no_room(&error, &aside))?;
    if let Err(error) = fs::rename(&aside, path) {
        let _ = fs::remove_file(&aside);
        return Err(error.into());
    }
    if manager == Manager::Systemd {
        let wanted = boot.wanted();
        if let Some(folder) = wanted.parent() {
            fs::create_dir_all(folder)?;
        }
        if fs::symlink_metadata(&wanted).is_err() {
            std::os::unix::fs::symlink(path, &wanted)?;
        }
        reload();
    }
    Ok(())
}

fn no_room(error: &std::io::Error, path: &Path) -> Error {
    let error = Error::io(error).note(format!("its file is {}", path.display()));
    match error.kind {
        Kind::Denied => error.hint("it takes root: `sudo ipvsh enable …`"),
        _ => error,
    }
}

/// Has systemd read its units anew. Where it can't, it does so at the next boot.
fn reload() {
    let mut command = Command::new("systemctl");
    let _ = command
        .args(["daemon-reload", "--quiet"])
        .stdin(std::process::Stdio::null())
        .output();
}

/// Has systemd judge the unit, where its tool is there.
fn verify(manager: Manager, boot: &Boot, text: &str) -> Result<()> {
    if manager != Manager::Systemd {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join(boot.file_name(manager));
    fs::write(&path, text)?;
    let judged = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&path)
        .stdin(std::process::Stdio::null())
        .output();
    match judged {
        Ok(judged) if !judged.status.success() => {
            let said = String::from_utf8_lossy(&judged.stderr);
            let error = Error::invalid("systemd does not take the unit");
            let lines = said.lines().filter(|line| !line.trim().is_empty());
            Err(lines.fold(error, |error, line| error.note(line.to_owned())))
        }
        _ => Ok(()),
    }
}

fn read(path: &Path) -> Result<Option<String>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Fails where the file is not of this program, or of the lab of another script.
fn check_ours(boot: &Boot, path: &Path, there: &str) -> Result<()> {
    match boot::script_of(there) {
        None => Err(Error::new(
            Kind::Conflict,
            format!("{} is there and was not written by ipvsh", path.display()),
        )
        .hint("move it away, or give the lab another name: --lab NAME")),
        Some(script) if script != boot.script.to_string_lossy() => Err(Error::new(
            Kind::Conflict,
            format!("lab `{}` of {script} is enabled under that name", boot.lab),
        )
        .hint(format!(
            "give this one a name of its own, --lab NAME, or end that one: `ipvsh disable {}`",
            shell::word(&boot.lab)
        ))),
        Some(_) => Ok(()),
    }
}

/// Takes away what `enable` has written for the lab or script.
pub(super) fn disable(named: &str, options: &Options) -> std::result::Result<u8, Failure> {
    take_away(named, options).map_err(|error| failure(&error.doing("disable", named)))
}

fn take_away(named: &str, options: &Options) -> Result<u8> {
    let found: Vec<(PathBuf, Manager)> = [Manager::Systemd, Manager::Cron]
        .into_iter()
        .flat_map(|manager| {
            find(named, manager)
                .into_iter()
                .map(move |path| (path, manager))
        })
        .collect();
    if found.is_empty() {
        // A file of that name that is not ours stays.
        for manager in [Manager::Systemd, Manager::Cron] {
            let path = boot::path_of(named, manager);
            if path.exists() {
                let cause = format!("{} was not written by ipvsh", path.display());
                return Err(
                    Error::new(Kind::Conflict, cause).hint("remove it yourself, if it is yours")
                );
            }
        }
        if !options.quiet {
            output::say(&format!("`{named}` is not enabled"));
        }
        return Ok(0);
    }
    for (path, manager) in found {
        if manager == Manager::Systemd {
            let _ = fs::remove_file(boot::wanted_of(&path));
        }
        fs::remove_file(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::PermissionDenied => {
                Error::io(&error).hint("it takes root: `sudo ipvsh disable …`")
            }
            _ => Error::io(&error),
        })?;
        if manager == Manager::Systemd {
            reload();
        }
        if !options.quiet {
            output::say(&format!(
                "removed {}; what stands of the lab stays",
                path.display()
            ));
        }
    }
    Ok(0)
}

/// The files of ours for the lab of that name, or for the script at that path.
fn find(named: &str, manager: Manager) -> Vec<PathBuf> {
    let real = fs::canonicalize(named).or_else(|_| std::path::absolute(named));
    let real = real.map(|path| path.to_string_lossy().into_owned()).ok();
    let own = boot::path_of(named, manager);
    let entries = fs::read_dir(manager.folder())
        .into_iter()
        .flatten()
        .flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("ipvsh-")
        })
        .filter(|path| {
            let text = read(path).ok().flatten().unwrap_or_default();
            let script = boot::script_of(&text);
            script.is_some_and(|script| *path == own || Some(script) == real)
        })
        .collect();
    found.sort();
    found
}
