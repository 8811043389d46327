//! Every script of the repository, typed key by key and pasted, on narrow and on wide terminals: what arrives is what was typed.

use std::path::Path;

use tempfile::TempDir;

use crate::Test;
use crate::terminal::Terminal;

pub(crate) const TESTS: &[Test] = &[
    (
        "every_script_can_be_typed_and_pasted_on_40_columns",
        on_40_columns,
    ),
    (
        "every_script_can_be_typed_and_pasted_on_80_columns",
        on_80_columns,
    ),
    (
        "every_script_can_be_typed_and_pasted_on_200_columns",
        on_200_columns,
    ),
];

fn on_40_columns() {
    every_script_can_be_typed_and_pasted(40, 0);
}

fn on_80_columns() {
    every_script_can_be_typed_and_pasted(80, 1);
}

fn on_200_columns() {
    every_script_can_be_typed_and_pasted(200, 2);
}

/// The parts of every script of the repository, and of the standard library, that can be entered one by one.
fn parts() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut scripts = Vec::new();
    for folder in ["scripts", "stdlib/std"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|end| end == "rhai") {
                scripts.push(path);
            }
        }
    }
    scripts.sort();
    let mut parts = Vec::new();
    for path in scripts {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let all = paragraphs(&text).into_iter();
        parts.extend(all.map(|part| (name.clone(), part)));
    }
    parts
}

/// Cuts a script at the empty lines outside of brackets, and behind each function. What is no function is made to do nothing.
fn paragraphs(text: &str) -> Vec<String> {
    let is_function = |line: &str| line.starts_with("fn ") || line.starts_with("private fn ");
    let mut found = Vec::new();
    let mut part: Vec<&str> = Vec::new();
    for line in text.lines().chain([""]) {
        // A comment by itself is an entry by itself.
        if part.is_empty() && (line.is_empty() || line.starts_with("//")) {
            continue;
        }
        if !line.is_empty() {
            part.push(line);
        }
        let first = part[0];
        let is_open = part.iter().any(|line| line.ends_with(['{', '(', '[']))
            && !part
                .iter()
                .any(|line| ["}", "};", ");", "];", "]);", "});"].contains(line));
        if is_function(first) && (line == "}" || first.ends_with('}')) {
            found.push(part.join("\n"));
        } else if line.is_empty() && !is_open {
            found.push(format!("if false {{\n{}\n}}", part.join("\n")));
        } else if line.is_empty() {
            part.push(line);
            continue;
        } else {
            continue;
        }
        part.clear();
    }
    found
}

/// The lines without what sets them in, which is the editor's matter.
fn set_out(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).collect()
}

/// The last entry, as the history has it: it may be taller than the screen.
fn last_entry(folder: &TempDir) -> String {
    let history = std::fs::read_to_string(folder.path().join("ipvsh/history")).unwrap();
    let last = history.lines().last().unwrap_or_default();
    let mut entry = String::new();
    let mut signs = last.chars();
    while let Some(sign) = signs.next() {
        match sign {
            '\\' => entry.push(match signs.next() {
                Some('n') => '\n',
                other => other.unwrap_or('\\'),
            }),
            sign => entry.push(sign),
        }
    }
    entry
}

/// How long a part may be that is typed; of the longer ones, one in [`RARE`] is. Each key draws the whole entry.
const SHORT: usize = 400;
const RARE: usize = 36;

/// Of the parts, each third is typed; the others are pasted.
fn every_script_can_be_typed_and_pasted(columns: u16, third: usize) {
    let parts = parts();
    assert!(parts.len() > 60, "{}", parts.len());
    let folder = TempDir::new().unwrap();
    let mut terminal = Terminal::start(&folder);
    terminal.resize(columns);
    for (index, (name, text)) in parts.iter().enumerate() {
        let is_typed = index % 3 == third && text.len() < SHORT || index % RARE == third;
        let keys = if is_typed {
            text.replace('\n', "\r")
        } else {
            format!("\x1b[200~{text}\x1b[201~")
        };
        terminal.type_keys(&format!("{keys}\r"));
        terminal.wait_for_prompt();
        let (taken, text) = (last_entry(&folder), text.as_str());
        assert_eq!(
            set_out(&taken),
            set_out(text),
            "{name} at {columns} columns"
        );
    }
}
