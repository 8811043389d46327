//! Processes: start a program that goes on beside the script, read its lines, wait for it, end it.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::process::Child;
use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

use nix::sys::signal::Signal;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rhai::{Array, Map};

use crate::dsl::acts::exec::{OF_PROGRAM, exit_code, explained, program, words_of};
use crate::dsl::handle::Netns;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result};
use crate::lab::Object;
use crate::net::process::{self, Ended, Found, Output};
use crate::net::{ending, netns};
use crate::schema::{self, Form, Opt, Quantity};
use crate::value::count;
use crate::value::{duration, size};
use crate::view::value::{Handle, Value};

/// What `spawn` can be told besides what every program can be.
pub(crate) const OF_SPAWN: &[Opt] = &[KEPT];

const KEPT: Opt = Opt::new(
    "output",
    Form::Quantity(Quantity::Size),
    "how much of what it writes is kept until it is read",
)
.default("16MiB");

/// How much is kept of what a process writes, where the script does not say.
const OUTPUT: u32 = 16 << 20;

/// How long a process may take to end behind the end of its output.
const SOON: Duration = Duration::from_secs(1);

/// How many of a process's last lines an error shows.
const LAST_LINES: usize = 10;

/// A process that goes on beside the script, as scripts hold it.
#[derive(Clone, Debug)]
pub struct Process(Rc<State>);

#[derive(Debug)]
struct State {
    process: process::Process,
    /// The program, as it is typed.
    line: String,
    netns: Rc<netns::Netns>,
    output: PathBuf,
    lines: RefCell<Output>,
    /// How many lines were taken.
    taken: Cell<usize>,
    /// Whether it was said that some of what it wrote is gone.
    is_told: Cell<bool>,
    /// What its exit code is asked of; none where an earlier run has started it.
    child: RefCell<Option<Child>>,
    /// Its exit code, once that was asked for.
    code: Cell<Option<i64>>,
}

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.0.process.pid, self.0.line)
    }
}

impl State {
    fn context(&self, verb: &str) -> impl Fn(Error) -> Error {
        move |error: Error| match error.kind {
            Kind::Interrupted => error,
            _ => error.doing(verb, &self.line).within(self.netns.label()),
        }
    }

    /// Whether this is a plan; then what was to be done with it is only noted.
    fn would(&self, session: &Session, what: &str) -> bool {
        session
            .lab()
            .would_test(&self.netns, Object::test(what, &self.line))
    }

    /// Whether it runs; where it has ended, its exit code is asked for.
    fn runs(&self, session: &Session) -> bool {
        if self.process.runs() {
            return true;
        }
        if let Some(mut child) = self.child.take() {
            let status = child.wait().ok();
            self.code.set(status.map(exit_code));
        }
        session.lab().process_ended(self.process, &self.output);
        false
    }

    /// Waits for `what`, but for `time` at most.
    fn wait<T>(
        session: &Session,
        time: Option<Duration>,
        what: impl Future<Output = Result<T>>,
    ) -> Result<Option<T>> {
        session.wait_or_interrupt(async {
            match time {
                Some(time) => match tokio::time::timeout(time, what).await {
                    Ok(result) => result.map(Some),
                    Err(_) => Ok(None),
                },
                None => what.await.map(Some),
            }
        })?
    }

    /// The first line behind those taken that `is_wanted`; none where the process ends before.
    async fn line(&self, is_wanted: impl Fn(&str) -> bool) -> Result<Option<String>> {
        let mut from = self.taken.get();
        // Most often the line is there: then nothing is to be watched.
        let mut growth = None;
        let mut is_watched = false;
        loop {
            let (is_over, found) = self.look(from, is_watched, &is_wanted)?;
            match found {
                Found::Line(number, line) => {
                    self.taken.set(number + 1);
                    return Ok(Some(line));
                }
                // Whoever limits the time, or ends it, has a turn.
                Found::More(next) => {
                    from = next;
                    tokio::task::yield_now().await;
                    continue;
                }
                Found::Nothing(_) if is_over => return Ok(None),
                Found::Nothing(next) => from = next,
            }
            if !is_watched {
                // What has come meanwhile is to be looked at once more.
                growth = self.lines.borrow().watch()?;
                is_watched = true;
            } else if let Some(growth) = &growth {
                growth.wait().await?;
            }
        }
    }

