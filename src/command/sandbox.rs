//! Runs in a throw-away place.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::line::{Cli, Options, Place};
use super::run;
use super::source::{self, Source};
use super::{demo, output};
use crate::dsl::Session;
use crate::engine::files::Needs;
use crate::engine::{Failure, Interpreter, Reason, files, makes, stack};
use crate::error::{Error, Kind};
use crate::net::module::Modules;
use crate::sandbox::{self, ns, vm};
use crate::view::error::Report;
use crate::view::plain;

/// Runs what the command line asks for in the place that it asks for.
pub(super) fn run(cli: &Cli) -> Result<u8, Failure> {
    let options = &cli.options;
    let (place, why) = match options.sandbox {
        Some(Place::Ns) if options.kernel.is_some() => return Err(no_kernel_of_its_own()),
        Some(Place::Ns) => (sandbox::Place::Ns, None),
        Some(Place::Auto) | None if options.kernel.is_some() => (sandbox::Place::Vm, None),
        Some(Place::Vm) => (sandbox::Place::Vm, None),
        Some(Place::Auto) | None => {
            let (place, why) =
                stack::with_room(|| choose(cli)).map_err(|error| super::cannot_start(&error))?;
            (place, Some(why))
        }
    };
    match place {
        sandbox::Place::Ns => in_namespaces(cli, why),
        sandbox::Place::Vm => in_vm(cli, why),
    }
}

/// The failure of a kernel that is asked for where this machine's own runs.
pub(super) fn no_kernel_of_its_own() -> Failure {
    let report = Report::new(
        "`--sandbox=ns` runs on the kernel of this machine: no other one can be asked for",
    );
    Failure::usage(report.hint("say `--sandbox=vm` with `--kernel`"))
}

/// Says which place was chosen, and why.
fn announce(options: &Options, why: Option<String>) {
    if let Some(why) = why
        && !options.quiet
        && !options.is_json()
    {
        output::note(&format!("sandbox: {why}"));
    }
}

/// The place for a script that makes what `needed` says: private namespaces where this kernel has all of it.
pub(super) fn place_of(needed: &[makes::Driver]) -> sandbox::Place {
    if lacking_of(needed).is_empty() {
        sandbox::Place::Ns
    } else {
        sandbox::Place::Vm
    }
}

/// Chooses private namespaces where this kernel has all that the script makes, else the micro-VM, and says why. What a session, or a
/// script that can be read only once, will make is not known: there it is ipvlan that decides.
fn choose(cli: &Cli) -> (sandbox::Place, String) {
    let needed = if is_read_once(cli) { None } else { needed(cli) };
    let (wanted, has_all) = match needed {
        Some(needed) => (needed, "this kernel has all that the script makes"),
        None => (
            makes::driver("ipvlan").into_iter().collect(),
            "this kernel has ipvlan",
        ),
    };
    let lacking = lacking_of(&wanted);
    if lacking.is_empty() {
        let why = format!("private namespaces: {has_all}");
        return (sandbox::Place::Ns, why);
    }
    let why = format!("a micro-VM: this kernel has no {lacking}");
    (sandbox::Place::Vm, why)
}

/// Those of `wanted` that this kernel lacks, in a line. One counts as there where it is loaded or built in, or where the kernel finds it
/// by itself when the first link is made. In a container that sees none of the machine's modules the answer is that it lacks them,
/// unless the kernel tells how it was built: the micro-VM is the safe choice there.
pub(super) fn lacking_of(wanted: &[makes::Driver]) -> String {
    let modules = Modules::look();
    let lacks = |driver: &&makes::Driver| {
        !modules.has(driver.module, driver.config) && !modules.can_load(driver.module)
    };
    let lacking = wanted.iter().filter(lacks).map(|driver| driver.name);
    lacking.collect::<Vec<_>>().join(", ")
}

/// The drivers that the script needs; none where there is no script, or one whose mistakes are told later.
fn needed(cli: &Cli) -> Option<Vec<makes::Driver>> {
    let Ok(Source::Script { script, .. }) = source::of(cli) else {
        return None;
    };
    let interpreter = Interpreter::new(Session::new(crate::dsl::session::Settings::default()));
    makes::needs(&interpreter, &script).ok()
}

