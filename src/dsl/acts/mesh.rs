//! A mesh: everybody pings everybody at once, and a matrix says who reaches whom.

use std::net::IpAddr;
use std::rc::Rc;

use futures::future::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rhai::{Array, Map};

use crate::dsl::acts::ping::{self, PingReport};
use crate::dsl::acts::why;
use crate::dsl::handle::{Link, Netns};
use crate::dsl::objects::netns::namespace_argument;
use crate::dsl::objects::route::rows::FAMILIES;
use crate::dsl::objects::{addr, link};
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result};
use crate::lab::Object;
use crate::net::icmp::{Pinger, Report, Request};
use crate::net::neighbour_table::{Family, Overflows};
use crate::schema::{self, Form, Opt, Wire};
use crate::value::count;
use crate::value::options;
use crate::view;
use crate::view::value::{Handle, Value};

const COUNT: Opt = Opt::number(
    "count",
    Wire::None,
    (1, 10_000),
    "how many requests each sends to each",
)
.default("1");
const FAMILY: Opt = Opt::new(
    "family",
    Form::Choice(FAMILIES),
    "the family of addresses; both, where none is given",
);

/// What a mesh can be told.
pub(crate) const ROWS: &[Opt] = &[
    COUNT,
    FAMILY,
    ping::INTERVAL.default("200ms"),
    ping::TIMEOUT.default("2s"),
    ping::SIZE,
    ping::TTL,
];

/// How many pairs are under way at once: each takes three open files.
const AT_ONCE: usize = 1000;

/// Who takes part.
#[derive(Clone, Debug)]
struct Member {
    /// What the matrix calls it.
    name: String,
    net: Netns,
    /// The first of its global addresses.
    first: IpAddr,
    /// All of them; of a link, those of the link alone.
    addresses: Vec<IpAddr>,
    /// Whether it is a link: it sends from its own address.
    is_link: bool,
}

/// What one of a mesh gets from another.
#[derive(Debug)]
struct Pair {
    from: usize,
    to: usize,
    report: PingReport,
}

/// What a mesh found, as scripts hold it. Copies share it.
#[derive(Clone, Debug)]
pub struct Mesh(Rc<Found>);

#[derive(Debug)]
struct Found {
    names: Vec<String>,
    /// By row, then by column; nobody pings itself.
    pairs: Vec<Pair>,
    /// What else there is to know of the losses.
    note: Option<String>,
    /// Why the first pair that is not reached is not, and what to type.
    advice: Option<(String, String)>,
}

/// Everybody that a script lists, with their addresses.
fn members(session: &Rc<Session>, list: &Array, family: Option<bool>) -> Result<Vec<Member>> {
    let mut members: Vec<Member> = Vec::new();
    for given in list {
        let member = member(session, given, family)?;
        if members.iter().any(|known| known.name == member.name) {
            return Err(Error::invalid(format!(
                "`{}` is in the list twice",
                member.name
            )));
        }
        members.push(member);
    }
    if members.len() < 2 {
        return Err(Error::invalid(format!(
            "it takes two at least, and the list has {}",
            members.len()
        ))
        .hint("list namespaces or links: mesh([\"net-1\", \"net-2\"])"));
    }
    Ok(members)
}

fn member(session: &Rc<Session>, given: &Dynamic, family: Option<bool>) -> Result<Member> {
    let link = given.read_lock::<Link>().map(|link| link.clone());
    let net = match &link {
        Some(link) => Netns(link.netns()),
        None if given.is::<Netns>() || given.is_string() => namespace_argument(given)?,
        None => {
            return Err(Error::invalid(format!(
                "each in the list is a namespace or a link, not {}",
                options::type_in_words(given.type_name())
            )));
        }
    };
    net.check()?;
    let (name, what) = match &link {
        Some(link) => (
            name_of_link(link),
            format!(
                "link `{}` in namespace `{net}`",
                link::snapshot(session, link)?.name
            ),
        ),
        None => (net.to_string(), format!("namespace `{net}`")),
    };
    let mut addresses = addr::all_global(session, &net, link.as_ref().map(Link::index))?;
    addresses.retain(|ip| family.is_none_or(|is_ipv6| ip.is_ipv6() == is_ipv6));
    let Some(first) = addresses.first().copied() else {
        let of_family = match family {
            None => "",
            Some(false) => " IPv4",
            Some(true) => " IPv6",
        };
        return Err(Error::new(
            Kind::NotFound,
            format!("{what} has no global{of_family} address"),
        ));
    };
    Ok(Member {
        name,
        net,
        first,
        addresses,
        is_link: link.is_some(),
    })
}

