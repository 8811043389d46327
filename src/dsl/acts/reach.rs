//! Expectations of who reaches whom, which fail the script with who pinged what from which address, and what came back.

use std::net::IpAddr;
use std::rc::Rc;

use rhai::Map;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::acts::{ping, why};
use crate::dsl::handle::Netns;
use crate::dsl::objects;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result};
use crate::lab::Object;
use crate::net::icmp::{Outcome, Report, Request};
use crate::net::route::{self, Question};
use crate::schema::{self, Opt};
use crate::steps::Value;
use crate::value::escape::literal;
use crate::view;

/// What an expectation can be told.
pub(crate) const ROWS: &[Opt] = &[
    ping::COUNT.default("3"),
    ping::INTERVAL.default("200ms"),
    ping::TIMEOUT.default("1s"),
    ping::SIZE,
    ping::TTL,
    ping::SOURCE,
    ping::IFACE,
    ping::DF,
    ping::MARK,
    ping::TOS,
];

/// What a try brought.
struct Tried {
    /// The address that was pinged, where one was found.
    destination: Option<IpAddr>,
    is_reached: bool,
    /// What came back, a line each.
    came_back: Vec<String>,
}

impl Tried {
    fn of(report: &Report) -> Self {
        let request = Request::new(report.destination);
        let mut came_back: Vec<String> = Vec::new();
        for probe in &report.probes {
            if matches!(probe.outcome, Outcome::Reply { .. }) {
                continue;
            }
            let line = view::ping::line(&request, probe).unwrap_or_else(|| "nothing".to_owned());
            let line = without_number(&line);
            if !came_back.contains(&line) {
                came_back.push(line);
            }
        }
        if report.received > 0 {
            came_back.insert(0, format!("{} of {} replies", report.received, report.sent));
        }
        Self {
            destination: Some(report.destination),
            is_reached: report.received > 0,
            came_back,
        }
    }
}

/// A line of a ping for all of its kind: `From 10.0.0.1 Destination Host Unreachable`.
fn without_number(line: &str) -> String {
    match line.split_once(" icmp_seq=") {
        Some((before, behind)) => {
            let what = behind.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{before}{what}")
        }
        None => line.to_owned(),
    }
}

/// The same where the first argument is a text: a namespace's name before a destination, or the destination before options.
fn expect_by_name(
    session: &Rc<Session>,
    place: &str,
    destination: Dynamic,
    wanted: bool,
) -> Result<()> {
    match destination.try_cast_result::<Map>() {
        Ok(options) => {
            let here = Netns(session.here()?);
            expect(session, &here, &place.into(), options, wanted)
        }
        Err(destination) => {
            let net = objects::netns::namespace_argument(&place.into())?;
            expect(session, &net, &destination, Map::new(), wanted)
        }
    }
}

fn expect(
    session: &Rc<Session>,
    net: &Netns,
    given: &Dynamic,
    mut options: Map,
    wanted: bool,
) -> Result<()> {
    let word = if wanted {
        "expect_reach"
    } else {
        "expect_no_reach"
    };
    let name = ping::named(given);
    schema::options(word, options.clone(), &[ROWS])
        .map_err(|error| ping::doing(error, "try to reach", given).in_place(net.label()))?;
    if session.lab().would_test(net, Object::test(word, &name)) {
        return Ok(());
    }
    for row in &ROWS[..3] {
        let usual = row.usual().map(|usual| match usual {
            Value::Number(number) => Dynamic::from(number),
            other => schema::text(&other).into(),
        });
        options
            .entry(row.key.into())
            .or_insert(usual.unwrap_or_default());
    }
    options.insert(ping::QUIET.key.into(), true.into());
    let tried = match ping::ping(session, net, given, options.clone()) {
        Ok(report) => Tried::of(&report.0),
        // That the kernel sends nothing at all is an answer, too.
        Err(error) if error.kind == Kind::Unreachable => Tried {
            destination: None,
            is_reached: false,
            came_back: vec![error.to_string()],
        },
        Err(error) => return Err(error),
    };
    // A try that was cut short says nothing.
    if session.interrupted().is_some() {
        return Err(Error::new(Kind::Interrupted, "interrupted"));
    }
    if tried.is_reached == wanted {
        return Ok(());
    }
    let place = net.label();
    let end = tried.destination.map_or(name.clone(), |ip| ip.to_string());
    session.note_unmet(why::call(place, &end, &options));
    let message = if wanted {
        format!("`{name}` is not reached from namespace `{place}`")
    } else {
        format!("`{name}` is reached from namespace `{place}`")
    };
    let mut error = Error::new(Kind::Assertion, message);
    if let Some(destination) = tried.destination {
        let source = source(session, net, destination);
        let source = source.map_or_else(String::new, |source| format!(" from {source}"));
        error = error.note(format!("pinged: {destination}{source}"));
    }
    error = error.note(format!("came back: {}", tried.came_back.join(", ")));
    if !wanted {
        let way = format!("path({}, {})", literal(place), literal(&end));
        return Err(error.hint(format!("{way} shows the way that the packets take")));
    }
    if let Some((cause, mend)) =
        why::in_short(session, &Dynamic::from(net.clone()), given, &options)
    {
        error = error.note(format!("cause: {cause}"));
        error.hint = mend;
    }
    Err(error)
}

