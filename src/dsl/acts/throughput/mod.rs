//! Throughput: how much comes through from one namespace to another, told as it goes, with a value at the end.

mod live;
mod show;

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rhai::{Array, Map};

use crate::dsl::acts::pair::Pair;
use crate::dsl::acts::ping;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Result};
use crate::lab::Object;
use crate::net::listener::Protocol;
use crate::net::traffic::report::Report;
use crate::net::traffic::{Direction, HEAD, Request, Traffic};
use crate::schema::{self, Form, Opt, Quantity, Wire};
use crate::value::{count, duration};
use crate::view;

use live::Live;

pub(crate) use show::show;

const TIME: Form = Form::Quantity(Quantity::Duration);

const PROTO: Opt = Opt::new(
    "proto",
    Form::Choice(&[("tcp", 0), ("udp", 1)]),
    "the protocol",
)
.default("tcp");
const LENGTH: Opt = Opt::new("time", TIME, "for how long is sent").default("10s");
const INTERVAL: Opt = Opt::new("interval", TIME, "how long an interval is").default("1s");
const STREAMS: Opt = Opt::number(
    "streams",
    Wire::None,
    (1, 500),
    "how many connections there are at once, in each direction",
)
.default("1");
const RATE: Opt = Opt::new(
    "rate",
    Form::Quantity(Quantity::Rate),
    "how much is sent at most in each direction, by all streams together; as much as they can, where nothing is said",
);
const MSS: Opt = Opt::number(
    "mss",
    Wire::None,
    (88, 32_767),
    "the largest segment, in bytes of data; for TCP",
);
const SIZE: Opt = Opt::new(
    "size",
    Form::Quantity(Quantity::Size),
    "the bytes of data in a datagram; as many as fit, where nothing is said; for UDP",
);
const REVERSE: Opt = Opt::new(
    "reverse",
    Form::Switch,
    "whether the second end sends to the first",
)
.default("false");
const BIDIR: Opt = Opt::new("bidir", Form::Switch, "whether both send at once").default("false");
const ZEROCOPY: Opt = Opt::new(
    "zerocopy",
    Form::Switch,
    "whether the kernel sends from pages of a file, which it does not copy; for TCP",
)
.default("false");

/// What a measurement of throughput can be told.
pub(crate) const ROWS: &[Opt] = &[
    PROTO,
    LENGTH,
    INTERVAL,
    STREAMS,
    RATE,
    MSS,
    SIZE,
    REVERSE,
    BIDIR,
    ping::TOS,
    ZEROCOPY,
    ping::TIMEOUT.default("3s"),
    ping::QUIET,
];

/// The longest that is measured.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// The shortest interval, and how many there are at most.
const SHORTEST: Duration = Duration::from_millis(10);
const MOST_INTERVALS: u128 = 100_000;
/// The most data that a datagram holds.
const LARGEST: u32 = 65_507;
/// What a plan takes for measured, in bytes a second.
const HOPED: u64 = 1_250_000_000;

/// What was measured, as scripts hold it, and in which entry of the session it was printed as it came. Copies share it.
#[derive(Clone, Debug)]
pub struct Throughput(Rc<Measured>, pub(crate) Option<usize>);

#[derive(Debug)]
struct Measured {
    /// From whom to whom, as they were given.
    names: [String; 2],
    destination: IpAddr,
    report: Report,
    /// The other direction, where both were measured.
    back: Option<Throughput>,
}

impl Measured {
    fn title(&self) -> String {
        format!("{} → {}", self.names[0], self.names[1])
    }
}

/// A time that is more than nothing.
fn time(row: &Opt, time: Duration, least: Duration) -> Result<Duration> {
    if time >= least.max(Duration::from_millis(1)) && time <= LONGEST {
        return Ok(time);
    }
    let least = duration::print(least.max(Duration::from_millis(1)));
    Err(Error::invalid(format!(
        "`{}` is {least} to 24h, not {}",
        row.key,
        duration::print(time)
    )))
}

