//! Closures of a script that run side by side: each has a stack of its own, all on one thread. Only a long wait lets another go
//! on; every other word runs as a whole, as if it were alone. What each prints comes in the order of the list.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use generator::{Generator, Gn};

use crate::dsl::Session;
use crate::error::Result;
use crate::net::netns::Netns;
use crate::view::screen::Stream;

/// How many are under way at once.
const AT_ONCE: usize = 64;
/// The stack of each, of which the kernel hands out what is touched: in machine words.
const STACK: usize = (8 << 20) / size_of::<usize>();

scoped_tls_hkt::scoped_thread_local!(
    /// What each strand does, by its number, while strands are under way.
    static BODY: for<'a> &'a (dyn Fn(usize) + 'a)
);

/// What prints a text.
type Say = fn(Stream, &str) -> std::io::Result<()>;

/// What was printed and has to wait for its turn.
type Held = (Stream, String, Say);

/// How the interpreter knows how far a stack goes: down to an address, which each stack has of its own.
#[derive(Clone, Copy)]
pub(crate) struct Floor {
    /// A stack of that size begins here.
    pub(crate) begin: fn(usize),
    /// That of the stack that runs now.
    pub(crate) get: fn() -> usize,
    /// Another stack is to run, which has this one.
    pub(crate) set: fn(usize),
}

impl Default for Floor {
    fn default() -> Self {
        Self {
            begin: |_| {},
            get: || 0,
            set: |_| {},
        }
    }
}

/// The strands of a session that are under way.
#[derive(Default)]
pub(crate) struct Strands {
    /// The one that runs now.
    running: Cell<Option<usize>>,
    /// The one that must not be disturbed: it is in the middle of a word.
    alone: Cell<Option<usize>>,
    /// The first that has not ended: what it prints is shown as it comes.
    first: Cell<usize>,
    held: RefCell<Vec<(usize, Held)>>,
    waker: RefCell<Option<Waker>>,
    floor: Cell<Floor>,
}

impl Strands {
    /// Notes how the interpreter knows how far a stack goes.
    pub(crate) fn measured_by(&self, floor: Floor) {
        self.floor.set(floor);
    }

    /// Whether a strand runs now.
    pub(crate) fn is_one(&self) -> bool {
        self.running.get().is_some()
    }

    /// Whether a text is kept until its turn, as that is not now.
    pub(crate) fn hold(&self, to: Stream, text: &str, say: Say) -> bool {
        match self.running.get() {
            Some(running) if running != self.first.get() => {
                let held = (to, text.to_owned(), say);
                self.held.borrow_mut().push((running, held));
                true
            }
            _ => false,
        }
    }

    /// Waits within a strand: others go on meanwhile where that is wanted.
    pub(crate) fn wait<F: Future>(&self, future: F, is_long: bool) -> F::Output {
        let mut future = pin!(future);
        loop {
            let waker = self.waker.borrow().clone();
            let waker = waker.unwrap_or_else(|| Waker::noop().clone());
            if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                self.alone.set(None);
                return result;
            }
            if !is_long {
                self.alone.set(self.running.get());
            }
            leave();
        }
    }

    /// Shows what was held of those that are no longer behind another.
    fn show(&self) -> std::io::Result<()> {
        let first = self.first.get();
        let mut held = self.held.take();
        held.sort_by_key(|(strand, _)| *strand);
        let later = held.split_off(held.partition_point(|(strand, _)| *strand <= first));
        self.held.replace(later);
        for (_, (stream, text, say)) in held {
            say(stream, &text)?;
        }
        Ok(())
    }
}

/// Goes back to whoever goes on with the strands.
fn leave() {
    #[allow(
        deprecated,
        reason = "the interpreter stands between the strand and its wait: nothing can be handed down to here"
    )]
    generator::yield_with(());
}

