//! Commands: run a program inside a namespace, from a list of arguments, and get its output and exit code back.

use std::path::Path;
use std::process::Stdio;
use std::rc::Rc;

use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rhai::{Array, Map};
use tokio::process::Command;

use crate::dsl::handle::Netns;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result};
use crate::lab;
use crate::net::namespace;
use crate::value::options::{self, Options};

/// What a command can be told.
pub(crate) const KEYS: &[&str] = &["check", "cwd", "env", "input", "timeout"];

/// The arguments of a command: text each; numbers are taken as text.
fn arguments(list: &Array) -> Result<Vec<String>> {
    let arguments: Vec<String> = list
        .iter()
        .map(|argument| match argument.type_name() {
            "i64" | "f64" | "bool" | "char" | "string" => Ok(argument.to_string()),
            other => Err(Error::invalid(format!(
                "an argument of a command is text, not {}",
                options::type_in_words(other)
            ))),
        })
        .collect::<Result<_>>()?;
    if arguments.first().is_none_or(String::is_empty) {
        return Err(Error::invalid("the list names no program")
            .hint("write the program and its arguments: [\"ip\", \"address\"]"));
    }
    if arguments.iter().any(|argument| argument.contains('\0')) {
        return Err(Error::invalid("an argument of a command holds a zero byte"));
    }
    Ok(arguments)
}

