//! `--sandbox=ns` against scripts that mean harm: each sentence of docs/sandbox.md is tried.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::case::cases;
use crate::lab::{Lab, Output, finish};

cases! {
    [] =>
        what_the_page_says_holds_against_a_script_of_root
        what_the_page_says_holds_against_a_script_of_a_user
        nothing_is_left_of_a_sandbox_that_is_killed
        a_sandbox_gives_the_exit_code_and_takes_signals_and_input
        root_runs_a_script_where_nobody_else_may_look
        only_the_folder_of_write_takes_files
        where_user_namespaces_are_refused_nothing_runs;
}

/// A sentence of the page, and commands that end well only where it does not hold.
const HELD: [(&str, &str); 15] = [
    (
        "It writes to no file but those of the work folder, or of the folder that `--write DIR` names instead, and of the files that options name.",
        "touch $OUT/x || touch /etc/x || touch /usr/bin/x || echo x >> $OUT/there || echo x > /var/tmp/ipvsh-x",
    ),
    (
        "What can only be read can't be made writable, and what is covered can't be uncovered.",
        "mount -o remount,bind,rw / || umount /tmp || umount -l /run || umount -l /proc || unshare -m umount /tmp \
         || unshare -m sh -c 'mount --rbind / /mnt && umount /mnt/tmp'",
    ),
    (
        "What only root may read stays closed, also where root starts it.",
        "cat /etc/shadow || cat $OUT/secret",
    ),
    (
        "`/run` and `/tmp` are new and empty, and no file or socket there is reached.",
        "cat $TEMPORARY/there || cat /run/there",
    ),
    (
        "It sees no process outside, and can name none.",
        "kill -0 $OUTSIDE || ls /proc/$OUTSIDE || ls /proc/*/cwd/there",
    ),
    (
        "The processes that watch over it are closed to it, and it can't end them.",
        "kill -9 1; ls /proc/1/root/ || cat /proc/1/environ || nsenter -t 1 -m true || grep -q '^CapPrm:.*[1-9a-f]' /proc/1/status",
    ),
    (
        "No program gives it rights: a set-user-ID bit or capabilities of a file count for nothing.",
        "grep -q '^NoNewPrivs:.*0' /proc/self/status",
    ),
    (
        "It leaves nothing behind that gives rights to others: no set-user-ID or set-group-ID program, no capabilities of a file, no device.",
        "cp /bin/sh s; chmod u+s s || chmod g+s s || chmod 4755 s || install -m 4755 /bin/sh t || mknod b b 7 0 || mknod c c 1 1 \
         || setcap cap_net_raw+ep s || unshare -Ur setcap cap_net_raw+ep s \
         || perl -e 'use Fcntl; exit !sysopen(F, \"u\", O_CREAT|O_WRONLY, 04755)'",
    ),
    (
        "It can't type into the caller's terminal.",
        // Refused before it is asked whether it is a terminal.
        "perl -e 'my $c = \"x\"; exit !(ioctl(STDIN, 0x5412, $c) || $! != 1)'",
    ),
    (
        "Its network is its own, with nothing but `lo` in it.",
        "ip -o link | grep -v ' lo: '",
    ),
    (
        "It changes no setting of the machine, and not its name.",
        "hostname evil; echo x > /proc/sys/kernel/core_pattern || echo 1 > /proc/sys/vm/drop_caches || echo h > /proc/sysrq-trigger",
    ),
    (
        "It opens no device but harmless ones.",
        "ls /dev | grep -vxE 'null|zero|full|random|urandom|tty|net|pts|ptmx|shm|fd|stdin|stdout|stderr'; test $? = 0 \
         || ls /dev/net | grep -vx tun || ls /dev/pts | grep -vx ptmx",
    ),
    (
        "The keys that the kernel keeps for the user are closed to it.",
        "perl -e 'my %n = (x86_64 => 250, aarch64 => 219, riscv64 => 219); my $m = `uname -m`; chomp $m; \
         exit !(syscall($n{$m}, 0, -3, 0) >= 0 || $! != 1)'",
    ),
    (
        "Of what the caller has open it gets the three streams, and pipes.",
        "ls -d /proc/*/fd/7/etc",
    ),
    (
        "Nothing of it is left when it ends, also where it is killed.",
        // Looked for from outside.
        "setsid sleep 4242$OUTSIDE > $PWD/log 2>&1 & exit 1",
    ),
];

