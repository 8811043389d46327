//! One test in a process of its own, which enters a private place for it and tells through its standard input how it went.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nix::sys::prctl;
use nix::unistd::dup2_stdin;
use serde_json::{Value, json};

use super::done::{Failed, Outcome};
use super::processes;
use crate::command::line::Options;
use crate::command::sandbox::on_disk;
use crate::command::{cannot_start, run, source, with_files, with_memory};
use crate::dsl::Session;
use crate::dsl::acts::capture;
use crate::dsl::session::{Given, LeftOut, Settings, Tests};
use crate::engine::script::Script;
use crate::engine::{Failure, Interpreter, files, stack};
use crate::error::{Error, Kind};
use crate::net::process::{self, OUTPUT};
use crate::repl::{self, Manner};
use crate::sandbox::ns::{self, Entered};
use crate::view::error::Report;
use crate::view::paint::When;

/// What is lacking where no private place can be made.
pub(super) const PLACE: &str = "private namespaces";

/// How long what a program left in the background may take to end.
const GRACE: Duration = Duration::from_millis(200);

/// What the process is to do.
pub(super) enum Task<'a> {
    /// Tell the rows of the tables of a file.
    Rows(&'a Path),
    /// Run that test, with that row.
    Test(&'a Path, &'a str, Option<usize>),
}

/// Does the task and tells what came of it.
pub(super) fn run(task: &Task, options: &Options) -> Result<u8, Failure> {
    let file = match task {
        Task::Rows(file) | Task::Test(file, ..) => *file,
    };
    let told = match ns::enter(&files_for(file)) {
        // The one that has watched over the place.
        Ok(Entered::Ended(code)) => return Ok(code),
        // What the system does not permit, a machine of its own has.
        Err(error) if matches!(error.kind, Kind::Denied | Kind::Unsupported) => {
            Outcome::Lacks(PLACE.to_owned()).to_json()
        }
        Err(error) => failed(&Failure::script(Report::of(&error))),
        Ok(Entered::Inside(_)) => {
            let channel = channel()?;
            // What outlives its parent stays below this process, and is found in the end.
            let _ = prctl::set_child_subreaper(true);
            let done = stack::with_room(|| within(task, options));
            tell(
                channel,
                &done.unwrap_or_else(|error| failed(&cannot_start(&error))),
            );
            return Ok(0);
        }
    };
    tell(channel()?, &told);
    Ok(0)
}

fn tell(mut channel: UnixStream, what: &Value) {
    // Where nobody listens any more there is nobody to tell.
    let _ = channel.write_all(what.to_string().as_bytes());
}

/// What the place is to have of the host's files for the tests of `file`.
fn files_for(file: &Path) -> ns::Files {
    let find = || {
        let script = Script::read(file).ok()?;
        let interpreter = Interpreter::new(Session::new(Settings::default()));
        files::needed(&interpreter, &script).ok()
    };
    // In a thread that has ended: only a process of one thread gets a user namespace.
    let found = stack::with_room(find).ok().flatten().unwrap_or_default();
    let found = found.iter().filter_map(|(name, _)| on_disk(name));
    ns::Files {
        needed: found.collect(),
        ..ns::Files::default()
    }
}

fn failed(failure: &Failure) -> Value {
    let failed = Failed {
        report: failure.report.clone(),
        ..Failed::default()
    };
    Outcome::Failed(Box::new(failed)).to_json()
}

/// Takes what standard input leads to, and leaves nothing there to read.
fn channel() -> Result<UnixStream, Failure> {
    let take = || {
        let taken = std::io::stdin().as_fd().try_clone_to_owned()?;
        dup2_stdin(File::open("/dev/null")?)?;
        Ok(UnixStream::from(taken))
    };
    take().map_err(|error: std::io::Error| cannot_start(&error))
}

fn within(task: &Task, options: &Options) -> Value {
    let done = match task {
        Task::Rows(file) => rows(file),
        Task::Test(file, name, row) => Ok(Open::new(file, options).map_or_else(
            |failure| failed(&failure),
            |mut open| open.run(name, *row).to_json(),
        )),
    };
    done.unwrap_or_else(|failure| failed(&failure))
}

fn rows(file: &Path) -> Result<Value, Failure> {
    let session = Session::new(Settings::default());
    session.begin_tests(Tests::Lists);
    let (mut interpreter, script, ast) = read(file, session)?;
    let functions = crate::engine::testing::functions(&ast, &script);
    let names: Vec<String> = functions.into_iter().map(|one| one.name).collect();
    let rows = interpreter.rows(&ast, &names)?;
    let rows: Vec<Option<Vec<String>>> = rows.into_iter().map(|rows| Some(rows?.0)).collect();
    Ok(json!({"rows": rows}))
}

fn read(
    file: &Path,
    session: std::rc::Rc<Session>,
) -> Result<(Interpreter, Script, rhai::AST), Failure> {
    let script = Script::read(file).map_err(Failure::usage)?;
    let interpreter = Interpreter::new(session);
    let ast = interpreter.compile(&script, &Interpreter::scope_of_names())?;
    let declared = interpreter.parameters(&ast)?;
    let given = source::parameters(&declared, &[])?;
    interpreter.session().give(Given {
        parameters: given.values,
        args: Vec::new(),
    });
    Ok((interpreter, script, ast))
}

/// A file with tests, ready to run one.
struct Open {
    interpreter: Interpreter,
    ast: rhai::AST,
}

