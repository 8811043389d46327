//! How a measurement is told as it goes: a line that moves on a terminal, a line for each interval elsewhere.

use std::io::{stderr, stdout};
use std::rc::Rc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::dsl::Session;
use crate::dsl::acts::pair::Pair;
use crate::dsl::session::Output;
use crate::error::Result;
use crate::net::traffic::report::{Interval, Report, Sample};
use crate::net::traffic::{Direction, News, Request};
use crate::value::escape::on_one_line;
use crate::view::plain;
use crate::view::throughput;

/// How often the line moves.
const TICK: Duration = Duration::from_millis(200);
/// How many rates the spark line has.
const SPARKS: usize = 30;

/// How often is told how a measurement of that length goes.
pub(super) fn tick(length: Duration) -> Duration {
    (length / 10).clamp(Duration::from_millis(20), TICK)
}

/// What is told, and to whom.
pub(super) struct Live<'a> {
    session: &'a Rc<Session>,
    pair: &'a Pair,
    request: &'a Request,
    quiet: bool,
    /// From whom to whom.
    title: String,
    /// The line that moves, on a terminal.
    bar: Option<ProgressBar>,
    before: Vec<Sample>,
    rates: Vec<f64>,
}

impl<'a> Live<'a> {
    pub(super) fn new(
        session: &'a Rc<Session>,
        pair: &'a Pair,
        request: &'a Request,
        quiet: bool,
    ) -> Self {
        let settings = session.settings();
        let is_live = !quiet
            && !settings.json
            && settings.output == Output::Standard
            && plain::is_live(&stdout())
            && plain::is_live(&stderr());
        let bar = is_live.then(|| {
            let style = ProgressStyle::with_template("{wide_msg}");
            let bar = ProgressBar::new_spinner();
            style.map_or(bar.clone(), |style| bar.with_style(style))
        });
        Self {
            session,
            pair,
            request,
            quiet,
            title: match request.direction {
                Direction::Forth => pair.title(),
                Direction::Back => format!("{} → {}", pair.names[1], pair.names[0]),
                Direction::Both => format!("{} ⇄ {}", pair.names[0], pair.names[1]),
            },
            bar,
            before: Vec::new(),
            rates: Vec::new(),
        }
    }

    fn say(&self, line: &str) -> Result<()> {
        if self.quiet {
            Ok(())
        } else {
            self.session.print(line)
        }
    }

    /// The heading.
    pub(super) fn begin(&self, how: &str) -> Result<()> {
        let from = &self.pair.names[0];
        let to = self.pair.named_destination();
        let title = match self.request.direction {
            Direction::Forth => format!("{from} → {to}"),
            Direction::Back => format!("{to} → {from}"),
            Direction::Both => format!("{from} ⇄ {to}"),
        };
        self.say(&throughput::header(&title, how))
    }

    /// How it goes.
    pub(super) fn tell(&mut self, news: &News<'_>) -> Result<()> {
        match news {
            News::Tick(samples) => {
                self.draw(samples);
                Ok(())
            }
            News::Interval(_) if self.bar.is_some() => Ok(()),
            News::Interval(intervals) => {
                for (number, interval) in intervals.iter().enumerate() {
                    let line = throughput::line(self.request.protocol, interval);
                    self.say(&format!("{}{line}", self.mark(number)))?;
                }
                Ok(())
            }
        }
    }

    /// What stands in front of the lines of a direction, where there are two.
    fn mark(&self, number: usize) -> &'static str {
        match (self.request.direction, number) {
            (Direction::Both, 0) => "→ ",
            (Direction::Both, _) => "← ",
            _ => "",
        }
    }

    fn draw(&mut self, samples: &[Sample]) {
        let Some(bar) = &self.bar else { return };
        self.before.resize(samples.len(), Sample::default());
        let steps: Vec<Interval> = self
            .before
            .iter()
            .zip(samples)
            .map(|(before, now)| Interval::between(before, now))
            .collect();
        samples.clone_into(&mut self.before);
        self.rates
            .push(steps.iter().map(Interval::bits_per_second).sum());
        let first = self.rates.len().saturating_sub(SPARKS);
        let spark = throughput::spark(&self.rates[first..]);
        let rates: Vec<String> = steps
            .iter()
            .enumerate()
            .map(|(number, step)| {
                let rate = throughput::rate(step.bits_per_second());
                format!("{}{rate:>11}", self.mark(number))
            })
            .collect();
        let at = samples.first().map_or(Duration::ZERO, |sample| sample.at);
        bar.set_message(format!(
            "{}  {}  {spark}  {:.1}/{:.1} s",
            on_one_line(&self.title),
            rates.join("  "),
            at.as_secs_f64(),
            self.request.time.as_secs_f64()
        ));
    }

    /// The sum of all.
    pub(super) fn end(&mut self, reports: &[Report]) -> Result<()> {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
            let first = self.rates.len().saturating_sub(SPARKS);
            self.say(&throughput::spark(&self.rates[first..]))?;
        }
        for (number, report) in reports.iter().enumerate() {
            let summary = throughput::summary(report);
            self.say(&format!("{}{summary}", self.mark(number)))?;
        }
        Ok(())
    }
}

impl Drop for Live<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