/// What the options say, and whether nothing is printed.
fn asked(options: Map) -> Result<(Request, bool)> {
    let options = &mut schema::options("throughput", options, &[ROWS])?;
    let proto = PROTO.take_named("`throughput`", options)?;
    let protocol = match proto.as_deref() {
        Some("udp") => Protocol::Udp,
        _ => Protocol::Tcp,
    };
    let usual = Duration::from_secs(1);
    let length = LENGTH.take_duration(options)?.unwrap_or(usual * 10);
    let length = time(&LENGTH, length, Duration::ZERO)?;
    let interval = INTERVAL.take_duration(options)?.unwrap_or(usual);
    let interval = time(&INTERVAL, interval, SHORTEST)?;
    if length.as_micros() / interval.as_micros() > MOST_INTERVALS {
        return Err(Error::invalid(format!(
            "{} has more than {MOST_INTERVALS} intervals of {}",
            duration::print(length),
            duration::print(interval)
        ))
        .hint("make the intervals longer: #{interval: \"10s\"}"));
    }
    let reverse = REVERSE.take_flag(options)?.unwrap_or(false);
    let bidir = BIDIR.take_flag(options)?.unwrap_or(false);
    let direction = match (bidir, reverse) {
        (true, true) => {
            return Err(Error::invalid("`bidir` measures what `reverse` does, too")
                .hint("give the one or the other"));
        }
        (true, false) => Direction::Both,
        (false, true) => Direction::Back,
        (false, false) => Direction::Forth,
    };
    let mss = MSS.take_number(options)?;
    let size = SIZE.take_size(options)?;
    let zerocopy = ZEROCOPY.take_flag(options)?.unwrap_or(false);
    for (is_given, row, of) in [
        (mss.is_some(), &MSS, Protocol::Tcp),
        (zerocopy, &ZEROCOPY, Protocol::Tcp),
        (size.is_some(), &SIZE, Protocol::Udp),
    ] {
        if is_given && of != protocol {
            return Err(Error::invalid(format!(
                "`{}` is of {}, and {} is measured",
                row.key,
                of.name(),
                protocol.name()
            ))
            .hint(format!("leave it out, or give proto: \"{}\"", of.name())));
        }
    }
    let least = u32::try_from(HEAD).unwrap_or(u32::MAX);
    if let Some(size) = size.filter(|size| !(least..=LARGEST).contains(size)) {
        return Err(Error::invalid(format!(
            "`size` is {least} to {LARGEST}, not {size}"
        )));
    }
    let timeout = ping::TIMEOUT.take_duration(options)?.unwrap_or(usual * 3);
    let request = Request {
        protocol,
        time: length,
        streams: STREAMS.take_number(options)?.unwrap_or(1),
        rate: RATE.take_rate(options)?.map(|rate| rate.bytes_per_second),
        mss,
        size,
        tos: ping::TOS.take_number(options)?,
        zerocopy,
        direction,
        timeout: time(&ping::TIMEOUT, timeout, Duration::ZERO)?,
        interval,
        tick: live::tick(length),
    };
    Ok((request, ping::QUIET.take_flag(options)?.unwrap_or(false)))
}

/// How it is measured, in words.
fn how(request: &Request, size: usize) -> String {
    let mut how = vec![format!(
        "{} for {}",
        request.protocol.name(),
        duration::print(request.time)
    )];
    if request.streams > 1 {
        how.push(format!("{} streams", request.streams));
    }
    if request.protocol == Protocol::Udp {
        how.push(format!("{size} bytes a datagram"));
    }
    if let Some(bytes) = request.rate {
        #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
        let bits = bytes as f64 * 8.0;
        how.push(format!("{} at most", view::throughput::rate(bits)));
    }
    how.join(", ")
}

fn throughput(session: &Rc<Session>, a: &Dynamic, b: &Dynamic, options: Map) -> Result<Throughput> {
    let context = |error: Error| {
        error.unless_said(|error| ping::doing(error, "measure the throughput to", b))
    };
    let (request, quiet) = asked(options).map_err(context)?;
    let quiet = quiet || session.settings().quiet;
    let pair = Pair::find(session, a, b).map_err(context)?;
    let measured = |reports: Vec<Report>, entry| {
        let [from, to] = pair.names.clone();
        let back = [to.clone(), from.clone()];
        let mut names = match request.direction {
            Direction::Back => vec![back],
            Direction::Forth | Direction::Both => vec![[from, to], back],
        }
        .into_iter();
        let mut one = |report, back| {
            let measured = Measured {
                names: names.next().unwrap_or_default(),
                destination: pair.destination,
                report,
                back,
            };
            Throughput(Rc::new(measured), entry)
        };
        let mut reports = reports.into_iter();
        let first = reports.next()?;
        let mut first = one(first, None);
        if let Some(second) = reports.next() {
            let second = one(second, None);
            if let Some(first) = Rc::get_mut(&mut first.0) {
                first.back = Some(second);
            }
        }
        Some(first)
    };
    let missing = || Error::invalid("nothing was measured");
    if session
        .lab()
        .would_test(&pair.from, Object::test("throughput", &pair.title()))
    {
        let rate = request.rate.unwrap_or(HOPED);
        let hoped = Report::hoped_for(request.protocol, request.time, rate);
        let ways = if request.direction == Direction::Both {
            2
        } else {
            1
        };
        return measured(vec![hoped; ways], None).ok_or_else(missing);
    }
    let opened = session.wait_or_interrupt(Traffic::open(&pair.ends(), &request));
    let traffic = opened
        .and_then(|opened| opened)
        .map_err(|error| context(pair.explained(session, error)))?;
    let mut live = Live::new(session, &pair, &request, quiet);
    live.begin(&how(&request, traffic.size()))?;
    let run = traffic.run(|news| live.tell(&news), session.interruption());
    let reports = session.wait(run)?.map_err(context)?;
    live.end(&reports)?;
    let entry = (!quiet).then(|| session.entry());
    measured(reports, entry).ok_or_else(missing)
}

