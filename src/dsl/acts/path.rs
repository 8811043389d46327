//! `path(a, b)`: the way of packets as it is, hop by hop, with the MTU that all of it takes.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rhai::{Array, ImmutableString, Map};

use super::why;
use super::why::ends::{self, Given};
use super::why::gather::{self, Open};
use crate::dsl::acts::ping;
use crate::dsl::handle::Netns;
use crate::dsl::script::print;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Result};
use crate::lab::Object;
use crate::net::icmp::{Found, Path, Pinger, Request, Step, Trace};
use crate::net::route::{self, Question};
use crate::schema::{self, Opt, Wire};
use crate::view;
use crate::view::value::{Handle, Value};
use crate::why::scene::{End, Scene};

const MOST_HOPS: Opt = Opt::number(
    "max_hops",
    Wire::None,
    (1, 255),
    "after how many hops it ends",
);

/// What `path` can be told.
pub(crate) const ROWS: &[Opt] = &[
    MOST_HOPS.default("30"),
    ping::TIMEOUT.default("300ms"),
    ping::TOS,
    ping::MARK,
    ping::QUIET,
];

/// How long a hop may take.
const TIMEOUT: Duration = Duration::from_millis(300);

/// What was found, as scripts hold it, and in which entry of the session it was printed. Copies share it.
#[derive(Clone, Debug)]
pub struct PathReport(Rc<Traced>, pub(crate) Option<usize>);

#[derive(Debug)]
struct Traced {
    /// From whom to whom, as they were given.
    title: String,
    path: Path,
    /// The next hops that the kernel chooses from where the packets begin.
    ways: Vec<String>,
    hops: Vec<Hop>,
    /// It as it was printed.
    text: String,
}

/// A hop; of one that does not answer only its number is known.
#[derive(Debug)]
struct Hop {
    ttl: u8,
    address: Option<IpAddr>,
    netns: Option<String>,
    link: Option<String>,
    rtt: Option<Duration>,
    /// The MTU that was found there, where it is less than before.
    mtu: Option<u32>,
    ways: Vec<String>,
}

/// The namespaces that packets come through, as the kernel would send them: the first one is where they begin.
struct Places(Vec<usize>);

impl Places {
    /// The namespace and the link that have the address: of several that on the way.
    fn owner(&self, scene: &Scene, ip: IpAddr) -> Option<End> {
        let owners = scene.owners(ip);
        let mut owners = owners.iter();
        if ip.is_loopback() {
            return owners
                .find(|end| self.0.first() == Some(&end.place))
                .copied();
        }
        let on_way = owners.clone().find(|end| self.0.contains(&end.place));
        on_way.or_else(|| owners.next()).copied()
    }
}

/// The next hops from which the kernel of the namespace chooses for a packet to `to`.
async fn ways(scene: &Scene, open: &[Open], place: usize, to: IpAddr) -> Vec<String> {
    let found = route::matching(&open[place].rtnl, &Question::to(to)).await;
    let Ok(Some(found)) = found else {
        return Vec::new();
    };
    let link = |index| {
        let link = scene.link(End { place, link: index });
        link.map_or_else(String::new, |link| link.name.clone())
    };
    let way = |via: Option<IpAddr>, index: Option<u32>| match (via, index) {
        (Some(via), _) => via.to_string(),
        (None, Some(index)) => link(index),
        (None, None) => String::new(),
    };
    if found.hops.is_empty() {
        return vec![way(found.via, found.link)];
    }
    let hops = found.hops.iter();
    hops.map(|hop| way(hop.via, hop.link)).collect()
}

