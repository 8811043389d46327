//! Nexthop objects are made where they are not there as asked, and deleted with what hangs on them.

use std::rc::Rc;

use nix::errno::Errno;
use rhai::Map;

use super::options::{missing, number, read};
use super::rows;
use crate::dsl::Session;
use crate::dsl::handle::Netns;
use crate::dsl::objects::{link, route};
use crate::error::{Error, Kind, Result};
use crate::lab::{Command, LinkRef, Object, Outcome, Undo, WayBack};
use crate::net::netns;
use crate::net::nexthop::{self, Leads, Nexthop};
use crate::net::request::Request;
use crate::net::rtnl::Refusal;
use crate::schema;

/// All nexthop objects of a namespace.
pub(super) fn list(session: &Rc<Session>, place: &netns::Netns) -> Result<Vec<Nexthop>> {
    session.wait(async {
        nexthop::list(&place.rtnl()?).await.map_err(|refusal| {
            lacking(refusal.errno, refusal.into())
                .doing_plain("list nexthops")
                .within(place.label())
        })
    })?
}

/// The failure of a kernel that knows no nexthop objects.
fn lacking(errno: Errno, error: Error) -> Error {
    if errno != Errno::EOPNOTSUPP {
        return error;
    }
    error
        .kind(Kind::Unsupported)
        .cause("this kernel has no nexthop objects")
        .hint("they came with Linux 5.3; name gateways with the routes: #{nexthops: […]}")
}

/// Makes sure that a route of that family can use the nexthop.
pub(crate) fn for_route(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    id: u32,
    is_ipv6: bool,
) -> Result<()> {
    let present = list(session, place)?;
    let found = present.iter().find(|one| one.id == id);
    let found = found.ok_or_else(|| missing(id, &present))?;
    // Of which family a group is its members say. A route of IPv4 may lead by a gateway of IPv6, not the other way about.
    let used = present.iter().filter(|one| match found.members() {
        [] => one.id == id,
        members => members.iter().any(|member| member.id == one.id),
    });
    match used.into_iter().find(|one| is_ipv6 && !one.is_ipv6) {
        Some(odd) => {
            let why = format!(
                "nexthop {} is one of IPv4, and the route is one of IPv6",
                odd.id
            );
            let hint = "name one with a gateway of IPv6, or with #{family: \"inet6\"}";
            Err(Error::invalid(why).hint(hint))
        }
        None => Ok(()),
    }
}

pub(super) fn add(session: &Rc<Session>, net: &Netns, id: i64, options: Map) -> Result<()> {
    let place = &net.0;
    let context = |error: Error| {
        error.unless_said(|error| {
            error
                .doing("add nexthop", &id.to_string())
                .within(place.label())
        })
    };
    let mut options = schema::options("nexthop", options, &[rows::ROWS]).map_err(context)?;
    let replace = rows::REPLACE.take_flag(&mut options).map_err(context)?;
    let replace = replace.unwrap_or(false);
    let present = list(session, place)?;
    let wanted = read(session, place, id, &mut options, &present).map_err(context)?;
    let line = |one: &Nexthop| line(session, place, one);
    let there = present.iter().find(|one| one.id == wanted.id);
    let done = match there {
        Some(there) if there.is_as(&wanted) => {
            let lab = session.lab();
            let way = WayBack::Send {
                what: format!("nexthop `{}`", line(there)),
                request: there.deleting(),
                made: Some(there.making()),
            };
            let undo = Undo {
                link: reference(session, place, there)?,
                ..Undo::within(place.clone(), way)
            };
            lab.asked(undo.clone());
            lab.claim(undo)?;
            let told = object(session, place, &wanted, line(there));
            lab.report(Outcome::Unchanged, place, told);
            return Ok(());
        }
        Some(there) if !replace => {
            let error = Error::new(
                Kind::Conflict,
                "a nexthop of that number is there and leads elsewhere",
            )
            .note(format!("there: {}", line(there)))
            .note(format!("asked: {}", line(&wanted)))
            .hint("take another number, or replace it with #{replace: true}");
            let lab = session.lab();
            return lab.conflict(
                context(error),
                place,
                object(session, place, &wanted, line(&wanted)),
            );
        }
        // The kernel makes no group of a single one, and the other way about.
        Some(there) if there.members().is_empty() != wanted.members().is_empty() => {
            remove(session, place, there, &present).map_err(context)?;
            step(session, place, &wanted, Change::Make)?
        }
        Some(there) => step(session, place, &wanted, Change::Replace(there))?,
        None => step(session, place, &wanted, Change::Make)?,
    };
    done.map_err(|refusal| context(explain(session, place, &wanted, refusal)))
}

/// What is done with a nexthop.
enum Change<'a> {
    Make,
    /// In place of what was there.
    Replace(&'a Nexthop),
    Delete,
}

