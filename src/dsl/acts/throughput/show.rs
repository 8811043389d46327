//! A measurement as it shows, and as scripts read it.

use rhai::plugin::Dynamic;
use rhai::{Array, Map};

use super::{Throughput, milliseconds};
use crate::dsl::acts::ping;
use crate::dsl::script::print;
use crate::net::listener::Protocol;
use crate::net::traffic::report::{Interval, Report};
use crate::value::count;
use crate::view;
use crate::view::value::{Handle, Value};

/// What only TCP has.
pub(super) fn of_tcp(report: &Report, value: impl FnOnce(&Report) -> Dynamic) -> Dynamic {
    match report.protocol {
        Protocol::Tcp => value(report),
        Protocol::Udp => Dynamic::UNIT,
    }
}

/// What only UDP has.
pub(super) fn of_udp(report: &Report, value: impl FnOnce(&Report) -> Dynamic) -> Dynamic {
    match report.protocol {
        Protocol::Udp => value(report),
        Protocol::Tcp => Dynamic::UNIT,
    }
}

/// The congestion window.
pub(super) fn window(report: &Report) -> Dynamic {
    let window = report.last.window;
    window.map_or(Dynamic::UNIT, |window| count::int(window).into())
}

/// What is known of an interval, in the order in which it shows.
fn interval(protocol: Protocol, interval: &Interval) -> Vec<(&'static str, Dynamic)> {
    let last = &interval.last;
    let mut fields = vec![
        ("begin_s", interval.begin.as_secs_f64().into()),
        ("end_s", interval.end.as_secs_f64().into()),
        ("bytes", count::int(interval.bytes).into()),
        ("bits_per_second", interval.bits_per_second().into()),
    ];
    let window = last.window.map_or(Dynamic::UNIT, |w| count::int(w).into());
    fields.extend(match protocol {
        Protocol::Tcp => [
            ("retransmits", count::int(interval.retransmits).into()),
            ("rtt_ms", milliseconds(last.rtt)),
            ("cwnd", window),
        ],
        Protocol::Udp => [
            ("lost", count::int(interval.lost).into()),
            ("out_of_order", count::int(interval.out_of_order).into()),
            ("jitter_ms", milliseconds(Some(last.jitter))),
        ],
    });
    fields
}

/// The intervals as scripts have them.
pub(super) fn intervals(report: &Report) -> Array {
    let all = report.intervals.iter();
    all.map(|one| {
        let fields = interval(report.protocol, one).into_iter();
        let map: Map = fields.map(|(key, value)| (key.into(), value)).collect();
        map.into()
    })
    .collect()
}

/// What was found, a line for each direction.
pub(super) fn text(found: &Throughput) -> String {
    let summary = view::throughput::summary(&found.0.report);
    let line = format!("{}: {summary}", found.0.title());
    match &found.0.back {
        Some(back) => format!("{line}\n{}", text(back)),
        None => line,
    }
}

fn fields(found: &Throughput) -> Vec<(&'static str, Value)> {
    let report = &found.0.report;
    let value = |value: Dynamic| print::value(None, &value);
    let intervals = report.intervals.iter().map(|one| {
        let fields = interval(report.protocol, one).into_iter();
        Value::Map(
            fields
                .map(|(key, one)| (key.to_owned(), value(one)))
                .collect(),
        )
    });
    let mut fields = vec![
        ("from", Value::text(&found.0.names[0])),
        ("to", Value::text(&found.0.names[1])),
        ("destination", Value::text(found.0.destination)),
        ("proto", Value::text(report.protocol.name())),
        ("bits_per_second", value(report.bits_per_second().into())),
        ("bytes", Value::word(report.last.bytes)),
        ("seconds", value(report.duration.as_secs_f64().into())),
    ];
    fields.extend(match report.protocol {
        Protocol::Tcp => vec![
            ("retransmits", Value::word(report.last.retransmits)),
            ("rtt_ms", value(milliseconds(report.rtt))),
            ("cwnd", value(window(report))),
        ],
        Protocol::Udp => vec![
            ("sent", Value::word(report.last.sent)),
            ("lost", Value::word(report.lost())),
            ("loss_percent", value(report.loss_percent().into())),
            (
                "jitter_ms",
                value(ping::in_milliseconds(report.last.jitter).into()),
            ),
            ("out_of_order", Value::word(report.last.out_of_order)),
            ("duplicates", Value::word(report.last.duplicates)),
        ],
    });
    fields.extend([
        ("cpu_percent", value(report.cpu_percent().into())),
        ("intervals", Value::List(intervals.collect())),
    ]);
    if let Some(back) = &found.0.back {
        fields.push(("back", show(back)));
    }
    fields
}

/// What there is to show of it.
pub(crate) fn show(found: &Throughput) -> Value {
    let report = &found.0.report;
    let rate = view::throughput::rate(report.bits_per_second());
    Value::Handle(Box::new(Handle {
        name: format!("{}: {rate}", found.0.title()),
        line: text(found),
        cells: vec![
            ("from", found.0.names[0].clone()),
            ("to", found.0.names[1].clone()),
            ("proto", report.protocol.name().to_owned()),
            ("rate", rate),
            ("cpu", format!("{:.0}%", report.cpu_percent())),
        ],
        fields: fields(found),
    }))
}
