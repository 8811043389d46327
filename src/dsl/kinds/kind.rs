//! Kinds of link: how each is called, which driver makes it, and what its word can be given.

use rtnetlink::packet_route::link::InfoData;

use crate::dsl::kinds::ALL;
use crate::dsl::kinds::make::Fact;
use crate::error::{self, Error};

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
    /// The keys of its options, besides those that every link takes.
    pub keys: &'static [&'static str],
    /// Whether two of them are made at once, each the far end of the other.
    pub is_pair: bool,
    /// The fact that stands behind the name as an argument, where there is one.
    pub argument: Option<&'static str>,
    /// What a link of the kind is like, in words; the keys are those of its options.
    pub facts_of: fn(&InfoData) -> Vec<Fact>,
    /// What one has of which nothing is said: facts, and settings where most kinds have others.
    pub usual: &'static [(&'static str, &'static str)],
}

impl Kind {
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
                "load it with `modprobe {module}`, or run with --sandbox=vm"
            ))
    }
}

/// Every kind there is a word for.
pub fn all() -> impl Iterator<Item = &'static Kind> {
    ALL.iter().copied().flatten()
}

/// The kind that `word` makes.
pub fn of_word(word: &str) -> Option<&'static Kind> {
    all().find(|kind| kind.word == word)
}

/// The kind that `ip -d link` calls `name`.
pub fn named(name: &str) -> Option<&'static Kind> {
    all().find(|kind| kind.name == name)
}

/// The facts of a kind that has no options.
pub(crate) fn without_facts(_: &InfoData) -> Vec<Fact> {
    Vec::new()
}

/// Whether a link of the kind `name` has a far end in the place of a parent.
pub fn is_pair(name: &str) -> bool {
    named(name).is_some_and(|kind| kind.is_pair)
}
