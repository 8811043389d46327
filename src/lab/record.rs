//! The lines of a journal: what each says, and what they say together.
//!
//! A line is one JSON object. The first names the format; each `do` is a change that was about to be made, each `is` what it
//! turned out to be, each `undone` that nothing is left of it. A `part` is what a run did to something that it made itself: it
//! needs no undoing, but should be missed where it is missing.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::lab::confirm::Pending;
use crate::lab::snapshot::Snapshot;
use crate::lab::undo::{Undo, WayBack};
use crate::net::namespace::{self, Id};
use crate::net::netns::Netns;
use crate::net::nft::Table;
use crate::net::process::Process;
use crate::steps::Value;

/// The format that this program writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// A namespace as the journal tells it from all others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Place {
    /// The file by which it was opened.
    pub at: PathBuf,
    /// Device and inode of its nsfs file.
    pub id: (u64, u64),
    /// The number of its mount, where the lab made it and the kernel has such numbers. Another way to tell the same: places are
    /// compared without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount: Option<u64>,
    /// Its cookie, where the kernel has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<u64>,
    /// How the user called it, where its file does not say: `docker:web`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called: Option<String>,
}

impl Place {
    /// The numbers of an open namespace.
    pub fn of(netns: &Netns) -> Self {
        let Id { device, inode } = netns.namespace().id();
        let place = Self {
            at: netns.path().to_owned(),
            id: (device, inode),
            mount: None,
            cookie: netns.namespace().cookie(),
            called: None,
        };
        let called = Some(netns.label().to_owned()).filter(|label| *label != place.label());
        Self { called, ..place }
    }

    /// The same for one that the lab made: it is looked for again, to be deleted.
    pub fn of_made(netns: &Netns) -> Self {
        Self {
            mount: netns.namespace().mount(),
            ..Self::of(netns)
        }
    }

    fn key(&self) -> (&Path, (u64, u64), Option<u64>) {
        (&self.at, self.id, self.cookie)
    }

    /// How a user calls it.
    pub fn label(&self) -> String {
        if let Some(called) = &self.called {
            return called.clone();
        }
        match self.at.strip_prefix(namespace::NAMES) {
            Ok(name) => name.display().to_string(),
            Err(_) if self.at == Path::new("/proc/self/ns/net") => "host".to_owned(),
            Err(_) => {
                let at = self.at.display().to_string();
                let pid = at.strip_prefix("/proc/");
                match pid.and_then(|rest| rest.strip_suffix("/ns/net")) {
                    Some(pid) => format!("pid:{pid}"),
                    None => at,
                }
            }
        }
    }

    /// Whether the open namespace is this one.
    ///
    /// By its mount, which is seen from outside; by its cookie, for which it has to be entered, only where that does not tell.
    pub fn is(&self, netns: &Netns) -> bool {
        let namespace = netns.namespace();
        let Id { device, inode } = namespace.id();
        let is_its_mount = || self.mount.is_some() && namespace.mount() == self.mount;
        let is_its_cookie = || self.cookie.is_none() || namespace.cookie() == self.cookie;
        (device, inode) == self.id && (is_its_mount() || is_its_cookie())
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Place {}

impl Hash for Place {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// What a change turned out to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// The namespace that was made.
    Netns(Place),
    /// The ifindex of the link that was made or moved.
    Link(u32),
    /// The process that was started.
    Process(Process),
    /// What the change took along.
    Lost(Option<Box<Snapshot>>),
    /// The tables of nftables as they were left.
    Tables(Vec<Table>),
}

/// The way of a link to another namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Where it was.
    pub from: Place,
    /// What it was called there.
    pub name: String,
    /// Where it went.
    pub to: Place,
    /// What it is called there.
    pub new_name: String,
}

/// A run that wrote to the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its process.
    pub pid: u32,
    /// When it began, in seconds since 1970.
    pub since: u64,
    /// The script, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<PathBuf>,
    /// Device and inode of that file, by which it is known where it was moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<(u64, u64)>,
}

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The first line.
    Journal {
        /// The version of the format.
        format: u32,
    },
    /// A run begins.
    Run(Run),
    /// A change is about to be made; how to undo it.
    Do(u64, Undo<Place>),
    /// What became of it.
    Is(u64, Found),
    /// It was undone, or was never made.
    Undone(u64),
    /// A change of something that the run made, which goes with it: told only so that it is missed.
    Part(Undo<Place>),
    /// A link is about to be moved: a later run is to find it by what it was called before.
    Moved(Move),
    /// The run deleted the link of that ifindex.
    Gone(Place, u32),
    /// The run moved the link of that ifindex, one of its own, to another namespace and ifindex.
    Went(Place, u32, Place, u32),
    /// Something was given at the making of a link, or was found as it was asked for: told only where it is not so any more.
    Asked(Undo<Place>),
    /// What that line tells, only so that it is missed, is no longer asked for.
    Dropped(usize),
    /// What was asked of the kind of the link of that ifindex, by the keys of its options.
    Facts(Place, u32, Facts),
    /// What the run has changed goes back unless it is confirmed.
    Pending(Pending),
    /// It was confirmed, or has gone back.
    Confirmed,
}

