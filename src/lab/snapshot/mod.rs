//! What a change of something foreign takes along: the state of the links that it touches, and of all that hangs on them, is read
//! before it, and what is missing afterwards is what the way back has to restore.
//!
//! The record of a change has the whole of it before the change is made; once it is made, only what was lost.

mod restore;

use std::collections::{HashMap, HashSet};

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::lab::setting::Setting;
use crate::lab::setting::plain::{Flag, Number};
use crate::lab::setting::port::PortOption;
use crate::lab::undo::{LinkRef, Undo, WayBack};
use crate::net::address::{self, Assigned};
use crate::net::bridge_vlan::{self, Membership};
use crate::net::holding::{self, Holding};
use crate::net::link::{self, Snapshot as Seen};
use crate::net::netns::Netns;
use crate::net::queue::{self, Tree};
use crate::net::rtnl::{Refusal, Rtnl};
use crate::net::sysctl::{self, OfLink};

/// What links have, and what hangs on them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The links, each before those that depend on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    links: Vec<LinkState>,
    /// What hangs on them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    holdings: Vec<Holding>,
    /// When it was taken, in seconds since the machine started: lifetimes run.
    #[serde(default)]
    taken: i64,
}

/// What a link has, apart from its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct LinkState {
    link: LinkRef,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    settings: Vec<Setting>,
    /// As the kernel lists them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<Assigned>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vlans: Option<Vec<(u16, Membership)>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sysctls: Vec<(OfLink, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    queue: Option<Tree>,
    /// Whether the link itself goes: it may have another ifindex when it is there again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_gone: bool,
}

/// What a change may take something from.
enum Reach {
    /// A link, and those that depend on it.
    Link(u32),
    /// All links.
    All,
    /// These links, and what hangs on any.
    Links(Vec<u32>),
}

/// Settings of a namespace, or of a link, with which others change.
const REACHING: [&str; 4] = ["disable_ipv6", "forwarding", "ip_forward", "addr_gen_mode"];

impl Undo {
    /// What the change takes along at most, and where. None for one that takes nothing along.
    fn reach(&self) -> Option<(&Netns, Reach)> {
        let netns = self.netns.as_deref()?;
        let link = self.link.as_ref().map(|link| link.index);
        let link = link.filter(|index| *index > 0).map(Reach::Link);
        match &self.way {
            WayBack::AddAddress { .. }
            | WayBack::Restore {
                new:
                    Setting::Mtu(_)
                    | Setting::Mac(_)
                    | Setting::Up(false)
                    | Setting::Name(_)
                    | Setting::Master(_)
                    | Setting::Flag(Flag::Arp, _)
                    | Setting::Vlan { .. }
                    | Setting::Port { .. },
                ..
            } => Some((netns, link?)),
            WayBack::MoveBack { was, .. } => Some((self.home.as_deref()?, Reach::Link(*was))),
            WayBack::Sysctl { key, .. } => {
                let name = key.parts().last()?;
                let is_reaching = REACHING.contains(&name.as_str());
                is_reaching.then(|| (netns, link.unwrap_or(Reach::All)))
            }
            WayBack::Send { request, .. } if request.is_about_nexthop() => {
                Some((netns, Reach::All))
            }
            _ => None,
        }
    }
}

/// Reads what the change that `undo` takes back may take along. `None` for one that takes nothing along.
pub(super) async fn before(undo: &Undo) -> Result<Option<Box<Snapshot>>> {
    let Some((netns, reach)) = undo.reach() else {
        return Ok(None);
    };
    // Nothing else takes a queue along.
    let taken = take(netns, &reach, undo.home.is_some()).await?;
    Ok(Some(Box::new(taken)))
}

/// What of `before` the change has taken along, beside what the way back itself restores.
pub(super) async fn lost(undo: &Undo, before: &Snapshot) -> Result<Option<Box<Snapshot>>> {
    let Some((netns, reach)) = undo.reach() else {
        return Ok(None);
    };
    let after = take(netns, &reach, undo.home.is_some()).await?;
    let own = match &undo.way {
        WayBack::Restore { old, .. } => undo.link_index().map(|index| (index, old)),
        _ => None,
    };
    let lost = before.without(&after, own, reaching(undo));
    Ok((lost.links.len() + lost.holdings.len() > 0).then(|| Box::new(lost)))
}

