//! The same run on several hosts: namespaces with a file system view, a home and an sshd of their own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::case::cases;
use crate::common;
use crate::lab::{Lab, Output, finish, program};
use crate::process::until;

cases! {
    ["sshd", "veth", "bridge"] =>
        a_script_runs_on_each_host_with_its_modules_and_what_it_says_comes_back
        an_interrupt_and_a_death_reach_all_hosts;
    ["sshd", "veth", "bridge", "vxlan", "nft"] =>
        one_script_joins_namespaces_of_two_hosts;
}

/// Two hosts, `h1` and `h2`, which call themselves so; `h3` is known and does not answer.
struct Hosts(Vec<Child>);

impl Drop for Hosts {
    fn drop(&mut self) {
        for sshd in &mut self.0 {
            let _ = sshd.kill();
            let _ = sshd.wait();
        }
    }
}

const SSHD: &str = "HostKey /run/hostkey\nAuthorizedKeysFile /run/authorized\nStrictModes no\nUsePAM no\nPidFile none\n";

impl Hosts {
    /// Starts them, with this ipvsh installed there or none.
    fn start(lab: &Lab, is_installed: bool) -> Self {
        let keys = lab.folder().join("keys");
        fs::create_dir(&keys).unwrap();
        let at = |name: &str| keys.join(name).display().to_string();
        for name in ["key", "hostkey"] {
            common::output(
                "ssh-keygen",
                &["-q", "-t", "ed25519", "-N", "", "-f", &at(name)],
            );
        }
        fs::write(at("sshd_config"), SSHD).unwrap();
        lab.ip("link add lan type bridge\naddr add 10.8.0.254/24 dev lan\nlink set lan up");
        let mut hosts = Vec::new();
        for number in [1, 2] {
            let host = format!("h{number}");
            lab.ip(&format!(
                "netns add {host}\nlink add {host} type veth peer name eth0 netns {host}\nlink set {host} master lan up"
            ));
            lab.ip_in(
                &host,
                &format!("addr add 10.8.0.{number}/24 dev eth0\nlink set eth0 up\nlink set lo up"),
            );
            let install = if is_installed {
                let program = fs::canonicalize(program()).unwrap();
                format!(
                    "mount -t tmpfs t /usr/local/bin && ln -s {} /usr/local/bin/ipvsh && ",
                    program.display()
                )
            } else {
                String::new()
            };
            let view = format!(
                "echo {host} > /proc/sys/kernel/hostname && mount -t tmpfs t /run && mkdir -p /run/sshd /run/netns && mount -t tmpfs t /root && \
                 cp {}/hostkey {0}/sshd_config /run && cp {0}/key.pub /run/authorized && \
                 {install}exec /usr/sbin/sshd -D -e -f /run/sshd_config",
                keys.display()
            );
            let sshd = Command::new("ip")
                .args(["netns", "exec", &host, "unshare", "--mount", "--uts"])
                .args(["sh", "-c", &view])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            hosts.push(sshd.unwrap());
        }
        common::output("mount", &["-t", "tmpfs", "t", "/root"]);
        fs::create_dir("/root/.ssh").unwrap();
        let config = [
            "Host h1\n HostName 10.8.0.1\nHost h2\n HostName 10.8.0.2\nHost h3\n HostName 10.8.0.3\n",
            "Host *\n IdentityFile /root/.ssh/key\n User root\n StrictHostKeyChecking no\n LogLevel ERROR\n",
        ]
        .concat();
        fs::write("/root/.ssh/config", config).unwrap();
        fs::copy(at("key"), "/root/.ssh/key").unwrap();
        common::output("chmod", &["-R", "go=", "/root/.ssh"]);
        let hosts = Self(hosts);
        for number in [1, 2] {
            until(|| answers(&format!("h{number}")));
        }
        hosts
    }
}