/// What was asked of the kind of a link.
pub type Facts = Vec<(String, Value)>;

/// What the journal tells only so that it is missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// On which line.
    pub line: usize,
    /// What would undo it.
    pub undo: Undo<Place>,
}

/// A change that may stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// On which line it was announced.
    pub line: usize,
    /// Its number in the journal.
    pub number: u64,
    /// How many runs had begun by then.
    pub run: usize,
    /// How to undo it.
    pub undo: Undo<Place>,
}

/// What the lines say together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contents {
    /// The changes that may stand, oldest first.
    pub steps: Vec<Step>,
    /// What was changed of things that the lab made, oldest first.
    pub parts: Vec<Told>,
    /// What was given at the making of things, or found as it was asked for, oldest first.
    pub asked: Vec<Told>,
    /// What was asked of the kinds of links.
    pub facts: HashMap<(Place, u32), Facts>,
    /// The near end of each far end of a pair, each as its namespace and its ifindex.
    pub pairs: HashMap<(Place, u32), (Place, u32)>,
    /// The link that was told of last.
    last_link: Option<(Place, u32)>,
    /// Where links were moved to, oldest first.
    pub moves: Vec<Move>,
    /// The runs, oldest first.
    pub runs: Vec<Run>,
    /// The number for the next change.
    pub next: u64,
    /// How many lines there are.
    pub lines: usize,
    /// How many bytes are whole lines; what is behind them was torn off by a crash.
    pub length: u64,
    /// Whether the changes of the last run wait to be confirmed.
    pub pending: Option<Pending>,
    /// The numbers of lines that can't be read: what they told of is not known.
    pub damaged: Vec<usize>,
}

impl Contents {
    /// The last run of a script: the file that the lab belongs to.
    pub fn maker(&self) -> Option<&Run> {
        self.runs.iter().rev().find(|run| run.script.is_some())
    }

    /// Whether the last run was of process `pid`.
    pub(super) fn is_last_of(&self, pid: u32) -> bool {
        self.runs.last().is_some_and(|run| run.pid == pid)
    }

    /// The namespaces that the lab has made, with the numbers of those steps.
    pub(super) fn made_netns(&self) -> HashMap<Place, u64> {
        let made = self.steps.iter().filter_map(|step| match step.undo.way {
            WayBack::DeleteNetns { .. } => Some((step.undo.netns.clone()?, step.number)),
            _ => None,
        });
        made.collect()
    }
}

/// Reads a journal. What stands behind the last line end was torn off by a crash, and the change that it was to announce not made.
pub fn read(bytes: &[u8]) -> Result<Contents> {
    let mut contents = Contents {
        next: 1,
        ..Contents::default()
    };
    let whole = bytes.iter().rposition(|byte| *byte == b'\n');
    let whole = whole.map_or(0, |end| end + 1);
    contents.length = whole as u64;
    let lines = || bytes[..whole].split_inclusive(|b| *b == b'\n');
    for (index, line) in lines().enumerate() {
        contents.lines = index + 1;
        if index == 0 {
            match format_of(line) {
                Some(format) => check_format(format)?,
                // Where no other line is one of a journal either, the file is none.
                None if lines().skip(1).any(|line| parse(line).is_some()) => {
                    contents.damaged.push(1);
                }
                None => {
                    return Err(Error::invalid("it is no journal of ipvsh")
                        .hint("move the file away if it is not yours"));
                }
            }
            continue;
        }
        match parse(line) {
            Some(line) => contents.take(index + 1, line),
            None => contents.damaged.push(index + 1),
        }
    }
    Ok(contents)
}