/// The address that packets to `destination` leave with.
fn source(session: &Rc<Session>, net: &Netns, destination: IpAddr) -> Option<IpAddr> {
    let found = session.wait(async {
        let found = route::lookup(&net.rtnl()?, &Question::to(destination)).await;
        Ok::<_, Error>(found?)
    });
    found.ok()?.ok()??.source
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Fails the script unless `destination` answers a ping from the namespace.
    ///
    /// `destination` is an address, a host name, a link or a namespace (its first global address). Three pings are sent, and
    /// one reply is enough. The failure says what was pinged from which address, and what came back.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.link("lo").up();
    /// a.expect_reach("127.0.0.1");
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn expect_reach(
        context: NativeCallContext,
        net: &mut Netns,
        destination: Dynamic,
    ) -> Answer<()> {
        expect_reach_with(context, net, destination, Map::new())
    }

    /// The same with options of the pings, as `ping` has them; here `count` is 3, `interval` "200ms" and `timeout` "1s".
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.link("lo").up();
    /// a.expect_reach("127.0.0.1", #{count: 1, size: 1400});
    /// ```
    #[rhai_fn(name = "expect_reach", return_raw, volatile)]
    pub fn expect_reach_with(
        context: NativeCallContext,
        net: &mut Netns,
        destination: Dynamic,
        options: Map,
    ) -> Answer<()> {
        answer(&context, |session| {
            expect(session, net, &destination, options, true)
        })
    }

    /// Fails the script unless `destination` answers a ping from the namespace of that name.
    ///
    /// ```rhai
    /// netns("a").veth("v0", netns("b"), "v1", #{addr: "10.0.0.1/24", up: true}).peer.addr("10.0.0.2/24").up().wait_up();
    /// expect_reach("a", "b");
    /// ```
    #[rhai_fn(name = "expect_reach", return_raw, volatile)]
    pub fn expect_reach_from(
        context: NativeCallContext,
        place: &str,
        destination: Dynamic,
    ) -> Answer<()> {
        answer(&context, |session| {
            expect_by_name(session, place, destination, true)
        })
    }

    /// The same with options of the pings, as a namespace's own `expect_reach` has them.
    #[rhai_fn(name = "expect_reach", return_raw, volatile)]
    pub fn expect_reach_from_with(
        context: NativeCallContext,
        place: &str,
        destination: Dynamic,
        options: Map,
    ) -> Answer<()> {
        answer(&context, |session| {
            let net = objects::netns::namespace_argument(&place.into())?;
            expect(session, &net, &destination, options, true)
        })
    }

    /// Fails the script if `destination` answers a ping from the namespace.
    ///
    /// No route, an error from a router and silence all count as not reached.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.link("lo").up();
    /// a.expect_no_reach("192.0.2.1");
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn expect_no_reach(
        context: NativeCallContext,
        net: &mut Netns,
        destination: Dynamic,
    ) -> Answer<()> {
        expect_no_reach_with(context, net, destination, Map::new())
    }

    /// The same with options of the pings, as `expect_reach` has them.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.link("lo").up();
    /// a.expect_no_reach("127.0.0.1", #{count: 1, timeout: "200ms"});    // !! `127.0.0.1` is reached from namespace `a`
    /// ```
    #[rhai_fn(name = "expect_no_reach", return_raw, volatile)]
    pub fn expect_no_reach_with(
        context: NativeCallContext,
        net: &mut Netns,
        destination: Dynamic,
        options: Map,
    ) -> Answer<()> {
        answer(&context, |session| {
            expect(session, net, &destination, options, false)
        })
    }

    /// Fails the script if `destination` answers a ping from the namespace of that name.
    ///
    /// ```rhai
    /// netns("a").veth("v0", netns("b"), "v1", #{addr: "10.0.0.1/24", up: true}).peer.addr("10.0.0.2/24");
    /// expect_no_reach("a", "b", #{count: 1, timeout: "200ms"});
    /// ```
    #[rhai_fn(name = "expect_no_reach", return_raw, volatile)]
    pub fn expect_no_reach_from(
        context: NativeCallContext,
        place: &str,
        destination: Dynamic,
    ) -> Answer<()> {
        answer(&context, |session| {
            expect_by_name(session, place, destination, false)
        })
    }

    /// The same with options of the pings, as a namespace's own `expect_no_reach` has them.
    #[rhai_fn(name = "expect_no_reach", return_raw, volatile)]
    pub fn expect_no_reach_from_with(
        context: NativeCallContext,
        place: &str,
        destination: Dynamic,
        options: Map,
    ) -> Answer<()> {
        answer(&context, |session| {
            let net = objects::netns::namespace_argument(&place.into())?;
            expect(session, &net, &destination, options, false)
        })
    }
}
