//! How long it takes to set up 100 namespaces, each with a slave of one parent, an address, the link up and a default route.
//!
//! `cargo bench --bench provision` compares, in one run, ipvsh with `ip` (a process a step, as set-ups are documented) and with
//! `ip -batch` (the best that iproute2 can): on this kernel with macvlan, and in the micro-VM with ipvlan. Needs root.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark ends where anything fails, and prints its result"
)]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use ipvsh::sandbox::{ns, vm};

const N: usize = 100;
const ROUNDS: usize = 5;
const CONTENDERS: [&str; 3] = ["ip", "ip -batch", "ipvsh"];

fn main() {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some("--boot") => boot(&args[2]),
        Some("--private") => {
            ns::enter().unwrap();
            println!("{}", measure("macvlan", &args[2]));
        }
        Some("--guest") => println!("{}", measure("ipvlan", &args[2])),
        // `cargo bench` passes `--bench`.
        _ => {
            compare("macvlan, this kernel", "--private");
            compare("ipvlan, micro-VM", "--boot");
        }
    }
}

/// Runs every contender in turn, in a process and a place of its own, and prints the medians.
fn compare(what: &str, place: &str) {
    let mut times = vec![Vec::new(); CONTENDERS.len()];
    for round in 0..ROUNDS {
        for turn in 0..CONTENDERS.len() {
            let which = (round + turn) % CONTENDERS.len();
            let output = Command::new(std::env::current_exe().unwrap())
                .args([place, CONTENDERS[which]])
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
    println!("{N} namespaces, {what}; median of {ROUNDS}:");
    for (contender, median) in CONTENDERS.iter().zip(&medians) {
        let ratio = median / medians[medians.len() - 1];
        println!("  {contender:<10} {median:>9.1} ms   {ratio:>6.2} x ipvsh");
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
    let script = std::env::temp_dir().join("provision.rhai");
    std::fs::write(
        &script,
        format!(
            "let uplink = link(\"p0\");
            for i in 0..{N} {{
                netns(`n${{i}}`).{kind}(uplink, `s${{i}}`).addr(`10.0.${{i / 250}}.${{i % 250 + 1}}/8`).up().route(\"default\");
            }}"
        ),
    )
    .unwrap();
    let began = Instant::now();
    match contender {
        "ip" => by_steps(kind),
        "ip -batch" => by_batch(kind),
        _ => run(Command::new(ipvsh(kind)).arg(&script)),
    }
    let time = began.elapsed().as_secs_f64() * 1e3;
    let last = format!("n{}", N - 1);
    let link = format!("s{}", N - 1);
    let routes = Command::new("ip")
        .args(["-n", &last, "route", "show", "dev", &link])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&routes.stdout).contains("default"));
    time
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
