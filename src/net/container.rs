//! Containers of others: the process whose network one has, as `docker` or `podman` tells it.

use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::error::{Error, Kind, Result, nearest};
use crate::net::netns::Netns;
use crate::value::shell;

/// A program that runs containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// It asks a daemon.
    Docker,
    /// It looks for itself, and shows each user their own.
    Podman,
}

impl Runtime {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Docker, Self::Podman];

    /// The program, which also stands before the colon of `docker:web`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }

    /// Whether the program is here.
    pub fn is_here(self) -> bool {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(self.name()).is_file())
    }

    /// The variable that has it ask elsewhere.
    fn variable(self) -> &'static str {
        match self {
            Self::Docker => "DOCKER_HOST",
            Self::Podman => "CONTAINER_HOST",
        }
    }

    /// Opens the network namespace of the running container, given by its name or its id.
    pub fn open(self, container: &str) -> Result<Netns> {
        let program = self.name();
        if container.trim().is_empty() {
            return Err(Error::invalid("the name of the container is missing")
                .hint(format!("write it behind the colon: \"{program}:web\"")));
        }
        self.is_near(std::env::var(self.variable()).ok().as_deref())?;
        self.has_near_context()?;
        let format = "--format={{.State.Pid}} {{.State.Status}}";
        let output = self.run(&["inspect", "--type=container", format, "--", container])?;
        let pid = match self.read(container, &output) {
            Err(error) if error.kind == Kind::NotFound && error.hint.is_none() => {
                return Err(self.with_running(error, container));
            }
            read => read?,
        };
        let opened = Netns::of_process(pid).map_err(|error| match error.kind {
            Kind::NotFound => Error::new(
                Kind::NotFound,
                format!("{program} says that container `{container}` is process {pid}, which is not here"),
            )
            .hint(format!("run ipvsh on the machine that {program} runs it on, and outside of containers")),
            _ => error,
        })?;
        Ok(opened.called(&format!("{program}:{container}")))
    }

    /// Refuses one that was told to ask another machine: its processes have the numbers of others here.
    fn is_near(self, address: Option<&str>) -> Result<()> {
        match address {
            Some(address) if is_far(address) => {
                let variable = self.variable();
                Err(self.elsewhere(address).hint(format!(
                    "run ipvsh there, or without the variable {variable}"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Refuses a docker that was told so by a context, where the variable does not say otherwise.
    fn has_near_context(self) -> Result<()> {
        if self != Self::Docker || std::env::var_os(self.variable()).is_some() || !has_context() {
            return Ok(());
        }
        let format = "--format={{.Endpoints.docker.Host}}";
        let output = self.run(&["context", "inspect", format])?;
        let address = String::from_utf8_lossy(&output.stdout);
        // What it says against the context it says again when it is asked for the container.
        if output.status.success() && is_far(address.trim()) {
            let error = self.elsewhere(address.trim());
            Err(error.hint("run ipvsh there, or go back to this one: `docker context use default`"))
        } else {
            Ok(())
        }
    }

    fn elsewhere(self, address: &str) -> Error {
        let program = self.name();
        Error::new(
            Kind::Unsupported,
            format!("{program} asks another machine, {address}"),
        )
    }

    /// Runs the program with these arguments, and gives it nothing to read.
    fn run(self, arguments: &[&str]) -> Result<Output> {
        let program = self.name();
        let output = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .output();
        output.map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::new(
                Kind::Unsupported,
                format!("there is no program `{program}` here"),
            )
            .hint("give the container's namespace by one of its processes: \"pid:1234\""),
            _ => Error::io(&error).cause(format!("`{program}` can't be run")),
        })
    }

    /// The number of the first process, as the program tells it.
    fn read(self, container: &str, output: &Output) -> Result<u32> {
        let program = self.name();
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            let lower = text.to_lowercase();
            let (kind, cause) = if lower.contains("no such") {
                let cause = format!("{program} knows no container `{container}`");
                (Kind::NotFound, cause)
            } else if lower.contains("permission denied") {
                (Kind::Denied, format!("you may not ask {program}"))
            } else {
                (Kind::Unsupported, format!("{program} does not answer"))
            };
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            let error = lines.fold(Error::new(kind, cause), |error, line| {
                error.note(format!("{program}: {line}"))
            });
            return Err(match kind {
                Kind::Denied => error.hint("run it as root"),
                _ => error,
            });
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let mut words = text.split_whitespace();
        let pid = words.next().and_then(|pid| pid.parse().ok());
        let state = words.next().unwrap_or("no state");
        match pid {
            Some(0) => Err(Error::new(
                Kind::NotFound,
                format!("container `{container}` is not running"),
            )
            .note(format!("{program}: {state}"))
            .hint(format!(
                "start it first: `{program} start {}`",
                shell::word(container)
            ))),
            Some(pid) => Ok(pid),
            None => Err(Error::new(
                Kind::Unsupported,
                format!("{program} does not say which process container `{container}` is"),
            )
            .note(format!("{program}: {}", text.trim()))),
        }
    }

    /// Says which one may be meant, or what runs.
    fn with_running(self, error: Error, container: &str) -> Error {
        let program = self.name();
        let running = self.running();
        let names = || running.iter().map(String::as_str);
        let error = match nearest(container, names()) {
            Some(near) => error.hint(format!("did you mean \"{program}:{near}\"?")),
            None => error.hint(format!("`{program} ps` lists those that run")),
        };
        let error = if running.is_empty() {
            error.note("none runs")
        } else {
            error.note(format!(
                "running: {}",
                names().collect::<Vec<_>>().join(", ")
            ))
        };
        match self {
            Self::Docker => error,
            Self::Podman => error.note("podman shows each user their own containers only"),
        }
    }

    /// The names of those that run, sorted; none where the program can't tell.
    fn running(self) -> Vec<String> {
        let output = self.run(&LIST);
        output.map_or_else(|_| Vec::new(), |output| names(&output.stdout))
    }

    /// The same for somebody who waits at a prompt: none where the program does not tell within `patience`.
    pub fn running_within(self, patience: Duration) -> Vec<String> {
        let address = std::env::var(self.variable()).ok();
        if self.is_near(address.as_deref()).is_err() {
            return Vec::new();
        }
        let mut command = Command::new(self.name());
        let output = output_within(command.args(LIST), patience);
        output.map_or_else(Vec::new, |output| names(&output))
    }
}

/// Whether what answers at the address may be another machine.
fn is_far(address: &str) -> bool {
    let scheme = address.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| !["unix", "fd"].contains(&scheme))
}

/// Whether a context was chosen for docker, by its variable or by `docker context use`.
fn has_context() -> bool {
    if std::env::var_os("DOCKER_CONTEXT").is_some_and(|name| !name.is_empty()) {
        return true;
    }
    let own = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let folder = own.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".docker")));
    let text = folder.and_then(|folder| std::fs::read_to_string(folder.join("config.json")).ok());
    let config = text.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
    let name = config
        .as_ref()
        .and_then(|config| config["currentContext"].as_str());
    name.is_some_and(|name| !name.is_empty() && name != "default")
}

