//! Plain commands: where their output goes, what runs them, and what they do.

use super::parse::{Node, Redirection, Simple, What};
use super::{Reader, Status, background, builtin};
use crate::import::lex::{Kind, Piece, tokens};
use crate::import::parameters::{self, has_sign};
use crate::steps::{Act, Item, Step, Value};

/// Programs that do something, and succeed where the script is right: what follows does not hang on their answer.
const ACTORS: [&str; 28] = [
    "ip",
    "tc",
    "bridge",
    "brctl",
    "ifconfig",
    "route",
    "sysctl",
    "iptables",
    "ip6tables",
    "nft",
    "ethtool",
    "modprobe",
    "mkdir",
    "cd",
    "sleep",
    "touch",
    "cp",
    "ln",
    "mount",
    "wg",
    "chmod",
    "chown",
    "rm",
    "apt-get",
    "vconfig",
    "ifenslave",
    "echo",
    "printf",
];

/// Where what a command prints goes.
#[derive(Default)]
struct Output {
    /// Its errors are not shown.
    is_quiet: bool,
    /// A setting of the kernel.
    setting: Option<String>,
    /// Some other file, and whether it is added to what that holds.
    file: Option<(String, bool)>,
    /// The text that it reads.
    input: Option<String>,
}

impl Reader<'_> {
    pub(super) fn simple(&mut self, node: &Node, simple: &Simple) -> Status {
        if let Some((name, text, longer)) = self.unaliased(simple) {
            let status = self.simple(node, &longer);
            if let Some(aliases) = &mut self.aliases {
                aliases.entry(name).or_insert(text);
            }
            return status;
        }
        let words = match self.expand(&simple.words) {
            Ok(words) => words,
            Err(why) => {
                let first = simple
                    .words
                    .first()
                    .cloned()
                    .into_iter()
                    .collect::<Vec<_>>();
                let program = self.expand(&first).ok();
                let program = program.and_then(|words| words.first().cloned());
                return self.left_out(node, program.as_deref().unwrap_or_default(), why);
            }
        };
        let Some(first) = words.first() else {
            if simple.assignments.is_empty() && self.printed.is_none() {
                "a redirection without a command".clone_into(&mut self.why);
                self.leave(node);
            }
            for assignment in &simple.assignments {
                if let Err(why) = self.assign(assignment) {
                    if self.printed.is_some() {
                        return self.unknown(why);
                    }
                    let text = self.text_of(node);
                    let later = self.later(assignment, &text);
                    if let Some(held) = later.filter(|_| simple.assignments.len() == 1) {
                        self.variables.insert(assignment.name.clone(), held);
                        continue;
                    }
                    self.why = why;
                    self.leave(node);
                }
            }
            return Status::Success;
        };
        if ["export", "readonly", "local", "declare", "typeset"].contains(&first.as_str()) {
            return match self.declare(&words, &simple.assignments) {
                Ok(()) => Status::Success,
                Err(why) if self.printed.is_some() => self.unknown(why),
                Err(why) => {
                    let text = self.text_of(node);
                    if let [assignment] = simple.assignments.as_slice()
                        && let Some(held) = self.later(assignment, &text)
                    {
                        self.variables.insert(assignment.name.clone(), held);
                        return Status::Success;
                    }
                    self.why = why;
                    self.leave(node);
                    Status::Success
                }
            };
        }
        if first == "read" {
            let mut separators = simple.assignments.iter().filter(|one| one.name == "IFS");
            self.read_separators = match separators.next().map(|one| one.value.concat()) {
                Some(value) => self.one(&value).ok(),
                None => None,
            };
            let status = self.read_line(&words[1..]);
            self.read_separators = None;
            if let Some(status) = status {
                return status;
            }
        }
        let output = match self.output(&simple.redirections) {
            Ok(output) => output,
            Err(why) => return self.left_out(node, first, why),
        };
        let whole = words.len();
        let words = match inner(&words) {
            Ok(words) => words.to_vec(),
            Err(why) => return self.left_out(node, first, why),
        };
        // `command ip`, `sudo ip`: no function of that name is meant.
        let is_program = words.len() < whole;
        match self.run(node, &words, &output, is_program) {
            Ok(status) => status,
            Err(why) => self.left_out(node, &words[0], why),
        }
    }

    /// The command with what its first word stands for, which stands for nothing in there.
    fn unaliased(&mut self, simple: &Simple) -> Option<(String, String, Simple)> {
        let [
            Piece::Text {
                text,
                quoted: false,
            },
        ] = simple.words.first()?.as_slice()
        else {
            return None;
        };
        let (name, text) = (text, self.aliases.as_ref()?.get(text)?);
        let mut words = Vec::new();
        for token in tokens(text, 1) {
            match token.kind {
                Kind::Word(pieces) => words.push(pieces),
                // More than a part of one command.
                _ => return None,
            }
        }
        words.extend(simple.words.iter().skip(1).cloned());
        let longer = Simple {
            assignments: simple.assignments.clone(),
            words,
            redirections: simple.redirections.clone(),
        };
        let (name, text) = (name.clone(), text.clone());
        self.aliases.as_mut()?.remove(&name);
        Some((name, text, longer))
    }

    /// Notes a command that is not understood. What follows hangs on it where it is no program that makes something.
    fn left_out(&mut self, node: &Node, program: &str, why: String) -> Status {
        self.why = why;
        if self.is_left_to_shell(node) {
            return Status::Assumed;
        }
        let text = self.text_of(node);
        self.poison(&text, 0);
        let name = program.rsplit('/').next().unwrap_or(program);
        if self.printed.is_some() || self.is_asking || !ACTORS.contains(&name) {
            return Status::Unknown;
        }
        self.leave(node);
        Status::Assumed
    }

    fn output(&mut self, redirections: &[Redirection]) -> Result<Output, String> {
        let mut output = Output::default();
        let mut is_hidden = false;
        for redirection in redirections {
            let target = self.one(&redirection.target)?;
            if redirection.is_text {
                let end = if redirection.operator == "<<<" {
                    "\n"
                } else {
                    ""
                };
                output.input = Some(target + end);
                continue;
            }
            let is_errors = redirection.descriptor == Some(2);
            match (redirection.operator, target.as_str()) {
                ("<", "/dev/null") => {}
                ("<" | "<&", _) => return Err("a redirection".to_owned()),
                ("&>" | "&>>", "/dev/null") => output.is_quiet = true,
                (_, "/dev/null") if is_errors => output.is_quiet = true,
                (_, "/dev/null") => is_hidden = true,
                (">&", "1" | "2" | "-") => output.is_quiet |= is_errors && is_hidden,
                (_, "/dev/stderr" | "/dev/stdout") => {}
                (_, path) => match path.strip_prefix("/proc/sys/") {
                    Some(key) if !is_errors => output.setting = Some(key.to_owned()),
                    _ if is_errors => {}
                    _ => {
                        let adds = redirection.operator.ends_with(">>");
                        output.file = Some((path.to_owned(), adds));
                    }
                },
            }
        }
        Ok(output)
    }

    /// Runs a command of known words.
    fn run(
        &mut self,
        node: &Node,
        words: &[String],
        output: &Output,
        is_program: bool,
    ) -> Result<Status, String> {
        let Some((first, arguments)) = words.split_first() else {
            return Ok(Status::Success);
        };
        if has_sign(first) {
            if self.is_asking || parameters::whole(first).is_none() {
                return Err("the command is an argument".to_owned());
            }
            return match self.call_later(first, arguments) {
                Status::Unknown => Err(std::mem::take(&mut self.why)),
                status => Ok(status),
            };
        }
        let texts: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let writes = ["echo", "printf"].contains(&first.as_str());
        if let Some((path, adds)) = &output.file
            && let Some(text) = match (first.as_str(), &output.input) {
                ("cat", Some(input)) if arguments.is_empty() => Some(input.clone()),
                ("echo" | "printf", _) => Some(written(first, &texts)?),
                _ => None,
            }
        {
            background::has_no_id(&text)?;
            return self.write(std::slice::from_ref(path), *adds, text);
        }
        if let Some(key) = &output.setting {
            if !writes {
                return Err("its output goes to a file".to_owned());
            }
            let text = written(first, &texts)?;
            background::has_no_id(&text)?;
            return self.set(std::slice::from_ref(key), &text, output);
        }
        if output.file.is_some() {
            return Err("its output goes to a file".to_owned());
        }
        if !is_program && self.functions.contains_key(first) {
            return Ok(self.call(first, arguments));
        }
        if first == "set" {
            self.set_options(arguments);
            if self.printed.is_none() {
                self.items.push(Item::Comment(words.join(" ")));
            }
            return Ok(Status::Success);
        }
        if let (true, Some(input)) = (self.printed.is_some(), &output.input) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let text = super::filter::through(&words, input)?;
            self.print(&text);
            return Ok(Status::Success);
        }
        if let ("cat", [], Some(input)) = (first.as_str(), arguments, &output.input) {
            let line = vec!["echo".to_owned(), input.trim_end_matches('\n').to_owned()];
            return self.translated(&line, output);
        }
        if let Some(status) = self.run_file(words) {
            return Ok(status);
        }
        if let Some(status) = self.builtin(node.line, words) {
            return Ok(status);
        }
        if let Some(input) = &output.input {
            return self.with_input(words, input, output);
        }
        if first == "printf" {
            let text = written(first, &texts)?;
            let line = vec!["echo".to_owned(), text.trim_end_matches('\n').to_owned()];
            return self.translated(&line, output);
        }
        if first == "echo" && texts.first().is_some_and(|word| word.starts_with('-')) {
            let text = builtin::echoed(&texts);
            let line = vec!["echo".to_owned(), text.trim_end_matches('\n').to_owned()];
            return self.translated(&line, output);
        }
        if is_batch(words) {
            return Err("commands that stand in a file".to_owned());
        }
        self.translated(words, output)
    }

    /// Sets settings of the kernel.
    fn set(&mut self, keys: &[String], text: &str, output: &Output) -> Result<Status, String> {
        let mut words = vec!["sysctl".to_owned(), "-w".to_owned()];
        words.extend(keys.iter().map(|key| format!("{key}={}", text.trim())));
        self.translated(&words, output)
    }

    fn translated(&mut self, words: &[String], output: &Output) -> Result<Status, String> {
        if words.iter().any(|word| word.contains(background::MARK)) {
            let words = self.with_named(words)?;
            return self.translated(&words, output);
        }
        if does_nothing_here(words) {
            return Ok(Status::Success);
        }
        let steps = (self.translate)(words)?;
        let may_fail = self.is_tolerant || (output.is_quiet && !self.ends_on_error);
        for Step { place, act } in steps {
            // A program of its own may be missing, and end as it likes: a shell goes on.
            let is_program = !self.ends_on_error && runs_program(&act);
            let act = match act {
                Act::InNetns(call) if call.word == "ping" && self.ends_where_failed() => {
                    Act::Answered(call)
                }
                act => act,
            };
            let act = if is_program || (may_fail && fails(&act)) {
                Act::Try(Box::new(act))
            } else {
                act
            };
            self.items.push(Item::Step(Step { place, act }));
        }
        Ok(Status::Assumed)
    }

    /// A program that reads commands: a shell, or `ip -b -`.
    fn with_input(
        &mut self,
        words: &[String],
        input: &str,
        output: &Output,
    ) -> Result<Status, String> {
        if is_batch(words) {
            let is_batch_option = |word: &String| ["-b", "-batch", "-"].contains(&word.as_str());
            let plain: Vec<String> = words
                .iter()
                .filter(|word| !is_batch_option(word))
                .cloned()
                .collect();
            for line in input.lines() {
                let mut words = plain.clone();
                for token in tokens(line, 1) {
                    match &token.kind {
                        Kind::Word(pieces) => {
                            let mut text = String::new();
                            for piece in pieces {
                                if let Piece::Text { text: more, .. } = piece {
                                    text.push_str(more);
                                }
                            }
                            words.push(text);
                        }
                        Kind::Comment(_) => {}
                        _ => return Err("a line of the commands".to_owned()),
                    }
                }
                if words.len() > plain.len() {
                    self.translated(&words, output)?;
                }
            }
            return Ok(Status::Assumed);
        }
        let shell = words
            .iter()
            .rposition(|word| ["sh", "bash", "/bin/sh", "/bin/bash"].contains(&word.as_str()));
        let reads = shell.filter(|at| {
            words[at + 1..]
                .iter()
                .all(|word| word.starts_with('-') && !word.contains('c'))
        });
        match reads {
            Some(0) => Ok(self.run_text(input)),
            Some(at) => {
                let mut line = words[..=at].to_vec();
                line.extend(["-c".to_owned(), input.to_owned()]);
                self.translated(&line, output)
            }
            None => self.fed(words, input),
        }
    }

    /// A program of its own that reads a text: `nft -f -`.
    fn fed(&mut self, words: &[String], input: &str) -> Result<Status, String> {
        let odd = || "a text in the script".to_owned();
        if self.printed.is_some() {
            return Err(odd());
        }
        let mut steps = (self.translate)(words)?;
        let [Step { act, .. }] = steps.as_mut_slice() else {
            return Err(odd());
        };
        let call = match act {
            Act::Show { call, .. } | Act::InNetns(call) if call.word == "exec" => call,
            _ => return Err(odd()),
        };
        let text = Value::Lines(input.to_owned());
        call.arguments
            .push(Value::Map(vec![("input".to_owned(), text)]));
        *act = Act::InNetns(call.clone());
        if !self.ends_on_error {
            *act = Act::Try(Box::new(act.clone()));
        }
        self.items.extend(steps.into_iter().map(Item::Step));
        Ok(Status::Assumed)
    }

    /// A pipe: only what is written to settings of the kernel, or to a program that reads commands.
    pub(super) fn pipe(&mut self, parts: &[Node]) -> Status {
        if self.printed.is_some() {
            return self.filtered(parts);
        }
        if let [first, rest @ ..] = parts
            && !rest.is_empty()
            && rest.iter().all(|part| self.only_shows(part))
            && !matches!(first.what, What::Simple(_))
        {
            return self.node(first);
        }
        if let [first, last] = parts
            && matches!(last.what, What::While(..) | What::Group(_))
        {
            let text = self.text_of(first);
            return match self.printed(&text) {
                Ok(text) => self.reading(&text, last),
                Err(why) => self.unknown(why),
            };
        }
        let [first, second] = parts else {
            return self.unknown("a pipe");
        };
        let (What::Simple(first), What::Simple(second)) = (&first.what, &second.what) else {
            return self.unknown("a pipe");
        };
        let (Ok(from), Ok(to)) = (self.expand(&first.words), self.expand(&second.words)) else {
            return self.unknown("a pipe");
        };
        let (Ok(to), Ok(output)) = (
            inner(&to).map(<[String]>::to_vec),
            self.output(&second.redirections),
        ) else {
            return self.unknown("a pipe");
        };
        let texts: Vec<&str> = from.iter().skip(1).map(String::as_str).collect();
        let written = from.first().map(|program| written(program, &texts));
        let Some(Ok(text)) = written else {
            return self.unknown("a pipe");
        };
        let inner: Vec<&str> = to.iter().map(String::as_str).collect();
        if let ["ip", "netns", "exec", _, "tee", file] = inner.as_slice()
            && let Some(key) = file.strip_prefix("/proc/sys/")
        {
            let mut words = to[..4].to_vec();
            let setting = format!("{key}={}", text.trim());
            words.extend(["sysctl".to_owned(), "-w".to_owned(), setting]);
            let done = self.translated(&words, &output);
            return done.unwrap_or_else(|why| self.unknown(why));
        }
        let done = match to.split_first() {
            Some((tee, files)) if tee == "tee" => {
                let (options, files): (Vec<&String>, Vec<&String>) =
                    files.iter().partition(|file| file.starts_with('-'));
                let keys: Option<Vec<String>> = files
                    .iter()
                    .map(|file| file.strip_prefix("/proc/sys/").map(str::to_owned))
                    .collect();
                let files: Vec<String> = files.into_iter().cloned().collect();
                match keys {
                    _ if options.iter().any(|option| *option != "-a") => {
                        Err("an option of tee".to_owned())
                    }
                    Some(keys) if !keys.is_empty() => self.set(&keys, &text, &output),
                    _ => self.write(&files, !options.is_empty(), text),
                }
            }
            Some(_) if self.printed.is_none() => self.with_input(&to, &text, &output),
            _ => Err("a pipe".to_owned()),
        };
        done.unwrap_or_else(|why| {
            let why = if why == "a text in the script" {
                "a pipe".to_owned()
            } else {
                why
            };
            self.unknown(why)
        })
    }
}

