//! Writes a script to begin with.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::documents;
use super::line::{New, Options};
use super::output;
use crate::engine::{Failure, stories};
use crate::error::{Error, nearest};
use crate::value::shell;
use crate::view::error::Report;

/// What there is to begin with, by its name.
const TEMPLATES: [(&str, &str); 4] = [
    ("lab", include_str!("lab.rhai")),
    ("router", include_str!("router.rhai")),
    ("ipvlan", include_str!("ipvlan.rhai")),
    ("test", include_str!("test.rhai")),
];

/// The names of the templates.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TEMPLATES.iter().map(|(name, _)| *name)
}

/// Does what `ipvsh new` asks for. A file that is there is not replaced.
pub(super) fn run(what: &New, options: &Options) -> Result<u8, Failure> {
    if what.list {
        return Ok(list(options.is_json()));
    }
    let asked = what.template.as_str();
    let Some((name, text)) = TEMPLATES.iter().find(|(name, _)| *name == asked) else {
        let report = Report::new(format!("there is no template `{asked}`"));
        return Err(Failure::usage(match nearest(asked, names()) {
            Some(near) => report.hint(format!("did you mean `--template {near}`?")),
            None => report.hint("`ipvsh new --list` lists them"),
        }));
    };
    let file = file(what.file.as_deref(), name);
    write(&file, text)?;
    let path = file.display().to_string();
    if options.is_json() {
        return Ok(output::say_json(
            &serde_json::json!({"file": path, "template": name}),
        ));
    }
    let code = output::say(&path);
    if !options.quiet {
        let path = shell::word(&path);
        output::note(&match *name {
            "test" => format!("run it: ipvsh test {path}"),
            _ => format!("run it: ipvsh --sandbox {path}"),
        });
    }
    Ok(code)
}

/// The name of the file, with the ending that its kind has.
fn file(asked: Option<&Path>, template: &str) -> PathBuf {
    let ending = if template == "test" {
        "_test.rhai"
    } else {
        ".rhai"
    };
    let Some(asked) = asked else {
        return PathBuf::from(match template {
            "test" => "lab_test.rhai".to_owned(),
            other => format!("{other}.rhai"),
        });
    };
    let mut name = asked.as_os_str().to_owned();
    let text = asked.to_string_lossy();
    if !text.ends_with(ending) {
        let stem = text.strip_suffix(".rhai").map(str::len);
        if let Some(length) = stem {
            name = text[..length].to_owned().into();
        }
        name.push(ending);
    }
    PathBuf::from(name)
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let path = file.display();
    let made = OpenOptions::new().write(true).create_new(true).open(file);
    let written = made.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        Failure::usage(if error.kind() == ErrorKind::AlreadyExists {
            Report::new(format!("{path} is there already")).hint("name another file")
        } else {
            Report::new(format!("cannot write `{path}`: {}", Error::io(&error)))
        })
    })
}

fn list(json: bool) -> u8 {
    let rows = TEMPLATES
        .iter()
        .map(|(name, text)| (*name, stories::title(text)));
    if json {
        let rows = rows.map(|(name, title)| documents::Titled {
            name: name.to_owned(),
            title: title.to_string(),
        });
        return output::say_json(&documents::value(&rows.collect::<Vec<_>>()));
    }
    let width = names().map(str::len).max().unwrap_or_default();
    let lines = rows.map(|(name, title)| format!("{name:width$}  {title}"));
    output::say(&lines.collect::<Vec<_>>().join("\n"))
}
