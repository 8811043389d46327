//! What can be said behind a word: each option once, as a row of a table.
//!
//! A row says the key, what a script gives for it ([`form`]), the attribute of the kernel that holds it ([`wire`]), how `ip`
//! spells it ([`spell`]), the value where nothing is said, and what it means. Whoever reads options, tells the kernel, writes or
//! reads the words of `ip`, completes, checks or documents, reads the row; none has a list of its own.

mod differing;
pub mod form;
pub mod spell;
mod take;
pub mod wire;

use rhai::{Dynamic, Map};

use crate::error::Result;
use crate::steps::Value;
use crate::value::options::Options;

pub use differing::{Differing, differing};
pub use form::{Family, Form, Names, Quantity, Unit};
pub use spell::{Spelling, Words, hear, hear_begun};
pub use wire::Wire;

/// An option of a word.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    /// Its key in the `#{…}` of the word.
    pub key: &'static str,
    /// What a script gives for it.
    pub form: Form,
    /// The attribute of the kernel that holds it.
    pub wire: Wire,
    /// How `ip` says it.
    pub spelling: Spelling,
    /// The words that `ip` has for it, the one that is written first; where there are none, the key is the word.
    pub words: &'static [&'static str],
    /// Where it stands in a call.
    pub role: Role,
    /// The value where nothing is said, as `ip` spells it, a duration with its unit; empty where there is none.
    pub default: &'static str,
    /// What it means, without a full stop.
    pub doc: &'static str,
    /// Values that many give, for completion, where it is no choice.
    pub common: &'static [&'static str],
}

/// Where the value of a row stands in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// In the `#{…}`.
    Option,
    /// As an argument behind the name.
    Argument,
    /// As an argument, or in the `#{…}`.
    Either,
    /// Nowhere: the word decides it.
    Fixed,
}

