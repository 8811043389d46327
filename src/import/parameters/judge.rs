//! What a script that was read with signs does with them.

use std::collections::BTreeSet;

use super::settle::end_of_text;
use super::sign::{MOST_VARIABLES, has_sign, number};
use crate::import::Read;
use crate::steps::{Act, Item, Step, Value, write};

/// Whether anything is done.
pub(in crate::import) fn has_steps(read: &Read) -> bool {
    let mut items = Item::all(&read.items).into_iter();
    items.any(|item| matches!(item, Item::Step(Step { act, .. }) if !matches!(act, Act::Free(_))))
}

/// How many commands are left out.
pub(in crate::import) fn left(read: &Read) -> usize {
    let items = Item::all(&read.items).into_iter();
    items.filter(|item| matches!(item, Item::Left(_))).count()
}

/// The words of a program that a step runs.
pub(super) fn program(act: &Act) -> Option<&[Value]> {
    match act {
        Act::InNetns(call) | Act::Show { call, .. } | Act::Free(call) => {
            match (call.word, call.arguments.first()) {
                ("exec" | "spawn", Some(Value::List(words))) => Some(words),
                _ => None,
            }
        }
        Act::Try(act) => program(act),
        _ => None,
    }
}

pub(super) fn programs(read: &Read) -> usize {
    let items = Item::all(&read.items).into_iter();
    items
        .filter(|item| matches!(item, Item::Step(Step { act, .. }) if program(act).is_some()))
        .count()
}

/// Whether a shell would read what an argument is as a part of its commands.
pub(super) fn tells_a_shell(item: &Item) -> bool {
    let Item::Step(Step { act, .. }) = item else {
        return false;
    };
    let words: Vec<&str> = program(act)
        .unwrap_or_default()
        .iter()
        .filter_map(|word| match word {
            Value::Text(text) | Value::Lines(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    words.contains(&"-c") && words.iter().any(|word| has_sign(word))
}

/// The arguments whose signs stand in what was read.
pub(super) fn used(read: &Read) -> BTreeSet<usize> {
    let text = write::script(&read.items);
    text.chars().filter_map(number).collect()
}

/// Whether the sign stands in a condition.
pub(super) fn decides(read: &Read, number: usize) -> bool {
    let has = |text: &str| text.chars().any(|c| self::number(c) == Some(number));
    let mut items = Item::all(&read.items).into_iter();
    items.any(|item| match item {
        Item::Block(arms) => arms
            .iter()
            .any(|(head, _)| !head.starts_with("for ") && has(head)),
        _ => false,
    })
}

/// Whether the sign stands in conditions alone.
pub(super) fn only_decides(read: &Read, number: usize) -> bool {
    let has = |text: &str| text.chars().any(|c| self::number(c) == Some(number));
    let does = |item: &&Item| match item {
        Item::Step(_) => has(&write::script(std::slice::from_ref(*item))),
        Item::Block(arms) => arms
            .iter()
            .any(|(head, _)| head.starts_with("for ") && has(head)),
        _ => false,
    };
    !Item::all(&read.items).iter().any(does)
}

/// The signs that stand for numbers: outside of texts.
pub(super) fn numbers(script: &str) -> BTreeSet<usize> {
    let mut numbers = BTreeSet::new();
    let mut rest = script;
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
            continue;
        }
        if matches!(first, '"' | '`') {
            let end = end_of_text(&rest[1..], first);
            rest = rest[1 + end..].get(1..).unwrap_or_default();
            continue;
        }
        numbers.extend(number(first));
        rest = &rest[first.len_utf8()..];
    }
    numbers
}

/// Whether what stands for a number is one where nobody gives another.
pub(super) fn counts_with_numbers(read: &Read, needed: usize) -> bool {
    let is_plain = |text: &String| text.parse::<i64>().is_ok_and(|it| it.to_string() == *text);
    let is_one = |number: usize| match read.asked.defaults.get(&number) {
        Some(default) => default.as_ref().is_some_and(is_plain),
        None => number <= needed || number > MOST_VARIABLES || !decides(read, number),
    };
    numbers(&write::script(&read.items)).into_iter().all(is_one)
}
