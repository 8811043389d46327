//! A path in the format of the `tracepath` of iputils.

use std::net::IpAddr;
use std::time::Duration;

use crate::net::icmp::{Found, Path, SILENT, Step, Unreachable};

/// How many characters the name of a hop takes at least.
const HOST: usize = 52;

/// The line for one step. `name` calls an address as the lab does, where it can.
pub fn line(step: &Step, name: impl Fn(IpAddr) -> Option<String>) -> String {
    let ttl = step.ttl;
    let hop = |from: IpAddr, rtt: Duration, what: &str| {
        let who = match name(from) {
            Some(name) => format!("{name} ({from})"),
            None => from.to_string(),
        };
        let micros = rtt.as_micros();
        let (whole, rest) = (micros / 1000, micros % 1000);
        let line = format!("{ttl:2}:  {who:HOST$}{whole:3}.{rest:03}ms {what}");
        line.trim_end().to_owned()
    };
    match step.found {
        Found::Local { mtu } => format!("{ttl:2}?: {:32} pmtu {mtu}", "[LOCALHOST]"),
        Found::Hop { from, rtt, mtu } => {
            let mtu = mtu.map_or_else(String::new, |mtu| format!("pmtu {mtu}"));
            hop(from, rtt, &mtu)
        }
        Found::Silence => format!("{ttl:2}:  no reply"),
        Found::Reached { from, rtt } => hop(from, rtt, "reached"),
        Found::Refused { from, rtt, what } => hop(from, rtt, what.map_or("!", sign)),
        Found::NotSent(errno) => {
            let name = crate::error::errno_name(errno);
            format!("{ttl:2}:  send failed: {name}")
        }
    }
}

/// What `tracepath` ends with.
pub fn summary(path: &Path) -> String {
    let mtu = path.mtu;
    if path.is_unsent() {
        return "     Resume: nothing was sent".to_owned();
    }
    match (path.hops, path.back) {
        (Some(hops), Some(back)) => format!("     Resume: pmtu {mtu} hops {hops} back {back}"),
        (Some(hops), None) => format!("     Resume: pmtu {mtu} hops {hops}"),
        (None, _) if path.is_silent() => {
            format!("     No reply from {SILENT} hops in a row: pmtu {mtu}")
        }
        (None, _) if ends(path) => format!("     Resume: pmtu {mtu}"),
        (None, _) => format!("     Too many hops: pmtu {mtu}"),
    }
}

/// Whether somebody has ended the path before its destination.
fn ends(path: &Path) -> bool {
    let last = path.steps.last().map(|step| &step.found);
    matches!(last, Some(Found::Refused { .. } | Found::NotSent(_)))
}

fn sign(what: Unreachable) -> &'static str {
    match what {
        Unreachable::Host => "!H",
        Unreachable::Net => "!N",
        Unreachable::Protocol => "!P",
        Unreachable::Filtered | Unreachable::NetProhibited | Unreachable::HostProhibited => "!A",
        _ => "!",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_that_of_tracepath() {
        let from = |text: &str| text.parse::<IpAddr>().unwrap();
        let rtt = Duration::from_micros(1062);
        let found = [
            (1, Found::Local { mtu: 1500 }),
            (
                1,
                Found::Hop {
                    from: from("10.0.1.2"),
                    rtt,
                    mtu: Some(1400),
                },
            ),
            (2, Found::Silence),
            (
                3,
                Found::Reached {
                    from: from("10.0.2.2"),
                    rtt,
                },
            ),
        ];
        let path = Path {
            steps: found
                .into_iter()
                .map(|(ttl, found)| Step { ttl, found })
                .collect(),
            mtu: 1400,
            hops: Some(3),
            back: Some(3),
        };
        let name = |ip: IpAddr| (ip == from("10.0.1.2")).then(|| "r".to_owned());
        let lines = path.steps.iter().map(|step| line(step, name));
        let lines: Vec<String> = lines.chain([summary(&path)]).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
         1?: [LOCALHOST]                      pmtu 1500
         1:  r (10.0.1.2)                                          1.062ms pmtu 1400
         2:  no reply
         3:  10.0.2.2                                              1.062ms reached
             Resume: pmtu 1400 hops 3 back 3
        ");
    }
}
