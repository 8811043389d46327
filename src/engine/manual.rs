//! The manual as text: all words by topic, the page of one word, of a type, of a module.

use colored::Colorize;

use crate::dsl::option_keys;
use crate::engine::catalog::{Catalog, Property, Word};
use crate::engine::modules;
use crate::error::nearest;
use crate::view::error::Report;
use crate::view::paint::paint;

/// The page of `name`, or the list of all words.
///
/// Fails with the nearest name where there is no such word.
pub fn show(name: Option<&str>, color: bool) -> Result<String, Report> {
    let catalog = Catalog::new();
    match name {
        None => Ok(index(&catalog, color)),
        Some(name) => page(&catalog, name, color)
            .or_else(|| search(&catalog, name, color))
            .ok_or_else(|| unknown(&catalog, name)),
    }
}

/// The same as JSON: the words of that name, or all, with their forms; the properties of a type.
pub fn json(name: Option<&str>) -> Result<serde_json::Value, Report> {
    let catalog = Catalog::new();
    let of_word = |word: &Word| {
        let forms = word.signatures.iter().map(|form| {
            serde_json::json!({
                "call": form.call(),
                "returns": form.returns,
                "derived": form.is_derived,
                "doc": form.doc,
            })
        });
        serde_json::json!({
            "word": word.name,
            "topic": word.topic,
            "forms": forms.collect::<Vec<_>>(),
        })
    };
    let of_property = |property: &Property| {
        serde_json::json!({
            "property": property.name,
            "of": property.of,
            "returns": property.returns,
            "doc": property.doc,
        })
    };
    let is_meant = |known: &str| name.is_none_or(|name| name.eq_ignore_ascii_case(known));
    let words = catalog.words.iter().filter(|word| {
        let short = word.name.rsplit("::").next().unwrap_or_default();
        is_meant(&word.name) || is_meant(short)
    });
    let properties = catalog.properties.iter();
    let properties = properties.filter(|property| is_meant(&property.of));
    let found: Vec<_> = words
        .map(of_word)
        .chain(properties.map(of_property))
        .collect();
    match name {
        Some(name) if found.is_empty() => Err(unknown(&catalog, name)),
        _ => Ok(found.into()),
    }
}

fn bold(color: bool, text: &str) -> String {
    paint(color, text, Colorize::bold)
}

fn unknown(catalog: &Catalog, name: &str) -> Report {
    let report = Report::new(format!("there is no word `{name}`"));
    match nearest(name, names(catalog)) {
        Some(near) => report.hint(format!("did you mean `{near}`?")),
        None => report.hint("`ipvsh doc` lists all words"),
    }
}

fn names(catalog: &Catalog) -> impl Iterator<Item = &str> {
    let words = catalog.words.iter().map(|word| word.name.as_str());
    words.chain(
        catalog
            .properties
            .iter()
            .map(|property| property.of.as_str()),
    )
}

/// All words, under their topics.
fn index(catalog: &Catalog, color: bool) -> String {
    let mut parts = Vec::new();
    for topic in catalog.topics() {
        let words = catalog.words.iter().filter(|word| word.topic == topic);
        let width = catalog.words.iter().map(|word| word.name.len()).max();
        let width = width.unwrap_or_default();
        let lines: Vec<_> = words
            .map(|word| format!("  {:width$}  {}", word.name, word.summary()))
            .collect();
        parts.push(format!("{}\n{}", bold(color, topic), lines.join("\n")));
    }
    for kind in catalog.kinds() {
        let names: Vec<_> = catalog
            .properties_of(kind)
            .map(|property| format!(".{}", property.name))
            .collect();
        let heading = format!("Properties of {kind}");
        parts.push(format!("{}\n  {}", bold(color, &heading), names.join(" ")));
    }
    parts.push("`ipvsh doc WORD` shows the page of a word, with examples.".to_owned());
    parts.join("\n\n")
}

