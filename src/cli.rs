//! The command line: what can be typed behind `ipvsh`, and what it leads to.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::command;
use crate::view::paint::When;

const EXAMPLES: &str = "\
Examples:
  ipvsh                                   an interactive session
  ipvsh lab.rhai --count 3                run a script; its parameters stand behind it
  ipvsh lab.rhai --help                   what the script does, and its parameters
  ipvsh -e 'netns(\"a\").links'             run a line and print its value
  ipvsh --sandbox lab.rhai                run it in a throw-away place, without root
  ipvsh doc ipvlan                        the manual of a word
  ipvsh check lab.rhai                    look for mistakes without running it";

/// A scriptable network-lab shell for Linux.
#[derive(Debug, Parser)]
#[command(name = "ipvsh", version, about, long_about = None, after_help = EXAMPLES)]
#[command(
    override_usage = "ipvsh [OPTIONS] [SCRIPT [--PARAMETER VALUE]… [-- ARG…]]\n       ipvsh [OPTIONS] -e EXPRESSION\n       ipvsh [OPTIONS] COMMAND"
)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) options: Options,

    /// Run EXPRESSION and print its value
    #[arg(short = 'e', long = "eval", value_name = "EXPRESSION")]
    pub(crate) expression: Option<String>,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// The script, and what stands behind it or behind EXPRESSION. Not clap's: it belongs to the script.
    #[arg(skip)]
    pub(crate) behind: Vec<OsString>,
}

/// How to run, whatever is run.
#[derive(Args, Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches of a command line are independent of each other"
)]
pub(crate) struct Options {
    /// Run in a throw-away place: private namespaces of this kernel, or a micro-VM with its own
    #[arg(long, value_name = "WHERE", num_args = 0..=1, require_equals = true, default_missing_value = "auto")]
    pub(crate) sandbox: Option<Place>,

    /// Take down at the end what the run made
    #[arg(long)]
    pub(crate) rm: bool,

    /// Leave what the run made also where it fails
    #[arg(long, conflicts_with = "rm")]
    pub(crate) keep: bool,

    /// Say at the end what was created, changed, unchanged, deleted
    #[arg(long)]
    pub(crate) summary: bool,

    /// Print results as JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Print nothing but what the script prints itself
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Colour the output
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

/// Where to run what is to be thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Place {
    /// Whichever of the two can run it here
    Auto,
    /// Private namespaces of this kernel; needs no root
    Ns,
    /// A micro-VM with its own kernel
    Vm,
}

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl From<Color> for When {
    fn from(color: Color) -> Self {
        match color {
            Color::Auto => Self::Auto,
            Color::Always => Self::Always,
            Color::Never => Self::Never,
        }
    }
}

/// What else there is to do than to run a script.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the manual: all words, or one
    Doc {
        /// A word, a type such as `Link`, or a module such as `std/lab`
        word: Option<String>,
    },
    /// Look for mistakes in a script without running it
    Check {
        /// The script
        file: PathBuf,
    },
    /// Manage the micro-VM of --sandbox=vm
    Vm {
        #[command(subcommand)]
        command: VmCommand,
    },
}

/// What to do about the micro-VM.
#[derive(Debug, Subcommand)]
pub(crate) enum VmCommand {
    /// Get QEMU and a kernel
    Install {
        /// Only where this kernel has no ipvlan
        #[arg(long)]
        if_needed: bool,
    },
}

/// The names of the commands, for suggestions.
pub(crate) const COMMANDS: [&str; 3] = ["doc", "check", "vm"];

/// Reads the command line, does what it says, and returns how it went.
pub fn main() -> ExitCode {
    let (own, behind) = split(std::env::args_os().collect());
    match Cli::try_parse_from(own) {
        Ok(cli) => ExitCode::from(command::dispatch(&Cli { behind, ..cli })),
        Err(error) => {
            // Where it can't even be printed there is nobody to tell.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
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
        if text == "--color" {
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
