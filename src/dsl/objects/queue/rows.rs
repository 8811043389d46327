//! The options of queues and classes, as rows.

use crate::dsl::objects::route::rows::REPLACE;
use crate::net::queue::{Distribution, Netem, Tbf};
use crate::schema::{Form, Names, Opt, Pair, Quantity, Spelling, Wire};
use crate::steps::Value;
use crate::value::percent::Percent;
use crate::value::rate::Rate;
use crate::value::{duration, size};

const TIME: Form = Form::Quantity(Quantity::Duration);
const RATE_FORM: Form = Form::Quantity(Quantity::Rate);
const SIZE: Form = Form::Quantity(Quantity::Size);
const PERCENT: Form = Form::Quantity(Quantity::Percent);
const CHANCES: Form = Form::Special(&["list"], "a list of percentages");
const U32: (i64, i64) = (1, u32::MAX as i64);

const fn pair(key: &'static str, form: Form, doc: &'static str) -> Opt {
    Opt::new(key, form, doc).spelled(Spelling::Pair)
}

/// What stands behind the value of the row before it.
const fn next(key: &'static str, form: Form, doc: &'static str) -> Opt {
    Opt::new(key, form, doc).spelled(Spelling::Next)
}

const fn correlation(key: &'static str) -> Opt {
    next(key, PERCENT, "how much that depends on the one before")
}

const fn number(key: &'static str, range: (i64, i64), doc: &'static str) -> Opt {
    Opt::number(key, Wire::None, range, doc)
}

/// How delays spread; what the kernel draws from is a table, of which the number says nothing.
const DISTRIBUTIONS: Names = &[
    ("uniform", 0),
    ("normal", 1),
    ("pareto", 2),
    ("paretonormal", 3),
];

pub(crate) const DELAY: Opt =
    pair("delay", TIME, "how long each packet is held").words(&["delay", "latency"]);
pub(crate) const JITTER: Opt = next("jitter", TIME, "how much that varies");
pub(crate) const DELAY_CORRELATION: Opt = next(
    "delay_correlation",
    PERCENT,
    "how much a delay depends on the one before",
);
pub(crate) const DISTRIBUTION: Opt = pair(
    "distribution",
    Form::Choice(DISTRIBUTIONS),
    "how delays spread",
)
.default("uniform");
pub(crate) const LOSS: Opt =
    pair("loss", PERCENT, "how many packets are lost").words(&["loss", "drop"]);
pub(crate) const LOSS_CORRELATION: Opt = next(
    "loss_correlation",
    PERCENT,
    "how much a loss depends on the one before",
);
pub(crate) const LOSS_GEMODEL: Opt = Opt::new(
    "loss_gemodel",
    CHANCES,
    "losses in bursts, by the model of Gilbert and Elliott: into the bad state, back, of loss in it, in the good one",
);
pub(crate) const LOSS_STATE: Opt = Opt::new(
    "loss_state",
    CHANCES,
    "losses in bursts, by a model of four states: `p13`, `p31`, `p32`, `p23`, `p14`",
);
pub(crate) const DUPLICATE: Opt = pair("duplicate", PERCENT, "how many packets are sent twice");
pub(crate) const DUPLICATE_CORRELATION: Opt = correlation("duplicate_correlation");
pub(crate) const CORRUPT: Opt = pair(
    "corrupt",
    PERCENT,
    "how many packets have a bit turned over",
);
pub(crate) const CORRUPT_CORRELATION: Opt = correlation("corrupt_correlation");
pub(crate) const REORDER: Opt = pair(
    "reorder",
    PERCENT,
    "how many packets are sent at once, before those that wait",
);
pub(crate) const REORDER_CORRELATION: Opt = correlation("reorder_correlation");
pub(crate) const GAP: Opt =
    number("gap", U32, "every how many packets one may be sent at once").default("1");
