//! Commands run inside a namespace.

use serde_json::json;

use crate::case::cases;
use crate::lab::Lab;

cases! {
    [] =>
        a_command_runs_inside_the_namespace
        a_command_given_as_a_line_is_split_at_blanks
        what_stands_in_an_argument_reaches_the_program_as_it_is
        an_exit_code_is_a_result
        an_exit_code_is_an_error_where_that_is_asked
        standard_error_is_told_apart
        a_command_gets_its_input
        a_command_gets_its_environment_and_its_folder
        a_command_that_takes_too_long_is_ended
        a_missing_program_is_an_error
        a_list_without_a_program_is_an_error;
}

fn a_command_runs_inside_the_namespace(lab: &Lab) {
    lab.ip("netns add a");
    lab.ip_in("a", "link set lo alias inside");
    let found = lab.value(r#"netns("a").exec(["ip", "-j", "link"]).stdout"#);
    let links: serde_json::Value = serde_json::from_str(found.as_str().unwrap()).unwrap();
    assert_eq!(links[0]["ifalias"], "inside");
}

fn a_command_given_as_a_line_is_split_at_blanks(lab: &Lab) {
    assert_eq!(
        lab.value(r#"netns("a").exec("echo 'a  b' $HOME").stdout"#),
        json!("'a b' $HOME\n")
    );
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
         hint: write the program and each argument as an item of the list\n"
    );
}

fn a_list_without_a_program_is_an_error(lab: &Lab) {
    let text = r"try { host().exec([]); } catch (e) { print(`${e.kind}: ${e.message}`); }";
    assert_eq!(
        lab.run(text),
        "invalid: cannot run `` in namespace `host`: the list names no program\n"
    );
}
