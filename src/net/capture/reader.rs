//! The thread that reads the sockets of a capture, in the order of the kernel's stamps.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::EventFd;

use super::tap::{Tap, now};
use super::{Counts, Packet, Shown, Sink, Wanted, lock};
use crate::error::Result;
use crate::net::namespace::Id;

/// How often it is looked whether a namespace was deleted.
const LOOK: Duration = Duration::from_secs(1);

/// How old a packet is before those of all links are taken to have been handed out that passed before it. The kernel hands out a block
/// after four to eight milliseconds.
const HOLD: Duration = Duration::from_millis(30);

/// What the thread is asked for. Who asks waits for the sender to be dropped.
pub(super) enum Ask {
    /// To take all that has passed.
    Round(Sender<()>),
    /// To leave the links of a namespace.
    Leave(Id, Sender<()>),
    /// To end.
    End,
}

pub(super) struct Reader {
    /// By the number of the link; none where that is gone.
    taps: Vec<Option<Tap>>,
    counts: Vec<Counts>,
    sink: Box<dyn Sink>,
    asks: Receiver<Ask>,
    wake: Arc<EventFd>,
    shown: Shown,
    /// What was read and is later than what may still come from another socket.
    waiting: Vec<Packet>,
    packets: u64,
    /// How many more are wanted.
    left: u64,
}

impl Reader {
    pub(super) fn new(
        taps: Vec<Tap>,
        sink: Box<dyn Sink>,
        wanted: &Wanted,
        (asks, wake): (Receiver<Ask>, Arc<EventFd>),
        shown: Shown,
    ) -> Self {
        Self {
            counts: vec![Counts::default(); taps.len()],
            taps: taps.into_iter().map(Some).collect(),
            sink,
            asks,
            wake,
            shown,
            waiting: Vec::new(),
            packets: 0,
            left: wanted.count.unwrap_or(u64::MAX),
        }
    }

    /// Reads until it is asked to end, or nothing more can come or is wanted.
    pub(super) fn run(mut self) {
        let read = self.read();
        let ended = match read {
            Ok(()) => self.finish(),
            failed => failed,
        };
        let counts = self.count();
        close(self.taps);
        let mut shown = lock(&self.shown);
        shown.counts = counts;
        shown.packets = self.packets;
        shown.files = self.sink.files();
        shown.error = ended.err();
        shown.has_ended = true;
    }

    fn read(&mut self) -> Result<()> {
        let mut looked = Instant::now();
        loop {
            self.wait()?;
            // What came before the question is in the answer.
            let asks: Vec<Ask> = self.asks.try_iter().collect();
            let is_wanted = self.round(!asks.is_empty())?;
            let mut is_over = !is_wanted;
            let mut answered = Vec::new();
            for ask in asks {
                match ask {
                    Ask::Round(done) => answered.push(done),
                    Ask::Leave(namespace, done) => {
                        self.leave(|tap| tap.namespace == namespace, "went with its namespace");
                        answered.push(done);
                    }
                    Ask::End => is_over = true,
                }
            }
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                self.leave(Tap::is_orphan, "went with its namespace");
            }
            is_over = is_over || self.taps.iter().all(Option::is_none);
            if !answered.is_empty() || is_over {
                self.show();
            }
            if is_over {
                return Ok(());
            }
        }
    }

    /// Waits until there is something to do.
    fn wait(&self) -> Result<()> {
        let taps = self.taps.iter().flatten();
        let mut ready: Vec<_> = taps
            .map(|tap| PollFd::new(tap.as_fd(), PollFlags::POLLIN))
            .collect();
        ready.push(PollFd::new(self.wake.as_fd(), PollFlags::POLLIN));
        let time = if self.waiting.is_empty() {
            PollTimeout::try_from(LOOK).unwrap_or(PollTimeout::NONE)
        } else {
            PollTimeout::try_from(HOLD / 3).unwrap_or(PollTimeout::ZERO)
        };
        match poll(&mut ready, time) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        // It is not waited for where nothing was written to it.
        let _ = self.wake.read();
        Ok(())
    }

    /// Takes what has come, and tells what is old enough; all that has passed until now, where `is_all`. `false` where no more is wanted.
    fn round(&mut self, is_all: bool) -> Result<bool> {
        let until = now();
        let mut gone = Vec::new();
        for (number, tap) in self.taps.iter_mut().enumerate() {
            let Some(tap) = tap else { continue };
            if is_all {
                tap.drain(number, &mut self.waiting);
            }
            loop {
                match tap.read(number, &mut self.waiting) {
                    // Where more comes than can be read, the others have their turn.
                    Ok(true) if self.waiting.last().is_none_or(|last| last.time <= until) => {}
                    Ok(_) => break,
                    Err(_) => {
                        gone.push(number);
                        break;
                    }
                }
            }
        }
        let hold = u64::try_from(HOLD.as_nanos()).unwrap_or(0);
        let until = until.saturating_sub(hold);
        self.waiting.sort_by_key(|packet| packet.time);
        // Of one link they come in their order.
        let whole = if is_all || self.taps.len() == 1 {
            self.waiting.len()
        } else {
            self.waiting.partition_point(|packet| packet.time <= until)
        };
        for packet in self.waiting.drain(..whole) {
            if self.left == 0 {
                break;
            }
            if !self.sink.packet(&packet)? {
                self.left = 0;
                break;
            }
            self.packets += 1;
            self.left -= 1;
        }
        if whole > 0 {
            self.sink.flush()?;
        }
        for number in gone {
            self.part(number, "is gone");
        }
        Ok(self.left > 0)
    }

    /// Parts with those links.
    fn leave(&mut self, is_left: impl Fn(&Tap) -> bool, why: &str) {
        for number in 0..self.taps.len() {
            if self.taps[number].as_ref().is_some_and(&is_left) {
                self.part(number, why);
            }
        }
    }

    fn part(&mut self, number: usize, why: &str) {
        let Some(mut tap) = self.taps[number].take() else {
            return;
        };
        tap.drain(number, &mut self.waiting);
        self.counts[number] = tap.counts();
        let rest = self.taps.iter().flatten().count();
        let name = &tap.point.name;
        let goes_on = match rest {
            0 => "the capture is over",
            _ => "the capture goes on without it",
        };
        let text = format!("link `{name}` {why}: {goes_on}");
        lock(&self.shown).notes.push(text);
        close(vec![Some(tap)]);
    }

    fn count(&mut self) -> Vec<Counts> {
        for (tap, counts) in self.taps.iter_mut().zip(&mut self.counts) {
            if let Some(tap) = tap {
                *counts = tap.counts();
            }
        }
        self.counts.clone()
    }

    fn show(&mut self) {
        let counts = self.count();
        let mut shown = lock(&self.shown);
        shown.packets = self.packets;
        shown.counts = counts;
        shown.files = self.sink.files();
    }

    /// Takes what has come last, and ends the file.
    fn finish(&mut self) -> Result<()> {
        if self.left > 0 {
            self.round(true)?;
        }
        let counts = self.count();
        self.sink.end(&counts)
    }
}

/// Closes them at once, each in a thread: the kernel lets each closing wait until no processor looks at it any more.
fn close(taps: Vec<Option<Tap>>) {
    std::thread::scope(|threads| {
        for tap in taps.into_iter().flatten() {
            threads.spawn(move || drop(tap));
        }
    });
}