fn parse(line: &[u8]) -> Option<Line> {
    serde_json::from_slice(line).ok()
}

fn format_of(line: &[u8]) -> Option<u64> {
    let head: serde_json::Value = serde_json::from_slice(line).unwrap_or_default();
    head["journal"]["format"].as_u64()
}

fn check_format(format: u64) -> Result<()> {
    if format <= u64::from(FORMAT) {
        return Ok(());
    }
    Err(Error::new(
        Kind::Unsupported,
        format!("a newer ipvsh wrote it, in format {format}; this one reads format {FORMAT}"),
    )
    .hint("take the lab down with the ipvsh that made it"))
}

impl Contents {
    /// The lines that can't be read, in words: `line 6`, `lines 6 and 9`. `None` where all can be.
    pub fn damage(&self) -> Option<String> {
        let (last, others) = self.damaged.split_last()?;
        let others: Vec<String> = others.iter().map(ToString::to_string).collect();
        Some(if others.is_empty() {
            format!("line {last}")
        } else {
            format!("lines {} and {last}", others.join(", "))
        })
    }

    /// What was changed of something that is gone is not missed.
    fn forget_parts(&mut self, undo: &Undo<Place>) {
        let is_netns = matches!(undo.way, WayBack::DeleteNetns { .. });
        if !is_netns && undo.way != WayBack::DeleteLink {
            return;
        }
        let link = undo.link_index();
        let is_left = |netns: Option<&Place>, of: Option<u32>| {
            netns != undo.netns.as_ref() || !is_netns && (link.is_none() || of != link)
        };
        let stays = |told: &Told| is_left(told.undo.netns.as_ref(), told.undo.link_index());
        self.parts.retain(stays);
        self.asked.retain(stays);
        self.facts
            .retain(|(place, index), _| is_left(Some(place), Some(*index)));
    }

    /// What was changed of a link, and asked of it, is where the link is. What a move takes away is asked for again.
    fn follow(&mut self, old: &(Place, u32), new: Option<&(Place, u32)>) {
        let followed = |told: &mut Told| {
            let undo = &mut told.undo;
            if undo.netns.as_ref() != Some(&old.0) || undo.link_index() != Some(old.1) {
                return true;
            }
            let WayBack::Restore { new: setting, .. } = &undo.way else {
                return false;
            };
            let (Some((place, index)), true) = (new, setting.is_kept_by_move()) else {
                return false;
            };
            undo.netns = Some(place.clone());
            if let Some(link) = &mut undo.link {
                link.index = *index;
            }
            true
        };
        self.parts.retain_mut(followed);
        self.asked.retain_mut(followed);
        if let (Some(facts), Some(new)) = (self.facts.remove(old), new) {
            self.facts.insert(new.clone(), facts);
        }
        if let (Some(near), Some(new)) = (self.pairs.remove(old), new) {
            self.pairs.insert(new.clone(), near);
        }
        if let Some(new) = new {
            let nears = self.pairs.values_mut().filter(|near| *near == old);
            nears.for_each(|near| near.clone_from(new));
        }
    }

