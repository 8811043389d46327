//! Commands: run a program inside a namespace, from a list of arguments, and get its output and exit code back.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::process::Stdio;
use std::rc::Rc;
use std::time::Duration;

use futures::future::{FutureExt, select};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rhai::{Array, Map};
use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStderr, ChildStdout, Command};

use crate::dsl::acts::live::Screen;
use crate::dsl::handle::Netns;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result};
use crate::lab;
use crate::lab::Object;
use crate::net::process::{Pipe, Program, Tie, Written};
use crate::schema::{self, Form, Opt, Quantity};
use crate::value::options::{self, Options};
use crate::value::{duration, size};
use crate::view::value::{Handle, Value};

const CWD: Opt = Opt::new("cwd", Form::Text, "the folder that it runs in");
const ENV: Opt = Opt::new(
    "env",
    Form::Special(&["map"], "a map"),
    "variables of its environment; `()` takes one away",
);
const USER: Opt = Opt::new(
    "user",
    Form::Special(
        &["string", "int", "bool", "float", "char"],
        "a name or a number",
    ),
    "the user that it runs as",
);
const CHECK: Opt =
    Opt::new("check", Form::Switch, "whether a failure of it is an error").default("false");
const INPUT: Opt = Opt::new("input", Form::Text, "what it reads from its standard input");
const TIMEOUT: Opt = Opt::new(
    "timeout",
    Form::Quantity(Quantity::Duration),
    "how long it may run; for ever, where nothing is given",
);
const MOST: Opt = Opt::new(
    "output",
    Form::Quantity(Quantity::Size),
    "how much of each stream that it writes is kept",
)
.default("16MiB");

/// What every program can be told.
pub(crate) const OF_PROGRAM: &[Opt] = &[CWD, ENV, USER];

/// What a command can be told besides.
pub(crate) const OF_COMMAND: &[Opt] = &[CHECK, INPUT, MOST, TIMEOUT];

/// How much is kept of each of the two streams that a program writes, where the script does not say.
const OUTPUT: u32 = 16 << 20;

/// How long a program has to say its last words that Ctrl-C was sent to.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The words of a line, as a shell splits it; nothing else of what a shell does is done.
pub(crate) fn words_of(line: &str) -> Result<Array> {
    let words = shlex::split(line).ok_or_else(|| {
        Error::invalid("a quote in the line is not closed")
            .hint("give the program and its arguments as a list to write them as they are")
    })?;
    Ok(words.into_iter().map(Dynamic::from).collect())
}

/// A text as a program takes it: numbers and truth values are written out.
fn text_of(value: &Dynamic, what: &str) -> Result<String> {
    match value.type_name() {
        "i64" | "f64" | "bool" | "char" | "string" => {
            let text = value.to_string();
            if text.contains('\0') {
                return Err(Error::invalid(format!("{what} holds a zero byte")));
            }
            Ok(text)
        }
        other => Err(Error::invalid(format!(
            "{what} is text, not {}",
            options::type_in_words(other)
        ))),
    }
}

/// The environment that `env` asks for.
fn environment(env: Option<Dynamic>) -> Result<BTreeMap<String, Option<String>>> {
    let Some(env) = env else {
        return Ok(BTreeMap::new());
    };
    let env = env.try_cast::<Map>().unwrap_or_default();
    let variable = |(name, value): (rhai::Identifier, Dynamic)| {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(Error::invalid(format!(
                "`{}` can't be the name of a variable",
                name.escape_debug()
            )));
        }
        let what = format!("the variable `{name}`");
        let value = (!value.is_unit()).then(|| text_of(&value, &what));
        Ok((name.to_string(), value.transpose()?))
    };
    env.into_iter().map(variable).collect()
}

