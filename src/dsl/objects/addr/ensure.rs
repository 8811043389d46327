//! Adding an address, where the link has not got it.

use std::rc::Rc;

use nix::errno::Errno;

use crate::dsl::Session;
use crate::dsl::handle::Link;
use crate::dsl::objects::link;
use crate::error::{Error, Kind, Result};
use crate::lab::{Outcome, Undo, WayBack};
use crate::net::address::{self, Assigned};
use crate::net::rtnl::Refusal;

use super::options::Asked;
use super::remove::remove;
use super::{command, list, object, report};

/// What the failure to add the address of this text says before its cause.
pub(super) fn adding(link: &Link, text: &str) -> impl Fn(Error) -> Error + use<> {
    let (label, name, text) = (
        link.netns().label().to_owned(),
        link.name(),
        text.to_owned(),
    );
    move |error| {
        error
            .doing("add address", &text)
            .within(&label)
            .note(format!("on link `{name}`"))
    }
}

/// Adds an address, with nothing but whether it skips duplicate address detection, if the link has not got it.
pub(crate) fn add_plain(
    session: &Rc<Session>,
    link: &Link,
    text: &str,
    nodad: bool,
    replace: bool,
) -> Result<()> {
    let asked = Asked::plain(text, nodad, replace).map_err(adding(link, text))?;
    add(session, link, text, &asked)
}

/// Adds the address of this text, if the link has not got it.
///
/// Fails with `conflict` where the link has it otherwise, `exists` where another slave of the port has it.
pub(super) fn add(session: &Rc<Session>, link: &Link, text: &str, asked: &Asked) -> Result<()> {
    let place = link.netns();
    let context = adding(link, text);
    let ip = asked.assigned.prefix.addr();
    let lab = session.lab();
    // On a link of the run's own the kernel's answer says enough, unless the run has been there before; a foreign one is
    // looked at before it is asked to change.
    if !lab.made_link(&place, link.index()) || lab.added_address(&place, link.index(), ip) {
        link::snapshot(session, link)?;
        if let Some(present) = rival(session, link, asked)?
            && settled(session, link, &present, asked).map_err(&context)?
        {
            return Ok(());
        }
    }
    let refusal = match ask(session, link, &asked.assigned)? {
        Ok(()) => return Ok(()),
        Err(refusal) => refusal,
    };
    match refusal.errno {
        Errno::EEXIST | Errno::EADDRINUSE => {
            if let Some(present) = rival(session, link, asked)? {
                if settled(session, link, &present, asked).map_err(&context)? {
                    return Ok(());
                }
                return ask(session, link, &asked.assigned)?
                    .map_err(|refusal| context(refusal.into()));
            }
            let error = Error::from(refusal);
            Err(context(if error.errno == Some(Errno::EADDRINUSE) {
                error
                    .cause("another slave of the same parent has it")
                    .hint("slaves of one parent share one address space: take an address that none of them has")
            } else {
                error
            }))
        }
        Errno::ENODEV => {
            link::snapshot(session, link)?;
            Err(context(refusal.into()))
        }
        _ if ip.is_ipv6() => {
            let error = refusal.into();
            Err(context(link::without_ipv6(
                session,
                &place,
                link.index(),
                error,
            )))
        }
        _ => Err(context(refusal.into())),
    }
}

/// Asks the kernel to add an address.
fn ask(
    session: &Rc<Session>,
    link: &Link,
    assigned: &Assigned,
) -> Result<std::result::Result<(), Refusal>> {
    let place = link.netns();
    let way = WayBack::DeleteAddress {
        address: Box::new(assigned.clone()),
    };
    let undo = Undo::of_link(place.clone(), link.reference(), way);
    let added = session.wait(async {
        let rtnl = &place.rtnl()?;
        let request = address::add(rtnl, link.index(), assigned);
        let command = || command(link, "add", assigned).and(assigned.words());
        session.lab().step(undo, command, request).await
    })??;
    if added.is_ok() {
        report(session, Outcome::Created, link, assigned);
        session
            .lab()
            .address_added(&place, link.index(), assigned.prefix.addr());
    }
    Ok(added)
}

/// The address of the link that stands where this one is to go, if one does: itself, or the same in another subnet.
fn rival(session: &Rc<Session>, link: &Link, asked: &Asked) -> Result<Option<address::Address>> {
    let mut present = list(session, &link.netns(), Some(link.index()))?;
    let of_loopback = link.name() == "lo";
    present.retain(|address| asked.meets(address, of_loopback));
    let same = present.iter().position(|address| asked.is_same(address));
    Ok(present.into_iter().nth(same.unwrap_or(0)))
}

/// Whether the address is there as asked. What differs is a conflict; or it is changed, or makes room.
fn settled(
    session: &Rc<Session>,
    link: &Link,
    present: &address::Address,
    asked: &Asked,
) -> Result<bool> {
    let is_same = asked.is_same(present);
    if is_same && asked.differences(present).is_empty() {
        let way = WayBack::DeleteAddress {
            address: Box::new(present.assigned.clone()),
        };
        let undo = Undo::of_link(link.netns(), link.reference(), way);
        let way = WayBack::DeleteAddress {
            address: Box::new(asked.assigned.clone()),
        };
        session.lab().asked(Undo {
            way,
            ..undo.clone()
        });
        session.lab().claim(undo)?;
        report(session, Outcome::Unchanged, link, &asked.assigned);
        return Ok(true);
    }
    if asked.replace {
        let Some(whole) = asked.changed(present) else {
            let all = list(session, &link.netns(), Some(link.index()))?;
            remove(session, link, &present.assigned, &all)?;
            return Ok(false);
        };
        change(session, link, &present.assigned, &whole)?;
        return Ok(true);
    }
    let (there, subnet) = (&present.assigned, asked.assigned.prefix);
    let why = if there.prefix != subnet {
        "the link has it with another prefix length"
    } else if is_same {
        "the link has it otherwise"
    } else {
        "the link has it with another peer"
    };
    let conflict = Error::new(Kind::Conflict, why)
        .note(format!("there: {}", asked.there(present)))
        .note(format!("asked: {}", asked.assigned.line()))
        .hint(if subnet.addr().is_ipv4() && !is_same {
            "ask for what is there, replace it with #{replace: true}, or have both with #{beside: true}"
        } else {
            "ask for what is there, or replace it with #{replace: true}"
        });
    let object = object(session, link, &asked.assigned);
    session.lab().conflict(conflict, &link.netns(), object)?;
    Ok(true)
}

/// Gives an address that the link has what the kernel can change of it in place.
fn change(session: &Rc<Session>, link: &Link, old: &Assigned, new: &Assigned) -> Result<()> {
    let place = link.netns();
    let way = WayBack::Send {
        what: format!("address `{}`", new.line()),
        request: address::change(link.index(), old),
        made: None,
    };
    let undo = Undo::of_link(place.clone(), link.reference(), way);
    session.wait(async {
        let rtnl = &place.rtnl()?;
        let request = address::change(link.index(), new);
        let command = || command(link, "change", new).and(new.words());
        let changed = session
            .lab()
            .step(undo, command, request.send(&place, rtnl))
            .await?;
        changed.map_err(Error::from)
    })??;
    let changed = object(session, link, new).was(&object(session, link, old));
    session.lab().report(Outcome::Changed, &place, changed);
    Ok(())
}
