//! The options of routes, as rows.

use crate::net::route::{Encap, Hop, KINDS, PROTOCOLS, Route, SCOPES, TABLE_MAIN};
use crate::schema::{Form, Names, Opt, Pair, Spelling, Unit, Wire};
use crate::steps::Value;

const U32: (i64, i64) = (0, u32::MAX as i64);
const SIXTEEN_BITS: (i64, i64) = (1, 65535);

const fn number(key: &'static str, range: (i64, i64), doc: &'static str) -> Opt {
    Opt::number(key, Wire::None, range, doc)
}

const fn switch(key: &'static str, doc: &'static str) -> Opt {
    Opt::new(key, Form::Switch, doc)
}

const fn pair(key: &'static str, form: Form, doc: &'static str) -> Opt {
    Opt::new(key, form, doc).spelled(Spelling::Pair)
}

/// Who made a route, a rule or a nexthop.
pub(crate) const PROTO: Opt = pair(
    "proto",
    Form::Named {
        names: PROTOCOLS,
        least: 1,
        most: 255,
        like: "static",
    },
    "who made it",
)
.words(&["proto", "protocol"]);

/// The families of addresses; whether it is IPv6 is their number.
pub(crate) const FAMILIES: Names = &[("inet", 0), ("inet6", 1)];

/// The routing table of a route or a rule.
pub(crate) const TABLE: Opt = pair("table", Form::TableName, "the routing table");

/// The link that a packet leaves by.
pub(crate) const DEV: Opt =
    pair("dev", Form::Device, "the link that it leaves by").words(&["dev", "oif"]);
/// The router that a packet goes to.
pub(crate) const VIA: Opt = pair("via", Form::Ip, "the gateway");
/// Whether the gateway is reached without a route to it.
pub(crate) const ONLINK: Opt = switch(
    "onlink",
    "whether the gateway is on the link, whatever the addresses say",
)
.spelled(Spelling::Mark)
.default("false");
/// How much of the packets one of several next hops gets.
pub(crate) const WEIGHT: Opt = number("weight", (1, 256), "its share of the packets").default("1");

/// The options of one of several next hops.
pub(crate) const HOP: &[Opt] = &[VIA, DEV, WEIGHT, ONLINK];

pub(crate) const TYPE: Opt = Opt::new(
    "type",
    Form::Choice(KINDS),
    "what it does with packets; of `blackhole`, `unreachable`, `prohibit` and `throw` it leads nowhere",
)
.spelled(Spelling::Bare)
.default("unicast");
pub(crate) const NEXTHOP: Opt = number(
    "nexthop",
    (1, u32::MAX as i64),
    "the number of the nexthop object that says where it leads",
)
.words(&["nhid"]);
pub(crate) const NEXTHOPS: Opt = Opt::new(
    "nexthops",
    Form::Maps(HOP),
    "the next hops that share the packets",
);
pub(crate) const METRIC: Opt = number(
    "metric",
    U32,
    "of two routes to a destination that with the lower one is taken",
)
.words(&["metric", "priority", "preference"]);
pub(crate) const SCOPE: Opt = pair(
    "scope",
    Form::Named {
        names: SCOPES,
        least: 0,
        most: 255,
        like: "link",
    },
    "how far the destination is",
);
pub(crate) const SRC: Opt = pair("src", Form::Ip, "the address that packets leave with");
pub(crate) const SOURCE: Opt = Opt::new("source", Form::Ip, "another name of `src`");
pub(crate) const TOS: Opt = number("tos", (0, 255), "the type of service that it is for")
    .spelled(Spelling::Hex)
    .words(&["tos", "dsfield"])
    .default("0");
pub(crate) const ECN: Opt = switch("ecn", "whether TCP uses congestion notification")
    .spelled(Spelling::Is("ecn"))
    .words(&["features"]);
pub(crate) const CONGCTL: Opt = pair("congctl", Form::Text, "the congestion control of TCP");
pub(crate) const REPLACE: Opt =
    switch("replace", "whether what is there and differs is replaced").default("false");

