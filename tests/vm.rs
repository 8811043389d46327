//! The micro-VM itself: streams, exit code, files, IPvlan and a bad end. What scripts do in it is tested elsewhere.

#[macro_use]
extern crate pretty_assertions;

#[path = "vm/untried.rs"]
mod untried;

use std::error::Error;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};

use ipvsh::sandbox::vm::{self, Guest};
use libtest_mimic::{Arguments, Failed, Trial};

/// Set for the process that starts the machine: this program once more, so that its streams can be looked at.
const SCRIPT: &str = "VM_TEST_SCRIPT";

fn main() -> ExitCode {
    if let Some(script) = std::env::var_os(SCRIPT) {
        return match run_script(script) {
            Ok(code) => ExitCode::from(code),
            Err(error) => {
                let _ = writeln!(std::io::stderr(), "{error}");
                ExitCode::from(99)
            }
        };
    }
    let missing = vm::means(None).err();
    let required = std::env::var_os("IPVSH_REQUIRE").is_some_and(|value| value == "all");
    let trials = [
        (
            "a_program_gets_its_input_and_gives_its_output_its_code_and_its_files",
            streams_code_and_files as fn() -> Result<(), Failed>,
        ),
        (
            "options_reach_the_run_and_the_file_that_one_names_comes_back",
            options,
        ),
        ("tests_run_on_the_kernels_that_are_asked_for", kernels),
        ("programs_that_a_script_names_come_along", programs),
        ("what_the_page_says_holds_against_a_script", holds),
        ("an_ipvlan_slave_is_made_on_any_machine", ipvlan),
        (
            "a_plan_knows_by_rule_what_drivers_refuse_that_are_not_loaded",
            untried::plans,
        ),
        ("a_full_table_of_neighbours_is_named_and_mended", full_table),
        ("a_story_is_told_where_its_links_can_be_made", story),
        ("the_stories_look_as_the_book_shows_them", pictures),
        ("a_kernel_that_panics_is_an_error_that_says_why", panic),
    ]
    .map(|(name, test)| {
        let trial = Trial::test(name, test);
        match &missing {
            Some(error) if !required => trial.with_kind(error.to_string()).with_ignored_flag(true),
            _ => trial,
        }
    });
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

/// The part of the process in the middle: runs the script in a micro-VM whose `/init` is the program under test.
fn run_script(script: OsString) -> ipvsh::error::Result<u8> {
    let mut guest = Guest::new(vec!["-c".into(), script])?;
    guest.init = env!("CARGO_BIN_EXE_ipvsh").into();
    guest.program = Some("sh".into());
    guest.programs = ["cat", "chmod", "ip", "ln", "mkdir", "mknod"]
        .map(Into::into)
        .into();
    vm::run(&guest).map(|ran| ran.code)
}

fn sh(script: &str, folder: &Path, input: &str) -> Result<Output, Box<dyn Error>> {
    let mut child = Command::new(std::env::current_exe()?)
        .env(SCRIPT, script)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(input.as_bytes())?;
    }
    Ok(child.wait_with_output()?)
}

fn streams_code_and_files() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let output = sh(
        "cat > new; echo out; echo err >&2; echo no > .hidden; mkdir .git; echo no > .git/hook; \
         chmod 6755 new; ln -s /etc/passwd link; mknod disk b 254 0; mknod pipe p; exit 7",
        folder.path(),
        "in\n",
    )?;
    assert_eq!(String::from_utf8_lossy(&output.stderr), "err\n");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "out\n");
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(fs::read_to_string(folder.path().join("new"))?, "in\n");
    assert_eq!(fs::read_dir(folder.path())?.count(), 1);
    let mode = fs::metadata(folder.path().join("new"))?
        .permissions()
        .mode();
    assert_eq!((mode & 0o7000, mode & 0o100), (0, 0o100));
    Ok(())
}

