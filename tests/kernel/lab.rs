//! What a case works with: private namespaces, the ipvsh program, and iproute2 to judge what it did.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::{common, spare};

/// How long a program may take before it is ended: far more than any takes in the slowest place.
const PATIENCE: Duration = Duration::from_secs(300);

/// The namespace of the case itself, by the name that ipvsh has for it.
pub(crate) const HOST: &str = "host";

/// Where programs are looked for.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The folder in that of the case where programs put what goes with them.
pub(crate) const TEMPORARY: &str = ".temporary";

/// What a program did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Output {
    /// Its exit code, 128 and the signal where one ended it.
    pub(crate) code: i32,
    /// What it wrote to standard output.
    pub(crate) stdout: String,
    /// What it wrote to standard error.
    pub(crate) stderr: String,
}

impl Output {
    /// How it ended, to be compared: the exit code, then what it wrote to standard error.
    pub(crate) fn end(&self) -> String {
        format!("exit code {}\n{}", self.code, self.stderr)
    }
}

/// Private mount and network namespaces with nothing in them but a loopback that is up.
///
/// Scripts run in a folder of their own, as `lab.rhai`.
pub(crate) struct Lab {
    place: common::Lab,
    folder: TempDir,
}

impl Drop for Lab {
    /// Ends what scripts have started and left.
    fn drop(&mut self) {
        if self.recorded() > 0 {
            finish(self.start(&["down", "--all"]));
        }
    }
}

#[allow(
    clippy::unused_self,
    reason = "that there is a lab around is what these need of it"
)]
impl Lab {
    /// Takes this thread into them.
    pub(crate) fn enter() -> Self {
        let place = common::Lab::enter();
        let none = None::<&str>;
        mount(none, "/sys", Some("sysfs"), MsFlags::empty(), none).expect("mount /sys");
        place.ip("link set dev lo up");
        let folder = tempfile::tempdir().expect("make a folder");
        let temporary = folder.path().join(TEMPORARY);
        fs::create_dir(&temporary).expect("make a folder for what goes");
        // As /tmp is: a case may run ipvsh as another user.
        let for_all = std::os::unix::fs::PermissionsExt::from_mode(0o1777);
        fs::set_permissions(&temporary, for_all).expect("open the folder to all");
        Self { place, folder }
    }

    /// How many spawned processes have a file that they write to.
    pub(crate) fn recorded(&self) -> usize {
        let place = self.folder.path().join(TEMPORARY);
        let folders = fs::read_dir(place).into_iter().flatten().flatten();
        let files = folders.map(|folder| fs::read_dir(folder.path()).map_or(0, Iterator::count));
        files.sum()
    }

    /// Gives the case an `/etc` of its own, which starts as a copy.
    #[track_caller]
    pub(crate) fn copy_etc(&self) {
        common::output("cp", &["-a", "/etc", "/run/etc"]);
        let none = None::<&str>;
        mount(Some("/run/etc"), "/etc", none, MsFlags::MS_BIND, none).expect("cover /etc");
    }

    /// The folder that scripts run in.
    #[track_caller]
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs ipvsh.
    #[track_caller]
    pub(crate) fn ipvsh(&self, arguments: &[&str]) -> Output {
        match spare::run(arguments, self.folder(), PATIENCE) {
            Some(output) => output,
            None => finish(self.start(arguments)),
        }
    }

