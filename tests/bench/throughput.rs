//! Throughput over veth as ipvsh and as `iperf3` measure it, in turns.
//!
//! `cargo bench --bench throughput` prints the rate and the time of processors that each took in each round, both ends together, and
//! the ratios of the medians of all. The seconds of a round can be given behind `--`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement, whose output is its purpose"
)]

#[path = "../common/mod.rs"]
mod common;

use std::future::pending;
use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use ipvsh::net::listener::{self, Protocol};
use ipvsh::net::netns::Netns;
use ipvsh::net::traffic::{Direction, Ends, Request, Traffic};

use common::Lab;

const B: &str = "10.0.1.2";
const ROUNDS: usize = 7;

/// What a round brought: gigabits a second, and how much of a processor it took in percent.
#[derive(Clone, Copy)]
struct Round {
    rate: f64,
    cpu: f64,
}

struct Race {
    title: &'static str,
    protocol: Protocol,
    streams: usize,
    zerocopy: bool,
    /// In bits a second.
    rate: Option<u64>,
    /// The same for `iperf3`.
    words: &'static [&'static str],
}

const RACES: [Race; 6] = [
    Race {
        title: "tcp",
        protocol: Protocol::Tcp,
        streams: 1,
        zerocopy: false,
        rate: None,
        words: &[],
    },
    Race {
        title: "tcp, 4 streams",
        protocol: Protocol::Tcp,
        streams: 4,
        zerocopy: false,
        rate: None,
        words: &["-P4"],
    },
    Race {
        title: "tcp, zerocopy",
        protocol: Protocol::Tcp,
        streams: 1,
        zerocopy: true,
        rate: None,
        words: &["-Z"],
    },
    Race {
        title: "tcp, 1 Gbit/s",
        protocol: Protocol::Tcp,
        streams: 1,
        zerocopy: false,
        rate: Some(1_000_000_000),
        words: &["-b1G"],
    },
    Race {
        title: "udp, 100 Mbit/s",
        protocol: Protocol::Udp,
        streams: 1,
        zerocopy: false,
        rate: Some(100_000_000),
        words: &["-u", "-b100M"],
    },
    Race {
        title: "udp",
        protocol: Protocol::Udp,
        streams: 1,
        zerocopy: false,
        rate: None,
        words: &["-u", "-b0"],
    },
];

fn main() {
    if !common::is_to_measure() {
        return;
    }
    if Command::new("iperf3").arg("-v").output().is_err() {
        println!("not measured: there is no iperf3");
        return;
    }
    let seconds = std::env::args().find_map(|argument| argument.parse().ok());
    let seconds: u64 = seconds.unwrap_or(5);
    let _lab = Lab::pair();
    for race in &RACES {
        println!("{}, {ROUNDS} rounds of {seconds} s:", race.title);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            if round % 2 == 0 {
                ours.push(ipvsh(race, seconds));
                theirs.push(iperf3(race, seconds));
            } else {
                theirs.push(iperf3(race, seconds));
                ours.push(ipvsh(race, seconds));
            }
            let (our, their) = (ours[round], theirs[round]);
            println!(
                "  ipvsh {:6.2} Gbit/s {:4.0}%   iperf3 {:6.2} Gbit/s {:4.0}%",
                our.rate, our.cpu, their.rate, their.cpu
            );
        }
        let rate = |rounds: &[Round]| median(rounds.iter().map(|round| round.rate));
        let cost = |rounds: &[Round]| median(rounds.iter().map(|round| round.cpu / round.rate));
        println!(
            "  all: rate {:.2}, processor for the same data {:.2}",
            rate(&ours) / rate(&theirs),
            cost(&ours) / cost(&theirs)
        );
    }
}

fn ipvsh(race: &Race, seconds: u64) -> Round {
    let netns = |name: &str| Netns::named(&name.parse().unwrap()).unwrap();
    let (from, to) = (netns("a"), netns("b"));
    let destination: IpAddr = B.parse().unwrap();
    let ends = Ends {
        from: &from,
        to: &to,
        destination,
        source: None,
    };
    let second = Duration::from_secs(1);
    let request = Request {
        protocol: race.protocol,
        time: second * u32::try_from(seconds).unwrap(),
        streams: race.streams,
        rate: race.rate.map(|bits| bits / 8),
        mss: None,
        // What `iperf3` sends.
        size: (race.protocol == Protocol::Udp).then_some(1448),
        tos: None,
        zerocopy: race.zerocopy,
        direction: Direction::Forth,
        timeout: second,
        interval: second,
        tick: second,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let reports = runtime.block_on(async {
        let traffic = Traffic::open(&ends, &request).await.unwrap();
        traffic.run(|_| Ok(()), pending()).await.unwrap()
    });
    Round {
        rate: reports[0].bits_per_second() / 1e9,
        cpu: reports[0].cpu_percent(),
    }
}

fn iperf3(race: &Race, seconds: u64) -> Round {
    let mut server = Command::new("ip")
        .args(["netns", "exec", "b", "iperf3", "-s", "-1"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let b = Netns::named(&"b".parse().unwrap()).unwrap();
    let listens = || {
        let all = listener::all(&b, Protocol::Tcp).unwrap();
        all.iter().any(|one| one.port == 5201)
    };
    while !listens() {
        std::thread::yield_now();
    }
    let seconds = format!("-t{seconds}");
    let mut words = vec![
        "netns", "exec", "a", "iperf3", "-J", "-c", B, "-i1", &seconds,
    ];
    words.extend(race.words);
    let text = common::output("ip", &words);
    server.wait().unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let end = &json["end"];
    let number = |value: &serde_json::Value| value.as_f64().unwrap();
    let bits = match race.protocol {
        Protocol::Tcp => number(&end["sum_received"]["bits_per_second"]),
        // Of datagrams it says what came as the share that was not lost.
        Protocol::Udp => {
            let sum = &end["sum"];
            number(&sum["bits_per_second"]) * (1.0 - number(&sum["lost_percent"]) / 100.0)
        }
    };
    let cpu = &end["cpu_utilization_percent"];
    Round {
        rate: bits / 1e9,
        cpu: number(&cpu["host_total"]) + number(&cpu["remote_total"]),
    }
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
