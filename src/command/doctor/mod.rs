//! `ipvsh doctor`: what this kernel and machine can do, a line each, and what to type where something is missing.
//!
//! Nothing is changed by it: what may load a driver is not tried, and what is tried is tried in a private place that goes away.

mod machine;
mod probe;
mod script;
mod system;

use colored::Colorize;

use super::documents::{self, Health};
use super::line::{Doctor, Options};
use super::output;
use crate::engine::Failure;
use crate::view::paint::{When, paint};

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// As it is to be.
    Good,
    /// Missing, or in the way.
    Bad,
    /// Worth knowing, or not to be told from here.
    Open,
}

impl Mark {
    fn sign(self, color: bool) -> String {
        match self {
            Self::Good => paint(color, "✔", Colorize::green),
            Self::Bad => paint(color, "✘", |text| text.red().bold()),
            Self::Open => paint(color, "–", Colorize::yellow),
        }
    }

    fn health(self) -> Health {
        match self {
            Self::Good => Health::Good,
            Self::Bad => Health::Bad,
            Self::Open => Health::Open,
        }
    }
}

/// What was found of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    what: String,
    mark: Mark,
    text: String,
    /// What to type, or to do, about it.
    mend: Option<String>,
}

impl Finding {
    fn new(mark: Mark, what: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            mark,
            text: text.into(),
            mend: None,
        }
    }

    fn good(what: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Mark::Good, what, text)
    }

    fn bad(what: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Mark::Bad, what, text)
    }

    fn open(what: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Mark::Open, what, text)
    }

    fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(mend.into());
        self
    }

    fn line(&self, color: bool) -> String {
        let mend = match &self.mend {
            Some(mend) => format!(" → {mend}"),
            None => String::new(),
        };
        format!(
            "{} {}: {}{mend}",
            self.mark.sign(color),
            self.what,
            self.text
        )
    }

    fn document(&self, section: &str) -> documents::Finding {
        documents::Finding {
            section: section.to_owned(),
            what: self.what.clone(),
            state: self.mark.health(),
            text: self.text.clone(),
            hint: self.mend.clone(),
        }
    }
}

/// Findings under a heading.
struct Section {
    title: &'static str,
    findings: Vec<Finding>,
}

/// Looks at this machine, or at what it lacks for a script.
pub(super) fn doctor(what: &Doctor, options: &Options) -> Result<u8, Failure> {
    if what.probe {
        return probe::inside(what.tries);
    }
    let probed = probe::outside(what.tries);
    if let Some(file) = &what.script {
        let (findings, code) = script::look(file, &probed)?;
        let section = Section {
            title: "Needed by the script",
            findings,
        };
        return Ok(print(&[section], options).max(code));
    }
    let sections = [
        Section {
            title: "Links and queues",
            findings: probed.findings(),
        },
        Section {
            title: "Places and privileges",
            findings: system::places(&probed),
        },
        Section {
            title: "Limits and settings",
            findings: system::limits(),
        },
        Section {
            title: "Micro-VM",
            findings: machine::look(),
        },
        Section {
            title: "What else is here",
            findings: system::others(),
        },
    ];
    Ok(print(&sections, options))
}

fn print(sections: &[Section], options: &Options) -> u8 {
    if options.is_json() {
        let all = sections.iter().flat_map(|section| {
            let findings = section.findings.iter();
            findings.map(|finding| finding.document(section.title))
        });
        return output::say_json(&documents::value(&all.collect::<Vec<_>>()));
    }
    let color = When::from(options.color).on(&std::io::stdout());
    let parts = sections.iter().map(|section| {
        let mut lines = vec![paint(color, section.title, Colorize::bold)];
        lines.extend(section.findings.iter().map(|finding| finding.line(color)));
        lines.join("\n")
    });
    output::say(&parts.collect::<Vec<_>>().join("\n\n"))
}
