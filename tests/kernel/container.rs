//! Containers of others: found by their name, given a link, and left as they were.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command};

use serde_json::{Value, json};

use crate::case::cases;
use crate::lab::{HOST, Lab, Output, PATH, finish};
use crate::state;

cases! {
    [] =>
        a_container_is_found_by_what_runs_it
        a_container_that_does_not_run_is_refused_whole
        a_misspelt_container_is_told_with_the_one_that_runs
        a_program_that_does_not_answer_is_told_in_its_own_words
        a_container_of_another_machine_is_refused
        a_docker_with_the_context_of_another_machine_is_refused
        a_docker_with_a_context_of_this_machine_is_asked
        a_name_that_looks_like_a_container_is_not_made;
    ["veth"] =>
        a_cable_to_a_container_goes_with_the_lab;
    ["macvlan"] =>
        a_macvlan_slave_in_a_container_goes_with_the_lab
        a_container_that_ends_takes_its_slave_along;
    ["ipvlan", "dummy"] =>
        an_ipvlan_slave_in_a_container_goes_with_the_lab;
}

/// A namespace without a name, with a process in it: what a container is to ipvsh.
struct Container(Child);

impl Container {
    /// One with the link `eth0`, an address and a route.
    fn start(lab: &Lab) -> Self {
        lab.ip("netns add begun");
        let sleep = || Command::new("sleep").arg("1000").spawn();
        let process = lab.in_netns("begun", sleep).unwrap();
        lab.ip("netns del begun");
        let container = Self(process);
        lab.ip(&format!(
            "link add h0 type veth peer name eth0 netns {}",
            container.pid()
        ));
        lab.ip_in(
            &container.place(),
            "link set lo up\nlink set eth0 addrgenmode none\nlink set eth0 up\naddr add 172.17.0.2/16 dev eth0\nroute add default via 172.17.0.1",
        );
        lab.ip("link set h0 up");
        lab.wait_up("h0");
        container
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    /// How iproute2 finds it: a name is a file below /run/netns.
    fn place(&self) -> String {
        format!("../../proc/{}/ns/net", self.pid())
    }

    /// All that iproute2 says of it, and where its process is.
    fn state(&self, lab: &Lab) -> Vec<Value> {
        let objects = ["-d addr show", "route show table all", "rule show"];
        let mut state: Vec<Value> = objects
            .iter()
            .map(|object| lab.json(&self.place(), object))
            .collect();
        state.push(json!(
            fs::read_link(format!("/proc/{}/ns/net", self.pid())).unwrap()
        ));
        state.iter_mut().for_each(state::settle);
        state
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program that stands in for docker or podman: notes what it is asked, and answers what it was given.
struct StandIn(PathBuf);

impl StandIn {
    fn new(lab: &Lab, program: &str) -> Self {
        let folder = lab.folder().join(format!("{program}-bin"));
        fs::create_dir(&folder).unwrap();
        let text = "#!/bin/sh\nhere=\"${0%/*}\"\nfor word in \"$@\"; do echo \"$word\"; done >> \"$here/asked\"\n\
                    cat \"$here/$1.err\" >&2\ncat \"$here/$1.out\"\nexit \"$(cat \"$here/$1.code\")\"\n";
        let file = folder.join(program);
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        let stand_in = Self(folder);
        stand_in.answers("ps", 0, "", "");
        stand_in
    }

    /// From now on it answers so.
    fn answers(&self, command: &str, code: i32, out: &str, err: &str) {
        for (what, text) in [
            ("code", code.to_string().as_str()),
            ("out", out),
            ("err", err),
        ] {
            fs::write(self.0.join(format!("{command}.{what}")), text).unwrap();
        }
    }

    /// What it was asked since the last time, a word a line.
    fn asked(&self) -> String {
        let file = self.0.join("asked");
        let text = fs::read_to_string(&file).unwrap_or_default();
        let _ = fs::remove_file(file);
        text
    }

    fn command(&self, lab: &Lab, arguments: &[&str]) -> Command {
        let path = format!("{}:{PATH}", self.0.display());
        let mut command = lab.command(arguments);
        command
            .env("PATH", path)
            .env("DOCKER_CONFIG", "/nonexistent")
            .env_remove("DOCKER_CONTEXT")
            .env_remove("DOCKER_HOST")
            .env_remove("CONTAINER_HOST");
        command
    }

    fn start(&self, lab: &Lab, arguments: &[&str]) -> Child {
        self.command(lab, arguments).spawn().unwrap()
    }

    fn ipvsh(&self, lab: &Lab, arguments: &[&str]) -> Output {
        finish(self.start(lab, arguments))
    }

    fn script(&self, lab: &Lab, text: &str) -> Output {
        fs::write(lab.folder().join("lab.rhai"), text).unwrap();
        self.ipvsh(lab, &["lab.rhai"])
    }

    /// Runs a script that is to fail; returns what it said.
    fn fails(&self, lab: &Lab, text: &str) -> String {
        let output = self.script(lab, text);
        assert!([1, 3].contains(&output.code), "{}", output.stderr);
        output.stderr
    }
}

/// What the programs are asked first.
fn question(container: &str) -> String {
    format!(
        "inspect\n--type=container\n--format={{{{.State.Pid}}}} {{{{.State.Status}}}}\n--\n{container}\n"
    )
}

const RUNNING: &str = "ps\n--format={{.Names}}\n";

fn a_container_is_found_by_what_runs_it(lab: &Lab) {
    let container = Container::start(lab);
    for program in ["docker", "podman"] {
        let runtime = StandIn::new(lab, program);
        runtime.answers("inspect", 0, &format!("{} running\n", container.pid()), "");
        for name in ["web", "3f4a", "-x", "a b;c"] {
            let line = format!(
                "let n = netns(\"{program}:{name}\"); [n.name, n.processes, n.links.map(|l| l.name)]"
            );
            let output = runtime.ipvsh(lab, &["--json", "-e", &line]);
            assert_eq!(output.end(), "exit code 0\n");
            let found: Value = serde_json::from_str(&output.stdout).unwrap();
            let links = ["lo", "eth0"];
            assert_eq!(
                found,
                json!([format!("{program}:{name}"), [container.pid()], links])
            );
            assert_eq!(runtime.asked(), question(name));
        }
        let text = format!("within \"{program}:web\" {{ print(link(\"eth0\").netns.name); }}");
        assert_eq!(
            runtime.script(lab, &text).stdout,
            format!("{program}:web\n")
        );
    }
}

fn a_container_that_does_not_run_is_refused_whole(lab: &Lab) {
    for program in ["docker", "podman"] {
        let runtime = StandIn::new(lab, program);
        runtime.answers("inspect", 0, "0 exited\n", "");
        assert_eq!(
            runtime.fails(lab, &format!("netns(\"{program}:web\");")),
            format!(
                "\
error: cannot open namespace `{program}:web`: container `web` is not running
 --> lab.rhai:1:1
  |
1 | netns(\"{program}:web\");
  | ^^^^^
  = {program}: exited
hint: start it first: `{program} start web`
"
            )
        );
        // Where it is in another pid namespace, its number is nobody's here.
        runtime.answers("inspect", 0, "4194304 running\n", "");
        assert_eq!(
            runtime.fails(lab, &format!("netns(\"{program}:web\");")),
            format!(
                "\
error: cannot open namespace `{program}:web`: {program} says that container `web` is process 4194304, which is not here
 --> lab.rhai:1:1
  |
1 | netns(\"{program}:web\");
  | ^^^^^
hint: run ipvsh on the machine that {program} runs it on, and outside of containers
"
            )
        );
        for (said, shown) in [("<no value>\n", "<no value>"), ("", "")] {
            runtime.answers("inspect", 0, said, "");
            let errors = runtime.fails(lab, &format!("netns(\"{program}:web\");"));
            assert!(
                errors.contains(&format!(
                    ": {program} does not say which process container `web` is\n"
                )) && errors.contains(&format!("  = {program}: {shown}\n")),
                "{errors}"
            );
        }
        assert_eq!(
            runtime.fails(lab, &format!("netns(\"{program}:\");")),
            format!(
                "\
error: cannot open namespace `{program}:`: the name of the container is missing
 --> lab.rhai:1:1
  |
1 | netns(\"{program}:\");
  | ^^^^^
hint: write it behind the colon: \"{program}:web\"
"
            )
        );
    }
    assert!(lab.namespaces().is_empty());
}

fn a_misspelt_container_is_told_with_the_one_that_runs(lab: &Lab) {
    let docker = StandIn::new(lab, "docker");
    docker.answers(
        "inspect",
        1,
        "\n",
        "Error response from daemon: No such container: wbe\n",
    );
    docker.answers("ps", 0, "web\ndb,web/db\n", "");
    assert_eq!(
        docker.fails(lab, "netns(\"docker:wbe\");"),
        "\
error: cannot open namespace `docker:wbe`: docker knows no container `wbe`
 --> lab.rhai:1:1
  |
1 | netns(\"docker:wbe\");
  | ^^^^^
  = docker: Error response from daemon: No such container: wbe
  = running: db, web, web/db
hint: did you mean \"docker:web\"?
"
    );
    assert_eq!(docker.asked(), question("wbe") + RUNNING);
    docker.answers("ps", 0, "", "");
    assert_eq!(
        docker.fails(
            lab,
            "netns(\"a\").veth(\"v0\", netns(\"docker:wbe\"), \"v1\");"
        ),
        "\
error: cannot open namespace `docker:wbe`: docker knows no container `wbe`
 --> lab.rhai:1:23
  |
1 | netns(\"a\").veth(\"v0\", netns(\"docker:wbe\"), \"v1\");
  |                       ^^^^^
  = docker: Error response from daemon: No such container: wbe
  = none runs
hint: `docker ps` lists those that run
"
    );
    let podman = StandIn::new(lab, "podman");
    podman.answers(
        "inspect",
        125,
        "[]\n",
        "Error: no such container \"cache\"\n",
    );
    podman.answers("ps", 0, "web\n", "");
    podman.asked();
    assert_eq!(
        podman.fails(lab, "within \"podman:cache\" { links() }"),
        "\
error: cannot enter namespace `podman:cache`: podman knows no container `cache`
 --> lab.rhai:1:8
  |
1 | within \"podman:cache\" { links() }
  |        ^^^^^^^^^^^^^^
  = podman: Error: no such container \"cache\"
  = running: web
  = podman shows each user their own containers only
hint: `podman ps` lists those that run
"
    );
    assert_eq!(podman.asked(), question("cache") + RUNNING);
}

fn a_program_that_does_not_answer_is_told_in_its_own_words(lab: &Lab) {
    let docker = StandIn::new(lab, "docker");
    let gone = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n";
    docker.answers("inspect", 1, "\n", gone);
    assert_eq!(
        docker.fails(lab, "netns(\"docker:web\");"),
        "\
error: cannot open namespace `docker:web`: docker does not answer
 --> lab.rhai:1:1
  |
1 | netns(\"docker:web\");
  | ^^^^^
  = docker: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?
"
    );
    assert_eq!(docker.asked(), question("web"));
    docker.answers(
        "inspect",
        1,
        "\n",
        "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock\n",
    );
    assert_eq!(
        docker.fails(lab, "netns(\"docker:web\");"),
        "\
error: cannot open namespace `docker:web`: you may not ask docker
 --> lab.rhai:1:1
  |
1 | netns(\"docker:web\");
  | ^^^^^
  = docker: permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock
hint: run it as root
"
    );
    for program in ["docker", "podman"] {
        let mut command = lab.command(&["-e", &format!("netns(\"{program}:web\")")]);
        // Nothing is there.
        command.env("PATH", lab.folder());
        let output = finish(command.spawn().unwrap());
        assert_eq!(
            (output.code, output.stderr),
            (
                3,
                format!(
                    "\
error: cannot open namespace `{program}:web`: there is no program `{program}` here
 --> <expression>:1:1
  |
1 | netns(\"{program}:web\")
  | ^^^^^
hint: give the container's namespace by one of its processes: \"pid:1234\"
"
                )
            )
        );
    }
}

fn a_docker_with_the_context_of_another_machine_is_refused(lab: &Lab) {
    let runtime = StandIn::new(lab, "docker");
    runtime.answers("context", 0, "ssh://me@far\n", "");
    fs::write(
        lab.folder().join("config.json"),
        r#"{"auths": {}, "currentContext": "far"}"#,
    )
    .unwrap();
    let folder = lab.folder().to_str().unwrap().to_owned();
    for (variable, value) in [
        ("DOCKER_CONFIG", folder.as_str()),
        ("DOCKER_CONTEXT", "far"),
    ] {
        let output = finish(
            runtime
                .command(lab, &["-e", "netns(\"docker:web\")"])
                .env(variable, value)
                .spawn()
                .unwrap(),
        );
        assert_eq!(
            (output.code, output.stderr.as_str()),
            (
                3,
                "\
error: cannot open namespace `docker:web`: docker asks another machine, ssh://me@far
 --> <expression>:1:1
  |
1 | netns(\"docker:web\")
  | ^^^^^
hint: run ipvsh there, or go back to this one: `docker context use default`
"
            )
        );
        assert_eq!(
            runtime.asked(),
            "context\ninspect\n--format={{.Endpoints.docker.Host}}\n"
        );
    }
}

fn a_docker_with_a_context_of_this_machine_is_asked(lab: &Lab) {
    let runtime = StandIn::new(lab, "docker");
    runtime.answers("context", 0, "unix:///run/user/0/docker.sock\n", "");
    runtime.answers(
        "inspect",
        0,
        &format!("{} running\n", std::process::id()),
        "",
    );
    let output = finish(
        runtime
            .command(lab, &["-e", "netns(\"docker:web\").name"])
            .env("DOCKER_CONTEXT", "rootless")
            .spawn()
            .unwrap(),
    );
    assert_eq!(
        (output.code, output.stderr.as_str(), output.stdout.as_str()),
        (0, "", "docker:web\n")
    );
}

fn a_container_of_another_machine_is_refused(lab: &Lab) {
    for (program, variable) in [("docker", "DOCKER_HOST"), ("podman", "CONTAINER_HOST")] {
        let runtime = StandIn::new(lab, program);
        runtime.answers("inspect", 0, "1 running\n", "");
        let line = format!("netns(\"{program}:web\")");
        let mut command = lab.command(&["-e", &line]);
        command.env(variable, "ssh://me@far");
        let output = finish(command.spawn().unwrap());
        assert_eq!(
            (output.code, output.stderr),
            (
                3,
                format!(
                    "\
error: cannot open namespace `{program}:web`: {program} asks another machine, ssh://me@far
 --> <expression>:1:1
  |
1 | netns(\"{program}:web\")
  | ^^^^^
hint: run ipvsh there, or without the variable {variable}
"
                )
            )
        );
        assert_eq!(runtime.asked(), "");
    }
}

fn a_name_that_looks_like_a_container_is_not_made(lab: &Lab) {
    lab.refuses(&[
        (
            r#"netns("dokcer:web")"#,
            "invalid: cannot make namespace `dokcer:web`: `dokcer:` says in no way whose namespace is meant\n\
             hint: did you mean \"docker:web\"?",
        ),
        (
            r#"netns("pidd:1")"#,
            "invalid: cannot make namespace `pidd:1`: `pidd:` says in no way whose namespace is meant\n\
             hint: did you mean \"pid:1\"?",
        ),
    ]);
    lab.ip("netns add Docker:web");
    lab.run(r#"netns("Docker:web").links; netns("red:1");"#);
    assert_eq!(lab.namespaces(), ["Docker:web", "red:1"]);
}

/// Gives a container what `made` makes in it, takes the lab down in each way, and looks at the container each time.
#[track_caller]
fn attach(lab: &Lab, made: &str, kind: &str) {
    let container = Container::start(lab);
    let docker = StandIn::new(lab, "docker");
    docker.answers("inspect", 0, &format!("{} running\n", container.pid()), "");
    let (before, host) = (container.state(lab), lab.json(HOST, "link show"));
    let text = format!("let c = netns(\"docker:web\"); {made}");
    let is_as_before = |what: &str| {
        assert_eq!(container.state(lab), before, "{what}");
        assert_eq!(lab.json(HOST, "link show"), host, "{what}");
    };
    let rm = {
        fs::write(lab.folder().join("lab.rhai"), &text).unwrap();
        docker.ipvsh(lab, &["--rm", "lab.rhai"])
    };
    assert_eq!(rm.end(), "exit code 0\n");
    is_as_before("--rm");
    let failed = docker.script(lab, &format!("{text} assert(false, \"no\");"));
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    is_as_before("a run that fails");
    let run = docker.script(lab, &text);
    assert_eq!(run.end(), "exit code 0\n");
    let slave = lab.link(&container.place(), "x0");
    assert_eq!(slave["linkinfo"]["info_kind"], kind);
    assert_eq!(lab.addresses(&container.place(), "x0"), ["10.9.0.2/24"]);
    // A second run finds it as asked.
    let again = docker.ipvsh(lab, &["--summary", "lab.rhai"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(
        again.stderr.contains("created 0, changed 0, "),
        "{}",
        again.stderr
    );
    assert_eq!(lab.link(&container.place(), "x0"), slave);
    let listed = lab.ipvsh(&["ls"]).stdout;
    assert!(
        listed.starts_with("lab: 1 link\n") || listed.starts_with("lab: 1 link,"),
        "{listed}"
    );
    let listed = lab.ipvsh(&["--json", "ls"]).stdout;
    assert!(
        listed.contains("docker:web") && !listed.contains("pid:"),
        "{listed}"
    );
    let down = lab.ipvsh(&["down", "lab"]);
    assert_eq!(down.end(), "exit code 0\n");
    is_as_before("down");
}

fn a_cable_to_a_container_goes_with_the_lab(lab: &Lab) {
    attach(
        lab,
        r#"let v = c.veth("x0", host(), "x1", #{up: true, addr: "10.9.0.2/24"}); v.peer.up();"#,
        "veth",
    );
}

fn a_macvlan_slave_in_a_container_goes_with_the_lab(lab: &Lab) {
    attach(
        lab,
        r#"c.macvlan("h0", "x0", "bridge", #{up: true, addr: "10.9.0.2/24"});"#,
        "macvlan",
    );
}

fn an_ipvlan_slave_in_a_container_goes_with_the_lab(lab: &Lab) {
    lab.ip("link add p0 type dummy\nlink set p0 up");
    attach(
        lab,
        r#"c.ipvlan("p0", "x0", "l3", #{up: true, addr: "10.9.0.2/24", route: "10.0.0.0/8"});"#,
        "ipvlan",
    );
}

fn a_container_that_ends_takes_its_slave_along(lab: &Lab) {
    let container = Container::start(lab);
    let docker = StandIn::new(lab, "docker");
    docker.answers("inspect", 0, &format!("{} running\n", container.pid()), "");
    lab.ip("link add p0 type veth peer name p1\nlink set p0 up\nlink set p1 up");
    let run = docker.script(lab, r#"netns("docker:web").macvlan("p0", "x0");"#);
    assert_eq!(run.end(), "exit code 0\n");
    // The kernel takes the namespace away at a time of its own.
    lab.ip("link del h0");
    drop(container);
    let down = lab.ipvsh(&["down", "lab"]);
    assert_eq!(down.end(), "exit code 0\n");
    assert!(!down.stdout.contains("link"), "{}", down.stdout);
    // The next one is another, with nothing of the lab in it.
    let next = Container::start(lab);
    docker.answers("inspect", 0, &format!("{} running\n", next.pid()), "");
    let before = next.state(lab);
    assert_eq!(lab.ipvsh(&["down", "--all"]).code, 0);
    assert_eq!(next.state(lab), before);
}
