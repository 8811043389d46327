//! A rule, as scripts hold it and see it printed.

use std::fmt;

use crate::net::rule::{self, Action};
use crate::view::value::{Handle, Value};

/// A rule, as scripts hold it: what it was when it was read.
#[derive(Clone, Debug)]
pub struct Rule(pub(super) rule::Rule);

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Rule {
    pub(super) fn family(&self) -> &'static str {
        if self.0.is_ipv6 { "inet6" } else { "inet" }
    }

    pub(super) fn action(&self) -> &'static str {
        match self.0.action {
            Action::Lookup(_) => "lookup",
            Action::Goto(_) => "goto",
            Action::Other(name) => name,
        }
    }

    pub(super) fn table(&self) -> Option<u32> {
        match self.0.action {
            Action::Lookup(table) => Some(table),
            Action::Goto(_) | Action::Other(_) => None,
        }
    }

    /// What there is to show of it.
    pub(crate) fn show(&self) -> Value {
        let selector = &self.0.selector;
        let text = |text: Option<String>| text.map_or(Value::Nothing, Value::Text);
        let word = |word: Option<String>| word.map_or(Value::Nothing, Value::Word);
        let table = self.table().map(crate::net::table::text);
        let action = match self.action() {
            "lookup" => String::new(),
            other => other.to_owned(),
        };
        let from = selector.from.map(rule::prefix_text);
        let to = selector.to.map(rule::prefix_text);
        let others = self.0.words();
        Value::Handle(Box::new(Handle {
            name: self.to_string(),
            line: self.to_string(),
            cells: vec![
                ("priority", self.0.priority.to_string()),
                ("family", self.family().to_owned()),
                ("rule", others),
            ],
            fields: vec![
                ("priority", Value::word(self.0.priority)),
                ("family", Value::text(self.family())),
                ("not", Value::word(selector.is_not)),
                ("from", text(from)),
                ("to", text(to)),
                ("iif", text(selector.iif.clone())),
                ("oif", text(selector.oif.clone())),
                ("fwmark", text(selector.mark_text())),
                ("tos", Value::word(selector.tos)),
                ("ipproto", text(selector.protocol.map(rule::protocol_text))),
                ("sport", text(selector.sport.map(rule::range_text))),
                ("dport", text(selector.dport.map(rule::range_text))),
                ("table", text(table)),
                (
                    "action",
                    Value::text(if action.is_empty() { "lookup" } else { &action }),
                ),
                (
                    "suppress_prefixlength",
                    word(self.0.suppress.map(|length| length.to_string())),
                ),
                ("line", Value::text(self)),
            ],
        }))
    }
}