fn run(session: &Rc<Session>, net: &Netns, list: &Array, options: Map) -> Result<Map> {
    let named = list.first().map(ToString::to_string).unwrap_or_default();
    let context = |error: Error| error.doing("run", &named).within(net.label());
    let arguments = arguments(list).map_err(context)?;
    let mut options = Options::new("exec", options, &[KEYS]).map_err(context)?;
    let check = options.flag("check").map_err(context)?.unwrap_or(false);
    let input = options.string("input").map_err(context)?;
    let cwd = options.string("cwd").map_err(context)?;
    let timeout = options.duration("timeout").map_err(context)?;
    let env = options.take("env");
    let lab = session.lab();
    lab.trace().attempt(|| said(net, &arguments));
    if lab.would_test(net, "exec", &arguments.join(" ")) {
        return Ok(outcome(0, Vec::new(), Vec::new()));
    }
    let mut command = Command::new(&arguments[0]);
    command.args(&arguments[1..]);
    if let Some(cwd) = cwd {
        if !Path::new(&cwd).is_dir() {
            return Err(context(Error::new(
                Kind::NotFound,
                format!("there is no folder `{cwd}`"),
            )));
        }
        command.current_dir(cwd);
    }
    if let Some(env) = env {
        let given = env.type_name();
        let env = env
            .try_cast::<Map>()
            .ok_or_else(|| context(options::wrong_type("env", "a map", given)))?;
        command.envs(
            env.iter()
                .map(|(name, value)| (name.to_string(), value.to_string())),
        );
    }
    command
        .stdin(if input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    net.check()?;
    let too_long = async {
        match timeout {
            Some(limit) => {
                tokio::time::sleep(limit).await;
                Error::new(Kind::Timeout, format!("it took longer than {limit:?}"))
            }
            None => std::future::pending().await,
        }
    };
    let cut_off = async {
        tokio::select! {
            biased;
            () = session.interruption() => Error::new(Kind::Interrupted, "interrupted"),
            error = too_long => error,
        }
    };
    let output = session
        .wait(output(net, &mut command, input, cut_off))?
        .map_err(|error| match error.kind {
            Kind::Interrupted => error,
            Kind::NotFound => context(
                error
                    .cause("there is no such program")
                    .hint("write the program and each argument as an item of the list"),
            ),
            _ => context(error),
        })?;
    let code = exit_code(output.status);
    if check && code != 0 {
        let text = String::from_utf8_lossy(&output.stderr);
        let mut error = Error::new(Kind::Kernel, format!("it ended with exit code {code}"));
        for line in text.lines().take(20) {
            error = error.note(line);
        }
        return Err(context(error));
    }
    Ok(outcome(code, output.stdout, output.stderr))
}

/// The command as it is typed to be run in the namespace.
fn said(net: &Netns, arguments: &[String]) -> lab::Command {
    lab::Command::tool(&arguments[0], net, &arguments[1..])
}

/// What a script gets back of a command.
fn outcome(code: i64, stdout: Vec<u8>, stderr: Vec<u8>) -> Map {
    let text = |bytes: Vec<u8>| Dynamic::from(String::from_utf8_lossy(&bytes).into_owned());
    Map::from([
        ("code".into(), code.into()),
        ("ok".into(), (code == 0).into()),
        ("stdout".into(), text(stdout)),
        ("stderr".into(), text(stderr)),
    ])
}

/// The exit code as a shell has it: 128 and the signal where one ended the command.
fn exit_code(status: std::process::ExitStatus) -> i64 {
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    i64::from(code.unwrap_or(-1))
}

async fn output(
    net: &Netns,
    command: &mut Command,
    input: Option<String>,
    cut_off: impl Future<Output = Error>,
) -> Result<std::process::Output> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    // The child is started by this thread while it is in the namespace, and so is born there.
    let mut child = namespace::within(net.namespace(), || command.spawn())??;
    let stdin = child.stdin.take();
    let feed = async {
        if let (Some(mut stdin), Some(input)) = (stdin, input) {
            // A program that does not read all its input is no failure of ours.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
    };
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let read_out = async {
        match &mut out {
            Some(pipe) => pipe.read_to_end(&mut stdout).await,
            None => Ok(0),
        }
    };
    let read_err = async {
        match &mut err {
            Some(pipe) => pipe.read_to_end(&mut stderr).await,
            None => Ok(0),
        }
    };
    let done = async {
        let (status, out, err, ()) = tokio::join!(child.wait(), read_out, read_err, feed);
        out.and(err)?;
        Ok::<_, Error>(status?)
    };
    let ended = tokio::select! {
        biased;
        status = done => Ok(status?),
        error = cut_off => Err(error),
    };
    match ended {
        Ok(status) => Ok(std::process::Output {
            status,
            stdout,
            stderr,
        }),
        Err(error) => {
            // Its end is waited for: while it lives, so does the namespace that it is in.
            if child.try_wait()?.is_none() {
                child.kill().await?;
            }
            Err(error)
        }
    }
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Runs a program inside the namespace, from a list of arguments, and returns a map of `code`, `ok`, `stdout` and `stderr`.
    ///
    /// No shell is in between. An exit code other than 0 is a result and no error. What `ip netns exec NAME COMMAND` does.
    ///
    /// ```rhai
    /// netns("a").exec(["echo", "hello"]).stdout    // => "hello\n"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn exec(context: NativeCallContext, net: &mut Netns, command: Array) -> Answer<Map> {
        exec_with(context, net, command, Map::new())
    }

    /// Runs a program with options: `input` (text), `timeout` ("5s"), `env` (a map), `cwd`, `check` (an exit code other than 0 is an error).
    ///
    /// ```rhai
    /// netns("a").exec(["cat"], #{input: "abc"}).stdout    // => "abc"
    /// ```
    #[rhai_fn(name = "exec", return_raw, volatile)]
    pub fn exec_with(
        context: NativeCallContext,
        net: &mut Netns,
        command: Array,
        options: Map,
    ) -> Answer<Map> {
        answer(&context, |session| run(session, net, &command, options))
    }

    /// Runs a program given as one line, split at white space. No shell reads it: quotes and `$` mean nothing.
    ///
    /// ```rhai
    /// netns("a").exec("echo hello world").stdout    // => "hello world\n"
    /// ```
    #[rhai_fn(name = "exec", return_raw, volatile)]
    pub fn exec_line(context: NativeCallContext, net: &mut Netns, command: &str) -> Answer<Map> {
        exec_line_with(context, net, command, Map::new())
    }

    /// Runs a program given as one line with options, those of the form that takes a list.
    ///
    /// ```rhai
    /// netns("a").exec("false", #{check: true})    // !! it ended with exit code 1
    /// ```
    #[rhai_fn(name = "exec", return_raw, volatile)]
    pub fn exec_line_with(
        context: NativeCallContext,
        net: &mut Netns,
        command: &str,
        options: Map,
    ) -> Answer<Map> {
        let words = command.split_whitespace();
        let list: Array = words.map(|word| word.to_owned().into()).collect();
        exec_with(context, net, list, options)
    }
}
