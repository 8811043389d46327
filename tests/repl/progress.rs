//! A script that takes its time, on a terminal.

use tempfile::TempDir;

use crate::Test;
use crate::terminal::Terminal;

pub(crate) const TESTS: &[Test] = &[(
    "a_fleet_comes_up_behind_a_bar_that_goes",
    a_fleet_comes_up_behind_a_bar_that_goes,
)];

fn a_fleet_comes_up_behind_a_bar_that_goes() {
    let folder = TempDir::new().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/fleet.rhai");
    let terminal = Terminal::start_with(&folder, &["--sandbox=ns", script, "--count", "40"]);
    terminal.wait_for("fleet-40 reaches fleet-1");
    terminal.wait_for_trace_of("namespaces [");
    terminal.wait_for_trace_of("/40, ");
    let screen = terminal.screen();
    assert!(!screen.contains("namespaces ["), "{screen}");
}
