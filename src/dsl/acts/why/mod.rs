//! `why(a, b)`: the first thing that stops packets from one to the other, with its evidence and its mend.

mod advice;
mod broadcast;
pub(super) mod ends;
mod examine;
pub(super) mod gather;
mod measure;
mod show;
mod strange;
mod tunnels;
mod way;

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rhai::{Array, Map};

use crate::dsl::acts::ping;
use crate::dsl::handle::{Link, Netns};
use crate::dsl::objects::link;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result};
use crate::lab::Object;
use crate::schema::{self, Opt};
use crate::why::judge::Verdict;
use crate::why::scene::{End, Scene};
use crate::why::walk::Leg;

use ends::{Given, destination, given};
use examine::{Asked, examine};
use gather::Open;

pub(crate) use advice::{advice, advice_between, call, in_short};
pub(crate) use show::show;
pub(in crate::dsl::acts) use way::places;

/// What `why` can be told.
pub(crate) const ROWS: &[Opt] = &[
    ping::SIZE,
    ping::TTL,
    ping::SOURCE,
    ping::IFACE,
    ping::DF,
    ping::MARK,
    ping::TOS,
    ping::TIMEOUT.default("300ms"),
    ping::QUIET,
];

/// How long a reply may take: on virtual links it takes a hundredth of that.
const TIMEOUT: Duration = Duration::from_millis(300);

/// What was found, as scripts hold it, and in which entry of the session it was printed. Copies share it.
#[derive(Clone, Debug)]
pub struct Explanation(pub(crate) Rc<Found>, pub(crate) Option<usize>);

/// An explanation.
#[derive(Debug)]
pub struct Found {
    /// From whom to whom, as they were given.
    title: String,
    verdict: Verdict,
    /// Where the cause is.
    at: Option<String>,
    /// The hops there: namespace, link, address.
    path: Vec<[String; 3]>,
}

fn why(session: &Rc<Session>, a: &Dynamic, b: &Dynamic, options: Map) -> Result<Explanation> {
    let context = |error: Error| {
        if error.doing.is_empty() {
            ping::doing(error, "explain the way to", b)
        } else {
            error
        }
    };
    let options = &mut schema::options("why", options, &[ROWS]).map_err(context)?;
    let quiet = ping::QUIET.take_flag(options).map_err(context)?;
    let quiet = quiet.unwrap_or(false);
    let iface = ping::IFACE.take_given(options).map_err(context)?;
    let timeout = ping::TIMEOUT.take_duration(options).map_err(context)?;
    let timeout = timeout.unwrap_or(TIMEOUT);
    let nowhere = IpAddr::from([0, 0, 0, 0]);
    let request = ping::request(nowhere, String::new(), options).map_err(context)?;
    let title = format!("{} → {}", ping::titled(a), ping::titled(b));
    if session
        .lab()
        .would_test(&Netns(session.here()?), Object::test("why", &title))
    {
        let verdict = Verdict {
            is_reached: true,
            ..Verdict::default()
        };
        return Ok(Explanation(
            Rc::new(Found {
                title,
                verdict,
                at: None,
                path: Vec::new(),
            }),
            None,
        ));
    }
    let home = session.start()?;
    let all = session.known_namespaces()?;
    let found = session.wait_or_interrupt(async {
        let (mut scene, open) = gather::scene(all, &home).await?;
        let from = given(&scene, &open, a, None)?;
        let to = match given(&scene, &open, b, Some(&from)) {
            Err(error) if error.kind == Kind::NotFound => {
                let address = b.clone().into_string().ok().and_then(|b| b.parse().ok());
                let Some(ip) = address else {
                    return Err(error);
                };
                if let Some(told) = broadcast::unanswered(&scene, &open, from.place, ip).await {
                    return Err(told);
                }
                ends::strange(&from, ip)
            }
            to => to?,
        };
        let destination = destination(&scene, &from, &to)?;
        let own = from.ip.filter(|ip| ip.is_ipv4() == destination.is_ipv4());
        let device = iface.map(|iface| device(&scene, &open, &from, &iface));
        let device = device.transpose()?;
        let mut request = request;
        request.destination = destination;
        request.label = destination.to_string();
        request.timeout = timeout;
        request.source = request.source.or(own);
        let zone = to.zone.or(from.zone).and_then(|link| {
            let end = End {
                place: from.place,
                link,
            };
            Some((link, scene.link(end)?.name.clone()))
        });
        let device = device.or(zone);
        request.device = device.as_ref().map(|(_, name)| name.clone());
        let by = device.map(|(link, _)| link);
        let asked = Asked {
            from: &from,
            to: &to,
            request: &request,
            by,
        };
        let (legs, verdict) = examine(&mut scene, &open, &asked).await?;
        if scene.owners(destination).is_empty()
            && let Some(error) = strange::refused(&scene, &legs, &verdict)
        {
            return Err(error);
        }
        Ok::<_, Error>(explained(&scene, &legs, verdict, title))
    });
    let found = found.and_then(|found| found).map_err(context)?;
    let printed = !quiet && !session.settings().quiet;
    if printed {
        session.print(&show::drawn(&found, session.settings().color))?;
    }
    let entry = printed.then(|| session.entry());
    Ok(Explanation(Rc::new(found), entry))
}

