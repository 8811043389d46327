//! The `ipvsh` program: arguments in, exit code out.

use std::process::ExitCode;

use ipvsh::net::process;
use ipvsh::sandbox::vm;

fn main() -> ExitCode {
    // What a spawned program writes is recorded by the same binary, and what a script runs is observed.
    if let Some(done) = process::take_over_if_helper() {
        return done;
    }
    // In a micro-VM the same binary is the first process, and the kernel's `modprobe`.
    vm::take_over_if_guest().unwrap_or_else(ipvsh::cli::main)
}
