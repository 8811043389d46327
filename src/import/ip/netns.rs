//! `ip netns`.

use super::{Outcome, Words, verb};
use crate::import::tools;
use crate::steps::{Act, Call, Place, Step};

const OF_NETNS: &[&str] = &[
    "list", "show", "lst", "list-id", "help", "add", "set", "delete", "identify", "pids", "exec",
    "monitor", "attach",
];

pub(super) fn command(mut words: Words, place: &Place) -> Outcome {
    let at = |name: &str, act| {
        vec![Step {
            place: Some(name.to_owned()),
            act,
        }]
    };
    match verb(&mut words, OF_NETNS)? {
        "add" => Ok(at(words.value("add")?, Act::MakeNetns)),
        "delete" => Ok(at(words.value("delete")?, Act::DeleteNetns)),
        "show" => Ok(vec![Step {
            place: None,
            act: Act::ShowFree(Call::new("namespaces", [])),
        }]),
        "exec" => {
            let name = words.value("exec")?;
            // Within another namespace, too: names are the same everywhere.
            let _ = place;
            tools::command(words.0, &Some(name.to_owned()))
        }
        other => Err(format!("`ip netns {other}` is not known here")),
    }
}
