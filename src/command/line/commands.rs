//! What each command is told: its own arguments and options.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::value::duration;
use crate::view::graph::FORMS;

/// What to show of the manual, and how.
#[derive(Args, Debug)]
pub(crate) struct Doc {
    /// A word, a type such as `Link`, a module such as `std/lab`; `language`: forty examples of it; `sandbox`: what one holds
    #[arg(conflicts_with = "form")]
    pub(crate) word: Option<String>,

    #[command(flatten)]
    pub(crate) form: Form,
}

/// The manual as a file for other programs.
#[derive(Args, Debug)]
#[group(id = "form", multiple = false)]
pub(crate) struct Form {
    /// The whole reference in Markdown: all words and the command line
    #[arg(long)]
    pub(crate) markdown: bool,

    /// The words for Rhai's language server, to be kept as `ipvsh.d.rhai` beside your scripts
    #[arg(long)]
    pub(crate) definitions: bool,

    /// The JSON Schema of what `--json` prints, each document by the name of its command
    #[arg(long)]
    pub(crate) schema: bool,

    /// The man page of the command line, to be kept as `ipvsh.1`; with DIR, that and a page of each command, written there
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, value_hint = clap::ValueHint::DirPath)]
    #[allow(
        clippy::option_option,
        reason = "clap tells so whether it is there, and whether with a value"
    )]
    pub(crate) man: Option<Option<PathBuf>>,

    /// The function by which SHELL completes the command line: it asks ipvsh at each Tab, for labs, words and parameters too
    #[arg(long, value_name = "SHELL")]
    pub(crate) completions: Option<clap_complete::Shell>,
}

/// What to look at, and how.
#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// A script: only what it needs is looked at
    pub(crate) script: Option<PathBuf>,

    /// Ask the kernel for all kinds of link, also where it may load a driver for that
    #[arg(long = "try")]
    pub(crate) tries: bool,

    /// Ask in this process, in a private place
    #[arg(long, hide = true)]
    pub(crate) probe: bool,
}

/// Which tests to run, and how.
#[derive(Args, Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches of a command line are independent of each other"
)]
pub(crate) struct Test {
    /// Files, folders with files `*_test.rhai`, or single tests as `FILE::TEST`; the work folder where none is given
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<String>,

    /// Only tests with TEXT in their name or title
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,

    /// List the tests, and run none
    #[arg(long, conflicts_with = "watch")]
    pub(crate) list: bool,

    /// Run the tests in a micro-VM with the kernel of that version, or of one that begins so; given more than once, on each of them, with
    /// a table at the end: a row a test, a column a kernel
    #[arg(long = "kernel", id = "kernels", value_name = "VERSION", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) kernels: Vec<String>,

    /// Start no more tests when one has failed
    #[arg(long)]
    pub(crate) fail_fast: bool,

    /// How long each test may take
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time)]
    pub(crate) timeout: Duration,

    /// Run each test N times
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) repeat: u16,

    /// Run the tests in another order, which SEED stands for
    #[arg(long, value_name = "SEED")]
    pub(crate) shuffle: Option<u64>,

    /// Run the first test that failed once more, by itself, and open a session in its lab
    #[arg(long)]
    pub(crate) keep: bool,

    /// Run the tests again whenever a script beside them changes
    #[arg(long)]
    pub(crate) watch: bool,

    /// Write how it went to FILE too, as XML in the form of `JUnit`
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,

    /// Print how it goes in the form of TAP, the Test Anything Protocol
    #[arg(long, conflicts_with = "json")]
    pub(crate) tap: bool,

    /// Run that one test in this process, in a private place, and tell how it went through standard input
    #[arg(long, hide = true, value_name = "FILE::TEST")]
    pub(crate) one: Option<String>,

    /// Tell the rows of the tables of cases in the same way
    #[arg(long, hide = true, value_name = "FILE")]
    pub(crate) rows: Option<PathBuf>,

    /// Run the tests in a micro-VM, and print there how it goes
    #[arg(long, hide = true)]
    pub(crate) inside: bool,
}

/// Reads how long something may take.
fn time(text: &str) -> Result<Duration, String> {
    let time = duration::parse(text).map_err(|error| error.to_string())?;
    if time.is_zero() {
        return Err("a test needs more than no time".to_owned());
    }
    Ok(time)
}

/// Which story to tell.
#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// List the stories
    #[arg(long, conflicts_with = "copies")]
    pub(crate) list: bool,

    /// Write the story, or all where none is named, as scripts to a folder, and run none
    #[arg(long = "write", id = "copies", value_name = "DIR")]
    pub(crate) copies: Option<PathBuf>,

    /// The name of the story, l3 where none is given, and its parameters
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "STORY [--PARAMETER VALUE]…"
    )]
    pub(crate) story: Vec<OsString>,
}

/// What to begin with.
#[derive(Args, Debug)]
pub(crate) struct New {
    /// What the script is to be like: lab, router, ipvlan, test
    #[arg(short, long, value_name = "NAME", default_value = "lab")]
    pub(crate) template: String,

    /// List the templates
    #[arg(long)]
    pub(crate) list: bool,

    /// The script to write; named as the template where none is given
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
}

/// Which scripts to format.
#[derive(Args, Debug)]
pub(crate) struct Fmt {
    /// Write nothing; exit with 1 where a script is not in this style
    #[arg(long)]
    pub(crate) check: bool,

    /// Scripts, or folders with scripts; - for standard input, which goes to standard output
    #[arg(required = true, value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,
}

/// What to import, and where to.
#[derive(Args, Debug)]
pub(crate) struct Import {
    /// A shell script, or a Markdown page with blocks of commands; - for standard input
    pub(crate) file: PathBuf,

