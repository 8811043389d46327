//! Captures: the packets of links of several namespaces, into one file, while the script goes on.

use std::cell::Cell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rhai::{Array, Map};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::objects::link;
use crate::dsl::script::data::path_of;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result};
use crate::lab::Object;
use crate::net::capture::file::{Files, Head};
use crate::net::capture::filter::Filter;
use crate::net::capture::{self, Point, SNAPLEN, Status, Wanted};
use crate::net::link::Snapshot;
use crate::net::namespace::Id;
use crate::net::netns;
use crate::schema::{self, Form, Opt, Quantity};
use crate::value::count;
use crate::value::duration;
use crate::view::value::{Handle, Value};

const FILTER: Opt = Opt::new(
    "filter",
    Form::Text,
    "which packets, in the words of `tcpdump`: host net port src dst proto ip ip6 arp tcp udp icmp icmp6 vlan and or not ( )",
)
.often(&["icmp", "arp or icmp6", "tcp port 80", "host 10.0.0.2"]);
const COUNT: Opt = Opt::new(
    "count",
    Form::Number {
        least: 1,
        most: i64::MAX,
        names: &[],
    },
    "how many packets: then it ends by itself",
);
const SIZE: Opt = Opt::new(
    "size",
    Form::Quantity(Quantity::Size),
    "how large the file may be: then it ends by itself, or goes on with the next file of the ring",
);
const RING: Opt = Opt::new(
    "ring",
    Form::Number {
        least: 2,
        most: 10_000,
        names: &[],
    },
    "how many files of that size are kept: of `x.pcapng` they are `x.1.pcapng`, `x.2.pcapng` and so on, the oldest written anew",
);
const KEPT: Opt = Opt::new(
    "snaplen",
    Form::Number {
        least: 14,
        most: SNAPLEN as i64,
        names: &[],
    },
    "how many bytes of each packet are kept",
)
.default("262144");

/// What a capture can be told.
pub(crate) const ROWS: &[Opt] = &[FILTER, COUNT, SIZE, RING, KEPT];

/// A capture that goes on beside the script, as scripts hold it.
#[derive(Clone, Debug)]
pub struct Capture(Rc<State>);

#[derive(Debug)]
struct State {
    /// None in a plan.
    runs: Option<capture::Capture>,
    /// The file, as the script calls it, and the folder from which it is seen.
    file: String,
    folder: PathBuf,
    /// The file, as the system finds it.
    path: PathBuf,
    /// Whether it was said how it ended.
    is_told: Cell<bool>,
}

impl std::fmt::Display for Capture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.file)
    }
}

impl Capture {
    /// Has all taken that has passed, and tells how it goes.
    fn status(&self, session: &Session) -> Status {
        let Some(runs) = &self.0.runs else {
            return Status::default();
        };
        let status = runs.status();
        tell(session, runs);
        status
    }

    /// Ends it. Why it ended early is an error, the first time that it is told.
    fn stop(&self, session: &Session) -> Result<()> {
        let Some(runs) = &self.0.runs else {
            return Ok(());
        };
        let status = runs.stop();
        tell(session, runs);
        if self.0.is_told.replace(true) {
            return Ok(());
        }
        let dropped = status.dropped();
        if dropped > 0 {
            let all = dropped.saturating_add(status.packets);
            session.note(&format!(
                "capture `{self}`: {dropped} of {all} packets were dropped, which came faster than they were written; \
                 a filter, a shorter snaplen or a faster disk drops less"
            ));
        }
        match status.error {
            Some(error) => Err(error.unless_said(|error| error.doing("capture", &self.0.file))),
            None => Ok(()),
        }
    }

    /// Whether it still runs, and writes that file.
    pub(crate) fn writes(&self, path: &Path) -> bool {
        let runs = self.0.runs.as_ref();
        self.0.path == path && runs.is_some_and(|runs| !runs.last_status().has_ended)
    }

    /// Leaves the links of a namespace that is deleted.
    pub(crate) fn leave(&self, namespace: Id) {
        if let Some(runs) = self
            .0
            .runs
            .as_ref()
            .filter(|runs| !runs.last_status().has_ended)
        {
            runs.leave(namespace);
        }
    }

