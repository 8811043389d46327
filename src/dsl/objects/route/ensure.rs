//! Routes are added where they are not there as asked, and taken away.

use std::net::IpAddr;
use std::rc::Rc;

use nix::errno::Errno;
use rhai::Map;

use super::options::read;
use super::rows;
use crate::dsl::Session;
use crate::dsl::handle::{Link, Netns};
use crate::dsl::objects::{addr, link, nexthop};
use crate::error::{Error, Kind, Result};
use crate::lab::{Command, Object, Outcome, Undo, WayBack};
use crate::net::rtnl::Refusal;
use crate::net::sysctl::{self, Key};
use crate::net::{netns, route};
use crate::schema;
use crate::value::shell;

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
        error.unless_said(|error| error.doing("add route", destination).within(place.label()))
    };
    let mut options = schema::options("route", options, &[rows::ROWS]).map_err(context)?;
    let replace = rows::REPLACE.take_flag(&mut options).map_err(context)?;
    let replace = replace.unwrap_or(false);
    let route = read(session, place, destination, dev, &mut options).map_err(context)?;
    let leads = route.via.is_some()
        || route.link.is_some()
        || route.nexthop.is_some()
        || !route.hops.is_empty();
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
    if let Some(id) = route.nexthop {
        let is_ipv6 = route.destination.addr().is_ipv6();
        nexthop::for_route(session, place, id, is_ipv6).map_err(context)?;
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
) -> Result<std::result::Result<(), Refusal>> {
    let way = WayBack::DeleteRoute {
        route: Box::new(route.clone()),
    };
    let undo = Undo::within(place.clone(), way);
    let line = line(session, place, route);
    let command = || command(place, "add", route, &line);
    let added = session.wait(async {
        let rtnl = &place.rtnl()?;
        let request = route::add(rtnl, route);
        session.lab().step(undo, command, request).await
    })??;
    if added.is_ok() {
        report(session, Outcome::Created, place, route, line);
    }
    Ok(added)
}

/// The route as an outcome tells of it; people see `line`.
fn object(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    route: &route::Route,
    line: String,
) -> Object {
    let object = Object::new("route", route.destination_text()).told(line);
    let lab = session.lab();
    if !lab.outcomes().are_for_programs() {
        return object;
    }
    let name_of = |index| link::name_of(session, place, index);
    let dev = route.link.and_then(name_of).into_iter();
    dev.fold(object, Object::of_link)
        .with(lab, || rows::said(route, name_of))
}

fn report(
    session: &Rc<Session>,
    outcome: Outcome,
    place: &Rc<netns::Netns>,
    route: &route::Route,
    line: String,
) {
    let object = object(session, place, route, line);
    session.lab().report(outcome, place, object);
}

/// The route as `ip` takes it, with the name of its link.
fn line(session: &Rc<Session>, place: &Rc<netns::Netns>, route: &route::Route) -> String {
    route
        .bare()
        .line(|index| link::name_of(session, place, index))
}

/// The command that does `verb` with the route of this line.
fn command(place: &netns::Netns, verb: &str, route: &route::Route, line: &str) -> Command {
    // `default` alone is that of IPv4, or of its gateway.
    let is_ipv6 = route.destination.addr().is_ipv6();
    let is_mixed = route.via.is_some_and(|via| via.is_ipv6()) && !is_ipv6;
    let family = match (is_ipv6, is_mixed && route.destination.prefix_len() == 0) {
        (true, _) => Some("-6"),
        (_, true) => Some("-4"),
        _ => None,
    };
    let command = Command::ip(place, family).and(["route", verb]);
    command.and(line.split_whitespace())
}

