//! Latency: how long answers take from one namespace to another, many of them, and how they spread.

use std::io::stderr;
use std::rc::Rc;
use std::time::Duration;

use indicatif::ProgressBar;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rhai::{Array, Map};

use crate::dsl::acts::pair::Pair;
use crate::dsl::acts::{ping, why};
use crate::dsl::script::print;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Result};
use crate::lab::Object;
use crate::net::icmp::{self, Outcome, Pinger, Probe};
use crate::net::listener::Protocol;
use crate::net::traffic::HEAD;
use crate::net::traffic::echo::{Answers, Asked, Echo};
use crate::schema::{self, Form, Opt, Wire};
use crate::value::count;
use crate::value::spread::Spread;
use crate::view;
use crate::view::plain;
use crate::view::value::{Handle, Value};

const COUNT: Opt = Opt::number(
    "count",
    Wire::None,
    (1, 1_000_000),
    "how many requests are sent",
)
.default("1000");
const PROTO: Opt = Opt::new(
    "proto",
    Form::Choice(&[("icmp", 0), ("udp", 1), ("tcp", 2)]),
    "the protocol",
)
.default("icmp");

/// What a measurement of latency can be told.
pub(crate) const ROWS: &[Opt] = &[
    COUNT,
    PROTO,
    ping::INTERVAL.default("1ms"),
    ping::TIMEOUT.default("1s"),
    ping::SIZE,
    ping::TOS,
    ping::QUIET,
];

/// What was measured, as scripts hold it, and in which entry of the session it was printed. Copies share it.
#[derive(Clone, Debug)]
pub struct Latency(Rc<Measured>, pub(crate) Option<usize>);

#[derive(Debug)]
struct Measured {
    /// From whom to whom, as they were given.
    names: [String; 2],
    /// The second with its address.
    destination: String,
    proto: String,
    sent: u64,
    spread: Spread,
}

impl Measured {
    fn draw(&self) -> String {
        let title = format!("{} → {}", self.names[0], self.destination);
        view::latency::draw(&title, &self.proto, self.sent, &self.spread)
    }

    fn svg(&self) -> String {
        let title = format!("{} → {}", self.names[0], self.destination);
        view::latency::svg(&title, &self.proto, self.sent, &self.spread)
    }

    fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.spread.count() as u64)
    }

    fn loss_percent(&self) -> f64 {
        if self.sent == 0 {
            return 0.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a million at the most")]
        let share = self.lost() as f64 / self.sent as f64;
        share * 100.0
    }

    fn histogram(&self) -> Vec<[(&'static str, Dynamic); 3]> {
        let bins = self.spread.bins().into_iter();
        bins.map(|bin| {
            [
                ("from_ms", ping::in_milliseconds(bin.from).into()),
                ("below_ms", milliseconds(bin.below)),
                ("count", count::int(bin.count).into()),
            ]
        })
        .collect()
    }
}

/// What the options say, the name of the protocol, and whether nothing is printed.
fn asked(options: Map) -> Result<(Asked, String, bool)> {
    let options = &mut schema::options("latency", options, &[ROWS])?;
    let proto = PROTO.take_named("`latency`", options)?;
    let proto = proto.unwrap_or_else(|| "icmp".to_owned());
    let protocol = match proto.as_str() {
        "tcp" => Protocol::Tcp,
        _ => Protocol::Udp,
    };
    let interval = ping::INTERVAL.take_duration(options)?;
    let timeout = ping::TIMEOUT.take_duration(options)?;
    let size: u16 = ping::SIZE.take_number(options)?.unwrap_or(56);
    if proto != "icmp" && usize::from(size) < HEAD {
        return Err(Error::invalid(format!(
            "`size` is {HEAD} or more for {proto}, not {size}"
        )));
    }
    let asked = Asked {
        protocol,
        count: COUNT.take_number(options)?.unwrap_or(1000),
        interval: interval.unwrap_or(Duration::from_millis(1)),
        timeout: timeout.unwrap_or(Duration::from_secs(1)),
        size: size.into(),
        tos: ping::TOS.take_number(options)?,
    };
    let quiet = ping::QUIET.take_flag(options)?.unwrap_or(false);
    Ok((asked, proto, quiet))
}

/// Echo requests of ICMP.
async fn pings(
    session: &Session,
    pair: &Pair,
    asked: &Asked,
    mut tell: impl FnMut(u64),
) -> Result<Answers> {
    let mut request = icmp::Request::new(pair.destination);
    request.count = Some(asked.count);
    request.interval = asked.interval;
    request.timeout = asked.timeout;
    request.size = u16::try_from(asked.size).unwrap_or(u16::MAX);
    request.tos = asked.tos;
    request.source = pair.source;
    let mut pinger = pair.from.within(|| Pinger::open(&request))??;
    let mut times = Vec::new();
    let live = |probe: &Probe| {
        if let Outcome::Reply { rtt, .. } = &probe.outcome {
            times.push(*rtt);
        }
        tell(probe.sequence);
    };
    let report = pinger.run(live, session.interruption()).await?;
    Ok(Answers {
        sent: report.sent,
        times,
        interrupted: report.interrupted,
    })
}

fn latency(session: &Rc<Session>, a: &Dynamic, b: &Dynamic, options: Map) -> Result<Latency> {
    let context =
        |error: Error| error.unless_said(|error| ping::doing(error, "measure the latency to", b));
    let (asked, proto, quiet) = asked(options).map_err(context)?;
    let settings = session.settings();
    let quiet = quiet || settings.quiet;
    let pair = Pair::find(session, a, b).map_err(context)?;
    let measured = |answers: Answers| Measured {
        names: pair.names.clone(),
        destination: pair.named_destination(),
        proto: proto.clone(),
        sent: answers.sent,
        spread: Spread::new(answers.times),
    };
    if session
        .lab()
        .would_test(&pair.from, Object::test("latency", &pair.title()))
    {
        let hoped = Answers {
            sent: asked.count,
            times: vec![Duration::ZERO; usize::try_from(asked.count).unwrap_or(1)],
            interrupted: false,
        };
        return Ok(Latency(Rc::new(measured(hoped)), None));
    }
    let is_live = !quiet && !settings.json && plain::is_live(&stderr());
    let bar = if is_live {
        ProgressBar::new(asked.count)
    } else {
        ProgressBar::hidden()
    };
    let tell = |done: u64| bar.set_position(done);
    let answers = if proto == "icmp" {
        session.wait(pings(session, &pair, &asked, tell))
    } else {
        let ends = pair.ends();
        let opened = session.wait_or_interrupt(Echo::open(&ends, asked));
        let echo = opened.and_then(|opened| opened);
        echo.and_then(|echo| session.wait(echo.run(tell, session.interruption())))
    };
    bar.finish_and_clear();
    let answers = answers
        .and_then(|answers| answers)
        .map_err(|error| context(pair.explained(session, error)))?;
    let is_silent = answers.times.is_empty() && answers.sent > 0 && !answers.interrupted;
    let found = measured(answers);
    if !quiet {
        session.print(&found.draw())?;
        if is_silent {
            let from = Dynamic::from(pair.from.clone());
            let place = pair.from.label();
            let (cause, hint) = why::advice(session, &from, place, pair.destination, &Map::new());
            session.explain(&cause, &hint);
        }
    }
    let entry = (!quiet).then(|| session.entry());
    Ok(Latency(Rc::new(found), entry))
}

/// A time in milliseconds, where it is known.
fn milliseconds(time: Option<Duration>) -> Dynamic {
    time.map_or(Dynamic::UNIT, |time| ping::in_milliseconds(time).into())
}

/// What there is to show of it.
pub(crate) fn show(found: &Latency) -> Value {
    let found = &found.0;
    let spread = &found.spread;
    let value = |value: Dynamic| print::value(None, &value);
    let time = |time| value(milliseconds(time));
    let bins = found.histogram().into_iter().map(|bin| {
        let fields = bin.into_iter();
        Value::Map(
            fields
                .map(|(key, one)| (key.to_owned(), value(one)))
                .collect(),
        )
    });
    let cell = |time: Option<Duration>| time.map_or_else(String::new, view::latency::millis);
    let title = format!("{} → {}", found.names[0], found.names[1]);
    Value::Handle(Box::new(Handle {
        name: format!("{title}: {}", view::latency::summary(found.sent, spread)),
        line: found.draw(),
        cells: vec![
            ("from", found.names[0].clone()),
            ("to", found.names[1].clone()),
            ("proto", found.proto.clone()),
            ("lost", found.lost().to_string()),
            ("p50_ms", cell(spread.permille(500))),
            ("p99_ms", cell(spread.permille(990))),
            ("max_ms", cell(spread.max())),
        ],
        fields: vec![
            ("from", Value::text(&found.names[0])),
            ("to", Value::text(&found.names[1])),
            ("proto", Value::text(&found.proto)),
            ("sent", Value::word(found.sent)),
            ("received", Value::word(spread.count())),
            ("loss_percent", value(found.loss_percent().into())),
            ("min_ms", time(spread.min())),
            ("mean_ms", time(spread.mean())),
            ("p50_ms", time(spread.permille(500))),
            ("p90_ms", time(spread.permille(900))),
            ("p99_ms", time(spread.permille(990))),
            ("p999_ms", time(spread.permille(999))),
            ("max_ms", time(spread.max())),
            ("histogram", Value::List(bins.collect())),
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
    /// Measures a thousand times how long an answer takes from `from` to `to` and back, draws how they spread, and returns it.
    ///
    /// Both are a namespace (its first global address), a link or an address. An echo request of ICMP is sent each millisecond, and
    /// one that is not answered within a second is lost, which is no error. Ctrl-C ends it with what came until then.
    ///
    /// ```rhai,no_run
    /// let found = latency("a", "b");
    /// assert(found.p99_ms < 5.0, "too slow");
    /// ```
    #[rhai_fn(name = "latency", return_raw, volatile)]
    pub fn latency_(context: NativeCallContext, from: Dynamic, to: Dynamic) -> Answer<Latency> {
        latency_with(context, from, to, Map::new())
    }

    /// The same with options: `count` (1000), `proto` ("icmp"; "udp", "tcp"), `interval` ("1ms"), `timeout` ("1s"), `size` (56 bytes), `tos`, `quiet`.
    ///
    /// With UDP and TCP the other end is a socket of ipvsh that sends back what comes. Where that is not reached within three
    /// times `timeout`, it fails with `unreachable`, the cause and what to type.
    ///
    /// ```rhai
    /// let v = netns("a").veth("v0", netns("b"), "v1", #{addr: "10.0.0.1/24", up: true});
    /// v.peer.addr("10.0.0.2/24").up();
    /// latency("a", "b", #{proto: "tcp", count: 10, quiet: true}).received    // => 10
    /// ```
    #[rhai_fn(name = "latency", return_raw, volatile)]
    pub fn latency_with(
        context: NativeCallContext,
        from: Dynamic,
        to: Dynamic,
        options: Map,
    ) -> Answer<Latency> {
        answer(&context, |session| {
            super::latency(session, &from, &to, options)
        })
    }

    /// Who asked.
    #[rhai_fn(get = "from")]
    pub fn get_from(found: &mut Latency) -> String {
        found.0.names[0].clone()
    }

    /// Who was asked.
    #[rhai_fn(get = "to")]
    pub fn get_to(found: &mut Latency) -> String {
        found.0.names[1].clone()
    }

    /// By what: `icmp`, `udp` or `tcp`.
    #[rhai_fn(get = "proto")]
    pub fn get_proto(found: &mut Latency) -> String {
        found.0.proto.clone()
    }

    /// How many requests were sent.
    #[rhai_fn(get = "sent")]
    pub fn get_sent(found: &mut Latency) -> i64 {
        count::int(found.0.sent)
    }

    /// How many were answered in time.
    #[rhai_fn(get = "received")]
    pub fn get_received(found: &mut Latency) -> i64 {
        count::int(found.0.spread.count())
    }

    /// How many in a hundred were not.
    #[rhai_fn(get = "loss_percent")]
    pub fn get_loss_percent(found: &mut Latency) -> f64 {
        found.0.loss_percent()
    }

    /// The shortest time in milliseconds, or `()` without an answer.
    #[rhai_fn(get = "min_ms")]
    pub fn get_min_ms(found: &mut Latency) -> Dynamic {
        milliseconds(found.0.spread.min())
    }

    /// The mean time in milliseconds, or `()` without an answer.
    #[rhai_fn(get = "mean_ms")]
    pub fn get_mean_ms(found: &mut Latency) -> Dynamic {
        milliseconds(found.0.spread.mean())
    }

    /// The time in milliseconds that half of the answers do not exceed, or `()` without one.
    #[rhai_fn(get = "p50_ms")]
    pub fn get_p50_ms(found: &mut Latency) -> Dynamic {
        milliseconds(found.0.spread.permille(500))
    }

    /// The time in milliseconds that 90 % of the answers do not exceed, or `()` without one.
    #[rhai_fn(get = "p90_ms")]
    pub fn get_p90_ms(found: &mut Latency) -> Dynamic {
        milliseconds(found.0.spread.permille(900))
    }

    /// The time in milliseconds that 99 % of the answers do not exceed, or `()` without one.
    #[rhai_fn(get = "p99_ms")]
    pub fn get_p99_ms(found: &mut Latency) -> Dynamic {
        milliseconds(found.0.spread.permille(990))
    }

    /// The time in milliseconds that 99.9 % of the answers do not exceed, or `()` without one.
    #[rhai_fn(get = "p999_ms")]
    pub fn get_p999_ms(found: &mut Latency) -> Dynamic {
        milliseconds(found.0.spread.permille(999))
    }

    /// The longest time in milliseconds, or `()` without an answer.
    #[rhai_fn(get = "max_ms")]
    pub fn get_max_ms(found: &mut Latency) -> Dynamic {
        milliseconds(found.0.spread.max())
    }

    /// How the times spread, each a map of `from_ms`, `below_ms` and `count`; the last has no `below_ms`.
    #[rhai_fn(get = "histogram")]
    pub fn get_histogram(found: &mut Latency) -> Array {
        let bins = found.0.histogram().into_iter();
        bins.map(|bin| {
            let map: Map = bin
                .into_iter()
                .map(|(key, one)| (key.into(), one))
                .collect();
            map.into()
        })
        .collect()
    }

    /// The histogram as a picture: the text of an SVG, for a file or a page.
    ///
    /// ```rhai
    /// let v = netns("a").veth("v0", netns("b"), "v1", #{addr: "10.0.0.1/24", up: true});
    /// v.peer.addr("10.0.0.2/24").up();
    /// write("latency.svg", latency("a", "b", #{count: 10, quiet: true}).svg);
    /// ```
    #[rhai_fn(get = "svg")]
    pub fn get_svg(found: &mut Latency) -> String {
        found.0.svg()
    }

    /// The histogram, with the percentiles below it.
    #[rhai_fn(global, name = "to_string", name = "to_debug")]
    pub fn to_text(found: &mut Latency) -> String {
        found.0.draw()
    }
}
