//! What one run of a script, or one interactive session, carries along: the runtime, the current namespace, the parameters.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use colored::Colorize;
use rhai::{Dynamic, EvalAltResult, Map, NativeCallContext, Position};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::dsl::Answer;
use crate::dsl::acts::capture::Capture;
use crate::dsl::acts::listen::Server;
use crate::dsl::acts::live::Live;
use crate::dsl::kinds::ipvlan_port::Ports;
use crate::dsl::objects::elsewhere::Elsewhere;
use crate::dsl::order::Orders;
use crate::dsl::strands::Strands;
use crate::dsl::voice::{Form, Voice};
use crate::error::{Error, Kind, Result, errno_name};
use crate::lab::trace::Printer;
use crate::lab::{Lab, Outcome};
use crate::net::ending;
use crate::net::namespace::Id;
use crate::net::netns::Netns;
use crate::net::rtnl;
use crate::value::escape::on_one_line;
use crate::view::changes::{self, Line, Mark};
use crate::view::paint::{paint, ready};
use crate::view::screen::{self, Stream};

/// How many rulesets are known by their text: the latest.
const MOST_RULESETS: usize = 256;

/// How many things that an entry made are named.
const MOST_MADE: usize = 10;

/// How a session behaves; set once, from the command line.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Print nothing but what the script prints itself.
    pub quiet: bool,
    /// Colour what goes to standard output.
    pub color: bool,
    /// Print values as JSON.
    pub json: bool,
    /// Tell each thing as it happens, on a line that this writes.
    pub lines: Option<Form>,
    /// Where to print.
    pub output: Output,
}

/// Where a session prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// To standard output.
    #[default]
    Standard,
    /// To standard error: standard output is for the one value that is asked for.
    Error,
    /// Into a text, read by [`Session::collected`].
    Collected,
}

/// What the command line gave to the script.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Values for parameters, by name; those left out have their default.
    pub parameters: BTreeMap<String, Dynamic>,
    /// What followed `--`.
    pub args: Vec<String>,
}

/// The state that words share. Reached from a word by [`Session::of`].
pub struct Session {
    settings: Settings,
    given: OnceCell<Given>,
    /// Values for the parameters of a script that a session loads.
    loaded: RefCell<BTreeMap<String, Dynamic>>,
    runtime: OnceCell<Runtime>,
    start: OnceCell<Rc<Netns>>,
    /// The namespaces entered by `within`, innermost last.
    entered: RefCell<Vec<Rc<Netns>>>,
    /// Those entered by `enter`, innermost last: where the session is while no `within` is under way.
    places: RefCell<Vec<Rc<Netns>>>,
    /// The signal that asks the run to end; 0 while there is none.
    interrupt: Arc<AtomicUsize>,
    voice: Voice,
    entry: Cell<usize>,
    lab: Lab,
    ports: Ports,
    elsewhere: Elsewhere,
    /// What the script wants its exit code to be.
    exit_code: Cell<Option<u8>>,
    /// Whether it runs a test, or looks for tests.
    tests: Cell<Tests>,
    /// Why the script ended before it tried anything.
    left_out: RefCell<Option<LeftOut>>,
    /// The call of `why` that asks about the last try that did not come out as it was to.
    unmet: RefCell<Option<String>>,
    /// What the script gave as its result.
    result: RefCell<Option<serde_json::Value>>,
    /// The files that a plan would have written, each with its text.
    planned_files: RefCell<HashMap<PathBuf, String>>,
    orders: Rc<Orders>,
    live: Live,
    /// The rulesets that were listed, each by the number of the list, with the text that `nft` has for it.
    rulesets: RefCell<VecDeque<(u64, String)>>,
    /// Those that the script began.
    captures: RefCell<Vec<Capture>>,
    /// The same of servers.
    servers: RefCell<Vec<Server>>,
}

/// What a session has to do with tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tests {
    /// Nothing: it runs a script.
    #[default]
    None,
    /// It lists them.
    Lists,
    /// It runs one.
    Runs,
}

/// Why a test was not tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// It said so itself, for that reason.
    Skipped(String),
    /// It needs what this kernel does not have, by the name that the test has for it.
    Lacks(String),
}