/// The setting of each link that is set along with one of the namespace.
fn reaching(undo: &Undo) -> Option<&str> {
    let WayBack::Sysctl { key, .. } = &undo.way else {
        return None;
    };
    match key.parts() {
        [_, name] if name == "ip_forward" => Some("forwarding"),
        [_, _, of, name] if of == "all" => Some(name),
        _ => None,
    }
}

/// Reads what may go with the links `going` of the namespace: all that they have, and what others have by them.
pub(super) async fn before_end(netns: &Netns, going: &[u32]) -> Result<Box<Snapshot>> {
    let all = link::list(&netns.rtnl()?).await?;
    let near = neighbourhood(&all, going);
    let taken = take(netns, &Reach::Links(near), true).await?;
    Ok(Box::new(taken))
}

/// The hardware address of a link.
pub(super) fn mac_of(link: &Seen) -> Snapshot {
    let state = LinkState {
        link: LinkRef {
            index: link.index,
            name: link.name.clone(),
            kind: link.kind.clone(),
        },
        settings: vec![Setting::Mac(link.mac.clone())],
        ..LinkState::default()
    };
    Snapshot {
        links: vec![state],
        ..Snapshot::default()
    }
}

/// What of `before` is gone, now that the links are.
pub(super) async fn after_end(netns: &Netns, before: &Snapshot) -> Result<Option<Box<Snapshot>>> {
    let near = before.links.iter().map(|state| state.link.index).collect();
    let after = take(netns, &Reach::Links(near), true).await?;
    let lost = before.without(&after, None, None);
    Ok((lost.links.len() + lost.holdings.len() > 0).then(|| Box::new(lost)))
}

/// The links `going`, their ports, and what they are ports of.
fn neighbourhood(all: &[Seen], going: &[u32]) -> Vec<u32> {
    let goes = |index: u32| going.contains(&index);
    let own = all.iter().filter(|link| goes(link.index));
    let masters: Vec<u32> = own.filter_map(|link| link.master).collect();
    let near = all.iter().filter(|link| {
        goes(link.index) || link.master.is_some_and(goes) || masters.contains(&link.index)
    });
    near.map(|link| link.index).collect()
}

async fn take(netns: &Netns, reach: &Reach, with_queues: bool) -> Result<Snapshot> {
    let rtnl = &netns.rtnl()?;
    let context = |error: Error| {
        error
            .doing_plain("read what the change may take along")
            .within(netns.label())
    };
    let all = link::list(rtnl).await;
    let all = all.map_err(|refusal| context(refusal.into()))?;
    let meant = match reach {
        Reach::Link(index) => family(&all, *index),
        Reach::All => all.iter().collect(),
        Reach::Links(indices) => {
            let meant = all.iter().filter(|link| indices.contains(&link.index));
            meant.collect()
        }
    };
    let states = states(rtnl, &meant, with_queues).await;
    let mut links = states.map_err(|refusal| context(refusal.into()))?;
    if let Reach::All = reach {
        // What new links are given, and what all are.
        for name in ["default", "all"] {
            let link = LinkRef {
                name: name.to_owned(),
                ..LinkRef::default()
            };
            links.push(LinkState {
                link,
                ..LinkState::default()
            });
        }
    }
    let names: Vec<&str> = links.iter().map(|state| state.link.name.as_str()).collect();
    let sysctls = sysctl::of_links(netns, &names).map_err(context)?;
    for (state, sysctls) in links.iter_mut().zip(sysctls) {
        state.sysctls = sysctls;
    }
    let indices: Vec<u32> = meant.iter().map(|link| link.index).collect();
    let indices = matches!(reach, Reach::Link(_)).then_some(&*indices);
    let holdings = holding::list(rtnl, indices).await;
    Ok(Snapshot {
        links,
        holdings: holdings.map_err(|refusal| context(refusal.into()))?,
        taken: now(),
    })
}

fn now() -> i64 {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(0, |now| now.tv_sec())
}

/// The link, those that are made on it, and those that it is a port of: what follows it.
fn family(all: &[Seen], index: u32) -> Vec<&Seen> {
    let mut family: Vec<&Seen> = all.iter().filter(|link| link.index == index).collect();
    let mut next = 0;
    while let Some(member) = family.get(next).copied() {
        let follows = |link: &&Seen| {
            link.parent == Some(member.index) && link.parent_nsid.is_none()
                || member.master == Some(link.index)
        };
        for link in all.iter().filter(follows) {
            if !family.iter().any(|known| known.index == link.index) {
                family.push(link);
            }
        }
        next += 1;
    }
    family
}

