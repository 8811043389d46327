//! A nexthop object, as scripts hold it and see it printed.

use std::fmt;

use crate::net::link::Snapshot;
use crate::net::nexthop::{self, Leads, group_text};
use crate::view::value::{Handle, Value};

/// A nexthop object, as scripts hold it: what it was when it was read.
#[derive(Clone, Debug)]
pub struct Nexthop {
    pub(super) seen: nexthop::Nexthop,
    /// The name of its link.
    pub(super) link: Option<String>,
}

impl fmt::Display for Nexthop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.seen.line(|_| self.link.clone()))
    }
}

impl Nexthop {
    pub(super) fn new(seen: nexthop::Nexthop, links: &[Snapshot]) -> Self {
        let index = seen.link();
        let link = links.iter().find(|link| Some(link.index) == index);
        let link = link.map(|link| link.name.clone());
        Self { seen, link }
    }

    pub(super) fn via(&self) -> Option<String> {
        match self.seen.leads {
            Leads::By { via, .. } => via.map(|via| via.to_string()),
            _ => None,
        }
    }

    pub(super) fn is_onlink(&self) -> bool {
        matches!(self.seen.leads, Leads::By { onlink: true, .. })
    }

    pub(super) fn is_blackhole(&self) -> bool {
        self.seen.leads == Leads::Nowhere
    }

    /// What there is to show of it.
    pub(crate) fn show(&self) -> Value {
        let seen = &self.seen;
        let text = |text: Option<String>| text.map_or(Value::Nothing, Value::Text);
        let flags = [
            (self.is_blackhole(), "blackhole"),
            (self.is_onlink(), "onlink"),
        ];
        let flags = flags.iter().filter(|(is, _)| *is).map(|(_, name)| *name);
        let members = seen.members().iter().map(|member| {
            Value::Map(vec![
                ("id".to_owned(), Value::word(member.id)),
                ("weight".to_owned(), Value::word(member.weight)),
            ])
        });
        let protocol = Some(seen.protocol.clone()).filter(|name| name != "unspec");
        Value::Handle(Box::new(Handle {
            name: self.to_string(),
            line: self.to_string(),
            cells: vec![
                ("id", seen.id.to_string()),
                ("via", self.via().unwrap_or_default()),
                ("link", self.link.clone().unwrap_or_default()),
                ("group", group_text(seen.members())),
                ("flags", flags.collect::<Vec<_>>().join(" ")),
                ("protocol", protocol.clone().unwrap_or_default()),
            ],
            fields: vec![
                ("id", Value::word(seen.id)),
                ("via", text(self.via())),
                ("link", text(self.link.clone())),
                ("group", Value::List(members.collect())),
                ("blackhole", Value::word(self.is_blackhole())),
                ("onlink", Value::word(self.is_onlink())),
                ("protocol", text(protocol)),
                ("line", Value::text(self)),
            ],
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::net::nexthop::Member;

    #[test]
    fn nexthops_are_a_table_of_what_they_have_and_a_line_each() {
        let nexthop = |id, leads| {
            let seen = nexthop::Nexthop {
                id,
                is_ipv6: false,
                protocol: "unspec".to_owned(),
                leads,
            };
            let link = seen.link().map(|_| "v0".to_owned());
            Nexthop { seen, link }.show()
        };
        let by = Leads::By {
            via: Some(IpAddr::from([10, 0, 0, 2])),
            link: 2,
            onlink: true,
        };
        let members = [(1, 1), (2, 3)].map(|(id, weight)| Member { id, weight });
        let nexthops = Value::List(vec![
            nexthop(1, by),
            nexthop(2, Leads::Nowhere),
            nexthop(10, Leads::Group(members.to_vec())),
        ]);
        insta::assert_snapshot!(nexthops.show(), @"
        ID  VIA       LINK  GROUP  FLAGS
        1   10.0.0.2  v0           onlink
        2                          blackhole
        10                  1/2,3
        ");
        assert_eq!(
            nexthop(10, Leads::Group(members.to_vec())).show(),
            "id 10 group 1/2,3"
        );
    }
}
