//! `why(a, b)`: the first thing that stops packets from one to the other, with its evidence and its mend.

mod broadcast;
pub(super) mod ends;
pub(super) mod gather;
mod measure;
mod show;
mod tunnels;
mod way;

use std::collections::HashMap;
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
use crate::net::icmp::Request;
use crate::schema::{self, Opt};
use crate::value::escape::literal;
use crate::why::judge::{self, Verdict};
use crate::why::scene::{End, Scene};
use crate::why::walk::Leg;

use ends::{Given, destination, given};
use gather::Open;
use measure::Probe;
use way::Trip;

pub(crate) use show::show;

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

/// Those of them that say what is sent, which another word has in common with it.
const SENT: [&str; 7] = [
    ping::SIZE.key,
    ping::TTL.key,
    ping::SOURCE.key,
    ping::IFACE.key,
    ping::DF.key,
    ping::MARK.key,
    ping::TOS.key,
];

/// How long a reply may take: on virtual links it takes a hundredth of that.
const TIMEOUT: Duration = Duration::from_millis(300);

/// After this two have answered in place of others, one after the other: each waits for 0.8 s at most (`proxy_delay`).
const PROXIED: Duration = Duration::from_millis(1700);

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
        .would_test(&Netns(session.here()?), "why", &title)
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
        let to = given(&scene, &open, b, Some(&from))?;
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

/// What is asked: the ends, what is sent, and the link that it is to leave by.
struct Asked<'a> {
    from: &'a Given,
    to: &'a Given,
    request: &'a Request,
    by: Option<u32>,
}

/// Sends the probes and judges what the kernel tells of their way.
async fn examine(
    scene: &mut Scene,
    open: &[Open],
    asked: &Asked<'_>,
) -> Result<(Vec<Leg>, Verdict)> {
    let mut marks = [HashMap::new(), HashMap::new()];
    let mut legs = ways(scene, open, asked, &marks).await;
    tunnels::cross(scene, open, &mut legs).await;
    let mut places = looked_at(scene, &legs, [asked.from.place, asked.to.place]);
    let probe = Probe {
        place: asked.from.place,
        request: asked.request.clone(),
        meant: Some(asked.to.place).filter(|_| !asked.to.is_address),
    };
    measure::ask_anew(scene, open, &legs).await;
    let mut measured = measure::measure(scene, open, &places, &probe).await?;
    if !measured.is_answered() && judge::is_late(scene, &legs, &measured) {
        let mut probe = probe.clone();
        probe.request.timeout = asked.request.timeout.max(PROXIED);
        measured = measure::measure(scene, open, &places, &probe).await?;
    }
    if !measured.is_answered() {
        // Packets with a mark go other ways than those without.
        for (leg, marks) in legs.iter().zip(&mut marks) {
            *marks = way::marks(scene, open, leg, &measured).await;
        }
        if marks.iter().any(|marks| !marks.is_empty()) {
            legs = ways(scene, open, asked, &marks).await;
            tunnels::cross(scene, open, &mut legs).await;
            places = looked_at(scene, &legs, [asked.from.place, asked.to.place]);
            measured = measure::measure(scene, open, &places, &probe).await?;
        }
    }
    if !measured.is_answered() {
        // What was learned meanwhile says where frames go.
        tunnels::cross(scene, open, &mut legs).await;
    }
    let mut verdict = judge::judge(scene, &legs, &measured);
    if let Some((place, outer)) = judge::to_be_traced(&verdict)
        && let Some(taken) = {
            measure::ask_anew(scene, open, &legs).await;
            measure::trace(open, (place, outer), &probe).await
        }
    {
        measured.taken.insert(place, taken);
        verdict = judge::judge(scene, &legs, &measured);
    }
    Ok((legs, verdict))
}

