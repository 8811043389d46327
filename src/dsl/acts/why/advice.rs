//! What `why` says in the failure of another word: a sentence, and what to type.

use std::net::IpAddr;
use std::rc::Rc;

use rhai::Map;
use rhai::plugin::Dynamic;

use super::why;
use crate::dsl::Session;
use crate::dsl::acts::ping;
use crate::error::Kind;
use crate::value::escape::literal;

/// The options of `why` that say what is sent, which other words have, too.
const SENT: [&str; 7] = [
    ping::SIZE.key,
    ping::TTL.key,
    ping::SOURCE.key,
    ping::IFACE.key,
    ping::DF.key,
    ping::MARK.key,
    ping::TOS.key,
];

/// Those options of another word that say what is sent.
fn asked_alike(options: &Map) -> Map {
    let sent = options
        .iter()
        .filter(|(key, _)| SENT.contains(&key.as_str()));
    sent.map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// What a script types to ask the same of what another word sent.
pub(crate) fn call(from: &str, to: &str, options: &Map) -> String {
    let mut words: Vec<String> = Vec::new();
    for (key, value) in asked_alike(options) {
        let value = if value.is_int() || value.is_bool() {
            value.to_string()
        } else {
            literal(&ping::named(&value))
        };
        words.push(format!("{key}: {value}"));
    }
    let (from, to) = (literal(from), literal(to));
    if words.is_empty() {
        format!("why({from}, {to})")
    } else {
        format!("why({from}, {to}, #{{{}}})", words.join(", "))
    }
}

/// What stops packets from `from` to `to`, for the failure of another word: a sentence, and the line that mends it.
pub(crate) fn in_short(
    session: &Rc<Session>,
    from: &Dynamic,
    to: &Dynamic,
    options: &Map,
) -> Option<(String, Option<String>)> {
    let mut quiet = asked_alike(options);
    quiet.insert(ping::QUIET.key.into(), true.into());
    match why(session, from, to, quiet) {
        Ok(found) => {
            let cause = found.0.verdict.cause.as_ref()?;
            Some((cause.text.clone(), cause.mend.clone()))
        }
        Err(error) if error.kind == Kind::NotFound => Some((error.cause, error.hint)),
        Err(_) => None,
    }
}

/// The same of `from`, which a script calls `name`, and an address that does not answer: a sentence, and what to type.
pub(crate) fn advice(
    session: &Rc<Session>,
    from: &Dynamic,
    name: &str,
    to: IpAddr,
    options: &Map,
) -> (String, String) {
    let to = to.to_string();
    let found = in_short(session, from, &to.clone().into(), options);
    said(found, name, &to, options)
}

/// The same of two ends as a script gives them.
pub(crate) fn advice_between(
    session: &Rc<Session>,
    from: &Dynamic,
    to: &Dynamic,
    options: &Map,
) -> (String, String) {
    let found = in_short(session, from, to, options);
    said(found, &ping::named(from), &ping::named(to), options)
}

fn said(
    found: Option<(String, Option<String>)>,
    from: &str,
    to: &str,
    options: &Map,
) -> (String, String) {
    let call = call(from, to, options);
    let hint = || format!("{call} shows how far the packets come");
    match found {
        Some((cause, mend)) => (cause, mend.unwrap_or_else(hint)),
        None => (format!("{from} gets no answer from {to}"), hint()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_asks_of_what_another_word_has_sent() {
        let mut options = Map::from([("count".into(), 1.into()), ("timeout".into(), "1s".into())]);
        assert_eq!(call("a", "10.0.2.2", &options), r#"why("a", "10.0.2.2")"#);
        options.insert("size".into(), 1450.into());
        options.insert("df".into(), true.into());
        options.insert("iface".into(), "e0".into());
        assert_eq!(
            call("a", "10.0.2.2", &options),
            r#"why("a", "10.0.2.2", #{df: true, iface: "e0", size: 1450})"#
        );
    }
}
