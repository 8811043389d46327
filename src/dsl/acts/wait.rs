//! Waiting: until a condition of the script's own holds, until something listens on a port.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rhai::plugin::{Dynamic, EvalAltResult, NativeCallContext, export_module};
use rhai::{FnPtr, Map};

use crate::dsl::handle::Netns;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result};
use crate::lab::Object;
use crate::net::listener::{self, Listener, Protocol};
use crate::schema::{self, Form, Opt, Quantity};
use crate::value::choice::choose;
use crate::value::duration;
use crate::value::options::{self, Options};

const TIME: Form = Form::Quantity(Quantity::Duration);

const TIMEOUT: Opt = Opt::new("timeout", TIME, "how long is waited").default("10s");
const INTERVAL: Opt = Opt::new(
    "interval",
    TIME,
    "the time between two looks; without it the first follow each other quickly",
);
const WHAT: Opt = Opt::new(
    "what",
    Form::Text,
    "what is waited for, as an error calls it",
);
const ADDRESS: Opt = Opt::new(
    "address",
    Form::Ip,
    "the address that is to be served; any, where none is given",
);
const PROTOCOL: Opt = Opt::new("protocol", Form::Text, "the protocol of the port")
    .argument()
    .often(&["tcp", "udp"]);

/// What waiting for a condition can be told.
pub(crate) const CONDITION: &[Opt] = &[TIMEOUT, INTERVAL, WHAT];
/// What waiting for a port can be told.
pub(crate) const PORT: &[Opt] = &[TIMEOUT, INTERVAL, ADDRESS, PROTOCOL];

/// How long is waited where nothing is said.
const USUAL: Duration = Duration::from_secs(10);
/// The first pause between two looks; the next are longer each.
const SHORTEST: Duration = Duration::from_millis(2);
/// The longest pause, where none is asked for.
const LONGEST: Duration = Duration::from_millis(100);
/// How many sockets an error shows that listen elsewhere.
const SHOWN: usize = 5;

/// How long to wait, and how often to look.
struct Patience {
    began: Instant,
    limit: Duration,
    /// The pause that was asked for.
    interval: Option<Duration>,
    next: Duration,
}

impl Patience {
    fn new(limit: Duration, interval: Option<Duration>) -> Self {
        Self {
            began: Instant::now(),
            limit,
            interval,
            next: SHORTEST,
        }
    }

    fn of(options: &mut Options) -> Result<Self> {
        let limit = TIMEOUT.take_duration(options)?.unwrap_or(USUAL);
        let interval = INTERVAL.take_duration(options)?;
        if interval.is_some_and(|interval| interval.is_zero()) {
            return Err(Error::invalid("`interval` is more than nothing").hint(
                "leave it out: the first looks follow each other quickly, later ones less so",
            ));
        }
        Ok(Self::new(limit, interval))
    }

    /// Whether the time is over. A look is to follow once more, so that nothing is missed.
    fn is_over(&self) -> bool {
        self.began.elapsed() >= self.limit
    }

    /// Waits until it is time for the next look. Ctrl-C ends it.
    fn pause(&mut self, session: &Session) -> Result<()> {
        let left = self.limit.saturating_sub(self.began.elapsed());
        let pause = self.interval.unwrap_or(self.next).min(left);
        self.next = (self.next * 2).min(LONGEST);
        session.wait_or_interrupt(async { tokio::time::sleep(pause).await })
    }
}

/// What a call of the condition brought.
enum Look {
    Holds,
    /// It does not hold yet; why, where it failed with what may be otherwise a moment later.
    NotYet(Option<String>),
}

/// What the condition is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// A question, to be answered with true.
    Question,
    /// Expectations, which fail as long as they do not hold.
    Expectations,
}

fn look(context: &NativeCallContext, condition: &FnPtr, sort: Sort) -> Answer<Look> {
    let given = match condition.call_within_context::<Dynamic>(context, ()) {
        Ok(given) => given,
        Err(error) => match passing(&error) {
            Some(message) => return Ok(Look::NotYet(Some(message))),
            None => return Err(error),
        },
    };
    match given.as_bool() {
        Ok(true) => Ok(Look::Holds),
        Ok(false) => Ok(Look::NotYet(None)),
        Err(_) if sort == Sort::Expectations => Ok(Look::Holds),
        Err(type_name) => answer(context, |_| {
            let hint = if given.is_unit() {
                "end it with a comparison: wait_for(|| net.links.len() == 2, \"5s\")"
            } else {
                "compare it, or ask for a property that is true or false: wait_for(|| net.ping(dst, 1).ok, \"5s\")"
            };
            let given = options::type_in_words(type_name);
            Err(Error::invalid(format!("the condition is true or false, not {given}")).hint(hint))
        }),
    }
}

