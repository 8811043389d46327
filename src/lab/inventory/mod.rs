//! What stands of a lab, and what of it is missing or was changed by somebody else.
//!
//! Whether a thing is as it was asked for is decided by what decides, in a run and in a plan, whether it has to be changed.

mod describe;
mod drift;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use crate::error::Result;
use crate::lab::confirm::Pending;
use crate::lab::journal::Journal;
use crate::lab::object::Thing;
use crate::lab::owners::Owners;
use crate::lab::recognise::Finder;
use crate::lab::record::{Contents, Place, Run};
use crate::lab::setting::Setting;
use crate::lab::undo::{Undo, WayBack};
use crate::schema::Opt;

pub(super) use describe::describe;
pub(super) use drift::Drift;

/// What each kind of link can be given, by its name.
pub type Tables = fn(&str) -> &'static [Opt];

/// A lab, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// Its name.
    pub lab: String,
    /// The run that last worked on it.
    pub run: Option<Run>,
    /// The script that it belongs to.
    pub script: Option<PathBuf>,
    /// Whether that run is still at work.
    pub is_running: bool,
    /// Whether the changes of that run wait to be confirmed.
    pub pending: Option<Pending>,
    /// Which lines of its journal can't be read, where there are such.
    pub damage: Option<String>,
    /// What it is made of, oldest first.
    pub items: Vec<Item>,
}

/// One thing that a lab made or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What kind of thing: `namespace`, `link`, `setting`, `address`, `route`, `process`, `change`.
    pub kind: &'static str,
    /// What it is, in words.
    pub what: String,
    /// The same for programs; none as long as nothing is listed.
    pub thing: Option<Thing>,
    /// How it is now.
    pub state: State,
    /// Whether the lab has made it so: what it found as it was asked for is told only where it is not so any more.
    pub is_own: bool,
    /// The other labs that have it, too.
    pub also_of: Vec<String>,
}

/// How a thing is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// As the lab left it.
    Stands,
    /// Gone.
    Missing,
    /// As somebody else left it, in words.
    Changed(String),
}

/// What a step is about, in words.
pub(super) fn what(undo: &Undo<Place>) -> String {
    describe(undo).1.what
}

impl Inventory {
    /// Looks at what the journal of `lab` tells of. `None` where there is none.
    pub async fn take(lab: &str, tables: Tables) -> Result<Option<Self>> {
        let Some((contents, is_running)) = Journal::peek(lab)? else {
            return Ok(None);
        };
        let mut finder = Finder::default();
        let others = Owners::beside(Some(lab));
        let mut drift = Drift::new(&contents, tables);
        let mut judged: HashMap<String, Option<usize>> = HashMap::new();
        let mut found: Vec<Found> = Vec::new();
        let mut taken = Taken::default();
        for told in told(&contents).into_iter().rev() {
            let (key, mut item) = describe(&told.undo);
            taken.note_maker(&told.undo);
            // Of several changes of one thing the last is what should be seen; where the lab made one of them, it is the lab's.
            if let Some(judged) = judged.get(&key) {
                if let Some(at) = judged.filter(|_| !told.is_asked) {
                    found[at].item.is_own = true;
                }
                continue;
            }
            let undo = told.undo;
            // What was given to a link before the lab took that away is not missed.
            if taken.has(&undo) {
                continue;
            }
            let is_netns = matches!(undo.way, WayBack::DeleteNetns { .. });
            item.state = match finder.undo(undo.clone())? {
                None if is_netns || !told.is_asked && !goes_with_netns(&contents, &undo) => {
                    State::Missing
                }
                // That its namespace is missing says it.
                None => {
                    judged.insert(key, None);
                    continue;
                }
                Some(open) => drift.state(&undo, &open).await?,
            };
            judged.insert(key, Some(found.len()));
            if item.state == State::Stands {
                taken.note(&undo);
            }
            item.is_own = !told.is_asked;
            item.also_of = others.labs_of(&undo).to_vec();
            found.push(Found { undo, item });
        }
        found.retain(|one| !taken.was_made_here(&one.undo));
        leave_out_what_went_along(&mut found, &contents.pairs);
        let items = found.into_iter().rev();
        Ok(Some(Self {
            lab: lab.to_owned(),
            run: contents.runs.last().cloned(),
            script: contents.maker().and_then(|run| run.script.clone()),
            is_running,
            pending: contents.pending,
            damage: contents.damage(),
            items: items
                .filter(|one| one.item.is_own || one.item.state != State::Stands)
                .map(|one| Item {
                    thing: Some(Thing::of(&one.undo)),
                    ..one.item
                })
                .collect(),
        }))
    }
}

