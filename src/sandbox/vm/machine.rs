//! The virtual machine as a process: QEMU's command line, its life and its end.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getpid, getppid};

use super::accel::Accel;
use super::frames::Frame;
use super::programs;
use crate::error::{Error, Kind, Result};
use crate::sandbox::failed;

/// How much of what the guest's console said last is kept.
const CONSOLE: usize = 16 << 10;
/// How many of its lines an error shows.
const CONSOLE_LINES: usize = 12;
/// How a kernel begins its last words.
const PANIC: &str = "Kernel panic - not syncing: ";
/// Frames that may wait here. What is more waits in the guest.
const BACKLOG: usize = 64;
/// The guest says something every second, if only that it is alive.
const SILENCE: Duration = Duration::from_secs(20);

/// What the guest is made of.
pub(super) struct Parts {
    pub(super) qemu: PathBuf,
    pub(super) kernel: PathBuf,
    /// The root file system, in memory: nothing of it is ever on disk.
    pub(super) image: OwnedFd,
    pub(super) image_size: u64,
}

/// The writing end of the pipe to the guest, for all who have something to say.
pub(super) type Speaker = Arc<Mutex<ChildStdin>>;

/// A running virtual machine. It ends when this is dropped, and when the thread that started it ends.
pub(super) struct Machine {
    qemu: Child,
    speaker: Option<Speaker>,
    frames: Receiver<io::Result<Frame>>,
    console: Arc<Mutex<VecDeque<u8>>>,
    console_reader: Option<JoinHandle<()>>,
}

/// The QEMU of this machine.
pub(super) fn find_qemu() -> Result<PathBuf> {
    if !cfg!(target_arch = "x86_64") {
        return Err(Error::new(Kind::Unsupported, "it runs on x86-64 only")
            .doing_plain("start the micro-VM"));
    }
    // Red Hat's family keeps it out of the path.
    ["qemu-system-x86_64", "/usr/libexec/qemu-kvm"]
        .into_iter()
        .find_map(|name| programs::find(Path::new(name)))
        .ok_or_else(|| {
            Error::new(Kind::Unsupported, "QEMU is not installed")
                .doing_plain("start the micro-VM")
                .hint("run `ipvsh vm install`")
        })
}

impl Machine {
    /// Starts QEMU. The guest's console and QEMU's own complaints come out of the same pipe.
    pub(super) fn start(parts: &Parts, accel: Accel) -> Result<Self> {
        let image = parts.image.as_raw_fd();
        let us = getpid();
        let mut command = Command::new(&parts.qemu);
        command
            .args(arguments(&parts.kernel, image, parts.image_size, accel))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A Ctrl-C at the terminal is for the program in the guest, not for QEMU.
            .process_group(0);
        // SAFETY: only async-signal-safe system calls are made, and the descriptor is open until the call of `spawn` returns.
        unsafe {
            command.pre_exec(move || attach(us, image));
        }
        let mut qemu = command
            .spawn()
            .map_err(|error| failed(error).doing("start", &parts.qemu.display().to_string()))?;
        let (sender, frames) = sync_channel(BACKLOG);
        if let Some(pipe) = qemu.stdout.take() {
            thread::spawn(move || listen(pipe, &sender));
        }
        let console = Arc::new(Mutex::new(VecDeque::new()));
        let console_reader = qemu.stderr.take().map(|pipe| {
            let console = Arc::clone(&console);
            thread::spawn(move || keep_end(pipe, &console))
        });
        let speaker = qemu.stdin.take().map(|pipe| Arc::new(Mutex::new(pipe)));
        Ok(Self {
            qemu,
            speaker,
            frames,
            console,
            console_reader,
        })
    }

