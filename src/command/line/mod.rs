//! What can be typed behind `ipvsh`: the options, and the commands.

mod commands;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use commands::{
    Capture, Demo, Doc, Doctor, Export, Extcap, Fmt, Graph, Import, New, Test, View, VmCommand,
    Watch,
};

use super::arguments::PassedOn;
use super::documents;
use crate::dsl::voice::Form;
use crate::value::{duration, size};
use crate::view::paint::When;

const EXAMPLES: &str = "\
Examples:
  ipvsh                                   an interactive session
  ipvsh lab.rhai --count 3                run a script; its parameters stand behind it
  ipvsh lab.rhai --help                   what the script does, and its parameters
  ipvsh -e 'netns(\"a\").links'             run a line and print its value
  ipvsh --sandbox lab.rhai                run it in a throw-away place, without root
  ipvsh demo l3                           run a story that comes with ipvsh in such a place
  ipvsh doc ipvlan                        the manual of a word
  ipvsh check lab.rhai                    look for mistakes without running it
  ipvsh plan lab.rhai                     what a run would change here, without changing it
  ipvsh ls                                what stands of the labs that were made
  ipvsh down lab.rhai                     take down what the script made
  ipvsh --confirm 60s lab.rhai            take the change back after a minute, unless `ipvsh confirm lab` comes
  ipvsh --on root@h1,root@h2 lab.rhai     the same script on several hosts, over ssh
  ipvsh view lab                          the lab as a page in the browser, live
  ipvsh capture lab                       what passes the links of a lab, a line a packet; -w FILE for Wireshark
  ipvsh test labs                         run the tests of labs in a folder
  ipvsh doctor                            what this kernel and machine can do
  ipvsh import setup.sh                   turn the `ip` commands of a shell script into a script
  ipvsh export net-1 net-2                write a script that makes what stands in namespaces";

/// A scriptable network-lab shell for Linux.
#[derive(Debug, Parser)]
#[command(name = "ipvsh", version, about, long_about = None, after_help = EXAMPLES, args_override_self = true)]
#[command(
    override_usage = "ipvsh [OPTIONS] [SCRIPT [--PARAMETER VALUE]… [-- ARG…]]\n       ipvsh [OPTIONS] -e EXPRESSION\n       ipvsh [OPTIONS] COMMAND"
)]
pub(crate) struct Cli {
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

    /// What a run in a micro-VM is told of the options.
    #[arg(skip)]
    pub(crate) passed_on: PassedOn,
}

/// How to run, whatever is run.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches of a command line are independent of each other"
)]
pub(crate) struct Options {
    /// Run in a throw-away place: private namespaces of this kernel, or a micro-VM with its own
    #[arg(long, value_name = "WHERE", num_args = 0..=1, require_equals = true, default_missing_value = "auto")]
    pub(crate) sandbox: Option<Place>,

    /// Run in a micro-VM with that kernel: a version of those that `ipvsh vm list` lists, or the beginning of one, such as 6.12
    #[arg(long, value_name = "VERSION", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) kernel: Option<String>,

    /// Folder whose files a run in --sandbox may change (ns: the work folder)
    #[arg(long, value_name = "DIR")]
    pub(crate) write: Option<PathBuf>,

    /// Take down at the end what the run made
    #[arg(long)]
    pub(crate) rm: bool,

    /// Leave what the run made also where it fails
    #[arg(long, conflicts_with = "rm")]
    pub(crate) keep: bool,

    /// Take down what the lab has of earlier runs and the script no longer makes
    #[arg(long, conflicts_with = "rm")]
    pub(crate) prune: bool,

    /// Take back after TIME what the run changed, unless `ipvsh confirm LAB` comes: also where the terminal, the connection or
    /// ipvsh itself dies
    #[arg(long, value_name = "TIME", value_parser = confirm_time, conflicts_with_all = ["rm", "prune", "sandbox", "kernel"])]
    pub(crate) confirm: Option<Duration>,

    /// Run on other hosts, side by side: destinations of ssh with commas between them; @FILE: those that FILE lists, one a line
    #[arg(long, value_name = "HOSTS", conflicts_with_all = ["sandbox", "kernel", "write"])]
    pub(crate) on: Option<String>,

