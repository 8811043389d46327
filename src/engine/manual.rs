//! The manual as text: all words by topic, the page of one word, of a type, of a topic, of a module.

use std::io::stdout;

use colored::Colorize;
use textwrap::Options;

use crate::dsl::options;
use crate::engine::catalog::{Catalog, Property, Word};
use crate::engine::{modules, own};
use crate::error::nearest;
use crate::schema::Opt;
use crate::view::error::Report;
use crate::view::paint::paint;

/// The widest that text is set: longer lines are hard to read.
const WIDEST: usize = 100;

/// How pages are set.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Whether headings are in colour.
    color: bool,
    /// The columns that there are.
    width: usize,
}

impl Setting {
    /// For standard output: as wide as its terminal, where it is one.
    pub fn of_output(color: bool) -> Self {
        let width = terminal_size::terminal_size_of(stdout())
            .map_or(WIDEST, |(width, _)| usize::from(width.0));
        Self {
            color,
            width: width.min(WIDEST),
        }
    }

    fn bold(self, text: &str) -> String {
        paint(self.color, text, Colorize::bold)
    }

    /// Sets a list of names next to each other.
    fn names<'a>(self, names: impl IntoIterator<Item = &'a str>) -> String {
        let names: Vec<_> = names.into_iter().collect();
        let options = Options::new(self.width)
            .initial_indent("  ")
            .subsequent_indent("  ")
            .break_words(false);
        textwrap::fill(&names.join("  "), options)
    }

    /// Sets names with what is said of each.
    fn described(self, rows: &[(String, String)]) -> String {
        let width = rows.iter().map(|(name, _)| name.len()).max();
        let width = width.unwrap_or_default();
        let indent = " ".repeat(width + 4);
        let options = Options::new(self.width)
            .subsequent_indent(&indent)
            .break_words(false);
        let lines: Vec<_> = rows
            .iter()
            .map(|(name, text)| {
                let line = textwrap::fill(&format!("  {name:width$}  {text}"), options.clone());
                line.replacen(name, &self.bold(name), 1)
            })
            .collect();
        lines.join("\n")
    }

    /// Sets documentation: its paragraphs anew, its examples as they stand.
    fn doc(self, doc: &str) -> String {
        let options = Options::new(self.width)
            .initial_indent("    ")
            .subsequent_indent("    ")
            .break_words(false);
        let mut set = Vec::new();
        let mut paragraph: Vec<&str> = Vec::new();
        let mut is_example = false;
        for line in doc.lines().chain([""]) {
            let is_fence = line.starts_with("```");
            let is_item = line.starts_with("* ") && !is_example;
            if is_item && !paragraph.is_empty() {
                set.push(textwrap::fill(&paragraph.join(" "), options.clone()));
                paragraph.clear();
            }
            if is_fence || is_example || line.is_empty() {
                if !paragraph.is_empty() {
                    set.push(textwrap::fill(&paragraph.join(" "), options.clone()));
                    paragraph.clear();
                }
                if !is_fence {
                    set.push(format!("    {line}").trim_end().to_owned());
                }
                is_example ^= is_fence;
            } else {
                paragraph.push(line);
            }
        }
        set.join("\n").trim_end().to_owned()
    }
}

/// Pages that are of no word: what a throw-away place keeps a script from, and the language by examples.
pub const PAGES: [(&str, &str); 2] = [
    ("sandbox", include_str!("../../docs/sandbox.md")),
    ("language", include_str!("../../docs/language.md")),
];

