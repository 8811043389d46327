//! Says of an address that it stands beside one that the link was given with another prefix length or peer: `ip` adds it without a word.

use std::collections::HashMap;

use crate::dsl::objects::addr::rows;
use crate::steps::{Act, Call, Item, Step, Value};

/// Marks, until it is known what that means, an address that takes the place of the link's first one.
pub(crate) const INSTEAD: &str = "instead";

/// Marks each address that its link has already otherwise, and takes away those whose place another one takes.
pub(crate) fn settle(items: &mut Vec<Item>) {
    let mut given: HashMap<_, Vec<(String, Option<Value>)>> = HashMap::new();
    let mut gone: Vec<(usize, Step)> = Vec::new();
    for (index, item) in items.iter_mut().enumerate() {
        let Item::Step(Step { place, act }) = item else {
            continue;
        };
        // What may fail is the same call.
        let act = match act {
            Act::Try(tried) => &mut **tried,
            act => act,
        };
        let Act::OnLink { link, call } = act else {
            continue;
        };
        let Some(Value::Text(whole)) = call.arguments.first().cloned() else {
            continue;
        };
        let of_link = given.entry((place.clone(), link.clone())).or_default();
        match call.word {
            "addr" => {
                if is_instead(call) {
                    let at = of_link.iter().position(|(one, _)| one.contains('.'));
                    let old = at.map(|at| of_link.remove(at).0);
                    if let Some(old) = old.filter(|old| *old != whole) {
                        let act = Act::OnLink {
                            link: link.clone(),
                            call: Call::new("del_addr", [Value::Text(old)]),
                        };
                        let place = place.clone();
                        gone.push((index, Step { place, act }));
                    }
                }
                let peer = match call.arguments.get(1) {
                    Some(Value::Map(options)) => {
                        options.iter().find(|(key, _)| key == rows::PEER.key)
                    }
                    _ => None,
                };
                let asked = (whole, peer.map(|(_, peer)| peer.clone()));
                let ip = |whole: &str| whole.split('/').next().map(str::to_owned);
                let has = |one: &(String, _)| *one != asked && ip(&one.0) == ip(&asked.0);
                let is_there = asked.0.contains('.') && of_link.iter().any(has);
                if is_there {
                    let beside = (rows::BESIDE.key.to_owned(), Value::Flag(true));
                    match call.arguments.get_mut(1) {
                        Some(Value::Map(options)) => options.push(beside),
                        _ => call.arguments.push(Value::Map(vec![beside])),
                    }
                }
                of_link.push(asked);
            }
            "del_addr" => of_link.retain(|(one, _)| *one != whole),
            _ => {}
        }
    }
    for (index, step) in gone.into_iter().rev() {
        items.insert(index, Item::Step(step));
    }
}

/// Whether an address has the mark, which is taken off.
fn is_instead(call: &mut Call) -> bool {
    let Some(Value::Map(options)) = call.arguments.get_mut(1) else {
        return false;
    };
    let before = options.len();
    options.retain(|(key, _)| key != INSTEAD);
    let is_marked = options.len() < before;
    if options.is_empty() {
        call.arguments.truncate(1);
    }
    is_marked
}
