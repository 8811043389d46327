//! The program in a pseudo-terminal, and what stands on its screen. Nothing here sleeps: each wait is for what is to be seen.

use std::fs::{File, Permissions};
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};
use tempfile::TempDir;

/// How long what has to happen may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// What rustyline writes when it begins to read a line: bracketed paste on.
pub(crate) const READS: &[u8] = b"\x1b[?2004h";

/// What came from the program so far.
struct Seen {
    screen: vt100::Parser,
    bytes: Vec<u8>,
    closed: bool,
}

/// A terminal with the program in it.
pub(crate) struct Terminal {
    master: File,
    child: Child,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    /// How many prompts were waited for.
    prompts: usize,
}

fn lines(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).unwrap()
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

/// The one child of a process.
fn child_of(pid: &str) -> String {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let children = std::fs::read_to_string(path).unwrap();
    children.split_whitespace().next().unwrap().to_owned()
}

impl Terminal {
    /// Starts the program in private namespaces, in `folder`, with its history there.
    pub(crate) fn start(folder: &TempDir) -> Self {
        let mut terminal = Self::start_with(folder, &["--sandbox=ns"]);
        terminal.wait_for_prompt();
        terminal
    }

    /// The same with any arguments, and without waiting.
    pub(crate) fn start_with(folder: &TempDir, arguments: &[&str]) -> Self {
        Self::start_program(env!("CARGO_BIN_EXE_ipvsh"), folder, arguments)
    }

    /// Starts the program in private namespaces, in `folder`, where it finds the programs in `bin` of that before all others.
    pub(crate) fn start_with_programs(folder: &TempDir, programs: &[(&str, &str)]) -> Self {
        let bin = folder.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        for (name, script) in programs {
            let file = bin.join(name);
            std::fs::write(&file, script).unwrap();
            std::fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
        }
        Self::start(folder)
    }

    /// Starts a shell with job control in `folder`, and the program from there, in private namespaces.
    pub(crate) fn start_from_shell(folder: &TempDir) -> Self {
        let plain = ["--norc", "--noprofile", "--noediting", "-i"];
        let mut terminal = Self::start_program("bash", folder, &plain);
        terminal.wait_for("shell$ ");
        terminal.type_keys(concat!(env!("CARGO_BIN_EXE_ipvsh"), " --sandbox=ns\r"));
        terminal.wait_for_prompt();
        terminal
    }

    /// Starts the program without its sandbox, in namespaces made for it, and a shell there when it has ended.
    pub(crate) fn start_before_shell(folder: &TempDir) -> Self {
        let program = env!("CARGO_BIN_EXE_ipvsh");
        let script = format!("mount -t tmpfs none /run && {program}; exec sh");
        let mut terminal = Self::start_program("unshare", folder, &["-nm", "sh", "-c", &script]);
        terminal.wait_for_prompt();
        terminal
    }

    /// Starts any program in `folder`.
    pub(crate) fn start_program(program: &str, folder: &TempDir, arguments: &[&str]) -> Self {
        Self::start_on("xterm-256color", program, folder, arguments)
    }

    /// Starts the program in private namespaces on a terminal of that name.
    pub(crate) fn start_as(kind: &str, folder: &TempDir) -> Self {
        let program = env!("CARGO_BIN_EXE_ipvsh");
        Self::start_on(kind, program, folder, &["--sandbox=ns"])
    }

