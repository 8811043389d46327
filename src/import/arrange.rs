//! Puts the steps as a person would write them, only where that leads to the same state: links made in place rather than made
//! and moved, and what is done in one namespace put together.

use std::collections::HashSet;

use crate::steps::{Act, Item, Place, Step};

/// The items in a better order.
pub(crate) fn arrange(mut items: Vec<Item>) -> Vec<Item> {
    make_in_place(&mut items);
    if can_group(&items) {
        group(items)
    } else {
        items
    }
}

/// The link that a step is about, by where it is and its name.
fn names(step: &Step, place: &Place, link: &str) -> bool {
    let here = step.place == *place;
    match &step.act {
        Act::Make(new) => {
            let far = new.peer.as_ref();
            (here && new.name == link)
                || (new.sender == *place
                    && new.parent.as_ref().is_some_and(|on| mentions(on, link)))
                || far.is_some_and(|(at, name)| at == place && name == link)
        }
        Act::Move { link: moved, to } => moved == link && (here || to == place),
        Act::OnLink { link: on, call } => {
            let said = call.arguments.iter().any(|value| mentions(value, link));
            here && (on == link || said)
        }
        Act::InNetns(call) | Act::Answered(call) => {
            here && call.arguments.iter().any(|value| mentions(value, link))
        }
        Act::Show { .. } => here,
        Act::DeleteNetns => true,
        // Without a namespace in front of it, it looks into that of the script.
        Act::ShowFree(call) => {
            place.is_none() && call.arguments.iter().any(|value| mentions(value, link))
        }
        Act::Start { .. }
        | Act::OnProgram { .. }
        | Act::MakeNetns
        | Act::FindNetns
        | Act::Declare(_)
        | Act::Free(_) => false,
        Act::Try(act) => names(
            &Step {
                place: step.place.clone(),
                act: (**act).clone(),
            },
            place,
            link,
        ),
    }
}

fn mentions(value: &crate::steps::Value, link: &str) -> bool {
    use crate::steps::Value;
    match value {
        Value::Text(text) => text == link,
        Value::List(values) => values.iter().any(|value| mentions(value, link)),
        Value::Map(keys) => keys.iter().any(|(_, value)| mentions(value, link)),
        Value::Lines(_) | Value::Number(_) | Value::Flag(_) | Value::Variable(_) => false,
    }
}

/// Whether what a step does may depend on anything, or anything on it: commands, and settings that new links take over.
fn is_opaque(item: &Item) -> bool {
    match item {
        Item::Left(_) | Item::Block(_) => true,
        Item::Blank | Item::Comment(_) | Item::Head(_) => false,
        Item::Step(step) => match &step.act {
            Act::InNetns(call) | Act::Show { call, .. } => {
                ["exec", "spawn", "sysctl", "forward", "ping"].contains(&call.word)
            }
            Act::DeleteNetns
            | Act::Try(_)
            | Act::Answered(_)
            | Act::Start { .. }
            | Act::OnProgram { .. } => true,
            _ => false,
        },
    }
}

/// Whether the namespace that a link is made in goes on to carry its outer packets, wherever it is moved.
pub(super) fn stays(word: &str) -> bool {
    const CARRIED: [&str; 13] = [
        "vxlan",
        "geneve",
        "gre",
        "gretap",
        "ip6gre",
        "ip6gretap",
        "ipip",
        "sit",
        "ip6tnl",
        "wireguard",
        "xfrm",
        "vti",
        "vti6",
    ];
    CARRIED.contains(&word)
}

/// Makes a link where it is moved to, if nothing between the two steps knows it or could tell the difference.
fn make_in_place(items: &mut Vec<Item>) {
    let mut at = 0;
    while at < items.len() {
        let Item::Step(Step {
            place,
            act: Act::Move { link, to },
        }) = &items[at]
        else {
            at += 1;
            continue;
        };
        let (place, link, to) = (place.clone(), link.clone(), to.clone());
        if let Some(made) = making(&items[..at], &place, &link, &to) {
            if let Item::Step(step) = &mut items[made]
                && let Act::Make(new) = &mut step.act
            {
                if step.place == place && new.name == link {
                    step.place = to;
                } else {
                    new.peer = Some((to, link));
                }
            }
            items.remove(at);
        } else {
            at += 1;
        }
    }
}