/// The refusal of a route, with what to do about it.
fn explain(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    route: &route::Route,
    refusal: Refusal,
) -> Error {
    let dev = route
        .link
        .and_then(|index| link::name_of(session, place, index));
    let error = Error::from(refusal.clone());
    let has_link = route.link.is_some() || route.hops.iter().any(|hop| hop.link.is_some());
    // A gateway that is taken as directly connected says nothing of the link.
    if refusal.errno == Errno::ENODEV && !has_link {
        let via = route.via.map(|via| format!("via: \"{via}\", "));
        return error
            .kind(Kind::Invalid)
            .cause("by which link its gateway is reached is not said")
            .hint(format!(
                "say it with `dev`: #{{{}dev: \"LINK\", onlink: true}}",
                via.unwrap_or_default()
            ));
    }
    if let Some(error) = without_ipv6(session, place, route, error.clone()) {
        return error;
    }
    // The handle in `route` may be older than the link's end.
    if refusal.errno == Errno::ENODEV || route.link.is_some() && dev.is_none() {
        return error
            .kind(Kind::NotFound)
            .cause("its link is gone")
            .hint("it was deleted after its handle was made; look it up again with link(…)");
    }
    let dev = dev.as_deref().unwrap_or("LINK");
    match (refusal.errno, route.via) {
        (Errno::ENETDOWN, _) => error
            .cause(format!("link `{dev}` is down"))
            .hint(format!(
                "bring it up first: {}.up()",
                link::call(session, place, dev)
            )),
        (Errno::ENETUNREACH | Errno::EHOSTUNREACH, Some(via)) => error
            .cause(format!("gateway `{via}` is in no subnet of this namespace's links"))
            .hint(format!(
                "give the link an address in the gateway's subnet first, or say #{{via: \"{via}\", dev: \"{dev}\", onlink: true}}"
            )),
        (Errno::ENETUNREACH | Errno::EHOSTUNREACH, None) if !route.hops.is_empty() => error
            .cause("a gateway of `nexthops` is in no subnet of this namespace's links")
            .hint("give a link an address in its subnet first, or say `dev` and `onlink: true` with it"),
        (Errno::EINVAL, Some(IpAddr::V6(via)))
            if via.is_unicast_link_local() && route.link.is_none() =>
        {
            let links = link::all(session, place).unwrap_or_default();
            let name = links
                .iter()
                .find(|link| !link.loopback && link.up)
                .map_or("LINK", |link| link.name.as_str());
            error
                .cause(format!(
                    "gateway `{via}` is a link-local address: every link has its own, so the link has to be named"
                ))
                .hint(format!("say by which link: #{{via: \"{via}\", dev: \"{name}\"}}"))
        }
        (Errno::EOPNOTSUPP, _) if route.encap.is_some() => {
            let text = route.encap.as_ref().and_then(route::Encap::text).unwrap_or_default();
            let kind = text.split(' ').next().unwrap_or_default();
            let module = match kind {
                "mpls" => "mpls_iptunnel",
                "ip" | "ip6" => "ip_tunnel",
                _ => "seg6, built in by CONFIG_IPV6_SEG6_LWTUNNEL",
            };
            error
                .kind(Kind::Unsupported)
                .cause(format!("this kernel can't wrap packets in {kind}"))
                .note(format!("it is the module {module}"))
                .hint(if kind == "mpls" { "load it with `modprobe mpls_iptunnel`" } else { "run with --sandbox=vm" })
        }
        (Errno::EINVAL, _) if lacks_congctl(place, route) => {
            let name = route.metrics.congctl().unwrap_or_default();
            error
                .cause(format!("this kernel has no congestion control `{name}`"))
                .hint(format!(
                    "sysctl(\"ipv4.tcp_available_congestion_control\") names those that it has; load it with `modprobe {}`",
                    shell::word(&format!("tcp_{name}"))
                ))
        }
        (Errno::EINVAL, _) => match route.source {
            Some(source) if !addr::has(session, place, source).unwrap_or(true) => error
                .cause(format!("this namespace has no address `{source}` to send from"))
                .hint("name one that it has, or give it that one first"),
            _ => error,
        },
        _ => error,
    }
}