pub(crate) const RATE: Opt = pair("rate", RATE_FORM, "the rate");
pub(crate) const NETEM_LIMIT: Opt =
    number("limit", U32, "how many packets it holds").default("1000");

/// What netem can be given, in the order in which it is written.
pub(crate) const NETEM: &[Opt] = &[
    DELAY,
    JITTER,
    DELAY_CORRELATION,
    DISTRIBUTION,
    LOSS,
    LOSS_CORRELATION,
    LOSS_GEMODEL,
    LOSS_STATE,
    DUPLICATE,
    DUPLICATE_CORRELATION,
    CORRUPT,
    CORRUPT_CORRELATION,
    REORDER,
    REORDER_CORRELATION,
    GAP,
    RATE,
    NETEM_LIMIT,
];

/// A netem queue inside another one.
pub(crate) const INNER: Opt = Opt::new(
    "netem",
    Form::Map(NETEM),
    "what disturbs the packets that wait",
);

pub(crate) const BURST: Opt = pair("burst", SIZE, "how much may go at once, beyond the rate")
    .words(&["burst", "buffer", "maxburst"]);
pub(crate) const LATENCY: Opt = pair("latency", TIME, "how long it holds a packet at most");
pub(crate) const LIMIT: Opt = pair("limit", SIZE, "how much it holds, in place of `latency`");
pub(crate) const PEAKRATE: Opt = pair("peakrate", RATE_FORM, "the rate within a burst");
pub(crate) const MINBURST: Opt =
    pair("minburst", SIZE, "how much may go beyond that: a packet").words(&["minburst", "mtu"]);

/// What tbf can be given inside another queue, in the order in which it is written.
const PLAIN_TBF: &[Opt] = &[RATE, BURST, LATENCY, LIMIT, PEAKRATE, MINBURST];

/// What tbf can be given, in the order in which it is written.
pub(crate) const TBF: &[Opt] = &[RATE, BURST, LATENCY, LIMIT, PEAKRATE, MINBURST, INNER];

/// A tbf queue inside another one.
pub(crate) const INNER_TBF: Opt = Opt::new(
    "tbf",
    Form::Map(PLAIN_TBF),
    "what holds the packets that wait to a rate",
);

/// What netem can be given beside that, as a link's own queue.
pub(crate) const OF_OWN_NETEM: &[Opt] = &[INNER_TBF];

pub(crate) const SRC: Opt = Opt::new("src", Form::Prefix, "where they come from");
pub(crate) const DST: Opt = Opt::new("dst", Form::Prefix, "where they go to");
pub(crate) const PROTO: Opt = Opt::new(
    "proto",
    Form::Choice(PROTOCOLS),
    "the protocol that they carry",
);
pub(crate) const SPORT: Opt = number("sport", (1, 65535), "their source port");
pub(crate) const DPORT: Opt = number("dport", (1, 65535), "their destination port");
pub(crate) const MARK: Opt = number("mark", U32, "their mark, which stands alone");

/// The protocols that packets can be told by; the number of `icmp` is that of IPv4.
pub(crate) const PROTOCOLS: Names = &[("tcp", 6), ("udp", 17), ("sctp", 132), ("icmp", 1)];

/// What packets can be told by.
pub(crate) const MATCH: &[Opt] = &[SRC, DST, PROTO, SPORT, DPORT, MARK];

pub(crate) const NAME: Opt = Opt::new("name", Form::Text, "what it is called");
pub(crate) const CEIL: Opt = Opt::new("ceil", RATE_FORM, "what it gets at most");
pub(crate) const CBURST: Opt = Opt::new("cburst", SIZE, "how much may go at once, beyond `ceil`");
pub(crate) const PRIO: Opt = number("prio", (0, 7), "who borrows first, 0 before 7").default("0");
pub(crate) const PACKETS: Opt = Opt::new(
    "packets",
    Form::Special(&["map", "list"], "a map or a list of maps"),
    "which packets are for it",
);

