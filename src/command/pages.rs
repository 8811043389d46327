//! The command line as others read it: its part of the reference, the man page, the completions of shells.

use clap::builder::StyledStr;
use clap::{Arg, Command, CommandFactory, ValueHint};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::line::Cli;

/// How wide the help texts of the reference are.
const WIDTH: usize = 100;

/// The help texts of all commands, for the reference.
pub(super) fn markdown() -> String {
    let mut command = Cli::command().term_width(WIDTH);
    command.build();
    let mut parts = vec!["## The command line".to_owned()];
    for mut command in with_commands(&command) {
        let name = name_of(&command).to_owned();
        let help = command.render_help().to_string();
        parts.push(format!("### `{name}`\n\n```text\n{}\n```", help.trim_end()));
    }
    parts.join("\n\n")
}

/// The command and those below it that do something by themselves, in the order of the help.
fn with_commands(command: &Command) -> Vec<Command> {
    let mut found = vec![command.clone()];
    for below in command.get_subcommands() {
        if below.get_name() == "help" {
            continue;
        }
        let mut of_below = with_commands(below);
        if below.has_subcommands() {
            of_below.remove(0);
        }
        found.extend(of_below);
    }
    found
}

fn name_of(command: &Command) -> &str {
    command.get_bin_name().unwrap_or(command.get_name())
}

/// The man page, with all commands on it.
pub(super) fn man() -> String {
    let mut command = Cli::command();
    command.build();
    let page = Man::new(command.clone()).manual("User Commands");
    let mut text = Vec::new();
    // Writing to memory does not fail.
    let _ = page.render_title(&mut text);
    let _ = page.render_name_section(&mut text);
    let _ = page.render_synopsis_section(&mut text);
    let _ = page.render_description_section(&mut text);
    let _ = page.render_options_section(&mut text);
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    let _ = roff.to_writer(&mut text);
    for below in with_commands(&command).into_iter().skip(1) {
        text.extend(man_of(below).into_bytes());
    }
    let mut roff = Roff::new();
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

/// The part of the man page about one command.
fn man_of(mut command: Command) -> String {
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let about = command.get_about().map(plain).unwrap_or_default();
    let mut roff = Roff::new();
    roff.control("SS", [usage.as_str()]);
    roff.text([roman(about)]);
    let mut text = Vec::new();
    let _ = roff.to_writer(&mut text);
    // That each command has help needs no line of its own.
    let command = command.mut_args(|argument| {
        let is_help = argument.get_id() == "help";
        argument.hide(is_help)
    });
    let mut options = Vec::new();
    let _ = Man::new(command).render_options_section(&mut options);
    let options = String::from_utf8_lossy(&options);
    // The heading in front would be one of the whole page.
    let body = options.find(".TP").map_or("", |start| &options[start..]);
    format!("{}{body}", String::from_utf8_lossy(&text))
}

fn plain(text: &StyledStr) -> String {
    text.to_string()
}

/// The script for `shell` that completes the command line.
pub(super) fn completions(shell: Shell) -> String {
    // A script is a file to complete, though it is not clap's to parse.
    let script = Arg::new("script")
        .value_name("SCRIPT")
        .help("The script to run")
        .value_hint(ValueHint::FilePath);
    let mut command = Cli::command().arg(script);
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, "ipvsh", &mut text);
    String::from_utf8_lossy(&text).trim_end().to_owned()
}
