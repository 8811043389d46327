//! The command line: reads it, has done what it says, and returns how it went.

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Error, FromArgMatches};

use crate::command;
use crate::command::arguments;
use crate::command::line::Cli;

/// Does what the command line of this process says, and returns how it went.
pub fn main() -> ExitCode {
    let words: Vec<std::ffi::OsString> = std::env::args_os().collect();
    ExitCode::from(command::complete::answer(&words).unwrap_or_else(|| run(words)))
}

/// Does what a command line says, the program's name first, and returns the exit code.
pub fn run(words: Vec<std::ffi::OsString>) -> u8 {
    match read(words) {
        Ok(cli) => command::dispatch(cli),
        Err(error) => {
            // Where it can't even be printed there is nobody to tell.
            let _ = error.print();
            u8::try_from(error.exit_code()).unwrap_or(2)
        }
    }
}

fn read(words: Vec<std::ffi::OsString>) -> Result<Cli, Error> {
    let mut command = Cli::command();
    command.build();
    let (own, behind) = arguments::split(&command, words);
    let own = arguments::bring_forward(&command, own, command::declared);
    let matches = command.try_get_matches_from_mut(own)?;
    let cli = Cli::from_arg_matches(&matches)?;
    if let (Some(asked), Some((name, _))) = (&cli.command, matches.subcommand())
        && let Some(option) = arguments::unheeded(&command, &matches, asked.heeds())
    {
        let why = format!("`{option}` has no meaning for `ipvsh {name}`");
        return Err(command.error(ErrorKind::ArgumentConflict, why));
    }
    Ok(Cli {
        behind,
        passed_on: arguments::passed_on(&command, &matches),
        ..cli
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::line::Color;

    fn refusal(line: &str) -> String {
        let words = line.split_whitespace().map(Into::into).collect();
        let error = read(words).unwrap_err().to_string();
        error.lines().next().unwrap().to_owned()
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_of_all_commands_stand_anywhere_and_the_last_one_holds() {
        for line in [
            "ipvsh --json --color=always plan lab.rhai --json --color never -q",
            "ipvsh plan --json --quiet --color=never lab.rhai",
            "ipvsh ls --json -q --color never",
            "ipvsh down --all --json -q --color=never",
            "ipvsh --json vm install --quiet --color never",
        ] {
            let words = line.split_whitespace().map(Into::into).collect();
            let options = read(words).unwrap().options;
            assert!(options.is_json() && options.quiet, "{line}");
            assert_eq!(options.color, Color::Never, "{line}");
        }
    }

    #[test]
    fn an_option_that_a_command_does_not_heed_is_refused() {
        for (line, option) in [
            ("ipvsh --sandbox=vm plan lab.rhai", "--sandbox"),
            ("ipvsh --rm ls", "--rm"),
            ("ipvsh --trace doc", "--trace"),
        ] {
            let name = line.split_whitespace().nth(2).unwrap();
            assert_eq!(
                refusal(line),
                format!("error: `{option}` has no meaning for `ipvsh {name}`")
            );
        }
    }
}