    fn take(&mut self, number_of_line: usize, line: Line) {
        match line {
            // Only the first line says this.
            Line::Journal { .. } => {}
            Line::Run(run) => self.runs.push(run),
            Line::Do(number, undo) => {
                self.next = self.next.max(number.saturating_add(1));
                let run = self.runs.len();
                self.steps.push(Step {
                    line: number_of_line,
                    number,
                    run,
                    undo,
                });
            }
            Line::Is(number, found) => {
                let step = self.steps.iter_mut().rev().find(|s| s.number == number);
                let Some(Step { undo, .. }) = step else {
                    return;
                };
                match (&mut undo.way, found) {
                    (WayBack::DeleteNetns { .. }, Found::Netns(place)) => undo.netns = Some(place),
                    (WayBack::EndProcess { process, .. }, Found::Process(started)) => {
                        *process = started;
                    }
                    (WayBack::RestoreTables { left, .. }, Found::Tables(tables)) => *left = tables,
                    (_, Found::Link(index)) => {
                        undo.set_index(index);
                        if undo.way == WayBack::DeleteLink {
                            self.last_link = undo.netns.clone().map(|place| (place, index));
                        }
                    }
                    (_, Found::Lost(lost)) => undo.kept = lost,
                    _ => {}
                }
            }
            Line::Part(undo) => {
                if undo.way == WayBack::DeleteLink {
                    self.last_link = undo.netns.clone().zip(undo.link_index());
                }
                self.parts.push(Told {
                    line: number_of_line,
                    undo,
                });
            }
            Line::Asked(undo) => {
                // The far end of a pair is told of just behind the near one.
                if let (true, Some(near)) = (undo.is_name(), &self.last_link) {
                    let far = undo.netns.clone().zip(undo.link_index());
                    self.pairs.extend(far.map(|far| (far, near.clone())));
                }
                self.asked.push(Told {
                    line: number_of_line,
                    undo,
                });
            }
            Line::Facts(place, index, facts) => {
                self.facts.insert((place, index), facts);
            }
            Line::Dropped(line) => {
                self.parts.retain(|told| told.line != line);
                self.asked.retain(|told| told.line != line);
            }
            Line::Moved(way) => self.moves.push(way),
            Line::Pending(pending) => self.pending = Some(pending),
            Line::Confirmed => self.pending = None,
            Line::Gone(place, index) => self.follow(&(place, index), None),
            Line::Went(from, was, to, index) => self.follow(&(from, was), Some(&(to, index))),
            Line::Undone(number) => {
                let gone = self.steps.iter().position(|step| step.number == number);
                if let Some(Step { undo, .. }) = gone.map(|at| self.steps.remove(at)) {
                    self.forget_parts(&undo);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "{\"journal\":{\"format\":1}}\n\
        {\"run\":{\"pid\":7,\"since\":1}}\n\
        {\"do\":[1,{\"delete_netns\":{\"name\":\"a\"}}]}\n\
        {\"is\":[1,{\"netns\":{\"at\":\"/run/netns/a\",\"id\":[4,99],\"cookie\":3}}]}\n\
        {\"do\":[2,{\"delete_netns\":{\"name\":\"b\"}}]}\n\
        {\"undone\":2}\n";

    fn refusal(text: &str) -> String {
        read(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_undone_stands_no_more_and_the_rest_is_known() {
        let contents = read(WHOLE.as_bytes()).unwrap();
        let [step] = contents.steps.as_slice() else {
            panic!("{contents:?}");
        };
        assert_eq!(step.undo.netns.as_ref().unwrap().id, (4, 99));
        assert_eq!((contents.next, contents.runs.len()), (3, 1));
    }

    #[test]
    fn a_journal_cut_off_at_any_byte_is_read_up_to_its_last_whole_line() {
        for end in 0..WHOLE.len() {
            let contents = read(&WHOLE.as_bytes()[..end]).unwrap();
            let whole = WHOLE[..end].rfind('\n').map_or(0, |end| end + 1);
            assert_eq!(contents.length, whole as u64);
        }
    }

    #[test]
    fn a_journal_of_a_newer_format_is_refused() {
        assert_eq!(
            refusal("{\"journal\":{\"format\":2,\"more\":1}}\n{\"unheard\":of}\n"),
            "a newer ipvsh wrote it, in format 2; this one reads format 1"
        );
    }

    #[test]
    fn a_damaged_line_is_passed_over_and_named() {
        for line in 1..=6 {
            let lines = WHOLE.split_inclusive('\n').enumerate();
            let damaged: String = lines
                .map(|(index, text)| {
                    if index + 1 == line {
                        "{\"do\":[1,{\"unheard\":\n"
                    } else {
                        text
                    }
                })
                .collect();
            let contents = read(damaged.as_bytes()).unwrap();
            assert_eq!(contents.damaged, [line]);
            assert_eq!(contents.damage().unwrap(), format!("line {line}"));
        }
        assert_eq!(refusal("hello\n"), "it is no journal of ipvsh");
    }
}
