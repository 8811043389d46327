//! Being somewhere: go to a namespace and back, open a shell in one.

use std::rc::Rc;

use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::acts::exec::exit_code;
use crate::dsl::acts::ping::named;
use crate::dsl::handle::Netns;
use crate::dsl::objects::netns::namespace_argument;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result};
use crate::lab::Object;
use crate::net::ending;
use crate::net::process::{Program, Tie, terminal};

fn enter(session: &Rc<Session>, place: &Dynamic) -> Result<()> {
    if session.is_within() {
        return Err(Error::invalid(
            "`enter` can't stand in a `within` block, which leaves again at its end",
        )
        .hint("write the one or the other"));
    }
    let context = |error: Error| match error.kind {
        Kind::NotFound => error.doing("enter namespace", &named(place)),
        _ => error,
    };
    let netns = namespace_argument(place).map_err(context)?;
    netns.check().map_err(context)?;
    session.go_to(netns.0);
    Ok(())
}

fn leave(session: &Rc<Session>) -> Result<()> {
    if session.is_within() {
        return Err(Error::invalid(
            "`leave` can't stand in a `within` block, which leaves by itself at its end",
        ));
    }
    if session.leave_place() {
        Ok(())
    } else {
        Err(Error::invalid("no namespace was entered")
            .hint("`enter(\"net-1\")` goes to one, `leave()` back"))
    }
}

/// Runs the user's shell in `net` and waits for its end: to be typed into, or with a `line` for it.
pub(crate) fn shell(session: &Rc<Session>, net: &Netns, line: Option<&str>) -> Result<i64> {
    let program = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    let program = program.unwrap_or_else(|| "/bin/sh".into());
    let mut argv = vec![program.to_string_lossy().into_owned()];
    argv.extend(
        line.into_iter()
            .flat_map(|line| ["-c".to_owned(), line.to_owned()]),
    );
    let name = argv[0].clone();
    let context = |error: Error| {
        let error = match error.kind {
            Kind::NotFound if error.errno.is_some() => error.hint("set $SHELL"),
            _ => error,
        };
        error.doing("run the shell", &name).within(net.label())
    };
    let marked = line.is_none().then(|| mark(&name, net.label()));
    let program = Program {
        argv,
        env: marked.into_iter().collect(),
        ..Program::default()
    };
    net.check().map_err(context)?;
    let lab = session.lab().name();
    let mut command = program
        .command(net, lab.as_deref(), Tie::Terminal)
        .map_err(context)?;
    if session.lab().would_test(net, Object::test("shell", &name)) {
        return Ok(0);
    }
    session.wait(ending::expected())?;
    let child = Program::start(net, || command.spawn());
    let ended = child.and_then(|mut child| Ok(child.wait()?));
    terminal::take_back();
    ended.map(exit_code).map_err(context)
}

/// The variable that has a shell mark its prompt with the namespace.
fn mark(shell: &str, label: &str) -> (String, Option<String>) {
    // A prompt is a text that shells expand.
    let is_plain = |c: char| c.is_alphanumeric() || "-_.:".contains(c);
    let label = if label.chars().all(is_plain) {
        label
    } else {
        "$IPVSH_NETNS"
    };
    let is_bash = std::path::Path::new(shell).file_name() == Some("bash".as_ref());
    let (name, text) = if is_bash {
        // What bash reads when it starts sets the prompt anew; this is run behind that.
        let label = label.replace('$', "\\$");
        let text = format!("PS1=\"({label}) $PS1\"; unset PROMPT_COMMAND");
        ("PROMPT_COMMAND", text)
    } else {
        let prompt = std::env::var("PS1").unwrap_or_else(|_| "\\$ ".to_owned());
        ("PS1", format!("({label}) {prompt}"))
    };
    (name.to_owned(), Some(text))
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Makes `place` the current namespace until `leave()`, and the prompt shows it.
    ///
    /// `place` is a namespace or its name. What is entered one after the other is left in reverse order; for a block, use `within`.
    ///
    /// ```rhai
    /// netns("net-1");
    /// enter("net-1");
    /// here().name    // => "net-1"
    /// ```
    #[rhai_fn(name = "enter", return_raw, volatile)]
    pub fn enter_(context: NativeCallContext, place: Dynamic) -> Answer<()> {
        answer(&context, |session| enter(session, &place))
    }

    /// Goes back to the namespace that was current before `enter`.
    ///
    /// ```rhai
    /// enter(netns("net-1"));
    /// leave();
    /// here().name    // => "host"
    /// ```
    #[rhai_fn(name = "leave", return_raw, volatile)]
    pub fn leave_(context: NativeCallContext) -> Answer<()> {
        answer(&context, leave)
    }

    /// Opens your own shell, `$SHELL`, in the namespace, and returns its exit code when it ends.
    ///
    /// What `ip netns exec NAME $SHELL` does, with `/sys` and the files of `/etc/netns/NAME` as `exec` has them.
    /// `$IPVSH_NETNS` holds the namespace's name there, and the prompt begins with it.
    ///
    /// ```rhai,no_run
    /// netns("net-1").shell();
    /// ```
    #[rhai_fn(name = "shell", return_raw, volatile)]
    pub fn shell_(context: NativeCallContext, net: &mut Netns) -> Answer<i64> {
        answer(&context, |session| super::shell(session, net, None))
    }

    /// Opens your own shell in the namespace of that name.
    ///
    /// ```rhai,no_run
    /// shell("net-1");
    /// ```
    #[rhai_fn(name = "shell", return_raw, volatile)]
    pub fn shell_named(context: NativeCallContext, place: &str) -> Answer<i64> {
        answer(&context, |session| {
            super::shell(
                session,
                &namespace_argument(&place.to_owned().into())?,
                None,
            )
        })
    }
}
