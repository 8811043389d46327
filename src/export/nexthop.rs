//! Nexthop objects, which routes name by number.

use super::draft::Draft;
use crate::net::nexthop::{Leads, Member, Nexthop};
use crate::steps::{Act, Call, Value};

impl Draft<'_> {
    /// Says the nexthop objects of the namespace, the members of groups before them.
    pub(super) fn nexthops(&mut self, place: usize) {
        let mut nexthops: Vec<Nexthop> = self.world.places[place].nexthops.clone();
        nexthops.sort_by_key(|nexthop| matches!(nexthop.leads, Leads::Group(_)));
        for nexthop in nexthops {
            let lost = nexthop
                .link()
                .is_some_and(|link| self.lost.contains(&(place, link)));
            if lost {
                let held = &self.world.places[place];
                let line = nexthop.line(|index| held.name_of(index).map(str::to_owned));
                let what = format!("nexthop {line}");
                self.leave(place, &what, "its link is not exported");
                continue;
            }
            let options = self.nexthop_options(place, &nexthop);
            let arguments = [Value::Number(nexthop.id.into()), Value::Map(options)];
            self.step(place, Act::InNetns(Call::new("nexthop", arguments)));
        }
    }

    fn nexthop_options(&self, place: usize, nexthop: &Nexthop) -> Vec<(String, Value)> {
        let mut options: Vec<(String, Value)> = Vec::new();
        let mut put = |key: &str, value: Option<Value>| {
            options.extend(value.map(|value| (key.to_owned(), value)));
        };
        let mut says_family = false;
        match &nexthop.leads {
            Leads::By { via, link, onlink } => {
                says_family = via.is_some();
                put("via", via.map(|via| Value::text(via.to_string())));
                let link = self.world.places[place].name_of(*link);
                put("dev", link.map(Value::text));
                put("onlink", onlink.then_some(Value::Flag(true)));
            }
            Leads::Group(members) => {
                says_family = true;
                put(
                    "group",
                    Some(Value::List(members.iter().copied().map(member).collect())),
                );
            }
            Leads::Nowhere => put("blackhole", Some(Value::Flag(true))),
        }
        let is_told = nexthop.is_ipv6 && !says_family;
        put("family", is_told.then(|| Value::text("inet6")));
        let protocol = &nexthop.protocol;
        put(
            "proto",
            (protocol != "unspec").then(|| Value::guess(protocol)),
        );
        options
    }
}

fn member(member: Member) -> Value {
    let id = Value::Number(member.id.into());
    if member.weight <= 1 {
        return id;
    }
    let weight = Value::Number(member.weight.into());
    Value::Map(vec![("id".to_owned(), id), ("weight".to_owned(), weight)])
}
