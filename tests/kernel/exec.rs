//! Commands run inside a namespace.

use serde_json::json;

use crate::case::cases;
use crate::common;
use crate::lab::Lab;
use crate::process;

cases! {
    [] =>
        a_command_runs_inside_the_namespace
        a_command_given_as_a_line_is_split_as_a_shell_does
        a_line_with_an_open_quote_is_an_error
        what_stands_in_an_argument_reaches_the_program_as_it_is
        an_exit_code_is_a_result
        an_exit_code_is_an_error_where_that_is_asked
        standard_error_is_told_apart
        a_command_gets_its_input
        a_command_gets_its_environment_and_its_folder
        a_command_has_the_rights_of_its_user
        a_command_sees_the_files_of_its_namespace
        a_command_sees_the_devices_of_its_namespace
        a_command_that_takes_too_long_is_ended
        what_a_command_that_takes_too_long_has_started_is_ended
        a_command_is_over_when_it_ends_whatever_it_leaves_behind
        input_that_nobody_reads_holds_up_no_command
        all_that_a_command_wrote_is_there_when_it_has_ended
        a_command_ends_with_ipvsh_however_that_ends
        what_a_command_is_told_is_checked
        a_missing_program_is_an_error
        a_line_in_the_place_of_a_program_is_told_how_to_be_written
        a_list_without_a_program_is_an_error;
}

