//! Ping: ICMP echo from a namespace, printed line by line as it goes, with a report as its value.

use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs};
use std::rc::Rc;
use std::time::Duration;

use rhai::Map;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::acts::why;
use crate::dsl::handle::{Link, Netns};
pub(crate) use crate::dsl::objects::addr::named;
use crate::dsl::objects::{addr, link};
use crate::dsl::script::print;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result, nearest};
use crate::lab::{Command, Object};
use crate::net::icmp::{Outcome, Pinger, Probe, Report, Request};
use crate::net::{icmp, namespace, netns};
use crate::schema::{self, Form, Opt, Quantity, Wire};
use crate::value::count;
use crate::value::name::NetnsName;
use crate::value::options::{self, Options};
use crate::value::prefix;
use crate::view;
use crate::view::value::{Handle, Value};

const TIME: Form = Form::Quantity(Quantity::Duration);

const fn number(key: &'static str, range: (i64, i64), doc: &'static str) -> Opt {
    Opt::number(key, Wire::None, range, doc)
}

pub(crate) const COUNT: Opt = number(
    "count",
    (0, i64::MAX),
    "how many requests are sent; 0 for no end",
);
pub(crate) const INTERVAL: Opt = Opt::new("interval", TIME, "the time between two requests");
pub(crate) const TIMEOUT: Opt = Opt::new("timeout", TIME, "how long a reply is waited for");
pub(crate) const SIZE: Opt = number("size", (0, 65507), "bytes of data in a request").default("56");
pub(crate) const TTL: Opt = number("ttl", (1, 255), "time to live of the requests");
pub(crate) const SOURCE: Opt = Opt::new("source", Form::Ip, "the address to send from");
pub(crate) const DF: Opt = Opt::new(
    "df",
    Form::Switch,
    "whether no router may cut the requests into fragments",
)
.default("false");
pub(crate) const MARK: Opt = number("mark", (0, u32::MAX as i64), "the mark of the requests");
pub(crate) const TOS: Opt = number("tos", (0, 255), "the type of service of the requests");
pub(crate) const IFACE: Opt = Opt::new("iface", Form::Device, "the link to send by");
pub(crate) const QUIET: Opt =
    Opt::new("quiet", Form::Switch, "whether nothing is printed").default("false");

/// What a ping can be told.
pub(crate) const ROWS: &[Opt] = &[
    COUNT.default("4"),
    INTERVAL.default("1s"),
    TIMEOUT.default("4s"),
    SIZE,
    TTL,
    SOURCE,
    IFACE,
    DF,
    MARK,
    TOS,
    QUIET,
];

/// A report, as scripts hold it: what was found, and in which entry of the session it was printed as it came.
#[derive(Clone, Debug)]
pub struct PingReport(pub Rc<icmp::Report>, pub Option<usize>);

/// The address behind what a script names as destination, and how it named it.
fn destination(
    session: &Rc<Session>,
    from: &netns::Netns,
    given: &Dynamic,
) -> Result<(IpAddr, String)> {
    if let Some(found) = addr::meant(session, given)? {
        return Ok(found);
    }
    let Some(text) = given.read_lock::<rhai::ImmutableString>() else {
        let place = from.label();
        return Err(Error::invalid(format!(
            "a destination is an address, a name, a link or a namespace, not {}",
            options::type_in_words(given.type_name())
        ))
        .hint(format!(
            "a namespace in front is where the ping starts; to ping `{place}` from the current one, write here().ping(netns(\"{place}\"), …)"
        )));
    };
    if let Some((ip, _)) = prefix::zoned(&text) {
        return Ok((ip, text.to_string()));
    }
    resolve(session, from, &text).map(|ip| (ip, text.to_string()))
}

