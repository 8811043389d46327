//! Namespaces that a script uses and never makes: they are found, not made, as a command in one that is not there fails.

use std::collections::HashSet;

use crate::steps::{Act, Item, Place, Step};

/// The namespaces that a step names.
fn places_of<'a>(place: &'a Place, act: &'a Act) -> Vec<&'a str> {
    let mut places = vec![place];
    match act {
        Act::Make(new) => {
            places.push(&new.sender);
            places.extend(new.peer.iter().map(|(at, _)| at));
        }
        Act::Move { to, .. } => places.push(to),
        Act::Try(inner) => return places_of(place, inner),
        _ => {}
    }
    places.into_iter().flatten().map(String::as_str).collect()
}

/// Whether the step makes its namespace, or takes it away, which it may be gone for.
fn is_of_its_own(act: &Act) -> bool {
    match act {
        Act::MakeNetns | Act::DeleteNetns => true,
        Act::Try(inner) => is_of_its_own(inner),
        _ => false,
    }
}

/// Finds each of them before its first step.
pub(super) fn find(items: Vec<Item>) -> Vec<Item> {
    find_beside(items, HashSet::new())
}

/// The same where some are known already.
fn find_beside(items: Vec<Item>, mut known: HashSet<String>) -> Vec<Item> {
    let steps = items.iter().filter_map(|item| match item {
        Item::Step(step) => Some(step),
        _ => None,
    });
    let own = steps.filter(|step| is_of_its_own(&step.act));
    known.extend(own.filter_map(|step| step.place.clone()));
    let mut found = Vec::new();
    for item in items {
        match item {
            Item::Step(step) => {
                for name in places_of(&step.place, &step.act) {
                    if known.insert(name.to_owned()) {
                        found.push(Item::Step(Step {
                            place: Some(name.to_owned()),
                            act: Act::FindNetns,
                        }));
                    }
                }
                found.push(Item::Step(step));
            }
            // What is made in a block may not be there behind it.
            Item::Block(arms) => {
                let arms = arms
                    .into_iter()
                    .map(|(head, inner)| (head, find_beside(inner, known.clone())));
                found.push(Item::Block(arms.collect()));
            }
            other => found.push(other),
        }
    }
    found
}
