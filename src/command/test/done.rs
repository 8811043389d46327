//! A test, and what it came to: as values, and as the JSON that processes tell each other and that `--json` prints.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::command::documents::{self, TestError, TestOutcome};
use crate::value::shell;
use crate::view::error::{Place, Report};

/// A test to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// The file that it stands in, as the user calls it.
    pub(super) file: PathBuf,
    /// Its function; none where the file itself can't be used.
    pub(super) function: String,
    /// The row of its table of cases: the number and the name.
    pub(super) row: Option<(usize, String)>,
    /// What it is about.
    pub(super) title: String,
    /// The line on which it begins.
    pub(super) line: usize,
    /// Which of several runs it is, from 1.
    pub(super) run: usize,
    /// How it failed before it could be run.
    pub(super) refused: Option<Box<Failed>>,
}

impl Item {
    /// What calls it alone: `FILE::TEST[ROW]`.
    pub(super) fn id(&self) -> String {
        let file = self.file.display();
        let row = match &self.row {
            Some((_, name)) => format!("[{name}]"),
            None => String::new(),
        };
        if self.function.is_empty() {
            return file.to_string();
        }
        format!("{file}::{}{row}", self.function)
    }

    /// The line that runs it alone, on the kernel that ran it.
    pub(super) fn alone(&self, kernel: Option<&Kernel>) -> String {
        let (before, behind) = match kernel {
            Some(kernel) if kernel.is_asked_for => {
                ("", format!(" --kernel {}", shell::word(&kernel.release)))
            }
            Some(_) => (" --sandbox=vm", String::new()),
            None => ("", String::new()),
        };
        format!("ipvsh{before} test{behind} {}", shell::word(&self.id()))
    }
}

/// How a test failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Failed {
    /// The error, with its place.
    pub(super) report: Report,
    /// What `why` says of the pair that the last expectation was about.
    pub(super) why: String,
    /// What stood then.
    pub(super) tree: String,
}

/// What a test came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    /// It said so itself, or it can't be tried here; why.
    Skipped(String),
    /// The kernel has none of what it needs.
    Lacks(String),
    Failed(Box<Failed>),
}

/// What came of a run of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) outcome: Outcome,
    pub(super) took: Duration,
    /// What it printed.
    pub(super) output: String,
    /// The kernel that it ran on, where that is not this machine's.
    pub(super) kernel: Option<Kernel>,
}

/// The kernel of a micro-VM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kernel {
    pub(super) release: String,
    /// Whether it was asked for by its version; it is the default one otherwise.
    pub(super) is_asked_for: bool,
}

impl Kernel {
    /// The version of it to ask for; none for the default one.
    pub(super) fn wanted(&self) -> Option<&str> {
        self.is_asked_for.then_some(self.release.as_str())
    }
}

impl Done {
    /// A run that failed for a reason beside the test.
    pub(super) fn failed(report: Report, took: Duration, output: String) -> Self {
        Self {
            outcome: Outcome::Failed(Box::new(Failed {
                report,
                ..Failed::default()
            })),
            took,
            output,
            kernel: None,
        }
    }
}

impl Outcome {
    /// The word for it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Skipped(_) => "skipped",
            Self::Lacks(_) => "lacks",
            Self::Failed(_) => "failed",
        }
    }

    /// The same as a document.
    pub(super) fn document(&self) -> TestOutcome {
        match self {
            Self::Passed => TestOutcome::Passed,
            Self::Skipped(reason) => TestOutcome::Skipped {
                reason: reason.clone(),
            },
            Self::Lacks(reason) => TestOutcome::Lacks {
                reason: reason.clone(),
            },
            Self::Failed(failed) => {
                let place = failed.report.place.as_ref();
                let error = TestError {
                    told: failed.report.told(),
                    source: place.map(|place| place.source.clone()),
                };
                TestOutcome::Failed {
                    error: Box::new(error),
                    why: failed.why.clone(),
                    tree: failed.tree.clone(),
                }
            }
        }
    }

    /// The same as JSON.
    pub(super) fn to_json(&self) -> Value {
        documents::value(&self.document())
    }

    /// What such JSON says; none where it says nothing of the kind.
    pub(super) fn from_json(json: &Value) -> Option<Self> {
        let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
        Some(match json["outcome"].as_str()? {
            "passed" => Self::Passed,
            "skipped" => Self::Skipped(text("reason")),
            "lacks" => Self::Lacks(text("reason")),
            "failed" => Self::Failed(Box::new(Failed {
                report: report(&json["error"]),
                why: text("why"),
                tree: text("tree"),
            })),
            _ => return None,
        })
    }
}

fn report(json: &Value) -> Report {
    let text = |key: &str| json[key].as_str().map(str::to_owned);
    let number = |key: &str| {
        let number = json[key].as_u64()?;
        usize::try_from(number).ok()
    };
    let place = text("file").zip(number("line")).map(|(file, line)| Place {
        file,
        line,
        column: number("position").unwrap_or(1),
        source: text("source").unwrap_or_default(),
    });
    let notes = json["notes"].as_array().into_iter().flatten();
    let facts = ["kind", "errno", "kernel", "netns", "object"];
    Report {
        message: text("message").unwrap_or_default(),
        place,
        notes: notes.filter_map(Value::as_str).map(str::to_owned).collect(),
        hint: text("hint"),
        facts: facts
            .into_iter()
            .filter_map(|key| Some((key, text(key)?)))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_outcome_comes_through_json_as_it_was() {
        let mut report = Report::new("no").note("a note").hint("a hint");
        report.place = Some(Place {
            file: "x_test.rhai".to_owned(),
            line: 3,
            column: 2,
            source: "no()".to_owned(),
        });
        report.facts = vec![("kind", "timeout".to_owned())];
        let failed = Failed {
            report,
            why: "why: a → b".to_owned(),
            tree: "host".to_owned(),
        };
        for outcome in [
            Outcome::Passed,
            Outcome::Skipped("later".to_owned()),
            Outcome::Lacks("ipvlan".to_owned()),
            Outcome::Failed(Box::new(failed)),
        ] {
            let json = outcome.to_json();
            assert_eq!(Outcome::from_json(&json), Some(outcome));
        }
        assert_eq!(Outcome::from_json(&json!({})), None);
    }
}