/// Looks a host name up, as the namespace's own resolver has it.
fn resolve(session: &Session, from: &netns::Netns, name: &str) -> Result<IpAddr> {
    // What looks like an address is a mistyped one, not a name.
    if prefix::is_meant(name) {
        return prefix::ip(name);
    }
    // The resolver can't be interrupted: another thread waits for it, which is in the namespace that it was born in.
    let (tell, told) = futures::channel::oneshot::channel();
    let asked = name.to_owned();
    let ask = move || {
        let found = (asked.as_str(), 0).to_socket_addrs();
        let first = found.ok().and_then(|mut all| all.next());
        // Where nobody waits any more, the run was interrupted.
        let _ = tell.send(first);
    };
    from.within(|| std::thread::Builder::new().spawn(ask))??;
    let first = session.wait_or_interrupt(told)?.ok().flatten();
    first.map(|address| address.ip()).ok_or_else(|| {
        let error = Error::new(
            Kind::NotFound,
            format!("`{name}` is neither a namespace nor a known host name"),
        );
        let names = namespace::names().unwrap_or_default();
        match nearest(name, names.iter().map(NetnsName::as_str)) {
            Some(near) => error.hint(format!("did you mean the namespace `{near}`?")),
            None => error.hint("give an address, a link or a namespace"),
        }
    })
}

/// Reads the options of a ping into a request.
pub(crate) fn request(
    destination: IpAddr,
    label: String,
    options: &mut Options,
) -> Result<Request> {
    let mut request = Request::new(destination);
    request.label = label;
    if let Some(count) = COUNT.take_number::<i64>(options)? {
        request.count = u64::try_from(count).ok().filter(|count| *count > 0);
    }
    if let Some(interval) = INTERVAL.take_duration(options)? {
        request.interval = interval;
    }
    if let Some(timeout) = TIMEOUT.take_duration(options)? {
        request.timeout = timeout;
    }
    if let Some(size) = SIZE.take_number(options)? {
        request.size = size;
    }
    request.ttl = TTL.take_number(options)?.or(request.ttl);
    request.source = SOURCE.take_ip(options)?.or(request.source);
    request.dont_fragment = DF.take_flag(options)?.unwrap_or(false);
    request.mark = MARK.take_number(options)?;
    request.tos = TOS.take_number(options)?;
    Ok(request)
}

/// How the heading of what goes from one end to another calls one: a link with its namespace, `b:e0`.
pub(crate) fn titled(given: &Dynamic) -> String {
    match given.read_lock::<Link>() {
        Some(link) => format!("{}:{}", link.netns().label(), link.name()),
        None => named(given),
    }
}

/// Says what was being done with what a script gave as an end, by its name where it has one.
pub(crate) fn doing(error: Error, verb: &str, given: &Dynamic) -> Error {
    if given.is::<Netns>() || given.is::<Link>() || given.is_string() {
        return error.doing(verb, &named(given));
    }
    error.doing_plain(verb.strip_suffix(" to").unwrap_or(verb))
}

/// The `ping` of iputils that asks the same.
pub(crate) fn command(net: &Netns, request: &Request) -> Command {
    let mut words = Vec::new();
    words.extend(request.count.map(|count| format!("-c{count}")));
    words.push(format!("-i{}", request.interval.as_secs_f64()));
    words.push(format!("-W{}", request.timeout.as_secs_f64()));
    words.push(format!("-s{}", request.size));
    words.extend(request.ttl.map(|ttl| format!("-t{ttl}")));
    words.extend(request.source.map(|source| format!("-I{source}")));
    words.extend(request.device.as_ref().map(|device| format!("-I{device}")));
    words.extend(request.dont_fragment.then(|| "-Mdo".to_owned()));
    words.extend(request.mark.map(|mark| format!("-m{mark}")));
    words.extend(request.tos.map(|tos| format!("-Q{tos}")));
    words.push(request.destination.to_string());
    Command::tool("ping", net, words)
}

