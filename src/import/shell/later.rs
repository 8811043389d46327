//! What only a run knows, but a shell can find out by then: values that programs print, and the commands that hang on them.

use super::expand::Held;
use super::parse::{Assignment, Node, What};
use super::{Reader, parse};
use crate::import::lex::{Piece, is_name, tokens};
use crate::steps::{Act, Call, Item, Step, Value};

/// Programs that print the same each time they are asked, and change nothing.
const READING: [&str; 30] = [
    "awk", "basename", "bc", "cat", "cut", "dirname", "docker", "echo", "egrep", "expr", "getent",
    "grep", "head", "hostname", "jq", "ls", "nproc", "paste", "printf", "ps", "pgrep", "sed",
    "seq", "sort", "tail", "tr", "uname", "uniq", "wc", "xargs",
];

/// Programs that set up networks; with a verb that only prints they read, too.
const NETWORK: [&str; 14] = [
    "arp",
    "bridge",
    "conntrack",
    "ethtool",
    "ip",
    "ip6tables",
    "ipset",
    "iptables",
    "nft",
    "nsenter",
    "ss",
    "sysctl",
    "tc",
    "wg",
];

/// How long what is left to a shell may be.
const LONGEST: usize = 4096;

impl Reader<'_> {
    /// What a variable is to be set to by a shell, where what it runs for that only reads.
    pub(super) fn later(&mut self, assignment: &Assignment, text: &str) -> Option<Held> {
        if assignment.is_list
            || assignment.is_added
            || text.contains("((")
            || !is_name(&assignment.name)
        {
            return None;
        }
        let begin = text.find(&format!("{}=", assignment.name))?;
        let text = text[begin..].trim_end();
        let pieces = assignment.value.iter().flatten();
        let only_reads = pieces.clone().all(|piece| match piece {
            Piece::Command { text, .. } => self.only_reads(text),
            Piece::Process(_) => false,
            _ => true,
        });
        let has_command = pieces
            .clone()
            .any(|piece| matches!(piece, Piece::Command { .. }));
        // Another one stands in it: the end of its own is not known.
        let is_alone = !text.contains('\n') && only_reads;
        let before = self.definitions(text)?;
        let is_later = has_command || before.contains("=$(");
        (is_alone && is_later && before.len() < LONGEST)
            .then(|| Held::Later(format!("{before}{text}\n")))
    }

    /// Leaves a command to a shell, where nothing but what such a one can find out is unknown in it.
    pub(super) fn is_left_to_shell(&mut self, node: &Node) -> bool {
        if self.printed.is_some() || self.is_asking {
            return false;
        }
        let text = self.text_of(node);
        let is_pipe = matches!(node.what, What::Pipe(_));
        let hangs_on_run = text.contains("$(")
            || text.contains('`')
            || text.contains("<(")
            || self.names_later(&text);
        // What is named in a calculation has no sign in front of it.
        if text.contains("((")
            || text.len() > LONGEST
            || !(is_pipe || hangs_on_run)
            || text.contains(super::background::MARK)
        {
            return false;
        }
        let mut changes = false;
        if !self.is_for_shell(node, &mut changes) || (is_pipe && !hangs_on_run && changes) {
            return false;
        }
        if let What::For(name, ..) = &node.what {
            // The loop sets it.
            self.variables
                .insert(name.clone(), Held::Later(String::new()));
        }
        let Some(before) = self.definitions(&text) else {
            return false;
        };
        let Ok(steps) = (self.translate)(&["true".to_owned()]) else {
            return false;
        };
        let text = without_sudo(&format!("{before}{text}"));
        let shell = if self.is_bash || text.contains("<(") {
            "bash"
        } else {
            "sh"
        };
        let words = Value::List([shell, "-c", &text].map(Value::text).into());
        let call = Call::new("exec", [words]);
        for Step { place, .. } in steps {
            let act = if changes {
                Act::InNetns(call.clone())
            } else {
                Act::Show {
                    link: None,
                    call: call.clone(),
                    field: Some("stdout"),
                }
            };
            let act = if self.ends_on_error {
                act
            } else {
                Act::Try(Box::new(act))
            };
            self.items.push(Item::Step(Step { place, act }));
        }
        true
    }

    /// The lines that set all variables that a text names; none where one is not known.
    fn definitions(&mut self, text: &str) -> Option<String> {
        let mut all = String::new();
        let mut done: Vec<String> = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            rest = &rest[at + 1..];
            let behind = rest
                .strip_prefix('{')
                .unwrap_or(rest)
                .trim_start_matches('#');
            if behind.starts_with(['(', '\'', '"', ' ', ')', '|']) || behind.is_empty() {
                continue;
            }
            let end = behind
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(behind.len());
            let name = &behind[..end];
            // The fields of awk.
            if name.chars().all(|c| c.is_ascii_digit()) && !name.is_empty() && in_quotes(text, rest)
            {
                continue;
            }
            if name == "NF" && in_quotes(text, rest) {
                continue;
            }
            if !is_name(name) {
                return None;
            }
            if done.iter().any(|one| one == name) {
                continue;
            }
            done.push(name.to_owned());
            match self.variables.get(name)? {
                Held::Text(value) if value.contains(super::background::MARK) => return None,
                Held::Text(value) => all.extend([name, "=", &quoted(value), "\n"]),
                Held::List(values) => {
                    let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
                    all.extend([name, "=(", &values.join(" "), ")\n"]);
                }
                Held::Later(lines) => {
                    for line in lines.lines() {
                        if !all.lines().any(|one| one == line) {
                            all.push_str(line);
                            all.push('\n');
                        }
                    }
                }
                Held::Unknown | Held::Map(_) => return None,
            }
        }
        Some(all)
    }

    /// Whether a text names a variable whose value only a run knows, but a shell finds out.
    fn names_later(&self, text: &str) -> bool {
        let mut all = self.variables.iter();
        all.any(|(name, held)| {
            matches!(held, Held::Later(_))
                && (text.contains(&format!("${name}")) || text.contains(&format!("${{{name}")))
        })
    }

    fn is_for_shell(&mut self, node: &Node, changes: &mut bool) -> bool {
        match &node.what {
            What::And(left, right) | What::Or(left, right) => {
                self.is_for_shell(left, changes) && self.is_for_shell(right, changes)
            }
            What::Pipe(parts) => parts.iter().all(|part| self.is_for_shell(part, changes)),
            What::For(_, Some(words), body) => {
                let reads = words.iter().flatten().all(|piece| match piece {
                    Piece::Command { text, .. } => self.only_reads(text),
                    piece => !matches!(piece, Piece::Process(_)),
                });
                reads && body.iter().all(|node| self.is_for_shell(node, changes))
            }
            What::Blank | What::Comment(_) => true,
            What::Simple(simple) => {
                let mut words: Vec<String> = Vec::new();
                for word in &simple.words {
                    // What can't be known now stands for itself.
                    let text = self.one(word).unwrap_or_else(|_| "?".to_owned());
                    words.push(text);
                }
                for piece in simple.words.iter().flatten() {
                    if let Piece::Command { text, .. } | Piece::Process(text) = piece
                        && !self.only_reads(text)
                        && !text.trim_start().starts_with("wg genkey")
                    {
                        return false;
                    }
                }
                let writes = simple.redirections.iter().any(|one| {
                    !one.is_text && !matches!(one.target.as_slice(), [Piece::Text { text, .. }] if ["/dev/null", "1", "2"].contains(&text.as_str()))
                });
                if !simple.assignments.is_empty() || writes {
                    return false;
                }
                let Ok(words) = super::simple::inner(&words) else {
                    return false;
                };
                let known = reads(words);
                *changes |= known == Some(false);
                known.is_some()
            }
            _ => false,
        }
    }

    /// Whether commands only read.
    fn only_reads(&mut self, text: &str) -> bool {
        let nodes = parse::parse(&tokens(text, 1));
        let source = std::mem::replace(&mut self.text, text.into());
        let mut changes = false;
        let is_known = nodes
            .iter()
            .all(|node| self.is_for_shell(node, &mut changes));
        self.text = source;
        is_known && !changes
    }
}

