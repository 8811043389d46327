//! Links that a script deletes: those that the run did not make come back with all that went with them.
//!
//! Before one is deleted, each link that may go is noted with what makes it again, in whatever namespace it is, and what hangs on them
//! by its state. What is still there afterwards is struck out.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use crate::error::{Error, Kind, Result};
use crate::lab::record::Found;
use crate::lab::setting::Setting;
use crate::lab::snapshot;
use crate::lab::undo::{LinkRef, Undo, WayBack};
use crate::lab::{Lab, Step};
use crate::net::link::{self, Snapshot as Seen, Which};
use crate::net::making::Making;
use crate::net::namespace::Id;
use crate::net::netns::Netns;
use crate::net::request::Request;
use crate::net::rtnl::Refusal;
use crate::net::wireguard;

/// What went with a link that was deleted.
#[derive(Debug, Default)]
pub struct Removed {
    /// Whether there was a link to delete.
    pub was_there: bool,
    /// What brings all of it back, oldest first.
    undos: Vec<Undo>,
    /// What can't be made again, in words.
    pub lost: Vec<String>,
}

/// A link that goes when another is deleted.
struct Going {
    netns: Rc<Netns>,
    seen: Seen,
    /// Where its parent is, or the other end of the pair.
    home: Option<Rc<Netns>>,
    /// The other end of a pair, which goes and comes with it.
    peer: Option<Seen>,
}

/// The links of a namespace.
pub(super) type Links = (Rc<Netns>, Vec<Seen>);

impl Lab {
    /// Whether the run made the link since the last mark, or the namespace that it has always been in.
    fn is_own_link(&self, netns: &Netns, index: u32) -> bool {
        let at = (netns.namespace().id(), index);
        let is_guest = self.guests.borrow().contains(&at);
        !is_guest && (self.made_link_now(netns, index) || self.made_namespace_now(netns))
    }

    /// Deletes a link of `netns`. Gone already is no error.
    ///
    /// Of a link that another one is to replace, all that goes is kept, also where the run made it.
    pub async fn delete_link(
        &self,
        netns: &Rc<Netns>,
        link: &LinkRef,
        is_replaced: bool,
    ) -> Result<Result<Removed, Refusal>> {
        let is_own = self.is_own_link(netns, link.index);
        if self.plans() || is_own && !is_replaced {
            let deleted = link::delete(&netns.rtnl()?, link.index).await;
            if deleted.is_ok() {
                self.link_deleted(netns, link.index, true);
            }
            return Ok(deleted.map(|was_there| Removed {
                was_there,
                ..Removed::default()
            }));
        }
        let going = going(netns, link).await?;
        let (undos, lost) = self.way_back(&going).await?;
        // What the run itself made need not come back when it is taken down.
        let is_noted = |undo: &&Undo| match undo.way {
            WayBack::PutBack => !is_own,
            _ => undo
                .netns
                .as_ref()
                .is_some_and(|at| !self.is_own_link(at, undo.link_index().unwrap_or_default())),
        };
        let noted = self.announce_all(undos.iter().filter(is_noted))?;
        let deleted = link::delete(&netns.rtnl()?, link.index).await;
        let undos = match &deleted {
            Ok(true) => gone_of(undos).await?,
            _ => Vec::new(),
        };
        self.settle(noted, &undos);
        if deleted.is_ok() {
            self.link_deleted(netns, link.index, is_own);
        }
        Ok(deleted.map(|was_there| Removed {
            was_there,
            undos,
            lost,
        }))
    }