async fn states(
    rtnl: &Rtnl,
    links: &[&Seen],
    with_queues: bool,
) -> Result<Vec<LinkState>, Refusal> {
    let addresses = address::list(rtnl, None).await?;
    let vlans = bridge_vlan::all(rtnl).await?;
    let mut queues = HashMap::new();
    if with_queues {
        let indices: Vec<u32> = links.iter().map(|link| link.index).collect();
        queues = queue::all(rtnl, &indices).await?;
    }
    let mut states = Vec::new();
    for link in links {
        let own = addresses
            .iter()
            .filter(|address| address.link == link.index);
        states.push(LinkState {
            link: LinkRef {
                index: link.index,
                name: link.name.clone(),
                kind: link.kind.clone(),
            },
            settings: settings(link),
            addresses: own.map(|address| address.assigned.clone()).collect(),
            vlans: vlans.get(&link.index).cloned(),
            sysctls: Vec::new(),
            queue: queues.remove(&link.index).map(|queue| queue.made()),
            is_gone: false,
        });
    }
    Ok(states)
}

/// The settings of a link in the order in which they can be set again: what is given to a port once it is one, and up at last.
fn settings(link: &Seen) -> Vec<Setting> {
    let numbers = [
        Number::TxQueueLen,
        Number::Group,
        Number::GsoMaxSize,
        Number::GsoMaxSegs,
        Number::GroMaxSize,
    ];
    let flags = [
        Flag::Promisc,
        Flag::Arp,
        Flag::Multicast,
        Flag::AllMulticast,
    ];
    let mut settings = vec![
        Setting::Alias(String::new()),
        Setting::Mac(Vec::new()),
        Setting::Mtu(0),
        Setting::Master(0),
    ];
    settings.extend(numbers.map(|number| Setting::Number(number, 0)));
    settings.extend(flags.map(|flag| Setting::Flag(flag, false)));
    let options = PortOption::ALL.iter();
    settings.extend(options.map(|option| Setting::PortOption(*option, 0)));
    let altnames = link.altnames.iter();
    settings.extend(altnames.map(|name| Setting::AltName(name.clone(), true)));
    settings.push(Setting::Up(false));
    settings
        .iter()
        .filter_map(|setting| setting.of(link))
        .collect()
}

impl Snapshot {
    /// What an older journal tells of a link.
    pub(super) fn of_older(
        link: LinkRef,
        up: bool,
        addresses: Vec<Assigned>,
        routes: &[crate::net::route::Route],
    ) -> Self {
        Self {
            links: vec![LinkState {
                link,
                settings: up.then_some(Setting::Up(true)).into_iter().collect(),
                addresses,
                ..LinkState::default()
            }],
            holdings: routes.iter().map(Holding::of_route).collect(),
            taken: now(),
        }
    }

    /// Takes over what an earlier change, of another lab, took along of the same: what was there before both.
    pub(super) fn add_older(&mut self, older: &Self) {
        for before in &older.links {
            let is_it = |state: &&mut LinkState| state.link == before.link;
            match self.links.iter_mut().find(is_it) {
                Some(state) => state.add_older(before),
                None => self.links.push(before.clone()),
            }
        }
        for holding in &older.holdings {
            if !self.holdings.contains(holding) {
                self.holdings.push(holding.clone());
            }
        }
    }

    /// What of it is not in `after`, but for the setting that is restored by itself. `reaching` is the setting of each link that the
    /// change has set, and that the way back sets again.
    fn without(&self, after: &Self, own: Option<(u32, &Setting)>, reaching: Option<&str>) -> Self {
        let there: HashSet<&Holding> = after.holdings.iter().collect();
        let holdings = self.holdings.iter().filter(|one| !there.contains(one));
        let links = self.links.iter().filter_map(|state| {
            let same = |other: &&LinkState| {
                let is_set = |link: &LinkRef| link.index == 0 && link.name == state.link.name;
                other.link.index == state.link.index && state.link.index > 0 || is_set(&other.link)
            };
            let Some(after) = after.links.iter().find(same) else {
                return Some(LinkState {
                    is_gone: true,
                    ..state.clone()
                });
            };
            let own = own.filter(|(index, _)| *index == state.link.index);
            let own = own.map(|(_, setting)| setting);
            let mut lost = state.difference(after, own);
            if let Some(name) = reaching {
                let reached = state.sysctls.iter().filter(|(key, _)| key.name() == name);
                lost.sysctls = reached.cloned().collect();
            }
            (!lost.is_nothing()).then_some(lost)
        });
        Self {
            links: links.collect(),
            holdings: holdings.cloned().collect(),
            taken: self.taken,
        }
    }
}

