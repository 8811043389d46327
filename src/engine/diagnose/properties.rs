//! A property that a handle or map does not have, or that can't be set.

use super::{Context, habits};
use crate::engine::catalog::{Catalog, Property};
use crate::engine::types;
use crate::error::nearest;
use crate::view::error::Report;

/// Explains Rhai's text about a dot that leads nowhere.
pub(super) fn explain(context: &Context, text: &str) -> Report {
    let mut quoted = text.split('\'').skip(1).step_by(2);
    let (Some(name), Some(kind)) = (quoted.next(), quoted.next()) else {
        return Report::new(super::lower(text));
    };
    let kind = types::of_text(kind);
    let catalog = context.catalog();
    if text.starts_with("No writable property") {
        not_writable(&catalog, kind, name, quoted.next())
    } else {
        unknown(&catalog, kind, name)
    }
}

fn unknown(catalog: &Catalog, kind: &str, name: &str) -> Report {
    let report = Report::new(format!(
        "{} has no property `{name}`",
        types::with_article(kind)
    ));
    let report = with_known(catalog, kind, report);
    if kind == "list" && catalog.properties.iter().any(|one| one.name == name) {
        return report.hint(format!(
            "its items may have: `list.map(|one| one.{name})`, or `list[0].{name}`"
        ));
    }
    if let Some(here) = habits::method(name).filter(|here| catalog.builtin.contains_key(*here)) {
        return report.hint(format!("it is called `{here}` here: write `.{here}()`"));
    }
    let is_method = catalog.word(name).is_some_and(|word| {
        let mut forms = word.signatures.iter();
        forms.any(|form| {
            form.parameters
                .first()
                .is_some_and(|(_, first)| first == kind)
        })
    });
    if is_method || catalog.builtin.contains_key(name) {
        return report.hint(format!("it is a method: write `.{name}(…)`"));
    }
    let properties = of(catalog, kind).map(|property| property.name.as_str());
    match nearest(name, properties) {
        Some(near) => report.hint(format!("did you mean `.{near}`?")),
        None => report,
    }
}

fn not_writable(catalog: &Catalog, kind: &str, name: &str, given: Option<&str>) -> Report {
    let known = of(catalog, kind).find(|property| property.name == name);
    match known {
        None => unknown(catalog, kind, name),
        Some(property) if property.is_writable => Report::new(format!(
            "`.{name}` of {} takes {}, not {}",
            types::with_article(kind),
            types::with_article(&property.returns),
            types::with_article(types::of_text(given.unwrap_or("()")))
        )),
        Some(_) => {
            let report = Report::new(format!(
                "`.{name}` of {} can't be assigned to",
                types::with_article(kind)
            ));
            match catalog.word(name) {
                Some(_) => report.hint(format!("call it: `.{name}(…)`")),
                None => report,
            }
        }
    }
}

fn of<'a>(catalog: &'a Catalog, kind: &'a str) -> impl Iterator<Item = &'a Property> {
    let properties = catalog.properties.iter();
    properties.filter(move |property| property.of == kind)
}

fn with_known(catalog: &Catalog, kind: &str, report: Report) -> Report {
    let names: Vec<_> = of(catalog, kind)
        .map(|property| format!(".{}", property.name))
        .collect();
    if names.is_empty() {
        report
    } else {
        report.note(format!("it has {}", names.join(" ")))
    }
}

/// Explains a key that a map doesn't have.
pub(super) fn missing_key(context: &Context, name: &str) -> Report {
    let report = Report::new(format!("the map has no `{name}`"));
    let catalog = context.catalog();
    let mut forms = catalog.builtin.get(name).into_iter().flatten();
    let is_method = forms.any(|form| {
        let first = form.parameters.first();
        form.parameters.len() == 1 && first.is_some_and(|(_, first)| first == "map")
    });
    if is_method {
        return report.hint(format!("it is a method: write `.{name}()`"));
    }
    // These take () in place of a value, and a key that is missing is none.
    let behind = context.behind();
    let rest = behind.strip_prefix(name).unwrap_or(&behind).trim_start();
    let is_asked = rest.starts_with("??") || context.before().trim_end().ends_with("?.");
    if let Some(value) = context.receiver().filter(|_| is_asked) {
        let value = value.trim_end_matches('?');
        return report.hint(format!(
            "write `{value}.get(\"{name}\")`, which is () where the map has no `{name}`"
        ));
    }
    report.hint(format!(
        "`\"{name}\" in map` says whether it has; `map.get(\"{name}\")` is () where it hasn't"
    ))
}