    /// Waits until the guest is up.
    pub(super) fn hello(&mut self, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            match self
                .frames
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(Ok(Frame::Hello(_))) => return Ok(()),
                Ok(Ok(_)) => {}
                Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => {
                    return Err(
                        self.explain(Error::new(Kind::Kernel, "the guest ended before it was up"))
                    );
                }
                Err(RecvTimeoutError::Timeout) => {
                    let text = format!("the guest was not up within {} s", patience.as_secs());
                    return Err(self.explain(Error::new(Kind::Timeout, text)));
                }
            }
        }
    }

    /// Waits for the next thing that the guest says.
    pub(super) fn next(&mut self) -> Result<Frame> {
        // After a stop of this process (Ctrl-Z) the time is over and all the beats are there: a second look finds them.
        let answer = match self.frames.recv_timeout(SILENCE) {
            Err(RecvTimeoutError::Timeout) => self.frames.recv_timeout(Duration::from_secs(1)),
            other => other,
        };
        match answer {
            Ok(Ok(frame)) => Ok(frame),
            Ok(Err(error)) => Err(self.explain(Error::new(
                Kind::Kernel,
                format!("the guest talks nonsense: {error}"),
            ))),
            Err(RecvTimeoutError::Disconnected) => Err(self.explain(Error::new(
                Kind::Kernel,
                "the guest ended in the middle of it",
            ))),
            Err(RecvTimeoutError::Timeout) => {
                Err(self.explain(Error::new(Kind::Timeout, "the guest stopped answering")))
            }
        }
    }

    /// The way to talk to the guest.
    pub(super) fn speaker(&self) -> Result<Speaker> {
        self.speaker
            .clone()
            .ok_or_else(|| Error::new(Kind::Kernel, "QEMU has no input"))
    }

    /// QEMU's process.
    pub(super) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.qemu.id()).unwrap_or(i32::MAX))
    }

    /// Ends the machine and adds what its console said last, its panic in the place of the cause.
    fn explain(&mut self, error: Error) -> Error {
        self.end();
        if let Some(reader) = self.console_reader.take() {
            let _ = reader.join();
        }
        let bytes: Vec<u8> = self
            .console
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
            .collect();
        let words = last_words(&bytes);
        let error = match words.first().and_then(|line| line.split_once(PANIC)) {
            Some((_, why)) => error.cause(format!("the guest's kernel panicked: {why}")),
            None => error,
        };
        words
            .into_iter()
            .fold(error.doing_plain("run in the micro-VM"), Error::note)
    }

    fn end(&mut self) {
        // It may have ended by itself: then there is nothing to kill, and the wait returns at once.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.end();
    }
}

/// Ties the process that becomes QEMU to us, and gives it the image.
fn attach(parent: Pid, image: i32) -> io::Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    if getppid() != parent {
        return Err(Errno::ESRCH.into());
    }
    // SAFETY: the descriptor is open in this process, as it was in its parent, and is not closed here.
    let image = unsafe { std::os::fd::BorrowedFd::borrow_raw(image) };
    fcntl(image, FcntlArg::F_SETFD(FdFlag::empty()))?;
    Ok(())
}

fn listen(mut pipe: ChildStdout, frames: &SyncSender<io::Result<Frame>>) {
    loop {
        let read = match Frame::read(&mut pipe) {
            Ok(Some(frame)) => Ok(frame),
            // A machine that breaks off within a frame has ended, too.
            Ok(None) => return,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return,
            Err(error) => Err(error),
        };
        let over = read.is_err();
        if frames.send(read).is_err() || over {
            return;
        }
    }
}

fn keep_end(mut pipe: impl Read, end: &Mutex<VecDeque<u8>>) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = pipe.read(&mut bytes) {
        let mut end = end.lock().unwrap_or_else(PoisonError::into_inner);
        end.extend(bytes.iter().take(count));
        let excess = end.len().saturating_sub(CONSOLE);
        end.drain(..excess);
    }
}

/// What matters of a console, fit to be shown: from where the kernel panicked, else the last lines.
fn last_words(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            line.chars()
                .filter(|char| !char.is_control())
                .collect::<String>()
        })
        .filter(|line| !line.trim().is_empty())
        .collect();
    let from = lines
        .iter()
        .position(|line| line.contains(PANIC))
        .unwrap_or(lines.len().saturating_sub(CONSOLE_LINES));
    lines.into_iter().skip(from).take(CONSOLE_LINES).collect()
}

