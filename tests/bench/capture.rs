//! What is lost of a flood of small packets that is written to a file, by ipvsh and by `tcpdump`, in turns.
//!
//! Every processor floods a veth with the smallest frames of Ethernet, so that who captures has to share one with a sender.
//! `cargo bench --bench capture` prints for each round how many packets passed, and the share that is not in the file. The seconds of a
//! round can be given behind `--`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement, whose output is its purpose"
)]

#[path = "../common/mod.rs"]
mod common;

use std::io::{BufRead, BufReader, Read};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use common::Lab;

const ROUNDS: usize = 5;
/// With the headers of UDP, IP and Ethernet it is 60 bytes: the smallest frame, without its checksum.
const DATA: [u8; 18] = [0; 18];
const PORT: u16 = 9;

/// What a round brought: packets that were sent, and that the file has.
#[derive(Clone, Copy)]
struct Round {
    sent: u64,
    kept: u64,
}

impl Round {
    #[allow(clippy::cast_precision_loss, reason = "far fewer packets pass")]
    fn lost(self) -> f64 {
        100.0 * (1.0 - self.kept as f64 / self.sent as f64)
    }
}

fn main() {
    if !common::is_to_measure() {
        return;
    }
    if Command::new("tcpdump").arg("--version").output().is_err() {
        println!("not measured: there is no tcpdump");
        return;
    }
    let seconds = std::env::args().find_map(|argument| argument.parse().ok());
    let time = Duration::from_secs(seconds.unwrap_or(3));
    let _lab = Lab::pair();
    let folder = tempfile::tempdir().unwrap();
    println!("{ROUNDS} rounds of {} s:", time.as_secs());
    for round in 0..ROUNDS {
        let (ours, theirs);
        if round % 2 == 0 {
            ours = flooded(ipvsh(folder.path()), time);
            theirs = flooded(tcpdump(folder.path()), time);
        } else {
            theirs = flooded(tcpdump(folder.path()), time);
            ours = flooded(ipvsh(folder.path()), time);
        }
        println!(
            "  ipvsh {:8} packets, {:5.2} % lost   tcpdump {:8} packets, {:5.2} % lost",
            ours.sent,
            ours.lost(),
            theirs.sent,
            theirs.lost()
        );
    }
}

/// A program that captures, once it has said that it does, and the words in front of which it tells at the end how many packets it has.
struct Capturing {
    program: Child,
    told: BufReader<std::process::ChildStderr>,
    words: &'static str,
}

impl Capturing {
    fn start(command: &mut Command, begins: &str, words: &'static str) -> Self {
        let mut program = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut told = BufReader::new(program.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains(begins) {
            line.clear();
            assert_ne!(told.read_line(&mut line).unwrap(), 0, "it does not begin");
        }
        Self {
            program,
            told,
            words,
        }
    }

    /// Ends it, and returns how many packets it has.
    fn end(mut self) -> u64 {
        let pid = Pid::from_raw(i32::try_from(self.program.id()).unwrap());
        kill(pid, Signal::SIGINT).unwrap();
        let mut text = String::new();
        self.told.read_to_string(&mut text).unwrap();
        self.program.wait().unwrap();
        let (before, _) = text.split_once(self.words).unwrap();
        let number = before.rsplit(char::is_whitespace).next().unwrap();
        number.parse().unwrap()
    }
}

fn ipvsh(folder: &Path) -> Capturing {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ipvsh"));
    command.args(["capture", "b:b", "--filter", "udp", "-w"]);
    command.arg(folder.join("ours.pcapng"));
    Capturing::start(&mut command, "capturing", " packets of")
}

fn tcpdump(folder: &Path) -> Capturing {
    let mut command = Command::new("ip");
    command.args([
        "netns", "exec", "b", "tcpdump", "-Z", "root", "-n", "-i", "b",
    ]);
    command.arg("-w").arg(folder.join("theirs.pcap")).arg("udp");
    Capturing::start(&mut command, "listening", " packets captured")
}

/// Floods the link for so long, from each processor.
fn flooded(capturing: Capturing, time: Duration) -> Round {
    let sink = common::within("b", || UdpSocket::bind(("10.0.1.2", PORT)).unwrap());
    let processors = thread::available_parallelism().map_or(1, Into::into);
    let flood = || {
        let socket = common::within("a", || UdpSocket::bind("10.0.1.1:0").unwrap());
        socket.connect(("10.0.1.2", PORT)).unwrap();
        thread::spawn(move || {
            let end = Instant::now() + time;
            let mut sent = 0;
            while Instant::now() < end {
                for _ in 0..64 {
                    sent += u64::from(socket.send(&DATA).is_ok());
                }
            }
            sent
        })
    };
    let floods: Vec<_> = (0..processors).map(|_| flood()).collect();
    let sent = floods.into_iter().map(|flood| flood.join().unwrap()).sum();
    let kept = capturing.end();
    drop(sink);
    Round { sent, kept }
}