fn options() -> Result<(), Failed> {
    let (folder, elsewhere) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let emitted = elsewhere.path().join("lab.sh");
    let output = Command::new(env!("CARGO_BIN_EXE_ipvsh"))
        .current_dir(folder.path())
        .args(["--sandbox=vm", "--summary", "--trace", "--emit"])
        .arg(&emitted)
        .args(["-e", "netns(\"a\").name"])
        .output()?;
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "+ ip netns add a\n+ namespace a\ncreated 1, changed 0, unchanged 0, deleted 0\n"
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), "a\n");
    assert_eq!(
        fs::read_to_string(&emitted)?,
        "#!/bin/sh\n# The same lab as <expression>, without ipvsh.\nset -eu\nip netns add a\n"
    );
    assert_eq!(fs::read_dir(folder.path())?.count(), 0);
    Ok(())
}

/// Where two kernels are there, both; else the one twice, which is run once.
fn kernels() -> Result<(), Failed> {
    let there = vm::installed();
    let (first, last) = (&there[0], &there[there.len() - 1]);
    let folder = tempfile::tempdir()?;
    fs::write(
        folder.path().join("kernel_test.rhai"),
        "fn test_a() { print(exec(\"uname -r\")); }\n",
    )?;
    let output = Command::new(env!("CARGO_BIN_EXE_ipvsh"))
        .current_dir(folder.path())
        .args(["--json", "test", "--kernel", first, "--kernel", last])
        .output()?;
    let lines = String::from_utf8(output.stdout)?;
    let events: Vec<serde_json::Value> = lines
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let mut wanted = vec![first, last];
    wanted.dedup();
    let (tests, end) = events.split_at(wanted.len());
    for test in tests {
        assert_eq!(test["outcome"], "passed", "{test}");
        let kernel = test["kernel"].as_str().unwrap_or_default();
        assert_eq!(test["output"], format!("{kernel}\n"));
        assert!(wanted.iter().any(|one| *one == kernel), "{test}");
    }
    assert_eq!(end[0]["kernels"], serde_json::json!(wanted));
    assert_eq!(end[0]["differs"], serde_json::json!([]));

    let unknown = Command::new(env!("CARGO_BIN_EXE_ipvsh"))
        .args(["--sandbox=vm", "--kernel", "0.1", "-e", "1"])
        .output()?;
    let there: Vec<_> = there.iter().map(|one| format!("`{one}`")).collect();
    assert_eq!(
        String::from_utf8_lossy(&unknown.stderr),
        format!(
            "error: cannot find kernel `0.1`: on this machine there is {}\nhint: run `ipvsh vm install --kernel 0.1`; `ipvsh vm list` lists what can be had\n",
            there.join(", ")
        )
    );
    assert_eq!(unknown.status.code(), Some(3));
    Ok(())
}