/// Runs `call` for each number below `count`, side by side. After a failure none is begun any more. Returns how far each came,
/// in order: those that were not begun are none.
pub(crate) fn run<T, E>(
    session: &Session,
    count: usize,
    call: impl Fn(usize) -> std::result::Result<T, E>,
) -> Result<Vec<Option<std::result::Result<T, E>>>> {
    let results: Vec<RefCell<Option<_>>> = (0..count).map(|_| RefCell::new(None)).collect();
    // One that runs side by side already, and a plan, take one after the other.
    if session.strands().is_one() || session.lab().plans() || count < 2 {
        for (number, result) in results.iter().enumerate() {
            let done = call(number);
            let has_failed = done.is_err();
            result.replace(Some(done));
            if has_failed {
                break;
            }
        }
        return Ok(results.into_iter().map(RefCell::into_inner).collect());
    }
    let strands = session.strands();
    let floor = strands.floor.get();
    let own_floor = (floor.get)();
    let own_place = session.swap_entered(Vec::new());
    let has_failed = Cell::new(false);
    let body = |number: usize| {
        (floor.begin)(STACK * size_of::<usize>());
        let done = call(number);
        has_failed.set(has_failed.get() | done.is_err());
        results[number].replace(Some(done));
    };
    let mut begun = 0;
    let mut under_way = VecDeque::new();
    let mut turn = |context: &mut Context| {
        strands.waker.replace(Some(context.waker().clone()));
        loop {
            while under_way.len() < AT_ONCE && begun < count && !has_failed.get() {
                let number = begun;
                let stack = Gn::<()>::new_opt(STACK, move || BODY.with(|body| body(number)));
                under_way.push_back(Strand {
                    number,
                    stack,
                    place: own_place.clone(),
                    floor: 0,
                    is_begun: false,
                });
                begun += 1;
            }
            let was_alone = strands.alone.get();
            let mut has_ended = false;
            for one in &mut under_way {
                let alone = strands.alone.get();
                let is_passed_over = alone.is_some_and(|alone| alone != one.number);
                if is_passed_over || (has_failed.get() && !one.is_begun) {
                    continue;
                }
                one.go_on(session);
                has_ended |= one.stack.is_done();
            }
            under_way.retain(|one| !one.stack.is_done() && (one.is_begun || !has_failed.get()));
            let first = under_way.front().map_or(begun, |one| one.number);
            strands.first.set(first);
            if strands.show().is_err() {
                session.note_output_closed();
            }
            if under_way.is_empty() && (begun == count || has_failed.get()) {
                return Poll::Ready(());
            }
            // Those that were passed over have their turn now.
            let passed_over = was_alone.is_some() && strands.alone.get().is_none();
            if !passed_over && !has_ended {
                return Poll::Pending;
            }
        }
    };
    strands.first.set(0);
    let ended = BODY.set(&body, || session.wait(poll_fn(&mut turn)));
    (floor.set)(own_floor);
    session.swap_entered(own_place);
    strands.waker.replace(None);
    ended?;
    Ok(results.iter().map(RefCell::take).collect())
}

/// One that is under way.
struct Strand {
    number: usize,
    stack: Generator<'static, (), ()>,
    /// The namespaces that it has entered.
    place: Vec<Rc<Netns>>,
    /// Down to where it may use its stack.
    floor: usize,
    is_begun: bool,
}

impl Strand {
    /// Lets it run until it waits or ends.
    fn go_on(&mut self, session: &Session) {
        self.is_begun = true;
        let strands = session.strands();
        let running = Running::begin(&strands.running, self.number);
        let floor = strands.floor.get();
        let before = (floor.get)();
        (floor.set)(self.floor);
        let place = session.swap_entered(std::mem::take(&mut self.place));
        self.stack.resume();
        self.place = session.swap_entered(place);
        self.floor = (floor.get)();
        (floor.set)(before);
        drop(running);
    }
}

/// Notes which strand runs, until it is dropped: by a panic, too.
struct Running<'a>(&'a Cell<Option<usize>>);

impl<'a> Running<'a> {
    fn begin(running: &'a Cell<Option<usize>>, number: usize) -> Self {
        running.set(Some(number));
        Self(running)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.set(None);
    }
}
