//! Routes: add, delete and list them, and ask the kernel which one it would take.

mod options;
mod show;

use std::net::IpAddr;
use std::rc::Rc;

use ipnet::IpNet;
use nix::errno::Errno;
use rhai::Map;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::{Answer, Session, answer, link, table};
use crate::error::{Error, Kind, Result};
use crate::lab::{Command, Outcome, Undo};
use crate::net::netns;
use crate::net::route::{self, TABLE_MAIN};
use crate::value::options::Options;
use crate::value::prefix;

pub(crate) use options::{KEYS, KEYS_OF_DELETE};
pub use show::Route;

use options::read;

/// Adds a route, if it is not there.
///
/// Fails with `conflict` where one to the same destination with the same metric leads elsewhere.
pub(crate) fn add(
    session: &Rc<Session>,
    net: &Netns,
    destination: &str,
    dev: Option<&Link>,
    options: Map,
) -> Result<()> {
    let place = &net.0;
    let context = |error: Error| {
        if error.doing.is_empty() {
            error.doing("add route", destination).within(place.label())
        } else {
            error
        }
    };
    let mut options = Options::new("route", options, &[KEYS]).map_err(context)?;
    let replace = options.flag("replace").map_err(context)?.unwrap_or(false);
    let route = read(session, place, destination, dev, &mut options).map_err(context)?;
    let leads = route.via.is_some() || route.link.is_some() || !route.hops.is_empty();
    if route.is_refusal() && leads {
        return Err(context(Error::invalid(format!(
            "a {} route leads nowhere, and takes neither a gateway nor a link",
            route.kind
        ))));
    }
    if !route.is_refusal() && !leads {
        return Err(context(
            Error::invalid("neither a gateway nor a link is given")
                .hint("say where it leads: #{via: \"10.0.0.1\"}, or the link"),
        ));
    }
    if !session.lab().made_namespace(place)
        && let Some(present) = rival(session, place, &route)?
    {
        return settle(session, place, &present, &route, replace).map_err(context);
    }
    match create(session, place, &route)? {
        Ok(()) => Ok(()),
        Err(refusal) if refusal.errno == Errno::EEXIST => match rival(session, place, &route)? {
            Some(present) => settle(session, place, &present, &route, replace).map_err(context),
            None => Err(context(refusal.into())),
        },
        Err(refusal) => Err(context(explain(session, place, &route, refusal))),
    }
}

fn create(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    route: &route::Route,
) -> Result<std::result::Result<(), crate::net::rtnl::Refusal>> {
    let undo = Undo::DeleteRoute {
        netns: place.clone(),
        route: Box::new(route.clone()),
    };
    let line = line(session, place, route);
    let command = || command(place, "add", route, &line);
    let added = session.wait(async {
        let rtnl = &place.rtnl()?;
        let request = route::add(rtnl, route);
        session.lab().step(undo, command, request).await
    })??;
    if added.is_ok() {
        session
            .lab()
            .report(Outcome::Created, place, "route", &line);
    }
    Ok(added)
}

/// The route as `ip` writes it, with the name of its link.
fn line(session: &Rc<Session>, place: &Rc<netns::Netns>, route: &route::Route) -> String {
    route.line(|index| link::name_of(session, place, index))
}

/// The command that does `verb` with the route of this line.
fn command(place: &netns::Netns, verb: &str, route: &route::Route, line: &str) -> Command {
    // `default` alone is that of IPv4.
    let family = route.destination.addr().is_ipv6().then_some("-6");
    let command = Command::ip(place, family).and(["route", verb]);
    command.and(line.split_whitespace())
}

/// The refusal of a route, with what to do about it.
fn explain(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    route: &route::Route,
    refusal: crate::net::rtnl::Refusal,
) -> Error {
    let dev = route
        .link
        .and_then(|index| link::name_of(session, place, index));
    let dev = dev.as_deref().unwrap_or("LINK");
    let error = Error::from(refusal.clone());
    match (refusal.errno, route.via) {
        (Errno::ENETDOWN, _) => error
            .cause(format!("link `{dev}` is down"))
            .hint(format!(
                "bring it up first: {}.up()",
                link::call(session, place, dev)
            )),
        // The handle in `route` may be older than the link's end.
        (Errno::ENODEV, _) => error
            .cause("its link is gone")
            .hint("it was deleted after its handle was made; look it up again with link(…)"),
        (Errno::ENETUNREACH | Errno::EHOSTUNREACH, Some(via)) => error
            .cause(format!("gateway `{via}` is in no subnet of this namespace's links"))
            .hint(format!(
                "give the link an address in the gateway's subnet first, or say #{{via: \"{via}\", dev: \"{dev}\", onlink: true}}"
            )),
        (Errno::ENETUNREACH | Errno::EHOSTUNREACH, None) if !route.hops.is_empty() => error
            .cause("a gateway of `nexthops` is in no subnet of this namespace's links")
            .hint("give a link an address in its subnet first, or say `dev` and `onlink: true` with it"),
        (Errno::EINVAL, _) if route.source.is_some() => error.hint(
            "the source must be an address that this namespace has",
        ),
        _ => error,
    }
}