/// What a class of htb can be given, in the order in which it is written.
pub(crate) const CLASS: &[Opt] = &[NAME, RATE, CEIL, BURST, CBURST, PRIO, PACKETS, INNER];

pub(crate) const OTHERWISE: Opt = Opt::new(
    "otherwise",
    Form::Text,
    "the class of the packets that nothing matches",
);
pub(crate) const CLASSES: Opt = Opt::new("classes", Form::Maps(CLASS), "its classes");

/// What htb can be given, in the order in which it is written.
pub(crate) const HTB: &[Opt] = &[RATE, CEIL, OTHERWISE, CLASSES];

/// What each word for a queue takes beside that.
pub(crate) const SHARED: &[Opt] = &[REPLACE];

/// What a netem queue that stands does; none where it does what no option says.
pub(crate) fn of_netem(netem: &Netem, distribution: Distribution) -> Option<Vec<Pair>> {
    if !netem.more.is_empty() {
        return None;
    }
    let mut pairs: Vec<Pair> = Vec::new();
    let mut put = |row: &'static Opt, value: Option<Value>| {
        pairs.extend(value.map(|value| (row, value)));
    };
    let time =
        |time: std::time::Duration| (!time.is_zero()).then(|| Value::Text(duration::print(time)));
    let percent = |percent: Percent| (percent.raw > 0).then(|| Value::text(percent.to_string()));
    put(&DELAY, time(netem.delay));
    put(&JITTER, time(netem.jitter));
    put(&DELAY_CORRELATION, percent(netem.delay_correlation));
    put(&DISTRIBUTION, Some(Value::text(distribution.name())));
    put(&LOSS, percent(netem.loss.of));
    put(&LOSS_CORRELATION, percent(netem.loss.correlation));
    if let Some(model) = &netem.loss_model {
        let (name, chances) = model.parts();
        let row = model_row(name)?;
        let chances = chances.iter().map(|chance| Value::text(chance.to_string()));
        put(row, Some(Value::List(chances.collect())));
    }
    for (row, correlation, chance) in [
        (&DUPLICATE, &DUPLICATE_CORRELATION, netem.duplicate),
        (&CORRUPT, &CORRUPT_CORRELATION, netem.corrupt),
        (&REORDER, &REORDER_CORRELATION, netem.reorder),
    ] {
        put(row, percent(chance.of));
        put(correlation, percent(chance.correlation));
    }
    // Where packets are sent at once it is 1, if nothing else is said.
    let gap = netem.gap;
    put(&GAP, (gap > 1).then(|| Value::Number(gap.into())));
    put(&RATE, rate(netem.rate));
    put(&NETEM_LIMIT, Some(Value::Number(netem.limit.into())));
    Some(pairs)
}

/// The row of a model of loss, by its name in `tc`.
pub(crate) fn model_row(name: &str) -> Option<&'static Opt> {
    let mut rows = [&LOSS_GEMODEL, &LOSS_STATE].into_iter();
    rows.find(|row| row.key.strip_prefix("loss_") == Some(name))
}

/// What a tbf queue that stands does.
pub(crate) fn of_tbf(tbf: &Tbf) -> Vec<Pair> {
    let bytes = |bytes: u32| Value::Text(size::print(bytes));
    let mut pairs: Vec<Pair> = vec![(&BURST, bytes(tbf.burst)), (&LIMIT, bytes(tbf.limit))];
    pairs.splice(..0, rate(tbf.rate).map(|rate| (&RATE, rate)));
    if let Some(peakrate) = rate(tbf.peakrate) {
        pairs.push((&PEAKRATE, peakrate));
        pairs.push((&MINBURST, bytes(tbf.minburst)));
    }
    pairs
}

fn rate(rate: Rate) -> Option<Value> {
    (rate.bytes_per_second > 0).then(|| Value::text(rate.to_string()))
}
