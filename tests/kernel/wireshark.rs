//! Captures by the programs that people read and choose packets with: Wireshark's list, `tshark` and `tcpdump`.

use std::io::Read;
use std::process::{Command, Stdio};

use nix::mount::{MsFlags, mount};

use crate::capture::{TWO, ping};
use crate::case::cases;
use crate::lab::{Lab, finish};
use crate::seeds::Dice;

cases! {
    ["veth"] =>
        wireshark_lists_labs_and_links_and_has_them_captured;
    ["veth", "tshark"] =>
        tshark_reads_what_is_captured
        tshark_captures_a_lab_of_its_own_list;
    ["tcpdump"] =>
        a_filter_wants_what_tcpdump_wants;
}

/// What `ipvsh extcap` answers, as Wireshark asks it.
fn extcap(lab: &Lab, arguments: &[&str]) -> String {
    let output = lab.ipvsh(&[&["extcap"], arguments].concat());
    assert_eq!((output.code, &*output.stderr), (0, ""));
    output.stdout
}

fn wireshark_lists_labs_and_links_and_has_them_captured(lab: &Lab) {
    lab.run(TWO);
    let listed = extcap(lab, &["--extcap-interfaces", "--extcap-version=4.0"]);
    let (first, listed) = listed.split_once('\n').unwrap();
    assert_eq!(
        first,
        concat!(
            "extcap {version=",
            env!("CARGO_PKG_VERSION"),
            "}{display=ipvsh}"
        )
    );
    assert_eq!(
        listed,
        "interface {value=ipvsh:lab}{display=lab lab, all 4 links}
interface {value=ipvsh:a:lo}{display=lab lab, a:lo}
interface {value=ipvsh:a:to-b}{display=lab lab, a:to-b (veth)}
interface {value=ipvsh:b:lo}{display=lab lab, b:lo}
interface {value=ipvsh:b:to-a}{display=lab lab, b:to-a (veth)}
"
    );
    let of_lab = |question: &[&str]| {
        extcap(
            lab,
            &[&["--extcap-interface", "ipvsh:lab"], question].concat(),
        )
    };
    assert!(of_lab(&["--extcap-dlts"]).starts_with("dlt {number=1}{name=EN10MB}{display="));
    assert!(of_lab(&["--extcap-config"]).starts_with("arg {number=0}{call=--count}"));
    assert_eq!(of_lab(&["--extcap-capture-filter", "icmp"]), "");
    assert!(of_lab(&["--extcap-capture-filter", "icmpp"]).contains("`icmpp`"));

    extcap(lab, &["--install=plugins"]);
    let installed = lab.folder().join("plugins/ipvsh");
    let fifo = lab.folder().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut child = std::process::Command::new(&installed)
        .args(["--extcap-interface", "ipvsh:lab", "--capture", "--fifo"])
        .arg(&fifo)
        .args(["--extcap-capture-filter", "icmp", "--count", "4"])
        .spawn()
        .unwrap();
    let mut stream = std::fs::File::open(&fifo).unwrap();
    let mut head = [0; 28];
    stream.read_exact(&mut head).unwrap();
    ping(lab);
    let mut bytes = head.to_vec();
    stream.read_to_end(&mut bytes).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    std::fs::write(lab.folder().join("x.pcapng"), bytes).unwrap();
    assert_eq!(
        lab.value("packets(\"x.pcapng\").map(|p| `${p.link} ${p.direction}`)"),
        serde_json::json!(["a:to-b out", "b:to-a in", "b:to-a out", "a:to-b in"])
    );
}

/// Runs a program in the folder of the case, which is to end well; returns what it printed.
fn output(lab: &Lab, program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(lab.folder());
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.stderr(Stdio::piped());
    let output = finish(command.spawn().unwrap());
    assert_eq!(output.code, 0, "{program} {arguments:?}: {}", output.stderr);
    output.stdout
}

