//! The menu below the line that Tab opens: what fits, the best first, in groups. More keys narrow it down, the arrows and Tab
//! choose, Enter takes, Escape and Ctrl-C leave. Without a choice Enter does what it always does, so that nothing that is typed
//! or pasted changes by itself.

mod draw;
mod keys;
mod rank;

pub(super) use self::draw::Room;
pub(super) use self::keys::{Keys, StayOpen};
use self::rank::Rank;
use super::complete::{Candidate, Offer};

/// The candidates for one place in the line, and which of them are shown.
#[derive(Debug, Default)]
pub(super) struct Menu {
    is_open: bool,
    /// Whether an entry of the history is searched for.
    pub(super) is_searching: bool,
    /// What the keys Up and Down do in the history while no other comes between.
    past: Option<Past>,
    /// What stands before the place.
    before: String,
    /// What the candidates depend on of what was typed.
    stem: String,
    all: Vec<Candidate>,
    /// Those that fit what is typed, by their places in `all`, in the order that they are shown in.
    shown: Vec<usize>,
    /// The place of the chosen one among those shown.
    chosen: Option<usize>,
    /// The first row that is to be seen.
    top: usize,
    /// Whether it may still be on the screen while it is closed.
    lingers: bool,
    /// What the completer is to put into the line, and from where on: rustyline's own way to replace a text leaves the cursor
    /// before it.
    taken: Option<(usize, String)>,
    /// What was shown as a numbered list, and the text that it was shown for.
    listed: Option<(String, Vec<String>)>,
}

/// How entries of the history are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Past {
    /// One after the other, as nothing was typed before.
    Each,
    /// Those that begin with what was typed.
    Typed,
}

/// A row of a menu.
enum Row {
    Heading(&'static str),
    /// One of those shown.
    One(usize),
}

/// What becomes of Tab.
pub(super) enum Outcome {
    /// This goes into the line.
    Put(String),
    /// Several fit: this goes into the line, and the menu is open.
    Open(String),
    /// Nothing fits.
    Nothing,
}

impl Menu {
    /// Asks for what fits `typed`, where `offer` has all that can stand there behind `before`.
    pub(super) fn ask(&mut self, before: &str, typed: &str, offer: Offer) -> Outcome {
        self.close();
        self.all = offer.all;
        before.clone_into(&mut self.before);
        stem(typed).clone_into(&mut self.stem);
        let ranks = self.fit(typed);
        let begin = ranks.iter().filter(|rank| rank.is_beginning()).count();
        let put = |place: usize| Outcome::Put(self.all[self.shown[place]].put().to_owned());
        match (begin, self.shown.len()) {
            (_, 0) => return Outcome::Nothing,
            (0 | 1, 1) => return put(0),
            (1, _) => {
                let one = ranks.iter().position(|rank| rank.is_beginning());
                let one = one.unwrap_or_default();
                if self.all[self.shown[one]].put() != typed {
                    return put(one);
                }
            }
            _ => {}
        }
        let alike = self
            .common(&ranks)
            .filter(|alike| alike.len() > typed.len());
        let typed = alike.unwrap_or_else(|| typed.to_owned());
        stem(&typed).clone_into(&mut self.stem);
        self.is_open = true;
        Outcome::Open(typed)
    }

    /// Those that fit what is typed, without opening: for a plain list.
    pub(super) fn fitting(&self) -> impl Iterator<Item = &Candidate> {
        self.shown.iter().map(|place| &self.all[*place])
    }

    /// The same as lines of a numbered list, for the line that goes on with `typed` now.
    pub(super) fn list(&mut self, typed: &str) -> Vec<Candidate> {
        self.fit(typed);
        let list: Vec<Candidate> = self.fitting().cloned().collect();
        let puts = list.iter().map(|one| one.put().to_owned());
        self.listed = Some((format!("{}{typed}", self.before), puts.collect()));
        let lines = list.iter().enumerate();
        lines.map(|(at, one)| one.numbered(at + 1)).collect()
    }

