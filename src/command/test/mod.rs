//! `ipvsh test`: runs the tests of labs.
//!
//! One process reads what there is to run and tells how it goes ([`found`], [`pool`], [`tell`]). Each test runs in a process of its
//! own ([`child`], [`worker`]), which enters a private place and tells what came of it. Tests that need what this kernel does not
//! have run in one micro-VM, where this program does the same and tells its events as JSON.

mod child;
mod done;
mod found;
mod matrix;
mod pool;
mod processes;
mod tell;
mod watch;
mod worker;

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use super::line::{Options, Place, Test};
use super::sandbox::{failure, no_kernel_of_its_own};
use super::{cannot_start, output};
use crate::engine::files::Needs;
use crate::engine::{Failure, Reason, stack};
use crate::sandbox::vm;
use crate::view::error::Report;

use done::{Item, Kernel};
use pool::Pool;
use tell::Teller;
use worker::Task;

/// Runs the tests that the command line names.
pub(super) fn test(asked: &Test, options: &Options) -> Result<u8, Failure> {
    // First, as private places are entered by a process of one thread.
    if let Some(name) = &asked.one {
        let (file, name, row) = parts(name);
        if asked.keep {
            return worker::enter(Path::new(file), name, row, options);
        }
        return worker::run(&Task::Test(Path::new(file), name, row), options);
    }
    if let Some(file) = &asked.rows {
        return worker::run(&Task::Rows(file), options);
    }
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        flag::register(signal, interrupted.clone())
            .map_err(|error| tell::broken("watch for signals", &error))?;
    }
    let found = stack::with_room(|| found::all(asked, &interrupted));
    let (items, needed) = found.unwrap_or_else(|error| Err(cannot_start(&error)))?;
    if asked.inside {
        return in_vm(asked, options, needed);
    }
    if asked.watch {
        let arguments = std::env::args_os().skip(1);
        let arguments: Vec<OsString> = arguments.filter(|one| one != "--watch").collect();
        return watch::run(&arguments, &needed.files, &interrupted);
    }
    if asked.list {
        let code = tell::list(&items, options);
        return Ok(if items.is_empty() { 5 } else { code });
    }
    run(&items, needed, asked, options, &interrupted)
}

/// What `FILE::TEST[ROW]` says, with the number of the row.
fn parts(name: &str) -> (&str, &str, Option<usize>) {
    let (file, test) = name.rsplit_once("::").unwrap_or((name, ""));
    let row = test.split_once('[').and_then(|(test, row)| {
        let row = row.strip_suffix(']')?.parse().ok()?;
        Some((test, row))
    });
    match row {
        Some((test, row)) => (file, test, Some(row)),
        None => (file, test, None),
    }
}

fn run(
    items: &[Item],
    needed: Needs,
    asked: &Test,
    options: &Options,
    interrupted: &AtomicBool,
) -> Result<u8, Failure> {
    let start = Instant::now();
    let pool = Pool {
        asked,
        options,
        interrupted,
    };
    let kernels = kernels(asked, options)?;
    let mut teller = Teller::new(items, &kernels, asked, options);
    let mut hear = |index, done| {
        teller.hear(index, done);
        if teller.is_closed() {
            interrupted.store(true, Ordering::Relaxed);
        }
    };
    let place = if vm::is_guest() {
        Some(Place::Ns)
    } else {
        options.sandbox
    };
    let lacking = match place {
        _ if !kernels.is_empty() => {
            pool.run_on(items, &kernels, &mut hear);
            Vec::new()
        }
        Some(Place::Vm) => (0..items.len())
            .map(|index| (index, String::new()))
            .collect(),
        _ => pool.run_here(items, &mut hear),
    };
    if !lacking.is_empty() {
        elsewhere(&pool, items, place, lacking, &mut hear)?;
    }
    let took = start.elapsed();
    let code = teller.finish(took);
    if let Some(file) = &asked.junit {
        teller.write_junit(file, took)?;
    }
    if interrupted.load(Ordering::Relaxed) && !teller.is_closed() {
        return Err(Failure {
            report: Report::new("interrupted"),
            reason: Reason::Interrupted(SIGINT),
        });
    }
    match teller.first_failed() {
        Some((item, kernel)) if asked.keep => {
            let kernel = kernel.map(|kernel| (needed, kernel));
            enter(&pool, item, kernel).map(|()| code)
        }
        _ => Ok(code),
    }
}

/// The kernels that the tests are to run on, each once; none where no version is asked for.
fn kernels(asked: &Test, options: &Options) -> Result<Vec<Kernel>, Failure> {
    let mut kernels: Vec<Kernel> = Vec::new();
    for version in options.kernel.iter().chain(&asked.kernels) {
        if options.sandbox == Some(Place::Ns) {
            return Err(no_kernel_of_its_own());
        }
        let means = vm::means(Some(version)).map_err(|error| failure(&error))?;
        if kernels.iter().all(|known| known.release != means.release) {
            kernels.push(Kernel {
                release: means.release,
                is_asked_for: true,
            });
        }
    }
    Ok(kernels)
}