fn arguments(kernel: &Path, image: i32, image_size: u64, accel: Accel) -> Vec<std::ffi::OsString> {
    let mut boot = String::from(
        "console=ttyS0 panic=-1 quiet cryptomgr.notests noreplace-smp mitigations=off random.trust_cpu=on audit=0 lsm=",
    );
    let (accelerator, processor) = match accel {
        Accel::Kvm => ("kvm", "host"),
        Accel::Tcg { clock_khz } => {
            // What was translated of a program serves the next start of it only where it lies at the same addresses. And QEMU before 8.0
            // leaves wrong flags behind `cmpxchg16b` (141), of which kernels from 6.6 on die while they start, now and then.
            boot = format!(
                "{boot} norandmaps tsc_early_khz={clock_khz} tsc=reliable no_timer_check clearcpuid=141"
            );
            // Guards of the kernel against itself, which nobody attacks in there; each switch of them costs a translator a tenth.
            ("tcg,thread=multi", "max,-smap,-smep,-pcid")
        }
    };
    // The image is there twice while the kernel unpacks it.
    let memory = 512 + 2 * (image_size >> 20).saturating_sub(32);
    let mut arguments: Vec<std::ffi::OsString> =
        "-nodefaults -no-user-config -display none -no-reboot -monitor none -M q35 -smp 1 \
         -serial file:/proc/self/fd/2 -chardev stdio,id=pipe,signal=off -device virtio-serial-pci \
         -device virtserialport,chardev=pipe,name=ipvsh \
         -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
            .split_whitespace()
            .map(Into::into)
            .collect();
    for (option, value) in [
        ("-accel", accelerator.into()),
        ("-cpu", processor.into()),
        ("-m", memory.to_string().into()),
        ("-kernel", kernel.into()),
        ("-initrd", format!("/proc/self/fd/{image}").into()),
        ("-append", std::ffi::OsString::from(boot)),
    ] {
        arguments.extend([option.into(), value]);
    }
    arguments
}

/// A file in memory that holds `parts` one behind the other.
pub(super) fn in_memory(first: &[u8], second: &Path) -> Result<(OwnedFd, u64)> {
    use std::io::Write;
    let fill = || -> io::Result<(OwnedFd, u64)> {
        let memory =
            nix::sys::memfd::memfd_create("ipvsh-image", nix::sys::memfd::MFdFlags::MFD_CLOEXEC)?;
        let mut file = File::from(memory);
        file.write_all(first)?;
        let added = io::copy(&mut File::open(second)?, &mut file)?;
        Ok((
            file.into(),
            u64::try_from(first.len()).unwrap_or(u64::MAX) + added,
        ))
    };
    fill().map_err(|error| failed(error).doing_plain("put the micro-VM's files into memory"))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn the_emulated_guest_is_told_its_clock_and_gets_memory_for_a_large_image() {
        let text = |accel, size| {
            let arguments = arguments(Path::new("/k"), 7, size, accel);
            arguments
                .iter()
                .map(|argument| argument.to_string_lossy())
                .collect::<Vec<_>>()
                .join(" ")
        };
        let emulated = text(
            Accel::Tcg {
                clock_khz: 2_500_000,
            },
            132 << 20,
        );
        assert!(emulated.contains("tsc_early_khz=2500000 tsc=reliable"));
        assert!(
            emulated.contains("-m 712 -kernel /k -initrd /proc/self/fd/7 -append console=ttyS0")
        );
        let direct = text(Accel::Kvm, 1 << 20);
        assert!(direct.contains("-accel kvm -cpu host -m 512 "));
        assert!(!direct.contains("tsc"));
    }

    #[test]
    fn a_panic_is_shown_from_its_reason_on() {
        let mut console = String::from("early\n[ 1.0] Kernel panic - not syncing: why\n");
        for _ in 0..100 {
            console.push_str("[ 1.0] RIP\n");
        }
        let lines = last_words(console.as_bytes());
        assert_eq!(lines[0], "[ 1.0] Kernel panic - not syncing: why");
        assert_eq!(lines.len(), CONSOLE_LINES);
    }

    #[test]
    fn the_end_of_the_console_is_shown_without_control_characters() {
        let mut console = String::from("early\r\n");
        for n in 0..CONSOLE_LINES - 1 {
            let _ = write!(console, "\x1b[31mline {n}\r\n\r\n");
        }
        console.push_str("panic");
        let lines = last_words(console.as_bytes());
        assert_eq!(lines.len(), CONSOLE_LINES);
        assert_eq!(lines.first().map(String::as_str), Some("[31mline 0"));
        assert_eq!(lines.last().map(String::as_str), Some("panic"));
    }
}
