//! A choice among names: modes, flags, protocols.

use crate::error::{Error, Result, nearest};

/// What `name` stands for among `known`: the `what` of a `whose`, as the mode of a macvlan.
///
/// Fails with `invalid`, all names there are, and the nearest.
pub fn choose<T: Copy>(
    whose: &str,
    what: &str,
    name: &str,
    known: &[(&'static str, T)],
) -> Result<T> {
    if let Some((_, choice)) = known.iter().find(|(known, _)| *known == name) {
        return Ok(*choice);
    }
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    let error = Error::invalid(format!("{whose} has no {what} `{name}`")).note(format!(
        "{}: {}",
        plural(what),
        names.join(", ")
    ));
    Err(match meant(name, &names) {
        Some(near) => error.hint(format!("did you mean \"{near}\"?")),
        None => error.hint(format!("write \"{}\"", names.join("\" or \""))),
    })
}

/// The one of `names` that `typed` begins, or else is nearest to. Of two that are as likely neither is meant.
fn meant<'a>(typed: &str, names: &[&'a str]) -> Option<&'a str> {
    let mut begun = names
        .iter()
        .filter(|name| typed.len() > 1 && name.starts_with(typed));
    if let (Some(name), None) = (begun.next(), begun.next()) {
        return Some(name);
    }
    let near = nearest(typed, names.iter().copied());
    near.filter(|_| near == nearest(typed, names.iter().rev().copied()))
}

fn plural(what: &str) -> String {
    match what.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_none_is_refused_with_those_that_are() {
        let known = [("l2", 0), ("l3", 1)];
        assert_eq!(choose("ipvlan", "mode", "l3", &known).unwrap(), 1);
        let error = choose("ipvlan", "mode", "l4", &known).unwrap_err();
        assert_eq!(error.to_string(), "ipvlan has no mode `l4`");
        assert_eq!(error.notes, ["modes: l2, l3"]);
        assert_eq!(error.hint.as_deref(), Some("write \"l2\" or \"l3\""));
        let error = choose("ipvlan", "mode", "l22", &known).unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("did you mean \"l2\"?"));
    }

    #[test]
    fn the_beginning_of_one_name_means_it() {
        let known = [("802.3ad", 0), ("balance-rr", 1), ("balance-xor", 2)];
        let hint = |name| choose("bond", "mode", name, &known).unwrap_err().hint;
        assert_eq!(hint("802.3").as_deref(), Some("did you mean \"802.3ad\"?"));
        let all = "write \"802.3ad\" or \"balance-rr\" or \"balance-xor\"";
        assert_eq!(hint("balance").as_deref(), Some(all));
    }
}
