//! Pairs: links that are made two at once, each the far end of the other, in one namespace or in two.

use std::rc::Rc;

use rtnetlink::packet_route::link::{InfoData, InfoKind, LinkMessage};
use rtnetlink::{LinkMessageBuilder, LinkUnspec};

use crate::dsl::Session;
use crate::dsl::handle::{Link, Netns};
use crate::dsl::kinds::attributes::Asked;
use crate::dsl::kinds::make::{Common, Ensured, Request, Wanted, ensure};
use crate::dsl::objects::{elsewhere, link};
use crate::error::{Error, Kind, Result};
use crate::lab::setting::Setting;
use crate::lab::trace;
use crate::net::link::Snapshot;
use crate::net::{ending, netns};
use crate::value::name::LinkName;

/// The far end of a pair.
pub(crate) fn peer(session: &Rc<Session>, end: &Link) -> Result<Option<Link>> {
    let seen = link::snapshot(session, end)?;
    match seen.parent {
        Some(index) => link::neighbour(session, end, index, seen.parent_nsid),
        None => Ok(None),
    }
}

/// The link of the peer's name in the far namespace, when those have ended that were about to.
fn in_the_way(session: &Rc<Session>, far: &Netns, name: &LinkName) -> Result<Option<Snapshot>> {
    let there = link::find(session, &far.0, name.as_str())?;
    if there.is_none() || session.lab().plans() || !session.wait(ending::wait())? {
        return Ok(there);
    }
    link::find(session, &far.0, name.as_str())
}

/// Refuses a pair that is there with another far end, and a peer's name that something else has.
fn check_peer(session: &Rc<Session>, end: &Link, far: &Netns, far_name: &LinkName) -> Result<()> {
    elsewhere::learn(session, &end.netns(), &far.0)?;
    let found = peer(session, end)?;
    let is_at = |place: &netns::Netns, name: &str| {
        let is_it = |peer: &Link| {
            peer.name() == name && peer.netns().namespace().id() == place.namespace().id()
        };
        found.as_ref().is_some_and(is_it)
    };
    if is_at(far, far_name.as_str()) {
        return Ok(());
    }
    // An earlier run may have moved it, as this one is about to.
    let moved = session.lab().moved_earlier(far, far_name.as_str())?;
    if moved.is_some_and(|(place, name)| is_at(&place, &name)) {
        return Ok(());
    }
    let there = found.map_or_else(
        || "nowhere that can be seen".to_owned(),
        |peer| format!("`{}` in namespace `{}`", peer.name(), peer.netns().label()),
    );
    Err(Error::new(
        Kind::Conflict,
        "a pair of that name is there and ends elsewhere",
    )
    .note(format!("there: {there}"))
    .note(format!(
        "asked: `{far_name}` in namespace `{}`",
        far.label()
    ))
    .hint("take another name, ask for what is there, or replace it with #{replace: true}"))
}

/// A pair that a script asks for.
pub(crate) struct Pair<'a> {
    /// Where the end lives that the word returns.
    pub(crate) near: &'a Netns,
    /// Its name.
    pub(crate) name: LinkName,
    /// Where the other end lives.
    pub(crate) far: &'a Netns,
    /// Its name.
    pub(crate) far_name: &'a str,
    /// What was asked of the kind.
    pub(crate) asked: Asked,
    /// What every link can be given, for the near end.
    pub(crate) common: Common,
}

/// Makes the pair where it is not there, and returns its near end. `data` is what the kernel is told of the kind, given
/// the message of the far end.
pub(crate) fn ensure_pair(
    session: &Rc<Session>,
    pair: Pair,
    data: impl FnOnce(LinkMessage) -> InfoData,
) -> Result<Link> {
    let Pair { near, far, .. } = pair;
    let kind = pair.asked.kind();
    let far_name: LinkName = pair.far_name.parse()?;
    if near.namespace().id() == far.namespace().id() && pair.name == far_name {
        return Err(Error::invalid(
            "the two ends can't have one name in one namespace",
        ));
    }
    let is_far = near.namespace().id() != far.namespace().id();
    let mut end = LinkUnspec::new_with_name(far_name.as_str());
    // Open until the pair was made.
    let far_place = far.namespace().reference()?;
    if is_far {
        end = end.setns_by_fd(far_place.number());
    }
    let message = LinkMessageBuilder::<LinkUnspec>::new_with_info_kind(InfoKind::from(kind.name))
        .set_info_data(data(end.build()))
        .build();
    let wanted = Wanted {
        kind,
        place: near.0.clone(),
        name: pair.name,
        parent: None,
        facts: pair.asked.facts(),
        common: pair.common,
    };
    let mut removed = None;
    // A pair that ends elsewhere makes room for the one that is wanted.
    if wanted.common.replace()
        && let Some(there) = link::find(session, &near.0, wanted.name.as_str())?
        && there.kind == kind.name
    {
        let there = link::handle(&near.0, &there);
        if check_peer(session, &there, far, &far_name).is_err() {
            removed = Some((link::take_away(session, &there, true)?, there));
        }
    }
    let asked_words = pair.asked.words();
    let message = |_: Option<&Snapshot>| match in_the_way(session, far, &far_name)? {
        None => {
            session.lab().lean_on(&far.0, None)?;
            let place = trace::place_of_link(far);
            let words = ["peer", "name", far_name.as_str(), "netns", &place];
            let words = &words[..if is_far { 5 } else { 3 }];
            let own = asked_words.iter().map(String::as_str);
            Ok(Request::new(
                message.clone(),
                own.chain(words.iter().copied()),
            ))
        }
        Some(there) => Err(Error::new(
            Kind::Exists,
            format!(
                "the peer's name `{far_name}` is taken in namespace `{}`",
                far.label()
            ),
        )
        .note(format!("there: {}", link::described(&there)))
        .hint("take another name for the peer")),
    };
    let settled = |made: &Ensured| {
        if !made.is_new {
            return check_peer(session, &made.link, far, &far_name);
        }
        // Where somebody asks for the far end.
        if is_far {
            elsewhere::learn(session, &near.0, &far.0)?;
        }
        if let Some(peer) = link::find(session, &far.0, far_name.as_str())? {
            let lab = session.lab();
            lab.link_made(&far.0, peer.index, &peer.name);
            // By the near end the pair is told: of the far one it is told where it is gone from where it was made.
            let end = link::handle(&far.0, &peer).reference();
            lab.asked_setting(&far.0, end, &Setting::Name(peer.name));
        }
        Ok(())
    };
    let ensured = ensure(session, &wanted, message, settled);
    match (&ensured, removed) {
        (Ok(made), Some((removed, old))) => link::put_back(session, removed, &old, made)?,
        (Err(_), Some((removed, _))) => link::bring_back(session, removed),
        (_, None) => {}
    }
    ensured
}