impl Session {
    /// A session that acts in the namespace of this process.
    pub fn new(settings: Settings) -> Rc<Self> {
        let voice = Voice::new(&settings);
        let session = Rc::new(Self {
            settings,
            given: OnceCell::new(),
            loaded: RefCell::default(),
            runtime: OnceCell::new(),
            start: OnceCell::new(),
            entered: RefCell::new(Vec::new()),
            places: RefCell::new(Vec::new()),
            interrupt: Arc::new(AtomicUsize::new(0)),
            voice,
            entry: Cell::new(0),
            lab: Lab::default(),
            ports: Ports::default(),
            elsewhere: Elsewhere::default(),
            exit_code: Cell::new(None),
            tests: Cell::new(Tests::None),
            left_out: RefCell::new(None),
            unmet: RefCell::new(None),
            result: RefCell::new(None),
            planned_files: RefCell::default(),
            captures: RefCell::default(),
            orders: Rc::default(),
            live: Live::default(),
            rulesets: RefCell::default(),
            servers: RefCell::default(),
        });
        if session.settings.json {
            session.lab.outcomes().tell_programs();
        }
        let weak = Rc::downgrade(&session);
        session.lab.when_leaving(move |namespace| {
            if let Some(session) = weak.upgrade() {
                session.leave_captures(namespace);
                session.leave_servers(namespace);
            }
        });
        session
    }

    /// In which order the keys of maps were written.
    pub(crate) fn orders(&self) -> &Rc<Orders> {
        &self.orders
    }

    /// What shows of an entry while it runs.
    pub(crate) fn live(&self) -> &Live {
        &self.live
    }

    /// How many columns the terminal has that values are printed on; none where they go elsewhere.
    pub(crate) fn width(&self) -> Option<usize> {
        if self.settings.json || self.settings.output != Output::Standard {
            return None;
        }
        let size = terminal_size::terminal_size_of(std::io::stdout());
        size.map(|(width, _)| usize::from(width.0))
            .filter(|width| *width > 0)
    }

    /// Keeps the text of a ruleset that was listed, by the number of the list.
    pub(crate) fn keep_ruleset(&self, number: u64, text: String) {
        let mut rulesets = self.rulesets.borrow_mut();
        rulesets.retain(|(known, _)| *known != number);
        rulesets.push_back((number, text));
        if rulesets.len() > MOST_RULESETS {
            rulesets.pop_front();
        }
    }

    /// The text of the list with that number, where it is a ruleset.
    pub(crate) fn ruleset(&self, number: u64) -> Option<String> {
        let rulesets = self.rulesets.borrow();
        let found = rulesets.iter().find(|(known, _)| *known == number);
        found.map(|(_, text)| text.clone())
    }

    /// A session whose words print into a text, read by [`Self::collected`].
    pub fn collecting(settings: Settings) -> Rc<Self> {
        Self::new(Settings {
            output: Output::Collected,
            ..settings
        })
    }

    /// The session that a word was called in.
    pub fn of(context: &NativeCallContext) -> Result<Rc<Self>> {
        context
            .tag()
            .and_then(|tag| tag.clone().try_cast::<Rc<Self>>())
            .ok_or_else(|| Error::invalid("this word works in a running script only"))
    }

    /// How it behaves.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Takes the result that the script gives.
    pub(crate) fn set_result(&self, result: serde_json::Value) {
        *self.result.borrow_mut() = Some(result);
    }

    /// What the script gave as its result.
    pub fn result(&self) -> Option<serde_json::Value> {
        self.result.borrow().clone()
    }

    /// Keeps what a plan would write.
    pub(crate) fn plan_file(&self, path: PathBuf, text: String) {
        self.planned_files.borrow_mut().insert(path, text);
    }

    /// What the file would hold that a plan would have written.
    pub(crate) fn planned_file(&self, path: &Path) -> Option<String> {
        self.planned_files.borrow().get(path).cloned()
    }

    /// Keeps a capture, which goes on also where the script has no handle of it.
    pub(crate) fn add_capture(&self, capture: Capture) {
        self.captures.borrow_mut().push(capture);
    }

    /// The captures that the script began, to be ended.
    pub(crate) fn take_captures(&self) -> Vec<Capture> {
        self.captures.take()
    }

    /// Whether a capture that still runs writes that file.
    pub(crate) fn writes_capture(&self, path: &Path) -> bool {
        let captures = self.captures.borrow();
        captures.iter().any(|capture| capture.writes(path))
    }

    /// Has all captures leave a namespace that is to go: its links would live on else.
    fn leave_captures(&self, namespace: Id) {
        for capture in self.captures.borrow().iter() {
            capture.leave(namespace);
        }
    }

    /// Keeps a server, which goes on also where the script has no handle of it.
    pub(crate) fn add_server(&self, server: Server) {
        self.servers.borrow_mut().push(server);
    }