/// The message of an error that may pass with time: what is not there yet, is not reached yet, is in use.
fn passing(error: &EvalAltResult) -> Option<String> {
    let EvalAltResult::ErrorRuntime(thrown, _) = error.unwrap_inner() else {
        return None;
    };
    let thrown = thrown.read_lock::<Map>()?;
    let text = |key: &str| {
        let text = thrown.get(key)?.as_immutable_string_ref().ok()?;
        Some(text.to_string())
    };
    match Kind::from_name(&text("kind")?)? {
        Kind::NotFound | Kind::Unreachable | Kind::Busy | Kind::Timeout | Kind::Assertion => {
            text("message")
        }
        _ => None,
    }
}

/// Calls the condition until it holds; `what` names it.
fn until(
    context: &NativeCallContext,
    condition: &FnPtr,
    sort: Sort,
    read: impl FnOnce() -> Result<(Patience, Option<String>)>,
) -> Answer<()> {
    let read = answer(context, |session| {
        let (patience, what) = read()?;
        let named = what.as_deref().unwrap_or("a condition");
        let is_planned = session.lab().would_test(
            &Netns(session.here()?),
            Object::test(context.fn_name(), named),
        );
        Ok((!is_planned).then_some((patience, what)))
    })?;
    let Some((mut patience, what)) = read else {
        return Ok(());
    };
    loop {
        let is_last = patience.is_over();
        let why = match look(context, condition, sort)? {
            Look::Holds => return Ok(()),
            Look::NotYet(why) => why,
        };
        answer(context, |session| {
            if !is_last {
                return patience.pause(session);
            }
            let limit = duration::print(patience.limit);
            let who = match sort {
                Sort::Question => "the condition",
                Sort::Expectations => "the expectations",
            };
            let late = |who| {
                Error::new(
                    Kind::Timeout,
                    format!("{who} did not come to hold within {limit}"),
                )
            };
            let error = match what.as_deref() {
                Some(what) => late("it").doing("wait for", what),
                None => late(who),
            };
            Err(match why {
                Some(why) => error.note(format!("at the end: {why}")),
                None => error,
            })
        })?;
    }
}

/// A port that is waited for.
struct Port {
    protocol: Protocol,
    number: u16,
    /// The address that is to be served, any where none is said.
    address: Option<IpAddr>,
}

impl Port {
    fn new(protocol: &str, number: i64) -> Result<Self> {
        let protocol = choose("a port", "protocol", protocol, &Protocol::ALL)?;
        let number = options::in_range("port", number, 1..=i64::from(u16::MAX))?;
        Ok(Self {
            protocol,
            number: u16::try_from(number).unwrap_or_default(),
            address: None,
        })
    }

    fn is_served_by(&self, socket: &Listener) -> bool {
        socket.port == self.number && self.address.is_none_or(|address| socket.takes(address))
    }

    /// Notes what listens in the namespace instead, the nearest first.
    fn explained(&self, net: &Netns, error: Error) -> Result<Error> {
        let mut others = Vec::new();
        for (_, protocol) in Protocol::ALL {
            others.extend(listener::all(net, protocol)?);
        }
        others.sort_by_key(|other| {
            let is_other = other.protocol != self.protocol;
            (other.port.abs_diff(self.number), is_other)
        });
        let has_port = |other: &&Listener| other.port == self.number;
        let error = match others.first().filter(has_port) {
            Some(other) if other.protocol == self.protocol => error.hint(format!(
                "have it listen on that address, or wait for what it has: #{{address: \"{}\"}}",
                other.address
            )),
            Some(other) => error.hint(format!("did you mean \"{}\"?", other.protocol.name())),
            None => error,
        };
        let shown: Vec<String> = others
            .iter()
            .take(SHOWN)
            .map(|other| {
                let (name, port) = (other.protocol.name(), other.port);
                format!("{name} port {port} on {}", other.address)
            })
            .collect();
        let more = match others.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Ok(error.note(if shown.is_empty() {
            "nothing listens there on any port".to_owned()
        } else {
            format!("what listens there: {}{more}", shown.join(", "))
        }))
    }
}

