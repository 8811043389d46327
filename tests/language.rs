//! The language without privileges, from outside: what the program prints and how it ends, for scripts that are right and wrong.

#[path = "language/program.rs"]
mod program;

#[path = "language/calls.rs"]
mod calls;
#[path = "language/files.rs"]
mod files;
#[path = "language/limits.rs"]
mod limits;
#[path = "language/modules.rs"]
mod modules;
#[path = "language/parameters.rs"]
mod parameters;
#[path = "language/session.rs"]
mod session;
#[path = "language/syntax.rs"]
mod syntax;
#[path = "language/thrown.rs"]
mod thrown;
