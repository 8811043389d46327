//! Which kinds of link, queues and filters this kernel has: asked in a private place, where that changes nothing.
//!
//! To ask the kernel for what it has no driver for may load one. So it is asked only for what is loaded already, or where there is
//! nothing to load; of the rest it is said that it is loaded when it is first needed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::rc::Rc;

use rtnetlink::packet_route::link::InfoKind;
use serde_json::{Value, json};

use super::Finding;
use crate::command::{cannot_start, output};
use crate::dsl::Session;
use crate::dsl::kinds::kind::{self, Kind};
use crate::dsl::session::Settings;
use crate::engine::makes::{self, Driver};
use crate::engine::{Failure, Interpreter, stack};
use crate::error::Error;
use crate::net::driver;
use crate::net::module::Modules;
use crate::sandbox::ns::{self, Entered};

/// What the kernel has of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Has {
    /// It is there.
    Now,
    /// The kernel loads it when it is first needed.
    WhenNeeded,
    /// There is none.
    Not,
    /// That can't be told without loading something.
    Untold,
}

impl Has {
    const ALL: [(&'static str, Self); 4] = [
        ("now", Self::Now),
        ("when needed", Self::WhenNeeded),
        ("not", Self::Not),
        ("untold", Self::Untold),
    ];

    fn name(self) -> &'static str {
        let mut all = Self::ALL.iter();
        all.find(|(_, one)| *one == self)
            .map_or("", |(name, _)| name)
    }

    fn of_name(name: &str) -> Self {
        let mut all = Self::ALL.iter();
        all.find(|(known, _)| *known == name)
            .map_or(Self::Untold, |(_, has)| *has)
    }
}

/// What came of all questions.
pub(super) struct Probed {
    /// Why no private place could be made, and what to do about it.
    pub(super) refused: Option<(String, Option<String>)>,
    has: BTreeMap<String, Has>,
}

impl Probed {
    /// What there is of the kind or queue that a word makes.
    pub(super) fn has(&self, word: &str) -> Has {
        self.has.get(word).copied().unwrap_or(Has::Untold)
    }

    /// A line each.
    pub(super) fn findings(&self) -> Vec<Finding> {
        makes::all()
            .map(|(driver, _)| self.finding(&driver))
            .collect()
    }

    /// A line of one.
    pub(super) fn finding(&self, driver: &Driver) -> Finding {
        let Driver {
            name: word,
            module,
            config,
        } = *driver;
        let what = format!("module `{module}`, {config}");
        match self.has(word) {
            Has::Now => Finding::good(word, format!("there ({what})")),
            Has::WhenNeeded => {
                Finding::good(word, format!("loaded when it is first needed ({what})"))
            }
            Has::Not => Finding::bad(word, format!("this kernel has none ({what})"))
                .mend(kind::elsewhere(word)),
            Has::Untold => Finding::open(
                word,
                format!(
                    "not loaded; whether there is one can't be told without loading it ({what})"
                ),
            )
            .mend("`ipvsh doctor --try` asks the kernel, which may load it"),
        }
    }
}

/// Asks in a process of its own, which enters a private place.
pub(super) fn outside(tries: bool) -> Probed {
    let asked = Command::new("/proc/self/exe")
        .args(["doctor", "--probe"])
        .args(tries.then_some("--try"))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let failed = |why: String| Probed {
        refused: Some((format!("can't be tried: {why}"), None)),
        has: BTreeMap::new(),
    };
    let told: Value = match asked {
        Ok(output) => match serde_json::from_slice(&output.stdout) {
            Ok(told) => told,
            Err(_) => return failed("the process that was to try has ended".to_owned()),
        },
        Err(_) if !Path::new("/proc/self").exists() => {
            return failed("there is no /proc here".to_owned());
        }
        Err(error) => return failed(Error::io(&error).to_string()),
    };
    let refused = told["refused"].as_str().map(|why| {
        let hint = told["hint"].as_str().map(str::to_owned);
        (why.to_owned(), hint)
    });
    let has = told["has"].as_object().into_iter().flatten();
    let has = has.map(|(word, has)| {
        let has = Has::of_name(has.as_str().unwrap_or_default());
        (word.clone(), has)
    });
    Probed {
        refused,
        has: has.collect(),
    }
}

/// What that process does.
pub(super) fn inside(tries: bool) -> Result<u8, Failure> {
    // Before it enters the place, from which the files of modules can't be seen.
    let modules = Modules::look();
    let told: Vec<Option<Has>> = makes::all()
        .map(|(driver, _)| {
            let may_load = match kind::of_word(driver.name) {
                Some(kind) => driver::may_load(kind.name),
                None => !driver::is_ready(driver.module),
            };
            let untold = (!tries && may_load).then_some(Has::Untold);
            of_files(&modules, &driver).or(untold)
        })
        .collect();
    let name = |has: Has| Value::from(has.name());
    let refused = match ns::enter(&ns::Files::default()) {
        // The one that has watched over the place.
        Ok(Entered::Ended(code)) => return Ok(code),
        Ok(Entered::Inside(_)) => None,
        Err(error) => Some(error),
    };
    if let Some(error) = refused {
        let has = makes::all().zip(told).map(|((driver, _), has)| {
            let has = has.unwrap_or(Has::Untold);
            (driver.name.to_owned(), name(has))
        });
        let has: serde_json::Map<_, _> = has.collect();
        let told = json!({"refused": error.message(), "hint": error.hint, "has": has});
        return Ok(output::say_json(&told));
    }
    let has = stack::with_room(|| {
        let session = Session::collecting(Settings::default());
        let has = makes::all().zip(&told).map(|((driver, line), has)| {
            let has = has.unwrap_or_else(|| ask(&session, driver.name, line));
            (driver.name.to_owned(), name(has))
        });
        has.collect::<serde_json::Map<_, _>>()
    });
    let has = has.map_err(|error| cannot_start(&error))?;
    Ok(output::say_json(&json!({"has": has})))
}

/// Asks the kernel.
fn ask(session: &Rc<Session>, word: &str, line: Option<&str>) -> Has {
    let kind: Option<&Kind> = kind::of_word(word);
    let has = match (kind, line) {
        (Some(kind), _) => {
            let kind = InfoKind::from(kind.name);
            let asked = session.wait(async { driver::refusal_to(&kind).await.is_none() });
            asked.unwrap_or(false)
        }
        (None, Some(line)) => Interpreter::for_line(session.clone(), line)
            .eval("<probe>", line)
            .is_ok(),
        (None, None) => false,
    };
    if has { Has::Now } else { Has::Not }
}

/// What files tell of it; nothing where the kernel is to be asked.
fn of_files(modules: &Modules, driver: &Driver) -> Option<Has> {
    if modules.has(driver.module, driver.config) {
        return Some(Has::Now);
    }
    modules.can_load(driver.module).then_some(Has::WhenNeeded)
}