/// Pings, prints what comes unless it is to be quiet, and returns the report.
pub(crate) fn ping(
    session: &Rc<Session>,
    net: &Netns,
    given: &Dynamic,
    options: Map,
) -> Result<PingReport> {
    let context = |error: Error| {
        if error.doing.is_empty() {
            doing(error, "ping", given).in_place(net.label())
        } else {
            error.within(net.label())
        }
    };
    let asked = options.clone();
    let mut options = schema::options("ping", options, &[ROWS]).map_err(context)?;
    let quiet = QUIET.take_flag(&mut options).map_err(context)?;
    let quiet = quiet.unwrap_or(false);
    let quiet = quiet || session.settings().quiet;
    net.check()?;
    let (ip, label) = if session.lab().plans() {
        // Nothing in a plan can resolve a name.
        destination(session, net, given).unwrap_or((Ipv4Addr::UNSPECIFIED.into(), named(given)))
    } else {
        destination(session, net, given).map_err(context)?
    };
    let mut request = request(ip, label, &mut options).map_err(context)?;
    request.device = prefix::zoned(&request.label).map(|(_, zone)| zone.to_owned());
    if let Some(given) = IFACE.take_given(&mut options).map_err(context)? {
        let device = link::link_argument(session, net, &given).map_err(context)?;
        link::is_in(net, &device).map_err(context)?;
        request.device = Some(device.name());
    }
    let lab = session.lab();
    lab.trace().observe(|| command(net, &request));
    if lab.would_test(net, Object::test("ping", &request.label)) {
        return Ok(PingReport(Rc::new(Report::hoped_for(&request)), None));
    }
    let say = |text: &str| if quiet { Ok(()) } else { session.print(text) };

    let mut printed = Ok(());
    let report = session.wait_long(async {
        let mut pinger = net.within(|| Pinger::open(&request))??;
        let request = pinger.request().clone();
        say(&view::ping::header(&request))?;
        let live = |probe: &Probe| {
            if let Some(line) = view::ping::line(&request, probe)
                && printed.is_ok()
            {
                printed = say(&line);
            }
        };
        pinger.run(live, session.interruption()).await
    })?;
    let report = report.map_err(context)?;
    printed?;
    say(view::ping::summary(&report).trim_end_matches('\n'))?;
    let is_of_one = !report.destination.is_multicast();
    if !quiet && is_of_one && report.received == 0 && report.sent > 0 && !report.interrupted {
        let from = Dynamic::from(net.clone());
        let (cause, hint) = why::advice(session, &from, net.label(), report.destination, &asked);
        session.explain(&cause, &hint);
    }
    let entry = (!quiet).then(|| session.entry());
    Ok(PingReport(Rc::new(report), entry))
}

/// What became of one probe, as scripts see it.
fn to_map(probe: &Probe) -> Map {
    let mut map = Map::new();
    let mut put = |key: &str, value: Dynamic| {
        map.insert(key.into(), value);
    };
    put("seq", count::int(probe.sequence).into());
    let mut from = |ip: &IpAddr| put("from", ip.to_string().into());
    let kind = match &probe.outcome {
        Outcome::Reply {
            from: ip,
            bytes,
            ttl,
            rtt,
        }
        | Outcome::Duplicate {
            from: ip,
            bytes,
            ttl,
            rtt,
        } => {
            from(ip);
            put("bytes", i64::try_from(*bytes).unwrap_or(i64::MAX).into());
            put(
                "ttl",
                ttl.map_or(Dynamic::UNIT, |ttl| i64::from(ttl).into()),
            );
            put("rtt_ms", in_milliseconds(*rtt).into());
            "reply"
        }
        Outcome::Lost => "lost",
        Outcome::Unreachable { from: ip, what } => {
            from(ip);
            put("what", what.name().into());
            "unreachable"
        }
        Outcome::TtlExceeded { from: ip } => {
            from(ip);
            "ttl_exceeded"
        }
        Outcome::FragmentationNeeded { from: ip, mtu } => {
            from(ip);
            put(
                "mtu",
                mtu.map_or(Dynamic::UNIT, |mtu| i64::from(mtu).into()),
            );
            "fragmentation_needed"
        }
        Outcome::Problem { from: ip, .. } => {
            from(ip);
            "problem"
        }
        Outcome::SendFailed { errno, mtu } => {
            put("errno", crate::error::errno_name(*errno).into());
            put(
                "mtu",
                mtu.map_or(Dynamic::UNIT, |mtu| i64::from(mtu).into()),
            );
            "send_failed"
        }
    };
    put("kind", kind.into());
    if let Some((icmp_type, code, _)) = probe.outcome.icmp() {
        put("type", i64::from(icmp_type).into());
        put("code", i64::from(code).into());
    }
    map
}