    /// Looks for a line from number `from` on; tells whether nothing more will come, where that is to be known.
    fn look(
        &self,
        from: usize,
        is_last: bool,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<(bool, Found)> {
        let mut output = self.lines.borrow_mut();
        let is_over = is_last && output.is_over()?;
        let found = output.find(from, is_over, is_wanted)?;
        Ok((is_over, found))
    }

    /// Waits until all can be read that the process wrote before its end.
    async fn settle(&self) -> Result<()> {
        let growth = self.lines.borrow().watch()?;
        while !self.lines.borrow().is_over()? {
            if let Some(growth) = &growth {
                growth.wait().await?;
            }
        }
        Ok(())
    }

    /// Says once that some of what it wrote was gone before it was read.
    fn tell_dropped(&self, session: &Session) {
        let output = self.lines.borrow();
        let dropped = output.dropped();
        if dropped == 0 || self.is_told.replace(true) {
            return;
        }
        let kept = u32::try_from(output.size()).unwrap_or(u32::MAX);
        session.note(&format!(
            "`{}` wrote more than the {} that are kept: {dropped} bytes were dropped before they were read; keep more with \
             #{{output: \"{}\"}}, read them as they come, or have the program write a file",
            self.line,
            size::print(kept),
            size::print(kept.saturating_mul(4)),
        ));
    }

    /// The error with the last lines as notes.
    fn with_last_lines(&self, error: Error) -> Error {
        let mut output = self.lines.borrow_mut();
        if output.read(false).is_err() {
            return error;
        }
        let error = match output.dropped() {
            0 => error,
            dropped => error.note(format!(
                "{dropped} bytes of its output were dropped before they were read"
            )),
        };
        let lines = output.lines();
        let last = lines.range(lines.len().saturating_sub(LAST_LINES)..);
        last.fold(error, |error, line| error.note(format!("output: {line}")))
    }

    /// How it ended, in words.
    fn end_in_words(&self) -> String {
        match self.code.get() {
            Some(code) => format!("it ended with exit code {code}"),
            None => "it has ended".to_owned(),
        }
    }
}

fn spawn(session: &Rc<Session>, net: &Netns, list: &Array, options: Map) -> Result<Process> {
    let named = list.first().map(ToString::to_string).unwrap_or_default();
    let context = |error: Error| {
        explained(error, &named)
            .doing("start", &named)
            .within(net.label())
    };
    let mut options =
        schema::options("spawn", options, &[OF_SPAWN, OF_PROGRAM]).map_err(context)?;
    let kept = KEPT.take_size(&mut options).map_err(context)?;
    let kept = kept.unwrap_or(OUTPUT);
    let program = program(list, &mut options).map_err(context)?;
    net.check().map_err(context)?;
    session.wait(ending::expected())?;
    let started = session
        .lab()
        .start_process(&net.0, &program, kept)
        .map_err(context)?;
    Ok(Process(Rc::new(State {
        process: started.process,
        line: program.line(),
        netns: net.0.clone(),
        output: started.path,
        lines: RefCell::new(started.output),
        taken: Cell::new(0),
        is_told: Cell::new(false),
        child: RefCell::new(started.child),
        code: Cell::new(None),
    })))
}

fn wait(session: &Session, process: &Process, time: Option<&str>) -> Result<Dynamic> {
    let state = &process.0;
    let context = state.context("wait for");
    let limit = time.map(duration::parse).transpose().map_err(&context)?;
    if state.would(session, "wait") {
        return Ok(0_i64.into());
    }
    let ended = State::wait(session, limit, process::has_ended(state.process)).map_err(&context)?;
    if ended.is_none() {
        let cause = format!("it still runs after {}", time.unwrap_or_default());
        let error = Error::new(Kind::Timeout, cause);
        return Err(context(state.with_last_lines(error)));
    }
    state.runs(session);
    Ok(status(state))
}

fn status(state: &State) -> Dynamic {
    state.code.get().map_or(Dynamic::UNIT, Dynamic::from)
}

fn line(session: &Session, process: &Process, time: Option<&str>) -> Result<Dynamic> {
    let state = &process.0;
    let context = state.context("read a line of");
    let limit = time.map(duration::parse).transpose().map_err(&context)?;
    if state.would(session, "line") {
        return Ok(String::new().into());
    }
    let found = State::wait(session, limit, state.line(|_| true)).map_err(&context)?;
    state.tell_dropped(session);
    match found {
        Some(Some(line)) => Ok(line.into()),
        Some(None) => Ok(Dynamic::UNIT),
        None => Err(context(Error::new(
            Kind::Timeout,
            format!("none came within {}", time.unwrap_or_default()),
        ))),
    }
}

fn wait_line(session: &Session, process: &Process, text: &str, time: &str) -> Result<String> {
    let state = &process.0;
    let context = state.context("wait for a line of");
    let limit = duration::parse(time).map_err(&context)?;
    if state.would(session, "wait_line") {
        return Ok(text.to_owned());
    }
    let wanted = state.line(|line| line.contains(text));
    let found = State::wait(session, Some(limit), wanted).map_err(&context)?;
    state.tell_dropped(session);
    let cause = match found {
        Some(Some(line)) => return Ok(line),
        Some(None) => {
            // Its output may be over a moment before it is.
            State::wait(session, Some(SOON), process::has_ended(state.process))
                .map_err(&context)?;
            let end = if state.runs(session) {
                "it has closed its output".to_owned()
            } else {
                state.end_in_words()
            };
            Error::new(Kind::NotFound, format!("{end}, and none held `{text}`"))
        }
        None => Error::new(Kind::Timeout, format!("none held `{text}` within {time}")),
    };
    Err(context(state.with_last_lines(cause)))
}

/// The number of a signal: `"TERM"`, `"SIGTERM"`.
fn signal_of(name: &str) -> Result<Signal> {
    let upper = name.to_uppercase();
    let full = if upper.starts_with("SIG") {
        upper
    } else {
        format!("SIG{upper}")
    };
    Signal::from_str(&full).map_err(|_| {
        let names: Vec<&str> = Signal::iterator()
            .map(|signal| signal.as_str().trim_start_matches("SIG"))
            .collect();
        let near = crate::error::nearest(full.trim_start_matches("SIG"), names);
        let error = Error::invalid(format!("there is no signal `{name}`"));
        match near {
            Some(near) => error.hint(format!("did you mean \"{near}\"?")),
            None => error.hint("write it by its name: \"TERM\", \"HUP\", \"USR1\""),
        }
    })
}

fn signal(session: &Session, process: &Process, name: &str) -> Result<()> {
    let state = &process.0;
    let context = state.context("signal");
    let signal = signal_of(name).map_err(&context)?;
    if state.would(session, "signal") {
        return Ok(());
    }
    let sent = match Ended::of(state.process).map_err(&context)? {
        Some(ended) => ended.signal(signal as i32).map_err(&context)?,
        None => false,
    };
    if sent {
        Ok(())
    } else {
        Err(context(Error::new(Kind::NotFound, "it has ended")))
    }
}

fn lines(session: &Session, process: &Process) -> Result<Array> {
    let state = &process.0;
    let is_over = !state.runs(session);
    if is_over {
        State::wait(session, None, state.settle())?;
    }
    let mut output = state.lines.borrow_mut();
    output.read(is_over)?;
    let lines = output.lines().iter();
    let lines = lines.map(|line| line.clone().into()).collect();
    drop(output);
    state.tell_dropped(session);
    Ok(lines)
}

fn kill(session: &Session, process: &Process) -> Result<()> {
    let state = &process.0;
    let context = state.context("end");
    if state.would(session, "kill") {
        return Ok(());
    }
    let family = || process::family(state.process, &state.output);
    session
        .wait_or_interrupt(process::end_tree(family))?
        .map_err(&context)?;
    if !state.runs(session) {
        let text = format!("ends process {}, {}", state.process.pid, state.line);
        session.lab().trace().remark(&text);
    }
    Ok(())
}

/// What there is to show of a process.
pub(crate) fn show(session: Option<&Rc<Session>>, process: &Process) -> Value {
    let state = &process.0;
    let runs = match session {
        Some(session) => state.runs(session),
        None => state.process.runs(),
    };
    let pid = state.process.pid.to_string();
    let how = match (runs, state.code.get()) {
        (true, _) => "running".to_owned(),
        (false, Some(code)) => format!("exit {code}"),
        (false, None) => "ended".to_owned(),
    };
    let netns = state.netns.label().to_owned();
    Value::Handle(Box::new(Handle {
        name: process.to_string(),
        line: format!("{pid}  {how}  {}", state.line),
        cells: vec![
            ("pid", pid.clone()),
            ("state", how),
            ("netns", netns.clone()),
            ("command", state.line.clone()),
        ],
        fields: vec![
            ("pid", Value::Word(pid)),
            ("running", Value::word(runs)),
            (
                "status",
                state.code.get().map_or(Value::Nothing, Value::word),
            ),
            ("netns", Value::Text(netns)),
            ("command", Value::text(&state.line)),
        ],
    }))
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Starts a program inside the namespace, from a list of arguments, and returns a handle while it goes on.
    ///
    /// It belongs to the lab: it goes on when the script has ended well, a second run finds it again, `ipvsh ls` counts it, and
    /// it is ended with the lab, by `ipvsh down`, `--rm` or a run that fails: told by SIGTERM, ended by SIGKILL two seconds
    /// later. It has a session of its own, so that Ctrl-C does not reach it. Of what it writes the last 16 MiB are kept, in a file
    /// on disk (below `$TMPDIR`, or `/var/tmp`) that goes with it. What `ip netns exec NAME COMMAND &` does.
    ///
    /// ```rhai
    /// let server = netns("a").spawn(["sh", "-c", "echo ready; exec sleep 100"]);
    /// server.wait_line("ready", "5s");
    /// server.running    // => true
    /// ```
    #[rhai_fn(name = "spawn", return_raw, volatile)]
    pub fn spawn_list(
        context: NativeCallContext,
        net: &mut Netns,
        command: Array,
    ) -> Answer<Process> {
        answer(&context, |session| {
            super::spawn(session, net, &command, Map::new())
        })
    }

    /// Starts a program with options.
    ///
    /// ```rhai
    /// netns("a").spawn(["sh", "-c", "echo $WHO"], #{env: #{WHO: "me"}}).line()    // => "me"
    /// ```
    #[rhai_fn(name = "spawn", return_raw, volatile)]
    pub fn spawn_with(
        context: NativeCallContext,
        net: &mut Netns,
        command: Array,
        options: Map,
    ) -> Answer<Process> {
        answer(&context, |session| {
            super::spawn(session, net, &command, options)
        })
    }

    /// Starts a program given as one line, split into words as a shell does.
    ///
    /// ```rhai
    /// netns("a").spawn("sleep 100").running    // => true
    /// ```
    #[rhai_fn(name = "spawn", return_raw, volatile)]
    pub fn spawn_line(
        context: NativeCallContext,
        net: &mut Netns,
        command: &str,
    ) -> Answer<Process> {
        spawn_line_with(context, net, command, Map::new())
    }

    /// Starts a program given as one line with options, those of the form that takes a list.
    ///
    /// ```rhai
    /// netns("a").spawn("pwd", #{cwd: "/"}).line()    // => "/"
    /// ```
    #[rhai_fn(name = "spawn", return_raw, volatile)]
    pub fn spawn_line_with(
        context: NativeCallContext,
        net: &mut Netns,
        command: &str,
        options: Map,
    ) -> Answer<Process> {
        answer(&context, |session| {
            let list = words_of(command)
                .map_err(|error| error.doing("start", command).within(net.label()))?;
            super::spawn(session, net, &list, options)
        })
    }

    /// Waits until the process has ended, and returns its exit code: 128 and the number of the signal where one ended it.
    ///
    /// Of a process that an earlier run has started the code is not known: `()`.
    ///
    /// ```rhai
    /// netns("a").spawn(["sh", "-c", "exit 3"]).wait()    // => 3
    /// ```
    #[rhai_fn(name = "wait", return_raw, volatile)]
    pub fn wait_for_end(context: NativeCallContext, process: &mut Process) -> Answer<Dynamic> {
        answer(&context, |session| super::wait(session, process, None))
    }

    /// Waits until the process has ended, but for `time` at most.
    ///
    /// ```rhai
    /// netns("a").spawn("sleep 100").wait("1ms")    // !! it still runs after 1ms
    /// ```
    #[rhai_fn(name = "wait", return_raw, volatile)]
    pub fn wait_within(
        context: NativeCallContext,
        process: &mut Process,
        time: &str,
    ) -> Answer<Dynamic> {
        answer(&context, |session| {
            super::wait(session, process, Some(time))
        })
    }

    /// Returns the next line that the process writes, to standard output or standard error, and waits for it; `()` at its end.
    ///
    /// ```rhai
    /// let counter = netns("a").spawn(["seq", "2"]);
    /// [counter.line(), counter.line(), counter.line()]    // => ["1", "2", null]
    /// ```
    #[rhai_fn(name = "line", return_raw, volatile)]
    pub fn next_line(context: NativeCallContext, process: &mut Process) -> Answer<Dynamic> {
        answer(&context, |session| super::line(session, process, None))
    }

    /// Returns the next line, and waits for it, but for `time` at most.
    ///
    /// ```rhai
    /// netns("a").spawn("sleep 100").line("1ms")    // !! none came within 1ms
    /// ```
    #[rhai_fn(name = "line", return_raw, volatile)]
    pub fn next_line_within(
        context: NativeCallContext,
        process: &mut Process,
        time: &str,
    ) -> Answer<Dynamic> {
        answer(&context, |session| {
            super::line(session, process, Some(time))
        })
    }

    /// Waits for a line that holds `text`, but for `time` at most, and returns it. The lines before it are passed over.
    ///
    /// ```rhai
    /// netns("a").spawn(["seq", "100"]).wait_line("10", "5s")    // => "10"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn wait_line(
        context: NativeCallContext,
        process: &mut Process,
        text: &str,
        time: &str,
    ) -> Answer<String> {
        answer(&context, |session| {
            super::wait_line(session, process, text, time)
        })
    }