pub(crate) const ENCAP: Opt = pair(
    "encap",
    Form::Text,
    "what its packets are wrapped in, as `ip route` says it: \"mpls 100/200\", \"seg6 mode encap segs fc00::1\", \"ip id 7 dst 10.0.0.1\"",
);
pub(crate) const VRF: Opt = pair("vrf", Form::Device, "the VRF whose table it is in");

/// The longest `rto_min` in milliseconds; the kernel has the longest wait of TCP at two minutes (`TCP_RTO_MAX`).
const LARGEST_RTO: i64 = 120_000;

/// The metrics of the path that are numbers to the kernel; their keys are the words of `ip route`.
pub(crate) const METRICS: &[Opt] = &[
    number("mtu", (68, 65535), "the MTU of the path"),
    number("window", (1, 0x4000_0000), "the largest window of TCP"),
    number("advmss", (1, 65495), "the segment size that TCP announces"),
    number(
        "reordering",
        SIXTEEN_BITS,
        "by how many packets the path may change their order",
    ),
    number("hoplimit", (1, 255), "the hop limit of packets"),
    number(
        "initcwnd",
        SIXTEEN_BITS,
        "the congestion window that TCP begins with, in segments",
    ),
    Opt::time(
        "rto_min",
        Wire::None,
        Unit::Millis,
        (1, LARGEST_RTO),
        "the shortest time after which TCP sends again",
    ),
    number(
        "initrwnd",
        SIXTEEN_BITS,
        "the receive window that TCP begins with, in segments",
    ),
    switch("quickack", "whether TCP confirms each packet at once").spelled(Spelling::OneZero),
    switch(
        "fastopen_no_cookie",
        "whether TCP opens fast without a cookie",
    )
    .spelled(Spelling::OneZero),
];

/// What a route can be given, in the order in which it is written.
pub(crate) const ROWS: &[Opt] = &[
    TYPE,
    VIA,
    DEV,
    NEXTHOP,
    NEXTHOPS,
    METRIC,
    TABLE,
    PROTO.default("boot"),
    SCOPE,
    SRC,
    SOURCE,
    TOS,
    METRICS[0],
    METRICS[1],
    METRICS[2],
    METRICS[3],
    METRICS[4],
    METRICS[5],
    METRICS[6],
    METRICS[7],
    METRICS[8],
    METRICS[9],
    ECN,
    CONGCTL,
    ONLINK,
    ENCAP,
    VRF,
    REPLACE,
];

/// What tells one route from another, where the destination is not enough.
pub(crate) const OF_DELETE: &[Opt] = &[VIA, DEV, NEXTHOP, METRIC, TABLE, VRF];

/// What a list of routes can be asked for.
pub(crate) const OF_LIST: &[Opt] = &[TABLE];

/// The protocols that the kernel takes in a question.
const PROTOCOLS_OF_LOOKUP: Names = &[("icmp", 1), ("icmpv6", 58), ("tcp", 6), ("udp", 17)];

pub(super) mod lookup {
    use super::{Form, Opt, PROTOCOLS_OF_LOOKUP, U32, number, pair};

    pub(in super::super) const FROM: Opt = pair("from", Form::Ip, "the address that it comes from");
    pub(in super::super) const SOURCE: Opt = Opt::new("source", Form::Ip, "another name of `from`");
    pub(in super::super) const IIF: Opt = pair(
        "iif",
        Form::Device,
        "the link that it came in by, of one that is forwarded",
    );
    pub(in super::super) const OIF: Opt =
        pair("oif", Form::Device, "the link that the sender is bound to");
    pub(in super::super) const MARK: Opt = number("mark", U32, "its mark");
    pub(in super::super) const UID: Opt =
        number("uid", (0, u32::MAX as i64 - 1), "the user who sends it");
    pub(in super::super) const PROTO: Opt = pair(
        "proto",
        Form::Named {
            names: PROTOCOLS_OF_LOOKUP,
            least: 1,
            most: 255,
            like: "tcp",
        },
        "the protocol that it carries",
    )
    .words(&["ipproto"]);
    pub(in super::super) const SPORT: Opt = number("sport", (0, 65535), "its source port");
    pub(in super::super) const DPORT: Opt = number("dport", (0, 65535), "its destination port");
}

