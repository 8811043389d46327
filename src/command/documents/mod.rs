//! What `--json` prints, document by document. What these types say is all that there is: the schema is derived from them.

mod others;
pub(super) mod page;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Value, json};

use crate::dsl::voice::Happening;
use crate::lab::Object;
use crate::lab::outcome::{Counts, Entry};
use crate::view::error::Told;
use crate::view::graph::Graph;

pub(super) use others::{
    Confirmed, Differing, Event, Finding, Formatted, Health, Host, Kernel, Listed, OnKernel,
    Packet, Test, TestEnd, TestError, TestLine, TestOutcome, Titled, Unlike, Verified, Waiting,
};

/// The version of all of them: it grows when something goes or changes its meaning, not when something comes.
const VERSION: u32 = 1;

/// How a run of a script went: `ipvsh --json SCRIPT`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Run {
    /// How it ended.
    #[serde(flatten)]
    pub(super) end: End,
    /// What happened to each object.
    pub(super) objects: Vec<Entry>,
    /// The lines that the script printed.
    pub(super) output: Vec<String>,
    /// What was said beside that: what is allowed and may surprise.
    pub(super) notes: Vec<String>,
}

/// How a run of a script ended.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct End {
    /// Whether it went well.
    pub(super) ok: bool,
    /// The exit code.
    pub(super) exit_code: u8,
    /// How many objects met which outcome.
    #[serde(flatten)]
    pub(super) tally: Tally,
    /// What was taken down again at the end.
    pub(super) taken_down: TakenDown,
    /// What the script gave to `result()`.
    pub(super) result: Value,
    /// Why it failed.
    pub(super) error: Option<Told>,
    /// What of it does not stand any more, as a later step took it along.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) undone: Vec<String>,
    /// Until when its changes wait to be confirmed, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) confirm_until: Option<u64>,
}

/// A line of `ipvsh --json=lines SCRIPT`, and of `plan`: what has just happened, and at last how it ended.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(super) enum Line {
    /// An object was asked for.
    Object(Box<Entry>),
    /// The script printed a line.
    Output {
        /// The line.
        text: String,
    },
    /// What was said beside that.
    Note {
        /// The note.
        text: String,
    },
    /// The run has ended.
    End(Box<End>),
    /// The plan has ended.
    Planned(Box<Planned>),
}

/// What happened, as a line.
pub(super) fn line(what: &Happening) -> String {
    let line = match what {
        Happening::Object(entry) => Line::Object(Box::new((*entry).clone())),
        Happening::Output(text) => Line::Output {
            text: (*text).to_owned(),
        },
        Happening::Note(text) => Line::Note {
            text: (*text).to_owned(),
        },
    };
    value(&line).to_string()
}

/// How many objects met which outcome; in a plan, would meet it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Tally {
    /// How many are made.
    created: usize,
    /// How many are changed.
    changed: usize,
    /// How many are there as asked.
    unchanged: usize,
    /// How many are taken away.
    deleted: usize,
    /// How many are no longer in the script, and stay until a run with `--prune`.
    stale: usize,
}

impl From<Counts> for Tally {
    fn from(counts: Counts) -> Self {
        Self {
            created: counts.created,
            changed: counts.changed,
            unchanged: counts.unchanged,
            deleted: counts.deleted,
            stale: counts.stale,
        }
    }
}

/// How much was taken down.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct TakenDown {
    /// Namespaces.
    pub(super) namespaces: usize,
    /// Links, without those that went with their namespace.
    pub(super) links: usize,
    /// Settings, addresses and routes put back.
    pub(super) changes: usize,
}

/// What a run would do: `ipvsh --json plan SCRIPT`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Plan {
    /// What it comes to.
    #[serde(flatten)]
    pub(super) planned: Planned,
    /// What would happen to each object.
    pub(super) objects: Vec<Entry>,
    /// What is said beside that: what is allowed and may surprise.
    pub(super) notes: Vec<String>,
}

/// What a plan comes to.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Planned {
    /// Whether it would change anything.
    pub(super) would_change: bool,
    /// The exit code.
    pub(super) exit_code: u8,
    /// How many objects would meet which outcome.
    #[serde(flatten)]
    pub(super) tally: Tally,
    /// How many are in the way.
    pub(super) conflicts: usize,
    /// How much would be tried when all is there.
    pub(super) would_test: usize,
    /// The drivers that it could not try out, as the kernel has not loaded them yet.
    pub(super) untried: Vec<String>,
    /// Why it can't be planned.
    pub(super) error: Option<Told>,
}

