//! The options of addresses, as rows.

pub(crate) use crate::dsl::objects::route::rows::REPLACE;
use crate::net::address::{Assigned, FOREVER, SCOPES};
use crate::schema::{Form, Opt, Pair, Spelling, Wire};
use crate::steps::Value;

const LIFETIME: Form = Form::Special(
    &["string", "int", "float"],
    "a duration such as \"10m\", or \"forever\"",
);

const fn pair(key: &'static str, form: Form, doc: &'static str) -> Opt {
    Opt::new(key, form, doc).spelled(Spelling::Pair)
}

const fn flag(key: &'static str, doc: &'static str) -> Opt {
    Opt::new(key, Form::Switch, doc).spelled(Spelling::Mark)
}

pub(crate) const PEER: Opt = pair(
    "peer",
    Form::Text,
    "the other end, where the link leads to one",
)
.words(&["peer", "remote"]);
pub(crate) const BROADCAST: Opt = pair(
    "broadcast",
    Form::Text,
    "the broadcast address (IPv4); `+` and `-` are the last and the first of the subnet",
)
.words(&["broadcast", "brd"]);
pub(crate) const LABEL: Opt = pair("label", Form::Text, "what old programs call it (IPv4)");
pub(crate) const SCOPE: Opt = pair(
    "scope",
    Form::Named {
        names: SCOPES,
        least: 0,
        most: 255,
        like: "link",
    },
    "how far it is valid",
);
pub(crate) const VALID_LFT: Opt = pair("valid_lft", LIFETIME, "how long it stays")
    .default("forever")
    .often(&["forever"]);
pub(crate) const PREFERRED_LFT: Opt = pair(
    "preferred_lft",
    LIFETIME,
    "how long something new is sent from it",
)
.default("forever")
.often(&["forever"]);
pub(crate) const METRIC: Opt = Opt::number(
    "metric",
    Wire::None,
    (0, u32::MAX as i64),
    "the metric of the route to its subnet",
)
.words(&["metric", "priority", "preference"]);
pub(crate) const BESIDE: Opt = Opt::new(
    "beside",
    Form::Switch,
    "whether it is added though the link has it with another prefix length or peer (IPv4)",
)
.default("false");

/// What an address has or has not, by the words of `ip address`.
pub(crate) const FLAGS: &[Opt] = &[
    flag("home", "whether it is a home address of mobile IPv6"),
    flag(
        "mngtmpaddr",
        "whether temporary addresses are made from it (IPv6)",
    ),
    flag(
        "nodad",
        "whether it is used at once, without looking for duplicates (IPv6)",
    ),
    flag(
        "noprefixroute",
        "whether no route to its subnet is made with it",
    ),
    flag(
        "autojoin",
        "whether its group is joined, of a multicast address",
    ),
];

/// What an address can be given, in the order in which it is written.
pub(crate) const ROWS: &[Opt] = &[
    PEER,
    BROADCAST,
    LABEL,
    SCOPE,
    VALID_LFT,
    PREFERRED_LFT,
    METRIC,
    FLAGS[0],
    FLAGS[1],
    FLAGS[2],
    FLAGS[3],
    FLAGS[4],
    BESIDE,
    REPLACE,
];

/// What an address that stands is given: itself with its prefix length, and the options.
pub(crate) fn said(given: &Assigned) -> (String, Vec<Pair>) {
    let mut pairs = Vec::new();
    let mut put = |row: &'static Opt, value: Option<Value>| {
        pairs.extend(value.map(|value| (row, value)));
    };
    let length = given.prefix.prefix_len();
    put(
        &PEER,
        given
            .peer
            .map(|peer| Value::Text(format!("{peer}/{length}"))),
    );
    let broadcast = given.broadcast;
    put(
        &BROADCAST,
        broadcast.map(|broadcast| Value::text(broadcast.to_string())),
    );
    put(&LABEL, given.label.as_ref().map(Value::text));
    // One of IPv6 says its own.
    let is_ipv4 = given.prefix.addr().is_ipv4();
    let plain = Assigned {
        scope: None,
        ..given.clone()
    };
    let usual = plain.scope_to_send();
    let scope = given.scope.filter(|scope| is_ipv4 && *scope != usual);
    put(
        &SCOPE,
        scope.and_then(|scope| SCOPE.form.of_number(scope.into())),
    );
    let lifetimes = given.lifetimes.unwrap_or_default();
    put(&VALID_LFT, Some(lifetime(lifetimes.valid)));
    // Where the valid one alone is given, the preferred one is as long.
    let preferred = (lifetimes.preferred != lifetimes.valid).then_some(lifetimes.preferred);
    put(&PREFERRED_LFT, preferred.map(lifetime));
    put(
        &METRIC,
        given.metric.map(|metric| Value::Number(metric.into())),
    );
    for row in FLAGS {
        put(row, given.has(row.key).then_some(Value::Flag(true)));
    }
    let whole = match given.peer {
        Some(_) => given.prefix.addr().to_string(),
        None => given.prefix.to_string(),
    };
    (whole, pairs)
}

/// A lifetime in seconds, as a script gives it.
pub(crate) fn lifetime(seconds: impl Into<i64>) -> Value {
    match seconds.into() {
        seconds if seconds == i64::from(FOREVER) => Value::text("forever"),
        seconds => Value::Text(format!("{seconds}s")),
    }
}
