//! The language without privileges, from outside: what the program prints and how it ends, for scripts that are right and wrong.

#![allow(
    clippy::unwrap_used,
    reason = "a test that can't go on is to stop right there"
)]

#[macro_use]
extern crate pretty_assertions;

#[path = "language/program.rs"]
mod program;

#[path = "language/book.rs"]
mod book;
#[path = "language/calls.rs"]
mod calls;
#[path = "language/check.rs"]
mod check;
#[path = "language/completion.rs"]
mod completion;
#[path = "language/corpus.rs"]
mod corpus;
#[path = "language/data.rs"]
mod data;
#[path = "language/demo.rs"]
mod demo;
#[path = "language/examples.rs"]
mod examples;
#[path = "language/files.rs"]
mod files;
#[path = "language/format.rs"]
mod format;
#[path = "language/hostile.rs"]
mod hostile;
#[path = "language/json.rs"]
mod json;
#[path = "language/limits.rs"]
mod limits;
#[path = "language/lsp.rs"]
mod lsp;
#[path = "language/manual.rs"]
mod manual;
#[path = "language/mistakes.rs"]
mod mistakes;
#[path = "language/modules.rs"]
mod modules;
#[path = "language/new.rs"]
mod new;
#[path = "language/parameters.rs"]
mod parameters;
#[path = "language/reference.rs"]
mod reference;
#[path = "language/session.rs"]
mod session;
#[path = "language/syntax.rs"]
mod syntax;
#[path = "language/thrown.rs"]
mod thrown;
