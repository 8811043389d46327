//! Tells how the tests go: line by line for a reader, as TAP, as JSON, as annotations of a CI, and as a file of `JUnit`.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use colored::Colorize;
use indicatif::{ProgressBar, ProgressStyle};
use quick_junit::{NonSuccessKind, Report as JUnit, TestCase, TestCaseStatus, TestSuite};
use serde_json::Value;

use super::done::{Done, Failed, Item, Kernel, Outcome};
use super::matrix::Matrix;
use crate::command::documents;
use crate::command::line::{Options, Test};
use crate::command::output;
use crate::engine::Failure;
use crate::error::Error;
use crate::view::error::Report;
use crate::view::paint::{When, paint};
use crate::view::plain;

/// How the bar is drawn: how far, how many failed, since when.
const BAR: &str = "[{bar:40}] {pos}/{len} {msg} {elapsed}";

/// How it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Tap,
    Json,
}

/// Hears of each test, and tells of it.
pub(super) struct Teller<'a> {
    items: &'a [Item],
    /// Those on each of which all tests run; none where no kernel was asked for.
    kernels: &'a [Kernel],
    form: Form,
    color: bool,
    quiet: bool,
    annotates: bool,
    bar: ProgressBar,
    /// What each test came to, in the order in which they ended.
    done: Vec<(usize, Done)>,
    code: u8,
}