    /// Ends all servers of the run.
    pub(crate) fn close_servers(&self) {
        for server in self.servers.take() {
            server.close();
        }
    }

    /// Ends those in a namespace that is to go: it would live on else.
    fn leave_servers(&self, namespace: Id) {
        for server in self.servers.borrow().iter() {
            server.leave(namespace);
        }
    }

    /// What the run made and changed.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// The ipvlan ports that were read.
    pub(crate) fn ports(&self) -> &Ports {
        &self.ports
    }

    /// Which namespaces others know by an id, as far as that was asked for.
    pub(crate) fn elsewhere(&self) -> &Elsewhere {
        &self.elsewhere
    }

    /// Hands over what the command line gave to the script. Only the first time counts.
    pub fn give(&self, given: Given) {
        let _ = self.given.set(given);
    }

    /// Hands over what a script is loaded with, in place of what the one before was.
    pub fn load_with(&self, parameters: BTreeMap<String, Dynamic>) {
        self.loaded.replace(parameters);
    }

    /// The value given for the parameter `name`.
    pub fn parameter(&self, name: &str) -> Option<Dynamic> {
        if let Some(value) = self.loaded.borrow().get(name) {
            return Some(value.clone());
        }
        self.given.get()?.parameters.get(name).cloned()
    }

    /// What followed `--` on the command line.
    pub fn args(&self) -> &[String] {
        self.given.get().map_or(&[], |given| &given.args)
    }

    /// The flag that a signal handler sets to the signal's number.
    pub fn interrupt(&self) -> &Arc<AtomicUsize> {
        &self.interrupt
    }

    /// The signal that asked the run to end, if one did.
    pub fn interrupted(&self) -> Option<i32> {
        match self.interrupt.load(Ordering::Relaxed) {
            0 => None,
            signal => i32::try_from(signal).ok(),
        }
    }

    /// Notes what exit code the script asked for.
    pub fn set_exit_code(&self, code: u8) {
        self.exit_code.set(Some(code));
    }

    /// The exit code that the script asked for; none where it just came to its end.
    pub fn exit_code(&self) -> Option<u8> {
        self.exit_code.get()
    }

    /// Notes that tests are run, or listed.
    pub fn begin_tests(&self, tests: Tests) {
        self.tests.set(tests);
    }

    /// What it has to do with tests.
    pub fn tests(&self) -> Tests {
        self.tests.get()
    }

    /// Notes why the test is not tried.
    pub(crate) fn leave_out(&self, why: LeftOut) {
        self.left_out.replace(Some(why));
    }

    /// Why the test was not tried, where it was not.
    pub fn left_out(&self) -> Option<LeftOut> {
        self.left_out.borrow().clone()
    }

    /// Notes the call of `why` that asks about a try which came out otherwise than it was to.
    pub(crate) fn note_unmet(&self, call: String) {
        self.unmet.replace(Some(call));
    }

    /// The call that asks about the last such try.
    pub fn unmet(&self) -> Option<String> {
        self.unmet.borrow().clone()
    }

    /// What was printed so far, in a session that collects it.
    pub fn collected(&self) -> String {
        self.voice.collected()
    }

    /// Prints each step from now on, to standard error, as the command that does the same; or none any more.
    pub fn show_steps(&self, on: bool, color: bool) {
        let print = on.then(|| -> Printer {
            let print = move |line: &str| {
                let line = paint(color, &format!("+ {}", on_one_line(line)), Colorize::dimmed);
                // Where nobody reads them, the run goes on.
                let _ = screen::say(Stream::Err, &line);
            };
            Box::new(print)
        });
        self.lab.trace().print(print);
    }

    /// Prints a line of ours.
    ///
    /// Where nobody reads standard output any more, the run is to end quietly: see [`Self::output_closed`].
    pub fn print(&self, line: &str) -> Result<()> {
        let outcomes = self.lab.outcomes();
        self.voice.print(outcomes, line, &ready(line), screen::say)
    }

    /// Prints a part of a line, or of several.
    pub(crate) fn print_part(&self, text: &str) -> Result<()> {
        self.voice.say_out(Stream::Out, text, screen::say_text)
    }

    /// Prints what a script prints on purpose: into a file or a pipe as it is.
    pub fn print_of_script(&self, line: &str) -> Result<()> {
        let outcomes = self.lab.outcomes();
        self.voice
            .print(outcomes, line, line, screen::say_of_script)
    }

