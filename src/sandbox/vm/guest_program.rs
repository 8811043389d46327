//! The program in the guest: its streams, its signals, its end, and the files that it leaves.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use nix::errno::Errno;
use nix::libc;
use nix::pty::openpty;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::{Pid, setsid};

use super::frames::{Frame, PIECE, Size, Stream, Wiring};
use super::guest::{Speaker, say};
use super::image;
use crate::error::Result;

nix::ioctl_write_ptr_bad!(set_window_size, libc::TIOCSWINSZ, libc::winsize);
nix::ioctl_write_int_bad!(set_controlling_terminal, libc::TIOCSCTTY);

/// Folders of the guest's own system. A work folder above them does not make their content a result.
const SYSTEM: [&str; 9] = [
    "/bin", "/dev", "/etc", "/ipvsh", "/proc", "/run", "/sys", "/usr", "/var",
];

/// What to run.
pub(super) struct Command {
    pub(super) program: PathBuf,
    pub(super) args: Vec<OsString>,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) folder: PathBuf,
    pub(super) results: Vec<PathBuf>,
}

/// Runs the program to its end and tells the host all about it.
pub(super) fn run(command: &Command, wiring: Wiring, speaker: &Speaker, port: File) -> Result<()> {
    fs::create_dir_all(&command.folder)?;
    if let Some((_, home)) = command.environment.iter().find(|(name, _)| name == "HOME") {
        fs::create_dir_all(home)?;
    }
    let before = files_below(&command.folder);
    let mut running = match start(command, wiring, speaker) {
        Ok(running) => running,
        Err(error) => {
            let errno = error.raw_os_error().unwrap_or(Errno::EIO as i32);
            say(speaker, &Frame::Failed(errno))?;
            return Ok(());
        }
    };
    let (pid, outputs) = (running.pid, std::mem::take(&mut running.outputs));
    thread::spawn(move || running.obey(port));
    let code = wait_for(pid);
    // What still runs would hold the streams open, and goes with the machine anyway.
    let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
    for output in outputs {
        let _ = output.join();
    }
    send_files(command, &before, speaker)?;
    say(speaker, &Frame::Exit(code))?;
    Ok(())
}

/// The program and the ways to reach it.
struct Running {
    pid: Pid,
    input: Option<Sender<Vec<u8>>>,
    terminal: Option<OwnedFd>,
    outputs: Vec<JoinHandle<()>>,
    unread: Arc<[AtomicBool; 2]>,
}

fn start(command: &Command, wiring: Wiring, speaker: &Speaker) -> io::Result<Running> {
    let mut process = process::Command::new(&command.program);
    let named = command
        .program
        .file_name()
        .unwrap_or(command.program.as_os_str());
    process
        .arg0(named)
        .args(&command.args)
        .current_dir(&command.folder)
        .env_clear()
        .env("PATH", image::PATH)
        .env("HOME", "/root")
        .envs(
            command
                .environment
                .iter()
                .map(|(name, value)| (name, value)),
        );
    let unread = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
    let mut sources: Vec<(Box<dyn Read + Send>, Stream)> = Vec::new();
    let (child, sink, terminal) = if let Some(size) = wiring.terminal {
        let pty = openpty(Some(&window(size)), None)?;
        process
            .stdin(pty.slave.try_clone()?)
            .stdout(pty.slave.try_clone()?);
        process.stderr(if wiring.stderr_apart {
            Stdio::piped()
        } else {
            pty.slave.into()
        });
        // SAFETY: only async-signal-safe system calls are made.
        unsafe {
            process.pre_exec(take_terminal);
        }
        let child = process.spawn()?;
        sources.push((Box::new(File::from(pty.master.try_clone()?)), Stream::Out));
        (
            child,
            Some(File::from(pty.master.try_clone()?)),
            Some(pty.master),
        )
    } else {
        process
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = process.spawn()?;
        let sink = child
            .stdin
            .take()
            .map(|pipe| File::from(OwnedFd::from(pipe)));
        (child, sink, None)
    };
    // Our copies of the terminal's far end: while they are open, it has no end.
    drop(process);
    let mut child = child;
    if let Some(pipe) = child.stdout.take() {
        sources.push((Box::new(pipe), Stream::Out));
    }
    if let Some(pipe) = child.stderr.take() {
        sources.push((Box::new(pipe), Stream::Err));
    }
    let outputs = sources
        .into_iter()
        .map(|(source, stream)| {
            let (speaker, unread) = (Arc::clone(speaker), Arc::clone(&unread));
            thread::spawn(move || pass_output_on(source, stream, &speaker, &unread))
        })
        .collect();
    let input = sink.map(|sink| {
        let (sender, receiver) = channel::<Vec<u8>>();
        let speaker = Arc::clone(speaker);
        thread::spawn(move || pass_input_on(&receiver, sink, &speaker));
        sender
    });
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
    Ok(Running {
        pid,
        input,
        terminal,
        outputs,
        unread,
    })
}

fn take_terminal() -> io::Result<()> {
    setsid()?;
    // SAFETY: standard input is the terminal, and the argument is a plain number.
    unsafe { set_controlling_terminal(0, 0) }?;
    Ok(())
}

