//! Says of an address that it stands beside one that the link was given with another prefix length or peer: `ip` adds it without a word.

use std::collections::HashMap;

use crate::dsl::objects::addr::rows;
use crate::steps::{Act, Item, Step, Value};

/// Marks each address that its link has already otherwise.
pub(crate) fn settle(items: &mut [Item]) {
    let mut given: HashMap<_, Vec<(String, Option<Value>)>> = HashMap::new();
    for item in items {
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
}
