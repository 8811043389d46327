//! How long it takes to set up 100 namespaces, each with a slave of one parent, an address, the link up and a default route, and to
//! take such a lab down again.
//!
//! `cargo bench --bench provision` compares, in one run, ipvsh with `ip` (a process a step, as set-ups are documented) and with
//! `ip -batch` (the best that iproute2 can): on this kernel with macvlan, and in the micro-VM with ipvlan. Then a run that keeps a
//! journal with one that keeps none, and `ipvsh down` with `ip -all netns delete` where 1,000 namespaces stand. A word behind
//! `--` chooses: `cargo bench --bench provision -- down`. Needs root.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark ends where anything fails, and prints its result"
)]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use ipvsh::dsl::Session;
use ipvsh::dsl::session::Settings;
use ipvsh::engine::Interpreter;
use ipvsh::net::namespace;
use ipvsh::sandbox::ns::{self, Entered};
use ipvsh::sandbox::vm;

const N: usize = 100;
const MANY: usize = 1000;

/// What is compared: who does the same in turn. What the last takes is one.
struct Race {
    /// The word that chooses it.
    name: &'static str,
    title: &'static str,
    /// The option by which this program runs one contender once, in a place of its own.
    place: &'static str,
    contenders: &'static [&'static str],
    rounds: usize,
}

const RACES: [Race; 4] = [
    Race {
        name: "macvlan",
        title: "100 namespaces, macvlan, this kernel",
        place: "--private",
        contenders: &["ip", "ip -batch", "ipvsh"],
        rounds: 5,
    },
    Race {
        name: "ipvlan",
        title: "100 namespaces, ipvlan, micro-VM",
        place: "--boot",
        contenders: &["ip", "ip -batch", "ipvsh"],
        rounds: 5,
    },
    Race {
        name: "journal",
        title: "100 namespaces, a run with its journal and without",
        place: "--private",
        contenders: &["journal", "no journal"],
        rounds: 31,
    },
    Race {
        name: "down",
        title: "taking 1,000 namespaces down",
        place: "--private",
        contenders: &["ip -all netns delete", "ipvsh down"],
        rounds: 9,
    },
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("--boot") => boot(&args[1]),
        Some("--private") => {
            if let Entered::Ended(code) = ns::enter(&ns::Files::default()).unwrap() {
                std::process::exit(code.into());
            }
            println!("{}", measure("macvlan", &args[1]));
        }
        Some("--guest") => println!("{}", measure("ipvlan", &args[1])),
        _ => {
            // `cargo bench` passes `--bench`.
            let chosen: Vec<_> = args.iter().filter(|arg| *arg != "--bench").collect();
            let is_chosen =
                |race: &&Race| chosen.is_empty() || chosen.iter().any(|name| *name == race.name);
            RACES.iter().filter(is_chosen).for_each(compare);
        }
    }
}

/// Runs every contender in turn, in a process and a place of its own, and prints the medians.
fn compare(race: &Race) {
    let contenders = race.contenders;
    let mut times = vec![Vec::new(); contenders.len()];
    for round in 0..race.rounds {
        for turn in 0..contenders.len() {
            let which = (round + turn) % contenders.len();
            let output = Command::new(std::env::current_exe().unwrap())
                .args([race.place, contenders[which]])
                .stderr(Stdio::inherit())
                .output()
                .unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            times[which].push(text.trim().parse::<f64>().expect("a time"));
        }
    }
    let medians: Vec<f64> = times
        .into_iter()
        .map(|mut times| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        })
        .collect();
    println!("{}; median of {}:", race.title, race.rounds);
    let last = contenders.len() - 1;
    for (contender, median) in contenders.iter().zip(&medians) {
        let ratio = median / medians[last];
        println!(
            "  {contender:<20} {median:>9.1} ms   {ratio:>6.2} x {}",
            contenders[last]
        );
    }
}

/// Runs this program once more, in a micro-VM.
fn boot(contender: &str) {
    let mut guest = vm::Guest::new(vec!["--guest".into(), contender.into()]).unwrap();
    guest.init = PathBuf::from(env!("CARGO_BIN_EXE_ipvsh"));
    guest.program = Some(std::env::current_exe().unwrap());
    guest.programs = vec!["ip".into()];
    vm::run(&guest).unwrap();
}

