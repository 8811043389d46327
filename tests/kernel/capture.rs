//! Captures: what passes links of several namespaces, in a file, in a stream and in lines.

use std::io::{BufRead, BufReader, Read};
use std::os::fd::AsRawFd;
use std::process::{Child, ChildStderr};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::case::cases;
use crate::lab::{Lab, finish};

cases! {
    ["veth"] =>
        packets_of_two_namespaces_come_into_one_file
        a_capture_ends_by_its_count_and_a_ring_keeps_the_latest
        a_namespace_that_goes_is_told_and_the_others_go_on
        a_tag_of_a_vlan_is_in_the_file_and_looked_at_by_the_filter
        a_plan_says_what_it_would_capture_and_makes_no_file
        what_is_wrong_with_a_capture_is_said
        the_command_prints_a_line_a_packet
        the_command_writes_a_stream_until_it_is_interrupted
        a_capture_ends_in_a_namespace_that_is_taken_back;
}

/// Two namespaces that know each other's hardware address.
pub(crate) const TWO: &str = r#"let a = netns("a");
    let b = netns("b");
    let v = a.veth("to-b", b, "to-a", #{mac: "02:00:00:00:00:01", addr: "10.0.0.1/24", up: true});
    v.peer.mac("02:00:00:00:00:02").addr("10.0.0.2/24").up();
    v.neighbor("10.0.0.2", "02:00:00:00:00:02");
    v.peer.neighbor("10.0.0.1", "02:00:00:00:00:01");
"#;

fn two(rest: &str) -> String {
    format!("{TWO}{rest}")
}

fn packets_of_two_namespaces_come_into_one_file(lab: &Lab) {
    let printed = lab.run(&two(
        r#"let c = capture([v, v.peer], "x.pcapng", #{filter: "icmp and host 10.0.0.2", snaplen: 42});
           let quiet = b.link("lo").capture("never-stopped.pcapng");
           a.ping("10.0.0.2", #{count: 1, quiet: true});
           print([c.packets, c.dropped, c.running, c.file]);
           c.stop();
           print(c);
           let before = 0;
           for p in packets("x.pcapng") {
               assert(p.time_ns >= before, "in the order of time");
               before = p.time_ns;
               let info = p.info.split(" ");
               print(`${p.link} ${p.direction} ${p.len} ${p.proto} ${p.src_mac} ${p.src} ${p.dst} ${p.ttl} ${info[1]} ${info[5]}`);
           }
           print(packets("x.pcapng", "src 10.0.0.2").len());
           print(packets("x.pcapng", "not icmp"));"#,
    ));
    assert_eq!(
        printed,
        "[4, 0, true, \"x.pcapng\"]
x.pcapng  ended  4 packets, 0 dropped
a:to-b out 98 icmp 02:00:00:00:00:01 10.0.0.1 10.0.0.2 64 request 1
b:to-a in 98 icmp 02:00:00:00:00:01 10.0.0.1 10.0.0.2 64 request 1
b:to-a out 98 icmp 02:00:00:00:00:02 10.0.0.2 10.0.0.1 64 reply 1
a:to-b in 98 icmp 02:00:00:00:00:02 10.0.0.2 10.0.0.1 64 reply 1
2
[]
"
    );
    let whole = std::fs::read(lab.folder().join("x.pcapng")).unwrap();
    let text = String::from_utf8_lossy(&whole);
    for part in ["a:to-b", "b:to-a", "icmp and host 10.0.0.2", "lab.rhai:7"] {
        assert!(text.contains(part), "{part}");
    }
    // A block for each link says at the end what was received; also where nobody has ended the capture.
    let other = std::fs::read(lab.folder().join("never-stopped.pcapng")).unwrap();
    assert_eq!(&other[other.len() - 52..][..4], [5, 0, 0, 0]);
    assert_eq!(&whole[whole.len() - 52..][24..32], [2, 0, 0, 0, 0, 0, 0, 0]);
}

fn a_capture_ends_by_its_count_and_a_ring_keeps_the_latest(lab: &Lab) {
    let printed = lab.run(&two(
        r#"let c = v.capture("few.pcapng", #{filter: "icmp", count: 3});
           let r = v.capture("ring.pcapng", #{filter: "icmp", size: "600B", ring: 2});
           let full = v.capture("full.pcapng", #{filter: "icmp", size: "600B"});
           a.ping("10.0.0.2", #{count: 3, interval: "10ms", quiet: true});
           c.wait("5s");
           full.wait("5s");
           print([c.packets, c.running, full.packets, full.running]);
           print(packets("few.pcapng").map(|p| p.direction));
           print([r.packets, r.running, r.files]);
           r.stop();
           print(r.files.map(|file| packets(file).map(|p| p.info.split(" ")[5])));
           print(packets("full.pcapng").len());"#,
    ));
    assert_eq!(
        printed,
        "[3, false, 2, false]
[\"out\", \"in\", \"out\"]
[6, true, [\"ring.2.pcapng\", \"ring.1.pcapng\"]]
[[\"2\", \"2\"], [\"3\", \"3\"]]
2
"
    );
}

/// The far end of its pair goes, too: the capture does not keep it alive.
fn a_namespace_that_goes_is_told_and_the_others_go_on(lab: &Lab) {
    let output = lab.script(&two(r#"let c = netns("c");
           c.link("lo").up();
           let all = capture([b, c], "x.pcapng", #{filter: "icmp"});
           b.delete();
           wait_for(|| a.links.len() == 1, "10s");
           c.ping("127.0.0.1", #{count: 1, quiet: true});
           all.stop();
           print(packets("x.pcapng").map(|p| p.link));"#));
    assert_eq!(
        output.end(),
        "exit code 0
note: link `b:lo` went with its namespace: the capture goes on without it
note: link `b:to-a` went with its namespace: the capture goes on without it
"
    );
    assert_eq!(output.stdout, "[\"c:lo\", \"c:lo\"]\n");
}

/// Sends a frame as it is.
fn send(lab: &Lab, netns: &str, link: &str, frame: &[u8]) {
    lab.in_netns(netns, || {
        let socket = Socket::new(Domain::PACKET, Type::RAW, None).unwrap();
        let index = nix::net::if_::if_nametoindex(link).unwrap();
        // SAFETY: the storage has room for every kind of address.
        let ((), address) = unsafe {
            SockAddr::try_init(|storage, length| {
                let address = storage.cast::<nix::libc::sockaddr_ll>();
                (*address).sll_family = 17;
                (*address).sll_ifindex = index.try_into().unwrap();
                *length = 20;
                Ok(())
            })
        }
        .unwrap();
        assert!(socket.as_raw_fd() >= 0);
        socket.send_to(frame, &address).unwrap();
    });
}

fn a_tag_of_a_vlan_is_in_the_file_and_looked_at_by_the_filter(lab: &Lab) {
    lab.run(TWO);
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    frame.extend([
        0x81, 0, 0, 10, 0x08, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0,
    ]);
    frame.extend([10, 0, 0, 1, 10, 0, 0, 2, 0, 7, 0, 9, 0, 8, 0, 0]);
    let mut running: Vec<(Child, BufReader<ChildStderr>)> =
        ["vlan 10 and udp port 9", "udp", "vlan 11"]
            .into_iter()
            .map(|filter| {
                begin(
                    lab,
                    &[
                        "--json", "capture", "a", "b:to-a", "--filter", filter, "--count", "2",
                    ],
                )
            })
            .collect();
    send(lab, "a", "to-b", &frame);
    let (first, _) = running.remove(0);
    let seen = finish(first).stdout;
    let seen: Vec<serde_json::Value> = seen
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told = |one: &serde_json::Value| {
        ["link", "direction", "vlan", "proto", "dport", "len"]
            .map(|key| one[key].to_string())
            .join(" ")
    };
    let told: Vec<_> = seen.iter().map(told).collect();
    assert_eq!(
        told,
        [
            "\"a:to-b\" \"out\" 10 \"udp\" 9 46",
            "\"b:to-a\" \"in\" 10 \"udp\" 9 46"
        ]
    );
    for (other, _) in running {
        kill(
            Pid::from_raw(other.id().try_into().unwrap()),
            Signal::SIGINT,
        )
        .unwrap();
        assert_eq!(finish(other).stdout, "");
    }
}

fn a_plan_says_what_it_would_capture_and_makes_no_file(lab: &Lab) {
    let script = two(r#"let c = capture([v, v.peer], "x.pcapng");
           a.ping("10.0.0.2", 1);
           print(c.stop().packets);
           print(packets("x.pcapng"));"#);
    std::fs::write(lab.folder().join("lab.rhai"), script).unwrap();
    let plan = lab.ipvsh(&["plan", "lab.rhai"]);
    assert_eq!(plan.code, 10, "{}", plan.stderr);
    assert!(
        plan.stdout.contains("a:to-b, b:to-a into x.pcapng"),
        "{}",
        plan.stdout
    );
    assert!(!lab.folder().join("x.pcapng").exists());
}

fn what_is_wrong_with_a_capture_is_said(lab: &Lab) {
    lab.refuses(&[
        (
            r#"host().link("lo").capture("x.pcapng", #{filter: "icmp and hosts 10.0.0.1"})"#,
            "invalid: cannot read filter `icmp and hosts 10.0.0.1`: there is no word `hosts`, at character 10 of the filter
note: filter: icmp and hosts 10.0.0.1
note: words: host net port proto src dst ip ip6 arp tcp udp icmp icmp6 vlan and or not ( )
hint: did you mean `host`?",
        ),
        (
            r#"capture([], "x.pcapng")"#,
            "invalid: cannot capture into `x.pcapng`: it is given no link
hint: name links: capture([a.link(\"to-b\"), b.link(\"to-a\")], \"x.pcapng\")",
        ),
        (
            r#"capture(["lo"], "x.pcapng", #{ring: 3})"#,
            "invalid: cannot capture into `x.pcapng`: `ring` needs the size of its files
hint: write for example #{size: \"10MiB\", ring: 5}",
        ),
        (
            r#"capture(["lo"], "none/x.pcapng")"#,
            "not_found: cannot write `none/x.pcapng`: no such file or directory",
        ),
        (
            r#"capture(["lo"], "/dev/full")"#,
            "kernel: cannot write `/dev/full`: no space left on device
hint: make room there: `df -h` and `df -i` show what is full",
        ),
        (
            r#"let c = link("lo").capture("twice.pcapng"); link("lo").capture("twice.pcapng")"#,
            "busy: cannot capture into `twice.pcapng`: a capture that still runs writes it
hint: end that one first with `.stop()`, or name another file",
        ),
        (
            r#"write("x.txt", "text"); packets("x.txt")"#,
            "invalid: cannot read packets of `x.txt`: it is not a file of pcapng
hint: capture(links, file) and `ipvsh capture -w FILE` write such a file",
        ),
    ]);
    assert!(!lab.folder().join("x.pcapng").exists());
    let output = lab.ipvsh(&["capture", "host", "--filter", "port http"]);
    assert_eq!(
        output.end(),
        "exit code 2
error: cannot read filter `port http`: `http` is not a port, at character 6 of the filter
  = filter: port http
hint: names are not looked up in a filter: give the address or number
"
    );
    let without = ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-all"];
    let output = lab.ipvsh_by(&without, &["capture", "host:lo"]);
    assert_eq!(output.code, 3);
    assert!(
        output.stderr.starts_with(
            "error: cannot capture `host:lo`: operation not permitted
  = packet sockets take CAP_NET_RAW in the namespace
"
        ),
        "{}",
        output.stderr
    );
    lab.run(TWO);
    let output = lab.ipvsh(&["capture", "lab:to-b"]);
    assert_eq!(
        output.end(),
        "exit code 1
error: `lab` is a lab of several namespaces
  = its namespaces: a, b
hint: write `a:to-b`
"
    );
}

/// Starts ipvsh, and returns when it captures.
fn begin(lab: &Lab, arguments: &[&str]) -> (Child, BufReader<ChildStderr>) {
    let mut child = lab.start(arguments);
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let begins = ["capturing ", "{\"capturing\":"];
    assert!(begins.iter().any(|begin| line.starts_with(begin)), "{line}");
    (child, said)
}

pub(crate) fn ping(lab: &Lab) {
    let sent = lab.ipvsh(&["-q", "-e", "netns(\"a\").ping(\"10.0.0.2\", 1)"]);
    assert_eq!(sent.code, 0, "{}", sent.stderr);
}

fn the_command_prints_a_line_a_packet(lab: &Lab) {
    lab.run(TWO);
    let (child, mut said) = begin(
        lab,
        &[
            "capture",
            "lab",
            "--filter",
            "icmp",
            "--count",
            "4",
            "--duration",
            "20s",
        ],
    );
    ping(lab);
    let output = finish(child);
    assert_eq!(output.code, 0);
    let lines: Vec<String> = output
        .stdout
        .lines()
        .map(|line| {
            let (time, line) = line.split_once(' ').unwrap();
            assert_eq!(time.len(), "12:34:56.123456".len(), "{time}");
            let (front, id) = line.split_once(" id ").unwrap();
            format!("{front} {}", id.split_once(' ').unwrap().1)
        })
        .collect();
    assert_eq!(
        lines,
        [
            "a:to-b out icmp 10.0.0.1 > 10.0.0.2 echo request seq 1",
            "b:to-a in  icmp 10.0.0.1 > 10.0.0.2 echo request seq 1",
            "b:to-a out icmp 10.0.0.2 > 10.0.0.1 echo reply seq 1",
            "a:to-b in  icmp 10.0.0.2 > 10.0.0.1 echo reply seq 1",
        ]
    );
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "4 packets of 4 links, 0 dropped\n");
}

fn the_command_writes_a_stream_until_it_is_interrupted(lab: &Lab) {
    lab.run(TWO);
    let (mut child, mut said) = begin(lab, &["capture", "b:to-a", "-w", "-", "--filter", "icmp"]);
    ping(lab);
    // A packet is seen at the other end as soon as it has passed.
    let mut stream = child.stdout.take().unwrap();
    let mut bytes = Vec::new();
    let mut packets = 0;
    while packets < 2 {
        let mut head = [0; 8];
        stream.read_exact(&mut head).unwrap();
        let length = u32::from_le_bytes(head[4..].try_into().unwrap());
        let mut rest = vec![0; length as usize - 8];
        stream.read_exact(&mut rest).unwrap();
        packets += usize::from(head[0] == 6);
        bytes.extend(head);
        bytes.extend(rest);
    }
    kill(
        Pid::from_raw(child.id().try_into().unwrap()),
        Signal::SIGINT,
    )
    .unwrap();
    stream.read_to_end(&mut bytes).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "2 packets of 1 link, 0 dropped\n");
    std::fs::write(lab.folder().join("x.pcapng"), bytes).unwrap();
    let printed = lab.run("print(packets(\"x.pcapng\").map(|p| p.link + \" \" + p.direction));");
    assert_eq!(printed, "[\"b:to-a in\", \"b:to-a out\"]\n");
}

fn a_capture_ends_in_a_namespace_that_is_taken_back(lab: &Lab) {
    let script = "let b = netns(\"b\"); let c = b.link(\"lo\").up().capture(\"x.pcapng\"); let s = b.listen(80);\n:undo\n";
    let mut child = lab
        .command(&[])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), script.as_bytes()).unwrap();
    let output = finish(child);
    assert_eq!(output.code, 0);
    let wanted = "note: link `b:lo` went with its namespace: the capture is over\n";
    assert!(output.stderr.contains(wanted), "{}", output.stderr);
}
