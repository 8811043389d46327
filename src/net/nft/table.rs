//! A table of nftables, as it is listed.

use serde::{Deserialize, Serialize};

/// A table: what stands in it, or that it is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its address family: `inet`, `ip`.
    pub family: String,
    /// Its name.
    pub name: String,
    /// Its listing, counters left out; none where there is no such table.
    pub text: Option<String>,
}

impl Table {
    /// Whether it is the one of that family and name.
    pub fn is(&self, family: &str, name: &str) -> bool {
        self.family == family && self.name == name
    }

    /// What makes the table as it is here, whatever stands.
    pub(super) fn restored(&self) -> String {
        let Self { family, name, text } = self;
        let text = text.as_deref().unwrap_or_default();
        // It is made first, since what is not there can't be deleted.
        format!("table {family} {name}\ndelete table {family} {name}\n{text}")
    }
}
