//! Where something is missing or used up: capabilities, namespaces, files, room on `/run`. A clear error, and nothing left.

use std::path::Path;

use crate::case::cases;
use crate::lab::{Lab, Output};

cases! {
    [] =>
        a_root_without_a_capability_is_told_which_and_leaves_nothing
        what_a_capability_permits_works_without_the_others
        a_user_without_any_right_is_told_and_leaves_nothing
        who_could_not_come_back_stays_where_it_is
        the_limit_of_namespaces_is_told
        a_machine_without_proc_or_sys_or_room_on_run_is_told
        few_files_are_enough_for_many_namespaces
        too_few_files_are_an_error_before_anything_is_made
        a_program_may_open_as_many_files_as_before
        a_run_that_has_no_memory_left_takes_down_what_it_made
        of_what_a_command_writes_the_beginning_is_kept_and_the_rest_counted
        a_pipe_that_nobody_reads_is_never_waited_for
        a_journal_that_is_no_file_is_told_at_once;
}

/// What Docker leaves to a container's root.
const DOCKER: &str = "+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,\
                      +net_bind_service,+net_raw,+sys_chroot,+mknod,+audit_write,+setfcap";

/// Runs ipvsh as root with these capabilities only.
fn with(lab: &Lab, capabilities: &str, arguments: &[&str]) -> Output {
    let bounding = format!("--bounding-set=-all,{capabilities}");
    let bounding = bounding.trim_end_matches(',');
    lab.ipvsh_by(&["setpriv", bounding, "--inh-caps=-all"], arguments)
}

/// Runs ipvsh where no more than so many files may be open.
fn limited(lab: &Lab, files: &str, arguments: &[&str]) -> Output {
    let commands = format!("ulimit {files}; exec \"$0\" \"$@\"");
    lab.ipvsh_by(&["sh", "-c", &commands], arguments)
}

/// Runs ipvsh behind commands of a shell, with mounts of their own.
fn behind(lab: &Lab, commands: &str, arguments: &[&str]) -> Output {
    let commands = format!("{commands}\nexec \"$0\" \"$@\"");
    lab.ipvsh_by(&["unshare", "-m", "sh", "-c", &commands], arguments)
}

/// The first line of an error, and its hint.
fn told(output: &Output) -> (&str, &str) {
    let mut lines = output.stderr.lines();
    let first = lines.find(|line| line.starts_with("error: "));
    let hint = output
        .stderr
        .lines()
        .find(|line| line.starts_with("hint: "));
    (first.unwrap_or_default(), hint.unwrap_or_default())
}

/// Makes sure that no namespace has a name, and no lab stands.
#[track_caller]
fn nothing_is_left(lab: &Lab) {
    assert_eq!(lab.namespaces(), [""; 0]);
    assert_eq!(lab.ipvsh(&["ls"]).stdout, "no lab stands\n");
}

fn a_root_without_a_capability_is_told_which_and_leaves_nothing(lab: &Lab) {
    let namespace = "cannot make namespace `x`: operation not permitted";
    let bridge = "cannot create bridge `b` in namespace `host`: operation not permitted";
    let ping = "cannot ping `127.0.0.1` in namespace `host`: neither a RAW nor an unprivileged ICMP socket is permitted here";
    for (capabilities, line, cause, missing) in [
        // Default Docker.
        (
            DOCKER,
            "netns(\"x\")",
            namespace,
            "CAP_SYS_ADMIN and CAP_NET_ADMIN",
        ),
        (
            DOCKER,
            "bridge(\"b\")",
            bridge,
            "CAP_SYS_ADMIN and CAP_NET_ADMIN",
        ),
        (
            "+net_admin",
            "netns(\"x\")",
            namespace,
            "CAP_SYS_ADMIN and CAP_NET_RAW",
        ),
        (
            "+net_admin,+net_raw",
            "netns(\"x\")",
            namespace,
            "CAP_SYS_ADMIN",
        ),
        (
            "+sys_admin,+net_raw",
            "bridge(\"b\")",
            bridge,
            "CAP_NET_ADMIN",
        ),
        (
            "+sys_admin,+net_admin",
            "ping(\"127.0.0.1\", 1)",
            ping,
            "CAP_NET_RAW",
        ),
        (
            "",
            "netns(\"x\")",
            namespace,
            "CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_NET_RAW",
        ),
    ] {
        let output = with(lab, capabilities, &["-e", line]);
        let (error, hint) = told(&output);
        assert_eq!(
            (error, output.code),
            (&*format!("error: {cause}"), 3),
            "{}",
            output.stderr
        );
        let start =
            format!("hint: this root lacks {missing}: start the container with `--cap-add ");
        assert!(hint.starts_with(&start), "{capabilities}: {hint}");
        nothing_is_left(lab);
    }
}

