//! Routes: add, delete and list them, and ask the kernel which one it would take.

use std::net::IpAddr;
use std::rc::Rc;

use ipnet::IpNet;
use nix::errno::Errno;
use rhai::Map;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::{Answer, Session, answer, link};
use crate::error::{Error, Kind, Result};
use crate::lab::{Outcome, Undo};
use crate::net::link::Snapshot;
use crate::net::netns;
use crate::net::route::{self, Route, TABLE_MAIN};
use crate::value::options::Options;
use crate::value::prefix;

/// What a route can be given.
const KEYS: &[&str] = &[
    "dev", "metric", "onlink", "replace", "source", "table", "via",
];

/// What tells one route from another, where the destination is not enough.
const KEYS_OF_DELETE: &[&str] = &["dev", "metric", "table", "via"];

fn read(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    destination: &str,
    dev: Option<&Link>,
    options: &mut Options,
) -> Result<Route> {
    let ip = |text: Option<String>| text.map(|text| prefix::ip(&text)).transpose();
    let via = ip(options.string("via")?)?;
    let source = ip(options.string("source")?)?;
    let destination: IpNet = prefix::destination(destination, via.or(source))?;
    for (what, ip) in [("gateway", via), ("source", source)] {
        if let Some(ip) = ip
            && ip.is_ipv4() != destination.addr().is_ipv4()
        {
            return Err(Error::invalid(format!(
                "{what} `{ip}` and destination `{destination}` are of different families"
            )));
        }
    }
    let dev = match (dev, options.take("dev")) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid(
                "the link is given twice, in front and as option `dev`",
            ));
        }
        (Some(link), None) => Some(link.clone()),
        (None, Some(given)) => Some(link::link_argument(session, place, &given)?),
        (None, None) => None,
    };
    if let Some(dev) = &dev
        && dev.netns().namespace().id() != place.namespace().id()
    {
        return Err(Error::invalid(format!(
            "link `{}` is in another namespace, `{}`",
            dev.name(),
            dev.netns().label()
        )));
    }
    let number = |value: Option<i64>| value.and_then(|value| u32::try_from(value).ok());
    let largest = i64::from(u32::MAX);
    Ok(Route {
        via,
        source,
        link: dev.map(|dev| dev.index()),
        metric: number(options.integer("metric", 0..=largest)?),
        table: number(options.integer("table", 1..=largest)?).unwrap_or(TABLE_MAIN),
        onlink: options.flag("onlink")?.unwrap_or(false),
        ..Route::to(destination)
    })
}

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
    if route.via.is_none() && route.link.is_none() {
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
    route: &Route,
) -> Result<std::result::Result<(), crate::net::rtnl::Refusal>> {
    let undo = Undo::DeleteRoute {
        netns: place.clone(),
        route: Box::new(route.clone()),
    };
    let added = session.wait(async {
        let rtnl = &place.rtnl()?;
        session.lab().step(undo, route::add(rtnl, route)).await
    })??;
    if added.is_ok() {
        session.lab().count(Outcome::Created);
    }
    Ok(added)
}

/// The refusal of a route, with what to do about it.
fn explain(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    route: &Route,
    refusal: crate::net::rtnl::Refusal,
) -> Error {
    let dev = route.link.and_then(|index| name_of(session, place, index));
    let dev = dev.as_deref().unwrap_or("LINK");
    let error = Error::from(refusal.clone());
    match (refusal.errno, route.via) {
        (Errno::ENETDOWN, _) => error
            .cause(format!("link `{dev}` is down"))
            .hint(format!("bring it up first: link(\"{dev}\").up()")),
        (Errno::ENETUNREACH | Errno::EHOSTUNREACH, Some(via)) => error
            .cause(format!("gateway `{via}` is in no subnet of this namespace's links"))
            .hint(format!(
                "give the link an address in the gateway's subnet first, or say #{{via: \"{via}\", dev: \"{dev}\", onlink: true}}"
            )),
        (Errno::EINVAL, _) if route.source.is_some() => error.hint(
            "the source must be an address that this namespace has",
        ),
        _ => error,
    }
}

fn name_of(session: &Rc<Session>, place: &Rc<netns::Netns>, index: u32) -> Option<String> {
    let links = link::all(session, place).ok()?;
    links
        .into_iter()
        .find(|link| link.index == index)
        .map(|link| link.name)
}

