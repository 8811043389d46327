//! The micro-VM itself: streams, exit code, files, IPvlan and a bad end. What scripts do in it is tested elsewhere.

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};

use ipvsh::sandbox::vm::{self, Guest};
use libtest_mimic::{Arguments, Failed, Trial};

/// Set for the process that starts the machine: this program once more, so that its streams can be looked at.
const SCRIPT: &str = "VM_TEST_SCRIPT";

fn main() -> ExitCode {
    if let Some(script) = std::env::var_os(SCRIPT) {
        return match run_script(script) {
            Ok(code) => ExitCode::from(code),
            Err(error) => {
                let _ = writeln!(std::io::stderr(), "{error}");
                ExitCode::from(99)
            }
        };
    }
    let missing = vm::means().err();
    let required = std::env::var_os("IPVSH_REQUIRE").is_some_and(|value| value == "all");
    let trials = [
        (
            "a_program_gets_its_input_and_gives_its_output_its_code_and_its_files",
            streams_code_and_files as fn() -> Result<(), Failed>,
        ),
        (
            "options_reach_the_run_and_the_file_that_one_names_comes_back",
            options,
        ),
        ("an_ipvlan_slave_is_made_on_any_machine", ipvlan),
        ("a_kernel_that_panics_is_an_error_that_says_why", panic),
    ]
    .map(|(name, test)| {
        let trial = Trial::test(name, test);
        match &missing {
            Some(error) if !required => trial.with_kind(error.to_string()).with_ignored_flag(true),
            _ => trial,
        }
    });
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

/// The part of the process in the middle: runs the script in a micro-VM whose `/init` is the program under test.
fn run_script(script: OsString) -> ipvsh::error::Result<u8> {
    let mut guest = Guest::new(vec!["-c".into(), script])?;
    guest.init = env!("CARGO_BIN_EXE_ipvsh").into();
    guest.program = Some("sh".into());
    guest.programs = ["cat", "ip"].map(Into::into).into();
    vm::run(&guest).map(|ran| ran.code)
}

fn sh(script: &str, folder: &Path, input: &str) -> Result<Output, Box<dyn Error>> {
    let mut child = Command::new(std::env::current_exe()?)
        .env(SCRIPT, script)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(input.as_bytes())?;
    }
    Ok(child.wait_with_output()?)
}

fn streams_code_and_files() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let output = sh(
        "cat > new; echo out; echo err >&2; echo no > .hidden; exit 7",
        folder.path(),
        "in\n",
    )?;
    assert_eq!(String::from_utf8_lossy(&output.stderr), "err\n");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "out\n");
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(fs::read_to_string(folder.path().join("new"))?, "in\n");
    assert_eq!(fs::read_dir(folder.path())?.count(), 1);
    Ok(())
}

fn options() -> Result<(), Failed> {
    let (folder, elsewhere) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let emitted = elsewhere.path().join("lab.sh");
    let output = Command::new(env!("CARGO_BIN_EXE_ipvsh"))
        .current_dir(folder.path())
        .args(["--sandbox=vm", "--summary", "--trace", "--emit"])
        .arg(&emitted)
        .args(["-e", "netns(\"a\").name"])
        .output()?;
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "+ ip netns add a\n+ namespace a\ncreated 1, changed 0, unchanged 0, deleted 0\n"
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), "a\n");
    assert_eq!(
        fs::read_to_string(&emitted)?,
        "#!/bin/sh\n# The same lab as <expression>, without ipvsh.\nset -eu\nip netns add a\n"
    );
    assert_eq!(fs::read_dir(folder.path())?.count(), 0);
    Ok(())
}

fn ipvlan() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let script = "ip link add dummy0 type dummy && ip link add link dummy0 slave type ipvlan mode l3 && ip -j -d link show slave";
    let output = sh(script, folder.path(), "")?;
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let links: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(links[0]["linkinfo"]["info_data"]["mode"], "l3");
    Ok(())
}

fn panic() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let output = sh("echo c > /proc/sysrq-trigger", folder.path(), "")?;
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "cannot run in the micro-VM: the guest's kernel panicked: sysrq triggered crash\n"
    );
    assert_eq!(output.status.code(), Some(99));
    Ok(())
}
