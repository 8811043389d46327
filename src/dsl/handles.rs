//! The types that scripts hold besides those of Rhai: each is named once, with how it shows.
//!
//! A new one is a line in [`HANDLES`]: the engine, the manual, errors, printing and completion read it there.

use std::any::TypeId;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;

use rhai::{Dynamic, Engine, Variant};

use super::Session;
use super::acts::capture::{self, Capture};
use super::acts::latency::{self, Latency};
use super::acts::listen::{self, Server};
use super::acts::mesh::{self, Mesh};
use super::acts::path::{self, PathReport};
use super::acts::ping::{self, PingReport};
use super::acts::process::{self, Process};
use super::acts::throughput::{self, Throughput};
use super::acts::why::{self, Explanation};
use super::handle::{Link, Netns};
use super::objects::addr::Address;
use super::objects::neighbor::Neighbor;
use super::objects::nexthop::Nexthop;
use super::objects::route::Route;
use super::objects::rule::Rule;
use super::objects::{link, netns};
use super::script::random::{self, RandomSource};
use crate::net::namespace::Id;
use crate::view::value::Value;

/// What there is to ask while a value is shown.
#[derive(Clone, Copy)]
pub(crate) struct Showing<'a> {
    /// Knows how the links are now.
    pub(crate) session: Option<&'a Rc<Session>>,
    /// The processes of each namespace, looked up for the first namespace that shows its own.
    pub(crate) processes: Option<&'a OnceCell<HashMap<Id, Vec<u32>>>>,
    /// Whether it is all that is shown, on a line of its own: then it may be asked for more.
    pub(crate) is_alone: bool,
}

/// A type of handle.
#[derive(Debug)]
pub struct HandleType {
    /// What scripts and the manual call it.
    pub name: &'static str,
    id: fn() -> TypeId,
    register: fn(&mut Engine, &str, Same),
    show: fn(Showing<'_>, &Dynamic) -> Option<Value>,
}

macro_rules! handle {
    ($type:ident, $show:expr) => {
        HandleType {
            name: stringify!($type),
            id: TypeId::of::<$type>,
            register: register::<$type>,
            show: |showing, value| {
                let show: fn(Showing<'_>, &$type) -> Value = $show;
                value.read_lock::<$type>().map(|one| show(showing, &one))
            },
        }
    };
}

/// Every type of handle.
pub const HANDLES: &[HandleType] = &[
    handle!(Netns, |showing, netns| netns::show(
        netns,
        showing.processes
    )),
    handle!(Link, |showing, link| link::show(showing, link)),
    handle!(Address, |_, address| address.show()),
    handle!(Route, |_, route| route.show()),
    handle!(Nexthop, |_, nexthop| nexthop.show()),
    handle!(Rule, |_, rule| rule.show()),
    handle!(Neighbor, |_, neighbor| neighbor.show()),
    handle!(PingReport, |_, report| ping::show(report)),
    handle!(Mesh, |_, mesh| mesh::show(mesh)),
    handle!(PathReport, |_, report| path::show(report)),
    handle!(Throughput, |_, found| throughput::show(found)),
    handle!(Latency, |_, found| latency::show(found)),
    handle!(Explanation, |_, found| why::show(found)),
    handle!(Process, |showing, process| process::show(
        showing.session,
        process
    )),
    handle!(Capture, |showing, capture| capture::show(
        showing.session,
        capture
    )),
    handle!(Server, |_, server| listen::show(server)),
    handle!(RandomSource, |_, random| random::show(random)),
];

/// Whether two handles of one type stand for the same.
type Same = fn(&Dynamic, &Dynamic) -> bool;

fn register<T: Variant + Clone>(engine: &mut Engine, name: &str, same: Same) {
    engine.register_type_with_name::<T>(name);
    let same = move |one: T, other: T| same(&Dynamic::from(one), &Dynamic::from(other));
    engine.register_fn("==", same);
    engine.register_fn("!=", move |one: T, other: T| !same(one, other));
}

/// Whether two handles stand for the same object of the kernel, or have the same to show.
fn is_same(one: &Dynamic, other: &Dynamic) -> bool {
    let netns = one.read_lock::<Netns>().zip(other.read_lock::<Netns>());
    if let Some((one, other)) = netns {
        return one.namespace().id() == other.namespace().id();
    }
    let link = one.read_lock::<Link>().zip(other.read_lock::<Link>());
    if let Some((one, other)) = link {
        let id = |link: &Link| (link.netns().namespace().id(), link.index());
        return id(&one) == id(&other);
    }
    let showing = Showing {
        session: None,
        processes: None,
        is_alone: false,
    };
    show(showing, one) == show(showing, other)
}

/// Names the types of handles in `engine`.
pub(crate) fn register_all(engine: &mut Engine) {
    for handle in HANDLES {
        (handle.register)(engine, handle.name, is_same);
    }
}

/// The name of the type of handle that `id` is.
pub(crate) fn name_of(id: TypeId) -> Option<&'static str> {
    let mut handles = HANDLES.iter();
    let found = handles.find(|handle| (handle.id)() == id)?;
    Some(found.name)
}

/// What there is to show of a handle; nothing where `value` is none.
pub(crate) fn show(showing: Showing<'_>, value: &Dynamic) -> Option<Value> {
    let id = value.type_id();
    let mut handles = HANDLES.iter();
    let found = handles.find(|handle| (handle.id)() == id)?;
    (found.show)(showing, value)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rhai::{FnPtr, ImmutableString};

    use super::*;
    use crate::dsl::topics::TOPICS;
    use crate::value::options::type_in_words;

    #[test]
    fn every_type_that_a_word_takes_is_one_of_rhai_or_a_handle() {
        let mut unknown = HashSet::new();
        let rhai = [
            TypeId::of::<ImmutableString>(),
            TypeId::of::<&str>(),
            TypeId::of::<String>(),
            TypeId::of::<i64>(),
            TypeId::of::<f64>(),
            TypeId::of::<bool>(),
            TypeId::of::<rhai::Array>(),
            TypeId::of::<rhai::Map>(),
            TypeId::of::<FnPtr>(),
            TypeId::of::<Dynamic>(),
            TypeId::of::<std::ops::Range<i64>>(),
            TypeId::of::<std::ops::RangeInclusive<i64>>(),
        ];
        for topic in TOPICS {
            topic.words.for_each_fn(true, &mut |entry| {
                entry.with_param_types(&mut |types| {
                    let known = |id: &TypeId| rhai.contains(id) || name_of(*id).is_some();
                    if !types.iter().all(known) {
                        unknown.insert(entry.name());
                    }
                });
            });
        }
        assert_eq!(unknown, HashSet::new(), "their types are not in HANDLES");
    }

    #[test]
    fn errors_call_a_handle_by_its_name_in_words() {
        let words: Vec<String> = HANDLES
            .iter()
            .map(|handle| type_in_words(handle.name))
            .collect();
        assert_eq!(
            words,
            [
                "a namespace",
                "a link",
                "an address",
                "a route",
                "a nexthop",
                "a rule",
                "a neighbor",
                "a ping report",
                "a mesh",
                "a path report",
                "a throughput",
                "a latency",
                "an explanation",
                "a process",
                "a capture",
                "a server",
                "a random source"
            ]
        );
        assert_eq!(type_in_words("ipvsh::dsl::acts::mesh::Mesh"), "a mesh");
    }
}
