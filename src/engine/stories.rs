//! The stories of the folder `scripts`, which are part of the program.

use crate::engine::script::Script;

/// All of them, by their names, each with its text.
pub const ALL: &[(&str, &str)] = &[
    ("container", include_str!("../../scripts/container.rhai")),
    ("dual-stack", include_str!("../../scripts/dual-stack.rhai")),
    ("failover", include_str!("../../scripts/failover.rhai")),
    ("fleet", include_str!("../../scripts/fleet.rhai")),
    ("l2", include_str!("../../scripts/l2.rhai")),
    ("l3", include_str!("../../scripts/l3.rhai")),
    (
        "l3-step-by-step",
        include_str!("../../scripts/l3-step-by-step.rhai"),
    ),
    ("l3s", include_str!("../../scripts/l3s.rhai")),
    ("leaf-spine", include_str!("../../scripts/leaf-spine.rhai")),
    (
        "macvlan-or-ipvlan",
        include_str!("../../scripts/macvlan-or-ipvlan.rhai"),
    ),
    ("modes", include_str!("../../scripts/modes.rhai")),
    ("router", include_str!("../../scripts/router.rhai")),
    ("trunk", include_str!("../../scripts/trunk.rhai")),
    ("vrf", include_str!("../../scripts/vrf.rhai")),
];

/// The story of that name.
pub fn named(name: &str) -> Option<Script> {
    let (known, text) = ALL.iter().find(|(known, _)| *known == name)?;
    Some(Script::new(&format!("{known}.rhai"), text))
}

/// What a story is about: the first line of its head.
pub fn title(text: &str) -> &str {
    let first = text.lines().next().unwrap_or_default();
    first.strip_prefix("//!").unwrap_or(first).trim()
}
