//! One namespace of the model: its links, and everything else that rtnetlink knows of it.

use std::collections::{HashMap, HashSet};
use std::mem::discriminant;

use rtnetlink::packet_route::RouteNetlinkMessage as Message;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage, State};
use rtnetlink::packet_route::rule::{RuleAttribute, RuleMessage};

use super::port::is_of_bridge;
use crate::net::namespace::Id;
use crate::net::nexthop::wire::NexthopMessage;
use crate::net::rule::{Rule, USUAL};

/// All namespaces that the plan has looked at, or has made.
#[derive(Debug, Default)]
pub(super) struct Places {
    places: HashMap<Id, Place>,
    /// The ids that namespaces got for each other: by the one that gave it, and the one that has it.
    nsids: HashMap<(Id, Id), i32>,
}

/// What one namespace has, by the plan.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// Whether only the plan has it: there is nothing to ask the kernel for.
    pub(super) is_imagined: bool,
    /// Whether it has what a new namespace has by the kernel at hand.
    pub(super) is_begun: bool,
    /// Whether the plan has changed addresses or routes here.
    pub(super) is_rerouted: bool,
    pub(super) links: Vec<LinkMessage>,
    /// Addresses, routes and the like, each as the kernel would tell it.
    pub(super) objects: Vec<Message>,
    pub(super) nexthops: Vec<NexthopMessage>,
    /// What is told of the VLANs of bridges and their ports.
    pub(super) vlans: Vec<LinkMessage>,
    /// What the kernel was asked for already.
    known: HashSet<Asked>,
}

/// A list that the kernel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Asked {
    Links,
    Nexthops,
    Vlans,
    /// Objects of one kind of message and address family; of a queue, those of its number on its link.
    Objects(std::mem::Discriminant<Message>, u8, (i32, u32)),
}

impl Places {
    /// Adds a namespace that only the plan has: a loopback, and nothing else.
    pub(super) fn imagine(&mut self, id: Id) {
        let mut loopback = LinkMessage::default();
        loopback.header.index = 1;
        loopback.header.flags = LinkFlags::Loopback;
        loopback.attributes = vec![
            LinkAttribute::IfName("lo".to_owned()),
            LinkAttribute::Mtu(65536),
            LinkAttribute::OperState(State::Down),
            LinkAttribute::Address(vec![0; 6]),
        ];
        let rules = USUAL.map(|usual| Message::NewRule(Rule::usual(usual).message()));
        let place = Place {
            is_imagined: true,
            links: vec![loopback],
            objects: rules.into(),
            ..Place::default()
        };
        self.places.insert(id, place);
    }

    /// Takes a namespace out, and what goes with its links.
    pub(super) fn remove(&mut self, id: Id) {
        let links = self.place(id).links.clone();
        for link in links {
            self.delete_link(id, link.header.index);
        }
        self.places.remove(&id);
    }

    pub(super) fn place(&mut self, id: Id) -> &mut Place {
        self.places.entry(id).or_default()
    }

    /// Every namespace of the model.
    pub(super) fn ids(&self) -> Vec<Id> {
        self.places.keys().copied().collect()
    }

    /// The id under which `home` has `other`, as the kernel has told it or as it would be given at need.
    pub(super) fn nsid(&mut self, home: Id, other: Id) -> i32 {
        // Ids of the kernel's own are small.
        let next = i32::try_from(self.nsids.len())
            .unwrap_or_default()
            .saturating_add(1 << 20);
        *self.nsids.entry((home, other)).or_insert(next)
    }

    /// The id under which `home` has `other`, if it was given one.
    pub(super) fn known_nsid(&self, home: Id, other: Id) -> Option<i32> {
        self.nsids.get(&(home, other)).copied()
    }

    /// Notes the id that the kernel has told.
    pub(super) fn learn_nsid(&mut self, home: Id, other: Id, nsid: i32) {
        self.nsids.entry((home, other)).or_insert(nsid);
    }

