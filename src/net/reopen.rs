//! Descriptors that are closed when there are many, and opened again when they are needed: how many are open does not depend on
//! how many namespaces a run works in.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

use nix::sys::resource::{Resource, getrlimit};

use crate::error::Result;

/// How many are kept open at most: each further one costs a visit to its namespace, which is short.
const MOST: usize = 512;

/// How many are kept open at least.
const LEAST: usize = 4;

/// What else a run has open: its files and pipes, the runtime's, those of a word.
const OTHERS: usize = 40;

thread_local! {
    static OPEN: RefCell<VecDeque<Weak<dyn Close>>> = const { RefCell::new(VecDeque::new()) };
}

/// What can be closed for a while.
trait Close {
    /// Closes it, unless it was used since the last time that this was asked for.
    fn close_if_idle(&self) -> bool;
}

/// Something that holds a descriptor, or nothing while that is closed. Who uses it has a copy of its own, and keeps it open
/// for as long.
#[derive(Debug)]
pub(super) struct Slot<T>(Rc<State<T>>);

#[derive(Debug)]
struct State<T> {
    value: RefCell<Option<T>>,
    is_used: Cell<bool>,
}

impl<T> Close for State<T> {
    fn close_if_idle(&self) -> bool {
        if self.is_used.replace(false) {
            return false;
        }
        self.value.take();
        true
    }
}

impl<T: Clone + 'static> Slot<T> {
    /// One that is open if `value` is there.
    pub(super) fn new(value: Option<T>) -> Self {
        let is_open = value.is_some();
        let slot = Self(Rc::new(State {
            value: RefCell::new(value),
            is_used: Cell::new(true),
        }));
        if is_open {
            slot.note();
        }
        slot
    }

    /// What it holds, opened by `open` where that was closed.
    pub(super) fn get(&self, open: impl FnOnce() -> Result<T>) -> Result<T> {
        self.0.is_used.set(true);
        if let Some(value) = &*self.0.value.borrow() {
            return Ok(value.clone());
        }
        let value = open()?;
        self.0.value.replace(Some(value.clone()));
        self.note();
        Ok(value)
    }

    /// Whether it holds something now.
    pub(super) fn is_open(&self) -> bool {
        self.0.value.borrow().is_some()
    }

    /// Closes it.
    pub(super) fn close(&self) {
        self.0.value.take();
    }

    /// Counts it among those that are open, and closes others that were not used for long.
    fn note(&self) {
        let state: Rc<dyn Close> = self.0.clone();
        OPEN.with_borrow_mut(|open| {
            open.push_back(Rc::downgrade(&state));
            let most = most();
            // Each is looked at twice at the most: those used of late get a second chance.
            let mut looks = 2 * open.len();
            while open.len() > most && looks > 0 {
                looks -= 1;
                let Some(oldest) = open.pop_front() else {
                    break;
                };
                if oldest.upgrade().is_some_and(|state| !state.close_if_idle()) {
                    open.push_back(oldest);
                }
            }
        });
    }
}

/// How many may be open at once, by what the process may have.
pub(super) fn most() -> usize {
    let (limit, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    (limit.saturating_sub(OTHERS) / 2).clamp(LEAST, MOST)
}

/// How many more a run may have open, besides these and its own.
pub(super) fn spare() -> usize {
    let (limit, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    limit.saturating_sub(OTHERS + most())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts how many of it are alive.
    #[derive(Clone)]
    struct Counted(#[expect(dead_code, reason = "its copies are counted")] Rc<()>);

    #[test]
    fn many_slots_hold_few_descriptors() {
        let count = Rc::new(());
        let slots: Vec<_> = (0..3 * MOST)
            .map(|_| Slot::new(Some(Counted(count.clone()))))
            .collect();
        assert!(Rc::strong_count(&count) <= MOST + 1);
        assert!(!slots[0].is_open() && slots[3 * MOST - 1].is_open());
        assert!(slots[0].get(|| Ok(Counted(count.clone()))).is_ok());
        assert!(slots[0].is_open());
        assert!(Rc::strong_count(&count) <= MOST + 1);
    }

    #[test]
    fn what_is_in_use_stays_open_for_its_user() {
        let count = Rc::new(());
        let slot = Slot::new(Some(Counted(count.clone())));
        let used = slot.get(|| Ok(Counted(count.clone())));
        slot.close();
        assert_eq!(Rc::strong_count(&count), 2);
        drop(used);
        assert_eq!(Rc::strong_count(&count), 1);
    }
}