/// What the options say: what each request has, after how many hops it ends, and whether nothing is printed.
fn asked(options: Map) -> Result<(Request, u8, bool)> {
    let options = &mut schema::options("path", options, &[ROWS])?;
    let mut pattern = Request::new(IpAddr::from([0, 0, 0, 0]));
    pattern.timeout = ping::TIMEOUT.take_duration(options)?.unwrap_or(TIMEOUT);
    pattern.tos = ping::TOS.take_number(options)?;
    pattern.mark = ping::MARK.take_number(options)?;
    let most_hops: Option<u8> = MOST_HOPS.take_number(options)?;
    let quiet = ping::QUIET.take_flag(options)?;
    Ok((pattern, most_hops.unwrap_or(30), quiet.unwrap_or(false)))
}

impl Traced {
    /// A path that is reached at once, for a plan.
    fn hoped_for(title: String) -> Self {
        let path = Path {
            hops: Some(1),
            ..Path::default()
        };
        Self {
            title,
            path,
            ways: Vec::new(),
            hops: Vec::new(),
            text: String::new(),
        }
    }
}

/// The hops of a path, each with what is known of it.
async fn hops_of(
    path: &Path,
    scene: &Scene,
    open: &[Open],
    places: &Places,
    to: IpAddr,
) -> Vec<Hop> {
    let mut hops: Vec<Hop> = Vec::new();
    for step in &path.steps {
        if matches!(step.found, Found::Local { .. } | Found::NotSent(_)) {
            continue;
        }
        let mut hop = hop(step, scene, places);
        // Who has told an MTU is a hop that is known already.
        let mut known = hops.iter_mut();
        let is_same = |one: &&mut Hop| one.address.is_some() && one.address == hop.address;
        if let (Some(mtu), Some(known)) = (hop.mtu, known.find(is_same)) {
            known.mtu = Some(mtu);
            continue;
        }
        let owner = hop.address.and_then(|ip| places.owner(scene, ip));
        if let Some(owner) = owner
            && !matches!(step.found, Found::Reached { .. })
        {
            hop.ways = ways(scene, open, owner.place, to).await;
        }
        hops.push(hop);
    }
    hops
}

fn path(session: &Rc<Session>, a: &Dynamic, b: &Dynamic, options: Map) -> Result<PathReport> {
    let context = |error: Error| {
        if error.doing.is_empty() {
            ping::doing(error, "follow the path to", b)
        } else {
            error
        }
    };
    let asked_of_ping = options.clone();
    let (pattern, most_hops, quiet) = asked(options).map_err(context)?;
    let quiet = quiet || session.settings().quiet;
    let title = format!("{} → {}", ping::titled(a), ping::titled(b));
    if session
        .lab()
        .would_test(&Netns(session.here()?), Object::test("path", &title))
    {
        return Ok(PathReport(Rc::new(Traced::hoped_for(title)), None));
    }
    let home = session.start()?;
    let all = session.known_namespaces()?;
    let mut lines = Vec::new();
    let mut printed = Ok(());
    let mut say = |line: String| {
        if !quiet && printed.is_ok() {
            printed = session.print(&line);
        }
        lines.push(line);
    };
    let traced = session.wait_or_interrupt(async {
        let (scene, open) = gather::scene(all, &home).await?;
        let from = ends::given(&scene, &open, a, None)?;
        let (to, zone) = destination(&scene, &open, &from, b)?;
        let request = Request {
            destination: to,
            label: to.to_string(),
            source: from.ip.filter(|ip| ip.is_ipv4() == to.is_ipv4()),
            device: zone.or(from.zone).and_then(|link| {
                let end = End {
                    place: from.place,
                    link,
                };
                Some(scene.link(end)?.name.clone())
            }),
            ..pattern
        };
        let trace = Trace { request, most_hops };
        // Whom an address of several is reached at the first hop says that is asked for.
        let on_way = Places(why::places(&scene, &open, from.place, &trace.request).await);
        let name = |ip: IpAddr| {
            let owner = on_way.owner(&scene, ip)?;
            Some(scene.places[owner.place].label.clone())
        };
        let netns = &open[from.place].netns;
        let path = trace
            .run(
                |request| netns.within(|| Pinger::open(request))?,
                |step| say(view::path::line(step, name)),
            )
            .await?;
        let first = ways(&scene, &open, from.place, to).await;
        let on_way = Places(why::places(&scene, &open, from.place, &trace.request).await);
        let hops = hops_of(&path, &scene, &open, &on_way, to).await;
        Ok::<_, Error>((path, first, hops))
    });
    let (path, ways, hops) = traced.and_then(|traced| traced).map_err(context)?;
    let places = std::iter::once((ping::named(a), &ways)).chain(hops.iter().map(|hop| {
        let name = hop.netns.clone().unwrap_or_default();
        (name, &hop.ways)
    }));
    for (name, ways) in places.filter(|(_, ways)| ways.len() > 1) {
        say(format!("     {name} chooses from: {}", ways.join(", ")));
    }
    say(view::path::summary(&path));
    printed?;
    if !quiet && !path.is_reached() && session.interrupted().is_none() {
        let (cause, hint) = why::advice_between(session, a, b, &asked_of_ping);
        session.explain(&cause, &hint);
    }
    let traced = Traced {
        title,
        path,
        ways,
        hops,
        text: lines.join("\n"),
    };
    let entry = (!quiet).then(|| session.entry());
    Ok(PathReport(Rc::new(traced), entry))
}

