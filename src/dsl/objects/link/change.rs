//! Changes of a link: its settings, its place, its end. What is as asked already is left alone.

use std::rc::Rc;

use rtnetlink::{LinkMessageBuilder, LinkUnspec};

use crate::dsl::Session;
use crate::dsl::handle::{Link, Netns};
use crate::dsl::objects::link::{
    cause, described, find, gone, name_of, refused, snapshot, word_of,
};
use crate::error::{Error, Kind, Result};
use crate::lab::setting::Setting;
use crate::lab::{Command, LinkRef, Object, Outcome, Removed, Undo, WayBack, trace};
use crate::net::link::{self, Snapshot, Which};
use crate::net::netns;
use crate::value::name::LinkName;
use crate::value::{mac, options};

/// Sets what is `old` to `new`.
pub(crate) fn change(
    session: &Rc<Session>,
    link: &Link,
    verb: &str,
    old: Setting,
    new: Setting,
) -> Result<()> {
    let place = link.netns();
    let name = link.name();
    let object = object(session, link, &old, &new);
    let told = session.lab().trace().is_on().then(|| {
        let name_of = |index| name_of(session, &place, index).unwrap_or_default();
        new.command(&place, &name, name_of)
    });
    let command = || told.unwrap_or_else(|| set_command(&place, &name));
    let change = new.clone();
    let wanted = new.clone();
    let way = WayBack::Restore { old, new };
    let undo = Undo::of_link(place.clone(), link.reference(), way);
    let changed = session.wait(async {
        let rtnl = &place.rtnl()?;
        session
            .lab()
            .step(undo, command, change.send(rtnl, link.index(), link.kind()))
            .await?
            .map_err(|refusal| match refusal.errno {
                nix::errno::Errno::ENODEV => gone(link),
                _ => refused(refusal, verb, &name, &place),
            })
    });
    changed
        .and_then(|changed| changed)
        .map_err(|error| cause::of_change(session, link, &wanted, error))?;
    session.lab().report(Outcome::Changed, &place, object);
    Ok(())
}

/// A setting of the link, as an outcome tells of its change.
fn object(session: &Rc<Session>, link: &Link, old: &Setting, new: &Setting) -> Object {
    let (name, place) = (link.name(), link.netns());
    let text = |setting: &Setting| said(session, &place, setting);
    let value = |setting: &Setting| setting.value().unwrap_or_else(|| text(setting).into());
    let told = if old == new {
        format!("{name}: {new}")
    } else {
        format!("{name}: {} to {}", text(old), text(new))
    };
    Object::new(new.what(), name.as_str())
        .of_link(name)
        .changed(value(old), value(new))
        .told(told)
}

/// A value of a setting in words, with the name of a master.
fn said(session: &Rc<Session>, place: &netns::Netns, setting: &Setting) -> String {
    match setting {
        Setting::Master(index) | Setting::ActivePort(index) | Setting::PrimaryPort(index)
            if *index > 0 =>
        {
            name_of(session, place, *index).unwrap_or_else(|| setting.to_string())
        }
        other => other.to_string(),
    }
}

/// The beginning of the command that sets something on the link of that name.
fn set_command(place: &netns::Netns, name: &str) -> Command {
    Command::ip(place, ["link", "set", "dev", name])
}

/// Notes that a setting of the link is as asked.
pub(crate) fn report_unchanged(session: &Rc<Session>, link: &Link, setting: &Setting) {
    let object = object(session, link, setting, setting);
    session
        .lab()
        .report(Outcome::Unchanged, &link.netns(), object);
}

/// A change of the link: its ifindex, and what is to change.
pub(crate) fn on(link: &Link) -> LinkMessageBuilder<LinkUnspec> {
    LinkUnspec::new_with_index(link.index())
}

