//! A ping in the format of the `ping` of iputils, which everybody can read.
//!
//! Plain text without a final line break. Lines that `ping` writes to standard error are printed like the others.
//! One difference is intended: `ping` prints no time for a payload that is too short to carry a time stamp; ipvsh
//! measures without one.

use std::net::IpAddr;
use std::time::Duration;

use nix::errno::Errno;

use crate::net::icmp::{Outcome, Probe, Report, Request, Unreachable};
use crate::value::prefix;

/// What `ping` begins with: `PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.`
pub fn header(request: &Request) -> String {
    let (destination, label, size) = (request.destination, &request.label, request.size);
    let from = match (&request.source, &request.device) {
        (None, None) => String::new(),
        (Some(source), device) => {
            format!("from {source} {}: ", device.as_deref().unwrap_or_default())
        }
        (None, Some(device)) => format!("from {device}: "),
    };
    if destination.is_ipv4() {
        let whole = usize::from(size) + 28;
        format!("PING {label} ({destination}) {from}{size}({whole}) bytes of data.")
    } else {
        let named = named(request, destination);
        format!("PING {label}({named}) {from}{size} data bytes")
    }
}

/// The line for one outcome; none for a lost one, about which `ping` says nothing.
pub fn line(request: &Request, probe: &Probe) -> Option<String> {
    // As the 16-bit number that was sent, as `ping` does.
    let sequence = probe.sequence % (1 << 16);
    let from_router = |from: IpAddr, what: &str| {
        let from = named(request, from);
        Some(format!("From {from} icmp_seq={sequence} {what}"))
    };
    match &probe.outcome {
        Outcome::Reply {
            from,
            bytes,
            ttl,
            rtt,
        } => Some(reply(request, sequence, *from, *bytes, *ttl, *rtt)),
        Outcome::Duplicate {
            from,
            bytes,
            ttl,
            rtt,
        } => {
            let line = reply(request, sequence, *from, *bytes, *ttl, *rtt);
            Some(format!("{line} (DUP!)"))
        }
        Outcome::Lost => None,
        Outcome::Unreachable { from, what } => {
            from_router(*from, &unreachable(*what, from.is_ipv4()))
        }
        Outcome::TtlExceeded { from } => from_router(
            *from,
            if from.is_ipv4() {
                "Time to live exceeded"
            } else {
                "Time exceeded: Hop limit"
            },
        ),
        Outcome::FragmentationNeeded { from, mtu } => {
            let mtu = mtu.unwrap_or(0);
            from_router(
                *from,
                &if from.is_ipv4() {
                    format!("Frag needed and DF set (mtu = {mtu})")
                } else {
                    format!("Packet too big: mtu={mtu}")
                },
            )
        }
        Outcome::Problem {
            from,
            icmp_type,
            code,
            detail,
        } => from_router(*from, &problem(from.is_ipv4(), *icmp_type, *code, *detail)),
        Outcome::SendFailed { errno, mtu } => Some(send_failed(request, *errno, *mtu)),
    }
}

/// What `ping` ends with: a blank line, the counts, the round-trip times.
///
/// Where there are none the last line is empty, as with `ping`.
pub fn summary(report: &Report) -> String {
    let mut counts = vec![
        format!("{} packets transmitted", report.sent),
        format!("{} received", report.received),
    ];
    if report.duplicates > 0 {
        counts.push(format!("+{} duplicates", report.duplicates));
    }
    if report.errors > 0 {
        counts.push(format!("+{} errors", report.errors));
    }
    if report.sent > 0 {
        counts.push(format!(
            "{}% packet loss",
            six_digits(report.loss_percent())
        ));
        counts.push(format!("time {}ms", report.sending.as_millis()));
    }

    let mut times = Vec::new();
    if let (Some(min), Some(avg), Some(max), Some(mdev)) = (
        report.rtt_min(),
        report.rtt_avg(),
        report.rtt_max(),
        report.rtt_mdev(),
    ) {
        let [min, avg, max, mdev] = [min, avg, max, mdev].map(milliseconds);
        times.push(format!(
            "rtt min/avg/max/mdev = {min}/{avg}/{max}/{mdev} ms"
        ));
    }
    if report.pipe > 1 {
        times.push(format!("pipe {}", report.pipe));
    }
    format!(
        "\n--- {} ping statistics ---\n{}\n{}",
        report.label,
        counts.join(", "),
        times.join(", ")
    )
}

fn reply(
    request: &Request,
    sequence: u64,
    from: IpAddr,
    bytes: usize,
    ttl: Option<u8>,
    rtt: Duration,
) -> String {
    let from = named(request, from);
    let ttl = ttl.map_or_else(String::new, |ttl| format!(" ttl={ttl}"));
    let time = round_trip(rtt);
    format!("{bytes} bytes from {from}: icmp_seq={sequence}{ttl} time={time} ms")
}