/// The address to go to, one that nobody here has, too; and the link of the sender that its zone names.
fn destination(
    scene: &Scene,
    open: &[Open],
    from: &Given,
    b: &Dynamic,
) -> Result<(IpAddr, Option<u32>)> {
    if let Some(text) = b.read_lock::<ImmutableString>()
        && let Ok(ip) = text.parse::<IpAddr>()
    {
        return Ok((ip, None));
    }
    let to = ends::given(scene, open, b, Some(from))?;
    Ok((ends::destination(scene, from, &to)?, to.zone))
}

fn hop(step: &Step, scene: &Scene, places: &Places) -> Hop {
    let (address, rtt, mtu) = match step.found {
        Found::Hop { from, rtt, mtu } => (Some(from), Some(rtt), mtu),
        Found::Reached { from, rtt } | Found::Refused { from, rtt, .. } => {
            (Some(from), Some(rtt), None)
        }
        Found::Local { .. } | Found::Silence | Found::NotSent(_) => (None, None, None),
    };
    let owner = address.and_then(|ip| places.owner(scene, ip));
    let link = owner.and_then(|owner| scene.link(owner));
    Hop {
        ttl: step.ttl,
        address,
        netns: owner.map(|owner| scene.places[owner.place].label.clone()),
        link: link.map(|link| link.name.clone()),
        rtt,
        mtu,
        ways: Vec::new(),
    }
}

fn or_unit<T: Into<Dynamic>>(value: Option<T>) -> Dynamic {
    value.map_or(Dynamic::UNIT, Into::into)
}

fn texts(texts: &[String]) -> Array {
    texts.iter().cloned().map(Dynamic::from).collect()
}

impl Hop {
    fn to_map(&self) -> Map {
        let rtt = self.rtt.map(ping::in_milliseconds);
        Map::from([
            ("ttl".into(), i64::from(self.ttl).into()),
            (
                "address".into(),
                or_unit(self.address.map(|ip| ip.to_string())),
            ),
            ("netns".into(), or_unit(self.netns.clone())),
            ("link".into(), or_unit(self.link.clone())),
            ("rtt_ms".into(), or_unit(rtt)),
            ("mtu".into(), or_unit(self.mtu.map(i64::from))),
            ("ways".into(), texts(&self.ways).into()),
        ])
    }
}

fn hops(traced: &Traced) -> Array {
    let hops = traced.hops.iter();
    hops.map(|hop| Dynamic::from(hop.to_map())).collect()
}

/// The smallest MTU, where anything was sent.
fn mtu(path: &Path) -> Option<u32> {
    (!path.is_unsent()).then_some(path.mtu)
}