/// The route that stands where this one is to go: same destination, table and metric.
fn rival(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    route: &route::Route,
) -> Result<Option<route::Route>> {
    let metric = |route: &route::Route| match route.destination {
        // An IPv6 route without a metric gets 1024 (IP6_RT_PRIO_USER of the kernel).
        IpNet::V6(_) => route.metric.unwrap_or(1024),
        IpNet::V4(_) => route.metric.unwrap_or(0),
    };
    Ok(list(session, place, Some(route.table))?
        .into_iter()
        .find(|present| {
            present.destination == route.destination && metric(present) == metric(route)
        }))
}

/// The route is there as asked; or it differs, and is replaced where that was asked.
fn settle(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    present: &route::Route,
    asked: &route::Route,
    replace: bool,
) -> Result<()> {
    let same = present.via == asked.via
        && (asked.link.is_none() || present.link == asked.link)
        && (asked.source.is_none() || present.source == asked.source)
        && (asked.mtu.is_none() || present.mtu == asked.mtu)
        && (asked.advmss.is_none() || present.advmss == asked.advmss)
        && (asked.scope.is_empty() || present.scope == asked.scope)
        && (asked.protocol == "boot" || present.protocol == asked.protocol)
        && present.kind == asked.kind
        && same_hops(&present.hops, &asked.hops);
    if same {
        let line = line(session, place, present);
        session
            .lab()
            .report(Outcome::Unchanged, place, "route", &line);
        return Ok(());
    }
    if replace {
        remove(session, place, present)?;
        return create(session, place, asked)?
            .map_err(|refusal| explain(session, place, asked, refusal));
    }
    let line = |route: &route::Route| line(session, place, route);
    let conflict = Error::new(
        Kind::Conflict,
        "a route to that destination is there and leads elsewhere",
    )
    .note(format!("there: {}", line(present)))
    .note(format!("asked: {}", line(asked)))
    .hint("give it a metric of its own, or replace it with #{replace: true}");
    session
        .lab()
        .conflict(conflict, place, "route", &line(asked))
}

/// Whether the next hops are those asked for, in whatever order.
fn same_hops(present: &[route::Hop], asked: &[route::Hop]) -> bool {
    let is_it = |present: &route::Hop, asked: &route::Hop| {
        present.via == asked.via
            && (asked.link.is_none() || present.link == asked.link)
            && present.weight == asked.weight
    };
    present.len() == asked.len()
        && asked
            .iter()
            .all(|asked| present.iter().any(|present| is_it(present, asked)))
}

/// All routes of a namespace, of one table where one is given.
fn list(
    session: &Rc<Session>,
    place: &netns::Netns,
    table: Option<u32>,
) -> Result<Vec<route::Route>> {
    session.wait(async {
        route::list(&place.rtnl()?, table).await.map_err(|refusal| {
            Error::from(refusal)
                .doing_plain("list routes")
                .within(place.label())
        })
    })?
}

fn remove(session: &Rc<Session>, place: &Rc<netns::Netns>, route: &route::Route) -> Result<()> {
    let undo = Undo::AddRoute {
        netns: place.clone(),
        route: Box::new(route.clone()),
    };
    let line = line(session, place, route);
    let command = || command(place, "del", route, &line);
    session.wait(async {
        let rtnl = &place.rtnl()?;
        let request = route::delete(rtnl, route);
        let lab = session.lab();
        lab.step(undo, command, request).await?.map_err(Error::from)
    })??;
    session
        .lab()
        .report(Outcome::Deleted, place, "route", &line);
    Ok(())
}

