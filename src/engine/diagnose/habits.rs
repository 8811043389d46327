//! What people type who come from other languages, from a shell, or from `ip`, and what it is here.

use super::Context;
use crate::view::error::Report;

/// Words of other languages, and what is written here.
const WORDS: &[(&str, &str)] = &[
    ("None", "no value is written `()`"),
    ("nil", "no value is written `()`"),
    ("null", "no value is written `()`"),
    ("undefined", "no value is written `()`"),
    ("True", "it is written `true`"),
    ("False", "it is written `false`"),
    ("and", "it is written `&&`"),
    ("or", "it is written `||`"),
    ("not", "it is written `!`, in front of the value"),
    ("elif", "it is written `else if`"),
    ("elsif", "it is written `else if`"),
    (
        "def",
        "a function is declared with `fn`: `fn up_all(links) { … }`",
    ),
    (
        "func",
        "a function is declared with `fn`: `fn up_all(links) { … }`",
    ),
    (
        "function",
        "a function is declared with `fn`: `fn up_all(links) { … }`",
    ),
    ("lambda", "a closure is written `|x| x + 1`"),
    ("var", "a variable is declared with `let`"),
    ("local", "a variable is declared with `let`"),
    ("val", "a variable is declared with `let`"),
    (
        "then",
        "the block of an `if` stands between braces: `if ready { … }`",
    ),
    ("do", "a block stands between braces: `loop { … }`"),
    ("fi", "a block stands between braces: `if ready { … }`"),
    (
        "done",
        "a block stands between braces: `for i in 0..3 { … }`",
    ),
    ("echo", "it is called `print(…)`"),
    (
        "printf",
        "it is called `print(…)`; values go into a text as `${value}` between back-ticks",
    ),
    ("println", "it is called `print(…)`"),
    ("puts", "it is called `print(…)`"),
    ("console", "it is called `print(…)`"),
    ("str", "a value becomes a text by `value.to_string()`"),
    ("raise", "an error is raised by `throw \"…\"`"),
    (
        "except",
        "an error is caught by `try { … } catch (e) { … }`",
    ),
    (
        "from",
        "a module is imported by `import \"std/lab\" as lab;`",
    ),
    (
        "require",
        "a module is imported by `import \"std/lab\" as lab;`",
    ),
    ("ip", OF_SHELL),
    ("tc", OF_SHELL),
    ("bridge", OF_SHELL),
    ("sysctl", OF_SHELL),
    ("nft", OF_SHELL),
    (
        "sudo",
        "run ipvsh itself by sudo; a program is run by `exec(\"…\")`",
    ),
    (
        "cat",
        "a file is read by `read(\"…\")`, and a program run by `exec(\"…\")`",
    ),
    (
        "ls",
        "labs are listed by `ipvsh ls`, namespaces by `namespaces()`, links by `host().links`",
    ),
    (
        "show",
        "`tree()` shows what stands; `host().links` lists the links of a namespace",
    ),
    ("pingall", "it is called `mesh([a, b, c])`"),
    ("nodes", "`namespaces()` lists them"),
    (
        "net",
        "a namespace is opened by `let net = netns(\"net-1\")`",
    ),
];

const OF_SHELL: &str = "commands of a shell run in the session, at its prompt; `ipvsh import FILE` makes a script of them";

/// Methods of other languages, and what they are called here.
const METHODS: &[(&str, &str)] = &[
    ("add", "push"),
    ("append", "push"),
    ("any", "some"),
    ("charAt", "get"),
    ("count", "len"),
    ("each", "for_each"),
    ("endswith", "ends_with"),
    ("endsWith", "ends_with"),
    ("find_index", "index_of"),
    ("forEach", "for_each"),
    ("has", "contains"),
    ("includes", "contains"),
    ("indexOf", "index_of"),
    ("length", "len"),
    ("lower", "to_lower"),
    ("size", "len"),
    ("startswith", "starts_with"),
    ("startsWith", "starts_with"),
    ("strip", "trim"),
    ("toLowerCase", "to_lower"),
    ("toString", "to_string"),
    ("toUpperCase", "to_upper"),
    ("upper", "to_upper"),
];