/// What a lookup can be told of the packet.
pub(crate) const OF_LOOKUP: &[Opt] = &[
    lookup::FROM,
    lookup::SOURCE,
    lookup::IIF,
    lookup::OIF,
    lookup::MARK,
    lookup::UID,
    lookup::PROTO,
    lookup::SPORT,
    lookup::DPORT,
];

/// `RT_TABLE_LOCAL` of `linux/rtnetlink.h`.
const TABLE_LOCAL: u32 = 255;

/// A table by its name where every machine has one for it, else by its number.
pub(crate) fn table(number: u32) -> Value {
    match number {
        TABLE_MAIN => Value::text("main"),
        TABLE_LOCAL => Value::text("local"),
        number => Value::Number(number.into()),
    }
}

/// What IPv6 gives to a route of which nothing is said, `IP6_RT_PRIO_USER`.
const USUAL_METRIC: u32 = 1024;

/// What a route that stands is made of, its link left out; `name_of` tells the name of a link.
pub(crate) fn said(route: &Route, name_of: impl Fn(u32) -> Option<String>) -> Vec<Pair> {
    let is_v6 = route.destination.addr().is_ipv6();
    let number = |number: u32| Value::Number(number.into());
    let mut pairs = Vec::new();
    let mut put = |row: &'static Opt, value: Option<Value>| {
        pairs.extend(value.map(|value| (row, value)));
    };
    put(&TYPE, Some(Value::text(&route.kind)));
    put(&VIA, route.via.map(|via| Value::text(via.to_string())));
    put(&NEXTHOP, route.nexthop.map(number));
    let hops = route.hops.iter().map(|hop| hop_value(hop, &name_of));
    let hops: Vec<Value> = hops.collect();
    put(&NEXTHOPS, (!hops.is_empty()).then_some(Value::List(hops)));
    let metric = route.metric;
    put(
        &METRIC,
        metric
            .filter(|metric| !(is_v6 && *metric == USUAL_METRIC))
            .map(number),
    );
    let other = (route.table != TABLE_MAIN).then(|| table(route.table));
    put(&TABLE, other);
    let is_said = !["boot", "unspec"].contains(&route.protocol.as_str());
    put(&PROTO, is_said.then(|| Value::guess(&route.protocol)));
    let has_scope = !is_v6 && route.scope != route.usual_scope();
    put(&SCOPE, has_scope.then(|| Value::guess(&route.scope)));
    let source = route.source;
    put(&SRC, source.map(|source| Value::text(source.to_string())));
    put(&TOS, Some(number(route.tos.into())));
    for row in METRICS {
        let value = route.metrics.number(row.key).map(i64::from);
        put(row, value.and_then(|value| row.form.of_number(value)));
    }
    put(&ECN, route.metrics.ecn().map(Value::Flag));
    put(&CONGCTL, route.metrics.congctl().map(Value::text));
    put(&ONLINK, Some(Value::Flag(route.onlink)));
    let encap = route.encap.as_ref().and_then(Encap::text);
    put(&ENCAP, encap.map(Value::Text));
    pairs
}

fn hop_value(hop: &Hop, name_of: impl Fn(u32) -> Option<String>) -> Value {
    let mut keys = Vec::new();
    let mut put = |row: &Opt, value: Option<Value>| {
        let value = value.filter(|value| !row.is_usual(value));
        keys.extend(value.map(|value| (row.key.to_owned(), value)));
    };
    put(&VIA, hop.via.map(|via| Value::text(via.to_string())));
    put(&DEV, hop.link.and_then(name_of).map(Value::text));
    put(&WEIGHT, Some(Value::Number(hop.weight.into())));
    put(&ONLINK, Some(Value::Flag(hop.onlink)));
    Value::Map(keys)
}