/// Deletes the routes to a destination that match. None left is no error.
fn delete(
    session: &Rc<Session>,
    net: &Netns,
    destination: &str,
    dev: Option<&Link>,
    options: Map,
) -> Result<()> {
    let place = &net.0;
    let context = |error: Error| {
        error
            .doing("delete route", destination)
            .within(place.label())
    };
    let mut options = Options::new("del_route", options, &[KEYS_OF_DELETE]).map_err(context)?;
    let named = read(session, place, destination, dev, &mut options).map_err(context)?;
    let matching: Vec<route::Route> = list(session, place, Some(named.table))?
        .into_iter()
        .filter(|route| {
            route.destination == named.destination
                && (named.via.is_none() || route.via == named.via)
                && (named.link.is_none() || route.link == named.link)
                && (named.metric.is_none() || route.metric == named.metric)
        })
        .collect();
    if matching.is_empty() {
        let line = line(session, place, &named);
        session
            .lab()
            .report(Outcome::Unchanged, place, "route", &line);
    }
    for route in &matching {
        remove(session, place, route).map_err(context)?;
    }
    Ok(())
}

fn lookup(session: &Rc<Session>, net: &Netns, destination: &str, options: Map) -> Result<Route> {
    let place = &net.0;
    let context = |error: Error| {
        error
            .doing("look up the route to", destination)
            .within(place.label())
    };
    let mut options = Options::new("lookup", options, &[&["source"]]).map_err(context)?;
    let source = options.string("source").map_err(context)?;
    let source = source
        .map(|text| prefix::ip(&text))
        .transpose()
        .map_err(context)?;
    let ip: IpAddr = prefix::ip(destination).map_err(context)?;
    let found = session.wait(async {
        route::lookup(&place.rtnl()?, ip, source)
            .await
            .map_err(|refusal| match refusal.errno {
                Errno::ENETUNREACH => context(
                    Error::from(refusal)
                        .cause("no route leads there")
                        .hint("add one: net.route(\"default\", \"LINK\")"),
                ),
                _ => context(refusal.into()),
            })
    })??;
    let found =
        found.ok_or_else(|| context(Error::new(Kind::Kernel, "the kernel gave no answer")))?;
    Ok(Route::new(found, &link::all(session, place)?))
}

