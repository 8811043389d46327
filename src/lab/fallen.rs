//! What a run said and then took back itself, without saying so: the kernel takes addresses, routes and settings along with an
//! MTU, a move, a master. When a run has ended well it is told what of it does not stand any more, so that a second run brings no
//! surprise. The kernel is asked only where a step may have taken something along.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

use crate::error::Result;
use crate::lab::inventory::{self, Inventory, State, Tables};
use crate::lab::record::Place;
use crate::lab::setting::Setting;
use crate::lab::setting::plain::Flag;
use crate::lab::undo::{Undo, WayBack};
use crate::lab::{Lab, Undo as Step};
use crate::net::link::LEAST_OF_IPV6;
use crate::net::namespace::Id;
use crate::net::sysctl::Key;

/// A link, by its namespace and ifindex; 0 for what is about none.
type At = (Id, u32);

/// What the run has said so far.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// By link, what hangs on it.
    hangs: RefCell<HashMap<At, Vec<Step>>>,
    /// Where an MTU was asked for: that of a bridge follows its ports.
    mtus: RefCell<HashSet<Id>>,
    /// What hung on links that were moved, and where those are now.
    moved: RefCell<Vec<(Step, At)>>,
    /// The links that were brought up; a move takes them down (`__dev_change_net_namespace` of `net/core/dev.c`).
    up: RefCell<HashMap<At, Step>>,
    /// Those that were moved since, and where they are now.
    moved_down: RefCell<Vec<(Step, At)>>,
    /// Whether a step may have taken something along.
    is_in_doubt: Cell<bool>,
}

impl Said {
    /// Notes a step that was made, or a thing that is as it was asked for.
    pub(super) fn note(&self, undo: &Step) {
        let Some(netns) = &undo.netns else { return };
        let id = netns.namespace().id();
        let at = (id, undo.link_index().unwrap_or_default());
        match &undo.way {
            WayBack::Send { request, .. } if request.is_of_the_link() => {}
            WayBack::Sysctl { key, new, .. } if switches_ipv6_off(key, new) => {
                self.is_in_doubt.set(true);
            }
            WayBack::DeleteAddress { .. }
            | WayBack::RestoreQueue { .. }
            | WayBack::Send { .. }
            | WayBack::Sysctl { .. }
                if at.1 > 0 =>
            {
                self.hang(at, undo);
            }
            WayBack::DeleteRoute { route } => {
                let link = route.link.unwrap_or_default();
                self.hang((id, link), undo);
            }
            WayBack::Restore {
                new: Setting::Up(up),
                ..
            } => {
                self.moved_down.borrow_mut().retain(|(_, to)| *to != at);
                let mut all = self.up.borrow_mut();
                if *up {
                    all.insert(at, undo.clone());
                } else {
                    all.remove(&at);
                }
            }
            WayBack::Restore { new, .. } => {
                if matches!(new, Setting::Mtu(_)) {
                    self.mtus.borrow_mut().insert(id);
                }
                if self.takes_along(new, at) {
                    self.is_in_doubt.set(true);
                }
            }
            _ => {}
        }
    }

    fn hang(&self, at: At, undo: &Step) {
        let mut hangs = self.hangs.borrow_mut();
        hangs.entry(at).or_default().push(undo.clone());
    }

    /// Whether a link that is set so may lose what was said of it.
    fn takes_along(&self, new: &Setting, at: At) -> bool {
        let takes = match new {
            Setting::Mtu(mtu) => *mtu < LEAST_OF_IPV6,
            Setting::Master(_) | Setting::Mac(_) | Setting::Flag(Flag::Arp, _) => true,
            // What goes down is meant to lead nowhere.
            _ => false,
        };
        let hangs = self.hangs.borrow();
        let has_any = hangs.contains_key(&at) || hangs.contains_key(&(at.0, 0));
        takes && has_any || matches!(new, Setting::Master(_)) && self.mtus.borrow().contains(&at.0)
    }

    /// Notes that a link was moved, which leaves all behind that hung on it.
    pub(super) fn moved(&self, from: At, to: At) {
        let mut moved = self.moved.borrow_mut();
        for (_, at) in moved.iter_mut().filter(|(_, at)| *at == from) {
            *at = to;
        }
        let left = self.hangs.borrow_mut().remove(&from);
        moved.extend(left.into_iter().flatten().map(|undo| (undo, to)));
        let mut down = self.moved_down.borrow_mut();
        for (_, at) in down.iter_mut().filter(|(_, at)| *at == from) {
            *at = to;
        }
        let was_up = self.up.borrow_mut().remove(&from);
        down.extend(was_up.map(|undo| (undo, to)));
    }

    /// Forgets what was said of a link, or of all of a namespace, that the script has deleted.
    pub(super) fn deleted(&self, id: Id, index: Option<u32>) {
        let is_left = |at: &At| at.0 != id || index.is_some_and(|index| index != at.1);
        self.hangs.borrow_mut().retain(|at, _| is_left(at));
        self.up.borrow_mut().retain(|at, _| is_left(at));
        self.moved.borrow_mut().retain(|(_, at)| is_left(at));
        self.moved_down.borrow_mut().retain(|(_, at)| is_left(at));
    }

    /// What hung on links that were moved, and was not said again where they are.
    fn left_behind(&self) -> Vec<Undo<Place>> {
        let hangs = self.hangs.borrow();
        let is_again = |undo: &Step, at: &At| {
            let there = hangs.get(at).into_iter().flatten();
            there.into_iter().any(|other| other.way == undo.way)
        };
        let moved = self.moved.borrow();
        let left = moved.iter().filter(|(undo, at)| !is_again(undo, at));
        let down = self.moved_down.borrow();
        let left = left.chain(down.iter());
        left.filter_map(|(undo, _)| undo.clone().map(|netns| Some(Place::of(&netns))))
            .collect()
    }
}

/// Whether the kernel takes addresses and routes along with this setting: `addrconf_ifdown` of `net/ipv6/addrconf.c`.
fn switches_ipv6_off(key: &Key, value: &str) -> bool {
    let is_it = |part: &String| part == "disable_ipv6";
    value != "0" && key.parts().last().is_some_and(is_it)
}

impl Lab {
    /// What the run has said and does not stand any more, each in words. To be asked when it has ended well.
    pub async fn fallen(&self, tables: Tables) -> Result<Vec<String>> {
        self.strike_gone_along().await?;
        let mut fallen: Vec<String> = self
            .said
            .left_behind()
            .iter()
            .map(|undo| format!("{} went with the move of the link", inventory::what(undo)))
            .collect();
        let name = self.name().filter(|_| self.said.is_in_doubt.get());
        let Some(lab) = name.filter(|_| !self.plans()) else {
            return Ok(fallen);
        };
        if let Some(journal) = self.journal.borrow_mut().as_mut() {
            journal.write_all_waiting();
        }
        let taken = Inventory::take(&lab, tables).await?;
        for item in taken.into_iter().flat_map(|taken| taken.items) {
            match item.state {
                State::Stands => {}
                State::Missing => fallen.push(format!("{} is gone", item.what)),
                State::Changed(how) => fallen.push(format!("{} {how}", item.what)),
            }
        }
        Ok(fallen)
    }
}