    fn start_on(kind: &str, program: &str, folder: &TempDir, arguments: &[&str]) -> Self {
        let pty = openpty(&size(40, 100), None).unwrap();
        let slave = |end: &OwnedFd| Stdio::from(end.try_clone().unwrap());
        let own = [folder.path().join("bin")].into_iter();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(own.chain(std::env::split_paths(&path))).unwrap();
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(folder.path())
            .env("PATH", path)
            .env("HOME", folder.path())
            .env("XDG_STATE_HOME", folder.path())
            .env("TERM", kind)
            .env("SHELL", "/bin/sh")
            // None, unless the case puts one there.
            .env("PAGER", "pager-of-case")
            .env_remove("IPVSH_PAGER")
            .env("PS1", "shell$ ")
            .env_remove("ENV")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("NO_COLOR")
            .stdin(slave(&pty.slave))
            .stdout(slave(&pty.slave))
            .stderr(slave(&pty.slave));
        // SAFETY: between fork and exec only system calls are made.
        unsafe {
            command.pre_exec(|| {
                nix::unistd::setsid()?;
                match libc::ioctl(0, libc::TIOCSCTTY, 0) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                }
            });
        }
        let child = command.spawn().unwrap();
        drop(pty.slave);
        let seen = Arc::new((
            Mutex::new(Seen {
                screen: vt100::Parser::new(lines(40), lines(100), 0),
                bytes: Vec::new(),
                closed: false,
            }),
            Condvar::new(),
        ));
        let master = File::from(pty.master);
        let (mut source, sink) = (master.try_clone().unwrap(), seen.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                let count = source.read(&mut buffer).unwrap_or(0);
                let mut seen = sink.0.lock().unwrap();
                seen.screen.process(&buffer[..count]);
                seen.bytes.extend_from_slice(&buffer[..count]);
                seen.closed = count == 0;
                sink.1.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        Self {
            master,
            child,
            seen,
            prompts: 0,
        }
    }

    /// Types `keys`.
    #[track_caller]
    pub(crate) fn type_keys(&mut self, keys: &str) {
        self.type_bytes(keys.as_bytes());
    }

    /// Types what need not be a text.
    #[track_caller]
    pub(crate) fn type_bytes(&mut self, bytes: &[u8]) {
        self.master.write_all(bytes).unwrap();
    }

    /// Types `keys` until `text` is to be seen, once more each time that the bell rings instead: what has only so much time may
    /// need another on a busy machine.
    #[track_caller]
    pub(crate) fn type_until(&mut self, keys: &str, text: &str) {
        let bells = |seen: &Seen| String::from_utf8_lossy(&seen.bytes).matches('\x07').count();
        let is_seen = |seen: &Seen| seen.screen.screen().contents().contains(text);
        loop {
            let before = bells(&self.seen.0.lock().unwrap());
            self.type_keys(keys);
            self.wait(text, |seen| is_seen(seen) || bells(seen) > before);
            if is_seen(&self.seen.0.lock().unwrap()) {
                return;
            }
        }
    }

    /// Types an entry and waits for the next prompt; returns what stands on the screen.
    #[track_caller]
    pub(crate) fn enter(&mut self, entry: &str) -> String {
        self.type_keys(&format!("{entry}\r"));
        self.wait_for_prompt();
        self.screen().trim_end().to_owned()
    }

    /// Waits until the program reads the next entry.
    #[track_caller]
    pub(crate) fn wait_for_prompt(&mut self) {
        let wanted = self.prompts + 1;
        self.wait("the next prompt", |seen| {
            let reads = seen
                .bytes
                .windows(READS.len())
                .filter(|w| *w == READS)
                .count();
            let (row, column) = seen.screen.screen().cursor_position();
            let line = seen.screen.screen().contents_between(row, 0, row, column);
            reads >= wanted && line.ends_with("> ")
        });
        self.prompts = wanted;
    }

    /// Waits until `find` finds something in all that was written.
    #[track_caller]
    pub(crate) fn wait_for_bytes<T>(&self, what: &str, find: impl Fn(&[u8]) -> Option<T>) -> T {
        let found = std::cell::OnceCell::new();
        self.wait(what, |seen| {
            find(&seen.bytes).is_some_and(|one| found.set(one).is_ok())
        });
        found.into_inner().unwrap()
    }

