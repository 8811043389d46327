//! What several labs want: each notes it in its own journal, and it goes, or comes back, with the last of them.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::error::{Error, Kind, Result};
use crate::lab::Lab;
use crate::lab::inventory;
use crate::lab::journal::{self, Journal};
use crate::lab::record::{Contents, Found, Place, Step};
use crate::lab::setting::Setting;
use crate::lab::undo::{LinkRef, Undo, WayBack};
use crate::net::netns::Netns;
use crate::net::nft;
use crate::value::shell;

/// What the journals of other labs tell, by what it is about.
#[derive(Debug, Default)]
pub(super) struct Owners {
    told: HashMap<(Place, String), Vec<Undo<Place>>>,
    /// The labs that have namespaces and links, by what tells these.
    makers: HashMap<(Place, String), Vec<String>>,
    /// The links and processes that they have in each namespace, in words, with the lab.
    guests: HashMap<Place, Vec<(String, String)>>,
    /// The rules of nftables that they have made.
    rules: HashSet<(Place, nft::Mark)>,
}

/// What a step is about: steps of several labs with the same are about one thing.
fn key(undo: &Undo<Place>) -> Option<(Place, String)> {
    let (what, _) = inventory::describe(undo);
    Some((undo.netns.clone()?, what))
}

fn told(undo: &Undo) -> Option<Undo<Place>> {
    undo.clone().map(|netns| Some(Place::of(&netns)))
}

/// What is changed by a step, before and after, where it is a value.
fn values(way: &WayBack) -> Option<(String, String)> {
    match way {
        WayBack::Restore { old, new } => Some((old.to_string(), new.to_string())),
        WayBack::Sysctl { old, new, .. } => Some((old.clone(), new.clone())),
        WayBack::RestoreQueue { old, new } => {
            Some((old.lines().join("\n"), new.lines().join("\n")))
        }
        WayBack::RestoreTables { tables, left } => Some((text_of(tables), text_of(left))),
        _ => None,
    }
}

/// Why tables of nftables stay as they are.
pub(super) enum Kept {
    /// Another lab wants the same.
    AsItIs,
    /// Another lab has put more into them: what there is to say of that.
    WithMore(String),
}

/// What stands in the tables.
fn text_of(tables: &[nft::Table]) -> String {
    let mut texts: Vec<String> = tables
        .iter()
        .map(|one| format!("{} {} {:?}", one.family, one.name, one.text))
        .collect();
    texts.sort();
    texts.join("\n")
}

/// Gives a step another value to restore: that before, or that after the step `of`.
fn restore_instead(way: &mut WayBack, of: &WayBack, is_after: bool) {
    match (way, of) {
        (WayBack::Restore { old, .. }, WayBack::Restore { old: before, new }) => {
            old.clone_from(if is_after { new } else { before });
        }
        (
            WayBack::Sysctl { old, .. },
            WayBack::Sysctl {
                old: before, new, ..
            },
        ) => {
            old.clone_from(if is_after { new } else { before });
        }
        (WayBack::RestoreQueue { old, .. }, WayBack::RestoreQueue { old: before, new }) => {
            old.clone_from(if is_after { new } else { before });
        }
        (
            WayBack::RestoreTables { tables: old, .. },
            WayBack::RestoreTables {
                tables: before,
                left: new,
            },
        ) => {
            old.clone_from(if is_after { new } else { before });
        }
        _ => {}
    }
}

impl Owners {
    /// What all labs but `lab` tell. A journal that can't be read tells nothing.
    pub(super) fn beside(lab: Option<&str>) -> Self {
        let mut owners = Self::default();
        let names = journal::names().unwrap_or_default();
        for other in names.iter().filter(|name| Some(name.as_str()) != lab) {
            let Ok(Some((contents, _))) = Journal::peek(other) else {
                continue;
            };
            for part in contents.parts {
                owners.note_guest(other, &part.undo);
                owners.note_maker(other, &part.undo);
                // A link in a namespace of its own is noted as a part of that.
                if part.undo.way == WayBack::DeleteLink {
                    owners.add(part.undo);
                }
            }
            for step in contents.steps {
                owners.note_guest(other, &step.undo);
                owners.note_maker(other, &step.undo);
                owners.add(step.undo);
            }
        }
        owners
    }

