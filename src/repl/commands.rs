//! The commands of the session itself: a colon and a word.

use std::env;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::state::type_of;
use super::undo::literal;
use super::{Next, Talk, shell};
use crate::dsl::script::print;
use crate::engine::Failure;
use crate::engine::manual::{self, Setting};
use crate::engine::script::Script;
use crate::error::{Error, nearest};
use crate::value::shell as word_of_shell;
use crate::view::error::Report;
use crate::view::plain;
use crate::view::screen;
use crate::view::table;

/// A command, as `:help` lists it.
pub(super) struct Command {
    pub(super) name: &'static str,
    pub(super) usage: &'static str,
    pub(super) summary: &'static str,
    run: fn(&mut Talk, &str) -> Result<Next, Failure>,
}

pub(super) const ALL: [Command; 16] = [
    Command {
        name: "clear",
        usage: "clear [vars]",
        summary: "clears the screen; with `vars` forgets the variables",
        run: clear,
    },
    Command {
        name: "down",
        usage: "down",
        summary: "takes down all that this session made",
        run: down,
    },
    Command {
        name: "edit",
        usage: "edit",
        summary: "opens the last entry in $EDITOR, and runs what is left there",
        run: edit,
    },
    Command {
        name: "help",
        usage: "help [WORD]",
        summary: "shows this, or the page of a word",
        run: help,
    },
    Command {
        name: "history",
        usage: "history [TEXT]",
        summary: "lists what was typed, in earlier sessions too",
        run: history,
    },
    Command {
        name: "load",
        usage: "load FILE [--PARAM VALUE]…",
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
        name: "redo",
        usage: "redo [COUNT|all]",
        summary: "does again what was taken back last",
        run: redo,
    },
    Command {
        name: "save",
        usage: "save FILE [--replace]",
        summary: "writes what was typed and succeeded as a script",
        run: save,
    },
    Command {
        name: "show",
        usage: "show [NAMESPACE]…",
        summary: "prints what stands as a script",
        run: show,
    },
    Command {
        name: "test",
        usage: "test [FILE]",
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
        usage: "undo [COUNT|all]",
        summary: "takes back what the last entry made, changed or deleted",
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
        summary: "says what stops the packets between two places",
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
    if shell::is_of_program(entry) || shell::program(entry).is_some() {
        return None;
    }
    match entry.trim_start().strip_prefix(':') {
        Some(command) => command
            .strip_prefix("time")
            .filter(|code| code.starts_with(char::is_whitespace)),
        None => Some(entry),
    }
}

/// Answers `help`, `?`, `help ipvlan`, `ipvlan?` and `?ipvlan`, which newcomers type and which are not code.
pub(super) fn asked_for_help(entry: &str) -> Option<&str> {
    let is_word = |c: char| c.is_alphanumeric() || "_:.".contains(c);
    let is_name = |about: &&str| !about.is_empty() && about.chars().all(is_word);
    let marked = entry.strip_suffix('?').or(entry.strip_prefix('?'));
    if let Some(about) = marked.map(str::trim).filter(is_name) {
        return Some(about);
    }
    let about = entry.strip_prefix("help").or(entry.strip_prefix('?'))?;
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
    } else if let Some(value) = talk.state.variable(argument) {
        return about_variable(talk, argument, &value);
    } else if let Some(own) = talk.state.own_function(argument) {
        own
    } else {
        let color = talk.state.session().settings().color;
        manual::show(Some(argument), Setting::of_output(color)).map_err(Failure::script)?
    };
    talk.say(&text)?;
    Ok(Next::Entry)
}

/// Takes down all that the session made.
fn down(talk: &mut Talk, argument: &str) -> Result<Next, Failure> {
    if !argument.is_empty() {
        return Err(usage("down"));
    }
    talk.take_down()?;
    Ok(Next::Entry)
}

/// Hands the last entry to the user's editor, and runs what comes back.
fn edit(talk: &mut Talk, argument: &str) -> Result<Next, Failure> {
    if !argument.is_empty() {
        return Err(usage("edit"));
    }
    let context = |error: &std::io::Error| {
        let error = Error::io(error);
        Failure::script(Report::new(format!("cannot edit an entry: {error}")))
    };
    let is_code = |entry: &&String| code(entry).is_some() && asked_for_help(entry).is_none();
    let last = talk.past.iter().rev().find(is_code);
    let before = last.map(|entry| format!("{entry}\n")).unwrap_or_default();
    let mut file = tempfile::Builder::new()
        .prefix("entry-")
        .suffix(".rhai")
        .tempfile()
        .map_err(|error| context(&error))?;
    file.write_all(before.as_bytes())
        .map_err(|error| context(&error))?;
    let set = ["VISUAL", "EDITOR"].map(env::var);
    let editor = set.into_iter().flatten().find(|editor| !editor.is_empty());
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    talk.run_program(&format!("{editor} {}", word_of_shell::path(file.path())))?;
    let after = std::fs::read_to_string(file.path()).map_err(|error| context(&error))?;
    let entry = after.trim_end();
    if after == before || entry.is_empty() {
        talk.note("nothing was changed, and nothing is run");
        return Ok(Next::Entry);
    }
    talk.say(entry)?;
    talk.past.push(entry.to_owned());
    talk.respond(entry)
}

fn history(talk: &mut Talk, argument: &str) -> Result<Next, Failure> {
    let typed = talk.past.iter().filter(|entry| entry.contains(argument));
    let typed: Vec<&str> = typed.map(String::as_str).collect();
    if typed.is_empty() {
        talk.note("nothing of that was typed");
    } else {
        talk.say(&typed.join("\n"))?;
    }
    Ok(Next::Entry)
}

