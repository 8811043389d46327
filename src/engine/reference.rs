//! The whole reference as one Markdown document.

use std::fmt::Write;

use crate::dsl::options;
use crate::engine::catalog::{Catalog, Property, Signature, Word};
use crate::engine::modules;
use crate::schema::Opt;

/// Every word and every property, topic by topic.
pub fn markdown() -> String {
    let catalog = Catalog::new();
    let topics = catalog.topics();
    let kinds = catalog.kinds();
    let mut parts = vec![
        "# Reference of ipvsh".to_owned(),
        "All words of the language, the properties of its handles, and the command line. `ipvsh doc WORD` shows the same on \
         the terminal, `help(WORD)` in a session.\n\n\
         Durations, rates and sizes have their unit in a text: `\"200ms\"`, `\"10mbit\"`, `\"64KiB\"`. A bare number is one of \
         seconds, of bits a second, of bytes; what is counted otherwise says so.\n\n\
         This file is generated: `cargo run -q -- doc --markdown > docs/reference.md`."
            .to_owned(),
    ];
    let headings = topics
        .iter()
        .map(|topic| heading(topic))
        .chain([SHARED.to_owned()])
        .chain(kinds.iter().map(|kind| properties_of(kind)))
        .chain(["The command line".to_owned()]);
    let contents: Vec<_> = headings
        .map(|heading| format!("- [{heading}](#{})", anchor(&heading)))
        .collect();
    parts.push(contents.join("\n"));
    for topic in topics {
        parts.push(format!("## {}", heading(topic)));
        if let Some(script) = module_of(topic).and_then(modules::standard) {
            parts.push(format!(
                "{}\n\n```rhai\n{topic} as {};\n```",
                script.head(),
                modules::alias(&script.name)
            ));
        }
        let words = catalog.words.iter().filter(|word| word.topic == topic);
        parts.extend(words.map(of_word));
    }
    let shared = options::shared("dummy");
    parts.push(format!(
        "## {SHARED}\n\nEvery word that makes a link takes them in its `#{{…}}`.\n\n{}",
        table(&shared)
    ));
    for kind in kinds {
        parts.push(of_kind(&catalog, kind));
    }
    let mut text = parts.join("\n\n");
    text.push('\n');
    text
}

fn heading(topic: &str) -> String {
    module_of(topic).unwrap_or(topic).to_owned()
}

/// The module that a topic is about.
fn module_of(topic: &str) -> Option<&str> {
    topic.strip_prefix("import \"")?.strip_suffix('"')
}

fn properties_of(kind: &str) -> String {
    format!("Properties of {kind}")
}

/// The anchor that a heading gets, as GitHub and others make it.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.flat_map(char::to_lowercase)
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn of_word(word: &Word) -> String {
    let mut text = format!("### `{}`", word.name);
    let (derived, written): (Vec<_>, Vec<_>) =
        word.signatures.iter().partition(|form| form.is_derived);
    for form in written {
        let _ = write!(text, "\n\n```text\n{}\n```\n\n{}", form.show(), form.doc);
    }
    if !derived.is_empty() {
        let forms = derived.into_iter().map(Signature::show);
        let forms: Vec<_> = forms.map(|form| format!("`{form}`")).collect();
        let _ = write!(text, "\n\nAlso: {}.", forms.join(", "));
    }
    let own = options::own(&word.name).into_iter();
    let own: Vec<&Opt> = own.filter(|row| row.is_option()).collect();
    if !own.is_empty() {
        let _ = write!(text, "\n\n{}", table(&own));
    }
    if !options::shared(&word.name).is_empty() {
        let which = if own.is_empty() { "Options" } else { "Also" };
        let anchor = anchor(SHARED);
        let _ = write!(text, "\n\n{which}: those of [every link](#{anchor}).");
        return text;
    }
    let keys = options::keys(&word.name);
    if own.is_empty() && !keys.is_empty() {
        let keys: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
        let _ = write!(text, "\n\nOptions: {}.", keys.join(", "));
    }
    text
}

/// The heading of the options that every word which makes a link takes.
const SHARED: &str = "Options of every link";

/// Options, with what can be given for each, what it is where nothing is given, and what it means.
fn table(rows: &[&Opt]) -> String {
    let line = |row: &&Opt| {
        let default = match row.default {
            "" => String::new(),
            default => format!("`{default}`"),
        };
        let value = row.form.described();
        let cells = [format!("`{}`", row.key), value, default, row.doc.to_owned()];
        format!(
            "| {} |",
            cells.map(|cell| cell.replace('|', "\\|")).join(" | ")
        )
    };
    let lines: Vec<_> = rows.iter().map(line).collect();
    format!(
        "| Option | Value | Default | Meaning |\n|---|---|---|---|\n{}",
        lines.join("\n")
    )
}

fn of_kind(catalog: &Catalog, kind: &str) -> String {
    let row = |property: &Property| {
        let access = if property.is_writable {
            ", can be assigned to"
        } else {
            ""
        };
        let summary = property.doc.lines().next().unwrap_or_default();
        format!(
            "| `.{}` | {}{access} | {} |",
            property.name,
            property.returns,
            summary.replace('|', "\\|")
        )
    };
    let rows: Vec<_> = catalog.properties_of(kind).map(row).collect();
    format!(
        "## {}\n\n| Property | Type | |\n|---|---|---|\n{}",
        properties_of(kind),
        rows.join("\n")
    )
}