    fn note_maker(&mut self, lab: &str, undo: &Undo<Place>) {
        if let WayBack::DeleteNetns { .. } | WayBack::DeleteLink = undo.way
            && let Some(key) = key(undo)
        {
            let labs = self.makers.entry(key).or_default();
            if !labs.iter().any(|known| known == lab) {
                labs.push(lab.to_owned());
            }
        }
    }

    fn note_guest(&mut self, lab: &str, undo: &Undo<Place>) {
        let Some(place) = &undo.netns else { return };
        let what = match (&undo.way, &undo.link) {
            (WayBack::DeleteLink | WayBack::MoveBack { .. }, Some(link)) => {
                format!("link `{}`", link.name)
            }
            (
                WayBack::EndProcess {
                    process, program, ..
                },
                _,
            ) if process.runs() => {
                format!("process {} (`{}`)", process.pid, program.line())
            }
            _ => return,
        };
        let guests = self.guests.entry(place.clone()).or_default();
        guests.push((lab.to_owned(), what));
    }

    /// The other labs that have the namespace or the link, too.
    pub(super) fn labs_of(&self, undo: &Undo<Place>) -> &[String] {
        let found = key(undo).and_then(|key| self.makers.get(&key));
        found.map_or(&[], Vec::as_slice)
    }

    /// Fails with `busy` where other labs have links or processes in namespaces that this one has made, and names them.
    pub(super) fn check_guests(&self, lab: &str, contents: &Contents) -> Result<()> {
        let made = contents
            .steps
            .iter()
            .filter_map(|step| match step.undo.way {
                // What has no such number was only claimed.
                WayBack::DeleteNetns { .. } => step
                    .undo
                    .netns
                    .as_ref()
                    .filter(|place| place.mount.is_some()),
                _ => None,
            });
        let told: Vec<String> = made
            .filter_map(|place| Some((place, self.guests.get(place)?)))
            .flat_map(|(place, guests)| {
                let place = place.label();
                let guests = guests.iter();
                guests.map(move |(lab, what)| {
                    format!("lab `{lab}` has {what} in namespace `{place}`")
                })
            })
            .collect();
        if told.is_empty() {
            return Ok(());
        }
        let error = Error::new(
            Kind::Busy,
            "other labs have links or processes in its namespaces",
        )
        .doing("take down lab", lab)
        .hint(format!(
            "take those labs down first, or all of it with `ipvsh down --force {}`",
            shell::word(lab)
        ));
        Err(told.into_iter().fold(error, Error::note))
    }

    fn add(&mut self, undo: Undo<Place>) {
        if let (WayBack::DeleteRules { marks }, Some(place)) = (&undo.way, &undo.netns) {
            let marks = marks.iter().map(|mark| (place.clone(), mark.clone()));
            self.rules.extend(marks);
        } else if let Some(key) = key(&undo) {
            self.told.entry(key).or_default().push(undo);
        }
    }

    /// Whether no other lab has anything.
    pub(super) fn is_none(&self) -> bool {
        self.told.is_empty() && self.rules.is_empty()
    }

    /// The steps of other labs about the same thing, oldest first.
    fn same(&self, undo: &Undo<Place>) -> &[Undo<Place>] {
        let found = key(undo).and_then(|key| self.told.get(&key));
        found.map_or(&[], Vec::as_slice)
    }

    /// Has a step that is about to be made restore what was there before any lab set it.
    fn restore_original(&self, undo: &mut Undo) {
        let Some(place) = told(undo) else {
            return;
        };
        let same = self.same(&place);
        // Each step leads to an older one.
        for _ in 0..same.len() {
            let Some((present, _)) = values(&undo.way) else {
                return;
            };
            let set_it = |step: &&Undo<Place>| {
                values(&step.way).is_some_and(|(old, new)| new == present && old != present)
            };
            let Some(step) = same.iter().find(set_it) else {
                return;
            };
            restore_instead(&mut undo.way, &step.way, false);
            match (&mut undo.kept, &step.kept) {
                (Some(kept), Some(older)) => kept.add_older(older),
                (kept, older) => kept.clone_from(older),
            }
        }
    }