    /// Waits until `text` is to be seen.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        self.wait(text, |seen| seen.screen.screen().contents().contains(text));
    }

    /// Waits until `text` was written, whether it is still to be seen or not.
    #[track_caller]
    pub(crate) fn wait_for_trace_of(&self, text: &str) {
        self.wait(text, |seen| {
            String::from_utf8_lossy(&seen.bytes).contains(text)
        });
    }

    /// Waits until `text` is not to be seen any more.
    #[track_caller]
    pub(crate) fn wait_until_gone(&self, text: &str) {
        self.wait(&format!("no {text}"), |seen| {
            !seen.screen.screen().contents().contains(text)
        });
    }

    /// Waits until `holds` does for what stands on the screen.
    #[track_caller]
    pub(crate) fn wait_until(&self, what: &str, holds: impl Fn(&vt100::Screen) -> bool) {
        self.wait(what, |seen| holds(seen.screen.screen()));
    }

    /// Waits until an empty prompt is to be seen, but for so long only; whether it is.
    pub(crate) fn is_prompt_within(&self, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        let mut seen = self.seen.0.lock().unwrap();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let screen = seen.screen.screen();
            let (row, column) = screen.cursor_position();
            if screen.contents_between(row, 0, row, column) == "sandbox> " {
                return true;
            } else if left.is_zero() || seen.closed {
                return false;
            }
            seen = self.seen.1.wait_timeout(seen, left).unwrap().0;
        }
    }

    fn wait(&self, what: &str, holds: impl Fn(&Seen) -> bool) {
        let end = Instant::now() + PATIENCE;
        let mut seen = self.seen.0.lock().unwrap();
        while !holds(&seen) {
            let left = end.saturating_duration_since(Instant::now());
            let contents = || seen.screen.screen().contents();
            assert!(!left.is_zero(), "no sign of {what}:\n{}", contents());
            assert!(!seen.closed, "it ended before {what}:\n{}", contents());
            seen = self.seen.1.wait_timeout(seen, left).unwrap().0;
        }
    }

    /// What stands on the screen.
    #[track_caller]
    pub(crate) fn screen(&self) -> String {
        self.seen.0.lock().unwrap().screen.screen().contents()
    }

    /// Whether this was written.
    pub(crate) fn wrote(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.seen.0.lock().unwrap().bytes).contains(text)
    }

    /// Hands out what stands on the screen with its colours.
    #[track_caller]
    pub(crate) fn with_screen<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.seen.0.lock().unwrap().screen.screen())
    }

    /// Waits for the end of the program; returns its exit code.
    #[track_caller]
    pub(crate) fn wait_for_end(&mut self) -> Option<i32> {
        let end = Instant::now() + PATIENCE;
        let mut seen = self.seen.0.lock().unwrap();
        while !seen.closed {
            let left = end.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "it does not end:\n{}",
                seen.screen.screen().contents()
            );
            seen = self.seen.1.wait_timeout(seen, left).unwrap().0;
        }
        drop(seen);
        self.child.wait().unwrap().code()
    }

    /// Makes the terminal so wide.
    #[track_caller]
    pub(crate) fn resize(&self, columns: u16) {
        self.resize_to(40, columns);
    }

    /// Makes the terminal so tall and so wide.
    #[track_caller]
    pub(crate) fn resize_to(&self, rows: u16, columns: u16) {
        let size = size(rows, columns);
        self.seen
            .0
            .lock()
            .unwrap()
            .screen
            .screen_mut()
            .set_size(lines(rows), lines(columns));
        // SAFETY: hands the kernel a structure that it reads.
        let result =
            unsafe { libc::ioctl(self.master.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
        assert_eq!(result, 0);
    }

    /// What `ip` says in the namespaces of the program.
    #[track_caller]
    pub(crate) fn ip(&self, arguments: &str) -> String {
        // Its child is the first process inside, and the child of that one runs the session.
        let pid = child_of(&child_of(&self.child.id().to_string()));
        let mut command = Command::new("nsenter");
        command.args(["-t", &pid, "-U", "-m", "-n", "-p", "ip"]);
        let output = command.args(arguments.split_whitespace()).output().unwrap();
        assert!(output.status.success(), "ip {arguments}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