    /// Starts ipvsh.
    #[track_caller]
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().expect("start ipvsh")
    }

    /// The command that runs ipvsh.
    #[track_caller]
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args(arguments)
            .current_dir(self.folder())
            // A folder in it that may not be searched would make every missing program one that may not be run.
            .env("PATH", PATH)
            .env("TMPDIR", self.folder().join(TEMPORARY))
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs ipvsh by another program, which is to start what stands behind its own arguments.
    #[track_caller]
    pub(crate) fn ipvsh_by(&self, wrapper: &[&str], arguments: &[&str]) -> Output {
        let plain = self.command(arguments);
        let mut command = Command::new(wrapper[0]);
        command
            .args(&wrapper[1..])
            .arg(plain.get_program())
            .args(plain.get_args())
            .current_dir(self.folder())
            .env("PATH", PATH)
            .env("TMPDIR", self.folder().join(TEMPORARY))
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        finish(command.spawn().expect("start the wrapper"))
    }

    /// Runs `text` as the script `lab.rhai`, with options of ipvsh in front.
    ///
    /// A case has many scripts of one name: what an earlier one made is no longer in the script, which is not told here.
    #[track_caller]
    pub(crate) fn script_with(&self, options: &[&str], text: &str) -> Output {
        fs::write(self.folder().join("lab.rhai"), text).expect("write the script");
        let mut arguments = options.to_vec();
        arguments.push("lab.rhai");
        let mut output = self.ipvsh(&arguments);
        let lines = output.stderr.split_inclusive('\n');
        let told = lines.filter(|line| !line.starts_with("note: no longer in the script"));
        output.stderr = told.collect();
        output
    }

    /// Runs `text` as the script `lab.rhai`.
    #[track_caller]
    pub(crate) fn script(&self, text: &str) -> Output {
        self.script_with(&[], text)
    }

    /// Runs a script that is to come to its end without a word on standard error; returns what it printed.
    #[track_caller]
    pub(crate) fn run(&self, text: &str) -> String {
        let output = self.script(text);
        assert_eq!(output.end(), "exit code 0\n", "{text}");
        output.stdout
    }

    /// Runs a script that is to fail; returns what it said on standard error.
    #[track_caller]
    pub(crate) fn fails(&self, text: &str) -> String {
        let output = self.script(text);
        assert_eq!(output.code, 1, "{text}\n{}", output.stderr);
        output.stderr
    }

    /// Runs lines that are each to be refused, and leave nothing behind; each is told with all that its error says,
    /// but for the list of options there are.
    #[track_caller]
    pub(crate) fn refuses(&self, lines: &[(&str, &str)]) {
        let mut script = String::from(
            "fn told(e) { let all = [`${e.kind}: ${e.message}`]; for note in e.notes { if !note.starts_with(\"options: \") { all += `note: ${note}`; } } \
             if e.hint != () { all += `hint: ${e.hint}`; } let text = \"\"; for one in all { text += one + \"\\n\"; } text }\n",
        );
        let tries = lines.iter().map(|(line, _)| {
            format!("try {{ {line}; print(\"not refused\"); }} catch (e) {{ print(told(e)); }}\n")
        });
        script.extend(tries);
        // The kernel says some time later that a link has no carrier.
        let state = || {
            let mut state = self.json(HOST, "link show");
            crate::state::forget(&mut state, &["operstate"]);
            crate::state::forget_carrier(&mut state);
            state
        };
        let before = state();
        let printed = self.run(&script);
        let expected: Vec<String> = lines
            .iter()
            .map(|(_, told)| format!("{told}\n\n"))
            .collect();
        assert_eq!(printed, expected.concat());
        assert_eq!(state(), before);
    }

    /// Calls that make links of kinds which this kernel lacks, each with the kind, the link's name, and the module and the
    /// option that it takes: what is told, whole.
    #[track_caller]
    pub(crate) fn lacks(&self, calls: &[(&str, &str, &str, &str, &str)]) {
        let told = calls.iter().map(|(_, kind, name, module, config)| {
            let place = match *kind {
                "netkit" => "--sandbox=vm --kernel 6.12: Linux has it since 6.7",
                _ => "--sandbox=vm",
            };
            format!(
                "unsupported: cannot create {kind} `{name}` in namespace `host`: \
                 this kernel has no {kind} driver (module `{module}`, {config})\n\
                 hint: load it with `modprobe {module}`, or run with {place}"
            )
        });
        let told: Vec<String> = told.collect();
        let lines = calls.iter().zip(&told);
        let lines: Vec<_> = lines.map(|(call, told)| (call.0, told.as_str())).collect();
        self.refuses(&lines);
    }

    /// Runs `text` twice: the second run is to change nothing.
    #[track_caller]
    pub(crate) fn twice(&self, text: &str) {
        self.run(text);
        let output = self.script_with(&["--summary"], text);
        assert_eq!(output.code, 0, "{}", output.stderr);
        let counts = output.stderr.lines().last().unwrap_or_default().to_owned();
        assert!(
            counts.starts_with("created 0, changed 0, "),
            "{}",
            output.stderr
        );
    }

    /// Makes the link `name` by `script`, which is to be told as `command`, a second time, and then by `command`: each time it is to be
    /// the same link, which a run leaves as it is.
    #[track_caller]
    pub(crate) fn as_ip_makes_it(&self, name: &str, script: &str, command: &str) {
        let output = self.script_with(&["--trace"], script);
        assert_eq!(
            (output.stderr, output.code),
            (format!("+ ip {command}\n"), 0),
            "{script}"
        );
        let info = || {
            let mut info = self.link(HOST, name)["linkinfo"].clone();
            let unsteady = [
                "bridge_id",
                "gc_timer",
                "hello_timer",
                "root_id",
                "tcn_timer",
                "topology_change_timer",
            ];
            crate::state::forget(&mut info, &unsteady);
            info
        };
        let made = info();
        self.twice(script);
        self.ip(&format!("link del {name}\n{command}"));
        assert_eq!(made, info(), "{command}");
        self.twice(script);
        self.ip(&format!("link del {name}"));
    }

    /// Makes calls on `front`, one after the other; returns the errors that they raise, as a script sees them.
    #[track_caller]
    pub(crate) fn caught(&self, front: &str, calls: &[&str]) -> String {
        let calls: Vec<String> = calls
            .iter()
            .map(|call| format!("|| {{ {front}.{call}; }}"))
            .collect();
        self.run(&format!(
            r#"
            for attempt in [{}] {{
                try {{
                    attempt.call();
                    print("accepted");
                }} catch (e) {{
                    print(`${{e.kind}}: ${{e.message}}`);
                    for note in e.notes {{ print(`  ${{note}}`); }}
                    if e.hint != () {{ print(`  hint: ${{e.hint}}`); }}
                }}
            }}"#,
            calls.join(", ")
        ))
    }

    /// Evaluates a line that is to come to its end; returns its value as JSON.
    #[track_caller]
    pub(crate) fn value(&self, line: &str) -> Value {
        let output = self.ipvsh(&["--json", "-e", line]);
        assert_eq!(output.end(), "exit code 0\n", "{line}");
        serde_json::from_str(&output.stdout).expect("a value in JSON")
    }

    /// Runs `ip` commands, one a line, that are to be accepted.
    #[track_caller]
    pub(crate) fn ip(&self, commands: &str) {
        self.place.ip(commands);
    }

    /// The same in the namespace `netns`.
    #[track_caller]
    pub(crate) fn ip_in(&self, netns: &str, commands: &str) {
        self.place.ip_in(netns, commands);
    }

    /// Deletes all links and namespaces.
    #[track_caller]
    pub(crate) fn clear(&self) {
        // Before the namespaces, with which the kernel deletes far ends at a time of its own.
        for name in self.links(HOST) {
            // The other end of a pair goes with the first.
            if self.links(HOST).contains(&name) {
                self.ip(&format!("link del {name}"));
            }
        }
        for name in self.namespaces() {
            self.ip(&format!("netns del {name}"));
        }
    }

    /// Runs commands with `sh` that are all to be accepted without a word on standard error.
    #[track_caller]
    pub(crate) fn sh(&self, commands: &str) {
        let mut shell = Command::new("sh");
        shell.args(["-e", "-c", commands]).stdin(Stdio::null());
        shell.stdout(Stdio::piped()).stderr(Stdio::piped());
        let shell = finish(shell.spawn().expect("start sh"));
        assert_eq!(shell.end(), "exit code 0\n", "{commands}");
    }

    /// Waits until the link `name` of the case's own namespace can carry packets.
    #[track_caller]
    pub(crate) fn wait_up(&self, name: &str) {
        self.place.wait_up_here(name);
    }

    /// What `ip -j` says to `arguments` in the namespace `netns`.
    #[track_caller]
    pub(crate) fn json(&self, netns: &str, arguments: &str) -> Value {
        json_of("ip", netns, arguments)
    }

    /// What `ip -j -d` says to each of `commands`, which stand on a line each, in the namespace `netns`.
    #[track_caller]
    pub(crate) fn batch<const N: usize>(&self, netns: &str, commands: &str) -> [Value; N] {
        let place: &[&str] = if netns == HOST { &[] } else { &["-n", netns] };
        let arguments = [place, &["-j", "-d", "-batch", "-"]].concat();
        let text = common::run_with_input("ip", &arguments, commands);
        let answers = serde_json::Deserializer::from_str(&text).into_iter();
        let answers: Vec<Value> = answers.map(|answer| answer.expect("JSON of ip")).collect();
        answers.try_into().expect("an answer to each command")
    }

    /// What `tc -j` says to `arguments` in the namespace `netns`, without what a queue counts.
    #[track_caller]
    pub(crate) fn tc(&self, netns: &str, arguments: &str) -> Value {
        let mut said = json_of("tc", netns, arguments);
        crate::state::forget(&mut said, &["direct_packets_stat"]);
        said
    }

    /// What `bridge -j` says to `arguments` in the namespace `netns`.
    #[track_caller]
    pub(crate) fn bridge(&self, netns: &str, arguments: &str) -> Value {
        json_of("bridge", netns, arguments)
    }

    /// The link `name` of the namespace `netns` as `ip -d link` describes it.
    #[track_caller]
    pub(crate) fn link(&self, netns: &str, name: &str) -> Value {
        self.json(netns, &format!("-d link show dev {name}"))[0].clone()
    }

    /// The addresses of the link `name`, with their prefix lengths, but for link-local ones.
    #[track_caller]
    pub(crate) fn addresses(&self, netns: &str, name: &str) -> Vec<String> {
        let links = self.json(netns, &format!("addr show dev {name}"));
        let addresses = links[0]["addr_info"].as_array().expect("addresses").iter();
        addresses
            .filter(|address| address["scope"] != "link")
            .map(|address| {
                let ip = address["local"].as_str().unwrap_or_default();
                format!("{ip}/{}", address["prefixlen"])
            })
            .collect()
    }

    /// The routes that `ip route show` lists for `arguments`.
    #[track_caller]
    pub(crate) fn routes(&self, netns: &str, arguments: &str) -> Value {
        self.json(netns, &format!("route show {arguments}"))
    }

    /// The names of the links of the namespace `netns`, but for the loopback.
    #[track_caller]
    pub(crate) fn links(&self, netns: &str) -> Vec<String> {
        let links = self.json(netns, "link show");
        let names = links.as_array().expect("links").iter();
        names
            .map(|link| link["ifname"].as_str().unwrap_or_default().to_owned())
            .filter(|name| name != "lo")
            .collect()
    }

    /// The names that `ip netns list` knows, sorted.
    #[track_caller]
    pub(crate) fn namespaces(&self) -> Vec<String> {
        let listed = self.json(HOST, "netns list");
        let listed = listed.as_array().expect("namespaces").iter();
        let mut names: Vec<String> = listed
            .map(|netns| netns["name"].as_str().unwrap_or_default().to_owned())
            .collect();
        names.sort();
        names
    }

    /// Runs `action` with this thread in the namespace `netns`.
    #[track_caller]
    pub(crate) fn in_netns<T>(&self, netns: &str, action: impl FnOnce() -> T) -> T {
        common::within(netns, action)
    }
}

