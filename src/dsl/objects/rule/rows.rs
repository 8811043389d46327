//! The options of rules, as rows.

use crate::dsl::objects::route::rows::table as table_value;
pub(crate) use crate::dsl::objects::route::rows::{FAMILIES, PROTO, REPLACE, TABLE};
use crate::net::rule::{Action, PROTOCOLS, Rule, prefix_text};
use crate::schema::form::{marked, ranged};
use crate::schema::{Form, Names, Opt, Pair, Spelling, Wire};
use crate::steps::Value;

const U32: (i64, i64) = (0, u32::MAX as i64);
const PORTS: Form = Form::Range {
    of: "a port",
    like: "8000-8080",
    least: 1,
    most: 65535,
};

const fn number(key: &'static str, range: (i64, i64), doc: &'static str) -> Opt {
    Opt::number(key, Wire::None, range, doc)
}

const fn pair(key: &'static str, form: Form, doc: &'static str) -> Opt {
    Opt::new(key, form, doc).spelled(Spelling::Pair)
}

const fn mark(key: &'static str, doc: &'static str) -> Opt {
    Opt::new(key, Form::Switch, doc)
        .spelled(Spelling::Mark)
        .default("false")
}

/// The action that takes a target.
const GOTO: i64 = 2;

/// What a rule can do with packets; the numbers are those of `FR_ACT_*` of `linux/fib_rules.h`.
pub(crate) const ACTIONS: Names = &[
    ("lookup", 1),
    ("goto", GOTO),
    ("blackhole", 6),
    ("nop", 3),
    ("unreachable", 7),
    ("prohibit", 8),
];

pub(crate) const PRIORITY: Opt = number(
    "priority",
    U32,
    "its place among the others; the lowest comes first",
)
.words(&["priority", "pref", "preference", "order"]);
pub(crate) const NOT: Opt = mark("not", "whether it is for all other packets");
pub(crate) const FROM: Opt = pair("from", PREFIX, "the source of the packets");
pub(crate) const TO: Opt = pair("to", PREFIX, "their destination");
const PREFIX: Form = Form::Special(&["string"], "a string");
pub(crate) const IIF: Opt =
    pair("iif", Form::Device, "the link that they came in by").words(&["iif", "dev"]);
pub(crate) const OIF: Opt = pair(
    "oif",
    Form::Device,
    "the link that their socket is bound to",
);
pub(crate) const FWMARK: Opt = pair("fwmark", Form::Mark, "their mark");
pub(crate) const TOS: Opt = number("tos", (0, 255), "their type of service")
    .spelled(Spelling::Hex)
    .words(&["tos", "dsfield"])
    .default("0");
pub(crate) const IPPROTO: Opt = pair(
    "ipproto",
    Form::Named {
        names: PROTOCOLS,
        least: 1,
        most: 255,
        like: "tcp",
    },
    "the protocol that they carry",
);
pub(crate) const SPORT: Opt = pair("sport", PORTS, "their source port");
pub(crate) const DPORT: Opt = pair("dport", PORTS, "their destination port");
pub(crate) const UIDRANGE: Opt = pair(
    "uidrange",
    Form::Range {
        of: "a user's number",
        like: "1000-1999",
        least: 0,
        most: u32::MAX as i64,
    },
    "the users whose sockets they leave by",
);
pub(crate) const L3MDEV: Opt = mark(
    "l3mdev",
    "whether it looks up in the table of the VRF that they came in by or leave by",
);
/// The table that a rule looks up in.
pub(crate) const LOOKUP: Opt = TABLE.words(&["lookup", "table"]);
pub(crate) const ACTION: Opt = Opt::new(
    "action",
    Form::Choice(ACTIONS),
    "what it does with them, where it is no lookup",
)
.spelled(Spelling::Bare);
pub(crate) const TARGET: Opt = number(
    "target",
    U32,
    "the priority of the rule that `goto` goes on with",
)
.words(&["goto"]);
pub(crate) const SUPPRESS_PREFIXLENGTH: Opt = number(
    "suppress_prefixlength",
    (0, 128),
    "routes with a prefix of this length or shorter are not taken",
)
.words(&["suppress_prefixlength", "suppress_prefixlen", "sup_pl"]);
pub(crate) const SUPPRESS_IFGROUP: Opt = pair(
    "suppress_ifgroup",
    Form::Special(&["int", "string"], "a number or a name"),
    "routes by links of this group are not taken",
)
.words(&["suppress_ifgroup", "suppress_group", "sup_group"]);
pub(crate) const FAMILY: Opt = Opt::new(
    "family",
    Form::Choice(FAMILIES),
    "the family of addresses, where no prefix says it",
);

