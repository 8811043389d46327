//! How long answers take, as a histogram with its percentiles.

use std::time::Duration;

use crate::value::spread::{Bin, Spread};

/// How long the longest bar is.
const WIDTH: usize = 40;

/// Draws the histogram below its title, and the percentiles at the end.
pub fn draw(title: &str, how: &str, sent: u64, spread: &Spread) -> String {
    let mut lines = vec![format!("LATENCY {title}, {how}")];
    let bins = spread.bins();
    let ranges: Vec<String> = bins.iter().map(range).collect();
    let width = ranges.iter().map(String::len).max().unwrap_or(0);
    let most = bins.iter().map(|bin| bin.count).max().unwrap_or(0);
    for (range, bin) in ranges.iter().zip(&bins) {
        let bar = bar(bin.count, most);
        lines.push(format!("  {range:>width$} ms  {bar:WIDTH$}  {}", bin.count));
    }
    lines.push(summary(sent, spread));
    lines.join("\n")
}

fn range(bin: &Bin) -> String {
    match bin.below {
        Some(below) => format!("{}-{}", millis(bin.from), millis(below)),
        None => format!("from {}", millis(bin.from)),
    }
}

fn bar(count: usize, most: usize) -> String {
    let eighths = (count * WIDTH * 8).div_ceil(most.max(1));
    let part = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    format!("{}{part}", "█".repeat(eighths / 8))
}

/// All that was found, in a line.
pub fn summary(sent: u64, spread: &Spread) -> String {
    let answered = format!("{} of {sent} answered", spread.count());
    let times = [
        spread.min(),
        spread.permille(500),
        spread.permille(900),
        spread.permille(990),
        spread.permille(999),
        spread.max(),
    ];
    let times: Vec<String> = times.into_iter().flatten().map(millis).collect();
    match spread.mean() {
        None => answered,
        Some(mean) => format!(
            "{answered}, min/p50/p90/p99/p99.9/max = {} ms, mean {} ms",
            times.join("/"),
            millis(mean)
        ),
    }
}

/// In milliseconds, to the microsecond.
pub fn millis(time: Duration) -> String {
    let micros = time.as_micros();
    format!("{}.{:03}", micros / 1000, micros % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_has_a_bar_for_each_bin() {
        let times = (0..98).map(|number| 20 + number % 30).chain([44, 5000]);
        let spread = Spread::new(times.map(Duration::from_micros).collect());
        insta::assert_snapshot!(draw("a → b (10.0.0.2)", "icmp", 101, &spread), @"
        LATENCY a → b (10.0.0.2), icmp
          0.020-0.025 ms  ████████████████████████████████████████  20
          0.025-0.030 ms  ████████████████████████████████████      18
          0.030-0.035 ms  ██████████████████████████████            15
          0.035-0.040 ms  ██████████████████████████████            15
          0.040-0.045 ms  ████████████████████████████████          16
          0.045-0.050 ms  ██████████████████████████████            15
           from 0.050 ms  ██                                        1
        100 of 101 answered, min/p50/p90/p99/p99.9/max = 0.020/0.033/0.046/0.049/5.000/5.000 ms, mean 0.083 ms
        ");
    }

    #[test]
    fn where_nothing_is_answered_there_is_nothing_to_draw() {
        let drawn = draw("a → b", "udp", 3, &Spread::default());
        assert_eq!(drawn, "LATENCY a → b, udp\n0 of 3 answered");
    }
}
