//! The text of a script: read once, checked, and kept, so that an error shows the line that ran even if the file has changed since.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::rc::Rc;

use nix::errno::Errno;

use super::written;
use crate::dsl::Session;
use crate::dsl::order::Orders;
use crate::error::{Error, Kind, nearest};
use crate::net::file;
use crate::value::shell;
use crate::view::error::{Place, Report};

/// A script or module that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// How the user calls it, and how errors name it.
    pub name: String,
    /// Its text, with plain line ends and without a byte order mark.
    pub text: Rc<str>,
}

impl Script {
    /// A script from a text that is at hand.
    pub fn new(name: &str, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self {
            name: name.to_owned(),
            text: text.replace("\r\n", "\n").into(),
        }
    }

    /// Reads the file at `path`.
    pub fn read(path: &Path) -> Result<Self, Report> {
        let name = path.display().to_string();
        match file::read(path) {
            Ok(bytes) => Self::decode(&name, bytes),
            Err(error) => Err(unreadable(path, &error)),
        }
    }

    /// Reads standard input to its end.
    pub fn read_input(name: &str) -> Result<Self, Report> {
        match file::read_from(&mut std::io::stdin().lock()) {
            Ok(bytes) => Self::decode(name, bytes),
            Err(error) => Err(Report::new(format!("cannot read `{name}`: {error}"))),
        }
    }

    /// Takes the bytes of a script as text, if they are.
    fn decode(name: &str, bytes: Vec<u8>) -> Result<Self, Report> {
        if bytes.contains(&0) {
            return Err(
                Report::new(format!("cannot run `{name}`: it is binary, not a script"))
                    .hint("a script is a text in the language of ipvsh, see `ipvsh doc`"),
            );
        }
        String::from_utf8(bytes)
            .map(|text| Self::new(name, &text))
            .map_err(|error| {
                let good = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes());
                let line = error.as_bytes()[..good].split(|b| *b == b'\n').count();
                let source = text.lines().nth(line - 1).unwrap_or_default().to_owned();
                let column = source.chars().take_while(|c| *c != '\u{fffd}').count() + 1;
                Report {
                    place: Some(Place {
                        file: name.to_owned(),
                        line,
                        column,
                        source,
                    }),
                    ..Report::new(format!("cannot run `{name}`: it is not UTF-8 text"))
                }
                .hint("save it as UTF-8")
            })
    }

    /// The text as the parser gets it: the `#!` line, if there is one, is blanked out.
    pub(crate) fn source(&self) -> String {
        if self.text.starts_with("#!") {
            let rest = self.text.find('\n').map_or("", |end| &self.text[end..]);
            format!("//{rest}")
        } else {
            self.text.to_string()
        }
    }

    /// What the script says about itself: the `//!` lines at its head.
    pub fn head(&self) -> String {
        let lines: Vec<_> = self
            .text
            .lines()
            .skip_while(|line| line.starts_with("#!") || line.trim().is_empty())
            .map_while(|line| line.trim_start().strip_prefix("//!"))
            .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end())
            .collect();
        lines.join("\n")
    }
}

/// Why the file at `path` can't be read, with the nearest name beside it.
fn unreadable(path: &Path, error: &Error) -> Report {
    let name = path.display();
    let report = match error.errno {
        Some(Errno::ENOENT) => Report::new(format!("there is no script `{name}`")),
        Some(Errno::EISDIR) => {
            return Report::new(format!("cannot run `{name}`: it is a directory"))
                .hint("name a script in it");
        }
        None => {
            return Report::new(format!("cannot run `{name}`: {error}"))
                .hint("a script is a file; one that comes through a pipe is read by `ipvsh -`");
        }
        Some(_) => {
            let report = Report::new(format!("cannot read `{name}`: {error}"));
            return if error.kind == Kind::Denied {
                {
                    let file = shell::path(path);
                    report.hint(format!("look at its permissions with `ls -l {file}`"))
                }
            } else {
                report
            };
        }
    };
    match neighbour(path) {
        Some(near) => report.hint(format!("did you mean `{near}`?")),
        None => report,
    }
}

/// The name beside `path` that is nearest to it.
fn neighbour(path: &Path) -> Option<String> {
    let typed = path.file_name()?.to_str()?;
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let names: Vec<String> = fs::read_dir(folder.unwrap_or(Path::new(".")))
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| {
            Path::new(name)
                .extension()
                .is_some_and(|extension| extension == "rhai")
        })
        .collect();
    let with_extension = format!("{typed}.rhai");
    let near = names
        .iter()
        .find(|name| **name == with_extension)
        .map(String::as_str)
        .or_else(|| nearest(typed, names.iter().map(String::as_str)))?;
    Some(match folder {
        Some(folder) => folder.join(near).display().to_string(),
        None => near.to_owned(),
    })
}

/// The scripts and modules of a run, by name.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    texts: Rc<RefCell<BTreeMap<String, Rc<str>>>>,
    /// The variables that any of them catches errors in.
    catching: Rc<RefCell<BTreeSet<String>>>,
    /// Told in which order they write the keys of maps.
    orders: Rc<Orders>,
}

impl Sources {
    /// None so far, of a run of `session`.
    pub(crate) fn of(session: &Session) -> Self {
        Self {
            orders: session.orders().clone(),
            ..Self::default()
        }
    }

    /// Whether a script catches errors in a variable of that name.
    pub(crate) fn catches_in(&self, name: &str) -> bool {
        let catching = self.catching.borrow();
        !catching.is_empty() && catching.contains(name)
    }

    /// Keeps the text of `script`.
    pub fn keep(&self, script: &Script) {
        for behind in script.text.split("catch").skip(1) {
            let variable = behind.trim_start().strip_prefix('(');
            let variable = variable.and_then(|behind| behind.split(')').next());
            let variables = variable.map(|name| name.trim().to_owned());
            self.catching.borrow_mut().extend(variables);
        }
        for keys in written::keys_of_maps(&script.text) {
            self.orders.note(keys);
        }
        self.texts
            .borrow_mut()
            .insert(script.name.clone(), script.text.clone());
    }

    /// The text of the script `name`.
    pub fn text(&self, name: &str) -> Option<Rc<str>> {
        self.texts.borrow().get(name).cloned()
    }

    /// The names of all that were read.
    pub fn names(&self) -> Vec<String> {
        self.texts.borrow().keys().cloned().collect()
    }

    /// The place at a position in the script `name`.
    pub fn place(&self, name: &str, position: rhai::Position) -> Option<Place> {
        let line = position.line()?;
        let text = self.text(name)?;
        let source = text.lines().nth(line - 1).unwrap_or_default().to_owned();
        Some(Place {
            file: name.to_owned(),
            line,
            column: position.position().unwrap_or(1),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shebang_is_hidden_from_the_parser_and_lines_keep_their_numbers() {
        let script = Script::new("x", "#!/usr/bin/env ipvsh\r\n//! A lab.\r\n//! Two.\r\n1");
        assert_eq!(script.source(), "//\n//! A lab.\n//! Two.\n1");
        assert_eq!(script.head(), "A lab.\nTwo.");
        assert_eq!(Script::new("x", "#!only").source(), "//");
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_text() {
        assert_eq!(&*Script::new("x", "\u{feff}1").text, "1");
    }
}
