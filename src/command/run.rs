//! Runs a script, or a line: reads it once, reads its parameters, runs it, and says how it went.

use std::io::IsTerminal;
use std::mem::ManuallyDrop;
use std::ops::ControlFlow;
use std::path::Path;

use rhai::Dynamic;
use signal_hook::consts::{SIGHUP, SIGTERM};

use super::confirm::{self, Keeper};
use super::line::{Cli, Options};
use super::source::{self, Source};
use super::{documents, output, prune, with_files, with_memory};
use crate::dsl::Session;
use crate::dsl::acts::capture;
use crate::dsl::kinds::kind;
use crate::dsl::script::print;
use crate::dsl::session::{Given, Output, Settings};
use crate::engine::script::Script;
use crate::engine::signals::Signals;
use crate::engine::{Failure, Interpreter, Reason};
use crate::error::Error;
use crate::lab::outcome::Entry;
use crate::lab::rollback::Undone;
use crate::lab::{Outcome, name};
use crate::repl::{self, Manner};
use crate::sandbox::vm;
use crate::value::shell as word_of_shell;
use crate::view::changes::{self, Line, Mark};
use crate::view::error::Report;
use crate::view::paint::When;

/// Runs what the command line asks for.
pub(super) fn run(cli: &Cli) -> Result<u8, Failure> {
    let options = &cli.options;
    if options.keys && options.emit.is_none() {
        let report = Report::new("`--keys` is for the script of `--emit`, which is not asked for");
        return Err(Failure::usage(report.hint("add `--emit FILE`")));
    }
    if options.write.is_some() && options.sandbox.is_none() {
        let report = Report::new("`--write` is for a run in a throw-away place");
        return Err(Failure::usage(report.hint("add `--sandbox`")));
    }
    let source = source::of(cli)?;
    if options.prune && !matches!(source, Source::Script { is_line: false, .. }) {
        let report = Report::new("`--prune` is for a script, which says all of its lab");
        return Err(Failure::usage(
            report.hint("`ipvsh down LAB` takes a lab down"),
        ));
    }
    let is_script = matches!(source, Source::Script { is_line: false, .. });
    if options.lines().is_some() && !is_script {
        return Err(not_in_lines("what is typed"));
    }
    confirm::check(options, &source)?;
    with_files()?;
    with_memory(options, matches!(source, Source::Script { .. }));
    let session = Session::new(Settings {
        quiet: options.quiet,
        color: When::from(options.color).on(&std::io::stdout()),
        json: options.is_json(),
        lines: options.lines(),
        // Standard output holds documents: of a line its value, of a session those of its entries, of a script how it went and
        // what it printed.
        output: match &source {
            Source::Script { is_line: true, .. } | Source::Session if options.is_json() => {
                Output::Error
            }
            Source::Script { .. } if options.is_json() && options.lines().is_none() => {
                Output::Collected
            }
            _ => Output::Standard,
        },
    });
    trace(&session, options);
    name_lab(&session, cli, &source).map_err(|error| Failure::usage(Report::of(&error)))?;
    match source {
        Source::Session => {
            let color = When::from(options.color).on(&std::io::stderr());
            let manner = Manner {
                color,
                is_throw_away: options.sandbox.is_some() || vm::is_guest(),
                is_plain: options.plain,
            };
            let result = repl::run(session.clone(), manner).map(drop);
            let result = result.and_then(|()| emit(&session, options, "the session"));
            finish(&session, options, None, None, result)
        }
        Source::Script {
            script,
            is_line,
            arguments,
        } => run_script(session, &script, is_line, &arguments, options),
    }
}

/// That `--json=lines` was asked for where nothing happens that could be told so.
pub(super) fn not_in_lines(what: &str) -> Failure {
    let report = Report::new(format!(
        "`--json=lines` is for the run and the plan of a script, not for {what}"
    ));
    Failure::usage(report.hint("`--json` prints one document"))
}

/// Tells the steps as commands, where that is asked.
pub(super) fn trace(session: &Session, options: &Options) {
    if options.trace {
        session.show_steps(true, When::from(options.color).on(&std::io::stderr()));
    }
    if options.emit.is_some() {
        session.lab().trace().keep();
    }
}

/// Writes the steps of a run that ended well as a script for the shell, where that is asked.
pub(super) fn emit(session: &Session, options: &Options, source: &str) -> Result<(), Failure> {
    let Some(file) = &options.emit else {
        return Ok(());
    };
    let title = format!("The same lab as {source}, without ipvsh.");
    let text = session.lab().trace().script(&title, options.keys);
    if options.keys {
        output::write_secret_to(Some(file), &text)?;
    } else {
        output::write_to(Some(file), &text)?;
    }
    Ok(())
}

