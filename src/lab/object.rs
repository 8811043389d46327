//! What an outcome is about: a line for people, its parts for programs.

use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::lab::Lab;
use crate::lab::inventory;
use crate::lab::record::Place;
use crate::lab::undo::{Undo, WayBack};
use crate::net::process::Program;
use crate::schema::Pair;
use crate::steps;

/// An object of a lab, a setting of one, or what is tried on one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Object {
    /// What kind of thing it is, in one word: `namespace`, `ipvlan`, `address`, `route`, `mtu`, `ping`.
    #[serde(serialize_with = "in_one_word")]
    pub kind: String,
    /// What tells it from others of its kind: `v0`, `10.0.0.1/24`, `default`; empty of what a link has one of. Of a setting of
    /// a link it is that link.
    pub name: String,
    /// The link that it is on, where it is on one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// What else is said of it, by the keys of its word's options; what is there by itself is left out. Of what is
    /// gone nothing is.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub attributes: Map<String, Value>,
    /// What was there before, of what was changed: the value of a setting, the attributes of an object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What is there now instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// How people are told of it, where that is not its name.
    #[serde(skip)]
    line: Option<String>,
}

impl Object {
    /// What has a name, and nothing else is to be told of it.
    pub fn new(kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            name: name.into(),
            link: None,
            attributes: Map::new(),
            before: None,
            after: None,
            line: None,
        }
    }

    /// A program by its name, with its command line.
    pub fn program(kind: &str, program: &Program) -> Self {
        let name = program.argv.first().map_or("", String::as_str);
        Self::new(kind, name)
            .and("command", program.argv.as_slice())
            .told(program.line())
    }

    /// Something that is tried, with what it is about: by its name, or in words.
    pub fn test(word: &str, about: &str) -> Self {
        if about.contains(char::is_whitespace) {
            return Self::new(word, word).and("about", about).told(about);
        }
        Self::new(word, about)
    }

    /// What belongs to a link: an address, an entry.
    #[must_use]
    pub fn on(mut self, link: impl Into<String>) -> Self {
        let link = link.into();
        self.line = Some(if self.name.is_empty() {
            format!("on {link}")
        } else {
            format!("{} on {link}", self.name)
        });
        self.link = Some(link);
        self
    }

    /// With what is said of it by the rows of its word: worked out where programs are told.
    #[must_use]
    pub fn with(mut self, lab: &Lab, pairs: impl FnOnce() -> Vec<Pair>) -> Self {
        if lab.outcomes().are_for_programs() {
            self.attributes.extend(attributes(pairs()));
        }
        self
    }

    /// With one thing more that is said of it.
    #[must_use]
    pub fn and(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.attributes.insert(key.to_owned(), value.into());
        self
    }

    /// What is set on a link, or of it, and is told by the link's name.
    #[must_use]
    pub fn of_link(mut self, link: impl Into<String>) -> Self {
        self.link = Some(link.into());
        self
    }

    /// What has other attributes than it had.
    #[must_use]
    pub fn was(self, before: &Self) -> Self {
        let (before, after) = (before.attributes.clone(), self.attributes.clone());
        self.changed(before, after)
    }

    /// What was one thing and is another.
    #[must_use]
    pub fn changed(mut self, before: impl Into<Value>, after: impl Into<Value>) -> Self {
        self.before = Some(before.into());
        self.after = Some(after.into());
        self
    }

    /// What people are told instead of its name.
    #[must_use]
    pub fn told(mut self, line: impl Into<String>) -> Self {
        self.line = Some(line.into());
        self
    }

    /// How people are told of it.
    pub fn line(&self) -> &str {
        self.line.as_deref().unwrap_or(&self.name)
    }
}

impl<K: Into<String>, N: Into<String>> From<(K, N)> for Object {
    fn from((kind, name): (K, N)) -> Self {
        Self::new(kind, name)
    }
}

/// What is said of an object, by its keys, without what is there where nothing is said, or is left to the kernel.
fn attributes(pairs: Vec<Pair>) -> Map<String, Value> {
    let is_left = |value: &steps::Value| *value == steps::Value::text("");
    let said = pairs
        .into_iter()
        .filter(|(row, value)| !row.is_usual(value) && !is_left(value));
    said.map(|(row, value)| (row.key.to_owned(), json(value)))
        .collect()
}

/// A value as programs have it.
pub fn json(value: steps::Value) -> Value {
    match value {
        steps::Value::Text(text) | steps::Value::Lines(text) | steps::Value::Variable(text) => {
            text.into()
        }
        steps::Value::Number(number) => number.into(),
        steps::Value::Flag(on) => on.into(),
        steps::Value::List(values) => values.into_iter().map(json).collect(),
        steps::Value::Map(keys) => {
            let keys = keys.into_iter().map(|(key, value)| (key, json(value)));
            Value::Object(keys.collect())
        }
    }
}