/// What a rule is made of, by which it is also told from others; in the order in which it is written.
pub(crate) const OF_DELETE: &[Opt] = &[
    PRIORITY,
    NOT,
    FROM,
    TO,
    IIF,
    OIF,
    FWMARK,
    TOS,
    IPPROTO,
    SPORT,
    DPORT,
    L3MDEV,
    LOOKUP,
    ACTION,
    TARGET,
    SUPPRESS_PREFIXLENGTH,
    SUPPRESS_IFGROUP,
    UIDRANGE,
    PROTO,
    FAMILY,
];

/// What says whether another rule makes room.
pub(crate) const OF_ADD: &[Opt] = &[REPLACE];

/// What a rule that stands is made of.
pub(crate) fn said(rule: &Rule) -> Vec<Pair> {
    let selector = &rule.selector;
    let number = |number: u32| Value::Number(number.into());
    let prefix = |prefix| Value::text(prefix_text(prefix));
    let ports = |(first, last): (u16, u16)| ranged((first.into(), last.into()));
    let mut pairs = vec![
        (&PRIORITY, number(rule.priority)),
        (&NOT, Value::Flag(selector.is_not)),
    ];
    let mut put = |row: &'static Opt, value: Option<Value>| {
        pairs.extend(value.map(|value| (row, value)));
    };
    put(&FROM, selector.from.map(prefix));
    put(&TO, selector.to.map(prefix));
    put(&IIF, selector.iif.as_ref().map(Value::text));
    put(&OIF, selector.oif.as_ref().map(Value::text));
    let mark = selector.fwmark;
    put(
        &FWMARK,
        mark.map(|(mark, bits)| marked(mark.into(), bits.into())),
    );
    put(&TOS, Some(number(selector.tos.into())));
    let protocol = selector.protocol.map(i64::from);
    put(
        &IPPROTO,
        protocol.and_then(|protocol| IPPROTO.form.of_number(protocol)),
    );
    put(&SPORT, selector.sport.map(ports));
    put(&DPORT, selector.dport.map(ports));
    match &rule.action {
        Action::Lookup(_) if selector.l3mdev => put(&L3MDEV, Some(Value::Flag(true))),
        Action::Lookup(table) => put(&LOOKUP, Some(table_value(*table))),
        Action::Goto(target) => {
            put(&ACTION, ACTION.form.of_number(GOTO));
            put(&TARGET, Some(number(*target)));
        }
        Action::Other(name) => put(&ACTION, Some(Value::text(*name))),
    }
    put(&SUPPRESS_PREFIXLENGTH, rule.suppress.map(number));
    put(&SUPPRESS_IFGROUP, rule.suppress_group.map(number));
    let uids = selector.uids;
    put(
        &UIDRANGE,
        uids.map(|(first, last)| ranged((first.into(), last.into()))),
    );
    let protocol = rule.protocol.as_ref();
    let protocol = protocol.filter(|name| !["boot", "kernel"].contains(&name.as_str()));
    put(&PROTO, protocol.map(|name| Value::guess(name)));
    let is_told = selector.from.is_some() || selector.to.is_some();
    put(
        &FAMILY,
        (rule.is_ipv6 && !is_told).then(|| Value::text("inet6")),
    );
    pairs
}
