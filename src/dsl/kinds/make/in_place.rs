//! Making a link as it is asked for without making it anew, where the kernel takes all of it.

use std::rc::Rc;

use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{InfoData, LinkAttribute, LinkInfo, LinkMessage};

use crate::dsl::Session;
use crate::dsl::objects::link;
use crate::error::Result;
use crate::lab::{Command, Outcome, Undo, WayBack};
use crate::net::attributes::{Attributes, attributes_of, bytes_of};
use crate::net::link::Snapshot;
use crate::net::request::Request as Kept;

use super::difference::differences;
use super::{Request, Wanted};

/// The kinds of which every option can be changed, whatever the link is used for.
const CHANGEABLE: [&str; 1] = ["bridge"];

/// Changes what is there as it is wanted. Tells whether it is so now.
pub(super) fn change(
    session: &Rc<Session>,
    wanted: &Wanted,
    present: &Snapshot,
    request: &Request,
) -> Result<bool> {
    let (Some(old), Some(new)) = (present.data.as_ref(), data_of(&request.message)) else {
        return Ok(false);
    };
    if present.kind != wanted.kind.name || !CHANGEABLE.contains(&wanted.kind.name) {
        return Ok(false);
    }
    let new = attributes_of(new);
    let mut old = attributes_of(old);
    old.retain(|(at, _)| new.iter().any(|(other, _)| at == other));
    let place = &wanted.place;
    let there = link::handle(place, present);
    let name = wanted.name.as_str();
    let message = |data: &Attributes| {
        let mut message = LinkMessage::default();
        message.header.index = present.index;
        message.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(wanted.kind.name.into()),
            LinkInfo::Data(InfoData::Other(bytes_of(data))),
        ]));
        message
    };
    let way = WayBack::Send {
        what: format!("options of {} `{name}`", wanted.kind.name),
        request: Kept::new(&RouteNetlinkMessage::NewLink(message(&old)), 0),
        made: None,
    };
    let undo = Undo::of_link(place.clone(), there.reference(), way);
    let command = || {
        let command = Command::ip(
            place,
            ["link", "set", "dev", name, "type", wanted.kind.name],
        );
        command.and(request.words.iter().map(String::as_str))
    };
    let changed = session.wait(async {
        let rtnl = &place.rtnl()?;
        let request = crate::net::link::change(rtnl, message(&new));
        session.lab().step(undo, command, request).await
    })??;
    let seen = link::snapshot(session, &there)?;
    let is_so = changed.is_ok() && differences(session, wanted, &seen)?.is_none();
    if is_so {
        session
            .lab()
            .report(Outcome::Changed, place, wanted.kind.name, name);
    }
    Ok(is_so)
}

fn data_of(message: &LinkMessage) -> Option<&InfoData> {
    let infos = message.attributes.iter().find_map(|one| match one {
        LinkAttribute::LinkInfo(infos) => Some(infos),
        _ => None,
    });
    infos?.iter().find_map(|info| match info {
        LinkInfo::Data(data) => Some(data),
        _ => None,
    })
}
