//! The command line: reads it, has done what it says, and returns how it went.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use crate::command;
use crate::command::line::{COMMANDS, Cli};

/// Does what the command line of this process says, and returns how it went.
pub fn main() -> ExitCode {
    ExitCode::from(run(std::env::args_os().collect()))
}

/// Does what a command line says, the program's name first, and returns the exit code.
pub fn run(arguments: Vec<OsString>) -> u8 {
    let (own, behind) = split(arguments);
    match Cli::try_parse_from(own) {
        Ok(cli) => command::dispatch(&Cli { behind, ..cli }),
        Err(error) => {
            // Where it can't even be printed there is nobody to tell.
            let _ = error.print();
            u8::try_from(error.exit_code()).unwrap_or(2)
        }
    }
}

/// Splits the command line before the script, or behind the expression: what follows is none of ipvsh's own.
fn split(arguments: Vec<OsString>) -> (Vec<OsString>, Vec<OsString>) {
    let mut own: Vec<OsString> = Vec::new();
    let mut left = arguments.into_iter();
    own.extend(left.next());
    while let Some(argument) = left.next() {
        let text = argument.to_str().unwrap_or_default();
        if text == "-e" || text == "--eval" {
            own.push(argument);
            own.extend(left.next());
            break;
        }
        if text.starts_with("--eval=") || text.starts_with("-e") {
            own.push(argument);
            break;
        }
        if ["--color", "--lab", "--emit"].contains(&text) {
            own.push(argument);
            own.extend(left.next());
        } else if text.starts_with('-') && text != "-" {
            own.push(argument);
        } else if COMMANDS.contains(&text) || text == "help" {
            own.push(argument);
            own.extend(left.by_ref());
        } else {
            return (own, std::iter::once(argument).chain(left).collect());
        }
    }
    (own, left.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(line: &str) -> Vec<String> {
        let arguments = line.split_whitespace().map(OsString::from).collect();
        let (own, behind) = split(arguments);
        assert!(
            Cli::try_parse_from(&own).is_ok(),
            "{line}: {own:?} is refused"
        );
        let behind = behind.into_iter();
        behind.map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_is_known_to_the_splitter() {
        use clap::CommandFactory;
        let command = Cli::command();
        let names: Vec<_> = command
            .get_subcommands()
            .map(clap::Command::get_name)
            .collect();
        assert_eq!(names, COMMANDS);
    }

    #[test]
    fn what_stands_behind_the_script_is_the_scripts() {
        assert_eq!(
            behind("ipvsh --json --color never lab.rhai --json -- x"),
            ["lab.rhai", "--json", "--", "x"]
        );
        assert_eq!(behind("ipvsh - --count 3"), ["-", "--count", "3"]);
        assert_eq!(behind("ipvsh -e args -- a"), ["--", "a"]);
        assert_eq!(behind("ipvsh ./doc x"), ["./doc", "x"]);
        assert_eq!(behind("ipvsh --sandbox lab.rhai"), ["lab.rhai"]);
    }

    #[test]
    fn a_command_keeps_what_is_its_own() {
        assert!(behind("ipvsh doc ipvlan").is_empty());
        assert!(behind("ipvsh --quiet check lab.rhai").is_empty());
    }
}