/// Whether the script comes through a pipe, which can be read only once.
fn is_read_once(cli: &Cli) -> bool {
    cli.expression.is_none()
        && cli.behind.first().is_some_and(|script| {
            let script = Path::new(script);
            script == Path::new("-")
                || ["/dev/fd", "/dev/stdin", "/proc/self/fd"]
                    .iter()
                    .any(|stream| script.starts_with(stream))
        })
}

/// What is known of a script before it runs.
pub(super) enum Known {
    /// Only its help is asked for, which was shown.
    Help(u8),
    /// What it needs.
    Needs(Needs),
}

/// Finds what is wrong with the script or its parameters, and what it needs, before the place is made.
pub(super) fn look_ahead(cli: &Cli) -> Result<Known, Failure> {
    if is_read_once(cli) {
        return Ok(Known::Needs(Needs::default()));
    }
    let Source::Script {
        script, arguments, ..
    } = source::of(cli)?
    else {
        return Ok(Known::Needs(Needs::default()));
    };
    let interpreter = Interpreter::new(Session::new(crate::dsl::session::Settings::default()));
    if let ControlFlow::Break(code) = source::ready(&interpreter, &script, &arguments)? {
        return Ok(Known::Help(code));
    }
    let needed = files::needed(&interpreter, &script)?;
    let data = files::data(&interpreter, &needed);
    let data = data
        .iter()
        .filter_map(|file| on_disk(&file.to_string_lossy()));
    let scripts = needed.iter().filter_map(|(name, _)| on_disk(name));
    Ok(Known::Needs(Needs {
        files: scripts.chain(data).collect(),
        programs: files::programs(&interpreter, &needed),
    }))
}

/// Runs in private namespaces.
fn in_namespaces(cli: &Cli, why: Option<String>) -> Result<u8, Failure> {
    // In a thread that has ended: only a process of one thread gets a user namespace.
    let known =
        stack::with_room(|| look_ahead(cli)).map_err(|error| super::cannot_start(&error))?;
    let needed = match known? {
        Known::Help(code) => return Ok(code),
        Known::Needs(needs) => needs.files,
    };
    announce(&cli.options, why);
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
    if options.is_json() {
        output::note(&serde_json::json!({"note": text}).to_string());
    } else if !options.quiet {
        output::note(&format!("note: {text}"));
    }
}

/// Runs in a micro-VM.
fn in_vm(cli: &Cli, why: Option<String>) -> Result<u8, Failure> {
    let mut arguments = cli.passed_on.options.clone();
    let needed = match look_ahead(cli)? {
        Known::Help(code) => return Ok(code),
        Known::Needs(needs) => needs,
    };
    announce(&cli.options, why);
    if let Some(expression) = &cli.expression {
        arguments.extend(["-e".into(), expression.into()]);
    }
    arguments.extend(demo::words(cli).unwrap_or_else(|| cli.behind.clone()));
    let mut guest = vm::Guest::new(arguments).map_err(|error| failure(&error))?;
    guest.files = needed.files;
    guest.take_along(&needed.programs);
    guest.results.clone_from(&cli.passed_on.files);
    guest.kernel.clone_from(&cli.options.kernel);
    if let Some(folder) = &cli.options.write {
        guest.replaced = Some(below_work_folder(folder, &guest.cwd)?);
    }
    let shown = waiting(&cli.options);
    let started = vm::start(&guest);
    drop(shown);
    let ran = started.and_then(vm::Started::run);
    let ran = ran.map_err(|error| failure(&error))?;
    for kept in ran.kept_aside {
        tell(&cli.options, &kept.to_string());
    }
    Ok(ran.code)
}

/// Shows on a terminal that the micro-VM starts, and for how long, until it is dropped.
fn waiting(options: &Options) -> Option<Shown> {
    let is_shown = !options.quiet && !options.is_json() && plain::is_live(&std::io::stderr());
    let style = ProgressStyle::with_template("{spinner} starting the micro-VM, {elapsed}");
    style.ok().filter(|_| is_shown).map(|style| {
        let bar = ProgressBar::new_spinner().with_style(style);
        bar.enable_steady_tick(Duration::from_millis(100));
        Shown(bar)
    })
}

/// A line that goes when it is dropped.
struct Shown(ProgressBar);

impl Drop for Shown {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
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

/// Why there is no such place: with what it takes to get one, or that something went wrong.
pub(super) fn failure(error: &Error) -> Failure {
    Failure {
        report: Report::of(error),
        reason: match error.kind {
            Kind::Denied | Kind::Unsupported => Reason::NotPossible,
            _ => Reason::Script,
        },
    }
}