/// Says what a variable holds, and of a handle what it can do.
fn about_variable(talk: &mut Talk, name: &str, value: &rhai::Dynamic) -> Result<Next, Failure> {
    let kind = type_of(value);
    let text = print::value(Some(talk.state.session()), value).literal();
    talk.say(&format!("{name}: {kind} = {text}"))?;
    if literal(value).is_none() && !value.is_fnptr() {
        talk.evaluate(&format!("{name}.help();"))?;
    }
    Ok(Next::Entry)
}

fn load(talk: &mut Talk, argument: &str) -> Result<Next, Failure> {
    let words = match argument.find(" --") {
        // Without parameters it is the name of the file as it stands, blanks and all.
        None => (!argument.is_empty()).then(|| vec![argument.to_owned()]),
        Some(_) => shlex::split(argument),
    };
    let Some((file, given)) = words.as_deref().and_then(|words| words.split_first()) else {
        return Err(usage("load"));
    };
    let script = Script::read(&path(file)).map_err(Failure::script)?;
    if let Some(help) = talk.give(&script, given)? {
        talk.say(&help)?;
        return Ok(Next::Entry);
    }
    talk.run_script(&script, &format!(":load {argument}"))?;
    Ok(Next::Entry)
}

/// Runs this program for something that takes a process of its own.
fn run_self(talk: &Talk, words: &[&str], operands: &[PathBuf]) -> Result<Next, Failure> {
    let color = if talk.manner.color { "always" } else { "never" };
    let ended = std::process::Command::new("/proc/self/exe")
        .args(["--color", color])
        .args(plain::is_on().then_some("--plain"))
        .args(words)
        .args((!operands.is_empty()).then_some("--"))
        .args(operands)
        .stdin(std::process::Stdio::null())
        .status();
    ended.map_err(|error| {
        let error = Error::io(&error);
        Failure::script(Report::new(format!("cannot run ipvsh: {error}")))
    })?;
    Ok(Next::Entry)
}

/// Prints what stands as a script: the namespaces given, or all.
fn show(talk: &mut Talk, argument: &str) -> Result<Next, Failure> {
    let places: Vec<PathBuf> = argument.split_whitespace().map(PathBuf::from).collect();
    run_self(talk, &["export"], &places)
}

/// Asks why nothing gets from one place to the other: variables, or names and addresses without quotes.
fn why(talk: &mut Talk, argument: &str) -> Result<Next, Failure> {
    let ends: Vec<&str> = argument.split_whitespace().collect();
    let [from, to] = ends.as_slice() else {
        return Err(usage("why"));
    };
    let value = |end: &str| match talk.state.variable(end) {
        Some(_) => end.to_owned(),
        None => literal(&end.into()).unwrap_or_default(),
    };
    let code = format!("why({}, {})", value(from), value(to));
    talk.evaluate(&code)?;
    Ok(Next::Entry)
}

/// Has `:save` write over a file.
const REPLACE: &str = "--replace";

fn save(talk: &mut Talk, argument: &str) -> Result<Next, Failure> {
    let words: Vec<&str> = argument.split(' ').filter(|one| *one != REPLACE).collect();
    let (argument, replace) = (words.join(" "), words.join(" ") != argument);
    let argument = argument.trim();
    if argument.is_empty() {
        return Err(usage("save"));
    }
    let (text, left_out) = talk.transcript.script();
    let mut options = OpenOptions::new();
    let options = options.write(true).truncate(true);
    let options = options.create(replace).create_new(!replace);
    let written = options.open(path(argument));
    let written = written.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        let report = if error.kind() == ErrorKind::AlreadyExists {
            Report::new(format!(
                "cannot write `{argument}`: there is a file of that name"
            ))
            .hint(format!("`:save {argument} {REPLACE}` writes over it"))
        } else {
            let error = Error::io(&error);
            Report::new(format!("cannot write `{argument}`: {error}"))
        };
        Failure::script(report)
    })?;
    for (entry, why) in &left_out {
        let first = entry.lines().next().unwrap_or_default();
        talk.note(&format!("left out, as it {why}: {first}"));
    }
    talk.note(&format!(
        "wrote `{argument}`: run it with `ipvsh {}`",
        word_of_shell::path(Path::new(argument))
    ));
    Ok(Next::Entry)
}

fn test(talk: &mut Talk, argument: &str) -> Result<Next, Failure> {
    // A process of its own: each test enters a place, which a session with threads can't.
    let file = (!argument.is_empty()).then(|| path(argument));
    run_self(talk, &["test"], &file.into_iter().collect::<Vec<_>>())
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

/// How often `:undo` and `:redo` are to act; `None` for all.
fn count(name: &str, argument: &str) -> Result<Option<usize>, Failure> {
    match argument {
        "" => Ok(Some(1)),
        "all" => Ok(None),
        number => match number.parse() {
            Ok(count) if count > 0 => Ok(Some(count)),
            _ => Err(usage(name)),
        },
    }
}

fn undo(talk: &mut Talk, argument: &str) -> Result<Next, Failure> {
    let count = count("undo", argument)?.unwrap_or_else(|| talk.deeds.standing().max(1));
    for _ in 0..count {
        talk.undo()?;
    }
    Ok(Next::Entry)
}

fn redo(talk: &mut Talk, argument: &str) -> Result<Next, Failure> {
    let count = count("redo", argument)?.unwrap_or_else(|| talk.deeds.taken_back().max(1));
    for _ in 0..count {
        talk.redo()?;
    }
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
            let mark = if talk.state.is_taken_back(&name) {
                " (taken back)"
            } else {
                ""
            };
            vec![name, kind, format!("{short}{cut}{mark}")]
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
