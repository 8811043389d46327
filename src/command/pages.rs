//! The command line as others read it: its part of the reference, the completions of shells.

use clap::{Arg, Command, CommandFactory, ValueHint};
use clap_complete::Shell;

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
pub(super) fn with_commands(command: &Command) -> Vec<Command> {
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

pub(super) fn name_of(command: &Command) -> &str {
    command.get_bin_name().unwrap_or(command.get_name())
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
