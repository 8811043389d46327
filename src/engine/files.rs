//! What a script needs of the machine: itself, the modules that it imports, what it reads and what it starts, found without running it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use rhai::{ASTNode, Expr, FnCallExpr, Position, Scope, Stmt};

use crate::dsl::script::data::READERS;
use crate::engine::script::Script;
use crate::engine::{Failure, Interpreter, modules, params};

/// What scripts need of the machine besides themselves.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// Files, by their absolute paths.
    pub files: Vec<PathBuf>,
    /// What they start, by name or path.
    pub programs: Vec<String>,
}

/// The script and the modules that it imports by literal names, directly or not, each with its text. The standard library,
/// which is part of the program, is left out.
///
/// Fails where one of them can't be read or parsed.
pub fn needed(
    interpreter: &Interpreter,
    script: &Script,
) -> Result<Vec<(String, String)>, Failure> {
    let mut needed = Vec::new();
    let mut left = vec![script.clone()];
    while let Some(script) = left.pop() {
        if needed.iter().any(|(name, _)| *name == script.name) {
            continue;
        }
        let scope = if needed.is_empty() {
            Interpreter::scope_of_names()
        } else {
            Scope::new()
        };
        let ast = interpreter.compile(&script, &scope)?;
        for (import, ..) in params::imports(&ast) {
            if !modules::is_standard(&import) {
                let file = modules::file_of(Some(&script.name), &import);
                left.push(Script::read(&file).map_err(Failure::script)?);
            }
        }
        needed.push((script.name.clone(), script.text.to_string()));
    }
    Ok(needed)
}

/// The files that the scripts of `needed` read, as far as they name them literally.
pub fn data(interpreter: &Interpreter, needed: &[(String, String)]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    each_call(interpreter, needed, &READERS, |script, call| {
        let folder = Path::new(script).parent().unwrap_or(Path::new(""));
        let file = call.args.first().and_then(text_of);
        found.extend(file.map(|file| folder.join(file)));
    });
    found
}

/// The words that start a program.
const STARTERS: [&str; 2] = ["exec", "spawn"];

/// Programs that start others, which stand among their arguments.
const SHELLS: [&str; 14] = [
    "bash", "busybox", "dash", "env", "ip", "nice", "nohup", "nsenter", "setsid", "sh", "stdbuf",
    "timeout", "unshare", "xargs",
];

/// What the scripts of `needed` start, as far as they name it literally: the first word of a command, and all words of one that starts
/// others, as `sh -c "…"` does. Which of these are programs is for the machine to say.
pub fn programs(interpreter: &Interpreter, needed: &[(String, String)]) -> Vec<String> {
    let mut found = BTreeSet::new();
    each_call(interpreter, needed, &STARTERS, |_, call| {
        let words = call.args.first().and_then(words_of);
        let Some((program, arguments)) = words.as_deref().and_then(<[String]>::split_first) else {
            return;
        };
        let name = Path::new(program).file_name().and_then(OsStr::to_str);
        if name.is_some_and(|name| SHELLS.contains(&name)) {
            let is_of_word = |c: char| c.is_alphanumeric() || "._-+/".contains(c);
            let words = arguments
                .iter()
                .flat_map(|text| text.split(|c| !is_of_word(c)));
            found.extend(words.filter(|word| !word.is_empty()).map(str::to_owned));
        }
        found.insert(program.clone());
    });
    found.into_iter().collect()
}

/// Programs, each with the script that starts it and the line of its first call there.
pub type Started = BTreeMap<String, (String, usize)>;

/// The programs that the scripts of `needed` start, as far as they name them literally.
pub fn started(interpreter: &Interpreter, needed: &[(String, String)]) -> Started {
    let mut found = Started::new();
    each_call(interpreter, needed, &STARTERS, |script, call| {
        let words = call.args.first().and_then(words_of);
        let position = call.args.first().map(Expr::position);
        let program = words.and_then(|words| words.into_iter().next());
        if let Some(program) = program.filter(|program| !program.contains(['_', '$'])) {
            let line = position.and_then(Position::line).unwrap_or(1);
            found.entry(program).or_insert((script.to_owned(), line));
        }
    });
    found
}

/// Has a look at each call of one of `words` in the scripts of `needed`, which are named.
fn each_call(
    interpreter: &Interpreter,
    needed: &[(String, String)],
    words: &[&str],
    mut look: impl FnMut(&str, &FnCallExpr),
) {
    for (name, text) in needed {
        let script = Script::new(name, text);
        let Ok(ast) = interpreter.compile(&script, &Interpreter::scope_of_names()) else {
            continue;
        };
        ast.walk(&mut |path: &[ASTNode]| {
            if let Some(
                ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _))
                | ASTNode::Stmt(Stmt::FnCall(call, _)),
            ) = path.last()
                && words.contains(&call.name.as_str())
            {
                look(name, call);
            }
            true
        });
    }
}

/// The words of a command: a list of them, or a line.
fn words_of(command: &Expr) -> Option<Vec<String>> {
    if let Expr::Array(items, _) = command {
        return Some(items.iter().map(word_of).collect());
    }
    // A list of literals is one itself.
    let list = command
        .get_literal_value(None)
        .and_then(|value| value.into_array().ok());
    match list {
        Some(items) => Some(items.iter().map(ToString::to_string).collect()),
        None => shlex::split(&text_of(command)?),
    }
}

/// A literal text; what is put into one is a word that nothing is called.
fn text_of(expression: &Expr) -> Option<String> {
    match expression {
        Expr::InterpolatedString(parts, _) => Some(parts.iter().map(word_of).collect()),
        literal => literal.get_literal_value(None)?.into_string().ok(),
    }
}

fn word_of(expression: &Expr) -> String {
    text_of(expression).unwrap_or_else(|| "_".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsl::Session;
    use crate::dsl::session::Settings;

    #[test]
    fn programs_are_found_where_a_script_starts_them() {
        let text = r#"
            let a = netns("a");
            let server = a.spawn("iperf3 -s -p 5000");
            fn load(n, to) { n.exec(["/opt/tools/load", "--to", to]) }
            exec(`tcpdump -i ${a.name}`).stdout;
            if a.exec(["bash", "-c", "seq 3 | while read -r i; do curl/x $i; done"]).ok { print("exec") }
            let what = "unknown";
            exec(what + " -v");
        "#;
        let interpreter = Interpreter::new(Session::new(Settings::default()));
        let needed = [("lab.rhai".to_owned(), text.to_owned())];
        let started = started(&interpreter, &needed);
        let lines = started
            .iter()
            .map(|(program, (_, line))| format!("{program} {line}"));
        assert_eq!(
            lines.collect::<Vec<_>>(),
            ["/opt/tools/load 4", "bash 6", "iperf3 3", "tcpdump 5"]
        );
        assert_eq!(
            programs(&interpreter, &needed),
            [
                "-c",
                "-r",
                "/opt/tools/load",
                "3",
                "bash",
                "curl/x",
                "do",
                "done",
                "i",
                "iperf3",
                "read",
                "seq",
                "tcpdump",
                "while"
            ]
        );
    }
}
