//! A script's own help: what it says about itself, and its parameters.

use super::Parameter;
use crate::dsl::script::print;

/// The help of the script `name`, whose head says `head`.
pub fn help(name: &str, head: &str, parameters: &[Parameter]) -> String {
    let mut parts = Vec::new();
    if !head.is_empty() {
        parts.push(head.to_owned());
    }
    let usage = if parameters.is_empty() {
        String::new()
    } else {
        " [--PARAMETER VALUE]…".to_owned()
    };
    parts.push(format!("Usage: ipvsh {name}{usage}"));
    if !parameters.is_empty() {
        parts.push(format!("Parameters:\n{}", table(parameters)));
    }
    parts.join("\n\n")
}

fn table(parameters: &[Parameter]) -> String {
    let left: Vec<_> = parameters
        .iter()
        .map(|one| match one.kind {
            super::Kind::Bool => format!("--{}", one.name),
            kind => format!("--{} {}", one.name, kind.name().to_uppercase()),
        })
        .collect();
    let width = left.iter().map(String::len).max().unwrap_or_default();
    let lines: Vec<_> = parameters
        .iter()
        .zip(left)
        .map(|(one, left)| {
            let default = match &one.default {
                Some(default) => format!("[default: {}]", print::value(None, default).literal()),
                None => "[required]".to_owned(),
            };
            let bounds = one.bounds.in_words();
            let said = [one.help.as_str(), bounds.as_str()];
            let said = said.into_iter().filter(|part| !part.is_empty());
            let said: String = said.collect::<Vec<_>>().join("; ");
            let gap = if said.is_empty() { "" } else { "  " };
            format!("  {left:width$}  {said}{gap}{default}")
        })
        .collect();
    lines.join("\n")
}