/// Makes a nexthop, replaces or deletes it.
fn step(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    nexthop: &Nexthop,
    change: Change,
) -> Result<std::result::Result<(), Refusal>> {
    let line = line(session, place, nexthop);
    let (verb, outcome, request, back): (_, _, Request, Request) = match change {
        Change::Make => (
            "add",
            Outcome::Created,
            nexthop.making(),
            nexthop.deleting(),
        ),
        Change::Replace(old) => (
            "replace",
            Outcome::Changed,
            nexthop.replacing(),
            old.replacing(),
        ),
        Change::Delete => (
            "del",
            Outcome::Deleted,
            nexthop.deleting(),
            nexthop.making(),
        ),
    };
    let what = match outcome {
        Outcome::Deleted => format!("nexthop `{line}` taken away"),
        _ => format!("nexthop `{line}`"),
    };
    let way = WayBack::Send {
        what,
        request: back,
        made: (outcome != Outcome::Deleted).then(|| request.clone()),
    };
    let undo = Undo {
        link: reference(session, place, nexthop)?,
        ..Undo::within(place.clone(), way)
    };
    let command = || {
        let family = (nexthop.is_ipv6 && nexthop.members().is_empty()).then_some("-6");
        let command = Command::ip(place, family).and(["nexthop", verb]);
        let id = format!("id {}", nexthop.id);
        let words = if verb == "del" { &id } else { &line };
        command.and(words.split_whitespace())
    };
    let done = session.wait(async {
        let rtnl = &place.rtnl()?;
        let lab = session.lab();
        lab.step(undo, command, request.send(place, rtnl)).await
    })??;
    if done.is_ok() {
        let object = object(session, place, nexthop, line);
        let object = match change {
            Change::Replace(old) => object.was(&self::object(session, place, old, String::new())),
            Change::Make | Change::Delete => object,
        };
        session.lab().report(outcome, place, object);
    }
    Ok(done)
}

/// The link of a nexthop, by which the lab knows with what it goes.
fn reference(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    nexthop: &Nexthop,
) -> Result<Option<LinkRef>> {
    let Some(index) = nexthop.link() else {
        return Ok(None);
    };
    let seen = link::all(session, place)?;
    let seen = seen.into_iter().find(|link| link.index == index);
    Ok(seen.map(|seen| LinkRef {
        index: seen.index,
        name: seen.name,
        kind: seen.kind,
    }))
}

/// The nexthop as an outcome tells of it; people see `line`.
fn object(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    nexthop: &Nexthop,
    line: String,
) -> Object {
    let name_of = |index| link::name_of(session, place, index);
    Object::new("nexthop", nexthop.id.to_string())
        .with(session.lab(), || rows::said(nexthop, name_of))
        .told(line)
}

/// The nexthop as `ip` writes it, with the name of its link.
fn line(session: &Rc<Session>, place: &Rc<netns::Netns>, nexthop: &Nexthop) -> String {
    nexthop.line(|index| link::name_of(session, place, index))
}

/// The refusal of a nexthop, with what to do about it.
fn explain(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    nexthop: &Nexthop,
    refusal: Refusal,
) -> Error {
    let dev = nexthop
        .link()
        .and_then(|index| link::name_of(session, place, index));
    // A blackhole is one of the loopback.
    let dev = dev.as_deref().unwrap_or("lo");
    let errno = refusal.errno;
    let text = refusal.text.as_deref().unwrap_or_default();
    let has_no_carrier = text.starts_with("Carrier");
    let via = match nexthop.leads {
        Leads::By { via, .. } => via,
        _ => None,
    };
    let mut error = Error::from(refusal);
    if let Some(index) = nexthop
        .link()
        .filter(|_| via.is_some_and(|via| via.is_ipv6()))
    {
        let told = link::without_ipv6(session, place, index, error.clone());
        if told.cause != error.cause {
            return told;
        }
        error = told;
    }
    match (errno, via) {
        (Errno::ENETDOWN, _) if has_no_carrier => error
            .cause(format!("link `{dev}` has no carrier"))
            .hint("bring its other end, or its parent, up first"),
        (Errno::ENETDOWN, _) => error.cause(format!("link `{dev}` is down")).hint(format!(
            "bring it up first: {}.up()",
            link::call(session, place, dev)
        )),
        // The handle that was given may be older than the link's end.
        (Errno::ENODEV, _) => error
            .cause("its link is gone")
            .hint("it was deleted after its handle was made; look it up again with link(…)"),
        (Errno::EINVAL | Errno::ENETUNREACH | Errno::EHOSTUNREACH, Some(via)) => error
            .cause(format!("gateway `{via}` is in no subnet of link `{dev}`"))
            .hint(format!(
                "give the link an address in the gateway's subnet first, or say #{{via: \"{via}\", dev: \"{dev}\", onlink: true}}"
            )),
        _ => lacking(errno, error),
    }
}

/// Takes a nexthop away. None of that number is no error.
pub(super) fn delete(session: &Rc<Session>, net: &Netns, id: i64) -> Result<()> {
    let place = &net.0;
    let context = |error: Error| {
        error.unless_said(|error| {
            error
                .doing("delete nexthop", &id.to_string())
                .within(place.label())
        })
    };
    let number = number(id).map_err(context)?;
    let present = list(session, place)?;
    let Some(found) = present.iter().find(|one| one.id == number) else {
        let lab = session.lab();
        let missing = Object::new("nexthop", number.to_string()).told(format!("id {number}"));
        lab.report(Outcome::Unchanged, place, missing);
        return Ok(());
    };
    remove(session, place, found, &present).map_err(context)
}

/// Takes away first what the kernel would take along, each a step of its own, so that each comes back when the run is undone.
fn remove(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    found: &Nexthop,
    present: &[Nexthop],
) -> Result<()> {
    for route in route::list(session, place, None)? {
        if route.nexthop == Some(found.id) {
            route::remove(session, place, &route)?;
        }
    }
    let has_it = |one: &&Nexthop| one.members().iter().any(|member| member.id == found.id);
    for group in present.iter().filter(has_it) {
        let mut left = group.members().to_vec();
        left.retain(|member| member.id != found.id);
        if left.is_empty() {
            remove(session, place, group, present)?;
            continue;
        }
        let smaller = Nexthop {
            leads: Leads::Group(left),
            ..group.clone()
        };
        step(session, place, &smaller, Change::Replace(group))??;
    }
    step(session, place, found, Change::Delete)??;
    Ok(())
}
