//! Shows what a run of a script would change on this machine, without changing it.

use std::ffi::OsString;
use std::io::stdout;
use std::ops::ControlFlow;
use std::path::Path;
use std::rc::Rc;

use super::line::Options;
use super::{documents, output, prune, run, source, with_files, with_memory};
use crate::dsl::Session;
use crate::dsl::session::{Given, Output, Settings};
use crate::engine::script::Script;
use crate::engine::signals::Signals;
use crate::engine::{Failure, Interpreter, Reason};
use crate::lab::outcome::Counts;
use crate::view::changes;
use crate::view::error::Report;
use crate::view::paint::When;

/// What the exit code says where a run would change something.
const WOULD_CHANGE: u8 = 10;

/// Plans the script that `words` name, with the parameters behind it.
pub(super) fn plan(words: &[OsString], options: &Options) -> Result<u8, Failure> {
    with_plan(words, options, |session, result| {
        show(session, options, result)
    })
}

/// Plans the script, and hands over the session, in which what is planned stands, with how it ended.
pub(super) fn with_plan(
    words: &[OsString],
    options: &Options,
    tell: impl FnOnce(&Rc<Session>, Result<(), Failure>) -> Result<u8, Failure>,
) -> Result<u8, Failure> {
    let words = source::texts(words.iter())?;
    let Some((file, arguments)) = words.split_first() else {
        return Err(Failure::usage(Report::new("no script is given")));
    };
    let script = if file == "-" {
        Script::read_input("<stdin>")
    } else {
        Script::read(Path::new(file))
    };
    let script = script.map_err(Failure::usage)?;
    with_files()?;
    with_memory(options, false);
    let session = Session::new(Settings {
        quiet: true,
        color: false,
        json: options.is_json(),
        lines: options.lines(),
        // What the script would print belongs to a run.
        output: Output::Collected,
    });
    let interpreter = Interpreter::new(session);
    let (ast, given) = match source::ready(&interpreter, &script, arguments)? {
        ControlFlow::Continue(ready) => ready,
        ControlFlow::Break(code) => return Ok(code),
    };
    let session = interpreter.session();
    // By its name the processes that it has started are found.
    let path = (file != "-").then(|| Path::new(file));
    run::name_lab_of(session, path, options).map_err(|error| Failure::usage(Report::of(&error)))?;
    session.give(Given {
        parameters: given.values,
        args: given.rest,
    });
    Signals::watch(session, &[])
        .map_err(|error| Failure::script(Report::new(error.to_string())))?;
    session.lab().plan();
    run::trace(session, options);
    let result = interpreter.run(&ast, &mut interpreter.scope()).map(drop);
    let result = result.map_err(|failure| after_a_guess(failure, session));
    let result = result.and_then(|()| run::emit(session, options, &script.name));
    tell(session, result)
}

/// What fails behind a word whose answer a plan can't know fails for that, as like as not.
fn after_a_guess(mut failure: Failure, session: &Session) -> Failure {
    if failure.reason == Reason::Script && session.lab().counts().tests > 0 {
        failure.report = failure
            .report
            .note("what it would test before (`?` above) is not known to a plan, which ends here");
    }
    failure
}

fn show(session: &Session, options: &Options, result: Result<(), Failure>) -> Result<u8, Failure> {
    let result = result.and_then(|()| prune::plan(session, options));
    let counts = session.lab().counts();
    let code = match &result {
        Err(failure) => failure.exit_code(),
        Ok(()) if counts.conflicts > 0 => 1,
        Ok(()) => session.exit_code().unwrap_or(if counts.would_change() {
            WOULD_CHANGE
        } else {
            0
        }),
    };
    let untried = session.lab().untried();
    if options.is_json() {
        let error = result.as_ref().err().map(output::told);
        let planned = documents::Planned::new(counts, code, untried, error);
        // The document has the error.
        if tell(session, options, planned) {
            return Ok(code);
        }
    } else if !options.quiet {
        let color = When::from(options.color).on(&stdout());
        let entries = session.lab().outcomes().entries();
        let lines = run::lines(&entries);
        if !lines.is_empty() {
            output::say(&changes::draw(&lines, color));
        }
        // Behind what a plan can't know, that it ends is its own doing.
        let fails = result.is_err() && counts.tests == 0;
        output::say(&summary(counts, fails));
        if let Some(note) = of_untried(&untried) {
            output::note(&format!("note: {note}"));
        }
    }
    result.map(|()| code)
}

/// Tells programs what a plan comes to; whether it could be written.
fn tell(session: &Session, options: &Options, planned: documents::Planned) -> bool {
    let written = if options.lines().is_some() {
        let told = session.tell_objects();
        let planned = documents::Line::Planned(Box::new(planned));
        told.map_or(1, |()| output::say_json(&documents::value(&planned)))
    } else {
        output::say_json(&documents::value(&documents::Plan {
            planned,
            objects: session.lab().outcomes().entries().clone(),
            notes: session.notes(),
        }))
    };
    written == 0
}

/// What is said where drivers are not loaded yet: a plan loads none.
fn of_untried(modules: &[String]) -> Option<String> {
    if modules.is_empty() {
        return None;
    }
    let named: Vec<_> = modules.iter().map(|name| format!("`{name}`")).collect();
    Some(format!(
        "the kernel has not loaded {} yet, and a plan loads nothing: what is asked of {} is planned by rule, and was not tried \
         out; `modprobe -a {}` has a plan try it",
        named.join(", "),
        if modules.len() == 1 { "it" } else { "them" },
        modules.join(" "),
    ))
}

fn summary(counts: Counts, fails: bool) -> String {
    let parts: Vec<String> = [
        (counts.created, "create"),
        (counts.changed, "change"),
        (counts.deleted, "delete"),
        (counts.tests, "test"),
    ]
    .iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, verb)| format!("{verb} {count}"))
    .collect();
    let mut sentence = vec![match parts.as_slice() {
        [] if fails => "a run would fail".to_owned(),
        [] => "a run would change nothing".to_owned(),
        parts => format!("a run would {}", parts.join(", ")),
    }];
    if counts.unchanged > 0 {
        sentence.push(format!("{} as asked already", counts.unchanged));
    }
    if counts.stale > 0 {
        let stale = counts.stale;
        sentence.push(format!(
            "{stale} no longer in the script: it takes --prune to take that down"
        ));
    }
    if fails && !parts.is_empty() {
        sentence.push("then it would fail".to_owned());
    }
    if counts.conflicts > 0 {
        sentence.push(format!("{} in the way: it would fail", counts.conflicts));
    }
    sentence.join("; ")
}