impl Reader<'_> {
    /// Whether a command only shows what comes through a pipe, or keeps it in a file of its own.
    fn only_shows(&mut self, node: &Node) -> bool {
        let What::Simple(simple) = &node.what else {
            return false;
        };
        let first = simple.words.first().cloned();
        let first = first.and_then(|word| self.one(&word).ok());
        let shows = [
            "tee", "cat", "logger", "less", "more", "column", "grep", "sed", "ts",
        ];
        first.is_some_and(|first| shows.contains(&first.as_str()))
            && output_is_plain(&simple.redirections)
    }
}

/// What `echo` or `printf` write.
fn written(program: &str, arguments: &[&str]) -> Result<String, String> {
    match (program, arguments) {
        ("echo", _) => Ok(builtin::echoed(arguments)),
        ("printf", [format, rest @ ..]) => builtin::formatted(format, rest),
        _ => Err("what it prints is known only when it runs".to_owned()),
    }
}

fn is_batch(words: &[String]) -> bool {
    let is_ip = words.first().is_some_and(|word| {
        ["ip", "tc", "bridge"].contains(&word.rsplit('/').next().unwrap_or(word))
    });
    is_ip && words.iter().any(|word| word == "-b" || word == "-batch")
}

/// The command that others run: `sudo -E ip …`, `env A=b ip …`, `timeout 5 ip …`.
pub(super) fn inner(words: &[String]) -> Result<&[String], String> {
    let mut words = words;
    loop {
        let Some((first, rest)) = words.split_first() else {
            return Ok(words);
        };
        let plain = |options: &[&str]| {
            let count = rest
                .iter()
                .take_while(|word| options.contains(&word.as_str()) || word.contains('='))
                .count();
            rest.get(count..).unwrap_or_default()
        };
        let behind = match first.rsplit('/').next().unwrap_or(first) {
            "sudo" | "doas" => plain(&["-E", "-n", "-H", "-S", "--", "-nE", "-En"]),
            "env" => plain(&[]),
            "nohup" | "exec" | "builtin" => rest,
            "command" if rest.first().is_some_and(|word| !word.starts_with('-')) => rest,
            _ => return Ok(words),
        };
        match behind.first() {
            None => return Err(format!("`{first}` without a command")),
            Some(option) if option.starts_with('-') => {
                return Err(format!(
                    "the option `{option}` of {first} is not known here"
                ));
            }
            Some(_) => words = behind,
        }
    }
}

