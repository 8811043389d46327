//! The commands of the session itself: a colon and a word.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::state::type_of;
use super::{Next, Talk};
use crate::dsl::script::print;
use crate::engine::Failure;
use crate::engine::manual::{self, Setting};
use crate::engine::script::Script;
use crate::error::{Error, nearest};
use crate::value::shell;
use crate::view::error::Report;
use crate::view::screen;
use crate::view::table;

/// A command, as `:help` lists it.
pub(super) struct Command {
    pub(super) name: &'static str,
    pub(super) usage: &'static str,
    pub(super) summary: &'static str,
    run: fn(&mut Talk, &str) -> Result<Next, Failure>,
}

pub(super) const ALL: [Command; 11] = [
    Command {
        name: "clear",
        usage: "clear [vars]",
        summary: "clears the screen; with `vars` forgets the variables",
        run: clear,
    },
    Command {
        name: "help",
        usage: "help [WORD]",
        summary: "shows this, or the page of a word",
        run: help,
    },
    Command {
        name: "load",
        usage: "load FILE",
        summary: "runs a script here; what it declares stays",
        run: load,
    },
    Command {
        name: "quit",
        usage: "quit",
        summary: "leaves, as `exit` and Ctrl-D do",
        run: |_, _| Ok(Next::Leave),
    },
    Command {
        name: "save",
        usage: "save FILE",
        summary: "writes what was typed and succeeded as a script",
        run: save,
    },
    Command {
        name: "test",
        usage: "test FILE",
        summary: "runs the tests of a file, each in a private place of its own",
        run: test,
    },
    Command {
        name: "time",
        usage: "time EXPR",
        summary: "says how long an entry takes",
        run: time,
    },
    Command {
        name: "trace",
        usage: "trace on|off",
        summary: "prints each step as the equivalent `ip` command",
        run: trace,
    },
    Command {
        name: "undo",
        usage: "undo",
        summary: "takes back what the last entry made",
        run: undo,
    },
    Command {
        name: "vars",
        usage: "vars",
        summary: "lists the variables",
        run: vars,
    },
    Command {
        name: "why",
        usage: "why FROM TO",
        summary: "says why packets do not get from one to the other: namespaces, addresses or variables",
        run: why,
    },
];

/// Does what the entry `:name argument` says.
pub(super) fn run(talk: &mut Talk, entry: &str) -> Result<Next, Failure> {
    let (name, argument) = entry.split_once(char::is_whitespace).unwrap_or((entry, ""));
    if let Some(command) = ALL.iter().find(|command| command.name == name) {
        return (command.run)(talk, argument.trim());
    }
    let report = Report::new(format!("there is no command `:{name}`"));
    let near = nearest(name, ALL.iter().map(|command| command.name));
    Err(Failure::script(match near {
        Some(near) => report.hint(format!("did you mean `:{near}`?")),
        None => report.hint("`:help` lists the commands"),
    }))
}

/// What ends the session, beside `:quit`.
const FAREWELLS: [&str; 5] = ["exit", "quit", "quit()", ":exit", ":q"];

/// Whether an entry says that the user wants to leave.
pub(super) fn is_farewell(entry: &str) -> bool {
    FAREWELLS.contains(&entry.trim().trim_end_matches(';'))
}

/// Whether what stands behind the colon is a command, or may become one.
pub(super) fn begins_a_command(typed: &str) -> bool {
    let mut known = ALL.iter().map(|command| command.name);
    match typed.split_once(char::is_whitespace) {
        Some((name, _)) => known.any(|command| command == name),
        None => {
            known.any(|command| command.starts_with(typed)) || is_farewell(&format!(":{typed}"))
        }
    }
}

/// The part of an entry that is code: none of a command, except what `:time` is to run.
pub(super) fn code(entry: &str) -> Option<&str> {
    match entry.trim_start().strip_prefix(':') {
        Some(command) => command
            .strip_prefix("time")
            .filter(|code| code.starts_with(char::is_whitespace)),
        None => Some(entry),
    }
}

/// Answers `help`, `?` and `help ipvlan`, which newcomers type and which are not code.
pub(super) fn asked_for_help(entry: &str) -> Option<&str> {
    let about = entry.strip_prefix("help").or(entry.strip_prefix('?'))?;
    let is_word = |c: char| c.is_alphanumeric() || "_:".contains(c);
    let about = match about.strip_prefix(' ') {
        Some(about) => about.trim(),
        None if about.is_empty() => about,
        None => return None,
    };
    about.chars().all(is_word).then_some(about)
}

/// The file that is meant: `~/` stands for the home of the user, as in a shell.
pub(super) fn path(typed: &str) -> PathBuf {
    let home = env::var_os("HOME");
    match (typed.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => PathBuf::from(typed),
    }
}

fn usage(name: &str) -> Failure {
    let command = ALL.iter().find(|command| command.name == name);
    let usage = command.map_or(name, |command| command.usage);
    Failure::script(Report::new(format!("`:{name}` is used as `:{usage}`")))
}