fn a_command_runs_inside_the_namespace(lab: &Lab) {
    lab.ip("netns add a");
    lab.ip_in("a", "link set lo alias inside");
    let found = lab.value(r#"netns("a").exec(["ip", "-j", "link"]).stdout"#);
    let links: serde_json::Value = serde_json::from_str(found.as_str().unwrap()).unwrap();
    assert_eq!(links[0]["ifalias"], "inside");
}

fn a_command_given_as_a_line_is_split_as_a_shell_does(lab: &Lab) {
    assert_eq!(
        lab.value(r#"netns("a").exec("echo 'a  b'   $HOME *").stdout"#),
        json!("a  b $HOME *\n")
    );
}

fn a_line_with_an_open_quote_is_an_error(lab: &Lab) {
    let text =
        r#"try { netns("a").exec("echo 'a"); } catch (e) { print(`${e.kind}: ${e.message}`); }"#;
    assert_eq!(
        lab.run(text),
        "invalid: cannot run `echo 'a` in namespace `a`: a quote in the line is not closed\n"
    );
}

fn a_command_has_the_rights_of_its_user(lab: &Lab) {
    let found = lab.value(
        r#"["nobody", 65534].map(|u| netns("a").exec(["sh", "-c", "id -u; id -G; echo $USER"], #{user: u}).stdout)"#,
    );
    let id = |option| common::output("id", &[option, "nobody"]);
    let (user, groups) = (id("-u"), id("-G"));
    let expected = format!("{user}{groups}nobody\n");
    assert_eq!(found, json!([expected, expected]));
}

fn a_command_sees_the_files_of_its_namespace(lab: &Lab) {
    let before = std::fs::read_to_string("/etc/hosts").unwrap();
    lab.copy_etc();
    std::fs::create_dir_all("/etc/netns/a").unwrap();
    std::fs::write("/etc/netns/a/hosts", "10.0.0.9 inside\n").unwrap();
    std::fs::write("/etc/netns/a/no-such-file-in-etc", "").unwrap();
    let read = r#"|n| n.exec(["cat", "/etc/hosts"]).stdout"#;
    let found = lab.value(&format!("[netns(\"a\"), netns(\"b\")].map({read})"));
    assert_eq!(found, json!(["10.0.0.9 inside\n", before]));
    let expected = common::output("ip", &["netns", "exec", "a", "cat", "/etc/hosts"]);
    assert_eq!(found[0], expected);
    let line = lab.value(r#"netns("a").spawn(["cat", "/etc/hosts"]).line()"#);
    assert_eq!(line, "10.0.0.9 inside");
    assert_eq!(std::fs::read_to_string("/etc/hosts").unwrap(), before);
}

fn a_command_sees_the_devices_of_its_namespace(lab: &Lab) {
    lab.ip("netns add a");
    let found = lab.value(r#"netns("a").exec(["ls", "/sys/class/net"]).stdout"#);
    let expected = common::output("ip", &["netns", "exec", "a", "ls", "/sys/class/net"]);
    assert_eq!(found, json!(expected));
}

fn what_a_command_that_takes_too_long_has_started_is_ended(lab: &Lab) {
    let text = r#"
        let a = netns("a");
        try { a.exec(["sh", "-c", "sleep 100 & wait"], #{timeout: "200ms"}); } catch (e) { print(e.kind); }"#;
    assert_eq!(lab.run(text), "timeout\n");
    // What is in it holds the pipe; `ip` sees it until the kernel has ended it.
    process::until(|| common::output("ip", &["netns", "pids", "a"]).is_empty());
}

fn a_command_ends_with_ipvsh_however_that_ends(lab: &Lab) {
    lab.ip("netns add a");
    let mut run = lab.start(&["-e", r#"netns("a").exec(["sleep", "100"])"#]);
    let pids = || common::output("ip", &["netns", "pids", "a"]);
    process::until(|| !pids().is_empty());
    run.kill().unwrap();
    run.wait().unwrap();
    process::until(|| pids().is_empty());
}

fn what_a_command_is_told_is_checked(lab: &Lab) {
    lab.ip("netns add a");
    let run = "cannot run `true` in namespace `a`";
    let told = |why: &str| format!("invalid: {run}: {why}");
    let shell = std::env::var("SHELL")
        .ok()
        .filter(|shell| !shell.is_empty());
    let shell = shell.as_deref().unwrap_or("/bin/sh");
    let lines = [
        (
            r#"netns("a").exec("true", #{user: "no-such-user"})"#,
            format!(
                "not_found: {run}: there is no user `no-such-user`\n\
                 hint: `getent passwd` lists those that there are"
            ),
        ),
        (
            r#"netns("a").exec("true", #{user: [1]})"#,
            told("option `user` is text, not a list"),
        ),
        (
            r#"netns("a").exec("true", #{cwd: "/no/such"})"#,
            format!("not_found: {run}: there is no folder `/no/such`"),
        ),
        (
            r#"netns("a").exec("true", #{cwd: 1})"#,
            told("option `cwd` takes a string, not an integer"),
        ),
        (
            r#"netns("a").exec("true", #{env: 1})"#,
            told("option `env` takes a map, not an integer"),
        ),
        (
            r#"netns("a").exec("true", #{env: #{"A=B": 1}})"#,
            told("`A=B` can't be the name of a variable"),
        ),
        (
            r#"netns("a").exec("true", #{env: #{A: [1]}})"#,
            told("the variable `A` is text, not a list"),
        ),
        (
            r#"netns("a").exec("true", #{timeout: "soon"})"#,
            told(
                "`soon` is not a duration\n\
                 hint: write a number and a unit, such as \"200ms\", \"1.5s\" or \"2m\"",
            ),
        ),
        (
            r#"netns("a").exec("true", #{check: 1})"#,
            told("option `check` takes true or false, not an integer"),
        ),
        (
            r#"netns("a").exec("true", #{input: 1})"#,
            told("option `input` takes a string, not an integer"),
        ),
        (
            r#"netns("a").exec("true", #{timout: "1s"})"#,
            told("`exec` has no option `timout`\nhint: did you mean `timeout`?"),
        ),
        (
            r#"netns("a").exec(["true", #{}])"#,
            told("an argument of a command is text, not a map"),
        ),
        (
            r#"netns("a").exec(["true", "a\x00b"])"#,
            told("an argument of a command holds a zero byte"),
        ),
        (
            r#"netns("a").exec("")"#,
            "invalid: cannot run `` in namespace `a`: the list names no program\n\
             hint: write the program and its arguments: [\"ip\", \"address\"]"
                .to_owned(),
        ),
        (
            r#"netns("a").exec(["/etc/passwd"])"#,
            "denied: cannot run `/etc/passwd` in namespace `a`: it may not be run: it is no program, or a folder is in the way\n\
             hint: name a file that `ls -l` shows with an x, or the program that reads this one"
                .to_owned(),
        ),
        (
            r#"let g = netns("g"); g.delete(); g.exec("true")"#,
            "not_found: cannot run `true` in namespace `g`: namespace `g` is gone\n\
             hint: it was deleted after this handle was made; make it again by its name"
                .to_owned(),
        ),
        (
            r#"let g = netns("g"); g.delete(); g.shell()"#,
            format!(
                "not_found: cannot run the shell `{shell}` in namespace `g`: namespace `g` is gone\n\
                 hint: it was deleted after this handle was made; make it again by its name"
            ),
        ),
    ];
    refuses(lab, &lines);
}

/// As [`Lab::refuses`], for texts that are put together.
#[track_caller]
fn refuses(lab: &Lab, lines: &[(&str, String)]) {
    let lines: Vec<_> = lines
        .iter()
        .map(|(line, told)| (*line, told.as_str()))
        .collect();
    lab.refuses(&lines);
}

fn what_stands_in_an_argument_reaches_the_program_as_it_is(lab: &Lab) {
    assert_eq!(
        lab.value(r#"netns("a").exec(["echo", "a; b", "$HOME", "c  d", 7]).stdout"#),
        json!("a; b $HOME c  d 7\n")
    );
}

fn an_exit_code_is_a_result(lab: &Lab) {
    let found = lab.value(r#"let r = netns("a").exec(["sh", "-c", "exit 7"]); [r.code, r.ok]"#);
    assert_eq!(found, json!([7, false]));
}

fn an_exit_code_is_an_error_where_that_is_asked(lab: &Lab) {
    let text = r#"
        try { netns("a").exec(["sh", "-c", "echo no >&2; exit 7"], #{check: true}); }
        catch (e) { print(e.message); print(e.notes); }"#;
    assert_eq!(
        lab.run(text),
        "cannot run `sh` in namespace `a`: it ended with exit code 7\n[\"no\"]\n"
    );
}

fn standard_error_is_told_apart(lab: &Lab) {
    let found = lab.value(
        r#"let r = netns("a").exec(["sh", "-c", "echo out; echo err >&2"]); [r.stdout, r.stderr]"#,
    );
    assert_eq!(found, json!(["out\n", "err\n"]));
}

fn a_command_gets_its_input(lab: &Lab) {
    assert_eq!(
        lab.value(r#"netns("a").exec(["cat"], #{input: "a\nb"}).stdout"#),
        json!("a\nb")
    );
}

fn a_command_gets_its_environment_and_its_folder(lab: &Lab) {
    let found = lab.value(
        r#"netns("a").exec(["sh", "-c", "echo $LAB; pwd"], #{env: #{LAB: "seven"}, cwd: "/run"}).stdout"#,
    );
    assert_eq!(found, json!("seven\n/run\n"));
}

fn a_command_that_takes_too_long_is_ended(lab: &Lab) {
    let text = r#"
        let a = netns("a");
        try { a.exec(["sleep", "100"], #{timeout: "50ms"}); } catch (e) { print(`${e.kind}: ${e.message}`); }
        print(a.processes);"#;
    assert_eq!(
        lab.run(text),
        "timeout: cannot run `sleep` in namespace `a`: it took longer than 50ms\n[]\n"
    );
}

fn a_missing_program_is_an_error(lab: &Lab) {
    assert_eq!(
        lab.fails("netns(\"a\").exec([\"no-such-program\"]);"),
        "took down what this run made: 1 namespace\n\
         error: cannot run `no-such-program` in namespace `a`: there is no such program\n \
          --> lab.rhai:1:12\n  \
           |\n\
         1 | netns(\"a\").exec([\"no-such-program\"]);\n  \
           |            ^^^^\n  \
           = errno: ENOENT\n\
         hint: install it, or write its full path\n"
    );
}

fn a_line_in_the_place_of_a_program_is_told_how_to_be_written(lab: &Lab) {
    let text =
        r#"try { host().exec(["echo hello"]); } catch (e) { print(e.message); print(e.hint); }"#;
    assert_eq!(
        lab.run(text),
        "cannot run `echo hello` in namespace `host`: there is no such program\n\
         write the program and each argument as an item of the list\n"
    );
}

fn a_list_without_a_program_is_an_error(lab: &Lab) {
    let text = r"try { host().exec([]); } catch (e) { print(`${e.kind}: ${e.message}`); }";
    assert_eq!(
        lab.run(text),
        "invalid: cannot run `` in namespace `host`: the list names no program\n"
    );
}

fn a_command_is_over_when_it_ends_whatever_it_leaves_behind(lab: &Lab) {
    let found = lab.value(
        r#"let found = netns("a").exec(["sh", "-c", "sleep 1000 & echo up; echo also >&2; exit 3"]);
           [found.code, found.stdout, found.stderr, netns("a").processes.len()]"#,
    );
    assert_eq!(found, json!([3, "up\n", "also\n", 1]));
}

fn input_that_nobody_reads_holds_up_no_command(lab: &Lab) {
    // More than a pipe holds, and somebody who has it open and does not read it.
    let found = lab.value(
        r#"let text = "x"; for i in 0..20 { text += text; }
           netns("a").exec(["sh", "-c", "sleep 1000 <&0 & exit 4"], #{input: text}).code"#,
    );
    assert_eq!(found, json!(4));
}

fn all_that_a_command_wrote_is_there_when_it_has_ended(lab: &Lab) {
    let found = lab.value(
        r#"let a = netns("a");
           let lengths = [];
           for size in [0, 1, 65536, 65537, 16000000] {
               let found = a.exec(["sh", "-c", `head -c ${size} /dev/zero | tee /dev/stderr`]);
               lengths.push([found.stdout.len(), found.stderr.len()]);
           }
           lengths"#,
    );
    let sizes = [0, 1, 65536, 65537, 16_000_000];
    assert_eq!(found, json!(sizes.map(|size| [size, size])));
}