    /// How all that goes comes back, oldest step first, and what does not.
    async fn way_back(&self, going: &[Going]) -> Result<(Vec<Undo>, Vec<String>)> {
        let mut links = Vec::new();
        let mut lost = Vec::new();
        let mut places: Vec<(Rc<Netns>, Vec<u32>)> = Vec::new();
        for one in going {
            put(&mut places, &one.netns, one.seen.index);
            if let Some(peer) = &one.peer {
                put(
                    &mut places,
                    one.home.as_ref().unwrap_or(&one.netns),
                    peer.index,
                );
            }
        }
        let mut undos = hanging(&places).await?;
        for one in going {
            let of_it = Undo {
                home: one.home.clone(),
                ..Undo::of_link(one.netns.clone(), one.reference(), WayBack::DeleteLink)
            };
            let is_of_other = self.is_of_other_lab(&of_it);
            match making(one).await {
                Some(making) => {
                    let way = WayBack::MakeLink {
                        making: Box::new(making),
                        is_of_other,
                    };
                    links.push(Undo {
                        home: one.home.clone(),
                        ..Undo::of_link(one.netns.clone(), one.reference(), way)
                    });
                    links.extend(one.configuration().await?);
                }
                None => lost.push(format!(
                    "link `{}` in namespace `{}`",
                    one.seen.name,
                    one.netns.label()
                )),
            }
        }
        // Those that others hang on are made first.
        links.reverse();
        undos.extend(links);
        Ok((undos, lost))
    }

