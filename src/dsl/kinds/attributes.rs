//! What is asked of a link of a kind, read by the rows of its table: for the kernel, for `ip`, and to compare with what is there.

use std::rc::Rc;

use rhai::Dynamic;
use rtnetlink::packet_route::link::{InfoData, InfoKind, LinkMessage};
use rtnetlink::{LinkMessageBuilder, LinkUnspec};

use crate::dsl::Session;
use crate::dsl::kinds::kind::Kind;
use crate::dsl::kinds::make::{Fact, Request};
use crate::dsl::objects::link;
use crate::error::{Error, Result};
use crate::net::attributes::{Attributes, attributes_of, bytes_of};
use crate::net::netns;
use crate::schema::wire;
use crate::schema::{Form, Opt, text};
use crate::steps::Value;
use crate::value::options::Options;

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    kind: &'static Kind,
    given: Vec<Given>,
    /// What the kernel is sent beside the options.
    more: Attributes,
}

/// A row with the value that was asked for.
#[derive(Debug)]
struct Given {
    row: &'static Opt,
    value: Value,
    /// What `ip` is told, where that is not the value: a device has a name.
    said: Option<Value>,
}

impl Asked {
    /// Nothing yet of what the kind has.
    pub(crate) fn of(kind: &'static Kind) -> Self {
        Self {
            kind,
            given: Vec::new(),
            more: Vec::new(),
        }
    }

    /// Takes the options of the kind that are given.
    pub(crate) fn take(
        session: &Rc<Session>,
        place: &Rc<netns::Netns>,
        kind: &'static Kind,
        options: &mut Options,
    ) -> Result<Self> {
        let mut asked = Self::of(kind);
        for row in kind.table.iter().filter(|row| row.is_option()) {
            match row.form {
                Form::Special(..) => {}
                Form::Device => {
                    if let Some(given) = link::take(options, row.key)? {
                        asked.device(session, place, row, &given)?;
                    }
                }
                _ => {
                    let value = row.take(kind.word, options)?;
                    asked.given.extend(value.map(|value| Given {
                        row,
                        value,
                        said: None,
                    }));
                }
            }
        }
        Ok(asked)
    }

    fn device(
        &mut self,
        session: &Rc<Session>,
        place: &Rc<netns::Netns>,
        row: &'static Opt,
        given: &Dynamic,
    ) -> Result<()> {
        let device = link::link_argument(session, place, given)?;
        if device.netns().namespace().id() != place.namespace().id() {
            return Err(Error::invalid(format!(
                "`{}` is a link of the same namespace, and `{}` is in `{}`",
                row.key,
                device.name(),
                device.netns().label()
            ))
            .hint("make it where that link is, and move it then, with .netns(…)"));
        }
        self.given.push(Given {
            row,
            value: Value::Number(device.index().into()),
            said: Some(Value::Text(device.name())),
        });
        Ok(())
    }

    /// Takes the argument `key` of the word.
    pub(crate) fn argument(&mut self, key: &str, given: impl Into<Dynamic>) -> Result<()> {
        if let Some(row) = self.kind.row(key) {
            let value = row.read(self.kind.word, given.into())?;
            self.put(key, value);
        }
        Ok(())
    }

    /// Takes a value that was read in another way.
    pub(crate) fn put(&mut self, key: &str, value: Value) {
        if let Some(row) = self.kind.row(key) {
            self.given.retain(|given| given.row.key != key);
            self.given.push(Given {
                row,
                value,
                said: None,
            });
            let table = self.kind.table;
            let place = |row: &Opt| table.iter().position(|known| known.key == row.key);
            self.given.sort_by_key(|given| place(given.row));
        }
    }

    /// Takes the usual value of a row of which nothing was said.
    pub(crate) fn usual(&mut self, key: &str) {
        let usual = self.kind.row(key).and_then(Opt::usual);
        if let (None, Some(usual)) = (self.value(key), usual) {
            self.put(key, usual);
        }
    }

    /// The kind of link that is asked for.
    pub(crate) fn kind(&self) -> &'static Kind {
        self.kind
    }

    /// What every link of the kind has, asked for or not.
    pub(crate) fn send(&mut self, number: u16, bytes: impl Into<Vec<u8>>) {
        self.more.push((number, bytes.into()));
    }

    /// The value of that key, where it was asked for.
    pub(crate) fn value(&self, key: &str) -> Option<&Value> {
        let found = self.given.iter().find(|given| given.row.key == key)?;
        Some(&found.value)
    }

    /// All values, for the conflict with what is there.
    pub(crate) fn facts(&self) -> Vec<Fact> {
        let facts = self.given.iter();
        facts
            .filter(|given| !matches!(given.row.wire, wire::Wire::None))
            .map(|given| (given.row.key, given.value.clone()))
            .collect()
    }

    /// Refuses two keys that exclude each other, and two addresses of different families.
    pub(crate) fn check_ends(&self, one: &str, other: &str, may_both: bool) -> Result<()> {
        let (Some(first), Some(second)) = (self.value(one), self.value(other)) else {
            return Ok(());
        };
        if !may_both {
            return Err(Error::invalid(format!(
                "`{one}` and `{other}` exclude each other"
            )));
        }
        let (first, second) = (text(first), text(second));
        if first.contains(':') != second.contains(':') {
            return Err(Error::invalid(format!(
                "`{one}` and `{other}` are of one family, and {first} and {second} are not"
            )));
        }
        Ok(())
    }

    /// What `ip` is told behind the kind.
    pub(crate) fn words(&self) -> Vec<String> {
        let given = self.given.iter();
        given
            .flat_map(|given| given.row.say(given.said.as_ref().unwrap_or(&given.value)))
            .collect()
    }

    /// The request for a link of the kind.
    pub(crate) fn request(&self) -> Request {
        Request::new(self.message(), self.words())
    }

    /// The message that asks for a link of the kind.
    pub(crate) fn message(&self) -> LinkMessage {
        let kind = InfoKind::from(self.kind.name);
        let message = LinkMessageBuilder::<LinkUnspec>::new_with_info_kind(kind);
        let attributes = self.attributes();
        if attributes.is_empty() {
            return message.build();
        }
        let data = InfoData::Other(bytes_of(&attributes));
        message.set_info_data(data).build()
    }

    /// The attributes that say all of it.
    pub(crate) fn attributes(&self) -> Attributes {
        let pairs: Vec<_> = self
            .given
            .iter()
            .map(|given| (given.row, given.value.clone()))
            .collect();
        let own = wire::encode(&pairs).into_iter();
        own.chain(self.more.iter().cloned()).collect()
    }
}

/// What `table` says of a link that is there.
pub(crate) fn facts(data: &InfoData, table: &'static [Opt]) -> Vec<Fact> {
    let pairs = wire::decode(table, &attributes_of(data));
    pairs
        .into_iter()
        .map(|(row, value)| (row.key, value))
        .collect()
}
