//! What is to be run: the script or line that the command line names, and the parameters behind it.

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::path::Path;

use clap::CommandFactory;
use rhai::AST;

use super::line::Cli;
use super::{demo, output};
use crate::engine::script::Script;
use crate::engine::{Failure, Interpreter, params};
use crate::error::nearest;
use crate::value::shell;
use crate::view::error::Report;

/// What is to be run, with what stands behind it on the command line.
pub(super) enum Source {
    /// A script or a line.
    Script {
        /// Its text.
        script: Script,
        /// Whether its value is printed.
        is_line: bool,
        /// Its parameters, as they were typed.
        arguments: Vec<String>,
    },
    /// What is typed on a terminal, or comes line by line from elsewhere.
    Session,
}

/// What the command line asks to run.
pub(super) fn of(cli: &Cli) -> Result<Source, Failure> {
    if let Some(told) = demo::told(cli) {
        let (script, parameters) = told?;
        return Ok(Source::Script {
            script,
            is_line: false,
            arguments: texts(parameters.iter())?,
        });
    }
    let mut words = cli.behind.iter();
    if let Some(expression) = &cli.expression {
        return Ok(Source::Script {
            script: Script::new("<expression>", expression),
            is_line: true,
            arguments: texts(words)?,
        });
    }
    let Some(file) = words.next() else {
        return Ok(Source::Session);
    };
    let script = if file == "-" {
        Script::read_input("<stdin>")
    } else {
        read(file, words.as_slice().first())
    };
    Ok(Source::Script {
        script: script.map_err(Failure::usage)?,
        is_line: false,
        arguments: texts(words)?,
    })
}

/// Reads the script in a file; `behind` is the word that follows it.
pub(super) fn read(file: &OsString, behind: Option<&OsString>) -> Result<Script, Report> {
    Script::read(Path::new(file)).map_err(|report| suggest_command(report, file, behind))
}

/// A script that is not there, named by one word, was most likely meant as a command.
fn suggest_command(report: Report, file: &OsString, behind: Option<&OsString>) -> Report {
    let typed = file.to_string_lossy();
    if report.hint.is_some() || typed.contains(['/', '.']) {
        return report;
    }
    if ["run", "exec", "start", "apply", "up"].contains(&&*typed) {
        let script = behind.map_or("lab.rhai".into(), |script| script.to_string_lossy());
        let script = shell::word(&script);
        return report.hint(format!("a script is run by its name: `ipvsh {script}`"));
    }
    let command = Cli::command();
    let told = |command: &&clap::Command| !command.is_hide_set();
    let commands = command.get_subcommands().filter(told);
    let commands = commands.map(clap::Command::get_name);
    let commands: Vec<_> = commands.collect();
    match nearest(&typed, commands.iter().copied()) {
        Some(near) => report.hint(format!("did you mean the command `ipvsh {near}`?")),
        None => report
            .note(format!("commands: {}", commands.join(", ")))
            .hint("the name of a script ends in .rhai; `ipvsh new` writes one to begin with"),
    }
}

/// An option of ipvsh behind the script most likely belongs before it.
fn suggest_option(report: Report, arguments: &[String]) -> Report {
    let command = Cli::command();
    let own: Vec<_> = command
        .get_arguments()
        .filter_map(|argument| argument.get_long().map(|name| format!("--{name}")))
        .collect();
    let misplaced = arguments.iter().find(|argument| {
        let name = argument.split('=').next().unwrap_or_default();
        own.iter().any(|known| known == name) && report.message.contains(&format!("`{name}`"))
    });
    match misplaced {
        Some(option) => report.hint(format!(
            "options of ipvsh stand before the script: `ipvsh {option} …`"
        )),
        None => report,
    }
}

pub(super) fn texts<'a>(words: impl Iterator<Item = &'a OsString>) -> Result<Vec<String>, Failure> {
    words
        .map(|word| {
            word.to_str().map(str::to_owned).ok_or_else(|| {
                Failure::usage(Report::new(format!(
                    "`{}` is not UTF-8 text",
                    word.to_string_lossy()
                )))
            })
        })
        .collect()
}

/// Reads the parameters of a script as they were typed.
pub(super) fn parameters(
    declared: &[params::Parameter],
    typed: &[String],
) -> Result<params::Arguments, Failure> {
    params::parse(declared, typed).map_err(|report| Failure::usage(suggest_option(report, typed)))
}

/// A script that can be run, with what was typed behind it.
pub(super) type Ready = (AST, params::Arguments);

/// Compiles the script and reads its parameters as they were typed. Where its help is asked for, that is shown, and nothing else is
/// to be done: breaks with the exit code.
pub(super) fn ready(
    interpreter: &Interpreter,
    script: &Script,
    typed: &[String],
) -> Result<ControlFlow<u8, Ready>, Failure> {
    let ast = interpreter.compile(script, &Interpreter::scope_of_names())?;
    let declared = interpreter.parameters(&ast)?;
    let given = parameters(&declared, typed)?;
    if given.help {
        let help = params::help(&script.name, &script.head(), &declared);
        return Ok(ControlFlow::Break(output::say(&help)));
    }
    Ok(ControlFlow::Continue((ast, given)))
}
