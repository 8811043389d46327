//! Round-trip times over veth as ipvsh and as iputils' `ping` measure them, in turns.
//!
//! `cargo bench --bench ping_rtt` prints the medians of each round in microseconds, and the ratio of the medians of all.
//!
//! Up to 10 ms between two requests `ping` does not sleep but yields in a loop, and measures longer times than with
//! 20 ms where the machine has other work; a program in C that sleeps measures what ipvsh does.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement, whose output is its purpose"
)]

#[path = "../common/mod.rs"]
mod common;

use std::future::pending;
use std::time::Duration;

use ipvsh::net::icmp::{Pinger, Request};

use common::{Lab, within};

fn main() {
    if !common::is_to_measure() {
        return;
    }
    let _lab = Lab::pair();
    for (interval, count, rounds) in [(200, 25, 4), (20, 100, 6), (10, 100, 8)] {
        println!("interval {interval} ms, {count} a round");
        let interval = Duration::from_millis(interval);
        let (mut all_ours, mut all_theirs) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            let (ours, theirs) = if round % 2 == 0 {
                let ours = ipvsh(interval, count);
                (ours, iputils(interval, count))
            } else {
                let theirs = iputils(interval, count);
                (ipvsh(interval, count), theirs)
            };
            println!(
                "  ipvsh {:6.1}   ping {:6.1}",
                median(&ours),
                median(&theirs)
            );
            all_ours.extend(ours);
            all_theirs.extend(theirs);
        }
        let (ours, theirs) = (median(&all_ours), median(&all_theirs));
        println!(
            "  all:  ipvsh {ours:.1}, ping {theirs:.1}, ratio {:.2}",
            ours / theirs
        );
    }
}

fn ipvsh(interval: Duration, count: u64) -> Vec<f64> {
    let mut request = Request::new("10.0.1.2".parse().unwrap());
    request.count = Some(count);
    request.interval = interval;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _context = runtime.enter();
    let mut pinger = within("a", || Pinger::open(&request)).unwrap();
    let report = runtime.block_on(pinger.run(|_| {}, pending())).unwrap();
    assert!(report.ok());
    report.rtts().map(|rtt| rtt.as_secs_f64() * 1e6).collect()
}

fn iputils(interval: Duration, count: u64) -> Vec<f64> {
    let interval = interval.as_secs_f64().to_string();
    let count = count.to_string();
    let text = common::output(
        "ip",
        &[
            "netns", "exec", "a", "ping", "-c", &count, "-i", &interval, "10.0.1.2",
        ],
    );
    text.lines()
        .filter_map(|line| line.split_once("time=")?.1.strip_suffix(" ms"))
        .map(|time| time.parse::<f64>().unwrap() * 1e3)
        .collect()
}

fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