/// The route that stands where this one is to go: same destination, table and metric.
fn rival(session: &Rc<Session>, place: &Rc<netns::Netns>, route: &Route) -> Result<Option<Route>> {
    let metric = |route: &Route| match route.destination {
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
    present: &Route,
    asked: &Route,
    replace: bool,
) -> Result<()> {
    let same = present.via == asked.via
        && (asked.link.is_none() || present.link == asked.link)
        && (asked.source.is_none() || present.source == asked.source);
    if same {
        session.lab().count(Outcome::Unchanged);
        return Ok(());
    }
    if replace {
        remove(session, place, present)?;
        return create(session, place, asked)?
            .map_err(|refusal| explain(session, place, asked, refusal));
    }
    let line = |route: &Route| {
        let dev = route.link.and_then(|index| name_of(session, place, index));
        route.line(dev.as_deref())
    };
    Err(Error::new(
        Kind::Conflict,
        "a route to that destination is there and leads elsewhere",
    )
    .note(format!("there: {}", line(present)))
    .note(format!("asked: {}", line(asked)))
    .hint("give it a metric of its own, or replace it with #{replace: true}"))
}

/// All routes of a namespace, of one table where one is given.
fn list(session: &Rc<Session>, place: &netns::Netns, table: Option<u32>) -> Result<Vec<Route>> {
    session.wait(async {
        route::list(&place.rtnl()?, table).await.map_err(|refusal| {
            Error::from(refusal)
                .doing_plain("list routes")
                .within(place.label())
        })
    })?
}

fn remove(session: &Rc<Session>, place: &Rc<netns::Netns>, route: &Route) -> Result<()> {
    let undo = Undo::AddRoute {
        netns: place.clone(),
        route: Box::new(route.clone()),
    };
    session.wait(async {
        let rtnl = &place.rtnl()?;
        session
            .lab()
            .step(undo, route::delete(rtnl, route))
            .await?
            .map_err(Error::from)
    })??;
    session.lab().count(Outcome::Deleted);
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
    let matching: Vec<Route> = list(session, place, Some(named.table))?
        .into_iter()
        .filter(|route| {
            route.destination == named.destination
                && (named.via.is_none() || route.via == named.via)
                && (named.link.is_none() || route.link == named.link)
                && (named.metric.is_none() || route.metric == named.metric)
        })
        .collect();
    if matching.is_empty() {
        session.lab().count(Outcome::Unchanged);
    }
    for route in &matching {
        remove(session, place, route).map_err(context)?;
    }
    Ok(())
}

fn lookup(session: &Rc<Session>, net: &Netns, destination: &str, options: Map) -> Result<Map> {
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
    Ok(to_map(&found, &link::all(session, place)?))
}

/// A route as scripts see it.
fn to_map(route: &Route, links: &[Snapshot]) -> Map {
    let link = route
        .link
        .and_then(|index| links.iter().find(|link| link.index == index))
        .map(|link| link.name.as_str());
    let text = |text: Option<String>| text.map_or(Dynamic::UNIT, Dynamic::from);
    let mut map = Map::new();
    map.insert("destination".into(), route.destination_text().into());
    map.insert("via".into(), text(route.via.map(|ip| ip.to_string())));
    map.insert("link".into(), text(link.map(str::to_owned)));
    map.insert("source".into(), text(route.source.map(|ip| ip.to_string())));
    map.insert(
        "metric".into(),
        route
            .metric
            .map_or(Dynamic::UNIT, |metric| i64::from(metric).into()),
    );
    map.insert("table".into(), i64::from(route.table).into());
    map.insert("protocol".into(), route.protocol.clone().into());
    map.insert("scope".into(), route.scope.into());
    map.insert("kind".into(), route.kind.clone().into());
    map.insert("line".into(), route.line(link).into());
    map
}

fn listed(session: &Rc<Session>, net: &Netns, table: u32) -> Result<rhai::Array> {
    let links = link::all(session, &net.0)?;
    let routes = list(session, &net.0, Some(table))?;
    Ok(routes
        .iter()
        .map(|route| to_map(route, &links).into())
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

    /// Adds a route with options: `via`, `dev`, `metric`, `table`, `onlink`, `source`, `replace`.
    ///
    /// What `ip route add DESTINATION via GATEWAY` does. Nothing happens where it is there; one that leads elsewhere is a
    /// `conflict`, unless `replace` is set.
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

    /// Returns the routes of the main table, each a map of `destination`, `via`, `link`, `source`, `metric`, `table`, `protocol`, `scope`, `kind` and `line`.
    ///
    /// `line` is the route as `ip route` prints it.
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
            let table = options.integer("table", 1..=i64::from(u32::MAX))?;
            let table = table.and_then(|table| u32::try_from(table).ok());
            listed(session, net, table.unwrap_or(TABLE_MAIN))
        })
    }

    /// The routes of the main table.
    #[rhai_fn(get = "routes", return_raw, volatile)]
    pub fn get_routes(context: NativeCallContext, net: &mut Netns) -> Answer<rhai::Array> {
        routes(context, net)
    }

    /// Returns the route that the kernel would take to the address `destination`, as a map like those of `routes`.
    ///
    /// Fails with `unreachable` where there is none. What `ip route get ADDRESS` asks.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.veth("v0", "v1", #{addr: "10.0.0.1/24", up: true});
    /// a.lookup("10.0.0.2").source    // => "10.0.0.1"
    /// ```
    #[rhai_fn(name = "lookup", return_raw, volatile)]
    pub fn lookup_(context: NativeCallContext, net: &mut Netns, destination: &str) -> Answer<Map> {
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
    ) -> Answer<Map> {
        answer(&context, |session| {
            lookup(session, net, destination, options)
        })
    }
}
