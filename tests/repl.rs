//! The interactive session in a real pseudo-terminal, each test in private namespaces of its own.

#![allow(
    clippy::unwrap_used,
    reason = "a test that can't go on has failed; without libtest's attribute clippy does not see that these are tests"
)]

#[macro_use]
extern crate pretty_assertions;

mod common;
#[allow(dead_code, reason = "the measurements and the picture use the rest")]
#[path = "repl/terminal.rs"]
mod terminal;

#[path = "repl/alive.rs"]
mod alive;
#[path = "repl/every_script.rs"]
mod every_script;
#[path = "repl/lab.rs"]
mod lab;
#[path = "repl/menu.rs"]
mod menu;
#[path = "repl/plain.rs"]
mod plain;
#[path = "repl/progress.rs"]
mod progress;
#[path = "repl/random.rs"]
mod random;
#[path = "repl/showing.rs"]
mod showing;
#[path = "repl/tall.rs"]
mod tall;
#[path = "repl/testing.rs"]
mod testing;
#[path = "repl/typing.rs"]
mod typing;
#[path = "repl/values.rs"]
mod values;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

/// A test and its name.
type Test = (&'static str, fn());

fn main() -> ExitCode {
    let privileged = common::privileged();
    let strict = std::env::var("IPVSH_REQUIRE").is_ok_and(|value| value == "all");
    let all = [
        typing::TESTS,
        menu::TESTS,
        plain::TESTS,
        every_script::TESTS,
        alive::TESTS,
        lab::TESTS,
        progress::TESTS,
        showing::TESTS,
        tall::TESTS,
        testing::TESTS,
        random::TESTS,
        values::TESTS,
    ]
    .concat();
    let trials = all
        .into_iter()
        .map(|(name, test)| {
            let privileged = privileged.clone();
            Trial::ignorable_test(name, move || match privileged {
                Ok(()) => run(test),
                Err(reason) if strict => Err(Failed::from(reason)),
                Err(reason) => Ok(Completion::ignored_with(reason)),
            })
        })
        .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn run(test: fn()) -> Result<Completion, Failed> {
    std::panic::catch_unwind(test).map_err(|panic| {
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
        Failed::from(words.unwrap_or("panicked"))
    })?;
    Ok(Completion::Completed)
}