fn wait_port(
    session: &Rc<Session>,
    net: &Netns,
    (protocol, number): (&str, i64),
    read: impl FnOnce(&mut Port) -> Result<Patience>,
) -> Result<()> {
    let name = format!("{protocol} port {number}");
    let context = |error: Error| match error.kind {
        Kind::Interrupted => error,
        _ => error
            .doing_plain(&format!("wait for {name}"))
            .within(net.label()),
    };
    let mut port = Port::new(protocol, number).map_err(context)?;
    let mut patience = read(&mut port).map_err(context)?;
    if session
        .lab()
        .would_test(net, Object::test("wait_port", &name))
    {
        return Ok(());
    }
    loop {
        let is_last = patience.is_over();
        net.check().map_err(context)?;
        let there = listener::all(net, port.protocol).map_err(context)?;
        if there.iter().any(|socket| port.is_served_by(socket)) {
            return Ok(());
        }
        if is_last {
            let limit = duration::print(patience.limit);
            let on = port
                .address
                .map_or_else(String::new, |a| format!(" on {a}"));
            let cause = format!("nothing listens{on} after {limit}");
            let error = port.explained(net, Error::new(Kind::Timeout, cause));
            return Err(context(error.map_err(context)?));
        }
        patience.pause(session)?;
    }
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Calls `condition` until it gives true, for `time` at most.
    ///
    /// The first calls follow each other quickly, later ones every 100 ms. What fails in it because something is not there or not
    /// reached yet counts as false; any other error ends the wait. The error at the end of the time is of kind `timeout`.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let server = a.spawn(["sh", "-c", "echo one; echo two; exec sleep 100"]);
    /// wait_for(|| server.lines.len() == 2, "5s");
    /// wait_for(|| a.link("v9").is_up, "1ms");    // !! the condition did not come to hold within 1ms
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn wait_for(context: NativeCallContext, condition: FnPtr, time: &str) -> Answer<()> {
        until(&context, &condition, Sort::Question, || {
            Ok((Patience::new(duration::parse(time)?, None), None))
        })
    }

    /// The same with options: `timeout` ("10s"), `interval` between two calls, `what` is waited for, in words, for the error.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// wait_for(|| a.link("v9").is_up, #{timeout: "1ms", what: "the uplink"});    // !! cannot wait for `the uplink`: it did not come to hold within 1ms
    /// ```
    #[rhai_fn(name = "wait_for", return_raw, volatile)]
    pub fn wait_for_with(context: NativeCallContext, condition: FnPtr, options: Map) -> Answer<()> {
        until(&context, &condition, Sort::Question, || {
            let mut options = schema::options("wait_for", options, &[CONDITION])?;
            Ok((Patience::of(&mut options)?, WHAT.take_text(&mut options)?))
        })
    }

    /// Calls `expectations` until all that they expect holds, for `time` at most.
    ///
    /// They are the words that fail a script: `expect`, `expect_reach`, `assert` …; a call that gives false counts as well. The error
    /// at the end of the time, of kind `timeout`, says what did not hold last.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let server = a.spawn(["sh", "-c", "echo one; echo two; exec sleep 100"]);
    /// eventually(|| expect(server.lines, ["one", "two"]), "5s");
    /// eventually(|| expect(a.links.len(), 7), "1ms");    // !! the expectations did not come to hold within 1ms
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn eventually(context: NativeCallContext, expectations: FnPtr, time: &str) -> Answer<()> {
        until(&context, &expectations, Sort::Expectations, || {
            Ok((Patience::new(duration::parse(time)?, None), None))
        })
    }

    /// Waits until something in the namespace listens on the port, for `time` at most: `protocol` is `"tcp"` or `"udp"`.
    ///
    /// The error at the end of the time is of kind `timeout`, and says what does listen there. What `ss -ltn` shows.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.wait_port("tcp", 80, "1ms");    // !! cannot wait for tcp port 80 in namespace `a`: nothing listens after 1ms
    /// ```
    #[rhai_fn(name = "wait_port", return_raw, volatile)]
    pub fn wait_for_port(
        context: NativeCallContext,
        net: &mut Netns,
        protocol: &str,
        port: i64,
        time: &str,
    ) -> Answer<()> {
        answer(&context, |session| {
            wait_port(session, net, (protocol, port), |_| {
                Ok(Patience::new(duration::parse(time)?, None))
            })
        })
    }

    /// The same with options: `timeout` ("10s"), `interval` between two looks, `address` that is to be served.
    ///
    /// What listens on all addresses serves each of its family; on all of IPv6 also those of IPv4.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.wait_port("udp", 53, #{address: "10.0.0.1", timeout: "1ms"});    // !! nothing listens on 10.0.0.1 after 1ms
    /// ```
    #[rhai_fn(name = "wait_port", return_raw, volatile)]
    pub fn wait_for_port_with(
        context: NativeCallContext,
        net: &mut Netns,
        protocol: &str,
        port: i64,
        options: Map,
    ) -> Answer<()> {
        answer(&context, |session| {
            wait_port(session, net, (protocol, port), |port| {
                let mut options = schema::options("wait_port", options, &[PORT])?;
                port.address = ADDRESS.take_ip(&mut options)?;
                Patience::of(&mut options)
            })
        })
    }
}
