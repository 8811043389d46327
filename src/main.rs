//! The `ipvsh` program: arguments in, exit code out.

use std::io::Write;
use std::process::ExitCode;

use ipvsh::sandbox::vm;

fn main() -> ExitCode {
    if let Some(code) = vm::take_over_if_guest() {
        return code;
    }
    match try_out() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let mut to = std::io::stderr().lock();
            let _ = writeln!(to, "error: {error}");
            for note in &error.notes {
                let _ = writeln!(to, "  = {note}");
            }
            if let Some(hint) = &error.hint {
                let _ = writeln!(to, "hint: {hint}");
            }
            ExitCode::from(3)
        }
    }
}

/// A stand-in for the command line: `vm install`, `vm exec [-p PROGRAM]… -- PROGRAM ARGS…`, `ns exec -- PROGRAM ARGS…`.
fn try_out() -> ipvsh::error::Result<u8> {
    use std::os::unix::process::CommandExt;
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    let Some(at) = words.iter().position(|word| word == "--") else {
        vm::install(&mut |line| drop(writeln!(std::io::stderr(), "{line}")))?;
        return Ok(0);
    };
    if words[0] == "ns" {
        ipvsh::sandbox::ns::enter()?;
        return Err(std::process::Command::new(&words[at + 1])
            .args(&words[at + 2..])
            .exec()
            .into());
    }
    let mut guest = vm::Guest::new(words[at + 2..].to_vec())?;
    guest.program = Some((&words[at + 1]).into());
    let more = words[2..at].chunks(2);
    guest.programs = more
        .clone()
        .filter(|pair| pair[0] == "-p")
        .map(|pair| (&pair[1]).into())
        .collect();
    guest.files = more
        .filter(|pair| pair[0] == "-f")
        .map(|pair| (&pair[1]).into())
        .collect();
    vm::run(&guest)
}