/// Whether a program only reads; none where it is none of those that are known here.
fn reads(words: &[String]) -> Option<bool> {
    let (program, rest) = words.split_first()?;
    let name = program.rsplit('/').next().unwrap_or(program);
    if name == "docker" {
        return (rest.first()? == "inspect").then_some(true);
    }
    // It sets a variable of its shell.
    if name == "printf" && rest.first().is_some_and(|word| word == "-v") {
        return None;
    }
    if READING.contains(&name) {
        return (name != "sed" || rest.iter().all(|word| !word.starts_with("-i"))).then_some(true);
    }
    if !NETWORK.contains(&name) {
        return None;
    }
    let texts: Vec<&str> = rest.iter().map(String::as_str).collect();
    match (name, texts.as_slice()) {
        ("ip", [netns, exec, _, inner @ ..])
            if "netns".starts_with(netns) && exec.len() > 1 && "exec".starts_with(exec) =>
        {
            let inner: Vec<String> = inner.iter().map(|word| (*word).to_owned()).collect();
            reads(&inner)
        }
        // A namespace that the script makes is one of the lab.
        ("ip", [object, verb, ..])
            if "netns".starts_with(object) && !"list".starts_with(verb) && *verb != "show" =>
        {
            None
        }
        ("sysctl", _) => Some(
            texts
                .iter()
                .all(|word| *word != "-w" && !word.contains('=')),
        ),
        ("ip" | "bridge" | "tc", _) => {
            let plain: Vec<&&str> = texts.iter().filter(|word| !word.starts_with('-')).collect();
            let at = usize::from(
                texts
                    .iter()
                    .any(|word| ["-n", "-netns", "-net"].contains(word)),
            );
            let verb = plain.get(at + 1);
            let is_link = plain
                .get(at)
                .is_some_and(|object| "link".starts_with(**object));
            if is_link && verb.is_some_and(|verb| **verb == "s") {
                return Some(false);
            }
            Some(verb.is_none_or(|verb| {
                ["show", "list", "ls", "lst", "get", "identify", "pids"]
                    .iter()
                    .any(|one| one.starts_with(**verb))
            }))
        }
        ("ss", _)
        | ("wg", [] | ["show" | "showconf" | "pubkey", ..])
        | ("nft", ["list" | "-j" | "-a", ..]) => Some(true),
        ("iptables" | "ip6tables", _) => {
            Some(texts.iter().any(|word| ["-L", "-S", "-C"].contains(word)))
        }
        _ => Some(false),
    }
}

/// Whether what stands at `rest`, the end of `text`, is between single quotes.
fn in_quotes(text: &str, rest: &str) -> bool {
    text[..text.len() - rest.len()].matches('\'').count() % 2 == 1
}

fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._:/-".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A run is root anyway, and `sudo` may be missing where it runs.
fn without_sudo(text: &str) -> String {
    text.lines()
        .map(|line| {
            let mut line = line.to_owned();
            for sudo in ["sudo -E ", "sudo -n ", "sudo "] {
                line = line.replace(sudo, "");
            }
            line
        })
        .collect::<Vec<_>>()
        .join("\n")
}