    /// The files as the script can name them, oldest first.
    fn files(&self, session: &Session) -> Vec<String> {
        let name = |file: &PathBuf| {
            let seen = file.strip_prefix(&self.0.folder).unwrap_or(file);
            seen.display().to_string()
        };
        match &self.0.runs {
            Some(_) => self.status(session).files.iter().map(name).collect(),
            None => vec![self.0.file.clone()],
        }
    }
}

/// Says what happened that nobody was told yet.
fn tell(session: &Session, runs: &capture::Capture) {
    for note in runs.take_notes() {
        session.note(&note);
    }
}

/// Ends all captures of a run: what there is to say of them is said.
pub(crate) fn end_all(session: &Session) {
    for capture in session.take_captures() {
        if let Err(error) = capture.stop(session) {
            session.note(&format!("capture `{capture}` ended early: {error}"));
        }
    }
}

/// A link with the namespace that it is in.
type Place = (Rc<netns::Netns>, Snapshot);

/// The links that a script names, each once: handles, names, or namespaces for all of theirs.
fn places(session: &Rc<Session>, given: &[Dynamic]) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    for one in given {
        if let Some(net) = one.read_lock::<Netns>() {
            let links = link::all(session, &net.0)?;
            places.extend(links.into_iter().map(|link| (net.0.clone(), link)));
        } else {
            let found = link::link_argument(session, &session.here()?, one)?;
            places.push((found.netns(), link::snapshot(session, &found)?));
        }
    }
    let mut seen = HashSet::new();
    places.retain(|(netns, link)| seen.insert((netns.namespace().id(), link.index)));
    if places.is_empty() {
        return Err(Error::invalid("it is given no link")
            .hint("name links: capture([a.link(\"to-b\"), b.link(\"to-a\")], \"x.pcapng\")"));
    }
    Ok(places)
}

fn begin(
    context: &NativeCallContext,
    session: &Rc<Session>,
    given: &[Dynamic],
    file: &str,
    options: Map,
) -> Result<Capture> {
    let about = |error: Error| error.unless_said(|error| error.doing("capture into", file));
    let mut options = schema::options("capture", options, &[ROWS]).map_err(about)?;
    let text = FILTER.take_text(&mut options).map_err(about)?;
    let text = text.unwrap_or_default();
    let wanted = Wanted {
        filter: Filter::parse(&text)?,
        count: COUNT.take_number(&mut options).map_err(about)?,
        snaplen: KEPT
            .take_number(&mut options)
            .map_err(about)?
            .unwrap_or(SNAPLEN),
    };
    let size = SIZE.take_size(&mut options).map_err(about)?.map(u64::from);
    let ring = RING.take_number::<usize>(&mut options).map_err(about)?;
    if ring.is_some() && size.is_none() {
        return Err(about(
            Error::invalid("`ring` needs the size of its files")
                .hint("write for example #{size: \"10MiB\", ring: 5}"),
        ));
    }
    let places = places(session, given).map_err(about)?;
    let path = path_of(context, file);
    let points: Vec<Point> = places
        .iter()
        .map(|(netns, link)| Point::new(netns, link))
        .collect();
    let names: Vec<&str> = points.iter().map(|point| point.name.as_str()).collect();
    if session.writes_capture(&path) {
        let error = Error::new(Kind::Busy, "a capture that still runs writes it");
        return Err(about(
            error.hint("end that one first with `.stop()`, or name another file"),
        ));
    }
    let state = |runs| {
        let script = Path::new(context.call_source().unwrap_or_default());
        Capture(Rc::new(State {
            runs,
            file: file.to_owned(),
            folder: script.parent().unwrap_or(Path::new("")).to_owned(),
            path: path.clone(),
            is_told: Cell::new(false),
        }))
    };
    let what = format!("{} into {file}", names.join(", "));
    if session
        .lab()
        .would_test(&Netns(places[0].0.clone()), Object::test("capture", &what))
    {
        session.plan_file(path.clone(), String::new());
        return Ok(state(None));
    }
    let comment = match (context.call_source(), context.call_position().line()) {
        (Some(script), Some(line)) => Some(format!("{script}:{line}")),
        _ => None,
    };
    let head = Head {
        points,
        snaplen: wanted.snaplen,
        filter: text,
        comment,
    };
    let links: Vec<_> = places
        .iter()
        .map(|(netns, link)| (&**netns, link))
        .collect();
    let make = || Files::make(&path, head, size, ring);
    let runs = capture::Capture::start(&links, make, &wanted).map_err(about)?;
    let capture = state(Some(runs));
    session.add_capture(capture.clone());
    Ok(capture)
}