fn answers(host: &str) -> bool {
    let asked = Command::new("ssh")
        .args(["-o", "ConnectTimeout=1", host, "true"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status();
    asked.is_ok_and(|status| status.success())
}

/// The lines that came, those of each host in their order: which host is quicker is not known.
fn by_host(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_by_key(|line| line.split('|').next());
    lines.join("\n") + "\n"
}

/// The table at the end without the times.
fn end(output: &Output) -> String {
    let lines = output.stderr.lines();
    let table = lines.skip_while(|line| !line.starts_with("HOST"));
    let short = table.map(|line| line.rsplit_once("  ").map_or(line, |(short, _)| short));
    let lines: Vec<&str> = short.map(str::trim_end).collect();
    format!("exit code {}\n{}\n", output.code, lines.join("\n"))
}

fn a_script_runs_on_each_host_with_its_modules_and_what_it_says_comes_back(lab: &Lab) {
    let _hosts = Hosts::start(lab, false);
    fs::create_dir(lab.folder().join("lib")).unwrap();
    fs::write(lab.folder().join("lib/m.rhai"), "fn name(i) { `n${i}` }").unwrap();
    fs::write(
        lab.folder().join("lab.rhai"),
        r#"
        import "lib/m" as m;
        let count = param("count", 1, "how many");
        for i in 1..=count { netns(m::name(i)).bridge("br0"); }
        print(`made ${count}`);"#,
    )
    .unwrap();
    let on = |words: &[&str]| lab.ipvsh(&[&["--on", "h1,h2"], words].concat());
    let run = on(&["--summary", "lab.rhai", "--count", "2"]);
    assert_eq!(by_host(&run.stdout), "h1 | made 2\nh2 | made 2\n");
    let made = "| created 4, changed 0, unchanged 0, deleted 0";
    assert_eq!(run.stderr.matches(made).count(), 2, "{}", run.stderr);
    assert_eq!(
        end(&run),
        "exit code 0\nHOST  RESULT\nh1    done\nh2    done\n"
    );
    // Both have their own.
    assert_eq!(lab.namespaces(), ["h1", "h2"]);
    let plan = on(&["plan", "lab.rhai", "--count", "3"]);
    let listed = "+ namespace n3\n";
    assert_eq!(plan.stdout.matches(listed).count(), 2, "{}", plan.stdout);
    assert_eq!(
        end(&plan),
        "exit code 10\nHOST  RESULT\nh1    would change something\nh2    would change something\n"
    );
    // One host alone differs, and one is not there.
    let one = lab.ipvsh(&["--on", "h2", "-e", r#"netns("n1").link("br0").delete()"#]);
    assert_eq!(one.code, 0, "{one:?}");
    let all = lab.ipvsh(&[
        "--on",
        "h1,h2,h3",
        "--json",
        "-e",
        r#"netns("n1").links.len()"#,
    ]);
    let document: Value = serde_json::from_str(&all.stdout).unwrap();
    let told = |index: usize, key: &str| document[index][key].clone();
    assert_eq!((told(0, "output"), told(1, "output")), (json!(2), json!(1)));
    assert_eq!(
        (told(0, "exit_code"), told(2, "exit_code")),
        (json!(0), Value::Null)
    );
    let why = told(2, "not_reached").to_string();
    assert!(why.contains("10.8.0.3"), "{why}");
    assert_eq!(all.code, 1);
    let lost = lab.ipvsh(&["--quiet", "--on", "h3", "-e", "1"]);
    assert!(
        end(&lost).starts_with("exit code 1\nHOST  RESULT"),
        "{lost:?}"
    );
    let down = on(&["down", "lab.rhai"]);
    assert_eq!(
        by_host(&down.stdout),
        "h1 | took down lab `lab`: 2 namespaces\nh2 | took down lab `lab`: 2 namespaces\n"
    );
    // What is wrong is told before a host is asked.
    for (words, told) in [
        (
            &["--on", "h1,h3", "lab.rhai", "--cuont", "1"][..],
            "error: the script has no parameter `--cuont`\n  = it has --count\nhint: did you mean `--count`?\n",
        ),
        (
            &["--on", "h1,h1", "lab.rhai"],
            "error: host `h1` is named twice\nhint: a script runs once on each host: name it once\n",
        ),
        (
            &["--on", "h1", "--emit", "/x", "lab.rhai"],
            "error: with `--on` no file is written here: `/x` is asked for\nhint: leave out the option that names it\n",
        ),
        (
            &["--on", "h1"],
            "error: `--on` is for a script, a line, `plan`, `ls`, `down` and `confirm`\n\
             hint: for all else, `ssh HOST ipvsh …` runs it where ipvsh is installed\n",
        ),
    ] {
        assert_eq!(lab.ipvsh(words).end(), format!("exit code 2\n{told}"));
    }
}

fn an_interrupt_and_a_death_reach_all_hosts(lab: &Lab) {
    let _hosts = Hosts::start(lab, true);
    fs::write(
        lab.folder().join("long.rhai"),
        r#"netns("b"); print("here"); sleep("100s");"#,
    )
    .unwrap();
    for signal in [Signal::SIGINT, Signal::SIGKILL] {
        let mut run = lab.start(&["--on", "h1,h2", "long.rhai"]);
        let mut output = BufReader::new(run.stdout.take().unwrap());
        for _ in 0..2 {
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            assert!(line.ends_with(" | here\n"), "{line}");
        }
        kill(Pid::from_raw(run.id().cast_signed()), signal).unwrap();
        let ended = finish(run);
        if signal == Signal::SIGINT {
            assert_eq!(ended.code, 130, "{ended:?}");
            let told = " | took down what this run made: 1 namespace\n";
            assert_eq!(ended.stderr.matches(told).count(), 2, "{}", ended.stderr);
            let table = "h1    interrupted";
            assert!(ended.stderr.contains(table), "{}", ended.stderr);
        }
        until(|| {
            let list = lab.ipvsh(&["--on", "h1,h2", "ls"]);
            by_host(&list.stdout) == "h1 | no lab stands\nh2 | no lab stands\n"
        });
    }
    // One of this version was there: none was sent.
    let sent = common::output("ssh", &["h1", "ls .local/share/ipvsh"]);
    assert_eq!(sent, "from\n");
}

fn one_script_joins_namespaces_of_two_hosts(lab: &Lab) {
    let _hosts = Hosts::start(lab, true);
    let page = include_str!("../../docs/hosts.md");
    let (_, script) = page.split_once("```rhai\n").unwrap();
    let (script, _) = script.split_once("```").unwrap();
    fs::write(
        lab.folder().join("lab.rhai"),
        script.replace("192.0.2.", "10.8.0."),
    )
    .unwrap();
    let on = |words: &[&str]| lab.ipvsh(&[&["--on", "h1,h2"], words].concat());
    let run = on(&["lab.rhai"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let again = on(&["plan", "lab.rhai"]);
    assert_eq!(
        by_host(&again.stdout)
            .lines()
            .filter(|line| !line.contains(" | = "))
            .collect::<Vec<_>>(),
        [
            "h1 | a run would change nothing; 14 as asked already",
            "h2 | a run would change nothing; 16 as asked already",
        ]
    );
    // A packet as large as the ends say gets through.
    let asked = r#"let a = existing("a"); let large = #{size: 1422, df: true, quiet: true};
        print(a.links.map(|link| `${link.name} ${link.mtu}`));
        print(["10.0.0.2", "10.0.0.4"].map(|ip| a.ping(ip, large).received > 0));"#;
    let seen = lab.ipvsh(&["--on", "h1", "-e", asked]);
    assert_eq!(
        by_host(&seen.stdout),
        "h1 | [\"lo 65536\", \"to-b 1450\", \"to-c 1450\"]\nh1 | [true, true]\n"
    );
    assert_eq!(on(&["down", "lab.rhai"]).code, 0);
}
