//! ipvsh, a scriptable network-lab shell for Linux.
//!
//! The layers, top to bottom; each imports only from those below it:
//!
//! - [`cli`] reads the command line and hands over to [`command`], one file a subcommand.
//! - `lsp` is the language server, for editors.
//! - [`repl`] is the interactive session, [`sandbox`] the throw-away places that a script can run in,
//!   [`engine`] builds the Rhai interpreter and explains its errors.
//!   [`import`] turns the commands of a shell into a script, [`export`] what stands.
//! - [`dsl`] holds the words of the language, one topic a file. Its doc comments are the manual.
//! - [`lab`] remembers what a run made and takes it down, [`view`] turns values into text,
//!   [`value`] parses and prints what scripts pass about, [`net`] is the only code that touches the kernel.
//! - [`why`] finds from what the kernel told the first thing that stops packets.
//! - [`schema`] says once what each option is: its key, form, range, attribute, spelling in `ip`, default and meaning.
//! - [`steps`] are what a script consists of that is made, and how it is written.
//! - [`error`] is what they all fail with, and [`privilege`] what to type where privileges are missing.

#![deny(unsafe_op_in_unsafe_fn)]

#[cfg(test)]
#[macro_use]
extern crate pretty_assertions;

pub mod cli;
mod command;
pub mod dsl;
pub mod engine;
pub mod error;
pub mod export;
pub mod import;
pub mod lab;
mod lsp;
pub mod net;
mod privilege;
pub mod repl;
pub mod sandbox;
pub mod schema;
pub mod steps;
pub mod value;
pub mod view;
pub mod why;