    /// Tells the objects that were not told yet, where each thing is told at once.
    pub fn tell_objects(&self) -> Result<()> {
        self.voice.tell_objects(self.lab.outcomes())
    }

    /// Says beside the script's own output what may surprise, once.
    pub fn note(&self, text: &str) {
        self.voice.note(self.lab.outcomes(), self.entry(), text);
    }

    /// The notes that were said.
    pub fn notes(&self) -> Vec<String> {
        self.voice.notes()
    }

    /// Says beside the script's own output why something is not reached, and what to type.
    pub fn explain(&self, cause: &str, hint: &str) {
        self.voice
            .say_beside(&format!("cause: {cause}\nhint: {hint}"));
    }

    /// Says on standard error what was made since there were `from` entries: `+ namespace a`. Nobody sees it else where a line or
    /// an entry of a session makes something, as one that only looks for a namespace by a wrong name does.
    pub fn say_made(&self, from: usize) {
        if self.settings.quiet || self.settings.json || self.lab.plans() {
            return;
        }
        let entries = self.lab.outcomes().entries();
        let made = entries.iter().skip(from);
        let made: Vec<Line> = made
            .filter(|entry| entry.outcome == Outcome::Created)
            .map(|entry| Line {
                mark: Mark::Create,
                kind: &entry.object.kind,
                name: entry.object.line(),
                place: entry.namespace.as_deref(),
                remark: None,
                notes: &[],
            })
            .collect();
        if made.is_empty() {
            return;
        }
        let shown = &made[..made.len().min(MOST_MADE)];
        let _ = screen::say(Stream::Err, &changes::draw(shown, false));
        if made.len() > shown.len() {
            let more = made.len() - shown.len();
            let _ = screen::say(Stream::Err, &format!("+ {more} more"));
        }
    }

    /// Says where what the script asks for is there and another lab has it as well: `what` in words.
    pub fn say_other_lab(&self, undo: &crate::lab::Undo, what: &str) {
        let Some((lab, is_own)) = self.lab.other_lab(undo) else {
            return;
        };
        let outcomes = self.lab.outcomes();
        if is_own {
            outcomes.remark(format!("(of lab {lab}, too)"));
            return;
        }
        outcomes.remark(format!("(of lab {lab})"));
        if !self.lab.plans() {
            self.note(&format!(
                "{what} is of lab `{lab}`: it stands as long as one of the two labs does"
            ));
        }
    }

    /// The number of the entry that runs: 0 in a script, from 1 in an interactive session.
    pub fn entry(&self) -> usize {
        self.entry.get()
    }

    /// Notes that the next entry begins.
    pub fn next_entry(&self) -> usize {
        self.entry.set(self.entry.get() + 1);
        self.entry.get()
    }

    /// Whether a line could not be written.
    pub fn output_closed(&self) -> bool {
        self.voice.is_closed()
    }

    /// The closures that run side by side.
    pub(crate) fn strands(&self) -> &Strands {
        self.voice.strands()
    }

    /// Takes other namespaces as those that were entered; returns those that were.
    pub(crate) fn swap_entered(&self, entered: Vec<Rc<Netns>>) -> Vec<Rc<Netns>> {
        self.entered.replace(entered)
    }

    /// Notes that nobody reads standard output any more.
    pub(crate) fn note_output_closed(&self) {
        self.voice.close();
    }

    /// Runs `future`, which may take its time, to its end: other closures of `each` go on meanwhile.
    pub fn wait_long<F: Future>(&self, future: F) -> Result<F::Output> {
        let future = behind_ends(future);
        if self.strands().is_one() {
            return Ok(self.strands().wait(future, true));
        }
        self.wait(future)
    }

    /// Runs `future` to its end on the session's one runtime.
    pub fn wait<F: Future>(&self, future: F) -> Result<F::Output> {
        let future = behind_ends(future);
        if self.strands().is_one() {
            return Ok(self.strands().wait(future, false));
        }
        if self.runtime.get().is_none() {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let _ = self.runtime.set(runtime);
        }
        match self.runtime.get() {
            Some(runtime) => Ok(runtime.block_on(async {
                rtnl::close_sockets().await;
                future.await
            })),
            None => Err(Error::new(Kind::Kernel, "the runtime did not start")),
        }
    }

    /// Runs `future` to its end, unless a signal asks the run to end before.
    pub fn wait_or_interrupt<F: Future>(&self, future: F) -> Result<F::Output> {
        self.wait_long(async {
            tokio::select! {
                biased;
                () = self.interruption() => Err(Error::new(Kind::Interrupted, "interrupted")),
                result = future => Ok(result),
            }
        })?
    }