impl Open {
    fn new(file: &Path, options: &Options) -> Result<Self, Failure> {
        with_files()?;
        with_memory(options, false);
        let session = Session::new(Settings {
            color: When::from(options.color).on(&std::io::stdout()),
            ..Settings::default()
        });
        session.begin_tests(Tests::Runs);
        run::name_lab_of(&session, Some(file), options)
            .map_err(|error| Failure::usage(Report::of(&error)))?;
        let (interpreter, _, ast) = read(file, session)?;
        Ok(Self { interpreter, ast })
    }

    fn run(&mut self, name: &str, row: Option<usize>) -> Outcome {
        let result = self.interpreter.run_test(&self.ast, name, row);
        let session = self.interpreter.session().clone();
        let result = match (result, session.left_out(), session.exit_code()) {
            (_, Some(LeftOut::Lacks(what)), _) => return Outcome::Lacks(what),
            (Ok(()), Some(LeftOut::Skipped(why)), _) => return Outcome::Skipped(why),
            (Ok(()), None, Some(code)) if code != 0 => Err(Failure::script(Report::new(format!(
                "the test ended itself with exit code {code}"
            )))),
            (result, ..) => result,
        };
        // Looked at before anything is taken down.
        let failure = result.err().map(|failure| {
            let (why, tree) = look_around(&session);
            Failed {
                report: failure.report,
                why,
                tree,
            }
        });
        capture::end_all(&session);
        session.close_servers();
        let left = end_processes(&session);
        match (failure, left.is_empty()) {
            (Some(mut failed), is_clean) => {
                if !is_clean {
                    let left = left.join("`, `");
                    failed.report.notes.push(format!("left running: `{left}`"));
                }
                Outcome::Failed(Box::new(failed))
            }
            (None, true) => Outcome::Passed,
            (None, false) => {
                let left = left.join("`, `");
                let report = Report::new(format!("the test left processes running: `{left}`"))
                    .hint("start what goes on with `spawn`, which belongs to the lab and ends with it");
                Outcome::Failed(Box::new(Failed {
                    report,
                    ..Failed::default()
                }))
            }
        }
    }
}

/// What stops the packets of the last expectation, and what stands.
fn look_around(session: &Session) -> (String, String) {
    let say = |line: &str| {
        let looking = Session::collecting(Settings::default());
        let interpreter = Interpreter::for_line(looking.clone(), line);
        let Ok(ast) =
            interpreter.compile(&Script::new("<look>", line), &Interpreter::scope_of_names())
        else {
            return String::new();
        };
        // What can't be explained is left out: the error itself says what went wrong.
        let _ = interpreter.run(&ast, &mut interpreter.scope());
        looking.collected().trim_end().to_owned()
    };
    let why = session.unmet().map_or_else(String::new, |call| say(&call));
    (why, say("tree()"))
}

/// Ends the processes of the lab, and says which there are beside them, and ends those too.
fn end_processes(session: &Session) -> Vec<String> {
    let me = i32::try_from(std::process::id()).unwrap_or_default();
    if processes::below(me).is_empty() {
        return Vec::new();
    }
    let mut left = left_by_exec(session, me);
    // What can't be taken down goes with the place.
    let _ = session.wait(session.lab().roll_back());
    // A recorder ends when it has read all of what its program wrote.
    let outside = processes::end_below(me, &session.lab().recorders());
    left.extend(outside);
    left.sort_unstable();
    left.dedup();
    left
}

/// What runs below `root` that no `spawn` has started, which goes unseen with its namespace: told by a command line each. What ends
/// within [`GRACE`] was about to.
fn left_by_exec(session: &Session, root: i32) -> Vec<String> {
    let recorders = session.lab().recorders();
    let below = processes::below(root).into_iter().filter_map(|one| {
        let pid = u32::try_from(one.pid).ok()?;
        let is_of_lab = recorders.contains(&pid) || process::variable_of(pid, OUTPUT).is_some();
        Some((process::Process::of(pid).filter(|_| !is_of_lab)?, one))
    });
    let mut below: Vec<(process::Process, processes::Process)> = below.collect();
    let ends = async {
        for (process, _) in &below {
            process::has_ended(*process).await?;
        }
        Ok::<_, Error>(())
    };
    // One that can't be waited for is looked at below.
    let _ = session.wait(async { tokio::time::timeout(GRACE, ends).await });
    below.retain(|(process, _)| process.runs());
    let lines = below.iter().map(|(_, one)| one.line());
    lines.filter(|line| !line.is_empty()).collect()
}

/// Runs a test on this terminal; where it fails, a session opens in its lab.
pub(super) fn enter(
    file: &Path,
    name: &str,
    row: Option<usize>,
    options: &Options,
) -> Result<u8, Failure> {
    let entered = ns::enter(&files_for(file));
    if let Entered::Ended(code) = entered.map_err(|error| Failure::script(Report::of(&error)))? {
        return Ok(code);
    }
    let talk = || {
        let mut open = Open::new(file, options)?;
        let Err(failure) = open.interpreter.run_test(&open.ast, name, row) else {
            super::output::note("this time it did not fail: there is no lab to enter");
            return Ok(0);
        };
        super::output::fail(&failure, options);
        super::output::note("this is its lab: `tree()` shows it, Ctrl-D leaves it");
        let session = open.interpreter.session().clone();
        let manner = Manner {
            color: When::from(options.color).on(&std::io::stderr()),
            is_throw_away: true,
            is_plain: options.plain,
        };
        let talked = repl::run(session.clone(), manner);
        end_processes(&session);
        talked.map(|_| 1)
    };
    stack::with_room(talk).unwrap_or_else(|error| Err(cannot_start(&error)))
}
