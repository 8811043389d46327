//! The `ipvsh` program: arguments in, exit code out.

use std::process::ExitCode;

use ipvsh::sandbox::vm;

fn main() -> ExitCode {
    // In a micro-VM the same binary is the first process, and the kernel's `modprobe`.
    vm::take_over_if_guest().unwrap_or_else(ipvsh::cli::main)
}
