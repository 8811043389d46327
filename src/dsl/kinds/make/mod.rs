//! Making links, whatever their kind: look first, make what is missing in place by one message, refuse what differs.
//!
//! A kind says in a [`Wanted`] what it needs; the rest (names, parents, what every link can be given, conflicts) is here once.

mod common;
mod create;
mod difference;
mod in_place;
mod parent;
mod request;

use std::rc::Rc;

use rhai::Map;

use crate::dsl::Session;
use crate::dsl::handle::{Link, Netns};
use crate::dsl::kinds::attributes::Asked;
use crate::dsl::kinds::kind;
use crate::dsl::objects::link;
use crate::error::{Error, Kind, Result};
use crate::lab::setting::Setting;
use crate::lab::{Object, Outcome, Undo, WayBack, object};
use crate::net::link::Snapshot;
use crate::net::netns;
use crate::schema;
use crate::steps::Value;
use crate::value::name::LinkName;
use crate::value::options::Options;

pub(crate) use common::{COMMON, Common};
pub(crate) use in_place::fixed;
pub(crate) use parent::Parent;
pub(crate) use request::Request;

use common::finish;
use create::create;
use difference::{Difference, differences};

/// A property of a link: `("mode", "l3")`.
pub(crate) type Fact = (&'static str, Value);

/// A link that a script asks for.
#[derive(Clone)]
pub(crate) struct Wanted<'a> {
    /// Its kind.
    pub(crate) kind: &'static kind::Kind,
    /// Where it is to live.
    pub(crate) place: Rc<netns::Netns>,
    /// Its name there.
    pub(crate) name: LinkName,
    /// What it is stacked on, for kinds that are.
    pub(crate) parent: Option<&'a Parent>,
    /// What was asked of the kind.
    pub(crate) facts: Vec<Fact>,
    /// What every link can be given.
    pub(crate) common: Common,
}

impl Wanted<'_> {
    /// The MTU that is part of the request to make the link.
    ///
    /// Of a bridge it is none: one that came with its making gives way to those of its ports, one that is set once it is there
    /// stays (`mtu_set_by_user` of `net/bridge/br_private.h`).
    fn mtu_of_making(&self) -> Option<u32> {
        self.common.mtu.filter(|_| self.kind.name != "bridge")
    }
}

/// Says which link an error is about.
pub(crate) fn creating<'a>(
    kind: &'a str,
    name: &'a str,
    place: &'a netns::Netns,
) -> impl Fn(Error) -> Error + 'a {
    move |error| {
        error.unless_said(|error| {
            // A parent is looked for elsewhere.
            error
                .doing(&format!("create {kind}"), name)
                .in_place(place.label())
        })
    }
}

/// Reads what every word that makes a link is given: the name and the options.
pub(crate) fn read(
    kind: &'static kind::Kind,
    name: &str,
    options: Map,
) -> Result<(LinkName, Options, Common)> {
    let name = name.parse()?;
    let mut options = schema::options(kind.word, options, &[kind.table, COMMON])?;
    let own_keys: Vec<&str> = schema::keys(kind.table).collect();
    let common = Common::take(&mut options, &own_keys)?;
    Ok((name, options, common))
}

/// Makes a link of a kind that has no options of its own.
pub(crate) fn plain(
    session: &Rc<Session>,
    kind: &'static kind::Kind,
    net: &Netns,
    name: &str,
    options: Map,
) -> Result<Link> {
    let make = || {
        let (name, _, common) = read(kind, name, options)?;
        ensure_asked(session, net, name, common, &Asked::of(kind))
    };
    make().map_err(creating(kind.word, name, net))
}

/// Makes a link of a kind that hangs on no other one, as it is asked for by the rows of the kind.
pub(crate) fn ensure_asked(
    session: &Rc<Session>,
    net: &Netns,
    name: LinkName,
    common: Common,
    asked: &Asked,
) -> Result<Link> {
    let wanted = Wanted {
        kind: asked.kind(),
        place: net.0.clone(),
        name,
        parent: None,
        facts: asked.facts(),
        common,
    };
    let request = |_: Option<&Snapshot>| Ok(asked.request());
    ensure(session, &wanted, request, |_| Ok(()))
}

