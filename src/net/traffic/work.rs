//! What the threads do that send and receive: all sockets of a thread have their turn, and it sleeps while none is ready.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeSpec;
use socket2::Socket;

use super::tally::Tally;

/// How long a thread sleeps at most before it looks whether it is to end.
const LOOK: Duration = Duration::from_millis(50);

/// One socket of a stream, and what it counts.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) socket: Arc<Socket>,
    pub(super) tally: Arc<Tally>,
}

/// What a try with a socket brought.
pub(super) enum Tried {
    /// Something was done, and there may be more.
    Done,
    /// Nothing can be done before the socket is ready.
    NotReady,
    /// Nothing is to be done for that long.
    Early(Duration),
    /// Nothing can be done any more, and why.
    Over(Option<Errno>),
}

/// How a thread ended.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// The time of a processor that it took.
    pub(super) cpu: Duration,
    /// Why a socket could not go on, where one could not.
    pub(super) error: Option<Errno>,
}

/// Works on the sockets until that is over for all of them, or `stop` is set.
pub(super) fn work<L>(
    mut lanes: Vec<L>,
    flags: PollFlags,
    stop: &AtomicBool,
    socket: impl Fn(&L) -> &Socket,
    mut attempt: impl FnMut(&mut L) -> Tried,
) -> Ended {
    let mut error = None;
    let mut is_ready = vec![true; lanes.len()];
    while !stop.load(Ordering::Relaxed) && !lanes.is_empty() {
        let (mut is_idle, mut pause, mut at) = (true, LOOK, 0);
        while at < lanes.len() {
            if !is_ready[at] {
                at += 1;
                continue;
            }
            match attempt(&mut lanes[at]) {
                Tried::Done => is_idle = false,
                Tried::NotReady => is_ready[at] = false,
                Tried::Early(wait) => pause = pause.min(wait),
                Tried::Over(why) => {
                    error = error.or(why);
                    lanes.swap_remove(at);
                    is_ready.swap_remove(at);
                    continue;
                }
            }
            at += 1;
        }
        if is_idle {
            sleep(&lanes, &mut is_ready, flags, pause, &socket);
        }
    }
    Ended { cpu: cpu(), error }
}

/// Sleeps until one of those is ready that were not, or it is time.
fn sleep<L>(
    lanes: &[L],
    is_ready: &mut [bool],
    flags: PollFlags,
    pause: Duration,
    socket: &impl Fn(&L) -> &Socket,
) {
    let waiting: Vec<usize> = (0..lanes.len()).filter(|at| !is_ready[*at]).collect();
    let mut all: Vec<PollFd> = waiting
        .iter()
        .map(|at| PollFd::new(socket(&lanes[*at]).as_fd(), flags))
        .collect();
    // Where it is interrupted, or fails, all are tried again.
    let is_told = ppoll(&mut all, Some(TimeSpec::from_duration(pause)), None).is_ok();
    for (at, one) in waiting.iter().zip(&all) {
        is_ready[*at] = !is_told || one.any().unwrap_or(true);
    }
}

/// The time of a processor that this thread has taken.
fn cpu() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_THREAD) else {
        return Duration::ZERO;
    };
    [usage.user_time(), usage.system_time()]
        .iter()
        .map(|time| {
            let whole = u64::try_from(time.tv_sec()).unwrap_or_default();
            let micros = u64::try_from(time.tv_usec()).unwrap_or_default();
            Duration::from_secs(whole) + Duration::from_micros(micros)
        })
        .sum()
}