    /// Announces what a change may take along beside what it is about; returns which of the steps these are.
    pub(super) fn announce_all<'a>(
        &self,
        undos: impl Iterator<Item = &'a Undo>,
    ) -> Result<Range<usize>> {
        let first = self.steps.borrow().len();
        for undo in undos {
            let number = self.announce(undo)?;
            self.push(number, undo.clone());
        }
        Ok(first..self.steps.borrow().len())
    }

    /// Notes what went, of the steps that were announced, and strikes out the others.
    pub(super) fn settle(&self, announced: Range<usize>, went: &[Undo]) {
        if announced.is_empty() {
            return;
        }
        let mut settled = Vec::new();
        let steps: Vec<Step> = self.steps.borrow()[announced.clone()].to_vec();
        for mut step in steps {
            let same = |undo: &&Undo| {
                let place = |undo: &Undo| undo.netns.as_ref().map(|at| at.namespace().id());
                (&undo.way, &undo.link) == (&step.undo.way, &step.undo.link)
                    && place(undo) == place(&step.undo)
            };
            match went.iter().find(same) {
                Some(undo) => {
                    if undo.kept != step.undo.kept {
                        self.complete(step.number, Found::Lost(undo.kept.clone()));
                    }
                    step.undo.kept.clone_from(&undo.kept);
                    settled.push(step);
                }
                None => self.undone(step.number),
            }
        }
        self.steps.borrow_mut().splice(announced, settled);
    }

    /// What a change takes along beside what is of the same namespace: the links elsewhere that are stacked on one follow its MTU, and
    /// are down where it is; a bridge without a port has another hardware address than with one.
    pub(super) async fn beyond(&self, undo: &Undo) -> Result<Vec<Undo>> {
        let (Some(netns), Some(link), WayBack::Restore { new, .. }) =
            (&undo.netns, &undo.link, &undo.way)
        else {
            return Ok(Vec::new());
        };
        match new {
            Setting::Mtu(_) | Setting::Up(false) if !self.is_own_link(netns, link.index) => {
                let mut places: Vec<(Rc<Netns>, Vec<u32>)> = Vec::new();
                let mut going = going(netns, link).await?;
                going.retain(|one| one.netns.namespace().id() != netns.namespace().id());
                for one in &going {
                    put(&mut places, &one.netns, one.seen.index);
                }
                hanging(&places).await
            }
            Setting::Master(index) if *index > 0 && !self.is_own_link(netns, *index) => {
                let all = link::list(&netns.rtnl()?).await?;
                let bridge = all
                    .iter()
                    .find(|seen| seen.index == *index && seen.kind == "bridge");
                let is_empty = !all.iter().any(|seen| seen.master == Some(*index));
                let bridge = bridge.filter(|_| is_empty);
                Ok(bridge
                    .map(|bridge| Undo {
                        kept: Some(Box::new(snapshot::mac_of(bridge))),
                        ..Undo::within(netns.clone(), WayBack::PutBack)
                    })
                    .into_iter()
                    .collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Brings the links from elsewhere home that are in a namespace of the run's own which is about to be deleted. Returns where
    /// each is then, and its name.
    pub async fn send_home(&self, netns: &Netns) -> Result<Vec<(Rc<Netns>, String)>> {
        let id = netns.namespace().id();
        let guests: Vec<u32> = {
            let guests = self.guests.borrow();
            let inside = guests.iter().filter(|(at, _)| *at == id);
            inside.map(|(_, index)| *index).collect()
        };
        if guests.is_empty() || self.plans() {
            return Ok(Vec::new());
        }
        let is_meant = |step: &Step| {
            let index = step.undo.link_index();
            step.undo.is_in(id) && index.is_some_and(|index| guests.contains(&index))
        };
        let (meant, others): (Vec<Step>, Vec<Step>) =
            self.steps.take().into_iter().partition(is_meant);
        self.steps.replace(others);
        let homes = meant.iter().filter_map(|step| match &step.undo.way {
            WayBack::MoveBack { name, .. } => {
                let now = step.undo.link.as_ref().map(|link| &link.name);
                Some((step.undo.home.clone()?, name.clone().or(now.cloned())?))
            }
            _ => None,
        });
        let homes = homes.collect();
        let undone = self.undo_steps(meant).await;
        self.guests.borrow_mut().retain(|(at, _)| *at != id);
        match undone.failures.into_iter().next() {
            Some(failure) => Err(failure),
            None => Ok(homes),
        }
    }

    /// Puts back what was taken away with a link: the link as well, or all but it where `replaced` is the old one and that which has
    /// its place. Returns what could not be.
    pub async fn put_back(
        &self,
        removed: Removed,
        replaced: Option<(&LinkRef, &LinkRef)>,
    ) -> Vec<Error> {
        let mut moved = Renumbered::default();
        let mut failures = Vec::new();
        for mut undo in removed.undos.into_iter().rev() {
            let Some(netns) = undo.netns.take().filter(|netns| netns.check().is_ok()) else {
                continue;
            };
            let moved = moved.entry(netns.namespace().id()).or_default();
            let link = undo.link.clone().unwrap_or_default();
            undo.renumber(moved);
            let place_taken = replaced.filter(|(old, _)| **old == link);
            match (undo.way, undo.kept) {
                (WayBack::MakeLink { making, .. }, _) => {
                    let made = match place_taken {
                        Some((_, new)) => Ok(Ok(new.index)),
                        None => making.send(&netns, undo.home.as_deref()).await,
                    };
                    match made.and_then(|made| made.map_err(Error::from)) {
                        Ok(now) => drop(moved.insert(link.index, now)),
                        Err(error) => {
                            let error = error.doing("make again link", &link.name);
                            failures.push(error.within(netns.label()));
                        }
                    }
                }
                (WayBack::PutBack, Some(mut kept)) => {
                    if let Some((old, new)) = replaced {
                        kept.hand_over(old, new);
                    }
                    let mut refused = kept.restore(&netns, moved).await;
                    // The far end of a pair that ends elsewhere now.
                    refused.retain(|error| replaced.is_none() || error.kind != Kind::NotFound);
                    failures.append(&mut refused);
                }
                (WayBack::Send { request, .. }, _) if place_taken.is_none() => {
                    let sent = match netns.rtnl() {
                        Ok(rtnl) => request.send(&netns, &rtnl).await.map_err(Error::from),
                        Err(error) => Err(error),
                    };
                    failures.extend(sent.err());
                }
                _ => {}
            }
        }
        failures
    }
}

/// The links of each namespace that have another ifindex than they had, with the new one.
pub(super) type Renumbered = HashMap<Id, HashMap<u32, u32>>;

impl Going {
    fn reference(&self) -> LinkRef {
        LinkRef {
            index: self.seen.index,
            name: self.seen.name.clone(),
            kind: self.seen.kind.clone(),
        }
    }

    /// What a WireGuard link is given once it is there.
    async fn configuration(&self) -> Result<Option<Undo>> {
        if self.seen.kind != "wireguard" {
            return Ok(None);
        }
        let index = self.seen.index;
        let device = wireguard::get(&self.netns, index)
            .await
            .map_err(Error::from)?;
        let way = WayBack::Send {
            what: format!("wireguard configuration of {}", self.seen.name),
            request: Request::Wireguard(Box::new(device.as_change(index))),
            made: None,
        };
        Ok(Some(Undo::of_link(
            self.netns.clone(),
            self.reference(),
            way,
        )))
    }
}

/// Adds a link to the links of each namespace.
fn put(places: &mut Vec<(Rc<Netns>, Vec<u32>)>, netns: &Rc<Netns>, index: u32) {
    let id = netns.namespace().id();
    let known = places.iter_mut().find(|(at, _)| at.namespace().id() == id);
    match known {
        Some((_, indices)) => indices.push(index),
        None => places.push((netns.clone(), vec![index])),
    }
}

/// What the links have, and what hangs on them, in each namespace.
async fn hanging(places: &[(Rc<Netns>, Vec<u32>)]) -> Result<Vec<Undo>> {
    let mut hanging = Vec::new();
    for (netns, indices) in places {
        let kept = snapshot::before_end(netns, indices).await?;
        hanging.push(Undo {
            kept: Some(kept),
            ..Undo::within(netns.clone(), WayBack::PutBack)
        });
    }
    Ok(hanging)
}

async fn making(one: &Going) -> Option<Making> {
    let all = link::list(&one.netns.rtnl().ok()?).await.ok()?;
    let parent = one.seen.parent.filter(|_| one.home.is_none());
    let is_that_of = |other: &&Seen| {
        other.index != one.seen.index
            && other.mac == one.seen.mac
            && (other.master == Some(one.seen.index) || parent == Some(other.index))
    };
    let is_shared = !link::is_pair(&one.seen.kind) && all.iter().any(|other| is_that_of(&other));
    Making::of(&one.seen, one.peer.as_ref(), !is_shared)
}

/// The steps of those links that are gone, and of what went with them.
pub(super) async fn gone_of(undos: Vec<Undo>) -> Result<Vec<Undo>> {
    let mut gone = Vec::new();
    for mut undo in undos {
        let Some(netns) = undo.netns.clone() else {
            continue;
        };
        match (&undo.link, &undo.kept) {
            (Some(link), _) => {
                let seen = link::get(&netns.rtnl()?, Which::Index(link.index)).await?;
                if seen.is_some_and(|seen| seen.kind == link.kind && seen.name == link.name) {
                    continue;
                }
            }
            (None, Some(kept)) => {
                // Where it can't be read, all that may be lost stays noted.
                if let Ok(lost) = snapshot::after_end(&netns, kept).await {
                    undo.kept = lost;
                }
                if undo.kept.is_none() {
                    continue;
                }
            }
            (None, None) => continue,
        }
        gone.push(undo);
    }
    Ok(gone)
}

/// The link, and all that go with it, each behind what it hangs on.
/// The links that go when the one goes, in whatever namespace, both ends of pairs.
pub(super) async fn going_with(netns: &Rc<Netns>, link: &LinkRef) -> Result<Vec<(Rc<Netns>, u32)>> {
    let mut all = Vec::new();
    for one in going(netns, link).await? {
        if let Some(peer) = &one.peer {
            let at = one.home.as_ref().unwrap_or(&one.netns);
            all.push((at.clone(), peer.index));
        }
        all.push((one.netns, one.seen.index));
    }
    Ok(all)
}

async fn going(netns: &Rc<Netns>, link: &LinkRef) -> Result<Vec<Going>> {
    let all = everywhere(netns).await?;
    let found = |netns: &Rc<Netns>, index: u32| {
        let id = netns.namespace().id();
        let (_, links) = all.iter().find(|(at, _)| at.namespace().id() == id)?;
        links.iter().find(|seen| seen.index == index).cloned()
    };
    let mut going: Vec<Going> = Vec::new();
    let Some(seen) = found(netns, link.index).filter(|seen| seen.kind == link.kind) else {
        return Ok(going);
    };
    let mut next = vec![(netns.clone(), seen)];
    let mut done: Vec<(Id, u32)> = Vec::new();
    while let Some((netns, seen)) = next.pop() {
        let id = netns.namespace().id();
        if done.contains(&(id, seen.index)) {
            continue;
        }
        done.push((id, seen.index));
        let other = place_of_other(&all, &netns, &seen).await?;
        let mut one = Going {
            home: other.clone().filter(|at| at.namespace().id() != id),
            peer: None,
            netns: netns.clone(),
            seen: seen.clone(),
        };
        if link::is_pair(&seen.kind)
            && let (Some(at), Some(index)) = (&other, seen.parent)
            && let Some(peer) = found(at, index)
        {
            done.push((at.namespace().id(), index));
            next.extend(stacked_on(&all, at, &peer).await?);
            one.peer = Some(peer);
        }
        next.extend(stacked_on(&all, &netns, &seen).await?);
        going.push(one);
    }
    Ok(going)
}

/// The links of all namespaces, those of `netns` first.
pub(super) async fn everywhere(netns: &Rc<Netns>) -> Result<Vec<Links>> {
    let mut all = vec![(netns.clone(), link::list(&netns.rtnl()?).await?)];
    for other in Netns::all()? {
        // One may go while the others are looked through.
        if other.namespace().id() != netns.namespace().id()
            && let Ok(rtnl) = other.rtnl()
            && let Ok(links) = link::list(&rtnl).await
        {
            all.push((Rc::new(other), links));
        }
    }
    Ok(all)
}

/// Where that is which the link says it hangs on: its parent, or the other end of its pair.
pub(super) async fn place_of_other(
    all: &[Links],
    netns: &Rc<Netns>,
    seen: &Seen,
) -> Result<Option<Rc<Netns>>> {
    if seen.parent.is_none() {
        return Ok(None);
    }
    let Some(nsid) = seen.parent_nsid else {
        return Ok(Some(netns.clone()));
    };
    // So may the one that the link is in, as where a process of others has ended.
    let Ok(rtnl) = netns.rtnl() else {
        return Ok(None);
    };
    for (other, _) in all {
        // One may go while the others are looked through.
        if let Ok(Some(found)) = rtnl.nsid_of(other.namespace()).await
            && found == nsid
        {
            return Ok(Some(other.clone()));
        }
    }
    Ok(None)
}

/// The links that are stacked on one, wherever they are. Some that stay when it goes may be among them.
async fn stacked_on(
    all: &[Links],
    netns: &Rc<Netns>,
    seen: &Seen,
) -> Result<Vec<(Rc<Netns>, Seen)>> {
    let id = netns.namespace().id();
    let mut found = Vec::new();
    for (at, links) in all {
        let is_same = at.namespace().id() == id;
        let nsid = match at.rtnl() {
            _ if is_same => None,
            Ok(rtnl) => match rtnl.nsid_of(netns.namespace()).await {
                Ok(Some(nsid)) => Some(nsid),
                // It has never heard of it, or is gone by now.
                _ => continue,
            },
            Err(_) => continue,
        };
        let is_on_it = |link: &&Seen| {
            let hangs = link.parent == Some(seen.index) && link.parent_nsid == nsid;
            let is_carried = is_same && link.carried_by() == Some(seen.index);
            (hangs || is_carried) && !link::is_pair(&link.kind) && link.index != seen.index
        };
        let stacked = links.iter().filter(is_on_it);
        found.extend(stacked.map(|link| (at.clone(), link.clone())));
    }
    Ok(found)
}