    /// Notes what to do instead of restoring what another lab has made, once that lab is down.
    fn note_origin(&self, undo: &mut Undo) {
        let restores = match &undo.way {
            WayBack::AddAddress { .. } | WayBack::AddRoute { .. } => true,
            WayBack::Send { request, .. } => request.makes(),
            _ => false,
        };
        let place = told(undo).filter(|_| restores);
        let theirs = place.as_ref().and_then(|place| self.same(place).last());
        undo.origin = theirs.map(|step| {
            let origin = step.origin.as_deref().unwrap_or(&step.way);
            Box::new(origin.clone())
        });
    }

    /// Whether another lab has made the link of that step, or a namespace without which it can't be: its own, or that of its parent or
    /// other end.
    fn makes(&self, of_link: &Undo<Place>) -> bool {
        let is_made = |step: &Undo<Place>| step.way == WayBack::DeleteLink;
        let mut places = of_link.netns.iter().chain(&of_link.home);
        self.same(of_link).iter().any(is_made) || places.any(|place| self.makes_netns(place))
    }

    fn makes_netns(&self, place: &Place) -> bool {
        let Ok(name) = place.label().parse() else {
            return false;
        };
        let undo = Undo::within(place.clone(), WayBack::DeleteNetns { name });
        !self.same(&undo).is_empty()
    }

    /// The links that the step would make again, where another lab had made them and is down by now; each by its ifindex.
    pub(super) fn gone_with_other(&self, undo: &Undo<Place>) -> Vec<(Place, u32)> {
        let (
            WayBack::MakeLink {
                making,
                is_of_other: true,
            },
            Some(place),
        ) = (&undo.way, &undo.netns)
        else {
            return Vec::new();
        };
        if self.makes(undo) {
            return Vec::new();
        }
        let far = undo.home.as_ref().unwrap_or(place);
        let near = undo.link_index().map(|index| (place.clone(), index));
        let far = making.peer_index().map(|index| (far.clone(), index));
        near.into_iter().chain(far).collect()
    }

    /// The step as it is to be undone while other labs stand; `None` where they want what it is about.
    pub(super) fn left_to(&self, mut undo: Undo) -> Option<Undo> {
        let is_of_other = undo.origin.is_some() || matches!(undo.way, WayBack::MakeLink { .. });
        if self.is_none() && !is_of_other {
            return Some(undo);
        }
        let place = told(&undo)?;
        if let (WayBack::DeleteRules { marks }, Some(at)) = (&mut undo.way, &place.netns) {
            marks.retain(|mark| !self.rules.contains(&(at.clone(), mark.clone())));
            return (!marks.is_empty()).then_some(undo);
        }
        if let WayBack::MakeLink { is_of_other, .. } = undo.way {
            // It went with the lab that had made it.
            return (!is_of_other || self.makes(&place)).then_some(undo);
        }
        let Some(last) = self.same(&place).last() else {
            if let Some(origin) = undo.origin.take() {
                let last = std::mem::replace(&mut undo.way, *origin);
                // That was there when the other lab had it.
                undo.kept = None;
                // What is there now is what this lab has made.
                if let (WayBack::Send { made, .. }, WayBack::Send { made: own, .. }) =
                    (&mut undo.way, last)
                {
                    *made = own;
                }
            }
            return Some(undo);
        };
        if values(&undo.way).is_some() {
            restore_instead(&mut undo.way, &last.way, true);
            // It goes on with the value that the other lab wants, which has noted it as well.
            undo.kept = None;
            return Some(undo);
        }
        // What the later one has done is taken back with that.
        let is_earlier = undo.origin.is_none()
            && matches!(undo.way, WayBack::Send { .. })
            && self.same(&place).iter().any(|step| step.origin.is_some());
        let is_wanted =
            is_one_for_all(&undo.way) && self.same(&place).iter().any(|step| step.way == undo.way);
        (!is_earlier && !is_wanted).then_some(undo)
    }

