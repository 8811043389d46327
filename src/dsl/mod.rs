//! The words of the language, one topic a file, in four rooms: the [`kinds`] of links, the [`objects`] that links and
//! namespaces hold, the [`acts`] of a lab, and the words of the [`script`] itself. The doc comments here are the manual:
//! `help()`, the reference, completion.
//!
//! A topic is a Rhai module of plain functions, marked `#[export_module(manifest)]` so that it costs nothing until it is used.
//! Whoever adds one writes it in a file of its own and adds its line to [`topics::TOPICS`]; one that makes links adds its kinds to [`kinds::ALL`].
//! The first parameter decides where a word can be used: on [`handle::Netns`] it also becomes a bare word that acts in the
//! current namespace, on [`handle::Link`] also a word that takes the link by name (see `engine::words`).

pub mod acts;
pub mod handle;
pub mod handles;
pub(crate) mod json;
pub mod kinds;
pub mod objects;
pub mod options;
pub(crate) mod order;
pub mod script;
pub mod session;
pub(crate) mod strands;
pub mod topics;
pub mod voice;

use rhai::EvalAltResult;

pub use session::{Session, answer};

/// What a word returns: its value, or the error that scripts catch.
pub type Answer<T> = Result<T, Box<EvalAltResult>>;