/// The pings from one to the other, after the pattern that the options made.
fn request(pattern: &Request, from: &Member, to: &Member) -> Request {
    let sender = |to: IpAddr| {
        let own = from.addresses.iter().copied();
        own.into_iter().find(|ip| ip.is_ipv6() == to.is_ipv6())
    };
    // Of a family that both have; where there is none, the kernel says that there is no route.
    let mut known = to.addresses.iter().copied();
    let destination = known.find(|ip| sender(*ip).is_some()).unwrap_or(to.first);
    Request {
        destination,
        label: destination.to_string(),
        source: from.is_link.then(|| sender(destination)).flatten(),
        ..pattern.clone()
    }
}

fn mesh(session: &Rc<Session>, list: &Array, mut options: Map) -> Result<Mesh> {
    let context = |error: Error| {
        if error.doing.is_empty() {
            error.doing_plain("ping each other")
        } else {
            error
        }
    };
    for row in ROWS.iter().filter(|row| row.form.is_time()) {
        options.entry(row.key.into()).or_insert(row.default.into());
    }
    let mut options = schema::options("mesh", options, &[ROWS]).map_err(context)?;
    let family = FAMILY.take_numbered::<u8>("`mesh`", &mut options);
    let family = family.map_err(context)?.map(|number| number > 0);
    let count = COUNT.take_number(&mut options).map_err(context)?;
    let members = members(session, list, family).map_err(context)?;
    let nowhere = IpAddr::from([0, 0, 0, 0]);
    let mut pattern = ping::request(nowhere, String::new(), &mut options).map_err(context)?;
    pattern.count = Some(count.unwrap_or(1));

    let mut wanted = Vec::new();
    for (row, from) in members.iter().enumerate() {
        for (column, to) in members.iter().enumerate() {
            if row != column {
                wanted.push((row, column, request(&pattern, from, to)));
            }
        }
    }
    let lab = session.lab();
    for (from, _, request) in &wanted {
        lab.trace()
            .observe(|| ping::command(&members[*from].net, request));
    }
    let names: Vec<String> = members.iter().map(|member| member.name.clone()).collect();
    let before = Overflows::read();
    let reports: Vec<Report> = if lab.would_test(
        &Netns(session.here()?),
        Object::test("mesh", &names.join(", ")),
    ) {
        let requests = wanted.iter().map(|(_, _, request)| request);
        requests.map(Report::hoped_for).collect()
    } else {
        ping_all(session, &members, &wanted).map_err(context)?
    };
    let was_full = Overflows::read().since(&before);
    let is_lossy = !reports.iter().all(Report::ok);
    let note = was_full
        .filter(|_| is_lossy)
        .map(|family| full_table(family, wanted.len()));
    let mut missed = wanted.iter().zip(&reports);
    let missed = missed.find(|(_, report)| report.received == 0 && report.sent > 0);
    let advice = missed
        .filter(|_| note.is_none())
        .map(|((from, to, _), report)| {
            let from_name = &members[*from].name;
            let (cause, hint) = why::advice(
                session,
                &list[*from],
                from_name,
                report.destination,
                &Map::new(),
            );
            (
                format!("{from_name} → {}: {cause}", members[*to].name),
                hint,
            )
        });
    let pairs = wanted.iter().zip(reports);
    let pairs = pairs.map(|((from, to, _), report)| Pair {
        from: *from,
        to: *to,
        report: PingReport(Rc::new(report), None),
    });
    Ok(Mesh(Rc::new(Found {
        names,
        pairs: pairs.collect(),
        note,
        advice,
    })))
}

/// Says that the table of neighbours was too full for a mesh of so many pairs.
fn full_table(family: Family, pairs: usize) -> String {
    let enough = (2 * pairs).next_power_of_two();
    format!(
        "the kernel's table of neighbours, one for all namespaces together, was full: `sysctl -w net.{}={enough}` on the machine makes room",
        family.room()
    )
}

/// Pings all pairs at once, and returns their reports in the order of `wanted`.
fn ping_all(
    session: &Rc<Session>,
    members: &[Member],
    wanted: &[(usize, usize, Request)],
) -> Result<Vec<Report>> {
    session.wait_long(async {
        let interruption = session.interruption().boxed_local().shared();
        let pings = wanted.iter().map(|(from, _, request)| {
            let interruption = interruption.clone();
            async move {
                let net = &members[*from].net;
                let opened = net.within(|| Pinger::open(request))?;
                let mut pinger = opened.map_err(|error| error.within(net.label()))?;
                pinger.run(|_| {}, interruption).await
            }
        });
        stream::iter(pings).buffered(AT_ONCE).try_collect().await
    })?
}

