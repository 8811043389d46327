//! The options of nexthop objects, as rows.

pub(crate) use crate::dsl::objects::route::rows::{DEV, FAMILIES, ONLINK, PROTO, REPLACE, VIA};
use crate::net::nexthop::{Leads, Member, Nexthop};
use crate::schema::{Form, Opt, Pair, Spelling, Wire};
use crate::steps::Value;

/// The largest weight that every kernel takes.
const HEAVIEST: i64 = 255;

pub(crate) const FAMILY: Opt = Opt::new(
    "family",
    Form::Choice(FAMILIES),
    "the family of addresses, where no gateway says it",
);
pub(crate) const BLACKHOLE: Opt = Opt::new(
    "blackhole",
    Form::Switch,
    "whether it leads nowhere, and packets are dropped",
)
.spelled(Spelling::Mark)
.default("false");
pub(crate) const ID: Opt = Opt::number(
    "id",
    Wire::None,
    (1, u32::MAX as i64),
    "the number of a member",
);
pub(crate) const WEIGHT: Opt = Opt::number(
    "weight",
    Wire::None,
    (1, HEAVIEST),
    "its share of the packets",
)
.default("1");
/// What a member of a group is.
pub(crate) const MEMBER: &[Opt] = &[ID, WEIGHT];
pub(crate) const GROUP: Opt = Opt::new(
    "group",
    Form::Special(&["list"], "a list of numbers, or of maps `#{id, weight}`"),
    "the nexthops that share the packets",
);

/// What a nexthop can be given, in the order in which it is written.
pub(crate) const ROWS: &[Opt] = &[VIA, DEV, ONLINK, GROUP, BLACKHOLE, FAMILY, PROTO, REPLACE];

/// What a nexthop that stands is made of; `name_of` tells the name of a link.
pub(crate) fn said(nexthop: &Nexthop, name_of: impl Fn(u32) -> Option<String>) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let mut put = |row: &'static Opt, value: Option<Value>| {
        pairs.extend(value.map(|value| (row, value)));
    };
    let mut says_family = false;
    match &nexthop.leads {
        Leads::By { via, link, onlink } => {
            says_family = via.is_some();
            put(&VIA, via.map(|via| Value::text(via.to_string())));
            put(&DEV, name_of(*link).map(Value::text));
            put(&ONLINK, Some(Value::Flag(*onlink)));
        }
        Leads::Group(members) => {
            says_family = true;
            let members = members.iter().copied().map(member);
            put(&GROUP, Some(Value::List(members.collect())));
        }
        Leads::Nowhere => put(&BLACKHOLE, Some(Value::Flag(true))),
    }
    let is_told = nexthop.is_ipv6 && !says_family;
    put(&FAMILY, is_told.then(|| Value::text("inet6")));
    let is_said = nexthop.protocol != "unspec";
    put(&PROTO, is_said.then(|| Value::guess(&nexthop.protocol)));
    pairs
}

fn member(member: Member) -> Value {
    member_value(member.id.into(), member.weight.into())
}

/// A member of a group; its number alone where nothing else is said.
pub(crate) fn member_value(id: i64, weight: i64) -> Value {
    let id = Value::Number(id);
    let weight = Value::Number(weight);
    if WEIGHT.is_usual(&weight) {
        return id;
    }
    Value::Map(vec![
        (ID.key.to_owned(), id),
        (WEIGHT.key.to_owned(), weight),
    ])
}
