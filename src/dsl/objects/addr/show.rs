//! An address, as scripts hold it and see it printed.

use std::fmt;

use rhai::Dynamic;

use crate::net::address::{self, FOREVER};
use crate::view::value::{Handle, Value};

/// An address of a link, as scripts hold it: what it was when it was read.
#[derive(Clone, Debug)]
pub struct Address {
    pub(super) seen: address::Address,
    /// The name of the link that has it.
    pub(super) link: String,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seen)
    }
}

/// The seconds that are left of a lifetime; nothing where it has no end.
pub(super) fn seconds(left: u32) -> Dynamic {
    match left {
        FOREVER => Dynamic::UNIT,
        left => i64::from(left).into(),
    }
}

impl Address {
    /// What there is to show of it.
    pub(crate) fn show(&self) -> Value {
        let seen = &self.seen;
        let assigned = &seen.assigned;
        let text = |text: Option<String>| text.map_or(Value::Nothing, Value::Text);
        let seconds = |left| match left {
            FOREVER => Value::Nothing,
            left => Value::word(left),
        };
        let flag = |is| Value::word(is);
        let flags = seen.flags();
        let lifetimes = seen.lifetimes();
        let left = |left| match left {
            FOREVER => String::new(),
            left => format!("{left}s"),
        };
        Value::Handle(Box::new(Handle {
            name: self.to_string(),
            line: assigned.named().join(" "),
            cells: vec![
                ("link", self.link.clone()),
                ("address", assigned.named().join(" ")),
                ("scope", seen.scope()),
                ("flags", flags.join(" ")),
                ("valid", left(lifetimes.valid)),
                ("preferred", left(lifetimes.preferred)),
            ],
            fields: vec![
                ("link", Value::text(&self.link)),
                ("address", Value::text(self)),
                ("ip", Value::text(seen.ip())),
                ("prefix_length", Value::word(assigned.prefix.prefix_len())),
                ("peer", text(assigned.peer.map(|ip| ip.to_string()))),
                ("scope", Value::text(seen.scope())),
                (
                    "broadcast",
                    text(assigned.broadcast.map(|ip| ip.to_string())),
                ),
                ("label", text(assigned.label.clone())),
                (
                    "metric",
                    assigned.metric.map_or(Value::Nothing, Value::word),
                ),
                ("valid_lft_s", seconds(lifetimes.valid)),
                ("preferred_lft_s", seconds(lifetimes.preferred)),
                ("secondary", flag(seen.secondary)),
                ("tentative", flag(seen.tentative)),
                ("dad_failed", flag(seen.dad_failed)),
                (
                    "flags",
                    Value::List(flags.into_iter().map(Value::text).collect()),
                ),
            ],
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_a_table_and_an_object_in_json() {
        let address = |prefix: &str, scope, tentative| {
            let mut assigned = address::Assigned::new(prefix.parse().unwrap());
            assigned.scope = Some(scope);
            let seen = address::Address {
                link: 2,
                assigned,
                age: 0,
                tentative,
                dad_failed: false,
                by_itself: false,
                secondary: false,
                deprecated: false,
            };
            let link = "v0".to_owned();
            Address { seen, link }
        };
        let mut timed = address("10.0.1.1/32", 0, false);
        timed.seen.assigned.peer = Some("10.0.1.2".parse().unwrap());
        timed.seen.assigned.lifetimes = Some(address::Lifetimes {
            valid: 60,
            preferred: 30,
        });
        let addresses = Value::List(vec![
            address("10.0.0.1/24", 0, false).show(),
            address("fe80::1/64", 253, true).show(),
        ]);
        insta::assert_snapshot!(addresses.show(), @"
        LINK  ADDRESS      SCOPE   FLAGS
        v0    10.0.0.1/24  global
        v0    fe80::1/64   link    tentative
        ");
        let addresses = Value::List(vec![timed.show()]);
        insta::assert_snapshot!(addresses.show(), @"
        LINK  ADDRESS                    SCOPE   VALID  PREFERRED
        v0    10.0.1.1 peer 10.0.1.2/32  global  60s    30s
        ");
        let one = address("10.0.0.1/24", 0, false).show();
        assert_eq!(one.show(), "10.0.0.1/24");
        assert_eq!(
            one.to_json().to_string(),
            r#"{"link":"v0","address":"10.0.0.1/24","ip":"10.0.0.1","prefix_length":24,"peer":null,"scope":"global","broadcast":null,"label":null,"metric":null,"valid_lft_s":null,"preferred_lft_s":null,"secondary":false,"tentative":false,"dad_failed":false,"flags":[]}"#
        );
    }
}