/// What a word of another language is here.
pub(super) fn word(name: &str) -> Option<&'static str> {
    let found = WORDS.iter().find(|(known, _)| *known == name);
    found.map(|(_, here)| *here)
}

/// What a method of another language is called here.
pub(super) fn method(name: &str) -> Option<&'static str> {
    let found = METHODS.iter().find(|(known, _)| *known == name);
    found.map(|(_, here)| *here)
}

/// Functions of the language that no value has as a method: how each is called with `x`.
const NO_METHODS: &[(&str, &str)] = &[
    ("print", "print(x)"),
    ("debug", "debug(x)"),
    ("eval", "eval(x)"),
    ("Fn", "Fn(x)"),
    ("is_def_fn", "is_def_fn(x, 0)"),
    ("is_def_var", "is_def_var(x)"),
];

/// Methods of the language, which take their brackets.
const BARE: &[&str] = &["call", "curry", "is_shared", "type_of"];

/// A word of the language that stands behind the dot of a value.
pub(super) fn behind_dot(context: &Context, word: &str) -> Report {
    let value = context.receiver().unwrap_or_default();
    if let Some((_, call)) = NO_METHODS.iter().find(|(known, _)| *known == word) {
        return Report::new(format!("`{word}` is a function, and no value has it"))
            .hint(format!("write `{}`", call.replace('x', &value)));
    }
    if BARE.contains(&word) {
        return Report::new(format!("the brackets of `{word}` are missing"))
            .hint(format!("write `{value}.{word}()`"));
    }
    Report::new(format!(
        "`{word}` is reserved by the language and can't stand behind a dot"
    ))
    .hint(format!(
        "a key of that name is read by `{value}[\"{word}\"]`"
    ))
}

impl Context<'_> {
    /// The value before the dot that the error stands behind, as it is written; none where there is no dot.
    pub(super) fn receiver(&self) -> Option<String> {
        let before = self.before();
        let before = before.trim_end().strip_suffix('.')?.trim_end();
        let (mut depth, mut is_text, mut start) = (0_usize, false, before.len());
        for (at, sign) in before.char_indices().rev() {
            match sign {
                '"' | '`' => is_text = !is_text,
                _ if is_text => {}
                ')' | ']' | '}' => depth += 1,
                '(' | '[' | '{' if depth == 0 => break,
                '(' | '[' | '{' => depth -= 1,
                _ if depth > 0 || sign.is_alphanumeric() || "_.:#?".contains(sign) => {}
                _ => break,
            }
            start = at;
        }
        let value = &before[start..];
        // What goes over several lines is too long for a hint.
        Some(if value.is_empty() || depth > 0 || is_text {
            "value".to_owned()
        } else {
            value.to_owned()
        })
    }

    /// What stands at the place of the error on its line, and behind it.
    pub(super) fn behind(&self) -> String {
        let (Some(line), Some(column)) = (self.position.line(), self.position.position()) else {
            return String::new();
        };
        let text = self.text();
        let line = text.lines().nth(line - 1).unwrap_or_default();
        line.chars().skip(column.saturating_sub(1)).collect()
    }

    /// An address that was written without quotes around the place of the error.
    pub(super) fn bare_address(&self) -> Option<String> {
        let is_part = |c: char| c.is_ascii_hexdigit() || ".:/".contains(c);
        let (before, behind) = (self.before(), self.behind());
        let start = before.rfind(|c: char| !is_part(c)).map_or(0, |at| {
            at + before[at..].chars().next().map_or(1, char::len_utf8)
        });
        let end = behind.find(|c: char| !is_part(c)).unwrap_or(behind.len());
        let whole = format!("{}{}", &before[start..], &behind[..end]);
        let (address, length) = whole.split_once('/').unwrap_or((&whole, "0"));
        let is_address = address.parse::<std::net::IpAddr>().is_ok();
        (is_address && length.parse::<u8>().is_ok()).then_some(whole)
    }
}
