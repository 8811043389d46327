//! The script while it grows: what it has so far, and what could not be said.

use std::collections::{BTreeSet, HashSet};
use std::rc::Rc;

use super::order::order;
use super::world::{HOST, LinkId, World};
use crate::dsl::Session;
use crate::schema::Pair;
use crate::steps::{Act, Call, Item, Parameter, Place, Step, Value};

/// A script that grows.
pub(super) struct Draft<'a> {
    pub(super) session: &'a Rc<Session>,
    pub(super) world: &'a World,
    items: Vec<Item>,
    left: Vec<String>,
    /// The links of the host that the script has to find there, with the parameters that name them.
    parameters: Vec<(LinkId, Parameter)>,
    /// Links that are not in the script.
    pub(super) lost: HashSet<LinkId>,
    /// Far ends of pairs, which are made with the first ones.
    pub(super) made: HashSet<LinkId>,
    /// Routes that are said behind all links.
    pub(super) later: Vec<(usize, crate::net::route::Route)>,
    /// Parents that have to be up for the making of their slaves, and are down.
    pub(super) down: Vec<LinkId>,
    /// Namespaces that are named and not exported.
    outside: BTreeSet<String>,
}

impl<'a> Draft<'a> {
    /// Drafts all of it.
    pub(super) fn of(session: &'a Rc<Session>, world: &'a World) -> Self {
        let mut draft = Self {
            session,
            world,
            items: Vec::new(),
            left: Vec::new(),
            parameters: Vec::new(),
            lost: HashSet::new(),
            made: HashSet::new(),
            later: Vec::new(),
            down: Vec::new(),
            outside: BTreeSet::new(),
        };
        for place in HOST + 1..world.places.len() {
            draft.step(place, Act::MakeNetns);
        }
        for place in HOST + 1..world.places.len() {
            draft.sysctls(place);
        }
        let mut last = None;
        for id in order(session, world) {
            if last != Some(id.0) {
                draft.items.push(Item::Blank);
                last = Some(id.0);
            }
            draft.link(id);
        }
        for id in std::mem::take(&mut draft.down) {
            if let Some(link) = world.link(id) {
                draft.items.push(Item::Blank);
                draft.on_link(id, &link.name, Call::new("down", []));
            }
        }
        for place in HOST + 1..world.places.len() {
            draft.items.push(Item::Blank);
            draft.network(place);
        }
        draft
    }

    /// The whole script, and what is missing in it.
    pub(super) fn finish(self) -> (Vec<Item>, Vec<String>) {
        let names = self
            .world
            .places
            .iter()
            .filter_map(|place| place.name.clone());
        let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
        let head = match names.as_slice() {
            [name] => format!("What stood in the namespace {name}."),
            names => format!("What stood in the namespaces {}.", names.join(", ")),
        };
        let mut items = vec![Item::Head(head)];
        if self.world.with_keys {
            let warning = "Private keys are in it: it is for nobody else to read.";
            items.push(Item::Head(warning.to_owned()));
        }
        items.push(Item::Blank);
        for name in &self.outside {
            let text = format!("The namespace `{name}` was not exported: it has to be there.");
            items.push(Item::Comment(text));
        }
        for (_, parameter) in self.parameters {
            let act = Act::Declare(parameter);
            items.push(Item::Step(Step { place: None, act }));
        }
        items.push(Item::Blank);
        items.extend(self.items);
        (items, self.left)
    }

    /// What a step calls the place.
    pub(super) fn place(&self, place: usize) -> Place {
        self.world.places[place].name.clone()
    }

    pub(super) fn step(&mut self, place: usize, act: Act) {
        let place = self.place(place);
        self.items.push(Item::Step(Step { place, act }));
    }

    pub(super) fn on_link(&mut self, (place, _): LinkId, link: &str, call: Call) {
        let link = link.to_owned();
        self.step(place, Act::OnLink { link, call });
    }

    pub(super) fn comment(&mut self, text: impl Into<String>) {
        self.items.push(Item::Comment(text.into()));
    }

    /// Notes that there is something which no word can say.
    pub(super) fn leave(&mut self, place: usize, what: &str, why: &str) {
        let name = self.world.places[place].name.as_deref().unwrap_or("host");
        self.comment(format!("not exported: {what}    ({why})"));
        self.left.push(format!("{what} in namespace `{name}`"));
    }

    /// Notes that a namespace which is not exported has to be there.
    pub(super) fn needs(&mut self, netns: &str) {
        self.outside.insert(netns.to_owned());
    }

    /// The variable for a link of the host that the script has to find there, as `role` of what it makes.
    pub(super) fn parameter(&mut self, id: LinkId, role: &str) -> Value {
        if let Some((_, known)) = self.parameters.iter().find(|(known, _)| *known == id) {
            return Value::Variable(known.name.clone());
        }
        let link = self.world.link(id).map_or("", |link| &link.name).to_owned();
        let is_taken = |name: &str| self.parameters.iter().any(|(_, known)| known.name == name);
        let mut name = role.to_owned();
        for number in 2.. {
            if !is_taken(&name) {
                break;
            }
            name = format!("{role}{number}");
        }
        let parameter = Parameter {
            name: name.clone(),
            default: Some(link),
            is_number: false,
            help: format!("the {role} on this machine, which has to be there"),
        };
        self.parameters.push((id, parameter));
        Value::Variable(name)
    }
}

/// Options as they are written: those that are there without a word are left out.
pub(super) fn options(pairs: Vec<Pair>) -> Vec<(String, Value)> {
    let said = pairs
        .into_iter()
        .filter(|(row, value)| !row.is_usual(value));
    said.map(|(row, value)| (row.key.to_owned(), value))
        .collect()
}
