//! A fault at every single request to the kernel: the request refused, the run killed before or behind it, or interrupted there.

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::case::cases;
use crate::journal::{down, foreign, journals, settles, write};
use crate::lab::{Lab, Output, finish, in_repository};
use crate::seeds;
use crate::state;

cases! {
    ["veth", "macvlan"] =>
        a_run_killed_before_any_request_is_taken_down_to_what_was
        a_run_killed_behind_any_request_is_taken_down_to_what_was
        a_run_killed_at_any_question_is_taken_down_to_what_was
        a_run_killed_at_any_request_goes_on_when_it_is_run_again
        a_run_refused_at_any_request_takes_itself_down
        a_run_refused_at_any_question_takes_itself_down
        a_run_interrupted_at_any_request_takes_itself_down
        a_down_killed_at_any_request_goes_on_when_it_is_run_again
        a_down_refused_at_any_request_goes_on_when_it_is_run_again
        a_second_run_sends_no_changing_request;
    ["dummy", "bond", "ipvlan"] =>
        l3_killed_before_any_request_is_taken_down_to_what_was
        l3_killed_behind_any_request_is_taken_down_to_what_was
        l3_refused_at_any_request_takes_itself_down
        l3_interrupted_at_any_request_takes_itself_down;
}

/// Three namespaces with a slave of one parent each, and changes of what was there, of every kind that is journalled.
const MADE: &str = r#"
    for i in 1..=3 {
        netns(`n${i}`).macvlan("p0", `mv${i}`).addr(`10.0.0.${i}/24`).up().route("default");
    }
    if link("p0").mtu != 1400 { link("p0").mtu(1400); }
    link("p0").alias("shared").addr("10.9.0.1/24").route("10.5.0.0/16");
    link("p0").del_addr("10.8.0.1");
    veth("h0", "h1", #{up: true}).addr("10.4.0.1/24");
    netns("old").veth("o0", "o1", #{up: true});
"#;

/// What can't be written so that it runs twice.
const ONCE: &str = r#"
    link("m0").netns("n1").addr("10.3.0.1/24").up();
    netns("n2").veth("t0", "t1").netns(host());
    link("h0").rename("h9");
"#;
/// The text of `scripts/l3.rhai`, to be run as the lab's script for three namespaces.
fn l3() -> String {
    fs::read_to_string(in_repository("scripts/l3.rhai")).unwrap()
}

const L3: [&str; 3] = ["lab.rhai", "--count", "2"];

/// Runs ipvsh with a fault on purpose; none where it is empty.
pub(crate) fn run_with(lab: &Lab, fault: &str, arguments: &[&str]) -> Output {
    let mut command = lab.command(arguments);
    command.env("IPVSH_FAULT", fault);
    finish(command.spawn().unwrap())
}

/// The requests that are met. In the micro-VM each run takes its time: there every sixth one is met, by each sort of fault
/// another one, unless more is asked. What comes behind a request is what comes before the next one. Of the questions, between
/// which nothing changes but the journal, it is every third one.
fn numbers(fault: &str, arguments: &[&str]) -> impl Iterator<Item = usize> {
    let first = match fault {
        "kill-after" => 2,
        "fail" => 3,
        "int" => 4,
        _ => 1,
    };
    match fault {
        _ if seeds::is_asked() => (1..).step_by(1),
        _ if arguments == L3 => (first..).step_by(6),
        "kill-asking" => (first..).step_by(3),
        _ => (1..).step_by(1),
    }
}

/// Does `body` for the first request of a run, the second, and so on, until runs end well for want of further requests. One
/// alone may end well with a fault: a question may be of no account.
#[track_caller]
fn at_every_request(
    lab: &Lab,
    fault: &str,
    arguments: &[&str],
    mut body: impl FnMut(&Output, &str),
) {
    let mut ended_well = 0;
    // A question may be of no account, and what `down` is refused it tries again behind all else.
    let enough = match fault {
        "fail-asking" => 3,
        "fail" if arguments.contains(&"down") => 12,
        _ => 1,
    };
    for number in numbers(fault, arguments) {
        let fault = format!("{fault}:{number}");
        let output = run_with(lab, &fault, arguments);
        body(&output, &fault);
        ended_well = if output.code == 0 { ended_well + 1 } else { 0 };
        if ended_well == enough {
            assert!(
                number > 5,
                "no fault came: that takes a build with debug assertions"
            );
            return;
        }
    }
}

/// Kills a run at every request; what stands of it is taken down.
#[track_caller]
fn killed(lab: &Lab, fault: &str, text: &str, arguments: &[&str]) {
    write(lab, text);
    let before = state::whole(lab);
    at_every_request(lab, fault, arguments, |output, fault| {
        assert!(
            [0, 137].contains(&output.code),
            "{fault}: {}",
            output.stderr
        );
        down(lab);
        settles(lab, &before, fault);
    });
}

#[track_caller]
fn killed_where_much_is_there(lab: &Lab, fault: &str) {
    foreign(lab);
    killed(lab, fault, &format!("{MADE}{ONCE}"), &["lab.rhai"]);
}

fn a_run_killed_before_any_request_is_taken_down_to_what_was(lab: &Lab) {
    killed_where_much_is_there(lab, "kill-before");
}

fn a_run_killed_behind_any_request_is_taken_down_to_what_was(lab: &Lab) {
    killed_where_much_is_there(lab, "kill-after");
}

fn a_run_killed_at_any_question_is_taken_down_to_what_was(lab: &Lab) {
    killed_where_much_is_there(lab, "kill-asking");
}

fn l3_killed_before_any_request_is_taken_down_to_what_was(lab: &Lab) {
    killed(lab, "kill-before", &l3(), &L3);
}

fn l3_killed_behind_any_request_is_taken_down_to_what_was(lab: &Lab) {
    killed(lab, "kill-after", &l3(), &L3);
}

fn a_run_killed_at_any_request_goes_on_when_it_is_run_again(lab: &Lab) {
    foreign(lab);
    write(lab, MADE);
    let before = state::whole(lab);
    lab.run(MADE);
    let whole = state::meaning(lab);
    down(lab);
    settles(lab, &before, "at first");
    for fault in ["kill-before", "kill-after"] {
        at_every_request(lab, fault, &["lab.rhai"], |output, fault| {
            if output.code != 0 {
                lab.run(MADE);
            }
            settles_to(lab, &whole, fault);
            down(lab);
            settles(lab, &before, fault);
        });
    }
}

/// The same for what it means.
#[track_caller]
fn settles_to(lab: &Lab, whole: &Value, when: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while state::meaning(lab) != *whole {
        if Instant::now() > deadline {
            let _ = writeln!(std::io::stderr(), "{when}");
            state::assert_same(&state::meaning(lab), whole);
        }
    }
}

/// Has a run fail at every request; it takes itself down.
#[track_caller]
fn takes_itself_down(lab: &Lab, fault: &str, code: i32, text: &str, arguments: &[&str]) {
    write(lab, text);
    let before = state::whole(lab);
    at_every_request(lab, fault, arguments, |output, fault| {
        if output.code == 0 {
            down(lab);
        } else {
            assert_eq!(output.code, code, "{fault}: {}", output.stderr);
            assert!(journals().is_empty(), "{fault}: {:?}", journals());
        }
        settles(lab, &before, fault);
    });
}

fn a_run_refused_at_any_request_takes_itself_down(lab: &Lab) {
    foreign(lab);
    takes_itself_down(lab, "fail", 1, &format!("{MADE}{ONCE}"), &["lab.rhai"]);
}

fn a_run_refused_at_any_question_takes_itself_down(lab: &Lab) {
    foreign(lab);
    takes_itself_down(
        lab,
        "fail-asking",
        1,
        &format!("{MADE}{ONCE}"),
        &["lab.rhai"],
    );
}

fn a_run_interrupted_at_any_request_takes_itself_down(lab: &Lab) {
    foreign(lab);
    takes_itself_down(lab, "int", 130, &format!("{MADE}{ONCE}"), &["lab.rhai"]);
}

fn l3_refused_at_any_request_takes_itself_down(lab: &Lab) {
    takes_itself_down(lab, "fail", 1, &l3(), &L3);
}

fn l3_interrupted_at_any_request_takes_itself_down(lab: &Lab) {
    takes_itself_down(lab, "int", 130, &l3(), &L3);
}

fn a_down_killed_at_any_request_goes_on_when_it_is_run_again(lab: &Lab) {
    goes_on(lab, &["kill-before", "kill-after"]);
}

fn a_down_refused_at_any_request_goes_on_when_it_is_run_again(lab: &Lab) {
    goes_on(lab, &["fail"]);
}

/// Cuts `down` off at every request; the next one ends what it began.
#[track_caller]
fn goes_on(lab: &Lab, faults: &[&str]) {
    foreign(lab);
    let text = format!("{MADE}{ONCE}");
    let before = state::whole(lab);
    for fault in faults {
        lab.run(&text);
        at_every_request(lab, fault, &["down", "lab"], |_, fault| {
            down(lab);
            settles(lab, &before, fault);
            lab.run(&text);
        });
        down(lab);
        settles(lab, &before, fault);
    }
}

fn a_second_run_sends_no_changing_request(lab: &Lab) {
    foreign(lab);
    lab.run(MADE);
    let again = run_with(lab, "fail:1", &["--summary", "lab.rhai"]);
    assert_eq!(
        (again.code, again.stderr.lines().last()),
        (0, Some("created 0, changed 0, unchanged 25, deleted 0"))
    );
}