/// Calls the lab as the command line says, or as the script's file is called. Lines and sessions have no file.
fn name_lab(session: &Session, cli: &Cli, source: &Source) -> Result<(), Error> {
    let file = cli.behind.first().filter(|file| *file != "-");
    let script = match source {
        Source::Script { is_line: false, .. } => file.map(Path::new),
        _ => None,
    };
    if name_lab_of(session, script, &cli.options)? {
        return Ok(());
    }
    match source {
        Source::Session => {
            let name = format!("repl-{}", std::process::id());
            session.lab().call(&name, None, false)?;
        }
        Source::Script { .. } => session.lab().call_commonly("cli"),
    }
    Ok(())
}

/// The same for the file of a script; `false` where neither it nor the command line gives a name.
pub(super) fn name_lab_of(
    session: &Session,
    script: Option<&Path>,
    options: &Options,
) -> Result<bool, Error> {
    let lab = session.lab();
    // A script read from a pipe has no path that could be found again.
    let path = script.and_then(|script| std::fs::canonicalize(script).ok());
    if let Some(name) = &options.lab {
        lab.call(name, path.as_deref(), true)
            .map_err(|error| error.doing("name lab", name))?;
        return Ok(true);
    }
    match script.and_then(name::of_script) {
        Some(stem) => lab.call(&stem, path.as_deref(), false).map(|()| true),
        None => Ok(false),
    }
}

fn run_script(
    session: std::rc::Rc<Session>,
    script: &Script,
    is_line: bool,
    arguments: &[String],
    options: &Options,
) -> Result<u8, Failure> {
    let interpreter = if is_line {
        Interpreter::for_line(session, &script.text)
    } else {
        Interpreter::new(session)
    };
    // The process ends with the run: taking the interpreter apart would cost a tenth of a short one.
    let interpreter = ManuallyDrop::new(interpreter);
    let (ast, given) = match source::ready(&interpreter, script, arguments)? {
        ControlFlow::Continue(ready) => ready,
        ControlFlow::Break(code) => return Ok(code),
    };
    let ast = ManuallyDrop::new(ast);
    let session = interpreter.session();
    session.give(Given {
        parameters: given.values,
        args: given.rest,
    });
    Signals::watch(session, &[SIGTERM, SIGHUP])
        .map_err(|error| Failure::script(Report::new(error.to_string())))?;
    let keeper = Keeper::start(options)?;
    let mut scope = interpreter.scope();
    let result = if is_line {
        interpreter.run_shown(&ast, &mut scope)
    } else {
        interpreter.run(&ast, &mut scope)
    };
    if is_line && result.is_ok() && !options.summary {
        session.say_made(0);
    }
    let result = result.and_then(|value| match session.interrupted() {
        // The signal came in the last word of the script, which ended early for it, as a ping does.
        Some(signal) => Err(Failure {
            report: Report::new("interrupted"),
            reason: Reason::Interrupted(signal),
        }),
        None if is_line => show(session, &value, options),
        None => Ok(()),
    });
    let result = result.and_then(|()| emit(session, options, &script.name));
    let ran = (!is_line).then_some((script, arguments));
    finish(session, options, ran, keeper, result)
}

/// Prints the value of a line.
fn show(session: &std::rc::Rc<Session>, value: &Dynamic, options: &Options) -> Result<(), Failure> {
    let text = print::result(session, value);
    if text.is_empty() {
        return Ok(());
    }
    if options.is_json() {
        return match output::say_json_text(&text) {
            0 => Ok(()),
            _ => Err(Failure {
                report: Report::new("nobody reads the output"),
                reason: Reason::OutputClosed,
            }),
        };
    }
    session.print_of_script(&text).map_err(|error| Failure {
        report: Report::new(error.to_string()),
        reason: Reason::OutputClosed,
    })
}

/// What there is to do when a run has ended, and the exit code.
///
/// A run that ends well leaves its lab standing, one that fails takes down what it made; `--rm` and `--keep` say otherwise.
fn finish(
    session: &Session,
    options: &Options,
    script: Option<(&Script, &[String])>,
    keeper: Option<Keeper>,
    result: Result<(), Failure>,
) -> Result<u8, Failure> {
    capture::end_all(session);
    session.close_servers();
    let had_lab = !session.lab().is_empty();
    // `exit(1)` says that the script failed, too.
    let has_failed = result.is_err() || session.exit_code().is_some_and(|code| code != 0);
    let take_down = if has_failed {
        !options.keep
    } else {
        options.rm
    };
    let undone = if take_down {
        take_down_all(session)
    } else {
        Undone::default()
    };
    let is_told = has_failed && !options.quiet && !options.is_json();
    if is_told && take_down && had_lab {
        output::note(&undone.to_string());
    }
    for left in &undone.left {
        output::note(left);
    }
    let not_pruned = match script {
        Some((script, typed)) if !has_failed && !take_down => {
            prune::run(session, options, &script.name, typed)
        }
        _ => Ok(()),
    };
    let mut fallen = Vec::new();
    if !has_failed && !take_down {
        fallen = what_fell(session);
        say_what_stays(session, options, script);
    }
    let waits = match &keeper {
        Some(keeper) if !take_down => confirm::await_confirmation(session, options, keeper),
        _ => Ok(None),
    };
    session.lab().close();
    let (waits, not_told) = match keeper {
        Some(keeper) => confirm::tell(keeper, waits),
        None => (None, None),
    };
    let counts = session.lab().counts();
    if options.summary {
        output::note(&if options.is_json() {
            documents::value(&documents::Tally::from(counts)).to_string()
        } else {
            summary(session, When::from(options.color).on(&std::io::stderr()))
        });
    }
    let mut failed = result.err().or_else(|| {
        (!undone.failures.is_empty())
            .then(|| Failure::script(Report::new("not all could be taken down")))
    });
    failed = failed.or(not_pruned.err()).or(not_told);
    if let Some(failure) = &mut failed {
        let left = undone.failures.iter().map(ToString::to_string);
        failure.report.notes.extend(left);
    }
    let code = failed
        .as_ref()
        .map_or(session.exit_code().unwrap_or(0), Failure::exit_code);
    if options.is_json() && script.is_some() {
        let end = documents::End {
            undone: fallen,
            confirm_until: waits,
            ..end(session, code, failed.as_ref(), &undone)
        };
        // The document has the error.
        if tell(session, options, end) {
            return Ok(code);
        }
    }
    match failed {
        Some(failure) => Err(failure),
        None => Ok(code),
    }
}