/// The kinds of some settings are several words to people.
fn in_one_word<S: Serializer>(kind: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&kind.replace(' ', "_"))
}

/// An object that a journal tells of, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thing {
    /// What it is.
    pub object: Object,
    /// The namespace; none for one itself.
    pub place: Option<String>,
    /// Whether the lab has taken it away, and it comes back when that is taken down.
    pub is_taken: bool,
}

impl Thing {
    /// What a step is about that is told by its way back.
    pub fn of(undo: &Undo<Place>) -> Self {
        let is_netns = matches!(undo.way, WayBack::DeleteNetns { .. });
        let place = undo.netns.as_ref().filter(|_| !is_netns);
        Self {
            object: of(undo),
            place: place.map(Place::label),
            is_taken: matches!(
                undo.way,
                WayBack::NameNetns { .. }
                    | WayBack::MakeLink { .. }
                    | WayBack::AddAddress { .. }
                    | WayBack::AddRoute { .. }
                    | WayBack::Send { made: None, .. }
            ),
        }
    }
}

/// What a step is about, in the words that a run has for it.
fn of(undo: &Undo<Place>) -> Object {
    let link = undo.link.as_ref().map_or("", |link| link.name.as_str());
    match &undo.way {
        WayBack::DeleteNetns { name } | WayBack::NameNetns { name } => {
            Object::new("namespace", name.as_str())
        }
        WayBack::DeleteLink => {
            let kind = undo.link.as_ref().map_or("", |link| link.kind.as_str());
            Object::new(if kind.is_empty() { "link" } else { kind }, link)
        }
        WayBack::MoveBack { .. } => {
            let home = undo.home.as_ref().map(Place::label).unwrap_or_default();
            let told = format!("{link} of {home}");
            let object = Object::new("place", link).of_link(link);
            object.and("from", home).told(told)
        }
        WayBack::Restore { new, .. } => {
            let object = Object::new(new.what(), link).of_link(link);
            let object = object.told(format!("{link}: {new}"));
            let value = new.value().unwrap_or_else(|| new.to_string().into());
            object.and("value", value)
        }
        WayBack::DeleteAddress { address } | WayBack::AddAddress { address } => {
            Object::new("address", address.prefix.to_string()).on(link)
        }
        WayBack::DeleteRoute { route } | WayBack::AddRoute { route } => {
            Object::new("route", route.destination_text()).told(route.to_string())
        }
        WayBack::RestoreQueue { new, .. } => {
            let kind = new.root().map_or("queue", |root| root.kind.as_str());
            Object::new(kind, "").on(link)
        }
        WayBack::Sysctl { key, new, .. } => Object::new("sysctl", key.to_string())
            .and("value", new.as_str())
            .told(format!("{key}: {new}")),
        WayBack::EndProcess { program, .. } => Object::program("process", program),
        WayBack::Send { what, .. } => of_request(what, link),
        WayBack::RestoreTables { tables, .. } => {
            let names = |by: char| {
                let names = tables.iter();
                let names = names.map(|one| format!("{}{by}{}", one.family, one.name));
                names.collect::<Vec<String>>()
            };
            let told = format!("of table {}", names(' ').join(", "));
            Object::new("ruleset", names('/').join(",")).told(told)
        }
        WayBack::DeleteRules { marks } => {
            let chains: Vec<&str> = marks.iter().map(|mark| mark.chain.as_str()).collect();
            let told = format!("in chain {}", chains.join(", "));
            Object::new("filter", chains.join(",")).told(told)
        }
        WayBack::MakeLink { .. } => Object::new("link", link),
        WayBack::PutBack => Object::new("change", link).told(inventory::what(undo)),
    }
}

/// The same of a request that was sent: `what` is its kind and, in backticks, its name, as they were noted.
fn of_request(what: &str, link: &str) -> Object {
    let Some((kind, rest)) = what.split_once(" `") else {
        return Object::new("change", link).told(what);
    };
    let (quoted, _) = rest.split_once('`').unwrap_or((rest, ""));
    let name = match quoted.strip_prefix("id ").unwrap_or(quoted).split_once(' ') {
        Some((name, _)) => name,
        None => quoted,
    };
    // Of a rule the priority is its name.
    let object = Object::new(kind, name.trim_end_matches(':'));
    let rest = rest.replacen('`', "", 1);
    if link.is_empty() {
        return object.told(rest);
    }
    let told = if rest.contains(link) {
        rest
    } else {
        format!("{rest} on {link}")
    };
    object.of_link(link).told(told)
}