fn tshark_reads_what_is_captured(lab: &Lab) {
    lab.run(&format!(
        "{TWO}let c = capture([v, v.peer], \"x.pcapng\", #{{filter: \"icmp\"}});
         a.ping(\"10.0.0.2\", #{{count: 1, quiet: true}});
         c.stop();"
    ));
    let fields = [
        "frame.interface_name",
        "frame.packet_flags_direction",
        "frame.len",
        "eth.src",
        "ip.dst",
        "icmp.type",
        "icmp.checksum.status",
    ];
    let fields = fields.iter().flat_map(|field| ["-e", field]);
    let arguments = ["-n", "-r", "x.pcapng", "-T", "fields", "-E", "separator=/s"];
    let arguments: Vec<_> = arguments.into_iter().chain(fields).collect();
    assert_eq!(
        output(lab, "tshark", &arguments),
        "a:to-b 0x00000002 98 02:00:00:00:00:01 10.0.0.2 8 1
b:to-a 0x00000001 98 02:00:00:00:00:01 10.0.0.2 8 1
b:to-a 0x00000002 98 02:00:00:00:00:02 10.0.0.1 0 1
a:to-b 0x00000001 98 02:00:00:00:00:02 10.0.0.1 0 1
"
    );
    // Nothing in the file is malformed, and the times go on.
    let wrong = [
        "-n",
        "-r",
        "x.pcapng",
        "-Y",
        "_ws.malformed or frame.time_delta < 0",
    ];
    assert_eq!(output(lab, "tshark", &wrong), "");
}

fn tshark_captures_a_lab_of_its_own_list(lab: &Lab) {
    lab.run(TWO);
    // The folder of all users, as it is for this case alone.
    let folders = output(lab, "tshark", &["-G", "folders"]);
    let mut lines = folders.lines();
    let folder = lines.find_map(|line| line.strip_prefix("Extcap path:"));
    let (folder, none) = (folder.unwrap().trim(), None::<&str>);
    mount(none, folder, Some("tmpfs"), MsFlags::empty(), none).unwrap();
    extcap(lab, &[&format!("--install={folder}")]);
    let listed = output(lab, "tshark", &["-D"]);
    let ours = listed
        .lines()
        .filter_map(|line| line.split_once(". ipvsh:"));
    assert_eq!(
        ours.map(|(_, name)| name).collect::<Vec<_>>(),
        [
            "a:lo (lab lab, a:lo)",
            "a:to-b (lab lab, a:to-b (veth))",
            "b:lo (lab lab, b:lo)",
            "b:to-a (lab lab, b:to-a (veth))",
            "lab (lab lab, all 4 links)",
        ]
    );
    let mut tshark = Command::new("tshark")
        .args([
            "-n",
            "-i",
            "ipvsh:lab",
            "-f",
            "icmp",
            "-c",
            "4",
            "-T",
            "fields",
        ])
        .args(["-e", "frame.interface_name", "-e", "icmp.type"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It does not say when it has begun: packets go until it has as many as it wants.
    while tshark.try_wait().unwrap().is_none() {
        ping(lab);
    }
    let mut lines = String::new();
    let mut stream = tshark.stdout.take().unwrap();
    stream.read_to_string(&mut lines).unwrap();
    let mut lines: Vec<_> = lines.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["a:to-b\t0", "a:to-b\t8", "b:to-a\t0", "b:to-a\t8"]);
}

/// How many packets and filters are tried against each other.
const PACKETS: u32 = 400;
const FILTERS: usize = 250;

fn a_filter_wants_what_tcpdump_wants(lab: &Lab) {
    let mut dice = Dice::new(1);
    let packets: Vec<_> = (0..PACKETS).map(|_| packet(&mut dice)).collect();
    std::fs::write(lab.folder().join("x.pcapng"), pcapng(&packets)).unwrap();
    let filters: Vec<_> = (0..FILTERS).map(|_| filter(&mut dice)).collect();
    let list = serde_json::to_string(&filters).unwrap();
    let script = format!(
        "for filter in {list} {{ print(packets(\"x.pcapng\", filter).map(|p| `${{p.time_ns / 1000000000}}`).join(\" \")); }}"
    );
    let wanted = lab.run(&script);
    let mut chosen = 0;
    for (filter, ours) in filters.iter().zip(wanted.lines()) {
        // Without its optimiser, which leaves out tests that would fail for want of bytes. Where nothing can be wanted, it says
        // so, with an exit code of 1.
        let command = format!(
            "tcpdump -O -n -q -tt -r x.pcapng '{filter}' 2> told || grep 'rejects all packets' told"
        );
        let told = output(lab, "sh", &["-c", &command]);
        // A second each, in the file; what a packet holds may go over several lines.
        let times = told.lines().filter_map(|line| {
            let (seconds, rest) = line.split_once('.')?;
            rest.starts_with("000000 ").then_some(())?;
            seconds.parse::<u32>().ok().map(|_| seconds)
        });
        let theirs: Vec<_> = times.collect();
        chosen += theirs.len();
        assert_eq!(ours, theirs.join(" "), "{filter}");
    }
    assert!(chosen > FILTERS * 20, "these filters say little: {chosen}");
}

/// A frame: addresses, ports and tags of a few, so that filters find some.
fn packet(dice: &mut Dice) -> Vec<u8> {
    let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    for _ in 0..[0, 0, 0, 1, 2][dice.roll(5)] {
        bytes.extend([0x81, 0, 0, *dice.one_of(&[10, 20])]);
    }
    let protocol = *dice.one_of(&[1, 2, 6, 6, 17, 17, 47, 58, 132]);
    let [source, target] = [(); 2].map(|()| *dice.one_of(&[1, 2, 3]));
    let ports = [(); 2].map(|()| *dice.one_of(&[22_u16, 80, 443]));
    let mut payload: Vec<u8> = ports.into_iter().flat_map(u16::to_be_bytes).collect();
    payload.extend([0; 20]);
    match dice.roll(8) {
        0 => bytes.extend([
            8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, source, 1, 0, 0, 0, 0, 0, 0, 10,
            0, target, 2,
        ]),
        1 => bytes.extend([0x88, 0xb5, 1, 2, 3, 4]),
        2 | 3 => {
            bytes.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 24, protocol, 64]);
            for (net, host) in [(source, 1), (target, 2)] {
                bytes.extend([0xfd, 0, 0, 0, 0, 0, 0, net, 0, 0, 0, 0, 0, 0, 0, host]);
            }
            bytes.extend(payload);
        }
        _ => {
            let options = dice.roll(3);
            let fragment = *dice.one_of(&[0, 0, 0, 0x2000_u16, 0x2010, 0x4000]);
            bytes.extend([8, 0, 0x45 + u8::try_from(options).unwrap(), 0, 0, 44, 0, 1]);
            bytes.extend(fragment.to_be_bytes());
            bytes.extend([64, protocol, 0, 0, 10, 0, source, 1, 10, 0, target, 2]);
            bytes.extend(std::iter::repeat_n(1, 4 * options));
            bytes.extend(payload);
        }
    }
    if dice.chance(10) {
        bytes.truncate(14 + dice.roll(bytes.len() - 13));
    }
    bytes
}

