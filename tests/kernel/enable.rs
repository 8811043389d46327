//! A lab that is to stand again after a reboot: what is written for systemd or cron, and taken away again.

use std::fs;
use std::path::Path;

use crate::case::cases;
use crate::common;
use crate::lab::Lab;

cases! {
    [] =>
        a_line_of_cron_makes_the_lab_with_its_parameters
        a_unit_is_one_that_systemd_takes
        what_is_no_file_is_refused
        what_is_not_ours_stays;
}

const SCRIPT: &str = r#"let text = param("text", "x", "what"); netns("a").link("lo").alias(text);"#;

/// A script whose name and parameter need quotes, in an `/etc` of the case's own.
fn prepare(lab: &Lab) -> String {
    lab.copy_etc();
    fs::create_dir_all("/etc/cron.d").unwrap();
    fs::create_dir_all("/etc/systemd/system").unwrap();
    fs::write(lab.folder().join("two hosts.rhai"), SCRIPT).unwrap();
    let script = fs::canonicalize(lab.folder().join("two hosts.rhai")).unwrap();
    script.display().to_string()
}

/// The files of ours in a folder.
fn written(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.contains("ipvsh")).collect()
}

fn a_line_of_cron_makes_the_lab_with_its_parameters(lab: &Lab) {
    let script = prepare(lab);
    let text = "50% of \"$HOME\" \\ it's";
    let printed = lab.ipvsh(&["enable", "--print", "two hosts.rhai", "--text", text]);
    assert_eq!(printed.code, 0, "{printed:?}");
    assert_eq!(written("/etc/cron.d"), Vec::<String>::new());
    let enabled = lab.ipvsh(&["enable", "two hosts.rhai", "--text", text]);
    assert_eq!(enabled.code, 0, "{enabled:?}");
    let [name] = written("/etc/cron.d").try_into().unwrap();
    assert!(!name.contains('.'), "cron passes over {name}");
    let line = fs::read_to_string(Path::new("/etc/cron.d").join(&name)).unwrap();
    assert_eq!(line, printed.stdout);
    let command = line.lines().last().unwrap();
    let command = command.strip_prefix("@reboot root ").unwrap();
    // As cron hands it to the shell.
    common::output("sh", &["-c", &command.replace("\\%", "%")]);
    assert_eq!(lab.link("a", "lo")["ifalias"], text);
    assert_eq!(lab.ipvsh(&["down", &script]).code, 0);
    // The same again with other parameters takes its place.
    assert_eq!(lab.ipvsh(&["enable", "two hosts.rhai"]).code, 0);
    assert_eq!(written("/etc/cron.d"), std::slice::from_ref(&name));
    let wrong = lab.ipvsh(&["enable", "two hosts.rhai", "--txt", "1"]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
    let disabled = lab.ipvsh(&["disable", "two hosts.rhai"]);
    assert_eq!(
        (disabled.code, disabled.stdout),
        (
            0,
            format!("removed /etc/cron.d/{name}; what stands of the lab stays\n")
        )
    );
    assert_eq!(written("/etc/cron.d"), Vec::<String>::new());
    let again = lab.ipvsh(&["disable", "two hosts"]);
    assert_eq!(
        (again.code, again.stdout.as_str()),
        (0, "`two hosts` is not enabled\n")
    );
}

fn a_unit_is_one_that_systemd_takes(lab: &Lab) {
    let script = prepare(lab);
    // What tells that systemd runs.
    fs::create_dir_all("/run/systemd/system").unwrap();
    let enabled = lab.ipvsh(&["enable", "two hosts.rhai", "--text", "50% of $HOME"]);
    assert_eq!(enabled.code, 0, "{enabled:?}");
    let wants = "/etc/systemd/system/multi-user.target.wants";
    let [name] = written(wants).try_into().unwrap();
    let unit = fs::read_to_string(Path::new(wants).join(&name)).unwrap();
    let start = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="));
    let program = fs::canonicalize(env!("CARGO_BIN_EXE_ipvsh")).unwrap();
    assert_eq!(
        start.unwrap(),
        format!(
            "{} \"{script}\" \"--text\" \"50%% of $$HOME\"",
            program.display()
        )
    );
    assert_eq!(lab.ipvsh(&["disable", "two hosts"]).code, 0);
    assert_eq!(written(wants), Vec::<String>::new());
    assert_eq!(written("/etc/systemd/system"), Vec::<String>::new());
}

fn what_is_no_file_is_refused(lab: &Lab) {
    prepare(lab);
    for name in ["/dev/null", ".", "/dev/stdin"] {
        let output = lab.ipvsh(&["enable", name]);
        assert!(output.code != 0 && output.stderr.starts_with("error: cannot"));
        assert_eq!(written("/etc/cron.d"), [""; 0]);
    }
}

fn what_is_not_ours_stays(lab: &Lab) {
    prepare(lab);
    fs::write("/etc/cron.d/ipvsh-lab", "# somebody's own\n").unwrap();
    fs::write(lab.folder().join("lab.rhai"), "netns(\"a\");").unwrap();
    assert_eq!(
        lab.ipvsh(&["enable", "lab.rhai"]).end(),
        "exit code 1\nerror: cannot enable `lab.rhai`: /etc/cron.d/ipvsh-lab is there and was not written by ipvsh\n\
         hint: move it away, or give the lab another name: --lab NAME\n"
    );
    assert_eq!(
        lab.ipvsh(&["disable", "lab"]).end(),
        "exit code 1\nerror: cannot disable `lab`: /etc/cron.d/ipvsh-lab was not written by ipvsh\n\
         hint: remove it yourself, if it is yours\n"
    );
    assert_eq!(
        fs::read_to_string("/etc/cron.d/ipvsh-lab").unwrap(),
        "# somebody's own\n"
    );
    // Another script of that name does not take the place of the first.
    fs::create_dir(lab.folder().join("x")).unwrap();
    fs::write(lab.folder().join("x/b.rhai"), "").unwrap();
    fs::write(lab.folder().join("b.rhai"), "").unwrap();
    assert_eq!(lab.ipvsh(&["enable", "b.rhai"]).code, 0);
    let other = lab.ipvsh(&["enable", "x/b.rhai"]);
    assert_eq!(other.code, 1);
    assert!(
        other.stderr.contains("is enabled under that name"),
        "{}",
        other.stderr
    );
}
