//! Routes: those of a link in its chain, the others behind all links.

use std::net::IpAddr;

use super::draft::Draft;
use super::world::{LinkId, Place};
use crate::net::address::Address;
use crate::net::link::Snapshot;
use crate::net::route::{Hop, Route, TABLE_MAIN};
use crate::steps::{Call, Value};

/// `RT_TABLE_LOCAL` of `linux/rtnetlink.h`.
const TABLE_LOCAL: u32 = 255;
/// What IPv6 gives to a route of which nothing is said, `IP6_RT_PRIO_USER`.
const USUAL_METRIC: u32 = 1024;

/// Whether somebody has made the route: not the kernel, nor a router that announced it.
fn is_made(route: &Route) -> bool {
    !["kernel", "ra", "redirect"].contains(&route.protocol.as_str())
}

impl Draft<'_> {
    /// Says the routes that need no more than the link and its addresses; notes the others for later.
    pub(super) fn routes_of(&mut self, id: LinkId, seen: &Snapshot) {
        let place = &self.world.places[id.0];
        let own = |route: &&Route| route.link == Some(id.1) && is_made(route);
        let mut routes: Vec<Route> = place.routes.iter().filter(own).cloned().collect();
        // A gateway may be reached by the route to it.
        routes.sort_by_key(|route| route.via.is_some());
        let mut reached: Vec<ipnet::IpNet> = Vec::new();
        for route in routes {
            if is_self_contained(place, id, &route, &reached) && seen.up {
                if route.via.is_none() {
                    reached.push(route.destination);
                }
                self.route(id.0, Some(seen), &route);
            } else {
                self.later.push((id.0, route));
            }
        }
    }

    /// Says the routes that are left.
    pub(super) fn other_routes(&mut self, place: usize) {
        let others = self.world.places[place].routes.iter();
        let others = others.filter(|route| route.link.is_none() && is_made(route));
        let others: Vec<Route> = others.cloned().collect();
        let own = self.later.iter().filter(|(at, _)| *at == place);
        let mut routes: Vec<Route> = own.map(|(_, route)| route.clone()).chain(others).collect();
        routes.sort_by_key(|route| route.via.is_some() || !route.hops.is_empty());
        self.nexthops(place);
        for route in routes {
            let route = route.bare();
            let lost = |link: &u32| self.lost.contains(&(place, *link));
            if route
                .hops
                .iter()
                .filter_map(|hop| hop.link)
                .any(|link| lost(&link))
            {
                let what = format!("route {}", self.line(place, &route));
                self.leave(place, &what, "a link of it is not exported");
                continue;
            }
            let link = route.link.and_then(|link| self.world.link((place, link)));
            self.route(place, link, &route);
        }
    }

    fn line(&self, place: usize, route: &Route) -> String {
        let place = &self.world.places[place];
        route.line(|index| place.name_of(index).map(str::to_owned))
    }

    fn route(&mut self, place: usize, link: Option<&Snapshot>, route: &Route) {
        let known = crate::net::route::KINDS;
        if !known.iter().any(|(name, _)| *name == route.kind) {
            let what = format!("route {}", self.line(place, route));
            let why = format!("there is no word for {} routes", route.kind);
            return self.leave(place, &what, &why);
        }
        let has_v6_gateway = route.via.is_some_and(|via| via.is_ipv6())
            || route
                .hops
                .iter()
                .any(|hop| hop.via.is_some_and(|via| via.is_ipv6()));
        let is_v6_default =
            route.destination.addr().is_ipv6() && route.destination.prefix_len() == 0;
        let destination = if is_v6_default && !has_v6_gateway {
            "::/0".to_owned()
        } else {
            route.destination_text()
        };
        let options = self.route_options(place, route);
        let call = Call::new("route", [Value::Text(destination), Value::Map(options)]);
        match link.filter(|_| !route.is_refusal()) {
            Some(link) => self.on_link((place, link.index), &link.name, call),
            None => self.step(place, crate::steps::Act::InNetns(call)),
        }
    }

    fn route_options(&self, place: usize, route: &Route) -> Vec<(String, Value)> {
        let is_v6 = route.destination.addr().is_ipv6();
        let mut options: Vec<(String, Value)> = Vec::new();
        let mut put = |key: &str, value: Option<Value>| {
            options.extend(value.map(|value| (key.to_owned(), value)));
        };
        let number = |number: Option<u32>| number.map(|number| Value::Number(number.into()));
        let is_usual = |metric: &u32| is_v6 && *metric == USUAL_METRIC;
        put(
            "type",
            (route.kind != "unicast").then(|| Value::text(&route.kind)),
        );
        put("via", route.via.map(|via| Value::text(via.to_string())));
        let hops = route.hops.iter().map(|hop| self.hop(place, hop)).collect();
        put("nexthop", number(route.nexthop));
        put(
            "nexthops",
            (!route.hops.is_empty()).then_some(Value::List(hops)),
        );
        put(
            "metric",
            number(route.metric.filter(|metric| !is_usual(metric))),
        );
        put(
            "table",
            (route.table != TABLE_MAIN).then(|| table(route.table)),
        );
        let is_said = |protocol: &str| !["boot", "unspec"].contains(&protocol);
        put(
            "proto",
            is_said(&route.protocol).then(|| Value::guess(&route.protocol)),
        );
        let has_scope = !is_v6 && route.scope != route.usual_scope();
        put("scope", has_scope.then(|| Value::text(&route.scope)));
        put(
            "src",
            route.source.map(|source| Value::text(source.to_string())),
        );
        put(
            "tos",
            (route.tos > 0).then(|| Value::Number(route.tos.into())),
        );
        for (key, text) in route.metrics.options() {
            let value = match text.as_str() {
                "true" => Value::Flag(true),
                "false" => Value::Flag(false),
                text => Value::guess(text),
            };
            put(key, Some(value));
        }
        put("onlink", route.onlink.then_some(Value::Flag(true)));
        options
    }

    fn hop(&self, place: usize, hop: &Hop) -> Value {
        let mut keys = Vec::new();
        let mut put = |key: &str, value: Option<Value>| {
            keys.extend(value.map(|value| (key.to_owned(), value)));
        };
        put("via", hop.via.map(|via| Value::text(via.to_string())));
        let device = hop
            .link
            .and_then(|link| self.world.places[place].name_of(link));
        put("dev", device.map(Value::text));
        put(
            "weight",
            (hop.weight > 1).then(|| Value::Number(hop.weight.into())),
        );
        put("onlink", hop.onlink.then_some(Value::Flag(true)));
        Value::Map(keys)
    }
}

/// A table by its name where every machine has one for it, else by its number.
pub(super) fn table(number: u32) -> Value {
    match number {
        TABLE_MAIN => Value::text("main"),
        TABLE_LOCAL => Value::text("local"),
        number => Value::Number(number.into()),
    }
}

/// Whether the kernel takes the route as soon as the link is up and has its addresses.
fn is_self_contained(
    place: &Place,
    (_, link): LinkId,
    route: &Route,
    reached: &[ipnet::IpNet],
) -> bool {
    let own = || {
        place
            .addresses
            .iter()
            .filter(move |address| address.link == link)
    };
    let is_near = |via: IpAddr| {
        let is_link_local = matches!(via, IpAddr::V6(via) if via.is_unicast_link_local());
        let covers = |address: &Address| address.assigned.prefix.contains(&via);
        is_link_local || own().any(covers) || reached.iter().any(|prefix| prefix.contains(&via))
    };
    let has = |source: IpAddr| source.is_ipv4() && own().any(|own| own.ip() == source);
    route.hops.is_empty()
        && route.nexthop.is_none()
        && (route.onlink || route.via.is_none_or(is_near))
        && route.source.is_none_or(has)
}
