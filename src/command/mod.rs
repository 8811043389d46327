//! What the command line leads to, one file a command.

pub(crate) mod arguments;
mod capture;
mod check;
pub(crate) mod complete;
mod confirm;
mod demo;
mod doc;
mod doctor;
mod documents;
mod down;
mod enable;
mod export;
mod extcap;
mod fmt;
mod graph;
mod import;
mod itself;
pub(crate) mod line;
mod ls;
mod manpages;
mod meter;
mod new;
mod on;
mod output;
mod pages;
mod parameters;
mod plan;
mod prune;
mod run;
mod sandbox;
mod source;
mod test;
mod view;
mod vm;
mod watch;

use std::path::Path;
use std::time::Duration;

use line::{Cli, Command, Options};

use crate::dsl::Session;
use crate::dsl::session::Settings;
use crate::engine::params::Parameter;
use crate::engine::script::Script;
use crate::engine::{Failure, Interpreter, Reason, memory, stack};
use crate::error::Error;
use crate::lsp;
use crate::net::namespace;
use crate::view::error::Report;
use crate::view::plain;

/// The failure of a thread to start in which a script would run.
fn cannot_start(error: &std::io::Error) -> Failure {
    let error = Error::io(error);
    Failure::script(Report::new(format!(
        "cannot start the interpreter: {error}"
    )))
}

/// Gets ready to have many files open, before anything is made. Where too few are allowed, nothing is.
fn with_files() -> Result<(), Failure> {
    namespace::allow_many().map_err(|error| Failure {
        report: Report::of(&error),
        reason: Reason::NotPossible,
    })
}

/// Watches the memory of the script that this thread is to run. Where it ends by that alone, what it made is taken down where
/// `takes_down` says so.
fn with_memory(options: &Options, takes_down: bool) {
    let given = options.memory.unwrap_or(0);
    let mut arguments = vec!["down".to_owned(), format!("--cut-off={given}")];
    let switches = [
        (!takes_down || options.keep, "--kept"),
        (options.is_json(), "--json"),
        (options.quiet, "--quiet"),
    ];
    let switches = switches.iter().filter(|(on, _)| *on);
    arguments.extend(switches.map(|(_, name)| (*name).to_owned()));
    memory::set_way_out(arguments);
    memory::watch(options.memory);
}

/// The names of the parameters that a script declares; none where it can't be read, which its run tells better.
pub(crate) fn declared(script: &Path) -> Vec<String> {
    let names = || -> Vec<String> {
        let parameters = parameters_of(script).into_iter();
        parameters.map(|one| one.name).collect()
    };
    stack::with_room(names).unwrap_or_default()
}

/// The parameters that the script in a file declares; none where it can't be read. Takes the room of a script.
fn parameters_of(script: &Path) -> Vec<Parameter> {
    let script = Script::read(script);
    script.as_ref().map(parameters_in).unwrap_or_default()
}

/// The parameters that a script declares; none where it has mistakes. Takes the room of a script.
fn parameters_in(script: &Script) -> Vec<Parameter> {
    let interpreter = Interpreter::new(Session::new(Settings::default()));
    let scope = Interpreter::scope_of_names();
    let compiled = interpreter.compile(script, &scope).ok();
    let declared = compiled.and_then(|ast| interpreter.parameters(&ast).ok());
    declared.unwrap_or_default()
}

/// Whether things happen in what the command line says that can be told as they do.
fn tells_lines(cli: &Cli) -> bool {
    let on_one_host = cli.options.on.is_none();
    let command = cli.command.as_ref();
    let in_any_case = |command: &Command| matches!(command, Command::Test(_) | Command::Watch(_));
    on_one_host
        && matches!(
            command,
            None | Some(Command::Plan { .. } | Command::Demo(_))
        )
        || command.is_some_and(in_any_case)
}

/// Does what the command line says and returns the exit code.
pub(crate) fn dispatch(mut cli: Cli) -> u8 {
    if cli.options.plain {
        plain::set();
    }
    if let Err(failure) = parameters::take(&mut cli) {
        output::fail(&failure, &cli.options);
        return failure.exit_code();
    }
    let cli = &cli;
    let options = &cli.options;
    let result = match &cli.command {
        _ if options.lines().is_some() && !tells_lines(cli) => {
            Err(run::not_in_lines("other commands"))
        }
        _ if options.on.is_some() => on::on(cli, options.on.as_deref().unwrap_or_default()),
        Some(Command::Doc(what)) => doc::show(what, options),
        Some(Command::Check { scripts }) => check::check(scripts, options),
        Some(Command::Plan { script, prunes }) => {
            let options = &Options {
                prune: *prunes || options.prune,
                ..options.clone()
            };
            stack::with_room(|| plan::plan(script, options))
                .unwrap_or_else(|error| Err(cannot_start(&error)))
        }
        Some(Command::Ls) => ls::list(options),
        Some(Command::Down {
            cut_off: Some(given),
            kept,
            ..
        }) => down::cut_off(*given, *kept, options),
        Some(Command::Down {
            lab, force, all, ..
        }) => down::down(lab.as_deref(), *all, *force, options),
        Some(Command::Confirm {
            keeper_of: Some(run),
            time,
            ..
        }) => confirm::keep(*run, Duration::from_millis(time.unwrap_or(0))),
        Some(Command::Host) => on::serve(),
        Some(Command::Confirm { lab, .. }) => confirm::run(lab.as_deref(), options),
        Some(Command::Enable { script, print }) => {
            stack::with_room(|| enable::enable(script, *print, options))
                .unwrap_or_else(|error| Err(cannot_start(&error)))
        }
        Some(Command::Disable { lab }) => enable::disable(lab, options),
        Some(Command::Demo(what)) => demo::demo(cli, what),
        Some(Command::Test(what)) => test::test(what, options),
        Some(Command::Doctor(what)) => doctor::doctor(what, options),
        Some(Command::Watch(what)) => watch::run(what, options),
        Some(Command::View(what)) => view::run(what, options),
        Some(Command::Capture(what)) => capture::run(what, options),
        Some(Command::Extcap(what)) => extcap::run(what, options),
        Some(Command::New(what)) => new::run(what, options),
        Some(Command::Fmt(what)) => fmt::run(what, options),
        Some(Command::Lsp { .. }) => {
            stack::with_room(|| lsp::serve().map_err(|error| Failure::script(Report::of(&error))))
                .unwrap_or_else(|error| Err(cannot_start(&error)))
        }
        Some(Command::Import(what)) => import::run(what, options),
        Some(Command::Export(what)) => export::run(what, options),
        Some(Command::Graph(what)) => stack::with_room(|| graph::run(what, options))
            .unwrap_or_else(|error| Err(cannot_start(&error))),
        Some(Command::Vm { command }) => vm::run(command, options),
        // The sandbox is entered first: a process has to be of one thread for that.
        None if options.sandbox.is_some() || options.kernel.is_some() => sandbox::run(cli),
        None => {
            stack::with_room(|| run::run(cli)).unwrap_or_else(|error| Err(cannot_start(&error)))
        }
    };
    match result {
        Ok(code) => code,
        Err(failure) => {
            output::fail(&failure, options);
            failure.exit_code()
        }
    }
}
