//! The interactive session: read an entry, run it, show its value, go on.

use std::rc::Rc;

use crate::dsl::Session;
use crate::engine::Failure;

/// Talks with the user until they leave.
pub fn run(_session: Rc<Session>) -> Result<u8, Failure> {
    Ok(0)
}

/// Runs what comes from standard input.
pub fn run_lines(_session: Rc<Session>) -> Result<u8, Failure> {
    Ok(0)
}
