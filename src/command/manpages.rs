//! The man pages: one of the program with all commands on it, and one of each command.

use std::fs;
use std::path::Path;

use clap::builder::StyledStr;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::line::Cli;
use super::output;
use super::pages::{name_of, with_commands};
use crate::engine::Failure;
use crate::error::Error;
use crate::view::error::Report;

/// What the program may exit with, whatever it does.
const STATUS: [(&str, &str); 5] = [
    ("0", "Done."),
    (
        "1",
        "The script failed: an error that nothing caught, or an expectation that does not hold.",
    ),
    ("2", "The command line or a parameter is wrong."),
    (
        "3",
        "Not permitted or not supported here: no root, no driver in the kernel.",
    ),
    ("130", "Interrupted; 143 where SIGTERM ended it."),
];

/// What single commands may exit with besides.
const STATUS_OF: [(&str, &str, &str); 4] = [
    ("plan", "10", "A run would change something here."),
    ("test", "5", "No test ran."),
    ("check", "1", "There are mistakes."),
    ("fmt", "1", "With --check: a script is not in style."),
];

const ENVIRONMENT: [(&str, &str); 11] = [
    ("NO_COLOR", "Where it is set, nothing is coloured."),
    (
        "IPVSH_CACHE",
        "The folder for the kernel and the packages of the micro-VM.",
    ),
    (
        "IPVSH_KERNEL",
        "The kernel that the micro-VM boots, with its modules beside it as the distribution lays them out.",
    ),
    (
        "XDG_CACHE_HOME",
        "Where that folder is otherwise; ~/.cache where this is not set.",
    ),
    (
        "XDG_CONFIG_HOME",
        "Where the folder of settings is; ~/.config where it is not set.",
    ),
    (
        "XDG_RUNTIME_DIR",
        "Where the journals of labs are that were not made by root.",
    ),
    (
        "XDG_STATE_HOME",
        "Where the history of sessions is; ~/.local/state where it is not set.",
    ),
    ("VISUAL, EDITOR", "What `:edit` of a session opens."),
    (
        "IPVSH_PAGER, PAGER",
        "What a session shows in that is taller than the screen; less where they are not set, none where IPVSH_PAGER is empty.",
    ),
    ("SHELL", "What `shell()` starts."),
    (
        "IPVSH_NETNS",
        "Given to programs that a script starts: the namespace they are in.",
    ),
];

const FILES: [(&str, &str); 7] = [
    (
        "/run/ipvsh",
        "The journals of labs, by which they are taken down.",
    ),
    ("/run/netns", "Named namespaces, as ip-netns(8) keeps them."),
    (
        "~/.config/ipvsh/init.rhai",
        "Run at the start of a session on a terminal, and of nothing else.",
    ),
    (
        "~/.local/state/ipvsh/history",
        "What was typed in sessions.",
    ),
    (
        "~/.local/share/ipvsh",
        "On a host of --on: the scripts that it was sent, and ipvsh where none of this version is installed.",
    ),
    ("~/.cache/ipvsh", "The kernel of the micro-VM."),
    (
        "*_test.rhai",
        "Files with tests, which ipvsh-test(1) finds.",
    ),
];

/// Writes all pages into the folder.
pub(super) fn write(folder: &Path) -> Result<u8, Failure> {
    let failed = |path: &Path, error: &std::io::Error| {
        let why = Error::io(error);
        let path = path.display();
        Failure::script(Report::new(format!("cannot write `{path}`: {why}")))
    };
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    let mut pages = vec![("ipvsh.1".to_owned(), whole())];
    let mut command = Cli::command();
    command.build();
    let below = with_commands(&command).into_iter().skip(1);
    pages.extend(below.map(|command| {
        let name = name_of(&command).replace(' ', "-");
        (format!("{name}.1"), of_command(command))
    }));
    for (name, page) in pages {
        let file = folder.join(name);
        fs::write(&file, page + "\n").map_err(|error| failed(&file, &error))?;
        output::say(&file.display().to_string());
    }
    Ok(0)
}