fn wait(session: &Session, capture: &Capture, time: &str) -> Result<()> {
    let about = |error: Error| match error.kind {
        Kind::Interrupted => error,
        _ => error.unless_said(|error| error.doing("wait for capture", &capture.0.file)),
    };
    let limit = duration::parse(time).map_err(about)?;
    let Some(runs) = &capture.0.runs else {
        return Ok(());
    };
    let ended = session
        .wait_or_interrupt(async { tokio::time::timeout(limit, runs.ended()).await.is_ok() })?;
    if !ended {
        let packets = capture.status(session).packets;
        return Err(about(
            Error::new(
                Kind::Timeout,
                format!("it still runs after {time}, with {packets} packets"),
            )
            .hint("it ends by itself with `count` or `size`"),
        ));
    }
    capture.stop(session)
}

/// What there is to show of a capture.
pub(crate) fn show(session: Option<&Rc<Session>>, capture: &Capture) -> Value {
    let status = match (&capture.0.runs, session) {
        (Some(_), Some(session)) => capture.status(session),
        (Some(runs), None) => runs.last_status(),
        (None, _) => Status::default(),
    };
    let is_running = capture.0.runs.is_some() && !status.has_ended;
    let how = if is_running { "running" } else { "ended" }.to_owned();
    let (packets, dropped) = (status.packets.to_string(), status.dropped().to_string());
    Value::Handle(Box::new(Handle {
        name: capture.to_string(),
        line: format!("{capture}  {how}  {packets} packets, {dropped} dropped"),
        cells: vec![
            ("file", capture.to_string()),
            ("state", how),
            ("packets", packets.clone()),
            ("dropped", dropped.clone()),
        ],
        fields: vec![
            ("file", Value::text(&capture.0.file)),
            ("running", Value::word(is_running)),
            ("packets", Value::Word(packets)),
            ("dropped", Value::Word(dropped)),
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
    /// Captures the packets of several links, of whatever namespaces, into one file, and returns a handle while the script goes on.
    ///
    /// The list has links, names of links in the current namespace, and namespaces for all links that they have now. The file is
    /// pcapng, which Wireshark and `tshark` read: each link is an interface called `NAMESPACE:LINK`, each packet has the kernel's
    /// stamp in nanoseconds and says whether it went in or out. Its path is seen from the folder of the script; a file that is
    /// there is replaced. The capture ends with `stop()`, with the run at the latest, and the file is whole then; it is no part of
    /// the lab, and stays. Links are not made promiscuous. A link that goes is told by a note, the others go on.
    /// What `tcpdump -i LINK -w FILE` does in one namespace. Its filter says the same with one exception: what is within the tag of a
    /// `vlan` is what is joined to that word by `and`, here; `tcpdump` looks there for all that follows.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let v = a.veth("to-b", netns("b"), "to-a", #{addr: "10.0.0.1/24", up: true});
    /// v.peer.addr("10.0.0.2/24").up();
    /// let c = capture([v, v.peer], "x.pcapng", #{filter: "icmp"});
    /// a.ping("10.0.0.2", 1);
    /// c.stop().packets    // => 4
    /// ```
    #[rhai_fn(name = "capture", return_raw, volatile)]
    pub fn capture_list_with(
        context: NativeCallContext,
        links: Array,
        file: &str,
        options: Map,
    ) -> Answer<Capture> {
        answer(&context, |session| {
            super::begin(&context, session, &links, file, options)
        })
    }

    /// The same for all packets.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// capture([a.link("lo")], "x.pcapng").running    // => true
    /// ```
    #[rhai_fn(name = "capture", return_raw, volatile)]
    pub fn capture_list(context: NativeCallContext, links: Array, file: &str) -> Answer<Capture> {
        capture_list_with(context, links, file, Map::new())
    }

    /// Captures the packets of the link into a file, and returns a handle while the script goes on.
    ///
    /// ```rhai
    /// let lo = netns("a").link("lo").up();
    /// let c = lo.capture("x.pcapng", #{filter: "icmp", count: 2});
    /// lo.netns.ping("127.0.0.1", 1);
    /// c.wait("5s").packets    // => 2
    /// ```
    #[rhai_fn(name = "capture", return_raw, volatile)]
    pub fn capture_link_with(
        context: NativeCallContext,
        link: &mut Link,
        file: &str,
        options: Map,
    ) -> Answer<Capture> {
        answer(&context, |session| {
            let links = [Dynamic::from(link.clone())];
            super::begin(&context, session, &links, file, options)
        })
    }

    /// The same for all packets.
    ///
    /// ```rhai
    /// netns("a").link("lo").capture("x.pcapng").file    // => "x.pcapng"
    /// ```
    #[rhai_fn(name = "capture", return_raw, volatile)]
    pub fn capture_link(
        context: NativeCallContext,
        link: &mut Link,
        file: &str,
    ) -> Answer<Capture> {
        capture_link_with(context, link, file, Map::new())
    }

    /// Ends the capture, and returns it: all that passed before is in the file. Ended already is no error.
    ///
    /// Fails where the file could not be written. How many packets were dropped, if any, is said in a note.
    ///
    /// ```rhai
    /// let c = netns("a").link("lo").capture("x.pcapng");
    /// c.stop().running    // => false
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn stop(context: NativeCallContext, capture: &mut Capture) -> Answer<Capture> {
        answer(&context, |session| {
            super::Capture::stop(capture, session)?;
            Ok(capture.clone())
        })
    }

    /// Waits until the capture has ended by itself, for `time` at most, and returns it: it has as many packets as `count` says, or its file is full.
    ///
    /// ```rhai
    /// let lo = netns("a").link("lo").up();
    /// lo.capture("x.pcapng", #{count: 1}).wait("1ms")    // !! it still runs after 1ms
    /// ```
    #[rhai_fn(name = "wait", return_raw, volatile)]
    pub fn wait_for_capture(
        context: NativeCallContext,
        capture: &mut Capture,
        time: &str,
    ) -> Answer<Capture> {
        answer(&context, |session| {
            super::wait(session, capture, time)?;
            Ok(capture.clone())
        })
    }

    /// How many packets the file has. While it runs, all that have passed until now are written first.
    #[rhai_fn(get = "packets", return_raw, volatile)]
    pub fn get_packets(context: NativeCallContext, capture: &mut Capture) -> Answer<i64> {
        answer(&context, |session| {
            Ok(count::int(capture.status(session).packets))
        })
    }

    /// How many packets the kernel had no room for, as they came faster than they were written.
    #[rhai_fn(get = "dropped", return_raw, volatile)]
    pub fn get_capture_dropped(context: NativeCallContext, capture: &mut Capture) -> Answer<i64> {
        answer(&context, |session| {
            Ok(count::int(capture.status(session).dropped()))
        })
    }

    /// Whether the capture still goes on.
    #[rhai_fn(get = "running", return_raw, volatile)]
    pub fn get_capture_running(context: NativeCallContext, capture: &mut Capture) -> Answer<bool> {
        answer(&context, |session| {
            let has_ended = capture.status(session).has_ended;
            Ok(capture.0.runs.is_some() && !has_ended)
        })
    }

    /// The file of the capture, as `packets` and `read` take it; of a ring, the one that was written last.
    #[rhai_fn(get = "file", return_raw, volatile)]
    pub fn get_file(context: NativeCallContext, capture: &mut Capture) -> Answer<String> {
        answer(&context, |session| {
            Ok(capture.files(session).pop().unwrap_or_default())
        })
    }

    /// The files of the capture, oldest first: several, where it has a ring.
    #[rhai_fn(get = "files", return_raw, volatile)]
    pub fn get_files(context: NativeCallContext, capture: &mut Capture) -> Answer<Array> {
        answer(&context, |session| {
            Ok(capture
                .files(session)
                .into_iter()
                .map(Dynamic::from)
                .collect())
        })
    }

    /// The capture in one line: its file.
    #[rhai_fn(global, name = "to_string", name = "to_debug")]
    pub fn capture_to_text(capture: &mut Capture) -> String {
        capture.to_string()
    }
}
