//! What the kernel reports while something is done, and waiting for a report.

use std::rc::Rc;

use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rhai::{Array, FnPtr, Map};

use crate::dsl::handle::Netns;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result};
use crate::lab::Object;
use crate::net::monitor::{CHANGES, Event, KINDS, Monitor};
use crate::schema::{self, Form, Opt};
use crate::value::duration;
use crate::value::options::Options;

const KIND: Opt = Opt::new("kind", Form::Text, "what it is about").often(&KINDS);
const CHANGE: Opt = Opt::new("change", Form::Text, "what became of it").often(&CHANGES);
const NETNS: Opt = Opt::new("netns", Form::Text, "the namespace, by its name");
const LINK: Opt = Opt::new("link", Form::Text, "the link, by its name");
const TEXT: Opt = Opt::new("text", Form::Text, "what its text has in it");

/// What a report that is waited for can be told to be.
pub(crate) const ROWS: &[Opt] = &[KIND, CHANGE, NETNS, LINK, TEXT];

/// Listens in all namespaces that there are now.
fn listen(session: &Rc<Session>) -> Result<Monitor> {
    let all = session.known_namespaces()?;
    session.wait(async {
        let mut monitor = Monitor::default();
        for netns in &all {
            match monitor.listen(netns).await {
                // One may go while the others are opened.
                Err(error) if error.kind == Kind::NotFound => {}
                opened => opened?,
            }
        }
        Ok::<_, Error>(monitor)
    })?
}

fn to_map(event: &Event) -> Map {
    let link = event.link.clone();
    Map::from([
        ("netns".into(), event.netns.clone().into()),
        ("kind".into(), event.kind.into()),
        ("change".into(), event.change.into()),
        ("link".into(), link.map_or(Dynamic::UNIT, Dynamic::from)),
        ("text".into(), event.text.clone().into()),
    ])
}

/// What a report is to be: what is not said may be anything.
#[derive(Debug, Default)]
struct Wanted {
    kind: Option<String>,
    change: Option<String>,
    netns: Option<String>,
    link: Option<String>,
    text: Option<String>,
}

impl Wanted {
    fn read(options: &mut Options) -> Result<Self> {
        let mut wanted = Self {
            kind: KIND.take_text(options)?,
            change: CHANGE.take_text(options)?,
            netns: NETNS.take_text(options)?,
            link: LINK.take_text(options)?,
            text: TEXT.take_text(options)?,
        };
        let known = |key: &str, given: &mut Option<String>, known: &[&'static str]| {
            let Some(word) = given.as_deref() else {
                return Ok(());
            };
            let pairs: Vec<_> = known.iter().map(|word| (*word, *word)).collect();
            let chosen = crate::value::choice::choose("an event", key, word, &pairs)?;
            *given = Some(chosen.to_owned());
            Ok::<_, Error>(())
        };
        known("kind", &mut wanted.kind, &KINDS)?;
        known("change", &mut wanted.change, &CHANGES)?;
        Ok(wanted)
    }

    fn is(&self, event: &Event) -> bool {
        let fits = |wanted: &Option<String>, given: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == given)
        };
        let link = event.link.as_deref().unwrap_or_default();
        let mut text = self.text.iter();
        fits(&self.kind, event.kind)
            && fits(&self.change, event.change)
            && fits(&self.netns, &event.netns)
            && fits(&self.link, link)
            && text.all(|part| event.text.contains(part))
    }

    fn in_words(&self) -> String {
        let said = [
            ("kind", &self.kind),
            ("change", &self.change),
            ("netns", &self.netns),
            ("link", &self.link),
            ("text", &self.text),
        ];
        let said = said.into_iter();
        let words = said.filter_map(|(key, value)| Some(format!("{key} {}", value.as_ref()?)));
        let words: Vec<String> = words.collect();
        if words.is_empty() {
            "an event".to_owned()
        } else {
            words.join(", ")
        }
    }
}

fn wait_event(session: &Rc<Session>, given: Map, time: &str) -> Result<Dynamic> {
    let limit = duration::parse(time)?;
    let mut options = schema::options("wait_event", given, &[ROWS])?;
    let wanted = Wanted::read(&mut options)?;
    let what = wanted.in_words();
    if session
        .lab()
        .would_test(&Netns(session.here()?), Object::test("wait_event", &what))
    {
        return Ok(Dynamic::UNIT);
    }
    let mut monitor = listen(session)?;
    let mut heard = 0;
    let wait = async {
        loop {
            monitor.ready().await;
            let events = monitor.heard();
            heard += events.len();
            if let Some(event) = events.iter().find(|event| wanted.is(event)) {
                return to_map(event);
            }
        }
    };
    // The timer begins within the runtime.
    let found =
        session.wait_or_interrupt(async { tokio::time::timeout(limit, wait).await.ok() })?;
    found.map(Dynamic::from).ok_or_else(|| {
        let limit = duration::print(limit);
        let error = Error::new(Kind::Timeout, format!("none came within {limit}"));
        error
            .doing("wait for", &what)
            .note(format!("other events: {heard}"))
            .hint("what has come already is not waited for: make it come in events(|| { … })")
    })
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Calls `block` and returns what the kernel reported meanwhile: links, addresses, routes, neighbours and rules that came, changed or went.
    ///
    /// Each is a map of `netns`, `kind` (`link`, `addr`, `route`, `neighbor`, `rule`; `lost` where there was more than could be kept),
    /// `change` (`new`, `changed`, `gone`), `link` and `text`, which says it as `ip` does. It is listened to in all namespaces that there are when it begins. What `ip monitor` shows.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let seen = events(|| a.veth("v0", "v1"));
    /// seen.map(|event| `${event.kind} ${event.link} ${event.change}`)    // => ["link v1 new", "link v0 new"]
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn events(context: NativeCallContext, block: FnPtr) -> Answer<Array> {
        let is_planned = answer(&context, |session| {
            let here = Netns(session.here()?);
            Ok(session
                .lab()
                .would_test(&here, Object::test("events", "a block")))
        })?;
        if is_planned {
            let _ = block.call_within_context::<Dynamic>(&context, ())?;
            return Ok(Array::new());
        }
        let mut monitor = answer(&context, super::listen)?;
        let _ = block.call_within_context::<Dynamic>(&context, ())?;
        let heard = monitor.heard();
        let maps = heard
            .iter()
            .map(|event| Dynamic::from(super::to_map(event)));
        Ok(maps.collect())
    }

    /// Waits until the kernel reports what `wanted` says, for `time` at most, and returns that event, a map as those of `events`.
    ///
    /// `wanted` may have `kind`, `change`, `netns`, `link`, and `text`, which is to be a part of the event's. What was reported before is not
    /// waited for. The error at the end of the time is of kind `timeout`.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let job = a.spawn(["sh", "-c", "while :; do ip link add v0 type veth peer v1; ip link del v0; done"]);
    /// wait_event(#{kind: "link", link: "v0", change: "gone"}, "10s").netns    // => "a"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn wait_event(context: NativeCallContext, wanted: Map, time: &str) -> Answer<Dynamic> {
        answer(&context, |session| super::wait_event(session, wanted, time))
    }
}
