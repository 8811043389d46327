//! The journal of a lab: what `ls` and `down` make of it, also where there is no room for it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MsFlags, mount, umount};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::case::cases;
use crate::lab::{HOST, Lab, finish};
use crate::state;

cases! {
    ["veth"] =>
        a_journal_cut_off_at_any_byte_takes_nothing_down_that_it_does_not_tell
        where_the_journal_has_no_room_nothing_is_changed
        where_the_journal_cannot_be_written_nothing_is_changed
        two_runs_of_one_lab_are_not_at_work_at_once
        a_run_that_has_ended_is_not_named_as_the_one_at_work
        what_somebody_else_has_set_is_left_alone
        a_renamed_link_is_reported_and_stays_in_the_journal
        a_namespace_with_processes_inside_is_busy
        a_lab_is_named_by_its_file_by_itself_or_by_the_command_line
        a_journal_is_for_its_owner_only_and_goes_with_the_lab
        without_root_the_journal_lies_where_the_user_has_a_folder
        a_folder_that_others_can_write_to_is_not_believed
        a_run_that_changes_nothing_makes_no_journal
        a_session_that_was_killed_is_taken_down
        a_journal_of_a_newer_format_is_refused
        a_lab_that_is_unknown_or_gone_is_said_so
        all_labs_are_taken_down_at_once
        a_lab_is_taken_down_by_its_file_whatever_that_is_called
        what_a_damaged_journal_still_tells_is_undone
        a_user_is_told_of_labs_that_only_root_may_look_at
        what_is_missing_or_changed_is_listed
        what_is_missing_or_changed_inside_is_listed
        a_route_that_the_lab_took_away_again_is_not_missing;
    ["bond", "veth"] =>
        a_port_that_a_bond_brings_up_is_as_the_lab_left_it;
}

pub(crate) const LABS: &str = "/run/ipvsh/labs";

/// What was there before: a parent with a setting to be changed, a link to be borrowed, a namespace.
pub(crate) fn foreign(lab: &Lab) {
    lab.ip(
        "link add p0 type veth peer name p1\nlink set p0 up\nlink set p1 up\naddr add 10.8.0.1/24 dev p0\n\
         link add m0 type veth peer name m1\naddr add 10.7.0.1/24 dev m0\nlink set m0 up\nlink set m1 up\n\
         route add 10.6.0.0/16 via 10.8.0.9\nnetns add old",
    );
    lab.wait_up("p0");
    lab.wait_up("m0");
}

pub(crate) fn write(lab: &Lab, text: &str) {
    fs::write(lab.folder().join("lab.rhai"), text).unwrap();
}

/// Takes the lab down, which must be all there is to do.
pub(crate) fn down(lab: &Lab) {
    let output = lab.ipvsh(&["down", "lab.rhai"]);
    assert_eq!(output.end(), "exit code 0\n");
    assert!(journals().is_empty(), "{:?}", journals());
}