/// The link that the packets are to leave by: its ifindex and its name.
fn device(scene: &Scene, open: &[Open], from: &Given, given: &Dynamic) -> Result<(u32, String)> {
    let place = &scene.places[from.place];
    if let Some(link) = given.read_lock::<Link>() {
        link::is_in(&open[from.place].netns, &link)?;
        return Ok((link.index(), link.name()));
    }
    let name = ping::named(given);
    let found = place.links.iter().find(|link| link.name == name);
    found.map(|link| (link.index, name.clone())).ok_or_else(|| {
        Error::new(
            Kind::NotFound,
            format!("there is no link `{name}` in namespace `{}`", place.label),
        )
    })
}

fn explained(scene: &Scene, legs: &[Leg], verdict: Verdict, title: String) -> Found {
    let at = verdict.cause.as_ref().map(|cause| cause.spot(scene));
    let path = legs[0].hops.iter().map(|hop| {
        let link = hop.input.or(hop.output().map(|end| end.link));
        let end = link.map(|link| End {
            place: hop.place,
            link,
        });
        let name = end
            .and_then(|end| scene.link(end))
            .map_or("", |link| link.name.as_str());
        let ip = end.and_then(|end| scene.address(end, legs[0].to));
        [
            scene.places[hop.place].label.clone(),
            name.to_owned(),
            ip.map(|ip| ip.to_string()).unwrap_or_default(),
        ]
    });
    Found {
        title,
        at,
        path: path.collect(),
        verdict,
    }
}

fn texts(texts: &[String]) -> Array {
    texts.iter().cloned().map(Dynamic::from).collect()
}

