//! The same run on several hosts, over ssh: each does it by itself, and what it says comes back.

mod bundle;
mod hosts;
mod remote;
mod ssh;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::arguments::PassedOn;
use super::documents;
use super::line::{Cli, Command, Options};
use super::sandbox::{Known, look_ahead};
use super::{cannot_start, output, source};
use crate::engine::{Failure, Reason, stack};
use crate::error::Error;
use crate::net::file;
use crate::view::error::Report;
use crate::view::paint::{When, paint};
use crate::view::screen::{self, Stream};
use crate::view::table;
use bundle::{Bundle, FORM};
use ssh::{End, From, Open, Own, Sent};

pub(super) use remote::serve;

/// Where ipvsh and the scripts that it was sent lie on a host, below the home of its user.
const FOLDER: &str = ".local/share/ipvsh";
/// The exit code of a run that was ended by a signal, where no other is known.
const PROGRAM_FAILED: u8 = 1;

/// Does on each of the hosts what the command line says.
pub(super) fn on(cli: &Cli, hosts: &str) -> Result<u8, Failure> {
    let options = &cli.options;
    let hosts = hosts::read(hosts)?;
    let asked = stack::with_room(|| ask(cli)).map_err(|error| cannot_start(&error))?;
    let (bundle, contents) = match asked? {
        Asked::Done(code) => return Ok(code),
        Asked::Send(bundle, contents) => (bundle, contents),
    };
    let own = Own::look().map_err(|error| Failure::script(Report::of(&Error::io(&error))))?;
    let open = Open::default();
    let sent = Sent {
        own: &own,
        bundle: &bundle,
        contents: &contents,
        open: &open,
    };
    let results = run_all(&hosts, &sent, options)?;
    if options.is_json() {
        let all: Vec<documents::Host> = results.iter().map(Done::to_document).collect();
        output::say_json(&documents::value(&all));
    } else if results.iter().any(Done::is_lost) || !options.quiet && hosts.len() > 1 {
        output::note(&draw(&results));
    }
    let worst = results
        .iter()
        .map(Done::code)
        .max_by_key(|code| rank(*code));
    Ok(worst.unwrap_or(0))
}

/// What there is to do on the hosts.
enum Asked {
    /// Nothing: the help of the script was shown.
    Done(u8),
    /// This, with what the files hold.
    Send(Bundle, Vec<Vec<u8>>),
}

/// Reads what is to be sent, and finds what is wrong with it before a host is asked.
fn ask(cli: &Cli) -> Result<Asked, Failure> {
    if let Some(file) = cli.passed_on.files.first() {
        let report = Report::new(format!(
            "with `--on` no file is written here: `{}` is asked for",
            file.display()
        ));
        return Err(Failure::usage(
            report.hint("leave out the option that names it"),
        ));
    }
    let (words, script) = words(cli)?;
    let mut files = Vec::new();
    if let Some(script) = &script {
        let cli = Cli {
            options: cli.options.clone(),
            expression: cli.expression.clone(),
            command: None,
            behind: script.clone(),
            passed_on: PassedOn::default(),
        };
        match look_ahead(&cli)? {
            Known::Help(code) => return Ok(Asked::Done(code)),
            Known::Needs(needs) => files = needs.files,
        }
    }
    files.sort();
    files.dedup();
    let mut contents = Vec::new();
    let mut told = Vec::new();
    for path in files {
        let path = plain(&path);
        let content = file::read(&path).map_err(|error| {
            Failure::usage(Report::of(
                &error.doing("read", &path.display().to_string()),
            ))
        })?;
        told.push((path, content.len() as u64));
        contents.push(content);
    }
    let own = cli.passed_on.options.iter();
    let own = own.filter(|word| !word.to_string_lossy().starts_with("--color"));
    let own: Vec<OsString> = own.cloned().collect();
    let script = words.script.map(|index| own.len() + 1 + index);
    let mut arguments = vec!["--color=never".to_owned()];
    arguments.extend(source::texts(own.iter())?);
    arguments.extend(source::texts(words.words.iter())?);
    let folder =
        std::env::current_dir().map_err(|error| Failure::script(Report::of(&Error::io(&error))))?;
    let bundle = Bundle {
        form: FORM,
        origin: origin(),
        folder,
        arguments,
        script,
        files: told,
    };
    Ok(Asked::Send(bundle, contents))
}