impl Snapshot {
    /// Leaves out `links`, which do not come back, and what hung on them.
    pub(super) fn leave_out(&mut self, links: &HashSet<u32>) {
        self.links
            .retain(|state| !links.contains(&state.link.index));
        for state in &mut self.links {
            let is_of_gone =
                |one: &Setting| matches!(one, Setting::Master(master) if links.contains(master));
            state.settings.retain(|setting| !is_of_gone(setting));
        }
        holding::leave_out(&mut self.holdings, links);
    }

    /// Has it be restored on the link `new`, which has taken the place of `old`: of another kind it has not the same settings.
    pub(super) fn hand_over(&mut self, old: &LinkRef, new: &LinkRef) {
        for state in self.links.iter_mut().filter(|state| state.link == *old) {
            if old.kind != new.kind {
                state.settings.retain(|setting| {
                    matches!(
                        setting,
                        Setting::Alias(_)
                            | Setting::AltName(..)
                            | Setting::Master(_)
                            | Setting::Up(true)
                            | Setting::Number(Number::Group, _)
                    )
                });
                state.vlans = None;
                state.queue = None;
            }
            state.link.kind.clone_from(&new.kind);
        }
    }
}

impl LinkState {
    fn add_older(&mut self, older: &Self) {
        for setting in &older.settings {
            let is_altname = matches!(setting, Setting::AltName(..));
            let same = |known: &&mut Setting| {
                *known == setting || !is_altname && known.what() == setting.what()
            };
            match self.settings.iter_mut().find(same) {
                Some(known) => known.clone_from(setting),
                None => self.settings.push(setting.clone()),
            }
        }
        for (key, value) in &older.sysctls {
            match self.sysctls.iter_mut().find(|(known, _)| known == key) {
                Some((_, known)) => known.clone_from(value),
                None => self.sysctls.push((key.clone(), value.clone())),
            }
        }
        // In the order that they had before both.
        let later = std::mem::replace(&mut self.addresses, older.addresses.clone());
        for address in later {
            if !older
                .addresses
                .iter()
                .any(|known| known.prefix == address.prefix)
            {
                self.addresses.push(address);
            }
        }
        if older.vlans.is_some() {
            self.vlans.clone_from(&older.vlans);
        }
        if older.queue.is_some() {
            self.queue.clone_from(&older.queue);
        }
    }

    /// What of it is not in `after`.
    fn difference(&self, after: &Self, own: Option<&Setting>) -> Self {
        let what = own.map(Setting::what);
        let changed =
            |setting: &&Setting| !after.settings.contains(setting) && what != Some(setting.what());
        let settings: Vec<_> = self.settings.iter().filter(changed).cloned().collect();
        let sysctls = self
            .sysctls
            .iter()
            .filter(|one| !after.sysctls.contains(one));
        let sysctls: Vec<_> = sysctls.cloned().collect();
        let addresses = if address::stand(&self.addresses, &after.addresses) {
            Vec::new()
        } else {
            self.addresses.clone()
        };
        let vlans = self.vlans.clone().filter(|_| self.vlans != after.vlans);
        let is_like = |queue: &&Tree| {
            after
                .queue
                .as_ref()
                .is_some_and(|after| after.is_like(queue))
        };
        let queue = self.queue.as_ref().filter(|queue| !is_like(queue)).cloned();
        Self {
            link: self.link.clone(),
            settings,
            addresses,
            vlans,
            sysctls,
            queue,
            is_gone: false,
        }
    }

    fn is_nothing(&self) -> bool {
        self.settings.is_empty()
            && self.addresses.is_empty()
            && self.vlans.is_none()
            && self.sysctls.is_empty()
            && self.queue.is_none()
    }
}
