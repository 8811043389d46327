//! A change that goes back unless somebody confirms it.

use std::fs;
use std::io::{BufRead, BufReader};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::case::cases;
use crate::common;
use crate::lab::{HOST, Lab};
use crate::process::until;
use crate::state::{assert_same, meaning as state};

cases! {
    ["veth", "bridge"] =>
        what_nobody_confirms_goes_back_and_the_lab_stands_as_before
        what_is_confirmed_stays_and_nothing_waits_any_more
        what_a_confirmed_run_has_deleted_is_gone_for_good
        a_run_that_dies_goes_back_at_once;
    ["veth"] =>
        nothing_else_works_on_a_lab_that_waits
        what_changes_nothing_or_fails_leaves_nothing_waiting
        a_lab_whose_keeper_died_says_so;
}

/// Two namespaces with all kinds of change between `before` and `after`.
const BEFORE: &str = r#"
    let a = netns("a");
    netns("b");
    a.veth("v0", "b", "w0", #{mtu: 1400, addr: "10.0.0.1/24", up: true});
    a.bridge("br0").addr("10.0.1.1/24").up();
    a.route("10.9.0.0/16", #{via: "10.0.0.2"});
    host().veth("h0", "h1");
"#;
const AFTER: &str = r#"
    let a = existing("a");
    a.link("v0").mtu(1300).addr("10.0.0.7/24");
    a.del_route("10.9.0.0/16");
    a.link("br0").delete();
    link("h0").delete();
    netns("b").delete();
    netns("c").bridge("br1");
    host().sysctl("net.ipv4.ip_forward", 1);
"#;

/// Runs `text` as the lab's script, to go back after `time`.
#[track_caller]
fn waits(lab: &Lab, time: &str, text: &str) {
    let output = lab.script_with(&["--confirm", time], text);
    let told = format!("lab `lab`: the change goes back in {time}, at ");
    assert!(output.stderr.starts_with(&told), "{output:?}");
    let how = "; `ipvsh confirm lab` keeps it\n";
    assert!(output.stderr.ends_with(how), "{output:?}");
    assert_eq!((output.code, output.stderr.lines().count()), (0, 1));
}

/// The processes that wait for the end of a time in the place of this case.
fn keepers() -> Vec<i32> {
    let here = fs::read_link("/proc/thread-self/ns/mnt").unwrap();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let processes = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_keeper = |pid: &i32| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.contains("--keeper-of=")
            && fs::read_link(format!("/proc/{pid}/ns/mnt")).is_ok_and(|at| at == here)
    };
    processes.filter(is_keeper).collect()
}

/// Waits until no process waits any more.
fn settled() {
    until(|| keepers().is_empty());
}

fn forwards() -> String {
    common::output("cat", &["/proc/sys/net/ipv4/ip_forward"])
}

fn what_nobody_confirms_goes_back_and_the_lab_stands_as_before(lab: &Lab) {
    lab.run(BEFORE);
    let (before, forwarded) = (state(lab), forwards());
    waits(lab, "300ms", AFTER);
    settled();
    assert_same(&state(lab), &before);
    assert_eq!(forwards(), forwarded);
    let listed = lab.ipvsh(&["ls"]).stdout;
    assert!(!listed.contains("waits"), "{listed}");
    // The script is still the one that the lab belongs to.
    assert!(listed.contains("lab.rhai, last changed"), "{listed}");
    assert_eq!(lab.ipvsh(&["down", "lab.rhai"]).code, 0);
    assert_eq!(lab.namespaces(), [""; 0]);
    assert_eq!(lab.links(HOST), [""; 0]);
}

fn what_is_confirmed_stays_and_nothing_waits_any_more(lab: &Lab) {
    waits(lab, "100s", r#"netns("a").bridge("br0");"#);
    assert_eq!(keepers().len(), 1);
    let listed = lab.ipvsh(&["ls"]).stdout;
    let [_, _, waits] = listed.lines().collect::<Vec<_>>()[..] else {
        panic!("{listed}");
    };
    assert!(
        waits.starts_with("  waits to be confirmed until 20"),
        "{waits}"
    );
    assert!(
        waits.ends_with(": `ipvsh confirm lab` keeps its last change"),
        "{waits}"
    );
    let which = lab.ipvsh(&["confirm"]);
    assert_eq!(which.code, 2, "{which:?}");
    assert!(
        which
            .stderr
            .contains("lab `lab` waits to be confirmed until ")
    );
    let kept = lab.ipvsh(&["confirm", "lab.rhai"]);
    assert_eq!(
        (kept.code, &*kept.stdout),
        (0, "lab `lab` stays as it is\n")
    );
    settled();
    assert_eq!(lab.namespaces(), ["a"]);
    assert_eq!(
        lab.ipvsh(&["confirm"]).stdout,
        "no lab waits to be confirmed\n"
    );
    let again = lab.ipvsh(&["confirm", "lab"]);
    assert_eq!(
        again.end(),
        "exit code 1\n\
         error: cannot confirm the change of lab `lab`: no change of it waits for that\n\
         hint: what is not confirmed in time has gone back; `ipvsh ls` tells what stands, and what waits\n"
    );
    assert_eq!(
        lab.script(r#"netns("a").bridge("br1");"#).end(),
        "exit code 0\n"
    );
    assert_eq!(lab.ipvsh(&["down", "lab"]).code, 0);
}

fn what_a_confirmed_run_has_deleted_is_gone_for_good(lab: &Lab) {
    lab.run(BEFORE);
    waits(lab, "100s", AFTER);
    assert_eq!(fs::read_dir("/run/ipvsh/kept").unwrap().count(), 1);
    let after = state(lab);
    assert_eq!(lab.ipvsh(&["confirm", "lab"]).code, 0);
    settled();
    assert_same(&state(lab), &after);
    // No namespace is held without a name.
    assert!(fs::read_dir("/run/ipvsh/kept").is_err());
    assert_eq!(lab.ipvsh(&["down", "lab"]).code, 0);
    assert_eq!(lab.namespaces(), [""; 0]);
}

fn a_run_that_dies_goes_back_at_once(lab: &Lab) {
    lab.run(BEFORE);
    let before = state(lab);
    let text = format!("{AFTER} print(\"here\"); sleep(\"100s\");");
    fs::write(lab.folder().join("lab.rhai"), text).unwrap();
    let mut run = lab.start(&["--confirm", "100s", "lab.rhai"]);
    let mut line = String::new();
    let output = run.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut line).unwrap();
    assert_eq!(line, "here\n");
    kill(Pid::from_raw(run.id().cast_signed()), Signal::SIGKILL).unwrap();
    run.wait().unwrap();
    settled();
    assert_same(&state(lab), &before);
}

fn nothing_else_works_on_a_lab_that_waits(lab: &Lab) {
    waits(lab, "100s", r#"netns("a");"#);
    let output = lab.script(r#"netns("b");"#);
    assert_eq!(output.code, 1, "{output:?}");
    let told = "error: cannot change lab `lab`: its last change waits to be confirmed until ";
    assert!(output.stderr.starts_with(told), "{}", output.stderr);
    let hint =
        "hint: `ipvsh confirm lab` keeps that change, `ipvsh down lab` takes the whole lab down\n";
    assert!(output.stderr.ends_with(hint), "{}", output.stderr);
    assert_eq!(lab.namespaces(), ["a"]);
    // A line has a lab of its own.
    assert_eq!(lab.ipvsh(&["-e", r#"netns("c")"#]).code, 0);
    assert_eq!(lab.ipvsh(&["down", "lab"]).code, 0);
    settled();
    assert_eq!(lab.namespaces(), ["c"]);
}

fn what_changes_nothing_or_fails_leaves_nothing_waiting(lab: &Lab) {
    let run = |text: &str| lab.script_with(&["--confirm", "100s"], text);
    assert_eq!(run("print(1);").end(), "exit code 0\n");
    settled();
    lab.run(r#"netns("a");"#);
    assert_eq!(run(r#"netns("a");"#).end(), "exit code 0\n");
    settled();
    assert_eq!(run(r#"netns("b"); throw "x";"#).code, 1);
    settled();
    assert_eq!(lab.namespaces(), ["a"]);
    // What is left on purpose waits as well.
    let kept = lab.script_with(
        &["--keep", "--confirm", "100s"],
        r#"netns("b"); throw "x";"#,
    );
    assert!(
        kept.stderr.contains("`ipvsh confirm lab` keeps it"),
        "{kept:?}"
    );
    assert_eq!(lab.ipvsh(&["down", "lab"]).code, 0);
    settled();
    let document = lab.ipvsh(&["--json", "--confirm", "100s", "lab.rhai"]);
    assert_eq!(document.code, 1, "{document:?}");
    for (arguments, told) in [
        (
            &["--confirm", "1s"][..],
            "error: `--confirm` is for a script or a line\nhint: a session takes back what it did with `:undo`\n",
        ),
        (
            &["--confirm", "0s", "lab.rhai"],
            "error: invalid value '0s' for '--confirm <TIME>': nobody can confirm in no time\n\nFor more information, try '--help'.\n",
        ),
    ] {
        let output = lab.ipvsh(arguments);
        assert_eq!(output.end(), format!("exit code 2\n{told}"));
    }
    assert_eq!(lab.namespaces(), [""; 0]);
}

fn a_lab_whose_keeper_died_says_so(lab: &Lab) {
    waits(lab, "1ms", r#"netns("a"); print(netns("a").name);"#);
    settled();
    waits(lab, "1s", r#"netns("a");"#);
    for keeper in keepers() {
        kill(Pid::from_raw(keeper), Signal::SIGKILL).unwrap();
    }
    until(|| lab.ipvsh(&["ls"]).stdout.contains("its time ended"));
    let listed = lab.ipvsh(&["ls"]).stdout;
    assert!(
        listed.contains("and nothing has taken it back: `ipvsh confirm lab`"),
        "{listed}"
    );
    assert_eq!(lab.namespaces(), ["a"]);
    assert_eq!(lab.ipvsh(&["confirm", "lab"]).code, 0);
    assert_eq!(lab.ipvsh(&["down", "lab"]).code, 0);
}