    /// Name of the lab; the script's own where it is not given
    #[arg(long, value_name = "NAME")]
    pub(crate) lab: Option<String>,

    /// Take the script's parameters from FILE, JSON or TOML (- for standard input); those that are typed hold
    #[arg(long, value_name = "FILE")]
    pub(crate) params: Option<PathBuf>,

    /// Say at the end what was created, changed, unchanged, deleted
    #[arg(long)]
    pub(crate) summary: bool,

    /// Print each step as the command of iproute2 that does the same
    #[arg(long)]
    pub(crate) trace: bool,

    /// Write the steps as a shell script to FILE, which makes the same lab without ipvsh
    #[arg(long, value_name = "FILE")]
    pub(crate) emit: Option<PathBuf>,

    /// Write the keys of WireGuard into the script of --emit too; the file is then for its owner alone
    #[arg(long)]
    pub(crate) keys: bool,

    /// How much memory a script may take; a quarter of what is free, and 4GiB at most, where it is not given
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    pub(crate) memory: Option<u64>,

    /// Print results as JSON: one document, or a line for each thing as it happens
    #[arg(long, global = true, value_enum, value_name = "FORM", num_args = 0..=1, require_equals = true, default_missing_value = "document")]
    pub(crate) json: Option<Json>,

    /// Print nothing but what the script prints itself
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    /// Words in place of signs, no colours, nothing drawn over what stands: for a screen reader
    #[arg(long, global = true)]
    pub(crate) plain: bool,

    /// Colour the output
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value = "auto"
    )]
    pub(crate) color: Color,
}

/// Reads how much memory a script may take.
fn memory(text: &str) -> Result<u64, String> {
    let size = size::parse_large(text).map_err(|error| error.to_string())?;
    if size < 1 << 20 {
        return Err("a script needs 1MiB at least".to_owned());
    }
    Ok(size)
}

/// Reads how long a change waits to be confirmed.
fn confirm_time(text: &str) -> Result<Duration, String> {
    let time = duration::parse(text).map_err(|error| error.to_string())?;
    if time.is_zero() {
        return Err("nobody can confirm in no time".to_owned());
    }
    if time > Duration::from_secs(7 * 24 * 3600) {
        return Err("a week, 168h, is the longest".to_owned());
    }
    Ok(time)
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

/// How results are printed as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Json {
    /// One document
    Document,
    /// A line for each thing as it happens: of runs and plans
    Lines,
}

impl Options {
    /// Whether results are printed as JSON.
    pub(crate) const fn is_json(&self) -> bool {
        self.json.is_some()
    }