/// What there is to show of it.
pub(crate) fn show(report: &PathReport) -> Value {
    let traced = &report.0;
    let number = |number: Option<u8>| number.map_or(Value::Nothing, Value::word);
    let list = |list: Array| print::value(None, &list.into());
    Value::Handle(Box::new(Handle {
        name: traced.title.clone(),
        line: traced.text.clone(),
        cells: vec![
            ("pair", traced.title.clone()),
            ("reached", traced.path.is_reached().to_string()),
            ("hops", traced.hops.len().to_string()),
            (
                "mtu",
                mtu(&traced.path).map_or_else(String::new, |mtu| mtu.to_string()),
            ),
        ],
        fields: vec![
            ("reached", Value::word(traced.path.is_reached())),
            ("hops", list(hops(traced))),
            ("mtu", mtu(&traced.path).map_or(Value::Nothing, Value::word)),
            ("back", number(traced.path.back)),
            ("ways", list(texts(&traced.ways))),
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
    /// Prints and returns the path of packets from `from` to `to`: the hops, their namespaces and times, and the MTU that all of it takes.
    ///
    /// `from` is a namespace, a link or an address, `to` one of them or any other address. Echo requests live one hop, then two, until one is
    /// answered; they are as long as the path takes, so that its MTU is found. It is printed as `tracepath` does. Where
    /// a namespace on the way has several next hops, it is said which the kernel chooses from. It ends after five hops in a row that
    /// do not answer.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.link("lo").up();
    /// path(a, "127.0.0.1").reached    // => true
    /// ```
    #[rhai_fn(name = "path", return_raw, volatile)]
    pub fn path_(context: NativeCallContext, from: Dynamic, to: Dynamic) -> Answer<PathReport> {
        path_with(context, from, to, Map::new())
    }

    /// The same with options: `max_hops` (30), `timeout` ("300ms") of each request, of which a silent hop gets three, `tos`, `mark`, `quiet`.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.link("lo").up();
    /// path(a, "127.0.0.1", #{quiet: true}).hops.len()    // => 1
    /// ```
    #[rhai_fn(name = "path", return_raw, volatile)]
    pub fn path_with(
        context: NativeCallContext,
        from: Dynamic,
        to: Dynamic,
        options: Map,
    ) -> Answer<PathReport> {
        answer(&context, |session| {
            super::path(session, &from, &to, options)
        })
    }

    /// Whether the destination has answered.
    #[rhai_fn(get = "reached")]
    pub fn get_reached(path: &mut PathReport) -> bool {
        path.0.path.is_reached()
    }

    /// The hops, each a map of `ttl`, `address`, `netns`, `link`, `rtt_ms`, `mtu` (where it gets less there) and `ways`.
    ///
    /// `ways` are the next hops that the kernel of that namespace chooses from. What is not known is `()`.
    #[rhai_fn(get = "hops")]
    pub fn get_hops(path: &mut PathReport) -> Array {
        hops(&path.0)
    }

    /// The smallest MTU of the path, as far as it was followed; `()` where nothing could be sent.
    #[rhai_fn(get = "mtu")]
    pub fn get_mtu(path: &mut PathReport) -> Dynamic {
        let mtu = super::mtu(&path.0.path);
        mtu.map_or(Dynamic::UNIT, |mtu| i64::from(mtu).into())
    }

    /// How many hops the answer has come, as its time to live tells; `()` without one.
    #[rhai_fn(get = "back")]
    pub fn get_back(path: &mut PathReport) -> Dynamic {
        or_unit(path.0.path.back.map(i64::from))
    }

    /// The next hops that the kernel chooses from where the path begins.
    #[rhai_fn(get = "ways")]
    pub fn get_ways(path: &mut PathReport) -> Array {
        texts(&path.0.ways)
    }

    /// The path as it is printed.
    #[rhai_fn(global, name = "to_string", name = "to_debug")]
    pub fn to_text(path: &mut PathReport) -> String {
        path.0.text.clone()
    }
}
