//! The other end of `--on`: takes a run from standard input, and ends it when that ends.

use std::io::{BufReader, Error, Read, Result, stdin};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::bundle::{Bundle, below};
use super::{FOLDER, PROGRAM_FAILED};
use crate::engine::Failure;
use crate::view::error::Report;

/// Runs what standard input says. Returns the exit code of that.
pub(in crate::command) fn serve() -> std::result::Result<u8, Failure> {
    run()
        .map_err(|error| Failure::script(Report::new(format!("cannot take the run over: {error}"))))
}

fn run() -> Result<u8> {
    let mut input = BufReader::new(stdin());
    let bundle = Bundle::read(&mut input)?;
    let home = std::env::var_os("HOME").ok_or_else(|| Error::other("HOME is not set"))?;
    // Each host that sends has its own: the file that a lab belongs to is to be the same in each run.
    let root = Path::new(&home).join(FOLDER).join("from");
    let root = below(&root, Path::new(&bundle.origin))?;
    bundle.unpack(&root, &mut input)?;
    let mut arguments = bundle.arguments.clone();
    if let Some(script) = bundle.script.and_then(|index| arguments.get_mut(index))
        && Path::new(script).is_absolute()
    {
        let path: PathBuf = below(&root, Path::new(script))?;
        *script = path.to_string_lossy().into_owned();
    }
    let mut child = Command::new("/proc/self/exe")
        .args(&arguments)
        .current_dir(below(&root, &bundle.folder)?)
        .stdin(Stdio::null())
        .spawn()?;
    let pid = Pid::from_raw(child.id().cast_signed());
    // Nothing more is sent: the end of the input is that of the connection, or of who waits at the other end.
    std::thread::spawn(move || {
        let mut rest = [0; 64];
        while matches!(input.read(&mut rest), Ok(1..)) {}
        let _ = kill(pid, Signal::SIGTERM);
    });
    let status = child.wait()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.unwrap_or(PROGRAM_FAILED))
}