fn probes(report: &PingReport, wanted: impl Fn(&Outcome) -> bool) -> rhai::Array {
    let probes = report.0.probes.iter();
    probes
        .filter(|probe| wanted(&probe.outcome))
        .map(|probe| to_map(probe).into())
        .collect()
}

/// A time in milliseconds, to the microsecond.
pub(crate) fn in_milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

fn milliseconds(time: Option<Duration>) -> Dynamic {
    time.map_or(Dynamic::UNIT, |time| in_milliseconds(time).into())
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Pings `destination` from the namespace four times, prints each line as it comes, and returns the report.
    ///
    /// `destination` is an address, a link, a namespace (its first global address) by handle or by name, or a host name. Of a broadcast or
    /// multicast address all that answer are told, until the next request is due. A lost reply is a result and
    /// no error. The time of a reply is taken from the kernel's stamp on it. Ctrl-C ends it with the summary. Where none comes, what
    /// `why` knows of it is said on standard error: the cause, and what to type.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.link("lo").up();
    /// a.ping("127.0.0.1", #{interval: "1ms"}).received    // => 4
    /// ```
    #[rhai_fn(name = "ping", return_raw, volatile)]
    pub fn ping_(
        context: NativeCallContext,
        net: &mut Netns,
        destination: Dynamic,
    ) -> Answer<PingReport> {
        ping_with(context, net, destination, Map::new())
    }

    /// Pings `count` times; 0 means until Ctrl-C.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.link("lo").up();
    /// a.ping("127.0.0.1", 1).ok    // => true
    /// ```
    #[rhai_fn(name = "ping", return_raw, volatile)]
    pub fn ping_count(
        context: NativeCallContext,
        net: &mut Netns,
        destination: Dynamic,
        count: i64,
    ) -> Answer<PingReport> {
        let options = Map::from([("count".into(), count.into())]);
        ping_with(context, net, destination, options)
    }

    /// Pings with options: how many, how often, how long they may take, of which size, from where, and by which link.
    ///
    /// They are `count` (4; 0 until Ctrl-C), `interval` ("1s", or a number of seconds), `timeout` ("4s"), `size` (56 bytes), `ttl`, `source`,
    /// `iface`, `df`, `mark`, `tos`, `quiet`.
    ///
    /// `iface` is the link (or VRF) to send through, `source` the address to send from. With `df` no packet is fragmented, not even here: what
    /// is too long for the path fails, with the MTU. `mark` is what routes and filters go by, `tos` the type of service or the traffic class.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.link("lo").up();
    /// a.ping("127.0.0.1", #{count: 3, interval: "1ms", quiet: true}).loss_percent    // => 0.0
    /// ```
    #[rhai_fn(name = "ping", return_raw, volatile)]
    pub fn ping_with(
        context: NativeCallContext,
        net: &mut Netns,
        destination: Dynamic,
        options: Map,
    ) -> Answer<PingReport> {
        answer(&context, |session| {
            ping(session, net, &destination, options)
        })
    }

    /// Whether all that was sent was answered.
    #[rhai_fn(get = "ok")]
    pub fn get_ok(report: &mut PingReport) -> bool {
        report.0.ok()
    }

    /// Who was asked, as it was named.
    #[rhai_fn(get = "destination")]
    pub fn get_destination(report: &mut PingReport) -> String {
        report.0.label.clone()
    }

    /// How many requests were sent.
    #[rhai_fn(get = "sent")]
    pub fn get_sent(report: &mut PingReport) -> i64 {
        count::int(report.0.sent)
    }

    /// How many were answered.
    #[rhai_fn(get = "received")]
    pub fn get_received(report: &mut PingReport) -> i64 {
        count::int(report.0.received)
    }

    /// How many in a hundred were not answered.
    #[rhai_fn(get = "loss_percent")]
    pub fn get_loss_percent(report: &mut PingReport) -> f64 {
        report.0.loss_percent()
    }

    /// The shortest round-trip time in milliseconds, or `()` without a reply.
    #[rhai_fn(get = "rtt_min_ms")]
    pub fn get_rtt_min_ms(report: &mut PingReport) -> Dynamic {
        milliseconds(report.0.rtt_min())
    }

    /// The mean round-trip time in milliseconds, or `()` without a reply.
    #[rhai_fn(get = "rtt_avg_ms")]
    pub fn get_rtt_avg_ms(report: &mut PingReport) -> Dynamic {
        milliseconds(report.0.rtt_avg())
    }

    /// The longest round-trip time in milliseconds, or `()` without a reply.
    #[rhai_fn(get = "rtt_max_ms")]
    pub fn get_rtt_max_ms(report: &mut PingReport) -> Dynamic {
        milliseconds(report.0.rtt_max())
    }

    /// The standard deviation of the round-trip times in milliseconds, or `()` without a reply.
    #[rhai_fn(get = "rtt_mdev_ms")]
    pub fn get_rtt_mdev_ms(report: &mut PingReport) -> Dynamic {
        milliseconds(report.0.rtt_mdev())
    }

    /// The replies, each a map of `seq`, `from`, `bytes`, `ttl` and `rtt_ms`.
    #[rhai_fn(get = "replies")]
    pub fn get_replies(report: &mut PingReport) -> rhai::Array {
        probes(report, |outcome| outcome.rtt().is_some())
    }

    /// What was answered with an error or could not be sent, each a map of `seq`, `kind` and what else is known of it.
    ///
    /// Kinds: `unreachable`, `ttl_exceeded`, `fragmentation_needed`, `problem`, `send_failed`. An ICMP error has its sender as `from`, and
    /// its `type` and `code`; `what` says of `unreachable` what is not reached: `net`, `host`, `port`, `protocol`, `prohibited` and others.
    #[rhai_fn(get = "errors")]
    pub fn get_errors(report: &mut PingReport) -> rhai::Array {
        probes(report, Outcome::is_error)
    }

    /// The report in one line.
    #[rhai_fn(global, name = "to_string", name = "to_debug")]
    pub fn to_text(report: &mut PingReport) -> String {
        super::to_text(report)
    }
}

