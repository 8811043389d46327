//! Waiting: for a condition of the script's own, for a port that is listened on.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::Child;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::case::cases;
use crate::lab::{Lab, Output, finish};

cases! {
    [] =>
        a_condition_is_called_until_it_holds
        a_condition_that_fails_is_tried_again_where_that_can_pass
        a_condition_that_fails_for_good_ends_the_wait
        a_condition_that_never_holds_is_told_with_its_last_failure
        an_interrupt_ends_a_wait
        a_port_is_waited_for_until_something_listens
        a_port_that_is_listened_on_is_not_waited_for
        a_port_without_a_listener_is_told_with_what_listens
        a_port_of_a_namespace_that_goes_is_not_waited_for
        what_is_wrong_with_a_wait_is_said
        a_plan_waits_for_nothing;
}

/// Starts a script, and waits until it has printed its first line.
fn started(lab: &Lab, text: &str) -> Child {
    fs::write(lab.folder().join("lab.rhai"), text).unwrap();
    let mut run = lab.start(&["lab.rhai"]);
    let mut line = String::new();
    let mut output = BufReader::new(run.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    run
}

#[track_caller]
fn ended(run: Child) -> Output {
    let output = finish(run);
    assert_eq!(output.end(), "exit code 0\n");
    output
}

fn a_condition_is_called_until_it_holds(lab: &Lab) {
    let text = r#"
        let tries = 0;
        wait_for(|| { tries += 1; tries == 7 }, "20s");
        wait_for(|| { tries += 1; tries == 9 }, #{timeout: "20s", interval: "1ms", what: "nine"});
        print(tries);
        wait_for(|| true, "0s");
        fn is_there(what) { what == 9 }
        wait_for(|| is_there(tries), 0.5.to_string());"#;
    assert_eq!(lab.run(text), "9\n");
}

fn a_condition_that_fails_is_tried_again_where_that_can_pass(lab: &Lab) {
    lab.ip("netns add a");
    let run = started(
        lab,
        r#"let a = netns("a");
           print("begun");
           wait_for(|| a.link("v0").kind == "veth", "60s");
           wait_for(|| { assert(netns("a").link("v1").is_up); true }, "60s");"#,
    );
    lab.ip_in("a", "link add v0 type veth peer name v1");
    lab.ip_in("a", "link set v1 up");
    ended(run);
}

fn a_condition_that_fails_for_good_ends_the_wait(lab: &Lab) {
    let errors = lab.fails(r#"wait_for(|| netns("a/b").inode == 1, "60s");"#);
    assert_eq!(
        errors,
        "\
error: cannot make namespace `a/b`: a namespace's name holds no slash, `a/b` does
 --> lab.rhai:1:13
  |
1 | wait_for(|| netns(\"a/b\").inode == 1, \"60s\");
  |             ^^^^^
  = in call to a closure at lab.rhai:1
"
    );
    let errors = lab.fails(r#"wait_for(|| no_such_word(1), "60s");"#);
    assert!(
        errors.starts_with("error: there is no word `no_such_word`\n"),
        "{errors}"
    );
    let errors = lab.fails(r#"wait_for(|| throw "never", "60s");"#);
    assert!(errors.starts_with("error: never\n"), "{errors}");
}

fn a_condition_that_never_holds_is_told_with_its_last_failure(lab: &Lab) {
    lab.ip("netns add a");
    let errors = lab
        .fails(r#"wait_for(|| netns("a").link("v0").is_up, #{timeout: "20ms", interval: "5ms"});"#);
    assert_eq!(
        errors,
        "\
error: the condition did not come to hold within 20ms
 --> lab.rhai:1:1
  |
1 | wait_for(|| netns(\"a\").link(\"v0\").is_up, #{timeout: \"20ms\", interval: \"5ms\"});
  | ^^^^^^^^
  = at the end: there is no link `v0` in namespace `a`
"
    );
}

fn an_interrupt_ends_a_wait(lab: &Lab) {
    lab.ip("netns add a");
    for wait in [
        r#"wait_for(|| false, "100s");"#,
        r#"wait_for(|| false, #{timeout: "100s", interval: "100s"});"#,
        r#"netns("a").wait_port("tcp", 80, "100s");"#,
    ] {
        let run = started(lab, &format!("print(\"begun\"); {wait}"));
        kill(Pid::from_raw(run.id().cast_signed()), Signal::SIGINT).unwrap();
        let output = finish(run);
        assert_eq!(output.code, 130, "{wait}\n{}", output.stderr);
    }
}

fn a_port_is_waited_for_until_something_listens(lab: &Lab) {
    lab.ip("netns add a");
    lab.ip_in(
        "a",
        "link set lo up\naddr add 10.0.0.1/24 dev lo\naddr add fd00::1/64 dev lo nodad",
    );
    let run = started(
        lab,
        r#"let a = netns("a");
           print("begun");
           a.wait_port("tcp", 80, "60s");
           a.wait_port("tcp", 81, #{address: "10.0.0.1", timeout: "60s"});
           a.wait_port("tcp", 82, #{address: "10.0.0.1", timeout: "60s"});
           within a { wait_port("tcp", 83, #{address: "fd00::1", timeout: "60s", interval: "1ms"}); }
           a.wait_port("udp", 84, "60s");"#,
    );
    let listeners = lab.in_netns("a", || {
        ["127.0.0.1:80", "10.0.0.1:81", "0.0.0.0:82", "[::]:83"]
            .map(|end| TcpListener::bind(end).unwrap())
    });
    let socket = lab.in_netns("a", || UdpSocket::bind("[fd00::1]:84").unwrap());
    ended(run);
    drop((listeners, socket));
}

fn a_port_that_is_listened_on_is_not_waited_for(lab: &Lab) {
    lab.ip("netns add a\nnetns add b");
    lab.ip_in("a", "link set lo up");
    let _listener = lab.in_netns("a", || TcpListener::bind("[::]:80").unwrap());
    lab.run(r#"netns("a").wait_port("tcp", 80, "0s"); netns("a").wait_port("tcp", 80, #{address: "192.0.2.1", timeout: 0});"#);
    assert_eq!(
        lab.fails(r#"netns("b").wait_port("tcp", 80, "1ms");"#),
        "\
error: cannot wait for tcp port 80 in namespace `b`: nothing listens after 1ms
 --> lab.rhai:1:12
  |
1 | netns(\"b\").wait_port(\"tcp\", 80, \"1ms\");
  |            ^^^^^^^^^
  = nothing listens there on any port
"
    );
}

fn a_port_without_a_listener_is_told_with_what_listens(lab: &Lab) {
    lab.ip("netns add a");
    lab.ip_in("a", "link set lo up");
    let (tcp, udp, talk) = lab.in_netns("a", || {
        let tcp = [22, 81, 443, 5000, 8080, 9000]
            .map(|port| TcpListener::bind(("127.0.0.1", port)).unwrap());
        let udp = [53, 67].map(|port| UdpSocket::bind(("0.0.0.0", port)).unwrap());
        // What is connected does not listen.
        let talk = TcpStream::connect("127.0.0.1:81").unwrap();
        let to = UdpSocket::bind("127.0.0.1:79").unwrap();
        to.connect("127.0.0.1:53").unwrap();
        (tcp, udp, (talk, to))
    });
    let net = r#"netns("a")"#;
    let near = "what listens there: ";
    lab.refuses(&[
        (
            &format!(r#"{net}.wait_port("tcp", 80, "1ms")"#),
            &format!(
                "timeout: cannot wait for tcp port 80 in namespace `a`: nothing listens after 1ms\n\
                 note: {near}tcp port 81 on 127.0.0.1, udp port 67 on 0.0.0.0, udp port 53 on 0.0.0.0, \
                 tcp port 22 on 127.0.0.1, tcp port 443 on 127.0.0.1 and 3 more"
            ),
        ),
        (
            &format!(r#"{net}.wait_port("tcp", 53, "1ms")"#),
            &format!(
                "timeout: cannot wait for tcp port 53 in namespace `a`: nothing listens after 1ms\n\
                 note: {near}udp port 53 on 0.0.0.0, udp port 67 on 0.0.0.0, tcp port 81 on 127.0.0.1, \
                 tcp port 22 on 127.0.0.1, tcp port 443 on 127.0.0.1 and 3 more\n\
                 hint: did you mean \"udp\"?"
            ),
        ),
        (
            &format!(r#"{net}.wait_port("tcp", 8080, #{{address: "10.0.0.1", timeout: "1ms"}})"#),
            &format!(
                "timeout: cannot wait for tcp port 8080 in namespace `a`: nothing listens on 10.0.0.1 after 1ms\n\
                 note: {near}tcp port 8080 on 127.0.0.1, tcp port 9000 on 127.0.0.1, tcp port 5000 on 127.0.0.1, \
                 tcp port 443 on 127.0.0.1, tcp port 81 on 127.0.0.1 and 3 more\n\
                 hint: have it listen on that address, or wait for what it has: #{{address: \"127.0.0.1\"}}"
            ),
        ),
    ]);
    drop((tcp, udp, talk));
}

fn a_port_of_a_namespace_that_goes_is_not_waited_for(lab: &Lab) {
    lab.ip("netns add a");
    let run = started(
        lab,
        r#"let a = netns("a");
           print("begun");
           a.wait_port("tcp", 80, "100s");"#,
    );
    lab.ip("netns del a");
    let output = finish(run);
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (
            1,
            "\
error: cannot wait for tcp port 80 in namespace `a`: namespace `a` is gone
 --> lab.rhai:3:14
  |
3 |            a.wait_port(\"tcp\", 80, \"100s\");
  |              ^^^^^^^^^
hint: it was deleted after this handle was made; make it again by its name
"
        )
    );
}

fn what_is_wrong_with_a_wait_is_said(lab: &Lab) {
    lab.ip("netns add a");
    let net = r#"netns("a")"#;
    let port = "cannot wait for tcp port 80 in namespace `a`";
    lab.refuses(&[
        (
            r#"wait_for(|| 3, "5s")"#,
            "invalid: the condition is true or false, not an integer\n\
             hint: compare it, or ask for a property that is true or false: wait_for(|| net.ping(dst, 1).ok, \"5s\")",
        ),
        (
            r#"wait_for(|| { let x = 3; }, "5s")"#,
            "invalid: the condition is true or false, not nothing\n\
             hint: end it with a comparison: wait_for(|| net.links.len() == 2, \"5s\")",
        ),
        (
            r#"wait_for(|| true, "soon")"#,
            "invalid: `soon` is not a duration\n\
             hint: write a number and a unit, such as \"200ms\", \"1.5s\" or \"2m\"",
        ),
        (
            r#"wait_for(|| true, #{timout: "5s"})"#,
            "invalid: `wait_for` has no option `timout`\nhint: did you mean `timeout`?",
        ),
        (
            r"wait_for(|| true, #{interval: 0})",
            "invalid: `interval` is more than nothing\n\
             hint: leave it out: the first looks follow each other quickly, later ones less so",
        ),
        (
            r"wait_for(|| true, #{what: 3})",
            "invalid: option `what` takes a string, not an integer",
        ),
        (
            r#"wait_for(|| false, #{what: "the sun", timeout: "1ms"})"#,
            "timeout: cannot wait for `the sun`: it did not come to hold within 1ms",
        ),
        (
            &format!(r#"{net}.wait_port("tpc", 80, "5s")"#),
            "invalid: cannot wait for tpc port 80 in namespace `a`: a port has no protocol `tpc`\n\
             note: protocols: tcp, udp\n\
             hint: did you mean \"tcp\"?",
        ),
        (
            &format!(r#"{net}.wait_port("tcp", 0, "5s")"#),
            "invalid: cannot wait for tcp port 0 in namespace `a`: `port` is 1 to 65535, not 0",
        ),
        (
            &format!(r#"{net}.wait_port("udp", 65536, "5s")"#),
            "invalid: cannot wait for udp port 65536 in namespace `a`: `port` is 1 to 65535, not 65536",
        ),
        (
            &format!(r#"{net}.wait_port("tcp", 80, "-1s")"#),
            &format!(
                "invalid: {port}: `-1s` is not a duration\n\
                 hint: write a number and a unit, such as \"200ms\", \"1.5s\" or \"2m\""
            ),
        ),
        (
            &format!(r#"{net}.wait_port("tcp", 80, #{{adress: "::1"}})"#),
            &format!(
                "invalid: {port}: `wait_port` has no option `adress`\n\
                 hint: did you mean `address`?"
            ),
        ),
        (
            &format!(r#"{net}.wait_port("tcp", 80, #{{address: "10.0.0.1/24"}})"#),
            &format!(
                "invalid: {port}: `10.0.0.1/24` has a prefix length, where a plain address is wanted"
            ),
        ),
    ]);
}

fn a_plan_waits_for_nothing(lab: &Lab) {
    let text = r#"
        wait_for(|| false, "100s");
        wait_for(|| false, #{what: "the sun"});
        netns("a").wait_port("tcp", 80, "100s");"#;
    fs::write(lab.folder().join("lab.rhai"), text).unwrap();
    let plan = lab.ipvsh(&["plan", "lab.rhai"]);
    let told = "\
? wait_for  a condition in host
? wait_for  the sun in host
+ namespace a
? wait_port tcp port 80 in a
a run would create 1, test 3
";
    assert_eq!(
        (plan.code, plan.stdout.as_str(), plan.stderr.as_str()),
        (10, told, "")
    );
}
