//! Ping for real: between namespaces over veth, judged by iproute2's set-up and iputils' `ping`.

#![allow(
    clippy::unwrap_used,
    reason = "a test that can't go on has failed; without libtest's attribute clippy does not see that these are tests"
)]

#[macro_use]
extern crate pretty_assertions;

mod common;

use std::future::{pending, ready};
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use ipvsh::net::icmp::{Outcome, Pinger, Probe, Report, Request, Unreachable};
use ipvsh::view;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use nix::errno::Errno;

use common::{Lab, within};

fn main() -> ExitCode {
    // Before the test threads are started: see there.
    let privileged = common::privileged();
    let strict = std::env::var("IPVSH_REQUIRE").is_ok_and(|value| value == "all");
    let arguments = Arguments::from_args();
    let trials = TESTS
        .iter()
        .map(|(name, test)| {
            let privileged = privileged.clone();
            Trial::ignorable_test(*name, move || match privileged {
                Ok(()) => run_alone(*test),
                Err(reason) if strict => Err(Failed::from(reason)),
                Err(reason) => Ok(Completion::ignored_with(reason)),
            })
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A test in a thread of its own, whose private namespaces end with it.
fn run_alone(test: fn()) -> Result<Completion, Failed> {
    std::thread::spawn(test).join().map_err(|panic| {
        let message = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        Failed::from(message.unwrap_or("panicked"))
    })?;
    Ok(Completion::Completed)
}

macro_rules! tests {
    ($($name:ident)*) => {
        const TESTS: &[(&str, fn())] = &[$((stringify!($name), $name)),*];
    };
}

tests! {
    four_of_four_are_answered_over_veth
    the_text_is_that_of_ping
    ipv6_is_answered_with_its_hop_limit
    silence_is_a_loss
    a_loss_takes_no_longer_than_the_timeout
    an_unanswered_arp_is_host_unreachable_from_this_host
    an_unanswered_neighbour_solicitation_is_host_unreachable_from_this_host
    a_missing_route_is_refused_by_the_kernel
    a_router_without_a_route_says_so
    a_prohibited_destination_is_filtered
    a_ttl_of_one_is_exceeded_at_the_router
    a_hop_limit_of_one_is_exceeded_at_the_router
    a_smaller_mtu_behind_the_router_is_named
    a_smaller_mtu_behind_the_router_is_named_for_ipv6
    what_is_too_long_for_the_own_link_is_refused_with_its_mtu
    what_may_be_fragmented_is_answered
    a_late_reply_is_matched_to_its_request
    an_interrupted_run_covers_what_was_sent
    an_interrupted_wait_ends_at_once
    a_run_without_a_count_ends_when_interrupted
    two_pingers_to_one_destination_do_not_mix
    many_pingers_at_once_are_all_answered
    errors_go_to_the_pinger_that_they_are_about
    a_source_that_is_not_here_is_refused
    a_device_that_is_not_here_is_refused
    a_named_device_gives_the_source
    a_payload_too_small_for_a_cookie_is_answered
    a_large_payload_is_answered
    requests_leave_on_schedule
    without_raw_sockets_unprivileged_ones_do
    without_raw_sockets_errors_still_arrive
    without_any_socket_the_hint_says_what_to_do
}

fn to(destination: &str) -> Request {
    let mut request = Request::new(destination.parse().unwrap());
    request.count = Some(1);
    request.interval = Duration::from_millis(20);
    request
}

fn ip(address: &str) -> IpAddr {
    address.parse().unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Pings from the namespace `netns`: the sockets are born there, the run happens outside of it.
fn ping(netns: &str, request: &Request) -> Report {
    let runtime = runtime();
    let _context = runtime.enter();
    let mut pinger = within(netns, || Pinger::open(request)).unwrap();
    let mut seen = Vec::new();
    let run = pinger.run(|probe| seen.push(probe.clone()), pending());
    let report = runtime.block_on(run).unwrap();
    seen.sort_by_key(|probe| probe.sequence);
    assert_eq!(
        seen, report.probes,
        "each outcome is reported as it happens"
    );
    report
}

fn outcomes(report: &Report) -> Vec<&Outcome> {
    report.probes.iter().map(|probe| &probe.outcome).collect()
}

#[track_caller]
fn only_outcome(report: &Report) -> &Outcome {
    let [outcome] = outcomes(report)[..] else {
        panic!("not one outcome: {:?}", report.probes);
    };
    outcome
}

fn four_of_four_are_answered_over_veth() {
    let _lab = Lab::pair();
    let mut request = to("10.0.1.2");
    request.count = Some(4);
    let report = ping("a", &request);
    assert!(report.ok());
    assert_eq!((report.sent, report.received, report.errors), (4, 4, 0));
    for (probe, sequence) in report.probes.iter().zip(1..) {
        assert_eq!(probe.sequence, sequence);
        let Outcome::Reply {
            from,
            bytes,
            ttl,
            rtt,
        } = &probe.outcome
        else {
            panic!("{probe:?}");
        };
        assert_eq!((*from, *bytes, *ttl), (ip("10.0.1.2"), 64, Some(64)));
        assert!(
            *rtt > Duration::ZERO && *rtt < Duration::from_secs(2),
            "{rtt:?}"
        );
    }
}

/// Numbers that differ from run to run, made the same.
fn without_times(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("time").map(|at| at + 5) {
        result.push_str(&rest[..start]);
        rest = rest[start..].trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        result.push('T');
    }
    result.push_str(rest);
    match result.split_once("mdev = ") {
        Some((before, _)) => format!("{before}mdev = T"),
        None => result,
    }
}

fn the_text_is_that_of_ping() {
    let lab = Lab::routed();
    lab.ip_in(
        "r",
        "route add unreachable 10.7.0.0/16\nlink set dev rb mtu 1400",
    );
    lab.ip_in("b", "link set dev b mtu 1400");
    // One error each, as a router sends a host no more than one a second once it has sent a few.
    for (destination, arguments) in [
        ("10.0.2.2", "-c2 -i0.2"),
        ("fd02::2", "-c2 -i0.2"),
        ("10.0.2.2", "-c1 -I a"),
        ("10.0.2.2", "-c1 -t1"),
        ("fd02::2", "-c1 -t1"),
        ("10.7.0.1", "-c1"),
        ("10.0.2.2", "-c1 -s1600 -M do"),
        ("fd02::2", "-c1 -s1600 -M do"),
    ] {
        let mut words = vec!["netns", "exec", "a", "ping"];
        words.extend(arguments.split(' '));
        words.push(destination);
        let theirs = std::process::Command::new("ip")
            .args(&words)
            .env("LC_ALL", "C")
            .output()
            .unwrap();
        // A local error goes to standard error, unbuffered and so ahead of the rest.
        let errors = String::from_utf8(theirs.stderr).unwrap();
        let theirs = String::from_utf8(theirs.stdout).unwrap();
        let (first, rest) = theirs.split_once('\n').unwrap();
        let theirs = format!("{first}\n{errors}{rest}");

        let mut request = to(destination);
        request.interval = Duration::from_millis(200);
        for argument in arguments.split(' ') {
            match argument.split_at(2.min(argument.len())) {
                ("-c", count) => request.count = count.parse().ok(),
                ("-t", ttl) => request.ttl = ttl.parse().ok(),
                ("-s", size) => request.size = size.parse().unwrap(),
                ("-M", _) => request.dont_fragment = true,
                ("-I", _) => request.device = Some("a".to_owned()),
                _ => {}
            }
        }
        let runtime = runtime();
        let _context = runtime.enter();
        let mut pinger = within("a", || Pinger::open(&request)).unwrap();
        let request = pinger.request().clone();
        let mut lines = vec![view::ping::header(&request)];
        let on_probe = |probe: &Probe| lines.extend(view::ping::line(&request, probe));
        let report = runtime.block_on(pinger.run(on_probe, pending())).unwrap();
        lines.push(view::ping::summary(&report));
        let ours = lines.join("\n") + "\n";
        assert_eq!(
            without_times(&ours).trim_end_matches('\n'),
            without_times(&theirs).trim_end_matches('\n'),
            "ping {arguments} {destination}"
        );
    }
}

fn ipv6_is_answered_with_its_hop_limit() {
    let _lab = Lab::routed();
    let report = ping("a", &to("fd02::2"));
    let Outcome::Reply {
        from, bytes, ttl, ..
    } = only_outcome(&report)
    else {
        panic!("{report:?}");
    };
    assert_eq!((*from, *bytes, *ttl), (ip("fd02::2"), 64, Some(63)));
}

/// A neighbour that is known and not there: what is sent to it vanishes.
const VOID: &str = "neigh add 10.0.1.9 lladdr 02:00:00:00:00:99 dev a nud permanent";

fn silence_is_a_loss() {
    let lab = Lab::pair();
    lab.ip_in("a", VOID);
    let mut request = to("10.0.1.9");
    request.count = Some(3);
    request.timeout = Duration::from_millis(100);
    let report = ping("a", &request);
    assert_eq!(outcomes(&report), [&Outcome::Lost; 3]);
    assert_eq!((report.sent, report.received, report.errors), (3, 0, 0));
    assert!((report.loss_percent() - 100.0).abs() < f64::EPSILON);
}

fn a_loss_takes_no_longer_than_the_timeout() {
    let lab = Lab::pair();
    lab.ip_in("a", VOID);
    let mut request = to("10.0.1.9");
    request.timeout = Duration::from_millis(300);
    let took = ping("a", &request).duration;
    assert!(
        took >= Duration::from_millis(300) && took < Duration::from_secs(3),
        "{took:?}"
    );
}

fn an_unanswered_arp_is_host_unreachable_from_this_host() {
    let _lab = Lab::pair();
    let mut request = to("10.0.1.9");
    request.count = Some(2);
    let report = ping("a", &request);
    let unreachable = Outcome::Unreachable {
        from: ip("10.0.1.1"),
        what: Unreachable::Host,
    };
    assert_eq!(outcomes(&report), [&unreachable, &unreachable]);
    assert_eq!((report.errors, report.pipe), (2, 2));
}

fn an_unanswered_neighbour_solicitation_is_host_unreachable_from_this_host() {
    let _lab = Lab::pair();
    let report = ping("a", &to("fd01::9"));
    let unreachable = Outcome::Unreachable {
        from: ip("fd01::1"),
        what: Unreachable::Host,
    };
    assert_eq!(only_outcome(&report), &unreachable);
}

fn a_missing_route_is_refused_by_the_kernel() {
    let _lab = Lab::pair();
    for destination in ["10.9.9.9", "fd09::9"] {
        let report = ping("a", &to(destination));
        let refused = Outcome::SendFailed {
            errno: Errno::ENETUNREACH,
            mtu: None,
        };
        assert_eq!(only_outcome(&report), &refused);
        assert_eq!((report.sent, report.errors, report.refused), (1, 0, 1));
    }
}

fn a_router_without_a_route_says_so() {
    let _lab = Lab::routed();
    for (destination, router) in [("10.9.9.9", "10.0.1.1"), ("fd09::9", "fd01::1")] {
        let report = ping("a", &to(destination));
        let unreachable = Outcome::Unreachable {
            from: ip(router),
            what: Unreachable::Net,
        };
        assert_eq!(only_outcome(&report), &unreachable);
    }
}

fn a_prohibited_destination_is_filtered() {
    let lab = Lab::routed();
    lab.ip_in(
        "r",
        "route add prohibit 10.8.0.0/16\nroute add prohibit fd08::/16",
    );
    for (destination, router) in [("10.8.0.1", "10.0.1.1"), ("fd08::1", "fd01::1")] {
        let report = ping("a", &to(destination));
        let filtered = Outcome::Unreachable {
            from: ip(router),
            what: Unreachable::Filtered,
        };
        assert_eq!(only_outcome(&report), &filtered);
    }
}

fn a_ttl_of_one_is_exceeded_at_the_router() {
    let _lab = Lab::routed();
    let mut request = to("10.0.2.2");
    request.ttl = Some(1);
    let exceeded = Outcome::TtlExceeded {
        from: ip("10.0.1.1"),
    };
    assert_eq!(only_outcome(&ping("a", &request)), &exceeded);
}

fn a_hop_limit_of_one_is_exceeded_at_the_router() {
    let _lab = Lab::routed();
    let mut request = to("fd02::2");
    request.ttl = Some(1);
    let exceeded = Outcome::TtlExceeded {
        from: ip("fd01::1"),
    };
    assert_eq!(only_outcome(&ping("a", &request)), &exceeded);
}

fn a_smaller_mtu_behind_the_router_is_named() {
    smaller_mtu("10.0.2.2", "10.0.1.1");
}

fn a_smaller_mtu_behind_the_router_is_named_for_ipv6() {
    smaller_mtu("fd02::2", "fd01::1");
}

/// The router says so first; then the kernel has learnt it and refuses by itself.
#[track_caller]
fn smaller_mtu(destination: &str, router: &str) {
    let lab = Lab::routed();
    lab.ip_in("r", "link set dev rb mtu 1400");
    lab.ip_in("b", "link set dev b mtu 1400");
    let mut request = to(destination);
    request.size = 1450;
    if request.destination.is_ipv6() {
        request.size = 1440;
    }
    request.dont_fragment = true;
    request.count = Some(2);
    let report = ping("a", &request);
    assert_eq!(
        outcomes(&report),
        [
            &Outcome::FragmentationNeeded {
                from: ip(router),
                mtu: Some(1400),
            },
            &Outcome::SendFailed {
                errno: Errno::EMSGSIZE,
                mtu: Some(1400),
            }
        ]
    );
    assert_eq!((report.errors, report.refused), (2, 0));
}

fn what_is_too_long_for_the_own_link_is_refused_with_its_mtu() {
    let _lab = Lab::pair();
    for destination in ["10.0.1.2", "fd01::2"] {
        let mut request = to(destination);
        request.size = 1600;
        request.dont_fragment = true;
        let refused = Outcome::SendFailed {
            errno: Errno::EMSGSIZE,
            mtu: Some(1500),
        };
        assert_eq!(only_outcome(&ping("a", &request)), &refused);
    }
}

fn what_may_be_fragmented_is_answered() {
    let _lab = Lab::pair();
    for destination in ["10.0.1.2", "fd01::2"] {
        let mut request = to(destination);
        request.size = 1600;
        assert!(ping("a", &request).ok());
    }
}

/// Requests wait in the sender's ARP queue until the neighbour is there, and are then answered all at once.
fn a_late_reply_is_matched_to_its_request() {
    let lab = Lab::pair();
    let mut request = to("10.0.1.7");
    request.count = Some(3);
    request.interval = Duration::from_millis(50);
    let runtime = runtime();
    let _context = runtime.enter();
    let mut pinger = within("a", || Pinger::open(&request)).unwrap();
    let report = runtime.block_on(async {
        let run = pinger.run(|_| {}, pending());
        let give_address = async {
            // Nothing tells when the third has been sent but the schedule.
            tokio::time::sleep(Duration::from_millis(120)).await;
            lab.ip_in("b", "addr add 10.0.1.7/24 dev b");
        };
        tokio::join!(run, give_address).0.unwrap()
    });
    assert!(report.ok(), "{report:?}");
    assert_eq!(report.pipe, 3);
    let rtts: Vec<Duration> = report.rtts().collect();
    for pair in rtts.windows(2) {
        assert!(
            pair[0] > pair[1] + Duration::from_millis(25),
            "answered together, so that each waited less than the one before: {rtts:?}"
        );
    }
}

fn an_interrupted_run_covers_what_was_sent() {
    let _lab = Lab::pair();
    let mut request = to("10.0.1.2");
    request.count = Some(100);
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let mut stop = Some(stop);
    let runtime = runtime();
    let _context = runtime.enter();
    let mut pinger = within("a", || Pinger::open(&request)).unwrap();
    let on_probe = |probe: &Probe| {
        if probe.sequence == 3
            && let Some(stop) = stop.take()
        {
            stop.send(()).unwrap();
        }
    };
    let interrupted = async {
        stopped.await.unwrap();
    };
    let report = runtime.block_on(pinger.run(on_probe, interrupted)).unwrap();
    assert!(report.interrupted);
    assert_eq!((report.sent, report.received), (3, 3));
}

fn an_interrupted_wait_ends_at_once() {
    let lab = Lab::pair();
    lab.ip_in("a", VOID);
    let runtime = runtime();
    let _context = runtime.enter();
    let mut pinger = within("a", || Pinger::open(&to("10.0.1.9"))).unwrap();
    let began = Instant::now();
    let interrupted = tokio::time::sleep(Duration::from_millis(50));
    let report = runtime.block_on(pinger.run(|_| {}, interrupted)).unwrap();
    assert!(began.elapsed() < Duration::from_secs(3));
    assert!(report.interrupted && !report.ok());
    assert_eq!((report.sent, report.probes.len()), (1, 0));
}

fn a_run_without_a_count_ends_when_interrupted() {
    let _lab = Lab::pair();
    let mut request = to("10.0.1.2");
    request.count = None;
    let runtime = runtime();
    let _context = runtime.enter();
    let mut pinger = within("a", || Pinger::open(&request)).unwrap();
    let report = runtime.block_on(pinger.run(|_| {}, ready(()))).unwrap();
    assert_eq!((report.sent, report.interrupted), (0, true));
    let report = runtime
        .block_on(pinger.run(|_| {}, tokio::time::sleep(Duration::from_millis(200))))
        .unwrap();
    assert!((2..=12).contains(&report.sent), "{}", report.sent);
}

fn two_pingers_to_one_destination_do_not_mix() {
    let _lab = Lab::pair();
    for destination in ["10.0.1.2", "fd01::2"] {
        let mut request = to(destination);
        request.count = Some(20);
        request.interval = Duration::from_millis(2);
        let runtime = runtime();
        let _context = runtime.enter();
        let mut first = within("a", || Pinger::open(&request)).unwrap();
        let mut second = within("a", || Pinger::open(&request)).unwrap();
        let (first, second) = runtime.block_on(async {
            tokio::join!(first.run(|_| {}, pending()), second.run(|_| {}, pending()))
        });
        for report in [first.unwrap(), second.unwrap()] {
            assert!(report.ok());
            assert_eq!((report.received, report.duplicates), (20, 0));
        }
    }
}

fn many_pingers_at_once_are_all_answered() {
    let _lab = Lab::pair();
    let mut request = to("10.0.1.2");
    request.count = Some(3);
    let runtime = runtime();
    let _context = runtime.enter();
    let mut pingers: Vec<Pinger> = within("a", || {
        (0..100).map(|_| Pinger::open(&request).unwrap()).collect()
    });
    let runs = pingers
        .iter_mut()
        .map(|pinger| pinger.run(|_| {}, pending()));
    for report in runtime.block_on(futures::future::join_all(runs)) {
        let report = report.unwrap();
        assert_eq!((report.received, report.duplicates), (3, 0));
    }
}

fn errors_go_to_the_pinger_that_they_are_about() {
    let _lab = Lab::routed();
    let mut short = to("10.0.2.2");
    short.ttl = Some(1);
    let long = to("10.0.2.2");
    let runtime = runtime();
    let _context = runtime.enter();
    let mut short = within("a", || Pinger::open(&short)).unwrap();
    let mut long = within("a", || Pinger::open(&long)).unwrap();
    let (short, long) = runtime.block_on(async {
        tokio::join!(short.run(|_| {}, pending()), long.run(|_| {}, pending()))
    });
    assert_eq!(short.unwrap().errors, 1);
    assert!(long.unwrap().ok());
}

fn refusal(netns: &str, request: &Request) -> ipvsh::error::Error {
    let runtime = runtime();
    let _context = runtime.enter();
    match within(netns, || Pinger::open(request)) {
        Ok(_) => panic!("it was not refused"),
        Err(error) => error,
    }
}

fn a_source_that_is_not_here_is_refused() {
    let _lab = Lab::pair();
    let mut request = to("10.0.1.2");
    request.source = Some(ip("10.0.1.77"));
    assert_eq!(
        refusal("a", &request).to_string(),
        "cannot ping `10.0.1.2`: no interface here has the source address `10.0.1.77`"
    );
}

fn a_device_that_is_not_here_is_refused() {
    let _lab = Lab::pair();
    let mut request = to("10.0.1.2");
    request.device = Some("eth9".to_owned());
    assert_eq!(
        refusal("a", &request).to_string(),
        "cannot ping `10.0.1.2`: there is no interface `eth9` here"
    );
}

fn a_named_device_gives_the_source() {
    let _lab = Lab::pair();
    for (destination, source) in [("10.0.1.2", "10.0.1.1"), ("fd01::2", "fd01::1")] {
        let mut request = to(destination);
        request.device = Some("a".to_owned());
        let runtime = runtime();
        let _context = runtime.enter();
        let mut pinger = within("a", || Pinger::open(&request)).unwrap();
        assert_eq!(pinger.request().source, Some(ip(source)));
        let report = runtime.block_on(pinger.run(|_| {}, pending())).unwrap();
        assert!(report.ok());
    }
}

fn a_payload_too_small_for_a_cookie_is_answered() {
    let _lab = Lab::pair();
    for destination in ["10.0.1.2", "fd01::2"] {
        for size in [0, 1, 7] {
            let mut request = to(destination);
            request.size = size;
            let report = ping("a", &request);
            assert!(report.ok(), "{destination} with {size} bytes: {report:?}");
        }
    }
}

fn a_large_payload_is_answered() {
    let _lab = Lab::pair();
    for (destination, size) in [("10.0.1.2", 65_507), ("fd01::2", 65_000)] {
        let mut request = to(destination);
        request.size = size;
        request.count = Some(3);
        let report = ping("a", &request);
        assert!(report.ok(), "{report:?}");
        let Outcome::Reply { bytes, .. } = outcomes(&report)[0] else {
            panic!("{report:?}");
        };
        assert_eq!(*bytes, usize::from(size) + 8);
    }
}

fn requests_leave_on_schedule() {
    let _lab = Lab::pair();
    let mut request = to("10.0.1.2");
    request.count = Some(101);
    request.interval = Duration::from_millis(5);
    let report = ping("a", &request);
    assert!(report.ok());
    let late = report.sending.abs_diff(Duration::from_millis(500));
    assert!(late < Duration::from_secs(2), "{:?}", report.sending);
}

/// Takes the right to RAW sockets from this thread, which leaves it none at all but its file access.
#[track_caller]
fn drop_raw_sockets() {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Data {
        effective: u32,
        permitted: u32,
        inheritable: u32,
    }
    const CAP_NET_RAW: u32 = 1 << 13;
    let header = Header {
        version: 0x2008_0522,
        pid: 0,
    };
    let mut data = [Data {
        effective: 0,
        permitted: 0,
        inheritable: 0,
    }; 2];
    // SAFETY: version 3 of the interface reads one header and reads or writes two of `Data`, for this thread only.
    let result = unsafe {
        libc::syscall(libc::SYS_capget, &raw const header, data.as_mut_ptr());
        data[0].effective &= !CAP_NET_RAW;
        libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr())
    };
    assert_eq!(result, 0, "capset");
}

fn without_raw_sockets_unprivileged_ones_do() {
    let lab = Lab::routed();
    lab.sysctl("a", "net/ipv4/ping_group_range", "0 0");
    drop_raw_sockets();
    for destination in ["10.0.2.2", "fd02::2"] {
        let mut request = to(destination);
        request.count = Some(10);
        request.interval = Duration::from_millis(2);
        let runtime = runtime();
        let _context = runtime.enter();
        let mut first = within("a", || Pinger::open(&request)).unwrap();
        let mut second = within("a", || Pinger::open(&request)).unwrap();
        let (first, second) = runtime.block_on(async {
            tokio::join!(first.run(|_| {}, pending()), second.run(|_| {}, pending()))
        });
        for report in [first.unwrap(), second.unwrap()] {
            assert_eq!((report.received, report.duplicates), (10, 0), "{report:?}");
            let Outcome::Reply { ttl, bytes, .. } = outcomes(&report)[0] else {
                panic!("{report:?}");
            };
            assert_eq!((*ttl, *bytes), (Some(63), 64));
        }
    }
}

fn without_raw_sockets_errors_still_arrive() {
    let lab = Lab::routed();
    lab.sysctl("a", "net/ipv4/ping_group_range", "0 0");
    lab.ip_in("r", "link set dev rb mtu 1400");
    lab.ip_in("b", "link set dev b mtu 1400");
    drop_raw_sockets();
    for (destination, router) in [("10.0.2.2", "10.0.1.1"), ("fd02::2", "fd01::1")] {
        let mut request = to(destination);
        request.ttl = Some(1);
        let exceeded = Outcome::TtlExceeded { from: ip(router) };
        assert_eq!(only_outcome(&ping("a", &request)), &exceeded);

        let mut request = to(destination);
        request.size = 1440;
        request.dont_fragment = true;
        let too_long = Outcome::FragmentationNeeded {
            from: ip(router),
            mtu: Some(1400),
        };
        assert_eq!(only_outcome(&ping("a", &request)), &too_long);
        let refused = Outcome::SendFailed {
            errno: Errno::EMSGSIZE,
            mtu: Some(1400),
        };
        assert_eq!(only_outcome(&ping("a", &request)), &refused);
    }
    let report = ping("a", &to("10.0.1.9"));
    let unreachable = Outcome::Unreachable {
        from: ip("10.0.1.2"),
        what: Unreachable::Host,
    };
    assert_eq!(only_outcome(&report), &unreachable);
}

fn without_any_socket_the_hint_says_what_to_do() {
    let _lab = Lab::pair();
    drop_raw_sockets();
    let error = refusal("a", &to("10.0.1.2"));
    assert_eq!(error.kind, ipvsh::error::Kind::Denied);
    assert_eq!(
        error.to_string(),
        "cannot ping `10.0.1.2`: neither a RAW nor an unprivileged ICMP socket is permitted here"
    );
    let hint = error.hint.unwrap_or_default();
    assert!(
        hint.ends_with(
            "; or allow it for all: `sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"`"
        ),
        "{hint}"
    );
}
