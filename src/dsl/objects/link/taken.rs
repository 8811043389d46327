//! What a foreign link loses along with something else that is changed: noted before, so that the way back gives it again.

use std::rc::Rc;

use crate::dsl::Session;
use crate::dsl::handle::Link;
use crate::dsl::objects::route;
use crate::error::{Error, Result};
use crate::lab::{Undo, WayBack};
use crate::net::address;
use crate::net::netns;
use crate::net::route::Route;

/// The routes of the link's namespace that are taken by a change to come, and have no step of the run that knows of them. The kernel
/// makes its own again.
pub(super) fn lost_routes(
    session: &Rc<Session>,
    link: &Link,
    is_taken: impl Fn(&Route) -> bool,
) -> Result<Vec<Route>> {
    let place = link.netns();
    if session.lab().made_link(&place, link.index()) {
        return Ok(Vec::new());
    }
    let mut routes = route::list(session, &place, None)?;
    routes.retain(|route| {
        route.protocol != "kernel"
            && is_taken(route)
            && !session.lab().has_route_step(&place, route)
    });
    Ok(routes)
}

/// Notes the routes of the link's namespace that are taken by the change to come.
pub(crate) fn note_routes(
    session: &Rc<Session>,
    link: &Link,
    is_taken: impl Fn(&Route) -> bool,
) -> Result<()> {
    for route in lost_routes(session, link, is_taken)? {
        let way = WayBack::AddRoute {
            route: Box::new(route),
        };
        note(session, Undo::within(link.netns(), way))?;
    }
    Ok(())
}

/// Whether a route leaves by the link and by no other.
pub(crate) fn is_only_by(route: &Route, link: &Link) -> bool {
    let index = Some(link.index());
    route.link == index || !route.hops.is_empty() && route.hops.iter().all(|hop| hop.link == index)
}

/// Notes what a link loses that goes down: its routes, and its IPv6 addresses.
pub(super) fn note_lost_by_down(session: &Rc<Session>, link: &Link) -> Result<()> {
    let place = link.netns();
    if session.lab().made_link(&place, link.index()) {
        return Ok(());
    }
    note_routes(session, link, |route| is_only_by(route, link))?;
    for address in addresses(session, &place, link)? {
        if address.ip().is_ipv6() && !address.by_itself && address.scope() == "global" {
            let way = WayBack::AddAddress {
                address: Box::new(address.assigned),
                order: Vec::new(),
            };
            note(session, Undo::of_link(place.clone(), link.reference(), way))?;
        }
    }
    Ok(())
}

fn addresses(
    session: &Rc<Session>,
    place: &netns::Netns,
    link: &Link,
) -> Result<Vec<address::Address>> {
    session.wait(async {
        let listed = address::list(&place.rtnl()?, Some(link.index())).await;
        listed.map_err(Error::from)
    })?
}

fn note(session: &Rc<Session>, undo: Undo) -> Result<()> {
    let noted = session.wait(async {
        let nothing = async { Ok::<(), Error>(()) };
        session.lab().step_unsaid(undo, nothing).await
    })?;
    noted?
}