/// Sets all up by one contender, and gives the time in milliseconds.
fn measure(kind: &str, contender: &str) -> f64 {
    if kind == "ipvlan" {
        ip(&["link", "add", "p0", "type", "dummy"]);
    } else {
        ip(&["link", "add", "p0", "type", "veth", "peer", "name", "p1"]);
        ip(&["link", "set", "p1", "up"]);
    }
    ip(&["link", "set", "p0", "up"]);
    let number = match contender {
        "ip -all netns delete" | "ipvsh down" => MANY,
        _ => N,
    };
    let text = script(kind, number);
    let file = Path::new("/run/provision.rhai");
    std::fs::write(file, &text).unwrap();
    let by_ipvsh = || run(Command::new(ipvsh(kind)).arg(file));
    if number == MANY {
        by_ipvsh();
        check(number);
        return timed(|| match contender {
            "ipvsh down" => run(Command::new(ipvsh(kind)).args(["--quiet", "down", "provision"])),
            _ => ip(&["-all", "netns", "delete"]),
        });
    }
    let time = match contender {
        "ip" => timed(|| by_steps(kind)),
        "ip -batch" => timed(|| by_batch(kind)),
        "ipvsh" => timed(by_ipvsh),
        _ => by_interpreter(&text, contender == "journal"),
    };
    check(number);
    time
}

fn timed(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64() * 1e3
}

/// The lab, as a script.
fn script(kind: &str, number: usize) -> String {
    format!(
        "let uplink = link(\"p0\");
        for i in 0..{number} {{
            netns(`n${{i}}`).{kind}(uplink, `s${{i}}`).addr(`10.0.${{i / 250}}.${{i % 250 + 1}}/8`).up().route(\"default\");
        }}"
    )
}

/// Runs the script in this process, where a lab that has no name has no journal either.
fn by_interpreter(text: &str, with_journal: bool) -> f64 {
    namespace::allow_many().expect("files to be open");
    let session = Session::new(Settings::default());
    if with_journal {
        session.lab().call("provision", None, true).unwrap();
    }
    let interpreter = Interpreter::new(session);
    timed(|| drop(interpreter.eval("provision", text).unwrap()))
}

/// Checks that the last namespace has all that it should.
fn check(number: usize) {
    let last = number - 1;
    let routes = Command::new("ip")
        .args([
            "-n",
            &format!("n{last}"),
            "route",
            "show",
            "dev",
            &format!("s{last}"),
        ])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&routes.stdout).contains("default"));
}

/// The program under test: on the guest's path, or as it was built.
fn ipvsh(kind: &str) -> &str {
    if kind == "ipvlan" {
        "ipvsh"
    } else {
        env!("CARGO_BIN_EXE_ipvsh")
    }
}

/// The mode that the kind is given.
fn mode(kind: &str) -> &str {
    if kind == "ipvlan" { "l3" } else { "bridge" }
}

fn address(i: usize) -> String {
    format!("10.0.{}.{}/8", i / 250, i % 250 + 1)
}

fn by_steps(kind: &str) {
    for i in 0..N {
        let (net, link, address) = (format!("n{i}"), format!("s{i}"), address(i));
        ip(&[
            "link",
            "add",
            "link",
            "p0",
            &link,
            "type",
            kind,
            "mode",
            mode(kind),
        ]);
        ip(&["netns", "add", &net]);
        ip(&["link", "set", &link, "netns", &net]);
        ip(&[
            "netns", "exec", &net, "ip", "addr", "add", &address, "dev", &link,
        ]);
        ip(&["netns", "exec", &net, "ip", "link", "set", &link, "up"]);
        ip(&[
            "netns", "exec", &net, "ip", "route", "add", "default", "dev", &link,
        ]);
    }
}

fn by_batch(kind: &str) {
    let mut all = String::new();
    for i in 0..N {
        writeln!(all, "netns add n{i}").unwrap();
        let mode = mode(kind);
        writeln!(
            all,
            "link add link p0 name s{i} netns n{i} up type {kind} mode {mode}"
        )
        .unwrap();
    }
    batch(&["-batch", "-"], &all);
    for i in 0..N {
        let one = format!(
            "addr add {} dev s{i}\nroute add default dev s{i}\n",
            address(i)
        );
        batch(&["-n", &format!("n{i}"), "-batch", "-"], &one);
    }
}

fn batch(args: &[&str], input: &str) {
    let mut child = Command::new("ip")
        .args(args)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success());
}

fn ip(args: &[&str]) {
    run(Command::new("ip").args(args));
}

fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}