    /// The namespace that `home` has under the id `nsid`.
    pub(super) fn of_nsid(&self, home: Id, nsid: i32) -> Option<Id> {
        self.nsids
            .iter()
            .find(|((from, _), id)| *from == home && **id == nsid)
            .map(|((_, to), _)| *to)
    }
}

impl Place {
    /// Whether the kernel is still to be asked for that list.
    pub(super) fn lacks(&self, asked: Asked) -> bool {
        let any = match asked {
            Asked::Objects(kind, _, about) => Asked::Objects(kind, 0, about),
            Asked::Links | Asked::Nexthops | Asked::Vlans => asked,
        };
        !self.is_imagined && !self.known.contains(&asked) && !self.known.contains(&any)
    }

    /// Takes over what the kernel answered.
    pub(super) fn learn(&mut self, asked: Asked, answers: Vec<Message>) {
        if !self.known.insert(asked) {
            return;
        }
        for answer in answers {
            match answer {
                Message::NewLink(link) if is_of_bridge(&link) => {
                    // What the plan has changed meanwhile counts.
                    let index = link.header.index;
                    if self.vlans.iter().all(|one| one.header.index != index) {
                        self.vlans.push(link);
                    }
                }
                Message::NewLink(link) => self.links.push(link),
                other => self.objects.push(other),
            }
        }
    }

    /// Puts a rule at its place among the others: behind those of the same priority, as the kernel does.
    pub(super) fn insert_rule(&mut self, rule: RuleMessage) {
        let comes_later = |object: &Message| match object {
            Message::NewRule(other) => {
                other.header.family == rule.header.family && priority_of(other) > priority_of(&rule)
            }
            _ => false,
        };
        let position = self.objects.iter().position(comes_later);
        let position = position.unwrap_or(self.objects.len());
        self.objects.insert(position, Message::NewRule(rule));
    }

    /// The same where none of its priority is there.
    pub(super) fn ensure_rule(&mut self, rule: RuleMessage) {
        let is_it = |object: &Message| match object {
            Message::NewRule(other) => {
                let at = |rule: &RuleMessage| (rule.header.family, priority_of(rule));
                at(other) == at(&rule)
            }
            _ => false,
        };
        if !self.objects.iter().any(is_it) {
            self.insert_rule(rule);
        }
    }

    /// Takes over the nexthop objects that the kernel answered.
    pub(super) fn learn_nexthops(&mut self, answers: Vec<NexthopMessage>) {
        if self.known.insert(Asked::Nexthops) {
            self.nexthops.extend(answers);
        }
    }

    /// The objects told by messages like `like`, of the address family where one is asked.
    pub(super) fn objects_like(&self, like: &Message, family: u8) -> Vec<Message> {
        let is_meant =
            |object: &&Message| discriminant(*object) == discriminant(like) && fits(object, family);
        self.objects.iter().filter(is_meant).cloned().collect()
    }
}

fn priority_of(rule: &RuleMessage) -> u32 {
    let priority = rule
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            RuleAttribute::Priority(priority) => Some(*priority),
            _ => None,
        });
    // A priority of 0 is not told.
    priority.unwrap_or_default()
}

/// Whether an object is of the address family; 0 is any.
fn fits(object: &Message, family: u8) -> bool {
    family == 0 || family_of(object) == family
}

/// The address family of a message, as its header has it.
pub(super) fn family_of(message: &Message) -> u8 {
    use Message::{
        DelAddress, DelNeighbour, DelRoute, DelRule, GetAddress, GetNeighbour, GetRoute, GetRule,
        NewAddress, NewNeighbour, NewRoute, NewRule,
    };
    match message {
        NewAddress(m) | DelAddress(m) | GetAddress(m) => m.header.family.into(),
        NewRoute(m) | DelRoute(m) | GetRoute(m) => m.header.address_family.into(),
        NewRule(m) | DelRule(m) | GetRule(m) => m.header.family.into(),
        NewNeighbour(m) | DelNeighbour(m) | GetNeighbour(m) => m.header.family.into(),
        _ => 0,
    }
}
