//! Neighbours: which hardware address an IP address has, and for whom a link answers.

use std::fmt;
use std::rc::Rc;

use nix::errno::Errno;
use rhai::Map;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rtnetlink::packet_route::link::LinkFlags;

use crate::dsl::handle::{Link, Netns};
use crate::dsl::objects::link;
use crate::dsl::objects::route::rows::REPLACE;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result};
use crate::lab::{Command, Object, Outcome, Undo, WayBack};
use crate::net::link::Snapshot;
use crate::net::neighbour::{self, Neighbour, STATES};
use crate::net::netns;
use crate::schema::{self, Form, Opt, Pair, Spelling, Wire};
use crate::steps;
use crate::value::options::Options;
use crate::value::{mac, prefix};
use crate::view::value::{Handle, Value};

const STATE: Opt = Opt::choice("state", Wire::None, STATES, "what is known of it")
    .words(&["nud"])
    .default("permanent");
const PROXY: Opt = Opt::new(
    "proxy",
    Form::Switch,
    "whether the link answers for it; then it has no hardware address",
)
.spelled(Spelling::Mark)
.default("false");
const ROUTER: Opt = Opt::new("router", Form::Switch, "whether it is a router (IPv6)")
    .spelled(Spelling::Mark)
    .default("false");

/// `NUD_PERMANENT` of `linux/neighbour.h`.
const PERMANENT: u16 = 0x80;

/// What a neighbour can be given.
pub(crate) const ROWS: &[Opt] = &[PROXY, STATE, ROUTER, REPLACE];

/// What a neighbour that stands is given.
pub(crate) fn said(one: &Neighbour) -> Vec<Pair> {
    let state = neighbour::state_name(one.state).filter(|_| !one.proxy);
    let mut pairs = vec![(&PROXY, steps::Value::Flag(one.proxy))];
    pairs.extend(state.map(|state| (&STATE, steps::Value::text(state))));
    pairs.push((&ROUTER, steps::Value::Flag(one.router)));
    pairs
}

/// All neighbours of a namespace.
fn list(session: &Rc<Session>, place: &netns::Netns) -> Result<Vec<Neighbour>> {
    session.wait(async {
        neighbour::list(&place.rtnl()?).await.map_err(|refusal| {
            Error::from(refusal)
                .doing_plain("list neighbors")
                .within(place.label())
        })
    })?
}

/// The neighbour of that address that the link has, or answers for.
fn present(
    session: &Rc<Session>,
    link: &Link,
    ip: std::net::IpAddr,
    proxy: bool,
) -> Result<Option<Neighbour>> {
    let all = list(session, &link.netns())?;
    let is_it = |one: &Neighbour| one.link == link.index() && one.ip == ip && one.proxy == proxy;
    Ok(all.into_iter().find(is_it))
}

/// What a call asks for.
fn read(link: &Link, ip: &str, hardware: Option<&str>, options: &mut Options) -> Result<Neighbour> {
    let state = STATE.take_numbered("a neighbor", options)?;
    let proxy = PROXY.take_flag(options)?.unwrap_or(false);
    let router = ROUTER.take_flag(options)?.unwrap_or(false);
    let ip = prefix::ip(ip)?;
    match (hardware, proxy) {
        (Some(_), true) => {
            return Err(Error::invalid(
                "a neighbor that the link answers for has no hardware address of its own",
            )
            .hint("leave it out: link.neighbor(ip, #{proxy: true})"));
        }
        (None, false) => {
            return Err(Error::invalid("its hardware address is missing").hint(
                "give it, link.neighbor(ip, \"02:00:00:00:00:01\"), or answer for it: #{proxy: true}",
            ));
        }
        _ => {}
    }
    if proxy && state.is_some() {
        let why = "a neighbor that the link answers for has no state";
        return Err(Error::invalid(why));
    }
    if router && ip.is_ipv4() {
        let why = format!("only an IPv6 neighbor can be a router, `{ip}` is none");
        return Err(Error::invalid(why));
    }
    Ok(Neighbour {
        link: link.index(),
        ip,
        mac: hardware.map(mac::parse).transpose()?,
        state: neighbour::state(state.unwrap_or(PERMANENT)),
        router,
        proxy,
    })
}