/// The refusal of a route of IPv6 by a link that has no IPv6.
fn without_ipv6(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    route: &route::Route,
    error: Error,
) -> Option<Error> {
    let is_ipv6 = |ip: Option<IpAddr>| ip.is_some_and(|ip| ip.is_ipv6());
    let of_ipv6 = route.destination.addr().is_ipv6();
    let hops = route.hops.iter().map(|hop| (hop.link, hop.via));
    let mut ways = [(route.link, route.via)].into_iter().chain(hops);
    ways.find_map(|(link, via)| {
        let index = link.filter(|_| of_ipv6 || is_ipv6(via))?;
        let told = link::without_ipv6(session, place, index, error.clone());
        (told.cause != error.cause).then_some(told)
    })
}

/// Whether the congestion control that the route names is none that the kernel has.
fn lacks_congctl(place: &netns::Netns, route: &route::Route) -> bool {
    let Some(name) = route.metrics.congctl() else {
        return false;
    };
    let key = Key::new(["ipv4", "tcp_available_congestion_control"]);
    let available = key.and_then(|key| sysctl::read(place, &key));
    available.is_ok_and(|known| known.split_whitespace().all(|known| known != name))
}

/// The route that stands where this one is to go: same destination, table and metric.
fn rival(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    route: &route::Route,
) -> Result<Option<route::Route>> {
    let all = list(session, place, Some(route.table))?;
    Ok(all.into_iter().find(|present| present.is_rival_of(route)))
}

/// The route is there as asked; or it differs, and is replaced where that was asked.
fn settle(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    present: &route::Route,
    asked: &route::Route,
    replace: bool,
) -> Result<()> {
    if present.is_as(asked) {
        let way = WayBack::DeleteRoute {
            route: Box::new(present.clone()),
        };
        session.lab().claim(Undo::within(place.clone(), way))?;
        let way = WayBack::DeleteRoute {
            route: Box::new(asked.clone()),
        };
        session.lab().asked(Undo::within(place.clone(), way));
        // The kernel tells where the nexthops of a route lead, too.
        let told = object(session, place, asked, line(session, place, present));
        session.lab().report(Outcome::Unchanged, place, told);
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
    let told = object(session, place, asked, line(asked));
    session.lab().conflict(conflict, place, told)
}

/// All routes of a namespace, of one table where one is given.
pub(crate) fn list(
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

pub(crate) fn remove(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    route: &route::Route,
) -> Result<()> {
    let way = WayBack::AddRoute {
        route: Box::new(route.clone()),
    };
    let undo = Undo::within(place.clone(), way);
    let line = line(session, place, route);
    let command = || command(place, "del", route, &line);
    session.wait(async {
        let rtnl = &place.rtnl()?;
        let request = route::delete(rtnl, route);
        let lab = session.lab();
        lab.step(undo, command, request).await?.map_err(Error::from)
    })??;
    report(session, Outcome::Deleted, place, route, line);
    Ok(())
}

/// Deletes the routes to a destination that match. None left is no error.
pub(super) fn delete(
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
    let mut options = schema::options("del_route", options, &[rows::OF_DELETE]).map_err(context)?;
    let named = read(session, place, destination, dev, &mut options).map_err(context)?;
    let matching: Vec<route::Route> = list(session, place, Some(named.table))?
        .into_iter()
        .filter(|route| {
            route.destination == named.destination
                && (named.via.is_none() || route.via == named.via)
                && (named.link.is_none() || route.link == named.link)
                && (named.nexthop.is_none() || route.nexthop == named.nexthop)
                && (named.metric.is_none() || route.metric == named.metric)
        })
        .collect();
    if matching.is_empty() {
        report(
            session,
            Outcome::Unchanged,
            place,
            &named,
            line(session, place, &named),
        );
    }
    for route in &matching {
        remove(session, place, route).map_err(context)?;
    }
    Ok(())
}
