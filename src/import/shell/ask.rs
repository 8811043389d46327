//! Conditions: what is known of how they end.

use super::parse::{Node, What, Word};
use super::{Reader, Status};
use crate::import::lex::{Kind, Piece, Token};
use crate::import::parameters::has_sign;

type Known = Result<Status, String>;

/// Where what a script makes can be seen.
const SHOWS_LINKS: [&str; 5] = [
    "/run/netns/",
    "/var/run/netns/",
    "/sys/class/net/",
    "/proc/sys/net/",
    "/sys/devices/virtual/net/",
];

impl Reader<'_> {
    /// Runs commands, and says how the last one ends.
    pub(super) fn ask_all(&mut self, nodes: &[Node]) -> Status {
        let nodes: Vec<&Node> = nodes
            .iter()
            .filter(|node| !matches!(node.what, What::Blank | What::Comment(_)))
            .collect();
        let Some((last, before)) = nodes.split_last() else {
            return Status::Success;
        };
        for node in before {
            self.tested(|reader| reader.statement(node));
        }
        let is_asking = std::mem::replace(&mut self.is_asking, true);
        let status = self.tested(|reader| reader.ask(last));
        self.is_asking = is_asking;
        status
    }

    /// How a command ends. One that only looks is not run.
    pub(super) fn ask(&mut self, node: &Node) -> Status {
        match &node.what {
            What::Simple(simple) if !simple.words.is_empty() => {
                let Ok(words) = self.expand(&simple.words) else {
                    return self.node(node);
                };
                match looks(&words) {
                    Some(true) => Status::Present,
                    Some(false) => self.unknown("what is done depends on how a command ends"),
                    None => self.node(node),
                }
            }
            What::Pipe(parts) => {
                let (Some(What::Simple(first)), Some(What::Simple(last))) = (
                    parts.first().map(|node| &node.what),
                    parts.last().map(|node| &node.what),
                ) else {
                    return self.unknown("a pipe");
                };
                let (first, last) = (self.expand(&first.words), self.expand(&last.words));
                let (Ok(first), Ok(last)) = (first, last) else {
                    return self.unknown("a pipe");
                };
                let is_grep = last
                    .first()
                    .is_some_and(|word| ["grep", "egrep", "fgrep"].contains(&word.as_str()));
                let is_denied = last.iter().any(|word| {
                    word.starts_with('-') && !word.starts_with("--") && word.contains('v')
                });
                if is_grep && !is_denied && looks(&first) == Some(true) {
                    return Status::Present;
                }
                self.unknown("a pipe")
            }
            _ => self.node(node),
        }
    }

    /// Whether how a command ends says only what it has seen.
    pub(super) fn only_looks(&mut self, node: &Node) -> bool {
        match &node.what {
            What::Simple(simple) if !simple.words.is_empty() => {
                let words = self.expand(&simple.words);
                words.is_ok_and(|words| looks(&words).is_some())
            }
            What::Pipe(_) => true,
            _ => false,
        }
    }

    /// `[ … ]` and `test …`, less the brackets.
    pub(super) fn test(words: &[String]) -> Known {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if words.len() > 3 {
            for (operator, is_and) in [("-o", false), ("-a", true)] {
                if let Some(at) = words.iter().position(|word| *word == operator) {
                    let left = single(&words[..at])?;
                    let right = single(&words[at + 1..])?;
                    return Ok(join(left, right, is_and));
                }
            }
        }
        single(&words)
    }

    /// `[[ … ]]`
    pub(super) fn extended_test(&mut self, tokens: &[Token]) -> Known {
        let mut any = Status::Failure;
        for part in tokens.split(|token| token.is("||")) {
            let mut all = Status::Success;
            for part in part.split(|token| token.is("&&")) {
                let status = self.extended(part)?;
                all = join(all, status, true);
                if all == Status::Failure {
                    break;
                }
            }
            any = join(any, all, false);
            if any == Status::Success {
                break;
            }
        }
        Ok(any)
    }

    fn extended(&mut self, tokens: &[Token]) -> Known {
        let odd = || "a condition of its own kind".to_owned();
        let mut words: Vec<&Word> = Vec::new();
        for token in tokens {
            match &token.kind {
                Kind::Word(pieces) => words.push(pieces),
                Kind::Newline => {}
                _ => return Err(odd()),
            }
        }
        if let Some(first) = words.first()
            && matches!(first.as_slice(), [Piece::Text { text, quoted: false }] if text == "!")
        {
            let status = self.extended(&tokens[1..])?;
            return Ok(not(status));
        }
        if let [left, sign, right] = words.as_slice() {
            let sign = self.one(sign)?;
            let is_equal = matches!(sign.as_str(), "=" | "==");
            if is_equal || sign == "!=" {
                let left = self.one(left)?;
                let right = self.pattern(right)?;
                self.heeds_arguments(&[&left, "=", &right])?;
                return Ok(known(super::pattern::matches(&right, &left) == is_equal));
            }
            if sign == "=~" {
                let text = self.one(left)?;
                if has_sign(&text) {
                    return Err("what is done depends on an argument".to_owned());
                }
                return self.is_like(&text, right);
            }
            if let Some(number) = numeric(&sign) {
                let (left, right) = (self.one(left)?, self.one(right)?);
                let (left, right) = (self.calculate(&left)?, self.calculate(&right)?);
                return Ok(known(number(left, right)));
            }
        }
        let mut texts = Vec::new();
        for word in words {
            texts.push(self.one(word)?);
        }
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        self.heeds_arguments(&texts)?;
        single(&texts)
    }

    /// `TEXT =~ EXPRESSION`: what its parts were is in `BASH_REMATCH`.
    fn is_like(&mut self, text: &str, expression: &[Piece]) -> Known {
        let mut all = String::new();
        for piece in expression {
            let part = self.one(std::slice::from_ref(piece))?;
            if has_sign(&part) {
                return Err("what is done depends on an argument".to_owned());
            }
            match piece {
                Piece::Text { quoted: true, .. }
                | Piece::Variable { quoted: true, .. }
                | Piece::Command { quoted: true, .. } => all.push_str(&regex::escape(&part)),
                _ => all.push_str(&part),
            }
        }
        let expression =
            regex::Regex::new(&all).map_err(|_| "a condition of its own kind".to_owned())?;
        let Some(found) = expression.captures(text) else {
            return Ok(Status::Failure);
        };
        let parts = found.iter();
        let parts = parts.map(|part| part.map_or("", |part| part.as_str()).to_owned());
        let held = super::expand::Held::List(parts.collect());
        self.variables.insert("BASH_REMATCH".to_owned(), held);
        Ok(Status::Success)
    }

    /// A word as a pattern.
    pub(super) fn pattern(&mut self, pieces: &[Piece]) -> Result<String, String> {
        let mut all = String::new();
        for piece in pieces {
            let is_quoted = match piece {
                Piece::Text { quoted, .. }
                | Piece::Variable { quoted, .. }
                | Piece::Command { quoted, .. } => *quoted,
                Piece::Arithmetic(_) | Piece::Process(_) => true,
            };
            let text = self.one(std::slice::from_ref(piece))?;
            for c in text.chars() {
                if is_quoted && "*?[]\\".contains(c) {
                    all.push('\\');
                }
                all.push(c);
            }
        }
        Ok(all)
    }
}

