//! `ipvsh extcap`: Wireshark asks it what there is to capture, and has it captured: labs and their links stand in its own list.
//!
//! The questions and answers are those of extcap(4).

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::line::{Capture, Extcap, Options};
use super::{capture, graph, output, with_files};
use crate::dsl::Session;
use crate::dsl::objects::link;
use crate::dsl::session::Settings;
use crate::engine::Failure;
use crate::error::{Error, Result};
use crate::lab::journal;
use crate::net::capture::filter::Filter;
use crate::value::shell;
use crate::view::error::Report;

/// What stands before the name of a lab or a link, for Wireshark to tell them from its own interfaces.
const MARK: &str = "ipvsh:";

/// The name of what Wireshark starts.
const NAME: &str = "ipvsh";

/// Answers one question, captures, or installs itself.
pub(super) fn run(what: &Extcap, options: &Options) -> std::result::Result<u8, Failure> {
    if let Some(folder) = &what.install {
        let file = install(folder.as_deref()).map_err(|error| failure(&error))?;
        let file = file.display();
        return say(&format!(
            "`{file}` shows labs to Wireshark from its next start on, `tshark -D` lists them, too; delete that file to take it back"
        ));
    }
    if what.interfaces {
        return say(&interfaces());
    }
    let Some(interface) = &what.interface else {
        let report = Report::new("it is not said what is asked");
        return Err(Failure::usage(report.hint(
            "Wireshark asks by itself, after `ipvsh extcap --install`; by hand: `ipvsh extcap --extcap-interfaces`",
        )));
    };
    if what.dlts {
        return say("dlt {number=1}{name=EN10MB}{display=each link as it is}");
    }
    if what.config {
        return say(
            "arg {number=0}{call=--count}{display=End after so many packets}{type=unsigned}{required=false}",
        );
    }
    let name = interface.strip_prefix(MARK).unwrap_or(interface);
    let filter = what.filter.clone().filter(|text| !text.trim().is_empty());
    if what.capture {
        let Some(fifo) = &what.fifo else {
            let report = Report::new("it is not said where the packets go");
            return Err(Failure::usage(report.hint("add `--fifo FILE`")));
        };
        let what = Capture {
            names: vec![name.to_owned()],
            output: Some(fifo.clone()),
            filter,
            count: what.count,
            duration: None,
        };
        let options = Options {
            quiet: true,
            ..options.clone()
        };
        return capture::run(&what, &options);
    }
    // A filter alone is to be judged: what is wrong with it goes to standard output, nothing says that it is good.
    match filter.map(|text| Filter::parse(&text)) {
        Some(Err(error)) => say(&error.to_string()),
        _ => Ok(0),
    }
}

fn failure(error: &Error) -> Failure {
    Failure::script(Report::of(error))
}

fn say(text: &str) -> std::result::Result<u8, Failure> {
    output::write_to(None, &format!("{text}\n"))
}

/// The labs that stand, and the links of each. What can't be looked at is left out: Wireshark has a list, and no room for why.
fn interfaces() -> String {
    let mut listed = vec![format!(
        "extcap {{version={}}}{{display=ipvsh}}",
        env!("CARGO_PKG_VERSION")
    )];
    if with_files().is_err() {
        return listed.join("\n");
    }
    let session = Session::new(Settings::default());
    for lab in journal::names().unwrap_or_default() {
        let Ok(places) = graph::named(&session, std::slice::from_ref(&lab)) else {
            continue;
        };
        let mut links = Vec::new();
        for place in &places {
            for link in link::all(&session, place).unwrap_or_default() {
                links.push((format!("{}:{}", place.label(), link.name), link.kind));
            }
        }
        if links.is_empty() {
            continue;
        }
        let about = format!("lab {lab}, all {} links", links.len());
        listed.extend(interface(&lab, &about));
        for (name, kind) in links {
            let kind = match kind.as_str() {
                "" => String::new(),
                kind => format!(" ({kind})"),
            };
            listed.extend(interface(&name, &format!("lab {lab}, {name}{kind}")));
        }
    }
    listed.dedup();
    listed.join("\n")
}

/// A line of Wireshark's list; none of a name that would end it early.
fn interface(name: &str, about: &str) -> Option<String> {
    let is_plain = !name.contains(|c: char| c.is_control() || matches!(c, '{' | '}'));
    is_plain.then(|| format!("interface {{value={MARK}{name}}}{{display={about}}}"))
}

/// Writes what Wireshark starts into its folder, or into the one that is given.
fn install(folder: Option<&Path>) -> Result<PathBuf> {
    let folder = match folder {
        Some(folder) => folder.to_owned(),
        None => personal_folder()?,
    };
    let file = folder.join(NAME);
    let about = |error: io::Error| Error::io(&error).doing("write", &file.display().to_string());
    let program = std::env::current_exe().map_err(about)?;
    let text = format!(
        "#!/bin/sh\n# Written by `ipvsh extcap --install`: Wireshark asks it for the labs of this machine.\nexec {} extcap \"$@\"\n",
        shell::path(&program)
    );
    fs::create_dir_all(&folder).map_err(about)?;
    fs::write(&file, text).map_err(about)?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).map_err(about)?;
    Ok(file)
}

/// The folder of the user's own such programs, as tshark says it, or where it is since Wireshark 4.
fn personal_folder() -> Result<PathBuf> {
    let told = Command::new("tshark")
        .args(["-G", "folders"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let told = told.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let told = told.unwrap_or_default();
    let told_as = |name: &str| {
        told.lines().find_map(|line| {
            let path = line.strip_prefix(name)?.trim();
            (!path.is_empty()).then(|| PathBuf::from(path))
        })
    };
    // Wireshark before 4.2 has one for all users alone.
    let path = told_as("Personal Extcap path:").or_else(|| told_as("Extcap path:"));
    let home = || std::env::var_os("HOME").filter(|home: &OsString| !home.is_empty());
    let usual = || Some(PathBuf::from(home()?).join(".local/lib/wireshark/extcap"));
    path.or_else(usual).ok_or_else(|| {
        Error::invalid("it is not known where Wireshark looks for such programs")
            .hint("say it: `ipvsh extcap --install=DIR`")
    })
}