/// Whether what a command prints goes nowhere, or where everything goes.
pub(super) fn output_is_plain(redirections: &[Redirection]) -> bool {
    redirections.iter().all(|redirection| {
        let target = match redirection.target.as_slice() {
            [Piece::Text { text, .. }] => text.as_str(),
            _ => return false,
        };
        !redirection.is_text && ["/dev/null", "1", "2"].contains(&target)
    })
}

/// Whether a command gets ready what ipvsh has ready anyway: the folder of the namespaces, and the file of one that is to be
/// named.
fn does_nothing_here(words: &[String]) -> bool {
    let Some((program, arguments)) = words.split_first() else {
        return true;
    };
    let mut paths = arguments.iter().filter(|word| !word.starts_with('-'));
    match program.as_str() {
        "mkdir" => paths.all(|path| background::folder_of_namespaces(path)),
        "touch" => paths.all(|path| background::name_of_namespace(path).is_some()),
        _ => false,
    }
}

fn runs_program(act: &Act) -> bool {
    match act {
        Act::Show { call, .. } | Act::InNetns(call) => ["exec", "spawn"].contains(&call.word),
        _ => false,
    }
}

/// Whether a step may fail on a machine where something is there or gone already.
fn fails(act: &Act) -> bool {
    match act {
        Act::MakeNetns
        | Act::FindNetns
        | Act::DeleteNetns
        | Act::Show { .. }
        | Act::ShowFree(_)
        | Act::Answered(_)
        | Act::Free(_)
        | Act::Declare(_)
        | Act::Try(_) => false,
        Act::InNetns(call) => !["ping", "delete"].contains(&call.word),
        Act::Start { .. }
        | Act::OnProgram { .. }
        | Act::Make(_)
        | Act::Move { .. }
        | Act::OnLink { .. } => true,
    }
}