/// What is typed on each host behind the options.
struct Words {
    words: Vec<OsString>,
    /// Which of them is a script.
    script: Option<usize>,
}

/// What is typed there, and the script with its parameters, where there is one that is run or planned.
fn words(cli: &Cli) -> Result<(Words, Option<Vec<OsString>>), Failure> {
    let with_script = |front: Vec<OsString>, script: &[OsString]| {
        let index = front.len();
        let words = Words {
            words: front.iter().chain(script).cloned().collect(),
            script: Some(index),
        };
        (words, Some(script.to_vec()))
    };
    let front = |name: &str| -> Vec<OsString> {
        let options = cli.passed_on.of_command.iter().cloned();
        std::iter::once(name.into()).chain(options).collect()
    };
    let with_lab = |name: &str, lab: Option<&String>| {
        let mut words = front(name);
        let script = lab.map(|_| words.len());
        words.extend(lab.map(Into::into));
        (Words { words, script }, None)
    };
    Ok(match &cli.command {
        Some(Command::Plan { script, .. }) => {
            check_file(script)?;
            with_script(front("plan"), script)
        }
        Some(Command::Ls) => with_lab("ls", None),
        Some(Command::Down { lab, .. }) => with_lab("down", lab.as_ref()),
        Some(Command::Confirm { lab, .. }) => with_lab("confirm", lab.as_ref()),
        Some(_) => return Err(not_there()),
        None if cli.expression.is_some() => {
            let line = cli.expression.clone().unwrap_or_default();
            let front: [OsString; 2] = ["-e".into(), line.into()];
            let words = Words {
                words: front.iter().chain(&cli.behind).cloned().collect(),
                script: None,
            };
            (words, Some(cli.behind.clone()))
        }
        None => {
            check_file(&cli.behind)?;
            with_script(Vec::new(), &cli.behind)
        }
    })
}

fn not_there() -> Failure {
    let report = Report::new("`--on` is for a script, a line, `plan`, `ls`, `down` and `confirm`");
    Failure::usage(report.hint("for all else, `ssh HOST ipvsh …` runs it where ipvsh is installed"))
}

/// Refuses a session, and a script that no host can read.
fn check_file(script: &[OsString]) -> Result<(), Failure> {
    match script.first() {
        None => Err(not_there()),
        Some(file) if file == "-" || !Path::new(file).is_file() => {
            if file != "-" {
                source::read(file, script.get(1)).map_err(Failure::usage)?;
            }
            let file = file.to_string_lossy();
            let report = Report::new(format!("`{file}` can't be sent to a host"));
            Err(Failure::usage(report.hint("write the script to a file")))
        }
        Some(_) => Ok(()),
    }
}

/// The path without steps back, as it is made up: a link in it stays.
fn plain(path: &Path) -> PathBuf {
    let mut found = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => _ = found.pop(),
            std::path::Component::CurDir => {}
            part => found.push(part),
        }
    }
    found
}

/// The name of this host, as one part of a path.
fn origin() -> String {
    let name = nix::unistd::gethostname().unwrap_or_default();
    let name = name.to_string_lossy();
    let is_plain = |letter: &char| letter.is_alphanumeric() || "-_.".contains(*letter);
    let name: String = name.chars().filter(is_plain).collect();
    let name = name.trim_start_matches('.');
    if name.is_empty() { "unnamed" } else { name }.to_owned()
}

/// How the run on a host went.
struct Done {
    host: String,
    end: End,
    took: Duration,
    /// What it has written, where that is to be one document.
    output: String,
    error: String,
}

impl Done {
    fn code(&self) -> u8 {
        match self.end {
            End::Ran(code) => code,
            End::Lost(_) => PROGRAM_FAILED,
        }
    }

    fn is_lost(&self) -> bool {
        matches!(self.end, End::Lost(_))
    }

