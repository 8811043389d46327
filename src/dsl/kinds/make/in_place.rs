//! Changing the options of a link without making it anew, where the kernel takes all of them.

use std::rc::Rc;

use nix::errno::Errno;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{InfoData, LinkAttribute, LinkInfo, LinkMessage};

use crate::dsl::Session;
use crate::dsl::kinds::kind::{self, Kind};
use crate::dsl::objects::link;
use crate::error::{self, Error, Result};
use crate::lab::object::json;
use crate::lab::{Command, Object, Outcome, Undo, WayBack};
use crate::net::attributes::{Attributes, attributes_of, bytes_of};
use crate::net::link::Snapshot;
use crate::net::request::Request as Kept;
use crate::schema;

use super::difference::{Difference, differences};
use super::{Request, Wanted};

/// Whether it is worth asking the kernel: nothing differs but options that it may change.
pub(super) fn can_change(kind: &Kind, difference: &Difference) -> bool {
    difference
        .options
        .as_ref()
        .is_some_and(|options| options.iter().all(|key| is_changeable(kind, key)))
}

fn is_changeable(kind: &Kind, key: &str) -> bool {
    match kind.change {
        kind::Change::Said(fixed) => !fixed.contains(&key),
        kind::Change::Whole => true,
        kind::Change::Never(_) => false,
    }
}

/// The error for options that stay as the link was made.
pub(crate) fn fixed(kind: &Kind, options: &[&str]) -> Error {
    let fixed = options.iter().filter(|key| !is_changeable(kind, key));
    let keys: Vec<String> = fixed.map(|key| format!("`{key}`")).collect();
    let cause = format!(
        "{} of {} is given at the making, and stays",
        keys.join(" and "),
        kind.word
    );
    let error = Error::new(error::Kind::Unsupported, cause);
    match kind.change {
        kind::Change::Never(instead) => error.hint(instead),
        _ => error.hint(anew(kind)),
    }
}

fn anew(kind: &Kind) -> String {
    format!(
        "make it anew: .{}(…, #{{replace: true}}) keeps what hangs on it",
        kind.word
    )
}

/// Changes what is there as it is wanted. Returns why it is not so; then all is as it was.
pub(super) fn change(
    session: &Rc<Session>,
    wanted: &Wanted,
    present: &Snapshot,
    request: &Request,
) -> Result<Option<Error>> {
    let old = present.data.as_ref().map(attributes_of).unwrap_or_default();
    let Some(new) = data_of(&request.message).map(attributes_of) else {
        let error = Error::new(error::Kind::Unsupported, "it has no options of its own");
        return Ok(Some(error));
    };
    let place = &wanted.place;
    let there = link::handle(place, present);
    let name = wanted.name.as_str();
    let is_said = |(at, _): &&(u16, Vec<u8>)| new.iter().any(|(other, _)| at == other);
    // Of some kinds the kernel takes what is left out for what it is by default.
    let (before, after): (Attributes, Attributes) = if wanted.kind.change == kind::Change::Whole {
        let rest = old.iter().filter(|pair| !is_said(pair)).cloned();
        (old.clone(), rest.chain(new.iter().cloned()).collect())
    } else {
        (old.iter().filter(is_said).cloned().collect(), new.clone())
    };
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
        request: Kept::new(&RouteNetlinkMessage::NewLink(message(&before)), 0),
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
        let request = crate::net::link::change(rtnl, message(&after));
        session.lab().step(undo, command, request).await
    })??;
    if let Err(refusal) = changed {
        let errno = refusal.errno;
        let error = Error::from(refusal);
        return Ok(Some(match errno {
            Errno::EOPNOTSUPP => error
                .kind(error::Kind::Unsupported)
                .cause(format!(
                    "this kernel does not change that of a {} that is there",
                    wanted.kind.name
                ))
                .hint(anew(wanted.kind)),
            _ => error,
        }));
    }
    let seen = link::snapshot(session, &there)?;
    if let Some(difference) = differences(session, wanted, &seen)? {
        session.wait(async {
            let rtnl = &place.rtnl()?;
            let restored = crate::net::link::change(rtnl, message(&before)).await;
            restored.map_err(Error::from)
        })??;
        let keys = difference.options.unwrap_or_default();
        let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
        let cause = format!("the kernel leaves {} as it was", keys.join(" and "));
        let error = Error::new(error::Kind::Unsupported, cause).hint(anew(wanted.kind));
        return Ok(Some(error));
    }
    let object = as_changed(session, wanted, present);
    session.lab().report(Outcome::Changed, place, object);
    Ok(None)
}

/// The link as an outcome tells of it, with what differed.
fn as_changed(session: &Rc<Session>, wanted: &Wanted, present: &Snapshot) -> Object {
    let object = super::object(session, wanted);
    if !session.lab().outcomes().are_for_programs() {
        return object;
    }
    let data = present.data.as_ref();
    let (mut before, mut after) = (serde_json::Map::new(), serde_json::Map::new());
    for one in schema::differing(wanted.kind.table, &wanted.facts, data) {
        before.insert(
            one.key.to_owned(),
            one.there.map_or_else(Default::default, json),
        );
        after.insert(one.key.to_owned(), json(one.asked.clone()));
    }
    object.changed(before, after)
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
