//! An explanation, as scripts see it printed.

use super::{Explanation, Found};
use crate::view::ladder::{self, Rung};
use crate::view::value::{Handle, Value};

/// The ladder.
pub(super) fn drawn(found: &Found, color: bool) -> String {
    let rungs: Vec<Rung> = found
        .verdict
        .rungs
        .iter()
        .map(|rung| Rung {
            spot: &rung.spot,
            address: &rung.address,
            is_good: rung.is_good,
            text: &rung.text,
        })
        .collect();
    let mend = found
        .verdict
        .cause
        .as_ref()
        .and_then(|cause| cause.mend.as_deref());
    ladder::draw(&found.title, &rungs, mend, color)
}

/// What there is to show of it.
pub(crate) fn show(why: &Explanation) -> Value {
    let found = &why.0;
    let cause = found.verdict.cause.as_ref();
    let text = |text: Option<&str>| text.map_or(Value::Nothing, Value::text);
    let list = |texts: &[String]| Value::List(texts.iter().map(Value::text).collect());
    let path = found.path.iter().map(|[netns, link, address]| {
        Value::Map(vec![
            ("netns".to_owned(), Value::text(netns)),
            ("link".to_owned(), Value::text(link)),
            ("address".to_owned(), Value::text(address)),
        ])
    });
    let sentence = cause.map_or("reached", |cause| cause.text.as_str());
    Value::Handle(Box::new(Handle {
        name: format!("{}: {sentence}", found.title),
        line: drawn(found, false),
        cells: vec![
            ("pair", found.title.clone()),
            ("reached", found.verdict.is_reached.to_string()),
            (
                "cause",
                cause.map(|cause| cause.text.clone()).unwrap_or_default(),
            ),
            (
                "mend",
                cause
                    .and_then(|cause| cause.mend.clone())
                    .unwrap_or_default(),
            ),
        ],
        fields: vec![
            ("reached", Value::word(found.verdict.is_reached)),
            ("cause", text(cause.map(|cause| cause.text.as_str()))),
            ("sort", text(cause.map(|cause| cause.sort))),
            ("at", text(found.at.as_deref())),
            ("evidence", list(cause.map_or(&[], |cause| &cause.evidence))),
            ("mend", text(cause.and_then(|cause| cause.mend.as_deref()))),
            ("path", Value::List(path.collect())),
            ("ruled_out", list(&found.verdict.ruled_out)),
        ],
    }))
}