    /// The one whose number is typed behind what the list was shown for.
    pub(super) fn numbered(&mut self, line: &str) -> Option<(usize, Vec<Candidate>)> {
        let (before, puts) = self.listed.take()?;
        let number: usize = line.strip_prefix(before.as_str())?.parse().ok()?;
        // It may be how a name goes on.
        let start = self.before.len();
        let goes_on = puts.iter().any(|put| put.starts_with(&line[start..]));
        let put = puts.get(number.checked_sub(1)?).filter(|_| !goes_on)?;
        Some((start, vec![Candidate::plain(put)]))
    }

    /// How all that begin with what is typed go on in common.
    fn common(&self, ranks: &[Rank]) -> Option<String> {
        let fitting = self.fitting().zip(ranks);
        let mut begin = fitting.filter(|(_, rank)| rank.is_beginning());
        let mut alike = begin.next()?.0.put().to_owned();
        for (one, _) in begin {
            let signs = alike.char_indices().zip(one.put().chars());
            let end = signs
                .take_while(|((_, a), b)| a == b)
                .last()
                .map_or(0, |((at, sign), _)| at + sign.len_utf8());
            alike.truncate(end);
        }
        Some(alike)
    }

    /// Finds those that fit `typed`: groups by their best, and within them the best first.
    fn fit(&mut self, typed: &str) -> Vec<Rank> {
        let ranked = self.all.iter().enumerate();
        let mut ranked: Vec<(Rank, usize)> = ranked
            .filter_map(|(place, one)| Some((Rank::of(one.put(), typed)?, place)))
            .collect();
        ranked.sort_unstable();
        let mut groups: Vec<&str> = Vec::new();
        for (_, place) in &ranked {
            let group = self.all[*place].in_group();
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        let of = |place: usize| {
            let group = self.all[place].in_group();
            groups.iter().position(|known| *known == group)
        };
        ranked.sort_by_key(|(_, place)| of(*place));
        self.shown = ranked.iter().map(|(_, place)| *place).collect();
        ranked.into_iter().map(|(rank, _)| rank).collect()
    }

    /// Whether it still is for this place in the line; narrows it down to what is typed there now.
    pub(super) fn follow(&mut self, line: &str, place: usize) -> bool {
        let typed = line[..place].strip_prefix(self.before.as_str());
        let Some(typed) = typed.filter(|typed| self.is_open && stem(typed) == self.stem) else {
            self.close();
            return false;
        };
        let before = std::mem::take(&mut self.shown);
        self.fit(typed);
        if self.shown != before {
            (self.chosen, self.top) = (None, 0);
        }
        if self.shown.is_empty() {
            self.close();
        }
        self.is_open
    }

    /// What stands before the place that it is for.
    pub(super) fn start(&self) -> usize {
        self.before.len()
    }

    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    pub(super) fn close(&mut self) {
        self.lingers |= self.is_open;
        (self.is_open, self.chosen, self.top) = (false, None, 0);
    }

    /// Whether it has to be wiped off the screen; the next time it has not.
    pub(super) fn take_lingering(&mut self) -> bool {
        std::mem::take(&mut self.lingers)
    }

    /// The chosen one.
    fn chosen(&self) -> Option<&Candidate> {
        Some(&self.all[*self.shown.get(self.chosen?)?])
    }

    /// Chooses the one so far below the chosen one, or above; behind the last comes the first.
    fn go(&mut self, by: isize) {
        let count = self.shown.len();
        let Some(last) = count.checked_sub(1) else {
            return;
        };
        self.chosen = Some(match self.chosen {
            None if by < 0 => last,
            None => 0,
            Some(at) if by.unsigned_abs() == 1 => {
                (at + count).saturating_add_signed(by).rem_euclid(count)
            }
            // By pages it stops at the ends.
            Some(at) => at.saturating_add_signed(by).min(last),
        });
    }

    /// Hands the chosen one to the completer, or the only one.
    fn take(&mut self) -> bool {
        let only = self.shown.first().filter(|_| self.shown.len() == 1);
        let chosen = self.chosen().or(only.map(|place| &self.all[*place]));
        let Some(put) = chosen.map(|one| one.put().to_owned()) else {
            return false;
        };
        self.put(self.before.len(), put);
        self.close();
        true
    }

    /// Has the completer put `text` into the line in place of what stands there from `start` on.
    pub(super) fn put(&mut self, start: usize, text: String) {
        self.taken = Some((start, text));
    }

    /// What the completer is to put into the line.
    pub(super) fn taken(&mut self) -> Option<(usize, String)> {
        self.taken.take()
    }

    /// The rows: a heading above each group, where there are several.
    fn rows(&self) -> Vec<Row> {
        let group = |place: usize| self.all[self.shown[place]].in_group();
        let has_groups = (1..self.shown.len()).any(|place| group(place) != group(0));
        let mut rows = Vec::new();
        for place in 0..self.shown.len() {
            let is_new = place == 0 || group(place) != group(place - 1);
            if has_groups && is_new {
                rows.push(Row::Heading(group(place)));
            }
            rows.push(Row::One(place));
        }
        rows
    }
}

/// What the candidates depend on of what is typed of a text: the folder of a file, the runtime of a container.
fn stem(typed: &str) -> &str {
    let end = typed.rfind(['/', ':']).map_or(0, |end| end + 1);
    let is_hidden = typed[end..].starts_with('.');
    &typed[..end + usize::from(is_hidden)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn menu(names: &[(&str, &'static str)], typed: &str) -> (Menu, Outcome) {
        let all = names
            .iter()
            .map(|(name, group)| Candidate::plain(name).group(group));
        let mut menu = Menu::default();
        let offer = Offer {
            start: 0,
            all: all.collect(),
        };
        let outcome = menu.ask("", typed, offer);
        (menu, outcome)
    }

    fn shown(menu: &Menu) -> String {
        let names: Vec<&str> = menu.fitting().map(Candidate::put).collect();
        names.join(" ")
    }

    #[test]
    fn the_only_one_that_begins_so_is_put_at_once() {
        let names = [("ping", ""), ("map_in_place", "")];
        let (_, outcome) = menu(&names, "pi");
        assert!(matches!(outcome, Outcome::Put(text) if text == "ping"));
        let (_, outcome) = menu(&names, "mip");
        assert!(matches!(outcome, Outcome::Put(text) if text == "map_in_place"));
        let (_, outcome) = menu(&names, "xyz");
        assert!(matches!(outcome, Outcome::Nothing));
    }

    #[test]
    fn what_all_have_in_common_is_put_before_one_is_chosen() {
        let (menu, outcome) = menu(&[("lab-1", ""), ("lab-2", ""), ("slab", "")], "la");
        assert!(matches!(outcome, Outcome::Open(text) if text == "lab-"));
        assert_eq!(shown(&menu), "lab-1 lab-2 slab");
    }

    #[test]
    fn the_group_of_the_best_comes_first() {
        let names = [
            ("tree", "a"),
            ("port", "b"),
            ("wait_port", "a"),
            ("po", "c"),
        ];
        let (mut menu, _) = menu(&names, "po");
        assert_eq!(shown(&menu), "port po wait_port");
        menu.is_open = true;
        assert!(menu.follow("por", 3));
        assert_eq!(shown(&menu), "port wait_port");
        assert!(!menu.follow("porx", 4));
        assert!(menu.take_lingering() && !menu.take_lingering());
    }

    #[test]
    fn choosing_goes_round() {
        let (mut menu, _) = menu(&[("a1", ""), ("a2", ""), ("a3", "")], "a");
        for (by, expected) in [(1, 0), (-1, 2), (1, 0), (5, 2), (-5, 0)] {
            menu.go(by);
            assert_eq!(menu.chosen, Some(expected), "{by}");
        }
        menu.chosen = None;
        menu.go(-1);
        assert_eq!(menu.chosen, Some(2));
        assert!(menu.take());
        assert_eq!(menu.taken(), Some((0, "a3".to_owned())));
    }

    #[test]
    fn another_folder_is_another_question() {
        assert_eq!(stem("a/b/c"), "a/b/");
        assert_eq!(stem("docker:we"), "docker:");
        assert_eq!(stem("a/.hid"), "a/.");
        assert_eq!(stem("ab"), "");
    }
}
