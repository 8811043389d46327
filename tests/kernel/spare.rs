//! ipvsh run by a copy of this program, for places where starting a program is dear.
//!
//! In the emulated micro-VM the start of ipvsh takes a quarter of a second of the processor, most of it for the loader. Its
//! command line is a function of the library that the tests link; but it enters namespaces, handles signals and counts
//! its memory, which are a process's. So a process is kept in reserve that has one thread: for each run it makes a copy of
//! itself that enters the namespaces of the case and calls that function.

use std::fs::File;
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use nix::cmsg_space;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{SigHandler, Signal, kill, signal};
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg,
    sendmsg, socketpair,
};
use nix::unistd::{ForkResult, Pid, fork, pipe2};
use serde_json::{Value, json};

use crate::lab::{Output, PATH, TEMPORARY};

/// The way to the process in reserve, where there is one.
static RESERVE: OnceLock<Mutex<OwnedFd>> = OnceLock::new();

/// More than any command line of a case has.
const LONGEST: usize = 1 << 18;

/// What a run is given: its two outputs, the pipe for its exit code, and the namespaces that it enters.
const GIVEN: usize = 5;

/// Makes the process in reserve. To be called while this one has one thread.
pub(crate) fn start() {
    let (ours, theirs) = socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        SockFlag::SOCK_CLOEXEC,
    )
    .expect("make a pair of sockets");
    // SAFETY: this process has one thread, so that the copy finds no lock held.
    match unsafe { fork() }.expect("make a process") {
        ForkResult::Parent { .. } => RESERVE
            .set(Mutex::new(ours))
            .expect("one process in reserve"),
        ForkResult::Child => {
            drop(ours);
            serve(&theirs)
        }
    }
}

/// Runs ipvsh in `folder`, and in the namespaces of this thread; `None` where no process is in reserve.
pub(crate) fn run(arguments: &[&str], folder: &Path, patience: Duration) -> Option<Output> {
    let reserve = RESERVE.get()?;
    let new_pipe = || pipe2(nix::fcntl::OFlag::O_CLOEXEC).expect("make a pipe");
    let (stdout, its_stdout) = new_pipe();
    let (stderr, its_stderr) = new_pipe();
    let (code, its_code) = new_pipe();
    let namespace =
        |kind: &str| File::open(format!("/proc/thread-self/ns/{kind}")).expect("open a namespace");
    let (mounts, net) = (namespace("mnt"), namespace("net"));
    let request = json!({"arguments": arguments, "folder": folder}).to_string();
    let given: [RawFd; GIVEN] = [
        its_stdout.as_raw_fd(),
        its_stderr.as_raw_fd(),
        its_code.as_raw_fd(),
        mounts.as_raw_fd(),
        net.as_raw_fd(),
    ];
    sendmsg::<()>(
        reserve
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_raw_fd(),
        &[IoSlice::new(request.as_bytes())],
        &[ControlMessage::ScmRights(&given)],
        MsgFlags::empty(),
        None,
    )
    .expect("ask for a run");
    drop((its_stdout, its_stderr, its_code, mounts, net));
    let text = |pipe: OwnedFd| {
        std::thread::spawn(move || {
            let mut text = String::new();
            File::from(pipe).read_to_string(&mut text).expect("text");
            text
        })
    };
    let (stdout, stderr) = (text(stdout), text(stderr));
    let mut answer = File::from(code);
    let mut pid = [0; 4];
    answer.read_exact(&mut pid).expect("the process of the run");
    let mut ready = [PollFd::new(
        std::os::fd::AsFd::as_fd(&answer),
        PollFlags::POLLIN,
    )];
    let limit = PollTimeout::try_from(patience).expect("a timeout");
    if poll(&mut ready, limit).expect("wait for the run") == 0 {
        // It may just have ended by itself.
        let _ = kill(Pid::from_raw(i32::from_ne_bytes(pid)), Signal::SIGKILL);
    }
    let mut code = Vec::new();
    answer.read_to_end(&mut code).expect("an exit code");
    Some(Output {
        // Without a code it was ended by a signal, or has panicked.
        code: code.first().map_or(-1, |code| i32::from(*code)),
        stdout: stdout.join().expect("standard output"),
        stderr: stderr.join().expect("standard error"),
    })
}

