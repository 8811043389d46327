//! Taking an address away from a link.

use std::rc::Rc;

use crate::dsl::Session;
use crate::dsl::handle::Link;
use crate::error::{Error, Result};
use crate::lab::{Outcome, Undo};
use crate::net::address::{self, Assigned};
use crate::value::prefix;

use super::{command, list, report};

/// Takes the address of this text away, with its prefix length or without. Gone already is no error.
pub(super) fn delete(session: &Rc<Session>, link: &Link, text: &str) -> Result<()> {
    let place = link.netns();
    let context = |error: Error| error.doing("delete address", text).within(place.label());
    let present = list(session, &place, Some(link.index()))?;
    let found = if text.contains('/') {
        let prefix = prefix::address(text).map_err(context)?;
        present
            .iter()
            .find(|address| address.assigned.prefix == prefix)
    } else {
        let ip = prefix::ip(text).map_err(context)?;
        present.iter().find(|address| address.ip() == ip)
    };
    let Some(found) = found else {
        let name = format!("{text} on {}", link.name());
        session
            .lab()
            .report(Outcome::Unchanged, &place, "address", &name);
        return Ok(());
    };
    remove(session, link, &found.assigned).map_err(context)
}

pub(super) fn remove(session: &Rc<Session>, link: &Link, found: &Assigned) -> Result<()> {
    let place = link.netns();
    let undo = Undo::AddAddress {
        netns: place.clone(),
        link: link.reference(),
        address: Box::new(found.clone()),
    };
    session.wait(async {
        let rtnl = &place.rtnl()?;
        let request = address::delete(rtnl, link.index(), found);
        let lab = session.lab();
        let command = || command(link, "del", found);
        lab.step(undo, command, request).await?.map_err(Error::from)
    })??;
    report(session, Outcome::Deleted, link, found);
    Ok(())
}
