//! Shows the manual: on the terminal, or as a file for other programs.

use serde_json::json;

use super::line::{Doc, Options};
use super::{complete, documents, manpages, output, pages};
use crate::engine::manual::{self, PAGES, Setting};
use crate::engine::{Failure, definitions, reference};
use crate::view::paint::When;

/// Shows the page of a word, the list of all, or the manual in another form.
pub(super) fn show(what: &Doc, options: &Options) -> Result<u8, Failure> {
    let form = &what.form;
    if form.markdown {
        let reference = reference::markdown();
        let (commands, documents) = (pages::markdown(), documents::page::markdown());
        return Ok(output::say(&format!(
            "{reference}\n{commands}\n\n{documents}"
        )));
    }
    if form.schema {
        let schema = serde_json::to_string_pretty(&documents::schema()).unwrap_or_default();
        return Ok(output::say(&schema));
    }
    if form.definitions {
        return Ok(output::say(&definitions::file()));
    }
    match &form.man {
        Some(Some(folder)) => return manpages::write(folder),
        Some(None) => return Ok(output::say(&manpages::whole())),
        None => {}
    }
    if let Some(shell) = form.completions {
        return Ok(output::say(&complete::registration(shell)));
    }
    let word = what.word.as_deref();
    if let Some((name, text)) = PAGES.iter().find(|(name, _)| word == Some(*name)) {
        if options.is_json() {
            return Ok(output::say_json(&json!({"page": name, "text": text})));
        }
        return Ok(output::say(text.trim_end()));
    }
    let color = When::from(options.color).on(&std::io::stdout());
    if options.is_json() {
        let json = manual::json(word).map_err(Failure::usage)?;
        return Ok(output::say_json(&json));
    }
    let text = manual::show(word, Setting::of_output(color)).map_err(Failure::usage)?;
    Ok(output::say(&text))
}