    /// Sends the process a signal, given by its name: `"TERM"`, `"HUP"`, `"USR1"`.
    ///
    /// ```rhai
    /// let p = netns("a").spawn("sleep 100");
    /// p.signal("TERM");
    /// p.wait()    // => 143
    /// ```
    #[rhai_fn(name = "signal", return_raw, volatile)]
    pub fn send_signal(
        context: NativeCallContext,
        process: &mut Process,
        name: &str,
    ) -> Answer<()> {
        answer(&context, |session| super::signal(session, process, name))
    }

    /// Ends the process and what it has started: told by SIGTERM, ended by SIGKILL two seconds later. Ended already is no error.
    ///
    /// ```rhai
    /// let p = netns("a").spawn("sleep 100");
    /// p.kill();
    /// p.running    // => false
    /// ```
    #[rhai_fn(name = "kill", return_raw, volatile)]
    pub fn end_process(context: NativeCallContext, process: &mut Process) -> Answer<()> {
        answer(&context, |session| super::kill(session, process))
    }

    /// The number of the process.
    #[rhai_fn(get = "pid")]
    pub fn get_pid(process: &mut Process) -> i64 {
        process.0.process.pid.into()
    }

    /// The namespace that it was started in.
    #[rhai_fn(get = "netns")]
    pub fn get_netns(process: &mut Process) -> Netns {
        Netns(process.0.netns.clone())
    }