/// The address, with the user's name for it where there is one.
fn named(request: &Request, address: IpAddr) -> String {
    let is_name = request.label.parse::<IpAddr>().is_err();
    if address == request.destination && prefix::zoned(&request.label).is_some() {
        request.label.clone()
    } else if is_name && address == request.destination {
        format!("{} ({address})", request.label)
    } else {
        address.to_string()
    }
}

/// Three significant digits or so: `0.042`, `1.23`, `12.3`, `123`.
pub(crate) fn round_trip(rtt: Duration) -> String {
    let micros = rtt.as_micros();
    let rounded = |unit: u128| (micros + unit / 2) / unit;
    // Where rounding up adds a digit, the next coarser form is used.
    if micros >= 99_950 {
        rounded(1000).to_string()
    } else if micros >= 9_995 {
        let tenths = rounded(100);
        format!("{}.{}", tenths / 10, tenths % 10)
    } else if micros >= 1000 {
        let hundredths = rounded(10);
        format!("{}.{:02}", hundredths / 100, hundredths % 100)
    } else {
        milliseconds(rtt)
    }
}

fn milliseconds(time: Duration) -> String {
    let micros = time.as_micros();
    format!("{}.{:03}", micros / 1000, micros % 1000)
}

/// A percentage with six significant digits at most and no trailing zeros, like C's `%g`.
fn six_digits(percent: f64) -> String {
    let decimals = match percent {
        ..1.0 => 6,
        1.0..10.0 => 5,
        10.0..100.0 => 4,
        _ => 3,
    };
    let text = format!("{percent:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn send_failed(request: &Request, errno: Errno, mtu: Option<u32>) -> String {
    match mtu {
        Some(mtu) if request.destination.is_ipv4() => {
            format!("ping: local error: message too long, mtu={mtu}")
        }
        Some(mtu) => format!("ping: local error: message too long, mtu: {mtu}"),
        None => format!("ping: sendmsg: {}", errno.desc()),
    }
}

fn unreachable(what: Unreachable, v4: bool) -> String {
    if !v4 {
        let what = match what {
            Unreachable::Net => "No route",
            Unreachable::Filtered => "Administratively prohibited",
            Unreachable::BeyondScope => "Beyond scope of source address",
            Unreachable::Host => "Address unreachable",
            Unreachable::Port => "Port unreachable",
            Unreachable::Other(code) => {
                return format!("Destination unreachable: Unknown code {code}");
            }
            // No other is made from an ICMPv6 code.
            _ => "Unknown code",
        };
        return format!("Destination unreachable: {what}");
    }
    let text = match what {
        Unreachable::Net => "Destination Net Unreachable",
        Unreachable::Host => "Destination Host Unreachable",
        Unreachable::Protocol => "Destination Protocol Unreachable",
        Unreachable::Port => "Destination Port Unreachable",
        Unreachable::SourceRoute => "Source Route Failed",
        Unreachable::NetUnknown => "Destination Net Unknown",
        Unreachable::HostUnknown => "Destination Host Unknown",
        Unreachable::Isolated => "Source Host Isolated",
        Unreachable::NetProhibited => "Destination Net Prohibited",
        Unreachable::HostProhibited => "Destination Host Prohibited",
        Unreachable::NetTos => "Destination Net Unreachable for Type of Service",
        Unreachable::HostTos => "Destination Host Unreachable for Type of Service",
        Unreachable::Filtered => "Packet filtered",
        Unreachable::PrecedenceViolation => "Precedence Violation",
        Unreachable::PrecedenceCutoff => "Precedence Cutoff",
        Unreachable::BeyondScope => "Dest Unreachable, Beyond Scope",
        Unreachable::Other(code) => return format!("Dest Unreachable, Bad Code: {code}"),
    };
    text.to_owned()
}

fn problem(v4: bool, icmp_type: u8, code: u8, detail: u32) -> String {
    match (v4, icmp_type, code) {
        (true, 11, 1) => "Frag reassembly time exceeded".to_owned(),
        // The pointer is the first byte of the word.
        (true, 12, _) => format!("Parameter problem: pointer = {}", detail >> 24),
        (false, 3, 1) => "Time exceeded: Defragmentation failure".to_owned(),
        (false, 4, 0) => format!("Parameter problem: Wrong header field at {detail}"),
        (false, 4, 1) => format!("Parameter problem: Unknown header at {detail}"),
        (false, 4, 2) => format!("Parameter problem: Unknown option at {detail}"),
        _ => format!("Bad ICMP type: {icmp_type}, code {code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(destination: &str) -> Request {
        Request::new(destination.parse().unwrap())
    }

    fn ip(address: &str) -> IpAddr {
        address.parse().unwrap()
    }

    fn reply_in(micros: u64) -> Outcome {
        Outcome::Reply {
            from: ip("100.0.3.18"),
            bytes: 64,
            ttl: Some(64),
            rtt: Duration::from_micros(micros),
        }
    }

    fn line_of(request: &Request, outcome: Outcome) -> Option<String> {
        let probe = Probe {
            sequence: 1,
            outcome,
        };
        line(request, &probe)
    }

    #[test]
    fn a_header_names_the_destination_twice() {
        assert_eq!(
            header(&to("100.0.3.18")),
            "PING 100.0.3.18 (100.0.3.18) 56(84) bytes of data."
        );
        assert_eq!(
            header(&to("fd02::2")),
            "PING fd02::2(fd02::2) 56 data bytes"
        );
    }

    #[test]
    fn a_name_stands_beside_its_address() {
        let mut request = to("100.0.3.18");
        request.label = "net-2".to_owned();
        assert_eq!(
            header(&request),
            "PING net-2 (100.0.3.18) 56(84) bytes of data."
        );
        assert_eq!(
            line_of(&request, reply_in(42)).as_deref(),
            Some("64 bytes from net-2 (100.0.3.18): icmp_seq=1 ttl=64 time=0.042 ms")
        );
        let mut request = to("::1");
        request.label = "localhost".to_owned();
        assert_eq!(
            header(&request),
            "PING localhost(localhost (::1)) 56 data bytes"
        );
    }

    #[test]
    fn a_header_names_the_source_where_one_was_asked_for() {
        let mut request = to("10.0.2.2");
        request.source = Some(ip("10.0.1.2"));
        assert_eq!(
            header(&request),
            "PING 10.0.2.2 (10.0.2.2) from 10.0.1.2 : 56(84) bytes of data."
        );
        request.device = Some("eth0".to_owned());
        assert_eq!(
            header(&request),
            "PING 10.0.2.2 (10.0.2.2) from 10.0.1.2 eth0: 56(84) bytes of data."
        );
    }

    #[test]
    fn a_time_has_about_three_digits() {
        let request = to("100.0.3.18");
        for (micros, time) in [
            (0, "0.000"),
            (42, "0.042"),
            (999, "0.999"),
            (1000, "1.00"),
            (1234, "1.23"),
            (9994, "9.99"),
            (9995, "10.0"),
            (12_345, "12.3"),
            (99_949, "99.9"),
            (99_950, "100"),
            (1_026_868, "1027"),
        ] {
            assert_eq!(
                line_of(&request, reply_in(micros)),
                Some(format!(
                    "64 bytes from 100.0.3.18: icmp_seq=1 ttl=64 time={time} ms"
                ))
            );
        }
    }

    #[test]
    fn a_reply_without_a_ttl_is_printed_without_one() {
        let outcome = Outcome::Reply {
            from: ip("fd02::2"),
            bytes: 64,
            ttl: None,
            rtt: Duration::from_micros(42),
        };
        assert_eq!(
            line_of(&to("fd02::2"), outcome).as_deref(),
            Some("64 bytes from fd02::2: icmp_seq=1 time=0.042 ms")
        );
    }

    #[test]
    fn a_duplicate_says_so() {
        let outcome = Outcome::Duplicate {
            from: ip("10.0.0.2"),
            bytes: 64,
            ttl: Some(64),
            rtt: Duration::from_micros(90),
        };
        assert_eq!(
            line_of(&to("10.0.0.2"), outcome).as_deref(),
            Some("64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=0.090 ms (DUP!)")
        );
    }

    #[test]
    fn a_sequence_is_printed_as_it_was_sent() {
        let probe = Probe {
            sequence: 65_537,
            outcome: reply_in(42),
        };
        assert_eq!(
            line(&to("100.0.3.18"), &probe).as_deref(),
            Some("64 bytes from 100.0.3.18: icmp_seq=1 ttl=64 time=0.042 ms")
        );
    }

    #[test]
    fn errors_of_ipv4_read_as_those_of_ping() {
        let request = to("10.0.2.2");
        let from = ip("10.0.1.1");
        for (outcome, text) in [
            (
                Outcome::Unreachable {
                    from,
                    what: Unreachable::Host,
                },
                "From 10.0.1.1 icmp_seq=1 Destination Host Unreachable",
            ),
            (
                Outcome::Unreachable {
                    from,
                    what: Unreachable::Net,
                },
                "From 10.0.1.1 icmp_seq=1 Destination Net Unreachable",
            ),
            (
                Outcome::Unreachable {
                    from,
                    what: Unreachable::Filtered,
                },
                "From 10.0.1.1 icmp_seq=1 Packet filtered",
            ),
            (
                Outcome::TtlExceeded { from },
                "From 10.0.1.1 icmp_seq=1 Time to live exceeded",
            ),
            (
                Outcome::FragmentationNeeded {
                    from,
                    mtu: Some(1400),
                },
                "From 10.0.1.1 icmp_seq=1 Frag needed and DF set (mtu = 1400)",
            ),
            (
                Outcome::Problem {
                    from,
                    icmp_type: 12,
                    code: 0,
                    detail: 20 << 24,
                },
                "From 10.0.1.1 icmp_seq=1 Parameter problem: pointer = 20",
            ),
            (
                Outcome::SendFailed {
                    errno: Errno::ENETUNREACH,
                    mtu: None,
                },
                "ping: sendmsg: Network is unreachable",
            ),
            (
                Outcome::SendFailed {
                    errno: Errno::EPERM,
                    mtu: None,
                },
                "ping: sendmsg: Operation not permitted",
            ),
            (
                Outcome::SendFailed {
                    errno: Errno::EMSGSIZE,
                    mtu: Some(1500),
                },
                "ping: local error: message too long, mtu=1500",
            ),
        ] {
            assert_eq!(line_of(&request, outcome).as_deref(), Some(text));
        }
    }

    #[test]
    fn errors_of_ipv6_read_as_those_of_ping() {
        let request = to("fd02::2");
        let from = ip("fd01::1");
        for (outcome, text) in [
            (
                Outcome::Unreachable {
                    from,
                    what: Unreachable::Host,
                },
                "From fd01::1 icmp_seq=1 Destination unreachable: Address unreachable",
            ),
            (
                Outcome::Unreachable {
                    from,
                    what: Unreachable::Net,
                },
                "From fd01::1 icmp_seq=1 Destination unreachable: No route",
            ),
            (
                Outcome::TtlExceeded { from },
                "From fd01::1 icmp_seq=1 Time exceeded: Hop limit",
            ),
            (
                Outcome::FragmentationNeeded {
                    from,
                    mtu: Some(1400),
                },
                "From fd01::1 icmp_seq=1 Packet too big: mtu=1400",
            ),
            (
                Outcome::SendFailed {
                    errno: Errno::EMSGSIZE,
                    mtu: Some(1500),
                },
                "ping: local error: message too long, mtu: 1500",
            ),
        ] {
            assert_eq!(line_of(&request, outcome).as_deref(), Some(text));
        }
    }

    #[test]
    fn a_lost_one_is_silent() {
        assert_eq!(line_of(&to("10.0.0.2"), Outcome::Lost), None);
    }

    #[test]
    fn a_summary_of_replies_has_the_round_trip_times() {
        let report = Report::of(
            &to("100.0.3.18"),
            Duration::from_millis(3055),
            [42, 42, 43, 47].map(reply_in),
        );
        assert_eq!(
            summary(&report),
            "\n--- 100.0.3.18 ping statistics ---\n\
             4 packets transmitted, 4 received, 0% packet loss, time 3055ms\n\
             rtt min/avg/max/mdev = 0.042/0.043/0.047/0.002 ms"
        );
    }

    #[test]
    fn a_summary_without_a_reply_ends_in_an_empty_line() {
        let from = ip("10.0.1.1");
        let report = Report::of(
            &to("10.0.2.2"),
            Duration::ZERO,
            [Outcome::TtlExceeded { from }],
        );
        assert_eq!(
            summary(&report),
            "\n--- 10.0.2.2 ping statistics ---\n\
             1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms\n"
        );
    }

    #[test]
    fn a_share_of_loss_has_six_digits() {
        let report = Report::of(
            &to("100.0.3.18"),
            Duration::from_millis(628),
            [reply_in(22), reply_in(65), Outcome::Lost],
        );
        assert_eq!(
            summary(&report),
            "\n--- 100.0.3.18 ping statistics ---\n\
             3 packets transmitted, 2 received, 33.3333% packet loss, time 628ms\n\
             rtt min/avg/max/mdev = 0.022/0.043/0.065/0.021 ms"
        );
        assert_eq!(six_digits(0.0), "0");
        assert_eq!(six_digits(100.0), "100");
        assert_eq!(six_digits(2.5), "2.5");
        assert_eq!(six_digits(0.123_456_789), "0.123457");
        assert_eq!(six_digits(200.0 / 3.0), "66.6667");
    }
}