fn window(size: Size) -> libc::winsize {
    libc::winsize {
        ws_row: size.rows,
        ws_col: size.columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

fn pass_output_on(
    mut source: impl Read,
    stream: Stream,
    speaker: &Speaker,
    unread: &[AtomicBool; 2],
) {
    let mut bytes = vec![0; PIECE];
    loop {
        match source.read(&mut bytes) {
            Ok(count @ 1..) => {
                // With our end of the pipe gone, the program learns of it by its next write.
                let lost = unread[usize::from(stream == Stream::Err)].load(Ordering::SeqCst);
                let piece = bytes[..count].to_vec();
                if lost || say(speaker, &Frame::Output(stream, piece)).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // A terminal ends with EIO.
            Ok(0) | Err(_) => return,
        }
    }
}

fn pass_input_on(pieces: &std::sync::mpsc::Receiver<Vec<u8>>, mut sink: File, speaker: &Speaker) {
    let mut read = true;
    for piece in pieces {
        // A program that has closed its input lets the rest of it be lost, as in any pipe.
        read = read && sink.write_all(&piece).is_ok();
        let taken = u32::try_from(piece.len()).unwrap_or(u32::MAX);
        if say(speaker, &Frame::Took(taken)).is_err() {
            return;
        }
    }
}

impl Running {
    /// Does what the host says, until the machine ends.
    fn obey(mut self, mut port: File) {
        while let Ok(Some(frame)) = Frame::read(&mut port) {
            match frame {
                Frame::Input(bytes) => self.feed(bytes),
                Frame::InputEnd if self.terminal.is_some() => self.feed(vec![4]),
                Frame::InputEnd => self.input = None,
                Frame::Resize(size) => {
                    if let Some(terminal) = &self.terminal {
                        let size = window(size);
                        // SAFETY: the descriptor is open, and the size lives until the call returns.
                        let _ = unsafe { set_window_size(terminal.as_raw_fd(), &raw const size) };
                    }
                }
                Frame::Signal(number) => {
                    if let Ok(signal) = Signal::try_from(number) {
                        let _ = killpg(self.pid, signal);
                    }
                }
                Frame::Closed(stream) => {
                    self.unread[usize::from(stream == Stream::Err)].store(true, Ordering::SeqCst);
                }
                _ => {}
            }
        }
    }

    fn feed(&self, bytes: Vec<u8>) {
        if let Some(input) = &self.input {
            let _ = input.send(bytes);
        }
    }
}

/// Buries every process that ends, as the first one of a system must, until it is the program's turn.
fn wait_for(pid: Pid) -> u8 {
    loop {
        match wait() {
            Ok(WaitStatus::Exited(who, code)) if who == pid => {
                return u8::try_from(code).unwrap_or(u8::MAX);
            }
            Ok(WaitStatus::Signaled(who, signal, _)) if who == pid => {
                return u8::try_from(128 + signal as i32).unwrap_or(u8::MAX);
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return u8::MAX,
        }
    }
}

/// What a file looks like; another look means that it was changed.
type Look = (i64, i64, u64, u64, u32);

/// The visible regular files below a folder, on its own file system.
fn files_below(folder: &Path) -> HashMap<PathBuf, Look> {
    let look = |meta: &Metadata| {
        (
            meta.mtime(),
            meta.mtime_nsec(),
            meta.len(),
            meta.ino(),
            meta.mode(),
        )
    };
    let mut files = HashMap::new();
    let Ok(device) = fs::metadata(folder).map(|meta| meta.dev()) else {
        return files;
    };
    let mut ahead = vec![folder.to_owned()];
    while let Some(inside) = ahead.pop() {
        for entry in fs::read_dir(inside).into_iter().flatten().flatten() {
            let path = entry.path();
            let hidden = entry.file_name().as_bytes().starts_with(b".");
            // Not following links, and not what is mounted there, as the handles of namespaces.
            let Ok(meta) = fs::symlink_metadata(&path) else {
                continue;
            };
            if hidden || meta.dev() != device || is_system(&path, folder) {
                continue;
            }
            if meta.is_dir() {
                ahead.push(path);
            } else if meta.is_file() {
                files.insert(path, look(&meta));
            }
        }
    }
    files
}

fn is_system(path: &Path, folder: &Path) -> bool {
    SYSTEM
        .iter()
        .any(|system| path == Path::new(system) && folder != path)
}

/// Sends the files that the program was to write, and those below its folder that it made or changed.
fn send_files(
    command: &Command,
    before: &HashMap<PathBuf, Look>,
    speaker: &Speaker,
) -> io::Result<()> {
    let asked = |path: &Path| command.results.iter().any(|result| result == path);
    let mut changed: Vec<(PathBuf, Look)> = files_below(&command.folder)
        .into_iter()
        .filter(|(path, look)| before.get(path) != Some(look) && !asked(path))
        .collect();
    changed.sort();
    for (path, (.., mode)) in changed {
        if let Ok(relative) = path.strip_prefix(&command.folder) {
            send_file(&path, relative, mode, speaker)?;
        }
    }
    for path in &command.results {
        // One that is no regular file, as `/dev/stdout`, has got what was written already.
        match fs::metadata(path) {
            Ok(meta) if meta.is_file() => send_file(path, path, meta.mode(), speaker)?,
            _ => {}
        }
    }
    Ok(())
}

fn send_file(path: &Path, name: &Path, mode: u32, speaker: &Speaker) -> io::Result<()> {
    let Ok(mut file) = File::open(path) else {
        return Ok(());
    };
    say(
        speaker,
        &Frame::File {
            mode: mode & 0o777,
            path: name.to_owned(),
        },
    )?;
    let mut bytes = vec![0; PIECE];
    loop {
        match file.read(&mut bytes)? {
            0 => break,
            count => say(speaker, &Frame::FileData(bytes[..count].to_vec()))?,
        }
    }
    say(speaker, &Frame::FileEnd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_visible_regular_files_count_as_results() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("a/.hidden")).unwrap();
        for name in ["a/one", "a/.hidden/two", ".three"] {
            fs::write(at(name), "").unwrap();
        }
        std::os::unix::fs::symlink("a/one", at("link")).unwrap();
        let files: Vec<_> = files_below(folder.path()).into_keys().collect();
        assert_eq!(files, [at("a/one")]);
    }
}
