//! How long answers take, as a histogram with its percentiles.

use std::fmt::Write as _;
use std::time::Duration;

use crate::value::spread::{Bin, Spread};
use crate::view::graph::xml;

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

/// How wide the picture is, where its bars begin and how long the longest is, how high a row is.
const PICTURE: usize = 720;
const BARS: usize = 150;
const LONGEST: usize = 490;
const ROW: usize = 22;

/// The histogram as a picture in SVG: a bar for each bin, a line for the median and one for 99 %, the percentiles below.
pub fn svg(title: &str, how: &str, sent: u64, spread: &Spread) -> String {
    let bins = spread.bins();
    let most = bins.iter().map(|bin| bin.count).max().unwrap_or(0).max(1);
    let height = 76 + ROW * bins.len();
    let title = xml::text(&format!("LATENCY {title}, {how}"));
    let mut rows = String::new();
    for (number, bin) in bins.iter().enumerate() {
        let top = 44 + ROW * number;
        let middle = top + ROW / 2 + 3;
        let length = (bin.count * LONGEST).div_ceil(most);
        let (from, behind) = (BARS - 10, BARS + length + 8);
        let holds = |thousandths| {
            let time = spread.permille(thousandths);
            let is_in = |time: Duration| time >= bin.from && bin.below.is_none_or(|end| time < end);
            time.is_some_and(is_in)
        };
        let marks = [("p50", 500), ("p90", 900), ("p99", 990)];
        let marks = marks.iter().filter(|(_, thousandths)| holds(*thousandths));
        let marks: String = marks.flat_map(|(name, _)| ["  ", name]).collect();
        // Writing to memory cannot fail.
        let _ = writeln!(
            rows,
            "<text class=\"range\" x=\"{from}\" y=\"{middle}\">{} ms</text>\n\
             <rect class=\"bar\" x=\"{BARS}\" y=\"{top}\" width=\"{length}\" height=\"{}\"/>\n\
             <text x=\"{behind}\" y=\"{middle}\">{}<tspan class=\"mark\">{marks}</tspan></text>",
            range(bin),
            ROW - 6,
            bin.count,
        );
    }
    let below = height - 16;
    let summary = xml::text(&summary(sent, spread));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{PICTURE}\" height=\"{height}\" viewBox=\"0 0 {PICTURE} {height}\" role=\"img\">\n\
         <title>{title}</title>\n<style>\n\
         text {{ font: 12px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; white-space: pre; fill: #1f2328 }}\n\
         .range {{ text-anchor: end }} .title {{ font-weight: bold }} .bar {{ fill: #0969da }} .ground {{ fill: #ffffff }} .summary {{ font-size: 10.5px }}\n\
         .mark {{ fill: #57606a }}\n\
         @media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3 }} .bar {{ fill: #58a6ff }} .ground {{ fill: #0d1117 }} .mark {{ fill: #9198a1 }} }}\n\
         </style>\n<rect class=\"ground\" width=\"{PICTURE}\" height=\"{height}\"/>\n\
         <text class=\"title\" x=\"12\" y=\"26\">{title}</text>\n{rows}\
         <text class=\"summary\" x=\"12\" y=\"{below}\">{summary}</text>\n</svg>\n"
    )
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
    fn the_picture_has_a_bar_for_each_bin_and_says_the_percentiles() {
        let times = (0..98).map(|number| 20 + number % 30).chain([44, 5000]);
        let spread = Spread::new(times.map(Duration::from_micros).collect());
        let drawn = svg("a<b> → c", "icmp", 101, &spread);
        let read = roxmltree::Document::parse(&drawn).unwrap();
        let of = |class: &str| {
            let all = read.descendants();
            all.filter(|one| one.attribute("class") == Some(class))
                .collect::<Vec<_>>()
        };
        let lengths = of("bar")
            .into_iter()
            .map(|bar| bar.attribute("width").unwrap());
        assert_eq!(
            lengths.collect::<Vec<_>>(),
            ["490", "441", "368", "368", "392", "368", "25"]
        );
        assert_eq!(of("title")[0].text(), Some("LATENCY a<b> → c, icmp"));
        assert_eq!(of("summary")[0].text(), Some(&*summary(101, &spread)));
        let marks = of("mark")
            .into_iter()
            .map(|one| one.text().unwrap_or_default());
        assert_eq!(marks.collect::<String>(), "  p50  p90  p99");
        let nothing = svg("a → b", "udp", 3, &Spread::default());
        assert!(roxmltree::Document::parse(&nothing).is_ok());
    }

    #[test]
    fn where_nothing_is_answered_there_is_nothing_to_draw() {
        let drawn = draw("a → b", "udp", 3, &Spread::default());
        assert_eq!(drawn, "LATENCY a → b, udp\n0 of 3 answered");
    }
}
