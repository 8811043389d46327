//! Progress: a bar on the terminal for a loop that takes its time.

use std::ops::{Range, RangeInclusive};
use std::rc::Rc;

use indicatif::{ProgressBar, ProgressStyle};
use rhai::Array;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Result};
use crate::value::escape::on_one_line;
use crate::value::options::type_in_words;
use crate::view::plain;

/// How the bar is drawn: what is done, how far, and since when.
const STYLE: &str = "{msg} [{bar:40}] {pos}/{len}, {elapsed}";

/// What a loop goes through, with a bar that shows how far it has come.
#[derive(Clone, Debug)]
pub struct Steps {
    items: Items,
    bar: ProgressBar,
}

#[derive(Clone, Debug)]
enum Items {
    Numbers(Range<i64>),
    List(Array),
}

impl Items {
    fn read(given: &Dynamic) -> Result<Self> {
        if let Some(range) = given.read_lock::<RangeInclusive<i64>>() {
            let end = range.end().saturating_add(1);
            return Ok(Self::Numbers(*range.start()..end));
        }
        if let Some(range) = given.read_lock::<Range<i64>>() {
            return Ok(Self::Numbers(range.clone()));
        }
        if let Some(list) = given.read_lock::<Array>() {
            return Ok(Self::List(list.clone()));
        }
        Err(Error::invalid(format!(
            "progress goes through a range or a list, not {}",
            type_in_words(given.type_name())
        ))
        .doing_plain("show progress")
        .hint("write for example: for i in progress(1..=10, \"namespaces\") { … }"))
    }

    fn len(&self) -> u64 {
        match self {
            Self::Numbers(range) => u64::try_from(range.end.saturating_sub(range.start)),
            Self::List(list) => u64::try_from(list.len()),
        }
        .unwrap_or(0)
    }
}

/// A loop on its way. The bar goes with it, however the loop ends.
pub struct Walk {
    items: Box<dyn Iterator<Item = Dynamic>>,
    bar: ProgressBar,
    is_begun: bool,
}

impl Iterator for Walk {
    type Item = Dynamic;

    fn next(&mut self) -> Option<Dynamic> {
        if self.is_begun {
            self.bar.inc(1);
        }
        self.is_begun = true;
        self.items.next()
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl IntoIterator for Steps {
    type Item = Dynamic;
    type IntoIter = Walk;

    fn into_iter(self) -> Walk {
        let items: Box<dyn Iterator<Item = Dynamic>> = match self.items {
            Items::Numbers(range) => Box::new(range.map(Dynamic::from)),
            Items::List(list) => Box::new(list.into_iter()),
        };
        Walk {
            items,
            bar: self.bar,
            is_begun: false,
        }
    }
}

fn steps(session: &Rc<Session>, given: &Dynamic, text: &str) -> Result<Steps> {
    let items = Items::read(given)?;
    let settings = session.settings();
    let is_shown = plain::is_live(&std::io::stderr())
        && !settings.quiet
        && !settings.json
        && !session.lab().plans();
    let bar = if is_shown {
        ProgressBar::new(items.len()).with_message(on_one_line(text).into_owned())
    } else {
        ProgressBar::hidden()
    };
    if let Ok(style) = ProgressStyle::with_template(STYLE) {
        bar.set_style(style);
    }
    Ok(Steps { items, bar })
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Goes through a range or a list in a `for` loop, and shows on a terminal how far it has come.
    ///
    /// The bar stands on standard error, with `text` in front, and goes when the loop ends. In a pipe, with `--quiet` and with
    /// `--json` there is none.
    ///
    /// ```rhai
    /// let sum = 0;
    /// for i in progress(1..=3, "numbers") { sum += i; }
    /// sum    // => 6
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn progress(context: NativeCallContext, items: Dynamic, text: &str) -> Answer<Steps> {
        answer(&context, |session| steps(session, &items, text))
    }
}