/// A sentence of what does not hold, and commands that end well.
const NOT_HELD: [(&str, &str); 2] = [
    (
        "It reads every file that the user who started it may read; where that is root, those that everybody may.",
        "cat /etc/passwd && cat $OUT/there",
    ),
    (
        "It changes every file of the work folder, hidden ones and scripts too: give it an empty one with `--write DIR`.",
        "mkdir -p .git/hooks && echo x > .git/hooks/post-commit && echo '// more' >> lab.rhai",
    ),
];

/// The sentences of the page under a heading.
fn sentences(heading: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sandbox.md");
    let page = fs::read_to_string(page).unwrap();
    let section = page
        .split("\n## ")
        .find(|section| section.starts_with(heading));
    let lines = section.expect(heading).lines();
    lines
        .filter_map(|line| line.strip_prefix("- ").map(str::to_owned))
        .collect()
}

/// What an attacker writes, which says of each try how it went.
fn attack() -> String {
    let held = HELD
        .iter()
        .map(|(_, commands)| ("holds", "BROKEN", commands));
    let not_held = NOT_HELD
        .iter()
        .map(|(_, commands)| ("NOT DONE", "done", commands));
    let tries = held.chain(not_held).enumerate();
    let tries = tries.map(|(index, (refused, done, commands))| {
        format!("if ({commands}) > said 2>&1; then echo {index} {done}; cat said; else echo {index} {refused}; fi")
    });
    tries.collect::<Vec<_>>().join("\n")
}

/// What there is outside of the sandbox, and must stay as it is.
struct Outside {
    folder: tempfile::TempDir,
    temporary: tempfile::TempDir,
    process: Child,
}

impl Outside {
    fn new() -> Self {
        let open = Permissions::from_mode(0o777);
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        let temporary = tempfile::tempdir().unwrap();
        for (place, name) in [
            (&folder, "there"),
            (&folder, "secret"),
            (&temporary, "there"),
        ] {
            let file = place.path().join(name);
            fs::write(&file, "of the host\n").unwrap();
            let mode = if name == "secret" { 0o000 } else { 0o666 };
            fs::set_permissions(file, Permissions::from_mode(mode)).unwrap();
            fs::set_permissions(place.path(), open.clone()).unwrap();
        }
        fs::write("/run/there", "of the host\n").unwrap();
        let process = Command::new("sleep")
            .arg("1000")
            .current_dir(folder.path())
            .spawn()
            .unwrap();
        Self {
            folder,
            temporary,
            process,
        }
    }

    /// The environment in which the attack finds it.
    fn setting(&self) -> String {
        format!(
            "OUT={} TEMPORARY={} OUTSIDE={}",
            self.folder.path().display(),
            self.temporary.path().display(),
            self.process.id()
        )
    }

    fn is_as_it_was(&mut self) {
        let mut names: Vec<_> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["secret", "there"]);
        let there = fs::read_to_string(self.folder.path().join("there")).unwrap();
        assert_eq!(there, "of the host\n");
        assert_eq!(self.process.try_wait().unwrap(), None);
        // Told from that of another case by its number.
        assert!(!runs(&format!("sleep 4242{}", self.process.id())));
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        // It may have been ended by what is tested.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether a process of the command line runs, anywhere.
fn runs(line: &str) -> bool {
    fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        words.trim() == line
    })
}

/// Whether this is root of the machine, who can be somebody else as well.
fn is_root_of_the_machine() -> bool {
    fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| map.contains("4294967295"))
}

