//! `help`: the manual from within a script or session. It is a word that knows all words, and so it is added from above.

use rhai::{Engine, NativeCallContext};

use crate::dsl::{Answer, answer};
use crate::engine::manual;
use crate::error::{Error, Kind};

/// What the manual says of it.
pub(crate) const DOC: &str = r#"Prints the manual: all words, or the page of `word`.

`word` is a word such as `"ipvlan"`, a type such as `"Link"`, or a module such as `"std/lab"`.

```rhai
help("assert");
```"#;

/// Teaches the engine the word.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_fn("help", |context: NativeCallContext| help(&context, None));
    engine.register_fn("help", |context: NativeCallContext, word: &str| {
        help(&context, Some(word))
    });
}

fn help(context: &NativeCallContext, word: Option<&str>) -> Answer<()> {
    answer(context, |session| {
        let text = manual::show(word, session.settings().color).map_err(|report| {
            let mut error = Error::new(Kind::NotFound, report.message);
            error.hint = report.hint;
            error
        })?;
        session.print(&text)
    })
}