    /// Take only the blocks of a page under headings with TEXT in them
    #[arg(long, value_name = "TEXT")]
    pub(crate) section: Option<String>,

    /// Write the script to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Exit with 1 where a command was not translated
    #[arg(long)]
    pub(crate) strict: bool,

    /// Run the commands and the script, each in a throw-away place, and compare where they lead
    #[arg(long)]
    pub(crate) verify: bool,

    /// Run the commands in a throw-away place, and write what they did there: of a script in any language
    #[arg(long)]
    pub(crate) observe: bool,

    /// How long the commands may run with `--verify` or `--observe`; they are ended then, and what they did until then counts
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time)]
    pub(crate) timeout: Duration,

    /// What the shell script is run with: `$1`, `$2`, …
    #[arg(last = true, value_name = "ARG")]
    pub(crate) arguments: Vec<String>,
}

/// What to export, and where to.
#[derive(Args, Debug)]
pub(crate) struct Export {
    /// The names of the namespaces; all that have a name where none is given
    #[arg(value_name = "NAMESPACE")]
    pub(crate) namespaces: Vec<String>,

    /// Write the script to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Exit with 1 where something could not be said in the script
    #[arg(long)]
    pub(crate) strict: bool,

    /// Write the private keys of WireGuard too; the file is then for its owner alone
    #[arg(long)]
    pub(crate) keys: bool,
}

/// What to draw, and where to.
#[derive(Args, Debug)]
pub(crate) struct Graph {
    /// Write the picture to FILE, in the form that its ending names: .svg .html .mmd .dot .json
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// The form of the picture; of what is printed mmd where nothing is said
    #[arg(long, value_name = "FORM", value_parser = clap::builder::PossibleValuesParser::new(FORMS))]
    pub(crate) form: Option<String>,

    /// A lab, namespaces, or a script with its parameters; all named namespaces where nothing is given
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "LAB|NAMESPACE…|SCRIPT [--PARAMETER VALUE]…"
    )]
    pub(crate) what: Vec<OsString>,
}

/// What to watch.
#[derive(Args, Debug)]
pub(crate) struct Watch {
    /// Labs and namespaces; all named namespaces where nothing is given
    #[arg(value_name = "LAB|NAMESPACE")]
    pub(crate) names: Vec<String>,
}

/// What to view.
#[derive(Args, Debug)]
pub(crate) struct View {
    /// Labs and namespaces; all named namespaces where nothing is given
    #[arg(value_name = "LAB|NAMESPACE")]
    pub(crate) names: Vec<String>,

    /// Listen on PORT of 127.0.0.1; on one of the system's choosing where none is given
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,
}

/// What to capture, and where to.
#[derive(Args, Debug)]
pub(crate) struct Capture {
    /// Labs and namespaces, for all links that they have now, or links as NAMESPACE:LINK
    #[arg(value_name = "LAB|NAMESPACE|NAMESPACE:LINK", required = true)]
    pub(crate) names: Vec<String>,

    /// Write the packets to FILE, in the form pcapng; - for standard output
    #[arg(short = 'w', id = "pcapng", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,

    /// Only packets such as `icmp and host 10.0.0.2`: host net port src dst proto ip ip6 arp tcp udp icmp icmp6 vlan and or not ( )
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,

    /// End after N packets
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// End after that time: 10s, 5m
    #[arg(long, value_name = "TIME", value_parser = how_long)]
    pub(crate) duration: Option<Duration>,
}

/// What Wireshark asks, in the words of extcap(4).
#[derive(Args, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    clippy::option_option,
    reason = "each is a question of its own; clap tells so whether it is there, and whether with a value"
)]
pub(crate) struct Extcap {
    /// Put it where Wireshark looks for such programs of yours, or into DIR
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, value_hint = clap::ValueHint::DirPath)]
    pub(crate) install: Option<Option<PathBuf>>,

    /// List what there is to capture
    #[arg(long = "extcap-interfaces")]
    pub(crate) interfaces: bool,

    /// The version of the Wireshark that asks
    #[arg(long = "extcap-version", value_name = "VERSION")]
    pub(crate) version: Option<String>,

    /// What of that list is meant
    #[arg(long = "extcap-interface", value_name = "NAME")]
    pub(crate) interface: Option<String>,

    /// List what its packets begin with
    #[arg(long = "extcap-dlts")]
    pub(crate) dlts: bool,

    /// List the options that its capture has
    #[arg(long = "extcap-config")]
    pub(crate) config: bool,

    /// Capture it
    #[arg(long)]
    pub(crate) capture: bool,

    /// Only such packets: without --capture it is judged alone
    #[arg(
        long = "extcap-capture-filter",
        value_name = "TEXT",
        allow_hyphen_values = true
    )]
    pub(crate) filter: Option<String>,

    /// Where the packets go
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) fifo: Option<PathBuf>,

    /// End after N packets
    #[arg(long = "count", id = "most", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
}

/// Reads how long to capture.
fn how_long(text: &str) -> Result<Duration, String> {
    duration::parse(text).map_err(|error| error.to_string())
}

/// What to do about the micro-VM.
#[derive(Debug, Subcommand)]
pub(crate) enum VmCommand {
    /// List the kernels for it: those on this machine, and those that the packages of the distribution have, backports too
    List {
        /// Of the kernels that can be had, all, and not the newest of each series alone
        #[arg(long)]
        all: bool,
    },
    /// Get QEMU and a kernel
    Install {
        /// The kernel of that version, or the newest that begins so, such as 6.12, beside the default one
        #[arg(long = "kernel", id = "versions", value_name = "VERSION", value_parser = clap::builder::NonEmptyStringValueParser::new())]
        versions: Vec<String>,
        /// Only where this kernel has no ipvlan
        #[arg(long, conflicts_with = "versions")]
        if_needed: bool,
    },
}
