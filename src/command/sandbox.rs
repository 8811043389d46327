//! Runs in a throw-away place, and gets what that needs.

use std::fs;
use std::path::{Path, PathBuf};

use super::line::{Cli, Options, Place};
use super::run::{self, Source};
use crate::dsl::Session;
use crate::engine::{Failure, Interpreter, Reason, files, params, stack};
use crate::error::{Error, Kind};
use crate::sandbox::{self, ns, vm};
use crate::view::error::Report;

/// Runs what the command line asks for in the place that it asks for.
pub(super) fn run(cli: &Cli) -> Result<u8, Failure> {
    let options = &cli.options;
    let place = match options.sandbox {
        Some(Place::Ns) => sandbox::Place::Ns,
        Some(Place::Vm) => sandbox::Place::Vm,
        Some(Place::Auto) | None => {
            let place = sandbox::choose();
            if !options.quiet && !options.json {
                announce(place);
            }
            place
        }
    };
    match place {
        sandbox::Place::Ns => in_namespaces(cli),
        sandbox::Place::Vm => in_vm(cli),
    }
}

fn announce(place: sandbox::Place) {
    let which = match place {
        sandbox::Place::Ns => "private namespaces: this kernel has ipvlan",
        sandbox::Place::Vm => "a micro-VM: this kernel has no ipvlan",
    };
    super::output::note(&format!("sandbox: {which}"));
}

/// What is known of a script before it runs.
enum Known {
    /// Only its help is asked for, which was shown.
    Help(u8),
    /// The files that it needs, by their absolute paths.
    Files(Vec<PathBuf>),
}

/// Finds what is wrong with the script or its parameters, and what it needs, before the place is made.
fn look_ahead(cli: &Cli) -> Result<Known, Failure> {
    // What comes through a pipe can be read only once.
    let is_read_once = cli.expression.is_none()
        && cli.behind.first().is_some_and(|script| {
            let script = Path::new(script);
            script == Path::new("-")
                || ["/dev/fd", "/dev/stdin", "/proc/self/fd"]
                    .iter()
                    .any(|stream| script.starts_with(stream))
        });
    if is_read_once {
        return Ok(Known::Files(Vec::new()));
    }
    let Source::Script {
        script, arguments, ..
    } = run::source(cli)?
    else {
        return Ok(Known::Files(Vec::new()));
    };
    let interpreter = Interpreter::new(Session::new(crate::dsl::session::Settings::default()));
    let ast = interpreter.compile(&script, &Interpreter::scope_of_names())?;
    let declared = interpreter.parameters(&ast)?;
    let given = run::parameters(&declared, &arguments)?;
    if given.help {
        let help = params::help(&script.name, &script.head(), &declared);
        return Ok(Known::Help(super::output::say(&help)));
    }
    let needed = files::needed(&interpreter, &script)?;
    let needed = needed.iter().filter_map(|(name, _)| on_disk(name));
    Ok(Known::Files(needed.collect()))
}

/// Runs in private namespaces.
fn in_namespaces(cli: &Cli) -> Result<u8, Failure> {
    // In a thread that has ended: only a process of one thread gets a user namespace.
    let known =
        stack::with_room(|| look_ahead(cli)).map_err(|error| super::cannot_start(&error))?;
    let needed = match known? {
        Known::Help(code) => return Ok(code),
        Known::Files(files) => files,
    };
    let files = ns::Files {
        write: cli.options.write.clone(),
        results: cli.passed_on.files.clone(),
        needed,
    };
    match ns::enter(&files).map_err(|error| failure(&error))? {
        ns::Entered::Ended(code) => Ok(code),
        ns::Entered::Inside(lacks) => {
            for lack in lacks {
                tell(
                    &cli.options,
                    &format!("the sandbox is no whole one: {lack}"),
                );
            }
            stack::with_room(|| run::run(cli)).map_err(|error| super::cannot_start(&error))?
        }
    }
}

/// Says what there is to know about the place.
fn tell(options: &Options, text: &str) {
    if options.json {
        super::output::note(&serde_json::json!({"note": text}).to_string());
    } else if !options.quiet {
        super::output::note(&format!("note: {text}"));
    }
}

/// Runs in a micro-VM.
fn in_vm(cli: &Cli) -> Result<u8, Failure> {
    let mut arguments = cli.passed_on.options.clone();
    let needed = match look_ahead(cli)? {
        Known::Help(code) => return Ok(code),
        Known::Files(files) => files,
    };
    if let Some(expression) = &cli.expression {
        arguments.extend(["-e".into(), expression.into()]);
    }
    arguments.extend(cli.behind.iter().cloned());
    let mut guest = vm::Guest::new(arguments).map_err(|error| failure(&error))?;
    guest.files = needed;
    guest.results.clone_from(&cli.passed_on.files);
    if let Some(folder) = &cli.options.write {
        guest.replaced = Some(below_work_folder(folder, &guest.cwd)?);
    }
    let ran = vm::run(&guest).map_err(|error| failure(&error))?;
    for kept in ran.kept_aside {
        tell(&cli.options, &kept.to_string());
    }
    Ok(ran.code)
}

/// The folder as seen from the work folder: of no other a micro-VM knows.
fn below_work_folder(folder: &Path, work: &Path) -> Result<PathBuf, Failure> {
    let usage = |why: String| {
        let report = Report::new(format!("`--write {}`: {why}", folder.display()));
        Failure::usage(report.hint("name the work folder, `.`, or a folder in it"))
    };
    let real = |path: &Path| fs::canonicalize(path).map_err(|error| usage(Error::io(&error).cause));
    let below = real(folder)?;
    match below.strip_prefix(real(work)?) {
        Ok(below) => Ok(below.to_owned()),
        Err(_) => Err(usage("it is not in the work folder".to_owned())),
    }
}

/// The absolute path of a file that a run needs; none for what has no file, as a line or a module of the standard library.
pub(super) fn on_disk(name: &str) -> Option<PathBuf> {
    std::path::absolute(Path::new(name))
        .ok()
        .filter(|path| path.is_file())
}

/// Gets QEMU and a kernel.
pub(super) fn install(if_needed: bool) -> Result<u8, Failure> {
    let mut say = |line: &str| {
        super::output::note(line);
    };
    if if_needed && sandbox::kernel_has_ipvlan() {
        say("this kernel has ipvlan: no micro-VM is needed");
        return Ok(0);
    }
    vm::install(&mut say)
        .map(|()| 0)
        .map_err(|error| failure(&error))
}

fn failure(error: &Error) -> Failure {
    Failure {
        report: Report::of(error),
        reason: match error.kind {
            Kind::Denied | Kind::Unsupported => Reason::NotPossible,
            _ => Reason::Script,
        },
    }
}