/// How many came to what.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl<'a> Teller<'a> {
    pub(super) fn new(
        items: &'a [Item],
        kernels: &'a [Kernel],
        asked: &Test,
        options: &Options,
    ) -> Self {
        let runs = items.len() * kernels.len().max(1);
        let form = match (options.is_json(), asked.tap) {
            (true, _) => Form::Json,
            (_, true) => Form::Tap,
            _ => Form::Text,
        };
        let shows_bar = form == Form::Text && !options.quiet && plain::is_live(&std::io::stderr());
        let bar = if shows_bar {
            ProgressBar::new(u64::try_from(runs).unwrap_or(0))
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template(BAR) {
            bar.set_style(style);
        }
        let mut teller = Self {
            items,
            kernels,
            form,
            color: When::from(options.color).on(&std::io::stdout()),
            quiet: options.quiet,
            annotates: form == Form::Text && std::env::var_os("GITHUB_ACTIONS").is_some(),
            bar,
            done: Vec::new(),
            code: 0,
        };
        if form == Form::Tap {
            teller.say(&format!("TAP version 14\n1..{runs}"));
        }
        teller
    }

    fn say(&mut self, text: &str) {
        let said = self.bar.suspend(|| output::say(text));
        self.code = self.code.max(said);
    }

    /// Whether nobody reads any more what is told.
    pub(super) fn is_closed(&self) -> bool {
        self.code != 0
    }

    /// Tells of a test that is done.
    pub(super) fn hear(&mut self, index: usize, done: Done) {
        let item = &self.items[index];
        match self.form {
            Form::Json => {
                let said = output::say_json(&event(item, &done));
                self.code = self.code.max(said);
            }
            Form::Tap => {
                let number = self.done.len() + 1;
                self.say(&tap(number, item, &done));
            }
            Form::Text => {
                if !self.quiet || matches!(done.outcome, Outcome::Failed(_)) {
                    self.say(&line(item, &done, self.color));
                }
            }
        }
        self.done.push((index, done));
        self.bar.inc(1);
        let failed = self.counts().failed;
        if failed > 0 {
            self.bar.set_message(format!("{failed} failed"));
        }
    }

    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (_, done) in &self.done {
            match done.outcome {
                Outcome::Passed => counts.passed += 1,
                Outcome::Failed(_) => counts.failed += 1,
                Outcome::Skipped(_) | Outcome::Lacks(_) => counts.skipped += 1,
            }
        }
        counts
    }

    /// The first test that failed, in the order of the list, and the kernel of the micro-VM where it was in one.
    pub(super) fn first_failed(&self) -> Option<(&'a Item, Option<&Kernel>)> {
        let failed = self.done.iter();
        let failed = failed.filter(|(_, done)| matches!(done.outcome, Outcome::Failed(_)));
        let (index, done) = failed.min_by_key(|(index, _)| *index)?;
        Some((&self.items[*index], done.kernel.as_ref()))
    }

    /// Tells all failures whole, and the sum. Returns the exit code.
    pub(super) fn finish(&mut self, took: Duration) -> u8 {
        self.bar.finish_and_clear();
        let counts = self.counts();
        let runs = self.items.len() * self.kernels.len().max(1);
        let not_run = runs - self.done.len();
        let done = std::mem::take(&mut self.done);
        let matrix = Matrix::of(self.items, self.kernels, &done);
        let (table, differences, differs) =
            (matrix.table(), matrix.differences(), matrix.documents());
        self.done = done;
        match self.form {
            Form::Text => {
                let mut failures = self.failures();
                failures.sort_by_key(|(index, ..)| *index);
                let drawn: Vec<String> = failures
                    .iter()
                    .map(|(index, done, failed)| {
                        whole(&self.items[*index], done, failed, self.color)
                    })
                    .collect();
                for text in drawn {
                    self.say(&format!("\n{text}"));
                }
                if self.annotates {
                    for (_, line) in annotations(self.items, &self.done) {
                        self.say(&line);
                    }
                }
                if self.kernels.len() > 1 && !self.quiet {
                    for part in [table, differences] {
                        if !part.is_empty() {
                            self.say(&format!("\n{part}"));
                        }
                    }
                }
                let is_worth_a_line = !self.quiet || counts.failed > 0;
                if is_worth_a_line {
                    let sum = sum(counts, not_run, took, self.color);
                    let gap = if self.done.is_empty() { "" } else { "\n" };
                    self.say(&format!("{gap}{sum}"));
                }
            }
            Form::Json => {
                let releases = self.kernels.iter().map(|kernel| kernel.release.clone());
                let has_kernels = !self.kernels.is_empty();
                let end = documents::TestLine::End(documents::TestEnd {
                    passed: counts.passed,
                    failed: counts.failed,
                    skipped: counts.skipped,
                    not_run,
                    duration_ms: millis(took),
                    kernels: has_kernels.then(|| releases.collect()),
                    differs: has_kernels.then_some(differs),
                });
                let said = output::say_json(&documents::value(&end));
                self.code = self.code.max(said);
            }
            Form::Tap => {}
        }
        match (counts.failed, counts.passed) {
            (1.., _) => 1,
            (0, 0) => 5,
            _ => self.code,
        }
    }

    fn failures(&self) -> Vec<(usize, Done, Failed)> {
        let failures = self
            .done
            .iter()
            .filter_map(|(index, done)| match &done.outcome {
                Outcome::Failed(failed) => Some((*index, done.clone(), (**failed).clone())),
                _ => None,
            });
        failures.collect()
    }

    /// Writes the file of `JUnit`.
    pub(super) fn write_junit(&self, file: &Path, took: Duration) -> Result<(), Failure> {
        let text = junit(self.items, &self.done, took).map_err(|error| {
            let file = file.display();
            Failure::script(Report::new(format!("cannot write `{file}`: {error}")))
        })?;
        output::write_to(Some(file), &text).map(drop)
    }
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

