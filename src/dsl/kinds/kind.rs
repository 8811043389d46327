//! Kinds of link: how each is called, which driver makes it, and what its word can be given.

use rtnetlink::packet_route::link::InfoData;

use crate::dsl::kinds::ALL;
use crate::dsl::kinds::attributes;
use crate::dsl::kinds::make::Fact;
use crate::error::{self, Error};
use crate::schema::{self, Opt};

/// A kind of link that a word makes.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The word that makes one.
    pub word: &'static str,
    /// The kind, as `ip -d link` prints it.
    pub name: &'static str,
    /// The kernel module of its driver.
    pub module: &'static str,
    /// The option that the kernel is built with to have it.
    pub config: &'static str,
    /// What one can be given, besides what every link takes.
    pub table: &'static [Opt],
    /// Whether two of them are made at once, each the far end of the other.
    pub is_pair: bool,
    /// The settings that every link has, where one of this kind has others than most.
    pub settings: &'static [(&'static str, &'static str)],
    /// How its options are changed in a link that is there.
    pub change: Change,
}

/// How the kernel is asked to change options of a link that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// What is not said stays as it is; these keys can't be changed.
    Said(&'static [&'static str]),
    /// What is not said gets its usual value, so that all of it is said.
    Whole,
    /// None of them, or by another word; what to type instead.
    Never(&'static str),
}

impl Kind {
    /// What a link of the kind is like: the keys of its rows, and their values.
    pub fn facts(&self, data: &InfoData) -> Vec<Fact> {
        attributes::facts(data, self.table)
    }

    /// The row of that key.
    pub fn row(&self, key: &str) -> Option<&'static Opt> {
        schema::row(self.table, key)
    }

    /// Whether the value of `key` is a link of the same namespace.
    pub fn names_device(&self, key: &str) -> bool {
        self.row(key).is_some_and(Opt::is_device)
    }

    /// Whether it names links of the same namespace that it hangs on, in its options.
    pub fn has_devices(&self) -> bool {
        self.table.iter().any(Opt::is_device)
    }

    /// The error for a kernel that has no driver for it.
    pub(crate) fn lacks_driver(&self, error: Error) -> Error {
        let Self {
            name,
            module,
            config,
            ..
        } = self;
        error
            .kind(error::Kind::Unsupported)
            .cause(format!(
                "this kernel has no {name} driver (module `{module}`, {config})"
            ))
            .hint(format!(
                "load it with `modprobe {module}`, or {}",
                elsewhere(name)
            ))
    }
}

/// Where there is what this kernel has none of, by its name. The default kernel of the micro-VM may be one of Linux 6.1.
pub(crate) fn elsewhere(name: &str) -> &'static str {
    match name {
        "netkit" => "run with --sandbox=vm --kernel 6.12: Linux has it since 6.7",
        _ => "run with --sandbox=vm",
    }
}

/// Every kind there is a word for.
pub fn all() -> impl Iterator<Item = &'static Kind> {
    ALL.iter().copied().flatten()
}

/// What a link of the kind that `ip -d link` calls `name` can be given.
pub fn table_of(name: &str) -> &'static [Opt] {
    named(name).map_or(&[], |kind| kind.table)
}

/// The kind that `word` makes.
pub fn of_word(word: &str) -> Option<&'static Kind> {
    all().find(|kind| kind.word == word)
}

/// The kind that `ip -d link` calls `name`.
pub fn named(name: &str) -> Option<&'static Kind> {
    all().find(|kind| kind.name == name)
}

/// Whether a link of the kind `name` has a far end in the place of a parent.
pub fn is_pair(name: &str) -> bool {
    named(name).is_some_and(|kind| kind.is_pair)
}

#[cfg(test)]
mod tests {
    use rtnetlink::packet_route::link::InfoKind;

    use super::*;
    use crate::net::driver;

    #[test]
    fn the_plan_asks_for_the_module_that_a_kind_names() {
        for kind in all() {
            let module = driver::module_of(&InfoKind::from(kind.name));
            assert_eq!(module, kind.module, "{}", kind.word);
        }
    }
}