/// What there is to show of a report.
pub(crate) fn show(report: &PingReport) -> Value {
    let short = |time: Option<Duration>| {
        time.map_or_else(String::new, |time| {
            format!("{:.3}", time.as_secs_f64() * 1e3)
        })
    };
    let seen = &report.0;
    let line = to_text(report);
    Value::Handle(Box::new(Handle {
        name: line.clone(),
        line,
        cells: vec![
            ("destination", seen.label.clone()),
            ("sent", seen.sent.to_string()),
            ("received", seen.received.to_string()),
            ("loss_percent", seen.loss_percent().to_string()),
            ("rtt_min_ms", short(seen.rtt_min())),
            ("rtt_avg_ms", short(seen.rtt_avg())),
            ("rtt_max_ms", short(seen.rtt_max())),
        ],
        fields: fields(report),
    }))
}

/// All that is known of a report.
pub(crate) fn fields(report: &PingReport) -> Vec<(&'static str, Value)> {
    let time = |time: Option<Duration>| {
        time.map_or(Value::Nothing, |time| Value::word(in_milliseconds(time)))
    };
    let list = |maps: rhai::Array| print::value(None, &maps.into());
    let seen = &report.0;
    vec![
        ("destination", Value::text(&seen.label)),
        ("ok", Value::word(seen.ok())),
        ("sent", Value::word(seen.sent)),
        ("received", Value::word(seen.received)),
        ("loss_percent", Value::word(seen.loss_percent())),
        ("rtt_min_ms", time(seen.rtt_min())),
        ("rtt_avg_ms", time(seen.rtt_avg())),
        ("rtt_max_ms", time(seen.rtt_max())),
        ("rtt_mdev_ms", time(seen.rtt_mdev())),
        (
            "replies",
            list(probes(report, |outcome| outcome.rtt().is_some())),
        ),
        ("errors", list(probes(report, Outcome::is_error))),
    ]
}

/// The summary without its blank line and heading.
fn to_text(report: &PingReport) -> String {
    let summary = view::ping::summary(&report.0);
    let lines: Vec<&str> = summary
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("---"))
        .collect();
    format!("{}: {}", report.0.label, lines.join(", "))
}