/// A file of these packets, a second after each other.
fn pcapng(packets: &[Vec<u8>]) -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let length = u32::try_from(body.len().next_multiple_of(4) + 12).unwrap();
        let mut bytes = [kind.to_le_bytes(), length.to_le_bytes()].concat();
        bytes.extend(body);
        bytes.resize(usize::try_from(length).unwrap() - 4, 0);
        bytes.extend(length.to_le_bytes());
        bytes
    };
    let section = [
        &0x1a2b_3c4d_u32.to_le_bytes()[..],
        &[1, 0, 0, 0],
        &[0xff; 8],
    ]
    .concat();
    let mut bytes = block(0x0a0d_0d0a, &section);
    bytes.extend(block(1, &[1, 0, 0, 0, 0, 0, 0, 0]));
    for (number, packet) in (1_u64..).zip(packets) {
        let time = number * 1_000_000;
        let [high, low] = [time >> 32, time & 0xffff_ffff].map(|part| u32::try_from(part).unwrap());
        let length = u32::try_from(packet.len()).unwrap();
        let head = [0, high, low, length, length]
            .map(u32::to_le_bytes)
            .concat();
        bytes.extend(block(6, &[&head, &packet[..]].concat()));
    }
    bytes
}

/// An expression, at times with what is within the tags of a VLAN; to the right of that word tcpdump looks there for all that
/// follows, ipvsh for what is joined by `and`.
fn filter(dice: &mut Dice) -> String {
    let rest = expression(dice, 0);
    let vlan = *dice.one_of(&["vlan", "vlan 10", "vlan 20 and vlan 10"]);
    match dice.roll(6) {
        0 => format!("{vlan} and ({rest})"),
        1 => format!("{rest} and not ({vlan})"),
        2 => format!("{rest} or ({vlan})"),
        _ => rest,
    }
}

/// An expression of random words, whose brackets nest three deep at most.
fn expression(dice: &mut Dice, depth: usize) -> String {
    let mut text = term(dice, depth);
    for _ in 0..dice.roll(3) {
        let join = *dice.one_of(&["and", "or", "and not"]);
        text = format!("{text} {join} {}", term(dice, depth));
    }
    text
}

fn term(dice: &mut Dice, depth: usize) -> String {
    let side = *dice.one_of(&["", "src ", "dst ", "src or dst ", "src and dst "]);
    let net = *dice.one_of(&[1, 2, 3]);
    let family = *dice.one_of(&["", "", "ip ", "arp "]);
    match dice.roll(8) {
        0 => (*dice.one_of(&["ip", "ip6", "arp", "tcp", "udp", "icmp", "icmp6"])).to_owned(),
        1 => format!("{family}{side}host 10.0.{net}.{}", dice.one_of(&[1, 2])),
        2 => format!("{family}{side}net 10.0.{net}.0/24"),
        3 => format!("{side}host fd00:0:0:{net}::{}", dice.one_of(&[1, 2])),
        4 => format!("ip6 {side}net fd00:0:0:{net}::/64"),
        5 => {
            let protocol = *dice.one_of(&["", "", "tcp ", "udp "]);
            format!("{protocol}{side}port {}", dice.one_of(&[22, 80, 443]))
        }
        6 => {
            let family = *dice.one_of(&["ip", "ip6"]);
            format!("{family} proto {}", dice.one_of(&[2, 6, 47, 58, 132]))
        }
        7 if depth < 3 => {
            let not = *dice.one_of(&["", "not "]);
            format!("{not}({})", expression(dice, depth + 1))
        }
        _ => "udp".to_owned(),
    }
}