/// Runs ipvsh as an ordinary user, with a folder open; who runs the tests as one is one already.
fn by_user(lab: &Lab, arguments: &[&str]) -> Output {
    let user = if is_root_of_the_machine() {
        let open = Permissions::from_mode(0o755);
        fs::set_permissions(lab.folder(), open).unwrap();
        chown(lab.folder(), Some(65534), Some(65534)).unwrap();
        for entry in fs::read_dir(lab.folder()).unwrap() {
            chown(entry.unwrap().path(), Some(65534), Some(65534)).unwrap();
        }
        "setpriv --reuid=65534 --regid=65534 --clear-groups"
    } else {
        ""
    };
    let commands = format!("exec 7< /; exec {user} \"$0\" \"$@\"");
    lab.ipvsh_by(&["sh", "-c", &commands], arguments)
}

fn by_root(lab: &Lab, arguments: &[&str]) -> Output {
    lab.ipvsh_by(&["sh", "-c", "exec 7< /; exec \"$0\" \"$@\""], arguments)
}

/// Runs the attack and judges it.
fn attacked(lab: &Lab, run: impl Fn(&Lab, &[&str]) -> Output) {
    let told =
        |table: &[(&str, &str)]| table.iter().map(|row| row.0.to_owned()).collect::<Vec<_>>();
    assert_eq!(sentences("`--sandbox=ns` holds"), told(&HELD));
    assert_eq!(sentences("`--sandbox=ns` does not hold"), told(&NOT_HELD));
    let mut outside = Outside::new();
    let host = nix::unistd::gethostname().unwrap();
    let attack = format!("export {}\n{}", outside.setting(), attack());
    fs::write(lab.folder().join("attack.sh"), attack).unwrap();
    let script = format!(
        "print(exec([\"sh\", \"attack.sh\"]).stdout);\n\
         try {{ netns(\"pid:{0}\"); print(\"BROKEN\") }} catch (e) {{ print(e.kind) }}\n",
        outside.process.id()
    );
    fs::write(lab.folder().join("lab.rhai"), script).unwrap();
    let output = run(lab, &["--sandbox=ns", "lab.rhai"]);
    assert_eq!((output.stderr.as_str(), output.code), ("", 0));
    let mut wanted: Vec<String> = (0..HELD.len())
        .map(|index| format!("{index} holds"))
        .collect();
    wanted.extend((HELD.len()..HELD.len() + NOT_HELD.len()).map(|index| format!("{index} done")));
    let said: Vec<&str> = output.stdout.lines().collect();
    let (last, tries) = said.split_last().unwrap();
    let tries: Vec<&str> = tries
        .iter()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()))
        .copied()
        .collect();
    assert_eq!(tries, wanted, "{}", output.stdout);
    assert_eq!(*last, "not_found");
    outside.is_as_it_was();
    assert_eq!(nix::unistd::gethostname().unwrap(), host);
    for entry in fs::read_dir(lab.folder()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o6000, 0, "{:?}", entry.file_name());
    }
}

fn what_the_page_says_holds_against_a_script_of_root(lab: &Lab) {
    attacked(lab, by_root);
}

fn what_the_page_says_holds_against_a_script_of_a_user(lab: &Lab) {
    attacked(lab, by_user);
}

fn nothing_is_left_of_a_sandbox_that_is_killed(lab: &Lab) {
    let line = "spawn([\"sleep\", \"4343\"]); print(\"up\"); sleep(1000)";
    let mut child = lab.start(&["--sandbox=ns", "-e", line]);
    wait_for_line(&mut child);
    assert!(runs("sleep 4343"));
    child.kill().unwrap();
    let output = finish(child);
    assert_eq!(output.code, 128 + 9);
    let start = std::time::Instant::now();
    while runs("sleep 4343") {
        assert!(start.elapsed().as_secs() < 20, "it still runs");
        std::thread::yield_now();
    }
}

/// Waits until the child has printed a line.
fn wait_for_line(child: &mut Child) {
    use std::io::Read;
    let mut byte = [0];
    let out = child.stdout.as_mut().unwrap();
    while byte != *b"\n" {
        out.read_exact(&mut byte).unwrap();
    }
}