fn listed(session: &Rc<Session>, net: &Netns, table: u32) -> Result<rhai::Array> {
    let links = link::all(session, &net.0)?;
    let routes = list(session, &net.0, Some(table))?;
    Ok(routes
        .into_iter()
        .map(|route| Dynamic::from(Route::new(route, &links)))
        .collect())
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
    /// Adds a route by this link to `destination`: `"default"`, a prefix, or one address. Returns the link.
    ///
    /// Without a gateway it leads to what is on the link itself, which is all that an ipvlan slave in mode l3 needs. Nothing
    /// happens where it is there. What `ip route add DESTINATION dev LINK` does.
    ///
    /// ```rhai
    /// let a = netns("a").veth("v0", "v1", #{addr: "10.0.0.1/24", up: true});
    /// a.route("default").netns.routes[0].line    // => "default dev v0 scope link"
    /// ```
    #[rhai_fn(name = "route", return_raw, volatile)]
    pub fn route_by(
        context: NativeCallContext,
        link: &mut Link,
        destination: &str,
    ) -> Answer<Link> {
        route_by_with(context, link, destination, Map::new())
    }

    /// Adds a route by this link with options: `via`, `metric`, `table`, `onlink`, `source`, `replace`.
    ///
    /// ```rhai
    /// let a = netns("a").veth("v0", "v1", #{addr: "10.0.0.1/24", up: true});
    /// a.route("10.1.0.0/16", #{via: "10.0.0.9"}).netns.lookup("10.1.2.3").via    // => "10.0.0.9"
    /// ```
    #[rhai_fn(name = "route", return_raw, volatile)]
    pub fn route_by_with(
        context: NativeCallContext,
        link: &mut Link,
        destination: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            add(
                session,
                &Netns(link.netns()),
                destination,
                Some(link),
                options,
            )?;
            Ok(link.clone())
        })
    }

    /// Adds a route by the link `dev`, a handle or a name.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.veth("v0", "v1", #{addr: "10.0.0.1/24", up: true});
    /// a.route("default", "v0");
    /// a.lookup("8.8.8.8").link    // => "v0"
    /// ```
    #[rhai_fn(name = "route", return_raw, volatile)]
    pub fn route_dev(
        context: NativeCallContext,
        net: &mut Netns,
        destination: &str,
        dev: Dynamic,
    ) -> Answer<()> {
        route_dev_with(context, net, destination, dev, Map::new())
    }

    /// Adds a route by the link `dev` with options: `via`, `metric`, `table`, `onlink`, `source`, `replace`.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.veth("v0", "v1", #{addr: "10.0.0.1/24", up: true});
    /// a.route("default", "v0", #{metric: 100});
    /// a.routes[0].metric    // => 100
    /// ```
    #[rhai_fn(name = "route", return_raw, volatile)]
    pub fn route_dev_with(
        context: NativeCallContext,
        net: &mut Netns,
        destination: &str,
        dev: Dynamic,
        options: Map,
    ) -> Answer<()> {
        answer(&context, |session| {
            let dev = link::link_argument(session, &net.0, &dev)
                .map_err(|error| error.doing("add route", destination).within(net.label()))?;
            add(session, net, destination, Some(&dev), options)
        })
    }

    /// Adds a route with options: a gateway, a link, several next hops, or what else `ip route` takes.
    ///
    /// They are `via`, `dev`, `metric`, `table`, `onlink`, `source` (or `src`), `mtu`, `advmss`, `proto`, `scope`, `type`,
    /// `nexthops` and `replace`.
    ///
    /// What `ip route add DESTINATION via GATEWAY` does. Nothing happens where it is there; one that leads elsewhere is a
    /// `conflict`, unless `replace` is set. `type` is `blackhole`, `unreachable`, `prohibit` or `throw` for a route that leads
    /// nowhere, `local`, `broadcast`, or `unicast`. `nexthops` is a list of `#{via, dev, weight, onlink}` that share the
    /// packets, `weight` being 1 to 256. `table` is a number, or a name in `/etc/iproute2/rt_tables`.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.veth("v0", "v1", #{addr: "10.0.0.1/24", up: true});
    /// a.route("default", #{via: "10.0.0.254"});
    /// a.lookup("8.8.8.8").via    // => "10.0.0.254"
    /// ```
    #[rhai_fn(name = "route", return_raw, volatile)]
    pub fn route_with(
        context: NativeCallContext,
        net: &mut Netns,
        destination: &str,
        options: Map,
    ) -> Answer<()> {
        answer(&context, |session| {
            add(session, net, destination, None, options)
        })
    }

    /// Takes the routes to `destination` away. None there is no error.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.veth("v0", "v1", #{addr: "10.0.0.1/24", up: true, route: "default"});
    /// a.del_route("default");
    /// a.routes.len()    // => 1
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn del_route(context: NativeCallContext, net: &mut Netns, destination: &str) -> Answer<()> {
        answer(&context, |session| {
            delete(session, net, destination, None, Map::new())
        })
    }

    /// Takes the routes to `destination` away that match `via`, `dev`, `metric` and `table`.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.veth("v0", "v1", #{addr: "10.0.0.1/24", up: true, route: "default"});
    /// a.del_route("default", #{dev: "v0"});
    /// a.routes.len()    // => 1
    /// ```
    #[rhai_fn(name = "del_route", return_raw, volatile)]
    pub fn del_route_with(
        context: NativeCallContext,
        net: &mut Netns,
        destination: &str,
        options: Map,
    ) -> Answer<()> {
        answer(&context, |session| {
            delete(session, net, destination, None, options)
        })
    }

    /// Takes this link's routes to `destination` away, and returns the link.
    ///
    /// ```rhai
    /// let v = netns("a").veth("v0", "v1", #{addr: "10.0.0.1/24", up: true, route: "default"});
    /// v.del_route("default").netns.routes.len()    // => 1
    /// ```
    #[rhai_fn(name = "del_route", return_raw, volatile)]
    pub fn del_route_by(
        context: NativeCallContext,
        link: &mut Link,
        destination: &str,
    ) -> Answer<Link> {
        answer(&context, |session| {
            delete(
                session,
                &Netns(link.netns()),
                destination,
                Some(link),
                Map::new(),
            )?;
            Ok(link.clone())
        })
    }

    /// Returns the routes of the main table.
    ///
    /// What `ip route` and `ip -6 route` list.
    ///
    /// ```rhai
    /// netns("a").routes().len()    // => 0
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn routes(context: NativeCallContext, net: &mut Netns) -> Answer<rhai::Array> {
        answer(&context, |session| listed(session, net, TABLE_MAIN))
    }

    /// Returns the routes of another table: `#{table: 100}`.
    ///
    /// ```rhai
    /// netns("a").routes(#{table: 100}).len()    // => 0
    /// ```
    #[rhai_fn(name = "routes", return_raw, volatile)]
    pub fn routes_of(
        context: NativeCallContext,
        net: &mut Netns,
        options: Map,
    ) -> Answer<rhai::Array> {
        answer(&context, |session| {
            let mut options = Options::new("routes", options, &[&["table"]])?;
            let table = table::option(&mut options)?;
            listed(session, net, table.unwrap_or(TABLE_MAIN))
        })
    }

    /// The routes of the main table.
    #[rhai_fn(get = "routes", return_raw, volatile)]
    pub fn get_routes(context: NativeCallContext, net: &mut Netns) -> Answer<rhai::Array> {
        routes(context, net)
    }

    /// Returns the route that the kernel would take to the address `destination`.
    ///
    /// Fails with `unreachable` where there is none. What `ip route get ADDRESS` asks.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.veth("v0", "v1", #{addr: "10.0.0.1/24", up: true});
    /// a.lookup("10.0.0.2").source    // => "10.0.0.1"
    /// ```
    #[rhai_fn(name = "lookup", return_raw, volatile)]
    pub fn lookup_(
        context: NativeCallContext,
        net: &mut Netns,
        destination: &str,
    ) -> Answer<Route> {
        answer(&context, |session| {
            lookup(session, net, destination, Map::new())
        })
    }

    /// Returns the route that the kernel would take when sending from `source`.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.veth("v0", "v1", #{addr: "10.0.0.1/24", up: true});
    /// a.lookup("10.0.0.2", #{source: "10.0.0.1"}).link    // => "v0"
    /// ```
    #[rhai_fn(name = "lookup", return_raw, volatile)]
    pub fn lookup_from(
        context: NativeCallContext,
        net: &mut Netns,
        destination: &str,
        options: Map,
    ) -> Answer<Route> {
        answer(&context, |session| {
            lookup(session, net, destination, options)
        })
    }
    /// The destination: `default`, a prefix, or one address.
    #[rhai_fn(get = "destination")]
    pub fn get_destination(route: &mut Route) -> String {
        route.seen.destination_text()
    }

    /// The gateway, or `()`.
    #[rhai_fn(get = "via")]
    pub fn get_via(route: &mut Route) -> Dynamic {
        or_unit(route.seen.via.map(|ip| ip.to_string()))
    }

    /// The name of the link that it leaves by, or `()`.
    #[rhai_fn(get = "link")]
    pub fn get_link(route: &mut Route) -> Dynamic {
        or_unit(route.link.clone())
    }

    /// The address that packets leave with, or `()`.
    #[rhai_fn(get = "source")]
    pub fn get_source(route: &mut Route) -> Dynamic {
        or_unit(route.seen.source.map(|ip| ip.to_string()))
    }

    /// The metric, of which the lowest wins, or `()`.
    #[rhai_fn(get = "metric")]
    pub fn get_metric(route: &mut Route) -> Dynamic {
        let metric = route.seen.metric;
        metric.map_or(Dynamic::UNIT, |metric| i64::from(metric).into())
    }

    /// The number of the routing table: 254 is main.
    #[rhai_fn(get = "table")]
    pub fn get_table(route: &mut Route) -> i64 {
        route.seen.table.into()
    }

    /// Who made it, as `ip route` prints it: `kernel`, `boot`, `static` and others.
    #[rhai_fn(get = "protocol")]
    pub fn get_protocol(route: &mut Route) -> String {
        route.seen.protocol.clone()
    }

    /// How far the destination is: `global`, `link` or `host`.
    #[rhai_fn(get = "scope")]
    pub fn get_scope(route: &mut Route) -> String {
        route.seen.scope.clone()
    }

    /// What it does with a packet: `unicast`, `local`, `broadcast`, `blackhole` and others.
    #[rhai_fn(get = "kind")]
    pub fn get_kind(route: &mut Route) -> String {
        route.seen.kind.clone()
    }

    /// The MTU of the path, or `()`.
    #[rhai_fn(get = "mtu")]
    pub fn get_mtu(route: &mut Route) -> Dynamic {
        let mtu = route.seen.mtu;
        mtu.map_or(Dynamic::UNIT, |mtu| i64::from(mtu).into())
    }

    /// The route as `ip route` prints it.
    #[rhai_fn(get = "line")]
    pub fn get_line(route: &mut Route) -> String {
        route.to_string()
    }

    /// The route in one line, as `ip route` prints it.
    #[rhai_fn(global, name = "to_string", name = "to_debug")]
    pub fn to_text(route: &mut Route) -> String {
        route.to_string()
    }
}
