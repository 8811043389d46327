//! The host's side of a run: what comes in goes to the guest, what the guest says comes out.

use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, pipe2};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH};
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level::emulate_default_handler;

use super::bring_back::Returns;
use super::frames::{Frame, PIECE, Stream};
use super::machine::{Machine, Speaker};
use super::terminal;
use super::{Guest, Ran};
use crate::error::Result;
use crate::sandbox::failed;

/// How long a program may take to end after it was told to.
const GRACE: Duration = Duration::from_secs(5);
/// How much input may be on its way. Without a limit a program that reads none would fill the guest's memory.
const WINDOW: usize = 4 * PIECE;

/// Starts the program in the guest and stays until it has ended.
pub(super) fn relay(machine: &mut Machine, guest: &Guest) -> Result<Ran> {
    let wiring = terminal::wiring();
    let speaker = machine.speaker()?;
    let _signals = SignalRelay::start(&speaker, machine.pid())?;
    let _raw = match wiring.terminal {
        Some(_) => Some(
            terminal::raw().map_err(|errno| failed(errno).doing_plain("set up the terminal"))?,
        ),
        None => None,
    };
    say(&speaker, &Frame::Go(wiring))?;
    let input = InputRelay::start(&speaker)?;
    let (mut out, mut err) = (
        Outlet::new(io::stdout(), Stream::Out),
        Outlet::new(io::stderr(), Stream::Err),
    );
    let mut returns = Returns::into(&guest.cwd, &guest.results, guest.replaced.as_deref());
    let code = loop {
        match machine.next()? {
            Frame::Output(Stream::Out, bytes) => out.put(&bytes, &speaker)?,
            Frame::Output(Stream::Err, bytes) => err.put(&bytes, &speaker)?,
            Frame::Took(count) => input.taken(count),
            Frame::File { mode, path } => returns.begin(&path, mode),
            Frame::FileData(bytes) => returns.data(&bytes),
            Frame::FileEnd => returns.end(),
            Frame::Exit(code) => break code,
            Frame::Failed(errno) => {
                let program = guest
                    .program
                    .as_deref()
                    .unwrap_or(std::path::Path::new("ipvsh"));
                let error = failed(Errno::from_raw(errno));
                return Err(error.doing("start in the micro-VM", &program.display().to_string()));
            }
            _ => {}
        }
    };
    // A program that has failed has the better reason; one that has not must not seem to have done it all.
    match returns.finish() {
        Err(error) if code == 0 => Err(error),
        kept_aside => Ok(Ran {
            code,
            kept_aside: kept_aside.unwrap_or_default(),
        }),
    }
}

fn say(speaker: &Speaker, frame: &Frame) -> Result<()> {
    tell(speaker, frame).map_err(|error| failed(error).doing_plain("talk to the micro-VM"))
}

fn tell(speaker: &Speaker, frame: &Frame) -> io::Result<()> {
    let mut pipe = speaker.lock().unwrap_or_else(PoisonError::into_inner);
    frame.write(&mut *pipe)
}

/// One of our streams. When nobody reads it any more, the guest's program is to notice.
struct Outlet<W> {
    to: W,
    stream: Stream,
    open: bool,
}

impl<W: Write> Outlet<W> {
    fn new(to: W, stream: Stream) -> Self {
        Self {
            to,
            stream,
            open: true,
        }
    }

    fn put(&mut self, bytes: &[u8], speaker: &Speaker) -> Result<()> {
        if self.open
            && self
                .to
                .write_all(bytes)
                .and_then(|()| self.to.flush())
                .is_err()
        {
            self.open = false;
            say(speaker, &Frame::Closed(self.stream))?;
        }
        Ok(())
    }
}

/// Reads our standard input for the guest, until this is dropped.
struct InputRelay {
    taken: Sender<usize>,
    _stop: OwnedFd,
}

impl InputRelay {
    fn start(speaker: &Speaker) -> Result<Self> {
        let (stopped, stop) = pipe2(OFlag::O_CLOEXEC)?;
        let (taken, credit) = channel();
        let speaker = Arc::clone(speaker);
        thread::spawn(move || {
            // Fails only when the machine is gone, and then there is nobody to tell.
            let _ = pass_input_on(&speaker, &credit, &stopped);
        });
        Ok(Self { taken, _stop: stop })
    }