/// A row with its value.
pub type Pair = (&'static Opt, Value);

impl Opt {
    /// A row that is no attribute of the kernel by itself, and that `ip` has no word for.
    pub const fn new(key: &'static str, form: Form, doc: &'static str) -> Self {
        Self {
            key,
            form,
            wire: Wire::None,
            spelling: Spelling::Silent,
            words: &[],
            role: Role::Option,
            default: "",
            doc,
            common: &[],
        }
    }

    /// A number between two others.
    pub const fn number(
        key: &'static str,
        wire: Wire,
        (least, most): (i64, i64),
        doc: &'static str,
    ) -> Self {
        let form = Form::Number {
            least,
            most,
            names: &[],
        };
        Self::new(key, form, doc).at(wire).spelled(Spelling::Pair)
    }

    /// A truth value in one byte, which `ip` spells `KEY` or `noKEY`.
    pub const fn switch(key: &'static str, number: u16, doc: &'static str) -> Self {
        Self::new(key, Form::Switch, doc)
            .at(Wire::U8(number))
            .spelled(Spelling::Alone)
    }

    /// One of some names.
    pub const fn choice(key: &'static str, wire: Wire, names: Names, doc: &'static str) -> Self {
        Self::new(key, Form::Choice(names), doc)
            .at(wire)
            .spelled(Spelling::Pair)
    }

    /// The address of one host; the two numbers are those of the attributes for IPv4 and for IPv6.
    pub const fn host(
        key: &'static str,
        family: Family,
        numbers: (u16, u16),
        doc: &'static str,
    ) -> Self {
        Self::new(key, Form::Host(family), doc)
            .at(Wire::Ip(numbers.0, numbers.1))
            .spelled(Spelling::Pair)
    }

    /// A link of the same namespace, by its ifindex.
    pub const fn device(key: &'static str, number: u16, doc: &'static str) -> Self {
        Self::new(key, Form::Device, doc)
            .at(Wire::U32(number))
            .spelled(Spelling::Pair)
    }

    /// A duration, counted in a unit.
    pub const fn time(
        key: &'static str,
        wire: Wire,
        unit: Unit,
        (least, most): (i64, i64),
        doc: &'static str,
    ) -> Self {
        Self::new(key, Form::Time { unit, least, most }, doc)
            .at(wire)
            .spelled(Spelling::Pair)
    }

    /// The row with another attribute.
    #[must_use]
    pub const fn at(self, wire: Wire) -> Self {
        Self { wire, ..self }
    }

    /// The row with another spelling.
    #[must_use]
    pub const fn spelled(self, spelling: Spelling) -> Self {
        Self { spelling, ..self }
    }

    /// The row with words of `ip` that are not its key.
    #[must_use]
    pub const fn words(self, words: &'static [&'static str]) -> Self {
        Self { words, ..self }
    }

    /// The row with a value where nothing is said.
    #[must_use]
    pub const fn default(self, default: &'static str) -> Self {
        Self { default, ..self }
    }

    /// The row with values that many give.
    #[must_use]
    pub const fn often(self, common: &'static [&'static str]) -> Self {
        Self { common, ..self }
    }

    /// The row with names for some of its numbers.
    #[must_use]
    pub const fn named(self, names: Names) -> Self {
        let form = match self.form {
            Form::Number { least, most, .. } => Form::Number { least, most, names },
            form => form,
        };
        Self { form, ..self }
    }

    /// The row as an argument of its word.
    #[must_use]
    pub const fn argument(self) -> Self {
        Self {
            role: Role::Argument,
            ..self
        }
    }

    /// The row as an argument of its word, or an option.
    #[must_use]
    pub const fn argument_or_option(self) -> Self {
        Self {
            role: Role::Either,
            ..self
        }
    }

    /// The row as something that the word itself decides.
    #[must_use]
    pub const fn fixed(self) -> Self {
        Self {
            role: Role::Fixed,
            ..self
        }
    }

    /// Whether its value is a link that the kernel keeps by its ifindex.
    pub fn is_device(&self) -> bool {
        matches!(self.form, Form::Device) && !matches!(self.wire, Wire::None)
    }

    /// Whether it can stand in the `#{…}`.
    pub fn is_option(&self) -> bool {
        matches!(self.role, Role::Option | Role::Either)
    }

    /// Whether it can stand as an argument.
    pub fn is_argument(&self) -> bool {
        matches!(self.role, Role::Argument | Role::Either)
    }

    /// The values that can be offered for it.
    pub fn offers(&self) -> impl Iterator<Item = &'static str> {
        self.form.choices().chain(self.common.iter().copied())
    }

    /// The value where nothing is said, if there is one.
    pub fn usual(&self) -> Option<Value> {
        match self.form {
            _ if self.default.is_empty() => None,
            Form::Time { .. } => Some(Value::text(self.default)),
            form => form.of_word(self.default).ok(),
        }
    }

    /// Whether that is the value where nothing is said; an empty list is as good as none.
    pub fn is_usual(&self, value: &Value) -> bool {
        *value == Value::List(Vec::new())
            || self.usual().is_some_and(|usual| self.same(&usual, value))
    }

    /// Whether the kernel has `told` where `asked` was asked for. It counts time in ticks of its clock, and may tell a
    /// hundredth of a second less.
    pub fn same(&self, asked: &Value, told: &Value) -> bool {
        match (self.form, self.form.number(asked), self.form.number(told)) {
            (Form::Time { .. }, Some(asked), Some(told)) => asked == told || asked == told + 1,
            _ => asked == told,
        }
    }

    /// Reads what a script gives for it to `word`.
    pub fn read(&self, word: &str, given: Dynamic) -> Result<Value> {
        self.form.read(word, self.key, given)
    }

    /// Takes it out of the options of `word`.
    pub fn take(&self, word: &str, options: &mut Options) -> Result<Option<Value>> {
        let given = options.take(self.key);
        given.map(|given| self.read(word, given)).transpose()
    }
}

/// The options of a call of `word`, which takes those of the tables.
pub fn options(word: &str, map: Map, tables: &[&[Opt]]) -> Result<Options> {
    let keys: Vec<&str> = tables.iter().flat_map(|table| keys(table)).collect();
    Options::new(word, map, &[&keys])
}

/// The keys of the options in a table.
pub fn keys(table: &[Opt]) -> impl Iterator<Item = &'static str> {
    let options = table.iter().filter(|row| row.is_option());
    options.map(|row| row.key)
}

/// The row of that key.
pub fn row(table: &'static [Opt], key: &str) -> Option<&'static Opt> {
    table.iter().find(|row| row.key == key)
}

/// A value as a message shows it.
pub fn text(value: &Value) -> String {
    match value {
        Value::Text(text) | Value::Lines(text) | Value::Variable(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Flag(on) => on.to_string(),
        Value::List(values) => {
            let values: Vec<String> = values.iter().map(text).collect();
            values.join(",")
        }
        Value::Map(keys) => {
            let keys = keys.iter();
            let keys: Vec<String> = keys
                .map(|(key, value)| format!("{key} {}", text(value)))
                .collect();
            keys.join(" ")
        }
    }
}