/// Sets one setting, if it is not as wanted already.
pub(crate) fn set(session: &Rc<Session>, link: &Link, verb: &str, wanted: Setting) -> Result<()> {
    let seen = snapshot(session, link)?;
    let present = wanted.of(&seen).or_else(|| wanted.usual());
    let present = present.unwrap_or_else(|| wanted.clone());
    if present == wanted {
        session
            .lab()
            .claim_setting(&link.netns(), link.reference(), &wanted)?;
        report_unchanged(session, link, &wanted);
        return Ok(());
    }
    change(session, link, verb, present, wanted)
}

/// Brings the link up or down.
pub(crate) fn set_up(session: &Rc<Session>, link: &Link, up: bool) -> Result<()> {
    // A link that the run made itself is undone with it: no need to know how it was.
    if !session.lab().made_link_now(&link.netns(), link.index())
        && snapshot(session, link)?.up == up
    {
        let lab = session.lab();
        lab.asked_setting(&link.netns(), link.reference(), &Setting::Up(up));
        report_unchanged(session, link, &Setting::Up(up));
        return Ok(());
    }
    let verb = if up {
        "bring up link"
    } else {
        "bring down link"
    };
    change(session, link, verb, Setting::Up(!up), Setting::Up(up))
}

/// Sets the MTU in bytes.
pub(crate) fn set_mtu(session: &Rc<Session>, link: &Link, mtu: i64) -> Result<()> {
    let verb = "set the MTU of link";
    let bytes = options::in_range("mtu", mtu, 0..=i64::from(u32::MAX))
        .ok()
        .and_then(|mtu| u32::try_from(mtu).ok())
        .ok_or_else(|| {
            Error::invalid(format!("an MTU is a number of bytes, not {mtu}"))
                .doing(verb, &link.name())
                .within(link.netns().label())
        })?;
    set(session, link, verb, Setting::Mtu(bytes))
}

/// Sets the hardware address.
pub(crate) fn set_mac(session: &Rc<Session>, link: &Link, text: &str) -> Result<()> {
    let verb = "set the MAC address of link";
    let context = |error: Error| error.doing(verb, &link.name()).within(link.netns().label());
    let bytes = mac::parse(text).map_err(context)?;
    if link.kind().starts_with("ipv") {
        return Err(context(
            Error::new(
                Kind::Unsupported,
                format!("an {} slave has the MAC address of its parent", link.kind()),
            )
            .hint("set it on the parent, or use macvlan, whose slaves have their own"),
        ));
    }
    set(session, link, verb, Setting::Mac(bytes))
}

/// Puts the link under a bridge, bond or VRF of the same namespace, or under none.
pub(crate) fn set_master(session: &Rc<Session>, link: &Link, master: Option<&Link>) -> Result<()> {
    let verb = "set the master of link";
    let index = match master {
        Some(master) if master.netns().namespace().id() != link.netns().namespace().id() => {
            return Err(Error::invalid(format!(
                "master `{}` lives in another namespace, `{}`",
                master.name(),
                master.netns().label()
            ))
            .doing(verb, &link.name())
            .within(link.netns().label()));
        }
        Some(master) => master.index(),
        None => 0,
    };
    set(session, link, verb, Setting::Master(index))
    .map_err(|error| match error.errno {
        Some(nix::errno::Errno::EBUSY) => error
            .cause("something else takes its traffic already")
            .note("a link is a port of one master, and of none while it carries ipvlan or macvlan slaves")
            .hint("take another link, or delete the slaves first"),
        Some(nix::errno::Errno::EOPNOTSUPP) => {
            let name = master.map(Link::name).unwrap_or_default();
            error
                .kind(Kind::Invalid)
                .cause(format!("`{name}` takes no ports"))
                .hint("a master is a bridge, a bond or a VRF")
        }
        _ => error,
    })
}

/// Sets the alias, a free text.
pub(crate) fn set_alias(session: &Rc<Session>, link: &Link, text: &str) -> Result<()> {
    let wanted = Setting::Alias(text.to_owned());
    set(session, link, "set the alias of link", wanted)
}