/// What the lab has deleted and nobody has made again.
#[derive(Default)]
struct Taken {
    links: HashSet<(Place, u32)>,
    namespaces: HashSet<Place>,
    /// Those of them that the lab itself had made before: nothing of them stands, and nothing is missing.
    own_links: HashSet<(Place, u32)>,
    own_namespaces: HashSet<Place>,
}

impl Taken {
    fn note(&mut self, undo: &Undo<Place>) {
        match undo.way {
            WayBack::MakeLink { .. } => self.links.extend(at(undo)),
            WayBack::NameNetns { .. } => self.namespaces.extend(undo.netns.clone()),
            _ => {}
        }
    }

    fn has(&self, undo: &Undo<Place>) -> bool {
        at(undo).is_some_and(|at| self.links.contains(&at))
            || matches!(&undo.netns, Some(place) if self.namespaces.contains(place))
    }

    fn note_maker(&mut self, undo: &Undo<Place>) {
        match undo.way {
            WayBack::DeleteLink if self.has(undo) => self.own_links.extend(at(undo)),
            WayBack::DeleteNetns { .. } if self.has(undo) => {
                self.own_namespaces.extend(undo.netns.clone());
            }
            _ => {}
        }
    }

    /// Whether it is the deleting of something that the lab itself had made.
    fn was_made_here(&self, undo: &Undo<Place>) -> bool {
        match undo.way {
            WayBack::MakeLink { .. } => at(undo).is_some_and(|at| self.own_links.contains(&at)),
            WayBack::NameNetns { .. } => {
                matches!(&undo.netns, Some(place) if self.own_namespaces.contains(place))
            }
            _ => false,
        }
    }
}

/// A link: where it is, and its ifindex.
type End = (Place, u32);

/// The link that it is about, and where that is.
fn at(undo: &Undo<Place>) -> Option<End> {
    undo.netns.clone().zip(undo.link_index())
}

/// Something that the journal tells, and how it is.
struct Found {
    undo: Undo<Place>,
    item: Item,
}

impl Found {
    /// The name of the link that it is about.
    fn name(&self) -> &str {
        self.undo.link.as_ref().map_or("", |link| &link.name)
    }

    /// Whether it is the far end of a pair, which is told only where it is gone and the near one is not.
    const fn is_far_end(&self) -> bool {
        !self.item.is_own && self.undo.is_name()
    }
}

/// What is said of a link that is missing.
enum Gone {
    /// Nothing: another line says it, or it was made again since.
    Unsaid,
    /// That it is.
    Itself,
    /// The same of the far end of a pair, in words.
    FarEnd(String),
}

/// Leaves out what goes with a link that is missing: that the link is says it. The newest is first.
fn leave_out_what_went_along(found: &mut Vec<Found>, pairs: &HashMap<End, End>) {
    let is_link = |one: &Found| one.undo.way == WayBack::DeleteLink;
    let mut missing = HashSet::new();
    let mut names = HashSet::new();
    let mut gone: HashMap<usize, Gone> = HashMap::new();
    for (number, one) in found.iter().enumerate() {
        let is_known = is_link(one) && !names.insert((&one.undo.netns, one.name()));
        if one.item.state != State::Missing || !is_link(one) && !one.is_far_end() {
            continue;
        }
        missing.extend(at(&one.undo));
        // A pair is told by its near end, and the far one goes with it.
        let near = at(&one.undo).and_then(|far| pairs.get(&far));
        let near = near.and_then(|near| {
            let mut links = found.iter().filter(|one| is_link(one));
            links.find(|one| at(&one.undo).as_ref() == Some(near))
        });
        let what = match near.filter(|near| near.item.state != State::Missing) {
            Some(near) => Gone::FarEnd(format!("far end of {}", near.item.what)),
            None if is_link(one) && !is_known => Gone::Itself,
            None => Gone::Unsaid,
        };
        gone.insert(number, what);
    }
    let mut number = 0;
    found.retain_mut(|one| {
        let what = gone.remove(&number);
        number += 1;
        match what {
            None => is_link(one) || at(&one.undo).is_none_or(|at| !missing.contains(&at)),
            Some(Gone::Unsaid) => false,
            Some(Gone::Itself) => true,
            Some(Gone::FarEnd(far)) => {
                let place = one.undo.netns.as_ref().map(Place::label);
                let place = place.unwrap_or_default();
                one.item.what = format!("link `{}` in namespace `{place}`, {far}", one.name());
                one.item.kind = "link";
                true
            }
        }
    });
}

