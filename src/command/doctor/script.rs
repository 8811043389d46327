//! Whether this machine can run a script: what its words need of the kernel, and what of that is here.

use std::path::Path;

use super::probe::{Has, Probed};
use super::{Finding, system};
use crate::command::cannot_start;
use crate::dsl::Session;
use crate::dsl::session::Settings;
use crate::engine::files::{self, Started};
use crate::engine::makes::{self, Driver};
use crate::engine::script::Script;
use crate::engine::{Failure, Interpreter, stack};
use crate::sandbox::vm;
use crate::value::shell;

/// A line for each thing that the script needs, and the exit code: 3 where it can't run on this kernel.
pub(super) fn look(file: &Path, probed: &Probed) -> Result<(Vec<Finding>, u8), Failure> {
    let needed = stack::with_room(|| needed(file));
    let (needed, programs) = needed.unwrap_or_else(|error| Err(cannot_start(&error)))?;
    let findings = needed.iter().map(|driver| probed.finding(driver));
    let mut findings: Vec<Finding> = findings.collect();
    let absent: Vec<&str> = programs
        .iter()
        .filter(|(program, _)| !system::program(program))
        .map(|(program, _)| program.as_str())
        .collect();
    findings.extend(programs.iter().map(|(program, (script, line))| {
        let what = format!("program {program}");
        let at = format!("which {script}:{line} starts");
        if absent.contains(&program.as_str()) {
            Finding::bad(what, format!("not here, {at}")).mend("install the package that has it")
        } else {
            Finding::good(what, format!("installed, {at}"))
        }
    }));
    let having = |wanted: Has| {
        let those = needed
            .iter()
            .filter(move |driver| probed.has(driver.name) == wanted);
        those.collect::<Vec<_>>()
    };
    let names = |drivers: &[&Driver]| {
        let names: Vec<&str> = drivers.iter().map(|driver| driver.name).collect();
        names.join(", ")
    };
    let (lacking, untold) = (having(Has::Not), having(Has::Untold));
    let name = shell::path(file);
    if !absent.is_empty() {
        let lacking = lacking.iter().map(|driver| driver.name);
        let missing: Vec<&str> = absent.into_iter().chain(lacking).collect();
        let text = format!("it can't run here for want of {}", missing.join(", "));
        let line = format!("install the programs, then `ipvsh doctor {name}` once more");
        findings.push(Finding::bad("verdict", text).mend(line));
        return Ok((findings, 3));
    }
    if lacking.is_empty() && !untold.is_empty() {
        let text = format!("whether it can run is not known for {}", names(&untold));
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
    let missing = names(&lacking);
    let verdict = Finding::bad(
        "verdict",
        format!("it can't run on this kernel for want of {missing}"),
    );
    findings.push(match vm::means(None) {
        Ok(means) if lacking.iter().all(|driver| means.has_module(driver.module)) => verdict.mend(
            format!("`ipvsh --sandbox=vm {name}`: the micro-VM has them"),
        ),
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

/// What the script needs of a kernel, and which programs it starts, where.
fn needed(file: &Path) -> Result<(Vec<Driver>, Started), Failure> {
    let script = Script::read(file).map_err(Failure::usage)?;
    let interpreter = Interpreter::new(Session::new(Settings::default()));
    let drivers = makes::drivers(&interpreter, &script)?;
    let scripts = files::needed(&interpreter, &script)?;
    Ok((drivers, files::started(&interpreter, &scripts)))
}
