//! The command line as the reference shows it.

use clap::{Command, CommandFactory};

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
        if below.get_name() == "help" || below.is_hide_set() {
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
