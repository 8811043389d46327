//! `help`: the manual from within a script or session. It is a word that knows all words, and so it is added from above.

use rhai::{Dynamic, Engine, NativeCallContext};

use crate::dsl::{Answer, answer};
use crate::engine::manual::{self, Setting};
use crate::engine::types;
use crate::error::{Error, Kind};

/// What the manual says of it.
pub(crate) const DOC: &str = r#"Prints the manual: all words by topic, or the page of `word`.

`word` is a word such as `ipvlan`, with or without quotes, a type such as `"Link"`, a topic such as `"Routes"`, or a module
such as `"std/lab"`; `help("language")` explains the language by examples. For any
other text the words that have to do with it are listed. For a handle it is the page of its type.

```rhai
help(assert);
help("mtu");
```"#;

/// Teaches the engine the word.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_fn("help", |context: NativeCallContext| help(&context, None));
    engine.register_fn("help", |context: NativeCallContext, word: Dynamic| {
        help(&context, Some(&name_of(&word)))
    });
}

fn help(context: &NativeCallContext, word: Option<&str>) -> Answer<()> {
    answer(context, |session| {
        let text =
            manual::show(word, Setting::of_output(session.settings().color)).map_err(|report| {
                let mut error = Error::new(Kind::NotFound, report.message);
                error.hint = report.hint;
                error
            })?;
        session.print(&text)
    })
}

/// What to look up for a value: a text itself, for all else its type.
fn name_of(about: &Dynamic) -> String {
    match about.as_immutable_string_ref() {
        Ok(text) => text.trim_end_matches("()").to_owned(),
        Err(_) => types::of_text(about.type_name()).to_owned(),
    }
}
