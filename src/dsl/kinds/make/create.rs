//! Asking the kernel for a link, and what its refusal means.

use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::errno::Errno;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};

use crate::dsl::Session;
use crate::dsl::objects::link;
use crate::error::{Error, Kind, Result};
use crate::lab::{LinkRef, Outcome, Undo, WayBack};
use crate::net::link::{Snapshot, Which};
use crate::net::netns;
use crate::net::rtnl::Refusal;
use crate::net::tun;
use crate::schema;
use crate::steps::Value;

use super::request::command;
use super::{Ensured, Parent, Request, Wanted, report};

/// Asks the kernel for the link. `None` where its name, or that of its peer, is taken.
pub(super) fn create(
    session: &Rc<Session>,
    wanted: &Wanted,
    request: Request,
) -> Result<Option<Ensured>> {
    let place = &wanted.place;
    lean_on_carriers(session, wanted)?;
    let sender = wanted.parent.map_or(place, |parent| &parent.netns);
    let remote = sender.namespace().id() != place.namespace().id();
    let name = wanted.name.as_str();
    let command = || command(wanted, sender, &request);
    let mut message = request.message.clone();
    message.header.index = request.index;
    set_name(&mut message, name);
    if let Some(mtu) = wanted.mtu_of_making() {
        message.attributes.push(LinkAttribute::Mtu(mtu));
    }
    if let Some(mac) = &wanted.common.mac {
        message.attributes.push(LinkAttribute::Address(mac.clone()));
    }
    if let Some(count) = wanted.common.tx_queues {
        message.attributes.push(LinkAttribute::NumTxQueues(count));
    }
    if let Some(count) = wanted.common.rx_queues {
        message.attributes.push(LinkAttribute::NumRxQueues(count));
    }
    for setting in &wanted.common.settings.first {
        setting.add_to(&mut message);
    }
    let new = LinkRef {
        index: 0,
        name: name.to_owned(),
        kind: wanted.kind.name.to_owned(),
    };
    let undo = Undo::of_link(place.clone(), new, WayBack::DeleteLink);
    let up = wanted.common.up;
    let made = session.wait(async {
        let target = remote.then(|| place.namespace());
        let request = async {
            place.check()?;
            let rtnl = &sender.rtnl()?;
            if let Some(device) = &request.device {
                let made = tun::create(place, rtnl, device, name, &message).await?;
                return match made {
                    Ok(()) => Ok(()),
                    Err(refusal) => Err(refused(session, wanted, &refusal).await),
                };
            }
            let mut made = crate::net::link::create(rtnl, target, with_up(&message, up)).await;
            if request.index > 0 && made.is_err() {
                // Somebody else has its ifindex by now.
                message.header.index = 0;
                made = crate::net::link::create(rtnl, target, with_up(&message, up)).await;
            }
            match made {
                // Older kernels want the name to be free in the sender's namespace too (seen on Linux 6.1).
                Err(refusal)
                    if refusal.errno == Errno::EEXIST
                        && remote
                        && crate::net::link::get(&place.rtnl()?, Which::Name(name))
                            .await?
                            .is_none() =>
                {
                    create_under_passing_name(session, wanted, sender, message.clone()).await
                }
                Err(refusal) => Err(refused(session, wanted, &refusal).await),
                Ok(()) => Ok(()),
            }
        };
        match session.lab().step(undo, command, request).await? {
            Err(error) if error.errno == Some(Errno::EEXIST) => return Ok(None),
            other => other?,
        }
        let seen = crate::net::link::get(&place.rtnl()?, Which::Name(name)).await?;
        seen.map(Some)
            .ok_or_else(|| Error::new(Kind::NotFound, "it vanished as soon as it was made"))
    })??;
    Ok(made.map(|made| {
        session.lab().link_made(place, made.index, name);
        report(session, wanted, Outcome::Created);
        let ignored = ignored(wanted, &made);
        Ensured::new(
            link::handle(place, &made),
            request.device.is_none(),
            ignored,
        )
    }))
}