fn programs() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    fs::write(at("secret"), "of the host\n")?;
    fs::write(
        at("tool"),
        "#!/usr/bin/env bash\necho \"the tool says $1\"\n",
    )?;
    fs::set_permissions(at("tool"), fs::Permissions::from_mode(0o755))?;
    // The micro-VM has its own where this machine has one.
    fs::create_dir(at("bin"))?;
    fs::write(at("bin/modprobe"), "#!/bin/sh\n")?;
    fs::set_permissions(at("bin/modprobe"), fs::Permissions::from_mode(0o755))?;
    let path = std::env::var("PATH").unwrap_or_default();
    fs::write(
        at("lab.rhai"),
        r#"
        print(netns("a").exec(["bash", "-c", "seq 2 | tr 1 x; cat ./secret"], #{check: false}).stdout);
        print(exec("./tool one").stdout);
        exec(["modprobe", "dummy", "numdummies=2"]);
        print(links().map(|l| l.name).filter(|name| name.starts_with("dummy")).join(" "));
        exec("modprobe ipv6");
        print(exec("modprobe no-such-module", #{check: false}).stderr);"#,
    )?;
    let output = Command::new(env!("CARGO_BIN_EXE_ipvsh"))
        .current_dir(folder.path())
        .env("PATH", format!("{}:{path}", at("bin").display()))
        .args(["--sandbox=vm", "lab.rhai"])
        .output()?;
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    // What is no program stays on the host, though the script names it.
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "x\n2\n\nthe tool says one\n\ndummy0 dummy1\n\
         modprobe: this micro-VM has no module `no-such-module`\n\n"
    );
    Ok(())
}

/// The sentences of docs/sandbox.md on the micro-VM: [`streams_code_and_files`] tries the third, [`holds`] the others.
const HELD: [&str; 5] = [
    "A file that is there stays as it is: what the run makes of it lies beside it as `NAME.from-vm`, and is told; `--write DIR` lets files in DIR be replaced.",
    "Nothing appears outside of the work folder but the files that options name, and nothing hidden in it.",
    "What comes back gives no rights: no set-user-ID program, no link, no device.",
    "It sees no file of the host but the script, its modules, the programs that labs run and those that the script names.",
    "It has no network card, no disk and no shared folder.",
];

fn holds() -> Result<(), Failed> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sandbox.md");
    let page = fs::read_to_string(page)?;
    let (_, section) = page
        .split_once("## `--sandbox=vm` holds\n")
        .ok_or("the page has no such section")?;
    let sentences: Vec<&str> = section
        .lines()
        .filter_map(|line| line.strip_prefix("- "))
        .collect();
    assert_eq!(sentences, HELD);

    let place = tempfile::tempdir()?;
    let at = |name: &str| place.path().join(name);
    fs::create_dir_all(at("work/out"))?;
    for file in ["secret", "work/notes", "work/out/log"] {
        fs::write(at(file), "of the host\n")?;
    }
    let attack = "echo x > notes; echo x > out/log; echo x > fresh; echo x > lab.rhai; echo x > ../beside; echo x > /etc/x; echo x > .profile; \
                  cat ../secret notes.old /etc/shadow 2>/dev/null; echo /sys/class/net/* /sys/block/*; cat /proc/mounts";
    let script = format!("print(exec([\"sh\", \"-c\", `{attack}`], #{{check: false}}).stdout);");
    fs::write(at("work/lab.rhai"), &script)?;
    let output = Command::new(env!("CARGO_BIN_EXE_ipvsh"))
        .current_dir(at("work"))
        .args(["--sandbox=vm", "--write=out", "lab.rhai"])
        .output()?;
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "note: `lab.rhai` stays as it is; what the run wrote is in `lab.rhai.from-vm` (`--write DIR` lets files in DIR be replaced)\n\
         note: `notes` stays as it is; what the run wrote is in `notes.from-vm` (`--write DIR` lets files in DIR be replaced)\n"
    );
    assert_eq!(output.status.code(), Some(0));

    let text = |name: &str| fs::read_to_string(at(name));
    assert_eq!(text("work/lab.rhai")?, script);
    assert_eq!(text("work/lab.rhai.from-vm")?, "x\n");
    assert_eq!(text("work/notes")?, "of the host\n");
    assert_eq!(text("work/notes.from-vm")?, "x\n");
    assert_eq!(text("work/out/log")?, "x\n");
    assert_eq!(text("work/fresh")?, "x\n");

    let names = |folder: &Path| -> Result<Vec<String>, std::io::Error> {
        let entries =
            fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().display().to_string()));
        let mut names: Vec<String> = entries.collect::<Result<_, std::io::Error>>()?;
        names.sort();
        Ok(names)
    };
    assert_eq!(names(place.path())?, ["secret", "work"]);
    assert_eq!(
        names(&at("work"))?,
        [
            "fresh",
            "lab.rhai",
            "lab.rhai.from-vm",
            "notes",
            "notes.from-vm",
            "out"
        ]
    );
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        !said.contains("of the host") && !said.contains("root:"),
        "{said}"
    );
    let mut lines = said.lines();
    assert_eq!(lines.next(), Some("/sys/class/net/lo /sys/block/*"));
    let in_memory = [
        "rootfs", "devtmpfs", "proc", "sysfs", "devpts", "tmpfs", "cgroup2", "bpf", "nsfs",
    ];
    for line in lines.filter(|line| !line.is_empty()) {
        let kind = line.split(' ').nth(2).unwrap_or_default();
        assert!(in_memory.contains(&kind), "{line}");
    }
    Ok(())
}

fn ipvlan() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    // No driver is loaded when it is planned: what can't be tried out is not tried out in part.
    let planned =
        r#"ipvlan(dummy("d0").up(), "s0", "l3").netns(netns("n")).addr("10.0.0.1/24").up();"#;
    let script = "cat > /tmp/lab.rhai; /proc/1/exe plan /tmp/lab.rhai > /dev/null; test $? = 10 && \
         ip link add dummy0 type dummy && ip link add link dummy0 slave type ipvlan mode l3 && ip -j -d link show slave";
    let output = sh(script, folder.path(), planned)?;
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "note: the kernel has not loaded `dummy`, `ipvlan` yet, and a plan loads nothing: what is asked of them is planned by rule, and \
         was not tried out; `modprobe -a dummy ipvlan` has a plan try it\n"
    );
    let links: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(links[0]["linkinfo"]["info_data"]["mode"], "l3");
    Ok(())
}