/// Refuses what the kernel takes without a word, and keeps otherwise: a neighbor of IPv4 on a link where it asks nobody becomes
/// one for all addresses (`arp_constructor` of net/ipv4/arp.c), where links have no hardware addresses, it has none either, and where
/// they have shorter ones, its own is cut (`__neigh_update` of net/core/neighbour.c).
fn keeps(link: &Snapshot, wanted: &Neighbour) -> Result<()> {
    let asks_nobody = link
        .flags
        .intersects(LinkFlags::Loopback | LinkFlags::Pointopoint);
    let length = link.mac.len();
    if let Some(mac) = wanted
        .mac
        .as_ref()
        .filter(|mac| length > 0 && mac.len() != length)
    {
        let text = mac::print(mac);
        let why = format!(
            "link `{}` has hardware addresses of {length} bytes, `{text}` has {}",
            link.name,
            mac.len()
        );
        return Err(Error::invalid(why));
    }
    let why = if wanted.proxy {
        return Ok(());
    } else if link.mac.is_empty() {
        "has no hardware address, and none of its neighbors has one"
    } else if wanted.ip.is_ipv4() && asks_nobody {
        "asks for no neighbors of IPv4: the kernel keeps none by its address"
    } else {
        return Ok(());
    };
    Err(Error::invalid(format!("link `{}` {why}", link.name))
        .hint("a route by the link is enough: its packets need no neighbor"))
}

fn add(
    session: &Rc<Session>,
    link: &Link,
    ip: &str,
    hardware: Option<&str>,
    options: Map,
) -> Result<()> {
    let seen = link::snapshot(session, link)?;
    let name = &seen.name;
    let place = link.netns();
    let context = |error: Error| {
        error
            .doing("add neighbor", ip)
            .within(place.label())
            .note(format!("on link `{name}`"))
    };
    let mut options = schema::options("neighbor", options, &[ROWS]).map_err(context)?;
    let replace = REPLACE.take_flag(&mut options).map_err(context)?;
    let replace = replace.unwrap_or(false);
    let wanted = read(link, ip, hardware, &mut options).map_err(context)?;
    keeps(&seen, &wanted).map_err(context)?;
    let there = present(session, link, wanted.ip, wanted.proxy)?;
    let text = |one: &Neighbour| line(one, Some(name));
    let outcome = match &there {
        Some(there) if there.is_as(&wanted) => {
            let way = WayBack::Send {
                what: format!("neighbor `{}`", text(&wanted)),
                request: wanted.deleting(),
                made: Some(wanted.adding()),
            };
            let undo = Undo::of_link(place.clone(), link.reference(), way);
            session.lab().asked(undo.clone());
            session.lab().claim(undo)?;
            let told = object(session, link, &wanted).told(text(there));
            session.lab().report(Outcome::Unchanged, &place, told);
            return Ok(());
        }
        // What the kernel has learned by itself is nobody's wish.
        Some(there) if there.is_lasting() && !replace => {
            let conflict = Error::new(
                Kind::Conflict,
                "a neighbor with that address exists and differs",
            )
            .note(format!("there: {}", text(there)))
            .note(format!("asked: {}", text(&wanted)))
            .hint("ask for what is there, or replace it with #{replace: true}");
            let lab = session.lab();
            return lab.conflict(context(conflict), &place, object(session, link, &wanted));
        }
        Some(_) => Outcome::Changed,
        None => Outcome::Created,
    };
    let lasting = there.as_ref().filter(|there| there.is_lasting());
    let way = WayBack::Send {
        what: format!("neighbor `{}`", text(&wanted)),
        request: lasting.map_or_else(|| wanted.deleting(), Neighbour::adding),
        made: Some(wanted.adding()),
    };
    let undo = Undo::of_link(place.clone(), link.reference(), way);
    session
        .wait(async {
            let rtnl = &place.rtnl()?;
            let command = || command(&place, "replace", &wanted, name);
            let request = wanted.adding();
            let lab = session.lab();
            lab.step(undo, command, request.send(&place, rtnl)).await
        })??
        .map_err(|refusal| match refusal.errno {
            Errno::ENETDOWN => context(
                Error::from(refusal)
                    .cause(format!("link `{name}` is down"))
                    .hint(format!(
                        "bring it up first: {}.up()",
                        link::call(session, &place, name)
                    )),
            ),
            _ if wanted.ip.is_ipv6() => {
                let error = refusal.into();
                context(link::without_ipv6(session, &place, link.index(), error))
            }
            _ => context(refusal.into()),
        })?;
    let object = |one| object(session, link, one);
    let told = match &there {
        Some(there) => object(&wanted).was(&object(there)),
        None => object(&wanted),
    };
    session.lab().report(outcome, &place, told);
    Ok(())
}

