//! Proves an import: runs the commands and the script that was made of them, each in a throw-away place, and compares where they lead.

use std::path::Path;
use std::time::Duration;

use super::explain;
use super::place::{self, Commands};
use crate::command::documents;
use crate::command::line::{Import, Options};
use crate::command::{output, sandbox};
use crate::dsl::Session;
use crate::dsl::session::Settings;
use crate::engine::script::Script;
use crate::engine::{Failure, Interpreter, makes};
use crate::error::Error;
use crate::import::proof::{self, GATHER, NAMESPACE, Proof};
use crate::import::{commands, stand_ins};
use crate::sandbox as places;
use crate::value::escape::literal;

/// What this is for, in an error.
const AIM: &str = "compare the commands and the script";

/// What came of a run in a place.
struct Ran {
    /// What it printed before.
    printed: String,
    /// What [`GATHER`] printed behind it.
    state: String,
    /// What ipvsh said of it.
    said: String,
}

/// Runs both, tells in what they differ, and returns the exit code: 1 where they do.
pub(super) fn run(
    what: &Import,
    options: &Options,
    source: &str,
    script: &str,
) -> Result<u8, Failure> {
    let explain = |nothing| Failure::usage(explain(&what.file, what.section.as_deref(), &nothing));
    let commands = commands(source, what.section.as_deref()).map_err(explain)?;
    let interpreter = Interpreter::new(Session::new(Settings::default()));
    let drivers = makes::needs(&interpreter, &Script::new("script.rhai", script))?;
    let place = sandbox::place_of(&drivers);
    let name = what.file.display().to_string();
    // Each in a folder of its own, as both may write there.
    let new_folder = || tempfile::tempdir().map_err(Error::from).map_err(broken);
    let (of_commands, of_script) = (new_folder()?, new_folder()?);
    let laid_out = Commands::lay_out(of_commands.path(), what, &commands, "").map_err(broken)?;
    Commands::lay_out(of_script.path(), what, &commands, "").map_err(broken)?;
    let links = stand_ins(&commands, &what.arguments);
    if !options.quiet && !what.observe {
        place::tell_stand_ins(&links);
    }
    let made = place::make_stand_ins(&links);
    let script = &format!("{made}{script}");
    let of_shell = format!(
        "{made}{}print(done.stderr);\n",
        laid_out.call("", place, Some(what.timeout))
    );
    let limit = place::of_script(what.timeout);
    // Side by side: most of it is waiting for what comes late.
    let (one, other) = std::thread::scope(|threads| {
        let commands = of_commands.path();
        let one = threads.spawn(|| lead(&of_shell, place, commands, ".ipvsh-commands.rhai", limit));
        let other = lead(script, place, of_script.path(), ".ipvsh-script.rhai", limit);
        (one.join(), other)
    });
    let one =
        one.map_err(|_| broken(Error::invalid("the run of the commands ended in a panic")))??;
    let other = other?;
    if !options.quiet {
        for (who, said) in [("commands", &one.printed), ("script", &other.said)] {
            if !said.trim().is_empty() {
                output::note(&format!("the {who} said:\n{}", said.trim_end()));
            }
        }
    }
    let proof = proof::compare(&one.state, &other.state, source);
    let is_equal = proof.differences.is_empty();
    let told = if options.is_json() {
        output::say_json(&documents::value(&document(&proof)))
    } else {
        output::say(&tell(&proof, &name))
    };
    Ok(if is_equal { told } else { 1 })
}

/// Runs a script in a place of its own, and behind it what tells where it has led.
fn lead(
    text: &str,
    place: places::Place,
    folder: &Path,
    file: &str,
    limit: Duration,
) -> Result<Ran, Failure> {
    // What comes late is there by then: link-local addresses, and whether links have a carrier.
    let look = format!(
        "sleep(\"2s\");\nfor net in namespaces() {{\n    if net.name.starts_with(\"pid:\") {{ continue; }}\n    print({} + net.name + \"\\n\" + net.exec([\"sh\", \"-c\", {}]).stdout);\n}}\n",
        literal(NAMESPACE),
        literal(GATHER)
    );
    let ran = place::run(&format!("{text}\n{look}"), place, folder, file, limit).map_err(broken)?;
    let Some(at) = ran.output.find(NAMESPACE) else {
        return Err(place::cut_off(AIM, &ran.said));
    };
    let (printed, state) = ran.output.split_at(at);
    Ok(Ran {
        printed: printed.to_owned(),
        state: state.to_owned(),
        said: ran.said,
    })
}

fn broken(error: Error) -> Failure {
    place::broken(AIM, error)
}

fn tell(proof: &Proof, name: &str) -> String {
    if proof.differences.is_empty() {
        let namespaces = match proof.namespaces {
            1 => "1 namespace".to_owned(),
            count => format!("{count} namespaces"),
        };
        return format!("equal: {} facts of {namespaces}", proof.same);
    }
    let mut lines = Vec::new();
    for one in &proof.differences {
        lines.push(format!("{}: {}", one.namespace, one.text));
        if let Some((number, text)) = &one.line {
            lines.push(format!("  {name}:{number}: {text}"));
        }
    }
    lines.push(match proof.differences.len() {
        1 => format!("1 difference, {} facts are the same", proof.same),
        count => format!("{count} differences, {} facts are the same", proof.same),
    });
    lines.join("\n")
}

fn document(proof: &Proof) -> documents::Verified {
    let differences = proof.differences.iter().map(|one| {
        let (line, text) = one.line.clone().unzip();
        documents::Unlike {
            namespace: one.namespace.clone(),
            difference: one.text.clone(),
            line,
            text,
        }
    });
    documents::Verified {
        equal: proof.differences.is_empty(),
        namespaces: proof.namespaces,
        same: proof.same,
        differences: differences.collect(),
    }
}