/// Each table of neighbours is one for all namespaces: only a machine of its own can have one that is full.
fn full_table() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let script = r#"
        let a = netns("a"); let b = netns("b");
        a.veth("e0", b, "e0", #{addr: ["10.0.0.1/24", "fd00::1/64"], nodad: true, up: true});
        b.link("e0").addr("10.0.0.2/24").addr("fd00::2/64", #{nodad: true}).up().wait_up();
        for family in ["ipv4", "ipv6"] {
            let to = if family == "ipv4" { "10.0.0.2" } else { "fd00::2" };
            let setting = `${family}.neigh.default.gc_thresh3`;
            let before = host().sysctl(setting);
            host().sysctl(setting, 0);
            // What is in it already may make way, once.
            let found = why(a, to, #{quiet: true});
            for round in 0..20 {
                if !found.reached { break; }
                for place in [a, b] {
                    for one in place.neighbors { if !one.ip.starts_with("ff") { place.link("e0").del_neighbor(one.ip); } }
                }
                found = why(a, to, #{quiet: true});
            }
            print(`${found.sort} ${found.mend}`);
            eval(found.mend);
            print(why(a, to, #{quiet: true, timeout: "2s"}).reached);
            host().sysctl(setting, before);
        }"#;
    let output = Command::new(env!("CARGO_BIN_EXE_ipvsh"))
        .current_dir(folder.path())
        .args(["--sandbox=vm", "-q", "-e", script])
        .output()?;
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "table_full host().sysctl(\"ipv4.neigh.default.gc_thresh3\", 65536)\ntrue\n\
         table_full host().sysctl(\"ipv6.neigh.default.gc_thresh3\", 65536)\ntrue\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn story() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let output = Command::new(env!("CARGO_BIN_EXE_ipvsh"))
        .current_dir(folder.path())
        .args(["--sandbox=vm", "--summary", "demo", "l2", "--count", "3"])
        .output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert!(errors.contains("+ ipvlan    ipvlan3 in net-3"), "{errors}");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        printed.contains("4 packets transmitted, 4 received, 0% packet loss"),
        "{printed}"
    );
    assert_eq!(fs::read_dir(folder.path())?.count(), 0);
    Ok(())
}

/// The picture of each story, planned with its usual parameters, is the one that `docs/pictures` has. With `IPVSH_BLESS` it is
/// written there.
fn pictures() -> Result<(), Failed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let kept = root.join("docs/pictures");
    let mut names = Vec::new();
    let mut script = String::new();
    for file in fs::read_dir(root.join("scripts"))? {
        let file = file?.path();
        if file.extension().is_none_or(|end| end != "rhai") {
            continue;
        }
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let text = fs::read_to_string(&file)?;
        writeln!(script, "cat > /tmp/{name}.rhai <<'END'\n{text}\nEND")?;
        writeln!(
            script,
            "/proc/1/exe graph /tmp/{name}.rhai -o {name}.svg || exit"
        )?;
        names.push(name.into_owned());
    }
    let folder = tempfile::tempdir()?;
    let output = sh(&script, folder.path(), "")?;
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    let blesses = std::env::var_os("IPVSH_BLESS").is_some();
    for name in names {
        let file = format!("{name}.svg");
        let drawn = fs::read_to_string(folder.path().join(&file))?;
        if blesses {
            fs::write(kept.join(&file), &drawn)?;
        }
        let book = fs::read_to_string(kept.join(&file)).unwrap_or_default();
        assert!(
            drawn == book,
            "docs/pictures/{file} is out of date. Run:\n\n    make pictures\n"
        );
    }
    Ok(())
}

fn panic() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let output = sh("echo c > /proc/sysrq-trigger", folder.path(), "")?;
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "cannot run in the micro-VM: the guest's kernel panicked: sysrq triggered crash\n"
    );
    assert_eq!(output.status.code(), Some(99));
    Ok(())
}
