//! How a link that is there differs from what is asked of its kind.

use rtnetlink::packet_route::link::InfoData;

use super::{Opt, row, wire};
use crate::net::attributes::attributes_of;
use crate::steps::Value;

/// An option that a link has otherwise.
#[derive(Debug)]
pub struct Differing<'a> {
    /// Its key.
    pub key: &'a str,
    /// What the link has, where it tells it.
    pub there: Option<Value>,
    /// What is asked.
    pub asked: &'a Value,
}

/// What of `asked` the link has otherwise, of which the kernel tells `data`.
pub fn differing<'a, K: AsRef<str>>(
    table: &'static [Opt],
    asked: &'a [(K, Value)],
    data: Option<&InfoData>,
) -> Vec<Differing<'a>> {
    let told = data.map(|data| wire::decode(table, &attributes_of(data)));
    let told = told.unwrap_or_default();
    let differs = |(key, asked): &'a (K, Value)| {
        let key = key.as_ref();
        let there = told.iter().find(|(known, _)| known.key == key);
        let there = there.map(|(_, there)| there);
        let is_same = match (row(table, key), there) {
            (Some(row), Some(there)) => row.same(asked, there),
            // A kernel that can't do something tells nothing of it: that is as off as can be.
            _ => [Value::List(Vec::new()), Value::Flag(false)].contains(asked),
        };
        (!is_same).then(|| Differing {
            key,
            there: there.cloned(),
            asked,
        })
    };
    asked.iter().filter_map(differs).collect()
}
