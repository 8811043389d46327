//! What one run of a script, or one interactive session, carries along: the runtime, the current namespace, the parameters.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use rhai::{Dynamic, EvalAltResult, Map, NativeCallContext, Position};
use tokio::runtime::Runtime;

use crate::dsl::Answer;
use crate::dsl::ipvlan_port::Ports;
use crate::error::{Error, Kind, Result, errno_name};
use crate::lab::Lab;
use crate::net::netns::Netns;

/// How a session behaves; set once, from the command line.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Print nothing but what the script prints itself.
    pub quiet: bool,
    /// Values for the script's parameters, by name.
    pub parameters: BTreeMap<String, Dynamic>,
    /// What followed `--` on the command line.
    pub args: Vec<String>,
}

/// The state that words share. Reached from a word by [`Session::of`].
pub struct Session {
    settings: Settings,
    runtime: OnceCell<Runtime>,
    start: OnceCell<Rc<Netns>>,
    /// The namespaces entered by `within`, innermost last.
    entered: RefCell<Vec<Rc<Netns>>>,
    /// The signal that asks the run to end; 0 while there is none.
    interrupt: Arc<AtomicI32>,
    lab: Lab,
    ports: Ports,
}

impl Session {
    /// A session that acts in the namespace of this process.
    pub fn new(settings: Settings) -> Rc<Self> {
        Rc::new(Self {
            settings,
            runtime: OnceCell::new(),
            start: OnceCell::new(),
            entered: RefCell::new(Vec::new()),
            interrupt: Arc::new(AtomicI32::new(0)),
            lab: Lab::default(),
            ports: Ports::default(),
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

    /// What the run made and changed.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// The ipvlan ports that were read.
    pub(crate) fn ports(&self) -> &Ports {
        &self.ports
    }

    /// The flag that a signal handler sets to the signal's number.
    pub fn interrupt(&self) -> &Arc<AtomicI32> {
        &self.interrupt
    }

    /// The signal that asked the run to end, if one did.
    pub fn interrupted(&self) -> Option<i32> {
        match self.interrupt.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(signal),
        }
    }

    /// Runs `future` to its end on the session's one runtime.
    pub fn wait<F: Future>(&self, future: F) -> Result<F::Output> {
        if self.runtime.get().is_none() {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let _ = self.runtime.set(runtime);
        }
        match self.runtime.get() {
            Some(runtime) => Ok(runtime.block_on(future)),
            None => Err(Error::new(Kind::Kernel, "the runtime did not start")),
        }
    }

    /// The same for a future that may take long: a signal that asks the run to end cuts it short with `interrupted`.
    pub fn wait_or_interrupt<F: Future>(&self, future: F) -> Result<F::Output> {
        self.wait(future)
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
        match self.entered.borrow().last() {
            Some(netns) => Ok(netns.clone()),
            None => self.start(),
        }
    }

    /// Every namespace that has a name or a process in it, each once.
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
        .and_then(|session| body(&session))
        .map_err(|error| exception(&error, context.call_position()))
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