impl Planned {
    /// What these counts come to.
    pub(super) fn new(
        counts: Counts,
        exit_code: u8,
        untried: Vec<String>,
        error: Option<Told>,
    ) -> Self {
        Self {
            would_change: counts.would_change(),
            exit_code,
            tally: counts.into(),
            conflicts: counts.conflicts,
            would_test: counts.tests,
            untried,
            error,
        }
    }
}

/// A lab that stands, as `ipvsh --json ls` lists it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the field is the document's key")]
pub(super) struct Lab {
    /// Its name.
    pub(super) lab: String,
    /// The script that made it.
    pub(super) script: Option<String>,
    /// The process that is at work on it.
    pub(super) pid: Option<u32>,
    /// When its last run began, in seconds since 1970.
    pub(super) since: Option<u64>,
    /// Until when its changes wait to be confirmed, in seconds since 1970.
    pub(super) confirm_until: Option<u64>,
    /// Which lines of its journal can't be read.
    pub(super) damaged: Option<String>,
    /// What it is made of, oldest first.
    pub(super) items: Vec<Item>,
}

/// A thing that a lab made or changed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Item {
    /// What it is.
    #[serde(flatten)]
    pub(super) object: Option<Object>,
    /// The namespace where it lives; none for a namespace itself.
    pub(super) namespace: Option<String>,
    /// Whether the lab has taken it away: it comes back when the lab is taken down.
    pub(super) taken_away: bool,
    /// How it is now.
    pub(super) state: Standing,
    /// What was changed of it.
    pub(super) how: Option<String>,
    /// The other labs that have it, too.
    pub(super) also_of: Vec<String>,
}

/// How a thing of a lab is now.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Standing {
    /// As it was made.
    Stands,
    /// It is gone.
    Missing,
    /// Somebody else has changed it.
    Changed,
}

/// A lab that was taken down, as `ipvsh --json down` lists it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Down {
    /// Its name.
    pub(super) lab: String,
    /// Namespaces taken away.
    pub(super) namespaces: usize,
    /// Links deleted, without those that went with their namespace.
    pub(super) links: usize,
    /// Processes ended.
    pub(super) processes: usize,
    /// Settings, addresses and routes put back.
    pub(super) changes: usize,
    /// What somebody else has changed since, and was left as it is.
    pub(super) left: Vec<String>,
    /// What could not be undone, and why.
    pub(super) failures: Vec<String>,
}

/// A document as a value.
pub(super) fn value(document: &impl Serialize) -> Value {
    // A struct of texts and numbers can always be written.
    serde_json::to_value(document).unwrap_or_default()
}

/// The schema of all of them, each by the name of its command: JSON Schema, draft 2020-12.
pub(super) fn schema() -> Value {
    fn add<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }
    // As they are written: what is left out where it is empty need not be there, all else is.
    let mut generator = SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator();
    let documents = [
        ("run", add::<Run>(&mut generator)),
        ("plan", add::<Plan>(&mut generator)),
        ("line", add::<Line>(&mut generator)),
        ("check", add::<Vec<Told>>(&mut generator)),
        ("ls", add::<Vec<Lab>>(&mut generator)),
        ("down", add::<Vec<Down>>(&mut generator)),
        ("graph", add::<Graph>(&mut generator)),
        ("doctor", add::<Vec<Finding>>(&mut generator)),
        ("vm list", add::<Vec<Kernel>>(&mut generator)),
        ("confirm LAB", add::<Confirmed>(&mut generator)),
        ("confirm", add::<Vec<Waiting>>(&mut generator)),
        ("test", add::<TestLine>(&mut generator)),
        ("test --list", add::<Listed>(&mut generator)),
        ("watch", add::<Event>(&mut generator)),
        ("capture", add::<Packet>(&mut generator)),
        ("fmt", add::<Vec<Formatted>>(&mut generator)),
        ("demo --list", add::<Vec<Titled>>(&mut generator)),
        ("new --list", add::<Vec<Titled>>(&mut generator)),
        ("--on", add::<Vec<Host>>(&mut generator)),
        ("import --verify", add::<Verified>(&mut generator)),
        ("error", add::<Told>(&mut generator)),
    ];
    let documents: serde_json::Map<String, Value> = documents
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema.to_value()))
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("What ipvsh --json prints, version {VERSION}"),
        "description": "Each document by the name of its command; `line` is what --json=lines prints; `error` is what a failure is on standard error, where there is no document to have it.",
        "properties": documents,
        "$defs": generator.take_definitions(true),
    })
}