/// A time in milliseconds, where it is known.
fn milliseconds(time: Option<Duration>) -> Dynamic {
    time.map_or(Dynamic::UNIT, |time| ping::in_milliseconds(time).into())
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Measures for ten seconds how much TCP carries from `from` to `to`, tells it each second, and returns what was found.
    ///
    /// Both are a namespace (its first global address), a link or an address; both ends are sockets of ipvsh in their namespaces. On
    /// a terminal it is one line that goes with the time. Ctrl-C ends it with what came until then. Where the other end is not
    /// reached within three seconds, it fails with `unreachable`, the cause and what to type. What `iperf3` does with a server.
    ///
    /// ```rhai,no_run
    /// let found = throughput("a", "b");
    /// assert(found.bits_per_second > 1e9, "too slow");
    /// ```
    #[rhai_fn(name = "throughput", return_raw, volatile)]
    pub fn throughput_(
        context: NativeCallContext,
        from: Dynamic,
        to: Dynamic,
    ) -> Answer<Throughput> {
        throughput_with(context, from, to, Map::new())
    }

    /// The same with options: `time` ("10s"), `proto` ("tcp" or "udp"), `streams` (1), `rate`, `reverse`, `bidir`, `quiet` and others.
    ///
    /// `rate` is the most that all streams of a direction send together. With `reverse` it is `to` that sends, with `bidir` both at
    /// once: `.back` has the other direction. `interval` ("1s") is the length of an interval, `timeout` ("3s") that of connecting.
    /// `tos` is the type of service or the traffic class. For TCP, `mss` is the largest segment, and `zerocopy` sends pages that the
    /// kernel does not copy. For UDP, `size` has the bytes of data in a datagram; without a `rate`, what is sent is as much as the
    /// sender can, and much of it lost.
    ///
    /// ```rhai
    /// let v = netns("a").veth("v0", netns("b"), "v1", #{addr: "10.0.0.1/24", up: true});
    /// v.peer.addr("10.0.0.2/24").up();
    /// let found = throughput("a", "b", #{proto: "udp", rate: "10mbit", time: "100ms", quiet: true});
    /// found.lost    // => 0
    /// ```
    #[rhai_fn(name = "throughput", return_raw, volatile)]
    pub fn throughput_with(
        context: NativeCallContext,
        from: Dynamic,
        to: Dynamic,
        options: Map,
    ) -> Answer<Throughput> {
        answer(&context, |session| {
            super::throughput(session, &from, &to, options)
        })
    }

    /// The bits of data that came in a second, without headers.
    #[rhai_fn(get = "bits_per_second")]
    pub fn get_bits_per_second(found: &mut Throughput) -> f64 {
        found.0.report.bits_per_second()
    }

    /// The address that data was sent to.
    #[rhai_fn(get = "destination")]
    pub fn get_destination(found: &mut Throughput) -> String {
        found.0.destination.to_string()
    }

    /// The bytes of data that came.
    #[rhai_fn(get = "bytes")]
    pub fn get_bytes(found: &mut Throughput) -> i64 {
        count::int(found.0.report.last.bytes)
    }

    /// For how many seconds data was sent.
    #[rhai_fn(get = "seconds")]
    pub fn get_seconds(found: &mut Throughput) -> f64 {
        found.0.report.duration.as_secs_f64()
    }

    /// The protocol, `tcp` or `udp`.
    #[rhai_fn(get = "proto")]
    pub fn get_proto(found: &mut Throughput) -> String {
        found.0.report.protocol.name().to_owned()
    }

    /// Who sent, as it was given.
    #[rhai_fn(get = "from")]
    pub fn get_from(found: &mut Throughput) -> String {
        found.0.names[0].clone()
    }

    /// To whom, as it was given.
    #[rhai_fn(get = "to")]
    pub fn get_to(found: &mut Throughput) -> String {
        found.0.names[1].clone()
    }

    /// The intervals, each a map of `begin_s`, `end_s`, `bytes`, `bits_per_second` and what else the protocol has.
    ///
    /// Of TCP that is `retransmits`, `rtt_ms` and `cwnd`, of UDP `lost`, `out_of_order` and `jitter_ms`.
    #[rhai_fn(get = "intervals")]
    pub fn get_intervals(found: &mut Throughput) -> Array {
        show::intervals(&found.0.report)
    }

    /// How many segments of TCP were sent again; `()` for UDP.
    #[rhai_fn(get = "retransmits")]
    pub fn get_retransmits(found: &mut Throughput) -> Dynamic {
        show::of_tcp(&found.0.report, |report| {
            count::int(report.last.retransmits).into()
        })
    }

    /// The round-trip time of TCP in milliseconds, the mean of the intervals; `()` for UDP.
    #[rhai_fn(get = "rtt_ms")]
    pub fn get_rtt_ms(found: &mut Throughput) -> Dynamic {
        show::of_tcp(&found.0.report, |report| milliseconds(report.rtt))
    }

    /// How many bytes TCP had under way at the most at the end, in all streams: its congestion window; `()` for UDP.
    #[rhai_fn(get = "cwnd")]
    pub fn get_cwnd(found: &mut Throughput) -> Dynamic {
        show::of_tcp(&found.0.report, show::window)
    }

    /// How many datagrams were sent; `()` for TCP.
    #[rhai_fn(get = "sent")]
    pub fn get_sent(found: &mut Throughput) -> Dynamic {
        show::of_udp(&found.0.report, |report| {
            count::int(report.last.sent).into()
        })
    }

    /// How many datagrams did not come; `()` for TCP.
    #[rhai_fn(get = "lost")]
    pub fn get_lost(found: &mut Throughput) -> Dynamic {
        show::of_udp(&found.0.report, |report| count::int(report.lost()).into())
    }

    /// How many datagrams in a hundred did not come; `()` for TCP.
    #[rhai_fn(get = "loss_percent")]
    pub fn get_loss_percent(found: &mut Throughput) -> Dynamic {
        show::of_udp(&found.0.report, |report| report.loss_percent().into())
    }

    /// How unevenly datagrams came, in milliseconds (RFC 3550); `()` for TCP.
    #[rhai_fn(get = "jitter_ms")]
    pub fn get_jitter_ms(found: &mut Throughput) -> Dynamic {
        show::of_udp(&found.0.report, |report| {
            milliseconds(Some(report.last.jitter))
        })
    }

    /// How many datagrams came behind later ones; `()` for TCP.
    #[rhai_fn(get = "out_of_order")]
    pub fn get_out_of_order(found: &mut Throughput) -> Dynamic {
        show::of_udp(&found.0.report, |report| {
            count::int(report.last.out_of_order).into()
        })
    }

    /// How many datagrams came more than once; `()` for TCP.
    #[rhai_fn(get = "duplicates")]
    pub fn get_duplicates(found: &mut Throughput) -> Dynamic {
        show::of_udp(&found.0.report, |report| {
            count::int(report.last.duplicates).into()
        })
    }

    /// How much of one processor sending and receiving took, in percent.
    #[rhai_fn(get = "cpu_percent")]
    pub fn get_cpu_percent(found: &mut Throughput) -> f64 {
        found.0.report.cpu_percent()
    }

    /// What was found in the other direction, with `bidir`; else `()`.
    #[rhai_fn(get = "back")]
    pub fn get_back(found: &mut Throughput) -> Dynamic {
        let back = found.0.back.clone();
        back.map_or(Dynamic::UNIT, Dynamic::from)
    }

    /// What was found, a line for each direction.
    #[rhai_fn(global, name = "to_string", name = "to_debug")]
    pub fn to_text(found: &mut Throughput) -> String {
        show::text(found)
    }
}
