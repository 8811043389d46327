//! What this process may do: its capabilities, and what to type where one is missing.

use nix::unistd::geteuid;
use rustix::thread::{CapabilitySet, capabilities};

/// The capabilities that words need of the kernel, with their names.
const NEEDED: [(CapabilitySet, &str); 3] = [
    (CapabilitySet::SYS_ADMIN, "CAP_SYS_ADMIN"),
    (CapabilitySet::NET_ADMIN, "CAP_NET_ADMIN"),
    (CapabilitySet::NET_RAW, "CAP_NET_RAW"),
];

/// The names of the capabilities that ipvsh needs and this process does not have.
pub(crate) fn missing() -> Vec<&'static str> {
    // Asked of the kernel itself: a container may well have no `/proc`.
    let Ok(sets) = capabilities(None) else {
        return Vec::new();
    };
    let missing = NEEDED
        .iter()
        .filter(|(one, _)| !sets.effective.contains(*one));
    missing.map(|(_, name)| *name).collect()
}

/// What to type where the kernel said that something is not permitted.
///
/// Who is not root is told to become it. A root without its powers, as in a container, is told which are missing and where they
/// come from.
pub(crate) fn hint() -> String {
    if !geteuid().is_root() {
        return "run it as root, or in a throw-away place with --sandbox".to_owned();
    }
    let missing = missing();
    if missing.is_empty() {
        return "this root has all capabilities: a security profile (seccomp, AppArmor, SELinux) or the owner of a user namespace forbids it; --sandbox=vm needs neither".to_owned();
    }
    let flags: Vec<String> = missing
        .iter()
        .map(|name| format!("--cap-add {}", name.trim_start_matches("CAP_")))
        .collect();
    let profile = if missing.contains(&"CAP_SYS_ADMIN") {
        " --security-opt apparmor=unconfined"
    } else {
        ""
    };
    format!(
        "this root lacks {}: start the container with `{}{profile}` or `--privileged`, or run it with --sandbox=vm",
        in_words(&missing),
        flags.join(" ")
    )
}

/// The names as a sentence has them: `A, B and C`.
fn in_words(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_joined_as_in_a_sentence() {
        assert_eq!(in_words(&["A"]), "A");
        assert_eq!(in_words(&["A", "B", "C"]), "A, B and C");
    }
}