fn page(catalog: &Catalog, name: &str, color: bool) -> Option<String> {
    if let Some(word) = catalog.word(name) {
        return Some(of_word(word, color));
    }
    let kind = catalog
        .kinds()
        .into_iter()
        .find(|kind| kind.eq_ignore_ascii_case(name));
    if let Some(kind) = kind {
        return Some(of_kind(catalog, kind, color));
    }
    let module = format!("import \"{name}\"");
    let words = catalog
        .words
        .iter()
        .filter(|word| word.topic == module || word.name.rsplit("::").next() == Some(name))
        .map(|word| of_word(word, color));
    let head = modules::standard(name).map(|script| {
        let statement = format!("{module} as {};", modules::alias(name));
        format!("{}\n\n{}", bold(color, &statement), script.head())
    });
    let parts: Vec<_> = head.into_iter().chain(words).collect();
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}

/// The page of a word: each form with its text, then the forms that follow from them.
fn of_word(word: &Word, color: bool) -> String {
    let mut parts = Vec::new();
    let written = word.signatures.iter().filter(|form| !form.is_derived);
    for form in written {
        let doc: Vec<_> = form
            .doc
            .lines()
            .filter(|line| !line.starts_with("```"))
            .map(|line| format!("    {line}").trim_end().to_owned())
            .collect();
        parts.push(format!(
            "{}\n\n{}",
            bold(color, &form.show()),
            doc.join("\n")
        ));
    }
    let derived: Vec<_> = word
        .signatures
        .iter()
        .filter(|form| form.is_derived)
        .map(|form| format!("    {}", form.show()))
        .collect();
    if !derived.is_empty() {
        parts.push(format!("Also:\n{}", derived.join("\n")));
    }
    let keys = option_keys::of(&word.name);
    if !keys.is_empty() {
        parts.push(format!("Options:\n    {}", keys.join(", ")));
    }
    parts.join("\n\n")
}

/// The words and properties that have to do with `text`: it is in their name, their documentation, or an option's name.
fn search(catalog: &Catalog, text: &str, color: bool) -> Option<String> {
    let wanted = text.to_lowercase();
    let has = |name: &str, doc: &str| {
        let mut words = doc.split(|c: char| !c.is_alphanumeric() && c != '_');
        name.to_lowercase().contains(&wanted) || words.any(|word| word.to_lowercase() == wanted)
    };
    let words = catalog.words.iter().filter(|word| {
        let mut forms = word.signatures.iter();
        option_keys::of(&word.name).contains(&wanted.as_str())
            || forms.any(|form| has(&word.name, &form.doc))
    });
    let words = words.map(|word| (word.name.clone(), word.summary().to_owned()));
    let properties = catalog.properties.iter();
    let properties = properties
        .filter(|one| has(&one.name, &one.doc))
        .map(|one| {
            let summary = one.doc.lines().next().unwrap_or_default();
            (format!("{}.{}", one.of, one.name), summary.to_owned())
        });
    let found: Vec<_> = words.chain(properties).collect();
    let width = found.iter().map(|(name, _)| name.len()).max()?;
    let lines: Vec<_> = found
        .iter()
        .map(|(name, summary)| {
            let name = bold(color, &format!("{name:width$}"));
            format!("  {name}  {summary}")
        })
        .collect();
    Some(lines.join("\n"))
}

/// The page of a type of handle.
fn of_kind(catalog: &Catalog, kind: &str, color: bool) -> String {
    let properties: Vec<_> = catalog.properties_of(kind).collect();
    let width = properties.iter().map(|property| property.name.len()).max();
    let width = width.unwrap_or_default();
    let lines: Vec<_> = properties
        .iter()
        .map(|property| {
            let summary = property.doc.lines().next().unwrap_or_default();
            format!("  .{:width$}  {summary}", property.name)
        })
        .collect();
    let methods: Vec<_> = catalog
        .words
        .iter()
        .filter(|word| {
            let mut forms = word.signatures.iter();
            forms.any(|form| {
                form.parameters
                    .first()
                    .is_some_and(|(_, first)| first == kind)
            })
        })
        .map(|word| format!(".{}()", word.name))
        .collect();
    format!(
        "{}\n{}\n\n{}\n  {}",
        bold(color, &format!("Properties of {kind}")),
        lines.join("\n"),
        bold(color, "Methods"),
        methods.join(" ")
    )
}
