//! Who reaches whom, as a matrix: a row for each that pings, a column for each that is pinged.

use nix::errno::Errno;

use crate::net::icmp::{Outcome, Report};
use crate::view::{ping, table};

/// Draws the matrix of `names`; `report` has what a pair's pings brought, by row and column.
///
/// A cell holds the mean round trip in milliseconds, `2/3` where some were answered, or in a word or two what came back.
pub fn draw<'a>(names: &[String], report: impl Fn(usize, usize) -> Option<&'a Report>) -> String {
    let mut pairs = 0;
    let mut reached = 0;
    let mut rows = Vec::new();
    for (from, name) in names.iter().enumerate() {
        let mut row = vec![name.clone()];
        for to in 0..names.len() {
            row.push(report(from, to).map_or_else(
                || "-".to_owned(),
                |report| {
                    pairs += 1;
                    reached += usize::from(report.ok());
                    cell(report)
                },
            ));
        }
        rows.push(row);
    }
    let headings: Vec<String> = std::iter::once("FROM".to_owned())
        .chain(names.iter().cloned())
        .collect();
    let matrix = table::draw_under(&headings, &rows);
    let unit = if reached > 0 {
        ", mean times in ms"
    } else {
        ""
    };
    format!("{matrix}\n{reached} of {pairs} pairs reach each other{unit}")
}

/// What a cell says of a pair.
fn cell(report: &Report) -> String {
    match report.rtt_avg() {
        Some(mean) if report.ok() => ping::round_trip(mean),
        Some(_) => format!("{}/{}", report.received, report.sent),
        None => in_words(report).to_owned(),
    }
}

/// What came back instead of a reply: the first outcome that is not a timeout.
pub fn in_words(report: &Report) -> &'static str {
    let outcomes = report.probes.iter().map(|probe| &probe.outcome);
    match outcomes.clone().find(|outcome| outcome.is_error()) {
        Some(Outcome::Unreachable { .. }) => "unreachable",
        Some(Outcome::TtlExceeded { .. }) => "ttl exceeded",
        Some(Outcome::FragmentationNeeded { .. }) => "too long",
        Some(Outcome::SendFailed { errno, .. }) => match errno {
            Errno::EMSGSIZE => "too long",
            Errno::ENETUNREACH | Errno::EHOSTUNREACH => "no route",
            Errno::EPERM | Errno::EACCES => "forbidden",
            _ => "not sent",
        },
        Some(_) => "problem",
        None => "lost",
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use super::*;
    use crate::net::icmp::{Request, Unreachable};

    fn report(outcomes: impl IntoIterator<Item = Outcome>) -> Report {
        let request = Request::new("10.0.0.2".parse().unwrap());
        Report::of(&request, Duration::ZERO, outcomes)
    }

    fn reply(micros: u64) -> Outcome {
        Outcome::Reply {
            from: "10.0.0.2".parse().unwrap(),
            bytes: 64,
            ttl: Some(64),
            rtt: Duration::from_micros(micros),
        }
    }

    fn refused(errno: Errno) -> Outcome {
        Outcome::SendFailed { errno, mtu: None }
    }

    #[test]
    fn names_stay_as_they_are_and_none_pings_itself() {
        let reports = [
            report([reply(42)]),
            report([reply(1200)]),
            report([Outcome::Lost]),
            report([reply(42), Outcome::Lost]),
            report([refused(Errno::ENETUNREACH)]),
            report([reply(58), reply(62)]),
        ];
        let names = ["net-1", "Web", "c"].map(str::to_owned);
        let at = |from: usize, to: usize| match from.cmp(&to) {
            std::cmp::Ordering::Less => reports.get(from * 2 + to - 1),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => reports.get(from * 2 + to),
        };
        insta::assert_snapshot!(draw(&names, at), @r"
        FROM   net-1     Web    c
        net-1  -         0.042  1.20
        Web    lost      -      1/2
        c      no route  0.060  -
        3 of 6 pairs reach each other, mean times in ms
        ");
    }

    #[test]
    fn what_came_back_is_said_before_silence() {
        let from: IpAddr = "10.0.0.1".parse().unwrap();
        let unreachable = Outcome::Unreachable {
            from,
            what: Unreachable::Host,
        };
        let too_long = Outcome::FragmentationNeeded {
            from,
            mtu: Some(1400),
        };
        let problem = Outcome::Problem {
            from,
            icmp_type: 12,
            code: 0,
            detail: 0,
        };
        for (outcomes, words) in [
            (vec![Outcome::Lost], "lost"),
            (vec![Outcome::Lost, unreachable], "unreachable"),
            (vec![Outcome::TtlExceeded { from }], "ttl exceeded"),
            (vec![too_long], "too long"),
            (vec![problem], "problem"),
            (vec![refused(Errno::EMSGSIZE)], "too long"),
            (vec![refused(Errno::EHOSTUNREACH)], "no route"),
            (vec![refused(Errno::EPERM)], "forbidden"),
            (vec![refused(Errno::ENOBUFS)], "not sent"),
        ] {
            assert_eq!(in_words(&report(outcomes)), words);
        }
    }
}