/// Those options of another word that say what is sent.
fn asked_alike(options: &Map) -> Map {
    let sent = options
        .iter()
        .filter(|(key, _)| SENT.contains(&key.as_str()));
    sent.map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// What a script types to ask the same of what another word sent.
pub(crate) fn call(from: &str, to: &str, options: &Map) -> String {
    let mut words: Vec<String> = Vec::new();
    for (key, value) in asked_alike(options) {
        let value = if value.is_int() || value.is_bool() {
            value.to_string()
        } else {
            literal(&ping::named(&value))
        };
        words.push(format!("{key}: {value}"));
    }
    let (from, to) = (literal(from), literal(to));
    if words.is_empty() {
        format!("why({from}, {to})")
    } else {
        format!("why({from}, {to}, #{{{}}})", words.join(", "))
    }
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

/// What stops packets from `from` to `to`, for the failure of another word: a sentence, and the line that mends it.
pub(crate) fn in_short(
    session: &Rc<Session>,
    from: &Dynamic,
    to: &Dynamic,
    options: &Map,
) -> Option<(String, Option<String>)> {
    let address = to.clone().into_string().ok().and_then(|to| to.parse().ok());
    let sender = from.read_lock::<Netns>();
    if let Some((net, address)) = sender.zip(address)
        && let Some(found) = broadcast::unanswered(session, &net, address)
    {
        return Some(found);
    }
    let mut quiet = asked_alike(options);
    quiet.insert(ping::QUIET.key.into(), true.into());
    match why(session, from, to, quiet) {
        Ok(found) => {
            let cause = found.0.verdict.cause.as_ref()?;
            Some((cause.text.clone(), cause.mend.clone()))
        }
        Err(error) if error.kind == Kind::NotFound => Some((error.cause, error.hint)),
        Err(_) => None,
    }
}

/// The same of `from`, which a script calls `name`, and an address that does not answer: a sentence, and what to type.
pub(crate) fn advice(
    session: &Rc<Session>,
    from: &Dynamic,
    name: &str,
    to: IpAddr,
    options: &Map,
) -> (String, String) {
    let to = to.to_string();
    let found = in_short(session, from, &to.clone().into(), options);
    said(found, name, &to, options)
}

/// The same of two ends as a script gives them.
pub(crate) fn advice_between(
    session: &Rc<Session>,
    from: &Dynamic,
    to: &Dynamic,
    options: &Map,
) -> (String, String) {
    let found = in_short(session, from, to, options);
    said(found, &ping::named(from), &ping::named(to), options)
}

fn said(
    found: Option<(String, Option<String>)>,
    from: &str,
    to: &str,
    options: &Map,
) -> (String, String) {
    let call = call(from, to, options);
    let hint = || format!("{call} shows how far the packets come");
    match found {
        Some((cause, mend)) => (cause, mend.unwrap_or_else(hint)),
        None => (format!("{from} gets no answer from {to}"), hint()),
    }
}

/// The way there, and the way back as far as the first leads.
async fn ways(
    scene: &Scene,
    open: &[Open],
    asked: &Asked<'_>,
    marks: &[HashMap<usize, u32>; 2],
) -> Vec<Leg> {
    let Asked {
        from,
        to,
        request,
        by,
    } = *asked;
    let destination = request.destination;
    let there = Trip {
        place: from.place,
        from: request.source,
        to: destination,
        mark: request.mark,
        marks: &marks[0],
        by,
        is_back: false,
        meant: Some(to.place),
    };
    let there = way::leg(scene, open, &there).await;
    let mut legs = vec![there];
    if legs[0].from != destination {
        let arrived = legs[0].hops.last().filter(|hop| hop.is_arrival());
        let place = arrived.map_or(to.place, |hop| hop.place);
        // Which link a link-local address is reached by only the one says that the packets came by.
        let input = arrived.and_then(|hop| hop.input);
        let input = input.filter(|_| is_link_local(legs[0].from));
        // What comes in by a link of a VRF is answered in it.
        let mut owners = scene.owners(destination).into_iter();
        let owner = owners.find(|end| end.place == place);
        let vrf = match arrived {
            Some(hop) => hop.vrf.clone(),
            None => owner.and_then(|end| scene.vrf(end)),
        };
        let by = input.or(vrf.map(|vrf| vrf.end.link));
        let back = Trip {
            place,
            from: Some(destination),
            to: legs[0].from,
            mark: None,
            marks: &marks[1],
            by,
            is_back: true,
            meant: Some(from.place),
        };
        legs.push(way::leg(scene, open, &back).await);
    }
    legs
}

/// The namespaces that are looked at: those of the ends, of the way, and of others who may get the packets.
fn looked_at(scene: &Scene, legs: &[Leg], ends: [usize; 2]) -> Vec<usize> {
    let mut places: Vec<usize> = legs.iter().flat_map(Leg::places).collect();
    places.extend(ends);
    places.extend(sharing(scene, legs));
    places.sort_unstable();
    places.dedup();
    places
}

/// The namespaces on the link layer of the way that share with another one an address which the packets go to.
fn sharing(scene: &Scene, legs: &[Leg]) -> Vec<usize> {
    let hops = legs
        .iter()
        .flat_map(|leg| leg.hops.iter().map(move |hop| (leg, hop)));
    let mut places = Vec::new();
    for (leg, hop) in hops {
        let via = hop.answer.as_ref().ok().and_then(|route| route.via);
        let next = via.unwrap_or(leg.to);
        let owners = scene.owners(next);
        if let Some(output) = hop.output()
            && owners.len() > 1
            && !next.is_loopback()
        {
            let near = scene.segment(output);
            let sharing = owners.iter().filter(|end| near.contains(end));
            places.extend(sharing.map(|end| end.place));
        }
    }
    places
}

fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_asks_of_what_another_word_has_sent() {
        let mut options = Map::from([("count".into(), 1.into()), ("timeout".into(), "1s".into())]);
        assert_eq!(call("a", "10.0.2.2", &options), r#"why("a", "10.0.2.2")"#);
        options.insert("size".into(), 1450.into());
        options.insert("df".into(), true.into());
        options.insert("iface".into(), "e0".into());
        assert_eq!(
            call("a", "10.0.2.2", &options),
            r#"why("a", "10.0.2.2", #{df: true, iface: "e0", size: 1450})"#
        );
    }
}
