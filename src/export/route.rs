//! Routes: those of a link in its chain, the others behind all links.

use std::net::IpAddr;

use super::draft::{Draft, options};
use super::world::{LinkId, Place};
use crate::dsl::objects::route::rows;
use crate::net::address::Address;
use crate::net::link::Snapshot;
use crate::net::route::Route;
use crate::steps::{Call, Value};

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
        if route
            .encap
            .as_ref()
            .is_some_and(|encap| encap.text().is_none())
        {
            let what = format!("route {}", self.line(place, route));
            return self.leave(
                place,
                &what,
                "there are no words for what its packets are wrapped in",
            );
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
        let held = &self.world.places[place];
        let options = options(rows::said(route, |index| {
            held.name_of(index).map(str::to_owned)
        }));
        let call = Call::new("route", [Value::Text(destination), Value::Map(options)]);
        match link.filter(|_| !route.is_refusal()) {
            Some(link) => self.on_link((place, link.index), &link.name, call),
            None => self.step(place, crate::steps::Act::InNetns(call)),
        }
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