/// What has a program list the names of the containers that run.
const LIST: [&str; 2] = ["ps", "--format={{.Names}}"];

/// The names in such a list, sorted.
fn names(list: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(list);
    // One that others are linked to has several names.
    let names = text.lines().flat_map(|line| line.split(','));
    let mut names: Vec<String> = names
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    names.sort();
    names
}

/// What a program writes that ends well within `patience`. One that does not is killed, with all that it started.
fn output_within(command: &mut Command, patience: Duration) -> Option<Vec<u8>> {
    let end = Instant::now() + patience;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // So it can't ask at the terminal either.
        .process_group(0)
        .spawn()
        .ok()?;
    let output = child
        .stdout
        .take()
        .and_then(|mut pipe| read_until(&mut pipe, end));
    if output.is_none() {
        let group = i32::try_from(child.id()).ok().map(Pid::from_raw);
        // It may have ended by itself.
        let _ = group.map(|group| killpg(group, Signal::SIGKILL));
    }
    let status = child.wait().ok()?;
    output.filter(|_| status.success())
}

/// All that comes from `pipe`; `None` where its end does not come before `end`.
fn read_until(pipe: &mut ChildStdout, end: Instant) -> Option<Vec<u8>> {
    let mut output = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        let mut waited = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
        match poll(&mut waited, left) {
            Err(Errno::EINTR) => continue,
            Ok(1..) => {}
            _ => return None,
        }
        match pipe.read(&mut buffer).ok()? {
            0 => return Some(output),
            count => output.extend_from_slice(&buffer[..count]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_given_so_much_time_and_no_more() {
        let output = |script: &str, patience| {
            output_within(Command::new("sh").args(["-c", script]), patience)
        };
        let long = Duration::from_secs(300);
        assert_eq!(
            output("echo web; echo db", long),
            Some(b"web\ndb\n".to_vec())
        );
        let much = output("yes | head -c 200000", long);
        assert_eq!(much.map(|much| much.len()), Some(200_000));
        assert_eq!(output("echo web; exit 1", long), None);
        // It would not end: neither it nor what it started holds the pipe any more.
        let short = Duration::from_millis(20);
        assert_eq!(output("echo web; sleep 1000; true", short), None);
    }

    #[test]
    fn a_program_that_asks_another_machine_is_refused() {
        let refusal = |address| {
            let refused = Runtime::Docker.is_near(address);
            refused.err().map(|error| error.to_string())
        };
        for near in [
            None,
            Some(""),
            Some("unix:///run/docker.sock"),
            Some("fd://"),
        ] {
            assert_eq!(refusal(near), None);
        }
        assert_eq!(
            refusal(Some("ssh://me@far")).as_deref(),
            Some("docker asks another machine, ssh://me@far")
        );
    }
}