fn delete(session: &Rc<Session>, link: &Link, ip: &str) -> Result<()> {
    let name = link::snapshot(session, link)?.name;
    let place = link.netns();
    let context = |error: Error| {
        error
            .doing("delete neighbor", ip)
            .within(place.label())
            .note(format!("on link `{name}`"))
    };
    let address = prefix::ip(ip).map_err(context)?;
    let all = list(session, &place)?.into_iter();
    let found: Vec<Neighbour> = all
        .filter(|one| one.link == link.index() && one.ip == address)
        .collect();
    if found.is_empty() {
        let missing = Object::new("neighbor", address.to_string()).on(name.as_str());
        let missing = missing.told(format!("{address} dev {name}"));
        session.lab().report(Outcome::Unchanged, &place, missing);
    }
    for one in &found {
        let said = line(one, Some(&name));
        let way = WayBack::Send {
            what: format!("neighbor `{said}` taken away"),
            // What was learned is learned again.
            request: if one.is_lasting() {
                one.adding()
            } else {
                one.deleting()
            },
            made: None,
        };
        let undo = Undo::of_link(place.clone(), link.reference(), way);
        let deleted = session.wait(async {
            let rtnl = &place.rtnl()?;
            let command = || command(&place, "del", one, &name);
            let request = one.deleting();
            let lab = session.lab();
            lab.step(undo, command, request.send(&place, rtnl)).await
        })??;
        match deleted {
            // It went by itself meanwhile.
            Err(refusal) if refusal.errno == Errno::ENOENT => {}
            other => other.map_err(|refusal| context(refusal.into()))?,
        }
        report(session, Outcome::Deleted, link, one);
    }
    Ok(())
}

fn command(place: &netns::Netns, verb: &str, one: &Neighbour, link: &str) -> Command {
    let ip = one.ip.to_string();
    if one.proxy {
        return Command::ip(place, ["neighbor", verb, "proxy", &ip, "dev", link]);
    }
    let command = Command::ip(place, ["neighbor", verb, &ip, "dev", link]);
    if verb == "del" {
        return command;
    }
    let mac = one.mac.as_deref().map(mac::print).unwrap_or_default();
    let state = one.state.to_string();
    let command = command.and(["lladdr", &mac, "nud", &state]);
    command.and(one.router.then_some("router"))
}

/// The neighbour as an outcome tells of it.
fn object(session: &Session, link: &Link, one: &Neighbour) -> Object {
    let name = link.name();
    let told = line(one, Some(&name));
    let mac = one.mac.as_deref().map(mac::print);
    let object = Object::new("neighbor", one.ip.to_string()).on(name);
    let object = object.with(session.lab(), || said(one)).told(told);
    mac.into_iter()
        .fold(object, |object, mac| object.and("mac", mac))
}

fn report(session: &Session, outcome: Outcome, link: &Link, one: &Neighbour) {
    let object = object(session, link, one);
    session.lab().report(outcome, &link.netns(), object);
}

/// The neighbour as `ip neigh` prints it.
pub(crate) fn line(one: &Neighbour, link: Option<&str>) -> String {
    let mut words = vec![one.ip.to_string()];
    words.extend(link.map(|link| format!("dev {link}")));
    words.extend(
        one.mac
            .as_deref()
            .map(|mac| format!("lladdr {}", mac::print(mac))),
    );
    words.extend(one.router.then(|| "router".to_owned()));
    words.push(if one.proxy {
        "proxy".to_owned()
    } else {
        one.state.to_string().to_uppercase()
    });
    words.join(" ")
}

/// A neighbour, as scripts hold it: what it was when it was read.
#[derive(Clone, Debug)]
pub struct Neighbor {
    seen: Neighbour,
    /// The name of the link that it is on.
    link: Option<String>,
}

impl fmt::Display for Neighbor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&line(&self.seen, self.link.as_deref()))
    }
}