/// Says what of the run does not stand any more, since a later step of it took it along.
fn what_fell(session: &Session) -> Vec<String> {
    let fallen = session.wait(session.lab().fallen(kind::table_of));
    // What can't be looked at is no failure of the run.
    let fallen = fallen.and_then(|fallen| fallen).unwrap_or_default();
    for one in &fallen {
        session.note(&format!("what was asked does not stand any more: {one}"));
    }
    fallen
}

/// Says that what a line or a script from a pipe has made stays, and how it goes: there is no file by which to take it down.
fn say_what_stays(session: &Session, options: &Options, script: Option<(&Script, &[String])>) {
    let has_file = script.is_some_and(|(script, _)| script.name != "<stdin>");
    let is_throw_away = options.sandbox.is_some() || vm::is_guest();
    let is_told = !options.quiet && !options.is_json() && !is_throw_away;
    if has_file
        || !is_told
        || session.lab().is_empty()
        || std::io::stdin().is_terminal() && script.is_none()
    {
        return;
    }
    if let Some(lab) = session.lab().name() {
        output::note(&format!(
            "lab `{lab}` stands: `ipvsh down {}` takes it down",
            word_of_shell::word(&lab)
        ));
    }
}

/// Tells programs how a run went; whether it could be written.
fn tell(session: &Session, options: &Options, end: documents::End) -> bool {
    let written = if options.lines().is_some() {
        let told = session.tell_objects();
        let end = documents::Line::End(Box::new(end));
        told.map_or(1, |()| output::say_json(&documents::value(&end)))
    } else {
        output::say_json(&documents::value(&documents::Run {
            end,
            objects: session.lab().outcomes().entries().clone(),
            output: session.collected().lines().map(str::to_owned).collect(),
            notes: session.notes(),
        }))
    };
    written == 0
}

/// How a run ended, for programs.
fn end(session: &Session, code: u8, failed: Option<&Failure>, undone: &Undone) -> documents::End {
    documents::End {
        ok: code == 0,
        exit_code: code,
        tally: session.lab().counts().into(),
        taken_down: documents::TakenDown {
            namespaces: undone.namespaces,
            links: undone.links,
            changes: undone.changes,
        },
        result: session.result().unwrap_or_default(),
        error: failed.map(output::told),
        undone: Vec::new(),
        confirm_until: None,
    }
}

/// Undoes what the run made and changed.
fn take_down_all(session: &Session) -> Undone {
    if session.lab().is_empty() {
        return Undone::default();
    }
    session
        .wait(session.lab().roll_back())
        .unwrap_or_else(|error| Undone {
            failures: vec![error],
            ..Undone::default()
        })
}

/// What the run did, object by object, as it is drawn.
pub(super) fn lines(entries: &[Entry]) -> Vec<Line<'_>> {
    entries.iter().map(line).collect()
}

fn line(entry: &Entry) -> Line<'_> {
    let mark = match entry.outcome {
        Outcome::Created => Mark::Create,
        Outcome::Changed => Mark::Change,
        Outcome::Unchanged => Mark::Keep,
        Outcome::Deleted | Outcome::Stale => Mark::Delete,
        Outcome::Conflict => Mark::Conflict,
        Outcome::WouldTest => Mark::Test,
    };
    Line {
        mark,
        kind: &entry.object.kind,
        name: entry.object.line(),
        place: entry.namespace.as_deref(),
        remark: entry.remark.as_deref(),
        notes: &entry.notes,
    }
}

fn summary(session: &Session, color: bool) -> String {
    let entries = session.lab().outcomes().entries();
    // What is no longer in the script stays, which a note says.
    let done = entries.iter().filter(|one| one.outcome != Outcome::Stale);
    let done: Vec<Entry> = done.cloned().collect();
    let mut text = changes::draw(&lines(&done), color);
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&session.lab().counts().to_string());
    text
}