    fn taken(&self, count: u32) {
        // The reader may have come to the end of the input already.
        let _ = self
            .taken
            .send(usize::try_from(count).unwrap_or(usize::MAX));
    }
}

fn pass_input_on(speaker: &Speaker, credit: &Receiver<usize>, stopped: &OwnedFd) -> io::Result<()> {
    let mut input = io::stdin();
    let mut bytes = vec![0; PIECE];
    let mut under_way = 0_usize;
    loop {
        for taken in credit.try_iter() {
            under_way = under_way.saturating_sub(taken);
        }
        while under_way > WINDOW {
            match credit.recv() {
                Ok(taken) => under_way = under_way.saturating_sub(taken),
                Err(_) => return Ok(()),
            }
        }
        if terminal::belongs_to_another_job() {
            thread::sleep(Duration::from_millis(200));
            continue;
        }
        let over = {
            let mut ready = [
                PollFd::new(std::os::fd::AsFd::as_fd(&input), PollFlags::POLLIN),
                PollFd::new(std::os::fd::AsFd::as_fd(stopped), PollFlags::POLLIN),
            ];
            match poll(&mut ready, PollTimeout::NONE) {
                Ok(_) => ready[1].any().unwrap_or(true),
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(errno.into()),
            }
        };
        if over {
            return Ok(());
        }
        match input.read(&mut bytes) {
            Ok(0) => return tell(speaker, &Frame::InputEnd),
            Ok(count) => {
                under_way += count;
                tell(speaker, &Frame::Input(bytes[..count].to_vec()))?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return tell(speaker, &Frame::InputEnd),
        }
    }
}

/// Passes signals on, until this is dropped.
struct SignalRelay {
    handle: Handle,
    over: Arc<AtomicBool>,
}

impl SignalRelay {
    fn start(speaker: &Speaker, qemu: Pid) -> Result<Self> {
        // What we were started to ignore, as by nohup, stays ignored.
        let ignored = ignored(&fs::read_to_string("/proc/self/status").unwrap_or_default());
        let wanted = [SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGWINCH];
        let mut signals = Signals::new(
            wanted
                .into_iter()
                .filter(|signal| ignored >> (signal - 1) & 1 == 0),
        )?;
        let handle = signals.handle();
        let over = Arc::new(AtomicBool::new(false));
        let (speaker, still) = (Arc::clone(speaker), Arc::clone(&over));
        thread::spawn(move || {
            let mut told = false;
            for signal in signals.forever() {
                if signal == SIGWINCH {
                    let _ = tell(&speaker, &Frame::Resize(terminal::size()));
                } else if told {
                    die(signal, qemu, &still);
                } else {
                    told = true;
                    let _ = tell(&speaker, &Frame::Signal(signal));
                    if matches!(signal, SIGTERM | SIGHUP) {
                        let still = Arc::clone(&still);
                        thread::spawn(move || {
                            thread::sleep(GRACE);
                            die(signal, qemu, &still);
                        });
                    }
                }
            }
        });
        Ok(Self { handle, over })
    }
}

impl Drop for SignalRelay {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.handle.close();
    }
}

/// The signals that a process ignores, a bit each, from its `/proc/PID/status`.
fn ignored(status: &str) -> u64 {
    status
        .lines()
        .find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok())
        .unwrap_or(0)
}

/// Ends it all as the signal would have without us, unless the run is over.
fn die(signal: i32, qemu: Pid, over: &AtomicBool) {
    if !over.load(Ordering::SeqCst) {
        terminal::restore();
        let _ = kill(qemu, Signal::SIGKILL);
        let _ = emulate_default_handler(signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_status() {
        let status = "Name:\tx\nSigBlk:\t00000000000000ff\nSigIgn:\t0000000000001001\n";
        assert_eq!(ignored(status), 0x1001);
        assert_eq!(ignored(""), 0);
    }
}