pub(super) fn known(holds: bool) -> Status {
    if holds {
        Status::Success
    } else {
        Status::Failure
    }
}

fn not(status: Status) -> Status {
    match status {
        Status::Success => Status::Failure,
        Status::Failure => Status::Success,
        Status::Present => Status::Absent,
        Status::Absent => Status::Present,
        other => other,
    }
}

fn join(left: Status, right: Status, is_and: bool) -> Status {
    let (decides, passes) = if is_and {
        (Status::Failure, Status::Success)
    } else {
        (Status::Success, Status::Failure)
    };
    match (left, right) {
        (one, _) | (_, one) if one == decides => decides,
        (one, other) if one == passes => other,
        (one, _) => one,
    }
}

fn numeric(sign: &str) -> Option<fn(i64, i64) -> bool> {
    Some(match sign {
        "-eq" => |left, right| left == right,
        "-ne" => |left, right| left != right,
        "-lt" => |left, right| left < right,
        "-le" => |left, right| left <= right,
        "-gt" => |left, right| left > right,
        "-ge" => |left, right| left >= right,
        _ => return None,
    })
}

/// A condition of words without `-a` and `-o`.
fn single(words: &[&str]) -> Known {
    match words {
        [] => Ok(Status::Failure),
        ["!", rest @ ..] => Ok(not(single(rest)?)),
        [text] | ["-n", text] => Ok(known(!text.is_empty())),
        ["-z", text] => Ok(known(text.is_empty())),
        [sign, path] if sign.starts_with('-') => {
            let is_there = matches!(*sign, "-e" | "-f" | "-d" | "-L" | "-h" | "-r" | "-s" | "-w");
            if is_there && SHOWS_LINKS.iter().any(|begin| path.starts_with(begin)) {
                Ok(Status::Present)
            } else {
                Err(format!(
                    "whether `{sign} {path}` holds is known only when it runs"
                ))
            }
        }
        [left, "=" | "==", right] => Ok(known(left == right)),
        [left, "!=", right] => Ok(known(left != right)),
        [left, sign, right] => {
            let number = numeric(sign).ok_or_else(|| format!("the condition `{sign}`"))?;
            let parse = |text: &str| {
                text.trim()
                    .parse::<i64>()
                    .map_err(|_| format!("`{text}` is no number"))
            };
            Ok(known(number(parse(left)?, parse(right)?)))
        }
        _ => Err("a condition of its own kind".to_owned()),
    }
}