    /// What there is to say of tables of nftables that stay as they are, since another lab has put more into them, or wants the
    /// same. `None` where they are this one's to restore.
    pub(super) fn keep_tables(&self, undo: &Undo) -> Option<Kept> {
        let (WayBack::RestoreTables { left, .. }, Some(netns)) = (&undo.way, &undo.netns) else {
            return None;
        };
        let place = told(undo)?;
        let WayBack::RestoreTables { left: theirs, .. } = &self.same(&place).last()?.way else {
            return None;
        };
        if text_of(theirs) == text_of(left) {
            return Some(Kept::AsItIs);
        }
        let present = nft::tables(netns).ok()?;
        let now = theirs.iter().map(|one| {
            let there = present
                .iter()
                .find(|table| table.is(&one.family, &one.name));
            nft::Table {
                text: there.and_then(|table| table.text.clone()),
                ..one.clone()
            }
        });
        if text_of(&now.collect::<Vec<_>>()) != text_of(theirs) {
            return None;
        }
        let names: Vec<String> = theirs
            .iter()
            .map(|table| format!("`{} {}`", table.family, table.name))
            .collect();
        Some(Kept::WithMore(format!(
            "table {} in namespace `{}` has rules of another lab as well: it is left as it is, and goes back to what it was \
             with that lab",
            names.join(", "),
            netns.label()
        )))
    }

    /// What stands of a lab for `down`: what others want is struck out, and what the lab did to it is undone step by step.
    ///
    /// With `force` its namespaces are nobody else's.
    pub(super) fn split(&self, contents: Contents, force: bool) -> Vec<Step> {
        let Contents { steps, parts, .. } = contents;
        let mut kept = Vec::new();
        for step in steps {
            let is_forced = force && is_made_netns(&step.undo);
            let is_shared = !is_forced
                && matches!(
                    step.undo.way,
                    WayBack::DeleteNetns { .. } | WayBack::DeleteLink
                )
                && !self.same(&step.undo).is_empty();
            if is_shared {
                let (netns, link) = (&step.undo.netns, step.undo.link_index());
                let is_netns = matches!(step.undo.way, WayBack::DeleteNetns { .. });
                let of_it = parts
                    .iter()
                    .map(|part| &part.undo)
                    .filter(|part| part.netns == *netns && (is_netns || part.link_index() == link));
                // They are in no journal by a number.
                kept.extend(of_it.map(|part| Step {
                    line: step.line,
                    number: 0,
                    run: step.run,
                    undo: part.clone(),
                }));
            }
            kept.push(step);
        }
        kept
    }
}

/// Whether it is a namespace that the lab has made itself.
pub(super) fn is_made_netns(undo: &Undo<Place>) -> bool {
    let is_made = undo.netns.as_ref().is_some_and(|at| at.mount.is_some());
    is_made && matches!(undo.way, WayBack::DeleteNetns { .. })
}

/// Whether it is taken away once, whoever has made it.
fn is_one_for_all(way: &WayBack) -> bool {
    matches!(
        way,
        WayBack::DeleteNetns { .. }
            | WayBack::DeleteLink
            | WayBack::DeleteAddress { .. }
            | WayBack::DeleteRoute { .. }
            | WayBack::AddAddress { .. }
            | WayBack::AddRoute { .. }
            | WayBack::Send { .. }
    )
}

impl Lab {
    /// The other lab that has the namespace or the link as well, and whether this one has it already.
    pub fn other_lab(&self, undo: &Undo) -> Option<(String, bool)> {
        let name = self.name()?;
        let others = self.others.get_or_init(|| Owners::beside(Some(&name)));
        if others.makers.is_empty() {
            return None;
        }
        let place = told(undo)?;
        let lab = others.labs_of(&place).first()?.clone();
        let is_own = key(&place).is_some_and(|key| self.claimed.borrow().contains(&key));
        Some((lab, is_own))
    }

    fn owners(&self) -> &Owners {
        self.owners.get_or_init(|| {
            if self.plans() || self.name().is_none() {
                Owners::default()
            } else {
                Owners::beside(self.name().as_deref())
            }
        })
    }

    /// Whether another lab has made the link that the step is about.
    pub(super) fn is_of_other_lab(&self, undo: &Undo) -> bool {
        told(undo).is_some_and(|place| self.owners().makes(&place))
    }

