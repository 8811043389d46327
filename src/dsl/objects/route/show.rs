//! A route, as scripts hold it and see it printed.

use std::fmt;

use rhai::{Dynamic, Map};

use crate::net::link::Snapshot;
use crate::net::route;
use crate::view::value::{Handle, Value};

/// A route, as scripts hold it: what it was when it was read.
#[derive(Clone, Debug)]
pub struct Route {
    pub(super) seen: route::Route,
    /// The name of the link that it leaves by.
    pub(super) link: Option<String>,
    /// The names of the links of its next hops, by their ifindex.
    names: Vec<(u32, String)>,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.seen.line(|index| self.name_of(index)))
    }
}

impl Route {
    pub(super) fn new(seen: route::Route, links: &[Snapshot]) -> Self {
        let link = seen
            .link
            .and_then(|index| links.iter().find(|link| link.index == index))
            .map(|link| link.name.clone());
        let indexes = seen.hops.iter().filter_map(|hop| hop.link).chain(seen.link);
        let names = indexes
            .filter_map(|index| links.iter().find(|link| link.index == index))
            .map(|link| (link.index, link.name.clone()))
            .collect();
        Self { seen, link, names }
    }

    fn name_of(&self, index: u32) -> Option<String> {
        let found = self.names.iter().find(|(known, _)| *known == index);
        found.map(|(_, name)| name.clone())
    }

    fn link_of(&self, hop: &route::Hop) -> Option<String> {
        hop.link.and_then(|index| self.name_of(index))
    }

    /// What each of the next hops has, in a cell; empty where there is one way alone.
    fn of_hops(&self, what: impl Fn(&route::Hop) -> Option<String>) -> String {
        let hops = self.seen.hops.iter();
        let texts = hops.map(|hop| what(hop).unwrap_or_else(|| "-".to_owned()));
        texts.collect::<Vec<_>>().join(", ")
    }

    /// A next hop as a map's entries.
    fn hop(&self, hop: &route::Hop) -> Value {
        let text = |text: Option<String>| text.map_or(Value::Nothing, Value::Text);
        Value::Map(vec![
            ("via".to_owned(), text(hop.via.map(|via| via.to_string()))),
            ("link".to_owned(), text(self.link_of(hop))),
            ("weight".to_owned(), Value::word(hop.weight)),
        ])
    }

    /// The next hops as maps, where there are several.
    pub(super) fn nexthops(&self) -> rhai::Array {
        let text = |text: Option<String>| text.map_or(Dynamic::UNIT, Dynamic::from);
        let map = |hop: &route::Hop| {
            let mut map = Map::new();
            map.insert("via".into(), text(gateway(hop)));
            map.insert("link".into(), text(self.link_of(hop)));
            map.insert("weight".into(), i64::from(hop.weight).into());
            Dynamic::from(map)
        };
        self.seen.hops.iter().map(map).collect()
    }

    /// What there is to show of it.
    pub(crate) fn show(&self) -> Value {
        let seen = &self.seen;
        let via = seen.via.map(|ip| ip.to_string());
        let source = seen.source.map(|ip| ip.to_string());
        let metric = seen.metric.map(|metric| metric.to_string());
        let text = |text: &Option<String>| text.as_ref().map_or(Value::Nothing, Value::text);
        let unless = |usual: &str, text: &str| match text {
            text if text == usual => String::new(),
            text => text.to_owned(),
        };
        Value::Handle(Box::new(Handle {
            name: self.to_string(),
            line: self.to_string(),
            cells: vec![
                ("destination", seen.destination_text()),
                ("via", via.clone().unwrap_or_else(|| self.of_hops(gateway))),
                (
                    "link",
                    self.link
                        .clone()
                        .unwrap_or_else(|| self.of_hops(|hop| self.link_of(hop))),
                ),
                ("weight", self.of_hops(|hop| Some(hop.weight.to_string()))),
                ("nexthop", number(seen.nexthop)),
                ("source", source.clone().unwrap_or_default()),
                ("metric", metric.clone().unwrap_or_default()),
                ("scope", seen.scope.clone()),
                ("protocol", seen.protocol.clone()),
                ("kind", unless("unicast", &seen.kind)),
                (
                    "table",
                    unless("main", &crate::net::table::text(seen.table)),
                ),
            ],
            fields: vec![
                ("destination", Value::text(seen.destination_text())),
                ("via", text(&via)),
                ("link", text(&self.link)),
                ("source", text(&source)),
                ("metric", metric.map_or(Value::Nothing, Value::Word)),
                ("table", Value::word(seen.table)),
                ("protocol", Value::text(&seen.protocol)),
                ("scope", Value::text(&seen.scope)),
                ("kind", Value::text(&seen.kind)),
                ("nexthop", seen.nexthop.map_or(Value::Nothing, Value::word)),
                (
                    "mtu",
                    seen.metrics
                        .number("mtu")
                        .map_or(Value::Nothing, Value::word),
                ),
                (
                    "advmss",
                    seen.metrics
                        .number("advmss")
                        .map_or(Value::Nothing, Value::word),
                ),
                (
                    "nexthops",
                    Value::List(seen.hops.iter().map(|hop| self.hop(hop)).collect()),
                ),
                ("line", Value::text(self)),
            ],
        }))
    }
}

fn gateway(hop: &route::Hop) -> Option<String> {
    hop.via.map(|via| via.to_string())
}

fn number(number: Option<u32>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_a_table_of_what_they_have_and_a_line_each() {
        let link = Snapshot {
            index: 2,
            name: "v0".to_owned(),
            ..Snapshot::default()
        };
        let route = |destination: &str, via: Option<&str>, metric| {
            let seen = route::Route {
                via: via.map(|ip| ip.parse().unwrap()),
                link: Some(2),
                metric,
                scope: "global".to_owned(),
                ..route::Route::to(destination.parse().unwrap())
            };
            Route::new(seen, std::slice::from_ref(&link)).show()
        };
        let routes = Value::List(vec![
            route("0.0.0.0/0", Some("10.0.0.1"), Some(100)),
            route("10.1.0.0/16", None, None),
        ]);
        insta::assert_snapshot!(routes.show(), @"
        DESTINATION  VIA       LINK  METRIC  SCOPE   PROTOCOL
        default      10.0.0.1  v0    100     global  boot
        10.1.0.0/16            v0            global  boot
        ");
        let hop = |via: &str, weight| route::Hop {
            via: Some(via.parse().unwrap()),
            link: Some(2),
            weight,
            onlink: false,
        };
        let seen = route::Route {
            hops: vec![hop("10.0.0.2", 1), hop("10.0.0.3", 3)],
            scope: "global".to_owned(),
            ..route::Route::to("10.2.0.0/16".parse().unwrap())
        };
        let both = Value::List(vec![
            Route::new(seen, std::slice::from_ref(&link)).show(),
            route("10.1.0.0/16", None, None),
        ]);
        insta::assert_snapshot!(both.show(), @"
        DESTINATION  VIA                 LINK    WEIGHT  SCOPE   PROTOCOL
        10.2.0.0/16  10.0.0.2, 10.0.0.3  v0, v0  1, 3    global  boot
        10.1.0.0/16                      v0              global  boot
        ");
        assert_eq!(
            route("0.0.0.0/0", Some("10.0.0.1"), Some(100)).show(),
            "default via 10.0.0.1 dev v0 metric 100"
        );
    }
}