/// The names of the namespaces in which the lab made or changed something. `None` where there is no such lab.
pub fn namespaces(lab: &str) -> Result<Option<HashSet<String>>> {
    let Some((contents, _)) = Journal::peek(lab)? else {
        return Ok(None);
    };
    let made = told(&contents).into_iter().filter(|told| !told.is_asked);
    let names = made
        .map(|told| told.undo)
        .filter_map(|undo| match (&undo.netns, &undo.way) {
            (Some(place), _) => Some(place.label()),
            (None, WayBack::DeleteNetns { name }) => Some(name.to_string()),
            (None, _) => None,
        });
    Ok(Some(names.collect()))
}

/// What the journal tells.
struct Told {
    line: usize,
    undo: Undo<Place>,
    /// Whether it was found so, or given at the making of a link: it counts for nothing by itself.
    is_asked: bool,
}

/// What the lab made, changed and asked for, oldest first, also of things of its own; each link by the name that the lab gave it
/// last.
fn told(contents: &Contents) -> Vec<Told> {
    let steps = contents.steps.iter().map(|step| (step.line, &step.undo));
    let made_links: HashSet<_> = steps
        .clone()
        .filter(|(_, undo)| undo.way == WayBack::DeleteLink)
        .map(|(_, undo)| (undo.netns.as_ref(), undo.link_index()))
        .collect();
    // A pair is told by its near end, which the lab has made.
    let is_of_pair =
        |undo: &Undo<Place>| at(undo).is_some_and(|far| contents.pairs.contains_key(&far));
    let is_part = |undo: &Undo<Place>| {
        goes_with_netns(contents, undo)
            || made_links.contains(&(undo.netns.as_ref(), undo.link_index()))
            || is_of_pair(undo)
    };
    let parts = contents.parts.iter().map(|part| (part.line, &part.undo));
    let parts = parts.filter(|(_, undo)| is_part(undo));
    let steps = steps.filter(|(_, undo)| undo.way != WayBack::PutBack);
    let asked = contents.asked.iter().map(|one| (one.line, &one.undo, true));
    let made = parts.chain(steps).map(|(line, undo)| (line, undo, false));
    let mut told: Vec<Told> = made
        .chain(asked)
        .map(|(line, undo, is_asked)| Told {
            line,
            undo: undo.clone(),
            is_asked,
        })
        .collect();
    told.sort_by_key(|told| told.line);
    let mut names = HashMap::new();
    for Told { undo, .. } in &told {
        let name = match &undo.way {
            WayBack::Restore {
                new: Setting::Name(name),
                ..
            } => Some(name),
            WayBack::DeleteLink => undo.link.as_ref().map(|link| &link.name),
            _ => None,
        };
        let at = undo.netns.clone().zip(undo.link_index());
        names.extend(at.zip(name.cloned()));
    }
    for Told { undo, .. } in &mut told {
        let at = undo.netns.clone().zip(undo.link_index());
        if let Some(name) = at.and_then(|at| names.get(&at))
            && let Some(link) = &mut undo.link
        {
            link.name.clone_from(name);
        }
    }
    told
}

/// Whether it is about something in a namespace that the lab made.
fn goes_with_netns(contents: &Contents, undo: &Undo<Place>) -> bool {
    let mut made = contents
        .steps
        .iter()
        .filter(|step| matches!(step.undo.way, WayBack::DeleteNetns { .. }));
    undo.netns.is_some() && made.any(|step| step.undo.netns == undo.netns)
}
