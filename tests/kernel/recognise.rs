//! What a journal tells of is found again, and nothing is that only looks like it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use nix::mount::{MsFlags, mount, umount};
use serde_json::{Value, json};

use crate::case::cases;
use crate::journal::{LABS, down};
use crate::lab::{HOST, Lab};

cases! {
    ["veth"] =>
        what_looks_alike_is_left_alone
        what_has_the_inode_of_a_namespace_that_is_gone_is_left_alone
        a_name_that_somebody_else_has_bound_anew_is_left_alone
        a_namespace_is_recognised_by_its_mount_or_by_its_cookie
        a_lab_is_taken_down_from_another_mount_namespace
        where_too_many_files_are_open_nothing_is_given_up;
}

fn what_looks_alike_is_left_alone(lab: &Lab) {
    lab.run(r#"netns("a"); netns("b"); veth("h0", "h1");"#);
    lab.ip("netns del a\nlink del h0");
    // Until the kernel gives the inode of the one that is gone again, as it soon does.
    lab.ip("netns add a\nlink add h0 type veth peer name h1");
    let output = lab.ipvsh(&["down", "lab"]);
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (0, "took down lab `lab`: 1 namespace\n")
    );
    assert_eq!(
        (lab.namespaces(), lab.links(HOST)),
        (vec!["a".to_owned()], vec!["h1".to_owned(), "h0".to_owned()])
    );
}

/// Changes what the journal says of each namespace that was made.
fn retell(change: impl Fn(&mut Value)) {
    let file = format!("{LABS}/lab.jsonl");
    let lines = fs::read_to_string(&file).unwrap();
    let retold = lines.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        if let Some(place) = line.pointer_mut("/is/1/netns") {
            change(place);
        }
        format!("{line}\n")
    });
    fs::write(&file, retold.collect::<String>()).unwrap();
}

/// Device and inode of a namespace, as the journal has them.
fn numbers(netns: &str) -> Value {
    let meta = fs::metadata(format!("/run/netns/{netns}")).unwrap();
    json!([meta.dev(), meta.ino()])
}

#[track_caller]
fn nothing_is_left(lab: &Lab) {
    let output = lab.ipvsh(&["down", "lab"]);
    assert_eq!(
        (output.code, output.stdout.as_str(), output.stderr.as_str()),
        (0, "nothing of lab `lab` was left to take down\n", "")
    );
}

fn what_has_the_inode_of_a_namespace_that_is_gone_is_left_alone(lab: &Lab) {
    lab.run(r#"netns("a");"#);
    lab.ip("netns del a\nnetns add a");
    // The kernel gives an inode anew at a time of its own.
    retell(|place| place["id"] = numbers("a"));
    nothing_is_left(lab);
    assert_eq!(lab.namespaces(), ["a"]);
}

fn a_name_that_somebody_else_has_bound_anew_is_left_alone(lab: &Lab) {
    lab.ip("netns add theirs");
    let bind = || {
        let (theirs, a) = (Some("/run/netns/theirs"), "/run/netns/a");
        mount(theirs, a, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
    };
    for is_over_ours in [true, false] {
        lab.run(r#"netns("a");"#);
        if !is_over_ours {
            umount("/run/netns/a").unwrap();
        }
        bind();
        nothing_is_left(lab);
        assert_eq!(numbers("a"), numbers("theirs"));
        umount("/run/netns/a").unwrap();
        if is_over_ours {
            umount("/run/netns/a").unwrap();
        }
        fs::remove_file("/run/netns/a").unwrap();
    }
    assert_eq!(lab.namespaces(), ["theirs"]);
}

fn a_namespace_is_recognised_by_its_mount_or_by_its_cookie(lab: &Lab) {
    let ways: [fn(&mut Value); 2] = [
        // As in another mount namespace, or where the kernel has no such numbers.
        |place| {
            place.as_object_mut().unwrap().remove("mount");
        },
        |place| {
            if place.get("mount").is_some() {
                place["cookie"] = json!(1);
            }
        },
    ];
    for way in ways {
        lab.run(r#"netns("a");"#);
        retell(way);
        down(lab);
        assert_eq!(lab.namespaces(), Vec::<String>::new());
    }
    lab.run(r#"netns("a");"#);
    retell(|place| {
        place["mount"] = json!(1);
        place["cookie"] = json!(1);
    });
    nothing_is_left(lab);
    assert_eq!(lab.namespaces(), ["a"]);
}

/// Takes the lab down by way of `program`.
fn down_by(lab: &Lab, program: &[&str]) -> (Option<i32>, String) {
    let ipvsh = lab.command(&[]).get_program().to_owned();
    let output = Command::new(program[0])
        .args(&program[1..])
        .arg(ipvsh)
        .args(["down", "lab"])
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

fn a_lab_is_taken_down_from_another_mount_namespace(lab: &Lab) {
    lab.run(r#"netns("a"); netns("b");"#);
    assert_eq!(
        down_by(lab, &["unshare", "--mount", "--propagation", "unchanged"]),
        (Some(0), "took down lab `lab`: 2 namespaces\n".to_owned())
    );
    assert_eq!(lab.namespaces(), Vec::<String>::new());
}

fn where_too_many_files_are_open_nothing_is_given_up(lab: &Lab) {
    lab.run(r"for i in 0..40 { netns(`n${i}`); }");
    let (code, text) = down_by(lab, &["prlimit", "--nofile=20:20"]);
    assert_eq!(
        (code, text.as_str()),
        (
            Some(3),
            "error: this process may have only 20 files open at once\n\
             hint: allow it more with `ulimit -n 1024`\n"
        )
    );
    assert_eq!(lab.namespaces().len(), 40);
    down(lab);
    assert_eq!(lab.namespaces(), Vec::<String>::new());
}