impl Found {
    fn ok(&self) -> bool {
        self.pairs.iter().all(|pair| pair.report.0.ok())
    }

    fn report(&self, from: usize, to: usize) -> Option<&PingReport> {
        if from == to {
            return None;
        }
        // A row has all columns but its own.
        let column = if to > from { to - 1 } else { to };
        let pair = self.pairs.get(from * (self.names.len() - 1) + column)?;
        Some(&pair.report)
    }

    fn draw(&self) -> String {
        let matrix = view::mesh::draw(&self.names, |from, to| {
            self.report(from, to).map(|report| &*report.0)
        });
        match (&self.note, &self.advice) {
            (Some(note), _) => format!("{matrix}\nnote: {note}"),
            (None, Some((cause, hint))) => format!("{matrix}\ncause: {cause}\nhint: {hint}"),
            (None, None) => matrix,
        }
    }

    /// What a script calls the member that it names.
    fn index(&self, given: &Dynamic) -> Result<usize> {
        let name = match given.read_lock::<Link>() {
            Some(link) => name_of_link(&link),
            None => ping::named(given),
        };
        let found = self.names.iter().position(|known| *known == name);
        found.ok_or_else(|| {
            let error = Error::new(Kind::NotFound, format!("the mesh has no `{name}`"));
            error.note(format!("it has: {}", self.names.join(", ")))
        })
    }

    fn row(&self, pair: &Pair) -> Map {
        let report = &pair.report.0;
        let name = |index: usize| Dynamic::from(self.names[index].clone());
        let count = |number: u64| count::int(number).into();
        let mean = report.rtt_avg().map(ping::in_milliseconds);
        Map::from([
            ("from".into(), name(pair.from)),
            ("to".into(), name(pair.to)),
            ("destination".into(), report.destination.to_string().into()),
            ("ok".into(), report.ok().into()),
            ("sent".into(), count(report.sent)),
            ("received".into(), count(report.received)),
            ("result".into(), result(report).into()),
            (
                "rtt_avg_ms".into(),
                mean.map_or(Dynamic::UNIT, Dynamic::from),
            ),
        ])
    }
}

fn name_of_link(link: &Link) -> String {
    format!("{}/{}", link.netns().label(), link.name())
}

/// What a pair's pings brought, in a word or two.
fn result(report: &Report) -> &'static str {
    if report.ok() {
        "ok"
    } else if report.received > 0 {
        "some lost"
    } else {
        view::mesh::in_words(report)
    }
}

