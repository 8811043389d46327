//! Whether this machine can run a script: what its words need of the kernel, and what of that is here.

use std::path::Path;

use super::Finding;
use super::probe::{BESIDE, Has, Probed};
use crate::command::cannot_start;
use crate::dsl::Session;
use crate::dsl::kinds::kind;
use crate::dsl::session::Settings;
use crate::engine::script::Script;
use crate::engine::{Failure, Interpreter, calls, files, stack};
use crate::sandbox::vm;
use crate::value::shell;

/// Words that need something of the kernel that another word is called after.
const ALIKE: [(&str, &str); 6] = [
    ("drop", "nft"),
    ("reject", "nft"),
    ("accept", "nft"),
    ("masquerade", "nft"),
    ("nat", "nft"),
    ("impair", "netem"),
];

/// A line for each thing that the script needs, and the exit code: 3 where it can't run on this kernel.
pub(super) fn look(file: &Path, probed: &Probed) -> Result<(Vec<Finding>, u8), Failure> {
    let words = stack::with_room(|| called(file));
    let words = words.unwrap_or_else(|error| Err(cannot_start(&error)))?;
    let kinds = kind::all().map(|kind| (kind.word, kind.module, kind.config));
    let beside = BESIDE
        .iter()
        .map(|(word, module, config, _)| (*word, *module, *config));
    let is_called = |word: &str| {
        let alike = ALIKE.iter().filter(|(_, other)| *other == word);
        let mut names = alike.map(|(name, _)| *name).chain([word]);
        names.any(|name| words.iter().any(|called| called == name))
    };
    let needed: Vec<_> = kinds
        .chain(beside)
        .filter(|(word, ..)| is_called(word))
        .collect();
    let mut findings: Vec<Finding> = needed
        .iter()
        .map(|(word, module, config)| probed.finding(word, module, config))
        .collect();
    let lacking: Vec<_> = needed
        .iter()
        .filter(|(word, ..)| probed.has(word) == Has::Not)
        .collect();
    let name = shell::path(file);
    let untold = needed
        .iter()
        .filter(|(word, ..)| probed.has(word) == Has::Untold);
    let untold: Vec<&str> = untold.map(|(word, ..)| *word).collect();
    if lacking.is_empty() && !untold.is_empty() {
        let text = format!("whether it can run is not known for {}", untold.join(", "));
        let line = format!("`ipvsh doctor --try {name}` asks the kernel");
        findings.push(Finding::open("verdict", text).mend(line));
        return Ok((findings, 0));
    }
    if lacking.is_empty() {
        let text = "this kernel has all that its words need";
        findings.push(match &probed.refused {
            None => Finding::good("verdict", text).mend(format!("`ipvsh --sandbox=ns {name}`")),
            Some(_) => Finding::good("verdict", text).mend(format!("`sudo ipvsh {name}`")),
        });
        return Ok((findings, 0));
    }
    let missing: Vec<&str> = lacking.iter().map(|(word, ..)| *word).collect();
    let missing = missing.join(", ");
    let verdict = Finding::bad(
        "verdict",
        format!("it can't run on this kernel for want of {missing}"),
    );
    findings.push(match vm::means() {
        Ok(means)
            if lacking
                .iter()
                .all(|(_, module, _)| means.has_module(module)) =>
        {
            verdict.mend(format!(
                "`ipvsh --sandbox=vm {name}`: the micro-VM has them"
            ))
        }
        Ok(means) => verdict.mend(format!(
            "nor has the kernel of the micro-VM, {}, all of them",
            means.release
        )),
        Err(_) => {
            verdict.mend("`ipvsh vm install` gets a micro-VM, which has what most scripts need")
        }
    });
    Ok((findings, 3))
}

/// The words that the script and its modules call, and those that the functions of the standard library call for them.
fn called(file: &Path) -> Result<Vec<String>, Failure> {
    let script = Script::read(file).map_err(Failure::usage)?;
    let interpreter = Interpreter::new(Session::new(Settings::default()));
    let mut words = Vec::new();
    for (name, text) in files::needed(&interpreter, &script)? {
        let script = Script::new(&name, &text);
        let ast = interpreter.compile(&script, &Interpreter::scope_of_names())?;
        words.extend(calls::called(&ast));
    }
    words.sort_unstable();
    words.dedup();
    Ok(words)
}
