//! A cause: what stops the packets, where, by what evidence, and what mends it.

use crate::why::scene::{End, Scene};

/// What tells the outer packets of a tunnel from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outer {
    /// The port of UDP that they go to.
    pub port: u16,
    /// The identifier of the network in them.
    pub id: u32,
}

/// The first thing that stops the packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Its sort, for scripts: `no_route`, `link_down`, `filter`.
    pub sort: &'static str,
    /// The number of the namespace in the scene.
    pub place: usize,
    /// The link, where it is about one.
    pub link: Option<u32>,
    /// What it is, in a sentence without a full stop.
    pub text: String,
    /// What shows it.
    pub evidence: Vec<String>,
    /// The line that mends it, where one does.
    pub mend: Option<String>,
    /// The outer packets that it stops, where it is about those of a tunnel.
    pub outer: Option<Outer>,
}

impl Cause {
    /// A cause in a namespace.
    pub fn in_place(sort: &'static str, place: usize, text: impl Into<String>) -> Self {
        Self {
            sort,
            place,
            link: None,
            text: text.into(),
            evidence: Vec::new(),
            mend: None,
            outer: None,
        }
    }

    /// A cause at a link.
    pub fn at(sort: &'static str, end: End, text: impl Into<String>) -> Self {
        Self {
            link: Some(end.link),
            ..Self::in_place(sort, end.place, text)
        }
    }

    /// Adds what shows it.
    #[must_use]
    pub fn seen(mut self, evidence: impl Into<String>) -> Self {
        self.evidence.push(evidence.into());
        self
    }

    /// Adds what shows it, where there is something.
    #[must_use]
    pub fn seen_if(mut self, evidence: Option<String>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    /// Says what to type.
    #[must_use]
    pub fn mend(mut self, line: impl Into<String>) -> Self {
        self.mend = Some(line.into());
        self
    }

    /// Where it is: `r:e1`, or `r`.
    pub fn spot(&self, scene: &Scene) -> String {
        match self.link {
            Some(link) => scene.name(End {
                place: self.place,
                link,
            }),
            None => scene.places[self.place].label.clone(),
        }
    }
}