/// The program that a list names, with what `options` say of how it runs.
pub(crate) fn program(list: &Array, options: &mut Options) -> Result<Program> {
    let arguments = list.iter();
    let argv: Vec<String> = arguments
        .map(|argument| text_of(argument, "an argument of a command"))
        .collect::<Result<_>>()?;
    if argv.first().is_none_or(String::is_empty) {
        return Err(Error::invalid("the list names no program")
            .hint("write the program and its arguments: [\"ip\", \"address\"]"));
    }
    Ok(Program {
        argv,
        cwd: CWD.take_text(options)?.map(Into::into),
        user: match options.take(USER.key) {
            Some(user) => Some(text_of(&user, "option `user`")?),
            None => None,
        },
        env: environment(ENV.take_given(options)?)?,
    })
}

/// Adds what to do where there is no program of the name `named`.
pub(crate) fn explained(error: Error, named: &str) -> Error {
    if error.kind != Kind::NotFound || error.errno.is_none() || error.hint.is_some() {
        return error;
    }
    if named.contains(char::is_whitespace) {
        error.hint("write the program and each argument as an item of the list")
    } else {
        error.hint("install it, or write its full path")
    }
}

fn run(
    call: &NativeCallContext,
    session: &Rc<Session>,
    net: &Netns,
    list: &Array,
    options: Map,
) -> Result<Map> {
    let named = list.first().map(ToString::to_string).unwrap_or_default();
    let context = |error: Error| match error.kind {
        Kind::Interrupted => error,
        _ => explained(error, &named)
            .doing("run", &named)
            .within(net.label()),
    };
    let tables = &[OF_COMMAND, OF_PROGRAM];
    let options = &mut schema::options("exec", options, tables).map_err(context)?;
    let check = CHECK.take_flag(options).map_err(context)?;
    let check = check.unwrap_or(false);
    let input = INPUT.take_text(options).map_err(context)?;
    let timeout = TIMEOUT.take_duration(options).map_err(context)?;
    let most = MOST.take_size(options).map_err(context)?;
    let most = most.unwrap_or(OUTPUT);
    let program = program(list, options).map_err(context)?;
    net.check().map_err(context)?;
    let lab = session.lab();
    let command = program.command(net, lab.name().as_deref(), Tie::Bound);
    let mut command = Command::from(command.map_err(context)?);
    lab.trace().attempt(|| said(net, &program.argv));
    if lab.would_test(net, Object::program("exec", &program)) {
        return Ok(outcome(0, Written::default(), Written::default()));
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
    let too_long = async {
        match timeout {
            Some(limit) => {
                tokio::time::sleep(limit).await;
                Error::new(
                    Kind::Timeout,
                    format!("it took longer than {}", duration::print(limit)),
                )
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
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let screen = Screen::of(session, call);
    let streams = Streams {
        input,
        most,
        screen: screen.as_ref(),
    };
    let output = session
        .wait_long(output(net, &mut command, streams, cut_off))?
        .map_err(context)?;
    let code = exit_code(output.status);
    if let Some(screen) = &screen {
        screen.end(code);
    }
    if check && code != 0 {
        let text = String::from_utf8_lossy(&output.stderr.kept);
        let mut error = Error::new(Kind::Kernel, format!("it ended with exit code {code}"));
        for line in text.lines().take(20) {
            error = error.note(line);
        }
        return Err(context(error));
    }
    let dropped = output.stdout.dropped + output.stderr.dropped;
    if dropped > 0 {
        session.note(&format!(
            "`{named}` wrote more than {}: {dropped} bytes were dropped; keep them with #{{output: \"{}\"}}, or have the program write a file",
            size::print(u32::try_from(most).unwrap_or(u32::MAX)),
            enough(most, dropped),
        ));
    }
    Ok(outcome(code, output.stdout, output.stderr))
}

/// A round size that would have held it all.
fn enough(most: usize, dropped: u64) -> String {
    let all = (most as u64).saturating_add(dropped).next_power_of_two();
    size::print(u32::try_from(all).unwrap_or(u32::MAX))
}

/// The command as it is typed to be run in the namespace.
fn said(net: &Netns, arguments: &[String]) -> lab::Command {
    lab::Command::tool(&arguments[0], net, &arguments[1..])
}

/// What a script gets back of a command, in the order of its page.
pub(crate) const KEYS: [&str; 5] = ["code", "ok", "stdout", "stderr", "dropped"];

/// What a script gets back of a command.
fn outcome(code: i64, stdout: Written, stderr: Written) -> Map {
    let dropped = i64::try_from(stdout.dropped + stderr.dropped).unwrap_or(i64::MAX);
    let text = |written: Written| {
        let text = String::from_utf8(written.kept);
        Dynamic::from(
            text.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
        )
    };
    let values = [
        code.into(),
        (code == 0).into(),
        text(stdout),
        text(stderr),
        dropped.into(),
    ];
    KEYS.into_iter().map(Into::into).zip(values).collect()
}

/// What a command has written, where `map` is what a script gets back of one: that is what it is asked for.
pub(crate) fn answer_of(map: &Map) -> Option<Value> {
    if map.len() != KEYS.len() {
        return None;
    }
    let text = |key: &str| map.get(key)?.as_immutable_string_ref().ok();
    let code = map.get("code")?.as_int().ok()?;
    let (ok, dropped) = (map.get("ok")?, map.get("dropped")?);
    let (stdout, stderr) = (text("stdout")?, text("stderr")?);
    let mut lines: Vec<String> = [&stdout, &stderr]
        .iter()
        .map(|written| written.trim_end_matches('\n').to_owned())
        .filter(|written| !written.is_empty())
        .collect();
    if code != 0 {
        lines.push(format!("exit code {code}"));
    }
    let values = [
        Value::word(code),
        Value::word(ok),
        Value::text(&*stdout),
        Value::text(&*stderr),
        Value::word(dropped),
    ];
    let fields: Vec<(&'static str, Value)> = KEYS.into_iter().zip(values).collect();
    let entries = fields
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()));
    Some(Value::Handle(Box::new(Handle {
        name: Value::Map(entries.collect()).literal(),
        line: lines.join("\n"),
        cells: fields
            .iter()
            .map(|(key, value)| (*key, value.cell()))
            .collect(),
        fields,
    })))
}

/// What a command has done.
struct Done {
    status: std::process::ExitStatus,
    stdout: Written,
    stderr: Written,
}

/// The exit code as a shell has it: 128 and the signal where one ended the command.
pub(crate) fn exit_code(status: std::process::ExitStatus) -> i64 {
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    i64::from(code.unwrap_or(-1))
}

/// What a command reads, and what becomes of what it writes.
struct Streams<'a> {
    input: Option<String>,
    /// How much of each is kept.
    most: usize,
    /// Where it shows as it comes.
    screen: Option<&'a Screen<'a>>,
}

async fn output(
    net: &Netns,
    command: &mut Command,
    streams: Streams<'_>,
    cut_off: impl Future<Output = Error>,
) -> Result<Done> {
    let Streams {
        input,
        most,
        screen,
    } = streams;
    let mut child = Program::start(net, || command.spawn())?;
    let group = child.id().map(|pid| Pid::from_raw(pid.cast_signed()));
    let is_over = Cell::new(false);
    let stdin = child.stdin.take();
    let stdout = child.stdout.take().map(ChildStdout::into_owned_fd);
    let stderr = child.stderr.take().map(ChildStderr::into_owned_fd);
    let (stdout, stderr) = (stdout.transpose()?, stderr.transpose()?);
    let done = async {
        // Asked for by each of those who wait for the end.
        let status = child
            .wait()
            .map(|status| status.map_err(|error| Error::io(&error)))
            .inspect(|_| is_over.set(true));
        let status = status.shared();
        let ended = || status.clone().map(drop);
        let feed = async {
            if let (Some(mut stdin), Some(input)) = (stdin, input) {
                // A program that does not read all its input is no failure of ours.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
        };
        let feed = async { drop(select(pin!(feed), ended()).await) };
        let read = async |pipe: Option<OwnedFd>, number: usize| {
            let seen = |bytes: &[u8]| {
                if let Some(screen) = screen {
                    screen.show(number, bytes);
                }
            };
            match pipe {
                Some(pipe) => Pipe::new(pipe)?.read_until(ended(), most, seen).await,
                None => Ok(Written::default()),
            }
        };
        let (out, err) = (read(stdout, 0), read(stderr, 1));
        let (status, out, err, ()) = tokio::join!(status.clone(), out, err, feed);
        Ok::<_, Error>(Done {
            status: status?,
            stdout: out?,
            stderr: err?,
        })
    };
    // What it has started has its group.
    let send = |signal| {
        if let Some(group) = group.filter(|_| !is_over.get()) {
            let _ = killpg(group, signal);
        }
    };
    let watched = async {
        let mut done = pin!(done);
        let error = tokio::select! {
            biased;
            output = &mut done => return output,
            error = cut_off => error,
        };
        if screen.is_none() || error.kind != Kind::Interrupted {
            return Err(error);
        }
        // What it wrote stands on the screen already, and is its answer: it ends as it does in a shell.
        send(Signal::SIGINT);
        tokio::select! {
            biased;
            output = &mut done => output,
            () = tokio::time::sleep(LAST_WORDS) => {
                send(Signal::SIGKILL);
                done.await
            }
        }
    };
    let ended = watched.await;
    match ended {
        Ok(output) => Ok(output),
        Err(error) => {
            // Its end is waited for: while it lives, so does the namespace that it is in.
            if !matches!(child.try_wait(), Ok(Some(_))) {
                send(Signal::SIGKILL);
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
    /// Runs a program inside the namespace, from a list of arguments, and returns a map of `code`, `ok`, `stdout`, `stderr` and `dropped`.
    ///
    /// No shell is in between. An exit code other than 0 is a result and no error. What `ip netns exec NAME COMMAND` does: the
    /// program sees a `/sys` of the namespace, and the files of `/etc/netns/NAME` in place of those that `/etc` has. Its
    /// environment holds the lab's name, `$IPVSH_LAB`, and the namespace's, `$IPVSH_NETNS`. It ends with ipvsh at the latest.
    ///
    /// Of each of its two streams the first 16 MiB are kept, or as much as the option `output` says; `dropped` counts the bytes that
    /// came behind, and a note says so.
    ///
    /// Where an entry of a session, or a line of `-e`, is this call and nothing more, its text shows on the terminal as it comes; Ctrl-C
    /// then ends the program as in a shell, and what it wrote is kept.
    ///
    /// What the program leaves behind in the background is not waited for: it goes on, and ends with the lab. What it writes after the
    /// program's end is lost; `spawn` starts what is to be listened to.
    ///
    /// ```rhai
    /// netns("a").exec(["echo", "hello"]).stdout    // => "hello\n"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn exec(context: NativeCallContext, net: &mut Netns, command: Array) -> Answer<Map> {
        exec_with(context, net, command, Map::new())
    }

    /// Runs a program with options: `input` (text), `output` (how much to keep, "64MiB"), `timeout` ("5s"), `check` (an exit code other than 0 is an error), `env` (a map; `()` takes a variable away), `cwd`, `user` (a name or number).
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
        answer(&context, |session| {
            run(&context, session, net, &command, options)
        })
    }

    /// Runs a program given as one line, split into words as a shell does: quotes hold a word together. No shell reads it: `$`, `*` and `|` mean nothing.
    ///
    /// ```rhai
    /// netns("a").exec("echo 'hello  world' $HOME").stdout    // => "hello  world $HOME\n"
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
        answer(&context, |session| {
            let list = words_of(command)
                .map_err(|error| error.doing("run", command).within(net.label()))?;
            run(&context, session, net, &list, options)
        })
    }
}
