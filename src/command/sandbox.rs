//! Runs in a throw-away place, and gets what that needs.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::line::{Cli, Place};
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
        sandbox::Place::Ns => {
            // A process has to be of one thread to get a user namespace: the interpreter's starts later.
            ns::enter().map_err(|error| failure(&error))?;
            stack::with_room(|| run::run(cli)).map_err(|error| failure(&Error::io(&error)))?
        }
        sandbox::Place::Vm => in_vm(cli),
    }
}

fn announce(place: sandbox::Place) {
    let which = match place {
        sandbox::Place::Ns => "private namespaces: this kernel has ipvlan",
        sandbox::Place::Vm => "a micro-VM: this kernel has no ipvlan",
    };
    // Where it can't be said, the run goes on all the same.
    let _ = writeln!(std::io::stderr(), "sandbox: {which}");
}

/// Runs in a micro-VM. What is wrong with the script or its parameters is found before it is started.
fn in_vm(cli: &Cli) -> Result<u8, Failure> {
    let mut arguments = cli.passed_on.options.clone();
    let mut needed = Vec::new();
    let from_input = cli.behind.first().is_some_and(|script| script == "-");
    if !from_input
        && let Source::Script {
            script, arguments, ..
        } = run::source(cli)?
    {
        let interpreter = Interpreter::new(Session::new(crate::dsl::session::Settings::default()));
        let ast = interpreter.compile(&script, &Interpreter::scope_of_names())?;
        let declared = interpreter.parameters(&ast)?;
        let given = run::parameters(&declared, &arguments)?;
        if given.help {
            let help = params::help(&script.name, &script.head(), &declared);
            return Ok(super::output::say(&help));
        }
        for (name, _) in files::needed(&interpreter, &script)? {
            needed.extend(on_disk(&name));
        }
    }
    if let Some(expression) = &cli.expression {
        arguments.extend(["-e".into(), expression.into()]);
    }
    arguments.extend(cli.behind.iter().cloned());
    let mut guest = vm::Guest::new(arguments).map_err(|error| failure(&error))?;
    guest.files = needed;
    guest.results.clone_from(&cli.passed_on.files);
    vm::run(&guest).map_err(|error| failure(&error))
}

/// The absolute path of a file that a run needs; none for what has no file, as a line or a module of the standard library.
fn on_disk(name: &str) -> Option<PathBuf> {
    std::path::absolute(Path::new(name))
        .ok()
        .filter(|path| path.is_file())
}

/// Gets QEMU and a kernel.
pub(super) fn install(if_needed: bool) -> Result<u8, Failure> {
    let mut say = |line: &str| {
        // Progress is for whoever watches; without one the work is done all the same.
        let _ = writeln!(std::io::stderr(), "{line}");
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