/// Notes that the link goes with those that it is made on, which another lab may have made.
fn lean_on_carriers(session: &Rc<Session>, wanted: &Wanted) -> Result<()> {
    let lab = session.lab();
    if !lab.is_beside_others() {
        return Ok(());
    }
    if let Some(Parent { netns, seen }) = wanted.parent {
        lab.lean_on(netns, Some(link::handle(netns, seen).reference()))?;
    }
    for (key, value) in &wanted.facts {
        let Value::Number(index) = value else {
            continue;
        };
        let index = u32::try_from(*index).unwrap_or(0);
        if index == 0 || !wanted.kind.names_device(key) {
            continue;
        }
        let place = &wanted.place;
        let seen = session.wait(async {
            let rtnl = place.rtnl()?;
            Ok::<_, Error>(crate::net::link::get(&rtnl, Which::Index(index)).await?)
        })??;
        let carrier = seen.map(|seen| link::handle(place, &seen).reference());
        lab.lean_on(place, carrier)?;
    }
    Ok(())
}

/// What was asked of the kind and the new link says nothing of.
fn ignored(wanted: &Wanted, made: &Snapshot) -> Vec<&'static str> {
    let differing = schema::differing(wanted.kind.table, &wanted.facts, made.data.as_ref());
    let ignored = differing.into_iter().filter(|one| one.there.is_none());
    ignored
        .filter_map(|one| Some(wanted.kind.row(one.key)?.key))
        .collect()
}

fn set_name(message: &mut LinkMessage, name: &str) {
    message
        .attributes
        .retain(|attribute| !matches!(attribute, LinkAttribute::IfName(_)));
    message
        .attributes
        .push(LinkAttribute::IfName(name.to_owned()));
}

fn with_up(message: &LinkMessage, up: bool) -> LinkMessage {
    let mut message = message.clone();
    if up {
        message.header.flags |= LinkFlags::Up;
        message.header.change_mask |= LinkFlags::Up;
    }
    message
}

/// Makes the link under a name that is free everywhere, and renames it where it lives.
async fn create_under_passing_name(
    session: &Rc<Session>,
    wanted: &Wanted<'_>,
    sender: &netns::Netns,
    mut message: LinkMessage,
) -> Result<()> {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let passing = format!("iv{:x}x{number:x}", std::process::id());
    let place = &wanted.place;
    set_name(&mut message, &passing);
    let new = LinkRef {
        index: 0,
        name: passing.clone(),
        kind: wanted.kind.name.to_owned(),
    };
    let undo = Undo::of_link(place.clone(), new, WayBack::DeleteLink);
    let rtnl = &sender.rtnl()?;
    let request = crate::net::link::create(rtnl, Some(place.namespace()), message);
    let made = session.lab().step_unsaid(undo, request).await?;
    if let Err(refusal) = made {
        return Err(refused(session, wanted, &refusal).await);
    }
    let rtnl = &place.rtnl()?;
    let Some(made) = crate::net::link::get(rtnl, Which::Name(&passing)).await? else {
        return Err(Error::new(
            Kind::NotFound,
            "it vanished as soon as it was made",
        ));
    };
    let handle = link::handle(place, &made);
    let mut rename = link::on(&handle).name(wanted.name.as_str());
    if wanted.common.up {
        rename = rename.up();
    }
    let renamed = crate::net::link::change(rtnl, rename.build()).await;
    if renamed.is_err() {
        // Nobody knows the passing name but us.
        let _ = crate::net::link::delete(rtnl, made.index).await;
    }
    session.lab().link_renamed(place, &passing);
    match renamed {
        Ok(()) => Ok(()),
        Err(refusal) => Err(refused(session, wanted, &refusal).await),
    }
}