    /// Makes a step ready to be announced: what it restores is what was there before any lab, and the namespace that another lab has
    /// made is this lab's as well.
    pub(super) fn beside_others(&self, mut undo: Undo) -> Result<Undo> {
        let owners = self.owners();
        if owners.is_none() {
            return Ok(undo);
        }
        owners.restore_original(&mut undo);
        owners.note_origin(&mut undo);
        if let Some(netns) = undo.netns.clone() {
            self.claim_netns(&netns)?;
        }
        Ok(undo)
    }

    /// Whether other labs have made anything.
    pub fn is_beside_others(&self) -> bool {
        !self.owners().is_none()
    }

    /// Notes that what is about to be made can't be without a namespace and a link in it: where another lab has made these, they stay
    /// until both are down.
    pub fn lean_on(&self, netns: &Rc<Netns>, link: Option<LinkRef>) -> Result<()> {
        if !self.is_beside_others() {
            return Ok(());
        }
        self.claim_netns(netns)?;
        let of_link = link.map(|link| Undo::of_link(netns.clone(), link, WayBack::DeleteLink));
        of_link.map_or(Ok(()), |undo| self.claim(undo))
    }

    fn claim_netns(&self, netns: &Rc<Netns>) -> Result<()> {
        let Ok(name) = netns.label().parse() else {
            return Ok(());
        };
        let undo = Undo::within(netns.clone(), WayBack::DeleteNetns { name });
        self.claim(undo)
    }

    /// Notes that this lab wants what is there as it asks, where another lab has made it so: it is to stay until both are down.
    pub fn claim(&self, mut undo: Undo) -> Result<()> {
        self.touch(&undo);
        let owners = self.owners();
        if owners.is_none() {
            return Ok(());
        }
        let Some(place) = told(&undo) else {
            return Ok(());
        };
        if let (WayBack::DeleteRules { marks }, Some(at)) = (&mut undo.way, &place.netns) {
            marks.retain(|mark| owners.rules.contains(&(at.clone(), mark.clone())));
            if marks.is_empty() {
                return Ok(());
            }
        } else {
            let wanted = values(&undo.way).map(|(_, new)| new);
            let sort = std::mem::discriminant(&undo.way);
            let is_it = |step: &&Undo<Place>| {
                std::mem::discriminant(&step.way) == sort
                    && values(&step.way).map(|(_, new)| new) == wanted
            };
            let Some(theirs) = owners.same(&place).iter().rfind(is_it) else {
                return Ok(());
            };
            undo.way = theirs.way.clone();
            undo.origin.clone_from(&theirs.origin);
            undo.kept.clone_from(&theirs.kept);
        }
        self.begin()?;
        let about = told(&undo).as_ref().and_then(key);
        let is_claimed = about.is_some_and(|about| !self.claimed.borrow_mut().insert(about));
        if is_claimed {
            return Ok(());
        }
        let number = self.announce(&undo)?;
        self.push(number, undo);
        Ok(())
    }

    /// Notes how tables of nftables were left by the last step, so that what somebody else changes of them later is seen.
    pub fn tables_left(&self, tables: Vec<nft::Table>) {
        let number = match self.steps.borrow_mut().last_mut() {
            Some(step) => match &mut step.undo.way {
                WayBack::RestoreTables { left, .. } => {
                    left.clone_from(&tables);
                    step.number
                }
                _ => return,
            },
            None => return,
        };
        self.complete(number, Found::Tables(tables));
    }

    /// Notes that a link has a setting as asked: see [`Lab::claim`].
    pub fn claim_setting(&self, netns: &Rc<Netns>, link: LinkRef, set: &Setting) -> Result<()> {
        self.asked_setting(netns, link.clone(), set);
        let way = WayBack::Restore {
            old: set.clone(),
            new: set.clone(),
        };
        self.claim(Undo::of_link(netns.clone(), link, way))
    }
}

/// What earlier runs of the lab have noted, so that it is noted once.
pub(super) fn noted(contents: &Contents) -> HashSet<(Place, String)> {
    let steps = contents.steps.iter();
    steps.filter_map(|step| key(&step.undo)).collect()
}