/// What there is to show of a mesh.
pub(crate) fn show(mesh: &Mesh) -> Value {
    let found = &mesh.0;
    let line = found.draw();
    let count = found.pairs.len();
    let reached = found.pairs.iter().filter(|pair| pair.report.0.ok()).count();
    let name = |index: usize| Value::text(&found.names[index]);
    let row = |pair: &Pair| {
        let fields = [
            ("from", name(pair.from)),
            ("to", name(pair.to)),
            ("result", Value::text(result(&pair.report.0))),
        ];
        let fields = fields.into_iter().chain(ping::fields(&pair.report));
        let fields = fields.map(|(key, value)| (key.to_owned(), value));
        Value::Map(fields.collect())
    };
    Value::Handle(Box::new(Handle {
        name: format!("mesh of {}: {reached} of {count} pairs", found.names.len()),
        line,
        cells: vec![
            ("members", found.names.join(" ")),
            ("ok", found.ok().to_string()),
        ],
        fields: vec![
            ("ok", Value::word(found.ok())),
            (
                "names",
                Value::List(found.names.iter().map(Value::text).collect()),
            ),
            ("rows", Value::List(found.pairs.iter().map(row).collect())),
            (
                "note",
                found.note.as_ref().map_or(Value::Nothing, Value::text),
            ),
            (
                "cause",
                found
                    .advice
                    .as_ref()
                    .map_or(Value::Nothing, |(cause, _)| Value::text(cause)),
            ),
            (
                "hint",
                found
                    .advice
                    .as_ref()
                    .map_or(Value::Nothing, |(_, hint)| Value::text(hint)),
            ),
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
    /// Pings from each of `members` to each other, all at once, and returns who reaches whom: printed, a matrix.
    ///
    /// A member is a namespace, by handle or by name, or a link. A namespace is pinged at its first global address, one of a family
    /// that the other has as well; a link at its own, and its pings leave from there. One ping is sent for each pair. In the
    /// matrix a row pings and a column is pinged; a cell has the mean time in milliseconds, `1/3` where some were lost, or what came
    /// back instead: `lost` (nothing), `unreachable`, `no route`, `forbidden`, `ttl exceeded`, `too long`, `problem`, `not sent`.
    ///
    /// The kernel's table of neighbours is one for all namespaces together, and by default holds 1,024 of them: a mesh over ARP of
    /// more than 32 can fill it. The matrix then says so, and what makes room. Of the first pair that is not reached it says why, and
    /// what to type.
    ///
    /// ```rhai
    /// let v = netns("a").veth("v0", netns("b"), "v1", #{addr: "10.0.0.1/24", up: true});
    /// v.peer.addr("10.0.0.2/24").up().wait_up();
    /// v.wait_up();
    /// let found = mesh(["a", "b"]);
    /// found.ok    // => true
    /// ```
    #[rhai_fn(name = "mesh", return_raw, volatile)]
    pub fn mesh_(context: NativeCallContext, members: Array) -> Answer<Mesh> {
        mesh_with(context, members, Map::new())
    }

    /// The same with options: `count` (1), `interval` ("200ms"), `timeout` ("2s"), `size` (56 bytes), `ttl`, `family` ("inet" or "inet6").
    ///
    /// ```rhai
    /// let v = netns("a").veth("v0", netns("b"), "v1", #{addr: ["10.0.0.1/24", "fd00::1/64"], nodad: true, up: true});
    /// v.peer.addr("10.0.0.2/24").up().wait_up();
    /// v.wait_up();
    /// mesh(["a", "b"], #{family: "inet", count: 2, interval: "1ms"}).rows[0].received    // => 2
    /// ```
    #[rhai_fn(name = "mesh", return_raw, volatile)]
    pub fn mesh_with(context: NativeCallContext, members: Array, options: Map) -> Answer<Mesh> {
        answer(&context, |session| super::mesh(session, &members, options))
    }

    /// Whether every ping of every pair was answered.
    #[rhai_fn(get = "ok")]
    pub fn get_ok(mesh: &mut Mesh) -> bool {
        mesh.0.ok()
    }

    /// What the members are called, in the order of the matrix; a link is `NAMESPACE/LINK`.
    #[rhai_fn(get = "names")]
    pub fn get_names(mesh: &mut Mesh) -> Array {
        mesh.0.names.iter().cloned().map(Dynamic::from).collect()
    }

    /// What else there is to know of the losses: that the table of neighbours was full; else `()`.
    #[rhai_fn(get = "note")]
    pub fn get_note(mesh: &mut Mesh) -> Dynamic {
        let note = mesh.0.note.clone();
        note.map_or(Dynamic::UNIT, Dynamic::from)
    }

    /// Why the first pair that is not reached is not, as `why` finds it; `()` where all are reached.
    #[rhai_fn(get = "cause")]
    pub fn get_cause(mesh: &mut Mesh) -> Dynamic {
        let advice = mesh.0.advice.clone();
        advice.map_or(Dynamic::UNIT, |(cause, _)| Dynamic::from(cause))
    }

    /// What to type about that; `()` where all are reached.
    #[rhai_fn(get = "hint")]
    pub fn get_hint(mesh: &mut Mesh) -> Dynamic {
        let advice = mesh.0.advice.clone();
        advice.map_or(Dynamic::UNIT, |(_, hint)| Dynamic::from(hint))
    }

    /// A map for each pair: `from`, `to`, `destination`, `ok`, `sent`, `received`, `rtt_avg_ms`, and `result`, in words as in the matrix.
    #[rhai_fn(get = "rows")]
    pub fn get_rows(mesh: &mut Mesh) -> Array {
        let pairs = mesh.0.pairs.iter();
        pairs.map(|pair| mesh.0.row(pair).into()).collect()
    }

    /// The report of the pings from one member to another, each given as a handle or by its name in the matrix.
    ///
    /// ```rhai
    /// let v = netns("a").veth("v0", netns("b"), "v1", #{addr: "10.0.0.1/24", up: true});
    /// v.peer.addr("10.0.0.2/24").up().wait_up();
    /// v.wait_up();
    /// mesh(["a", "b"]).report("a", "b").sent    // => 1
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn report(
        context: NativeCallContext,
        mesh: &mut Mesh,
        from: Dynamic,
        to: Dynamic,
    ) -> Answer<PingReport> {
        answer(&context, |_| {
            let pair = (mesh.0.index(&from)?, mesh.0.index(&to)?);
            let report = mesh.0.report(pair.0, pair.1).cloned();
            report.ok_or_else(|| {
                Error::invalid(format!(
                    "`{}` does not ping itself in a mesh",
                    mesh.0.names[pair.0]
                ))
            })
        })
    }

    /// The matrix.
    #[rhai_fn(global, name = "to_string", name = "to_debug")]
    pub fn to_text(mesh: &mut Mesh) -> String {
        mesh.0.draw()
    }
}