    fn to_document(&self) -> documents::Host {
        let document: Value = serde_json::from_str(&self.output).unwrap_or_else(|_| {
            // More than one document, or none.
            let read = |line: &str| -> Value {
                serde_json::from_str(line).unwrap_or_else(|_| line.into())
            };
            self.output.lines().map(read).collect()
        });
        let (code, lost) = match &self.end {
            End::Ran(code) => (Some(*code), None),
            End::Lost(why) => (None, Some(why.clone())),
        };
        documents::Host {
            host: self.host.clone(),
            exit_code: code,
            not_reached: lost,
            output: document,
            notes: self.error.lines().map(str::to_owned).collect(),
        }
    }

    /// In a word: what the exit code says.
    fn result(&self) -> String {
        match &self.end {
            End::Ran(0) => "done".to_owned(),
            End::Ran(10) => "would change something".to_owned(),
            End::Ran(130 | 143) => "interrupted".to_owned(),
            End::Ran(code) => format!("failed, exit code {code}"),
            End::Lost(why) => format!("not reached: {why}"),
        }
    }
}

/// What is worst last: a plan that would change something is no failure.
fn rank(code: u8) -> u16 {
    match code {
        0 => 0,
        10 => 1,
        code => 2 + u16::from(code),
    }
}

fn draw(results: &[Done]) -> String {
    let rows: Vec<Vec<String>> = results
        .iter()
        .map(|done| {
            let took = format!("{:.1} s", done.took.as_secs_f64());
            vec![done.host.clone(), done.result(), took]
        })
        .collect();
    table::draw(&["HOST", "RESULT", "TIME"], &rows)
}

/// Runs it on all hosts side by side, and prints what comes back.
fn run_all(hosts: &[String], sent: &Sent, options: &Options) -> Result<Vec<Done>, Failure> {
    let cannot_watch = |error: std::io::Error| Failure::script(Report::of(&Error::io(&error)));
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(cannot_watch)?;
    let handle = signals.handle();
    let interrupted = AtomicUsize::new(0);
    let width = hosts.iter().map(|host| host.chars().count()).max();
    let width = width.unwrap_or(0);
    let results = std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in &mut signals {
                sent.open.end();
                if interrupted.fetch_add(1, Ordering::Relaxed) > 0 {
                    // Who asks twice does not wait for what the hosts have to say.
                    sent.open.cut();
                }
            }
        });
        let runs: Vec<_> = hosts
            .iter()
            .enumerate()
            .map(|(index, host)| scope.spawn(move || run_one(host, index, width, sent, options)))
            .collect();
        let ended = runs.into_iter().zip(hosts).map(|(run, host)| {
            run.join().unwrap_or_else(|_| Done {
                host: host.clone(),
                end: End::Lost("what waited for it has failed".to_owned()),
                took: Duration::ZERO,
                output: String::new(),
                error: String::new(),
            })
        });
        let results: Vec<Done> = ended.collect();
        handle.close();
        results
    });
    if interrupted.load(Ordering::Relaxed) > 0 {
        if !options.quiet && !options.is_json() {
            output::note(&draw(&results));
        }
        return Err(Failure {
            report: Report::new("interrupted"),
            reason: Reason::Interrupted(SIGINT),
        });
    }
    Ok(results)
}

fn run_one(host: &str, index: usize, width: usize, sent: &Sent, options: &Options) -> Done {
    let started = Instant::now();
    let written = Mutex::new((String::new(), String::new()));
    let color = When::from(options.color);
    let colors = [color.on(&std::io::stdout()), color.on(&std::io::stderr())];
    let take = |from: From, line: &str| {
        if options.is_json() {
            if let Ok(mut written) = written.lock() {
                let (output, error) = &mut *written;
                let text = if from == From::Output { output } else { error };
                text.push_str(line);
                text.push('\n');
            }
            return;
        }
        let (to, color) = match from {
            From::Output => (Stream::Out, colors[0]),
            From::Error => (Stream::Err, colors[1]),
        };
        let name = paint(color, &format!("{host:width$} |"), colored::Colorize::cyan);
        // Where nobody reads it, the run goes on all the same.
        let _ = screen::say(to, &format!("{name} {line}"));
    };
    let end = ssh::run(host, index, sent, &take);
    let (output, error) = written.into_inner().unwrap_or_default();
    Done {
        host: host.to_owned(),
        end,
        took: started.elapsed(),
        output,
        error,
    }
}