fn or_unit(text: Option<String>) -> Dynamic {
    text.map_or(Dynamic::UNIT, Dynamic::from)
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Prints and returns why packets from `from` do not reach `to`: the first thing that stops them, its evidence and its mend.
    ///
    /// Both are a namespace, a link or an address. The kernel is asked in each namespace on the way, there and back, which route it
    /// would take; two echo requests are sent, and counters, queues, neighbours and the packets themselves are looked at
    /// in all of them. Where a filter takes them, the kernel tells which rule it is: a table of nftables is there for that moment, which
    /// goes with ipvsh itself. A neighbour that has not answered yet is asked for at once. Nothing else is changed. What is reached has no cause; where none is found, `.cause` says where the packets were seen last.
    ///
    /// ```rhai
    /// let v = netns("a").veth("v0", netns("b"), "v1", #{addr: "10.0.0.1/24", up: true});
    /// v.peer.addr("10.0.0.2/24");
    /// let found = why("a", "b");
    /// found.mend    // => "netns(\"b\").link(\"v1\").up()"
    /// ```
    #[rhai_fn(name = "why", return_raw, volatile)]
    pub fn why_(context: NativeCallContext, from: Dynamic, to: Dynamic) -> Answer<Explanation> {
        why_with(context, from, to, Map::new())
    }

    /// The same with options: `timeout` ("300ms"), `quiet`, and those of the echo requests.
    ///
    /// They are as `ping` has them: `size` (56 bytes), `ttl`, `source`, `iface`, `df`, `mark`, `tos`.
    ///
    /// ```rhai
    /// let v = netns("a").veth("v0", netns("b"), "v1", #{addr: "10.0.0.1/24", up: true});
    /// v.peer.addr("10.0.0.2/24").up().wait_up();
    /// v.wait_up();
    /// why("a", "b", #{quiet: true}).reached    // => true
    /// ```
    #[rhai_fn(name = "why", return_raw, volatile)]
    pub fn why_with(
        context: NativeCallContext,
        from: Dynamic,
        to: Dynamic,
        options: Map,
    ) -> Answer<Explanation> {
        answer(&context, |session| super::why(session, &from, &to, options))
    }

    /// Whether an echo request was answered.
    #[rhai_fn(get = "reached")]
    pub fn get_reached(why: &mut Explanation) -> bool {
        why.0.verdict.is_reached
    }

    /// What stops the packets, in a sentence; `()` where they are answered.
    #[rhai_fn(get = "cause")]
    pub fn get_cause(why: &mut Explanation) -> Dynamic {
        let cause = why.0.verdict.cause.as_ref();
        or_unit(cause.map(|cause| cause.text.clone()))
    }

    /// The sort of the cause in a word, such as `no_route`, `link_down`, `forwarding_off`; `()` where there is none.
    #[rhai_fn(get = "sort")]
    pub fn get_sort(why: &mut Explanation) -> Dynamic {
        let cause = why.0.verdict.cause.as_ref();
        or_unit(cause.map(|cause| cause.sort.to_owned()))
    }

    /// Where the cause is, `NAMESPACE:LINK` or the namespace; `()` where there is none.
    #[rhai_fn(get = "at")]
    pub fn get_at(why: &mut Explanation) -> Dynamic {
        or_unit(why.0.at.clone())
    }

    /// What shows the cause: counters that have grown, the kernel's answers, where packets were seen last.
    #[rhai_fn(get = "evidence")]
    pub fn get_evidence(why: &mut Explanation) -> Array {
        let cause = why.0.verdict.cause.as_ref();
        cause
            .map(|cause| texts(&cause.evidence))
            .unwrap_or_default()
    }

    /// The line that mends it, to be typed as it is; `()` where none is known.
    #[rhai_fn(get = "mend")]
    pub fn get_mend(why: &mut Explanation) -> Dynamic {
        or_unit(
            why.0
                .verdict
                .cause
                .as_ref()
                .and_then(|cause| cause.mend.clone()),
        )
    }

    /// The namespaces on the way, each a map of `netns`, `link` and `address`.
    #[rhai_fn(get = "path")]
    pub fn get_path(why: &mut Explanation) -> Array {
        let hop = |[netns, link, address]: &[String; 3]| {
            Dynamic::from(Map::from([
                ("netns".into(), netns.clone().into()),
                ("link".into(), link.clone().into()),
                ("address".into(), address.clone().into()),
            ]))
        };
        why.0.path.iter().map(hop).collect()
    }

    /// What was found to be in order on the way, as far as the packets come.
    #[rhai_fn(get = "ruled_out")]
    pub fn get_ruled_out(why: &mut Explanation) -> Array {
        texts(&why.0.verdict.ruled_out)
    }

    /// The ladder.
    #[rhai_fn(global, name = "to_string", name = "to_debug")]
    pub fn to_text(why: &mut Explanation) -> String {
        show::drawn(&why.0, false)
    }
}