/// A link that is there as wanted.
pub(crate) struct Ensured {
    /// The link.
    pub(crate) link: Link,
    /// Whether it was made just now.
    pub(crate) is_new: bool,
    /// Whether it has from its making what every link can be given then.
    has_common: bool,
    /// What was asked of its kind and the kernel has left out without a word: it is built without that.
    ignored: Vec<&'static str>,
}

impl Ensured {
    fn new(link: Link, has_common: bool, ignored: Vec<&'static str>) -> Self {
        Self {
            link,
            is_new: true,
            has_common,
            ignored,
        }
    }

    /// Fails with `unsupported` where the kernel has not taken all that was asked.
    fn check(&self, kind: &kind::Kind) -> Result<()> {
        if self.ignored.is_empty() {
            return Ok(());
        }
        let keys: Vec<String> = self.ignored.iter().map(|key| format!("`{key}`")).collect();
        let why = format!(
            "this kernel is built without {}: it leaves that out",
            keys.join(", ")
        );
        Err(Error::new(Kind::Unsupported, why).hint(format!(
            "ask for a {} without it, or run with --sandbox=vm",
            kind.word
        )))
    }

    /// The same with what every link can be given to be given once more: it has got what another one had.
    fn replacing(self) -> Self {
        Self {
            has_common: false,
            ..self
        }
    }

    fn old(link: Link) -> Self {
        Self {
            link,
            is_new: false,
            has_common: false,
            ignored: Vec::new(),
        }
    }
}

/// Makes the link that is wanted where it is not there; returns it where it is there as wanted.
///
/// `request` is asked for the kind's own part only when the link is really to be made, and told which link is replaced by it.
/// `settled` gives the link what only its kind knows. Fails with `conflict` where a link with that name exists and differs.
/// What fails leaves no new link behind.
pub(crate) fn ensure(
    session: &Rc<Session>,
    wanted: &Wanted,
    request: impl FnMut(Option<&Snapshot>) -> Result<Request>,
    settled: impl FnOnce(&Ensured) -> Result<()>,
) -> Result<Link> {
    let ensured = find_or_create(session, wanted, request)?;
    let finished = ensured
        .check(wanted.kind)
        .and_then(|()| settled(&ensured))
        .and_then(|()| finish(session, wanted, &ensured));
    if finished.is_err() && ensured.is_new {
        // The failure that is reported is the first one.
        let _ = link::delete(session, &ensured.link);
    }
    finished.map(|()| {
        // A plan goes on with what differs.
        let lab = session.lab();
        lab.asked_facts(&wanted.place, ensured.link.index(), &wanted.facts);
        ensured.link
    })
}

fn find_or_create(
    session: &Rc<Session>,
    wanted: &Wanted,
    mut message: impl FnMut(Option<&Snapshot>) -> Result<Request>,
) -> Result<Ensured> {
    let name = wanted.name.as_str();
    let find = || link::find(session, &wanted.place, name);
    // In a namespace of the run's own nothing is there yet, as a rule: ask at once, and look only when refused.
    if !session.lab().made_namespace(&wanted.place) {
        if let Some(present) = find()? {
            return settle(session, wanted, &present, message);
        }
        if let Some((place, present)) = link::find_moved(session, &wanted.place, name)? {
            let there = Wanted {
                place,
                name: present.name.parse()?,
                ..wanted.clone()
            };
            return settle(session, &there, &present, message);
        }
    }
    let created = message(None).and_then(|request| create(session, wanted, request));
    let refused = match created {
        Ok(Some(made)) => return Ok(made),
        Ok(None) => Error::new(Kind::Exists, "another link has what only one can have")
            .hint("give it another id, key or address than that link has"),
        Err(error) => error,
    };
    // Where it is there, what stands in the way of making it does not matter.
    match find()? {
        Some(present) => settle(session, wanted, &present, message),
        None => Err(refused),
    }
}