/// What a program of iproute2 says to `arguments` in the namespace `netns`, as JSON; nothing is an empty list.
fn json_of(program: &str, netns: &str, arguments: &str) -> Value {
    let mut words = if netns == HOST {
        Vec::new()
    } else {
        vec!["-n", netns]
    };
    words.push("-j");
    words.extend(arguments.split_whitespace());
    let text = common::output(program, &words);
    if text.trim().is_empty() {
        return Value::Array(Vec::new());
    }
    serde_json::from_str(&text).expect("JSON of iproute2")
}

/// The program under test. In the micro-VM it has a place of its own.
pub(crate) fn program() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_BIN_EXE_ipvsh"));
    if here.is_file() {
        here
    } else {
        PathBuf::from("/usr/local/bin/ipvsh")
    }
}

/// A file of the repository.
pub(crate) fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Waits for a program to end, but not for ever.
pub(crate) fn finish(child: Child) -> Output {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
    let (done, over) = channel::<()>();
    let watchdog = std::thread::spawn(move || {
        if over.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            // It may just have ended by itself.
            let _ = kill(pid, Signal::SIGKILL);
        }
    });
    let output = child.wait_with_output().expect("wait for the program");
    drop(done);
    watchdog.join().expect("the watchdog ends");
    let code = {
        use std::os::unix::process::ExitStatusExt;
        output
            .status
            .code()
            .or(output.status.signal().map(|signal| 128 + signal))
    };
    Output {
        code: code.expect("an exit code or a signal"),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}

/// Namespaces `a` (10.0.0.1, `fd00::1`) and `b` (10.0.0.2, `fd00::2`), joined.
pub(crate) const TWO: &str = r#"let a = netns("a");
    let b = netns("b");
    let v = a.veth("v", b, "w", #{addr: ["10.0.0.1/24", "fd00::1/64"], nodad: true, up: true});
    v.peer.addr("10.0.0.2/24").addr("fd00::2/64", #{nodad: true}).up();
"#;

/// What comes behind [`TWO`] in a script.
pub(crate) fn two(rest: &str) -> String {
    format!("{TWO}{rest}")
}
