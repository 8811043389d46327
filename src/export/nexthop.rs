//! Nexthop objects, which routes name by number.

use super::draft::{Draft, options};
use crate::dsl::objects::nexthop::rows;
use crate::net::nexthop::{Leads, Nexthop};
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
            let held = &self.world.places[place];
            let name_of = |index| held.name_of(index).map(str::to_owned);
            let options = options(rows::said(&nexthop, name_of));
            let arguments = [Value::Number(nexthop.id.into()), Value::Map(options)];
            self.step(place, Act::InNetns(Call::new("nexthop", arguments)));
        }
    }
}
