//! Routes: add, delete and list them, and ask the kernel which one it would take.

mod ensure;
mod options;
mod question;
pub(crate) mod rows;
mod show;

use std::rc::Rc;

use rhai::Map;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::objects::{addr, link};
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result};
use crate::net::route::{self, TABLE_MAIN};
use crate::schema;

pub(crate) use ensure::{add, list, remove};
pub use show::Route;

use ensure::delete;

fn lookup(session: &Rc<Session>, net: &Netns, to: &Dynamic, options: Map) -> Result<Route> {
    let place = &net.0;
    let context = |error: Error| {
        error
            .doing("look up the route to", &addr::named(to))
            .within(place.label())
    };
    let ip = question::destination(session, to).map_err(context)?;
    let question = question::take(session, net, ip, options).map_err(context)?;
    let is_forwarded = question.iif.is_some();
    let found = session.wait(async {
        let found = route::lookup(&place.rtnl()?, &question).await;
        found.map_err(|refusal| context(question::refused(refusal, is_forwarded)))
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

/// Says how a gateway is written, where an address was taken for a link.
fn by_a_gateway(error: Error) -> Error {
    let named = error.object.as_deref();
    match named.filter(|name| name.parse::<std::net::IpAddr>().is_ok()) {
        Some(via) => {
            let hint =
                format!("a route by an address is `route(DESTINATION, #{{via: \"{via}\"}})`");
            error.hint(hint)
        }
        None => error,
    }
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
                .map_err(by_a_gateway)
                .map_err(|error| error.doing("add route", destination).within(net.label()))?;
            add(session, net, destination, Some(&dev), options)
        })
    }

    /// Adds a route with options: a gateway, a link, several next hops, or what else `ip route` takes.
    ///
    /// They are `via`, `dev`, `metric`, `table`, `onlink`, `source` (or `src`), `mtu`, `advmss`, `proto`, `scope`, `type`,
    /// `nexthops`, `nexthop`, `tos` and `replace`; for TCP `initcwnd`, `initrwnd`, `window`, `reordering`, `rto_min` (a duration; a bare
    /// number is one of seconds, where `ip` counts milliseconds),
    /// `quickack`, `fastopen_no_cookie`, `ecn`, `congctl` (the name of a congestion control), and `hoplimit`.
    ///
    /// What `ip route add DESTINATION via GATEWAY` does. Nothing happens where it is there; one that leads elsewhere is a
    /// `conflict`, unless `replace` is set. `type` is `blackhole`, `unreachable`, `prohibit` or `throw` for a route that leads
    /// nowhere, `local`, `broadcast`, or `unicast`. `nexthops` is a list of `#{via, dev, weight, onlink}` that share the
    /// packets, `weight` being 1 to 256; `nexthop` is the number of a nexthop object, made by `nexthop(…)`. `table` is a number, or a name in `/etc/iproute2/rt_tables`.
    /// An IPv4 network can lie behind an IPv6 router, also by its link-local address: `"0.0.0.0/0"` with `via: "fe80::1"` and `dev`.
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

    /// Takes the routes to `destination` away that match `via`, `dev`, `metric`, `nexthop` and `table`.
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
            let context = |error: Error| error.doing_plain("list routes").within(net.label());
            let options = schema::options("routes", options, &[rows::OF_LIST]);
            let table = options.and_then(|mut options| rows::TABLE.take_number(&mut options));
            let table = table.map_err(context)?;
            listed(session, net, table.unwrap_or(TABLE_MAIN))
        })
    }

    /// The routes of the main table.
    #[rhai_fn(get = "routes", return_raw, volatile)]
    pub fn get_routes(context: NativeCallContext, net: &mut Netns) -> Answer<rhai::Array> {
        routes(context, net)
    }

    /// Returns the route that the kernel would take to `destination`, an address, a link or a namespace.
    ///
    /// Of a namespace, given as such or by its name, and of a link it is the first global address, as `ping` takes it.
    /// Fails with `unreachable` where there is none, or one that refuses. What `ip route get ADDRESS` asks.
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
        destination: Dynamic,
    ) -> Answer<Route> {
        answer(&context, |session| {
            lookup(session, net, &destination, Map::new())
        })
    }

    /// Returns the route that the kernel would take for a packet that has more than its destination.
    ///
    /// Options: `from` (or `source`), the address that it comes from; `oif`, the link that the sender is bound to; `iif`, the link that it
    /// came in by, for one that is forwarded; `mark`; `uid`, the user who sends it; `proto`, a number or "tcp", "udp", "icmp", with `sport` and
    /// `dport`. Of a forwarded one the kernel says also whether it would take it at all: that forwarding is off, or that
    /// the reverse path filter drops it.
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
        destination: Dynamic,
        options: Map,
    ) -> Answer<Route> {
        answer(&context, |session| {
            lookup(session, net, &destination, options)
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
        let mtu = route.seen.metrics.number("mtu");
        mtu.map_or(Dynamic::UNIT, |mtu| i64::from(mtu).into())
    }

    /// The number of the nexthop object that says where it leads, or `()`.
    #[rhai_fn(get = "nexthop")]
    pub fn get_nexthop(route: &mut Route) -> Dynamic {
        let nexthop = route.seen.nexthop;
        nexthop.map_or(Dynamic::UNIT, |id| i64::from(id).into())
    }

    /// The largest segment of TCP that it has packets announce, or `()`.
    #[rhai_fn(get = "advmss")]
    pub fn get_advmss(route: &mut Route) -> Dynamic {
        let advmss = route.seen.metrics.number("advmss");
        advmss.map_or(Dynamic::UNIT, |advmss| i64::from(advmss).into())
    }

    /// The next hops that share the packets, a map of `via`, `link` and `weight` each; none where there is one way alone.
    ///
    /// ```rhai
    /// let e = netns("a").veth("e0", "e1", #{addr: "10.0.0.1/24", up: true});
    /// e.peer.up();
    /// netns("a").route("10.9.0.0/16", #{nexthops: [#{via: "10.0.0.2"}, #{via: "10.0.0.3", weight: 2}]});
    /// let route = netns("a").routes.find(|route| route.destination == "10.9.0.0/16");
    /// route.nexthops.map(|hop| hop.weight)    // => [1, 2]
    /// ```
    #[rhai_fn(get = "nexthops")]
    pub fn get_nexthops(route: &mut Route) -> rhai::Array {
        route.nexthops()
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