/// The process in reserve: makes a copy of itself for each run that it is asked for.
#[allow(clippy::exit, reason = "this is a whole process")]
fn serve(requests: &OwnedFd) -> ! {
    // What a command of a case has: see `Lab::command`.
    // SAFETY: this process has one thread.
    unsafe {
        std::env::set_var("PATH", PATH);
        std::env::remove_var("NO_COLOR");
        std::env::remove_var("CLICOLOR_FORCE");
    }
    // Nobody waits for the copies: they tell their exit codes themselves.
    // SAFETY: no handler runs.
    unsafe { signal(Signal::SIGCHLD, SigHandler::SigIgn) }.expect("ignore the end of children");
    let nothing = File::open("/dev/null").expect("open /dev/null");
    nix::unistd::dup2_stdin(&nothing).expect("read nothing");
    let mut text = vec![0; LONGEST];
    loop {
        let mut space = cmsg_space!([RawFd; GIVEN]);
        let mut parts = [IoSliceMut::new(&mut text)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let message = recvmsg::<()>(requests.as_raw_fd(), &mut parts, Some(&mut space), flags);
        let Ok(message) = message else {
            std::process::exit(1)
        };
        if message.bytes == 0 {
            std::process::exit(0);
        }
        let given: Vec<OwnedFd> = message
            .cmsgs()
            .expect("descriptors")
            .filter_map(|part| match part {
                ControlMessageOwned::ScmRights(descriptors) => Some(descriptors),
                _ => None,
            })
            .flatten()
            // SAFETY: the kernel has just made them for this process, and nobody else has them.
            .map(|descriptor| unsafe { OwnedFd::from_raw_fd(descriptor) })
            .collect();
        let length = message.bytes;
        // SAFETY: this process has one thread.
        if let Ok(ForkResult::Child) = unsafe { fork() } {
            run_here(&text[..length], given);
        }
    }
}

/// The copy: takes its outputs and its namespaces, runs, and tells its process id and its exit code.
#[allow(
    clippy::disallowed_methods,
    clippy::exit,
    reason = "tests enter their namespaces themselves, apart from what they test; and this is a whole process"
)]
fn run_here(request: &[u8], given: Vec<OwnedFd>) -> ! {
    let request: Value = serde_json::from_slice(request).expect("a request");
    let [stdout, stderr, code, mounts, net] =
        <[OwnedFd; GIVEN]>::try_from(given).expect("all descriptors");
    let mut code = File::from(code);
    let pid = std::process::id().to_ne_bytes();
    code.write_all(&pid).expect("tell the process");
    // SAFETY: no handler runs.
    unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) }.expect("hear of children again");
    nix::unistd::dup2_stdout(&stdout).expect("take the standard output");
    nix::unistd::dup2_stderr(&stderr).expect("take the standard error");
    drop((stdout, stderr));
    setns(mounts, CloneFlags::CLONE_NEWNS).expect("enter the mounts of the case");
    setns(net, CloneFlags::CLONE_NEWNET).expect("enter the network of the case");
    let folder = request["folder"].as_str().expect("a folder");
    std::env::set_current_dir(folder).expect("enter the folder");
    // SAFETY: this process has one thread.
    unsafe { std::env::set_var("TMPDIR", Path::new(folder).join(TEMPORARY)) };
    let arguments = request["arguments"].as_array().expect("arguments").iter();
    let arguments = arguments.map(|argument| argument.as_str().expect("text").into());
    let answer = ipvsh::cli::run(std::iter::once("ipvsh".into()).chain(arguments).collect());
    // Before the exit code: whoever has that has all of the output.
    let _ = std::io::stdout().flush();
    code.write_all(&[answer]).expect("tell the exit code");
    drop(code);
    std::process::exit(0)
}
