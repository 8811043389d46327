//! Queues as scripts read them: maps, with the units in the names.

use std::time::Duration;

use rhai::plugin::Dynamic;
use rhai::{Array, Map};

use crate::net::queue::{self, Part, Sort, Stats, Tree, What};
use crate::value::count;
use crate::value::percent::Percent;
use crate::value::rate::Rate;

/// The queues of a link, its own first.
pub(super) fn queues(tree: &Tree) -> Array {
    let of = |sort| tree.parts.iter().filter(move |part| part.sort == sort);
    let mut queues: Vec<&Part> = of(Sort::Queue).collect();
    queues.sort_by_key(|part| (part.parent != queue::ROOT, part.handle));
    let inside = |part: &Part, sort| {
        let inside: Vec<&Part> = of(sort)
            .filter(|inner| inner.kind == part.kind || sort == Sort::Filter)
            .filter(|inner| match sort {
                Sort::Filter => inner.parent >> 16 == part.handle >> 16,
                _ => inner.handle >> 16 == part.handle >> 16,
            })
            .collect();
        inside
    };
    let queue = |part: &&Part| {
        let mut map = common(part);
        map.insert("is_default".into(), part.is_default().into());
        if part.kind == "htb" {
            let mut classes = inside(part, Sort::Class);
            classes.sort_by_key(|class| class.handle);
            let classes: Array = classes.into_iter().map(|c| common(c).into()).collect();
            map.insert("classes".into(), classes.into());
            let filters = inside(part, Sort::Filter).into_iter().filter_map(filter);
            map.insert("filters".into(), filters.collect::<Array>().into());
        }
        Dynamic::from(map)
    };
    queues.iter().map(queue).collect()
}

/// What queues and classes have in common.
fn common(part: &Part) -> Map {
    let mut map = Map::new();
    map.insert("kind".into(), part.kind.clone().into());
    map.insert("handle".into(), queue::handle(part.handle).into());
    map.insert("parent".into(), queue::handle(part.parent).into());
    map.insert("options".into(), options(part).into());
    map.insert("stats".into(), stats(part.stats).into());
    map
}

fn filter(part: &Part) -> Option<Dynamic> {
    let What::Filter(class, words) = part.what() else {
        return None;
    };
    let mut map = Map::new();
    map.insert("kind".into(), part.kind.clone().into());
    map.insert("priority".into(), i64::from(part.info >> 16).into());
    map.insert("protocol".into(), part.protocol().into());
    map.insert("matches".into(), words.join(" ").into());
    map.insert("class".into(), queue::handle(class).into());
    Some(map.into())
}

fn stats(stats: Stats) -> Map {
    let entries = [
        ("bytes", count::int(stats.bytes)),
        ("packets", stats.packets.into()),
        ("drops", stats.drops.into()),
        ("overlimits", stats.overlimits.into()),
        ("requeues", stats.requeues.into()),
        ("backlog_bytes", stats.backlog.into()),
        ("queued_packets", stats.queued.into()),
    ];
    let entries = entries.into_iter();
    entries
        .map(|(key, value)| (key.into(), value.into()))
        .collect()
}

/// The options of a part, those of kinds that are not known here left out.
fn options(part: &Part) -> Map {
    let number = |number: u32| Dynamic::from(i64::from(number));
    let rate = |rate: Rate| {
        let bits = i64::try_from(rate.bits_per_second());
        Dynamic::from(bits.unwrap_or(i64::MAX))
    };
    let entries = match part.what() {
        What::Netem(netem) => vec![
            ("delay_ms", milliseconds(netem.delay)),
            ("jitter_ms", milliseconds(netem.jitter)),
            (
                "delay_correlation_percent",
                percent(netem.delay_correlation),
            ),
            ("loss_percent", percent(netem.loss.of)),
            ("loss_correlation_percent", percent(netem.loss.correlation)),
            (
                "loss_model",
                netem.loss_model.map_or(Dynamic::UNIT, |model| {
                    let (name, chances) = model.parts();
                    let chances = chances.iter().map(|chance| percent(*chance));
                    Map::from([
                        ("name".into(), name.into()),
                        ("percent".into(), chances.collect::<rhai::Array>().into()),
                    ])
                    .into()
                }),
            ),
            ("duplicate_percent", percent(netem.duplicate.of)),
            (
                "duplicate_correlation_percent",
                percent(netem.duplicate.correlation),
            ),
            ("corrupt_percent", percent(netem.corrupt.of)),
            (
                "corrupt_correlation_percent",
                percent(netem.corrupt.correlation),
            ),
            ("reorder_percent", percent(netem.reorder.of)),
            (
                "reorder_correlation_percent",
                percent(netem.reorder.correlation),
            ),
            ("gap", number(netem.gap)),
            ("rate_bits_per_second", rate(netem.rate)),
            ("limit_packets", number(netem.limit)),
        ],
        What::Tbf(tbf) => vec![
            ("rate_bits_per_second", rate(tbf.rate)),
            ("burst_bytes", number(tbf.burst)),
            ("limit_bytes", number(tbf.limit)),
            ("peakrate_bits_per_second", rate(tbf.peakrate)),
            ("minburst_bytes", number(tbf.minburst)),
        ],
        What::Htb(htb) => {
            let default = match htb.default {
                0 => Dynamic::UNIT,
                minor => queue::handle(part.handle | minor).into(),
            };
            vec![("otherwise", default)]
        }
        What::Class(class) => vec![
            ("rate_bits_per_second", rate(class.rate)),
            ("ceil_bits_per_second", rate(class.ceil)),
            ("burst_bytes", number(class.burst)),
            ("cburst_bytes", number(class.cburst)),
            ("prio", number(class.prio)),
        ],
        What::Filter(..) | What::Other => Vec::new(),
    };
    let entries = entries.into_iter();
    entries.map(|(key, value)| (key.into(), value)).collect()
}

fn milliseconds(time: Duration) -> Dynamic {
    Dynamic::from(time.as_secs_f64() * 1e3)
}

/// In percent, without what rounding to the kernel's 32 bits leaves.
fn percent(percent: Percent) -> Dynamic {
    Dynamic::from((percent.value() * 1e6).round() / 1e6)
}