/// The step that made the link which is about to be moved, if it can as well be made where it goes.
fn making(before: &[Item], place: &Place, link: &str, to: &Place) -> Option<usize> {
    for (index, item) in before.iter().enumerate().rev() {
        if is_opaque(item) {
            return None;
        }
        let Item::Step(step) = item else { continue };
        if let Act::Make(new) = &step.act {
            if stays(new.word) {
                return None;
            }
            let is_first = step.place == *place && new.name == link;
            let is_far = new
                .peer
                .as_ref()
                .is_some_and(|(at, name)| at == place && name == link);
            let is_known = new
                .options
                .iter()
                .any(|(key, _)| key == "master" || key == "addr" || key == "up");
            if is_first || is_far {
                let born_there = is_first
                    && !is_far
                    && new
                        .peer
                        .as_ref()
                        .is_some_and(|(at, name)| at == to && name == link);
                return (!is_known && !born_there).then_some(index);
            }
        }
        if names(step, place, link) || names(step, to, link) {
            return None;
        }
    }
    None
}

/// Whether steps of different namespaces can't depend on each other: no link is stacked on one of another lab namespace, none
/// is moved, and no namespace is deleted.
fn can_group(items: &[Item]) -> bool {
    items.iter().all(|item| match item {
        Item::Step(step) => match &step.act {
            Act::Make(new) => new.sender.is_none() || new.sender == step.place,
            Act::Move { .. } | Act::DeleteNetns | Act::Try(_) => false,
            _ => true,
        },
        _ => true,
    })
}

/// Whether a step acts in a lab namespace alone, and neither waits for what happens elsewhere nor looks at it.
fn is_movable(step: &Step) -> bool {
    step.place.is_some()
        && match &step.act {
            Act::MakeNetns => true,
            Act::Make(new) => new.peer.as_ref().is_none_or(|(at, _)| *at == step.place),
            Act::OnLink { call, .. } | Act::InNetns(call) => {
                !["exec", "spawn", "ping", "delete"].contains(&call.word)
            }
            _ => false,
        }
}

/// Puts the steps of each namespace together, between comments and between steps that have to stay where they are.
fn group(items: Vec<Item>) -> Vec<Item> {
    let mut done = Vec::new();
    let mut run: Vec<Step> = Vec::new();
    let mut blanks = false;
    for item in items {
        match item {
            Item::Step(step) if is_movable(&step) => run.push(step),
            Item::Blank => blanks = true,
            other => {
                flush(&mut done, std::mem::take(&mut run));
                if std::mem::take(&mut blanks) {
                    done.push(Item::Blank);
                }
                done.push(other);
                continue;
            }
        }
        if run.len() == 1 && std::mem::take(&mut blanks) {
            done.push(Item::Blank);
        }
    }
    flush(&mut done, run);
    done
}

fn flush(done: &mut Vec<Item>, run: Vec<Step>) {
    let mut order: Vec<Place> = Vec::new();
    let mut seen = HashSet::new();
    for step in &run {
        if seen.insert(step.place.clone()) {
            order.push(step.place.clone());
        }
    }
    let only_names = |place: &Place| {
        let mut steps = run.iter().filter(|step| step.place == *place);
        steps.all(|step| step.act == Act::MakeNetns)
    };
    // Namespaces that are only made come first, side by side.
    let (bare, full): (Vec<Place>, Vec<Place>) = order.into_iter().partition(only_names);
    let mut is_first = bare.is_empty();
    for place in &bare {
        done.extend(
            run.iter()
                .filter(|step| step.place == *place)
                .cloned()
                .map(Item::Step),
        );
    }
    for place in &full {
        if !std::mem::take(&mut is_first) {
            done.push(Item::Blank);
        }
        done.extend(
            run.iter()
                .filter(|step| step.place == *place)
                .cloned()
                .map(Item::Step),
        );
    }
}
