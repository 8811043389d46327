//! What the same tests came to on several kernels: a row a test, a column a kernel, and beside each other what differs.

use super::done::{Done, Item, Kernel, Outcome};
use super::tell::{first_line, indented};
use crate::command::documents::{Differing, OnKernel};
use crate::view::table;

/// The results of each test, in the order of the kernels; none where it did not run there.
pub(super) struct Matrix<'a> {
    kernels: Vec<&'a str>,
    rows: Vec<(&'a Item, Vec<Option<&'a Done>>)>,
}

impl<'a> Matrix<'a> {
    pub(super) fn of(items: &'a [Item], kernels: &'a [Kernel], done: &'a [(usize, Done)]) -> Self {
        let on = |index: usize, kernel: &Kernel| {
            let found = done
                .iter()
                .find(|(of, done)| *of == index && done.kernel.as_ref() == Some(kernel));
            found.map(|(_, done)| done)
        };
        let row = |(index, item)| {
            let results = kernels.iter().map(|kernel| on(index, kernel));
            (item, results.collect())
        };
        Self {
            kernels: kernels
                .iter()
                .map(|kernel| kernel.release.as_str())
                .collect(),
            rows: items.iter().enumerate().map(row).collect(),
        }
    }

    /// The table; nothing where there are no tests.
    pub(super) fn table(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let sign = |done: Option<&Done>| match done.map(|done| &done.outcome) {
            Some(Outcome::Passed) => "✔",
            Some(Outcome::Failed(_)) => "✘",
            Some(Outcome::Skipped(_) | Outcome::Lacks(_)) => "–",
            None => "",
        };
        let rows: Vec<Vec<String>> = self
            .rows
            .iter()
            .map(|(item, results)| {
                let signs = results.iter().map(|done| sign(*done).to_owned());
                std::iter::once(name(item)).chain(signs).collect()
            })
            .collect();
        let headings = std::iter::once("test").chain(self.kernels.iter().copied());
        let headings: Vec<String> = headings.map(str::to_owned).collect();
        table::draw_under(&headings, &rows)
    }

    /// The tests with another result on one kernel than on another, each with what was said there; nothing where there are none.
    pub(super) fn differences(&self) -> String {
        let width = self.kernels.iter().map(|kernel| kernel.len()).max();
        let parts: Vec<String> = self
            .differing()
            .map(|(item, results)| {
                let mut lines = vec![format!("differs: {}", name(item))];
                for (kernel, done) in self.kernels.iter().zip(results) {
                    let text = done.map_or_else(|| "did not run".to_owned(), said);
                    let text = indented(&text, &" ".repeat(width.unwrap_or(0) + 4));
                    let (width, text) = (width.unwrap_or(0), text.trim_start());
                    lines.push(format!("  {kernel:width$}  {text}"));
                }
                lines.join("\n")
            })
            .collect();
        parts.join("\n")
    }

    /// The same as documents.
    pub(super) fn documents(&self) -> Vec<Differing> {
        let rows = self.differing().map(|(item, results)| {
            let results = self.kernels.iter().zip(results).map(|(kernel, done)| {
                let outcome = done.map(|done| done.outcome.name().to_owned());
                let said = done.map(|done| message(&done.outcome));
                ((*kernel).to_owned(), OnKernel { outcome, said })
            });
            Differing {
                test: item.id(),
                run: item.run,
                results: results.collect(),
            }
        });
        rows.collect()
    }

    fn differing(&self) -> impl Iterator<Item = &(&'a Item, Vec<Option<&'a Done>>)> {
        self.rows.iter().filter(|(_, results)| {
            let mut results = results
                .iter()
                .map(|done| done.map(|done| gist(&done.outcome)));
            let first = results.next();
            results.any(|other| Some(other) != first)
        })
    }
}

fn name(item: &Item) -> String {
    match item.run {
        1 => item.id(),
        run => format!("{} (run {run})", item.id()),
    }
}

/// What makes two results the same. Why one was skipped names the kernel, and is no difference by itself.
fn gist(outcome: &Outcome) -> (&str, &str) {
    match outcome {
        Outcome::Failed(failed) => (outcome.name(), &failed.report.message),
        _ => (outcome.name(), ""),
    }
}

fn message(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Passed => String::new(),
        Outcome::Skipped(why) | Outcome::Lacks(why) => first_line(why).to_owned(),
        Outcome::Failed(failed) => failed.report.message.clone(),
    }
}

/// What a test came to, and what it printed.
fn said(done: &Done) -> String {
    let message = message(&done.outcome);
    let mut text = match &done.outcome {
        Outcome::Passed => "✔ passed".to_owned(),
        Outcome::Failed(_) => format!("✘ {message}"),
        Outcome::Skipped(_) | Outcome::Lacks(_) => format!("– skipped: {message}"),
    };
    if !done.output.trim().is_empty() {
        text.push('\n');
        text.push_str(done.output.trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::command::test::done::Failed;
    use crate::view::error::Report;

    #[test]
    fn what_differs_is_shown_side_by_side() {
        let items: Vec<Item> = ["test_a", "test_b", "test_c"]
            .map(|function| Item {
                file: "x_test.rhai".into(),
                function: function.to_owned(),
                row: None,
                title: String::new(),
                line: 1,
                run: 1,
                refused: None,
            })
            .into();
        let kernels = ["6.1.0", "6.12.95"].map(|release| Kernel {
            release: release.to_owned(),
            is_asked_for: true,
        });
        let failed = |message: &str| {
            Outcome::Failed(Box::new(Failed {
                report: Report::new(message),
                ..Failed::default()
            }))
        };
        let done = |index: usize, kernel: usize, outcome, output: &str| {
            let done = Done {
                outcome,
                took: Duration::ZERO,
                output: output.to_owned(),
                kernel: Some(kernels[kernel].clone()),
            };
            (index, done)
        };
        let done = [
            done(1, 1, Outcome::Passed, ""),
            done(0, 0, Outcome::Passed, "one"),
            done(0, 1, Outcome::Passed, "other"),
            done(1, 0, failed("no\nnot at all"), "printed\n"),
            done(2, 0, Outcome::Skipped("it needs netkit".to_owned()), ""),
        ];
        let matrix = Matrix::of(&items, &kernels, &done);
        insta::assert_snapshot!(matrix.table(), @r"
        test                 6.1.0  6.12.95
        x_test.rhai::test_a  ✔      ✔
        x_test.rhai::test_b  ✘      ✔
        x_test.rhai::test_c  –
        ");
        insta::assert_snapshot!(matrix.differences(), @r"
        differs: x_test.rhai::test_b
          6.1.0    ✘ no
                   not at all
                   printed
          6.12.95  ✔ passed
        differs: x_test.rhai::test_c
          6.1.0    – skipped: it needs netkit
          6.12.95  did not run
        ");
        let on = |outcome: &str, said: &str| OnKernel {
            outcome: Some(outcome.to_owned()),
            said: Some(said.to_owned()),
        };
        let first = Differing {
            test: "x_test.rhai::test_b".to_owned(),
            run: 1,
            results: BTreeMap::from([
                ("6.1.0".to_owned(), on("failed", "no\nnot at all")),
                ("6.12.95".to_owned(), on("passed", "")),
            ]),
        };
        assert_eq!(matrix.documents()[0], first);
    }
}
