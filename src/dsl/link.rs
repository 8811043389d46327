//! Links: find one by name.

use std::rc::Rc;

use crate::dsl::Session;
use crate::dsl::handle::Link;
use crate::error::{Error, Kind, Result};
use crate::net::netns;

/// Finds the link `name` in `netns`.
pub(crate) fn lookup(
    _session: &Rc<Session>,
    _netns: &Rc<netns::Netns>,
    name: &str,
) -> Result<Link> {
    Err(Error::new(
        Kind::NotFound,
        format!("there is no link `{name}`"),
    ))
}
