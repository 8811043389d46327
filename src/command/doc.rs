//! Shows the manual.

use super::line::Options;
use super::output;
use crate::engine::{Failure, manual};
use crate::view::paint::When;

/// Shows the page of `word`, or the list of all.
pub(super) fn show(word: Option<&str>, options: &Options) -> Result<u8, Failure> {
    let color = When::from(options.color).on(&std::io::stdout());
    if options.json {
        let json = manual::json(word).map_err(Failure::usage)?;
        return Ok(output::say(&json.to_string()));
    }
    let text = manual::show(word, color).map_err(Failure::usage)?;
    Ok(output::say(&text))
}