pub(super) fn set_name(session: &Rc<Session>, link: &Link, name: &str) -> Result<()> {
    let verb = "rename link";
    let former = link.name();
    let name: LinkName = name
        .parse()
        .map_err(|error: Error| error.doing(verb, &former).within(link.netns().label()))?;
    if let Some(taken) = find(session, &link.netns(), name.as_str())?
        && taken.index != link.index()
    {
        return Err(
            Error::new(Kind::Exists, format!("the name `{name}` is taken there"))
                .doing(verb, &former)
                .within(link.netns().label()),
        );
    }
    if name.as_str() != former {
        let place = link.netns();
        let [from, to] = [&former, name.as_str()].map(|name| (&*place, name));
        session.lab().moving(from, to)?;
    }
    set(session, link, verb, Setting::Name(name.to_string()))?;
    link.renamed(name.as_str());
    Ok(())
}

pub(crate) fn move_to(
    session: &Rc<Session>,
    link: &Link,
    target: &Netns,
    new_name: Option<&str>,
) -> Result<()> {
    let from = link.netns();
    let name = link.name();
    let context = |error: Error| error.doing("move link", &name).within(from.label());
    let new_name: LinkName = new_name
        .unwrap_or(&name)
        .parse()
        .map_err(|error: Error| context(error))?;
    if from.namespace().id() == target.namespace().id() {
        session.lab().touch_moved(&from, link.index());
        session.lab().report(
            Outcome::Unchanged,
            &from,
            Object::new("place", name.as_str()).of_link(name.as_str()),
        );
        if new_name.as_str() != name {
            set_name(session, link, new_name.as_str())?;
        }
        return Ok(());
    }
    let seen = snapshot(session, link)?;
    if seen.loopback {
        return Err(context(
            Error::invalid("a loopback stays in its namespace")
                .hint("every namespace has one of its own: net.link(\"lo\")"),
        ));
    }
    if let Some(there) = find(session, target, new_name.as_str())? {
        if there.loopback {
            return Err(context(Error::invalid(
                "a loopback can't leave its namespace",
            )));
        }
        return Err(context(
            Error::new(
                Kind::Exists,
                format!(
                    "namespace `{}` already has a link of that name",
                    target.label()
                ),
            )
            .note(format!("there: {}", described(&there)))
            .hint("give it another name on the way: .netns(target, \"name\")"),
        ));
    }
    let index = link.index();
    let lab = session.lab();
    lab.moving((&from, &name), (target, new_name.as_str()))?;
    let undo = way_back(session, link, target, new_name.as_str());
    let renamed = (new_name.as_str() != name).then_some(new_name.as_str());
    let moved = session.wait(async {
        let rtnl = &from.rtnl()?;
        let lab = session.lab();
        let request = link::move_to(rtnl, index, target.namespace(), renamed);
        let command = || {
            let command = set_command(&from, &name).and(["netns", &trace::place_of_link(target)]);
            command.and(renamed.into_iter().flat_map(|name| ["name", name]))
        };
        lab.step(undo, command, request).await?.map_err(|refusal| match refusal.errno {
            nix::errno::Errno::EINVAL => context(Error::from(refusal).hint(
                "some links can't leave their namespace: the loopback, and those with the netns-immutable flag",
            )),
            _ => context(refusal.into()),
        })?;
        // The kernel keeps the ifindex where it is free, and gives another one where it is not.
        let found = link::get(&target.rtnl()?, Which::Name(new_name.as_str())).await;
        found.map_err(|refusal| context(refusal.into()))
    })??;
    let moved = moved.ok_or_else(|| gone(link))?;
    session
        .lab()
        .link_moved((&from, index), (&target.0, moved.index));
    link.moved(target.0.clone(), moved.index);
    link.renamed(&moved.name);
    let (was, is) = (from.label(), target.label());
    let object = Object::new("place", name.as_str())
        .of_link(name.as_str())
        .changed(was, is)
        .told(format!("{name}: {was} to {is}"));
    session.lab().report(Outcome::Changed, target, object);
    Ok(())
}

