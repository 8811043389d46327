//! Sessions: what their entries did is taken back and done again, whatever they did.
//!
//! How many there are is said as in [`crate::seeds`].

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::case::Case;
use crate::lab::{Lab, finish};
use crate::random::{self, HERE};
use crate::seeds::Rounds;
use crate::state;

/// How many sessions there are where nobody says otherwise.
const SESSIONS: u64 = 8;

/// How many cases share in them.
const PARTS: u64 = 2;

/// The cases of this topic.
pub(crate) fn cases() -> Vec<Case> {
    let parts = 0..PARTS;
    let cases = parts.map(|part| {
        let fact = format!("random_sessions_are_taken_back_and_done_again_{part}");
        let body = move |lab: &Lab| random_sessions(lab, part);
        Case::new(module_path!(), &fact, HERE.needs, body)
    });
    let mut cases: Vec<Case> = cases.collect();
    let body = what_is_deleted_comes_back;
    let fact = "what_is_deleted_comes_back";
    cases.push(Case::new(module_path!(), fact, &["veth"], body));
    cases
}

/// A session that reads its entries from a pipe.
struct Session {
    child: Child,
    entries: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Session {
    fn start(lab: &Lab) -> Self {
        let notes = File::create(lab.folder().join("notes")).unwrap();
        let mut command = lab.command(&[]);
        let command = command.stdin(Stdio::piped()).stderr(notes);
        let mut child = command.spawn().unwrap();
        Self {
            entries: child.stdin.take().unwrap(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// Enters `text`, and waits until it is done.
    #[track_caller]
    fn enter(&mut self, lab: &Lab, text: &str) {
        let text = text.trim_end();
        // A session that failed reads no more.
        let _ = write!(self.entries, "{text}\nprint(\"done\")\n");
        for line in self.answers.by_ref().lines() {
            if line.unwrap() == "done" {
                return;
            }
        }
        panic!("it ended\n{text}\n{}", notes(lab));
    }

    /// Ends it, and returns what it said beside the values.
    fn end(self, lab: &Lab) -> String {
        drop(self.entries);
        drop(self.answers);
        finish(self.child);
        notes(lab)
    }
}

fn notes(lab: &Lab) -> String {
    std::fs::read_to_string(lab.folder().join("notes")).unwrap()
}

/// Waits until `look` says what it said before: the kernel does some things later.
#[track_caller]
fn assert_becomes(lab: &Lab, look: fn(&Lab) -> Value, before: &Value, about: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut now = look(lab);
    while now != *before && Instant::now() < deadline {
        now = look(lab);
    }
    if let Some(differences) = state::differences(&now, before) {
        panic!("{about}\n{differences}\n{}", notes(lab));
    }
}

#[track_caller]
fn random_sessions(lab: &Lab, part: u64) {
    random::foreign(lab);
    let before = random::state(lab);
    for (seed, mut dice) in Rounds::of_part(SESSIONS, part, PARTS) {
        let text = random::script(&mut dice, &HERE);
        let about = |what: &str| format!("seed {seed}, {what}\n{text}");
        let mut session = Session::start(lab);
        session.enter(lab, &text);
        let after = state::meaning(lab);
        for round in ["first", "second"] {
            session.enter(lab, ":undo all");
            assert_becomes(
                lab,
                random::state,
                &before,
                &about(&format!("{round} undo")),
            );
            session.enter(lab, ":redo all");
            assert_becomes(
                lab,
                state::meaning,
                &after,
                &about(&format!("{round} redo")),
            );
        }
        session.enter(lab, ":save saved.rhai --replace");
        session.enter(lab, ":undo all");
        assert_becomes(lab, random::state, &before, &about("last undo"));
        session.end(lab);
        let saved = lab.ipvsh(&["saved.rhai"]);
        assert_eq!(
            (saved.code, saved.stderr.as_str()),
            (0, ""),
            "seed {seed}\n{text}"
        );
        assert_becomes(lab, state::meaning, &after, &about("saved"));
        let down = lab.ipvsh(&["down", "saved"]);
        let is_down = down.code == 0 || down.stderr.contains("no lab of that name");
        assert!(is_down, "seed {seed}: {}\n{text}", down.stderr);
        assert_becomes(lab, random::state, &before, &about("down"));
    }
}

fn what_is_deleted_comes_back(lab: &Lab) {
    let start = state::whole(lab);
    let mut session = Session::start(lab);
    session.enter(
        lab,
        "let keep = netns(\"keep\")\nlet y = netns(\"y\")\nlet v = keep.veth(\"v\", y, \"w\", #{addr: \"10.0.0.1/24\", up: true})\n\
         y.link(\"w\").addr(\"10.0.0.2/24\").up()\ny.route(\"10.9.0.0/16\", #{via: \"10.0.0.1\"})\nlet n = 1; netns(\"z\")",
    );
    let whole = state::whole(lab);
    for entry in [
        "y.delete()",
        "v.delete()",
        "keep.delete(); n += 1",
        "netns(\"z\").delete(); netns(\"z\").veth(\"a\", \"b\")",
    ] {
        session.enter(lab, entry);
        assert_ne!(state::whole(lab), whole, "{entry}");
        session.enter(lab, ":undo");
        assert_becomes(lab, state::whole, &whole, entry);
        // The handles mean the same things again, and data is what it was.
        session.enter(
            lab,
            "v.mtu; y.links; keep.link(\"v\"); assert(n == 1, \"n\")",
        );
        session.enter(lab, ":redo");
        session.enter(lab, ":undo");
        assert_becomes(lab, state::whole, &whole, entry);
    }
    session.enter(lab, "y.spawn(\"sleep 1000\");\ny.delete()");
    session.enter(lab, ":undo all");
    assert_becomes(lab, state::whole, &start, "all");
    let notes = session.end(lab);
    assert!(
        notes.contains("(sleep) in namespace `y` ends, and does not come back with `:undo`\n"),
        "{notes}"
    );
    assert_eq!(lab.namespaces(), [""; 0]);
}
