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
    let near = nearest(name, names.iter().copied());
    // Of two that are equally near neither is likelier.
    let is_likely = near == nearest(name, names.iter().rev().copied());
    Err(match near.filter(|_| is_likely) {
        Some(near) => error.hint(format!("did you mean \"{near}\"?")),
        None => error.hint(format!("write \"{}\"", names.join("\" or \""))),
    })
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
}