/// What each page begins with.
fn head(page: &Man) -> Vec<u8> {
    let mut text = Vec::new();
    // Writing to memory does not fail.
    let _ = page.render_title(&mut text);
    let _ = page.render_name_section(&mut text);
    let _ = page.render_synopsis_section(&mut text);
    let _ = page.render_description_section(&mut text);
    let _ = page.render_options_section(&mut text);
    text
}

/// The page of the program, with all commands on it.
pub(super) fn whole() -> String {
    let mut command = Cli::command();
    command.build();
    let page = Man::new(command.clone()).manual("User Commands");
    let mut text = head(&page);
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    let _ = roff.to_writer(&mut text);
    for below in with_commands(&command).into_iter().skip(1) {
        text.extend(part_of(below).into_bytes());
    }
    let mut roff = Roff::new();
    tables(&mut roff, None);
    if let Some(examples) = command.get_after_help() {
        roff.control("SH", ["EXAMPLES"]);
        roff.control("nf", []);
        for line in plain(examples).lines().skip(1) {
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman("ip(8), ip-netns(8), ipvsh doc")]);
    let _ = roff.to_writer(&mut text);
    String::from_utf8_lossy(&text).trim_end().to_owned()
}

/// The page of one command.
fn of_command(command: Command) -> String {
    let full = name_of(&command).to_owned();
    let own = command.get_name().to_owned();
    let name = full.replace(' ', "-");
    let page = Man::new(without_help(command))
        .title(&name)
        .manual("User Commands");
    let mut text = head(&page);
    let mut roff = Roff::new();
    tables(&mut roff, Some(&own));
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman("ipvsh(1), ipvsh doc")]);
    let _ = roff.to_writer(&mut text);
    String::from_utf8_lossy(&text).trim_end().to_owned()
}

/// The sections that the pages of all commands have, with what is special to one of them.
fn tables(roff: &mut Roff, command: Option<&str>) {
    let own = STATUS_OF.iter().filter(|(name, ..)| match command {
        Some(command) => *name == command,
        None => true,
    });
    let own: Vec<(String, String)> = own
        .map(|(name, code, meaning)| {
            let of = if command.is_none() {
                format!("{code} (ipvsh {name})")
            } else {
                (*code).to_owned()
            };
            (of, (*meaning).to_owned())
        })
        .collect();
    let is_own = |code: &str| command.is_some() && own.iter().any(|(own, _)| own == code);
    let general = STATUS.iter().filter(|(code, _)| !is_own(code));
    let general = general.map(|(code, meaning)| ((*code).to_owned(), (*meaning).to_owned()));
    table(roff, "EXIT STATUS", general.chain(own.iter().cloned()));
    let owned = |(name, meaning): &(&str, &str)| ((*name).to_owned(), (*meaning).to_owned());
    table(roff, "ENVIRONMENT", ENVIRONMENT.iter().map(owned));
    table(roff, "FILES", FILES.iter().map(owned));
}

fn table(roff: &mut Roff, heading: &str, rows: impl Iterator<Item = (String, String)>) {
    roff.control("SH", [heading]);
    for (name, meaning) in rows {
        roff.control("TP", []);
        roff.text([clap_mangen::roff::bold(name)]);
        roff.text([roman(meaning)]);
    }
}

/// The part of the program's page about one command.
fn part_of(mut command: Command) -> String {
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let about = command.get_about().map(plain).unwrap_or_default();
    let mut roff = Roff::new();
    roff.control("SS", [usage.as_str()]);
    roff.text([roman(about)]);
    let mut text = Vec::new();
    let _ = roff.to_writer(&mut text);
    let mut options = Vec::new();
    let _ = Man::new(without_help(command)).render_options_section(&mut options);
    let options = String::from_utf8_lossy(&options);
    // The heading in front would be one of the whole page.
    let body = options.find(".TP").map_or("", |start| &options[start..]);
    format!("{}{body}", String::from_utf8_lossy(&text))
}

/// That each command has help needs no line of its own.
fn without_help(command: Command) -> Command {
    command.mut_args(|argument| {
        let is_hidden = argument.is_hide_set() || argument.get_id() == "help";
        argument.hide(is_hidden)
    })
}

fn plain(text: &StyledStr) -> String {
    text.to_string()
}