/// Takes what is there for what is wanted, replaces it where that was asked, or says how they differ.
fn settle(
    session: &Rc<Session>,
    wanted: &Wanted,
    present: &Snapshot,
    mut message: impl FnMut(Option<&Snapshot>) -> Result<Request>,
) -> Result<Ensured> {
    match differences(session, wanted, present)? {
        None => {
            let there = link::handle(&wanted.place, present);
            let way = WayBack::DeleteLink;
            let undo = Undo::of_link(wanted.place.clone(), there.reference(), way);
            session.lab().asked(undo.clone());
            report(session, wanted, Outcome::Unchanged);
            let (kind, place) = (wanted.kind.name, wanted.place.label());
            let what = format!("{kind} `{}` in namespace `{place}`", wanted.name.as_str());
            session.say_other_lab(&undo, &what);
            session.lab().claim(undo)?;
            Ok(Ensured::old(there))
        }
        Some(difference) if wanted.common.replace => {
            let request = message(Some(present))?;
            let old = link::handle(&wanted.place, present);
            if in_place::can_change(wanted.kind, &difference)
                && in_place::change(session, wanted, present, &request)?.is_none()
            {
                return Ok(Ensured::old(old));
            }
            let removed = link::take_away(session, &old, true)?;
            // What it had is put back by it.
            let index = if session.lab().plans() {
                0
            } else {
                present.index
            };
            match create(session, wanted, request.numbered(index)) {
                Ok(Some(made)) => {
                    link::put_back(session, removed, &old, &made.link)?;
                    Ok(made.replacing())
                }
                refused => {
                    link::bring_back(session, removed);
                    refused.and_then(|_| {
                        let cause = "another link took the name meanwhile";
                        Err(Error::new(Kind::Exists, cause))
                    })
                }
            }
        }
        Some(Difference { conflict, .. }) => {
            let lab = session.lab();
            lab.conflict(conflict, &wanted.place, object(session, wanted))?;
            Ok(Ensured::old(link::handle(&wanted.place, present)))
        }
    }
}

/// Gives a link that is there what is wanted of it: the options of its kind are changed in place.
///
/// Fails with `unsupported` where the kernel changes one of them only by making the link anew.
pub(crate) fn change(
    session: &Rc<Session>,
    wanted: &Wanted,
    present: &Snapshot,
    request: &Request,
) -> Result<()> {
    let link = link::handle(&wanted.place, present);
    match differences(session, wanted, present)? {
        None if wanted.facts.is_empty() => {}
        None => report(session, wanted, Outcome::Unchanged),
        Some(difference) => {
            let Some(options) = &difference.options else {
                return Err(difference.conflict);
            };
            if !in_place::can_change(wanted.kind, &difference) {
                return Err(in_place::fixed(wanted.kind, options));
            }
            if let Some(refused) = in_place::change(session, wanted, present, request)? {
                return Err(refused);
            }
        }
    }
    let lab = session.lab();
    lab.asked_facts(&wanted.place, link.index(), &wanted.facts);
    finish(session, wanted, &Ensured::old(link))
}

/// The link as an outcome tells of it.
fn object(session: &Rc<Session>, wanted: &Wanted) -> Object {
    let link = Object::new(wanted.kind.name, wanted.name.as_str());
    if !session.lab().outcomes().are_for_programs() {
        return link;
    }
    let facts = wanted.facts.iter().cloned();
    let link = facts.fold(link, |link, (key, value)| {
        link.and(key, object::json(value))
    });
    let given = common::given_at_making(wanted).into_iter();
    given.fold(link, |link, setting| match setting.value() {
        _ if setting == Setting::Up(true) => link.and("up", true),
        Some(value) => link.and(setting.what(), value),
        None => link,
    })
}

fn report(session: &Rc<Session>, wanted: &Wanted, outcome: Outcome) {
    let object = object(session, wanted);
    session.lab().report(outcome, &wanted.place, object);
}