    /// How each thing is told as it happens, where that is wanted.
    pub(crate) fn lines(&self) -> Option<Form> {
        (self.json == Some(Json::Lines)).then_some(documents::line as Form)
    }
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
    Doc(Doc),
    /// Look for mistakes in scripts and the modules that they import, without running them
    Check {
        /// The scripts; parameters behind a single one are checked as well
        #[arg(value_name = "SCRIPT [--PARAMETER VALUE]…", required = true, num_args = 1.., trailing_var_arg = true, allow_hyphen_values = true)]
        scripts: Vec<String>,
    },
    /// Show what a run of a script would change here, without changing it; exits with 10 where it would change something
    Plan {
        /// Plan a run with --prune, which takes down what is no longer in the script
        #[arg(long = "prune")]
        prunes: bool,
        /// The script, and its parameters behind it
        #[arg(
            required = true,
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "SCRIPT [--PARAMETER VALUE]…"
        )]
        script: Vec<OsString>,
    },
    /// List the labs: what stands of them, what is missing or was changed by somebody else
    Ls,
    /// Take a lab down: what stands of it, and nothing else
    Down {
        /// The lab's name, or the script that made it; where none is given, the labs are listed
        #[arg(conflicts_with = "all")]
        lab: Option<String>,
        /// All labs
        #[arg(long)]
        all: bool,
        /// Delete namespaces also where processes are inside, or links of other labs
        #[arg(long)]
        force: bool,
        /// What a run becomes that has no memory left, of which it was given so much (0 for nothing said): take down what it made
        #[arg(long, hide = true, conflicts_with_all = ["lab", "all", "force"])]
        cut_off: Option<u64>,
        /// Leave it
        #[arg(long, hide = true, requires = "cut_off")]
        kept: bool,
    },
    /// Keep the change of a lab that was run with --confirm, which goes back otherwise
    Confirm {
        /// The lab's name, or its script; where none is given, those that wait are listed
        lab: Option<String>,
        /// What takes back the changes of that process when its time has come
        #[arg(long, hide = true, requires = "time", conflicts_with = "lab")]
        keeper_of: Option<u32>,
        /// After so many milliseconds
        #[arg(long, hide = true, requires = "keeper_of")]
        time: Option<u64>,
    },
    /// Take a run from standard input, as `ipvsh --on` sends it
    #[command(hide = true)]
    Host,
    /// Let the lab of a script stand again after a reboot: by a unit of systemd, or a line of cron where there is no systemd
    Enable {
        /// Print what would be written, and write nothing
        #[arg(long)]
        print: bool,
        /// The script, and its parameters behind it
        #[arg(
            required = true,
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "SCRIPT [--PARAMETER VALUE]…"
        )]
        script: Vec<OsString>,
    },
    /// Take away what `ipvsh enable` has written, and nothing else; what stands stays
    Disable {
        /// The lab's name, or its script
        lab: String,
    },
    /// Run the tests of labs: functions `test_…` in files `*_test.rhai`, each in a private place of its own; exits with 1 where
    /// one failed, with 5 where none ran
    Test(Test),
    /// Say what this kernel and machine can do, a line each, and what to type where something is missing; with a script, whether
    /// it can run here: exits with 3 where it can't
    Doctor(Doctor),
    /// Run a story, a script that is part of the program, in a throw-away place
    Demo(Demo),
    /// Write a script to begin with
    New(New),
    /// Write scripts in one style: how lines are set in, blanks, empty lines
    Fmt(Fmt),
    /// Serve an editor: mistakes while typing, completion, the manual under the cursor, over standard input and output (LSP)
    Lsp {
        /// As editors call it, which could be another way to speak; there is this one alone
        #[arg(long, hide = true)]
        stdio: bool,
    },
    /// Turn the commands of a shell script or a Markdown page into a script
    Import(Import),
    /// Write a script that makes what stands in namespaces now
    Export(Export),
    /// Draw a lab, a script's before it stands, or the namespaces of this machine
    Graph(Graph),
    /// Print what the kernel reports of a lab or of namespaces: links, addresses, routes, neighbours, rules; on a terminal a live
    /// view of the links with rates and drops, and of who reaches whom, which `q` leaves
    Watch(Watch),
    /// Serve a lab as a page for the browser, on this machine alone: the picture, rates and changes as they happen; what a click
    /// asks: why, a mesh, a capture
    View(View),
    /// Capture the packets of namespaces or links: a line each, or all in one file of pcapng, which Wireshark reads as they come:
    /// `ipvsh capture lab -w - | wireshark -k -i -`
    Capture(Capture),
    /// Show labs and their links in Wireshark's own list: `ipvsh extcap --install`, and Wireshark asks by itself
    Extcap(Extcap),
    /// Manage the micro-VM of --sandbox=vm
    Vm {
        #[command(subcommand)]
        command: VmCommand,
    },
}

impl Command {
    /// Which options of the program it heeds besides those of all commands.
    pub(crate) fn heeds(&self) -> &'static [&'static str] {
        match self {
            Self::Plan { .. } => &["lab", "prune", "trace", "emit", "params", "on"],
            Self::Ls | Self::Down { .. } | Self::Confirm { .. } => &["on"],
            Self::Enable { .. } => &["lab", "params"],
            Self::Test(_) => &["sandbox", "kernel", "memory"],
            Self::Demo(_) => &[
                "sandbox", "kernel", "summary", "trace", "emit", "keys", "memory", "params",
            ],
            _ => &[],
        }
    }
}
