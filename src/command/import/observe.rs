//! Runs the commands in a throw-away place and writes what they did as a script.

use super::place::{self, Commands};
use crate::command::line::{Import, Options};
use crate::command::{output, sandbox};
use crate::engine::{Failure, makes};
use crate::error::Error;
use crate::import::{Observed, observed, other_interpreter, stand_ins};
use crate::net::process::observe::{LINE, NAME, Seen, Told, What};
use crate::sandbox::Place;
use crate::value::escape::literal;
use crate::view::error::Report;

/// What this is for, in an error.
const AIM: &str = "observe the commands";

/// What stands between what the commands print and what was seen of them.
const MARK: &str = "@@@ seen";

/// Where what was seen is put.
const FILE: &str = ".ipvsh-seen";

/// A program that is not there is seen as one that fails.
const MISSING: &str = "command_not_found_handle() { printf '%s: command not found\\n' \"$1\" >&2; \
    (exec -a \"$1\" /bin/false \"${@:2}\"); return 127; }";

/// What came of a run in a place.
struct Ran {
    seen: Vec<Seen>,
    /// What the commands printed.
    printed: String,
}

/// Runs `commands` and says what they did.
pub(super) fn run(what: &Import, options: &Options, commands: &str) -> Result<Observed, Failure> {
    let folder = tempfile::tempdir().map_err(Error::from).map_err(broken)?;
    let trap = format!("printf \"{LINE}%s %s\" \"$LINENO\" \"$BASH_SOURCE\" > /dev/null");
    let prelude = format!("{MISSING}; set -T; trap '{trap}' DEBUG");
    let laid_out = Commands::lay_out(folder.path(), what, commands, &prelude).map_err(broken)?;
    let links = stand_ins(commands, &what.arguments);
    if !options.quiet {
        place::tell_stand_ins(&links);
    }
    let start = |place| {
        let limit = what.timeout.as_millis();
        let call = laid_out.call(
            &format!("-a {NAME} /proc/$PPID/exe {limit} {FILE}"),
            place,
            None,
        );
        let text = format!(
            "{}{call}print(done.stdout);\nprint(done.stderr);\nprint({} + read({}));\n",
            place::make_stand_ins(&links),
            literal(MARK),
            literal(FILE)
        );
        let limit = place::of_script(what.timeout);
        let printed = place::run(&text, place, folder.path(), ".ipvsh-observe.rhai", limit)
            .map_err(broken)?;
        let Some((printed, seen)) = printed.output.split_once(MARK) else {
            return Err(place::cut_off(AIM, &printed.said));
        };
        let told: Told = serde_json::from_str(seen.trim())
            .map_err(|error| broken(Error::invalid(error.to_string())))?;
        let seen = told.seen.map_err(|why| not_started(&why, commands))?;
        let mut printed = printed.to_owned();
        if told.is_cut {
            printed.push_str(&place::ended(what.timeout));
        }
        Ok(Ran { seen, printed })
    };
    let mut ran = start(Place::Ns)?;
    // What they make shows when they have tried.
    if sandbox::place_of(&drivers(&ran.seen)) == Place::Vm {
        ran = start(Place::Vm)?;
    }
    if !options.quiet && !ran.printed.trim().is_empty() {
        output::note(&format!("the commands said:\n{}", ran.printed.trim_end()));
    }
    Ok(observed(&ran.seen, laid_out.name()))
}

/// The commands were not even begun; `why` says it.
fn not_started(why: &str, commands: &str) -> Failure {
    let report = Report::new(why);
    Failure::script(match other_interpreter(commands) {
        Some(name) => report.hint(format!(
            "the first line of the file has `{name}` run it: is that there, for all users?"
        )),
        None => report,
    })
}

fn broken(error: Error) -> Failure {
    place::broken(AIM, error)
}

/// The drivers of the links that were tried to be made, by commands or by lines of what they read.
fn drivers(seen: &[Seen]) -> Vec<makes::Driver> {
    let mut drivers = Vec::new();
    let mut take = |words: &[&str]| {
        let pairs = words.windows(2).filter(|pair| pair[0] == "type");
        drivers.extend(pairs.filter_map(|pair| makes::driver(pair[1])));
    };
    for seen in seen {
        if let What::Ran { words, input, .. } = &seen.what {
            take(&words.iter().map(String::as_str).collect::<Vec<_>>());
            for line in input.iter().flat_map(|text| text.lines()) {
                take(&line.split_whitespace().collect::<Vec<_>>());
            }
        }
    }
    drivers
}
