//! Taking an address away from a link.

use std::rc::Rc;

use crate::dsl::Session;
use crate::dsl::handle::Link;
use crate::dsl::objects::link;
use crate::error::{Error, Result};
use crate::lab::{Object, Outcome, Undo, WayBack};
use crate::net::address::{self, Assigned};
use crate::net::sysctl::{self, Key};
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
        let missing = Object::new("address", text).on(link.name());
        session.lab().report(Outcome::Unchanged, &place, missing);
        return Ok(());
    };
    remove(session, link, &found.assigned, &present).map_err(context)
}

/// Takes the address `found` away, one of `present`, which are all of the link.
pub(super) fn remove(
    session: &Rc<Session>,
    link: &Link,
    found: &Assigned,
    present: &[address::Address],
) -> Result<()> {
    let place = link.netns();
    let mut along = address::secondary_to(present, found);
    if !along.is_empty() && promotes(session, link)? {
        along.clear();
    }
    let gone: Vec<&Assigned> = std::iter::once(found).chain(&along).collect();
    let way = WayBack::AddAddress {
        address: Box::new(found.clone()),
    };
    let undo = Undo::of_link(place.clone(), link.reference(), way);
    session.wait(async {
        let rtnl = &place.rtnl()?;
        let request = address::delete_all(rtnl, link.index(), found, &along);
        let lab = session.lab();
        let command = || command(link, "del", found);
        lab.step(undo, command, request).await?.map_err(Error::from)
    })??;
    for gone in gone {
        report(session, Outcome::Deleted, link, gone);
    }
    Ok(())
}

/// Whether the next address of a subnet takes the place of the first when that goes; else all of them go.
fn promotes(session: &Rc<Session>, link: &Link) -> Result<bool> {
    let name = link::snapshot(session, link)?.name;
    for part in ["all", &name] {
        let key = Key::new(["ipv4", "conf", part, "promote_secondaries"])?;
        if sysctl::read(&link.netns(), &key)? != "0" {
            return Ok(true);
        }
    }
    Ok(false)
}
