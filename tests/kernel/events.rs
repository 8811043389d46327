//! What the kernel reports: of a block, waited for, and watched from outside.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::case::cases;
use crate::lab::Lab;

cases! {
    ["veth", "bridge"] =>
        a_port_that_leaves_its_bridge_is_not_gone;
    ["veth"] =>
        the_events_of_a_block_are_its_value
        an_event_is_waited_for
        what_is_not_known_of_an_event_is_refused
        a_watched_lab_is_told_line_by_line_and_may_go;
}

fn the_events_of_a_block_are_its_value(lab: &Lab) {
    let printed = lab.run(
        r#"let a = netns("a");
           let none = events(|| 1 + 1);
           let seen = events(|| {
               let v = a.veth("v0", "v1");
               v.addr("10.0.0.1/24");
               v.delete();
           });
           // The loopback of the namespace around comes up when the kernel comes to it.
           print(none.filter(|event| event.netns == "a"));
           let line = |event| `${event.netns} ${event.kind} ${event.change}: ${event.text}`;
           for event in seen { print(line.call(event)); }"#,
    );
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[0], "[]");
    for wanted in [
        "a link new: veth DOWN mtu 1500",
        "a addr new: 10.0.0.1/24 dev v0",
        "a addr gone: 10.0.0.1/24 dev v0",
        "a link gone: veth",
    ] {
        assert!(lines.contains(&wanted), "{wanted}: {printed}");
    }
}

fn an_event_is_waited_for(lab: &Lab) {
    let printed = lab.run(
        r#"let a = netns("a");
           let job = a.spawn(["sh", "-c", "while :; do ip link add v0 type veth peer v1; ip link del v0; done"]);
           let seen = wait_event(#{kind: "link", link: "v0", change: "gone"}, "20s");
           print([seen.netns, seen.kind, seen.change, seen.link]);
           job.kill();"#,
    );
    assert_eq!(printed, "[\"a\", \"link\", \"gone\", \"v0\"]\n");
    let output = lab.ipvsh(&["-e", "wait_event(#{kind: \"rule\"}, \"50ms\")"]);
    assert_eq!(output.code, 1);
    assert!(
        output
            .stderr
            .starts_with("error: cannot wait for `kind rule`: none came within 50ms\n"),
        "{}",
        output.stderr
    );
}

fn what_is_not_known_of_an_event_is_refused(lab: &Lab) {
    let output = lab.ipvsh(&["-e", "wait_event(#{kind: \"links\"}, \"1s\")"]);
    assert_eq!(
        output.end(),
        "exit code 1
error: an event has no kind `links`
 --> <expression>:1:1
  |
1 | wait_event(#{kind: \"links\"}, \"1s\")
  | ^^^^^^^^^^
  = kinds: link, addr, route, neighbor, rule, lost
hint: did you mean \"link\"?
"
    );
}

fn a_watched_lab_is_told_line_by_line_and_may_go(lab: &Lab) {
    lab.run("netns(\"a\");");
    let mut watch = lab
        .command(&["watch", "a"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    // It may not listen yet: links come and go until it tells of one.
    let mut first = None;
    let told = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let line = lines.next().unwrap().unwrap();
            first = Some(line);
            lines
        });
        while !reader.is_finished() {
            lab.ip_in("a", "link add v0 type veth peer v1\nlink del v0");
        }
        reader.join().unwrap()
    });
    let first = first.unwrap();
    assert!(first.starts_with("a: link v"), "{first}");
    let watched = Pid::from_raw(watch.id().try_into().unwrap());
    kill(watched, Signal::SIGINT).unwrap();
    drop(told);
    assert_eq!(watch.wait().unwrap().code(), Some(130));
    let unknown = lab.ipvsh(&["watch", "b"]);
    assert_eq!(
        unknown.end(),
        "exit code 1
error: there is no lab and no namespace `b`
hint: did you mean `a`?
"
    );
}

fn a_port_that_leaves_its_bridge_is_not_gone(lab: &Lab) {
    let printed = lab.run(
        r#"let a = netns("a");
           let br = a.bridge("br0");
           let v = a.veth("v0", "v1").master(br);
           let seen = events(|| { v.nomaster(); v.mtu(1400); });
           for event in seen { if event.link == "v0" { print(`${event.change}: ${event.text}`); } }"#,
    );
    assert_eq!(
        printed,
        "changed: veth DOWN mtu 1500\nchanged: veth DOWN mtu 1400\n"
    );
}
