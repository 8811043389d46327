//! A measurement of throughput: a line for each interval, and the sum of all.

use std::time::Duration;

use crate::net::listener::Protocol;
use crate::net::traffic::report::{Interval, Report, Sample};
use crate::view::ping::round_trip;

/// The characters of a spark line, lowest first.
const SPARKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A number with three digits and the unit that suits: `9.41 Gbit/s`.
fn scaled(number: f64, unit: &str) -> String {
    let mut number = number;
    let mut prefixes = ["", "k", "M", "G", "T", "P"].into_iter();
    let mut prefix = prefixes.next().unwrap_or_default();
    while number >= 999.5 {
        let Some(next) = prefixes.next() else { break };
        prefix = next;
        number /= 1000.0;
    }
    let decimals = match number {
        _ if prefix.is_empty() => 0,
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{number:.decimals$} {prefix}{unit}")
}

/// A rate: `9.41 Gbit/s`.
pub fn rate(bits_per_second: f64) -> String {
    scaled(bits_per_second, "bit/s")
}

/// An amount: `1.18 GB`.
pub fn amount(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let bytes = bytes as f64;
    scaled(bytes, "B")
}

/// How rates went, a character each, as high as the largest is.
pub fn spark(rates: &[f64]) -> String {
    let most = rates.iter().copied().fold(0.0, f64::max);
    let one = |rate: &f64| {
        let level = if most > 0.0 { rate / most * 7.0 } else { 0.0 };
        let mut levels = (0..8u8).zip(SPARKS);
        let nearest = levels.find(|(number, _)| level <= f64::from(*number) + 0.5);
        nearest.map_or('█', |(_, spark)| spark)
    };
    rates.iter().map(one).collect()
}

/// What it begins with: `THROUGHPUT a → b (10.0.0.2), tcp for 10s`.
pub fn header(title: &str, how: &str) -> String {
    format!("THROUGHPUT {title}, {how}")
}

/// The line of an interval.
pub fn line(protocol: Protocol, interval: &Interval) -> String {
    let begin = interval.begin.as_secs_f64();
    let end = interval.end.as_secs_f64();
    let rate = rate(interval.bits_per_second());
    let amount = amount(interval.bytes);
    let more = match protocol {
        Protocol::Tcp => connection(interval.retransmits, interval.last.rtt, &interval.last),
        Protocol::Udp => format!(
            "{} lost, jitter {} ms",
            interval.lost,
            round_trip(interval.last.jitter)
        ),
    };
    format!("{begin:6.2}-{end:.2} s  {rate:>11}  {amount:>8}  {more}")
}

fn connection(retransmits: u64, rtt: Option<Duration>, last: &Sample) -> String {
    let again = match retransmits {
        1 => "1 retransmit".to_owned(),
        many => format!("{many} retransmits"),
    };
    let rtt = rtt.map(|rtt| format!(", rtt {} ms", round_trip(rtt)));
    let window = last
        .window
        .map(|window| format!(", cwnd {}", amount(window)));
    format!(
        "{again}{}{}",
        rtt.unwrap_or_default(),
        window.unwrap_or_default()
    )
}

/// All that was found, in a line.
pub fn summary(report: &Report) -> String {
    let last = &report.last;
    let more = match report.protocol {
        Protocol::Tcp => connection(last.retransmits, report.rtt, last),
        Protocol::Udp => {
            let mut more = format!(
                "{} of {} datagrams lost ({}), jitter {} ms",
                report.lost(),
                last.sent,
                percent(report.loss_percent()),
                round_trip(last.jitter)
            );
            for (count, what) in [
                (last.out_of_order, "out of order"),
                (last.duplicates, "twice"),
            ] {
                if count > 0 {
                    more = format!("{more}, {count} {what}");
                }
            }
            more
        }
    };
    format!(
        "{}, {} in {:.2} s, {more}, cpu {:.0}%",
        rate(report.bits_per_second()),
        amount(last.bytes),
        report.duration.as_secs_f64(),
        report.cpu_percent()
    )
}

/// A percentage with two digits of note.
fn percent(percent: f64) -> String {
    match percent {
        0.0 => "0%".to_owned(),
        ..0.995 => format!("{percent:.2}%"),
        ..9.95 => format!("{percent:.1}%"),
        _ => format!("{percent:.0}%"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_three_digits_and_the_unit_that_suits() {
        let texts = [
            0.0,
            999.0,
            1e3,
            9.994e6,
            9.996e6,
            12_345_678.0,
            999.6e6,
            41.23e9,
        ]
        .map(rate);
        assert_eq!(
            texts,
            [
                "0 bit/s",
                "999 bit/s",
                "1.00 kbit/s",
                "9.99 Mbit/s",
                "10.0 Mbit/s",
                "12.3 Mbit/s",
                "1.00 Gbit/s",
                "41.2 Gbit/s"
            ]
        );
        assert_eq!(amount(1_180_000_000), "1.18 GB");
    }

    #[test]
    fn a_spark_line_is_as_high_as_the_largest() {
        assert_eq!(spark(&[0.0, 1.0, 2.0, 3.5, 7.0]), "▁▂▃▄█");
        assert_eq!(spark(&[0.0, 0.0]), "▁▁");
        assert_eq!(spark(&[]), "");
    }

    fn sample(at: u64, bytes: u64) -> Sample {
        Sample {
            at: Duration::from_millis(at),
            bytes,
            sent: 1000,
            received: 995,
            missing: 3,
            jitter: Duration::from_micros(42),
            retransmits: 1,
            rtt: Some(Duration::from_micros(85)),
            window: Some(1_200_000),
            ..Sample::default()
        }
    }

    #[test]
    fn an_interval_is_a_line() {
        let interval = Interval::between(&sample(0, 0), &sample(1000, 1_250_000_000));
        assert_eq!(
            line(Protocol::Tcp, &interval),
            "  0.00-1.00 s  10.0 Gbit/s   1.25 GB  0 retransmits, rtt 0.085 ms, cwnd 1.20 MB"
        );
        assert_eq!(
            line(Protocol::Udp, &interval),
            "  0.00-1.00 s  10.0 Gbit/s   1.25 GB  0 lost, jitter 0.042 ms"
        );
    }

    #[test]
    fn the_sum_is_a_line() {
        let report = |protocol| Report {
            protocol,
            duration: Duration::from_secs(2),
            last: sample(2000, 250_000_000),
            intervals: Vec::new(),
            rtt: Some(Duration::from_micros(90)),
            cpu_of_sender: Duration::from_millis(1500),
            cpu_of_receiver: Duration::from_secs(1),
            interrupted: false,
        };
        assert_eq!(
            summary(&report(Protocol::Tcp)),
            "1.00 Gbit/s, 250 MB in 2.00 s, 1 retransmit, rtt 0.090 ms, cwnd 1.20 MB, cpu 125%"
        );
        assert_eq!(
            summary(&report(Protocol::Udp)),
            "1.00 Gbit/s, 250 MB in 2.00 s, 5 of 1000 datagrams lost (0.50%), jitter 0.042 ms, cpu 125%"
        );
    }
}