fn a_sandbox_gives_the_exit_code_and_takes_signals_and_input(lab: &Lab) {
    let ended = |line: &str| lab.ipvsh(&["--sandbox=ns", "-e", line]).code;
    assert_eq!(ended("1"), 0);
    assert_eq!(ended("exit(7)"), 7);
    assert_eq!(ended("throw `x`"), 1);
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut child = lab.start(&["--sandbox=ns", "-e", "print(\"up\"); sleep(1000)"]);
        wait_for_line(&mut child);
        kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
        assert_eq!(finish(child).code, 128 + signal as i32);
    }
    // A script that comes through a pipe, in both ways to name it.
    let mut command = lab.command(&["--sandbox=ns", "-"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, b"print(6 * 7)").unwrap();
    drop(input);
    assert_eq!(finish(child).stdout, "42\n");
    let by_file = "exec \"$0\" \"$@\" <(echo 'print(43)')";
    let output = lab.ipvsh_by(&["bash", "-c", by_file], &["--sandbox=ns"]);
    assert_eq!(
        (output.stderr.as_str(), output.stdout.as_str()),
        ("", "43\n")
    );
}

fn root_runs_a_script_where_nobody_else_may_look(lab: &Lab) {
    let closed = lab.folder().join("closed");
    fs::create_dir_all(closed.join("labs")).unwrap();
    let script = "import \"../module\" as m;\nnetns(`a`);\nm::say();\nexec([`sh`, `-c`, `echo x > made; ls ../..`]).stdout";
    for (file, text) in [
        ("labs/lab.rhai", script),
        ("module.rhai", "fn say() { print(`said`) }"),
        ("secret", "of the host\n"),
    ] {
        let file = closed.join(file);
        fs::write(&file, text).unwrap();
        fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap();
    }
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    let emitted = closed.join("emitted.sh");
    let by_folder = "cd closed/labs && exec \"$0\" \"$@\"";
    let emit = format!("--emit={}", emitted.display());
    let output = lab.ipvsh_by(
        &["sh", "-c", by_folder],
        &["--sandbox=ns", &emit, "lab.rhai"],
    );
    assert_eq!(
        (output.stderr.as_str(), output.stdout.as_str(), output.code),
        ("", "said\n", 0)
    );
    assert_eq!(fs::read_to_string(closed.join("labs/made")).unwrap(), "x\n");
    let commands = fs::read_to_string(&emitted).unwrap();
    assert!(commands.contains("\nip netns add a\n"), "{commands}");
    // A file that is not written in the end is not there.
    fs::remove_file(&emitted).unwrap();
    let output = lab.ipvsh(&["--sandbox=ns", &emit, "-e", "throw `x`"]);
    assert_eq!(output.code, 1);
    assert!(!emitted.exists());
}

fn only_the_folder_of_write_takes_files(lab: &Lab) {
    fs::create_dir(lab.folder().join("out")).unwrap();
    let line = "exec(`sh -c 'echo x > out/made; echo x > beside'`, #{check: false}).stderr";
    let output = lab.ipvsh(&["--sandbox=ns", "--write=out", "-e", line]);
    assert_eq!(
        (output.stdout.as_str(), output.code),
        ("sh: 1: cannot create beside: Read-only file system\n\n", 0),
        "{}",
        output.stderr
    );
    assert!(lab.folder().join("out/made").exists());
    assert!(!lab.folder().join("beside").exists());
    let output = lab.ipvsh(&["--write=out", "-e", "1"]);
    assert_eq!(
        (output.stderr.as_str(), output.code),
        (
            "error: `--write` is for a run in a throw-away place\nhint: add `--sandbox`\n",
            2
        )
    );
}

fn where_user_namespaces_are_refused_nothing_runs(lab: &Lab) {
    let commands = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$0\" \"$@\"";
    let output = lab.ipvsh_by(
        &["unshare", "-Ur", "--", "sh", "-c", commands],
        &["--sandbox=ns", "-e", "print(1)"],
    );
    assert_eq!(
        output,
        Output {
            code: 3,
            stdout: String::new(),
            stderr: "error: cannot enter private namespaces: the limit of user namespaces is reached, or is nought\n\
                     hint: raise it with `sysctl user.max_user_namespaces=10000`, or run it with --sandbox=vm\n"
                .to_owned(),
        }
    );
}