impl Neighbor {
    fn new(seen: Neighbour, links: &[Snapshot]) -> Self {
        let link = links.iter().find(|link| link.index == seen.link);
        let link = link.map(|link| link.name.clone());
        Self { seen, link }
    }

    fn mac(&self) -> Option<String> {
        self.seen.mac.as_deref().map(mac::print)
    }

    fn state(&self) -> String {
        if self.seen.proxy {
            "proxy".to_owned()
        } else {
            self.seen.state.to_string()
        }
    }

    /// What there is to show of it.
    pub(crate) fn show(&self) -> Value {
        let text = |text: Option<String>| text.map_or(Value::Nothing, Value::Text);
        Value::Handle(Box::new(Handle {
            name: self.to_string(),
            line: self.to_string(),
            cells: vec![
                ("ip", self.seen.ip.to_string()),
                ("link", self.link.clone().unwrap_or_default()),
                ("mac", self.mac().unwrap_or_default()),
                ("state", self.state()),
                (
                    "flags",
                    if self.seen.router { "router" } else { "" }.to_owned(),
                ),
            ],
            fields: vec![
                ("ip", Value::text(self.seen.ip)),
                ("link", text(self.link.clone())),
                ("mac", text(self.mac())),
                ("state", Value::text(self.state())),
                ("router", Value::word(self.seen.router)),
                ("proxy", Value::word(self.seen.proxy)),
                ("line", Value::text(self)),
            ],
        }))
    }
}