/// The page of `name`, or the list of all words.
///
/// Fails with the nearest name where there is no such word.
pub fn show(name: Option<&str>, setting: Setting) -> Result<String, Report> {
    if let Some((_, text)) = PAGES.iter().find(|(page, _)| name == Some(*page)) {
        return Ok(text.trim_end().to_owned());
    }
    let catalog = Catalog::new();
    match name {
        None => Ok(index(&catalog, setting)),
        Some(name) => page(&catalog, name, setting)
            .or_else(|| own_page(name, setting))
            .or_else(|| search(&catalog, name, setting))
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
            "options": options::of(&word.name).into_iter().filter(|row| row.is_option()).map(option).collect::<Vec<_>>(),
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
    let properties = properties.filter(|property| {
        is_meant(&property.of) || is_meant(&format!("{}.{}", property.of, property.name))
    });
    let found: Vec<_> = words
        .map(of_word)
        .chain(properties.map(of_property))
        .collect();
    match name {
        Some(name) if found.is_empty() => Err(unknown(&catalog, name)),
        _ => Ok(found.into()),
    }
}

/// An option as an object.
fn option(row: &Opt) -> serde_json::Value {
    serde_json::json!({
        "key": row.key,
        "types": row.form.types(),
        "value": row.form.described(),
        "choices": row.form.choices().collect::<Vec<_>>(),
        "default": (!row.default.is_empty()).then_some(row.default),
        "doc": row.doc,
    })
}

/// The page of a function that the language brings along.
fn own_page(name: &str, setting: Setting) -> Option<String> {
    let forms = own::forms(name);
    if forms.is_empty() {
        return None;
    }
    let forms = forms
        .iter()
        .map(|(call, doc)| format!("{}\n{}", setting.bold(call), setting.doc(doc)));
    Some(format!(
        "A function of the language, see `ipvsh doc language`:\n\n{}",
        forms.collect::<Vec<_>>().join("\n\n")
    ))
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

/// The names of all words by topic.
fn index(catalog: &Catalog, setting: Setting) -> String {
    let topics = catalog.topics().into_iter().map(|topic| {
        let names: Vec<_> = words_of(catalog, topic)
            .map(|word| word.name.as_str())
            .collect();
        (topic.to_owned(), names.join("  "))
    });
    let kinds = catalog.kinds().into_iter().map(|kind| {
        let names: Vec<_> = catalog
            .properties_of(kind)
            .map(|property| format!(".{}", property.name))
            .collect();
        (kind.to_owned(), names.join("  "))
    });
    format!(
        "{}\n\nProperties\n{}\n\n\
         `ipvsh doc WORD`, in a session `help(WORD)`, shows the page of a word, with examples;\n\
         `ipvsh doc TOPIC`, as in `help(\"Namespaces\")`, says what each word of a topic does.",
        setting.described(&topics.collect::<Vec<_>>()),
        setting.described(&kinds.collect::<Vec<_>>()),
    )
}

fn words_of<'a>(catalog: &'a Catalog, topic: &'a str) -> impl Iterator<Item = &'a Word> {
    let words = catalog.words.iter();
    words.filter(move |word| word.topic == topic)
}

/// A topic: its words, with what each does.
fn of_topic(catalog: &Catalog, topic: &str, setting: Setting) -> String {
    let rows: Vec<_> = words_of(catalog, topic)
        .map(|word| (word.name.clone(), word.summary().to_owned()))
        .collect();
    format!("{}\n{}", setting.bold(topic), setting.described(&rows))
}

fn page(catalog: &Catalog, name: &str, setting: Setting) -> Option<String> {
    if let Some(word) = catalog.word(name) {
        return Some(of_word(word, setting));
    }
    let kind = catalog
        .kinds()
        .into_iter()
        .find(|kind| kind.eq_ignore_ascii_case(name));
    if let Some(kind) = kind {
        return Some(of_kind(catalog, kind, setting));
    }
    let mut topics = catalog.topics().into_iter();
    if let Some(topic) = topics.find(|topic| topic.eq_ignore_ascii_case(name)) {
        return Some(of_topic(catalog, topic, setting));
    }
    if let Some(page) = of_member(catalog, name, setting) {
        return Some(page);
    }
    let module = format!("import \"{name}\"");
    let words = catalog
        .words
        .iter()
        .filter(|word| word.topic == module || word.name.rsplit("::").next() == Some(name))
        .map(|word| of_word(word, setting));
    let head = modules::standard(name).map(|script| {
        let statement = format!("{module} as {};", modules::alias(name));
        format!("{}\n\n{}", setting.bold(&statement), script.head())
    });
    let parts: Vec<_> = head.into_iter().chain(words).collect();
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}

/// The page of what a handle has, property or method, written behind a dot: `Link.qdiscs`, `link.up`.
fn of_member(catalog: &Catalog, name: &str, setting: Setting) -> Option<String> {
    let (kind, name) = name.split_once('.')?;
    let mut kinds = catalog.kinds().into_iter();
    let kind = kinds.find(|known| known.eq_ignore_ascii_case(kind))?;
    let mut properties = catalog.properties_of(kind);
    if let Some(property) = properties.find(|property| property.name == name) {
        let heading = setting.bold(&format!("{kind}.{name} -> {}", property.returns));
        return Some(format!("{heading}\n\n{}", setting.doc(&property.doc)));
    }
    let word = catalog.word(name).filter(|word| is_method(word, kind))?;
    Some(of_word(word, setting))
}

/// Whether the word can stand behind a handle of the kind.
fn is_method(word: &Word, kind: &str) -> bool {
    let mut forms = word.signatures.iter();
    forms.any(|form| {
        let first = form.parameters.first();
        first.is_some_and(|(_, first)| first == kind)
    })
}

/// The page of a word: each form with its text, then the forms that follow from them.
fn of_word(word: &Word, setting: Setting) -> String {
    let mut parts = Vec::new();
    let written = word.signatures.iter().filter(|form| !form.is_derived);
    for form in written {
        let heading = setting.bold(&form.show());
        parts.push(format!("{heading}\n\n{}", setting.doc(&form.doc)));
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
    let own: Vec<_> = options::own(&word.name)
        .into_iter()
        .filter(|row| row.is_option())
        .map(|row| (row.key.to_owned(), of_option(row)))
        .collect();
    let rest: Vec<_> = options::keys(&word.name)
        .into_iter()
        .filter(|key| own.iter().all(|(known, _)| known != key))
        .collect();
    if !own.is_empty() {
        parts.push(format!("Options:\n{}", setting.described(&own)));
    }
    if !rest.is_empty() {
        let whose = if options::shared(&word.name).is_empty() {
            "Options"
        } else {
            "Options of every link"
        };
        parts.push(format!("{whose}:\n{}", setting.names(rest)));
    }
    parts.join("\n\n")
}

/// What an option means, what can be given for it, and what it is where nothing is given.
fn of_option(row: &Opt) -> String {
    let default = match row.default {
        "" => String::new(),
        default => format!("; {default} by default"),
    };
    let value = row.form.described().replace('`', "");
    format!("{}: {value}{default}", row.doc)
}

/// The words and properties that have to do with `text`: it is in their name, their documentation, or an option's name.
fn search(catalog: &Catalog, text: &str, setting: Setting) -> Option<String> {
    let wanted = text.to_lowercase();
    let has = |name: &str, doc: &str| {
        let mut words = doc.split(|c: char| !c.is_alphanumeric() && c != '_');
        name.to_lowercase().contains(&wanted) || words.any(|word| word.to_lowercase() == wanted)
    };
    let words = catalog.words.iter().filter(|word| {
        let mut forms = word.signatures.iter();
        options::keys(&word.name).contains(&wanted.as_str())
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
    (!found.is_empty()).then(|| setting.described(&found))
}

/// The page of a type of handle.
fn of_kind(catalog: &Catalog, kind: &str, setting: Setting) -> String {
    let properties: Vec<_> = catalog
        .properties_of(kind)
        .map(|property| {
            let summary = property.doc.lines().next().unwrap_or_default();
            (format!(".{}", property.name), summary.to_owned())
        })
        .collect();
    let methods: Vec<_> = catalog
        .words
        .iter()
        .filter(|word| is_method(word, kind))
        .map(|word| format!(".{}()", word.name))
        .collect();
    format!(
        "{}\n{}\n\n{}\n{}",
        setting.bold(&format!("Properties of {kind}")),
        setting.described(&properties),
        setting.bold("Methods"),
        setting.names(methods.iter().map(String::as_str))
    )
}
