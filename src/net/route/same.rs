//! Whether a route is the one that is asked for.

use ipnet::IpNet;

use super::{Hop, Route};

impl Route {
    /// Whether it stands where `asked` is to go: same destination, table and metric.
    pub fn is_rival_of(&self, asked: &Self) -> bool {
        let metric = |route: &Self| match route.destination {
            // An IPv6 route without a metric gets 1024 (IP6_RT_PRIO_USER of the kernel).
            IpNet::V6(_) => route.metric.unwrap_or(1024),
            IpNet::V4(_) => route.metric.unwrap_or(0),
        };
        self.table == asked.table
            && self.destination == asked.destination
            && metric(self) == metric(asked)
            && self.tos == asked.tos
    }

    /// Whether it leads where `asked` leads, with all that it says.
    pub fn is_as(&self, asked: &Self) -> bool {
        let same_way = match asked.nexthop {
            Some(_) => self.nexthop == asked.nexthop,
            None => {
                self.via == asked.via
                    && (asked.link.is_none() || self.link == asked.link)
                    && self.kind == asked.kind
                    && same_hops(&self.hops, &asked.hops)
            }
        };
        let same_wrapping = match (&self.encap, &asked.encap) {
            (Some(there), Some(asked)) => there.is_like(asked),
            (there, asked) => there.is_none() == asked.is_none(),
        };
        same_way
            && same_wrapping
            && (asked.source.is_none() || self.source == asked.source)
            && self.metrics.has(&asked.metrics)
            && (asked.scope.is_empty() || self.scope == asked.scope)
            && (asked.protocol == "boot" || self.protocol == asked.protocol)
    }
}

/// Whether the next hops are those asked for, in whatever order.
fn same_hops(present: &[Hop], asked: &[Hop]) -> bool {
    let is_it = |present: &Hop, asked: &Hop| {
        present.via == asked.via
            && (asked.link.is_none() || present.link == asked.link)
            && present.weight == asked.weight
    };
    present.len() == asked.len()
        && asked
            .iter()
            .all(|asked| present.iter().any(|present| is_it(present, asked)))
}
