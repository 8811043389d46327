//! What a run does, as the commands of iproute2 that do the same: printed as they come (`--trace`), kept for `--emit`.

use std::cell::RefCell;
use std::fmt::{self, Write};
use std::path::Path;

use crate::net::namespace;
use crate::net::netns::Netns;
use crate::value::escape::on_one_line;

/// A command that does the same as one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    words: Vec<String>,
    /// What it reads from its standard input, and is for nobody's eyes: an argument would be seen by all.
    secret: Option<String>,
    /// What comes behind it.
    then: Vec<Command>,
}

/// Programs that go to a namespace by themselves, with `-n`.
const OF_IPROUTE2: [&str; 3] = ["ip", "bridge", "tc"];

impl Command {
    /// The command `ip WORDS` in `netns`.
    pub fn ip<W: AsRef<str>>(netns: &Netns, words: impl IntoIterator<Item = W>) -> Self {
        Self::tool("ip", netns, words)
    }

    /// The command `program WORDS` in `netns`.
    pub fn tool<W: AsRef<str>>(
        program: &str,
        netns: &Netns,
        words: impl IntoIterator<Item = W>,
    ) -> Self {
        let mut command = match Way::to(netns) {
            Way::Here => Self::plain([program]),
            Way::Name(name) if OF_IPROUTE2.contains(&program) => Self::plain([program, "-n", name]),
            Way::Name(name) => Self::plain(["ip", "netns", "exec", name, program]),
            Way::File(path) => Self::plain(["nsenter", &format!("--net={path}"), program]),
        };
        command
            .words
            .extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        command
    }

    /// A command that is the same wherever it is run.
    pub fn plain<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> Self {
        Self {
            words: words
                .into_iter()
                .map(|word| word.as_ref().to_owned())
                .collect(),
            secret: None,
            then: Vec::new(),
        }
    }

