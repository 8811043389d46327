//! The `ipvsh` program: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    ipvsh::cli::main()
}
