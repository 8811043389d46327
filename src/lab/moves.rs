//! Links that moved: a later run asks for them where they were, and finds them where they are.

use std::rc::Rc;

use crate::error::Result;
use crate::lab::Lab;
use crate::lab::journal::Journal;
use crate::lab::recognise::Finder;
use crate::lab::record::{Move, Place};
use crate::net::netns::Netns;

impl Lab {
    /// Writes to the journal that a link is about to be moved, and what it is called before and after.
    pub fn moving(&self, from: (&Netns, &str), to: (&Netns, &str)) -> Result<()> {
        if self.plans() {
            return Ok(());
        }
        self.begin()?;
        self.open(true)?;
        match self.journal.borrow_mut().as_mut() {
            None => Ok(()),
            Some(journal) => journal.moving(Move {
                from: Place::of(from.0),
                name: from.1.to_owned(),
                to: Place::of(to.0),
                new_name: to.1.to_owned(),
            }),
        }
    }

    /// Where earlier runs of the lab have moved the link to that was called `name` in `place`, and what it is called there.
    pub fn moved_earlier(&self, place: &Netns, name: &str) -> Result<Option<(Rc<Netns>, String)>> {
        self.begin()?;
        let moves = self.moves.get_or_init(|| self.planned_moves());
        let mut finder = Finder::default();
        let mut at: Option<(Rc<Netns>, String)> = None;
        for way in moves {
            let is_it = match &at {
                None => way.name == name && way.from.is(place),
                Some((place, name)) => way.name == *name && way.from.is(place),
            };
            if is_it && let Some(to) = finder.netns(&way.to)? {
                at = Some((to, way.new_name.clone()));
            }
        }
        Ok(at)
    }

    /// A plan opens no journal, but looks into it.
    fn planned_moves(&self) -> Vec<Move> {
        let lab = self.name().filter(|_| self.plans());
        let told = lab.and_then(|lab| Journal::peek(&lab).ok().flatten());
        told.map(|(contents, _)| contents.moves).unwrap_or_default()
    }
}