/// The files of labs.
pub(crate) fn journals() -> Vec<String> {
    let entries = fs::read_dir(LABS).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Waits until the state is as before: the kernel ends what was in a namespace some time after its name is gone.
pub(crate) fn settles(lab: &Lab, before: &Value, when: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while state::whole(lab) != *before {
        if Instant::now() > deadline {
            let _ = writeln!(std::io::stderr(), "{when}");
            state::assert_same(&state::whole(lab), before);
        }
    }
}

fn a_journal_cut_off_at_any_byte_takes_nothing_down_that_it_does_not_tell(lab: &Lab) {
    foreign(lab);
    let before = state::whole(lab);
    let file = format!("{LABS}/lab.jsonl");
    for end in 0.. {
        lab.run(r#"netns("a");"#);
        let whole = fs::read(&file).unwrap();
        if end > whole.len() {
            break;
        }
        fs::write(&file, &whole[..end]).unwrap();
        down(lab);
        let announced = String::from_utf8_lossy(&whole[..end]).contains("\"name\":\"a\"}}]}\n");
        assert_eq!(
            lab.namespaces().len(),
            if announced { 1 } else { 2 },
            "{end}"
        );
        fs::write(&file, &whole).unwrap();
        down(lab);
        settles(lab, &before, "cut off");
    }
    down(lab);
}

/// Puts a small file system where the journals go.
fn journals_on(options: &str, flags: MsFlags) {
    fs::create_dir_all("/run/ipvsh").unwrap();
    mount(
        Some("small"),
        "/run/ipvsh",
        Some("tmpfs"),
        flags,
        Some(options),
    )
    .unwrap();
}

fn where_the_journal_has_no_room_nothing_is_changed(lab: &Lab) {
    foreign(lab);
    let before = state::whole(lab);
    journals_on("size=4k,mode=700", MsFlags::empty());
    let stderr = lab.fails(r#"for i in 1..=100 { link("p0").addr(`10.20.${i}.1/24`); }"#);
    assert!(
        stderr.contains("cannot write the journal of lab `lab`: no space left on device"),
        "{stderr}"
    );
    assert!(
        stderr.contains("hint: nothing is changed that could not be undone: make room there first"),
        "{stderr}"
    );
    settles(lab, &before, "full");
    assert!(journals().is_empty());
    umount("/run/ipvsh").unwrap();
}

fn where_the_journal_cannot_be_written_nothing_is_changed(lab: &Lab) {
    foreign(lab);
    let before = state::whole(lab);
    journals_on("size=4k,mode=700", MsFlags::MS_RDONLY);
    let output = lab.script(r#"netns("a");"#);
    assert_eq!(output.code, 3);
    assert!(
        output.stderr.contains("read-only file system"),
        "{}",
        output.stderr
    );
    settles(lab, &before, "read-only");
    umount("/run/ipvsh").unwrap();
}

fn two_runs_of_one_lab_are_not_at_work_at_once(lab: &Lab) {
    write(lab, r#"netns("a"); print("made"); sleep(100);"#);
    let mut first = lab.start(&["lab.rhai"]);
    let mut line = String::new();
    BufReader::new(first.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "made\n");
    let pid = first.id();
    for arguments in [["-q", "lab.rhai"], ["down", "lab"]] {
        let second = lab.ipvsh(&arguments);
        assert_eq!(second.code, 1);
        let text = format!("the journal of lab `lab`: it is in use by process {pid} since 20");
        assert!(second.stderr.contains(&text), "{}", second.stderr);
    }
    let listed = lab.ipvsh(&["ls"]).stdout;
    assert!(listed.contains(&format!(" as process {pid}\n")), "{listed}");
    kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGINT).unwrap();
    assert_eq!(finish(first).code, 130);
    assert_eq!(lab.namespaces(), Vec::<String>::new());
    assert!(journals().is_empty());
}

fn a_run_that_has_ended_is_not_named_as_the_one_at_work(lab: &Lab) {
    lab.run(r#"netns("a");"#);
    let file = fs::File::open(format!("{LABS}/lab.jsonl")).unwrap();
    let held = Flock::lock(file, FlockArg::LockExclusiveNonblock).unwrap();
    let down = lab.ipvsh(&["down", "lab"]);
    let text = "cannot open the journal of lab `lab`: it is in use by another run\n";
    assert!(
        down.code == 1 && down.stderr.contains(text),
        "{}",
        down.stderr
    );
    drop(held);
    self::down(lab);
}

fn what_somebody_else_has_set_is_left_alone(lab: &Lab) {
    foreign(lab);
    lab.run(r#"link("p0").mtu(1400).alias("ours");"#);
    lab.ip("link set p0 mtu 1300");
    let output = lab.ipvsh(&["down", "lab"]);
    assert_eq!(
        (output.code, output.stdout.as_str(), output.stderr.as_str()),
        (
            0,
            "took down lab `lab`: 1 change\n",
            "mtu of link `p0` in namespace `host` is 1300, not the 1400 that the lab set: left as it is\n"
        )
    );
    assert_eq!(lab.link(HOST, "p0")["mtu"], 1300);
    assert_eq!(lab.link(HOST, "p0")["ifalias"], Value::Null);
}

fn a_renamed_link_is_reported_and_stays_in_the_journal(lab: &Lab) {
    lab.run(r#"veth("h0", "h1");"#);
    lab.ip("link set h0 name mine");
    let output = lab.ipvsh(&["down", "lab"]);
    assert_eq!(
        (output.code, output.stdout.as_str(), output.stderr.as_str()),
        (
            1,
            "lab `lab` stands\n",
            "error: cannot recognise link `h0` in namespace `host`: it is called `mine` now\n\
             hint: give it its name back, `ip link set mine name h0`, or delete it yourself\n"
        )
    );
    lab.ip("link set mine name h0");
    down(lab);
    assert_eq!(lab.links(HOST), Vec::<String>::new());
}

fn a_namespace_with_processes_inside_is_busy(lab: &Lab) {
    lab.run(r#"netns("a"); netns("b");"#);
    let mut sleeper = lab.in_netns("a", || Command::new("sleep").arg("100").spawn().unwrap());
    let output = lab.ipvsh(&["down", "lab"]);
    let pid = sleeper.id();
    assert_eq!(
        (output.code, output.stdout, output.stderr),
        (
            1,
            "took down lab `lab`: 1 namespace\n".to_owned(),
            format!(
                "error: cannot delete namespace `a`: processes are inside\n  = inside: {pid} (sleep)\n\
                 hint: end them first, or take the lab down with `ipvsh down --force LAB`\n"
            )
        )
    );
    assert_eq!(lab.namespaces(), ["a"]);
    let output = lab.ipvsh(&["down", "lab", "--force"]);
    assert_eq!(output.end(), "exit code 0\n");
    assert_eq!(lab.namespaces(), Vec::<String>::new());
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
}

fn a_lab_is_named_by_its_file_by_itself_or_by_the_command_line(lab: &Lab) {
    lab.run(r#"netns("a");"#);
    assert_eq!(journals(), ["lab.jsonl"]);
    down(lab);
    lab.run(r#"lab("two hosts"); netns("a");"#);
    assert_eq!(journals(), ["two hosts.jsonl"]);
    down(lab);
    lab.script_with(&["--lab", "mine"], r#"lab("two hosts"); netns("a");"#);
    assert_eq!(journals(), ["mine.jsonl"]);
    down(lab);
    assert_eq!(lab.ipvsh(&["-e", "netns(\"a\")"]).code, 0);
    assert_eq!(journals(), ["cli.jsonl"]);
    assert_eq!(lab.ipvsh(&["down", "cli"]).code, 0);
    let stderr = lab.fails(r#"netns("a"); lab("late");"#);
    assert!(
        stderr.contains("cannot name lab `late`: the run has begun its lab already"),
        "{stderr}"
    );
    let stderr = lab.fails(r#"lab("../up");"#);
    assert!(stderr.contains("a lab's name holds no slash"), "{stderr}");
    assert!(journals().is_empty());
}

fn a_journal_is_for_its_owner_only_and_goes_with_the_lab(lab: &Lab) {
    lab.run(r#"netns("a");"#);
    let mode = |path: &str| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(LABS), mode(&format!("{LABS}/lab.jsonl"))),
        (0o700, 0o600)
    );
    lab.run(r#"netns("a").delete();"#);
    down(lab);
    lab.run(r#"netns("b").delete();"#);
    assert!(journals().is_empty());
    lab.script_with(&["--rm"], r#"netns("c");"#);
    assert!(journals().is_empty());
}

fn without_root_the_journal_lies_where_the_user_has_a_folder(lab: &Lab) {
    write(lab, r#"veth("h0", "h1", #{up: true});"#);
    let own = lab.folder().join("own");
    let temporary = lab.folder().join("temporary");
    fs::create_dir(&own).unwrap();
    fs::create_dir(&temporary).unwrap();
    let program = lab.command(&[]).get_program().to_owned();
    for (given, folder) in [
        (own.as_os_str(), own.join("ipvsh")),
        ("".as_ref(), temporary.join("ipvsh-1000")),
    ] {
        // A user of a user namespace, who has the right to make links there but is not root.
        let talk = "$0 lab.rhai && ip -br link | cut -d@ -f1 && $0 ls && stat -c %A:%u $1 $1/labs $1/labs/lab.jsonl \
                    && $0 down lab.rhai && ip -br link | cut -c-4 && ls $1/labs";
        let output = Command::new("unshare")
            .args(["--user", "--map-user=1000", "--map-group=1000", "--net"])
            .args(["--keep-caps", "sh", "-c", talk])
            .args([&program, folder.as_os_str()])
            .env("XDG_RUNTIME_DIR", given)
            .env("TMPDIR", &temporary)
            .current_dir(lab.folder())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let said: Vec<_> = said
            .lines()
            .filter(|line| !line.contains("made by"))
            .map(|line| line.split_whitespace().next().unwrap_or_default())
            .collect();
        assert_eq!(
            (said, String::from_utf8_lossy(&output.stderr).as_ref()),
            (
                vec![
                    "lo",
                    "h1",
                    "h0",
                    "lab:",
                    "drwx------:1000",
                    "drwx------:1000",
                    "-rw-------:1000",
                    "took",
                    "lo"
                ],
                ""
            )
        );
    }
}

fn a_folder_that_others_can_write_to_is_not_believed(lab: &Lab) {
    lab.run(r#"netns("a");"#);
    fs::set_permissions("/run/ipvsh", fs::Permissions::from_mode(0o777)).unwrap();
    for arguments in [&["down", "lab"][..], &["ls"], &["-e", "netns(\"b\")"]] {
        let output = lab.ipvsh(arguments);
        let expected = "the folder /run/ipvsh can be written to by others";
        assert!(
            output.code != 0 && output.stderr.contains(expected),
            "{output:?}"
        );
    }
    assert_eq!(lab.namespaces(), ["a"]);
}

fn a_run_that_changes_nothing_makes_no_journal(lab: &Lab) {
    foreign(lab);
    lab.run(r#"netns("old").links; link("p0").up(); print(namespaces().len());"#);
    assert!(!fs::exists(LABS).unwrap());
}

fn a_session_that_was_killed_is_taken_down(lab: &Lab) {
    let mut session = lab
        .command(&[])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = session.stdin.take().unwrap();
    writeln!(
        stdin,
        "netns(\"a\"); veth(\"h0\", \"h1\"); print(\"made\");"
    )
    .unwrap();
    let mut line = String::new();
    BufReader::new(session.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "made\n");
    session.kill().unwrap();
    let name = format!("repl-{}", session.id());
    assert_eq!(finish(session).code, 137);
    let output = lab.ipvsh(&["down", &name]);
    assert_eq!(
        (output.code, output.stdout),
        (0, format!("took down lab `{name}`: 1 namespace, 1 link\n"))
    );
    assert_eq!(lab.namespaces(), Vec::<String>::new());
    assert_eq!(lab.links(HOST), Vec::<String>::new());
}

fn a_journal_of_a_newer_format_is_refused(lab: &Lab) {
    lab.run(r#"netns("a");"#);
    let file = format!("{LABS}/lab.jsonl");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("\"format\":1", "\"format\":2")).unwrap();
    let refused = format!(
        "a newer ipvsh wrote it, in format 2; this one reads format 1\n  = its file is {file}\n\
         hint: take the lab down with the ipvsh that made it\n"
    );
    let output = lab.ipvsh(&["down", "lab"]);
    assert_eq!(
        (output.code, output.stderr),
        (
            1,
            format!("error: cannot open the journal of lab `lab`: {refused}")
        )
    );
    let output = lab.ipvsh(&["ls"]);
    assert_eq!(
        (output.code, output.stderr),
        (
            1,
            format!("error: cannot read the journal of lab `lab`: {refused}")
        )
    );
    let output = lab.script(r#"netns("b");"#);
    assert_eq!(output.code, 3);
    assert!(
        output.stderr.contains("a newer ipvsh wrote it"),
        "{}",
        output.stderr
    );
    assert_eq!(lab.namespaces(), ["a"]);
}

fn a_lab_that_is_unknown_or_gone_is_said_so(lab: &Lab) {
    lab.run(r#"netns("a");"#);
    let output = lab.ipvsh(&["down", "lub"]);
    assert_eq!(
        (output.code, output.stdout.as_str(), output.stderr.as_str()),
        (0, "no lab `lub` stands\n", "hint: did you mean `lab`?\n")
    );
    lab.ip("netns del a");
    for told in [
        "nothing of lab `lab` was left to take down\n",
        "no lab `lab.rhai` stands\n",
    ] {
        let output = lab.ipvsh(&["down", "lab.rhai"]);
        assert_eq!((output.code, output.stdout.as_str()), (0, told));
    }
}

fn all_labs_are_taken_down_at_once(lab: &Lab) {
    lab.run(r#"lab("one"); netns("a");"#);
    lab.run(r#"lab("two"); netns("b"); netns("c");"#);
    let output = lab.ipvsh(&["down", "--all"]);
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (
            0,
            "took down lab `one`: 1 namespace\ntook down lab `two`: 2 namespaces\n"
        )
    );
    assert_eq!(lab.namespaces(), Vec::<String>::new());
    assert_eq!(lab.ipvsh(&["down", "--all"]).stdout, "no lab stands\n");
    assert_eq!(lab.ipvsh(&["ls"]).stdout, "no lab stands\n");
}

fn what_is_missing_or_changed_is_listed(lab: &Lab) {
    foreign(lab);
    lab.run(r#"netns("a"); netns("b"); link("p0").mtu(1450).mtu(1400).addr("10.9.0.1/24"); veth("h0", "h1");"#);
    let listed = lab.ipvsh(&["--json", "ls"]).stdout;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let states: Vec<_> = listed[0]["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["state"].clone())
        .collect();
    assert_eq!(states, ["stands"; 5]);
    lab.ip("netns del a\nlink set p0 mtu 1300\naddr del 10.9.0.1/24 dev p0\nlink set h0 name mine");
    let listed = lab.ipvsh(&["ls"]).stdout;
    let lines: Vec<_> = listed
        .lines()
        .filter(|line| !line.contains("last changed"))
        .collect();
    assert_eq!(
        lines,
        [
            "lab: 1 namespace, 1 link, 1 setting",
            "  missing: namespace `a`",
            "  changed: mtu 1400 of link `p0` in namespace `host` is 1300 now",
            "  missing: address `10.9.0.1/24` of link `p0` in `host`",
            "  changed: veth `h0` in namespace `host` is called `mine` now",
        ]
    );
}

fn what_is_missing_or_changed_inside_is_listed(lab: &Lab) {
    foreign(lab);
    let text = r#"
        for i in 1..=3 {
            let v = netns(`a${i}`).veth("v", "w").addr("10.0.0.1/24").addr("10.0.1.1/24").mtu(1400).up();
            v.peer.up();
            v.route("10.2.0.0/16");
            v.del_addr("10.0.1.1");
            v.rename("u");
        }
        let gone = netns("a1").veth("x", "y").addr("10.3.0.1/24");
        gone.delete();
        veth("h0", "h1").addr("10.9.0.1/24").delete();"#;
    lab.run(text);
    let listed = || {
        let listed = lab.ipvsh(&["ls"]).stdout;
        let lines = listed.lines().filter(|line| !line.contains("last changed"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let whole = "lab: 3 namespaces, 3 links, 12 settings, 6 addresses, 3 routes";
    assert_eq!(listed(), [whole]);
    lab.ip("netns del a3");
    lab.ip_in("a2", "link del u");
    lab.ip_in(
        "a1",
        "addr add 10.0.1.1/24 dev u\naddr del 10.0.0.1/24 dev u\nlink set u mtu 1300",
    );
    assert_eq!(
        listed(),
        [
            "lab: 2 namespaces, 1 link, 4 settings, 1 address, 1 route",
            "  missing: address `10.0.0.1/24` of link `u` in `a1`",
            "  changed: mtu 1400 of link `u` in namespace `a1` is 1300 now",
            "  changed: address `10.0.1.1/24` taken from link `u` in `a1` is there again",
            "  missing: veth `u` in namespace `a2`",
            "  missing: namespace `a3`",
        ]
    );
    assert_eq!(lab.ipvsh(&["down", "lab"]).code, 0);
    assert!(journals().is_empty());
}

fn a_route_that_the_lab_took_away_again_is_not_missing(lab: &Lab) {
    foreign(lab);
    lab.run(
        r#"
        let p = link("p0");
        route("10.9.0.0/16", p, #{source: "10.8.0.1"});
        del_route("10.9.0.0/16");
        p.addr("fd00::1/64", #{nodad: true});
        route("fd01::/64", #{via: "fd00::2"});
        del_route("fd01::/64");"#,
    );
    let listed = lab.ipvsh(&["ls"]).stdout;
    let lines: Vec<_> = listed
        .lines()
        .filter(|line| !line.contains("last changed"))
        .collect();
    assert_eq!(lines, ["lab: 1 address"]);
}

fn a_port_that_a_bond_brings_up_is_as_the_lab_left_it(lab: &Lab) {
    lab.ip("link add v0 type veth peer name v1\nlink set v0 up");
    let text = r#"bond("bond0", "active-backup", ["v0"], #{up: true});"#;
    lab.run(text);
    let flags = &lab.link(HOST, "v0")["flags"];
    assert!(flags.as_array().unwrap().contains(&Value::from("UP")));
    let listed = lab.ipvsh(&["ls"]).stdout;
    assert!(!listed.contains("changed:"), "{listed}");
}

fn a_lab_is_taken_down_by_its_file_whatever_that_is_called(lab: &Lab) {
    let long = format!("{}.rhai", "x".repeat(240));
    let names = [
        ".hid.rhai",
        "..rhai",
        "a\nb.rhai",
        "a\tb.rhai",
        "ü \u{7f}.rhai",
        &long,
    ];
    for (number, name) in names.iter().enumerate() {
        let text = format!("netns(\"n{number}\");");
        fs::write(lab.folder().join(name), text).unwrap();
        let output = lab.ipvsh(&[&format!("./{name}")]);
        assert_eq!(output.end(), "exit code 0\n", "{name:?}");
    }
    assert_eq!(journals().len(), names.len());
    for name in names {
        // Also where the file is gone.
        fs::remove_file(lab.folder().join(name)).unwrap();
        let output = lab.ipvsh(&["down", &format!("./{name}")]);
        assert_eq!(output.end(), "exit code 0\n", "{name:?}");
    }
    assert!(journals().is_empty(), "{:?}", journals());
    assert!(lab.namespaces().is_empty());
}

fn what_a_damaged_journal_still_tells_is_undone(lab: &Lab) {
    foreign(lab);
    lab.run(r#"link("p0").mtu(1400); netns("a"); link("m0").mtu(1300); netns("b");"#);
    let file = format!("{LABS}/lab.jsonl");
    let text = fs::read_to_string(&file).unwrap();
    let line = |what: &str| text.lines().position(|line| line.contains(what)).unwrap();
    let damaged = line("\"mtu\":1300");
    let lines = text.lines().enumerate();
    let torn: Vec<&str> = lines
        .map(|(number, line)| if number == damaged { &line[..40] } else { line })
        .collect();
    fs::write(&file, torn.join("\n") + "\n").unwrap();
    let stderr = lab.fails(r#"netns("c");"#);
    let is_told = format!("it is damaged at line {}", damaged + 1);
    assert!(stderr.contains(&is_told), "{stderr}");
    assert!(
        stderr.contains("hint: `ipvsh down lab` undoes what can be read of it"),
        "{stderr}"
    );
    let listed = lab.ipvsh(&["ls"]);
    assert!(
        listed
            .stdout
            .contains(&format!("damaged at line {}", damaged + 1)),
        "{listed:?}"
    );
    let output = lab.ipvsh(&["down", "lab.rhai"]);
    assert_eq!(
        (output.code, output.stderr),
        (
            1,
            format!(
                "error: cannot undo all of lab `lab`: its journal is damaged at line {}\n  \
                 = what it told was put aside: {LABS}/lab.damaged\n\
                 hint: see with `ip` whether something of it still stands\n",
                damaged + 1
            )
        )
    );
    assert_eq!(lab.namespaces(), ["old"]);
    assert_eq!(lab.link(HOST, "p0")["mtu"], 1500);
    assert_eq!(lab.link(HOST, "m0")["mtu"], 1300);
    assert_eq!(journals(), ["lab.damaged"]);
    assert_eq!(lab.ipvsh(&["ls"]).stdout, "no lab stands\n");
}

fn a_user_is_told_of_labs_that_only_root_may_look_at(lab: &Lab) {
    let as_user = |arguments: &str| {
        let program = lab.command(&[]).get_program().to_owned();
        let own = lab.folder().join("own");
        let output = Command::new("setpriv")
            .args(["--reuid=65534", "--clear-groups", "sh", "-c"])
            .arg(format!("\"$0\" {arguments}"))
            .arg(program)
            .env("XDG_RUNTIME_DIR", own)
            .current_dir("/")
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr))
    };
    lab.run(r#"netns("a");"#);
    let hidden = "you have no right to look at the labs of root: `sudo ipvsh ls` lists them";
    let none = "no lab of yours stands\n".to_owned();
    assert_eq!(as_user("ls"), (none.clone(), format!("{hidden}\n")));
    assert_eq!(as_user("down --all"), (none, format!("{hidden}\n")));
    let (_, told) = as_user("down lab");
    assert!(told.contains(&format!("hint: {hidden}")), "{told}");
    down(lab);
}