/// Runs the tests that can't run here in a micro-VM. In the guest itself, and where only this kernel is wanted, they are skipped.
fn elsewhere(
    pool: &Pool,
    items: &[Item],
    place: Option<Place>,
    lacking: Vec<(usize, String)>,
    hear: &mut dyn FnMut(usize, done::Done),
) -> Result<(), Failure> {
    let mut leave_out = |index: usize, outcome| {
        hear(
            index,
            done::Done {
                outcome,
                took: std::time::Duration::ZERO,
                output: String::new(),
                kernel: None,
            },
        );
    };
    if place == Some(Place::Ns) {
        for (index, what) in lacking {
            // The host knows better what to say of it.
            let outcome = if vm::is_guest() {
                done::Outcome::Lacks(what)
            } else {
                pool::lacks(&what, None)
            };
            leave_out(index, outcome);
        }
        return Ok(());
    }
    let means = match vm::means(None) {
        Ok(means) => means,
        Err(error) if place == Some(Place::Vm) => {
            return Err(failure(&error));
        }
        Err(_) => {
            for (index, what) in lacking {
                let done::Outcome::Skipped(why) = pool::lacks(&what, None) else {
                    continue;
                };
                let why = format!("{why}; `ipvsh vm install` gets a micro-VM for it");
                leave_out(index, done::Outcome::Skipped(why));
            }
            return Ok(());
        }
    };
    let kernel = Kernel {
        release: means.release.clone(),
        is_asked_for: false,
    };
    let mut chosen = Vec::new();
    for (index, what) in lacking {
        if pool::has(&means, &what) {
            chosen.push(index);
        } else {
            leave_out(index, pool::lacks(&what, Some(&kernel)));
        }
    }
    if !chosen.is_empty() {
        pool.run_in_vm(items, &chosen, &kernel, hear);
    }
    Ok(())
}

/// Boots the micro-VM and has the tests run there. The files come along at their own places.
fn in_vm(asked: &Test, options: &Options, needed: Needs) -> Result<u8, Failure> {
    let mut arguments: Vec<OsString> = Vec::new();
    if let Some(memory) = options.memory {
        arguments.push(format!("--memory={memory}").into());
    }
    let timeout = format!("--timeout={}ms", asked.timeout.as_millis());
    let repeat = format!("--repeat={}", asked.repeat);
    arguments.extend(["--json", "test", &timeout, &repeat].map(OsString::from));
    if asked.fail_fast {
        arguments.push("--fail-fast".into());
    }
    arguments.push("--".into());
    arguments.extend(asked.paths.iter().map(OsString::from));
    let failure = |error: crate::error::Error| Failure::script(Report::of(&error));
    let mut guest = vm::Guest::new(arguments).map_err(failure)?;
    guest.files = needed.files;
    guest.take_along(&needed.programs);
    guest.kernel = asked.kernels.first().cloned();
    let ran = vm::run(&guest).map_err(failure)?;
    for kept in ran.kept_aside {
        output::note(&format!("note: {kept}"));
    }
    Ok(ran.code)
}

/// Runs the test once more by itself, on this terminal, and has a session in its lab; in a micro-VM where the files for it are
/// given.
fn enter(pool: &Pool, item: &Item, in_vm: Option<(Needs, &Kernel)>) -> Result<(), Failure> {
    if item.refused.is_some() {
        return Ok(());
    }
    output::note(&format!("once more, to look at its lab: {}", item.id()));
    let mut arguments = pool.arguments(item, "--one");
    arguments.retain(|argument| argument != "--color=never");
    arguments.insert(0, pool::color_word(pool.options.color).to_owned());
    arguments.push("--keep".to_owned());
    let Some((needed, kernel)) = in_vm else {
        return Command::new("/proc/self/exe")
            .args(&arguments)
            .status()
            .map(drop)
            .map_err(|error| tell::broken("run the test", &error));
    };
    let failure = |error: crate::error::Error| Failure::script(Report::of(&error));
    let arguments = arguments.into_iter().map(OsString::from).collect();
    let mut guest = vm::Guest::new(arguments).map_err(failure)?;
    guest.files = needed.files;
    guest.take_along(&needed.programs);
    guest.kernel = kernel.wanted().map(str::to_owned);
    vm::run(&guest).map(drop).map_err(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_named_with_its_file_and_row() {
        assert_eq!(
            parts("a/x_test.rhai::test_a"),
            ("a/x_test.rhai", "test_a", None)
        );
        assert_eq!(parts("x.rhai::test_a[3]"), ("x.rhai", "test_a", Some(3)));
    }
}