fn listed(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    link: Option<u32>,
) -> Result<rhai::Array> {
    let links = link::all(session, place)?;
    // Those of the loopback, multicast and the like, which `ip neigh` leaves out.
    let is_plain = |one: &Neighbour| one.proxy || one.state.to_string() != "noarp";
    let all = list(session, place)?.into_iter();
    Ok(all
        .filter(|one| link.map_or_else(|| is_plain(one), |index| index == one.link))
        .filter(is_plain)
        .map(|one| Dynamic::from(Neighbor::new(one, &links)))
        .collect())
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Tells the link which hardware address the address `ip` has, for good, and returns the link.
    ///
    /// No ARP and no neighbour discovery is needed then. Nothing happens where it is told already; another hardware address is
    /// a `conflict`, unless the kernel has learned it by itself. What `ip neighbor add IP lladdr MAC dev LINK` does.
    ///
    /// ```rhai
    /// let v = netns("a").veth("v0", "v1", #{addr: "10.0.0.1/24", up: true});
    /// v.neighbor("10.0.0.2", "02:00:00:00:00:02").neighbors[0].state    // => "permanent"
    /// ```
    #[rhai_fn(name = "neighbor", return_raw, volatile)]
    pub fn neighbor(
        context: NativeCallContext,
        link: &mut Link,
        ip: &str,
        mac: &str,
    ) -> Answer<Link> {
        neighbor_with(context, link, ip, mac, Map::new())
    }

    /// Tells the link a hardware address with options: `state`, `router`, `replace`.
    ///
    /// `state` is `permanent` (the default), `noarp`, `reachable` or `stale`. `router` says that it is one (IPv6).
    ///
    /// ```rhai
    /// let v = netns("a").veth("v0", "v1", #{addr: "10.0.0.1/24", up: true});
    /// v.neighbor("10.0.0.2", "02:00:00:00:00:02", #{state: "stale"}).neighbors[0].state    // => "stale"
    /// ```
    #[rhai_fn(name = "neighbor", return_raw, volatile)]
    pub fn neighbor_with(
        context: NativeCallContext,
        link: &mut Link,
        ip: &str,
        mac: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            add(session, link, ip, Some(mac), options)?;
            Ok(link.clone())
        })
    }

    /// Lets the link answer for the address `ip`, with `#{proxy: true}`, and returns the link.
    ///
    /// IPv6 answers only where the link's `ipv6.proxy_ndp` is 1. What `ip neighbor add proxy IP dev LINK` does.
    ///
    /// ```rhai
    /// let v = netns("a").veth("v0", "v1", #{addr: "10.0.0.1/24", up: true});
    /// v.neighbor("10.9.9.9", #{proxy: true}).neighbors[0].line    // => "10.9.9.9 dev v0 proxy"
    /// ```
    #[rhai_fn(name = "neighbor", return_raw, volatile)]
    pub fn neighbor_proxy(
        context: NativeCallContext,
        link: &mut Link,
        ip: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            add(session, link, ip, None, options)?;
            Ok(link.clone())
        })
    }

    /// Takes the neighbour of that address away from the link, and returns the link. None there is no error.
    ///
    /// What `ip neighbor del IP dev LINK` does.
    ///
    /// ```rhai
    /// let v = netns("a").veth("v0", "v1", #{up: true}).neighbor("10.0.0.2", "02:00:00:00:00:02");
    /// v.del_neighbor("10.0.0.2").neighbors.len()    // => 0
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn del_neighbor(context: NativeCallContext, link: &mut Link, ip: &str) -> Answer<Link> {
        answer(&context, |session| {
            delete(session, link, ip)?;
            Ok(link.clone())
        })
    }

    /// Returns the neighbours of the namespace, also those that its links answer for.
    ///
    /// What `ip neighbor` and `ip neighbor show proxy` list.
    ///
    /// ```rhai
    /// netns("a").neighbors().len()    // => 0
    /// ```
    #[rhai_fn(name = "neighbors", return_raw, volatile)]
    pub fn neighbors(context: NativeCallContext, net: &mut Netns) -> Answer<rhai::Array> {
        answer(&context, |session| listed(session, &net.0, None))
    }

    /// The neighbours of the namespace.
    #[rhai_fn(get = "neighbors", return_raw, volatile)]
    pub fn get_neighbors(context: NativeCallContext, net: &mut Netns) -> Answer<rhai::Array> {
        neighbors(context, net)
    }

    /// Returns the neighbours of the link.
    ///
    /// ```rhai
    /// netns("a").veth("v0", "v1").neighbors().len()    // => 0
    /// ```
    #[rhai_fn(name = "neighbors", return_raw, volatile)]
    pub fn neighbors_of(context: NativeCallContext, link: &mut Link) -> Answer<rhai::Array> {
        answer(&context, |session| {
            link::snapshot(session, link)?;
            listed(session, &link.netns(), Some(link.index()))
        })
    }

    /// The neighbours of the link.
    #[rhai_fn(get = "neighbors", return_raw, volatile)]
    pub fn get_neighbors_of(context: NativeCallContext, link: &mut Link) -> Answer<rhai::Array> {
        neighbors_of(context, link)
    }

    /// Its IP address.
    #[rhai_fn(get = "ip")]
    pub fn get_ip(neighbor: &mut Neighbor) -> String {
        neighbor.seen.ip.to_string()
    }

    /// Its hardware address, or `()` where it is not known.
    #[rhai_fn(get = "mac")]
    pub fn get_mac(neighbor: &mut Neighbor) -> Dynamic {
        neighbor.mac().map_or(Dynamic::UNIT, Dynamic::from)
    }

    /// The name of the link that it is on, or `()`.
    #[rhai_fn(get = "link")]
    pub fn get_link(neighbor: &mut Neighbor) -> Dynamic {
        neighbor.link.clone().map_or(Dynamic::UNIT, Dynamic::from)
    }

    /// What is known of it: `permanent`, `reachable`, `stale`, `failed` and others, or `proxy`.
    #[rhai_fn(get = "state")]
    pub fn get_state(neighbor: &mut Neighbor) -> String {
        neighbor.state()
    }

    /// Whether it is a router (IPv6).
    #[rhai_fn(get = "router")]
    pub fn get_router(neighbor: &mut Neighbor) -> bool {
        neighbor.seen.router
    }

    /// Whether the link answers for it, as a proxy.
    #[rhai_fn(get = "proxy")]
    pub fn get_proxy(neighbor: &mut Neighbor) -> bool {
        neighbor.seen.proxy
    }

    /// The neighbour as `ip neighbor` prints it.
    #[rhai_fn(get = "line")]
    pub fn get_line(neighbor: &mut Neighbor) -> String {
        neighbor.to_string()
    }

    /// The neighbour in one line, as `ip neighbor` prints it.
    #[rhai_fn(global, name = "to_string", name = "to_debug")]
    pub fn to_text(neighbor: &mut Neighbor) -> String {
        neighbor.to_string()
    }
}