    /// What it runs, as a line of the shell.
    #[rhai_fn(get = "command")]
    pub fn get_command(process: &mut Process) -> String {
        process.0.line.clone()
    }

    /// Whether the process still runs.
    #[rhai_fn(get = "running", return_raw, volatile)]
    pub fn get_running(context: NativeCallContext, process: &mut Process) -> Answer<bool> {
        answer(&context, |session| Ok(process.0.runs(session)))
    }

    /// The exit code of the process; `()` while it runs.
    #[rhai_fn(get = "status", return_raw, volatile)]
    pub fn get_status(context: NativeCallContext, process: &mut Process) -> Answer<Dynamic> {
        answer(&context, |session| {
            process.0.runs(session);
            Ok(status(&process.0))
        })
    }

    /// The lines that the process has written so far; of very many, the last 100,000.
    #[rhai_fn(get = "lines", return_raw, volatile)]
    pub fn get_lines(context: NativeCallContext, process: &mut Process) -> Answer<Array> {
        answer(&context, |session| super::lines(session, process))
    }

    /// How many bytes of its output were dropped before they were read.
    ///
    /// The last 16 MiB are kept, or what `output` says.
    ///
    /// ```rhai
    /// let p = netns("a").spawn(["seq", "1000"], #{output: "1KiB"});
    /// p.wait();
    /// p.lines.len();
    /// p.dropped    // => 2872
    /// ```
    #[rhai_fn(get = "dropped", return_raw, volatile)]
    pub fn get_dropped(process: &mut Process) -> Answer<i64> {
        let dropped = process.0.lines.borrow().dropped();
        Ok(count::int(dropped))
    }

    /// The process in one line: its number and what it runs.
    #[rhai_fn(global, name = "to_string", name = "to_debug")]
    pub fn process_to_text(process: &mut Process) -> String {
        process.to_string()
    }
}