/// The kernel's refusal to make a link, explained.
async fn refused(session: &Rc<Session>, wanted: &Wanted<'_>, refusal: &Refusal) -> Error {
    let kind = wanted.kind.name;
    let parent = wanted.parent.map(|parent| parent.seen.name.as_str());
    let error = Error::from(refusal.clone());
    match (refusal.errno, parent) {
        (Errno::EEXIST | Errno::EBUSY, None)
            if ["vxlan", "geneve"].contains(&kind)
                && (refusal.text.is_some() || refusal.errno == Errno::EBUSY) =>
        {
            let place = wanted.parent.map_or(&wanted.place, |parent| &parent.netns);
            let there = links_of(place).await.into_iter();
            let there: Vec<String> = there
                .filter(|link| link.kind == kind)
                .map(|link| format!("`{}`", link.name))
                .collect();
            let error = error.kind(Kind::Busy).cause(format!(
                "another {kind} of namespace `{}` has that identifier on the same UDP port",
                place.label()
            ));
            let error = if there.is_empty() {
                error.note("it was made there, and moved elsewhere")
            } else {
                error.note(format!("there: {}", there.join(", ")))
            };
            // Told apart from a name that is taken, which is looked at in another way.
            Error { errno: None, ..error }
                .hint("take another identifier, or delete the other link")
        }
        (Errno::EINVAL | Errno::ERANGE, Some(_))
            if wanted.common.mtu > wanted.parent.map(|parent| parent.seen.mtu) =>
        {
            match (wanted.common.mtu, wanted.parent) {
                (Some(mtu), Some(parent)) => {
                    link::larger_than_parent(session, &parent.netns, &parent.seen, mtu, error)
                }
                _ => error,
            }
        }
        (Errno::EPERM, _)
            if refusal.text.as_deref().is_some_and(|text| text.contains("IPv6")) =>
        {
            let (named, call) = match dev_of(wanted).await {
                Some(dev) => (format!("link `{dev}`"), format!("link(\"{dev}\")")),
                None => ("its link".to_owned(), "LINK".to_owned()),
            };
            error
                .kind(Kind::Invalid)
                .cause(format!("IPv6 is switched off on {named}"))
                .hint(format!("switch it on first: {call}.sysctl(\"ipv6.disable_ipv6\", 0)"))
        }
        (Errno::EEXIST, _) => error.cause("a link of that name is there already"),
        (Errno::EOPNOTSUPP, _)
            if refusal.text.as_deref().is_some_and(|text| text.contains("device type")) =>
        {
            wanted.kind.lacks_driver(error)
        }
        (Errno::EOPNOTSUPP, _) if refusal.text.is_none() => {
            error.cause("this kernel can't do all that is asked of it")
        }
        (Errno::ENETDOWN, Some(parent)) => error
            .cause(format!("parent `{parent}` is down"))
            .hint(format!("bring it up first: link(\"{parent}\").up()")),
        (Errno::EBUSY, Some(parent)) => error
            .cause(format!("something else takes the traffic of parent `{parent}` already"))
            .note("a link carries either ipvlan or macvlan slaves, and none while it is a port of a bridge or bond")
            .hint("take another parent, or a veth or dummy of your own"),
        (Errno::EINVAL, Some(parent)) if refusal.text.is_none() => {
            match sibling(wanted).await {
                Some(other) => error
                    .kind(Kind::Busy)
                    .cause(format!(
                        "one in mode passthru is the only one of its parent, and `{parent}` has {} `{}`",
                        other.kind, other.name
                    ))
                    .hint("take another parent, or another mode for all of them"),
                None => error.cause(format!("parent `{parent}` can't carry {kind}")),
            }
        }
        _ => error,
    }
}

/// The name of the link that the packets of a tunnel go out by, where one is asked for.
async fn dev_of(wanted: &Wanted<'_>) -> Option<String> {
    let (_, dev) = wanted.facts.iter().find(|(key, _)| *key == "dev")?;
    let Value::Number(index) = dev else {
        return None;
    };
    let mut links = links_of(&wanted.place).await.into_iter();
    let found = links.find(|link| i64::from(link.index) == *index);
    Some(found?.name)
}

/// A macvlan on the same parent, in its namespace or where the new one is to be.
async fn sibling(wanted: &Wanted<'_>) -> Option<Snapshot> {
    let kinds = ["macvlan", "macvtap"];
    let parent = wanted
        .parent
        .filter(|_| kinds.contains(&wanted.kind.name))?;
    let mut links = links_of(&parent.netns).await;
    if parent.netns.namespace().id() != wanted.place.namespace().id() {
        links.extend(links_of(&wanted.place).await);
    }
    let is_beside = |link: &Snapshot| {
        kinds.contains(&link.kind.as_str()) && link.parent == Some(parent.seen.index)
    };
    links.into_iter().find(is_beside)
}

/// The links of a namespace; none where it can't be asked.
async fn links_of(place: &netns::Netns) -> Vec<Snapshot> {
    match place.rtnl() {
        Ok(rtnl) => crate::net::link::list(&rtnl).await.unwrap_or_default(),
        Err(_) => Vec::new(),
    }
}