fn what_a_capability_permits_works_without_the_others(lab: &Lab) {
    let output = with(
        lab,
        "+net_admin",
        &[
            "-e",
            "bridge(\"b\", #{addr: \"10.0.0.1/24\", up: true}).is_up",
        ],
    );
    assert_eq!(
        (output.stdout.as_str(), output.code),
        ("true\n", 0),
        "{}",
        output.stderr
    );
    assert_eq!(with(lab, "+net_admin", &["down", "--all"]).code, 0);
    let output = with(
        lab,
        "+net_raw",
        &["-e", "ping(\"127.0.0.1\", #{count: 1, quiet: true}).ok"],
    );
    assert_eq!(
        (output.stdout.as_str(), output.code),
        ("true\n", 0),
        "{}",
        output.stderr
    );
    // It needs none to look.
    let output = with(lab, "", &["-e", "links().len()"]);
    assert_eq!(
        (output.stdout.as_str(), output.code),
        ("1\n", 0),
        "{}",
        output.stderr
    );
    let output = with(lab, "", &["plan", "-"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    nothing_is_left(lab);
}

fn a_user_without_any_right_is_told_and_leaves_nothing(lab: &Lab) {
    std::fs::set_permissions(
        lab.folder(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    // As Kubernetes has it where a pod is restricted.
    let wrapper = [
        "setpriv",
        "--reuid=12345",
        "--regid=12345",
        "--clear-groups",
        "--bounding-set=-all",
        "--inh-caps=-all",
        "--no-new-privs",
    ];
    let output = lab.ipvsh_by(&wrapper, &["-e", "netns(\"x\")"]);
    let (error, hint) = told(&output);
    assert_eq!(
        (error, output.code),
        (
            "error: cannot make namespace `x`: operation not permitted",
            3
        ),
        "{}",
        output.stderr
    );
    assert_eq!(
        hint,
        "hint: run it as root, or in a throw-away place with --sandbox"
    );
    nothing_is_left(lab);
}

/// A user namespace whose network belongs to the outer one: to leave is permitted there, and to come back is not.
fn who_could_not_come_back_stays_where_it_is(lab: &Lab) {
    let wrapper = [
        "unshare",
        "-r",
        "-m",
        "sh",
        "-c",
        "mount -t tmpfs run /run; exec \"$0\" \"$@\"",
    ];
    let output = lab.ipvsh_by(&wrapper, &["-e", "netns(\"x\")"]);
    assert_eq!(
        told(&output).0,
        "error: cannot make namespace `x`: operation not permitted",
        "{}",
        output.stderr
    );
    assert_eq!(output.code, 3);
    nothing_is_left(lab);
}

fn the_limit_of_namespaces_is_told(lab: &Lab) {
    let commands = "mount -t tmpfs run /run; echo 3 > /proc/sys/user/max_net_namespaces";
    let wrapper = [
        "unshare",
        "-r",
        "-n",
        "-m",
        "sh",
        "-c",
        &format!("{commands}; exec \"$0\" \"$@\""),
    ];
    let output = lab.ipvsh_by(&wrapper, &["-e", "for i in 1..=5 { netns(`x${i}`) }"]);
    let (error, hint) = told(&output);
    assert_eq!(
        error, "error: cannot make namespace `x3`: the limit of network namespaces is reached",
        "{}",
        output.stderr
    );
    assert!(
        hint.starts_with("hint: raise it with `sysctl user.max_net_namespaces="),
        "{hint}"
    );
    assert!(
        output
            .stderr
            .contains("took down what this run made: 2 namespaces"),
        "{}",
        output.stderr
    );
}

fn a_machine_without_proc_or_sys_or_room_on_run_is_told(lab: &Lab) {
    let line = ["-e", "netns(\"x\").links.len()"];
    for (commands, code, cause) in [
        (
            "mount -t tmpfs none /proc",
            3,
            "`/proc` is not mounted here, and by it namespaces are opened",
        ),
        (
            "mount -o remount,ro,bind /run 2>&1 || mount -o remount,ro /run",
            3,
            "read-only file system",
        ),
        (
            "mount -t tmpfs -o size=4k run /run; head -c 8k /dev/zero > /run/full 2>/dev/null",
            1,
            "no space left on device",
        ),
        (
            "mount -t tmpfs -o nr_inodes=2 run /run",
            1,
            "no space left on device",
        ),
    ] {
        let output = behind(lab, commands, &line);
        let (error, hint) = told(&output);
        assert!(error.ends_with(cause), "{commands}: {}", output.stderr);
        assert!(!hint.is_empty(), "{commands}: {}", output.stderr);
        assert_eq!(output.code, code, "{commands}: {}", output.stderr);
        nothing_is_left(lab);
    }
    // What it has to show there is little.
    let output = behind(lab, "mount -t tmpfs none /sys", &["--rm", line[0], line[1]]);
    assert_eq!(
        (output.stdout.as_str(), output.code),
        ("1\n", 0),
        "{}",
        output.stderr
    );
    nothing_is_left(lab);
}

fn few_files_are_enough_for_many_namespaces(lab: &Lab) {
    let text = "let b = bridge(\"b\", #{up: true});\n\
                for i in 1..=40 { netns(`n${i}`).veth(\"e\", host(), `h${i}`, #{addr: `10.0.0.${i}/24`, up: true}); }\n\
                for i in 1..=40 { link(`h${i}`).master(b).up(); }\n\
                for i in 1..=40 { netns(`n${i}`).links.len(); }";
    std::fs::write(lab.folder().join("lab.rhai"), text).unwrap();
    let few = |arguments: &[&str]| limited(lab, "-n 48", arguments);
    for (arguments, code, told) in [
        (&["plan", "lab.rhai"][..], 10, "a run would create"),
        (&["lab.rhai"], 0, ""),
        (
            &["--summary", "lab.rhai"],
            0,
            "created 0, changed 0, unchanged ",
        ),
        (&["plan", "lab.rhai"], 0, "a run would change nothing"),
        (&["ls"], 0, "lab: 40 namespaces, 41 links"),
        (&["export", "-o", "exported.rhai"], 0, ""),
        (
            &["down", "lab"],
            0,
            "took down lab `lab`: 40 namespaces, 1 link",
        ),
    ] {
        let output = few(arguments);
        let all = format!("{}{}", output.stdout, output.stderr);
        assert_eq!(output.code, code, "{arguments:?}: {all}");
        assert!(all.contains(told), "{arguments:?}: {all}");
    }
    assert!(Path::new(&lab.folder().join("exported.rhai")).exists());
    nothing_is_left(lab);
}

fn too_few_files_are_an_error_before_anything_is_made(lab: &Lab) {
    for files in [8, 10, 16, 20] {
        for arguments in [
            &["-e", "netns(\"x\").links"][..],
            &["ls"],
            &["down", "--all"],
            &["export"],
        ] {
            let output = limited(lab, &format!("-n {files}"), arguments);
            assert_eq!(
                (output.stderr.as_str(), output.code),
                (
                    &*format!(
                        "error: this process may have only {files} files open at once\n\
                         hint: allow it more with `ulimit -n 1024`\n"
                    ),
                    3
                )
            );
        }
        nothing_is_left(lab);
    }
}

fn a_program_may_open_as_many_files_as_before(lab: &Lab) {
    let output = limited(
        lab,
        "-Sn 100",
        &[
            "-e",
            "netns(\"x\").exec([\"sh\", \"-c\", \"ulimit -Sn\"]).stdout",
        ],
    );
    assert_eq!(
        (output.stdout.as_str(), output.code),
        ("100\n\n", 0),
        "{}",
        output.stderr
    );
}

fn a_run_that_has_no_memory_left_takes_down_what_it_made(lab: &Lab) {
    lab.run("netns(\"before\");");
    for (step, options) in [
        ("let s = \"0123456789\"; loop { s += s; }", &[][..]),
        // One step alone, in the middle of which nobody can end it in good order.
        ("blob(8000000000)", &[]),
        ("let s = \"a\"; s.pad(8000000000, \"b\")", &[]),
        ("blob(8000000000)", &["--keep"]),
    ] {
        let script = format!("netns(\"made\").veth(\"e\", host(), \"h\"); {step}");
        let options = [&["--memory", "64MiB"], options].concat();
        let output = lab.script_with(&options, &script);
        assert_eq!(output.code, 1, "{script}: {}", output.stderr);
        let error = "error: the script used up the memory that it may have: 64 MiB\n";
        assert!(output.stderr.contains(error), "{script}: {}", output.stderr);
        if options.contains(&"--keep") {
            assert_eq!(lab.namespaces(), ["before", "made"]);
        } else {
            let told = "took down what this run made: 1 namespace";
            assert!(output.stderr.contains(told), "{script}: {}", output.stderr);
            // What an earlier run of the lab made stands.
            assert_eq!(lab.namespaces(), ["before"]);
        }
    }
    assert_eq!(lab.ipvsh(&["down", "lab"]).code, 0);
    nothing_is_left(lab);
}

fn of_what_a_command_writes_the_beginning_is_kept_and_the_rest_counted(lab: &Lab) {
    let line = "let r = netns(\"a\").exec([\"head\", \"-c\", \"20000000\", \"/dev/zero\"]); [r.stdout.len(), r.dropped]";
    let output = lab.ipvsh(&["--rm", "--json", "-e", line]);
    assert_eq!(output.stdout, "[16777216,3222784]\n");
    assert_eq!(
        output.stderr,
        "note: `head` wrote more than 16MiB: 3222784 bytes were dropped; keep them with #{output: \"32MiB\"}, \
         or have the program write a file\n"
    );
    let line = "let r = netns(\"a\").exec(\"seq 3\", #{output: \"3b\"}); [r.stdout, r.dropped]";
    assert_eq!(
        lab.ipvsh(&["--rm", "--json", "-e", line]).stdout,
        "[\"1\\n2\",3]\n"
    );
    let line = "let r = netns(\"a\").exec(\"seq 3\", #{output: \"6b\"}); [r.stdout, r.dropped]";
    let output = lab.ipvsh(&["--rm", "--json", "-e", line]);
    assert_eq!(
        (output.stdout.as_str(), output.stderr.as_str()),
        ("[\"1\\n2\\n3\\n\",0]\n", "")
    );
    // What never ends is ended by the time that it has.
    let line = "netns(\"a\").exec(\"yes\", #{timeout: \"1s\", output: \"1KiB\"})";
    let output = lab.ipvsh(&["--memory", "64MiB", "-e", line]);
    assert!(
        output.stderr.contains("it took longer than 1s"),
        "{}",
        output.stderr
    );
    nothing_is_left(lab);
}

fn a_pipe_that_nobody_reads_is_never_waited_for(lab: &Lab) {
    let pipe = lab.folder().join("pipe.pcapng");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let pipe = pipe.to_str().unwrap();
    lab.run("netns(\"a\").link(\"lo\").up();");
    let word = format!("write(\"{pipe}\", \"text\")");
    let capture = format!("netns(\"a\").link(\"lo\").capture(\"{pipe}\")");
    let unread = "it is a pipe that nobody reads";
    for (arguments, told) in [
        (&["-e", &word][..], unread),
        (&["-e", &capture], unread),
        (&["--emit", pipe, "lab.rhai"], unread),
        (&["export", "a", "-o", pipe], unread),
        (&["graph", "a", "--form", "dot", "-o", pipe], unread),
        (&["capture", "a", "-w", pipe], unread),
        (
            &["--on", &format!("@{pipe}"), "lab.rhai"],
            "it is a pipe, not a file",
        ),
    ] {
        let output = lab.ipvsh(arguments);
        assert!(
            output.stderr.contains(told) && output.code > 0,
            "{arguments:?}: {}",
            output.end()
        );
    }
    assert_eq!(lab.ipvsh(&["down", "lab"]).code, 0);
    nothing_is_left(lab);
}

fn a_journal_that_is_no_file_is_told_at_once(lab: &Lab) {
    lab.run("netns(\"a\");");
    assert_eq!(lab.ipvsh(&["down", "lab"]).code, 0);
    nix::unistd::mkfifo("/run/ipvsh/labs/lab.jsonl", nix::sys::stat::Mode::S_IRWXU).unwrap();
    for arguments in [&["lab.rhai"][..], &["ls"], &["down", "lab"]] {
        let output = lab.ipvsh(arguments);
        let told = "of lab `lab`: it is a pipe, not a file\n";
        assert!(
            output.stderr.contains(told),
            "{arguments:?}: {}",
            output.stderr
        );
        let file = "its file is /run/ipvsh/labs/lab.jsonl";
        assert!(
            output.stderr.contains(file),
            "{arguments:?}: {}",
            output.stderr
        );
        assert_eq!(output.code, 1, "{arguments:?}: {}", output.stderr);
    }
    std::fs::remove_file("/run/ipvsh/labs/lab.jsonl").unwrap();
    nothing_is_left(lab);
}
