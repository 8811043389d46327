//! What a run does, as the commands of iproute2 that do the same: printed as they come (`--trace`), kept for `--emit`.

use std::cell::RefCell;
use std::fmt;
use std::path::Path;

use crate::net::namespace;
use crate::net::netns::Netns;

/// A command that does the same as one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    words: Vec<String>,
    /// What stands in them and is for nobody's eyes.
    secrets: Vec<String>,
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
            secrets: Vec::new(),
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

    /// The command, in which `secrets` are hidden where it is only shown.
    #[must_use]
    pub fn hiding(mut self, secrets: impl IntoIterator<Item = String>) -> Self {
        self.secrets.extend(secrets);
        self
    }

    /// The command as it is shown.
    fn shown(&self) -> String {
        let secrets = self.secrets.iter();
        secrets.fold(self.to_string(), |shown, secret| {
            shown.replace(secret, "(hidden)")
        })
    }
}

impl fmt::Display for Command {
    /// As it is typed in a shell.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.words.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            // A word with a zero byte can't be typed, and none of the kernel's names has one.
            let quoted = shlex::try_quote(word);
            f.write_str(quoted.as_deref().unwrap_or(word))?;
        }
        Ok(())
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
    kept: RefCell<Option<Vec<String>>>,
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
    pub(super) fn show(&self, command: impl FnOnce() -> Command) -> Option<String> {
        if !self.is_on() {
            return None;
        }
        let command = command();
        if let Some(print) = &*self.print.borrow() {
            print(&command.shown());
        }
        Some(command.to_string())
    }

    /// Keeps a step that was made.
    pub(super) fn note(&self, said: Option<String>) {
        if let Some(kept) = self.kept.borrow_mut().as_mut() {
            kept.extend(said);
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
        self.line(&format!("# {text}"));
    }

    fn line(&self, line: &str) {
        if let Some(print) = &*self.print.borrow() {
            print(line);
        }
        if let Some(kept) = self.kept.borrow_mut().as_mut() {
            kept.push(line.to_owned());
        }
    }

    /// The commands that were kept, as a script for the shell.
    pub fn script(&self, title: &str) -> String {
        let mut script = format!("#!/bin/sh\n# {title}\nset -eu\n");
        for line in self.kept.borrow().iter().flatten() {
            script.push_str(line);
            script.push('\n');
        }
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
    fn what_is_shown_has_no_secrets() {
        let command = Command::plain(["sh", "-c", "echo s3cret | wg set wg0"]);
        let command = command.hiding(["s3cret".to_owned()]);
        assert_eq!(command.shown(), "sh -c 'echo (hidden) | wg set wg0'");
        assert_eq!(command.to_string(), "sh -c 'echo s3cret | wg set wg0'");
    }
}