/// A time as a reader wants it.
fn time(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

/// What is said behind the name of a test: which run it was, its title.
fn behind(item: &Item, done: &Done) -> String {
    let mut text = String::new();
    if item.run > 1 {
        _ = write!(text, " (run {})", item.run);
    }
    if let Some(kernel) = &done.kernel {
        _ = write!(text, " on {}", kernel.release);
    }
    if !item.title.is_empty() {
        // What follows goes on with the sentence.
        _ = write!(text, "  {}", item.title.trim_end_matches('.'));
    }
    text
}

/// A test on one line.
fn line(item: &Item, done: &Done, color: bool) -> String {
    let (sign, tail) = match &done.outcome {
        Outcome::Passed => (
            paint(color, "✔", Colorize::green),
            format!(" ({})", time(done.took)),
        ),
        Outcome::Failed(failed) => (
            paint(color, "✘", |text| text.red().bold()),
            format!(": {}", first_line(&failed.report.message)),
        ),
        Outcome::Skipped(why) | Outcome::Lacks(why) => (
            paint(color, "–", Colorize::yellow),
            format!(": skipped: {why}"),
        ),
    };
    let tail = paint(color, &tail, Colorize::dimmed);
    format!("{sign} {}{}{tail}", item.id(), behind(item, done))
}

pub(super) fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

pub(super) fn indented(text: &str, by: &str) -> String {
    let lines = text.lines().map(|line| format!("{by}{line}"));
    let lines: Vec<String> = lines.map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

/// A failure with all that is known of it.
fn whole(item: &Item, done: &Done, failed: &Failed, color: bool) -> String {
    let bold = |text: &str| paint(color, text, Colorize::bold);
    let sign = paint(color, "✘", |text| text.red().bold());
    let id = bold(&item.id());
    let mut parts = vec![format!("{sign} {id}{}", behind(item, done))];
    parts.push(indented(&failed.report.draw(color), "  "));
    if !failed.why.is_empty() {
        parts.push(indented(&failed.why, "  "));
    }
    for (what, text) in [("what stood", &failed.tree), ("printed", &done.output)] {
        if !text.trim().is_empty() {
            parts.push(format!("  {}", bold(&format!("{what}:"))));
            parts.push(indented(text.trim_end(), "    "));
        }
    }
    parts.push(format!(
        "  {} {}",
        bold("alone:"),
        item.alone(done.kernel.as_ref())
    ));
    parts.join("\n")
}

fn sum(counts: Counts, not_run: usize, took: Duration, color: bool) -> String {
    if counts.passed + counts.failed + counts.skipped + not_run == 0 {
        return "no test ran".to_owned();
    }
    let mut parts = vec![format!("{} passed", counts.passed)];
    if counts.failed > 0 {
        let text = format!("{} failed", counts.failed);
        parts.push(paint(color, &text, |text| text.red().bold()));
    }
    if counts.skipped > 0 {
        parts.push(format!("{} skipped", counts.skipped));
    }
    if not_run > 0 {
        parts.push(format!("{not_run} not run"));
    }
    format!("{} in {}", parts.join(", "), time(took))
}

/// A test as an event of JSON.
fn event(item: &Item, done: &Done) -> Value {
    let kernel = done.kernel.as_ref();
    documents::value(&documents::TestLine::Test(Box::new(documents::Test {
        listed: listed(item),
        run: item.run,
        kernel: kernel.map(|kernel| kernel.release.clone()),
        duration_ms: millis(done.took),
        output: done.output.clone(),
        outcome: done.outcome.document(),
    })))
}

fn listed(item: &Item) -> documents::Listed {
    documents::Listed {
        test: item.id(),
        title: item.title.clone(),
        file: item.file.display().to_string(),
        line: item.line,
    }
}

/// The tests as they are listed.
pub(super) fn list(items: &[Item], options: &Options) -> u8 {
    let mut code = 0;
    for item in items {
        let said = if options.is_json() {
            output::say_json(&documents::value(&listed(item)))
        } else if item.title.is_empty() {
            output::say(&item.id())
        } else {
            output::say(&format!("{}  {}", item.id(), item.title))
        };
        code = code.max(said);
    }
    code
}

/// A test as a point of TAP. What stands between the dashes is YAML, for which JSON will do.
fn tap(number: usize, item: &Item, done: &Done) -> String {
    let name = format!("{}{}", item.id(), behind(item, done)).replace('#', "\\#");
    match &done.outcome {
        Outcome::Passed => format!("ok {number} - {name}"),
        Outcome::Skipped(why) | Outcome::Lacks(why) => {
            format!("ok {number} - {name} # SKIP {}", first_line(why))
        }
        Outcome::Failed(failed) => {
            let text = |text: &str| Value::from(text).to_string();
            let drawn = failed.report.draw(false);
            let fields = [
                ("message", failed.report.message.as_str()),
                ("error", &drawn),
                ("why", &failed.why),
                ("tree", &failed.tree),
                ("output", &done.output),
            ];
            let fields = fields.iter().filter(|(_, value)| !value.is_empty());
            let fields: Vec<String> = fields
                .map(|(key, value)| format!("  {key}: {}", text(value)))
                .collect();
            let fields = fields.join("\n");
            format!("not ok {number} - {name}\n  ---\n{fields}\n  ...")
        }
    }
}

/// The failures as a CI of GitHub shows them beside the lines of the source.
fn annotations(items: &[Item], done: &[(usize, Done)]) -> Vec<(usize, String)> {
    let data = |text: &str| {
        text.replace('%', "%25")
            .replace('\r', "%0D")
            .replace('\n', "%0A")
    };
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let mut lines: Vec<(usize, String)> = done
        .iter()
        .filter_map(|(index, done)| {
            let Outcome::Failed(failed) = &done.outcome else {
                return None;
            };
            let item = &items[*index];
            let place = failed.report.place.as_ref();
            let file = place.map_or(item.file.display().to_string(), |place| place.file.clone());
            let line = place.map_or(item.line, |place| place.line);
            let mut text = failed.report.message.clone();
            for note in &failed.report.notes {
                _ = write!(text, "\n{note}");
            }
            if let Some(hint) = &failed.report.hint {
                _ = write!(text, "\nhint: {hint}");
            }
            let line = format!(
                "::error file={},line={line},title={}::{}",
                property(&file),
                property(&item.id()),
                data(&text)
            );
            Some((*index, line))
        })
        .collect();
    lines.sort();
    lines
}

/// The tests in the form of `JUnit`: a suite a file, and a kernel where some were asked for.
fn junit(
    items: &[Item],
    done: &[(usize, Done)],
    took: Duration,
) -> Result<String, quick_junit::SerializeError> {
    let mut report = JUnit::new("ipvsh");
    report.set_time(took);
    let mut sorted: Vec<&(usize, Done)> = done.iter().collect();
    sorted.sort_by_key(|(index, _)| *index);
    let mut suites: Vec<TestSuite> = Vec::new();
    for (index, done) in sorted {
        let item = &items[*index];
        let file = item.file.display().to_string();
        let suite_name = match &done.kernel {
            Some(kernel) if kernel.is_asked_for => format!("{file} on {}", kernel.release),
            _ => file.clone(),
        };
        let status = match &done.outcome {
            Outcome::Passed => TestCaseStatus::success(),
            Outcome::Skipped(why) | Outcome::Lacks(why) => {
                let mut status = TestCaseStatus::skipped();
                status.set_message(why.as_str());
                status
            }
            Outcome::Failed(failed) => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_message(failed.report.message.as_str());
                let drawn = failed.report.draw(false);
                let parts = [drawn.as_str(), &failed.why, &failed.tree];
                let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
                status.set_description(parts.join("\n"));
                status
            }
        };
        let id = item.id();
        let own = id.strip_prefix(&format!("{file}::")).unwrap_or(&id);
        let name = match item.run {
            1 => own.to_owned(),
            run => format!("{own} (run {run})"),
        };
        let mut case = TestCase::new(name, status);
        case.set_classname(suite_name.as_str());
        if let Some(kernel) = &done.kernel {
            case.add_property(("kernel", kernel.release.as_str()));
        }
        case.set_time(done.took);
        if !done.output.is_empty() {
            case.set_system_out(done.output.as_str());
        }
        if let Some(suite) = suites
            .iter_mut()
            .find(|suite| suite.name.as_str() == suite_name)
        {
            suite.add_test_case(case);
        } else {
            let mut suite = TestSuite::new(suite_name.as_str());
            suite.add_test_case(case);
            suites.push(suite);
        }
    }
    report.add_test_suites(suites);
    report.to_string()
}

/// The failure of what is beside the tests.
pub(super) fn broken(doing: &str, error: &std::io::Error) -> Failure {
    let error = Error::io(error);
    Failure::script(Report::new(format!("cannot {doing}: {error}")))
}