    /// The command with `words` before it.
    #[must_use]
    pub fn led_by<W: AsRef<str>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        let words = words.into_iter().map(|word| word.as_ref().to_owned());
        self.words.splice(0..0, words);
        self
    }

    /// The command with `words` behind it.
    #[must_use]
    pub fn and<W: AsRef<str>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.words
            .extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// The command, which reads `secret` from its standard input.
    #[must_use]
    pub fn reading(mut self, secret: String) -> Self {
        self.secret = Some(secret);
        self
    }

    /// The command, and another one behind it.
    #[must_use]
    pub fn then(mut self, next: Self) -> Self {
        self.then.push(next);
        self
    }

    /// The commands one by one, without those behind them.
    fn each(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(
            self.then
                .iter()
                .flat_map(|next| next.each().collect::<Vec<_>>()),
        )
    }

    /// The words as they are typed in a shell.
    fn line(&self) -> String {
        let words = self.words.iter().map(|word| {
            // A word with a zero byte can't be typed, and none of the kernel's names has one.
            let word = word.replace('\0', "");
            shlex::try_quote(&word).map_or_else(|_| "''".to_owned(), std::borrow::Cow::into_owned)
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// The command as it is shown, without its secrets.
    fn shown(&self) -> String {
        let lines = self.each().map(|one| match one.secret {
            Some(_) => format!("{} <<< (hidden)", one.line()),
            None => one.line(),
        });
        lines.collect::<Vec<_>>().join("; ")
    }

    /// The lines of a script. A secret is in it where `with_keys`, else it comes from a file that a variable names; `count` numbers these.
    fn script(&self, with_keys: bool, count: &mut usize) -> String {
        let lines = self.each().map(|one| match &one.secret {
            Some(secret) if with_keys => format!("{} <<'KEY'\n{secret}\nKEY", one.line()),
            Some(_) => {
                *count += 1;
                format!("{} < \"$KEY_{count}\"", one.line())
            }
            None => one.line(),
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl fmt::Display for Command {
    /// As it is typed in a shell, without its secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

/// How a command gets to a namespace.
enum Way<'a> {
    Here,
    Name(&'a str),
    File(String),
}

impl<'a> Way<'a> {
    fn to(netns: &'a Netns) -> Self {
        let path = netns.path();
        if path == Path::new(Netns::START) {
            return Self::Here;
        }
        match path.strip_prefix(namespace::NAMES) {
            Ok(name) => Self::Name(name.to_str().unwrap_or_default()),
            Err(_) => Self::File(path.display().to_string()),
        }
    }
}

/// How the `ip link` command names `netns` as the place of a link: a name, or a process that is in it.
pub fn place_of_link(netns: &Netns) -> String {
    match Way::to(netns) {
        Way::Here => "1".to_owned(),
        Way::Name(name) => name.to_owned(),
        Way::File(path) => path
            .strip_prefix("/proc/")
            .and_then(|rest| rest.strip_suffix("/ns/net"))
            .unwrap_or(&path)
            .to_owned(),
    }
}

/// Prints one line of a trace.
pub type Printer = Box<dyn Fn(&str)>;

/// Where the commands go.
#[derive(Default)]
pub struct Trace {
    print: RefCell<Option<Printer>>,
    kept: RefCell<Option<Vec<Kept>>>,
}

/// A line of the script to be.
#[derive(Debug)]
enum Kept {
    Command(Command),
    Line(String),
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace")
            .field("kept", &self.kept)
            .finish_non_exhaustive()
    }
}

impl Trace {
    /// Prints each command from now on, or prints none any more.
    pub fn print(&self, print: Option<Printer>) {
        self.print.replace(print);
    }

    /// Keeps the commands from now on, for [`Self::script`].
    pub fn keep(&self) {
        self.kept.replace(Some(Vec::new()));
    }

    /// Whether anybody wants to know the steps.
    pub fn is_on(&self) -> bool {
        self.print.borrow().is_some() || self.kept.borrow().is_some()
    }

    /// Takes a step down, if anybody wants to know it.
    pub fn tell(&self, command: impl FnOnce() -> Command) {
        let said = self.show(command);
        self.note(said);
    }

    /// Shows a step that is about to be tried. What is refused is no part of how the lab is made: see [`Self::note`].
    pub(super) fn show(&self, command: impl FnOnce() -> Command) -> Option<Command> {
        if !self.is_on() {
            return None;
        }
        let command = command();
        if let Some(print) = &*self.print.borrow() {
            print(&command.shown());
        }
        Some(command)
    }

    /// Keeps a step that was made.
    pub(super) fn note(&self, said: Option<Command>) {
        if let Some(kept) = self.kept.borrow_mut().as_mut() {
            kept.extend(said.map(Kept::Command));
        }
    }

    /// Shows a look at the lab. It is no part of how the lab is made, and so of no script.
    pub fn observe(&self, command: impl FnOnce() -> Command) {
        if let Some(print) = &*self.print.borrow() {
            print(&command().to_string());
        }
    }

    /// Takes down a command of the user's own, which may change something, and may fail.
    pub fn attempt(&self, command: impl FnOnce() -> Command) {
        if self.is_on() {
            self.line(&format!("{} || true", command()));
        }
    }

    /// Notes what no command does, in words.
    pub fn remark(&self, text: &str) {
        self.line(&format!("# {}", on_one_line(text)));
    }

    fn line(&self, line: &str) {
        if let Some(print) = &*self.print.borrow() {
            print(line);
        }
        if let Some(kept) = self.kept.borrow_mut().as_mut() {
            kept.push(Kept::Line(line.to_owned()));
        }
    }

    /// The commands that were kept, as a script for the shell; with the secrets that they need where `with_keys`.
    pub fn script(&self, title: &str, with_keys: bool) -> String {
        let mut count = 0;
        let mut lines = String::new();
        for kept in self.kept.borrow().iter().flatten() {
            match kept {
                Kept::Command(command) => lines.push_str(&command.script(with_keys, &mut count)),
                Kept::Line(line) => lines.push_str(line),
            }
            lines.push('\n');
        }
        let mut script = format!("#!/bin/sh\n# {}\nset -eu\n", on_one_line(title));
        for number in 1..=count {
            let _ = writeln!(
                script,
                ": \"${{KEY_{number}:?names a file with a key that is hidden here (--keys writes it too)}}\""
            );
        }
        script.push_str(&lines);
        script
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_quoted_as_a_shell_reads_it() {
        let command = Command::plain(["ip", "link", "set", "v0", "alias", "to the left's"]);
        assert_eq!(
            command.to_string(),
            r#"ip link set v0 alias "to the left's""#
        );
    }

    #[test]
    fn a_secret_is_shown_nowhere_and_written_only_where_keys_are_asked_for() {
        let command = Command::plain(["wg", "set", "wg0", "private-key", "/dev/stdin"]);
        let command = command.reading("s3cret".to_owned());
        assert_eq!(
            command.to_string(),
            "wg set wg0 private-key /dev/stdin <<< (hidden)"
        );
        let trace = Trace::default();
        trace.keep();
        trace.tell(|| command);
        insta::assert_snapshot!(trace.script("a\nrm -rf /", false), @r#"
        #!/bin/sh
        # a\nrm -rf /
        set -eu
        : "${KEY_1:?names a file with a key that is hidden here (--keys writes it too)}"
        wg set wg0 private-key /dev/stdin < "$KEY_1"
        "#);
        insta::assert_snapshot!(trace.script("a", true), @r"
        #!/bin/sh
        # a
        set -eu
        wg set wg0 private-key /dev/stdin <<'KEY'
        s3cret
        KEY
        ");
    }

    #[test]
    fn a_remark_and_a_word_make_no_command_of_their_own() {
        let trace = Trace::default();
        trace.keep();
        trace.remark("ends process 1, x\ntouch PWNED");
        trace.tell(|| Command::plain(["echo", "\0; touch PWNED"]));
        insta::assert_snapshot!(trace.script("a", false), @r"
        #!/bin/sh
        # a
        set -eu
        # ends process 1, x\ntouch PWNED
        echo '; touch PWNED'
        ");
    }
}