/// Whether a command only looks: at what scripts like this make (true), or at something else.
pub(crate) fn looks(words: &[String]) -> Option<bool> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let words = match words.as_slice() {
        ["sudo", rest @ ..] => rest,
        words => words,
    };
    let (program, mut rest) = words.split_first()?;
    let name = program.rsplit('/').next().unwrap_or(program);
    let begins = |word: Option<&&str>, all: &[&str]| {
        word.is_none_or(|word| all.iter().any(|one| one.starts_with(word)))
    };
    match name {
        "ip" => {
            while let Some(option) = rest.first().filter(|word| word.starts_with('-')) {
                let has_value = matches!(*option, "-n" | "-net" | "-netns" | "-f" | "-family");
                rest = rest.get(1 + usize::from(has_value)..).unwrap_or_default();
            }
            let (object, rest) = rest.split_first()?;
            if "netns".starts_with(object) {
                match rest {
                    [exec, _, inner @ ..] if exec.len() > 1 && "exec".starts_with(exec) => {
                        let inner: Vec<String> =
                            inner.iter().map(|word| (*word).to_owned()).collect();
                        if inner == ["true"] {
                            return Some(true);
                        }
                        return looks(&inner);
                    }
                    _ => {}
                }
            }
            // Of links it is `set`.
            if rest.first() == Some(&"s") && "link".starts_with(object) {
                return None;
            }
            begins(
                rest.first(),
                &["show", "list", "ls", "lst", "get", "pids", "identify"],
            )
            .then_some(true)
        }
        "bridge" | "tc" => begins(rest.get(1), &["show", "list", "ls"]).then_some(true),
        "brctl" => (rest.first() == Some(&"show")).then_some(true),
        "ifconfig" => (rest.len() < 2).then_some(true),
        "nft" => (rest.first() == Some(&"list")).then_some(true),
        "iptables" | "ip6tables" => rest
            .iter()
            .any(|word| matches!(*word, "-C" | "--check" | "-L" | "-S"))
            .then_some(true),
        "grep" | "egrep" | "fgrep" => Some(
            rest.iter()
                .any(|word| word.starts_with("/proc/net/") || word.starts_with("/sys/class/net")),
        ),
        "ping" | "ping6" | "docker" | "systemctl" | "pgrep" | "pidof" | "lsmod" | "curl"
        | "wget" | "diff" | "cmp" | "kill" | "nc" | "timeout" | "dpkg" | "rpm" => Some(false),
        _ => None,
    }
}