fn clear(talk: &mut Talk, argument: &str) -> Result<Next, Failure> {
    match argument {
        "" => screen::clear().map_err(|error| super::closed(&error))?,
        "vars" => talk.state.forget(),
        _ => return Err(usage("clear")),
    }
    Ok(Next::Entry)
}

fn help(talk: &mut Talk, argument: &str) -> Result<Next, Failure> {
    let text = if argument.is_empty() {
        let width = ALL.iter().map(|command| command.usage.len()).max();
        let width = width.unwrap_or_default();
        let lines = ALL
            .iter()
            .map(|one| format!("  :{:width$}  {}", one.usage, one.summary));
        let mut lines: Vec<String> = lines.collect();
        lines.push(format!(
            "  {:width$}   lists the words by topic; `help(ping)` shows one",
            "help()"
        ));
        lines.push("Tab completes, → takes the grey text, Ctrl-R searches the history; a blank before an entry keeps it out of there.".to_owned());
        lines.join("\n")
    } else {
        let color = talk.state.session().settings().color;
        manual::show(Some(argument), Setting::of_output(color)).map_err(Failure::script)?
    };
    talk.say(&text)?;
    Ok(Next::Entry)
}

fn load(talk: &mut Talk, argument: &str) -> Result<Next, Failure> {
    if argument.is_empty() {
        return Err(usage("load"));
    }
    let script = Script::read(&path(argument)).map_err(Failure::script)?;
    talk.run_script(&script, &format!(":load {argument}"))?;
    Ok(Next::Entry)
}

fn save(talk: &mut Talk, argument: &str) -> Result<Next, Failure> {
    if argument.is_empty() {
        return Err(usage("save"));
    }
    let (text, left_out) = talk.transcript.script();
    std::fs::write(path(argument), text).map_err(|error| {
        let error = Error::io(&error);
        Failure::script(Report::new(format!("cannot write `{argument}`: {error}")))
    })?;
    for (entry, why) in &left_out {
        let first = entry.lines().next().unwrap_or_default();
        talk.note(&format!("left out, as it {why}: {first}"));
    }
    talk.note(&format!(
        "wrote `{argument}`: run it with `ipvsh {}`",
        shell::path(Path::new(argument))
    ));
    Ok(Next::Entry)
}

fn test(talk: &mut Talk, argument: &str) -> Result<Next, Failure> {
    if argument.is_empty() {
        return Err(usage("test"));
    }
    let color = if talk.manner.color { "always" } else { "never" };
    // A process of its own: each test enters a place, which a session with threads can't.
    let tests = std::process::Command::new("/proc/self/exe")
        .args(["--color", color, "test", "--"])
        .arg(path(argument))
        .stdin(std::process::Stdio::null())
        .status();
    tests.map_err(|error| {
        let error = Error::io(&error);
        Failure::script(Report::new(format!("cannot run the tests: {error}")))
    })?;
    Ok(Next::Entry)
}

fn time(talk: &mut Talk, argument: &str) -> Result<Next, Failure> {
    if argument.is_empty() {
        return Err(usage("time"));
    }
    let start = Instant::now();
    talk.evaluate(argument)?;
    let taken = start.elapsed();
    talk.note(&format!("took {taken:.1?}"));
    Ok(Next::Entry)
}

fn trace(talk: &mut Talk, argument: &str) -> Result<Next, Failure> {
    let on = match argument {
        "on" => true,
        "off" => false,
        _ => return Err(usage("trace")),
    };
    talk.state.session().show_steps(on, talk.manner.color);
    Ok(Next::Entry)
}

fn undo(talk: &mut Talk, argument: &str) -> Result<Next, Failure> {
    if !argument.is_empty() {
        return Err(usage("undo"));
    }
    talk.undo()?;
    Ok(Next::Entry)
}

fn vars(talk: &mut Talk, argument: &str) -> Result<Next, Failure> {
    if !argument.is_empty() {
        return Err(usage("vars"));
    }
    let variables = talk.state.variables().into_iter();
    let rows: Vec<Vec<String>> = variables
        .filter(|(name, _)| name != "args")
        .map(|(name, value)| {
            let kind = type_of(&value);
            let text = print::value(None, &value).literal();
            let short: String = text.chars().take(60).collect();
            let cut = if short.len() < text.len() { "…" } else { "" };
            vec![name, kind, format!("{short}{cut}")]
        })
        .collect();
    let text = if rows.is_empty() {
        "no variables yet: `let net = netns(\"net-1\")` makes one".to_owned()
    } else {
        table::draw(&["name", "type", "value"], &rows)
    };
    talk.say(&text)?;
    Ok(Next::Entry)
}

fn why(talk: &mut Talk, argument: &str) -> Result<Next, Failure> {
    let ends: Vec<&str> = argument.split_whitespace().collect();
    let [from, to] = ends.as_slice() else {
        return Err(usage("why"));
    };
    let variables = talk.state.variables();
    let end = |end: &str| {
        if variables.iter().any(|(name, _)| name == end) {
            end.to_owned()
        } else {
            print::value(None, &end.into()).literal()
        }
    };
    let entry = format!("why({}, {})", end(from), end(to));
    talk.evaluate(&entry)?;
    Ok(Next::Entry)
}