/// How to undo a move: a link of the run's own goes where it is then, a foreign one comes back.
fn way_back(session: &Rc<Session>, link: &Link, target: &Netns, name: &str) -> Undo {
    let from = link.netns();
    let netns = target.0.clone();
    let moved = LinkRef {
        index: 0,
        name: name.to_owned(),
        ..link.reference()
    };
    if session.lab().made_link_now(&from, link.index()) {
        return Undo::of_link(netns, moved, WayBack::DeleteLink);
    }
    let way = WayBack::MoveBack {
        name: (link.name() != name).then(|| link.name()),
        was: link.index(),
    };
    Undo {
        home: Some(from),
        ..Undo::of_link(netns, moved, way)
    }
}

/// Deletes the link. Gone already is no error.
pub(crate) fn delete(session: &Rc<Session>, link: &Link) -> Result<()> {
    take_away(session, link, false).map(drop)
}

/// Deletes the link, and returns what went with it where another one is to replace it.
pub(crate) fn take_away(session: &Rc<Session>, link: &Link, is_replaced: bool) -> Result<Removed> {
    let place = link.netns();
    let name = link.name();
    let lab = session.lab();
    lab.trace()
        .tell(|| Command::ip(&place, ["link", "del", "dev", &name]));
    let removed = session.wait(async {
        let reference = link.reference();
        let deleted = lab.delete_link(&place, &reference, is_replaced).await?;
        deleted.map_err(|refusal| match refusal.errno {
            nix::errno::Errno::EOPNOTSUPP => refused(refusal, "delete link", &link.name(), &place)
                .kind(Kind::Invalid)
                .cause("it is no virtual link: a loopback or hardware stays")
                .hint("bring it down instead, with .down()"),
            _ => refused(refusal, "delete link", &link.name(), &place),
        })
    })??;
    for lost in &removed.lost {
        session.note(&format!(
            "{lost} is deleted for good: no request makes it again"
        ));
    }
    let outcome = if removed.was_there {
        Outcome::Deleted
    } else {
        Outcome::Unchanged
    };
    lab.report(outcome, &place, (word_of(link.kind()), name));
    Ok(removed)
}

/// Puts back what was on the link `old` that `new` has replaced.
pub(crate) fn put_back(
    session: &Rc<Session>,
    removed: Removed,
    old: &Link,
    new: &Link,
) -> Result<()> {
    let replaced = (&old.reference(), &new.reference());
    let failures = session.wait(session.lab().put_back(removed, Some(replaced)))?;
    for failure in failures {
        session.note(&format!("link `{}` is replaced, but {failure}", old.name()));
    }
    Ok(())
}

/// Brings a link back that nothing could replace.
pub(crate) fn bring_back(session: &Rc<Session>, removed: Removed) {
    // What failed first is reported.
    let _ = session.wait(session.lab().put_back(removed, None));
}

/// Waits until the link is operational, at most `timeout`.
pub(super) fn wait_up(
    session: &Rc<Session>,
    link: &Link,
    timeout: std::time::Duration,
) -> Result<()> {
    let operational = |seen: &Snapshot| seen.up && seen.carrier;
    let place = link.netns();
    if session.lab().would_test(&place, ("wait_up", link.name())) {
        return Ok(());
    }
    let mut changes = session.wait(async { place.watch_links() })??;
    if operational(&snapshot(session, link)?) {
        return Ok(());
    }
    let came_up = session.wait_or_interrupt(async {
        tokio::time::timeout(timeout, async {
            while let Some(seen) = changes.next(crate::net::link::told).await {
                if seen.index == link.index() && operational(&seen) {
                    return;
                }
            }
        })
        .await
        .is_ok()
    })?;
    if came_up {
        return Ok(());
    }
    let (why, hint) = if snapshot(session, link)?.up {
        ("has no carrier", "bring its other end, or its parent, up")
    } else {
        ("is down", "bring it up first, with .up()")
    };
    Err(
        Error::new(Kind::Timeout, format!("it {why} after {timeout:?}"))
            .doing("wait for link", &link.name())
            .within(place.label())
            .hint(hint),
    )
}