    /// Waits until a signal asks the run to end: never, where signals can't be waited for.
    pub async fn interruption(&self) {
        let streams = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ]
        .map(signal);
        let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = streams else {
            return std::future::pending().await;
        };
        // A signal that came before the streams above were there shows in the flag only.
        if self.interrupted().is_some() {
            return;
        }
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }

    /// The namespace that ipvsh was started in.
    pub fn start(&self) -> Result<Rc<Netns>> {
        if let Some(start) = self.start.get() {
            return Ok(start.clone());
        }
        let start = Rc::new(Netns::start()?);
        Ok(self.start.get_or_init(|| start).clone())
    }

    /// The namespace that bare words act in.
    pub fn here(&self) -> Result<Rc<Netns>> {
        if let Some(netns) = self.entered.borrow().last() {
            return Ok(netns.clone());
        }
        match self.places.borrow().last() {
            Some(netns) => Ok(netns.clone()),
            None => self.start(),
        }
    }

    /// Whether a `within` is under way.
    pub(crate) fn is_within(&self) -> bool {
        !self.entered.borrow().is_empty()
    }

    /// Goes to `netns` until [`Self::leave_place`].
    pub(crate) fn go_to(&self, netns: Rc<Netns>) {
        self.places.borrow_mut().push(netns);
    }

    /// Goes back to where the session was before; `false` where it was nowhere else.
    pub(crate) fn leave_place(&self) -> bool {
        self.places.borrow_mut().pop().is_some()
    }

    /// Every namespace that has a name, a file elsewhere or a process in it, each once.
    pub fn known_namespaces(&self) -> Result<Vec<Rc<Netns>>> {
        Ok(Netns::all()?.into_iter().map(Rc::new).collect())
    }

    /// Makes `netns` the current namespace until the guard is dropped.
    pub fn enter(self: &Rc<Self>, netns: Rc<Netns>) -> Entered {
        self.entered.borrow_mut().push(netns);
        Entered(self.clone())
    }
}

/// Leaves the namespace entered by [`Session::enter`] when dropped.
pub struct Entered(Rc<Session>);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.entered.borrow_mut().pop();
    }
}

/// Runs a word's body with its session, and turns its failure into the exception that scripts catch, with the place of the call.
pub fn answer<T>(
    context: &NativeCallContext,
    body: impl FnOnce(&Rc<Session>) -> Result<T>,
) -> Answer<T> {
    Session::of(context)
        .and_then(|session| {
            let done = body(&session);
            session.tell_objects()?;
            done
        })
        .map_err(|error| exception(&named(error, context.fn_name()), context.call_position()))
}

/// A refusal of the system that no layer has said more of names the word at least.
fn named(error: Error, function: &str) -> Error {
    if error.errno.is_none() || !error.doing.is_empty() {
        return error;
    }
    // A property is a function of the name that Rhai makes of it.
    match function.split_once('$') {
        Some((_, property)) => error.doing_plain(&format!("read `.{property}`")),
        None => error.doing_plain(&format!("do `{function}`")),
    }
}

/// The exception for `error`, raised at `position`.
pub fn exception(error: &Error, position: Position) -> Box<EvalAltResult> {
    let mut map = Map::new();
    let mut text = |key: &str, value: Option<String>| {
        map.insert(key.into(), value.map_or(Dynamic::UNIT, Dynamic::from));
    };
    text("kind", Some(error.kind.name().to_owned()));
    text("message", Some(error.message()));
    text("hint", error.hint.clone());
    text("errno", error.errno.map(errno_name));
    text("kernel", error.kernel.clone());
    text("netns", error.netns.clone());
    text("object", error.object.clone());
    let notes: rhai::Array = error.notes.iter().cloned().map(Dynamic::from).collect();
    map.insert("notes".into(), notes.into());
    let number = |value: Option<usize>| {
        value
            .and_then(|value| i64::try_from(value).ok())
            .map_or(Dynamic::UNIT, Dynamic::from)
    };
    map.insert("line".into(), number(position.line()));
    map.insert("position".into(), number(position.position()));
    Box::new(EvalAltResult::ErrorRuntime(map.into(), position))
}

impl From<Error> for Box<EvalAltResult> {
    fn from(error: Error) -> Self {
        exception(&error, Position::NONE)
    }
}

/// The future behind the end of what a word has deleted, so that nothing of it is found.
async fn behind_ends<F: Future>(future: F) -> F::Output {
    ending::expected().await;
    future.await
}
